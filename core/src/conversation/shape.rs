//! Which API a conversation belongs to, and where in a body its list is.

use super::block::Shape;
use super::node::Node;
use super::walk::member;
use crate::error::{Error, ErrorKind, Result};
use crate::json::{Kind, Member};

/// Tells the wire shape of a list of messages or of a request body.
///
/// Only messages and the members that hold them count, never the model. Messages that several APIs share, such as plain
/// user text, say nothing; a list of nothing else is taken for [`Shape::Chat`]. A longer list may therefore have another
/// shape than its beginning, but never other blocks.
///
/// # Errors
/// [`InvalidInput`](ErrorKind::InvalidInput) when `root` is neither a list nor a body with `messages`, `input` or
/// `contents`, or that member is no list.
pub fn detect_shape<N: Node>(root: &N) -> Result<Shape> {
    locate(root).map(|located| located.shape)
}

/// Where the list of a conversation is.
#[derive(Debug, Clone)]
pub struct Located<N> {
    /// The wire shape.
    pub shape: Shape,
    /// The request body, if the caller gave one.
    pub body: Option<N>,
    /// Whether the body stands under `response` in a WebSocket frame.
    pub is_wrapped: bool,
    /// The member of the body that is the list; `None` without a body.
    pub list_key: Option<&'static str>,
    /// The list, or the string that stands for one; `None` when it appears twice or is null.
    pub list: Option<N>,
}

/// Finds the list in what the caller gave.
///
/// # Errors
/// As [`detect_shape`].
pub fn locate<N: Node>(root: &N) -> Result<Located<N>> {
    match root.kind() {
        Kind::Array => {
            let shape = root.items().find_map(|item| shape_of(&item)).unwrap_or(Shape::Chat);
            Ok(Located { shape, body: None, is_wrapped: false, list_key: None, list: Some(root.clone()) })
        }
        Kind::Object => match wrapped_body(root) {
            Some(body) => locate_in(body, true),
            None => locate_in(root.clone(), false),
        },
        _ => {
            let found = root.describe();
            Err(invalid(format!("expected a list of messages or a request body, found {found}")))
        }
    }
}

/// The body inside a WebSocket frame that starts a response.
fn wrapped_body<N: Node>(root: &N) -> Option<N> {
    let is_frame = root.get("type").one()?.read(|kind| kind == "response.create")?;
    root.get("response").one().filter(|body| is_frame && body.kind() == Kind::Object)
}

fn locate_in<N: Node>(body: N, is_wrapped: bool) -> Result<Located<N>> {
    for key in ["messages", "contents", "input"] {
        let list = match body.get(key) {
            Member::Missing => continue,
            Member::One(list) if list.kind() == Kind::Null => None,
            Member::One(list) => Some(list),
            Member::Duplicate => None,
        };
        if let Some(list) = &list
            && list.kind() != Kind::Array
            && !(key == "input" && list.kind() == Kind::String)
        {
            let prefix = if is_wrapped { "response." } else { "" };
            let found = list.describe();
            return Err(invalid(format!("{prefix}{key}: expected a list, found {found}")));
        }
        let shape = match key {
            "contents" => Shape::Gemini,
            "input" => Shape::Responses,
            _ => shape_of_messages(&body, list.as_ref()),
        };
        return Ok(Located { shape, body: Some(body), is_wrapped, list_key: Some(key), list });
    }
    Err(invalid(
        "expected a list of messages or a body with `messages`, `input` or `contents`, found an object without them",
    ))
}

/// Chat and Messages bodies share the name of their list.
fn shape_of_messages<N: Node>(body: &N, list: Option<&N>) -> Shape {
    let has_system = !matches!(body.get("system"), Member::Missing);
    let is_messages = || {
        list.and_then(|list| list.items().find_map(|item| shape_of(&item)))
            .is_some_and(|shape| shape == Shape::Messages)
    };
    if has_system || is_messages() { Shape::Messages } else { Shape::Chat }
}

