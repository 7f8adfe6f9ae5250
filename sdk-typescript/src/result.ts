/** What a compression came to. */

import { keepEqual, withEdits, type LiveData, type Path } from "./live-data";
import type { CompressionStep } from "./progress";

/** Time and tokens of one step. */
export interface StepTiming {
  durationMs: number;
  tokensBefore: number;
  tokensAfter: number;
}

/** Time and tokens of each step, in step order. */
export type PipelineTiming = Partial<Record<CompressionStep, StepTiming>>;

/** What became of one block that a transform looked at. */
export interface BlockReport {
  /** Where it sits in the caller's data. */
  path: string;
  /** Index of its message in the caller's list. */
  message: number | null;
  toolName: string;
  kind: string;
  /** The transform; `null` when the block stayed as it came. */
  transform: string | null;
  lossless: boolean;
  tokensBefore: number;
  tokensAfter: number;
  ccrHashes: string[];
}

/** One call, or deliberate non-call, of an extension. */
export interface ExtensionReport {
  extension: string;
  stage: string;
  outcome: "ran" | "changed" | "answered" | "filtered" | "failed_open" | "failed_closed" | "timed_out" | "breaker_open";
  durationMs: number;
  warning: string | null;
}

/** Everything else that a compression did. */
export interface CompressReport {
  requestId: string;
  /** The tokenizer that counted. */
  tokenizer: string;
  /** Whether counts are estimates. */
  estimated: boolean;
  blocks: BlockReport[];
  extensions: ExtensionReport[];
  budget: { tokenBudget: number; tokensAfter: number; missedBy: number; reason: string | null } | null;
  /** First message from which on the prefix may differ from what an earlier request sent. */
  prefixChangedAt: number | null;
  warnings: string[];
  /** Why the pipeline as a whole could not run. */
  error: string | null;
}

/** What a compression came to. `messages` are in the caller's shape, and what was not changed is the caller's own. */
export interface CompressResult<T = unknown> {
  messages: T;
  tokensBefore: number;
  tokensAfter: number;
  tokensSaved: number;
  /** The share removed, saved / before, from 0 to 1. */
  compressionRatio: number;
  /** What was applied, as `router:<transform>:<share kept>`. */
  transformsApplied: string[];
  /** Hashes of the originals that markers name. */
  ccrHashes: string[];
  compressed: boolean;
  /** The answer of an extension; then the messages are the caller's. */
  response: unknown;
  pipelineTiming: PipelineTiming;
  report: CompressReport;
  /** Proof of what was replaced, for `headroom verify`; `null` when a proxy compressed. */
  certificate: Readonly<Record<string, unknown>> | null;
}

/** Reads what the native module wrote, and puts the new texts into the caller's own data. */
export function readResult<T>(written: Buffer, given: T, data: LiveData): CompressResult<T> {
  type Written = Omit<CompressResult<T>, "messages"> & { body: unknown; edits: (readonly [Path, string])[] | null };
  const { body, edits, ...result } = data.decode(written.toString()) as Written;
  const messages = edits ? withEdits(given, edits) : keepEqual(given, body, data);
  return { messages, ...result };
}

/** A result that leaves everything as it came. */
export function untouched<T>(messages: T, error: string | null): CompressResult<T> {
  return {
    messages,
    tokensBefore: 0,
    tokensAfter: 0,
    tokensSaved: 0,
    compressionRatio: 0,
    transformsApplied: [],
    ccrHashes: [],
    compressed: false,
    response: null,
    pipelineTiming: {},
    report: {
      requestId: "",
      tokenizer: "",
      estimated: true,
      blocks: [],
      extensions: [],
      budget: null,
      prefixChangedAt: null,
      warnings: error === null ? [] : [error],
      error,
    },
    certificate: null,
  };
}
