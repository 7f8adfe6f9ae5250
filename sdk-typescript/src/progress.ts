/** The four progress events of a compression. */

/** The parts of a compression, in the order in which they run. */
export type CompressionStep = "bias" | "ccr" | "cache" | "dedupe" | "compression" | "budget";

/** How much to keep of messages, by index in the caller's list: above 1 more, below 1 less. */
export type Biases = Record<number, number>;

interface ProgressData {
  requestId: string;
  /** May be changed; lives as long as the request. */
  metadata: Record<string, unknown>;
}

/** Before the first step. */
export interface PipelineStartData extends ProgressData {
  model: string;
  provider: string;
  operation: string;
  /** Milliseconds since the epoch. */
  startTime: number;
  tokenBudget: number | null;
  /** May be changed; read back before the next step. */
  biases: Biases;
}

/** After each step. */
export interface PipelineStepData extends ProgressData {
  step: CompressionStep;
  tokensBefore: number;
  tokensAfter: number;
  durationMs: number;
  warnings: string[];
  /** May be changed; read back before the next step. */
  biases: Biases;
}

/** After the last step. */
export interface PipelineCompleteData extends ProgressData {
  tokensBefore: number;
  tokensAfter: number;
  tokensSaved: number;
  /** The share removed, from 0 to 1. */
  compressionRatio: number;
  transformsApplied: string[];
  ccrHashes: string[];
  durationMs: number;
}

/** The pipeline as a whole could not run; the result is the original. */
export interface PipelineErrorData extends ProgressData {
  error: string;
  step: CompressionStep | null;
}

/** The data of each event, by name. */
export interface PipelineEventData {
  "pipeline:start": PipelineStartData;
  "pipeline:step": PipelineStepData;
  "pipeline:complete": PipelineCompleteData;
  "pipeline:error": PipelineErrorData;
}

/** The names of the events. */
export type PipelineEventName = keyof PipelineEventData;

/** Name and data of an event; a `switch` over the name tells the type of the data. */
export type PipelineEventArguments = { [Name in PipelineEventName]: [name: Name, data: PipelineEventData[Name]] }[PipelineEventName];

/**
 * Is told of progress. What it throws is logged and skipped, a promise is awaited, and what it gives is not looked at.
 * Declared with both parameters, the name tells the type of the data.
 */
export type OnPipelineEvent = TakesNameAndData | TakesName;

type TakesNameAndData = (...event: PipelineEventArguments) => unknown;

/**
 * A handler that looks at the name only. Two signatures that differ in nothing but a type parameter: TypeScript then takes
 * the types of a handler's parameters from {@link TakesNameAndData} alone, for handlers with one parameter too.
 */
interface TakesName {
  (name: PipelineEventName): unknown;
  <_>(name: PipelineEventName): unknown;
}

/** Calls a handler. */
export function tellProgress(handler: OnPipelineEvent | null, event: PipelineEventArguments): unknown {
  return (handler as TakesNameAndData | null)?.(...event);
}
