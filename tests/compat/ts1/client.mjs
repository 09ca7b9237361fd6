import Letta from "@letta-ai/letta-client";
import { EMBEDDING, MODEL, BLOCKS, OFFLINE, TOKEN, URL, unique } from "./common.mjs";

export const client = new Letta({ apiKey: TOKEN, baseURL: URL, timeout: 30_000 });

// Says what it is told; calls a tool where it is asked to.
export const newAgent = (more = {}) =>
  client.agents.create({
    name: unique("sam"),
    agent_type: "memgpt_v2_agent",
    model: MODEL,
    embedding: EMBEDDING,
    memory_blocks: BLOCKS,
    ...more,
  });

// Of the model that needs no key.
export const newOffline = (more = {}) => client.agents.create({ ...OFFLINE, ...more });

export const send = (agent, input, more = {}) =>
  client.agents.messages.create(agent.id, { input, ...more });
