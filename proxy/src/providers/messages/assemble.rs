//! Events of Anthropic Messages put together.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::super::value::{append, index, list_mut, overlay, text};

/// Puts the events of a message together, blocks of any kind included.
///
/// # Sources
/// The events are those of Anthropic's page on streaming; a delta of a kind that this code does not know is appended to the
/// members of its block that have the same names.
#[derive(Debug, Default)]
pub(in super::super) struct Assembler {
    message: Map<String, Value>,
    blocks: BTreeMap<u64, Block>,
}

#[derive(Debug, Default)]
struct Block {
    value: Map<String, Value>,
    /// The input of a tool as far as it has come.
    input: String,
}

impl super::super::Assembler for Assembler {
    fn take(&mut self, event: &Value) {
        match text(event, "type") {
            "message_start" => {
                if let Some(Value::Object(message)) = event.get("message") {
                    self.message = message.clone();
                }
            }
            "content_block_start" => {
                if let (Some(at), Some(Value::Object(value))) = (index(event, "index"), event.get("content_block")) {
                    self.blocks.insert(at, Block { value: value.clone(), input: String::new() });
                }
            }
            "content_block_delta" => {
                let block = index(event, "index").and_then(|at| self.blocks.get_mut(&at));
                if let (Some(block), Some(Value::Object(delta))) = (block, event.get("delta")) {
                    block.grow(delta);
                }
            }
            "message_delta" => self.end(event),
            "error" => {
                self.message.insert("error".into(), event.get("error").cloned().unwrap_or_default());
            }
            _ => {}
        }
    }

    fn response(&self) -> Option<Value> {
        if self.message.is_empty() {
            return None;
        }
        let mut message = self.message.clone();
        let is_error_alone = message.len() == 1 && message.contains_key("error");
        if is_error_alone {
            message.insert("type".into(), "error".into());
        } else {
            list_mut(&mut message, "content").extend(self.blocks.values().map(Block::finished));
        }
        Some(Value::Object(message))
    }
}

impl Assembler {
    /// The account in a `message_delta` counts from the start of the message.
    fn end(&mut self, event: &Value) {
        for (key, value) in event.as_object().into_iter().flatten() {
            match (key.as_str(), value) {
                ("type", _) => {}
                ("delta", Value::Object(delta)) => {
                    delta.iter().for_each(|(key, value)| overlay(&mut self.message, key, value));
                }
                ("usage", Value::Object(more)) => {
                    let usage = self.message.entry("usage").or_insert_with(|| json!({}));
                    if let Value::Object(usage) = usage {
                        more.iter().for_each(|(key, value)| overlay(usage, key, value));
                    }
                }
                _ => overlay(&mut self.message, key, value),
            }
        }
    }
}

impl Block {
    fn grow(&mut self, delta: &Map<String, Value>) {
        for (key, value) in delta {
            match (key.as_str(), value) {
                ("type", _) => {}
                ("partial_json", Value::String(more)) => self.input.push_str(more),
                ("citation", citation) => list_mut(&mut self.value, "citations").push(citation.clone()),
                ("signature", signature) => {
                    self.value.insert(key.clone(), signature.clone());
                }
                (_, Value::String(more)) => append(self.value.entry(key).or_insert(Value::Null), more),
                _ => overlay(&mut self.value, key, value),
            }
        }
    }

    /// An input that was cut off stays the text that came of it.
    fn finished(&self) -> Value {
        let mut value = self.value.clone();
        if !self.input.is_empty() {
            let input = serde_json::from_str(&self.input).unwrap_or_else(|_| self.input.as_str().into());
            value.insert("input".into(), input);
        }
        Value::Object(value)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Assembler as _;
    use super::*;

    fn assembled(events: &[Value]) -> Value {
        let mut assembler = Assembler::default();
        events.iter().for_each(|event| assembler.take(event));
        assembler.response().unwrap()
    }

    fn delta(at: usize, delta: Value) -> Value {
        [("type", "content_block_delta".into()), ("index", at.into()), ("delta", delta)].into_iter().collect()
    }

    fn start(at: usize, block: Value) -> Value {
        [("type", "content_block_start".into()), ("index", at.into()), ("content_block", block)].into_iter().collect()
    }

    #[test]
    fn blocks_of_all_kinds_grow_by_their_deltas() {
        let response = assembled(&[
            json!({"type": "message_start", "message": {"id": "m", "type": "message", "role": "assistant", "content": [],
                "stop_reason": null, "usage": {"input_tokens": 9, "output_tokens": 1}}}),
            json!({"type": "ping"}),
            start(0, json!({"type": "thinking", "thinking": "", "signature": ""})),
            delta(0, json!({"type": "thinking_delta", "thinking": "a"})),
            delta(0, json!({"type": "thinking_delta", "thinking": "b"})),
            delta(0, json!({"type": "signature_delta", "signature": "sig=="})),
            start(1, json!({"type": "redacted_thinking", "data": "xyz"})),
            start(2, json!({"type": "text", "text": "", "citations": null})),
            delta(2, json!({"type": "text_delta", "text": "é"})),
            delta(2, json!({"type": "citations_delta", "citation": {"cited_text": "c"}})),
            start(3, json!({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}})),
            delta(3, json!({"type": "input_json_delta", "partial_json": ""})),
            delta(3, json!({"type": "input_json_delta", "partial_json": "{\"q\":"})),
            delta(3, json!({"type": "input_json_delta", "partial_json": "\"x\"}"})),
            start(4, json!({"type": "web_search_tool_result", "tool_use_id": "s", "content": []})),
            start(5, json!({"type": "compaction", "content": null})),
            delta(5, json!({"type": "compaction_delta", "content": "short"})),
            json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null},
                "usage": {"output_tokens": 12, "input_tokens": null}, "context_management": {"applied_edits": []}}),
            json!({"type": "message_stop"}),
        ]);
        let content = json!([
            {"type": "thinking", "thinking": "ab", "signature": "sig=="},
            {"type": "redacted_thinking", "data": "xyz"},
            {"type": "text", "text": "é", "citations": [{"cited_text": "c"}]},
            {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"q": "x"}},
            {"type": "web_search_tool_result", "tool_use_id": "s", "content": []},
            {"type": "compaction", "content": "short"},
        ]);
        let expected = json!({"id": "m", "type": "message", "role": "assistant", "content": content,
            "stop_reason": "end_turn", "stop_sequence": null, "context_management": {"applied_edits": []},
            "usage": {"input_tokens": 9, "output_tokens": 12}});
        assert_eq!(response, expected);
    }

    #[test]
    fn a_stream_that_is_cut_off_gives_what_came() {
        let response = assembled(&[
            json!({"type": "message_start", "message": {"id": "m", "content": []}}),
            start(0, json!({"type": "tool_use", "id": "t", "name": "f", "input": {}})),
            delta(0, json!({"type": "input_json_delta", "partial_json": "{\"a\": \"b"})),
        ]);
        assert_eq!(response["content"][0]["input"], "{\"a\": \"b");
        assert!(Assembler::default().response().is_none());
    }

    #[test]
    fn an_error_is_the_response_or_a_part_of_it() {
        let error = json!({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}});
        assert_eq!(assembled(std::slice::from_ref(&error)), error);
        let start = json!({"type": "message_start", "message": {"id": "m", "content": []}});
        assert_eq!(assembled(&[start, error])["error"]["type"], "overloaded_error");
    }
}
