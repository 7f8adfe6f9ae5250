//! Generated conversations of every wire shape, and random spellings of the JSON that they are.

#![allow(dead_code, clippy::allow_attributes, reason = "every test file uses a part of this module")]

use headroom_core::conversation::{BlockKind, Role, Shape};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

/// All wire shapes.
pub(crate) const SHAPES: [Shape; 4] = [Shape::Chat, Shape::Messages, Shape::Responses, Shape::Gemini];

/// One step of a conversation, before it has a shape.
#[derive(Debug, Clone)]
pub(crate) enum Turn {
    /// The user says something, in one part or several.
    User(Vec<String>),
    /// The assistant says something.
    Assistant(String),
    /// The assistant calls tools and each of them answers.
    Tools(Vec<Call>),
    /// Something that this version does not know.
    Unknown(Value),
}

/// A tool call with its result.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) arguments: Value,
    pub(crate) result: String,
    pub(crate) is_error: bool,
    pub(crate) is_list: bool,
}

/// Text as people, models and tools write it; about one in four is longer than a kilobyte.
pub(crate) fn text() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        "[a-zA-Z ,.]{1,40}",
        "2026-01-[0-3][0-9]T10:[0-5][0-9]:00Z (INFO|WARN|ERROR) [a-z]{3,8}\\[[0-9]{1,4}\\]: request [0-9]{1,6} took [0-9]{1,4} ms",
        "src/[a-z]{2,6}/[a-z]{2,6}\\.rs:[0-9]{1,3}:    let [a-z]{1,5} = [a-z]{1,5}\\([0-9]\\);",
        "(\\{\"id\":[0-9]{1,3},\"ok\":(true|null)\\}|[é日本😀\u{2028}\t\"\\\\/]{1,6}|\\[3/9 rows shown; headroom_retrieve hash=[0-9a-f]{24}\\])",
    ];
    prop_oneof![
        1 => Just(String::new()),
        8 => proptest::collection::vec(line.clone(), 1..4).prop_map(|lines| lines.join("\n")),
        2 => proptest::collection::vec(line, 20..60).prop_map(|lines| lines.join("\n")),
        1 => rows(),
        1 => any::<String>(),
    ]
}

/// A JSON list of similar objects.
pub(crate) fn rows() -> impl Strategy<Value = String> {
    let row = (0..500_u32, select(vec!["ok", "failed", "pending"]), proptest::option::of("[a-z]{3,9}"));
    (proptest::collection::vec(row, 3..40), any::<bool>()).prop_map(|(rows, pretty)| {
        let rows: Value =
            rows.iter().map(|(id, state, note)| json!({"id": id, "state": state, "note": note})).collect();
        if pretty { format!("{rows:#}") } else { rows.to_string() }
    })
}

/// Turns of a conversation; the first one is the user's.
pub(crate) fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let arguments = prop_oneof![
        Just(json!({})),
        ("[a-z/]{1,12}", any::<i64>(), any::<bool>())
            .prop_map(|(path, line, all)| json!({"path": path, "n": line, "all": all})),
        text().prop_map(|text| json!({"new_text": text})),
    ];
    let name = select(vec!["read_file", "bash", "search", "headroom_retrieve"]);
    let call = (name, arguments, text(), any::<bool>(), any::<bool>()).prop_map(
        |(name, arguments, result, is_error, is_list)| Call { name: name.into(), arguments, result, is_error, is_list },
    );
    let turn = prop_oneof![
        2 => proptest::collection::vec(text(), 1..3).prop_map(Turn::User),
        2 => text().prop_map(Turn::Assistant),
        4 => proptest::collection::vec(call, 1..4).prop_map(Turn::Tools),
        1 => unknown().prop_map(Turn::Unknown),
    ];
    (text(), proptest::collection::vec(turn, 0..7)).prop_map(|(question, mut turns)| {
        turns.insert(0, Turn::User(vec![question]));
        turns
    })
}

fn unknown() -> impl Strategy<Value = Value> {
    select(vec![
        json!({"role": "critic", "verdict": {"score": 1.0, "notes": ["a", null, 7.5]}}),
        json!({"kind": "from the future", "list": [[[]]], "output": "not ours"}),
        json!({}),
    ])
}

