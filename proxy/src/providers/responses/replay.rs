//! A response of OpenAI Responses as events.

use serde_json::{Map, Value, json};

use super::super::value::{list, text};
use crate::sse::Event;

/// The events of a response, ended as its status says; what is no response is an error event.
pub(in super::super) fn stream_of(response: &Value) -> Vec<Event<'static>> {
    let mut events = Events(Vec::new());
    let Some(whole) = response.as_object().filter(|whole| whole.contains_key("output")) else {
        let error = response.get("error").unwrap_or(response);
        let mut event = Map::new();
        for key in ["code", "message", "param"] {
            event.insert(key.to_owned(), error.get(key).cloned().unwrap_or_default());
        }
        events.push("error", event);
        return events.0;
    };
    let mut begun = whole.clone();
    for (key, value) in [("status", "in_progress".into()), ("output", json!([])), ("usage", Value::Null)] {
        begun.insert(key.to_owned(), value);
    }
    for key in ["error", "incomplete_details", "completed_at"] {
        if let Some(slot) = begun.get_mut(key) {
            *slot = Value::Null;
        }
    }
    for kind in ["response.created", "response.in_progress"] {
        events.add(kind, json!({"response": begun}));
    }
    for (at, item) in list(response, "output").iter().enumerate() {
        item_events(&mut events, at, item);
    }
    let kind = match text(response, "status") {
        "incomplete" => "response.incomplete",
        "failed" | "cancelled" => "response.failed",
        _ => "response.completed",
    };
    events.add(kind, json!({"response": response}));
    events.0
}

