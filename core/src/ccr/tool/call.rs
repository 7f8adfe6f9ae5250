//! A model's call of the retrieval tool and the message that answers it, in the shape of each API.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::super::{RETRIEVE_TOOL, Store, retrieve};
use crate::error::{Error, ErrorKind, Result};

/// A call as it was made.
struct Call<'a> {
    shape: Shape,
    name: &'a str,
    /// What the answer repeats; Gemini's calls may have none.
    id: Option<&'a str>,
    arguments: Option<&'a Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// An entry of `tool_calls`.
    ChatCompletions,
    /// A `function_call` item.
    Responses,
    /// A `tool_use` block.
    Messages,
    /// A `functionCall` part.
    Gemini,
}

/// What the tool says, and whether that is a failure.
struct Answer {
    text: String,
    is_error: bool,
}

/// Answers a model's call of the retrieval tool with the message to append to the conversation.
///
/// | call | answer |
/// |---|---|
/// | OpenAI: an entry of `tool_calls` | `{"role": "tool", "tool_call_id", "content"}` |
/// | OpenAI Responses: a `function_call` item | `{"type": "function_call_output", "call_id", "output"}` |
/// | Anthropic: a `tool_use` block | `{"role": "user", "content": [{"type": "tool_result", …}]}` |
/// | Gemini: a part with `functionCall` | `{"role": "user", "parts": [{"functionResponse": …}]}` |
///
/// What the model did wrong, such as a hash that nothing is stored under or a range that cannot be read, becomes an
/// answer that it can act on, marked as an error where the API has a place for that.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] when the call has none of these shapes, lacks the id that the answer must repeat, or is a
/// call of another tool; [`ErrorKind::Storage`] when the store cannot be read.
pub fn answer_tool_call(store: &dyn Store, call: &Value) -> Result<Value> {
    let call = read_call(call)?;
    let answer = match arguments(&call).and_then(|arguments| retrieve_part(store, &arguments)) {
        Ok(text) => Answer { text, is_error: false },
        Err(error) => Answer { text: explain(error)?, is_error: true },
    };
    Ok(call.result(answer))
}

/// Answers a model's call of the retrieval tool, without a look at what it asks for, with the sentence that says why there is
/// no original this time. The shapes are those of [`answer_tool_call`].
///
/// # Errors
/// [`ErrorKind::InvalidInput`] as for [`answer_tool_call`].
pub fn refuse_tool_call(call: &Value, reason: &str) -> Result<Value> {
    let call = read_call(call)?;
    Ok(call.result(Answer { text: format!("{RETRIEVE_TOOL}: {reason}"), is_error: true }))
}

fn read_call(call: &Value) -> Result<Call<'_>> {
    let kind = call.get("type").and_then(Value::as_str);
    let gemini = call.get("functionCall").or_else(|| call.get("function_call"));
    let (shape, function, id, arguments) = match (kind, gemini, call.get("function")) {
        (Some("tool_use"), ..) => (Shape::Messages, call, "id", "input"),
        (Some("function_call"), ..) => (Shape::Responses, call, "call_id", "arguments"),
        (None, Some(function), _) => (Shape::Gemini, function, "id", "args"),
        (None | Some("function"), _, Some(function)) => (Shape::ChatCompletions, function, "id", "arguments"),
        _ => {
            let expected = "an entry of tool_calls, a function_call item, a tool_use block or a functionCall part";
            let found = kind.map_or_else(|| describe(call), |kind| format!("the type {}", brief(kind)));
            return Err(invalid(format!("tool call: expected {expected}, found {found}")));
        }
    };
    let name = function.get("name").and_then(Value::as_str).unwrap_or_default();
    if name != RETRIEVE_TOOL {
        return Err(invalid(format!("tool call: expected a call of {RETRIEVE_TOOL}, found one of {}", brief(name))));
    }
    let holder = if shape == Shape::Gemini { function } else { call };
    let id_value = holder.get(id).and_then(Value::as_str);
    if id_value.is_none() && shape != Shape::Gemini {
        return Err(invalid(format!("tool call: expected a string in {id}, found {}", found_in(holder, id))));
    }
    Ok(Call { shape, name, id: id_value, arguments: function.get(arguments) })
}

