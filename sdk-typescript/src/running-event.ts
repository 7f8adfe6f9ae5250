/** Events of a running request: what an extension sees, and what it left. */

import type { EventFields } from "headroom-native";

import { isRecord } from "./errors";
import type { LiveData } from "./live-data";
import { CANONICAL_PIPELINE_STAGES, PipelineEvent, type PipelineEventFields, type PipelineStage } from "./pipeline";

/** The light fields of an event, as the native module writes them. */
export interface EventHead {
  stage: PipelineStage;
  operation: string;
  requestId: string;
  provider: string;
  model: string;
  /** Where the event of a direct caller stands among those of its call. */
  place: number | null;
  /** Heavy fields that are there. */
  present: HeavyField[];
  metadata: Record<string, unknown>;
  /** Names of metadata that are made when they are touched. */
  lazyMetadata: string[];
}

type HeavyField = "messages" | "tools" | "headers" | "payload" | "response";
const HEAVY: readonly HeavyField[] = ["messages", "tools", "headers", "payload", "response"];

/** An event whose heavy fields are made when they are touched. */
export class RunningEvent {
  readonly event: PipelineEvent;
  readonly #head: EventHead;
  readonly #written: string;
  readonly #fields: EventFields;
  readonly #data: LiveData;
  /** The text of each touched field as it came. */
  readonly #touched = new Map<string, string>();
  #metadataTouched = false;

  constructor(head: EventHead, written: string, fields: EventFields, data: LiveData) {
    this.#head = head;
    this.#written = written;
    this.#fields = fields;
    this.#data = data;
    const { stage, operation, requestId, provider, model } = head;
    const event = Object.assign(Object.create(PipelineEvent.prototype) as PipelineEvent, {
      stage,
      operation,
      requestId,
      provider,
      model,
    });
    for (const name of HEAVY) {
      if (head.present.includes(name)) defineLazy(event, name, () => this.#read(name));
      else event[name] = null;
    }
    defineLazy(event, "metadata", () => this.#metadata());
    this.event = event;
  }

  #read(name: HeavyField): unknown {
    const text = this.#fields.field(name) ?? "null";
    this.#touched.set(name, text);
    return this.#data.decode(text);
  }

  #metadata(): Record<string, unknown> {
    this.#metadataTouched = true;
    const metadata = this.#head.metadata;
    for (const name of this.#head.lazyMetadata) {
      defineLazy(metadata, name, () => {
        const text = this.#fields.metadata(name) ?? "null";
        this.#touched.set(`metadata.${name}`, text);
        return this.#data.decode(text);
      });
    }
    return metadata;
  }

  /** What the extension left and returned, for the native module; `null` when nothing is to be said. */
  close(returned: unknown): string | null {
    const isEvent = looksLikeEvent(returned);
    const wrongType = isEvent || returned === undefined || returned === null ? null : typeName(returned);
    const other = isEvent && (returned !== this.event || returned.stage !== this.#head.stage) ? returned : null;
    const event: PipelineEventFields = other ?? this.event;
    const fields: Record<string, unknown> = {};
    for (const name of HEAVY) this.#leftField(event, name, other !== null, fields);
    const { metadata, removed } = this.#leftMetadata(event, other !== null);
    const { stage, operation, requestId, provider, model } = this.#head;
    const now = {
      stage: event.stage,
      operation: text(event.operation, operation),
      requestId: other ? requestId : text(event.requestId, requestId),
      provider: other ? provider : text(event.provider, provider),
      model: other ? model : text(event.model, model),
    };
    const sameHead =
      now.stage === stage &&
      now.operation === operation &&
      now.requestId === requestId &&
      now.provider === provider &&
      now.model === model;
    const idle = Object.keys(fields).length === 0 && Object.keys(metadata).length === 0 && removed.length === 0;
    if (!other && !wrongType && idle && sameHead) return null;
    if (!other) now.stage = stage;
    const left = { wrongType, isEvent: other !== null, place: null, ...now, fields, metadata, removed };
    return this.#data.encode(left) ?? null;
  }

  #leftField(event: PipelineEventFields, name: HeavyField, returned: boolean, fields: Record<string, unknown>): void {
    const lazy = !returned && isLazy(event, name);
    const untouched = event === this.event && isLazy(event, name);
    if (lazy || (untouched && name !== "response")) return;
    const now = event[name] ?? null;
    if (now === null) {
      if (!returned && this.#head.present.includes(name)) fields[name] = null;
      return;
    }
    const isAnswer = returned && name === "response";
    if (isAnswer || !this.#shows(name, this.#head.present.includes(name), now)) fields[name] = now;
  }

  /** Whether a value is what a field showed. */
  #shows(name: HeavyField, isPresent: boolean, now: unknown): boolean {
    if (!isPresent) return false;
    const before = this.#touched.get(name) ?? this.#fields.field(name) ?? "null";
    const text = this.#data.encode(now);
    return text === before || text === this.#data.encode(this.#data.decode(before));
  }

  #leftMetadata(
    event: PipelineEventFields,
    returned: boolean,
  ): { metadata: Record<string, unknown>; removed: string[] } {
    const metadata: Record<string, unknown> = {};
    const removed: string[] = [];
    if (!returned && !this.#metadataTouched && isLazy(event, "metadata")) return { metadata, removed };
    const now = event.metadata;
    if (!isRecord(now)) return { metadata, removed };
    const before = (JSON.parse(this.#written) as EventHead).metadata;
    for (const name of Object.keys(now)) {
      if (isLazy(now, name)) continue;
      const text = this.#data.encode(now[name]);
      if (text === undefined) {
        if (!returned && name in before) removed.push(name);
        continue;
      }
      const lazyText = this.#touched.get(`metadata.${name}`);
      const old = lazyText === undefined ? before[name] : this.#data.decode(lazyText);
      if (old === undefined || text !== this.#data.encode(old)) metadata[name] = now[name];
    }
    if (!returned) {
      const known = [...Object.keys(before), ...this.#head.lazyMetadata];
      removed.push(...known.filter((name) => !(name in now)));
    }
    return { metadata, removed };
  }
}

/** Whether a value is an event: one of the class, or a plain object with the fields that an event must have. */
export function looksLikeEvent(value: unknown): value is PipelineEventFields {
  if (value instanceof PipelineEvent) return true;
  if (!isRecord(value) || Object.getPrototypeOf(value) !== Object.prototype) return false;
  return CANONICAL_PIPELINE_STAGES.includes(value["stage"] as PipelineStage) && typeof value["operation"] === "string";
}

/** The name of a value's type, for messages. */
export function typeName(value: unknown): string {
  if (value === null) return "null";
  if (typeof value !== "object") return typeof value;
  return (Object.getPrototypeOf(value) as { constructor?: { name?: string } } | null)?.constructor?.name ?? "object";
}

function text(value: unknown, otherwise: string): string {
  return typeof value === "string" ? value : otherwise;
}

const LAZY = Symbol("headroom.lazy");

/** A property that is made when it is touched, and is an ordinary one from then on. */
function defineLazy(object: object, name: string, make: () => unknown): void {
  const settle = (value: unknown): unknown => {
    Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
    return value;
  };
  const get = (): unknown => settle(make());
  Object.defineProperty(get, LAZY, { value: true });
  Object.defineProperty(object, name, { get, set: settle, enumerable: true, configurable: true });
}

function isLazy(object: object, name: string): boolean {
  const getter = Object.getOwnPropertyDescriptor(object, name)?.get as ((() => unknown) & { [LAZY]?: boolean }) | undefined;
  return getter?.[LAZY] === true;
}
