/** The engine of a proxy: `POST /v1/compress` and `GET /v1/retrieve/{hash}`. */

import type { ClientCompressOptions, RetrieveOptions } from "./client";
import { ConfigurationError, HeadroomConnectionError, HeadroomError, isRecord, mapProxyError, ProviderError } from "./errors";
import { countTurns, extractToolCalls, extractUserQuery, isOwn, type CompressContext, type HookMessages, type HooksLike } from "./hooks";
import { keepEqual, LiveData } from "./live-data";
import type { PipelineExtensionManager } from "./manager";
import { DEFAULT_MODEL, engineOptions } from "./options";
import { nameOf, oneOrMany } from "./pipeline";
import { tellProgress, type CompressionStep, type OnPipelineEvent, type PipelineEventArguments } from "./progress";
import { untouched, type CompressResult, type PipelineTiming } from "./result";

/** How a proxy is called. */
export interface RemoteSettings {
  apiKey: string | null;
  timeout: number;
  retries: number;
  stack: string | null;
  fallback: boolean;
}

/** What a call of `compress` brings. */
interface RemoteCall extends Omit<ClientCompressOptions, "hooks" | "onPipelineEvent"> {
  hooks: readonly HooksLike[];
  onPipelineEvent: OnPipelineEvent | null;
}

const FIRST_BACKOFF_MS = 250;

/** The engine of a proxy. */
export class RemoteEngine {
  readonly #baseUrl: string;
  readonly #settings: RemoteSettings;

  constructor(baseUrl: string, settings: RemoteSettings) {
    this.#baseUrl = baseUrl.replace(/\/+$/, "");
    this.#settings = settings;
  }

