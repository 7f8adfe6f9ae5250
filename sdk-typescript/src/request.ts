/** One request of a wrapped client on its way through the stages. */

import { announced, bytes, HeadroomClient, type ClientCompressOptions } from "./client";
import { dispatcher, type Dispatch } from "./dispatch";
import { ConfigurationError, ExtensionError } from "./errors";
import { LiveData } from "./live-data";
import { callForJson, native } from "./native";
import type { PipelineExtensionManager } from "./manager";
import { PipelineExtensionManager as Manager } from "./manager";
import type { EngineOptions, ParticipantOptions } from "./options";
import { oneOrMany } from "./pipeline";
import { readResult, type CompressResult } from "./result";

/** What a client is wrapped with. */
export interface WithHeadroomOptions extends EngineOptions, ParticipantOptions {
  /** The client whose settings hold. By default one of this process, or of `HEADROOM_BASE_URL`. */
  client?: HeadroomClient | null;
  /** When false, tokens are only counted. */
  optimize?: boolean;
  /** Is in the metadata of every event. */
  sessionId?: string | null;
  /** Where originals go. */
  store?: string | null;
}

/** What was prepared for sending. */
export type Prepared =
  | { answered: true; response: unknown }
  | { answered: false; body: string | null; headers: Record<string, string> | null };

/** What all requests of a wrapped client have in common. */
export class Wrap {
  readonly client: HeadroomClient;
  readonly manager: PipelineExtensionManager;
  readonly options: WithHeadroomOptions;
  readonly #ready: Promise<unknown>;

  constructor(options: WithHeadroomOptions, provider: string) {
    this.client = options.client ?? new HeadroomClient({ store: options.store });
    this.options = options;
    const own = [...oneOrMany(options.hooks), ...oneOrMany(options.extensions)];
    this.manager = own.length === 0 ? this.client.extensions : new Manager({ hooks: this.client.extensions.extensions, extensions: own });
    this.#ready = announced(own.length === 0 ? null : new Manager({ extensions: own }), provider, options);
  }

  /** Begins a request. */
  async begin(provider: string, model: string, metadata: Record<string, unknown>, signal: AbortSignal | null): Promise<PipelineRequest> {
    await this.client.ready;
    await this.#ready;
    return new PipelineRequest(this, provider, model, metadata, signal);
  }

  /** Compresses a body at the proxy of a remote client. */
  async remote(body: object, model: string, signal: AbortSignal | null): Promise<unknown> {
    const { client: _, ...options } = this.options;
    return (await this.client.compress(body, { ...options, model, signal })).messages;
  }
}

/** One request. */
export class PipelineRequest {
  readonly #run = new native.RequestRun();
  readonly #wrap: Wrap;
  readonly #data: LiveData;
  readonly #dispatch: Dispatch | null;
  readonly #arguments: native.CallArguments;
  readonly #signal: AbortSignal | null;
  #sentAt = performance.now();

  constructor(wrap: Wrap, provider: string, model: string, metadata: Record<string, unknown>, signal: AbortSignal | null) {
    const { client, manager, options } = wrap;
    this.#wrap = wrap;
    this.#signal = signal;
    this.#data = new LiveData();
    const hooks = [...client.hooks, ...oneOrMany(options.hooks)];
    const onPipelineEvent = options.onPipelineEvent ?? client.onPipelineEvent;
    const { extensions } = manager;
    this.#dispatch = dispatcher({ extensions, hooks, onPipelineEvent, data: this.#data, events: [] });
    const call: ClientCompressOptions = { ...options, provider, model };
    this.#arguments = client.arguments(call, hooks, onPipelineEvent, metadata);
  }

  /** Live data of the request, for bodies that are no JSON text yet. */
  get data(): LiveData {
    return this.#data;
  }

  /** Whether anybody wants the answer; when not, it need not be read. */
  get observesResponse(): boolean {
    return this.#wrap.manager.subscribes("response_received");
  }

  /** Every stage before sending. A failure that nobody asked for leaves the request as it is. */
  async prepare(body: string, headers: Record<string, string>): Promise<Prepared> {
    const request = { body: Buffer.from(body), headers: JSON.stringify(headers) };
    try {
      const prepared = await callForJson(this.#signal, (abort) =>
        this.#run.prepare(request, this.#arguments, this.#wrap.manager.native, this.#dispatch, abort),
      );
      this.#sentAt = performance.now();
      return prepared as Prepared;
    } catch (failed) {
      this.#signal?.throwIfAborted();
      if (failed instanceof ExtensionError || failed instanceof ConfigurationError) throw failed;
      console.warn(`[headroom] the request goes on as it is: ${String(failed)}`);
      return { answered: false, body: null, headers: null };
    }
  }

  /** The response head arrived, or the attempt failed. */
  async postSend(statusCode: number | null, headers: Record<string, string> | null): Promise<void> {
    if (!this.#wrap.manager.subscribes("post_send")) return;
    const written = JSON.stringify(headers);
    // An attempt that was aborted has failed, and that is told too.
    await callForJson(statusCode === null ? null : this.#signal, (abort) => this.#run.postSend(statusCode, written, this.#dispatch, abort));
  }

  /** The answer is complete; gives what the extensions made of it, or `null` when they left it. */
  async received(response: unknown, about: { statusCode: number | null; stream: boolean; usage: unknown }): Promise<unknown> {
    if (!this.observesResponse) return null;
    const parts = {
      body: bytes(this.#data.encode(response)),
      statusCode: about.statusCode,
      stream: about.stream,
      usage: JSON.stringify(about.usage ?? null),
      durationMs: performance.now() - this.#sentAt,
    };
    return callForJson(null, (abort) => this.#run.responseReceived(parts, this.#dispatch, abort));
  }

  /** What the request came to; ends it. */
  async finish<T>(given: T): Promise<CompressResult<T>> {
    const written = await callForJson(null, (abort) => this.#run.finish(abort));
    return readResult(Buffer.from(JSON.stringify(written)), given, this.#data);
  }
}
