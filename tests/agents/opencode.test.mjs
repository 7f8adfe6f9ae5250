import { join } from "node:path";
import { test } from "node:test";
import { sameOutcome } from "./same_outcome.mjs";
import { QUESTION, REPORT } from "./task.mjs";
import { call } from "./upstream.mjs";

const PATCH = `*** Begin Patch\n*** Add File: report.md\n+${REPORT}\n*** End Patch`;

const configuration = (address) => ({ provider: { openai: { options: { baseURL: `${address}/v1` } } } });

const opencode = {
  program: "opencode",
  arguments: ["run", "--model", "openai/gpt-5.4", QUESTION],
  told: (address) => ({ variables: { OPENCODE_CONFIG_CONTENT: JSON.stringify(configuration(address)) } }),
  variables: {
    OPENAI_API_KEY: "sk-of-nobody",
    // It knows models without asking for them.
    OPENCODE_DISABLE_MODELS_FETCH: "1",
    OPENCODE_DISABLE_AUTOUPDATE: "1",
    OPENCODE_DISABLE_LSP_DOWNLOAD: "1",
  },
  // It looks for the package of its plugins where npm is told to, and goes on without it.
  asks: undefined,
  steps: (work) => ({
    read: call("read", "read", { filePath: join(work, "app.log") }),
    search: call("search", "bash", { command: "grep -n ERROR app.log; ls", description: "Looks for errors" }),
    write: call("write", "apply_patch", { patchText: PATCH }),
  }),
};

test("opencode does with Headroom what it does without", () =>
  sameOutcome(opencode, { path: "/v1/responses", transport: "http", retrieves: true }));
