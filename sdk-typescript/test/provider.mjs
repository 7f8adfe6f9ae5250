// A provider on the loopback that records what it gets and answers in the shape of the API that was called.

import { createServer } from "node:http";

const CHAT = { id: "c1", object: "chat.completion", created: 1, model: "gpt-4o" };
const USAGE = { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 };

function* chatEvents() {
  const chunk = { ...CHAT, object: "chat.completion.chunk" };
  for (const content of ["Hel", "lo é"]) yield { ...chunk, choices: [{ index: 0, delta: { role: "assistant", content }, finish_reason: null }] };
  yield { ...chunk, choices: [{ index: 0, delta: {}, finish_reason: "stop" }] };
  yield { ...chunk, choices: [], usage: USAGE };
}

function response(status, text) {
  const content = [{ type: "output_text", text, annotations: [] }];
  const output = [{ id: "m1", type: "message", role: "assistant", status: "completed", content }];
  return { id: "r1", object: "response", created_at: 1, model: "gpt-4o", status, output, usage: { input_tokens: 5, output_tokens: 2, total_tokens: 7 } };
}

function* responsesEvents() {
  const place = { item_id: "m1", output_index: 0, content_index: 0 };
  const item = { id: "m1", type: "message", role: "assistant", status: "in_progress", content: [] };
  yield { type: "response.created", sequence_number: 0, response: { ...response("in_progress", ""), output: [] } };
  yield { type: "response.output_item.added", sequence_number: 1, output_index: 0, item };
  yield { type: "response.content_part.added", sequence_number: 2, ...place, part: { type: "output_text", text: "", annotations: [] } };
  yield { type: "response.output_text.delta", sequence_number: 3, ...place, delta: "Hello é", logprobs: [] };
  yield { type: "response.completed", sequence_number: 4, response: response("completed", "Hello é") };
}

const MESSAGE = { id: "m1", type: "message", role: "assistant", model: "claude", stop_reason: "end_turn", stop_sequence: null };

function* messagesEvents() {
  const usage = { input_tokens: 5, output_tokens: 0 };
  yield { type: "message_start", message: { ...MESSAGE, stop_reason: null, content: [], usage } };
  yield { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } };
  for (const text of ["Hel", "lo é"]) yield { type: "content_block_delta", index: 0, delta: { type: "text_delta", text } };
  yield { type: "content_block_stop", index: 0 };
  yield { type: "content_block_start", index: 1, content_block: { type: "tool_use", id: "t1", name: "f", input: {} } };
  for (const partial_json of ['{"a"', ":1}"]) yield { type: "content_block_delta", index: 1, delta: { type: "input_json_delta", partial_json } };
  yield { type: "content_block_stop", index: 1 };
  yield { type: "message_delta", delta: { stop_reason: "tool_use", stop_sequence: null }, usage: { output_tokens: 2 } };
  yield { type: "message_stop" };
}

function* geminiEvents() {
  for (const text of ["Hel", "lo é"]) yield { candidates: [{ index: 0, content: { role: "model", parts: [{ text }] } }] };
  yield { candidates: [{ index: 0, content: { role: "model", parts: [] }, finishReason: "STOP" }], usageMetadata: { totalTokenCount: 7 } };
}

const CHOICES = [{ index: 0, message: { role: "assistant", content: "Hello é", refusal: null }, finish_reason: "stop", logprobs: null }];

/** Answers by path: whole, and as events with or without names. */
const APIS = [
  ["/chat/completions", { ...CHAT, choices: CHOICES, usage: USAGE }, chatEvents, false],
  ["/responses", response("completed", "Hello é"), responsesEvents, true],
  ["/messages", { ...MESSAGE, content: [{ type: "text", text: "Hello é" }], usage: { input_tokens: 5, output_tokens: 2 } }, messagesEvents, true],
  ["enerateContent", { candidates: [{ index: 0, content: { role: "model", parts: [{ text: "Hello é" }] }, finishReason: "STOP" }] }, geminiEvents, false],
];

/** Runs a provider; `failures` are statuses that the first requests get. */
export async function withProvider(use, failures = []) {
  const requests = [];
  const server = createServer(async (incoming, outgoing) => {
    const pieces = [];
    for await (const piece of incoming) pieces.push(piece);
    const path = new URL(incoming.url, "http://localhost").pathname;
    const body = JSON.parse(Buffer.concat(pieces).toString() || "null");
    requests.push({ path, headers: incoming.headers, body });
    const status = failures[requests.length - 1];
    if (status) return void outgoing.writeHead(status, { "retry-after-ms": "1" }).end("{}");
    const [, whole, events, named] = APIS.find(([end]) => path.endsWith(end)) ?? [null, { other: true }];
    if (!(body?.stream || path.includes(":stream"))) {
      return void outgoing.writeHead(200, { "content-type": "application/json", "x-request-id": "id-1" }).end(JSON.stringify(whole));
    }
    outgoing.writeHead(200, { "content-type": "text/event-stream" });
    let text = "";
    for (const event of events()) text += `${named ? `event: ${event.type}\n` : ""}data: ${JSON.stringify(event)}\n\n`;
    if (path.endsWith("/chat/completions")) text += "data: [DONE]\n\n";
    // Cut where it hurts: in the middle of lines and of characters.
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += 37) {
      outgoing.write(bytes.subarray(at, at + 37));
      await new Promise(setImmediate);
    }
    outgoing.end();
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await use(`http://127.0.0.1:${server.address().port}`, requests);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}
