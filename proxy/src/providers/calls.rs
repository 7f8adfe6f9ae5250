//! The tool calls of a response, and what they ask for.

use headroom_core::ccr::RETRIEVE_TOOL;
use serde_json::Value;

use super::Api;
use super::value::{list, text};

/// A call that somebody outside of the provider has to answer.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolCall {
    /// What the answer repeats; empty when the call has none (Gemini).
    pub id: String,
    /// The tool.
    pub name: String,
    /// The call as it stands in the response, as
    /// [`answer_tool_call`](headroom_core::ccr::answer_tool_call) takes it.
    pub call: Value,
    /// Whether it is a call of `headroom_retrieve`.
    pub is_retrieval: bool,
}

/// What a response asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Nothing that the proxy could give: an answer, calls for the client, or a turn that broke off.
    Answer,
    /// Originals and nothing else: their answers continue the turn.
    Retrieval(Vec<ToolCall>),
    /// Originals, and tools of the client, which must answer first. All calls are given.
    Mixed(Vec<ToolCall>),
}

impl Api {
    /// The calls of a response that somebody outside of the provider has to answer, in order.
    pub fn calls(self, response: &Value) -> Vec<ToolCall> {
        let calls: Vec<(&Value, &str, &str)> = match self {
            Self::Chat => response.pointer("/choices/0/message").map_or_else(Vec::new, |message| {
                let named = |call| [("function", call), ("custom", call)].into_iter().find_map(named_under);
                list(message, "tool_calls").iter().map(|call| (call, "id", named(call).unwrap_or_default())).collect()
            }),
            Self::Responses => {
                let items = list(response, "output").iter().filter(|item| is_client_call(text(item, "type")));
                items
                    .map(|item| {
                        (item, if item.get("call_id").is_some() { "call_id" } else { "id" }, text(item, "name"))
                    })
                    .collect()
            }
            Self::Messages => {
                let blocks = list(response, "content").iter().filter(|block| text(block, "type") == "tool_use");
                blocks.map(|block| (block, "id", text(block, "name"))).collect()
            }
            Self::Gemini => response.pointer("/candidates/0/content").map_or_else(Vec::new, |content| {
                let parts = list(content, "parts").iter();
                parts.filter_map(|part| Some((part, "", text(part.get("functionCall")?, "name")))).collect()
            }),
        };
        let call = |(call, id, name): (&Value, &str, &str)| ToolCall {
            id: text(
                call.get("functionCall").filter(|_| id.is_empty()).unwrap_or(call),
                if id.is_empty() { "id" } else { id },
            )
            .to_owned(),
            name: name.to_owned(),
            call: call.clone(),
            is_retrieval: name == RETRIEVE_TOOL && (self != Self::Responses || text(call, "type") == "function_call"),
        };
        calls.into_iter().map(call).collect()
    }

    /// What a response asks for. One that was broken off asks for nothing, whatever calls it has begun.
    pub fn outcome(self, response: &Value) -> Outcome {
        let end = match self {
            Self::Chat => response.pointer("/choices/0/finish_reason"),
            Self::Responses => response.get("status"),
            Self::Messages => response.get("stop_reason"),
            Self::Gemini => response.pointer("/candidates/0/finishReason"),
        };
        let is_whole = match self {
            // Servers that are like OpenAI's end a turn with calls as any other.
            Self::Chat => &["tool_calls", "stop"][..],
            Self::Responses => &["completed"],
            Self::Messages => &["tool_use"],
            Self::Gemini => &["STOP"],
        };
        if !end.and_then(Value::as_str).is_some_and(|end| is_whole.contains(&end)) {
            return Outcome::Answer;
        }
        let calls = self.calls(response);
        match calls.iter().filter(|call| call.is_retrieval).count() {
            0 => Outcome::Answer,
            count if count == calls.len() => Outcome::Retrieval(calls),
            _ => Outcome::Mixed(calls),
        }
    }
}

