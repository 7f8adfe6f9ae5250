/** `HeadroomClient`: compresses in this process, or through a proxy. */

import type { CompressOptions } from "./compress";
import { dispatcher } from "./dispatch";
import { ConfigurationError, HeadroomCompressError } from "./errors";
import { hookMethods, type HooksLike } from "./hooks";
import { LiveData } from "./live-data";
import { PipelineExtensionManager } from "./manager";
import { call, callForJson, native } from "./native";
import { DEFAULT_MODEL, engineOptions, type EngineOptions, type ParticipantOptions } from "./options";
import { oneOrMany } from "./pipeline";
import type { OnPipelineEvent } from "./progress";
import { RemoteEngine } from "./remote";
import { readResult, type CompressResult } from "./result";

/** What a client is made with. */
export interface HeadroomClientOptions extends ParticipantOptions {
  /** The proxy's token; not needed without `baseUrl`. */
  apiKey?: string | null;
  /** A proxy to call. Default: `HEADROOM_BASE_URL`; without either the engine runs in this process. */
  baseUrl?: string | null;
  /** Milliseconds that one attempt at the proxy may take. Default: 30000. */
  timeout?: number;
  /** Whether a failure gives the original messages instead of an error. Default: true. */
  fallback?: boolean;
  /** How often a failed attempt at the proxy is repeated. Default: 1. */
  retries?: number;
  /** The name of the caller's stack, for the proxy's statistics and for extensions. */
  stack?: string | null;
  /** Where originals go: a path, `sqlite:///path` or `:memory:`. Default: `HEADROOM_STORE`, or a file in `~/.headroom`. */
  store?: string | null;
}

/** What `retrieve` takes beside the hash. */
export interface RetrieveOptions {
  /** Only the lines that match; phrases in double quotes are taken as they are. */
  query?: string | null;
  /** Only these lines, from 1: `10-20`, `5-`, `-20` for the last 20, several with commas between. */
  lines?: string | null;
  /** Ends the call. */
  signal?: AbortSignal | null;
}

/** What `compress` of a client takes: that of the function without the client's own settings. */
export type ClientCompressOptions = Omit<
  CompressOptions,
  "client" | "apiKey" | "baseUrl" | "timeout" | "fallback" | "retries"
>;

/** Compresses in this process, or through a proxy when it has a `baseUrl`. */
export class HeadroomClient {
  /** The proxy; `null` when the engine runs in this process. */
  readonly baseUrl: string | null;
  /** @internal */
  readonly store: string | null;
  /** @internal */
  readonly hooks: readonly HooksLike[];
  /** @internal */
  readonly onPipelineEvent: OnPipelineEvent | null;
  /** The client's extensions. */
  readonly extensions: PipelineExtensionManager;
  /** @internal Is there when the client's extensions know that it was made. */
  readonly ready: Promise<unknown>;
  readonly #fallback: boolean;
  readonly #stack: string | null;
  readonly #remote: RemoteEngine | null;

