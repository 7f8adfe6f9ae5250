// compress: shapes, identity, hooks, progress events, errors.

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { test } from "node:test";

import * as sdk from "headroom-sdk";
import { compress, CompressionHooks, HeadroomClient, retrieve, simulate } from "headroom-sdk";

import { extension, makeConversation, readJson, REPOSITORY, warningsOf } from "./support.mjs";

const table = (rows = 300) => makeConversation(rows)[3].content;

const require = createRequire(import.meta.url);

test("ESM and CommonJS give the same objects, in every entry", async () => {
  for (const entry of ["", "/openai", "/anthropic", "/gemini", "/vercel-ai", "/openclaw"]) {
    const [modern, common] = [await import(`headroom-sdk${entry}`), require(`headroom-sdk${entry}`)];
    const names = Object.keys(common);
    assert.ok(names.length > 0);
    for (const name of names) assert.equal(modern[name], common[name], `${entry}: ${name}`);
    const wanted = { "": [], "/openclaw": ["HeadroomContextEngine"], "/vercel-ai": ["withHeadroom", "headroomMiddleware"] };
    for (const name of wanted[entry] ?? ["withHeadroom"]) assert.equal(typeof common[name], "function", `${entry}: ${name}`);
  }
});

test("nothing runs when the packages are installed", () => {
  for (const name of ["headroom-sdk", "headroom-native"]) assert.equal(require(`${name}/package.json`).scripts, undefined, name);
});

test("stages, error classes and exports are what the native module and the contract say", () => {
  const functions = [
    "compress", "HeadroomClient", "simulate", "retrieve", "detectFormat", "toOpenAI", "fromOpenAI", "parseSSE",
    "collectStream", "CompressionHooks", "extractUserQuery", "countTurns", "extractToolCalls", "SharedContext",
    "PipelineExtensionManager", "HeadroomError", "HeadroomConnectionError", "HeadroomAuthError", "HeadroomCompressError",
    "ConfigurationError", "ProviderError", "StorageError", "TokenizationError", "CacheError", "ValidationError",
    "TransformError", "ExtensionError", "mapProxyError",
  ];
  for (const name of functions) assert.equal(typeof sdk[name], "function", name);
  assert.deepEqual(Object.values(sdk.PipelineStage), sdk.CANONICAL_PIPELINE_STAGES);
  const native = require("headroom-native");
  assert.deepEqual(native.stages(), sdk.CANONICAL_PIPELINE_STAGES);
  for (const { className } of native.errorClasses()) assert.equal(typeof sdk[className], "function", className);
});

test("every shape comes back as it came, with only texts replaced", async () => {
  const long = table();
  const shapes = {
    anthropic: [
      { role: "user", content: "which?" },
      { role: "assistant", content: [{ type: "tool_use", id: "1", name: "f", input: { a: 1 } }] },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "1", content: long }] },
    ],
    gemini: [
      { role: "user", parts: [{ text: "which?" }] },
      { role: "model", parts: [{ functionCall: { name: "f", args: {} } }] },
      { role: "user", parts: [{ functionResponse: { name: "f", response: { output: long } } }] },
    ],
    responses: {
      model: "gpt-4o",
      input: [
        { role: "user", content: "which?" },
        { type: "function_call", call_id: "1", name: "f", arguments: "{}" },
        { type: "function_call_output", call_id: "1", output: long },
      ],
    },
    vercel: [
      { role: "user", content: [{ type: "text", text: "which?" }, { type: "file", data: new Uint8Array([1, 2, 3]) }] },
      { role: "assistant", content: [{ type: "tool-call", toolCallId: "1", toolName: "f", input: {} }] },
      {
        role: "tool",
        content: [{ type: "tool-result", toolCallId: "1", toolName: "f", output: { type: "text", value: long } }],
      },
    ],
  };
  for (const [name, given] of Object.entries(shapes)) {
    const before = structuredClone(given);
    const { messages, compressed, ccrHashes } = await compress(given, { model: "gpt-4o" });
    assert.ok(compressed, name);
    assert.deepEqual(given, before);
    const changed = JSON.stringify(messages);
    assert.notEqual(changed, JSON.stringify(given), name);
    const list = (value) => value.input ?? value;
    assert.equal(list(messages)[0], list(given)[0], name);
    assert.equal(list(messages)[1], list(given)[1], name);
    assert.equal(await retrieve(ccrHashes[0]), long);
  }
});