fn named_under<'a>((key, call): (&str, &'a Value)) -> Option<&'a str> {
    call.get(key).map(|called| text(called, "name"))
}

/// The items of OpenAI Responses that wait for the client.
pub(super) fn is_client_call(kind: &str) -> bool {
    matches!(
        kind,
        "function_call"
            | "custom_tool_call"
            | "local_shell_call"
            | "shell_call"
            | "apply_patch_call"
            | "computer_call"
            | "mcp_approval_request"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A response with calls of these tools.
    fn response(api: Api, names: &[&str], end: &str) -> Value {
        let calls = names.iter().enumerate().map(|(at, name)| {
            let id = format!("c{at}");
            match api {
                Api::Chat => json!({"id": id, "type": "function", "function": {"name": name, "arguments": "{}"}}),
                Api::Responses => {
                    json!({"type": "function_call", "id": "fc", "call_id": id, "name": name, "arguments": "{}"})
                }
                Api::Messages => json!({"type": "tool_use", "id": id, "name": name, "input": {}}),
                Api::Gemini => json!({"functionCall": {"id": id, "name": name, "args": {}}}),
            }
        });
        let calls: Vec<_> = calls.collect();
        let with = |other: Value| [vec![other], calls.clone()].concat();
        match api {
            Api::Chat => json!({"choices": [{"message": {"tool_calls": calls}, "finish_reason": end}]}),
            Api::Responses => json!({"status": end, "output": (with(json!({"type": "reasoning"})))}),
            Api::Messages => {
                json!({"content": (with(json!({"type": "server_tool_use", "name": "x"}))), "stop_reason": end})
            }
            Api::Gemini => {
                json!({"candidates": [{"content": {"parts": (with(json!({"text": "a"})))}, "finishReason": end}]})
            }
        }
    }

    #[test]
    fn calls_are_found_in_every_shape() {
        let ends = [
            (Api::Chat, "tool_calls"),
            (Api::Responses, "completed"),
            (Api::Messages, "tool_use"),
            (Api::Gemini, "STOP"),
        ];
        for (api, end) in ends {
            let calls = api.calls(&response(api, &["bash", RETRIEVE_TOOL], end));
            let found: Vec<_> = calls.iter().map(|call| (&*call.id, &*call.name, call.is_retrieval)).collect();
            assert_eq!(found, [("c0", "bash", false), ("c1", RETRIEVE_TOOL, true)], "{api:?}");
            let outcome = |names: &[&str], end: &str| api.outcome(&response(api, names, end));
            assert!(matches!(outcome(&["bash", RETRIEVE_TOOL], end), Outcome::Mixed(calls) if calls.len() == 2));
            assert!(matches!(outcome(&[RETRIEVE_TOOL], end), Outcome::Retrieval(calls) if calls.len() == 1));
            assert_eq!(outcome(&["bash"], end), Outcome::Answer);
            assert_eq!(outcome(&[RETRIEVE_TOOL], "length"), Outcome::Answer);
            assert_eq!(api.outcome(&json!([1])), Outcome::Answer);
        }
    }

    #[test]
    fn calls_of_other_kinds_wait_for_the_client_too() {
        let custom =
            json!({"choices": [{"message": {"tool_calls": [{"id": "a", "type": "custom", "custom": {"name": "g"}}]}}]});
        assert_eq!(Api::Chat.calls(&custom)[0].name, "g");
        let shell = json!({"output": [{"type": "local_shell_call", "call_id": "s"}, {"type": "web_search_call"},
            {"type": "mcp_approval_request", "id": "m", "name": RETRIEVE_TOOL}]});
        let ids: Vec<_> = Api::Responses.calls(&shell).into_iter().map(|call| (call.id, call.is_retrieval)).collect();
        assert_eq!(ids, [("s".to_owned(), false), ("m".to_owned(), false)]);
    }
}
