//! The request that continues a turn after the model's calls were answered.

use headroom_core::JsonBody;
use headroom_core::json::{Cursor, Kind, Member, splice};
use serde_json::{Map, Value, json};

use super::Api;
use super::value::list;

impl Api {
    /// The body with the model's turn and the answers to its calls appended to the conversation, and every byte before them
    /// as it was. None when the body has no conversation or the response no turn.
    ///
    /// `answers` are what [`answer_tool_call`](headroom_core::ccr::answer_tool_call) gives, one for each call, in order.
    /// A turn of OpenAI Responses that the server keeps in a `conversation` is continued by the answers alone.
    pub fn continuation(self, body: &JsonBody, response: &Value, answers: &[Value]) -> Option<JsonBody> {
        let document = body.document().ok()?;
        let request = self.body(document.root());
        let added = self.added(request, response, answers)?;
        let texts: Vec<String> = added.iter().map(Value::to_string).collect();
        let new = texts.join(",");
        let edit = match self {
            Self::Chat | Self::Messages => append(request.get("messages").one()?, &new)?,
            Self::Gemini => append(request.get("contents").one()?, &new)?,
            Self::Responses => append_items(request, &new)?,
        };
        JsonBody::parse(splice(body.as_str(), &[edit])).ok()
    }

    /// The body that continues a response which the server knows by its id: with that id, the answers alone as its input,
    /// and every other byte as it was. None when the response has no id, or the API knows nothing of them.
    pub(crate) fn continuation_at_server(
        self,
        body: &JsonBody,
        response: &Value,
        answers: &[Value],
    ) -> Option<JsonBody> {
        let request = self.request(body).filter(|request| self == Self::Responses && !has_conversation(*request))?;
        let id = response.get("id").filter(|id| id.is_string())?;
        let mut edits = [
            set(request, "previous_response_id", &id.to_string())?,
            set(request, "input", &Value::from(answers).to_string())?,
        ];
        edits.sort_by_key(|(span, _)| span.start);
        JsonBody::parse(splice(body.as_str(), &edits)).ok()
    }

    /// The messages or items that are appended.
    fn added(self, request: Cursor<'_>, response: &Value, answers: &[Value]) -> Option<Vec<Value>> {
        let mut added = self.turn(request, response)?;
        added.extend(self.answered(answers));
        Some(added)
    }

    /// The model's turn as it is sent back: messages or items. None when the response has no turn; empty when the server
    /// keeps it.
    pub(crate) fn turn(self, request: Cursor<'_>, response: &Value) -> Option<Vec<Value>> {
        Some(match self {
            Self::Chat => vec![assistant(response.pointer("/choices/0/message")?.as_object()?)],
            Self::Responses => {
                let items = list(response, "output");
                if items.is_empty() {
                    return None;
                }
                if has_conversation(request) {
                    return Some(Vec::new());
                }
                let is_kept = request.get("store").one().is_none_or(|store| store.raw() != "false");
                items.iter().filter(|item| is_kept || stands_alone(item)).cloned().collect()
            }
            Self::Messages => {
                let content = response.get("content").filter(|content| content.is_array())?;
                vec![json!({"role": "assistant", "content": content})]
            }
            Self::Gemini => {
                let mut content = response.pointer("/candidates/0/content")?.as_object()?.clone();
                content.entry("role").or_insert_with(|| "model".into());
                vec![Value::Object(content)]
            }
        })
    }

    /// Answers to calls as they follow the model's turn: messages or items.
    pub(crate) fn answered(self, answers: &[Value]) -> Vec<Value> {
        match self {
            Self::Chat | Self::Responses => answers.to_vec(),
            Self::Messages => vec![together(answers, "content")],
            Self::Gemini => vec![together(answers, "parts")],
        }
    }

    /// Answers to calls as they stand beside those that the client gives to others: messages or items of their own, or
    /// blocks or parts of its next message.
    pub(crate) fn beside(self, answers: &[Value]) -> Vec<Value> {
        let inside = |key: &str| answers.iter().flat_map(|answer| list(answer, key)).cloned().collect();
        match self {
            Self::Chat | Self::Responses => answers.to_vec(),
            Self::Messages => inside("content"),
            Self::Gemini => inside("parts"),
        }
    }
}

