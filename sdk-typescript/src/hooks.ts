/** Hooks around a compression, and what they are told. */

import { isRecord } from "./errors";
import { nameOf } from "./pipeline";
import type { Biases } from "./progress";

/** What a hook knows of the request. */
export interface CompressContext {
  model: string;
  /** The last user text. */
  userQuery: string;
  /** How many user messages the conversation has. */
  turnNumber: number;
  /** Names of the tools whose results the conversation has, in order. */
  toolCalls: string[];
  provider: string;
}

/** What a compression came to. */
export interface CompressEvent {
  tokensBefore: number;
  tokensAfter: number;
  tokensSaved: number;
  /** The share removed, from 0 to 1. */
  compressionRatio: number;
  transformsApplied: string[];
  ccrHashes: string[];
  model: string;
  userQuery: string;
  provider: string;
}

/** A list of messages in the caller's shape. */
export type HookMessages = Record<string, unknown>[];

/** Hooks around a compression. Override what you need, or give a plain object with some of the methods. */
export class CompressionHooks {
  /** May replace the messages before anything else reads them. Gets a copy. */
  preCompress(messages: HookMessages, _context: CompressContext): HookMessages | void | Promise<HookMessages | void> {
    return messages;
  }

  /** May say which messages keep more or less. */
  computeBiases(_messages: HookMessages, _context: CompressContext): Biases | void | Promise<Biases | void> {
    return {};
  }

  /** Is told what the compression came to, exactly once a call. A promise is awaited; what it gives is not looked at. */
  postCompress(_event: CompressEvent): unknown {
    return undefined;
  }
}

/** Hooks as a class or as a partial object. */
export type HooksLike = Partial<CompressionHooks>;

/** The hooks that an object really has, for the native module. */
export function hookMethods(hooks: HooksLike): { name: string; preCompress: boolean; computeBiases: boolean; postCompress: boolean } {
  return {
    name: nameOf(hooks),
    preCompress: isOwn(hooks, "preCompress"),
    computeBiases: isOwn(hooks, "computeBiases"),
    postCompress: isOwn(hooks, "postCompress"),
  };
}

/** Whether a method is there and not the base class's own, which does nothing. */
export function isOwn(hooks: HooksLike, name: keyof CompressionHooks): boolean {
  const method: unknown = hooks[name];
  return typeof method === "function" && method !== CompressionHooks.prototype[name];
}

/** The last user text of a list of messages in any shape. */
export function extractUserQuery(messages: readonly object[]): string {
  for (const message of [...messages].reverse()) {
    const texts = userTexts(message);
    if (texts.length > 0) return texts.join("\n");
  }
  return "";
}

/** How many user messages a list of messages has. */
export function countTurns(messages: readonly object[]): number {
  return messages.filter((message) => userTexts(message).length > 0).length;
}

function userTexts(message: object): string[] {
  if (!isRecord(message) || message["role"] !== "user") return [];
  const content = message["content"] ?? message["parts"];
  if (typeof content === "string") return content === "" ? [] : [content];
  if (!Array.isArray(content)) return [];
  const texts = (content as unknown[]).map((part) => (isRecord(part) ? part["text"] : undefined));
  return texts.filter((text): text is string => typeof text === "string" && text !== "");
}

/** A tool call of a conversation. */
export interface ExtractedToolCall {
  id: string;
  name: string;
  /** Arguments as JSON text. */
  arguments: string;
}

/** The tool calls of a list of messages in any shape, in order. */
export function extractToolCalls(messages: readonly object[]): ExtractedToolCall[] {
  const calls: ExtractedToolCall[] = [];
  const add = (id: unknown, name: unknown, given: unknown): void => {
    if (typeof name !== "string") return;
    const text = typeof given === "string" ? given : (JSON.stringify(given) ?? "");
    calls.push({ id: typeof id === "string" ? id : "", name, arguments: text });
  };
  for (const message of messages) {
    if (!isRecord(message)) continue;
    if (message["type"] === "function_call") add(message["call_id"], message["name"], message["arguments"]);
    for (const call of list(message["tool_calls"])) {
      const called = isRecord(call["function"]) ? call["function"] : {};
      add(call["id"], called["name"], called["arguments"]);
    }
    for (const part of [...list(message["content"]), ...list(message["parts"])]) {
      if (part["type"] === "tool_use") add(part["id"], part["name"], part["input"]);
      if (part["type"] === "tool-call") add(part["toolCallId"], part["toolName"], part["input"]);
      const called = part["functionCall"];
      if (isRecord(called)) add(called["id"], called["name"], called["args"]);
    }
  }
  return calls;
}

function list(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? (value as unknown[]).filter(isRecord) : [];
}
