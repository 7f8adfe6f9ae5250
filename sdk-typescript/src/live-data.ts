/**
 * The caller's live data as JSON and back.
 *
 * What JSON does not have (bytes, big integers) stands in the text as a reference and comes back as the very object. The
 * tool results of the Vercel AI SDK that are JSON values are written as text, which is what a model reads of them.
 */

const REFERENCE = "headroom:reference";
const WAS_JSON = "headroom:json";

/** What a text stands for that is not in the JSON, with its number behind it. */
const TEXT = "headroom:text:";
/**
 * Strings from this many UTF-16 units on stand beside the JSON.
 *
 * Writing one into JSON, encoding that and reading it again costs several times what handing it over does; of shorter ones
 * handing over one by one would be the larger part. Chosen by hand.
 */
const LONG_TEXT = 1024;

/** One of the ways to a text: keys and indices from the root. */
export type Path = readonly (string | number)[];

/** Data of one call. */
export class LiveData {
  readonly #references: unknown[] = [];

  /** A value as JSON. */
  encode(value: unknown): string | undefined {
    return this.#encode(value, (text) => text);
  }

  /** A value as JSON with its long texts beside it. */
  split(value: unknown): [json: string | undefined, texts: string[]] {
    const texts: string[] = [];
    const json = this.#encode(value, (text) => {
      // Half of a surrogate pair would be lost on the way; JSON keeps it. What looks like a reference is none.
      const stays = (text.length < LONG_TEXT && !text.startsWith(TEXT)) || !text.isWellFormed();
      return stays ? text : `${TEXT}${texts.push(text) - 1}`;
    });
    return [json, texts];
  }

  #encode(value: unknown, write: (text: string) => string): string | undefined {
    const references = this.#references;
    return JSON.stringify(value, function (this: unknown, key: string, plain: unknown): unknown {
      const live = (this as Record<string, unknown>)[key];
      if (typeof live === "bigint" || isBytes(live)) {
        let index = references.indexOf(live);
        if (index < 0) index = references.push(live) - 1;
        return { [REFERENCE]: index };
      }
      if (typeof plain === "string") return write(plain);
      return key === "output" ? outputAsText(this, plain) : plain;
    });
  }

  /** What a JSON text stands for. */
  decode(text: string): unknown {
    const special = text.includes(REFERENCE) || text.includes(WAS_JSON);
    return JSON.parse(text, special ? (_, value) => this.#revive(value) : undefined);
  }

  #revive(value: unknown): unknown {
    if (typeof value !== "object" || value === null) return value;
    const record = value as Record<string, unknown>;
    const index = record[REFERENCE];
    if (typeof index === "number") return this.#references[index];
    if (record[WAS_JSON] !== true) return value;
    const { [WAS_JSON]: _, ...output } = record;
    try {
      const type = output["type"] === "error-text" ? "error-json" : "json";
      return { ...output, type, value: JSON.parse(String(output["value"])) as unknown };
    } catch {
      return output;
    }
  }
}

function isBytes(value: unknown): boolean {
  return typeof value === "object" && value !== null && (ArrayBuffer.isView(value) || value instanceof ArrayBuffer);
}

function outputAsText(holder: unknown, output: unknown): unknown {
  if ((holder as { type?: unknown }).type !== "tool-result" || typeof output !== "object" || output === null) return output;
  const { type, value } = output as { type?: unknown; value?: unknown };
  if (type !== "json" && type !== "error-json") return output;
  const text = JSON.stringify(value);
  if (text === undefined) return output;
  return { ...output, type: type === "json" ? "text" : "error-text", value: text, [WAS_JSON]: true };
}

/**
 * The caller's data with some texts replaced. Lists and objects on the way to a text are copied; everything else is the
 * caller's own.
 */
export function withEdits<T>(root: T, edits: readonly (readonly [Path, string])[]): T {
  if (edits.length === 0) return root;
  const own = new Set<object>();
  const copy = <V>(value: V): V => {
    if (typeof value !== "object" || value === null || own.has(value)) return value;
    const copied = shallowCopy(value);
    own.add(copied as object);
    return copied;
  };
  const changed = copy(root);
  for (const [path, text] of edits) {
    let place = changed as unknown as Record<string | number, unknown>;
    for (const [depth, key] of path.slice(0, -1).entries()) {
      let next = copy(place[key]);
      if (typeof next !== "object" || next === null) break;
      if (key === "output" && depth === path.length - 2) next = asTextOutput(next);
      place[key] = next;
      place = next as Record<string | number, unknown>;
    }
    const last = path[path.length - 1];
    if (last !== undefined) place[last] = text;
  }
  return changed;
}

/** An output that was written as text is text once its text is another one. */
function asTextOutput(output: object): object {
  const record = output as { type?: unknown };
  if (record.type === "json") record.type = "text";
  if (record.type === "error-json") record.type = "error-text";
  return output;
}

function shallowCopy<V>(value: V): V {
  if (Array.isArray(value)) return value.slice() as V;
  return Object.assign(Object.create(Object.getPrototypeOf(value) as object | null) as object, value) as V;
}

/** New data in which everything that equals its counterpart in the old data is that one. */
export function keepEqual<T>(old: T, now: unknown, data: LiveData): T {
  const encoded = data.encode(now);
  if (encoded === data.encode(old)) return old;
  if (Array.isArray(old) && Array.isArray(now)) return keepEqualItems(old, now, data) as T;
  if (isPlain(old) && isPlain(now)) {
    const kept: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(now)) {
      kept[key] = key in old ? keepEqual(old[key], value, data) : value;
    }
    return kept as T;
  }
  return now as T;
}

/** Counterparts are counted from the front, and behind the first difference from the end. */
function keepEqualItems(old: readonly unknown[], now: readonly unknown[], data: LiveData): unknown[] {
  const kept = [...now];
  const before = old.map((item) => data.encode(item));
  const after = now.map((item) => data.encode(item));
  let front = 0;
  while (front < Math.min(old.length, now.length) && before[front] === after[front]) {
    kept[front] = old[front];
    front += 1;
  }
  for (let back = 1; back <= Math.min(old.length, now.length) - front; back += 1) {
    if (before[old.length - back] === after[now.length - back]) kept[now.length - back] = old[old.length - back];
  }
  return kept;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