  /** Compresses at the proxy. Progress events are made from its answer, so changes of their data have no effect. */
  async compress<T extends object>(messages: T, call: RemoteCall, manager: PipelineExtensionManager): Promise<CompressResult<T>> {
    refuseLocalCode(call.hooks, manager);
    const startTime = Date.now();
    const model = call.model ?? DEFAULT_MODEL;
    const data = new LiveData();
    try {
      const sent = (await preCompress(messages, call.hooks, context(messages, model, call.provider), data)) as T;
      const { token_budget, ...config } = engineOptions(call);
      const shape = Array.isArray(sent) ? { messages: sent } : sent;
      const body = data.encode({ model, ...shape, ...(token_budget === undefined ? {} : { token_budget }), config });
      const [answer, requestId] = await this.#request("POST", "/v1/compress", body ?? "null", call.signal);
      const result = resultOf(answer, requestId, sent, messages, data);
      await tellOfSuccess(call.onPipelineEvent, result, { model, startTime, provider: call.provider ?? "", tokenBudget: call.tokenBudget ?? null });
      await postCompress(call.hooks, result, context(messages, model, call.provider));
      return result;
    } catch (failed) {
      call.signal?.throwIfAborted();
      const error = failed instanceof Error ? failed.message : String(failed);
      await tell(call.onPipelineEvent, ["pipeline:error", { requestId: "", error, step: null, metadata: {} }]);
      if (!this.#settings.fallback) throw failed;
      console.warn(`[headroom] the request goes on uncompressed: ${error}`);
      return untouched(messages, error);
    }
  }

  /** The original that a marker names. */
  async retrieve(hash: string, options: RetrieveOptions): Promise<string> {
    const query = new URLSearchParams();
    if (options.query) query.set("query", options.query);
    if (options.lines) query.set("lines", options.lines);
    const path = `/v1/retrieve/${encodeURIComponent(hash)}${query.size > 0 ? `?${query.toString()}` : ""}`;
    const [answer] = await this.#request("GET", path, null, options.signal);
    if (isRecord(answer) && typeof answer["original_content"] === "string") return answer["original_content"];
    throw new ProviderError("the proxy's answer has no original_content", { code: "provider" });
  }

  async #request(method: string, path: string, body: string | null, signal: AbortSignal | null | undefined): Promise<[unknown, string]> {
    for (let attempt = 0; ; attempt += 1) {
      signal?.throwIfAborted();
      const outcome = await this.#attempt(method, path, body, signal);
      if (!(outcome instanceof HeadroomError)) return outcome;
      const status = Number(outcome.details["status"] ?? 0);
      const isPassing = outcome instanceof HeadroomConnectionError || status === 429 || status >= 500;
      if (!isPassing || attempt >= this.#settings.retries) throw outcome;
      await pause(FIRST_BACKOFF_MS * 2 ** attempt, signal);
    }
  }

  async #attempt(
    method: string,
    path: string,
    body: string | null,
    signal: AbortSignal | null | undefined,
  ): Promise<[unknown, string] | HeadroomError> {
    const { apiKey, timeout, stack } = this.#settings;
    const headers: Record<string, string> = { accept: "application/json" };
    if (body !== null) headers["content-type"] = "application/json";
    if (apiKey !== null) headers["authorization"] = `Bearer ${apiKey}`;
    if (stack !== null) headers["x-headroom-stack"] = stack;
    const limit = AbortSignal.timeout(timeout);
    try {
      const either = signal ? AbortSignal.any([signal, limit]) : limit;
      const response = await fetch(this.#baseUrl + path, { method, headers, body, signal: either });
      const text = await response.text();
      const answer = parsed(text);
      if (!response.ok) return mapProxyError(response.status, answer);
      if (answer === undefined) return new ProviderError("the proxy's answer is no JSON", { code: "provider" });
      return [answer, response.headers.get("x-headroom-request-id") ?? ""];
    } catch (cause) {
      signal?.throwIfAborted();
      const why = limit.aborted ? `no answer within ${timeout} ms` : cause instanceof Error ? cause.message : String(cause);
      return new HeadroomConnectionError(`cannot reach ${this.#baseUrl}: ${why}`, { code: "connection", cause });
    }
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function pause(milliseconds: number, signal: AbortSignal | null | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** Stages and biases are the proxy's own; code that would never be called is refused. */
function refuseLocalCode(hooks: readonly HooksLike[], manager: PipelineExtensionManager): void {
  const biased = hooks.find((hook) => isOwn(hook, "computeBiases"));
  const found = biased ? `computeBiases of ${nameOf(biased)}` : manager.names[0];
  if (!manager.enabled && !biased) return;
  const sentence = `baseUrl: expected a client without extensions and computeBiases, which run in process only, found ${found}`;
  throw new ConfigurationError(sentence, { code: "configuration" });
}

function context(messages: object, model: string, provider: string | undefined): CompressContext {
  const list = listOf(messages);
  const toolCalls = extractToolCalls(list).map(({ name }) => name);
  return { model, userQuery: extractUserQuery(list), turnNumber: countTurns(list), toolCalls, provider: provider ?? "" };
}

function listOf(messages: object): HookMessages {
  if (Array.isArray(messages)) return messages as HookMessages;
  const body = messages as Record<string, unknown>;
  const list = body["messages"] ?? body["contents"] ?? body["input"];
  return Array.isArray(list) ? (list as HookMessages) : [];
}

async function preCompress(messages: object, hooks: readonly HooksLike[], about: CompressContext, data: LiveData): Promise<object> {
  let sent = messages;
  for (const hook of oneOrMany(hooks).filter((hook) => isOwn(hook, "preCompress"))) {
    const copy = data.decode(data.encode(sent) ?? "null") as HookMessages;
    try {
      sent = keepEqual(sent, (await hook.preCompress?.(copy, about)) ?? copy, data);
    } catch (failed) {
      console.warn(`[headroom] hook ${nameOf(hook)} failed in preCompress: ${String(failed)}`);
    }
  }
  return sent;
}

async function postCompress(hooks: readonly HooksLike[], result: CompressResult, about: CompressContext): Promise<void> {
  const { tokensBefore, tokensAfter, tokensSaved, compressionRatio, transformsApplied, ccrHashes } = result;
  const { model, userQuery, provider } = about;
  const event = { tokensBefore, tokensAfter, tokensSaved, compressionRatio, transformsApplied, ccrHashes, model, userQuery, provider };
  for (const hook of hooks.filter((hook) => isOwn(hook, "postCompress"))) {
    try {
      await hook.postCompress?.(event);
    } catch (failed) {
      console.warn(`[headroom] hook ${nameOf(hook)} failed in postCompress: ${String(failed)}`);
    }
  }
}

/** The HTTP ratio is after / before; here it is the share removed. */
function resultOf<T extends object>(answer: unknown, requestId: string, sent: T, given: T, data: LiveData): CompressResult<T> {
  if (!isRecord(answer) || !Array.isArray(answer["messages"])) {
    throw new ProviderError("the proxy's answer has no messages", { code: "provider" });
  }
  const number = (name: string): number => (typeof answer[name] === "number" ? answer[name] : 0);
  const strings = (name: string): string[] => (Array.isArray(answer[name]) ? (answer[name] as unknown[]).map(String) : []);
  const [tokensBefore, tokensAfter] = [number("tokens_before"), number("tokens_after")];
  const list = data.decode(JSON.stringify(answer["messages"])) as unknown[];
  const now = Array.isArray(sent) ? list : { ...sent, [listKey(sent)]: list };
  const base = untouched(given, null);
  const tokensSaved = Math.max(0, tokensBefore - tokensAfter);
  return {
    ...base,
    messages: keepEqual(given, now, data),
    tokensBefore,
    tokensAfter,
    tokensSaved,
    compressionRatio: tokensBefore === 0 ? 0 : tokensSaved / tokensBefore,
    transformsApplied: strings("transforms_applied"),
    ccrHashes: strings("ccr_hashes"),
    compressed: tokensSaved > 0,
    pipelineTiming: timingOf(answer["pipeline_timing"]),
    report: { ...base.report, requestId },
  };
}

function listKey(body: object): string {
  return ["messages", "contents", "input"].find((key) => key in body) ?? "messages";
}

function timingOf(written: unknown): PipelineTiming {
  const timing: PipelineTiming = {};
  for (const [step, spent] of Object.entries(isRecord(written) ? written : {})) {
    if (!isRecord(spent)) continue;
    timing[step as CompressionStep] = {
      durationMs: Number(spent["duration_ms"] ?? 0),
      tokensBefore: Number(spent["tokens_before"] ?? 0),
      tokensAfter: Number(spent["tokens_after"] ?? 0),
    };
  }
  return timing;
}

async function tellOfSuccess(
  handler: OnPipelineEvent | null,
  result: CompressResult,
  about: { model: string; startTime: number; provider: string; tokenBudget: number | null },
): Promise<void> {
  if (!handler) return;
  const { requestId } = result.report;
  const { tokensBefore, tokensAfter, tokensSaved, compressionRatio, transformsApplied, ccrHashes } = result;
  await tell(handler, ["pipeline:start", { requestId, operation: "compress", ...about, biases: {}, metadata: {} }]);
  for (const [step, spent] of Object.entries(result.pipelineTiming)) {
    const data = { requestId, step: step as CompressionStep, ...spent, warnings: [], biases: {}, metadata: {} };
    await tell(handler, ["pipeline:step", data]);
  }
  const durationMs = Date.now() - about.startTime;
  const complete = { requestId, tokensBefore, tokensAfter, tokensSaved, compressionRatio, transformsApplied, ccrHashes, durationMs };
  await tell(handler, ["pipeline:complete", { ...complete, metadata: {} }]);
}

async function tell(handler: OnPipelineEvent | null, event: PipelineEventArguments): Promise<void> {
  try {
    await tellProgress(handler, event);
  } catch (failed) {
    console.warn(`[headroom.pipeline] the progress handler failed at ${event[0]}: ${String(failed)}`);
  }
}
