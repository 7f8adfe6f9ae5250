/** Message formats: told apart, and converted to OpenAI's and back. */

import { isRecord } from "./errors";

/** The formats that are known. */
export type MessageFormat = "openai" | "openai-responses" | "anthropic" | "gemini" | "vercel-ai";

/** A tool call of an assistant message. */
export interface OpenAIToolCall {
  id: string;
  type: "function";
  function: { name: string; arguments: string };
}

/** A part of a content. */
export type OpenAIContentPart = { type: "text"; text: string } | ({ type: string } & Record<string, unknown>);

/** A message of OpenAI Chat Completions. */
export type OpenAIMessage =
  | { role: "system" | "developer" | "user"; content: string | OpenAIContentPart[]; name?: string }
  | { role: "assistant"; content?: string | OpenAIContentPart[] | null; tool_calls?: OpenAIToolCall[]; name?: string }
  | { role: "tool"; content: string | OpenAIContentPart[]; tool_call_id: string };

/** The format of a list of messages: that of the first message which only one has; otherwise OpenAI's. */
export function detectFormat(messages: readonly object[]): MessageFormat {
  for (const message of messages) {
    const format = isRecord(message) ? formatOf(message) : null;
    if (format) return format;
  }
  return "openai";
}

function formatOf(message: Record<string, unknown>): MessageFormat | null {
  if (Array.isArray(message["parts"])) return "gemini";
  if (message["role"] === undefined && typeof message["type"] === "string") return "openai-responses";
  if (message["tool_calls"] !== undefined || typeof message["tool_call_id"] === "string") return "openai";
  for (const part of records(message["content"])) {
    switch (part["type"]) {
      case "tool-call":
      case "tool-result":
      case "tool-approval-request":
      case "reasoning":
      case "file":
        if ("toolCallId" in part || "mediaType" in part || part["type"] === "reasoning") return "vercel-ai";
        break;
      case "tool_use":
      case "tool_result":
      case "thinking":
      case "redacted_thinking":
      case "document":
        return "anthropic";
      case "image":
        return "source" in part ? "anthropic" : "vercel-ai";
      case "image_url":
      case "input_audio":
        return "openai";
      case "input_text":
      case "output_text":
        return "openai-responses";
    }
  }
  return null;
}

/**
 * Messages of any format as OpenAI's. What OpenAI's has no place for (thinking, files, signatures) is left out, so a list
 * that came from {@link fromOpenAI} or goes there keeps texts, calls and results.
 */
export function toOpenAI(messages: readonly object[]): OpenAIMessage[] {
  const format = detectFormat(messages);
  if (format === "openai") return messages.map((message) => message as OpenAIMessage);
  const calls = new CallIds();
  return messages.flatMap((message) => converted(message as Record<string, unknown>, calls));
}

/** Ids of calls that come without one, by name and order. */
class CallIds {
  #next = 0;
  readonly #open = new Map<string, string[]>();

  called(id: unknown, name: string): string {
    if (typeof id === "string") return id;
    const made = `call_${this.#next++}`;
    this.#open.set(name, [...(this.#open.get(name) ?? []), made]);
    return made;
  }

  answered(id: unknown, name: string): string {
    if (typeof id === "string") return id;
    const [first, ...others] = this.#open.get(name) ?? [];
    this.#open.set(name, others);
    return first ?? name;
  }
}

function converted(message: Record<string, unknown>, ids: CallIds): OpenAIMessage[] {
  if (message["role"] === undefined) return responsesItem(message);
  const role = roleOf(message["role"]);
  const given = message["content"] ?? message["parts"];
  if (typeof given === "string") return [textMessage(role, given)];
  const texts: OpenAIContentPart[] = [];
  const calls: OpenAIToolCall[] = [];
  const results: OpenAIMessage[] = [];
  for (const part of records(given)) {
    const called = part["functionCall"];
    const answered = part["functionResponse"];
    if (part["type"] === "tool_use") {
      calls.push(call(string(part["id"]), string(part["name"]), part["input"]));
    } else if (part["type"] === "tool-call") {
      calls.push(call(string(part["toolCallId"]), string(part["toolName"]), part["input"]));
    } else if (isRecord(called)) {
      calls.push(call(ids.called(called["id"], string(called["name"])), string(called["name"]), called["args"]));
    } else if (part["type"] === "tool_result") {
      results.push({ role: "tool", tool_call_id: string(part["tool_use_id"]), content: resultText(part["content"]) });
    } else if (part["type"] === "tool-result") {
      const output = isRecord(part["output"]) ? part["output"]["value"] : part["output"];
      results.push({ role: "tool", tool_call_id: string(part["toolCallId"]), content: resultText(output) });
    } else if (isRecord(answered)) {
      const id = ids.answered(answered["id"], string(answered["name"]));
      const response = answered["response"];
      const output = isRecord(response) && "output" in response ? response["output"] : response;
      results.push({ role: "tool", tool_call_id: id, content: resultText(output) });
    } else if (typeof part["text"] === "string" && part["thought"] !== true && part["type"] !== "reasoning") {
      texts.push({ type: "text", text: part["text"] });
    }
  }
  const content = texts.length === 1 ? String(texts[0]?.["text"]) : texts;
  if (calls.length > 0) {
    return [{ role: "assistant", content: texts.length === 0 ? null : content, tool_calls: calls }, ...results];
  }
  return texts.length === 0 ? results : [...results, { ...textMessage(role, ""), content } as OpenAIMessage];
}

