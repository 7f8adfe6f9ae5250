//! A message of Anthropic's API as events.

use serde_json::{Map, Value, json};

use super::super::value::{list, text};
use crate::sse::Event;

/// What a message says only at its end.
const AT_END: [&str; 4] = ["stop_reason", "stop_sequence", "stop_details", "container"];

/// The events of a message; what is no message is an error event.
pub(in super::super) fn stream_of(response: &Value) -> Vec<Event<'static>> {
    let Some(message) = response.as_object().filter(|message| message.get("type").is_none_or(|kind| kind != "error"))
    else {
        return vec![Event::new("error", response)];
    };
    let mut events = Events(Vec::new());
    let mut head = message.clone();
    head.insert("content".into(), json!([]));
    let mut end = Map::new();
    for key in AT_END {
        if let Some(slot) = head.get_mut(key) {
            end.insert(key.to_owned(), std::mem::take(slot));
        }
    }
    if !head.get("usage").is_some_and(Value::is_object) {
        head.insert("usage".into(), json!({"input_tokens": 0, "output_tokens": 0}));
    }
    let output_tokens = head["usage"].get("output_tokens").cloned().unwrap_or_else(|| 0.into());
    events.push("message_start", json!({"message": head}));
    for (at, block) in list(response, "content").iter().enumerate() {
        block_events(&mut events, at, block);
    }
    events.push("message_delta", json!({"delta": end, "usage": {"output_tokens": output_tokens}}));
    events.push("message_stop", json!({}));
    events.0
}

struct Events(Vec<Event<'static>>);

impl Events {
    fn push(&mut self, kind: &str, members: Value) {
        let mut event = Map::new();
        event.insert("type".into(), kind.into());
        if let Value::Object(members) = members {
            event.extend(members);
        }
        self.0.push(Event::new(kind, &Value::Object(event)));
    }
}

/// A block starts without what its deltas bring; the kinds that have no deltas come whole.
fn block_events(events: &mut Events, at: usize, block: &Value) {
    let mut start = block.clone();
    let mut deltas = Vec::new();
    let mut bring = |start: &mut Value, key: &str, kind: &str| {
        if let Some(slot @ Value::String(_)) = start.get_mut(key) {
            let content = std::mem::replace(slot, "".into());
            deltas.push(json!({"type": kind, key: content}));
        }
    };
    match text(block, "type") {
        "text" => {
            bring(&mut start, "text", "text_delta");
            if let Some(Value::Array(citations)) = start.get_mut("citations") {
                let citations = std::mem::take(citations).into_iter();
                deltas.extend(citations.map(|citation| json!({"type": "citations_delta", "citation": citation})));
            }
        }
        "thinking" => {
            bring(&mut start, "thinking", "thinking_delta");
            bring(&mut start, "signature", "signature_delta");
        }
        "tool_use" | "server_tool_use" | "mcp_tool_use" => {
            if let Some(input @ Value::Object(_)) = start.get_mut("input") {
                let input = std::mem::replace(input, json!({}));
                deltas.push(json!({"type": "input_json_delta", "partial_json": input.to_string()}));
            }
        }
        _ => {}
    }
    events.push("content_block_start", json!({"index": at, "content_block": start}));
    for delta in deltas {
        events.push("content_block_delta", json!({"index": at, "delta": delta}));
    }
    events.push("content_block_stop", json!({"index": at}));
}

#[cfg(test)]
mod tests {
    use super::super::super::Api;
    use super::super::super::fixture::round_trips;
    use super::*;

    #[test]
    fn a_message_becomes_a_stream_and_the_stream_the_message() {
        let content = json!([
            {"type": "thinking", "thinking": "hm", "signature": "s=="},
            {"type": "redacted_thinking", "data": "d"},
            {"type": "text", "text": "é\n", "citations": [{"a": 1}, {"a": 2}]},
            {"type": "text", "text": "", "citations": null},
            {"type": "tool_use", "id": "t", "name": "f", "input": {"a": [1, "x"]}},
            {"type": "tool_use", "id": "u", "name": "f", "input": {}},
            {"type": "web_search_tool_result", "tool_use_id": "t", "content": []},
        ]);
        round_trips(
            Api::Messages,
            &json!({"id": "m", "type": "message", "role": "assistant", "model": "c", "content": content,
                "stop_reason": "tool_use", "stop_sequence": null, "stop_details": null, "container": {"id": "c"},
                "usage": {"input_tokens": 3, "output_tokens": 5, "cache_read_input_tokens": null}}),
        );
        round_trips(Api::Messages, &json!({"type": "error", "error": {"type": "api_error", "message": "no"}}));
    }

    #[test]
    fn every_event_has_its_type_for_a_name() {
        let response = json!({"id": "m", "type": "message", "content": [{"type": "text", "text": "a"}], "stop_reason": "end_turn"});
        let names: Vec<_> = stream_of(&response).iter().map(|event| event.name.clone()).collect();
        let block = ["content_block_start", "content_block_delta", "content_block_stop"];
        assert_eq!(names, [&["message_start"][..], &block, &["message_delta", "message_stop"]].concat());
    }
}