test("a result of the Vercel AI SDK that is JSON becomes text where it is compressed and stays where it is not", async () => {
  const rows = JSON.parse(table());
  const bytes = new Uint8Array([1, 2, 3]);
  const result = (id, value) => ({ type: "tool-result", toolCallId: id, toolName: "f", output: { type: "json", value } });
  const given = [
    { role: "user", content: [{ type: "file", data: bytes, mediaType: "image/png" }, { type: "text", text: "which?" }] },
    { role: "tool", content: [result("1", { small: true }), result("2", rows)] },
  ];
  const seen = [];
  const look = (event) => void seen.push(event.messages);
  const { messages, ccrHashes } = await compress(given, { extensions: extension(look, "Look", { stages: ["input_received"] }) });
  assert.deepEqual(seen[0], given);
  assert.equal(seen[0][0].content[0].data, bytes);
  assert.equal(messages[0], given[0]);
  const [small, large] = messages[1].content;
  assert.equal(small, given[1].content[0]);
  assert.equal(large.output.type, "text");
  assert.ok(large.output.value.length < JSON.stringify(rows).length / 2);
  assert.deepEqual(JSON.parse(await retrieve(ccrHashes[0])), rows);
  assert.equal(given[1].content[1].output.type, "json");
});

test("classes, frozen data and undefined members of the caller stay what they are", async () => {
  class Message {
    constructor(role, content) {
      Object.assign(this, { role, content, extra: undefined });
    }
  }
  const given = makeConversation().map((message) => Object.freeze({ ...message }));
  const mine = new Message("user", "hello");
  given.unshift(mine);
  const { messages } = await compress(Object.freeze(given), { model: "gpt-4o" });
  assert.equal(messages[0], mine);
  assert.equal(messages[1], given[1]);
  assert.deepEqual(Object.keys(messages[4]), Object.keys(given[4]));
});

test("hooks as a class and as a plain object see the caller's shape and may change it", async () => {
  const conversation = makeConversation();
  const seen = [];
  class Mine extends CompressionHooks {
    preCompress(messages, context) {
      seen.push(structuredClone(messages), context);
      messages.push({ role: "user", content: "and why?" });
      return messages;
    }
    async computeBiases(messages, context) {
      seen.push(messages.length, context.userQuery);
      return { 3: 3 };
    }
  }
  const ended = [];
  const { messages, report } = await compress(conversation, {
    model: "gpt-4o",
    hooks: [new Mine(), { postCompress: (event) => void ended.push(event) }],
  });
  assert.deepEqual(seen[0], conversation);
  assert.deepEqual(seen[1], {
    model: "gpt-4o",
    userQuery: "Which service is slow?",
    turnNumber: 1,
    toolCalls: ["list_services"],
    provider: "openai",
  });
  assert.deepEqual(seen.slice(2), [5, "and why?"]);
  assert.equal(messages.length, 5);
  assert.equal(messages[0], conversation[0]);
  assert.equal(report.prefixChangedAt, 0);
  assert.equal(ended.length, 1);
  const fields = ["tokensBefore", "tokensAfter", "tokensSaved", "compressionRatio", "transformsApplied", "ccrHashes", "model", "userQuery", "provider"];
  assert.deepEqual(Object.keys(ended[0]), fields);
});

test("a hook that throws is logged and skipped", async () => {
  const broken = { name: "Broken", preCompress: () => { throw new Error("no"); }, computeBiases: () => Promise.reject(new Error("no")), postCompress: () => 1 };
  let result;
  const warnings = await warningsOf(async () => {
    result = await compress(makeConversation(), { hooks: broken });
  });
  assert.ok(result.compressed);
  assert.deepEqual(warnings.map((text) => /hook Broken failed in (\w+): Error: no/.exec(text)?.[1]), ["pre_compress", "compute_biases"]);
});

test("the four events have all their fields, and biases and metadata are read back", async () => {
  const events = [];
  const onPipelineEvent = async (name, data) => {
    events.push([name, structuredClone(data)]);
    if (name === "pipeline:start") {
      data.biases[3] = 4;
      data.metadata.mine = { a: 1 };
    }
  };
  const conversation = makeConversation();
  const plain = await compress(conversation, { model: "gpt-4o", tokenBudget: 100_000 });
  const result = await compress(conversation, { model: "gpt-4o", tokenBudget: 100_000, onPipelineEvent });
  assert.deepEqual(events.map(([name, data]) => data.step ?? name), [
    "pipeline:start", "bias", "ccr", "cache", "dedupe", "compression", "budget", "pipeline:complete",
  ]);
  const keys = (index) => Object.keys(events[index][1]);
  assert.deepEqual(keys(0), ["requestId", "model", "provider", "operation", "startTime", "tokenBudget", "biases", "metadata"]);
  assert.deepEqual(keys(1), ["requestId", "step", "tokensBefore", "tokensAfter", "durationMs", "warnings", "biases", "metadata"]);
  assert.deepEqual(keys(7), ["requestId", "tokensBefore", "tokensAfter", "tokensSaved", "compressionRatio", "transformsApplied", "ccrHashes", "durationMs", "metadata"]);
  assert.ok(events.every(([, data]) => data.requestId === result.report.requestId));
  assert.deepEqual(events[1][1].biases, { 3: 4 });
  assert.deepEqual(events[7][1].metadata.mine, { a: 1 });
  assert.ok(result.tokensAfter > plain.tokensAfter, "a bias above 1 keeps more");
  assert.deepEqual(Object.keys(result.pipelineTiming), ["bias", "ccr", "cache", "dedupe", "compression", "budget"]);
});

