/** `withHeadroom` for clients of the package `openai`. */

import { Wrap, type WithHeadroomOptions } from "./request";
import { wrapFetch, type FetchLike } from "./wrapped-fetch";
import { CHAT } from "./wire/chat";
import { RESPONSES } from "./wire/responses";

export type { WithHeadroomOptions } from "./request";

/** What a client of `openai` has for this. */
export interface OpenAILike {
  withOptions(options: { fetch?: FetchLike }): unknown;
}

/**
 * A client whose Chat Completions and Responses go through the pipeline; everything else of it is as before.
 *
 * The given client is left as it is.
 */
export function withHeadroom<C extends OpenAILike>(client: C, options: WithHeadroomOptions = {}): C {
  const inner = (client as { fetch?: FetchLike }).fetch ?? fetch;
  const wrapped = wrapFetch((...request) => inner(...request), new Wrap(options, "openai"), [CHAT, RESPONSES]);
  return client.withOptions({ fetch: wrapped }) as C;
}
