/** Text that several agents share: stored once, shown compressed, whole on request. */

import { compress } from "./compress";
import { DEFAULT_MODEL } from "./options";

/** What a shared context is made with. */
export interface SharedContextOptions {
  /** Chooses the tokenizer. */
  model?: string;
  /** Seconds for which an entry is kept. Default: 3600. */
  ttl?: number;
  /** When one more comes, the oldest goes. Default: 100. */
  maxEntries?: number;
  /** Where originals go. */
  store?: string | null;
}

/** What is kept, in numbers. */
export interface SharedContextStats {
  entries: number;
  tokensBefore: number;
  tokensAfter: number;
  tokensSaved: number;
  /** Agents that put something, sorted. */
  agents: string[];
}

interface Entry {
  original: string;
  compressed: string;
  tokensBefore: number;
  tokensAfter: number;
  agent: string | null;
  expires: number;
}

/** A bounded store of texts under keys. */
export class SharedContext {
  readonly #entries = new Map<string, Entry>();
  readonly #model: string;
  readonly #ttlMs: number;
  readonly #maxEntries: number;
  readonly #store: string | null;

  constructor(options: SharedContextOptions = {}) {
    this.#model = options.model ?? DEFAULT_MODEL;
    this.#ttlMs = (options.ttl ?? 3600) * 1000;
    this.#maxEntries = options.maxEntries ?? 100;
    this.#store = options.store ?? null;
  }

  /** Compresses a text once and keeps both; anything but a string is kept as JSON. */
  async put(key: string, content: unknown, options: { agent?: string | null } = {}): Promise<void> {
    const original = typeof content === "string" ? content : (JSON.stringify(content) ?? "");
    const message = { role: "tool", tool_call_id: key, content: original };
    const { messages, tokensBefore, tokensAfter } = await compress([message], { model: this.#model, store: this.#store });
    const compressed = messages[0]?.content ?? original;
    const expires = performance.now() + this.#ttlMs;
    this.#entries.delete(key);
    this.#entries.set(key, { original, compressed, tokensBefore, tokensAfter, agent: options.agent ?? null, expires });
    this.#dropExpired();
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#maxEntries) break;
      this.#entries.delete(oldest);
    }
  }

  /** The compressed text, or the original; `null` when there is none under this key any more. */
  get(key: string, options: { full?: boolean } = {}): string | null {
    this.#dropExpired();
    const entry = this.#entries.get(key);
    if (!entry) return null;
    return options.full ? entry.original : entry.compressed;
  }

  /** Keys of what is kept, oldest first. */
  keys(): string[] {
    this.#dropExpired();
    return [...this.#entries.keys()];
  }

  /** What is kept, in numbers. */
  stats(): SharedContextStats {
    this.#dropExpired();
    const entries = [...this.#entries.values()];
    const sum = (field: "tokensBefore" | "tokensAfter"): number => entries.reduce((total, entry) => total + entry[field], 0);
    const agents = new Set(entries.flatMap(({ agent }) => (agent === null ? [] : [agent])));
    const [tokensBefore, tokensAfter] = [sum("tokensBefore"), sum("tokensAfter")];
    return { entries: entries.length, tokensBefore, tokensAfter, tokensSaved: tokensBefore - tokensAfter, agents: [...agents].sort() };
  }

  /** Forgets everything. */
  clear(): void {
    this.#entries.clear();
  }

  #dropExpired(): void {
    const now = performance.now();
    for (const [key, { expires }] of this.#entries) if (expires <= now) this.#entries.delete(key);
  }
}