test("a progress handler that throws is logged and skipped", async () => {
  let result;
  const onPipelineEvent = (name) => {
    if (name === "pipeline:complete") throw new Error("no");
  };
  const warnings = await warningsOf(async () => {
    result = await compress(makeConversation(), { onPipelineEvent });
  });
  assert.ok(result.compressed);
  assert.match(warnings.join(), /progress handler failed at pipeline:complete: Error: no/);
});

test("messages that cannot be read come back as they are, with an event, or throw without fallback", async () => {
  const events = [];
  const wrong = [7];
  let result;
  await warningsOf(async () => {
    result = await compress(wrong, { onPipelineEvent: (name, data) => void events.push([name, data]) });
  });
  assert.equal(result.messages, wrong);
  assert.equal(result.compressed, false);
  assert.deepEqual(events.map(([name, { error, step }]) => [name, error, step]), [
    ["pipeline:error", "messages[0]: expected an object, found a number", null],
  ]);
  await warningsOf(() => assert.rejects(compress(wrong, { fallback: false }), { name: "HeadroomCompressError", code: "compression" }));
});

test("wrong options name themselves, what was expected and what was found", async () => {
  const failed = (options) => compress(makeConversation(), options).then(() => assert.fail(), (error) => error);
  const ratio = await failed({ targetRatio: 2 });
  assert.equal(ratio.name, "ConfigurationError");
  assert.match(ratio.message, /options\.target_ratio: expected a number above 0\.0 and at most 1\.0, found 2/);
  assert.match((await failed({ mode: "fast" })).message, /options\.mode: unknown variant `fast`/);
  assert.equal((await failed({ store: "word" })).name, "ConfigurationError");
  assert.throws(() => new HeadroomClient({ retries: -1 }), /retries: expected a number from 0, found -1/);
});

test("an unknown hash is a StorageError, and lines pick lines", async () => {
  await assert.rejects(retrieve("0".repeat(24)), { name: "StorageError", code: "not_found" });
  const log = Array.from({ length: 400 }, (_, line) => `2026-01-01T00:00:00Z INFO worker ${line} did its work`).join("\n");
  const { ccrHashes } = await compress([{ role: "tool", tool_call_id: "1", content: log }], { model: "gpt-4o" });
  assert.equal(await retrieve(ccrHashes[0]), log);
  assert.match(await retrieve(ccrHashes[0], { lines: "3" }), /worker 2 did/);
  assert.ok((await retrieve(ccrHashes[0], { query: "worker 17 " })).length < log.length);
});

test("the retrieval tool is defined and answered", async () => {
  assert.equal((await sdk.retrieveTool("anthropic")).name, "headroom_retrieve");
  const { ccrHashes } = await compress(makeConversation(), { model: "gpt-4o" });
  const call = { id: "c", type: "function", function: { name: "headroom_retrieve", arguments: JSON.stringify({ hash: ccrHashes[0] }) } };
  const answer = await sdk.answerToolCall(call);
  assert.equal(answer.tool_call_id, "c");
  assert.equal(answer.content, makeConversation()[3].content);
});

test("simulate keeps nothing and optimize: false only counts", async () => {
  const conversation = makeConversation(301);
  const result = await simulate(conversation, { model: "gpt-4o" });
  assert.ok(result.tokensAfter < result.tokensBefore);
  await assert.rejects(retrieve(result.ccrHashes[0]), { code: "not_found" });
  const counted = await compress(conversation, { model: "gpt-4o", optimize: false });
  assert.equal(counted.messages, conversation);
  assert.equal(counted.tokensBefore, result.tokensBefore);
});

