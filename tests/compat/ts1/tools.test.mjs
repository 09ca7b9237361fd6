// Tools from source; what the server knows of itself; errors.
import assert from "node:assert/strict";
import { test } from "node:test";
import Letta from "@letta-ai/letta-client";
import { AuthenticationError, BadRequestError, NotFoundError } from "@letta-ai/letta-client";
import { PermissionDeniedError, UnprocessableEntityError } from "@letta-ai/letta-client";
import { client, newAgent, newOffline, send } from "./client.mjs";
import { LOCAL_URL, OFFLINE, OPEN_URL, UNKNOWN, URL, all, ids, names } from "./common.mjs";
import { ofKind, spoken, toolSource, unique } from "./common.mjs";

const newTool = (name = unique("roll")) => client.tools.create({ source_code: toolSource(name) });

test("name and schema come from the source", async () => {
  const name = unique("roll");
  const made = await newTool(name);
  assert.deepEqual([made.name, made.tool_type, made.source_type], [name, "custom", "python"]);
  const { parameters } = made.json_schema;
  assert.equal(parameters.properties.sides.type, "integer");
  assert.deepEqual(parameters.required, ["sides"]);
  const source_code = toolSource(name).replace("Roll", "Throw");
  const again = await client.tools.upsert({ source_code });
  assert.equal(again.id, made.id);
  assert.match(again.description, /^Throw a die/);
});

test("source that is no Python is refused", async () => {
  const source_code = "def broken(:\n    pass\n";
  await assert.rejects(client.tools.create({ source_code }), BadRequestError);
});

test("tools are found, changed and deleted", async () => {
  const made = [await newTool(), await newTool(), await newTool()];
  const found = await all(client.tools.list({ names: names(made), limit: 2 }));
  assert.deepEqual(ids(found).sort(), ids(made).sort());
  assert.deepEqual(ids(await all(client.tools.list({ name: made[0].name }))), [made[0].id]);
  const changed = await client.tools.update(made[0].id, { description: "another" });
  assert.equal(changed.description, "another");
  await client.tools.delete(made[0].id);
  await assert.rejects(client.tools.retrieve(made[0].id), NotFoundError);
});

test("a tool is attached, called by the agent and detached", async () => {
  const tool = await newTool();
  const agent = await newAgent();
  const state = await client.agents.tools.attach(tool.id, { agent_id: agent.id });
  assert.ok(names(state.tools).includes(tool.name));
  assert.ok(ids(await all(client.agents.tools.list(agent.id, { limit: 2 }))).includes(tool.id));
  const { messages } = await send(agent, `call ${tool.name} {"sides": 6}`);
  const [returned] = ofKind(messages, "tool_return_message");
  assert.deepEqual([returned.status, returned.tool_return], ["success", "die of 6, plain"]);
  assert.equal(spoken(messages), "The tool says: die of 6, plain");
  const left = await client.agents.tools.detach(tool.id, { agent_id: agent.id });
  assert.ok(!names(left.tools).includes(tool.name));
});

test("a tool is run without a conversation", async () => {
  const tool = await newTool();
  const agent = await newOffline({ tool_ids: [tool.id] });
  const run = (args) => client.agents.tools.run(tool.name, { agent_id: agent.id, args });
  const done = await run({ sides: 6, label: "cube" });
  assert.deepEqual([done.status, done.func_return], ["success", "cube of 6, plain"]);
  assert.equal((await run({ sides: 0 })).status, "error");
});

test("source is run without a token only where that is allowed", async () => {
  const run = async (baseURL) => {
    const other = new Letta({ baseURL });
    const name = unique("roll");
    const tool = await other.tools.create({ source_code: toolSource(name) });
    const agent = await other.agents.create({ ...OFFLINE, tool_ids: [tool.id] });
    return other.agents.tools.run(name, { agent_id: agent.id, args: { sides: 6 } });
  };
  await assert.rejects(run(OPEN_URL), PermissionDeniedError);
  assert.equal((await run(LOCAL_URL)).func_return, "die of 6, plain");
});

test("it is healthy, and knows its models", async () => {
  assert.equal((await client.health()).status, "ok");
  const models = (await client.models.list()).map((model) => model.handle);
  assert.ok(models.includes("offline") && models.includes("openai/gpt-4.1"));
  const embedders = (await client.models.embeddings.list()).map((model) => model.handle);
  assert.ok(embedders.includes("offline"));
});

test("tags are those of the agents", async () => {
  const tag = unique("tag");
  await newOffline({ tags: [tag] });
  assert.deepEqual(await client.tags.list({ query_text: tag }), [tag]);
});

test("each turn is a run with messages, steps and usage", async () => {
  const agent = await newAgent();
  const response = await send(agent, "Hello");
  await send(agent, "Hello");
  const runs = await all(client.runs.list({ agent_id: agent.id, limit: 1 }));
  assert.equal(runs.length, 2);
  const run = await client.runs.retrieve(response.usage.run_ids[0]);
  assert.deepEqual([run.status, run.stop_reason], ["completed", "end_turn"]);
  assert.equal(spoken(await all(client.runs.messages.list(run.id))), "You said: Hello");
  const [step] = await all(client.runs.steps.list(run.id));
  assert.equal((await client.steps.retrieve(step.id)).run_id, run.id);
  assert.equal((await all(client.steps.list({ agent_id: agent.id, limit: 1 }))).length, 2);
  const usage = await client.runs.usage.retrieve(run.id);
  assert.equal(usage.total_tokens, response.usage.total_tokens);
});

test("what is wrong comes as the error that the client has for it", async () => {
  const agent = await newOffline();
  await assert.rejects(client.agents.retrieve(UNKNOWN), (error) => {
    assert.ok(error instanceof NotFoundError);
    assert.equal(error.status, 404);
    assert.equal(error.error.detail, "Agent not found");
    return true;
  });
  await assert.rejects(client.agents.retrieve("no-id"), UnprocessableEntityError);
  const empty = client.agents.messages.create(agent.id, { messages: [] });
  await assert.rejects(empty, UnprocessableEntityError);
  for (const apiKey of ["wrong", undefined]) {
    const wrong = new Letta({ apiKey, baseURL: URL });
    await assert.rejects(wrong.agents.list(), AuthenticationError);
  }
});
