/** The lifecycle of a request: stages, events, and what an extension is. */

/** The eleven stages. */
export const PipelineStage = {
  SETUP: "setup",
  PRE_START: "pre_start",
  POST_START: "post_start",
  INPUT_RECEIVED: "input_received",
  INPUT_CACHED: "input_cached",
  INPUT_ROUTED: "input_routed",
  INPUT_COMPRESSED: "input_compressed",
  INPUT_REMEMBERED: "input_remembered",
  PRE_SEND: "pre_send",
  POST_SEND: "post_send",
  RESPONSE_RECEIVED: "response_received",
} as const;

/** One of the eleven stages. */
export type PipelineStage = (typeof PipelineStage)[keyof typeof PipelineStage];

/** Every stage, in the order in which they happen. */
export const CANONICAL_PIPELINE_STAGES: readonly PipelineStage[] = Object.freeze(Object.values(PipelineStage));

/** `compress`, `sdk.request` or `proxy.request`; direct callers of `emit` may use their own. */
export type PipelineOperation = "compress" | "sdk.request" | "proxy.request" | (string & {});

/** Named values that live as long as the request. They are kept as JSON. */
export type PipelineMetadata = Record<string, unknown>;

/** The fields of an event; what is left out is empty. */
export interface PipelineEventFields {
  stage: PipelineStage;
  operation: PipelineOperation;
  requestId?: string;
  provider?: string;
  model?: string;
  messages?: unknown[] | null;
  tools?: unknown[] | null;
  headers?: Record<string, string> | null;
  payload?: Record<string, unknown> | null;
  response?: unknown;
  metadata?: PipelineMetadata;
}

/**
 * What an extension is called with. In a running request its heavy fields are converted when they are touched, and are
 * copies that may be changed.
 */
export class PipelineEvent {
  /** The moment. */
  stage: PipelineStage;
  /** What runs. */
  operation: PipelineOperation;
  /** The request's id; empty for the first three stages. */
  requestId: string;
  /** `openai`, `anthropic` or `gemini`; empty when unknown. */
  provider: string;
  /** The model as the caller named it. */
  model: string;
  /** The request's own list (messages or contents). */
  messages: unknown[] | null;
  /** Tool definitions. */
  tools: unknown[] | null;
  /** Request headers, or response headers at `post_send`. */
  headers: Record<string, string> | null;
  /** The whole body, in the proxy and the wrapped clients. */
  payload: Record<string, unknown> | null;
  /** The answer, at `response_received`. */
  response: unknown;
  /** What lives as long as the request. */
  metadata: PipelineMetadata;

  constructor(fields: PipelineEventFields) {
    this.stage = fields.stage;
    this.operation = fields.operation;
    this.requestId = fields.requestId ?? "";
    this.provider = fields.provider ?? "";
    this.model = fields.model ?? "";
    this.messages = fields.messages ?? null;
    this.tools = fields.tools ?? null;
    this.headers = fields.headers ?? null;
    this.payload = fields.payload ?? null;
    this.response = fields.response ?? null;
    this.metadata = fields.metadata ?? {};
  }
}

/** Which requests an extension is called for; what is left out lets everything pass. */
export interface PipelineFilter {
  /** Names of providers. */
  providers?: readonly string[];
  /** Globs of model names. */
  models?: readonly string[];
  /** Globs of tool names, of which the request must offer or have called at least one. */
  tools?: readonly string[];
  /** Operations. */
  operations?: readonly string[];
  /** Requests with fewer tokens do not pass. */
  minTokens?: number;
}

/** What `onPipelineEvent` of an extension may give. */
export type PipelineAnswer = PipelineEvent | PipelineEventFields | null | undefined | void;

/** Other people's code at every stage of a request. */
export interface PipelineExtension {
  /** Its name in reports, warnings and errors. Default: the name of its class. */
  readonly name?: string;
  /** Only these stages. Default: all. */
  readonly stages?: readonly PipelineStage[];
  /** Only these requests, decided before any call. Default: all. */
  readonly filter?: PipelineFilter;
  /** Lower runs first. Default: 0. */
  readonly priority?: number;
  /** Names of extensions that must run after this one. */
  readonly before?: readonly string[];
  /** Names of extensions that must run before this one. */
  readonly after?: readonly string[];
  /** Milliseconds that one call may take. Default: 2000. */
  readonly timeoutMs?: number;
  /** `open` (default): a failure is logged and the request goes on. `closed`: a failure refuses the request. */
  readonly failurePolicy?: "open" | "closed";
  /**
   * Is called with each event. Return nothing, and changes in place count; return an event, and it replaces this one;
   * return one at `response_received` with a response, and it answers the request.
   */
  onPipelineEvent(event: PipelineEvent): PipelineAnswer | Promise<PipelineAnswer>;
}

/** An extension, or an object that may be none: what has no `onPipelineEvent` is skipped. */
export type MaybeExtension = PipelineExtension | object;

/** The declarations of an extension as the native module reads them. */
export function declarations(extension: PipelineExtension): string {
  const { stages, filter, priority, before, after, timeoutMs, failurePolicy } = extension;
  const name = nameOf(extension);
  return JSON.stringify({ name, stages, filter, priority, before, after, timeoutMs, failurePolicy });
}

/** The name of an extension or of hooks in warnings. */
export function nameOf(object: object): string {
  const own = (object as { name?: unknown }).name;
  if (typeof own === "string" && own !== "") return own;
  const maker: unknown = object.constructor;
  return typeof maker === "function" && maker !== Object ? maker.name : "extension";
}

/** Nothing, one object, or a list of objects, as a list. */
export function oneOrMany<T extends object>(given: T | readonly T[] | null | undefined): T[] {
  if (given === null || given === undefined) return [];
  return Array.isArray(given) ? [...(given as readonly T[])] : [given as T];
}

/** What is given as an extension, as an object: a class is instantiated, and a function is called with every event. */
export function asExtension(given: object): object {
  if (typeof given !== "function" || "onPipelineEvent" in given) return given;
  const prototype: unknown = given.prototype;
  if (typeof (prototype as Partial<PipelineExtension> | undefined)?.onPipelineEvent === "function") {
    return new (given as new () => object)();
  }
  const onPipelineEvent = given as PipelineExtension["onPipelineEvent"];
  return { ...given, name: given.name === "" ? "extension" : given.name, onPipelineEvent };
}

/** The objects that are extensions. */
export function onlyExtensions(objects: readonly object[]): PipelineExtension[] {
  return objects.filter(
    (object): object is PipelineExtension => typeof (object as PipelineExtension).onPipelineEvent === "function",
  );
}