test("a client brings its own extensions, hooks and handler", async () => {
  const seen = [];
  const client = new HeadroomClient({
    apiKey: "unused",
    stack: "mine",
    store: ":memory:",
    extensions: extension((event) => void seen.push(event.metadata.stack), "Own", { stages: ["input_received"] }),
    onPipelineEvent: (name) => void seen.push(name),
  });
  const result = await compress(makeConversation(), { client, model: "gpt-4o" });
  assert.equal(seen[0], "mine");
  assert.equal(seen.at(-1), "pipeline:complete");
  assert.equal(await client.retrieve(result.ccrHashes[0]), makeConversation()[3].content);
});

test("a shared context shows texts compressed and gives them whole", async () => {
  const context = new sdk.SharedContext({ model: "gpt-4o", maxEntries: 2 });
  await context.put("a", JSON.parse(table()), { agent: "one" });
  await context.put("b", "short");
  assert.ok(context.get("a").length < table().length);
  assert.equal(context.get("a", { full: true }), table());
  assert.equal(context.get("b"), "short");
  assert.deepEqual(context.stats().agents, ["one"]);
  await context.put("c", "x");
  assert.deepEqual(context.keys(), ["b", "c"]);
  context.clear();
  assert.equal(context.get("b"), null);
});

test("long texts beside the JSON give what JSON alone gives", async () => {
  const native = require("headroom-native");
  const { LiveData } = require(join(dirname(require.resolve("headroom-sdk")), "live-data.js"));
  const folder = join(REPOSITORY, "tests", "cases");
  const recorded = readdirSync(folder).filter((name) => name.endsWith(".json")).map((name) => readJson("tests", "cases", name));
  const long = table();
  const call = { id: "1", type: "function", function: { name: "f", arguments: JSON.stringify({ text: long }) } };
  const anthropic = { type: "tool_use", id: "2", name: "headroom:text:0", input: { "headroom:text:1": long, deep: [{ long }] } };
  const made = [
    { role: "user", content: "headroom:text:0" },
    { role: "assistant", content: null, tool_calls: [call] },
    { role: "tool", tool_call_id: "1", content: long },
    { role: "assistant", content: [anthropic] },
    { role: "user", content: [{ type: "tool_result", tool_use_id: "2", content: `${long}é😀` }] },
    { role: "tool", tool_call_id: "3", content: `${long}\ud800` },
    { role: "tool", tool_call_id: "4", content: "headroom:text:1", "headroom:text:2": "headroom:text:\udc00" },
  ];
  for (const given of [...recorded.map(({ messages, payload }) => messages ?? payload), made]) {
    const plain = async (json, texts) => {
      const options = { model: "gpt-4o", provider: "", optimize: true, options: "{}", metadata: "{}", store: ":memory:", hooks: [], progress: false };
      const outcome = await native.compress(Buffer.from(json), texts, options, new native.Manager([]), null, new native.Abort());
      const { edits, tokensBefore, tokensAfter, ccrHashes, certificate, report } = JSON.parse(outcome.value.toString());
      return { edits, tokensBefore, tokensAfter, ccrHashes, certificate, blocks: report.blocks };
    };
    const [json, texts] = new LiveData().split(given);
    assert.ok(texts.length > 0);
    assert.deepEqual(await plain(json, texts), await plain(JSON.stringify(given), []));
  }
  const seen = [];
  const look = (event) => void (seen.push(event.messages), event.stage === "input_compressed" && seen.push(event.metadata.original_messages));
  const { messages } = await compress(made, { model: "gpt-4o", extensions: extension(look) });
  const near = (value) => JSON.parse(JSON.stringify(value).replaceAll(/\\u(d800|dc00)/g, "\ufffd"));
  assert.deepEqual(seen, [near(made), near(made), near(messages), near(made)]);
  assert.equal(messages[5], made[5], "half of a surrogate pair stays with its text");
  assert.equal(messages[0], made[0]);
});

test("hostile input ends quickly and does no harm", async () => {
  const deep = JSON.parse("[".repeat(100) + "]".repeat(100));
  const texts = ["[".repeat(1 << 20), " ".repeat(1 << 20), "\ud800 lone", "\r".repeat(1000), "a\0b", "é😀漢".repeat(1000), ""];
  for (const content of texts) {
    const given = [{ role: "tool", tool_call_id: "1", content }, { role: "user", content: [deep] }];
    const { messages, tokensAfter, tokensBefore } = await compress(given, { model: "gpt-4o" });
    assert.ok(tokensAfter <= tokensBefore);
    assert.equal(messages[1], given[1]);
  }
  const circular = makeConversation();
  circular[0].self = circular;
  await assert.rejects(compress(circular), TypeError);
});