struct Events(Vec<Event<'static>>);

impl Events {
    fn add(&mut self, kind: &str, members: Value) {
        if let Value::Object(members) = members {
            self.push(kind, members);
        }
    }

    fn push(&mut self, kind: &str, members: Map<String, Value>) {
        let mut event = Map::new();
        event.insert("type".into(), kind.into());
        event.insert("sequence_number".into(), self.0.len().into());
        event.extend(members);
        self.0.push(Event::new(kind, &Value::Object(event)));
    }
}

/// An item starts without what its deltas bring; the kinds that have no deltas come whole.
fn item_events(events: &mut Events, at: usize, item: &Value) {
    let id = item.get("id").cloned().unwrap_or_default();
    let place = json!({"item_id": id, "output_index": at});
    let mut begun = item.clone();
    if let Some(status) = begun.get_mut("status") {
        *status = "in_progress".into();
    }
    let empty = |begun: &mut Value, key: &str, with: Value| {
        begun.get_mut(key).filter(|slot| !slot.is_null()).map(|slot| std::mem::replace(slot, with))
    };
    match text(item, "type") {
        "message" => {
            empty(&mut begun, "content", json!([]));
            events.add("response.output_item.added", json!({"output_index": at, "item": begun}));
            for (number, part) in list(item, "content").iter().enumerate() {
                content_events(events, &with(&place, "content_index", number.into()), part);
            }
        }
        "reasoning" => {
            empty(&mut begun, "summary", json!([]));
            events.add("response.output_item.added", json!({"output_index": at, "item": begun}));
            for (number, part) in list(item, "summary").iter().enumerate() {
                let place = with(&place, "summary_index", number.into());
                let names = ("response.reasoning_summary_part", "response.reasoning_summary_text");
                part_events(events, &place, part, "text", names);
            }
        }
        kind @ ("function_call" | "custom_tool_call") => {
            let (key, name) = match kind {
                "function_call" => ("arguments", "response.function_call_arguments"),
                _ => ("input", "response.custom_tool_call_input"),
            };
            let content = empty(&mut begun, key, "".into()).unwrap_or_default();
            events.add("response.output_item.added", json!({"output_index": at, "item": begun}));
            events.add(&format!("{name}.delta"), with(&place, "delta", content.clone()));
            let mut done = with(&place, key, content);
            if let (Some(name), Value::Object(done)) = (item.get("name"), &mut done) {
                done.insert("name".into(), name.clone());
            }
            events.add(&format!("{name}.done"), done);
        }
        _ => events.add("response.output_item.added", json!({"output_index": at, "item": begun})),
    }
    events.add("response.output_item.done", json!({"output_index": at, "item": item}));
}

fn content_events(events: &mut Events, place: &Value, part: &Value) {
    let part_name = "response.content_part";
    match text(part, "type") {
        "output_text" => part_events(events, place, part, "text", (part_name, "response.output_text")),
        "refusal" => part_events(events, place, part, "refusal", (part_name, "response.refusal")),
        _ => {
            events.add(&format!("{part_name}.added"), with(place, "part", part.clone()));
            events.add(&format!("{part_name}.done"), with(place, "part", part.clone()));
        }
    }
}

fn part_events(events: &mut Events, place: &Value, part: &Value, key: &str, (part_name, text_name): (&str, &str)) {
    let content = part.get(key).cloned().unwrap_or_else(|| "".into());
    events.add(&format!("{part_name}.added"), with(place, "part", with(part, key, "".into())));
    let mut delta = with(place, "delta", content.clone());
    let mut done = with(place, key, content);
    if text_name == "response.output_text" {
        let logprobs = part.get("logprobs").filter(|logprobs| logprobs.is_array()).cloned();
        for event in [&mut delta, &mut done] {
            *event = with(event, "logprobs", logprobs.clone().unwrap_or_else(|| json!([])));
        }
    }
    events.add(&format!("{text_name}.delta"), delta);
    events.add(&format!("{text_name}.done"), done);
    events.add(&format!("{part_name}.done"), with(place, "part", part.clone()));
}

/// An object with one more member.
fn with(object: &Value, key: &str, value: Value) -> Value {
    let mut object = object.clone();
    object[key] = value;
    object
}

#[cfg(test)]
mod tests {
    use super::super::super::Api;
    use super::super::super::fixture::{assembled, round_trips};
    use super::*;

    fn response(status: &str) -> Value {
        json!({"id": "r", "object": "response", "created_at": 1, "status": status, "error": null, "model": "m",
            "incomplete_details": null, "usage": {"input_tokens": 1, "output_tokens": 2}, "output": [
                {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "e"},
                {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [
                    {"type": "output_text", "text": "é", "annotations": [], "logprobs": []},
                    {"type": "refusal", "refusal": "no"}, {"type": "future"}]},
                {"type": "function_call", "id": "f", "call_id": "c", "name": "g", "arguments": "{}", "status": "completed"},
                {"type": "custom_tool_call", "id": "t", "call_id": "d", "name": "h", "input": "x"},
                {"type": "web_search_call", "id": "w", "status": "completed"}]})
    }

    #[test]
    fn a_response_becomes_a_stream_and_the_stream_the_response() {
        for status in ["completed", "incomplete", "failed"] {
            round_trips(Api::Responses, &response(status));
            let last = stream_of(&response(status)).pop().unwrap();
            assert_eq!(last.name, format!("response.{status}"));
        }
    }

    #[test]
    fn what_comes_before_the_end_makes_the_same_items() {
        let response = response("completed");
        let mut stream = stream_of(&response);
        stream.pop();
        assert_eq!(assembled(Api::Responses, &stream).unwrap()["output"], response["output"]);
        // Without the finished items the deltas alone make them, but for what only an end says.
        stream.retain(|event| event.name != "response.output_item.done");
        let output = &assembled(Api::Responses, &stream).unwrap()["output"];
        assert_eq!(output[0], response["output"][0]);
        assert_eq!(output[1]["content"], response["output"][1]["content"]);
        assert_eq!(output[2]["arguments"], "{}");
        assert_eq!(output[3]["input"], "x");
    }

    #[test]
    fn events_are_counted_and_an_error_is_one() {
        for (at, event) in stream_of(&response("completed")).iter().enumerate() {
            let data: Value = serde_json::from_str(&event.data).unwrap();
            assert_eq!((data["sequence_number"].as_u64(), text(&data, "type")), (Some(at as u64), &*event.name));
        }
        let error = stream_of(&json!({"error": {"message": "no", "code": "x"}}));
        assert_eq!(error[0].name, "error");
    }
}
