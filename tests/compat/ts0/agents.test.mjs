// What the documents show, word for word but for the base URL, and the life of an agent.
import assert from "node:assert/strict";
import { test } from "node:test";
import { LettaClient } from '@letta-ai/letta-client'
import { client, newAgent, newOffline, pages, send, status } from "./client.mjs";
import { HUMAN, MODEL, PERSONA, TOKEN, URL, ids, names, spoken, unique } from "./common.mjs";

async function create() {
  const client = new LettaClient({ token: TOKEN, baseUrl: URL });

  const agentState = await client.agents.create({
    agentType: "memgpt_v2_agent", // or "memgpt_agent" for v1
    model: "openai/gpt-4.1",
    embedding: "openai/text-embedding-3-small",
    memoryBlocks: [
      {
        label: "human",
        value: "The human's name is Chad. They like vibe coding."
      },
      {
        label: "persona",
        value: "My name is Sam, the all-knowing sentient AI."
      }
    ],
    tools: ["web_search", "run_code"]
  });
  return agentState;
}

test("the agent of the documents has its names, blocks and tools", async () => {
  const agent = await create();
  assert.match(agent.id, /^agent-/);
  assert.ok(agent.name);
  assert.equal(agent.agentType, "memgpt_v2_agent");
  assert.ok(agent.createdAt instanceof Date);
  const values = Object.fromEntries(agent.memory.blocks.map((block) => [block.label, block.value]));
  assert.deepEqual(values, { human: HUMAN, persona: PERSONA });
  assert.ok(agent.memory.blocks.every((block) => block.limit === 100_000));
  const wanted = ["web_search", "run_code", "send_message", "memory_insert", "memory_replace"];
  for (const name of wanted) assert.ok(names(agent.tools).includes(name), name);
  assert.ok(agent.tools.every((tool) => tool.jsonSchema.name === tool.name));
  const rules = agent.toolRules.map((rule) => `${rule.type} ${rule.toolName}`);
  assert.ok(rules.includes("exit_loop send_message"));
});

test("the model of the documents is known by its handle and in full", async () => {
  const agent = await create();
  assert.equal(agent.llmConfig.handle, "openai/gpt-4.1");
  assert.equal(agent.llmConfig.modelEndpointType, "openai");
  assert.ok(agent.llmConfig.contextWindow > 0);
  assert.equal(agent.embeddingConfig.handle, "openai/text-embedding-3-small");
  assert.equal(agent.embeddingConfig.embeddingDim, 1536);
});

test("an agent keeps what it was made with", async () => {
  const metadata = { team_name: "geese" };
  const made = await newOffline({ name: unique("kept"), description: "d", metadata, tags: ["t"] });
  const agent = await client.agents.retrieve(made.id);
  assert.deepEqual(agent, made);
  assert.deepEqual([agent.description, agent.tags], ["d", ["t"]]);
  assert.deepEqual(agent.metadata, metadata);
});

test("a list of agents ends, and heeds its filters", async () => {
  const [name, red, blue] = [unique("finder"), unique("red"), unique("blue")];
  const made = [await newOffline({ name, tags: [red, blue] })];
  for (let n = 0; n < 4; n++) made.push(await newOffline({ tags: [red] }));
  const found = async (query) => ids(await pages((page) => client.agents.list(page), query));
  assert.deepEqual(await found({ tags: [red], limit: 2 }), ids(made).reverse());
  assert.deepEqual(await found({ tags: [red, blue], matchAllTags: true }), [made[0].id]);
  assert.deepEqual(await found({ name }), [made[0].id]);
  assert.deepEqual(await found({ queryText: name.slice(3) }), [made[0].id]);
});

test("only what is sent changes", async () => {
  const agent = await newAgent();
  const name = unique("renamed");
  let changed = await client.agents.modify(agent.id, { name, tags: ["new"] });
  assert.deepEqual([changed.name, changed.tags], [name, ["new"]]);
  changed = await client.agents.modify(agent.id, { system: "Be brief." });
  assert.deepEqual([changed.name, changed.system], [name, "Be brief."]);
  assert.equal(changed.llmConfig.handle, MODEL);
  assert.deepEqual(await client.agents.retrieve(agent.id), changed);
});

test("a deleted agent is not found, and not counted", async () => {
  const agent = await newOffline();
  assert.ok((await client.agents.count()) > 0);
  await client.agents.delete(agent.id);
  await assert.rejects(client.agents.retrieve(agent.id), status(404));
});

test("an exported agent comes back", async () => {
  const agent = await newAgent();
  await send(agent, "The boiler code is 4417.");
  // This client's own exportFile() takes a JSON string only, which an agent file is not.
  const headers = { Authorization: `Bearer ${TOKEN}` };
  const exported = await fetch(`${URL}/v1/agents/${agent.id}/export`, { headers });
  const file = new Blob([await exported.text()]);
  const imported = await client.agents.importFile(file, { appendCopySuffix: true });
  const again = await client.agents.retrieve(imported.agentIds[0]);
  assert.equal(again.name, `${agent.name}_copy`);
  assert.notEqual(again.id, agent.id);
  assert.deepEqual(names(again.tools).sort(), names(agent.tools).sort());
  const told = spoken(await client.agents.messages.list(again.id));
  assert.ok(told.includes("You said: The boiler code is 4417."));
  assert.equal(spoken((await send(again, "Still there?")).messages), "You said: Still there?");
});

test("the overview of a context has its parts", async () => {
  const agent = await newAgent();
  await send(agent, "Hello");
  const overview = await client.agents.context.retrieve(agent.id);
  const { contextWindowSizeCurrent, contextWindowSizeMax } = overview;
  assert.ok(0 < contextWindowSizeCurrent && contextWindowSizeCurrent <= contextWindowSizeMax);
  assert.ok(overview.coreMemory.includes("They like vibe coding."));
});
