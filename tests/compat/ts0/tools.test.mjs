// Tools from source; what the server knows of itself; errors.
import assert from "node:assert/strict";
import { test } from "node:test";
import { LettaClient, LettaError } from "@letta-ai/letta-client";
import { client, newAgent, newOffline, pages, send, status } from "./client.mjs";
import { LOCAL_URL, OPEN_URL, UNKNOWN, URL, ids, names, ofKind } from "./common.mjs";
import { spoken, toolSource, unique } from "./common.mjs";

const newTool = (name = unique("roll")) => client.tools.create({ sourceCode: toolSource(name) });

test("name and schema come from the source", async () => {
  const name = unique("roll");
  const made = await newTool(name);
  assert.deepEqual([made.name, made.toolType, made.sourceType], [name, "custom", "python"]);
  const { parameters } = made.jsonSchema;
  assert.equal(parameters.properties.sides.type, "integer");
  assert.deepEqual(parameters.required, ["sides"]);
  const sourceCode = toolSource(name).replace("Roll", "Throw");
  const again = await client.tools.upsert({ sourceCode });
  assert.equal(again.id, made.id);
  assert.match(again.description, /^Throw a die/);
});

test("source that is no Python is refused", async () => {
  const broken = client.tools.create({ sourceCode: "def broken(:\n    pass\n" });
  await assert.rejects(broken, status(400));
});

test("tools are found, changed and deleted", async () => {
  const made = [await newTool(), await newTool(), await newTool()];
  const query = { names: names(made), limit: 2 };
  const found = await pages((page) => client.tools.list(page), query);
  assert.deepEqual(ids(found).sort(), ids(made).sort());
  assert.equal(await client.tools.count({ name: made[0].name }), 1);
  const changed = await client.tools.modify(made[0].id, { description: "another" });
  assert.equal(changed.description, "another");
  await client.tools.delete(made[0].id);
  await assert.rejects(client.tools.retrieve(made[0].id), status(404));
  assert.ok(names(await client.tools.upsertBaseTools()).includes("send_message"));
});

test("a tool is attached, called by the agent and detached", async () => {
  const tool = await newTool();
  const agent = await newAgent();
  const state = await client.agents.tools.attach(agent.id, tool.id);
  assert.ok(names(state.tools).includes(tool.name));
  assert.ok(ids(await client.agents.tools.list(agent.id)).includes(tool.id));
  const { messages } = await send(agent, `call ${tool.name} {"sides": 6}`);
  const [returned] = ofKind(messages, "tool_return_message");
  assert.deepEqual([returned.status, returned.toolReturn], ["success", "die of 6, plain"]);
  assert.equal(spoken(messages), "The tool says: die of 6, plain");
  const left = await client.agents.tools.detach(agent.id, tool.id);
  assert.ok(!names(left.tools).includes(tool.name));
});

test("source is run without an agent, with a token", async () => {
  const run = (more) => client.tools.runToolFromSource({ sourceCode: toolSource("r"), ...more });
  const done = await run({ args: { sides: 6, label: "cube" }, envVars: { COLOUR: "red" } });
  assert.deepEqual([done.status, done.toolReturn], ["success", "cube of 6, red"]);
  assert.equal((await run({ args: { sides: 0 } })).status, "error");
});

test("source is run without a token only where that is allowed", async () => {
  const run = (baseUrl) =>
    new LettaClient({ baseUrl }).tools.runToolFromSource({
      sourceCode: toolSource("r"),
      args: { sides: 6 },
    });
  await assert.rejects(run(OPEN_URL), status(403));
  assert.equal((await run(LOCAL_URL)).toolReturn, "die of 6, plain");
});

test("it is healthy, and knows its models", async () => {
  assert.equal((await client.health.check()).status, "ok");
  const models = (await client.models.list()).map((model) => model.handle);
  assert.ok(models.includes("offline") && models.includes("openai/gpt-4.1"));
  const embedders = (await client.embeddingModels.list()).map((model) => model.handle);
  assert.ok(embedders.includes("offline"));
});

test("tags are those of the agents", async () => {
  const tag = unique("tag");
  await newOffline({ tags: [tag] });
  assert.deepEqual(await client.tags.list({ queryText: tag }), [tag]);
});

test("each turn is a run with messages, steps and usage", async () => {
  const agent = await newAgent();
  const response = await send(agent, "Hello");
  await send(agent, "Hello");
  const all = { agentIds: [agent.id], limit: 1 };
  assert.equal((await pages((page) => client.runs.list(page), all)).length, 2);
  const run = await client.runs.retrieve(response.usage.runIds[0]);
  assert.equal(run.status, "completed");
  assert.equal(spoken(await client.runs.messages.list(run.id)), "You said: Hello");
  const [step] = await client.runs.steps.list(run.id);
  assert.equal((await client.steps.retrieve(step.id)).agentId, agent.id);
  const its = { agentId: agent.id, limit: 1 };
  assert.equal((await pages((page) => client.steps.list(page), its)).length, 2);
  const usage = await client.runs.usage.retrieve(run.id);
  assert.equal(usage.totalTokens, response.usage.totalTokens);
});

test("what is wrong comes as an error with its status", async () => {
  const agent = await newOffline();
  await assert.rejects(client.agents.retrieve(UNKNOWN), (error) => {
    assert.ok(error instanceof LettaError);
    assert.equal(error.statusCode, 404);
    assert.equal(error.body.detail, "Agent not found");
    return true;
  });
  await assert.rejects(client.agents.retrieve("no-id"), status(422));
  await assert.rejects(client.agents.messages.create(agent.id, { messages: [] }), status(422));
  for (const token of ["wrong", undefined]) {
    const wrong = new LettaClient({ token, baseUrl: URL });
    await assert.rejects(wrong.agents.list(), status(401));
  }
});
