/**
 * A `fetch` whose requests to a provider go through the pipeline.
 *
 * Because it stands below the provider's package, everything of that package keeps working: streaming helpers, request
 * options, retries, abort signals, raw responses.
 */

import type { PipelineRequest, Wrap } from "./request";
import { readEvent, ServerSentEventDecoder } from "./sse";
import { isJson, streamBody, type Api, type Json } from "./wire/api";

/** The part of `fetch` that provider packages use. */
export type FetchLike = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

const CREDENTIALS = ["authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie", "proxy-authorization"];
const REDACTED = "<redacted>";
/** Counts how often a provider's package has repeated a request. */
const RETRY_COUNT = "x-stainless-retry-count";
/** Failed attempts that are remembered for their repetition. */
const MAX_WAITING = 64;

/** A request that was prepared, and may be sent several times. */
interface Ready {
  request: PipelineRequest;
  body: string;
  headers: Headers;
  given: Json;
  model: string;
}

/** Wraps a `fetch`. */
export function wrapFetch(inner: FetchLike, wrap: Wrap, apis: readonly Api[]): FetchLike {
  const waiting = new Map<string, Ready[]>();
  return async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const api = apis.find((api) => api.matches(url.pathname));
    const text = init?.body;
    const isPost = (init?.method ?? "GET").toUpperCase() === "POST";
    const given = api && isPost && typeof text === "string" ? readEvent(text) : null;
    if (!api || !init || typeof text !== "string" || !given) return inner(input, init);
    const headers = new Headers(init.headers);
    const signal = init.signal ?? null;
    const model = api.model(url.pathname, given);
    const stream = api.streams(url.pathname, given);
    if (wrap.client.baseUrl !== null) {
      return inner(input, { ...init, body: JSON.stringify(await wrap.remote(given, model, signal)) });
    }
    let ready = Number(headers.get(RETRY_COUNT) ?? 0) > 0 ? take(waiting, text) : undefined;
    if (!ready) {
      const metadata = { path: url.pathname, stream, transport: "http", ...api.metadata };
      const request = await wrap.begin(api.provider, model, metadata, signal);
      const shown = redacted(headers);
      const prepared = await request.prepare(text, shown);
      if (prepared.answered) return answer(prepared.response, { api, request, given, model, stream });
      ready = { request, given, model, body: prepared.body ?? text, headers: withChanges(headers, shown, prepared.headers) };
    }
    return send(inner, input, init, { api, ready, stream, remember: (ready) => remember(waiting, text, ready) });
  };
}

interface Sending {
  api: Api;
  ready: Ready;
  stream: boolean;
  remember: (ready: Ready) => void;
}

async function send(inner: FetchLike, input: string | URL | Request, init: RequestInit, sending: Sending): Promise<Response> {
  const { api, ready, stream, remember } = sending;
  const { request, body, headers } = ready;
  // The length of the original would be a wrong one.
  if (headers.has("content-length")) headers.set("content-length", String(Buffer.byteLength(body)));
  let response: Response;
  try {
    response = await inner(input, { ...init, body, headers });
  } catch (failed) {
    await request.postSend(null, null);
    remember(ready);
    throw failed;
  }
  await request.postSend(response.status, Object.fromEntries(response.headers));
  if (!response.ok) {
    remember(ready);
    return response;
  }
  if (!request.observesResponse) return response;
  return stream ? watched(response, api, request) : replaced(response, api, request);
}

/** The same response, or one with what the extensions made of it. */
async function replaced(response: Response, api: Api, request: PipelineRequest): Promise<Response> {
  const text = await response.text();
  const whole = readEvent(text);
  const facts = { statusCode: response.status, stream: false, usage: whole ? api.usage(whole) : null };
  const left = whole ? await request.received(whole, facts) : null;
  return like(response, left === null ? text : JSON.stringify(left));
}

/** The same stream; with its last event `response_received` is emitted with the assembled answer. */
function watched(response: Response, api: Api, request: PipelineRequest): Response {
  if (!response.body) return response;
  const assembler = api.assembler();
  const decoder = new ServerSentEventDecoder();
  const text = new TextDecoder();
  let isComplete = false;
  /** Whether a piece ends the stream; some clients read no further. */
  const take = (piece: string): boolean => {
    const events = decoder.push(piece);
    for (const { data } of events) {
      const event = readEvent(data);
      if (event) assembler.add(event);
    }
    return events.some(({ data }) => data === "[DONE]");
  };
  const complete = async (): Promise<void> => {
    if (isComplete) return;
    isComplete = true;
    const whole = assembler.response;
    await request.received(whole, { statusCode: response.status, stream: true, usage: api.usage(whole) });
  };
  const watch = new TransformStream<Uint8Array, Uint8Array>({
    async transform(chunk, controller) {
      if (take(text.decode(chunk, { stream: true }))) await complete();
      controller.enqueue(chunk);
    },
    async flush() {
      take(`${text.decode()}\n\n`);
      await complete();
    },
  });
  return like(response, response.body.pipeThrough(watch));
}

/** A response with another body. */
function like(response: Response, body: BodyInit): Response {
  const headers = new Headers(response.headers);
  headers.delete("content-length");
  headers.delete("content-encoding");
  const made = new Response(body, { status: response.status, statusText: response.statusText, headers });
  Object.defineProperty(made, "url", { value: response.url });
  return made;
}

/** The answer of an extension, in the shape that the caller asked for. */
async function answer(
  response: unknown,
  about: { api: Api; request: PipelineRequest; given: Json; model: string; stream: boolean },
): Promise<Response> {
  const { api, request, given, model, stream } = about;
  const whole = api.complete(isJson(response) ? response : { text: String(response) }, model);
  const left = await request.received(whole, { statusCode: null, stream, usage: api.usage(whole) });
  const final = isJson(left) ? api.complete(left, model) : whole;
  const [body, type] = stream
    ? [streamBody(api, final, given), "text/event-stream"]
    : [JSON.stringify(final), "application/json"];
  return new Response(body, { status: 200, headers: { "content-type": type } });
}

/** Headers as extensions see them. */
function redacted(headers: Headers): Record<string, string> {
  const shown = [...headers].map(([name, value]) => [name, CREDENTIALS.includes(name) ? REDACTED : value]);
  return Object.fromEntries(shown) as Record<string, string>;
}

/** Headers as extensions left them, with untouched credentials put back. */
function withChanges(headers: Headers, shown: Record<string, string>, left: Record<string, string> | null): Headers {
  const sent = new Headers(headers);
  if (!left) return sent;
  for (const name of Object.keys(shown)) if (!(name in left)) sent.delete(name);
  for (const [name, value] of Object.entries(left)) if (value !== REDACTED) sent.set(name, value);
  return sent;
}

function remember(waiting: Map<string, Ready[]>, text: string, ready: Ready): void {
  waiting.set(text, [...(waiting.get(text) ?? []), ready]);
  const [oldest] = waiting.keys();
  if (waiting.size > MAX_WAITING && oldest !== undefined) waiting.delete(oldest);
}

function take(waiting: Map<string, Ready[]>, text: string): Ready | undefined {
  const [ready, ...others] = waiting.get(text) ?? [];
  if (others.length > 0) waiting.set(text, others);
  else waiting.delete(text);
  return ready;
}
