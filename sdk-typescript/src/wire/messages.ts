/** Answers of Anthropic Messages. */

import { isJson, objects, string, type Api, type Assembler, type Json } from "./api";

function complete(answer: Json, model: string): Json {
  const given = answer["content"] ?? answer["text"] ?? [];
  const content = typeof given === "string" ? [{ type: "text", text: given }] : objects(given);
  const called = content.some((part) => part.type === "tool_use");
  return {
    id: "msg_headroom",
    type: "message",
    role: "assistant",
    model,
    stop_reason: called ? "tool_use" : "end_turn",
    stop_sequence: null,
    ...answer,
    content: content.map((part) => (part.type === "text" ? { citations: null, ...part } : part)),
    usage: { input_tokens: 0, output_tokens: 0, ...(isJson(answer["usage"]) ? answer["usage"] : {}) },
  };
}

function* events(answer: Json): Iterable<Json> {
  const { content, stop_reason, stop_sequence, usage } = answer;
  yield { type: "message_start", message: { ...answer, content: [], stop_reason: null, stop_sequence: null } };
  for (const [index, part] of objects(content).entries()) {
    const [begun, deltas] = block(part);
    yield { type: "content_block_start", index, content_block: begun };
    for (const delta of deltas) yield { type: "content_block_delta", index, delta };
    yield { type: "content_block_stop", index };
  }
  yield { type: "message_delta", delta: { stop_reason, stop_sequence }, usage };
  yield { type: "message_stop" };
}

/** How a block begins, and what is added to it. */
function block(part: Json): [Json, Json[]] {
  switch (part["type"]) {
    case "text":
      return [{ ...part, text: "" }, [{ type: "text_delta", text: part["text"] }]];
    case "tool_use":
    case "server_tool_use":
      return [{ ...part, input: {} }, [{ type: "input_json_delta", partial_json: JSON.stringify(part["input"] ?? {}) }]];
    case "thinking": {
      const { thinking, signature } = part;
      const deltas = [{ type: "thinking_delta", thinking }, { type: "signature_delta", signature: signature ?? "" }];
      return [{ ...part, thinking: "", signature: "" }, deltas];
    }
    default:
      return [part, []];
  }
}

class MessagesAssembler implements Assembler {
  #message: Json = {};
  readonly #content: Json[] = [];
  readonly #inputs = new Map<number, string>();

  add(event: Json): void {
    const index = Number(event["index"] ?? 0);
    const delta = isJson(event["delta"]) ? event["delta"] : {};
    switch (event["type"]) {
      case "message_start":
        this.#message = { ...(event["message"] as Json) };
        break;
      case "content_block_start":
        this.#content[index] = { ...(event["content_block"] as Json) };
        break;
      case "content_block_delta":
        this.#grow(index, delta);
        break;
      case "message_delta": {
        const usage = { ...(this.#message["usage"] as Json), ...(isJson(event["usage"]) ? event["usage"] : {}) };
        Object.assign(this.#message, delta, { usage });
        break;
      }
    }
  }

  #grow(index: number, delta: Json): void {
    const part = (this.#content[index] ??= {});
    if (delta["type"] === "input_json_delta") {
      this.#inputs.set(index, (this.#inputs.get(index) ?? "") + string(delta["partial_json"]));
    } else if (delta["type"] === "citations_delta") {
      part["citations"] = [...objects(part["citations"]), delta["citation"]];
    } else {
      for (const key of ["text", "thinking", "signature"]) {
        if (typeof delta[key] === "string") part[key] = string(part[key]) + delta[key];
      }
    }
  }

  get response(): Json {
    const content = this.#content.map((part, index) => {
      const text = this.#inputs.get(index);
      return text ? { ...part, input: parsed(text) } : part;
    });
    return { ...this.#message, content };
  }
}

/** The input of a call; a text that was cut off stays a text. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** Anthropic Messages. */
export const MESSAGES: Api = {
  provider: "anthropic",
  matches: (path) => path.endsWith("/v1/messages"),
  model: (_, body) => string(body["model"]),
  streams: (_, body) => body["stream"] === true,
  metadata: {},
  complete,
  events,
  assembler: () => new MessagesAssembler(),
  namedEvents: true,
  done: "",
  usage: (answer) => answer["usage"] ?? null,
};
