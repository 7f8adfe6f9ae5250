/** Answers of OpenAI Responses. */

import { objects, string, type Api, type Assembler, type Json } from "./api";

const ENDS = ["response.completed", "response.incomplete", "response.failed"];

function complete(answer: Json, model: string): Json {
  const given = "output" in answer ? answer : { ...answer, output: [{ content: string(answer["content"] ?? answer["text"]) }] };
  return {
    id: "resp_headroom",
    object: "response",
    created_at: Math.floor(Date.now() / 1000),
    model,
    status: "completed",
    error: null,
    incomplete_details: null,
    instructions: null,
    metadata: {},
    parallel_tool_calls: true,
    temperature: null,
    tool_choice: "auto",
    tools: [],
    top_p: null,
    ...given,
    output: objects(given["output"]).map(item),
  };
}

function item(given: Json, index: number): Json {
  const type = string(given["type"], "message");
  const base = { id: `item_headroom_${index}`, type, status: "completed" };
  if (type !== "message") return { ...base, ...given };
  const content = given["content"];
  const parts = typeof content === "string" ? [{ type: "output_text", text: content }] : objects(content);
  const texts = parts.map((part) => (part["type"] === "output_text" ? { annotations: [], ...part } : part));
  return { ...base, role: "assistant", ...given, content: texts };
}

function* events(answer: Json): Iterable<Json> {
  let sequence_number = 0;
  for (const event of unnumbered(answer)) yield { ...event, sequence_number: sequence_number++ };
}

function* unnumbered(answer: Json): Iterable<Json> {
  const begun = { ...answer, status: "in_progress", output: [], usage: null };
  yield { type: "response.created", response: begun };
  yield { type: "response.in_progress", response: begun };
  for (const [output_index, item] of objects(answer["output"]).entries()) {
    const place = { output_index, item_id: item["id"] };
    const isCall = item["type"] === "function_call";
    const isMessage = item["type"] === "message";
    const empty = isMessage ? { content: [] } : isCall ? { arguments: "" } : {};
    yield { type: "response.output_item.added", output_index, item: { ...item, status: "in_progress", ...empty } };
    if (isMessage) yield* parts(objects(item["content"]), place);
    if (isCall) {
      const [name, called] = [item["name"] ?? "", item["arguments"] ?? ""];
      yield { type: "response.function_call_arguments.delta", ...place, delta: called };
      yield { type: "response.function_call_arguments.done", ...place, name, arguments: called };
    }
    yield { type: "response.output_item.done", output_index, item };
  }
  const end = `response.${string(answer["status"])}`;
  yield { type: ENDS.includes(end) ? end : "response.completed", response: answer };
}

function* parts(content: Json[], place: Json): Iterable<Json> {
  for (const [content_index, part] of content.entries()) {
    const where = { ...place, content_index };
    const isRefusal = part["type"] === "refusal";
    const [field, kind] = isRefusal ? (["refusal", "refusal"] as const) : (["text", "output_text"] as const);
    const extra = isRefusal ? {} : { logprobs: [] };
    yield { type: "response.content_part.added", ...where, part: { ...part, [field]: "" } };
    yield { type: `response.${kind}.delta`, ...where, delta: part[field] ?? "", ...extra };
    yield { type: `response.${kind}.done`, ...where, [field]: part[field] ?? "", ...extra };
    yield { type: "response.content_part.done", ...where, part };
  }
}

class ResponsesAssembler implements Assembler {
  response: Json = {};

  /** Takes the answer from the event that ends the stream. */
  add(event: Json): void {
    if (ENDS.includes(string(event["type"]))) this.response = event["response"] as Json;
  }
}

/** OpenAI Responses. */
export const RESPONSES: Api = {
  provider: "openai",
  matches: (path) => path.endsWith("/responses"),
  model: (_, body) => string(body["model"]),
  streams: (_, body) => body["stream"] === true,
  metadata: { api_style: "responses" },
  complete,
  events,
  assembler: () => new ResponsesAssembler(),
  namedEvents: true,
  done: "",
  usage: (answer) => answer["usage"] ?? null,
};
