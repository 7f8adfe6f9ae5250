// `startProxy`: extensions of JavaScript inside the proxy's process.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";

import { CANONICAL_PIPELINE_STAGES, ConfigurationError, ExtensionError, PipelineEvent, retrieve, startProxy } from "headroom-sdk";

import { withProvider } from "./provider.mjs";
import { extension, makeConversation, warningsOf } from "./support.mjs";

const REQUEST_STAGES = CANONICAL_PIPELINE_STAGES.slice(3);

/** A proxy before a provider, closed at the end. */
async function withProxy(options, use) {
  await withProvider(async (baseURL, requests) => {
    const upstreams = { openai: baseURL, anthropic: baseURL, gemini: baseURL };
    const proxy = await startProxy({ upstreams, ...options });
    try {
      await use(proxy, requests);
    } finally {
      await proxy.close();
    }
  });
}

async function post(url, body = {}, headers = {}) {
  const sent = { model: "gpt-4o", messages: [{ role: "user", content: "hi" }], ...body };
  const given = { "content-type": "application/json", authorization: "Bearer k", ...headers };
  const answer = await fetch(`${url}/v1/chat/completions`, { method: "POST", headers: given, body: JSON.stringify(sent) });
  return { status: answer.status, body: await answer.json() };
}

test("extensions of every kind see the stages and change what is sent", async () => {
  const seen = { object: [], instance: [], fn: [], made: [] };
  class Watch {
    constructor(list = seen.made) {
      this.list = list;
    }
    async onPipelineEvent(event) {
      await null;
      this.list.push(event.stage);
      if (event.stage === "pre_send") event.headers["x-team"] = "search";
    }
  }
  const object = extension(({ stage, operation }) => void seen.object.push(operation === "" ? "" : stage));
  const fn = (event) => void seen.fn.push(event.stage);
  await withProxy({ extensions: [object, new Watch(seen.instance), fn, Watch] }, async (proxy, requests) => {
    assert.equal(proxy.url, `http://127.0.0.1:${proxy.port}`);
    const messages = makeConversation();
    const { status, body } = await post(proxy.url, { messages });
    assert.equal(status, 200);
    assert.equal(body.choices[0].message.content, "Hello é");
    assert.equal(requests[0].headers["x-team"], "search");
    const sent = requests[0].body.messages[3].content;
    assert.ok(sent.length < messages[3].content.length / 2);
    assert.equal(await retrieve(/hash=([a-f0-9]{24})/.exec(sent)[1]), messages[3].content);
  });
  for (const [kind, stages] of Object.entries(seen)) assert.deepEqual(stages, ["setup", "pre_start", "post_start", ...REQUEST_STAGES], kind);
});

test("an extension answers a request, streamed as well", async () => {
  const answer = { id: "mine", object: "chat.completion", choices: [{ index: 0, message: { role: "assistant", content: "kept" }, finish_reason: "stop" }] };
  const cache = extension((event) => (event.stage === "input_received" ? new PipelineEvent({ stage: "response_received", operation: event.operation, response: answer }) : undefined));
  await withProxy({ extensions: cache }, async (proxy, requests) => {
    assert.deepEqual((await post(proxy.url)).body, answer);
    assert.equal(requests.length, 0);
  });
});

test("one that hangs costs its own request its limit and the others nothing", async () => {
  let begun;
  const hanging = new Promise((resolve) => (begun = resolve));
  const slow = extension(
    () => {
      begun();
      return new Promise(() => undefined);
    },
    "Slow",
    { stages: ["pre_send"], filter: { models: ["slow"] }, timeoutMs: 1500 },
  );
  let healthy = 0;
  await withProxy({ extensions: [slow, extension(() => void (healthy += 1), "Healthy", { stages: ["pre_send"] })] }, async (proxy) => {
    const start = performance.now();
    let done = false;
    const own = post(proxy.url, { model: "slow" }).finally(() => (done = true));
    await hanging;
    const others = await Promise.all(Array.from({ length: 8 }, () => post(proxy.url)));
    assert.ok(others.every(({ status }) => status === 200));
    assert.ok(!done && performance.now() - start < 1500, "the others were delayed");
    const warnings = await warningsOf(async () => assert.equal((await own).status, 200));
    assert.ok(performance.now() - start >= 1400);
    assert.match(warnings.join("\n"), /Slow.*no answer within 1500 ms/);
    assert.equal(healthy, 9);
  });
});