/// The arguments as an object; OpenAI sends them as JSON in a string.
fn arguments<'a>(call: &Call<'a>) -> Result<Cow<'a, Map<String, Value>>> {
    let wrong = |found: String| invalid(format!("arguments: expected an object with hash, found {found}"));
    match call.arguments {
        Some(Value::Object(arguments)) => Ok(Cow::Borrowed(arguments)),
        Some(Value::String(text)) => match serde_json::from_str(text) {
            Ok(Value::Object(arguments)) => Ok(Cow::Owned(arguments)),
            Ok(other) => Err(wrong(describe(&other))),
            Err(error) => Err(wrong(format!("text that is not JSON: {error}"))),
        },
        Some(other) => Err(wrong(describe(other))),
        None => Err(wrong("nothing".into())),
    }
}

fn retrieve_part(store: &dyn Store, arguments: &Map<String, Value>) -> Result<String> {
    let text = |name: &str| match arguments.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        // Models write a single line as a number.
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(other) => Err(invalid(format!("{name}: expected a string, found {}", describe(other)))),
    };
    let hash =
        text("hash")?.ok_or_else(|| invalid("hash: expected the 24 hex digits of a marker, found nothing".into()))?;
    Ok(retrieve(store, &hash, text("query")?.as_deref(), text("lines")?.as_deref())?.text)
}

/// The model's own mistakes as a sentence for it; everything else stays an error.
fn explain(error: Error) -> Result<String> {
    let hint = match error.kind() {
        ErrorKind::NotFound => {
            "copy the hash of a marker line exactly as it stands there, or get the data again from its source"
        }
        ErrorKind::Expired => "get the data again from its source",
        ErrorKind::InvalidInput => "call the tool again with what is expected",
        _ => return Err(error),
    };
    Ok(format!("{RETRIEVE_TOOL}: {error}; {hint}"))
}

impl Call<'_> {
    fn result(&self, answer: Answer) -> Value {
        let Answer { text, is_error } = answer;
        let id = self.id;
        match self.shape {
            Shape::ChatCompletions => json!({"role": "tool", "tool_call_id": id, "content": text}),
            Shape::Responses => json!({"type": "function_call_output", "call_id": id, "output": text}),
            Shape::Messages => {
                let mut block = json!({"type": "tool_result", "tool_use_id": id, "content": text});
                if is_error {
                    block["is_error"] = true.into();
                }
                json!({"role": "user", "content": [block]})
            }
            Shape::Gemini => {
                let mut response = Map::new();
                if let Some(id) = id {
                    response.insert("id".into(), id.into());
                }
                response.insert("name".into(), self.name.into());
                response.insert("response".into(), json!({if is_error { "error" } else { "output" }: text}));
                json!({"role": "user", "parts": [{"functionResponse": response}]})
            }
        }
    }
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}

fn found_in(object: &Value, name: &str) -> String {
    object.get(name).map_or_else(|| "nothing".into(), describe)
}

fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(_) => "a boolean".into(),
        Value::Number(_) => "a number".into(),
        Value::String(_) => "a string".into(),
        Value::Array(_) => "a list".into(),
        Value::Object(object) => {
            let names: Vec<_> = object.keys().take(5).map(|name| brief(name)).collect();
            format!("an object with {}", if names.is_empty() { "nothing".into() } else { names.join(", ") })
        }
    }
}

