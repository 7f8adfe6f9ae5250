// The examples of the READMEs: every one compiles as strict TypeScript, and then really runs, with a provider on the
// loopback behind the clients.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { withProvider } from "./provider.mjs";
import { REPOSITORY } from "./support.mjs";

const FOLDER = join(dirname(fileURLToPath(import.meta.url)), "..", "readme");
const COMPILER_OPTIONS = { strict: true, target: "es2022", module: "nodenext", noEmitOnError: true, skipLibCheck: true, types: ["node"], outDir: "out" };

const examplesOf = (...path) =>
  readFileSync(join(REPOSITORY, ...path), "utf8")
    .split(/^```/m)
    .filter((block) => block.startsWith("typescript\n"))
    .map((block) => block.slice("typescript\n".length));
const EXAMPLES = { root: examplesOf("README.md"), sdk: examplesOf("sdk-typescript", "README.md") };
/** The number of the example of the SDK's README that has some text. */
const numberOf = (text) => EXAMPLES.sdk.findIndex((example) => example.includes(text));
const EVENTS = numberOf("new HeadroomClient({ apiKey, onPipelineEvent })");
const node = promisify(execFile).bind(null, process.execPath);

/** What callers of CommonJS may write, and what the types keep them from. */
const TYPES = `
import { compress, CompressionHooks, HeadroomClient, type OnPipelineEvent } from "headroom-sdk";
import { withHeadroom } from "headroom-sdk/openai";
import { OpenAI } from "openai";

const seen: unknown[] = [];
const handlers: OnPipelineEvent[] = [
  () => {},
  (name) => seen.push(name),
  async (name: string) => { seen.push(name); },
  (name, { requestId }) => seen.push(name, requestId),
  (...[name, data]) => { if (name === "pipeline:start") seen.push(data.startTime); },
  (name, data) => { switch (name) { case "pipeline:step": return data.warnings; case "pipeline:error": return data.error; } },
];
// @ts-expect-error The name is a string.
handlers.push((name: number) => {});
// @ts-expect-error Not every event has a step.
handlers.push((name, data) => data.step);

class Mine extends CompressionHooks { override postCompress() { seen.push("mine"); } }
const client = new HeadroomClient({ apiKey: "k", onPipelineEvent: (name) => seen.push(name) });
const hooks = [new Mine(), { postCompress: ({ tokensSaved }: { tokensSaved: number }) => seen.push(tokensSaved) }];
const messages = [{ role: "user", content: "hello" } as const];
void compress(messages, { client, model: "gpt-4o", hooks }).then((result) => {
  const same: typeof messages = result.messages;
  const wrapped: OpenAI = withHeadroom(new OpenAI({ apiKey: "k" }), { client });
  console.log(same.length, seen.join(" "), typeof wrapped.chat);
});
`;

before(async () => {
  mkdirSync(FOLDER);
  for (const [name, examples] of Object.entries(EXAMPLES)) {
    assert.ok(examples.length > 0, `${name}: expected an example that starts with \`\`\`typescript, found none`);
    // Nothing listens at the port of the second.
    for (const [index, text] of examples.entries()) writeFileSync(join(FOLDER, `${name}_${index}.mts`), text.replace(":8787", ":9"));
  }
  writeFileSync(join(FOLDER, "sdk_failing.mts"), `${EXAMPLES.sdk[EVENTS]}await compress([7], { client, model: "gpt-4o" });\n`);
  writeFileSync(join(FOLDER, "types.cts"), TYPES);
  writeFileSync(join(FOLDER, "tsconfig.json"), JSON.stringify({ compilerOptions: { ...COMPILER_OPTIONS, rootDir: "." } }));
  const compiler = createRequire(import.meta.url).resolve("typescript/package.json");
  const { bin } = JSON.parse(readFileSync(compiler, "utf8"));
  await node([join(dirname(compiler), bin.tsc), "-p", FOLDER]).catch(({ stdout, stderr }) => assert.fail(stdout + stderr));
});

/** Runs an example as a user would, and gives what it wrote. */
function run(name, index, env = {}) {
  return node([join(FOLDER, "out", `${name}_${index}.mjs`)], { env: { ...process.env, ...env }, timeout: 60_000 });
}

