/** An API of a provider: how its requests are told, and how its answers are completed, streamed and assembled. */

/** A JSON object. */
export type Json = Record<string, unknown>;

/** Puts the answer of a stream together. */
export interface Assembler {
  /** Takes an event. */
  add(event: Json): void;
  /** The whole answer so far. */
  readonly response: Json;
}

/** One API. */
export interface Api {
  readonly provider: "openai" | "anthropic" | "gemini";
  /** Whether requests go to a path of this API. */
  matches(path: string): boolean;
  /** The model of a request. */
  model(path: string, body: Json): string;
  /** Whether a request asks for a stream. */
  streams(path: string, body: Json): boolean;
  /** What the metadata of its events has beside path, stream and transport. */
  readonly metadata: Json;
  /** Adds what an answer must have. */
  complete(answer: Json, model: string): Json;
  /** The events that stream an answer. */
  events(answer: Json, request: Json): Iterable<Json>;
  /** Makes an assembler. */
  assembler(): Assembler;
  /** Whether each event has a line with its name. */
  readonly namedEvents: boolean;
  /** What ends a stream. */
  readonly done: string;
  /** The provider's account of tokens in an answer. */
  usage(answer: Json): unknown;
}

/** An answer as server-sent events. */
export function streamBody(api: Api, answer: Json, request: Json): string {
  let text = "";
  for (const event of api.events(answer, request)) {
    if (api.namedEvents) text += `event: ${String(event["type"])}\n`;
    text += `data: ${JSON.stringify(event)}\n\n`;
  }
  return text + api.done;
}

/** The objects of a list; none when it is no list. */
export function objects(value: unknown): Json[] {
  return Array.isArray(value) ? (value as unknown[]).filter((item): item is Json => isJson(item)) : [];
}

/** Whether a value is an object with members. */
export function isJson(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A string, or another when there is none. */
export function string(value: unknown, otherwise = ""): string {
  return typeof value === "string" ? value : otherwise;
}
