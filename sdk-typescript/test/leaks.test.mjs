// 10,000 calls with callbacks leave nothing behind.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { compress, HeadroomClient } from "headroom-sdk";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc");

const messages = [
  { role: "user", content: "hello" },
  { role: "tool", tool_call_id: "1", content: "x".repeat(2000) },
];

async function calls(count) {
  const client = new HeadroomClient({ store: ":memory:" });
  for (let turn = 0; turn < count; turn += 1) {
    const extensions = {
      name: "Mine",
      onPipelineEvent: (event) => {
        event.metadata.turn = { turn, messages: event.messages.length, client: client.baseUrl };
        return turn % 7 === 0 ? Promise.resolve() : undefined;
      },
    };
    const hooks = { preCompress: () => undefined, postCompress: async () => {} };
    await compress(messages, { client, model: "gpt-4o", extensions, hooks, onPipelineEvent: () => {} });
  }
}

async function memory() {
  for (let turn = 0; turn < 6; turn += 1) {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  return { heap: heapUsed + external, rss };
}

test("10,000 calls with callbacks leak nothing", async () => {
  await calls(2000);
  const before = await memory();
  await calls(10_000);
  const after = await memory();
  const perCall = (name) => (after[name] - before[name]) / 10_000;
  assert.ok(perCall("heap") < 50, `${perCall("heap")} bytes of heap a call`);
  assert.ok(perCall("rss") < 1000, `${perCall("rss")} bytes of memory a call`);
});
