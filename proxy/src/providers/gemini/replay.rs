//! A response of `generateContent` as a stream.

use serde_json::Value;

use crate::sse::Event;

/// One chunk, which is what a short answer comes in.
pub(in super::super) fn stream_of(response: &Value) -> Vec<Event<'static>> {
    vec![Event::new("", response)]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::Api;
    use super::super::super::fixture::round_trips;

    #[test]
    fn a_response_becomes_a_stream_and_the_stream_the_response() {
        let parts = json!([{"text": "a"}, {"text": "b"}, {"functionCall": {"name": "f", "args": {}}}]);
        round_trips(
            Api::Gemini,
            &json!({"candidates": [{"content": {"parts": parts, "role": "model"}, "finishReason": "STOP", "index": 0}],
                "usageMetadata": {"promptTokenCount": 1}, "modelVersion": "g", "responseId": "r"}),
        );
        round_trips(Api::Gemini, &json!({"error": {"code": 400, "message": "no"}}));
    }
}