/// The messages (items, contents) of a conversation in a shape; each turn gives whole messages.
pub(crate) fn messages(shape: Shape, turns: &[Turn]) -> Vec<Value> {
    let mut list = Vec::new();
    let mut next_id = 0;
    for turn in turns {
        match turn {
            Turn::User(texts) => list.push(user(shape, texts)),
            Turn::Assistant(text) => list.push(assistant(shape, text)),
            Turn::Tools(calls) => {
                let ids: Vec<_> = calls
                    .iter()
                    .map(|_| {
                        next_id += 1;
                        format!("call_{next_id}")
                    })
                    .collect();
                tools(shape, calls, &ids, &mut list);
            }
            Turn::Unknown(value) => list.push(value.clone()),
        }
    }
    list
}

fn user(shape: Shape, texts: &[String]) -> Value {
    let part = |kind: &str| -> Value { texts.iter().map(|text| json!({"type": kind, "text": text})).collect() };
    match (shape, texts) {
        (Shape::Gemini, _) => {
            json!({"role": "user", "parts": texts.iter().map(|text| json!({"text": text})).collect::<Vec<_>>()})
        }
        (_, [text]) => json!({"role": "user", "content": text}),
        (Shape::Responses, _) => json!({"type": "message", "role": "user", "content": part("input_text")}),
        _ => json!({"role": "user", "content": part("text")}),
    }
}

fn assistant(shape: Shape, text: &str) -> Value {
    match shape {
        Shape::Chat => json!({"role": "assistant", "content": text, "refusal": null}),
        Shape::Messages => json!({"role": "assistant", "content": [
            {"type": "thinking", "thinking": "private", "signature": "c2ln"}, {"type": "text", "text": text}]}),
        Shape::Responses => json!({"type": "message", "role": "assistant", "phase": "final_answer",
            "content": [{"type": "output_text", "text": text, "annotations": [], "logprob": -0.5}]}),
        Shape::Gemini => json!({"role": "model", "parts": [
            {"text": "private", "thought": true}, {"text": text}, {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]}),
    }
}

fn tools(shape: Shape, calls: &[Call], ids: &[String], list: &mut Vec<Value>) {
    let both = || calls.iter().zip(ids);
    let content = |call: &Call, kind: &str| match call.is_list {
        true => json!([{"type": kind, "text": call.result}, {"type": "image_url", "image_url": {"url": "data:"}}]),
        false => json!(call.result),
    };
    match shape {
        Shape::Chat => {
            let tool_calls: Vec<_> = both()
                .map(|(call, id)| {
                    json!({"id": id, "type": "function",
                "function": {"name": call.name, "arguments": call.arguments.to_string()}})
                })
                .collect();
            list.push(json!({"role": "assistant", "content": null, "tool_calls": tool_calls}));
            list.extend(
                both().map(|(call, id)| json!({"role": "tool", "tool_call_id": id, "content": content(call, "text")})),
            );
        }
        Shape::Messages => {
            let uses: Vec<_> = both()
                .map(|(call, id)| json!({"type": "tool_use", "id": id, "name": call.name, "input": call.arguments}))
                .collect();
            list.push(json!({"role": "assistant", "content": uses}));
            let results: Vec<_> = both()
                .map(|(call, id)| {
                    json!({"type": "tool_result", "tool_use_id": id,
                "content": content(call, "text"), "is_error": call.is_error, "cache_control": {"type": "ephemeral"}})
                })
                .collect();
            list.push(json!({"role": "user", "content": results}));
        }
        Shape::Responses => {
            list.push(json!({"type": "reasoning", "summary": [], "encrypted_content": "gAAA"}));
            list.extend(both().map(|(call, id)| {
                json!({"type": "function_call", "call_id": id, "name": call.name,
                "arguments": call.arguments.to_string()})
            }));
            list.extend(both().map(|(call, id)| json!({"type": "function_call_output", "call_id": id, "output": content(call, "input_text")})));
        }
        Shape::Gemini => {
            let calls_part: Vec<_> = calls
                .iter()
                .map(|call| {
                    json!({"functionCall": {"name": call.name, "args": call.arguments},
                "thoughtSignature": "c2ln"})
                })
                .collect();
            list.push(json!({"role": "model", "parts": calls_part}));
            let responses: Vec<_> = calls
                .iter()
                .map(|call| {
                    let key = if call.is_error { "error" } else { "output" };
                    json!({"functionResponse": {"name": call.name, "response": {key: call.result, "exit_code": 1}}})
                })
                .collect();
            list.push(json!({"role": "user", "parts": responses}));
        }
    }
}

/// What a walk over [`messages`] has to give: role, kind, text and the name of the tool that a result comes from.
pub(crate) fn expected(shape: Shape, turns: &[Turn]) -> Vec<(Role, BlockKind, String, Option<String>)> {
    let mut blocks = Vec::new();
    for turn in turns {
        match turn {
            Turn::User(texts) => {
                blocks.extend(texts.iter().map(|text| (Role::User, BlockKind::Text, text.clone(), None)))
            }
            Turn::Assistant(text) => blocks.push((Role::Assistant, BlockKind::Text, text.clone(), None)),
            Turn::Tools(calls) => {
                if matches!(shape, Shape::Chat | Shape::Responses) {
                    blocks.extend(
                        calls
                            .iter()
                            .map(|call| (Role::Assistant, BlockKind::ToolArguments, call.arguments.to_string(), None)),
                    );
                }
                blocks.extend(
                    calls
                        .iter()
                        .map(|call| (Role::Tool, BlockKind::ToolResult, call.result.clone(), Some(call.name.clone()))),
                );
            }
            Turn::Unknown(_) => {}
        }
    }
    blocks.retain(|(_, _, text, _)| !text.is_empty());
    blocks
}

/// A request body of a shape around messages, with a system text.
pub(crate) fn body(shape: Shape, messages: &[Value]) -> Value {
    let system = "You are careful.";
    match shape {
        Shape::Chat => json!({"model": "gpt-4o", "messages": messages, "temperature": 1.0, "tools": []}),
        Shape::Messages => json!({"model": "claude", "system": system, "max_tokens": 1024, "messages": messages}),
        Shape::Responses => json!({"model": "gpt-5", "instructions": system, "input": messages, "stream": true}),
        Shape::Gemini => {
            json!({"systemInstruction": {"parts": [{"text": system}]}, "contents": messages, "generationConfig": {"topK": 1.5}})
        }
    }
}

/// JSON in a random spelling: spaces, escapes and numbers follow `noise`, which is read round and round. Fractions may
/// become numbers that no program can hold, so nothing that is compared by value may be one.
pub(crate) fn spell(value: &Value, noise: &[u8]) -> String {
    let mut speller = Speller { noise: noise.iter().cycle(), out: String::new() };
    speller.space();
    speller.value(value);
    speller.space();
    speller.out
}

struct Speller<'n> {
    noise: std::iter::Cycle<std::slice::Iter<'n, u8>>,
    out: String,
}

