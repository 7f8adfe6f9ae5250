// Real clients against a loopback provider: they send what was compressed and get their answers.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { test } from "node:test";

import { createOpenAI } from "@ai-sdk/openai";
import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import { generateText, streamText, wrapLanguageModel } from "ai";
import { CANONICAL_PIPELINE_STAGES, HeadroomClient, PipelineEvent, retrieve } from "headroom-sdk";
import * as anthropic from "headroom-sdk/anthropic";
import * as gemini from "headroom-sdk/gemini";
import * as openai from "headroom-sdk/openai";
import * as vercel from "headroom-sdk/vercel-ai";
import OpenAI from "openai";

import { withProvider } from "./provider.mjs";
import { extension, makeConversation } from "./support.mjs";

const REQUEST_STAGES = CANONICAL_PIPELINE_STAGES.slice(3);
const LONG = makeConversation()[3].content;

/** An extension that keeps what it sees. */
function watcher() {
  const seen = [];
  const look = (event) => {
    const { stage, headers, response, payload, tools } = event;
    seen.push({ stage, headers, response, payload, tools, metadata: { ...event.metadata } });
  };
  return [seen, extension(look, "Watch")];
}

const stagesOf = (seen) => seen.map(({ stage }) => stage);

async function all(iterable) {
  const items = [];
  for await (const item of iterable) items.push(item);
  return items;
}

test("openai: Chat Completions, whole and streamed", async () => {
  await withProvider(async (baseURL, requests) => {
    const [seen, watch] = watcher();
    const plain = new OpenAI({ apiKey: "secret", baseURL: `${baseURL}/v1` });
    const ended = [];
    const client = openai.withHeadroom(plain, { extensions: watch, hooks: { postCompress: (event) => void ended.push(event) } });
    const messages = makeConversation();
    const given = { model: "gpt-4o", messages, tools: [{ type: "function", function: { name: "f", parameters: {} } }] };
    const completion = await client.chat.completions.create(given, { headers: { "x-mine": "1" } });
    assert.equal(completion.choices[0].message.content, "Hello é");
    assert.equal(completion._request_id, "id-1");
    const sent = requests[0].body.messages[3].content;
    assert.ok(sent.length < LONG.length / 2);
    assert.deepEqual(requests[0].body.messages.slice(0, 3), messages.slice(0, 3));
    assert.equal(messages[3].content, LONG);
    assert.equal(await retrieve(/hash=([a-f0-9]{24})/.exec(sent)[1]), LONG);
    assert.equal(requests[0].headers.authorization, "Bearer secret");
    assert.equal(ended.length, 1);

    assert.deepEqual(stagesOf(seen), ["setup", ...REQUEST_STAGES]);
    const [, received, cached, , , , , post, response] = seen;
    assert.deepEqual([received.headers.authorization, received.headers["x-mine"]], ["<redacted>", "1"]);
    assert.equal(received.payload.model, "gpt-4o");
    assert.equal(received.tools[0].function.name, "f");
    assert.deepEqual(received.metadata, { path: "/v1/chat/completions", stream: false, transport: "http" });
    assert.equal(cached.metadata.cache_hit, false);
    assert.equal(post.metadata.status_code, 200);
    assert.equal(post.headers["x-request-id"], "id-1");
    assert.equal(response.response.choices[0].message.content, "Hello é");
    assert.equal(response.metadata.usage.total_tokens, 7);

    seen.length = 0;
    const chunks = await all(await client.chat.completions.create({ ...given, stream: true }));
    assert.equal(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join(""), "Hello é");
    assert.deepEqual(stagesOf(seen), REQUEST_STAGES);
    assert.equal(seen.at(-1).response.choices[0].message.content, "Hello é");
    assert.equal(seen.at(-1).metadata.stream, true);

    const helper = client.chat.completions.stream(given);
    assert.equal(await helper.finalContent(), "Hello é");
    assert.equal((await client.chat.completions.create(given).asResponse()).status, 200);
    await plain.chat.completions.create(given);
    assert.equal(requests.at(-1).body.messages[3].content, LONG, "the given client is left as it is");
  });
});

