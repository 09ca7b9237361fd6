"""Times that are given: a turn happens when its input says."""

from __future__ import annotations


def test_what_a_turn_writes_carries_the_inputs_time(kit):
    agent = kit.agent(
        [kit.call("archival_memory_insert", content="the tide turns at noon"), kit.say("noted")]
    )
    reply = agent.send("remember the tide", time="2023-05-08T13:56:00")
    assert {m.time.isoformat() for m in reply.messages} == {"2023-05-08T13:56:00+00:00"}
    (hit,) = agent.archival.search("tide")
    assert hit.passage.time_us == 1683554160 * 10**6


def test_sessions_are_runs_with_gaps_under_an_hour(kit):
    agent = kit.agent(lambda context: kit.say("yes"))
    for time in ("2023-05-08T10:00", "2023-05-08T10:59", "2023-05-08T12:30", "2023-05-08T12:31"):
        agent.send(f"it is {time}", time=time)
    said = [m.session for m in agent.recall.messages() if m.role == "user"]
    assert said == [1, 1, 2, 2]


def test_the_next_turn_is_of_now_again(kit):
    agent = kit.agent(lambda context: kit.say("yes"))
    agent.send("then", time="2023-05-08T10:00")
    reply = agent.send("now")
    assert reply.messages[0].time.year > 2024