/// A message as it may be sent back: what is null says nothing, annotations are not taken.
fn assistant(message: &Map<String, Value>) -> Value {
    let says = |(key, value): &(&String, &Value)| !value.is_null() && *key != "annotations" || *key == "content";
    let members = message.iter().filter(says).map(|(key, value)| (key.clone(), value.clone()));
    Value::Object(members.collect())
}

/// Several answers as one message of the user.
fn together(answers: &[Value], key: &str) -> Value {
    let parts: Vec<Value> = answers.iter().flat_map(|answer| list(answer, key)).cloned().collect();
    json!({"role": "user", key: parts})
}

/// Whether the server keeps what was said; its items are there already.
pub(super) fn has_conversation(request: Cursor<'_>) -> bool {
    request.get("conversation").one().is_some_and(|conversation| conversation.kind() != Kind::Null)
}

/// Whether an item means something to a server that did not keep it: reasoning does with its content alone.
fn stands_alone(item: &Value) -> bool {
    item.get("type").is_none_or(|kind| kind != "reasoning")
        || item.get("encrypted_content").is_some_and(Value::is_string)
}

type Edit = (std::ops::Range<usize>, String);

/// Another value for a member, or a new member.
fn set(object: Cursor<'_>, key: &str, value: &str) -> Option<Edit> {
    match object.get(key) {
        Member::One(old) => Some((old.span(), value.to_owned())),
        Member::Missing => {
            let end = object.members().last()?.1.span().end;
            Some((end..end, format!(",\"{key}\":{value}")))
        }
        Member::Duplicate => None,
    }
}

/// New items behind those that a list has.
fn append(items: Cursor<'_>, new: &str) -> Option<Edit> {
    if items.kind() != Kind::Array {
        return None;
    }
    Some(match items.items().last() {
        Some(last) => (last.span().end..last.span().end, format!(",{new}")),
        None => (items.span().start + 1..items.span().start + 1, new.to_owned()),
    })
}

