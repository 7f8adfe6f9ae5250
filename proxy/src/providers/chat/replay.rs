//! A response of Chat Completions as chunks.

use serde_json::{Map, Value, json};

use super::super::value::list;
use crate::sse::Event;

/// The chunks of a response: for each choice its role, its content, its calls and its end. The token account is in the last
/// one, where clients that did not ask for it overlook it.
pub(in super::super) fn stream_of(response: &Value) -> Vec<Event<'static>> {
    let mut events = match response.get("choices").and_then(Value::as_array) {
        Some(choices) => chunks(response, choices),
        None => vec![Event::new("", response)],
    };
    events.push(Event { name: "".into(), data: "[DONE]".into() });
    events
}

fn chunks(response: &Value, choices: &[Value]) -> Vec<Event<'static>> {
    let mut head = response.as_object().cloned().unwrap_or_default();
    let usage = head.shift_remove("usage");
    head.insert("object".into(), "chat.completion.chunk".into());
    let mut chunks = Vec::new();
    for (at, choice) in choices.iter().enumerate() {
        let mut rest = choice.as_object().cloned().unwrap_or_default();
        let at = rest.shift_remove("index").unwrap_or_else(|| at.into());
        let finish_reason = rest.shift_remove("finish_reason").unwrap_or_default();
        let message = match rest.shift_remove("message") {
            Some(Value::Object(message)) => message,
            _ => Map::new(),
        };
        let mut deltas = deltas(message);
        deltas.push(json!({}));
        let last = deltas.len() - 1;
        for (number, delta) in deltas.into_iter().enumerate() {
            let is_last = number == last;
            let mut part = Map::new();
            part.insert("index".into(), at.clone());
            part.insert("delta".into(), delta);
            if number == 0 {
                part.extend(rest.clone());
            }
            part.insert("finish_reason".into(), if is_last { finish_reason.clone() } else { Value::Null });
            let mut chunk = head.clone();
            chunk.insert("choices".into(), json!([part]));
            chunks.push(chunk);
        }
    }
    if chunks.is_empty() {
        head.insert("choices".into(), json!([]));
        chunks.push(head);
    }
    if let (Some(usage), Some(last)) = (usage, chunks.last_mut()) {
        last.insert("usage".into(), usage);
    }
    chunks.into_iter().map(|chunk| Event::new("", &Value::Object(chunk))).collect()
}

/// The first delta has what comes whole, the next ones have the text and the calls.
fn deltas(mut message: Map<String, Value>) -> Vec<Value> {
    let mut deltas = vec![Value::Null];
    if let Some(content @ Value::String(_)) = message.get_mut("content") {
        let content = std::mem::replace(content, "".into());
        if content != "" {
            deltas.push(json!({"content": content}));
        }
    }
    let calls = match message.get("tool_calls") {
        Some(Value::Array(calls)) if !calls.is_empty() => message.shift_remove("tool_calls"),
        _ => None,
    };
    deltas[0] = Value::Object(message);
    let Some(calls) = calls else { return deltas };
    let numbered = json!({"tool_calls": calls});
    deltas.extend(list(&numbered, "tool_calls").iter().enumerate().map(|(at, call)| {
        let mut numbered = Map::new();
        numbered.insert("index".into(), at.into());
        numbered.extend(call.as_object().cloned().unwrap_or_default());
        json!({"tool_calls": [numbered]})
    }));
    deltas
}

#[cfg(test)]
mod tests {
    use super::super::super::Api;
    use super::super::super::fixture::round_trips;
    use super::*;

    #[test]
    fn a_response_becomes_a_stream_and_the_stream_the_response() {
        let message = json!({"role": "assistant", "content": "hi", "refusal": null, "annotations": [], "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            {"id": "b", "type": "custom", "custom": {"name": "g", "input": "x"}},
        ]});
        let plain = json!({"role": "assistant", "content": null, "refusal": "no"});
        let head = |choices: Value| {
            json!({"id": "c", "object": "chat.completion", "created": 7, "model": "m", "choices": choices,
                "usage": {"prompt_tokens": 1, "completion_tokens": 2}, "service_tier": null})
        };
        let choice = |at: usize, message: &Value, finish: &str| json!({"index": at, "message": message, "logprobs": null, "finish_reason": finish});
        round_trips(Api::Chat, &head(json!([choice(0, &message, "tool_calls")])));
        round_trips(Api::Chat, &head(json!([choice(0, &plain, "stop"), choice(1, &message, "tool_calls")])));
        round_trips(Api::Chat, &head(json!([])));
        round_trips(Api::Chat, &json!({"error": {"message": "no"}}));
    }

    #[test]
    fn the_account_is_in_the_last_chunk_and_the_end_says_done() {
        let response = json!({"id": "c", "choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1}});
        let events = stream_of(&response);
        let last: Value = serde_json::from_str(&events[events.len() - 2].data).unwrap();
        assert_eq!(last["usage"]["prompt_tokens"], 1);
        assert_eq!(last["choices"][0]["finish_reason"], "stop");
        assert_eq!(events[events.len() - 1].data, "[DONE]");
    }
}
