// What several tests need.

import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The checkout, for shared cases; nothing of the packages is read from it. */
export const REPOSITORY = process.env.HEADROOM_REPOSITORY;

export function readJson(...path) {
  return JSON.parse(readFileSync(join(REPOSITORY, ...path), "utf8"));
}

/** A conversation whose last message is a table of `rows` rows. */
export function makeConversation(rows = 300) {
  const services = Array.from({ length: rows }, (_, id) => ({ id, service: `service-${id % 9}`, ms: (id * 37) % 900 }));
  return [
    { role: "system", content: "You are an operator." },
    { role: "user", content: "Which service is slow?" },
    {
      role: "assistant",
      content: null,
      tool_calls: [{ id: "call_1", type: "function", function: { name: "list_services", arguments: "{}" } }],
    },
    { role: "tool", tool_call_id: "call_1", content: JSON.stringify(services) },
  ];
}

/** An extension made of a function. */
export function extension(onPipelineEvent, name = "Mine", declared = {}) {
  return { name, onPipelineEvent, ...declared };
}

/** What became of an extension, by stage. */
export function outcomes(result, name = "Mine") {
  const calls = result.report.extensions.filter((call) => call.extension === name);
  return Object.fromEntries(calls.map(({ stage, outcome }) => [stage, outcome]));
}

/** Runs something and gives what was written with `console.warn` meanwhile. */
export async function warningsOf(run) {
  const original = console.warn;
  const warnings = [];
  console.warn = (text) => warnings.push(String(text));
  try {
    await run();
  } finally {
    console.warn = original;
  }
  return warnings;
}
