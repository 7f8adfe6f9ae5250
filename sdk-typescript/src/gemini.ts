/** `withHeadroom` for clients of the package `@google/genai`. */

import { ConfigurationError } from "./errors";
import { Wrap, type WithHeadroomOptions } from "./request";
import { wrapFetch, type FetchLike } from "./wrapped-fetch";
import { GENERATE_CONTENT } from "./wire/generate-content";

export type { WithHeadroomOptions } from "./request";

/** What a client of `@google/genai` has for this. */
export interface GeminiLike {
  readonly models: object;
}

/** Where the package keeps how it fetches. */
interface ApiClient {
  getFetch(): FetchLike | undefined;
  clientOptions: { httpOptions?: { fetch?: FetchLike } };
}

/**
 * Lets `generateContent` and `generateContentStream` of a client, chats included, go through the pipeline, and gives the
 * client back; the package has no way to copy one.
 *
 * @throws ConfigurationError for a version of the package that takes no `fetch` (before 3.0).
 */
export function withHeadroom<C extends GeminiLike>(client: C, options: WithHeadroomOptions = {}): C {
  const { apiClient } = client as { apiClient?: Partial<ApiClient> };
  if (typeof apiClient?.getFetch !== "function" || !apiClient.clientOptions) {
    const sentence = "client: expected a GoogleGenAI of @google/genai 3 or later, found one that takes no fetch";
    throw new ConfigurationError(sentence, { code: "configuration" });
  }
  const inner = apiClient.getFetch() ?? fetch;
  const wrapped = wrapFetch((...request) => inner(...request), new Wrap(options, "gemini"), [GENERATE_CONTENT]);
  apiClient.clientOptions.httpOptions = { ...apiClient.clientOptions.httpOptions, fetch: wrapped };
  return client;
}
