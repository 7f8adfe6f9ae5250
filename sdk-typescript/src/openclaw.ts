/** `HeadroomContextEngine`: compresses what OpenClaw sends, when it assembles it. */

import { HeadroomClient, type HeadroomClientOptions } from "./client";
import { isRecord } from "./errors";
import type { OpenAIMessage } from "./formats";
import type { EngineOptions } from "./options";

/** A message of an OpenClaw session. */
export interface AgentMessage {
  role: string;
  content?: unknown;
}

/** What the engine is made with. */
export interface HeadroomContextEngineOptions extends HeadroomClientOptions, EngineOptions {
  /** The client whose settings hold; by default one of the settings given here. */
  client?: HeadroomClient | null;
  /** Chooses the tokenizer. */
  model?: string;
  /** The runtime's own compaction, `delegateCompactionToRuntime` of `openclaw/plugin-sdk/core`. */
  delegateCompaction?: ((request: CompactRequest) => Promise<CompactOutcome>) | null;
}

/** Names a session. */
export interface SessionRequest {
  sessionId: string;
}

/** What is to be assembled. */
export interface AssembleRequest<M extends AgentMessage> extends SessionRequest {
  messages: M[];
  tokenBudget?: number;
  model?: string;
}

/** What was assembled. */
export interface AssembleOutcome<M extends AgentMessage> {
  messages: M[];
  estimatedTokens: number;
}

/** What is to be compacted. */
export interface CompactRequest extends SessionRequest {
  sessionFile?: string;
  tokenBudget?: number;
  force?: boolean;
}

/** What a compaction came to. */
export interface CompactOutcome {
  ok: boolean;
  compacted: boolean;
  reason?: string;
}

/**
 * A context engine: `api.registerContextEngine("headroom", () => new HeadroomContextEngine())`.
 *
 * Tool results become smaller when a turn is assembled; the session itself stays as it is, so nothing is ever lost.
 */
export class HeadroomContextEngine {
  /** How OpenClaw knows it. Summaries stay the runtime's. */
  readonly info = { id: "headroom", name: "Headroom", ownsCompaction: false } as const;
  readonly #client: HeadroomClient;
  readonly #options: HeadroomContextEngineOptions;

  constructor(options: HeadroomContextEngineOptions = {}) {
    this.#client = options.client ?? new HeadroomClient(options);
    this.#options = options;
  }

  /** A session begins; there is nothing to read first. */
  bootstrap(_request: SessionRequest): Promise<{ bootstrapped: boolean }> {
    return Promise.resolve({ bootstrapped: true });
  }

  /** A message came; the runtime keeps it. */
  ingest(_request: SessionRequest & { message: AgentMessage }): Promise<{ ingested: boolean }> {
    return Promise.resolve({ ingested: false });
  }

  /** The messages of a turn, with tool results compressed; what was not is the caller's own object. */
  async assemble<M extends AgentMessage>(request: AssembleRequest<M>): Promise<AssembleOutcome<M>> {
    const { messages, sessionId } = request;
    const { mode, compressUserMessages, protectRecent, minTokensToCompress, excludeTools } = this.#options;
    const result = await this.#client.compress(messages.map(asOpenAI), {
      mode,
      compressUserMessages,
      protectRecent,
      minTokensToCompress,
      excludeTools,
      sessionId,
      model: request.model ?? this.#options.model,
      tokenBudget: request.tokenBudget ?? this.#options.tokenBudget,
    });
    const assembled = messages.map((message, index) => withTexts(message, result.messages[index]));
    return { messages: assembled, estimatedTokens: result.tokensAfter };
  }

  /** Hands over to the runtime; without it nothing is summarised. */
  compact(request: CompactRequest): Promise<CompactOutcome> {
    const { delegateCompaction } = this.#options;
    if (delegateCompaction) return delegateCompaction(request);
    return Promise.resolve({ ok: true, compacted: false, reason: "messages are compressed when they are assembled" });
  }

  /** A turn ended; nothing is kept between turns. */
  afterTurn(_request: SessionRequest): Promise<void> {
    return Promise.resolve();
  }

  /** The engine is no longer needed; it holds nothing open. */
  dispose(): Promise<void> {
    return Promise.resolve();
  }
}

interface TextPart {
  type: "text";
  text: string;
}

function textParts(content: unknown): TextPart[] {
  if (typeof content === "string") return [{ type: "text", text: content }];
  return parts(content).filter((part): part is Record<string, unknown> & TextPart => isText(part));
}

function isText(part: Record<string, unknown>): boolean {
  return part["type"] === "text" && typeof part["text"] === "string";
}

function parts(content: unknown): Record<string, unknown>[] {
  return Array.isArray(content) ? (content as unknown[]).filter(isRecord) : [];
}

/** A message as the engine reads it; one for one, so that positions stay. */
function asOpenAI(message: AgentMessage): OpenAIMessage {
  const content = textParts(message.content).map(({ text }): TextPart => ({ type: "text", text }));
  const { toolCallId, isError } = message as { toolCallId?: unknown; isError?: unknown };
  switch (message.role) {
    case "toolResult":
      if (isError === true) {
        const tool_use_id = String(toolCallId ?? "");
        return { role: "user", content: [{ type: "tool_result", tool_use_id, is_error: true, content }] };
      }
      return { role: "tool", tool_call_id: String(toolCallId ?? ""), content };
    case "assistant": {
      const calls = parts(message.content).filter((part) => part["type"] === "toolCall");
      if (calls.length === 0) return { role: "assistant", content };
      const tool_calls = calls.map((call) => {
        const called = { name: String(call["name"] ?? ""), arguments: JSON.stringify(call["arguments"] ?? {}) };
        return { id: String(call["id"] ?? ""), type: "function" as const, function: called };
      });
      return { role: "assistant", content, tool_calls };
    }
    case "system":
      return { role: "system", content };
    default:
      return { role: "user", content };
  }
}

/** A message with the texts of its compressed form; the message itself when they are the same. */
function withTexts<M extends AgentMessage>(message: M, compressed: OpenAIMessage | undefined): M {
  const before = textParts(message.content);
  const after = textParts(compressed?.content);
  if (after.length !== before.length || after.every(({ text }, index) => text === before[index]?.text)) return message;
  if (typeof message.content === "string") return { ...message, content: after[0]?.text };
  let next = 0;
  const content = (message.content as unknown[]).map((part) => {
    if (!isRecord(part) || !isText(part)) return part;
    const { text } = after[next++] ?? { text: part["text"] };
    return text === part["text"] ? part : { ...part, text };
  });
  return { ...message, content };
}
