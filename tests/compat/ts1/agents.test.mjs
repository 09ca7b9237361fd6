// What the documents show, in the words of generation 1, and the life of an agent.
import assert from "node:assert/strict";
import { test } from "node:test";
import Letta, { NotFoundError, toFile } from "@letta-ai/letta-client";
import { client, newAgent, newOffline, send } from "./client.mjs";
import { BLOCKS, HUMAN, PERSONA, TOKEN, URL, all, ids, names, spoken, unique } from "./common.mjs";

// Node 18, of Debian 12, has the class only there.
globalThis.File ??= (await import("node:buffer")).File;

async function create() {
  const client = new Letta({ apiKey: TOKEN, baseURL: URL });

  const agentState = await client.agents.create({
    agent_type: "memgpt_v2_agent", // or "memgpt_agent" for v1
    model: "openai/gpt-4.1",
    embedding: "openai/text-embedding-3-small",
    memory_blocks: [
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
  assert.equal(agent.agent_type, "memgpt_v2_agent");
  for (const blocks of [agent.memory.blocks, agent.blocks]) {
    const values = Object.fromEntries(blocks.map((block) => [block.label, block.value]));
    assert.deepEqual(values, { human: HUMAN, persona: PERSONA });
    assert.ok(blocks.every((block) => block.limit === 100_000));
  }
  const wanted = ["web_search", "run_code", "send_message", "memory_insert", "memory_replace"];
  for (const name of wanted) assert.ok(names(agent.tools).includes(name), name);
  assert.ok(agent.tools.every((tool) => tool.json_schema.name === tool.name));
  const rules = agent.tool_rules.map((rule) => `${rule.type} ${rule.tool_name}`);
  assert.ok(rules.includes("exit_loop send_message"));
});

test("the model of the documents is known by its handle and in full", async () => {
  const agent = await create();
  assert.equal(agent.model, "openai/gpt-4.1");
  assert.equal(agent.llm_config.handle, "openai/gpt-4.1");
  assert.equal(agent.embedding_config.handle, "openai/text-embedding-3-small");
  assert.equal(agent.embedding_config.embedding_dim, 1536);
  assert.deepEqual(agent.model_settings, {
    provider_type: "openai",
    max_output_tokens: 16384,
    parallel_tool_calls: true,
    strict: false,
    temperature: 1.0,
    reasoning: { reasoning_effort: "minimal" },
    response_format: null,
  });
});

test("an agent keeps what it was made with", async () => {
  const metadata = { team: "geese" };
  const made = await newOffline({ name: unique("kept"), description: "d", metadata, tags: ["t"] });
  const agent = await client.agents.retrieve(made.id);
  assert.deepEqual(agent, made);
  assert.equal(agent.description, "d");
  assert.deepEqual(agent.metadata, metadata);
  assert.deepEqual(agent.tags, ["t"]);
});

test("a list of agents ends, and heeds its filters", async () => {
  const [name, red, blue] = [unique("finder"), unique("red"), unique("blue")];
  const made = [await newOffline({ name, tags: [red, blue] })];
  for (let n = 0; n < 4; n++) made.push(await newOffline({ tags: [red] }));
  const found = async (query) => ids(await all(client.agents.list(query)));
  assert.deepEqual(await found({ tags: [red], limit: 2, order: "asc" }), ids(made));
  assert.deepEqual((await found({ tags: [red], limit: 2 })).sort(), ids(made).sort());
  assert.deepEqual(await found({ tags: [red, blue], match_all_tags: true }), [made[0].id]);
  assert.deepEqual(await found({ name }), [made[0].id]);
  assert.deepEqual(await found({ query_text: name.slice(3) }), [made[0].id]);
});

test("only what is sent changes", async () => {
  const agent = await newAgent();
  const name = unique("renamed");
  let changed = await client.agents.update(agent.id, { name, tags: ["new"] });
  assert.deepEqual([changed.name, changed.tags], [name, ["new"]]);
  changed = await client.agents.update(agent.id, { system: "Be brief.", metadata: { a: 1 } });
  assert.deepEqual([changed.name, changed.system], [name, "Be brief."]);
  assert.deepEqual(changed.blocks, agent.blocks);
  assert.deepEqual(await client.agents.retrieve(agent.id), changed);
});

test("a deleted agent is not found", async () => {
  const agent = await newOffline();
  await client.agents.delete(agent.id);
  await assert.rejects(client.agents.retrieve(agent.id), NotFoundError);
});

test("an exported agent comes back", async () => {
  const agent = await newAgent();
  await send(agent, "The boiler code is 4417.");
  const exported = await client.agents.exportFile(agent.id); // typed string, and an object in fact
  const file = await toFile(Buffer.from(JSON.stringify(exported)), "sam.af");
  const name = unique("again");
  const imported = await client.agents.importFile({ file, name });
  const again = await client.agents.retrieve(imported.agent_ids[0]);
  assert.equal(again.name, name);
  assert.notEqual(again.id, agent.id);
  assert.deepEqual(names(again.tools).sort(), names(agent.tools).sort());
  assert.deepEqual(again.blocks.map((block) => block.value).sort(), [HUMAN, PERSONA].sort());
  const told = spoken(await all(client.agents.messages.list(again.id)));
  assert.ok(told.includes("You said: The boiler code is 4417."));
  assert.equal(spoken((await send(again, "Still there?")).messages), "You said: Still there?");
});

test("a recompiled prompt shows the memory", async () => {
  const agent = await newOffline({ memory_blocks: BLOCKS });
  const prompt = await client.agents.recompile(agent.id, { dry_run: true });
  assert.ok(prompt.includes("They like vibe coding."));
});
