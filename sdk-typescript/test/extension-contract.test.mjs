// The promises of tests/extensions/README.md, in TypeScript.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { Worker } from "node:worker_threads";

import { compress, ExtensionError, PipelineEvent, PipelineExtensionManager, PipelineStage, retrieve } from "headroom-sdk";

import { extension, makeConversation, outcomes, warningsOf } from "./support.mjs";

const COMPRESS_STAGES = ["input_received", "input_routed", "input_compressed"];

test("happy_path", async () => {
  const conversation = makeConversation();
  const seen = [];
  const look = (event) => {
    seen.push({ ...event, metadata: structuredClone(event.metadata) });
    event.metadata.trail = [...(event.metadata.trail ?? []), event.stage];
  };
  const options = { model: "gpt-4o", sessionId: "s1", extensions: [extension(look)] };
  const result = await compress(conversation, options);
  assert.deepEqual(seen.map((event) => event.stage), COMPRESS_STAGES);
  for (const event of seen) {
    assert.equal(event.requestId, result.report.requestId);
    assert.deepEqual([event.operation, event.provider, event.model], ["compress", "openai", "gpt-4o"]);
  }
  assert.deepEqual(seen[0].messages, conversation);
  assert.equal(seen[0].metadata.session_id, "s1");
  assert.equal(seen[1].metadata.routes[0].transform, "json_table");
  assert.deepEqual(seen[2].messages, result.messages);
  assert.deepEqual(seen[2].metadata.original_messages, conversation);
  assert.equal(seen[2].metadata.tokens_after, result.tokensAfter);
  assert.deepEqual(seen[2].metadata.transforms_applied, result.transformsApplied);
  assert.deepEqual(seen[2].metadata.trail, COMPRESS_STAGES.slice(0, 2));
  assert.deepEqual(new Set(Object.values(outcomes(result))), new Set(["changed"]));
});

test("throws", async () => {
  const conversation = makeConversation();
  const without = await compress(conversation, { model: "gpt-4o" });
  for (const isAsync of [false, true]) {
    const ran = [];
    const broken = (event) => {
      event.messages.length = 0;
      event.metadata.half = true;
      const error = new RangeError("broken");
      if (isAsync) return Promise.reject(error);
      throw error;
    };
    const look = (event) => {
      ran.push(event.stage);
      assert.ok(!("half" in event.metadata));
      assert.equal(event.messages.length, 4);
    };
    let result;
    const warnings = await warningsOf(async () => {
      result = await compress(conversation, { model: "gpt-4o", extensions: [extension(broken, "Broken"), extension(look)] });
    });
    assert.deepEqual(ran, COMPRESS_STAGES);
    assert.deepEqual(result.messages, without.messages);
    assert.deepEqual(new Set(Object.values(outcomes(result, "Broken"))), new Set(["failed_open"]));
    assert.equal(warnings.length, 3);
    assert.ok(warnings.every((text) => /headroom\.pipeline.*Broken.*RangeError: broken/.test(text)), warnings[0]);
    assert.match(warnings[0], /input_received/);

    const closed = extension(broken, "Guard", { failurePolicy: "closed", stages: ["input_compressed"] });
    await assert.rejects(compress(conversation, { extensions: closed }), (error) => {
      assert.ok(error instanceof ExtensionError);
      assert.match(error.message, /extension Guard failed at input_compressed: RangeError: broken/);
      assert.ok(error.cause instanceof RangeError);
      assert.deepEqual(error.details, { extension: "Guard", stage: "input_compressed" });
      return true;
    });
  }
  const primitive = extension(() => Promise.reject("just text"), "Guard", { failurePolicy: "closed" });
  await assert.rejects(compress(conversation, { extensions: primitive }), (error) => error.cause === "just text");
});

test("wrong_return_type", async () => {
  const conversation = makeConversation();
  let result;
  const stages = ["input_received"];
  let warnings = await warningsOf(async () => {
    result = await compress(conversation, { extensions: extension(() => new Map(), "Mine", { stages }) });
  });
  assert.ok(result.compressed);
  assert.deepEqual(outcomes(result), { input_received: "ran" });
  assert.equal(warnings.length, 1);
  assert.match(warnings[0], /Mine.*Map/);
  const wrong = [
    [(event) => new PipelineEvent({ stage: "pre_send", operation: event.operation }), "pre_send"],
    [(event) => new PipelineEvent({ stage: "response_received", operation: event.operation }), "response"],
    [(event) => new PipelineEvent({ stage: "later", operation: event.operation }), "later"],
    [async () => 7, "number"],
  ];
  for (const [returned, named] of wrong) {
    warnings = await warningsOf(async () => {
      result = await compress(conversation, { extensions: extension(returned, "Mine", { stages }) });
    });
    assert.ok(result.compressed);
    assert.ok(warnings.some((text) => text.includes(named) && text.includes("Mine")), `${named}: ${warnings}`);
  }
});