test("openai: Responses, whole and streamed, and what is no model call passes", async () => {
  await withProvider(async (baseURL, requests) => {
    const [seen, watch] = watcher();
    const client = openai.withHeadroom(new OpenAI({ apiKey: "k", baseURL: `${baseURL}/v1` }), { extensions: watch });
    const input = [
      { role: "user", content: "which?" },
      { type: "function_call", call_id: "1", name: "f", arguments: "{}" },
      { type: "function_call_output", call_id: "1", output: LONG },
    ];
    const answer = await client.responses.create({ model: "gpt-4o", input });
    assert.equal(answer.output_text, "Hello é");
    assert.ok(requests[0].body.input[2].output.length < LONG.length / 2);
    assert.equal(seen[1].metadata.api_style, "responses");
    seen.length = 0;
    const events = await all(await client.responses.create({ model: "gpt-4o", input, stream: true }));
    assert.equal(events.at(-1).response.output_text ?? events.at(-1).response.output[0].content[0].text, "Hello é");
    assert.equal(seen.at(-1).response.output[0].content[0].text, "Hello é");
    seen.length = 0;
    await client.models.list();
    assert.deepEqual(seen, []);
  });
});

test("openai: a repeated attempt goes through the stages before sending once", async () => {
  await withProvider(
    async (baseURL, requests) => {
      const [seen, watch] = watcher();
      const client = openai.withHeadroom(new OpenAI({ apiKey: "k", baseURL: `${baseURL}/v1` }), { extensions: watch });
      await client.chat.completions.create({ model: "gpt-4o", messages: makeConversation() });
      assert.equal(requests.length, 2);
      assert.deepEqual(requests[0].body, requests[1].body);
      const again = [...REQUEST_STAGES.slice(0, 6), "post_send", "post_send", "response_received"];
      assert.deepEqual(stagesOf(seen), ["setup", ...again]);
      assert.deepEqual(seen.filter(({ stage }) => stage === "post_send").map(({ metadata }) => metadata.status_code), [503, 200]);
    },
    [503],
  );
});

test("openai: an aborted request ends, and one that cannot be sent says so", async () => {
  const [seen, watch] = watcher();
  const client = openai.withHeadroom(new OpenAI({ apiKey: "k", baseURL: "http://127.0.0.1:1/v1", maxRetries: 0 }), { extensions: watch });
  const given = { model: "gpt-4o", messages: makeConversation() };
  await assert.rejects(client.chat.completions.create(given), OpenAI.APIConnectionError);
  assert.equal(seen.at(-1).stage, "post_send");
  assert.equal(seen.at(-1).metadata.status_code, null);
  const never = extension(() => new Promise(() => {}), "Never", { stages: ["input_received"] });
  const slow = openai.withHeadroom(new OpenAI({ apiKey: "k", baseURL: "http://127.0.0.1:1/v1" }), { extensions: never });
  const controller = new AbortController();
  const running = slow.chat.completions.create(given, { signal: controller.signal });
  setTimeout(() => controller.abort(), 30);
  await assert.rejects(running, OpenAI.APIUserAbortError);
});

test("an attempt that is aborted while it waits for its answer has failed", async () => {
  const silent = createServer().listen(0, "127.0.0.1");
  await once(silent, "listening");
  const baseURL = `http://127.0.0.1:${silent.address().port}`;
  const [seen, watch] = watcher();
  const claude = anthropic.withHeadroom(new Anthropic({ apiKey: "k", baseURL }), { extensions: watch });
  const model = vercel.withHeadroom(createOpenAI({ apiKey: "k", baseURL }).chat("gpt-4o"), { extensions: watch });
  const messages = [{ role: "user", content: "hello" }];
  for (const [send, error] of [
    [(signal) => claude.messages.create({ model: "claude-x", max_tokens: 9, messages }, { signal }), Anthropic.APIUserAbortError],
    [(abortSignal) => generateText({ model, prompt: "hello", abortSignal }), { name: "AbortError" }],
  ]) {
    const controller = new AbortController();
    const arrived = once(silent, "request");
    const running = assert.rejects(send(controller.signal), error);
    await arrived;
    controller.abort();
    await running;
    assert.deepEqual(stagesOf(seen).slice(-2), ["pre_send", "post_send"]);
    assert.equal(seen.at(-1).metadata.status_code, null);
    seen.length = 0;
  }
  silent.closeAllConnections();
  silent.close();
});

test("extensions rewrite what is sent and what comes back", async () => {
  await withProvider(async (baseURL, requests) => {
    const rewrite = (event) => {
      if (event.stage === "pre_send") {
        event.messages[1].content = "rewritten";
        event.headers["x-added"] = "yes";
        event.tools = [...event.tools, { type: "function", function: { name: "added" } }];
      }
      if (event.stage === "response_received") event.response.choices[0].message.content = "replaced";
    };
    const stages = ["pre_send", "response_received"];
    const plain = new OpenAI({ apiKey: "secret", baseURL: `${baseURL}/v1` });
    const client = openai.withHeadroom(plain, { extensions: extension(rewrite, "Rewrite", { stages }) });
    const tools = [{ type: "function", function: { name: "f" } }];
    const completion = await client.chat.completions.create({ model: "gpt-4o", messages: makeConversation(), tools });
    assert.equal(completion.choices[0].message.content, "replaced");
    const { body, headers } = requests[0];
    assert.equal(body.messages[1].content, "rewritten");
    assert.deepEqual(body.tools.map((tool) => tool.function.name), ["f", "added"]);
    assert.deepEqual([headers["x-added"], headers.authorization], ["yes", "Bearer secret"]);
  });
});

