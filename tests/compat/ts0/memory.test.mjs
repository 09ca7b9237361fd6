// Blocks and passages. This generation has no archives.
import assert from "node:assert/strict";
import { test } from "node:test";
import { client, newAgent, newOffline, pages, status } from "./client.mjs";
import { HUMAN, ids, unique } from "./common.mjs";

test("blocks are listed, read and changed by label", async () => {
  const { id } = await newAgent();
  const listed = await client.agents.blocks.list(id);
  assert.deepEqual(listed.map((block) => block.label).sort(), ["human", "persona"]);
  assert.equal((await client.agents.blocks.retrieve(id, "human")).value, HUMAN);
  const change = { value: "Chad moved.", limit: 500, readOnly: true };
  const changed = await client.agents.blocks.modify(id, "human", change);
  assert.deepEqual([changed.value, changed.limit, changed.readOnly], ["Chad moved.", 500, true]);
  assert.deepEqual(await client.agents.blocks.retrieve(id, "human"), changed);
  const memory = await client.agents.coreMemory.retrieve(id);
  assert.deepEqual(ids(memory.blocks).sort(), ids(listed).sort());
});

test("a block of its own has room", async () => {
  const label = unique("plan");
  const block = await client.blocks.create({ label, value: "v" });
  assert.equal(block.limit, 100_000);
  assert.deepEqual(await client.blocks.retrieve(block.id), block);
  await client.blocks.create({ label, value: "second" });
  const listed = await pages((query) => client.blocks.list(query), { label, limit: 1 });
  assert.equal(listed.length, 2);
  assert.ok((await client.blocks.count()) >= 2);
  assert.equal((await client.blocks.modify(block.id, { value: "w" })).value, "w");
  await client.blocks.delete(block.id);
  await assert.rejects(client.blocks.retrieve(block.id), status(404));
});

test("two agents share a block", async () => {
  const label = unique("team");
  const block = await client.blocks.create({ label, value: "" });
  const one = await newOffline({ blockIds: [block.id] });
  const two = await newOffline();
  const state = await client.agents.blocks.attach(two.id, block.id);
  assert.ok(ids(state.memory.blocks).includes(block.id));
  assert.deepEqual(ids(await client.blocks.agents.list(block.id)).sort(), [one.id, two.id].sort());
  await client.agents.blocks.modify(one.id, label, { value: "by one" });
  assert.equal((await client.agents.blocks.retrieve(two.id, label)).value, "by one");
  const left = await client.agents.blocks.detach(two.id, block.id);
  assert.ok(!ids(left.memory.blocks).includes(block.id));
});

test("a limit holds on every way in", async () => {
  const { id } = await newAgent();
  const human = await client.agents.blocks.modify(id, "human", { value: "short", limit: 10 });
  const value = "x".repeat(11);
  const ways = [
    () => client.agents.blocks.modify(id, "human", { value }),
    () => client.blocks.modify(human.id, { value }),
    () => client.blocks.create({ label: unique("small"), value, limit: 10 }),
    () => newOffline({ memoryBlocks: [{ label: "human", value, limit: 10 }] }),
  ];
  for (const way of ways) await assert.rejects(way, status(422));
  assert.deepEqual(await client.blocks.retrieve(human.id), human);
});

test("a label may have a slash", async () => {
  const agent = await newOffline({ memoryBlocks: [{ label: "system/human", value: "Ada" }] });
  const read = await client.agents.blocks.retrieve(agent.id, "system/human");
  assert.equal(read.value, "Ada");
});

test("a passage is filed, found and deleted", async () => {
  const { id } = await newAgent();
  const filed = [];
  for (const [text, tags] of [["Geese fly south.", ["birds"]], ["Trains run.", []]]) {
    filed.push(...(await client.agents.passages.create(id, { text, tags })));
  }
  assert.deepEqual(filed[0].tags, ["birds"]);
  assert.deepEqual(ids(await client.agents.passages.list(id)), ids(filed));
  const after = { after: filed[0].id, limit: 1 };
  assert.deepEqual(ids(await client.agents.passages.list(id, after)), [filed[1].id]);
  const some = await client.agents.passages.list(id, { search: "Trains" });
  assert.deepEqual(ids(some), [filed[1].id]);
  const query = { query: "geese that fly or run", tags: ["birds"], tagMatchMode: "any", topK: 3 };
  const found = await client.agents.passages.search(id, query);
  assert.equal(found.count, 1);
  assert.equal(found.results[0].content, "Geese fly south.");
  await client.agents.passages.delete(id, filed[0].id);
  assert.deepEqual(ids(await client.agents.passages.list(id)), [filed[1].id]);
});
