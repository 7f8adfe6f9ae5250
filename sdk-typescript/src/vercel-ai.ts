/** `withHeadroom` and `headroomMiddleware` for language models of the Vercel AI SDK (`ai`). */

import { keepEqual } from "./live-data";
import { Wrap, type PipelineRequest, type WithHeadroomOptions } from "./request";
import { isJson, objects, string, type Json } from "./wire/api";

export type { WithHeadroomOptions } from "./request";

/** What a language model is called with. */
export interface CallOptionsLike {
  prompt: unknown;
  tools?: unknown;
  headers?: Record<string, string | undefined>;
  abortSignal?: AbortSignal;
}

/** A language model of the AI SDK, whatever version of its specification it has. */
export interface LanguageModelLike {
  readonly specificationVersion: string;
  readonly modelId: string;
  readonly provider: string;
  // The parameters are the model's own; a middleware hands them on.
  doGenerate(options: never): PromiseLike<object>;
  doStream(options: never): PromiseLike<object>;
}

/** What a middleware is called with. */
export interface MiddlewareCall<Generated, Streamed> {
  params: CallOptionsLike;
  model: Omit<LanguageModelLike, "doGenerate" | "doStream">;
  doGenerate: () => PromiseLike<Generated>;
  doStream: () => PromiseLike<Streamed>;
}

/** A middleware for `wrapLanguageModel`. */
export interface HeadroomMiddleware {
  readonly specificationVersion: "v4";
  wrapGenerate<Result extends object>(call: MiddlewareCall<Result, unknown>): Promise<Result>;
  wrapStream<Result extends object>(call: MiddlewareCall<unknown, Result>): Promise<Result>;
}

/** Which of the two requests. */
type Kind = "doGenerate" | "doStream";
type Call = (options: CallOptionsLike) => PromiseLike<Json>;

/** A middleware whose model's requests go through the pipeline: `wrapLanguageModel({ model, middleware })`. */
export function headroomMiddleware(options: WithHeadroomOptions = {}): HeadroomMiddleware {
  const wrap = new Wrap(options, "");
  const through = async (kind: Kind, { model, params }: MiddlewareCall<unknown, unknown>): Promise<unknown> => {
    const methods = model as unknown as Record<Kind, Call>;
    return send(wrap, model, kind, params, (changed) => methods[kind](changed));
  };
  return {
    specificationVersion: "v4",
    wrapGenerate: <Result>(call: MiddlewareCall<Result, unknown>) => through("doGenerate", call) as Promise<Result>,
    wrapStream: <Result>(call: MiddlewareCall<unknown, Result>) => through("doStream", call) as Promise<Result>,
  };
}

