/** `compress` and `simulate`. */

import { HeadroomClient, type HeadroomClientOptions } from "./client";
import type { EngineOptions, ParticipantOptions } from "./options";
import type { CompressResult } from "./result";

/** What `compress` takes beside the messages. */
export interface CompressOptions extends EngineOptions, ParticipantOptions {
  /** The client whose settings hold; by default a client of this process, or of `HEADROOM_BASE_URL`. */
  client?: HeadroomClient | null;
  /** Chooses the tokenizer. */
  model?: string;
  /** `openai`, `anthropic` or `gemini`; by default told from the shape. */
  provider?: string;
  /** When false, tokens are only counted. */
  optimize?: boolean;
  /** Is in the metadata of every event. */
  sessionId?: string | null;
  /** Where originals go: a path, `sqlite:///path` or `:memory:`. */
  store?: string | null;
  /** Ends the call. */
  signal?: AbortSignal | null;
  /** Settings of the client that is made when none is given. */
  apiKey?: HeadroomClientOptions["apiKey"];
  baseUrl?: HeadroomClientOptions["baseUrl"];
  timeout?: HeadroomClientOptions["timeout"];
  fallback?: HeadroomClientOptions["fallback"];
  retries?: HeadroomClientOptions["retries"];
}

/**
 * Makes messages smaller and keeps every original retrievable.
 *
 * `messages` is a list of messages or a whole request body of OpenAI (Chat Completions or Responses), Anthropic, Gemini or
 * the Vercel AI SDK. It is never changed; the result has the same shape, and what was not compressed is your own object.
 *
 * @throws ConfigurationError for an option that it cannot have, ExtensionError when a `closed` extension refuses.
 */
export function compress<T extends object>(messages: T, options: CompressOptions = {}): Promise<CompressResult<T>> {
  const { client, apiKey, baseUrl, timeout, fallback, retries, ...rest } = options;
  return (client ?? new HeadroomClient({ apiKey, baseUrl, timeout, fallback, retries })).compress(messages, rest);
}

/** Tells what `compress` would come to; no original is kept. */
export function simulate<T extends object>(messages: T, options: CompressOptions = {}): Promise<CompressResult<T>> {
  return compress(messages, { ...options, store: ":memory:" });
}
