/**
 * The function of a call that reaches its user code: what it is for, the place of the extension or hook, an argument as
 * JSON, messages as JSON, and fields on request. It gives JSON, or `null` when nothing is to be said.
 */
export type Dispatch = (
  target: string,
  index: number,
  argument: string,
  messages: string | null,
  fields: EventFields | null,
) => Promise<string | null> | string | null

/**
 * Which binding artifact the generated loader actually loaded: `'native'` for
 * a native addon, otherwise the `platformArchABI` of the WASI flavor. Every
 * flavor napi-rs can build is listed, because `NAPI_RS_NATIVE_LIBRARY_PATH`
 * can point the loader at a WASI artifact this package does not build itself.
 */
export declare const __napiBindingTarget: 'native' | 'wasm32-wasi' | 'wasm32-wasip1'

/** Ends the calls that it was given to; what runs is dropped and nothing of it is applied. */
export declare class Abort {
  /** One that has not happened. */
  constructor()
  /** Ends the calls. */
  abort(): void
}

/** What the untouched fields of an event are made from. */
export declare class EventFields {
  /**
   * A field as JSON; `null` when the event has none.
   *
   * # Errors
   * When the field has no JSON form.
   */
  field(name: string): string | null
  /**
   * A value of the metadata as JSON; `null` when there is none of that name.
   *
   * # Errors
   * When the value has no JSON form.
   */
  metadata(name: string): string | null
}

/** Holds the declarations of extensions in the order in which they run, and their breakers. */
export declare class Manager {
  /** Reads the declarations of extensions, each a JSON object. What is wrong with them is in `failure`. */
  constructor(declared: Array<string>)
  /** Why there is no manager. */
  get failure(): Failure | null
  /** Whether there is anything to call. */
  get enabled(): boolean
  /** Names of the extensions in the order in which they run. */
  get names(): Array<string>
  /** Whether any extension takes part in a stage. */
  subscribes(stage: string): boolean
  /**
   * Hands an event to every extension of its stage, in order, and gives the place of the last event.
   *
   * # Errors
   * When no promise can be made; everything else is in the outcome.
   */
  emit(head: string, dispatch: Dispatch | null, abort: Abort): Promise<Outcome>
}

/** A proxy; it ends with this object at the latest. */
export declare class ProxyServer {
  /** One that has not started. */
  constructor()
  /** Gives the packages whose extensions shall run, as a JSON list. */
  packages(arguments: ProxyArguments): Outcome
  /**
   * Starts; gives `{address, port}` when it listens. The dispatcher is also told what is logged.
   *
   * # Errors
   * When no promise can be made; everything else is in the outcome.
   */
  start(arguments: ProxyArguments, manager: Manager, dispatch: Dispatch, abort: Abort): Promise<Outcome>
  /**
   * Takes no new connection, waits for what is under way within the drain limit, and ends.
   *
   * # Errors
   * As [`ProxyServer::start`].
   */
  close(abort: Abort): Promise<Outcome>
}

/**
 * One request. `prepare` comes first, then `postSend` and `responseReceived`, then `finish`; an answer from `prepare`
 * is the answer of an extension, and then only `responseReceived` and `finish` follow.
 */
export declare class RequestRun {
  /** A request that has not begun. */
  constructor()
  /**
   * Every stage before sending. Gives `{answered, response, body, headers}`: the answer of an extension, or what is to
   * be sent; `body` and `headers` are `null` when they are as they were given.
   *
   * # Errors
   * When no promise can be made; everything else is in the outcome.
   */
  prepare(request: RequestParts, arguments: CallArguments, manager: Manager, dispatch: Dispatch | null, abort: Abort): Promise<Outcome>
  /**
   * `post_send`; without a status code the attempt failed.
   *
   * # Errors
   * As [`RequestRun::prepare`].
   */
  postSend(statusCode: number | undefined | null, headers: string, dispatch: Dispatch | null, abort: Abort): Promise<Outcome>
  /**
   * `response_received`; gives the response as the extensions left it, or `null` when they left it as it was.
   *
   * # Errors
   * As [`RequestRun::prepare`].
   */
  responseReceived(response: ResponseParts, dispatch: Dispatch | null, abort: Abort): Promise<Outcome>
  /**
   * What the request came to; ends it.
   *
   * # Errors
   * As [`RequestRun::prepare`].
   */
  finish(abort: Abort): Promise<Outcome>
}