/// A text in quotes, cut to what fits into a sentence.
fn brief(text: &str) -> String {
    format!("{:?}", text.chars().take(64).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::super::super::contract::original;
    use super::super::super::{Hash, MemoryStore};
    use super::*;

    fn store() -> (MemoryStore, String) {
        let store = MemoryStore::new(1 << 20);
        store.put(&[original("a\nb\nc\n")]).unwrap();
        (store, Hash::of("a\nb\nc\n").to_string())
    }

    /// The same call in every shape.
    fn calls(name: &str, arguments: &Value) -> [Value; 4] {
        let text = arguments.to_string();
        [
            json!({"id": "c1", "type": "function", "function": {"name": name, "arguments": text}}),
            json!({"type": "function_call", "id": "fc", "call_id": "c1", "name": name, "arguments": text}),
            json!({"type": "tool_use", "id": "c1", "name": name, "input": arguments}),
            json!({"functionCall": {"name": name, "args": arguments}, "thoughtSignature": "x"}),
        ]
    }

    #[test]
    fn every_shape_is_answered_in_its_own() {
        let (store, hash) = store();
        let answers = calls(RETRIEVE_TOOL, &json!({"hash": hash, "lines": 2, "query": null}))
            .map(|call| answer_tool_call(&store, &call).unwrap());
        let text = "[line 1 omitted]\nb\n[line 3 omitted]\n";
        let expected = [
            json!({"role": "tool", "tool_call_id": "c1", "content": text}),
            json!({"type": "function_call_output", "call_id": "c1", "output": text}),
            json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": text}]}),
            json!({"role": "user", "parts": [{"functionResponse": {"name": RETRIEVE_TOOL, "response": {"output": text}}}]}),
        ];
        assert_eq!(answers, expected);
    }

    #[test]
    fn a_gemini_call_with_an_id_is_answered_with_it() {
        let (store, hash) = store();
        let call = json!({"function_call": {"id": "g7", "name": RETRIEVE_TOOL, "args": {"hash": hash}}});
        let answer = answer_tool_call(&store, &call).unwrap();
        assert_eq!(answer["parts"][0]["functionResponse"]["id"], "g7");
        assert_eq!(answer["parts"][0]["functionResponse"]["response"]["output"], "a\nb\nc\n");
    }

    #[test]
    fn what_the_model_did_wrong_becomes_an_answer() {
        let (store, hash) = store();
        let unknown = "0123456789abcdef01234567";
        for (arguments, expected) in [
            (json!({"hash": unknown}), "no original is stored under this hash (hash 0123456789abcdef01234567); copy"),
            (json!({"hash": "abc"}), "expected the 24 hex digits of a marker"),
            (json!({}), "hash: expected the 24 hex digits of a marker, found nothing"),
            (json!({"hash": ["x"]}), "hash: expected a string, found a list"),
            (json!({"hash": hash, "lines": "x"}), "lines: expected ranges from 1"),
            (json!([1]), "arguments: expected an object with hash, found a list"),
        ] {
            let [chat, responses, messages, gemini] = calls(RETRIEVE_TOOL, &arguments);
            let answer = |call| answer_tool_call(&store, &call).unwrap();
            let text = answer(chat)["content"].as_str().unwrap().to_string();
            assert!(text.starts_with("headroom_retrieve: ") && text.contains(expected), "{text}");
            assert_eq!(answer(responses)["output"], text);
            assert_eq!(answer(messages)["content"][0]["is_error"], true);
            assert_eq!(answer(gemini)["parts"][0]["functionResponse"]["response"]["error"], text);
        }
        let call = json!({"id": "c1", "function": {"name": RETRIEVE_TOOL, "arguments": "{\"hash\": \"01"}});
        let answer = answer_tool_call(&store, &call).unwrap();
        assert!(answer["content"].as_str().unwrap().contains("found text that is not JSON"), "{answer}");
        store.purge(0).unwrap();
        let answer = answer_tool_call(&store, &calls(RETRIEVE_TOOL, &json!({"hash": hash}))[2]).unwrap();
        assert!(answer["content"][0]["content"].as_str().unwrap().contains("went by age"), "{answer}");
    }

    #[test]
    fn a_refusal_says_why_in_every_shape() {
        let [chat, responses, messages, gemini] =
            calls(RETRIEVE_TOOL, &json!([])).map(|call| refuse_tool_call(&call, "not now").unwrap());
        let text = "headroom_retrieve: not now";
        assert_eq!((&chat["content"], &responses["output"]), (&json!(text), &json!(text)));
        assert_eq!(
            messages["content"][0],
            json!({"type": "tool_result", "tool_use_id": "c1", "content": text, "is_error": true})
        );
        assert_eq!(gemini["parts"][0]["functionResponse"]["response"], json!({"error": text}));
        assert!(refuse_tool_call(&json!({"type": "tool_use", "name": "bash"}), "no").is_err());
    }

    #[test]
    fn other_tools_and_other_shapes_are_refused_by_name() {
        let (store, _) = store();
        for call in calls("bash", &json!({"hash": "x"})) {
            let error = answer_tool_call(&store, &call).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().contains("found one of \"bash\""), "{error}");
        }
        for (call, found) in [
            (json!(null), "found null"),
            (json!({"type": "tool_result"}), "found the type \"tool_result\""),
            (json!({"a": 1, "b": 2}), "found an object with \"a\", \"b\""),
            (json!({"type": "tool_use", "name": RETRIEVE_TOOL}), "expected a string in id, found nothing"),
            (json!({"functionCall": 7}), "found one of \"\""),
        ] {
            let error = answer_tool_call(&store, &call).unwrap_err();
            assert!(error.to_string().contains(found), "{error}");
        }
    }
}
