// The shared cases of tests/vectors/: TypeScript gives what every language gives.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { compress } from "headroom-sdk";

import { readJson, REPOSITORY } from "./support.mjs";

const camelCase = (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());

const root = join(REPOSITORY, "tests", "vectors");
const folders = (...path) => readdirSync(join(root, ...path), { withFileTypes: true }).filter((entry) => entry.isDirectory());
const cases = folders().flatMap(({ name: transform }) => folders(transform).map(({ name }) => `${transform}/${name}`));
const read = (name, file) => readJson("tests", "vectors", name, file);

async function outcome(name) {
  const { model = "gpt-4o", ...given } = read(name, "options.json");
  const options = Object.fromEntries(Object.entries(given).map(([option, value]) => [camelCase(option), value]));
  const input = read(name, "input.json");
  const result = await compress(input, { model, store: ":memory:", ...options });
  assert.deepEqual(input, read(name, "input.json"));
  return result;
}

const inCodePointOrder = (some, others) => Buffer.compare(Buffer.from(some), Buffer.from(others));

/** Every string value, depth first, members in code point order of their names. */
function* strings(value) {
  if (typeof value === "string") yield value;
  else if (Array.isArray(value)) for (const item of value) yield* strings(item);
  else if (value) for (const name of Object.keys(value).sort(inCodePointOrder)) yield* strings(value[name]);
}

test("there are cases", () => {
  assert.ok(cases.length >= 3);
});

for (const name of cases) {
  test(`${name} gives what is expected`, async () => {
    const result = await outcome(name);
    assert.deepEqual(
      {
        tokens_before: result.tokensBefore,
        tokens_after: result.tokensAfter,
        transforms_applied: result.transformsApplied,
        ccr_hashes: result.ccrHashes,
        body: result.messages,
      },
      read(name, "expected.json"),
    );
  });
}

test("the digest of all outputs is the one of every language", async () => {
  const digest = createHash("sha256");
  for (const name of cases.sort(inCodePointOrder)) {
    // Half of a surrogate pair becomes U+FFFD on the way to UTF-8.
    for (const text of [name, ...strings((await outcome(name)).messages)]) digest.update(`${text}\n`, "utf8");
  }
  assert.equal(digest.digest("hex"), readFileSync(join(root, "digest.txt"), "ascii").trim());
});