/**
 * The message that answers a model's call of the retrieval tool, as JSON.
 *
 * # Errors
 * When no promise can be made; everything else is in the outcome.
 */
export declare function answerToolCall(call: string, store: string | undefined | null, abort: Abort): Promise<Outcome>

/** What a caller gives beside the messages. "Unset" is `null`, and every property is present. */
export interface CallArguments {
  /** Chooses the tokenizer. */
  model: string
  /** The provider; empty lets the shape decide. */
  provider: string
  /** Whether to compress at all. */
  optimize: boolean
  /** Options as a JSON object with names in snake case. */
  options: string
  /** Metadata of the request as a JSON object. */
  metadata: string
  /** Where originals go. */
  store: string | null
  /** Hooks in order. */
  hooks: Array<HookMethods>
  /** Whether the dispatcher wants progress events. */
  progress: boolean
}

/**
 * Compresses a list of messages or a request body, given as JSON with its long texts beside it: the string
 * `headroom:text:<number>` stands for the text of that number.
 *
 * # Errors
 * When no promise can be made; everything else is in the outcome.
 */
export declare function compress(body: Buffer, texts: Array<string>, arguments: CallArguments, manager: Manager, dispatch: Dispatch | null, abort: Abort): Promise<Outcome>

/** A code and the name of its class. */
export interface ErrorClass {
  /** The code. */
  code: string
  /** The class. */
  className: string
}

/** Every code with the name of its class. */
export declare function errorClasses(): Array<ErrorClass>

/** What failed, for `headroom-sdk` to throw. */
export interface Failure {
  /** The class to throw. */
  className: string
  /** The sentence. */
  message: string
  /** The stable code. */
  code: string
  /** What it was about, as a JSON object. */
  details: string
  /** What user code threw, when that is the cause. */
  cause: unknown | null
}

/** The hooks that one object really has. */
export interface HookMethods {
  /** Its name in warnings. */
  name: string
  /** Whether it has `preCompress`. */
  preCompress: boolean
  /** Whether it has `computeBiases`. */
  computeBiases: boolean
  /** Whether it has `postCompress`. */
  postCompress: boolean
}

/** One warning or error. */
export interface Logged {
  /** `warn` or `error`. */
  level: string
  /** The logger, such as `headroom.pipeline`. */
  logger: string
  /** The sentence. */
  message: string
}

/** What a call came to: either a value or a failure. */
export interface Outcome {
  /** JSON. */
  value: Buffer | null
  /** What failed. */
  failure: Failure | null
  /** What was logged meanwhile. */
  logged: Array<Logged>
}

/** What a proxy is started with. */
export interface ProxyArguments {
  /** Options as a JSON object with names in snake case. */
  options: string
  /** Whether the configuration is read. */
  config: boolean
  /** Which file of it. */
  path: string | null
}

/** A request as it is before the first stage. */
export interface RequestParts {
  /** The body as JSON. */
  body: Buffer
  /** Headers as a JSON object. */
  headers: string
}

/** A response that is complete. */
export interface ResponseParts {
  /** The response as JSON. */
  body: Buffer
  /** The HTTP status; `null` when an extension answered. */
  statusCode: number | null
  /** Whether the client got it as a stream. */
  stream: boolean
  /** The provider's own account of tokens, as JSON. */
  usage: string
  /** Milliseconds from sending the request to the last byte. */
  durationMs: number
}

/**
 * The original under a hash, or the part of it that is asked for, as a JSON string.
 *
 * # Errors
 * When no promise can be made; everything else is in the outcome.
 */
export declare function retrieve(hash: string, query: string | undefined | null, lines: string | undefined | null, store: string | undefined | null, abort: Abort): Promise<Outcome>

/**
 * The definition of the retrieval tool for a provider, as JSON.
 *
 * # Errors
 * When no promise can be made; everything else is in the outcome.
 */
export declare function retrieveTool(provider: string, abort: Abort): Promise<Outcome>

/** Names of all stages in order. */
export declare function stages(): Array<string>