  /** @throws ConfigurationError when a setting or a declaration of an extension has a value that it cannot have. */
  constructor(options: HeadroomClientOptions = {}) {
    this.baseUrl = options.baseUrl ?? (process.env["HEADROOM_BASE_URL"] || null);
    this.store = options.store ?? null;
    this.hooks = oneOrMany(options.hooks);
    this.onPipelineEvent = options.onPipelineEvent ?? null;
    this.extensions = new PipelineExtensionManager({ hooks: this.hooks, extensions: options.extensions });
    this.ready = announced(this.extensions, "", {});
    this.#fallback = options.fallback ?? true;
    this.#stack = options.stack ?? null;
    const timeout = atLeast("timeout", options.timeout ?? 30_000, 1);
    const retries = atLeast("retries", options.retries ?? 1, 0);
    const settings = { apiKey: options.apiKey ?? null, timeout, retries, stack: this.#stack, fallback: this.#fallback };
    this.#remote = this.baseUrl === null ? null : new RemoteEngine(this.baseUrl, settings);
  }

  /** As the function `compress`, with the client's settings; hooks and extensions of the call come after the client's. */
  async compress<T extends object>(messages: T, options: ClientCompressOptions = {}): Promise<CompressResult<T>> {
    const hooks = [...this.hooks, ...oneOrMany(options.hooks)];
    const onPipelineEvent = options.onPipelineEvent ?? this.onPipelineEvent;
    const added = [...oneOrMany(options.hooks), ...oneOrMany(options.extensions)];
    const manager =
      added.length === 0
        ? this.extensions
        : new PipelineExtensionManager({ hooks: this.extensions.extensions, extensions: added });
    if (this.#remote) return this.#remote.compress(messages, { ...options, hooks, onPipelineEvent }, manager);
    await this.ready;
    const { extensions } = manager;
    const data = new LiveData();
    const dispatch = dispatcher({ extensions, hooks, onPipelineEvent, data, events: [] });
    const [body, texts] = data.split(messages);
    const given = this.arguments(options, hooks, onPipelineEvent);
    const written = await call(options.signal, (abort) => native.compress(bytes(body), texts, given, manager.native, dispatch, abort));
    const result = readResult(written, messages, data);
    if (result.report.error !== null && !this.#fallback) throw new HeadroomCompressError(result.report.error, { code: "compression" });
    return result;
  }

  /** @internal What the native module takes beside the messages. */
  arguments(
    options: ClientCompressOptions,
    hooks: readonly HooksLike[],
    onPipelineEvent: OnPipelineEvent | null,
    metadata: Readonly<Record<string, unknown>> = {},
  ): native.CallArguments {
    const session = options.sessionId == null ? {} : { session_id: options.sessionId };
    const stack = this.#stack === null ? {} : { stack: this.#stack };
    return {
      model: options.model ?? DEFAULT_MODEL,
      provider: options.provider ?? "",
      optimize: options.optimize ?? true,
      options: JSON.stringify(engineOptions(options)),
      metadata: JSON.stringify({ ...stack, ...session, ...metadata }),
      store: options.store ?? this.store,
      hooks: hooks.map(hookMethods),
      progress: onPipelineEvent !== null,
    };
  }

  /**
   * The original that a marker names, or the part of it that is asked for.
   *
   * @throws StorageError with `code` `not_found` or `expired` when there is none.
   */
  async retrieve(hash: string, options: RetrieveOptions = {}): Promise<string> {
    if (this.#remote) return this.#remote.retrieve(hash, options);
    const { query = null, lines = null, signal } = options;
    const found = await callForJson(signal, (abort) => native.retrieve(hash, query, lines, this.store, abort));
    return String(found);
  }

  /** As `compress`, and no original is kept. */
  simulate<T extends object>(messages: T, options: ClientCompressOptions = {}): Promise<CompressResult<T>> {
    return this.compress(messages, { ...options, store: ":memory:" });
  }
}

/** Tells the extensions of a client that it was made. Whoever sends the first request meets what failed. */
export function announced(manager: PipelineExtensionManager | null, provider: string, options: EngineOptions): Promise<unknown> {
  if (!manager?.subscribes("setup")) return Promise.resolve();
  const metadata = { options: engineOptions(options) };
  const ready = manager.emit("setup", { operation: "sdk.request", provider, metadata });
  ready.catch(() => undefined);
  return ready;
}

/** A JSON text as bytes; what has none is `null`, which the engine refuses with a sentence. */
export function bytes(text: string | undefined): Buffer {
  return Buffer.from(text ?? "null");
}

function atLeast(name: string, value: number, least: number): number {
  if (Number.isFinite(value) && value >= least) return value;
  throw new ConfigurationError(`${name}: expected a number from ${least}, found ${String(value)}`, { code: "configuration" });
}