test("changes_in_place", async () => {
  const conversation = makeConversation();
  const before = structuredClone(conversation);
  const stages = ["input_received"];
  const shout = (event) => {
    event.messages[1].content = event.messages[1].content.toUpperCase();
  };
  const result = await compress(conversation, { model: "gpt-4o", extensions: extension(shout, "Mine", { stages }) });
  assert.deepEqual(conversation, before);
  assert.equal(result.messages[1].content, "WHICH SERVICE IS SLOW?");
  assert.equal(result.messages[0], conversation[0]);
  assert.equal(result.messages[2], conversation[2]);
  assert.notEqual(result.messages[3], conversation[3]);
  assert.deepEqual(outcomes(result), { input_received: "changed" });

  const touch = extension((event) => void event.messages.length, "Mine", { stages });
  const touched = await compress(conversation, { extensions: touch });
  assert.deepEqual(outcomes(touched), { input_received: "ran" });
  for (const index of [0, 1, 2]) assert.equal(touched.messages[index], conversation[index]);

  const revert = (event) => {
    event.messages[3] = event.metadata.original_messages[3];
  };
  const reverted = await compress(conversation, { extensions: extension(revert, "Mine", { stages: ["input_compressed"] }) });
  assert.equal(reverted.messages[3], conversation[3]);
  assert.equal(reverted.tokensAfter, reverted.tokensBefore);

  const forbidden = (event) => {
    event.messages[0].content = "changed";
  };
  let kept;
  const warnings = await warningsOf(async () => {
    kept = await compress(conversation, { extensions: extension(forbidden, "Mine", { stages: ["input_routed"] }) });
  });
  assert.equal(kept.messages[0], conversation[0]);
  assert.ok(warnings.some((text) => text.includes("messages cannot be changed at input_routed")));
});

test("replaces", async () => {
  const conversation = makeConversation();
  const later = [];
  const shorter = [{ role: "user", content: "only this" }];
  const stages = ["input_received"];
  const replace = ({ stage, operation }) =>
    new PipelineEvent({ stage, operation, messages: shorter, metadata: { by: "replace" } });
  const look = (event) => void later.push({ ...event });
  const extensions = [extension(replace, "Replace", { stages }), extension(look)];
  let result = await compress(conversation, { sessionId: "s", extensions });
  assert.deepEqual(result.messages, shorter);
  assert.deepEqual(later.map((event) => event.messages), [shorter, shorter, shorter]);
  assert.deepEqual({ ...later[0].metadata }, { session_id: "s", by: "replace" });

  const spread = extension((event) => ({ ...event, messages: shorter }), "Spread", { stages });
  assert.deepEqual((await compress(conversation, { extensions: spread })).messages, shorter);
  const unchanged = extension(({ stage, operation }) => new PipelineEvent({ stage, operation }), "Mine", { stages });
  result = await compress(conversation, { extensions: unchanged });
  assert.equal(result.messages[0], conversation[0]);
  assert.deepEqual(outcomes(result), { input_received: "ran" });
  const same = await compress(conversation, { extensions: extension((event) => event) });
  assert.deepEqual(new Set(Object.values(outcomes(same))), new Set(["ran"]));
  const biased = (event) => {
    event.metadata.biases = { 3: 2 };
    return event;
  };
  result = await compress(conversation, { extensions: extension(biased, "Mine", { stages: ["input_routed"] }) });
  assert.equal(result.report.prefixChangedAt, 3);
});

test("answers_early", async () => {
  const conversation = makeConversation();
  const answer = new PipelineEvent({ stage: PipelineStage.RESPONSE_RECEIVED, operation: "compress", response: { text: "cached" } });
  const seen = [];
  const extensions = [
    extension(() => answer, "Cache", { stages: ["input_received"] }),
    extension((event) => void seen.push(event.stage)),
  ];
  const result = await compress(conversation, { extensions });
  assert.deepEqual(result.response, { text: "cached" });
  assert.equal(result.messages, conversation);
  assert.equal(result.compressed, false);
  assert.ok(!seen.includes("input_routed") && !seen.includes("input_compressed"));
  assert.deepEqual(outcomes(result, "Cache"), { input_received: "answered" });
  const inPlace = (event) => {
    event.stage = "response_received";
    event.response = "in place";
    return event;
  };
  const placed = await compress(conversation, { extensions: extension(inPlace, "Mine", { stages: ["input_received"] }) });
  assert.equal(placed.response, "in place");
});

