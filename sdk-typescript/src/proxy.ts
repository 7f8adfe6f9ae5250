/** A proxy in this process, with the extensions of this process inside. */

import { dispatcher } from "./dispatch";
import { ConfigurationError } from "./errors";
import { extensionsOfPackages } from "./extension-packages";
import { LiveData } from "./live-data";
import { PipelineExtensionManager } from "./manager";
import { call, callForJson, native, thrown } from "./native";
import { engineOptions, type EngineOptions } from "./options";
import { asExtension, oneOrMany, type MaybeExtension, type PipelineAnswer, type PipelineEvent } from "./pipeline";

/** An extension as `startProxy` takes it: an object, or a function that is called with every event. */
export type ProxyExtension = MaybeExtension | ((event: PipelineEvent) => PipelineAnswer | Promise<PipelineAnswer>);

/** What a proxy is started with; what is left out has the default of `headroom proxy`. */
export interface ProxyOptions {
  /** Where to listen. Default: a free port. */
  port?: number;
  /** The address to listen on; any other than a loopback address needs a token. Default: `127.0.0.1`. */
  host?: string;
  /** Extensions, in order; then those of the packages that are named. */
  extensions?: ProxyExtension | readonly ProxyExtension[] | null;
  /**
   * `true` or the path of a `headroom.toml` reads that file, and the environment, as the command `headroom proxy` does;
   * what is given here wins over both. Default: nothing is read.
   */
  config?: boolean | string;
  /**
   * npm packages whose extensions run too, found as from a module in the working directory; `extension_packages` in the
   * file. Each has the keyword `headroom-pipeline-extension`; its default export is an extension, a class of them, or a
   * list of these.
   */
  extensionPackages?: readonly string[];
  /** What clients must send as `x-headroom-proxy-token`. Default: none. */
  token?: string;
  /** Where originals go: a path, a URL or `:memory:`. Default: as in `compress`. */
  store?: string;
  /** Where requests go; `named` are more of them, which clients choose with `x-headroom-base-url`. */
  upstreams?: {
    openai?: string;
    chatgpt?: string;
    anthropic?: string;
    gemini?: string;
    named?: Readonly<Record<string, string>>;
  };
  /** Names beyond addresses and `localhost` that clients may have in `Host`. */
  allowedHosts?: readonly string[];
  /** Origins beyond the proxy's own that browsers may send. */
  allowedOrigins?: readonly string[];
  /** How much of everything. */
  limits?: { bodyBytes?: number; headerBytes?: number; connections?: number; frameBytes?: number; responseBytes?: number };
  /** How long for everything, in milliseconds. */
  timeouts?: {
    connectMs?: number;
    firstByteMs?: number;
    idleMs?: number;
    headersMs?: number;
    compressMs?: number;
    drainMs?: number;
  };
  /** What is tried again. */
  retries?: { attempts?: number; statuses?: readonly number[]; backoffMs?: number; maxBackoffMs?: number };
  /** Whether answers are kept and given again. Default: false. */
  responseCache?: boolean;
  /** Whether the model is offered the tool that brings originals back. Default: true. */
  retrievalTool?: boolean;
  /** How requests are compressed. */
  compress?: EngineOptions;
}

/** A proxy that listens. It keeps the process alive until it is closed. */
export interface ProxyServer {
  /** Where it listens: the `baseURL` of Anthropic's and Google's clients, and with `/v1` of OpenAI's. */
  readonly url: string;
  /** The port that it listens on. */
  readonly port: number;
  /** Takes no new connection, and waits for the requests under way as long as the drain limit allows. */
  close(): Promise<void>;
}

/** The longest time that a timer takes. */
const LONGEST = 0x7fff_ffff;

/**
 * Starts a proxy in this process. A call of an extension may take two seconds unless it declares `timeoutMs`; one that
 * keeps the JavaScript thread busy is late too, and the request goes on without it.
 *
 * @throws ConfigurationError when an option has a value that it cannot have, or the address cannot be listened on.
 * @throws ExtensionError when a `closed` extension refuses the start.
 */
export async function startProxy(options: ProxyOptions = {}): Promise<ProxyServer> {
  const { config, extensions: given, ...rest } = options;
  const path = typeof config === "string" ? config : null;
  const args = { options: JSON.stringify(named(rest)), config: path !== null || config === true, path };
  const server = new native.ProxyServer();
  const read = server.packages(args);
  if (read.failure) throw thrown(read.failure);
  const packages = JSON.parse((read.value ?? "[]").toString()) as string[];
  const own = oneOrMany(given).map(asExtension);
  const manager = new PipelineExtensionManager({ extensions: [...own, ...(await extensionsOfPackages(packages))] });
  const { extensions } = manager;
  const code = { extensions, hooks: [], onPipelineEvent: null, data: new LiveData(), events: [] };
  const started = callForJson(null, (abort) => server.start(args, manager.native, dispatcher(code, true), abort));
  const { address, port } = (await started) as { address: string; port: number };
  // The native threads alone would not keep the process.
  const alive = setInterval(() => undefined, LONGEST);
  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    try {
      await call(null, (abort) => server.close(abort));
    } finally {
      clearInterval(alive);
    }
  };
  return { url: `http://${address}`, port, close: () => (closed ??= close()) };
}

/** The options with the names of the native module. */
function named(options: Omit<ProxyOptions, "config" | "extensions">): Record<string, unknown> {
  const { compress, ...rest } = options;
  const set: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(rest)) set[snakeCase(name)] = inner(name, value);
  if (compress) set["compress"] = engineOptions(compress);
  return set;
}

/** The value of an option: the names in a table are converted as well, but not those that the caller makes up. */
function inner(name: string, value: unknown): unknown {
  if (typeof value === "bigint") throw new ConfigurationError(`${name}: expected a number, found a bigint`);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, value]) => [snakeCase(name), value as unknown]));
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
