//! A conversation that is JSON bytes.

use std::any::Any;
use std::sync::{Arc, OnceLock};

use super::block::{Conversation, Edit, Shape};
use super::body::{Body, Value};
use super::json_place::Resolver;
use super::json_value::JsonValue;
use super::node::JsonNode;
use super::{shape, walk};
use crate::error::{Error, ErrorKind, Result};
use crate::json::{Cursor, Kind, Member, OwnedDocument, encode_string, patch_value, splice};

/// A list of messages or a request body as JSON text.
///
/// It is parsed once; edits are spliced into the text, so every other byte stays as it came. Nesting has no limit.
/// Cloning is a reference count.
///
/// # Examples
/// ```
/// use headroom_core::conversation::{Body, Edit, JsonBody};
/// let body = JsonBody::parse(r#"{"n": 1E0, "messages": [{"role": "user", "content": "hello"}]}"#)?;
/// let conversation = body.conversation()?;
/// let edited = body.edited(&conversation, &[Edit { block: 0, text: "bye".into() }])?;
/// assert_eq!(edited.as_str(), r#"{"n": 1E0, "messages": [{"role": "user", "content": "bye"}]}"#);
/// # Ok::<(), headroom_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct JsonBody {
    source: Arc<str>,
    document: OnceLock<Arc<OwnedDocument>>,
}

impl JsonBody {
    /// Reads a JSON text.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) with the byte offset when the text is not JSON or has 4 GiB or more.
    pub fn parse(text: impl Into<Arc<str>>) -> Result<Self> {
        let body = Self::unread(text.into());
        body.document()?;
        Ok(body)
    }

    /// Reads JSON bytes.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) with the byte offset when they are not UTF-8 or not JSON.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let text = std::str::from_utf8(bytes).map_err(|cause| {
            let at = cause.valid_up_to();
            let sentence = match bytes.get(at) {
                Some(byte) => format!("body: expected UTF-8, found 0x{byte:02x} at byte {at}"),
                None => format!("body: expected UTF-8, found the end of the bytes at byte {at}"),
            };
            Error::new(ErrorKind::InvalidInput, sentence).caused_by(cause)
        })?;
        Self::parse(text)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// The text as bytes.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.source.as_bytes().to_vec()
    }

    /// [`Body::with_edits`] with its own type.
    ///
    /// # Errors
    /// [`Compression`](ErrorKind::Compression) when an edit names no block, two name the same one, or a path does not
    /// lead to a string.
    pub fn edited(&self, conversation: &Conversation, edits: &[Edit]) -> Result<Self> {
        if edits.is_empty() {
            return Ok(self.clone());
        }
        let document = self.document()?;
        let mut order: Vec<&Edit> = edits.iter().collect();
        order.sort_by_key(|edit| edit.block);
        let mut resolver = Resolver::new(document.root());
        let mut replacements = Vec::with_capacity(edits.len());
        for edit in order {
            let block = conversation.blocks.get(edit.block).ok_or_else(|| {
                let (found, count) = (edit.block, conversation.blocks.len());
                Error::new(ErrorKind::Compression, format!("edit: expected one of {count} blocks, found block {found}"))
            })?;
            let target =
                resolver.resolve(&block.path).filter(|target| target.kind() == Kind::String).ok_or_else(|| {
                    Error::new(ErrorKind::Compression, "edit: expected a path to a string, found something else there")
                        .with("path", block.path.to_string())
                })?;
            let mut text = String::new();
            encode_string(&edit.text, &mut text);
            replacements.push((target.span(), text));
        }
        replacements.sort_by_key(|(span, _)| span.start);
        if replacements.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(Error::new(ErrorKind::Compression, "edits: expected one for a block, found two"));
        }
        Ok(Self::unread(splice(&self.source, &replacements).into()))
    }

    /// The wire shape of the text, told without reading its messages.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) when it is neither a list of messages nor a body with one.
    pub fn shape(&self) -> Result<Shape> {
        shape::detect_shape(&JsonNode::root(self.document()?))
    }

    fn unread(source: Arc<str>) -> Self {
        Self { source, document: OnceLock::new() }
    }

    /// The text as it is read.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) when an edit left 4 GiB or more.
    pub fn document(&self) -> Result<&Arc<OwnedDocument>> {
        if let Some(document) = self.document.get() {
            return Ok(document);
        }
        let document = OwnedDocument::parse(Arc::clone(&self.source), usize::MAX)
            .map_err(|cause| Error::new(ErrorKind::InvalidInput, format!("body: {cause}")).caused_by(cause))?;
        Ok(self.document.get_or_init(|| Arc::new(document)))
    }

    /// A part of the text for an extension.
    fn value(&self, part: Part) -> Option<Value> {
        let document = self.document().ok()?;
        part.find(document)?;
        Some(Value::host(JsonValue::new(Arc::clone(document), part)))
    }

    /// The text with a part replaced by what an extension made of it.
    fn with_part(&self, part: Part, value: &Value) -> Result<Self> {
        let document = self.document()?;
        let old = part.find(document).ok_or_else(|| part.missing())?;
        if let Value::Host(host) = value
            && let Some(own) = host.as_any().downcast_ref::<JsonValue>()
            && own.is_part_of(document, part)
        {
            return Ok(self.clone());
        }
        let after = value.to_json()?;
        let text = match old.to_value() {
            Some(before) => patch_value(&self.source, old, &before, &after),
            None => after.to_string(),
        };
        Ok(Self::unread(splice(&self.source, &[(old.span(), text)]).into()))
    }
}