impl Speller<'_> {
    fn roll(&mut self, sides: u8) -> u8 {
        self.noise.next().map_or(0, |byte| byte % sides)
    }

    fn space(&mut self) {
        let spaces = ["", "", "", " ", "\n  ", "\t", "\r\n"];
        let roll = self.roll(7);
        self.out.push_str(spaces[usize::from(roll)]);
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.string(text),
            Value::Number(number) if number.is_f64() => {
                let plain = number.to_string();
                let spellings = [&plain, "1e400", "-0.10", "1180591620717411303424", "1E0"];
                let roll = self.roll(5);
                self.out.push_str(spellings[usize::from(roll)]);
            }
            Value::Array(items) => self.list('[', ']', items.iter(), Self::value),
            Value::Object(members) => self.list('{', '}', members.iter(), |speller, (key, value)| {
                speller.string(key);
                speller.space();
                speller.out.push(':');
                speller.space();
                speller.value(value);
            }),
            other => self.out.push_str(&other.to_string()),
        }
    }

    fn list<T>(&mut self, open: char, close: char, items: impl Iterator<Item = T>, write: impl Fn(&mut Self, T)) {
        self.out.push(open);
        self.space();
        for (index, item) in items.enumerate() {
            if index > 0 {
                self.out.push(',');
                self.space();
            }
            write(self, item);
            self.space();
        }
        self.out.push(close);
    }

    fn string(&mut self, text: &str) {
        self.out.push('"');
        let escapes_all = self.roll(8) == 0;
        for character in text.chars() {
            let must = matches!(character, '"' | '\\' | '\0'..='\u{1f}');
            if must || !character.is_ascii() && escapes_all || character == '/' && escapes_all {
                if character == '/' {
                    self.out.push_str("\\/");
                } else {
                    let mut units = [0; 2];
                    for unit in character.encode_utf16(&mut units) {
                        self.out.push_str(&format!("\\u{unit:04X}"));
                    }
                }
            } else {
                self.out.push(character);
            }
        }
        self.out.push('"');
    }
}
