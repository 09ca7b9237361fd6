import { LettaClient } from "@letta-ai/letta-client";
import { BLOCKS, EMBEDDING, MODEL, OFFLINE, TOKEN, URL, more, unique } from "./common.mjs";

export const client = new LettaClient({ token: TOKEN, baseUrl: URL });

// Says what it is told; calls a tool where it is asked to.
export const newAgent = (options = {}) =>
  client.agents.create({
    name: unique("sam"),
    agentType: "memgpt_v2_agent",
    model: MODEL,
    embedding: EMBEDDING,
    memoryBlocks: BLOCKS,
    ...options,
  });

// Of the model that needs no key.
export const newOffline = (options = {}) => client.agents.create({ ...OFFLINE, ...options });

export const user = (content) => ({ messages: [{ role: "user", content }] });
export const send = (agent, content, options = {}) =>
  client.agents.messages.create(agent.id, { ...user(content), ...options });

// All items; this generation leaves the going on to its user.
export async function pages(fetch, query) {
  const items = [];
  for (let page = await fetch(query); page.length > 0; ) {
    more(items, page);
    page = await fetch({ ...query, after: page.at(-1).id });
  }
  return items;
}

// For assert.rejects: an error of this status.
export const status = (wanted) => (error) => error.statusCode === wanted;
