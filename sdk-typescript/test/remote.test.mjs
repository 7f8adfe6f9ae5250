// A client with a proxy, against a loopback server.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";

import { compress, HeadroomClient, mapProxyError } from "headroom-sdk";

import { makeConversation, warningsOf } from "./support.mjs";

/** A server that answers with what `answer(request, body)` gives; `requests` are those that it got. */
async function serve(answer, use) {
  const requests = [];
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    const seen = { method: request.method, url: request.url, headers: request.headers, body: text && JSON.parse(text) };
    requests.push(seen);
    const { status = 200, body, headers = {} } = await answer(seen, requests.length);
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await use(`http://127.0.0.1:${server.address().port}/`, requests);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

const compressed = ({ body }) => {
  const messages = structuredClone(body.messages);
  messages.at(-1).content = "short";
  return {
    headers: { "x-headroom-request-id": "req_1" },
    body: {
      messages,
      tokens_before: 100,
      tokens_after: 25,
      tokens_saved: 75,
      compression_ratio: 0.25,
      transforms_applied: ["router:json_table:0.25"],
      ccr_hashes: ["0123456789ab0123456789ab"],
      pipeline_timing: { compression: { duration_ms: 2, tokens_before: 100, tokens_after: 25 } },
    },
  };
};

test("a proxy's answer becomes the same result, with the share removed and events", async () => {
  await serve(compressed, async (baseUrl, requests) => {
    const events = [];
    const ended = [];
    const client = new HeadroomClient({
      baseUrl,
      apiKey: "token",
      stack: "mine",
      onPipelineEvent: (name, data) => void events.push([name, data]),
      hooks: { postCompress: (event) => void ended.push(event) },
    });
    const given = makeConversation();
    const result = await compress(given, { client, model: "gpt-4o", tokenBudget: 50, targetRatio: 0.5, protectRecent: 1 });
    const { headers, url, body } = requests[0];
    assert.deepEqual([url, headers.authorization, headers["x-headroom-stack"]], ["/v1/compress", "Bearer token", "mine"]);
    const { messages, ...rest } = body;
    assert.deepEqual(messages, given);
    assert.deepEqual(rest, { model: "gpt-4o", token_budget: 50, config: { protect_recent: 1, target_ratio: 0.5 } });
    assert.equal(result.compressionRatio, 0.75);
    assert.equal(result.messages[0], given[0]);
    assert.equal(result.messages[3].content, "short");
    assert.deepEqual(result.pipelineTiming, { compression: { durationMs: 2, tokensBefore: 100, tokensAfter: 25 } });
    assert.deepEqual(events.map(([name]) => name), ["pipeline:start", "pipeline:step", "pipeline:complete"]);
    assert.ok(events.every(([, data]) => data.requestId === "req_1"));
    assert.equal(ended[0].userQuery, "Which service is slow?");
  });
});

test("a failure is repeated, and then the originals come back or it throws", async () => {
  const failing = () => ({ status: 503, body: { error: { type: "compression_error", message: "busy" } } });
  await serve(failing, async (baseUrl, requests) => {
    const given = makeConversation();
    const events = [];
    let result;
    await warningsOf(async () => {
      result = await compress(given, { baseUrl, retries: 2, onPipelineEvent: (name, data) => void events.push([name, data.error]) });
    });
    assert.equal(requests.length, 3);
    assert.equal(result.messages, given);
    assert.equal(result.compressed, false);
    assert.deepEqual(events, [["pipeline:error", "busy"]]);
    const strict = new HeadroomClient({ baseUrl, retries: 0, fallback: false });
    await assert.rejects(strict.compress(given), { name: "HeadroomCompressError", code: "compression_error" });
  });
  await serve((_, turn) => (turn === 1 ? { status: 502, body: {} } : compressed(_)), async (baseUrl) => {
    assert.ok((await compress(makeConversation(), { baseUrl })).compressed);
  });
});

test("wrong keys, wrong requests, late answers and aborts have their errors", async () => {
  const given = makeConversation();
  const strict = (baseUrl, options = {}) => new HeadroomClient({ baseUrl, retries: 0, fallback: false, ...options });
  await serve(() => ({ status: 401, body: {} }), (baseUrl) => assert.rejects(strict(baseUrl).compress(given), { name: "HeadroomAuthError" }));
  await serve(
    () => ({ status: 400, body: { error: { type: "invalid_request", message: "no messages" } } }),
    async (baseUrl, requests) => {
      await assert.rejects(strict(baseUrl, { retries: 3 }).compress(given), { name: "ValidationError", message: "no messages" });
      assert.equal(requests.length, 1, "what is wrong is not repeated");
    },
  );
  await serve(
    () => new Promise(() => {}),
    async (baseUrl) => {
      await assert.rejects(strict(baseUrl, { timeout: 30 }).compress(given), { name: "HeadroomConnectionError", message: /no answer within 30 ms/ });
      const signal = AbortSignal.timeout(30);
      await assert.rejects(new HeadroomClient({ baseUrl }).compress(given, { signal }), { name: "TimeoutError" });
    },
  );
  await assert.rejects(strict("http://127.0.0.1:9").compress(given), { name: "HeadroomConnectionError" });
  assert.equal(mapProxyError(504, null).name, "HeadroomConnectionError");
  assert.equal(mapProxyError(418, null).name, "ProviderError");
});

test("originals come from the proxy", async () => {
  const answer = ({ url }) =>
    url.includes("abc")
      ? { body: { hash: "abc", original_content: url } }
      : { status: 404, body: { error: { type: "not_found", message: "unknown" } } };
  await serve(answer, async (baseUrl) => {
    const client = new HeadroomClient({ baseUrl });
    assert.equal(await client.retrieve("abc", { query: "a b", lines: "1-2" }), "/v1/retrieve/abc?query=a+b&lines=1-2");
    await assert.rejects(client.retrieve("def"), { name: "StorageError", code: "not_found" });
  });
});

test("code that could never run there is refused", async () => {
  const client = new HeadroomClient({ baseUrl: "http://127.0.0.1:9" });
  const onPipelineEvent = () => {};
  await assert.rejects(client.compress([], { extensions: { name: "Mine", onPipelineEvent } }), { name: "ConfigurationError", message: /found Mine/ });
  await assert.rejects(client.compress([], { hooks: { computeBiases: () => ({}) } }), { name: "ConfigurationError" });
});
