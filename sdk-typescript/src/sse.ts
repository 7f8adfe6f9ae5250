/** Server-sent events: read from a response, and put together to a whole answer. */

import { isJson, type Assembler, type Json } from "./wire/api";
import { CHAT } from "./wire/chat";
import { GENERATE_CONTENT } from "./wire/generate-content";
import { MESSAGES } from "./wire/messages";
import { RESPONSES } from "./wire/responses";

/** One event of a stream. */
export interface ServerSentEvent {
  /** Its name; `message` when it has none. */
  event: string;
  /** Its data lines. */
  data: string;
}

/** Reads events from pieces of text, wherever these are cut. */
export class ServerSentEventDecoder {
  #line = "";
  #afterReturn = false;
  #event = "";
  #data: string[] = [];

  /** Takes a piece and gives the events that it completes. */
  push(piece: string): ServerSentEvent[] {
    const events: ServerSentEvent[] = [];
    let start = 0;
    if (this.#afterReturn && piece.startsWith("\n")) start = 1;
    if (piece !== "") this.#afterReturn = false;
    for (let at = start; at < piece.length; at += 1) {
      const character = piece[at];
      if (character !== "\n" && character !== "\r") continue;
      const event = this.#takeLine(this.#line + piece.slice(start, at));
      this.#line = "";
      if (event) events.push(event);
      if (character === "\r") {
        if (piece[at + 1] === "\n") at += 1;
        else if (at + 1 === piece.length) this.#afterReturn = true;
      }
      start = at + 1;
    }
    this.#line += piece.slice(start);
    return events;
  }

  #takeLine(line: string): ServerSentEvent | null {
    if (line === "") {
      const event = this.#data.length > 0 ? { event: this.#event || "message", data: this.#data.join("\n") } : null;
      this.#event = "";
      this.#data = [];
      return event;
    }
    const colon = line.indexOf(":");
    const field = (colon < 0 ? line : line.slice(0, colon)).replace(/^\uFEFF/, "");
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.#event = value;
    if (field === "data") this.#data.push(value);
    return null;
  }
}

/** Where events come from: a response, its body, or pieces of it. */
export type EventSourceLike = Response | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array | string>;

/** The events of a stream, in order. */
export async function* parseSSE(source: EventSourceLike): AsyncGenerator<ServerSentEvent, void, undefined> {
  const pieces = source instanceof Response ? (source.body ?? []) : source;
  const decoder = new ServerSentEventDecoder();
  const text = new TextDecoder();
  for await (const piece of pieces as AsyncIterable<Uint8Array | string>) {
    yield* decoder.push(typeof piece === "string" ? piece : text.decode(piece, { stream: true }));
  }
  yield* decoder.push(`${text.decode()}\n\n`);
}

/**
 * The whole answer of a stream of OpenAI (Chat Completions or Responses), Anthropic or Gemini: from a response, or from
 * the events that a provider's package gives.
 */
export async function collectStream(source: EventSourceLike | AsyncIterable<object>): Promise<Record<string, unknown>> {
  let assembler: Assembler | null = null;
  for await (const event of jsonEvents(source)) {
    assembler ??= assemblerOf(event);
    assembler.add(event);
  }
  return assembler?.response ?? {};
}

async function* jsonEvents(source: EventSourceLike | AsyncIterable<object>): AsyncGenerator<Json> {
  if (source instanceof Response || source instanceof ReadableStream) {
    for await (const { data } of parseSSE(source)) {
      const event = readEvent(data);
      if (event) yield event;
    }
    return;
  }
  const decoder = new ServerSentEventDecoder();
  const text = new TextDecoder();
  for await (const piece of source) {
    if (typeof piece !== "string" && !(piece instanceof Uint8Array)) {
      yield piece as Json;
      continue;
    }
    for (const { data } of decoder.push(typeof piece === "string" ? piece : text.decode(piece, { stream: true }))) {
      const event = readEvent(data);
      if (event) yield event;
    }
  }
}

/** The JSON object of an event; `null` for what is none, such as `[DONE]`. */
export function readEvent(data: string): Json | null {
  try {
    const event = JSON.parse(data) as unknown;
    return isJson(event) ? event : null;
  } catch {
    return null;
  }
}

function assemblerOf(first: Json): Assembler {
  const type = String(first["type"] ?? "");
  if (type.startsWith("response.")) return RESPONSES.assembler();
  if (type !== "") return MESSAGES.assembler();
  return "candidates" in first ? GENERATE_CONTENT.assembler() : CHAT.assembler();
}