impl Body for JsonBody {
    fn conversation(&self) -> Result<Conversation> {
        walk::read(&JsonNode::root(self.document()?))
    }

    fn with_edits(&self, conversation: &Conversation, edits: &[Edit]) -> Result<Arc<dyn Body>> {
        Ok(Arc::new(self.edited(conversation, edits)?))
    }

    fn messages(&self) -> Option<Value> {
        self.value(Part::Messages)
    }

    fn payload(&self) -> Option<Value> {
        self.value(Part::Payload)
    }

    fn with_messages(&self, messages: &Value) -> Result<Arc<dyn Body>> {
        let body = self.with_part(Part::Messages, messages)?;
        body.check()?;
        Ok(Arc::new(body))
    }

    fn with_payload(&self, payload: &Value) -> Result<Arc<dyn Body>> {
        let body = self.with_part(Part::Payload, payload)?;
        body.check()?;
        Part::Payload.find(body.document()?).ok_or_else(|| Part::Payload.missing())?;
        Ok(Arc::new(body))
    }

    fn tools(&self) -> Option<Value> {
        self.value(Part::Tools)
    }

    fn with_tools(&self, tools: &Value) -> Result<Arc<dyn Body>> {
        let found = tools.to_json()?;
        if !found.is_array() {
            let sentence = format!("tools: expected a list, found {}", describe(&found));
            return Err(Error::new(ErrorKind::InvalidInput, sentence));
        }
        let document = self.document()?;
        let body = Part::body(document).ok_or_else(|| Part::Tools.missing())?;
        if !matches!(body.get("tools"), Member::Missing) {
            return Ok(Arc::new(self.with_part(Part::Tools, tools)?));
        }
        // A body has at least the member that is its list.
        let end = body.members().last().map_or(body.span().start + 1, |(_, value)| value.span().end);
        let comma = if body.is_empty() { "" } else { "," };
        let text = format!("{comma}\"tools\":{found}");
        Ok(Arc::new(Self::unread(splice(&self.source, &[(end..end, text)]).into())))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl JsonBody {
    /// Fails unless the text is a conversation.
    fn check(&self) -> Result<()> {
        walk::read(&JsonNode::root(self.document()?)).map(|_| ())
    }
}

/// A part of the caller's text that an extension may read and replace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The request's own list.
    Messages,
    /// The whole body.
    Payload,
    /// The tool definitions.
    Tools,
}

impl Part {
    /// Where it is, if the caller's text has it.
    pub(super) fn find(self, document: &OwnedDocument) -> Option<Cursor<'_>> {
        match self {
            Self::Messages => {
                let located = shape::locate(&JsonNode::root(document)).ok()?;
                // The items of Responses bodies are part of the payload only.
                located.list.filter(|_| located.list_key != Some("input")).map(|list| list.cursor())
            }
            Self::Payload => Some(document.root()).filter(|root| root.kind() == Kind::Object),
            Self::Tools => Self::body(document)?.get("tools").one(),
        }
    }

    /// The body, also inside a WebSocket frame.
    fn body(document: &OwnedDocument) -> Option<Cursor<'_>> {
        shape::locate(&JsonNode::root(document)).ok()?.body.map(|body| body.cursor())
    }

    fn missing(self) -> Error {
        let (name, expected) = match self {
            Self::Messages => ("messages", "a body with one list of messages"),
            Self::Payload => ("payload", "a request body"),
            Self::Tools => ("tools", "a request body with at most one member `tools`"),
        };
        Error::new(ErrorKind::InvalidInput, format!("{name}: expected {expected}, found something else"))
    }
}