/// The one API that has such a message, if it is only one.
fn shape_of<N: Node>(item: &N) -> Option<Shape> {
    if !matches!(item.get("parts"), Member::Missing) {
        return Some(Shape::Gemini);
    }
    let kind = item.get("type").one().and_then(|kind| kind.read(|kind| kind == "message"));
    let Some(role) = item.get("role").one() else { return kind.map(|_| Shape::Responses) };
    let is_tool = role.read(|role| matches!(role, "tool" | "function")).unwrap_or(false);
    if is_tool || ["tool_calls", "function_call"].iter().any(|key| !matches!(item.get(key), Member::Missing)) {
        return Some(Shape::Chat);
    }
    let content = item.get("content").one();
    let by_parts = content.and_then(|content| content.items().find_map(|part| shape_of_part(&part)));
    by_parts.or(if kind == Some(true) { Some(Shape::Responses) } else { None })
}

/// The one API that has such a part, if it is only one.
fn shape_of_part<N: Node>(part: &N) -> Option<Shape> {
    member(part, "type").ok()??.read(|kind| match kind {
        "input_text" | "output_text" | "input_image" | "input_file" => Some(Shape::Responses),
        "image_url" | "input_audio" | "file" => Some(Shape::Chat),
        "tool_use" | "tool_result" | "thinking" | "redacted_thinking" | "image" | "document" | "search_result"
        | "server_tool_use" => Some(Shape::Messages),
        _ => None,
    })?
}

fn invalid(sentence: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidInput, sentence)
}

#[cfg(test)]
mod tests {
    use crate::conversation::Shape;
    use crate::conversation::fixture::conversation;

    fn shape(text: &str) -> Shape {
        conversation(text).unwrap().shape
    }

    #[test]
    fn bodies_are_told_by_their_list() {
        assert_eq!(shape(r#"{"contents":[]}"#), Shape::Gemini);
        assert_eq!(shape(r#"{"input":"hi"}"#), Shape::Responses);
        assert_eq!(shape(r#"{"type":"response.create","input":[]}"#), Shape::Responses);
        assert_eq!(shape(r#"{"type":"response.create","response":{"input":[]}}"#), Shape::Responses);
        assert_eq!(shape(r#"{"messages":[],"model":"claude-x"}"#), Shape::Chat);
        assert_eq!(shape(r#"{"system":"s","messages":[],"model":"gpt-x"}"#), Shape::Messages);
        assert_eq!(shape(r#"{"messages":[{"role":"user","content":[{"type":"tool_result"}]}]}"#), Shape::Messages);
    }

    #[test]
    fn lists_are_told_by_the_first_message_that_only_one_api_has() {
        let plain = r#"{"role":"user","content":[{"type":"text","text":"hi"}]},{"role":"assistant","content":"yes"}"#;
        for (message, expected) in [
            (r#"{"role":"user","content":"x"}"#, Shape::Chat),
            (r#"{"role":"tool","content":"x"}"#, Shape::Chat),
            (r#"{"role":"assistant","tool_calls":[]}"#, Shape::Chat),
            (r#"{"role":"user","content":[{"type":"image_url"}]}"#, Shape::Chat),
            (r#"{"role":"user","content":[{"type":"image"}]}"#, Shape::Messages),
            (r#"{"type":"message","role":"assistant","content":[{"type":"tool_use"}]}"#, Shape::Messages),
            (r#"{"type":"message","role":"assistant","content":"x"}"#, Shape::Responses),
            (r#"{"role":"user","content":[{"type":"input_text"}]}"#, Shape::Responses),
            (r#"{"type":"reasoning"}"#, Shape::Responses),
            (r#"{"role":"user","parts":[]}"#, Shape::Gemini),
        ] {
            assert_eq!(shape(&format!("[{plain},{message}]")), expected, "{message}");
        }
    }

    #[test]
    fn a_list_that_appears_twice_is_left_alone() {
        let conversation = conversation(r#"{"messages":[{"role":"user","content":"a"}],"messages":[]}"#).unwrap();
        assert_eq!((conversation.message_count, conversation.blocks.len()), (0, 0));
    }
}
