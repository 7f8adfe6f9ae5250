// Where user code and the engine run: close together, and not in each other's way.

import assert from "node:assert/strict";
import { performance } from "node:perf_hooks";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { compress, PipelineExtensionManager } from "headroom-sdk";

import { extension, makeConversation, outcomes, warningsOf } from "./support.mjs";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc");

/** Handlers that note in which turn of the event loop they are called. */
function noting(count, isAsync) {
  const seen = { calls: 0, turns: new Set() };
  let turn = 0;
  let next = null;
  const handler = () => {
    seen.calls += 1;
    seen.turns.add(turn);
    next ??= setImmediate(() => {
      turn += 1;
      next = null;
    });
  };
  const handlers = Array.from({ length: count }, () => (isAsync ? async () => handler() : handler));
  return [handlers, seen];
}

for (const isAsync of [false, true]) {
  const kind = isAsync ? "asynchronous" : "plain";
  test(`what is called one after the other needs no turns of the event loop: ${kind}`, async () => {
    const stages = ["input_received"];
    for (const run of [
      (handlers) => compress(makeConversation(), { extensions: handlers.map((handler, at) => extension(handler, `${at}`, { stages })) }),
      (handlers) => compress(makeConversation(), { hooks: handlers.map((postCompress) => ({ postCompress })) }),
      (handlers) => {
        const extensions = handlers.map((handler, at) => extension(handler, `${at}`));
        return new PipelineExtensionManager({ extensions }).emit("setup", { operation: "x" });
      },
    ]) {
      const [handlers, seen] = noting(50, isAsync);
      await run(handlers);
      assert.equal(seen.calls, 50);
      // An emit that has to wait is given to the runtime meanwhile, which may take the first answer.
      assert.ok(seen.turns.size <= (isAsync ? 2 : 1), `${seen.turns.size} turns`);
    }
  });
}

test("an event without anything to wait for is handed over right away", async () => {
  const seen = [];
  const manager = new PipelineExtensionManager({ extensions: extension((event) => void seen.push(event.operation)) });
  const emitted = manager.emit("setup", { operation: "x" });
  assert.deepEqual(seen, ["x"]);
  assert.equal((await emitted).operation, "x");
});

test("a long compression leaves the event loop free, whoever takes part", async () => {
  const text = makeConversation(40_000)[3].content.replaceAll("service-", () => `${Math.random()}-`);
  const messages = [...makeConversation().slice(0, 3), { role: "tool", tool_call_id: "call_1", content: text }];
  const nothing = () => {};
  await compress(makeConversation(), { model: "gpt-4o", store: ":memory:" });
  const before = performance.eventLoopUtilization();
  const result = await compress(messages, {
    model: "gpt-4o",
    store: ":memory:",
    extensions: extension(nothing),
    hooks: { postCompress: nothing },
    onPipelineEvent: nothing,
  });
  const { active, idle } = performance.eventLoopUtilization(before);
  assert.ok(result.compressed);
  assert.ok(active < idle, `busy for ${active} ms, free for ${idle} ms`);
});

test("a handler that holds its thread for too long is late", async () => {
  const hold = () => {
    const until = performance.now() + 60;
    while (performance.now() < until);
  };
  let result;
  const warnings = await warningsOf(async () => {
    const extensions = extension(hold, "Mine", { stages: ["input_received"], timeoutMs: 20 });
    result = await compress(makeConversation(), { extensions });
  });
  assert.deepEqual(outcomes(result), { input_received: "timed_out" });
  assert.ok(result.compressed && warnings.some((text) => text.includes("no answer within 20 ms")), warnings.join());
});

test("handlers of every kind, large and small requests and aborts go on side by side", async () => {
  const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const fails = () => {
    throw new RangeError("broken");
  };
  const kinds = [() => {}, async () => {}, () => sleep(1), fails, async () => fails(), () => new Promise(() => {})];
  const one = async (number) => {
    const begin = extension((event) => void (event.metadata.number = number), "Begin");
    const extensions = kinds.map((kind, at) => extension(kind, `${at}`, { timeoutMs: 2 + (number % 4) }));
    const check = extension((event) => assert.equal(event.metadata.number, number), "Check");
    const hooks = { preCompress: kinds[number % 3], computeBiases: kinds[(number + 1) % 3], postCompress: kinds[number % 5] };
    const signal = number % 7 === 0 ? AbortSignal.timeout(1 + (number % 11)) : null;
    const messages = makeConversation(number % 2 === 0 ? 30 : 2000);
    try {
      const onPipelineEvent = kinds[number % 4];
      const result = await compress(messages, { extensions: [begin, ...extensions, check], hooks, onPipelineEvent, signal });
      assert.ok(result.compressed && result.report.error === null);
      assert.ok(Object.values(outcomes(result, "Check")).every((outcome) => outcome === "ran"));
    } catch (failed) {
      if (failed.name !== "TimeoutError") throw failed;
    }
  };
  await warningsOf(async () => {
    for (let round = 0; round < 8; round += 1) {
      await Promise.all(Array.from({ length: 16 }, (_, at) => one(round * 16 + at)));
    }
  });
});

test("a promise that is never settled keeps nothing of its call once nobody has it", async () => {
  const call = async () => {
    let seen;
    const handler = (event) => ((seen = new WeakRef(event)), new Promise(() => {}));
    await compress(makeConversation(), { extensions: extension(handler, "Mine", { stages: ["input_received"], timeoutMs: 25 }) });
    return seen;
  };
  const events = [];
  await warningsOf(async () => {
    for (let turn = 0; turn < 20; turn += 1) events.push(await call());
  });
  for (let turn = 0; turn < 10; turn += 1) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    collectGarbage();
  }
  assert.ok(events.every((event) => event instanceof WeakRef));
  const alive = events.filter((event) => event.deref() !== undefined).length;
  assert.ok(alive <= 1, `${alive} of 20 events are alive`);
});