fn describe(value: &serde_json::Value) -> Kind {
    match value {
        serde_json::Value::Null => Kind::Null,
        serde_json::Value::Bool(_) => Kind::Bool,
        serde_json::Value::Number(_) => Kind::Number,
        serde_json::Value::String(_) => Kind::String,
        serde_json::Value::Array(_) => Kind::Array,
        serde_json::Value::Object(_) => Kind::Object,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const BODY: &str = r#"{ "model":"m", "n":1e400, "messages": [ {"role":"user","content":"a","x":1.0},
 {"role":"tool","tool_call_id":"1","content":"b\u00e9"} ]}"#;

    fn text(body: &Arc<dyn Body>) -> String {
        body.as_any().downcast_ref::<JsonBody>().unwrap().as_str().to_owned()
    }

    fn edit(block: usize, text: &str) -> Edit {
        Edit { block, text: text.into() }
    }

    #[test]
    fn edits_change_their_strings_and_nothing_else() {
        let body = JsonBody::parse(BODY).unwrap();
        let conversation = body.conversation().unwrap();
        assert_eq!(text(&body.with_edits(&conversation, &[]).unwrap()), BODY);
        let edits = [edit(1, "new\n\"é\""), edit(0, "")];
        let expected = BODY.replace("\"a\"", "\"\"").replace(r"b\u00e9", r#"new\n\"é\""#);
        assert_eq!(body.edited(&conversation, &edits).unwrap().as_str(), expected);
    }

    #[test]
    fn an_edit_that_fits_nothing_is_an_error() {
        let body = JsonBody::parse(BODY).unwrap();
        let conversation = body.conversation().unwrap();
        let fails = |body: &JsonBody, edits: &[Edit]| body.edited(&conversation, edits).unwrap_err().to_string();
        assert_eq!(fails(&body, &[edit(2, "")]), "edit: expected one of 2 blocks, found block 2");
        assert_eq!(fails(&body, &[edit(1, "x"), edit(1, "y")]), "edits: expected one for a block, found two");
        let other = JsonBody::parse(r#"{"messages":[{"content":["a"]}]}"#).unwrap();
        assert_eq!(
            fails(&other, &[edit(0, "x")]),
            "edit: expected a path to a string, found something else there (path messages[0].content)"
        );
    }

    #[test]
    fn bytes_that_are_no_json_text_are_an_error_with_an_offset() {
        let error = |bytes: &[u8]| JsonBody::from_bytes(bytes).unwrap_err().to_string();
        assert_eq!(error(b"[\"\xff\"]"), "body: expected UTF-8, found 0xff at byte 2");
        assert_eq!(error(b"[1,"), "body: expected a value, found the end of the text at byte 3");
        assert_eq!(JsonBody::from_bytes(BODY.as_bytes()).unwrap().into_bytes(), BODY.as_bytes());
    }

    #[test]
    fn an_extension_sees_the_list_the_body_and_the_tools() {
        let body = JsonBody::parse(r#"{"messages":[{"role":"user"}],"tools":[]}"#).unwrap();
        assert_eq!(*body.messages().unwrap().to_json().unwrap(), json!([{"role":"user"}]));
        assert_eq!(body.payload().unwrap().to_json().unwrap()["tools"], json!([]));
        assert_eq!(*body.tools().unwrap().to_json().unwrap(), json!([]));
        let list = JsonBody::parse("[]").unwrap();
        assert!(list.payload().is_none() && list.tools().is_none() && list.messages().is_some());
        let responses = JsonBody::parse(r#"{"input":[]}"#).unwrap();
        assert!(responses.messages().is_none() && responses.payload().is_some());
    }

    #[test]
    fn equal_messages_keep_their_bytes() {
        let body = JsonBody::parse(BODY).unwrap();
        let messages = body.messages().unwrap();
        assert_eq!(text(&body.with_messages(&messages).unwrap()), BODY);
        let mut changed = (*messages.to_json().unwrap()).clone();
        assert_eq!(text(&body.with_messages(&Value::json(changed.clone())).unwrap()), BODY);
        changed[0]["content"] = json!("new");
        assert_eq!(text(&body.with_messages(&Value::json(changed)).unwrap()), BODY.replace("\"a\"", "\"new\""));
    }

    #[test]
    fn an_equal_payload_keeps_its_bytes_and_an_added_member_moves_none() {
        let body = JsonBody::parse(BODY).unwrap();
        let mut payload = (*body.payload().unwrap().to_json().unwrap()).clone();
        payload["user"] = json!("me");
        let expected = BODY.replace("} ]}", "} ], \"user\":\"me\"}");
        assert_eq!(text(&body.with_payload(&Value::json(payload)).unwrap()), expected);
    }

    #[test]
    fn tools_are_replaced_or_added() {
        let body = JsonBody::parse(BODY).unwrap();
        let added = body.with_tools(&Value::json(json!([1]))).unwrap();
        assert_eq!(text(&added), BODY.replace("} ]}", "} ],\"tools\":[1]}"));
        let replaced = added.with_tools(&Value::json(json!([1, 2]))).unwrap();
        assert_eq!(text(&replaced), BODY.replace("} ]}", "} ],\"tools\":[1,2]}"));
        assert!(body.with_tools(&Value::json(json!({}))).is_err());
        assert!(JsonBody::parse("[]").unwrap().with_tools(&Value::json(json!([]))).is_err());
    }

    #[test]
    fn a_replacement_that_is_no_conversation_is_an_error() {
        let body = JsonBody::parse(BODY).unwrap();
        let message = |result: Result<Arc<dyn Body>>| result.unwrap_err().to_string();
        assert_eq!(
            message(body.with_messages(&Value::json(json!([1])))),
            "messages[0]: expected an object, found a number"
        );
        assert_eq!(message(body.with_messages(&Value::json(json!("x")))), "messages: expected a list, found a string");
        assert!(message(body.with_payload(&Value::json(json!([])))).starts_with("payload: expected a request body"));
    }
}
