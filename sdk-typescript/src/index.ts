/** The context layer between an application and a language model. */

export { compress, simulate, type CompressOptions } from "./compress";
export { HeadroomClient, type ClientCompressOptions, type HeadroomClientOptions, type RetrieveOptions } from "./client";
export type { CompressMode, EngineOptions, ParticipantOptions } from "./options";
export type {
  BlockReport,
  CompressReport,
  CompressResult,
  ExtensionReport,
  PipelineTiming,
  StepTiming,
} from "./result";
export { answerToolCall, retrieve, retrieveTool, type ToolProvider } from "./retrieve";
export {
  CompressionHooks,
  countTurns,
  extractToolCalls,
  extractUserQuery,
  type CompressContext,
  type CompressEvent,
  type ExtractedToolCall,
  type HookMessages,
  type HooksLike,
} from "./hooks";
export type {
  Biases,
  CompressionStep,
  OnPipelineEvent,
  PipelineCompleteData,
  PipelineErrorData,
  PipelineEventArguments,
  PipelineEventData,
  PipelineEventName,
  PipelineStartData,
  PipelineStepData,
} from "./progress";
export {
  CANONICAL_PIPELINE_STAGES,
  PipelineEvent,
  PipelineStage,
  type MaybeExtension,
  type PipelineAnswer,
  type PipelineEventFields,
  type PipelineExtension,
  type PipelineFilter,
  type PipelineMetadata,
  type PipelineOperation,
} from "./pipeline";
export { startProxy, type ProxyExtension, type ProxyOptions, type ProxyServer } from "./proxy";
export { PipelineExtensionManager, type PipelineExtensionManagerOptions } from "./manager";
export { SharedContext, type SharedContextOptions, type SharedContextStats } from "./shared-context";
export {
  CacheError,
  ConfigurationError,
  ExtensionError,
  HeadroomAuthError,
  HeadroomCompressError,
  HeadroomConnectionError,
  HeadroomError,
  mapProxyError,
  ProviderError,
  StorageError,
  TokenizationError,
  TransformError,
  ValidationError,
  type ErrorDetails,
} from "./errors";
export {
  detectFormat,
  fromOpenAI,
  toOpenAI,
  type MessageFormat,
  type OpenAIContentPart,
  type OpenAIMessage,
  type OpenAIToolCall,
} from "./formats";
export { collectStream, parseSSE, type EventSourceLike, type ServerSentEvent } from "./sse";
