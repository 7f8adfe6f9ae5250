import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { sameOutcome } from "./same_outcome.mjs";
import { QUESTION, REPORT } from "./task.mjs";
import { call, customCall } from "./upstream.mjs";

const PATCH = `*** Begin Patch\n*** Add File: report.md\n+${REPORT}\n*** End Patch\n`;

/** What it would ask the network for. */
const OFF = ["features.plugins", "features.apps", "analytics.enabled", "check_for_update_on_startup"];

/** How models ask Codex for the three steps of the task. */
const MODELS = {
  // A function for commands, and a tool that takes a patch.
  "gpt-5.5": {
    read: call("read", "exec_command", { cmd: "cat app.log" }),
    search: call("search", "exec_command", { cmd: "grep -n ERROR app.log; ls" }),
    write: customCall("write", "apply_patch", PATCH),
  },
  // One tool that runs JavaScript; an item of the input brings it.
  "gpt-6.1-sol": {
    read: exec("read", 'text((await tools.exec_command({ cmd: "cat app.log" })).output);'),
    search: exec("search", 'text((await tools.exec_command({ cmd: "grep -n ERROR app.log; ls" })).output);'),
    write: exec("write", `text(await tools.apply_patch(${JSON.stringify(PATCH)}));`),
  },
};

function exec(id, script) {
  return customCall(id, "exec", script, { namespace: "functions" });
}

/** Who pays: where Headroom sends the requests then, and what else of the network Codex asks for. */
const LOGINS = {
  "a key": { path: "/v1/responses", variables: { CODEX_API_KEY: "sk-of-nobody" }, asks: [] },
  // Its requests over HTTP are compressed with zstd.
  "a ChatGPT login": { path: "/backend-api/codex/responses", prepare: login, asks: ["chatgpt.com:443"] },
};

function login(home) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const account = { chatgpt_plan_type: "pro", chatgpt_account_id: "account", chatgpt_user_id: "user" };
  const claims = { exp: 4102444800, "https://api.openai.com/auth": account };
  const token = `${part({ alg: "none" })}.${part(claims)}.${part("")}`;
  const tokens = { id_token: token, access_token: token, refresh_token: "refresh", account_id: "account" };
  mkdirSync(join(home, ".codex"));
  const file = { auth_mode: "chatgpt", tokens, last_refresh: new Date() };
  writeFileSync(join(home, ".codex/auth.json"), JSON.stringify(file));
}

for (const [who, { path, ...account }] of Object.entries(LOGINS)) {
  for (const [model, steps] of Object.entries(MODELS)) {
    for (const sockets of [false, true]) {
      const codex = {
        ...account,
        program: "codex",
        arguments: [
          ...["exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "--model", model],
          ...OFF.flatMap((name) => ["--config", `${name}=false`]),
          QUESTION,
        ],
        told: (address) => ({ arguments: ["--config", `openai_base_url="${address}/v1"`] }),
        sockets,
        steps: () => steps,
      };
      const how = `with ${who} and ${model} over ${sockets ? "WebSocket" : "HTTP"}`;
      test(`codex ${how} does with Headroom what it does without`, () =>
        sameOutcome(codex, { path, transport: sockets ? "socket" : "http", retrieves: !sockets }));
    }
  }
}
