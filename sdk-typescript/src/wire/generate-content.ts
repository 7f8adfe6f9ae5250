/** Answers of Gemini generateContent. */

import { isJson, objects, string, type Api, type Assembler, type Json } from "./api";

const PATH = /\/models\/([^/:]+):(generateContent|streamGenerateContent)$/;

function complete(answer: Json, model: string): Json {
  const text = string(answer["content"] ?? answer["text"]);
  const given = "candidates" in answer ? answer : { candidates: [{ content: { parts: [{ text }] } }] };
  const candidates = objects(given["candidates"]).map((candidate, index) => {
    const content = { role: "model", parts: [], ...(isJson(candidate["content"]) ? candidate["content"] : {}) };
    return { index, finishReason: "STOP", ...candidate, content };
  });
  const { text: _, content: __, ...rest } = answer;
  return { modelVersion: model, ...rest, candidates };
}

class GenerateContentAssembler implements Assembler {
  #head: Json = {};
  readonly #candidates: Json[] = [];

  add(event: Json): void {
    const { candidates, ...head } = event;
    this.#head = { ...this.#head, ...head };
    for (const [place, candidate] of objects(candidates).entries()) {
      const index = Number(candidate["index"] ?? place);
      const known = (this.#candidates[index] ??= { content: { role: "model", parts: [] } });
      const { content, ...rest } = candidate;
      Object.assign(known, rest);
      const parts = (known["content"] as Json)["parts"] as Json[];
      for (const part of objects(isJson(content) ? content["parts"] : [])) addPart(parts, part);
    }
  }

  get response(): Json {
    return { ...this.#head, candidates: this.#candidates };
  }
}

/** Texts that follow each other are one text. */
function addPart(parts: Json[], part: Json): void {
  const last = parts.at(-1);
  const grows = (value: Json): boolean => typeof value["text"] === "string" && Object.keys(value).every((key) => key === "text" || key === "thought");
  if (last && grows(last) && grows(part) && last["thought"] === part["thought"]) {
    last["text"] = string(last["text"]) + string(part["text"]);
  } else {
    parts.push({ ...part });
  }
}

/** Gemini generateContent. */
export const GENERATE_CONTENT: Api = {
  provider: "gemini",
  matches: (path) => PATH.test(path),
  model: (path) => decodeURIComponent(PATH.exec(path)?.[1] ?? ""),
  streams: (path) => path.endsWith(":streamGenerateContent"),
  metadata: {},
  complete,
  events: (answer) => [answer],
  assembler: () => new GenerateContentAssembler(),
  namedEvents: false,
  done: "",
  usage: (answer) => answer["usageMetadata"] ?? null,
};
