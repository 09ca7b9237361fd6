// What the suites of both generations say to the server.
import { randomUUID } from "node:crypto";

// Three servers: one with a token and a model behind it, one as it is by default, and one that may
// run tools without a token.
export const URL = process.env.MEMGPT_URL;
export const TOKEN = process.env.MEMGPT_TOKEN;
export const OPEN_URL = process.env.MEMGPT_OPEN_URL;
export const LOCAL_URL = process.env.MEMGPT_LOCAL_URL;

export const MODEL = "openai/gpt-4.1";
export const EMBEDDING = "openai/text-embedding-3-small";
export const HUMAN = "The human's name is Chad. They like vibe coding.";
export const PERSONA = "My name is Sam, the all-knowing sentient AI.";
export const BLOCKS = [
  { label: "human", value: HUMAN },
  { label: "persona", value: PERSONA },
];
export const OFFLINE = { model: "offline", embedding: "offline" };
export const UNKNOWN = "agent-00000000-0000-4000-8000-000000000000";
export const MEMORY_CALL = 'call memory_insert {"label": "human", "new_string": "Has a dog."}';
export const STEPS = [
  "reasoning_message",
  "tool_call_message",
  "tool_return_message",
  "reasoning_message",
  "assistant_message",
];
export const END = ["stop_reason", "usage_statistics"];

// A name that no other test uses.
export const unique = (name) => `${name}_${randomUUID().slice(0, 8)}`;

// A tool that says something, shows its environment's COLOUR and can fail.
export const toolSource = (name) => `
import os


def ${name}(sides: int, label: str = "die") -> str:
    """Roll a die.

    Args:
        sides (int): how many sides it has.
        label (str): what to call it.
    """
    print("rolling")
    if sides < 1:
        raise ValueError("a die has sides")
    return f"{label} of {sides}, {os.environ.get('COLOUR', 'plain')}"
`;

// The two generations name a message's kind differently.
export const kind = (message) => message.message_type ?? message.messageType;
export const kinds = (messages) => messages.map(kind);
export const ofKind = (messages, wanted) => messages.filter((message) => kind(message) === wanted);

// The content of a message, which may be a string or a list of parts.
export const text = ({ content }) =>
  typeof content === "string" ? content : content.map((part) => part.text).join("");
export const spoken = (messages) => ofKind(messages, "assistant_message").map(text).join("");

// The pieces of a stream put together, by the otid that the parts of one message share.
export function joined(chunks, wanted, piece) {
  const whole = new Map();
  for (const chunk of ofKind(chunks, wanted)) {
    whole.set(chunk.otid, (whole.get(chunk.otid) ?? "") + piece(chunk));
  }
  return whole;
}

// A list whose pages do not end is an error, not a test that hangs.
const MANY = 2000;
export function more(items, page) {
  if (items.push(...page) > MANY) throw new Error(`a list of more than ${MANY} items`);
}

export async function all(stream) {
  const items = [];
  for await (const item of stream) more(items, [item]);
  return items;
}

// Each once, in the order of their first.
export const distinct = (items) => [...new Set(items)];
export const ids = (items) => items.map((item) => item.id);
export const names = (items) => items.map((item) => item.name);
