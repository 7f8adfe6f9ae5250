//! Chunks of Chat Completions put together.

use serde_json::{Map, Value, json};

use super::super::value::{index, list, list_mut, overlay};

/// Members of a message that come whole, however often they come.
const WHOLE: [&str; 4] = ["id", "type", "role", "name"];

/// Puts chunks together. Strings of a delta are appended to what is there, lists with an `index` are merged by it, and
/// fields that this code does not know are treated the same.
///
/// # Sources
/// The rule is that of the `openai` packages' own accumulation, except that a repeated id or name is not appended: several
/// servers repeat them in every chunk.
#[derive(Debug, Default)]
pub(in super::super) struct Assembler {
    response: Map<String, Value>,
}

impl super::super::Assembler for Assembler {
    fn take(&mut self, chunk: &Value) {
        let Some(members) = chunk.as_object() else { return };
        for (key, value) in members {
            match key.as_str() {
                "choices" => list(chunk, "choices").iter().for_each(|choice| self.choice(choice)),
                // Padding that hides the length of a chunk.
                "obfuscation" => {}
                "object" => {
                    self.response.insert(key.clone(), "chat.completion".into());
                }
                _ => overlay(&mut self.response, key, value),
            }
        }
    }

    fn response(&self) -> Option<Value> {
        if self.response.is_empty() {
            return None;
        }
        let mut response = self.response.clone();
        if !response.contains_key("error") {
            list_mut(&mut response, "choices");
        }
        if let Some(Value::Array(choices)) = response.get_mut("choices") {
            choices.sort_by_key(|choice| index(choice, "index"));
            choices.iter_mut().for_each(finish);
        }
        Some(Value::Object(response))
    }
}

impl Assembler {
    fn choice(&mut self, choice: &Value) {
        let Some(members) = choice.as_object() else { return };
        let at = index(choice, "index").unwrap_or_default();
        let choices = list_mut(&mut self.response, "choices");
        let found = choices.iter().position(|choice| index(choice, "index") == Some(at)).unwrap_or_else(|| {
            let message = json!({"role": "assistant", "content": null});
            choices.push(json!({"index": at, "message": message, "finish_reason": null}));
            choices.len() - 1
        });
        let Some(slot) = choices[found].as_object_mut() else { return };
        for (key, value) in members {
            match (key.as_str(), value) {
                ("index", _) => {}
                ("delta", Value::Object(delta)) => {
                    if let Some(Value::Object(message)) = slot.get_mut("message") {
                        merge(message, delta);
                    }
                }
                ("logprobs", Value::Object(more)) => match slot.get_mut("logprobs") {
                    Some(Value::Object(logprobs)) => merge(logprobs, more),
                    _ => overlay(slot, key, value),
                },
                _ => overlay(slot, key, value),
            }
        }
    }
}

/// Adds a delta to what is there.
fn merge(into: &mut Map<String, Value>, delta: &Map<String, Value>) {
    for (key, value) in delta {
        let is_new = into.get(key).is_none_or(Value::is_null);
        match (into.get_mut(key), value) {
            (_, Value::Array(more)) if more.iter().any(|entry| entry.get("index").is_some()) || key == "tool_calls" => {
                merge_entries(list_mut(into, key), more);
            }
            (_, value) if is_new => {
                into.insert(key.clone(), value.clone());
            }
            (Some(Value::String(text)), Value::String(more)) => {
                if !WHOLE.contains(&key.as_str()) {
                    text.push_str(more);
                } else if text.is_empty() {
                    text.clone_from(more);
                }
            }
            (Some(Value::Object(old)), Value::Object(more)) => merge(old, more),
            (Some(Value::Array(old)), Value::Array(more)) => old.extend(more.iter().cloned()),
            (_, Value::Null) => {}
            (Some(old), value) => *old = value.clone(),
            (None, _) => {}
        }
    }
}

/// Merges entries by their `index`; one without continues the last unless it has an id.
fn merge_entries(into: &mut Vec<Value>, more: &[Value]) {
    for entry in more {
        let found = match index(entry, "index") {
            Some(at) => into.iter().position(|old| index(old, "index") == Some(at)),
            None if entry.get("id").is_none_or(Value::is_null) => into.len().checked_sub(1),
            None => None,
        };
        let slot = found.and_then(|at| into.get_mut(at)).and_then(Value::as_object_mut);
        match (slot, entry.as_object()) {
            (Some(slot), Some(entry)) => merge(slot, entry),
            _ => into.push(entry.clone()),
        }
    }
}

