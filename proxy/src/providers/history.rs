//! The conversation of a request: which of it the model said, and what names a place in it.
//!
//! What the proxy adds behind a place must be found again when the client sends the conversation once more, however the
//! client writes it then. So a place is named by what was said before it: of the model's turns the texts without their
//! spacing and the ids of the calls, of everything else all but the marks of a prompt cache. System prompts are left out,
//! which some clients write anew every time.

use std::ops::Range;

use headroom_core::json::{Cursor, Document, Kind};
use serde_json::Value;

use super::Api;
use super::calls::is_client_call;
use super::continuation::has_conversation;
use super::place::{Key, Place, Said, is, list, text};

/// A turn of the model: entries that follow one another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Turn {
    /// Which entries of the conversation.
    pub(crate) entries: Range<usize>,
    pub(crate) key: Key,
}

/// The turns of a conversation, and its end.
#[derive(Debug, Clone)]
pub(crate) struct History {
    pub(crate) turns: Vec<Turn>,
    pub(crate) end: Place,
}

impl Api {
    /// The messages or items of a request.
    pub(crate) fn conversation(self, request: Cursor<'_>) -> Option<Cursor<'_>> {
        let key = match self {
            Self::Chat | Self::Messages => "messages",
            Self::Responses => "input",
            Self::Gemini => "contents",
        };
        request.get(key).one().filter(|list| list.kind() == Kind::Array)
    }

    /// The turns of a request's conversation.
    pub(crate) fn history(self, request: Cursor<'_>) -> History {
        let mut end = Place::new(&[self as u8]);
        let mut turns = Vec::new();
        let mut open: Option<(usize, Said)> = None;
        let entries = self.conversation(request).map(|list| list.items());
        let mut count = 0;
        for (index, entry) in entries.into_iter().flatten().enumerate() {
            count = index + 1;
            if self.is_models(entry) {
                self.listen(entry, &mut open.get_or_insert_with(|| (index, Said::default())).1);
                continue;
            }
            if let Some((start, said)) = open.take() {
                turns.push(Turn { entries: start..index, key: end.say(&said) });
            }
            if !is_system(entry) {
                end.hear(entry, 0);
            }
        }
        if let Some((start, said)) = open {
            turns.push(Turn { entries: start..count, key: end.say(&said) });
        }
        History { turns, end }
    }

    /// The key of a turn that follows a place. None when nothing is said in it that could be told again.
    pub(crate) fn key_behind(self, place: &Place, turn: &[Value]) -> Option<Key> {
        let text = Value::from(turn).to_string();
        let document = Document::parse(&text, usize::MAX).ok()?;
        let mut said = Said::default();
        document.root().items().for_each(|entry| self.listen(entry, &mut said));
        (!said.is_empty()).then(|| place.clone().say(&said))
    }

    /// The response that a request continues at the server.
    pub(crate) fn previous_response(self, request: Cursor<'_>) -> Option<Cursor<'_>> {
        let id = if self == Self::Responses { request.get("previous_response_id").one() } else { None };
        id.filter(|id| id.kind() == Kind::String)
    }

    /// Whether the server holds what was said before, so that the request does not say it.
    pub(crate) fn is_held_by_server(self, request: Cursor<'_>) -> bool {
        self == Self::Responses && (has_conversation(request) || self.previous_response(request).is_some())
    }

    /// The calls that a request answers, where the server holds the conversation.
    pub(crate) fn answered_at_server(self, request: Cursor<'_>) -> Vec<Key> {
        if self != Self::Responses || !has_conversation(request) {
            return Vec::new();
        }
        let items = self.conversation(request).into_iter().flat_map(|list| list.items());
        items.filter_map(|item| Some(self.held(&item.get("call_id").one()?.as_str()?))).collect()
    }

    /// A key for what belongs to a response or a call that the server holds, by its id.
    pub(crate) fn held(self, id: &str) -> Key {
        let mut place = Place::new(b"held");
        place.note(id.as_bytes());
        place.key()
    }

    /// Whether an entry is a part of the model's turn.
    fn is_models(self, entry: Cursor<'_>) -> bool {
        let role = |name: &str| entry.get("role").one().is_some_and(|role| role.is_string(name));
        match self {
            Self::Chat | Self::Messages => role("assistant"),
            Self::Gemini => role("model"),
            Self::Responses => match text(entry, "type").as_deref() {
                None | Some("message") => role("assistant"),
                Some(kind) => kind == "reasoning" || kind.ends_with("_call") || is_client_call(kind),
            },
        }
    }

    fn listen(self, entry: Cursor<'_>, said: &mut Said) {
        match self {
            Self::Chat => {
                said.content(entry, "content");
                for call in list(entry, "tool_calls") {
                    let name = || call.get("function").one().and_then(|function| text(function, "name"));
                    said.calls.push(text(call, "id").or_else(name).unwrap_or_default());
                }
            }
            Self::Messages => {
                said.content(entry, "content");
                let calls = list(entry, "content").filter(|block| is(*block, "type", "tool_use"));
                said.calls.extend(calls.filter_map(|block| text(block, "id")));
            }
            Self::Gemini => {
                for part in list(entry, "parts") {
                    let is_thought = part.get("thought").one().is_some_and(|thought| thought.is_true());
                    if let (Some(spoken), false) = (text(part, "text"), is_thought) {
                        said.text(&spoken);
                    }
                    if let Some(call) = part.get("functionCall").one().or_else(|| part.get("function_call").one()) {
                        said.calls.push(text(call, "id").unwrap_or_else(|| unnamed(call)));
                    }
                }
            }
            Self::Responses => match text(entry, "type").as_deref() {
                None | Some("message") => said.content(entry, "content"),
                Some(kind) if is_client_call(kind) => {
                    said.calls.extend(text(entry, "call_id").or_else(|| text(entry, "id")));
                }
                Some(_) => {}
            },
        }
    }
}

/// A call without an id: its name and what it asks for, however that is written.
fn unnamed(call: Cursor<'_>) -> String {
    let arguments = call.get("args").one().and_then(|args| serde_json::from_str::<Value>(args.raw()).ok());
    format!("{} {}", text(call, "name").unwrap_or_default(), arguments.unwrap_or_default())
}

fn is_system(entry: Cursor<'_>) -> bool {
    is(entry, "role", "system") || is(entry, "role", "developer")
}

#[cfg(test)]
mod tests {
    use headroom_core::JsonBody;
    use serde_json::json;

    use super::*;

    fn history(api: Api, body: &Value) -> History {
        let body = JsonBody::parse(body.to_string()).unwrap();
        api.history(body.document().unwrap().root())
    }

    fn keys(api: Api, body: &Value) -> Vec<Key> {
        history(api, body).turns.into_iter().map(|turn| turn.key).collect()
    }

    /// A conversation of two turns, the first with a call of the client's, and the model's entries of both.
    fn conversation(api: Api) -> (Value, [Vec<Value>; 2]) {
        let (entries, key): (Vec<Value>, _) = match api {
            Api::Chat => {
                let call = json!({"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}});
                (
                    vec![
                        json!({"role": "user", "content": "q"}),
                        json!({"role": "assistant", "content": null, "tool_calls": [call]}),
                        json!({"role": "tool", "tool_call_id": "a", "content": "r"}),
                        json!({"role": "assistant", "content": "so\n\nit is"}),
                    ],
                    "messages",
                )
            }
            Api::Messages => (
                vec![
                    json!({"role": "user", "content": "q"}),
                    json!({"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]}),
                    json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "r"}]}),
                    json!({"role": "assistant", "content": [{"type": "thinking", "thinking": "t", "signature": "s"}, {"type": "text", "text": "so it is"}]}),
                ],
                "messages",
            ),
            Api::Gemini => (
                vec![
                    json!({"role": "user", "parts": [{"text": "q"}]}),
                    json!({"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]}),
                    json!({"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {}}}]}),
                    json!({"role": "model", "parts": [{"text": "t", "thought": true}, {"text": "so it is"}]}),
                ],
                "contents",
            ),
            Api::Responses => (
                vec![
                    json!({"role": "user", "content": "q"}),
                    json!({"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"}),
                    json!({"type": "function_call_output", "call_id": "a", "output": "r"}),
                    json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "so it is"}]}),
                ],
                "input",
            ),
        };
        let turns = [vec![entries[1].clone()], vec![entries[3].clone()]];
        (json!({key: entries}), turns)
    }

    const APIS: [Api; 4] = [Api::Chat, Api::Responses, Api::Messages, Api::Gemini];

    #[test]
    fn a_turn_has_the_same_key_when_it_is_made_and_when_it_comes_back() {
        for api in APIS {
            let (body, turns) = conversation(api);
            let whole = history(api, &body);
            let places: Vec<_> = whole.turns.iter().map(|turn| turn.entries.clone()).collect();
            assert_eq!(places, [1..2, 3..4], "{api:?}");
            for (turn, at) in turns.iter().zip([1, 3]) {
                let mut before = body.clone();
                let list = before.as_object_mut().unwrap().values_mut().next().unwrap();
                list.as_array_mut().unwrap().truncate(at);
                let key = api.key_behind(&history(api, &before).end, turn);
                assert_eq!(key, Some(whole.turns[at / 2].key), "{api:?}");
            }
            assert_eq!(api.key_behind(&whole.end, &[]), None);
        }
    }

    #[test]
    fn how_a_client_writes_a_conversation_does_not_matter() {
        let one = json!({"messages": [
            {"role": "user", "content": "q"},
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "x"}, {"type": "text", "text": "a\n b"}]},
            {"role": "user", "content": [{"type": "tool_result", "content": "r"}]},
            {"role": "assistant", "content": "z"}]});
        let other = json!({"messages": [
            {"role": "user", "content": [{"type": "text", "text": "q", "cache_control": {"type": "ephemeral"}}]},
            {"role": "assistant", "content": [{"type": "text", "text": "ab ", "cache_control": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "content": [{"type": "text", "text": "r"}], "cache_control": {}}]},
            {"role": "assistant", "content": [{"type": "text", "text": "z"}]}]});
        assert_eq!(keys(Api::Messages, &one), keys(Api::Messages, &other));
        let mut different = one.clone();
        different["messages"][0]["content"] = "p".into();
        assert!(keys(Api::Messages, &different).iter().zip(keys(Api::Messages, &one)).all(|(one, two)| *one != two));
    }

    #[test]
    fn a_call_without_an_id_is_known_by_what_it_asks_for() {
        let asking = |args: &str| {
            let call = format!(r#"{{"functionCall":{{"name":"f","args":{args}}}}}"#);
            let body = JsonBody::parse(format!(r#"{{"contents":[{{"role":"model","parts":[{call}]}}]}}"#)).unwrap();
            api_keys(&body)
        };
        fn api_keys(body: &JsonBody) -> Vec<Key> {
            let history = Api::Gemini.history(body.document().unwrap().root());
            history.turns.into_iter().map(|turn| turn.key).collect()
        }
        assert_eq!(asking(r#"{"a": "\u00e9"}"#), asking(r#"{"a":"é"}"#));
        assert_ne!(asking(r#"{"a":1}"#), asking(r#"{"a":2}"#));
    }

    #[test]
    fn a_conversation_that_is_none_has_no_turns() {
        for api in APIS {
            for body in [json!(7), json!({}), json!({"messages": 1, "input": "a", "contents": {}})] {
                assert!(keys(api, &body).is_empty());
            }
        }
        let deep = format!(
            "{{\"messages\":[{{\"role\":\"user\",\"content\":{}{}}}]}}",
            "[".repeat(90_000),
            "]".repeat(90_000)
        );
        let body = JsonBody::parse(deep).unwrap();
        assert!(Api::Chat.history(body.document().unwrap().root()).turns.is_empty());
    }
}
