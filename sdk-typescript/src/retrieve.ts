/** Originals back: as a function, and as a tool that a model calls. */

import { HeadroomClient, type RetrieveOptions } from "./client";
import { callForJson, native } from "./native";

/**
 * The original that a marker names, or the part of it that is asked for.
 *
 * @throws StorageError with `code` `not_found` or `expired` when there is none.
 */
export function retrieve(
  hash: string,
  options: RetrieveOptions & { client?: HeadroomClient | null; store?: string | null } = {},
): Promise<string> {
  const { client, store, ...rest } = options;
  return (client ?? new HeadroomClient({ store })).retrieve(hash, rest);
}

/** The APIs that the retrieval tool is defined for. */
export type ToolProvider = "openai" | "openai-responses" | "anthropic" | "gemini";

/** The definition of the retrieval tool, to be appended to the `tools` of a request. */
export async function retrieveTool(provider: ToolProvider = "openai"): Promise<Record<string, unknown>> {
  return (await callForJson(null, (abort) => native.retrieveTool(provider, abort))) as Record<string, unknown>;
}

/**
 * The message that answers a model's call of the retrieval tool, to be appended to the conversation.
 *
 * `call` is an entry of `tool_calls`, a `function_call` item, a `tool_use` block or a part with `functionCall`.
 */
export async function answerToolCall(
  call: object,
  options: { store?: string | null; signal?: AbortSignal | null } = {},
): Promise<Record<string, unknown>> {
  const text = JSON.stringify(call);
  const { store = null, signal } = options;
  return (await callForJson(signal, (abort) => native.answerToolCall(text, store, abort))) as Record<string, unknown>;
}