test("one that throws is left out, and a closed one refuses", async () => {
  const thrower = extension((event) => {
    event.headers["x-half"] = "done";
    throw new Error("no luck");
  }, "Thrower", { stages: ["pre_send"] });
  await withProxy({ extensions: thrower }, async (proxy, requests) => {
    const warnings = await warningsOf(async () => assert.equal((await post(proxy.url)).status, 200));
    assert.match(warnings.join("\n"), /\[headroom\.pipeline\].*Thrower.*no luck/);
    assert.equal(requests[0].headers["x-half"], undefined);
  });
  await withProxy({ extensions: { ...thrower, failurePolicy: "closed" } }, async (proxy, requests) => {
    const { status, body } = await post(proxy.url);
    assert.equal(status, 403);
    assert.match(body.error.message, /Thrower/);
    assert.equal(requests.length, 0);
  });
  const refuser = extension(() => Promise.reject(new Error("not today")), "Refuser", { failurePolicy: "closed" });
  await assert.rejects(startProxy({ extensions: refuser }), (error) => error instanceof ExtensionError && /not today/.test(error.cause?.message));
});

/** Runs a module with a proxy in a process of its own; `said` gives its lines. */
function host(source, cwd = process.cwd()) {
  const child = spawn(process.execPath, ["--input-type=module", "-e", source], { cwd, stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, said: async () => (await lines.next()).value, ended: once(child, "exit") };
}

test("a busy JavaScript thread holds no request beyond the limit", async () => {
  await withProvider(async (baseURL, requests) => {
    const { child, said, ended } = host(`
      import { startProxy } from "headroom-sdk";
      import { writeSync } from "node:fs";
      const spin = { name: "Spin", stages: ["pre_send"], timeoutMs: 300, onPipelineEvent() { writeSync(1, "spinning\\n"); for (;;); } };
      const { url } = await startProxy({ extensions: spin, upstreams: { openai: ${JSON.stringify(baseURL)} } });
      console.log(url);`);
    try {
      const url = await said();
      const first = post(url);
      assert.equal(await said(), "spinning");
      const start = performance.now();
      const others = await Promise.all(Array.from({ length: 8 }, () => post(url)));
      assert.ok(performance.now() - start < 2000);
      assert.ok([await first, ...others].every(({ status }) => status === 200));
      assert.equal(requests.length, 9);
    } finally {
      child.kill("SIGKILL");
      await ended;
    }
  });
});

test("a proxy keeps its process until it is closed, and not after", async () => {
  const { child, said, ended } = host(`
    import { startProxy } from "headroom-sdk";
    const proxy = await startProxy({ extensions: () => undefined });
    console.log(proxy.url);
    process.stdin.resume().once("end", async () => {
      await Promise.all([proxy.close(), proxy.close()]);
      console.log("closed");
    });`);
  const url = await said();
  assert.equal((await fetch(`${url}/livez`)).status, 200);
  child.stdin.end();
  assert.equal(await said(), "closed");
  assert.deepEqual(await ended, [0, null]);
  await assert.rejects(fetch(`${url}/livez`));
});

test("close waits for the requests under way", async () => {
  let leave;
  let begun;
  const waiting = new Promise((resolve) => (begun = resolve));
  const wait = extension(() => (begun(), new Promise((resolve) => (leave = resolve))), "Wait", { stages: ["pre_send"], timeoutMs: 60_000 });
  await withProxy({ extensions: wait }, async (proxy) => {
    const own = post(proxy.url);
    await waiting;
    let closed = false;
    const closing = proxy.close().then(() => (closed = true));
    while (await fetch(`${proxy.url}/livez`).then(() => true, () => false));
    assert.equal(closed, false);
    leave();
    assert.equal((await own).status, 200);
    await closing;
  });
});

/** A folder with packages. */
function folderOf(packages) {
  const folder = mkdtempSync(join(tmpdir(), "headroom-packages-"));
  for (const [name, [manifest, source]] of Object.entries(packages)) {
    const place = join(folder, "node_modules", name);
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, "package.json"), JSON.stringify({ name, version: "1.0.0", ...manifest }));
    writeFileSync(join(place, "index.js"), source);
  }
  return folder;
}

