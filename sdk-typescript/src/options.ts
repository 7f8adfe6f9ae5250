/** What a caller may set. */

import type { HooksLike } from "./hooks";
import type { MaybeExtension } from "./pipeline";
import type { OnPipelineEvent } from "./progress";

/** The model when none is named. */
export const DEFAULT_MODEL = "claude-sonnet-4-5-20250929";

/** How far compression goes. */
export type CompressMode = "lossless" | "balanced" | "aggressive";

/** Options of the engine; what is left out has the engine's default. */
export interface EngineOptions {
  /** How far compression goes. Default: `balanced`. */
  mode?: CompressMode;
  /** Whether user text may be compressed as tool results are. Default: false. */
  compressUserMessages?: boolean;
  /** How many of the last messages stay untouched. Default: 0. */
  protectRecent?: number;
  /** Whether code and diffs stay whole when the last user message asks for an analysis. Default: false. */
  protectAnalysisContext?: boolean;
  /** The share of tokens to keep, above 0 and at most 1. Default: none. */
  targetRatio?: number | null;
  /** Tokens that the request may cost at most. Default: none. */
  tokenBudget?: number | null;
  /** Blocks with fewer tokens are left alone. Default: 100. */
  minTokensToCompress?: number;
  /** Globs of tool names whose results are left alone. Default: none. */
  excludeTools?: readonly string[];
  /** Messages at the start that the caller froze. Default: 0. */
  frozenMessageCount?: number;
}

/** Other people's code that takes part. */
export interface ParticipantOptions {
  /** Hooks: a `CompressionHooks`, a plain object with some of its methods, or a list of them. */
  hooks?: HooksLike | readonly HooksLike[] | null;
  /** Extensions: objects with `onPipelineEvent(event)`. */
  extensions?: MaybeExtension | readonly MaybeExtension[] | null;
  /** Is called with the name and the data of each progress event. */
  onPipelineEvent?: OnPipelineEvent | null;
}

/** Names of the engine's options, as TypeScript and as the engine writes them. */
const NAMES: Readonly<Record<keyof EngineOptions, string>> = {
  mode: "mode",
  compressUserMessages: "compress_user_messages",
  protectRecent: "protect_recent",
  protectAnalysisContext: "protect_analysis_context",
  targetRatio: "target_ratio",
  tokenBudget: "token_budget",
  minTokensToCompress: "min_tokens_to_compress",
  excludeTools: "exclude_tools",
  frozenMessageCount: "frozen_message_count",
};

/** The engine's options that are set, with the engine's names. */
export function engineOptions(options: EngineOptions): Record<string, unknown> {
  const set: Record<string, unknown> = {};
  for (const [name, engineName] of Object.entries(NAMES)) {
    const value = options[name as keyof EngineOptions];
    if (value !== undefined && value !== null) set[engineName] = value;
  }
  return set;
}