/// In a response the place of a tool call is its index.
fn finish(choice: &mut Value) {
    let Some(Value::Array(calls)) = choice.pointer_mut("/message/tool_calls") else { return };
    calls.sort_by_key(|call| index(call, "index").unwrap_or(u64::MAX));
    for call in calls {
        call.as_object_mut().map(|call| call.shift_remove("index"));
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Assembler as _;
    use super::*;

    fn assembled(chunks: &[Value]) -> Value {
        let mut assembler = Assembler::default();
        chunks.iter().for_each(|chunk| assembler.take(chunk));
        assembler.response().unwrap()
    }

    #[test]
    fn several_choices_and_calls_that_alternate_are_told_apart() {
        let call = |at: usize, more: Value| {
            let mut call = json!({"index": at});
            call.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            json!({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]})
        };
        let response = assembled(&[
            json!({"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 1, "delta": {"content": "b"}}]}),
            json!({"choices": [{"index": 0, "delta": {"role": "assistant", "content": null}}]}),
            call(1, json!({"id": "two", "type": "function", "function": {"name": "g", "arguments": ""}})),
            call(0, json!({"id": "one", "type": "function", "function": {"name": "f", "arguments": "{"}})),
            call(1, json!({"id": "two", "function": {"name": "g", "arguments": "[]"}})),
            call(0, json!({"function": {"arguments": "}"}})),
            json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}),
            json!({"choices": [], "usage": {"prompt_tokens": 3}}),
        ]);
        let calls = json!([
            {"id": "one", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            {"id": "two", "type": "function", "function": {"name": "g", "arguments": "[]"}},
        ]);
        let expected = json!({"id": "c", "object": "chat.completion", "usage": {"prompt_tokens": 3}, "choices": [
            {"index": 0, "message": {"role": "assistant", "content": null, "tool_calls": calls}, "finish_reason": "tool_calls"},
            {"index": 1, "message": {"role": "assistant", "content": "b"}, "finish_reason": null},
        ]});
        assert_eq!(response, expected);
    }

    #[test]
    fn refusals_reasoning_and_log_probabilities_grow() {
        let part = |text: &str| {
            let logprobs = json!({"content": [{"token": text, "logprob": -0.5}], "refusal": null});
            json!({"choices": [{"index": 0, "logprobs": logprobs,
                "delta": {"refusal": text, "reasoning_content": text, "x": {"y": text}, "n": 7}}]})
        };
        let response = assembled(&[part("a"), part("b")]);
        let choice = &response["choices"][0];
        assert_eq!(choice["message"]["refusal"], "ab");
        assert_eq!(choice["message"]["reasoning_content"], "ab");
        assert_eq!(choice["message"]["x"]["y"], "ab");
        assert_eq!(choice["message"]["n"], 7);
        assert_eq!(choice["logprobs"]["content"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn calls_without_an_index_are_told_apart_by_their_id() {
        let chunk = |call: Value| json!({"choices": [{"delta": {"tool_calls": [call]}}]});
        let response = assembled(&[
            chunk(json!({"id": "a", "function": {"name": "f", "arguments": "1"}})),
            chunk(json!({"function": {"arguments": "2"}})),
            chunk(json!({"id": "b", "function": {"name": "f", "arguments": "3"}})),
        ]);
        let calls = list(&response["choices"][0]["message"], "tool_calls");
        assert_eq!(calls.len(), 2);
        assert_eq!(calls[0]["function"]["arguments"], "12");
    }

    #[test]
    fn an_error_in_mid_stream_stands_beside_what_came() {
        let response = assembled(&[
            json!({"choices": [{"index": 0, "delta": {"content": "a"}}]}),
            json!({"error": {"message": "gone"}}),
        ]);
        assert_eq!(response["error"]["message"], "gone");
        assert_eq!(response["choices"][0]["message"]["content"], "a");
        assert!(Assembler::default().response().is_none());
    }
}