const KEYWORDS = { keywords: ["headroom-pipeline-extension"] };
const marks = (name) => `{ stages: ["pre_send"], onPipelineEvent(event) { event.headers[${JSON.stringify(name)}] = "1"; } }`;

test("packages with the keyword that the file names take part", async () => {
  const folder = folderOf({
    "x-common": [KEYWORDS, `module.exports = ${marks("x-common")};`],
    "@team/x-class": [{ ...KEYWORDS, type: "module" }, `export default class Mark { stages = ["pre_send"]; onPipelineEvent(event) { event.headers["x-class"] = "1"; } }`],
    "x-esm-only": [{ ...KEYWORDS, type: "module", exports: { import: "./index.js" } }, `export default [${marks("x-esm")}];`],
    "x-none": [{}, "module.exports = {};"],
  });
  await withProvider(async (baseURL, requests) => {
    const text = `[proxy]\nport = 0\nextension_packages = ["x-common", "@team/x-class", "x-esm-only"]\n[proxy.upstreams]\nopenai = "${baseURL}"\n`;
    writeFileSync(join(folder, "headroom.toml"), text);
    const before = process.cwd();
    process.chdir(folder);
    try {
      const proxy = await startProxy({ config: "headroom.toml", store: ":memory:" });
      assert.equal((await post(proxy.url)).status, 200);
      await proxy.close();
      const { headers } = requests[0];
      assert.deepEqual([headers["x-common"], headers["x-class"], headers["x-esm"]], ["1", "1", "1"]);
      const named = (name) => startProxy({ extensionPackages: [name] });
      await assert.rejects(named("x-none"), (error) => error instanceof ConfigurationError && /keyword headroom-pipeline-extension/.test(error.message));
      await assert.rejects(named("x-missing"), /expected an installed package/);
      await assert.rejects(named("../x-common"), /expected the name of a package/);
    } finally {
      process.chdir(before);
    }
  });
});

test("options are checked, and the configuration is read only when asked", async () => {
  await assert.rejects(startProxy({ limits: { body: 1 } }), (error) => error instanceof ConfigurationError && /limits: unknown field `body`/.test(error.message));
  await assert.rejects(startProxy({ host: "0.0.0.0" }), /expected a proxy token/);
  await withProxy({ token: "hunter2", timeouts: { drainMs: 5000 }, compress: { mode: "lossless" } }, async (proxy) => {
    assert.equal((await post(proxy.url)).status, 401);
    assert.equal((await post(proxy.url, {}, { "x-headroom-proxy-token": "hunter2" })).status, 200);
    await assert.rejects(startProxy({ port: proxy.port }), /cannot listen on/);
  });
  process.env.HEADROOM_PROXY_TOKEN = "other";
  try {
    await withProxy({}, async (proxy) => assert.equal((await post(proxy.url)).status, 200));
    await withProxy({ config: true, port: 0 }, async (proxy) => assert.equal((await post(proxy.url)).status, 401));
  } finally {
    delete process.env.HEADROOM_PROXY_TOKEN;
  }
});