test("answers_early: nothing is sent, and the answer has the shape that was asked for", async () => {
  await withProvider(async (baseURL, requests) => {
    const seen = [];
    const answer = (event) =>
      event.stage === "input_received"
        ? new PipelineEvent({ stage: "response_received", operation: event.operation, response: { text: "cached" } })
        : void seen.push(event.stage);
    const options = { extensions: extension(answer, "Cache", { stages: CANONICAL_PIPELINE_STAGES.slice(3) }) };
    const messages = [{ role: "user", content: "hello" }];
    const chat = openai.withHeadroom(new OpenAI({ apiKey: "k", baseURL }), options);
    const completion = await chat.chat.completions.create({ model: "gpt-4o", messages });
    assert.equal(completion.choices[0].message.content, "cached");
    assert.equal(await chat.chat.completions.stream({ model: "gpt-4o", messages }).finalContent(), "cached");
    assert.equal((await chat.responses.create({ model: "gpt-4o", input: "hello" })).output_text, "cached");
    assert.equal((await chat.responses.stream({ model: "gpt-4o", input: "hello" }).finalResponse()).output_text, "cached");
    const claude = anthropic.withHeadroom(new Anthropic({ apiKey: "k", baseURL }), options);
    const asked = { model: "claude", max_tokens: 9, messages };
    assert.equal((await claude.messages.create(asked)).content[0].text, "cached");
    assert.equal(await claude.messages.stream(asked).finalText(), "cached");
    const google = gemini.withHeadroom(new GoogleGenAI({ apiKey: "k", httpOptions: { baseUrl: baseURL } }), options);
    const contents = { model: "gemini-x", contents: "hello" };
    assert.equal((await google.models.generateContent(contents)).text, "cached");
    assert.equal((await all(await google.models.generateContentStream(contents))).map(({ text }) => text).join(""), "cached");
    const model = vercel.withHeadroom(createOpenAI({ apiKey: "k", baseURL }).chat("gpt-4o"), options);
    assert.equal((await generateText({ model, prompt: "hello" })).text, "cached");
    assert.equal((await all(streamText({ model, prompt: "hello" }).textStream)).join(""), "cached");
    assert.deepEqual(requests, []);
    assert.deepEqual(seen, Array(10).fill("response_received"));
  });
});

test("a closed extension refuses and nothing is sent", async () => {
  await withProvider(async (baseURL, requests) => {
    const guard = extension(() => { throw new TypeError("no"); }, "Guard", { failurePolicy: "closed", stages: ["pre_send"] });
    const client = openai.withHeadroom(new OpenAI({ apiKey: "k", baseURL, maxRetries: 0 }), { extensions: guard });
    await assert.rejects(client.chat.completions.create({ model: "gpt-4o", messages: [] }), (error) => {
      const found = error.name === "ExtensionError" ? error : error.cause;
      assert.equal(found.name, "ExtensionError");
      assert.ok(found.cause instanceof TypeError);
      return true;
    });
    assert.deepEqual(requests, []);
  });
});

test("@anthropic-ai/sdk: Messages, whole and streamed", async () => {
  await withProvider(async (baseURL, requests) => {
    const [seen, watch] = watcher();
    const client = anthropic.withHeadroom(new Anthropic({ apiKey: "secret", baseURL }), { extensions: watch });
    const messages = [
      { role: "user", content: "which?" },
      { role: "assistant", content: [{ type: "tool_use", id: "1", name: "f", input: {} }] },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "1", content: LONG }] },
    ];
    const given = { model: "claude-x", max_tokens: 100, system: "s", messages };
    assert.equal((await client.messages.create(given)).content[0].text, "Hello é");
    assert.ok(requests[0].body.messages[2].content[0].content.length < LONG.length / 2);
    assert.equal(requests[0].headers.authorization, "Bearer secret");
    assert.deepEqual(stagesOf(seen), ["setup", ...REQUEST_STAGES]);
    seen.length = 0;
    const stream = client.messages.stream(given);
    const texts = [];
    stream.on("text", (text) => texts.push(text));
    const final = await stream.finalMessage();
    assert.deepEqual(texts, ["Hel", "lo é"]);
    assert.deepEqual(final.content[1].input, { a: 1 });
    assert.deepEqual(seen.at(-1).response.content, [
      { type: "text", text: "Hello é" },
      { type: "tool_use", id: "t1", name: "f", input: { a: 1 } },
    ]);
    assert.deepEqual(seen.at(-1).metadata.usage, { input_tokens: 5, output_tokens: 2 });
  });
});

