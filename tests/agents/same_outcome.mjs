/** What must not differ between an agent by itself and one that goes through Headroom. */

import assert from "node:assert/strict";
import { run } from "./run.mjs";
import { ERROR, FINAL, MARKER, REPORT, RETRIEVAL } from "./task.mjs";
import { outputOf } from "./upstream.mjs";

/**
 * Runs an agent past Headroom and through it, and asserts that only what Headroom is there for differs.
 *
 * `path` is where requests arrive that went through, `transport` how all do; with `retrieves` the model asks for an
 * original.
 */
export async function sameOutcome(agent, { path, transport, retrieves }) {
  const past = await run(agent, { through: false, retrieves: false });
  const through = await run(agent, { through: true, retrieves });

  assert.deepEqual([past.code, past.output.includes(FINAL)], [0, true], past.words);
  assert.equal(past.files["report.md"].trim(), REPORT);
  if (agent.asks) {
    const others = [past, through].flatMap(({ asked }) => asked).filter((host) => !agent.asks.includes(host));
    assert.deepEqual(others, [], "of the network it asks for what it is known to ask for");
  }
  for (const what of ["code", "output", "files", "left"]) {
    assert.deepEqual(through[what], past[what], `${what}: ${through.words}`);
  }
  const ways = ({ requests }) => [...new Set(requests.map((request) => `${request.transport} ${request.path}`))];
  assert.deepEqual([ways(past), ways(through)], [[`${transport} /v1/responses`], [`${transport} ${path}`]]);

  const [whole, short] = [past, through].map(({ requests }) => outputOf(requests[1].conversation, "read"));
  assert.match(short, MARKER);
  assert.ok(short.length < whole.length / 2, `${short.length} of ${whole.length} characters`);
  assert.ok(short.includes(ERROR), short);

  // A prompt cache is found again: what the model read stays at the start of what it reads.
  const read = through.requests.map(({ conversation }) => conversation.map((item) => JSON.stringify(item)));
  for (const [index, items] of read.slice(1).entries()) {
    assert.deepEqual(items.slice(0, read[index].length), read[index]);
  }

  let { seen } = through;
  if (retrieves) {
    for (const name of ["alone", "beside"]) {
      const output = outputOf(through.requests.at(-1).conversation, `${RETRIEVAL} ${name}`);
      assert.ok(through.originals.includes(output), `${name}: ${output}`);
    }
    // The proxy asked once without the agent, behind the call that stood alone.
    seen = seen.toSpliced(3, 1);
  }
  assert.deepEqual(seen.map(withoutRetrieval), past.seen);
}

/** A request as it would be if the model had not been offered originals. */
function withoutRetrieval(value) {
  if (!value || typeof value !== "object") return value;
  if (!Array.isArray(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutRetrieval(item)]));
  }
  const isOurs = (item) => item?.name === "headroom_retrieve" || item?.call_id?.startsWith(RETRIEVAL);
  return value.filter((item) => !isOurs(item)).map(withoutRetrieval);
}
