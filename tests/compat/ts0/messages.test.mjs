// A conversation: said, streamed, listed page by page, searched, compacted, begun anew.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { client, newAgent, newOffline, pages, send, user } from "./client.mjs";
import { END, MEMORY_CALL, STEPS, all, distinct, ids, joined } from "./common.mjs";
import { kinds, ofKind, spoken, text } from "./common.mjs";

const stream = (agent, content, more = {}) =>
  client.agents.messages.createStream(agent.id, { ...user(content), ...more });
const TOKENS = { streamTokens: true };

test("an answer is messages, a reason and usage", async () => {
  const response = await send(await newAgent(), "Hello");
  assert.equal(spoken(response.messages), "You said: Hello");
  const [thought] = ofKind(response.messages, "reasoning_message");
  assert.equal(thought.reasoning, "Time to speak.");
  assert.equal(response.stopReason.stopReason, "end_turn");
  const { promptTokens, completionTokens, totalTokens, stepCount } = response.usage;
  assert.equal(stepCount, 1);
  assert.ok(promptTokens > 0 && completionTokens > 0);
  assert.equal(totalTokens, promptTokens + completionTokens);
  assert.ok(response.messages.every((m) => m.id.startsWith("message-") && m.date && m.otid));
});

test("a tool call and its return are there in order", async () => {
  const agent = await newAgent();
  const { messages, usage } = await send(agent, MEMORY_CALL);
  assert.deepEqual(kinds(messages).slice(0, 5), STEPS);
  const [, call, returned] = messages;
  assert.equal(call.toolCall.name, "memory_insert");
  assert.equal(JSON.parse(call.toolCall.arguments).new_string, "Has a dog.");
  assert.equal(returned.toolCallId, call.toolCall.toolCallId);
  assert.equal(returned.status, "success");
  assert.equal(usage.stepCount, 2);
  const human = await client.agents.blocks.retrieve(agent.id, "human");
  assert.ok(human.value.includes("Has a dog."));
});

test("only the kinds asked for come back", async () => {
  const wanted = { includeReturnMessageTypes: ["assistant_message"] };
  const response = await send(await newAgent(), "Hello", wanted);
  assert.deepEqual(kinds(response.messages), ["assistant_message"]);
});

test("steps come whole and in order", async () => {
  const chunks = await all(await stream(await newAgent(), MEMORY_CALL));
  assert.deepEqual(kinds(chunks).slice(0, 5), STEPS);
  assert.deepEqual(kinds(chunks).slice(-2), END);
  assert.equal(chunks.at(-2).stopReason, "end_turn");
  assert.equal(chunks.at(-1).stepCount, 2);
});

test("tokens make up the message that is stored", async () => {
  const agent = await newAgent();
  const line = "A sentence that is long enough to come in several pieces.";
  const chunks = await all(await stream(agent, line, TOKENS));
  assert.ok(ofKind(chunks, "assistant_message").length > 3);
  assert.equal(spoken(chunks), `You said: ${line}`);
  const stored = await client.agents.messages.list(agent.id);
  const kept = new Map(ofKind(stored, "assistant_message").map((m) => [m.otid, text(m)]));
  for (const [otid, whole] of joined(chunks, "assistant_message", text)) {
    assert.equal(kept.get(otid), whole);
  }
  assert.deepEqual(kinds(chunks).slice(-2), END);
});

test("the pieces of a call make up its arguments", async () => {
  const chunks = await all(await stream(await newAgent(), MEMORY_CALL, TOKENS));
  const calls = joined(chunks, "tool_call_message", (m) => m.toolCall.arguments ?? "");
  assert.equal(calls.size, 1);
  assert.equal(JSON.parse([...calls.values()][0]).new_string, "Has a dog.");
});

test("the offline model streams too", async () => {
  const chunks = await all(await stream(await newOffline(), "My name is Ada.", TOKENS));
  assert.ok(spoken(chunks).includes("Ada"));
});

test("a stream that is left does not end the agent", async () => {
  const agent = await newAgent();
  for await (const _ of await stream(agent, "Say much.", TOKENS)) break;
  assert.equal(spoken((await send(agent, "Still there?")).messages), "You said: Still there?");
});

let talker;
let said;
before(async () => {
  talker = await newAgent();
  for (let n = 0; n < 6; n++) await send(talker, `Say number ${n}.`);
  said = await client.agents.messages.list(talker.id, { limit: 200 });
  assert.ok(said.length > 10);
});

test("pages of two are the whole list, the newest first", async () => {
  const list = (query) => client.agents.messages.list(talker.id, query);
  const paged = await pages(list, { limit: 2 });
  const otids = (messages) => messages.map((message) => message.otid).sort();
  assert.deepEqual(otids(paged), otids(said));
  assert.deepEqual(distinct(ids(paged)), distinct(ids(said)));
  const told = ofKind(said, "assistant_message").map(text).slice(0, 6);
  assert.deepEqual(told, [5, 4, 3, 2, 1, 0].map((n) => `You said: Say number ${n}.`));
});

test("before and after a message", async () => {
  const stored = distinct(ids(said));
  const list = async (query) => distinct(ids(await client.agents.messages.list(talker.id, query)));
  assert.deepEqual(await list({ after: stored[2], limit: 200 }), stored.slice(3));
  assert.deepEqual(await list({ before: stored[2], limit: 200 }), stored.slice(0, 2));
  assert.deepEqual(await list({ after: stored.at(-1) }), []);
});

test("messages are searched", async () => {
  const found = await client.agents.messages.search({ query: "number 3", limit: 5 });
  assert.ok(found.some((hit) => hit.embeddedText.includes("number 3")));
  assert.deepEqual(await client.agents.messages.search({ query: "zyzzyva" }), []);
});

test("a summary leaves the messages there", async () => {
  const agent = await newAgent();
  for (let n = 0; n < 4; n++) await send(agent, `Say number ${n}.`);
  await client.agents.summarizeAgentConversation(agent.id, { maxMessageLength: 10 });
  const recalled = ofKind(await client.agents.messages.list(agent.id), "user_message");
  assert.ok(recalled.map(text).includes("Say number 0."));
});

test("a reset conversation is empty", async () => {
  const agent = await newAgent();
  await send(agent, "Forget this.");
  const state = await client.agents.messages.reset(agent.id, { addDefaultInitialMessages: false });
  assert.equal(state.id, agent.id);
  const left = ofKind(await client.agents.messages.list(agent.id), "user_message");
  assert.ok(!left.map(text).includes("Forget this."));
});
