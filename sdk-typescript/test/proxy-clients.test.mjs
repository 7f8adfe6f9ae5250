// Real clients through a proxy before a loopback provider: the same answers, fewer bytes on the way.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { createOpenAI } from "@ai-sdk/openai";
import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import { generateText, streamText, tool } from "ai";
import { retrieve, startProxy } from "headroom-sdk";
import OpenAI from "openai";
import { z } from "zod";

import { withProvider } from "./provider.mjs";
import { makeConversation } from "./support.mjs";

const MESSAGES = makeConversation();
const LONG = MESSAGES[3].content;
const TOOL = { name: "list_services", description: "Lists." };

let proxy;
let requests;
let release;
let served;
const responses = [];

before(async () => {
  await new Promise((ready, failed) => {
    const run = async (baseURL, seen) => {
      requests = seen;
      const watch = { stages: ["response_received"], onPipelineEvent: async (event) => void responses.push(event.response) };
      const upstreams = { openai: baseURL, anthropic: baseURL, gemini: baseURL };
      proxy = await startProxy({ extensions: watch, upstreams });
      const done = new Promise((resolve) => (release = resolve));
      ready();
      await done;
      await proxy.close();
    };
    served = withProvider(run);
    served.catch(failed);
  });
});

after(async () => {
  release();
  await served;
});

/** The last request has a marker in the place of the long text, and the marker leads to it. */
async function assertCompressed() {
  const body = JSON.stringify(requests.at(-1).body);
  assert.ok(body.length < LONG.length / 2, `${body.length} bytes were sent`);
  assert.equal(await retrieve(/hash=([a-f0-9]{24})/.exec(body)[1]), LONG);
}

test("openai: Chat Completions and Responses, whole, streamed and with tools", async () => {
  const client = new OpenAI({ apiKey: "k", baseURL: `${proxy.url}/v1`, maxRetries: 0 });
  const tools = [{ type: "function", function: { ...TOOL, parameters: {} } }];
  const given = { model: "gpt-4o", messages: MESSAGES, tools };
  const whole = await client.chat.completions.create(given);
  assert.equal(whole.choices[0].message.content, "Hello é");
  await assertCompressed();
  assert.deepEqual(requests.at(-1).body.messages.slice(0, 3), MESSAGES.slice(0, 3));
  const stream = client.chat.completions.stream(given);
  assert.equal(await stream.finalContent(), "Hello é");
  await assertCompressed();
  const input = [
    { role: "user", content: "Which service is slow?" },
    { type: "function_call", call_id: "c1", name: "list_services", arguments: "{}" },
    { type: "function_call_output", call_id: "c1", output: LONG },
  ];
  assert.equal((await client.responses.create({ model: "gpt-4o", input })).output_text, "Hello é");
  await assertCompressed();
  assert.equal((await client.responses.stream({ model: "gpt-4o", input }).finalResponse()).output_text, "Hello é");
  assert.equal(responses.at(-1).status, "completed");
});

test("@anthropic-ai/sdk: Messages, whole, streamed and with tools", async () => {
  const client = new Anthropic({ apiKey: "k", baseURL: proxy.url, maxRetries: 0 });
  const use = { type: "tool_use", id: "t1", name: "list_services", input: {} };
  const result = { type: "tool_result", tool_use_id: "t1", content: LONG };
  const messages = [
    { role: "user", content: "Which service is slow?" },
    { role: "assistant", content: [use] },
    { role: "user", content: [result] },
  ];
  const given = { model: "claude", max_tokens: 9, messages, tools: [{ ...TOOL, input_schema: { type: "object" } }] };
  assert.equal((await client.messages.create(given)).content[0].text, "Hello é");
  await assertCompressed();
  const final = await client.messages.stream(given).finalMessage();
  assert.deepEqual(final.content.map((block) => block.text ?? block.input), ["Hello é", { a: 1 }]);
  await assertCompressed();
});

test("@google/genai: generateContent, whole and streamed", async () => {
  const client = new GoogleGenAI({ apiKey: "k", httpOptions: { baseUrl: proxy.url } });
  const contents = [
    { role: "user", parts: [{ text: "Which service is slow?" }] },
    { role: "model", parts: [{ functionCall: { name: "list_services", args: {} } }] },
    { role: "user", parts: [{ functionResponse: { name: "list_services", response: { output: LONG } } }] },
  ];
  const given = { model: "gemini-3-pro", contents, config: { tools: [{ functionDeclarations: [TOOL] }] } };
  assert.equal((await client.models.generateContent(given)).text, "Hello é");
  await assertCompressed();
  let text = "";
  for await (const piece of await client.models.generateContentStream(given)) text += piece.text ?? "";
  assert.equal(text, "Hello é");
});

test("ai: generateText and streamText", async () => {
  const model = createOpenAI({ apiKey: "k", baseURL: `${proxy.url}/v1` })("gpt-4o");
  const tools = { list_services: tool({ description: "Lists.", inputSchema: z.object({}) }) };
  const messages = [
    { role: "user", content: "Which service is slow?" },
    { role: "assistant", content: [{ type: "tool-call", toolCallId: "c1", toolName: "list_services", input: {} }] },
    { role: "tool", content: [{ type: "tool-result", toolCallId: "c1", toolName: "list_services", output: { type: "text", value: LONG } }] },
  ];
  assert.equal((await generateText({ model, messages, tools })).text, "Hello é");
  await assertCompressed();
  let text = "";
  for await (const piece of streamText({ model, messages, tools }).textStream) text += piece;
  assert.equal(text, "Hello é");
});

test("an error of the provider is the client's own error", async () => {
  await withProvider(async (url) => {
    const failing = await startProxy({ upstreams: { openai: url } });
    try {
      const client = new OpenAI({ apiKey: "k", baseURL: `${failing.url}/v1`, maxRetries: 0 });
      await assert.rejects(client.chat.completions.create({ model: "gpt-4o", messages: [{ role: "user", content: "hi" }] }), OpenAI.RateLimitError);
    } finally {
      await failing.close();
    }
  }, [429]);
});