function responsesItem(item: Record<string, unknown>): OpenAIMessage[] {
  if (item["type"] === "function_call") {
    const tool_calls = [call(string(item["call_id"]), string(item["name"]), item["arguments"])];
    return [{ role: "assistant", content: null, tool_calls }];
  }
  if (item["type"] === "function_call_output") {
    return [{ role: "tool", tool_call_id: string(item["call_id"]), content: resultText(item["output"]) }];
  }
  return [];
}

function textMessage(role: "system" | "user" | "assistant", content: string): OpenAIMessage {
  return { role, content };
}

function roleOf(role: unknown): "system" | "user" | "assistant" {
  if (role === "assistant" || role === "model") return "assistant";
  return role === "system" || role === "developer" ? "system" : "user";
}

function call(id: string, name: string, input: unknown): OpenAIToolCall {
  const text = typeof input === "string" ? input : JSON.stringify(input ?? {});
  return { id, type: "function", function: { name, arguments: text } };
}

function resultText(value: unknown): string {
  if (typeof value === "string") return value;
  const texts = records(value).map((part) => part["text"]);
  if (texts.length > 0 && texts.every((text) => typeof text === "string")) return texts.join("\n");
  return JSON.stringify(value ?? null);
}

/** Messages of OpenAI's format in another one. */
export function fromOpenAI(messages: readonly OpenAIMessage[], format: MessageFormat): Record<string, unknown>[] {
  const names = new Map<string, string>();
  for (const message of messages) {
    for (const { id, function: called } of callsOf(message)) names.set(id, called.name);
  }
  const made = messages.flatMap((message) => inFormat(message, format, names));
  return format === "anthropic" || format === "gemini" ? joined(made, format) : made;
}

function inFormat(message: OpenAIMessage, format: MessageFormat, names: Map<string, string>): Record<string, unknown>[] {
  const texts = textsOf(message.content);
  const calls = callsOf(message);
  const id = message.role === "tool" ? message.tool_call_id : "";
  const name = names.get(id) ?? "";
  const result = texts.join("\n");
  switch (format) {
    case "openai":
      return [{ ...message }];
    case "openai-responses": {
      if (message.role === "tool") return [{ type: "function_call_output", call_id: id, output: result }];
      const made = calls.map((one) => ({ type: "function_call", call_id: one.id, name: one.function.name, arguments: one.function.arguments }));
      return texts.length === 0 ? made : [{ role: message.role, content: result }, ...made];
    }
    case "anthropic": {
      if (message.role === "tool") return [{ role: "user", content: [{ type: "tool_result", tool_use_id: id, content: result }] }];
      const uses = calls.map((one) => ({ type: "tool_use", id: one.id, name: one.function.name, input: parsed(one.function.arguments) }));
      if (uses.length > 0) return [{ role: "assistant", content: [...texts.map((text) => ({ type: "text", text })), ...uses] }];
      return [{ role: message.role, content: result }];
    }
    case "gemini": {
      const role = message.role === "assistant" ? "model" : "user";
      if (message.role === "tool") return [{ role, parts: [{ functionResponse: { id, name, response: { output: result } } }] }];
      const uses = calls.map((one) => ({ functionCall: { id: one.id, name: one.function.name, args: parsed(one.function.arguments) } }));
      return [{ role, parts: [...texts.map((text) => ({ text })), ...uses] }];
    }
    case "vercel-ai": {
      if (message.role === "tool") {
        const output = { type: "text", value: result };
        return [{ role: "tool", content: [{ type: "tool-result", toolCallId: id, toolName: name, output }] }];
      }
      const uses = calls.map((one) => ({ type: "tool-call", toolCallId: one.id, toolName: one.function.name, input: parsed(one.function.arguments) }));
      if (uses.length > 0) return [{ role: "assistant", content: [...texts.map((text) => ({ type: "text", text })), ...uses] }];
      return [{ role: message.role, content: result }];
    }
  }
}

/** Results of one turn stand in one message where the API wants them so. */
function joined(messages: Record<string, unknown>[], format: "anthropic" | "gemini"): Record<string, unknown>[] {
  const key = format === "anthropic" ? "content" : "parts";
  const isResults = (message: Record<string, unknown> | undefined): boolean =>
    message !== undefined && records(message[key]).length > 0 && records(message[key]).every((part) => part["type"] === "tool_result" || "functionResponse" in part);
  const made: Record<string, unknown>[] = [];
  for (const message of messages) {
    const last = made.at(-1);
    if (last && isResults(last) && isResults(message)) last[key] = [...records(last[key]), ...records(message[key])];
    else made.push(message);
  }
  return made;
}

function callsOf(message: OpenAIMessage): OpenAIToolCall[] {
  return message.role === "assistant" ? (message.tool_calls ?? []) : [];
}

function textsOf(content: string | OpenAIContentPart[] | null | undefined): string[] {
  if (typeof content === "string") return content === "" ? [] : [content];
  return (content ?? []).flatMap((part) => (typeof part["text"] === "string" ? [part["text"]] : []));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return { input: text };
  }
}

function records(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? (value as unknown[]).filter(isRecord) : [];
}

function string(value: unknown): string {
  return typeof value === "string" ? value : "";
}
