// The shared cases of tests/vectors/: TypeScript gives what every language gives.

import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { compress } from "headroom-sdk";

import { readJson, REPOSITORY } from "./support.mjs";

const NAMES = { compress_user_messages: "compressUserMessages", protect_recent: "protectRecent" };
const camelCase = (name) => NAMES[name] ?? name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());

const root = join(REPOSITORY, "tests", "vectors");
const cases = readdirSync(root).flatMap((transform) =>
  readdirSync(join(root, transform))
    .filter((name) => existsSync(join(root, transform, name, "input.json")))
    .map((name) => [transform, name]),
);

test("there are cases", () => {
  assert.ok(cases.length >= 3);
});

for (const [transform, name] of cases) {
  test(`${transform} ${name} gives what is expected`, async () => {
    const read = (file) => readJson("tests", "vectors", transform, name, file);
    const { model = "gpt-4o", ...given } = read("options.json");
    const options = Object.fromEntries(Object.entries(given).map(([option, value]) => [camelCase(option), value]));
    const input = read("input.json");
    const result = await compress(input, { model, store: ":memory:", ...options });
    assert.deepEqual(input, read("input.json"));
    assert.deepEqual(
      {
        tokens_before: result.tokensBefore,
        tokens_after: result.tokensAfter,
        transforms_applied: result.transformsApplied,
        ccr_hashes: result.ccrHashes,
        body: result.messages,
      },
      read("expected.json"),
    );
  });
}
