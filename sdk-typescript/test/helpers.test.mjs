// Formats, streams, and what is told of a conversation.

import assert from "node:assert/strict";
import { test } from "node:test";

import { collectStream, compress, countTurns, detectFormat, extractToolCalls, extractUserQuery, fromOpenAI, parseSSE, toOpenAI } from "headroom-sdk";
import { HeadroomContextEngine } from "headroom-sdk/openclaw";

import { makeConversation } from "./support.mjs";

const OPENAI = [
  { role: "user", content: "which?" },
  {
    role: "assistant",
    content: "let me see",
    tool_calls: [
      { id: "1", type: "function", function: { name: "f", arguments: '{"a":1}' } },
      { id: "2", type: "function", function: { name: "f", arguments: "{}" } },
    ],
  },
  { role: "tool", tool_call_id: "1", content: "one" },
  { role: "tool", tool_call_id: "2", content: "two" },
  { role: "assistant", content: "both" },
];

test("every format is told apart and keeps texts, calls and results on the way there and back", () => {
  for (const format of ["openai", "openai-responses", "anthropic", "gemini", "vercel-ai"]) {
    const there = fromOpenAI(OPENAI, format);
    assert.equal(detectFormat(there), format);
    const back = toOpenAI(there);
    const results = (messages) => messages.filter(({ role }) => role === "tool").map(({ tool_call_id, content }) => [tool_call_id, content]);
    assert.deepEqual(results(back), results(OPENAI), format);
    assert.deepEqual(extractToolCalls(back), extractToolCalls(OPENAI), format);
    assert.deepEqual(extractToolCalls(there).map(({ name }) => name), ["f", "f"], format);
    assert.equal(extractUserQuery(there), "which?", format);
    assert.equal(countTurns(there), 1, format);
    assert.equal(back.at(-1).content, "both", format);
  }
  assert.equal(detectFormat([]), "openai");
  assert.equal(fromOpenAI(OPENAI, "anthropic").length, 4, "results of one turn stand in one message");
});

test("calls of Gemini without ids are paired with their results by name and order", () => {
  const parts = (name) => ({ functionCall: { name, args: {} } });
  const answer = (name, output) => ({ functionResponse: { name, response: { output } } });
  const given = [
    { role: "model", parts: [parts("f"), parts("g"), parts("f")] },
    { role: "user", parts: [answer("f", "a"), answer("g", "b"), answer("f", "c")] },
  ];
  const [{ tool_calls }, ...results] = toOpenAI(given);
  assert.deepEqual(results.map(({ tool_call_id }) => tool_call_id), [tool_calls[0].id, tool_calls[1].id, tool_calls[2].id]);
});

test("server-sent events are read wherever they are cut and whatever ends their lines", async () => {
  const expected = [
    { event: "message", data: '{"a":"é"}' },
    { event: "named", data: "one\ntwo" },
    { event: "message", data: "[DONE]" },
  ];
  for (const end of ["\n", "\r\n", "\r"]) {
    const text = `\uFEFF: comment${end}data: {"a":"é"}${end}${end}event: named${end}data: one${end}data:two${end}id: 1${end}${end}data: [DONE]${end}${end}`;
    const bytes = Buffer.from(text);
    for (let size = 1; size < 9; size += 1) {
      const pieces = (function* () {
        for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
      })();
      const events = [];
      for await (const event of parseSSE((async function* () { yield* pieces; })())) events.push(event);
      assert.deepEqual(events, expected, `${JSON.stringify(end)} in pieces of ${size}`);
    }
  }
  const events = [];
  for await (const event of parseSSE(new Response("data: unfinished"))) events.push(event);
  assert.deepEqual(events, [{ event: "message", data: "unfinished" }]);
});