test("never_answers", async () => {
  const conversation = makeConversation();
  const stages = ["input_received"];
  let late;
  const never = (event) =>
    new Promise((resolve) => {
      late = () => {
        event.messages.length = 0;
        resolve(undefined);
      };
    });
  let result;
  const limited = extension(never, "Mine", { stages, timeoutMs: 40 });
  const warnings = await warningsOf(async () => {
    result = await compress(conversation, { extensions: limited });
  });
  assert.deepEqual(outcomes(result), { input_received: "timed_out" });
  assert.ok(result.compressed && warnings.some((text) => text.includes("no answer within 40 ms")));
  late();
  assert.equal(result.messages.length, 4);

  let calls = 0;
  const silent = new PipelineExtensionManager({
    extensions: extension(() => new Promise(() => void (calls += 1)), "Silent", { timeoutMs: 1 }),
  });
  await warningsOf(async () => {
    for (let turn = 0; turn < 8; turn += 1) await silent.emit("setup", { operation: "x" });
  });
  assert.equal(calls, 5, "the breaker is open after five");
  const guard = extension(() => new Promise(() => {}), "Guard", { stages, timeoutMs: 20, failurePolicy: "closed" });
  await assert.rejects(compress(conversation, { extensions: guard }), /Guard failed at input_received: no answer within 20 ms/);
});

test("a handler that never answers is cut off by the default limit and the process exits", () => {
  const script = `
    const { compress } = require("headroom-sdk");
    const messages = [{ role: "user", content: "hello" }];
    const never = () => new Promise(() => {});
    const began = Date.now();
    compress(messages, { onPipelineEvent: (name) => name === "pipeline:start" ? never() : undefined,
      extensions: { name: "Never", stages: ["input_received"], onPipelineEvent: never } })
      .then((result) => console.log(result.report.extensions[0].outcome, Date.now() - began >= 3990));`;
  const child = spawnSync(process.execPath, ["-e", script], { encoding: "utf8", timeout: 60_000 });
  assert.equal(child.status, 0, child.stderr);
  assert.equal(child.stdout.trim(), "timed_out true");
  assert.match(child.stderr, /progress handler failed at pipeline:start: no answer within 2000 ms/);
});

test("a process with an idle client ends by itself", () => {
  const script = `
    const { HeadroomClient } = require("headroom-sdk");
    const client = new HeadroomClient({ extensions: { name: "Idle", onPipelineEvent: () => {} }, onPipelineEvent: () => {} });
    client.compress([{ role: "user", content: "hello" }]).then(() => console.log("done"));
    globalThis.kept = client;`;
  const child = spawnSync(process.execPath, ["-e", script], { encoding: "utf8", timeout: 20_000 });
  assert.deepEqual([child.status, child.signal, child.stdout.trim()], [0, null, "done"], child.stderr);
});

const WORK = `
  const { parentPort, workerData } = require("node:worker_threads");
  const { compress, retrieve } = require("headroom-sdk");
  const nested = async (event) => {
    event.metadata.mine = event.messages[1].content;
    const inner = await compress(structuredClone(workerData.large), { model: "gpt-4o" });
    if (!(await retrieve(inner.ccrHashes[0]))) throw new Error("not found");
  };
  const check = (event) => { if (event.metadata.mine !== event.messages[1].content) throw new Error("mixed up"); };
  const one = async (number) => {
    const messages = structuredClone(workerData.messages);
    messages[1].content = "question " + workerData.worker + " " + number;
    const extensions = [{ name: "Nested", stages: ["input_received"], onPipelineEvent: nested },
                        { name: "Check", stages: ["input_received"], onPipelineEvent: check }];
    const result = await compress(messages, { model: "gpt-4o", extensions });
    const outcomes = result.report.extensions.map((call) => call.outcome).join();
    return result.messages[1] === messages[1] && result.compressed && outcomes === "changed,ran";
  };
  if (!workerData.forever) {
    Promise.all(Array.from({ length: 10 }, (_, number) => one(number))).then((all) => parentPort.postMessage(all));
  } else {
    parentPort.postMessage("began");
    compress(workerData.messages, { extensions: { timeoutMs: 600000, onPipelineEvent: () => new Promise(() => {}) } });
    setInterval(() => {}, 1000);
  }`;

function worker(data) {
  const made = new Worker(WORK, { eval: true, workerData: { messages: makeConversation(60), large: makeConversation(300), ...data } });
  const first = new Promise((resolve, reject) => made.once("message", resolve).once("error", reject));
  return [made, first];
}

test("many_threads", async () => {
  const all = await Promise.all([0, 1, 2, 3].map((number) => worker({ worker: number })[1]));
  assert.deepEqual(all.flat(), Array(40).fill(true));
});

test("a worker that ends under a running call takes the call with it", async () => {
  for (let turn = 0; turn < 3; turn += 1) {
    const [made, began] = worker({ worker: 9, forever: true });
    assert.equal(await began, "began");
    await made.terminate();
  }
  assert.ok((await compress(makeConversation(60))).compressed);
});

