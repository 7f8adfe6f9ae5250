/** The task that agents are given, and how the model goes about it. */

import { call, message, outputOf } from "./upstream.mjs";

export const QUESTION = "Find the error in app.log and write report.md.";
export const REPORT = "Charge 8841 failed: card network answered 503.";
/** What the model says at the end. */
export const FINAL = "The report is written.";

/** The line of the log that matters. */
export const ERROR = "2026-03-01T10:02:51Z ERROR billing: charge 8841 failed: card network answered 503";

/** The log: most lines say the same, one does not. */
export const LOG = Array.from({ length: 240 }, (_, index) => {
  const time = new Date(Date.UTC(2026, 2, 1, 10, 0, index)).toISOString().replace(".000", "");
  const usual = `${time} INFO  http: GET /health from 10.0.0.${index % 7} took ${index % 5} ms`;
  return ERROR.startsWith(time) ? ERROR : usual;
}).map((line) => `${line}\n`).join("");

/** The line with which Headroom tells that something is left out, and the hash in it. */
export const MARKER = /\[[^\[\]]*; headroom_retrieve hash=([0-9a-f]{24})\]/;

/** How the ids of the calls with which the model asks for the original begin. */
export const RETRIEVAL = "retrieval";

/**
 * The turns of the model: it reads the log, searches it, writes the report and says so.
 *
 * With `retrieves` it asks for the original in between, alone and beside a tool of the agent's.
 */
export function turns({ read, search, write }, retrieves) {
  const retrieve = (name, conversation) => {
    const [, hash] = MARKER.exec(outputOf(conversation, "read")) ?? [];
    return call(`${RETRIEVAL} ${name}`, "headroom_retrieve", { hash });
  };
  const writing = retrieves
    ? [(conversation) => [retrieve("alone", conversation)], (conversation) => [retrieve("beside", conversation), write]]
    : [() => [write]];
  return [() => [read], () => [search], ...writing, () => [message(FINAL)]];
}
