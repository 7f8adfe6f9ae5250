/** `withHeadroom` for clients of the package `@anthropic-ai/sdk`. */

import { Wrap, type WithHeadroomOptions } from "./request";
import { wrapFetch, type FetchLike } from "./wrapped-fetch";
import { MESSAGES } from "./wire/messages";

export type { WithHeadroomOptions } from "./request";

/** What a client of `@anthropic-ai/sdk` has for this. */
export interface AnthropicLike {
  withOptions(options: { fetch?: FetchLike }): unknown;
}

/**
 * A client whose Messages go through the pipeline; everything else of it is as before.
 *
 * The given client is left as it is.
 */
export function withHeadroom<C extends AnthropicLike>(client: C, options: WithHeadroomOptions = {}): C {
  const inner = (client as { fetch?: FetchLike }).fetch ?? fetch;
  const wrapped = wrapFetch((...request) => inner(...request), new Wrap(options, "anthropic"), [MESSAGES]);
  return client.withOptions({ fetch: wrapped }) as C;
}