test("@google/genai: generateContent, whole, streamed and in a chat", async () => {
  await withProvider(async (baseURL, requests) => {
    const [seen, watch] = watcher();
    const client = gemini.withHeadroom(new GoogleGenAI({ apiKey: "secret", httpOptions: { baseUrl: baseURL } }), { extensions: watch });
    const contents = [
      { role: "user", parts: [{ text: "which?" }] },
      { role: "model", parts: [{ functionCall: { name: "f", args: {} } }] },
      { role: "user", parts: [{ functionResponse: { name: "f", response: { output: LONG } } }] },
    ];
    assert.equal((await client.models.generateContent({ model: "gemini-x", contents })).text, "Hello é");
    assert.ok(requests[0].body.contents[2].parts[0].functionResponse.response.output.length < LONG.length / 2);
    assert.equal(seen[1].headers["x-goog-api-key"], "<redacted>");
    assert.deepEqual(stagesOf(seen), ["setup", ...REQUEST_STAGES]);
    seen.length = 0;
    const pieces = await all(await client.models.generateContentStream({ model: "gemini-x", contents }));
    assert.equal(pieces.map(({ text }) => text ?? "").join(""), "Hello é");
    assert.equal(seen.at(-1).response.candidates[0].content.parts[0].text, "Hello é");
    const chat = client.chats.create({ model: "gemini-x", history: contents });
    assert.equal((await chat.sendMessage({ message: "and?" })).text, "Hello é");
    assert.ok(requests.at(-1).body.contents[2].parts[0].functionResponse.response.output.length < LONG.length / 2);
  });
});

test("ai: a wrapped model and a middleware, whole and streamed", async () => {
  await withProvider(async (baseURL, requests) => {
    const rows = JSON.parse(LONG);
    const messages = [
      { role: "user", content: "which?" },
      { role: "assistant", content: [{ type: "tool-call", toolCallId: "1", toolName: "f", input: {} }] },
      { role: "tool", content: [{ type: "tool-result", toolCallId: "1", toolName: "f", output: { type: "json", value: rows } }] },
    ];
    const plain = createOpenAI({ apiKey: "k", baseURL: `${baseURL}/v1` }).chat("gpt-4o");
    const [seen, watch] = watcher();
    const models = [
      vercel.withHeadroom(plain, { extensions: watch }),
      wrapLanguageModel({ model: plain, middleware: vercel.headroomMiddleware({ extensions: watch }) }),
    ];
    for (const model of models) {
      seen.length = 0;
      const { text } = await generateText({ model, messages });
      assert.equal(text, "Hello é");
      const sent = requests.at(-1).body.messages[2];
      assert.equal(sent.tool_call_id, "1");
      assert.ok(sent.content.length < LONG.length / 2);
      assert.deepEqual(stagesOf(seen).filter((stage) => stage !== "setup"), REQUEST_STAGES);
      assert.equal(seen.at(-1).response.content[0].text, "Hello é");
      const { textStream } = streamText({ model, messages });
      assert.equal((await all(textStream)).join(""), "Hello é");
      assert.equal(seen.at(-1).response.content[0].text, "Hello é");
      assert.equal(seen.at(-1).metadata.stream, true);
    }
    assert.equal(models[0].modelId, "gpt-4o");
    assert.equal(messages[2].content[0].output.value, rows);
  });
});

test("a client's own store, hooks and progress handler hold for wrapped clients", async () => {
  await withProvider(async (baseURL, requests) => {
    const names = [];
    const headroom = new HeadroomClient({ store: ":memory:", onPipelineEvent: (name) => void names.push(name) });
    const client = openai.withHeadroom(new OpenAI({ apiKey: "k", baseURL }), { client: headroom, tokenBudget: 100_000 });
    await client.chat.completions.create({ model: "gpt-4o", messages: makeConversation(303) });
    const [, hash] = /hash=([a-f0-9]{24})/.exec(requests[0].body.messages[3].content);
    assert.equal(await headroom.retrieve(hash), makeConversation(303)[3].content);
    assert.equal(names.filter((name) => name === "pipeline:step").length, 6);
    const counting = openai.withHeadroom(new OpenAI({ apiKey: "k", baseURL }), { optimize: false });
    await counting.chat.completions.create({ model: "gpt-4o", messages: makeConversation() });
    assert.equal(requests[1].body.messages[3].content, LONG);
  });
});