/** A model whose requests go through the pipeline; everything else of it is as before. */
export function withHeadroom<M extends LanguageModelLike>(model: M, options: WithHeadroomOptions = {}): M {
  const wrap = new Wrap(options, providerOf(model.provider));
  const through = (kind: Kind) => (params: CallOptionsLike): Promise<Json> =>
    send(wrap, model, kind, params, (changed) => (model as unknown as Record<Kind, Call>)[kind](changed));
  const replaced: Record<string, unknown> = { doGenerate: through("doGenerate"), doStream: through("doStream") };
  return new Proxy(model, {
    get(target, name) {
      if (typeof name === "string" && name in replaced) return replaced[name];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

function providerOf(name: string): string {
  return ["openai", "anthropic", "gemini"].find((known) => name.startsWith(known)) ?? (name.startsWith("google") ? "gemini" : name);
}

async function send(
  wrap: Wrap,
  model: MiddlewareCall<unknown, unknown>["model"],
  kind: Kind,
  params: CallOptionsLike,
  call: (params: CallOptionsLike) => PromiseLike<Json>,
): Promise<Json> {
  const signal = params.abortSignal ?? null;
  const stream = kind === "doStream";
  if (wrap.client.baseUrl !== null) {
    return call({ ...params, prompt: await wrap.remote(params.prompt as object, model.modelId, signal) });
  }
  const metadata = { path: kind, stream, transport: "http" };
  const request = await wrap.begin(providerOf(model.provider), model.modelId, metadata, signal);
  const given = { model: model.modelId, messages: params.prompt, ...(params.tools ? { tools: params.tools } : {}) };
  const headers = definedOnly(params.headers);
  const prepared = await request.prepare(request.data.encode(given) ?? "null", headers);
  if (prepared.answered) return answer(prepared.response, model.specificationVersion, request, stream);
  const left = prepared.body === null ? given : keepEqual(given, request.data.decode(prepared.body), request.data);
  const changed = { ...params, prompt: left.messages, ...(left.tools ? { tools: left.tools } : {}) };
  if (prepared.headers) changed.headers = prepared.headers;
  let result: Json;
  try {
    result = await call(changed);
  } catch (failed) {
    const status = (failed as { statusCode?: unknown }).statusCode;
    await request.postSend(typeof status === "number" ? status : null, null);
    throw failed;
  }
  const response = isJson(result["response"]) ? result["response"] : {};
  await request.postSend(200, isJson(response["headers"]) ? (response["headers"] as Record<string, string>) : null);
  if (!request.observesResponse) return result;
  return stream ? watched(result, request) : replaced(result, request);
}

function definedOnly(headers: Record<string, string | undefined> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** What extensions see of a result. */
function shown({ content, finishReason, usage }: Json): Json {
  return { content, finishReason, usage };
}

async function replaced(result: Json, request: PipelineRequest): Promise<Json> {
  const seen = shown(result);
  const left = await request.received(seen, { statusCode: 200, stream: false, usage: seen["usage"] });
  return isJson(left) ? { ...result, ...left } : result;
}

function watched(result: Json, request: PipelineRequest): Json {
  const content: Json[] = [];
  const texts = new Map<unknown, Json>();
  let end: Json = {};
  const watch = new TransformStream<Json, Json>({
    transform(part, controller) {
      controller.enqueue(part);
      const type = string(part["type"]);
      const grown = /^(text|reasoning)-(start|delta)$/.exec(type);
      if (grown) {
        let whole = texts.get(part["id"]);
        if (!whole || grown[2] === "start") {
          whole = { type: grown[1], text: "" };
          texts.set(part["id"], whole);
          content.push(whole);
        }
        whole["text"] = string(whole["text"]) + string(part["delta"]);
      } else if (["tool-call", "tool-result", "source", "file"].includes(type)) {
        content.push(part);
      } else if (type === "finish") {
        end = part;
      }
    },
    async flush() {
      await request.received(shown({ ...end, content }), { statusCode: 200, stream: true, usage: end["usage"] });
    },
  });
  return { ...result, stream: (result["stream"] as ReadableStream<Json>).pipeThrough(watch) };
}

/** The answer of an extension, as a result of the model's own version. */
async function answer(response: unknown, version: string, request: PipelineRequest, stream: boolean): Promise<Json> {
  const whole = complete(isJson(response) ? response : { text: String(response) }, version);
  const left = await request.received(shown(whole), { statusCode: null, stream, usage: whole["usage"] });
  const final = isJson(left) ? { ...whole, ...left } : whole;
  return stream ? { stream: streamOf(final) } : final;
}

function complete(answer: Json, version: string): Json {
  const content = Array.isArray(answer["content"]) ? answer["content"] : [{ type: "text", text: string(answer["content"] ?? answer["text"]) }];
  const isOld = version === "v2";
  const finishReason = isOld ? "stop" : { unified: "stop", raw: undefined };
  const usage = isOld
    ? { inputTokens: 0, outputTokens: 0, totalTokens: 0 }
    : {
        inputTokens: { total: 0, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
        outputTokens: { total: 0, text: undefined, reasoning: undefined },
      };
  const { text: _, ...rest } = answer;
  return { finishReason, usage, warnings: [], ...rest, content };
}

function streamOf({ content, finishReason, usage, warnings }: Json): ReadableStream<Json> {
  return new ReadableStream<Json>({
    start(controller) {
      controller.enqueue({ type: "stream-start", warnings });
      for (const [index, part] of objects(content).entries()) {
        const kind = string(part["type"]);
        if (kind === "text" || kind === "reasoning") {
          const id = String(index);
          controller.enqueue({ type: `${kind}-start`, id });
          controller.enqueue({ type: `${kind}-delta`, id, delta: part["text"] });
          controller.enqueue({ type: `${kind}-end`, id });
        } else {
          controller.enqueue(part);
        }
      }
      controller.enqueue({ type: "finish", finishReason, usage });
      controller.close();
    },
  });
}
