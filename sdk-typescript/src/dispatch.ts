/** The one function of a call that the native module reaches user code through. */

import type { EventFields } from "headroom-native";

import { isRecord } from "./errors";
import type { CompressContext, CompressEvent, HookMessages, HooksLike } from "./hooks";
import type { LiveData } from "./live-data";
import { tell, UserFailure, type Logged } from "./native";
import type { PipelineEvent, PipelineExtension } from "./pipeline";
import { tellProgress, type OnPipelineEvent, type PipelineEventArguments } from "./progress";
import { looksLikeEvent, RunningEvent, typeName, type EventHead } from "./running-event";

/** The function that the native module calls. */
export type Dispatch = (
  target: string,
  index: number,
  argument: string,
  messages: string | null,
  fields: EventFields | null,
) => Promise<string | null> | string | null;

/** The user code of one call. */
export interface UserCode {
  extensions: readonly PipelineExtension[];
  hooks: readonly HooksLike[];
  onPipelineEvent: OnPipelineEvent | null;
  data: LiveData;
  /** The events of a direct caller, by place. */
  events: PipelineEvent[];
}

/** Makes the dispatcher of a call, or `null` when the call has no user code. */
export function dispatcher(code: UserCode): Dispatch | null;
/** Makes the dispatcher of a host, which is told what is logged even when there is no user code. */
export function dispatcher(code: UserCode, isHost: true): Dispatch;
export function dispatcher(code: UserCode, isHost = false): Dispatch | null {
  const hasUserCode = code.extensions.length > 0 || code.hooks.length > 0 || code.onPipelineEvent !== null;
  if (!hasUserCode && !isHost) return null;
  return (target, index, argument, messages, fields) => {
    if (target === "log") return logged(argument);
    try {
      const [returned, close] = start(code, target, index, argument, messages, fields);
      if (!isThenable(returned)) return close(returned);
      return Promise.resolve(returned).then(close).catch(fail);
    } catch (thrown) {
      return fail(thrown);
    }
  };
}

/** Writes a record as the calls of this package do. Nobody would catch what is thrown here. */
function logged(argument: string): null {
  try {
    tell(JSON.parse(argument) as Logged);
  } catch {
    // A console that fails must not end the process.
  }
  return null;
}

function fail(thrown: unknown): never {
  throw new UserFailure(thrown);
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}

/** Calls user code and gives what it returned, and how to read what it left. */
function start(
  code: UserCode,
  target: string,
  index: number,
  argument: string,
  messages: string | null,
  fields: EventFields | null,
): [returned: unknown, close: (returned: unknown) => string | null] {
  const { data } = code;
  const hooks = code.hooks[index];
  const given = JSON.parse(argument) as unknown;
  switch (target) {
    case "extension":
      return onEvent(code, code.extensions[index], given as EventHead, argument, fields);
    case "preCompress": {
      const copy = data.decode(messages ?? "[]") as HookMessages;
      const close = (returned: unknown): string | null => {
        const text = data.encode(returned ?? copy);
        return text === undefined || text === data.encode(data.decode(messages ?? "[]")) ? null : text;
      };
      return [hooks?.preCompress?.(copy, given as CompressContext), close];
    }
    case "computeBiases": {
      const copy = data.decode(messages ?? "[]") as HookMessages;
      const close = (returned: unknown): string | null => JSON.stringify(returned ?? null);
      const biases = (returned: unknown): string | null => (returned === undefined ? null : close(returned));
      return [hooks?.computeBiases?.(copy, given as CompressContext), biases];
    }
    case "postCompress":
      return [hooks?.postCompress?.(given as CompressEvent), () => null];
    default: {
      const { name, data: shown } = given as { name: string; data: Record<string, unknown> };
      const returned = tellProgress(code.onPipelineEvent, [name, shown] as unknown as PipelineEventArguments);
      return [returned, () => leftOfProgress(argument, shown)];
    }
  }
}

/** Biases and metadata that a progress handler changed; `null` when it changed nothing. */
function leftOfProgress(argument: string, shown: Record<string, unknown>): string | null {
  const before = (JSON.parse(argument) as { data: Record<string, unknown> }).data;
  const biases = JSON.stringify(shown["biases"]) === JSON.stringify(before["biases"]) ? null : shown["biases"];
  const [was, now] = [before["metadata"], shown["metadata"]];
  const metadata: Record<string, unknown> = {};
  let removed: string[] = [];
  if (isRecord(was) && isRecord(now)) {
    for (const [name, value] of Object.entries(now)) {
      if (JSON.stringify(value) !== JSON.stringify(was[name])) metadata[name] = value;
    }
    removed = Object.keys(was).filter((name) => now[name] === undefined);
  }
  if (biases === null && removed.length === 0 && Object.keys(metadata).length === 0) return null;
  return JSON.stringify({ biases, metadata, removed });
}

function onEvent(
  code: UserCode,
  extension: PipelineExtension | undefined,
  head: EventHead,
  written: string,
  fields: EventFields | null,
): [unknown, (returned: unknown) => string | null] {
  if (head.place !== null || fields === null) {
    const event = code.events[head.place ?? 0];
    if (!event) throw new Error("the event of a direct caller is gone");
    return [extension?.onPipelineEvent(event), (returned) => leftOfDirectCaller(code.events, event, returned)];
  }
  const running = new RunningEvent(head, written, fields, code.data);
  return [extension?.onPipelineEvent(running.event), (returned) => running.close(returned)];
}

/** What a direct caller's extension returned; in-place changes are in the caller's own object already. */
function leftOfDirectCaller(events: PipelineEvent[], given: PipelineEvent, returned: unknown): string | null {
  if (returned === undefined || returned === null || returned === given) return null;
  const isEvent = looksLikeEvent(returned);
  const event = isEvent ? returned : given;
  const place = isEvent ? events.push(returned as PipelineEvent) - 1 : null;
  return JSON.stringify({
    wrongType: isEvent ? null : typeName(returned),
    isEvent,
    place,
    stage: event.stage,
    operation: event.operation,
    requestId: event.requestId ?? "",
    provider: event.provider ?? "",
    model: event.model ?? "",
    fields: {},
    metadata: {},
    removed: [],
  });
}