test("a stream is put together to the whole answer", async () => {
  const delta = (content) => ({ id: "c", choices: [{ index: 0, delta: content }] });
  const call = (part) => delta({ tool_calls: [{ index: 0, ...part }] });
  const chunks = [
    delta({ role: "assistant", content: "a" }),
    delta({ content: "b" }),
    call({ id: "1", type: "function", function: { name: "f", arguments: '{"x"' } }),
    call({ function: { arguments: ":1}" } }),
    { id: "c", choices: [{ index: 0, delta: {}, finish_reason: "tool_calls" }] },
    { id: "c", choices: [], usage: { total_tokens: 3 } },
  ];
  const expected = {
    id: "c",
    object: "chat.completion",
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: "ab", tool_calls: [{ id: "1", type: "function", function: { name: "f", arguments: '{"x":1}' } }] },
        finish_reason: "tool_calls",
      },
    ],
    usage: { total_tokens: 3 },
  };
  const body = `${chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join("")}data: [DONE]\n\n`;
  assert.deepEqual(await collectStream(new Response(body)), expected);
  assert.deepEqual(await collectStream((async function* () { yield* chunks; })()), expected);
  assert.deepEqual(await collectStream((async function* () { yield body; })()), expected);
  assert.deepEqual(await collectStream(new Response("")), {});
  const gemini = [{ candidates: [{ content: { parts: [{ text: "a" }] } }] }, { candidates: [{ content: { parts: [{ text: "b" }, { functionCall: { name: "f" } }] }, finishReason: "STOP" }] }];
  const { candidates } = await collectStream((async function* () { yield* gemini; })());
  assert.deepEqual(candidates[0].content.parts, [{ text: "ab" }, { functionCall: { name: "f" } }]);
});

test("the context engine of OpenClaw compresses when it assembles", async () => {
  const long = makeConversation()[3].content;
  const engine = new HeadroomContextEngine({ model: "gpt-4o", store: ":memory:" });
  const failed = { role: "toolResult", toolCallId: "2", toolName: "f", isError: true, content: [{ type: "text", text: long }] };
  const messages = [
    { role: "user", content: "which?", timestamp: 1 },
    { role: "assistant", content: [{ type: "text", text: "see" }, { type: "toolCall", id: "1", name: "f", arguments: {} }] },
    { role: "toolResult", toolCallId: "1", toolName: "f", content: [{ type: "text", text: long }, { type: "image", data: "" }] },
    failed,
  ];
  const before = structuredClone(messages);
  assert.deepEqual(await engine.bootstrap({ sessionId: "s" }), { bootstrapped: true });
  await engine.ingest({ sessionId: "s", message: messages[0] });
  const assembled = await engine.assemble({ sessionId: "s", messages });
  assert.deepEqual(messages, before);
  for (const index of [0, 1, 3]) assert.equal(assembled.messages[index], messages[index]);
  const [text, image] = assembled.messages[2].content;
  assert.ok(text.text.length < long.length / 2);
  assert.equal(image, messages[2].content[1]);
  assert.ok(assembled.estimatedTokens > 0);
  const compacted = await engine.compact({ sessionId: "s" });
  assert.deepEqual([compacted.ok, compacted.compacted], [true, false]);
  const delegateCompaction = async () => ({ ok: true, compacted: true });
  assert.equal((await new HeadroomContextEngine({ delegateCompaction }).compact({ sessionId: "s" })).compacted, true);
  await engine.afterTurn({ sessionId: "s" });
  await engine.dispose();
});

test("a format that was converted compresses like the original", async () => {
  const conversation = makeConversation();
  const plain = await compress(conversation, { model: "gpt-4o" });
  for (const format of ["anthropic", "gemini", "vercel-ai", "openai-responses"]) {
    const converted = fromOpenAI(conversation.slice(1), format);
    const given = format === "openai-responses" ? { model: "gpt-4o", input: converted } : converted;
    const result = await compress(given, { model: "gpt-4o" });
    assert.deepEqual(result.ccrHashes, plain.ccrHashes, format);
    assert.equal(toOpenAI(result.messages.input ?? result.messages).find(({ role }) => role === "tool").content, plain.messages[3].content, format);
  }
});