test("dropped_midway", async () => {
  const conversation = makeConversation();
  const controller = new AbortController();
  const seen = [];
  const sleepy = (event) => {
    seen.push(event.stage);
    controller.abort(new Error("gone"));
    return new Promise(() => {});
  };
  const extensions = [extension(sleepy), extension((event) => void seen.push(`after ${event.stage}`), "After")];
  await assert.rejects(compress(conversation, { extensions, signal: controller.signal }), /gone/);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual(seen, ["input_received"]);
  await assert.rejects(compress(conversation, { signal: AbortSignal.abort() }), { name: "AbortError" });
});

test("filtered_out", async () => {
  const calls = async (declared) => {
    const seen = [];
    const filtered = extension((event) => void seen.push(event.stage), "Mine", declared);
    const result = await compress(makeConversation(), { model: "gpt-4o", extensions: filtered });
    const recorded = outcomes(result);
    assert.ok(Object.values(recorded).every((outcome) => outcome === "ran" || outcome === "filtered"));
    assert.deepEqual(Object.keys(recorded).filter((stage) => recorded[stage] === "ran"), seen);
    return seen;
  };
  assert.deepEqual(await calls({ stages: [PipelineStage.INPUT_ROUTED, "pre_send"] }), ["input_routed"]);
  assert.deepEqual(await calls({ filter: { providers: ["anthropic"] } }), []);
  const all = { providers: ["openai"], models: ["gpt-*"], operations: ["compress"] };
  assert.deepEqual(await calls({ filter: all }), COMPRESS_STAGES);
  assert.deepEqual(await calls({ filter: { models: ["claude-*"] } }), []);
  assert.deepEqual(await calls({ filter: { operations: ["sdk.request"] } }), []);
  assert.deepEqual(await calls({ filter: { tools: ["list_*"] } }), COMPRESS_STAGES);
  assert.deepEqual(await calls({ filter: { tools: ["other"] } }), []);
  assert.ok(!(await calls({ filter: { minTokens: 1_000_000 } })).includes("input_compressed"));
  assert.ok((await calls({ filter: { minTokens: 10 } })).includes("input_compressed"));
});

test("emit hands the given objects over and gives the last event as it is", async () => {
  const messages = [{ role: "user", content: "a" }];
  const replaced = new PipelineEvent({ stage: "pre_send", operation: "mine", model: "m" });
  const seen = [];
  const extensions = [
    extension((event) => void (seen.push(event.messages), event.messages.push("in place")), "First"),
    extension(() => replaced, "Second"),
    extension(async (event) => void seen.push(event), "Third"),
    {},
  ];
  const manager = new PipelineExtensionManager({ extensions });
  assert.deepEqual(manager.names, ["First", "Second", "Third"]);
  const last = await manager.emit("pre_send", { operation: "mine", messages });
  assert.equal(last, replaced);
  assert.equal(seen[0], messages);
  assert.equal(seen[1], replaced);
  assert.deepEqual(messages[1], "in place");
  const none = new PipelineExtensionManager();
  assert.equal(none.enabled, false);
  assert.equal((await none.emit("setup", { operation: "x", messages })).messages, messages);
});

test("order and declarations are checked when a manager is made", () => {
  const named = (name, declared) => extension(() => {}, name, declared);
  const ordered = [named("a", { priority: 1 }), named("b", { after: ["c"] }), named("c")];
  assert.deepEqual(new PipelineExtensionManager({ extensions: ordered }).names, ["c", "b", "a"]);
  const wrong = [
    [{ before: ["x"], after: ["x"] }, /cycle among/, named("x", {})],
    [{ timeoutMs: -1 }, /extension y: timeoutMs: expected a number of milliseconds above 0, found -1/],
    [{ failurePolicy: "ajar" }, /extension y: failurePolicy: expected "open" or "closed", found "ajar"/],
    [{ stages: ["later"] }, /extension y: stages: expected a list of stages/],
    [{ filter: { model: [] } }, /filter: expected an object with any of/],
  ];
  for (const [declared, pattern, ...others] of wrong) {
    const make = () => new PipelineExtensionManager({ extensions: [named("y", declared), ...others] });
    assert.throws(make, (error) => error.name === "ConfigurationError" && pattern.test(error.message), String(pattern));
  }
});

test("an extension may ask for an original that is just being left out", async () => {
  let text;
  const look = async (event) => {
    text = await retrieve(event.metadata.ccr_hashes[0]);
  };
  const conversation = makeConversation();
  await compress(conversation, { extensions: extension(look, "Mine", { stages: ["input_compressed"] }) });
  assert.equal(text, conversation[3].content);
});