/// New items behind the input, which may also be a text or nothing.
fn append_items(request: Cursor<'_>, new: &str) -> Option<Edit> {
    match request.get("input") {
        Member::One(input) if has_conversation(request) => Some((input.span(), format!("[{new}]"))),
        Member::One(input) if input.kind() == Kind::String => {
            Some((input.span(), format!("[{{\"role\":\"user\",\"content\":{}}},{new}]", input.raw())))
        }
        Member::One(input) if input.kind() == Kind::Null => Some((input.span(), format!("[{new}]"))),
        Member::One(input) => append(input, new),
        Member::Missing | Member::Duplicate => set(request, "input", &format!("[{new}]")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn continued(api: Api, body: &str, response: &Value, answers: &[Value]) -> String {
        api.continuation(&JsonBody::parse(body).unwrap(), response, answers).unwrap().as_str().to_owned()
    }

    #[test]
    fn chat_gets_the_message_and_the_answers() {
        let message = json!({"role": "assistant", "content": null, "refusal": null, "annotations": [],
            "reasoning_content": "hm", "tool_calls": [{"id": "c"}]});
        let response = json!({"choices": [{"message": message}]});
        let body = r#"{"messages": [ {"role":"user","content":"a","x":1e400} ] , "n":1.0}"#;
        let new = r#",{"role":"assistant","content":null,"reasoning_content":"hm","tool_calls":[{"id":"c"}]},{"role":"tool"}"#;
        let expected = body.replace("1e400}", &format!("1e400}}{new}"));
        assert_eq!(continued(Api::Chat, body, &response, &[json!({"role": "tool"})]), expected);
        assert!(Api::Chat.continuation(&JsonBody::parse("{}").unwrap(), &response, &[]).is_none());
    }

    #[test]
    fn messages_keeps_thinking_and_answers_in_one_message() {
        let content =
            json!([{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "tool_use", "id": "t"}]);
        let answer = |id: &str| json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": id}]});
        let body = r#"{"messages":[],"z":1}"#;
        let new = format!(
            r#"{{"role":"assistant","content":{content}}},{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"a"}},{{"type":"tool_result","tool_use_id":"b"}}]}}"#
        );
        let response = json!({"content": content, "stop_reason": "tool_use"});
        let expected = body.replace("[]", &format!("[{new}]"));
        assert_eq!(continued(Api::Messages, body, &response, &[answer("a"), answer("b")]), expected);
    }

    #[test]
    fn gemini_keeps_signatures() {
        let part = json!({"functionCall": {"name": "f"}, "thoughtSignature": "s"});
        let response = json!({"candidates": [{"content": {"parts": [part]}}]});
        let answer = json!({"role": "user", "parts": [{"functionResponse": {"name": "f"}}]});
        let expected = format!(r#"{{"contents":[{{}},{{"parts":[{part}],"role":"model"}},{answer}]}}"#);
        assert_eq!(continued(Api::Gemini, r#"{"contents":[{}]}"#, &response, &[answer]), expected);
    }

    #[test]
    fn responses_gets_items_behind_an_input_of_any_kind() {
        let bare = json!({"type": "reasoning", "id": "r"});
        let whole = json!({"type": "reasoning", "id": "s", "encrypted_content": "e"});
        let call = json!({"type": "function_call", "call_id": "c"});
        let answer = json!({"type": "function_call_output", "call_id": "c", "output": "x"});
        let response = json!({"output": [bare, whole, call]});
        let all = format!("{bare},{whole},{call},{answer}");
        for (body, expected) in [
            (r#"{"input":[{"x":1.0}]}"#, format!(r#"{{"input":[{{"x":1.0}},{all}]}}"#)),
            (r#"{"input":"h\u0069"}"#, format!(r#"{{"input":[{{"role":"user","content":"h\u0069"}},{all}]}}"#)),
            (r#"{"previous_response_id":"p"}"#, format!(r#"{{"previous_response_id":"p","input":[{all}]}}"#)),
            (r#"{"store":false,"input":[]}"#, format!(r#"{{"store":false,"input":[{whole},{call},{answer}]}}"#)),
            (r#"{"conversation":"c","input":"hi"}"#, format!(r#"{{"conversation":"c","input":[{answer}]}}"#)),
            (
                r#"{"type":"response.create","response":{"input":[]}}"#,
                format!(r#"{{"type":"response.create","response":{{"input":[{all}]}}}}"#),
            ),
        ] {
            assert_eq!(continued(Api::Responses, body, &response, std::slice::from_ref(&answer)), expected);
        }
    }
    #[test]
    fn a_response_that_the_server_knows_is_continued_by_the_answers_alone() {
        let response = json!({"id": "r2", "output": [{"type": "function_call"}]});
        let continued = |body: &str| {
            let body = JsonBody::parse(body).unwrap();
            let continued = Api::Responses.continuation_at_server(&body, &response, &[json!({"a": 1})]);
            continued.map(|body| body.as_str().to_owned())
        };
        for (body, expected) in [
            (r#"{"input": "hi" ,"x":1.0}"#, r#"{"input": [{"a":1}] ,"x":1.0,"previous_response_id":"r2"}"#),
            (r#"{"x":1e400,"input":[1]}"#, r#"{"x":1e400,"input":[{"a":1}],"previous_response_id":"r2"}"#),
            (
                r#"{"previous_response_id" : "r1","response":2}"#,
                r#"{"previous_response_id" : "r2","response":2,"input":[{"a":1}]}"#,
            ),
            (
                r#"{"type":"response.create","response":{"previous_response_id":null,"input":[ ]},"stream_id":"s"}"#,
                r#"{"type":"response.create","response":{"previous_response_id":"r2","input":[{"a":1}]},"stream_id":"s"}"#,
            ),
        ] {
            assert_eq!(continued(body).as_deref(), Some(expected));
        }
        for body in ["{}", "[]", r#"{"input":[],"conversation":"c"}"#, r#"{"input":[],"input":[]}"#] {
            assert_eq!(continued(body), None, "{body}");
        }
        assert!(
            Api::Responses.continuation_at_server(&JsonBody::parse("{\"x\":1}").unwrap(), &json!({}), &[]).is_none()
        );
    }
}
