// A conversation: said, streamed, listed page by page, searched, compacted, begun anew.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { client, newAgent, newOffline, send } from "./client.mjs";
import { END, MEMORY_CALL, STEPS, all, distinct, ids, joined } from "./common.mjs";
import { kinds, ofKind, spoken, text } from "./common.mjs";

test("an answer is messages, a reason and usage", async () => {
  const response = await send(await newAgent(), "Hello");
  assert.equal(spoken(response.messages), "You said: Hello");
  const [thought] = ofKind(response.messages, "reasoning_message");
  assert.equal(thought.reasoning, "Time to speak.");
  assert.equal(response.stop_reason.stop_reason, "end_turn");
  const { prompt_tokens, completion_tokens, total_tokens, step_count } = response.usage;
  assert.equal(step_count, 1);
  assert.ok(prompt_tokens > 0 && completion_tokens > 0);
  assert.equal(total_tokens, prompt_tokens + completion_tokens);
  assert.ok(response.messages.every((m) => m.id.startsWith("message-") && m.date && m.otid));
});

test("a tool call and its return are there in order", async () => {
  const agent = await newAgent();
  const { messages, usage } = await send(agent, MEMORY_CALL);
  assert.deepEqual(kinds(messages).slice(0, 5), STEPS);
  const [, call, returned] = messages;
  assert.equal(call.tool_call.name, "memory_insert");
  assert.equal(JSON.parse(call.tool_call.arguments).new_string, "Has a dog.");
  assert.equal(call.tool_calls[0].tool_call_id, call.tool_call.tool_call_id);
  assert.equal(returned.tool_call_id, call.tool_call.tool_call_id);
  assert.equal(returned.status, "success");
  assert.equal(returned.tool_returns[0].status, "success");
  assert.equal(usage.step_count, 2);
  const human = await client.agents.blocks.retrieve("human", { agent_id: agent.id });
  assert.ok(human.value.includes("Has a dog."));
});

test("only the kinds asked for come back", async () => {
  const wanted = { include_return_message_types: ["assistant_message"] };
  const response = await send(await newAgent(), "Hello", wanted);
  assert.deepEqual(kinds(response.messages), ["assistant_message"]);
});

test("steps come whole and in order", async () => {
  const body = { messages: [{ role: "user", content: MEMORY_CALL }] };
  const chunks = await all(await client.agents.messages.stream((await newAgent()).id, body));
  assert.deepEqual(kinds(chunks).slice(0, 5), STEPS);
  assert.deepEqual(kinds(chunks).slice(-2), END);
  assert.equal(chunks.at(-2).stop_reason, "end_turn");
  assert.equal(chunks.at(-1).step_count, 2);
});

test("a create that streams is the same", async () => {
  const chunks = await all(await send(await newAgent(), MEMORY_CALL, { streaming: true }));
  assert.deepEqual(kinds(chunks).slice(0, 5), STEPS);
  assert.deepEqual(kinds(chunks).slice(-2), END);
});

test("tokens make up the message that is stored", async () => {
  const agent = await newAgent();
  const line = "A sentence that is long enough to come in several pieces.";
  const chunks = await all(await send(agent, line, { streaming: true, stream_tokens: true }));
  assert.ok(ofKind(chunks, "assistant_message").length > 3);
  assert.equal(spoken(chunks), `You said: ${line}`);
  const stored = await all(client.agents.messages.list(agent.id));
  const kept = new Map(ofKind(stored, "assistant_message").map((m) => [m.otid, text(m)]));
  for (const [otid, whole] of joined(chunks, "assistant_message", text)) {
    assert.equal(kept.get(otid), whole);
  }
  assert.deepEqual(kinds(chunks).slice(-2), END);
});

test("the pieces of a call make up its arguments", async () => {
  const options = { streaming: true, stream_tokens: true };
  const chunks = await all(await send(await newAgent(), MEMORY_CALL, options));
  const calls = joined(chunks, "tool_call_message", (m) => m.tool_call.arguments ?? "");
  assert.equal(calls.size, 1);
  assert.equal(JSON.parse([...calls.values()][0]).new_string, "Has a dog.");
});

test("the offline model streams too", async () => {
  const options = { streaming: true, stream_tokens: true };
  const chunks = await all(await send(await newOffline(), "My name is Ada.", options));
  assert.ok(spoken(chunks).includes("Ada"));
});

test("a stream that is left does not end the agent", async () => {
  const agent = await newAgent();
  const stream = await send(agent, "Say much.", { streaming: true, stream_tokens: true });
  for await (const _ of stream) break;
  assert.equal(spoken((await send(agent, "Still there?")).messages), "You said: Still there?");
});

let talker;
let said;
before(async () => {
  talker = await newAgent();
  for (let n = 0; n < 6; n++) await send(talker, `Say number ${n}.`);
  said = (await client.agents.messages.list(talker.id, { limit: 200, order: "asc" })).items;
  assert.ok(said.length > 10);
});

for (const order of ["asc", "desc"]) {
  test(`pages of two are the whole list, ${order}`, async () => {
    const paged = await all(client.agents.messages.list(talker.id, { limit: 2, order }));
    const otids = (messages) => messages.map((message) => message.otid).sort();
    assert.deepEqual(otids(paged), otids(said));
    const expected = order === "asc" ? distinct(ids(said)) : distinct(ids(said)).reverse();
    assert.deepEqual(distinct(ids(paged)), expected);
  });
}

test("pages before a message end at the first", async () => {
  const last = said.at(-1).id;
  const query = { limit: 2, order: "asc", before: last };
  const paged = await all(client.agents.messages.list(talker.id, query));
  const expected = distinct(ids(said)).slice(0, -1);
  assert.deepEqual(distinct(ids(paged)).sort(), expected.sort());
});

test("after the last message there is nothing", async () => {
  const query = { order: "asc", after: said.at(-1).id };
  assert.deepEqual((await client.agents.messages.list(talker.id, query)).items, []);
});

test("messages are searched", async () => {
  const found = await client.messages.search({ query: "number 3", agent_id: talker.id });
  assert.ok(found.some((hit) => JSON.stringify(hit.content).includes("number 3")));
  assert.deepEqual(await client.messages.search({ query: "zyzzyva", agent_id: talker.id }), []);
});

test("compaction says what it did", async () => {
  const agent = await newAgent();
  for (let n = 0; n < 4; n++) await send(agent, `Say number ${n}.`);
  const done = await client.agents.messages.compact(agent.id);
  assert.ok(done.num_messages_after < done.num_messages_before);
  assert.ok(done.summary);
});

test("a reset conversation is empty", async () => {
  const agent = await newAgent();
  await send(agent, "Forget this.");
  const bare = { add_default_initial_messages: false };
  const state = await client.agents.messages.reset(agent.id, bare);
  assert.equal(state.id, agent.id);
  const left = ofKind(await all(client.agents.messages.list(agent.id)), "user_message");
  assert.ok(!left.map(text).includes("Forget this."));
});
