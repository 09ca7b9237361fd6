// Blocks, passages and archives.
import assert from "node:assert/strict";
import { test } from "node:test";
import { NotFoundError, UnprocessableEntityError } from "@letta-ai/letta-client";
import { client, newAgent, newOffline } from "./client.mjs";
import { EMBEDDING, HUMAN, all, ids, unique } from "./common.mjs";

test("blocks are listed, read and changed by label", async () => {
  const agent_id = (await newAgent()).id;
  const listed = await all(client.agents.blocks.list(agent_id));
  assert.deepEqual(listed.map((block) => block.label).sort(), ["human", "persona"]);
  assert.equal((await client.agents.blocks.retrieve("human", { agent_id })).value, HUMAN);
  const change = { agent_id, value: "Chad moved.", limit: 500 };
  const changed = await client.agents.blocks.update("human", change);
  assert.deepEqual([changed.value, changed.limit], ["Chad moved.", 500]);
  assert.deepEqual(await client.agents.blocks.retrieve("human", { agent_id }), changed);
});

test("a block of its own has room", async () => {
  const label = unique("plan");
  const block = await client.blocks.create({ label, value: "v" });
  assert.equal(block.limit, 100_000);
  assert.deepEqual(await client.blocks.retrieve(block.id), block);
  assert.deepEqual(ids(await all(client.blocks.list({ label }))), [block.id]);
  assert.equal((await client.blocks.update(block.id, { value: "w" })).value, "w");
  await client.blocks.delete(block.id);
  await assert.rejects(client.blocks.retrieve(block.id), NotFoundError);
});

test("two agents share a block", async () => {
  const label = unique("team");
  const block = await client.blocks.create({ label, value: "" });
  const one = await newOffline({ block_ids: [block.id] });
  const two = await newOffline();
  const state = await client.agents.blocks.attach(block.id, { agent_id: two.id });
  assert.ok(ids(state.blocks).includes(block.id));
  const users = ids(await all(client.blocks.agents.list(block.id, { limit: 1 })));
  assert.deepEqual(users.sort(), [one.id, two.id].sort());
  await client.agents.blocks.update(label, { agent_id: one.id, value: "by one" });
  const seen = await client.agents.blocks.retrieve(label, { agent_id: two.id });
  assert.equal(seen.value, "by one");
  const left = await client.agents.blocks.detach(block.id, { agent_id: two.id });
  assert.ok(!ids(left.blocks).includes(block.id));
});

test("a limit holds on every way in", async () => {
  const agent_id = (await newAgent()).id;
  const human = await client.agents.blocks.update("human", { agent_id, value: "short", limit: 10 });
  const value = "x".repeat(11);
  const ways = [
    () => client.agents.blocks.update("human", { agent_id, value }),
    () => client.blocks.update(human.id, { value }),
    () => client.blocks.create({ label: unique("small"), value, limit: 10 }),
    () => newOffline({ memory_blocks: [{ label: "human", value, limit: 10 }] }),
  ];
  for (const way of ways) await assert.rejects(way, UnprocessableEntityError);
  assert.deepEqual(await client.blocks.retrieve(human.id), human);
});

test("a label may have a slash", async () => {
  const agent = await newOffline({ memory_blocks: [{ label: "system/human", value: "Ada" }] });
  const read = await client.agents.blocks.retrieve("system/human", { agent_id: agent.id });
  assert.equal(read.value, "Ada");
});

test("a passage is filed, found and deleted", async () => {
  const agent_id = (await newAgent()).id;
  const filed = [];
  for (const [text, tags] of [["Geese fly south.", ["birds"]], ["Trains run.", []]]) {
    filed.push(...(await client.agents.passages.create(agent_id, { text, tags })));
  }
  assert.deepEqual(filed[0].tags, ["birds"]);
  assert.deepEqual(ids(await client.agents.passages.list(agent_id)), ids(filed));
  const after = { after: filed[0].id, limit: 1 };
  assert.deepEqual(ids(await client.agents.passages.list(agent_id, after)), [filed[1].id]);
  const some = await client.agents.passages.list(agent_id, { search: "Trains" });
  assert.deepEqual(ids(some), [filed[1].id]);
  const query = { query: "geese that fly or run", tags: ["birds"], top_k: 3 };
  const found = await client.agents.passages.search(agent_id, query);
  assert.equal(found.count, 1);
  assert.equal(found.results[0].content, "Geese fly south.");
  const [hit] = await client.passages.search({ agent_id, query: "geese", limit: 1 });
  assert.equal(hit.passage.id, filed[0].id);
  await client.agents.passages.delete(filed[0].id, { agent_id });
  assert.deepEqual(ids(await client.agents.passages.list(agent_id)), [filed[1].id]);
});

test("an archive is shared by who attaches it", async () => {
  const agent_id = (await newAgent()).id;
  const name = unique("team");
  const archive = await client.archives.create({ name, embedding: EMBEDDING });
  assert.deepEqual(ids(await all(client.archives.list({ name }))), [archive.id]);
  const made = await client.archives.passages.create(archive.id, { text: "The gate opens at 7." });
  assert.equal(made.archive_id, archive.id);
  await client.agents.archives.attach(archive.id, { agent_id });
  const query = { query: "gate opens" };
  const found = await client.agents.passages.search(agent_id, query);
  assert.deepEqual(found.results.map((hit) => hit.content), ["The gate opens at 7."]);
  await client.agents.archives.detach(archive.id, { agent_id });
  assert.equal((await client.agents.passages.search(agent_id, query)).count, 0);
  await client.archives.passages.delete(made.id, { archive_id: archive.id });
  await client.archives.delete(archive.id);
  await assert.rejects(client.archives.retrieve(archive.id), NotFoundError);
});
