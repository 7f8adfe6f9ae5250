//! Whether an answer is the whole answer of the model.

use serde_json::Value;

use super::Api;
use super::value::{list, text};
use crate::sse::Event;

impl Api {
    /// Whether the model itself ended a response, and nothing failed in it.
    ///
    /// # Sources
    /// The reasons to stop are those of the API references; the ones that are left out tell of a failure, a refusal or a turn
    /// that goes on.
    pub fn is_whole(self, response: &Value) -> bool {
        if response.get("error").is_some_and(|error| !error.is_null()) {
            return false;
        }
        let all = |items: &str, key: &str, reasons: &[&str]| {
            let items = list(response, items);
            !items.is_empty() && items.iter().all(|item| reasons.contains(&text(item, key)))
        };
        match self {
            Self::Chat => all("choices", "finish_reason", &["stop", "length", "tool_calls", "function_call"]),
            Self::Responses => text(response, "status") == "completed",
            Self::Messages => {
                ["end_turn", "max_tokens", "stop_sequence", "tool_use"].contains(&text(response, "stop_reason"))
            }
            Self::Gemini => all("candidates", "finishReason", &["STOP", "MAX_TOKENS"]),
        }
    }

    /// Whether a whole stream ends with this event. Gemini has no event for it.
    pub fn is_last(self, event: &Event<'_>) -> bool {
        let is = |kind: &str| {
            event.name == kind
                || serde_json::from_str::<Value>(&event.data).is_ok_and(|data| text(&data, "type") == kind)
        };
        match self {
            Self::Chat => event.data.trim() == "[DONE]",
            Self::Responses => is("response.completed"),
            Self::Messages => is("message_stop"),
            Self::Gemini => true,
        }
    }

    /// Whether a response asks for an original, in any of its choices.
    pub fn has_retrieval(self, response: &Value) -> bool {
        let asks = |response: &Value| self.calls(response).iter().any(|call| call.is_retrieval);
        let each = |items: &str| {
            let one = |item: &Value| asks(&serde_json::json!({ items: [item] }));
            list(response, items).iter().any(one)
        };
        match self {
            Self::Chat => each("choices"),
            Self::Gemini => each("candidates"),
            Self::Responses | Self::Messages => asks(response),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_response_is_whole_when_the_model_ended_it() {
        for (api, response, is_whole) in [
            (Api::Chat, json!({"choices": [{"finish_reason": "stop"}]}), true),
            (Api::Chat, json!({"choices": [{"finish_reason": "stop"}, {"finish_reason": null}]}), false),
            (Api::Chat, json!({"choices": [{"finish_reason": "stop"}], "error": {"message": "x"}}), false),
            (Api::Chat, json!({"choices": []}), false),
            (Api::Responses, json!({"status": "completed", "error": null}), true),
            (Api::Responses, json!({"status": "in_progress"}), false),
            (Api::Messages, json!({"stop_reason": "tool_use"}), true),
            (Api::Messages, json!({"stop_reason": "pause_turn"}), false),
            (Api::Messages, json!({"type": "error", "error": {}}), false),
            (Api::Gemini, json!({"candidates": [{"finishReason": "STOP"}]}), true),
            (Api::Gemini, json!({"promptFeedback": {"blockReason": "SAFETY"}}), false),
            (Api::Gemini, json!(null), false),
        ] {
            assert_eq!(api.is_whole(&response), is_whole, "{api:?} {response}");
        }
    }

    #[test]
    fn a_call_of_the_retrieval_tool_is_found_in_any_choice() {
        let call = |name: &str| json!({"message": {"tool_calls": [{"id": "c", "function": {"name": name}}]}});
        assert!(Api::Chat.has_retrieval(&json!({"choices": [call("a"), call("headroom_retrieve")]})));
        assert!(!Api::Chat.has_retrieval(&json!({"choices": [call("a")]})));
        let part = json!({"content": {"parts": [{"functionCall": {"name": "headroom_retrieve"}}]}});
        assert!(Api::Gemini.has_retrieval(&json!({"candidates": [{}, part]})));
        let block = json!({"content": [{"type": "tool_use", "id": "c", "name": "headroom_retrieve"}]});
        assert!(Api::Messages.has_retrieval(&block));
    }
}
