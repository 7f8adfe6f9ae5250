// Times compress from Node on request bodies, and what a crossing into JavaScript costs; prints a JSON line a figure.
//
// usage: bench_node.mjs BODY.json...
//
// As in the engine's own bench, a figure of new content is the first call of a new engine on it, with the vocabulary
// loaded and the store's file open and written to; one of known content is a further call of one engine. Medians.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

import { compress } from "headroom-sdk";

const folder = mkdtempSync(join(tmpdir(), "headroom-bench-"));
const print = (figure) => console.log(JSON.stringify(figure));
const median = (times) => times.sort((some, others) => some - others)[times.length >> 1];

async function timed(work) {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** A conversation whose tool result is a table that no body has. */
function small(rows) {
  const table = Array.from({ length: rows }, (_, id) => ({ id, host: `other-${id}`, status: id % 9 ? "idle" : "busy" }));
  return [{ role: "user", content: "Which?" }, { role: "tool", tool_call_id: "c", content: JSON.stringify(table) }];
}

let engines = 0;
/** The store of a new engine, open and written to. */
async function newStore() {
  engines += 1;
  const store = join(folder, `store-${engines}.db`);
  await compress(small(200), { model: "gpt-4o", store });
  return store;
}

async function body(path) {
  const text = readFileSync(path, "utf8");
  const runs = text.length > 2_000_000 ? 3 : 9;
  const [fresh, known] = [[], []];
  let options;
  for (let run = 0; run < runs; run += 1) {
    const given = JSON.parse(text);
    options = { model: given.model, store: await newStore() };
    fresh.push(await timed(() => compress(given, options)));
  }
  for (let run = 0; run < runs; run += 1) {
    const again = JSON.parse(text);
    known.push(await timed(() => compress(again, options)));
  }
  const input = basename(path, ".json").replaceAll("_", " ");
  print({ input, what: "compress from Node, new content", ms: median(fresh) });
  print({ input, what: "compress from Node, known content", ms: median(known) });
}

/** What one callback costs: the difference that many of them make to a call, for each of them. */
async function crossing(what, options) {
  const count = 200;
  const messages = [{ role: "user", content: "hello" }];
  const call = (options) => timed(() => compress(messages, { model: "gpt-4o", store: ":memory:", ...options }));
  const many = options(count);
  const costs = [];
  for (let run = 0; run < 60; run += 1) {
    const without = await call({});
    const spent = ((await call(many)) - without) / count;
    if (run >= 10) costs.push(spent);
  }
  print({ input: "crossing", what, ms: median(costs) });
}

try {
  for (const path of process.argv.slice(2)) await body(path);
  await crossing("plain object", (count) => ({
    hooks: Array.from({ length: count }, () => ({ postCompress: (event) => void event.tokensSaved })),
  }));
  await crossing("event object", (count) => ({
    extensions: Array.from({ length: count }, (_, index) => ({
      name: `idle ${index}`,
      stages: ["input_received"],
      onPipelineEvent: (event) => void event.stage,
    })),
  }));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
