/** `PipelineExtensionManager`: extensions in their order, and `emit` for direct callers. */

import { dispatcher } from "./dispatch";
import { LiveData } from "./live-data";
import { call, native, thrown } from "./native";
import {
  declarations,
  onlyExtensions,
  oneOrMany,
  PipelineEvent,
  type MaybeExtension,
  type PipelineEventFields,
  type PipelineExtension,
  type PipelineStage,
} from "./pipeline";

/** What a manager is made of. */
export interface PipelineExtensionManagerOptions {
  /** Hooks that may also have `onPipelineEvent`; they run first. */
  hooks?: MaybeExtension | readonly MaybeExtension[] | null;
  /** Extensions, in order. */
  extensions?: MaybeExtension | readonly MaybeExtension[] | null;
}

/** Holds extensions in the order in which they run. Objects without an `onPipelineEvent` function are skipped. */
export class PipelineExtensionManager {
  /** The extensions in the order given. */
  readonly extensions: readonly PipelineExtension[];
  /** @internal */
  readonly native: native.Manager;

  /** @throws ConfigurationError when a declaration has a value that it cannot have, or `before` and `after` form a cycle. */
  constructor(options: PipelineExtensionManagerOptions = {}) {
    this.extensions = onlyExtensions([...oneOrMany(options.hooks), ...oneOrMany(options.extensions)]);
    this.native = new native.Manager(this.extensions.map(declarations));
    const failure = this.native.failure;
    if (failure) throw thrown(failure);
  }

  /** Whether there is anything to call; when not, an emit costs nothing. */
  get enabled(): boolean {
    return this.native.enabled;
  }

  /** Names of the extensions in the order in which they run. */
  get names(): string[] {
    return this.native.names;
  }

  /** Whether any extension takes part in a stage. */
  subscribes(stage: PipelineStage): boolean {
    return this.native.subscribes(stage);
  }

  /** Hands an event to every extension of its stage, in order, and gives the last event as it is. */
  async emit(stage: PipelineStage, fields: Omit<PipelineEventFields, "stage">): Promise<PipelineEvent> {
    const event = new PipelineEvent({ ...fields, stage });
    if (!this.subscribes(stage)) return event;
    const events = [event];
    const { operation, requestId, provider, model } = event;
    const head = JSON.stringify({ place: 0, stage, operation, requestId, provider, model });
    const { extensions } = this;
    const dispatch = dispatcher({ extensions, hooks: [], onPipelineEvent: null, data: new LiveData(), events });
    const last = await call(null, (abort) => this.native.emit(head, dispatch, abort));
    return events[Number(last.toString())] ?? event;
  }
}
