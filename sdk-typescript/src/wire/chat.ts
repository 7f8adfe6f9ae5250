/** Answers of OpenAI Chat Completions. */

import { isJson, objects, string, type Api, type Assembler, type Json } from "./api";

function complete(answer: Json, model: string): Json {
  const given = "choices" in answer ? answer : { choices: [{ message: { content: string(answer["content"] ?? answer["text"]) } }] };
  const choices = objects(given["choices"]).map((choice, index) => {
    const message = { role: "assistant", content: null, refusal: null, ...(isJson(choice["message"]) ? choice["message"] : {}) };
    const called = objects((message as Json)["tool_calls"]).length > 0;
    return { index, finish_reason: called ? "tool_calls" : "stop", logprobs: null, ...choice, message };
  });
  const created = Math.floor(Date.now() / 1000);
  return { id: "chatcmpl-headroom", object: "chat.completion", created, model, ...answer, choices };
}

function* events(answer: Json, request: Json): Iterable<Json> {
  const { usage = null, choices, ...head } = answer;
  const options = request["stream_options"];
  const includeUsage = isJson(options) && options["include_usage"] === true;
  const chunk = { ...head, object: "chat.completion.chunk", ...(includeUsage ? { usage: null } : {}) };
  for (const { index, message, finish_reason } of objects(choices)) {
    const { tool_calls, ...rest } = isJson(message) ? message : {};
    const calls = objects(tool_calls).map((call, place) => ({ index: place, ...call }));
    const delta = calls.length > 0 ? { ...rest, tool_calls: calls } : rest;
    yield { ...chunk, choices: [{ index, delta, logprobs: null, finish_reason: null }] };
    yield { ...chunk, choices: [{ index, delta: {}, logprobs: null, finish_reason }] };
  }
  if (includeUsage) yield { ...chunk, choices: [], usage };
}

class ChatAssembler implements Assembler {
  #head: Json = {};
  #usage: unknown = undefined;
  readonly #choices = new Map<number, Json>();

  add(event: Json): void {
    const { choices, usage, ...head } = event;
    this.#head = { ...this.#head, ...head };
    if (usage) this.#usage = usage;
    for (const choice of objects(choices)) {
      const index = Number(choice["index"] ?? 0);
      const known = this.#choices.get(index) ?? { index, message: {}, finish_reason: null };
      const { delta, index: _, finish_reason, ...rest } = choice;
      merge(known["message"] as Json, isJson(delta) ? delta : {});
      Object.assign(known, rest, finish_reason ? { finish_reason } : {});
      this.#choices.set(index, known);
    }
  }

  get response(): Json {
    const choices = [...this.#choices.values()];
    const usage = this.#usage === undefined ? {} : { usage: this.#usage };
    return { ...this.#head, object: "chat.completion", choices, ...usage };
  }
}

/** Lays a delta over a message: texts grow, calls are told by their index. */
function merge(message: Json, delta: Json): void {
  for (const [key, value] of Object.entries(delta)) {
    const before = message[key];
    if (key === "tool_calls") {
      const calls = (message[key] ??= []) as Json[];
      for (const { index, ...call } of objects(value)) {
        const place = Number(index ?? calls.length);
        merge((calls[place] ??= {}), call);
      }
    } else if (isJson(before) && isJson(value)) {
      merge(before, value);
    } else if (typeof before === "string" && typeof value === "string" && !["role", "id", "type", "name"].includes(key)) {
      message[key] = before + value;
    } else if (value !== null || before === undefined) {
      message[key] = isJson(value) ? { ...value } : value;
    }
  }
}

/** OpenAI Chat Completions. */
export const CHAT: Api = {
  provider: "openai",
  matches: (path) => path.endsWith("/chat/completions"),
  model: (_, body) => string(body["model"]),
  streams: (_, body) => body["stream"] === true,
  metadata: {},
  complete,
  events,
  assembler: () => new ChatAssembler(),
  namedEvents: false,
  done: "data: [DONE]\n\n",
  usage: (answer) => answer["usage"] ?? null,
};