for (const index of EXAMPLES.root.keys()) {
  test(`example ${index + 1} of the first README runs`, () => run("root", index));
}

test("the example with the four events runs as written and reads every field", async () => {
  const { stdout, stderr } = await run("sdk", EVENTS, { HEADROOM_API_KEY: "key" });
  assert.equal(stderr, "");
  const lines = stdout.split("\n");
  const id = /^(\S+) gpt-4o null$/.exec(lines[0])?.[1];
  assert.ok(id, lines[0]);
  const steps = lines.slice(1, 6).map((line) => /^(\S+) (\w+) \d+ \d+ [\d.e-]+$/.exec(line)?.slice(1));
  assert.deepEqual(steps, ["bias", "ccr", "cache", "dedupe", "compression"].map((step) => [id, step]), stdout);
  const [, saved, ratio] = new RegExp(`^${id} (\\d+) (0\\.\\d+)$`, "m").exec(stdout) ?? assert.fail(stdout);
  assert.ok(Number(saved) > 0 && Number(ratio) > 0);
  const failed = await run("sdk", "failing");
  assert.match(failed.stderr, /^\S+ null messages\[0\]: expected an object, found a number$/m);
});

test("the example with hooks and extensions runs", async () => {
  const { stdout } = await run("sdk", numberOf("hooks: {"));
  assert.match(stdout, /Redact/);
  assert.match(stdout, /a \[redacted\]/);
});

test("the example with retrieval runs", async () => {
  assert.equal((await run("sdk", numberOf("answerToolCall"))).stderr.trim(), "not_found");
});

test("the examples around clients run, streams included", async () => {
  await withProvider(async (url, requests) => {
    const key = { OPENAI_API_KEY: "k", ANTHROPIC_API_KEY: "k", GEMINI_API_KEY: "k" };
    const urls = { OPENAI_BASE_URL: `${url}/v1`, ANTHROPIC_BASE_URL: url, GOOGLE_GEMINI_BASE_URL: url };
    const clients = await run("sdk", numberOf("new Anthropic()"), { ...key, ...urls });
    assert.equal(clients.stdout.match(/Hello é/g)?.length, 3, clients.stdout);
    const vercel = await run("sdk", numberOf("headroomMiddleware("), { ...key, ...urls });
    assert.equal(vercel.stdout.match(/Hello é/g)?.length, 2, vercel.stdout);
    assert.equal(requests.length, 5);
  });
});

test("the example of a proxy in the process runs", async () => {
  await withProvider(async (url, requests) => {
    const file = join(FOLDER, "out", `sdk_${numberOf("startProxy(")}.mjs`);
    writeFileSync(file, readFileSync(file, "utf8").replace("https://api.openai.com", url));
    const { stdout } = await run("sdk", numberOf("startProxy("), { OPENAI_API_KEY: "k" });
    assert.equal(stdout, "Hello é\n");
    assert.equal(requests[0].headers["x-team"], "search");
  });
});

test("the examples of a context engine and of a proxy that cannot be reached run", async () => {
  await run("sdk", numberOf("registerContextEngine"));
  const { stdout, stderr } = await run("sdk", numberOf("baseUrl:"));
  assert.match(stdout, /hello/);
  assert.match(stderr, /the request goes on uncompressed: cannot reach/);
});

test("handlers with one parameter or both, hooks of both kinds and CommonJS have their types", async () => {
  const { stdout } = await node([join(FOLDER, "out", "types.cjs")]);
  assert.equal(stdout, "1 pipeline:start pipeline:step pipeline:step pipeline:step pipeline:step pipeline:step pipeline:complete mine 0 object\n");
});

test("every example is run by a test", () => {
  const run = ["apiKey, onPipelineEvent }", "hooks: {", "answerToolCall", "new Anthropic()", "headroomMiddleware(", "registerContextEngine", "startProxy(", "baseUrl:"];
  assert.deepEqual(new Set(run.map(numberOf)), new Set(EXAMPLES.sdk.keys()));
});
