//! Events of OpenAI Responses put together.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::super::value::{append, index, list_mut, text};

/// Takes the response that the last event carries; of a stream that was cut off, the one that the first event carries with
/// the items that came.
#[derive(Debug, Default)]
pub(in super::super) struct Assembler {
    response: Map<String, Value>,
    items: BTreeMap<u64, Map<String, Value>>,
}

impl super::super::Assembler for Assembler {
    fn take(&mut self, event: &Value) {
        let kind = text(event, "type");
        if let Some(Value::Object(response)) = event.get("response") {
            self.response = response.clone();
            return;
        }
        if kind == "error" || event.get("error").is_some_and(Value::is_object) {
            let error = event.get("error").filter(|error| error.is_object()).unwrap_or(event);
            self.response.insert("error".into(), error.clone());
            return;
        }
        let Some(at) = index(event, "output_index") else { return };
        if let Some(Value::Object(item)) = event.get("item") {
            self.items.insert(at, item.clone());
        } else if let Some(item) = self.items.get_mut(&at) {
            grow(item, kind, event);
        }
    }

    fn response(&self) -> Option<Value> {
        let mut response = self.response.clone();
        if response.is_empty() && self.items.is_empty() {
            return None;
        }
        if self.items.is_empty() && response.len() == 1 && response.contains_key("error") {
            return Some(Value::Object(response));
        }
        let output = list_mut(&mut response, "output");
        // Some servers end a stream with an empty list.
        if output.is_empty() {
            output.extend(self.items.values().cloned().map(Value::Object));
        }
        Some(Value::Object(response))
    }
}

/// What a delta adds to an item that is not done.
fn grow(item: &mut Map<String, Value>, kind: &str, event: &Value) {
    let delta = text(event, "delta");
    let place = match kind {
        "response.function_call_arguments.delta" | "response.mcp_call_arguments.delta" => "arguments",
        "response.custom_tool_call_input.delta" => "input",
        "response.content_part.added"
        | "response.output_text.delta"
        | "response.refusal.delta"
        | "response.reasoning_text.delta" => return grow_part(item, ("content", "content_index"), kind, event),
        "response.reasoning_summary_part.added" | "response.reasoning_summary_text.delta" => {
            return grow_part(item, ("summary", "summary_index"), kind, event);
        }
        _ => return,
    };
    append(item.entry(place).or_insert(Value::Null), delta);
}

fn grow_part(item: &mut Map<String, Value>, (list, number): (&str, &str), kind: &str, event: &Value) {
    let parts = list_mut(item, list);
    if let Some(part) = event.get("part") {
        return parts.push(part.clone());
    }
    let at = index(event, number).and_then(|at| usize::try_from(at).ok()).unwrap_or_default();
    let (type_name, place) = match kind {
        "response.refusal.delta" => ("refusal", "refusal"),
        "response.reasoning_text.delta" => ("reasoning_text", "text"),
        "response.reasoning_summary_text.delta" => ("summary_text", "text"),
        _ => ("output_text", "text"),
    };
    if parts.len() == at {
        parts.push(json!({"type": type_name, place: ""}));
    }
    if let Some(Value::Object(part)) = parts.get_mut(at) {
        append(part.entry(place).or_insert(Value::Null), text(event, "delta"));
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

    fn events() -> Vec<Value> {
        vec![
            json!({"type": "response.created", "response": {"id": "r", "status": "in_progress", "output": []}}),
            json!({"type": "response.output_item.added", "output_index": 0, "item": {"type": "reasoning", "id": "rs", "summary": []}}),
            json!({"type": "response.reasoning_summary_part.added", "output_index": 0, "summary_index": 0, "part": {"type": "summary_text", "text": ""}}),
            json!({"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 0, "delta": "hm"}),
            json!({"type": "response.output_item.added", "output_index": 1, "item": {"type": "message", "id": "m", "content": []}}),
            json!({"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "a"}),
            json!({"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "b"}),
            json!({"type": "response.future", "output_index": 1}),
            json!({"type": "response.output_item.added", "output_index": 2, "item": {"type": "function_call", "arguments": ""}}),
            json!({"type": "response.function_call_arguments.delta", "output_index": 2, "delta": "{}"}),
        ]
    }

    #[test]
    fn a_stream_that_is_cut_off_gives_the_items_that_came() {
        let mut events = events();
        let expected = json!({"id": "r", "status": "in_progress", "output": [
            {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "hm"}]},
            {"type": "message", "id": "m", "content": [{"type": "output_text", "text": "ab"}]},
            {"type": "function_call", "arguments": "{}"},
        ]});
        assert_eq!(assembled(&events), expected);
        let done = json!({"type": "message", "id": "m", "content": [{"type": "output_text", "text": "abc"}]});
        events.push(json!({"type": "response.output_item.done", "output_index": 1, "item": done}));
        assert_eq!(assembled(&events)["output"][1], done);
    }

    #[test]
    fn the_last_event_carries_the_whole() {
        for kind in ["response.completed", "response.incomplete", "response.failed"] {
            let whole = json!({"id": "r", "status": "x", "output": [{"type": "message"}]});
            let events = [events(), vec![json!({"type": kind, "response": whole})]].concat();
            assert_eq!(assembled(&events), whole);
        }
        let empty = json!({"type": "response.completed", "response": {"id": "r", "output": []}});
        assert_eq!(assembled(&[events(), vec![empty]].concat())["output"][2]["type"], "function_call");
    }

    #[test]
    fn an_error_stands_beside_what_came() {
        let error = json!({"type": "error", "code": "server_error", "message": "gone"});
        let response = assembled(&[events(), vec![error]].concat());
        assert_eq!((&response["error"]["message"], &response["output"][1]["id"]), (&json!("gone"), &json!("m")));
        assert!(Assembler::default().response().is_none());
    }
}
