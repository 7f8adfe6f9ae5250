/** A scripted OpenAI that speaks Responses over HTTP and WebSocket, and a way out of the machine that leads nowhere. */

import { createServer } from "node:http";
import { decompress } from "fzstd";
import { WebSocketServer } from "ws";

/** Where requests arrive: those with a key, and those with a login of ChatGPT. */
const PATHS = ["/v1/responses", "/backend-api/codex/responses"];

const REFUSAL = "HTTP/1.1 426 Upgrade Required\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/** Whether a request brings tools; one without is beside the task, such as for a title. */
const hasTools = ({ tools = [], input = [] }) =>
  tools.length > 0 || input.some((item) => item.type === "additional_tools");

/**
 * Runs an upstream that plays `turns`, each a function that gets what the model reads and gives what it says: items.
 *
 * `requests` tells what came: the body, and the conversation with what the server held of it.
 */
export async function withUpstream({ turns, sockets = false }, use) {
  const requests = [];
  const problems = [];
  const held = new Map();
  let asked = 0;

  /** The events of the answer to a request. */
  function* answer(body, path, transport) {
    const id = `resp_${++asked}`;
    const { previous_response_id: previous } = body;
    if (previous && !held.has(previous)) problems.push(`${previous} is unknown`);
    const before = held.get(previous) ?? [];
    const conversation = [...before, ...body.input];
    let said = [];
    // A frame that generates nothing warms the provider up.
    if (body.generate !== false) {
      if (hasTools({ ...body, input: conversation })) {
        said = turns[requests.length]?.(conversation);
        requests.push({ body, conversation, path, transport });
      } else {
        said = [message("A title")];
      }
      if (!said) problems.push(`more than ${turns.length} requests`);
      said = (said ?? [message("The script is over.")]).map((item) => ({ id: idOf(item), ...item }));
    }
    held.set(id, [...conversation, ...said]);
    yield* events({ id, object: "response", created_at: 1, model: body.model, output: said });
  }

  const server = createServer(async (incoming, outgoing) => {
    const pieces = [];
    for await (const piece of incoming) pieces.push(piece);
    const path = new URL(incoming.url, "http://localhost").pathname;
    if (incoming.method !== "POST" || !PATHS.includes(path)) {
      // Codex asks for models and does with its own when there are none.
      if (!path.endsWith("/models")) problems.push(`${incoming.method} ${path}`);
      return void outgoing.writeHead(404, { "content-type": "application/json" }).end("{}");
    }
    let text = "";
    let body = Buffer.concat(pieces);
    if (incoming.headers["content-encoding"] === "zstd") body = decompress(body);
    for (const event of answer(JSON.parse(new TextDecoder().decode(body)), path, "http")) {
      text += `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
    }
    outgoing.writeHead(200, { "content-type": "text/event-stream" });
    const bytes = Buffer.from(text);
    // Cut where it hurts: in the middle of lines and of characters.
    for (let at = 0; at < bytes.length; at += 501) {
      outgoing.write(bytes.subarray(at, at + 501));
      await new Promise(setImmediate);
    }
    outgoing.end();
  });
  const webSockets = new WebSocketServer({ noServer: true, perMessageDeflate: true });
  server.on("upgrade", (incoming, socket, head) => {
    // An agent that may use either goes on over HTTP.
    if (!sockets) return void socket.end(REFUSAL);
    webSockets.handleUpgrade(incoming, socket, head, (client) => {
      client.on("message", (data) => {
        const frame = JSON.parse(data.toString());
        if (frame.type !== "response.create") return void problems.push(`a frame ${frame.type}`);
        for (const event of answer(frame, incoming.url, "socket")) client.send(JSON.stringify(event));
      });
    });
  });
  await listen(server);
  try {
    return await use({ address: `http://127.0.0.1:${server.address().port}`, requests, problems });
  } finally {
    webSockets.clients.forEach((client) => client.terminate());
    await close(server);
  }
}

/** An HTTP proxy that refuses everybody and tells where they wanted to go. */
export async function withoutNetwork(use) {
  const asked = [];
  const server = createServer((incoming, outgoing) => {
    asked.push(incoming.url);
    outgoing.writeHead(403).end();
  });
  server.on("connect", (incoming, socket) => {
    asked.push(incoming.url);
    socket.on("error", () => {}).end("HTTP/1.1 403 Forbidden\r\n\r\n");
  });
  await listen(server);
  try {
    return await use(`http://127.0.0.1:${server.address().port}`, asked);
  } finally {
    await close(server);
  }
}

/** What the model says in words. */
export const message = (text) => ({
  type: "message",
  role: "assistant",
  status: "completed",
  content: [{ type: "output_text", text, annotations: [] }],
});

/** A call of a function. */
export const call = (id, name, input) => ({
  type: "function_call",
  call_id: id,
  name,
  arguments: JSON.stringify(input),
  status: "completed",
});

/** A call of a tool that takes text as it is. */
export const customCall = (id, name, input, more = {}) => ({
  type: "custom_tool_call",
  call_id: id,
  name,
  input,
  status: "completed",
  ...more,
});

/** The text of the output of a call, as the model reads it. */
export function outputOf(conversation, id) {
  const item = conversation.find((item) => item.type?.endsWith("_call_output") && item.call_id === id);
  return typeof item?.output === "string" ? item.output : item?.output?.map((part) => part.text).join("\n");
}

/** The id of an item, always the same: two runs are compared. */
const idOf = (item) => `item_${(item.call_id ?? item.type).replaceAll(" ", "_")}`;

/** A response as events. */
function* events(response) {
  let number = 0;
  const event = (type, rest) => ({ type, sequence_number: number++, ...rest });
  yield event("response.created", { response: { ...response, status: "in_progress", output: [] } });
  for (const [index, item] of response.output.entries()) {
    const place = { item_id: item.id, output_index: index };
    const added = (empty) => ({ output_index: index, item: { ...item, status: "in_progress", ...empty } });
    if (item.type === "message") {
      const [part] = item.content;
      const inside = { ...place, content_index: 0 };
      yield event("response.output_item.added", added({ content: [] }));
      yield event("response.content_part.added", { ...inside, part: { ...part, text: "" } });
      for (const delta of part.text.match(/\S+\s*/g)) yield event("response.output_text.delta", { ...inside, delta });
      yield event("response.output_text.done", { ...inside, text: part.text });
      yield event("response.content_part.done", { ...inside, part });
    } else {
      const key = item.type === "function_call" ? "arguments" : "input";
      const kind = `response.${item.type}_${key}`;
      yield event("response.output_item.added", added({ [key]: "" }));
      for (const delta of item[key].match(/[^]{1,40}/g)) yield event(`${kind}.delta`, { ...place, delta });
      yield event(`${kind}.done`, { ...place, [key]: item[key] });
    }
    yield event("response.output_item.done", { output_index: index, item });
  }
  const usage = {
    input_tokens: 900,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: 20,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: 920,
  };
  yield event("response.completed", { response: { ...response, status: "completed", usage } });
}

const listen = (server) => new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));

async function close(server) {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
}
