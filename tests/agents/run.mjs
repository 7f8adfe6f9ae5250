/** Runs an agent to its end, in a home of its own, past Headroom or through it, and tells what came of it. */

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { readFileSync, readdirSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { LOG, MARKER, turns } from "./task.mjs";
import { withUpstream, withoutNetwork } from "./upstream.mjs";

const LIMIT_MS = 120_000;
const AGENTS = fileURLToPath(new URL("node_modules/.bin", import.meta.url));
/** The command under test. */
const HEADROOM = process.env.HEADROOM_COMMAND;
assert.ok(HEADROOM, "HEADROOM_COMMAND: expected the command under test, found nothing");

/**
 * Runs an agent on the task.
 *
 * `agent` has its `program`, `arguments`, `variables`, what it is `told` without Headroom where its provider is, how it
 * takes the `steps` of the task, whether it finds `sockets`, and perhaps what is to `prepare` in its home.
 */
export async function run(agent, { through, retrieves }) {
  // Without links, as agents tell the model where they are.
  const place = realpathSync(mkdtempSync(join(tmpdir(), "headroom-agent-")));
  const [home, work, store] = [join(place, "home"), join(place, "work"), join(place, "store.db")];
  try {
    mkdirSync(home);
    mkdirSync(work);
    writeFileSync(join(work, "app.log"), LOG);
    agent.prepare?.(home);
    const script = { sockets: agent.sockets, turns: turns(agent.steps(work), retrieves) };
    return await withoutNetwork((nowhere, asked) =>
      withUpstream(script, async ({ address, requests, problems }) => {
        const config = join(place, "headroom.toml");
        writeFileSync(config, `[proxy.upstreams]\nopenai = "${address}"\nchatgpt = "${address}"\n`);
        const told = agent.told(address);
        const [program, ...words] = through
          ? [HEADROOM, "wrap", "--config", config, agent.program, "--", ...agent.arguments]
          : [agent.program, ...(told.arguments ?? []), ...agent.arguments];
        const variables = {
          ...agent.variables,
          // Headroom itself keeps its agent from asking an HTTP proxy for this machine.
          ...(through ? { HEADROOM_STORE: store } : { NO_PROXY: "127.0.0.1", ...told.variables }),
          ...surroundings(home, nowhere),
        };
        const ended = await end(program, words, { cwd: work, env: variables });
        assert.deepEqual(problems, [], ended.words);
        assert.deepEqual(processesWith(home), [], "processes are left");

        const originals = new Map();
        const original = (hash) => {
          const bytes = originals.get(hash) ?? execFileSync(HEADROOM, ["retrieve", hash], { env: variables });
          originals.set(hash, bytes);
          return bytes.toString();
        };
        const whole = ({ body, conversation }) => restored({ ...body, input: conversation }, original);
        return {
          code: ended.code,
          output: alike(ended.output, place),
          words: ended.words,
          files: Object.fromEntries(filesBelow(work).map((name) => [name, readFileSync(join(work, name), "utf8")])),
          // Files of settings and the like: databases, logs and locks come and go.
          left: alike(filesBelow(home).filter((name) => !/\.(db|jsonl|lock|log|sqlite)\b/.test(name)), place),
          requests,
          // Where it wanted to go beyond this machine.
          asked: [...new Set(asked)].sort(),
          // The requests with originals in place of what was made smaller, and without what differs from run to run.
          seen: requests.map((request) => alike(whole(request), place)),
          originals: [...originals.values()].map(String),
        };
      }),
    );
  } finally {
    rmSync(place, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** The variables that every agent has. */
function surroundings(home, nowhere) {
  const names = ["CONFIG", "DATA", "STATE", "CACHE"];
  const folders = names.map((name) => [`XDG_${name}_HOME`, join(home, name.toLowerCase())]);
  return {
    ...Object.fromEntries(folders),
    HOME: home,
    TMPDIR: tmpdir(),
    PATH: [AGENTS, dirname(process.execPath), process.env.PATH].join(delimiter),
    HTTP_PROXY: nowhere,
    HTTPS_PROXY: nowhere,
  };
}

/** Runs a program to its end, or kills it and fails. */
async function end(program, words, options) {
  const child = spawn(program, words, { ...options, stdio: ["ignore", "pipe", "pipe"], detached: true });
  const texts = { stdout: "", stderr: "" };
  for (const name of Object.keys(texts)) child[name].setEncoding("utf8").on("data", (text) => (texts[name] += text));
  let isLate = false;
  const limit = setTimeout(() => {
    isLate = true;
    process.kill(-child.pid, "SIGKILL");
  }, LIMIT_MS);
  const ended = (resolve, reject) => child.on("error", reject).on("close", (code, signal) => resolve(code ?? signal));
  const code = await new Promise(ended).finally(() => clearTimeout(limit));
  assert.ok(!isLate, `it did not end within ${LIMIT_MS} ms: ${texts.stdout}\n${texts.stderr}`);
  return { code, output: texts.stdout, words: texts.stderr };
}

/** The processes that have this home, where the system tells. */
function processesWith(home) {
  if (process.platform !== "linux") return [];
  const ids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return ids.flatMap((id) => {
    try {
      const read = (name) => readFileSync(`/proc/${id}/${name}`, "utf8").split("\0");
      return read("environ").includes(`HOME=${home}`) ? [read("cmdline").join(" ")] : [];
    } catch {
      return []; // It has ended meanwhile, or is another user's.
    }
  });
}

/** The paths of all files below a folder. */
function filesBelow(folder) {
  const names = readdirSync(folder, { recursive: true });
  return names.filter((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.isFile()).sort();
}

/** A value without what differs from run to run: where it was, when, how long it took, and names given at random. */
function alike(value, place) {
  const differs = (key) => key === "client_metadata" || key === "create_time";
  const text = JSON.stringify(value, (key, value) => (differs(key) ? undefined : value));
  return JSON.parse(
    text
      .replaceAll(place, "@")
      .replaceAll(place.slice(1), "@")
      .replace(/ses_\w{26}/g, "SESSION")
      .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "ID")
      .replace(/(Chunk ID:|Wall time:?) [0-9a-f.]+/g, "$1"),
  );
}

/** A value with originals in place of what was made of them: from their first line, which is shown, to the marker. */
function restored(value, original) {
  if (typeof value === "string") {
    const { 0: marker, 1: hash, index } = MARKER.exec(value) ?? {};
    if (!hash) return value;
    const whole = original(hash);
    const start = value.indexOf(whole.slice(0, whole.indexOf("\n")));
    assert.ok(start >= 0, value);
    return value.slice(0, start) + whole + value.slice(index + marker.length).replace(/^\n/, "");
  }
  if (!value || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map((item) => restored(item, original));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, restored(item, original)]));
}
