//! The walk over a list of messages or a request body.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::block::{Block, BlockKind, Conversation, Path, Role, Segment, ToolCall};
use super::node::Node;
use super::{chat, gemini, messages, responses, shape};
use crate::error::{Error, ErrorKind, Result};
use crate::json::{Kind, Member};

/// The types of parts that hold nothing but text, in all shapes.
const TEXT_PARTS: [&str; 3] = ["text", "input_text", "output_text"];

/// Reads a list of messages, or a request body with one, into blocks.
///
/// Roles, items, parts and fields that are not known pass untouched. A message in which a member on the way to a text
/// appears twice gives no blocks, since readers differ in which of the two they take.
///
/// # Errors
/// [`InvalidInput`](ErrorKind::InvalidInput) when `root` is neither a list nor a body with `messages`, `input` or
/// `contents`, when that member is no list, or when a message is no object.
pub fn read<N: Node>(root: &N) -> Result<Conversation> {
    let found = shape::locate(root)?;
    let start = Place::Root;
    let wrapped = start.key("response");
    let body_place = if found.is_wrapped { &wrapped } else { &start };
    let mut walk = Walk::default();
    if let Some(body) = &found.body {
        // A part that cannot be read one way only is left out, the rest of the body is not.
        walk.attempt(|walk| walk.system(body, body_place));
    }
    let message_count = match (&found.list, found.list_key) {
        (Some(list), Some(key)) => walk.list(list, &body_place.key(key))?,
        (Some(list), None) => walk.list(list, body_place)?,
        (None, _) => 0,
    };
    Ok(Conversation { shape: found.shape, message_count, blocks: walk.blocks })
}

/// A message that cannot be read one way only, because a member on the way appears twice.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opaque;

/// The member under a key, if there is one.
pub(super) fn member<N: Node>(node: &N, key: &'static str) -> Result<Option<N>, Opaque> {
    match node.get(key) {
        Member::Missing => Ok(None),
        Member::One(value) => Ok(Some(value)),
        Member::Duplicate => Err(Opaque),
    }
}

/// The member under either spelling of a key, with the spelling that it has.
pub(super) fn member_of<N: Node>(node: &N, keys: [&'static str; 2]) -> Result<Option<(&'static str, N)>, Opaque> {
    match (member(node, keys[0])?, member(node, keys[1])?) {
        (Some(_), Some(_)) => Err(Opaque),
        (Some(value), None) => Ok(Some((keys[0], value))),
        (None, Some(value)) => Ok(Some((keys[1], value))),
        (None, None) => Ok(None),
    }
}

/// The string under a key; empty when there is none.
pub(super) fn string<N: Node>(node: &N, key: &'static str) -> Result<String, Opaque> {
    Ok(member(node, key)?.and_then(|value| value.read(str::to_owned)).unwrap_or_default())
}

/// A tool call's arguments: a string as it is, anything else as JSON, nothing when there are none.
pub(super) fn arguments<N: Node>(value: Option<&N>) -> String {
    match value {
        None => String::new(),
        Some(value) if value.kind() == Kind::String => value.read(str::to_owned).unwrap_or_default(),
        Some(value) => value.json(),
    }
}

/// Whether a part holds nothing but text.
pub(super) fn is_text_part<N: Node>(part: &N) -> Result<bool, Opaque> {
    let kind = member(part, "type")?;
    Ok(kind.and_then(|kind| kind.read(|kind| TEXT_PARTS.contains(&kind))).unwrap_or(false))
}

/// Where the walk is; a path is made of it only where a block is.
pub(super) enum Place<'p> {
    /// The value that the caller gave.
    Root,
    /// One step further.
    In(&'p Place<'p>, Segment),
}

impl Place<'_> {
    pub(super) fn key(&self, key: &'static str) -> Place<'_> {
        Place::In(self, Segment::Key(key))
    }

    pub(super) fn index(&self, index: usize) -> Place<'_> {
        Place::In(self, Segment::Index(index))
    }

    pub(super) fn path(&self) -> Path {
        let mut segments = Vec::new();
        let mut place = self;
        while let Place::In(parent, segment) = place {
            segments.push(*segment);
            place = parent;
        }
        segments.reverse();
        Path(segments)
    }
}

/// What the blocks of a part have in common.
#[derive(Debug, Clone)]
pub(super) struct Label {
    pub(super) role: Role,
    pub(super) kind: BlockKind,
    pub(super) tool: Option<Arc<ToolCall>>,
    pub(super) is_error: bool,
}

impl Label {
    pub(super) fn text(role: Role) -> Self {
        Self { role, kind: BlockKind::Text, tool: None, is_error: false }
    }

    pub(super) fn arguments() -> Self {
        Self { role: Role::Assistant, kind: BlockKind::ToolArguments, tool: None, is_error: false }
    }

    pub(super) fn result(tool: Option<Arc<ToolCall>>, is_error: bool) -> Self {
        Self { role: Role::Tool, kind: BlockKind::ToolResult, tool, is_error }
    }
}

/// What has been read so far.
#[derive(Default)]
pub(super) struct Walk {
    blocks: Vec<Block>,
    message: Option<usize>,
    /// The calls of the message that is being read; they count once it has been read to its end.
    new_calls: Vec<ToolCall>,
    by_id: HashMap<String, Arc<ToolCall>>,
    /// Calls without an id that no result has answered, oldest first.
    by_name: HashMap<String, VecDeque<Arc<ToolCall>>>,
    /// Names that the message being read has answered, so that they can be asked back.
    answered: Vec<Arc<ToolCall>>,
}

impl Walk {
    /// Adds the text of a string; anything else and an empty string have none.
    pub(super) fn emit<N: Node>(&mut self, label: &Label, place: &Place<'_>, node: &N) {
        if let Some(text) = node.text().filter(|text| !text.is_empty()) {
            let Label { role, kind, tool, is_error } = label.clone();
            self.blocks.push(Block { path: place.path(), message: self.message, role, kind, tool, is_error, text });
        }
    }

    /// Adds a string, the text parts of a list of parts, or one text part.
    pub(super) fn emit_content<N: Node>(
        &mut self,
        label: &Label,
        place: &Place<'_>,
        content: &N,
    ) -> Result<(), Opaque> {
        match content.kind() {
            Kind::String => self.emit(label, place, content),
            Kind::Object => self.emit_part(label, place, content)?,
            Kind::Array => {
                for (index, part) in content.items().enumerate() {
                    self.emit_part(label, &place.index(index), &part)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Adds the text of a text part.
    pub(super) fn emit_part<N: Node>(&mut self, label: &Label, place: &Place<'_>, part: &N) -> Result<(), Opaque> {
        if is_text_part(part)?
            && let Some(text) = member(part, "text")?
        {
            self.emit(label, &place.key("text"), &text);
        }
        Ok(())
    }

    /// Remembers a tool call for the results that answer it.
    pub(super) fn call(&mut self, id: String, name: String, arguments: String) {
        self.new_calls.push(ToolCall { id, name, arguments });
    }

    /// The call that a result answers: the latest one with the id, or without an id the oldest open one of that name.
    pub(super) fn answer(&mut self, id: &str, name: &str) -> Option<Arc<ToolCall>> {
        if !id.is_empty() {
            if let Some(call) = self.by_id.get(id) {
                return Some(Arc::clone(call));
            }
        } else if let Some(call) = self.by_name.get_mut(name).and_then(VecDeque::pop_front) {
            self.answered.push(Arc::clone(&call));
            return Some(call);
        }
        if id.is_empty() && name.is_empty() {
            return None;
        }
        Some(Arc::new(ToolCall { id: id.to_owned(), name: name.to_owned(), arguments: String::new() }))
    }

    /// Reads one message; one that cannot be read one way only leaves nothing behind.
    fn attempt(&mut self, read: impl FnOnce(&mut Self) -> Result<(), Opaque>) {
        let blocks = self.blocks.len();
        let outcome = read(self);
        let calls = std::mem::take(&mut self.new_calls);
        let answered = std::mem::take(&mut self.answered);
        match outcome {
            Ok(()) => calls.into_iter().for_each(|call| self.remember(Arc::new(call))),
            Err(Opaque) => {
                self.blocks.truncate(blocks);
                for call in answered.into_iter().rev() {
                    self.by_name.entry(call.name.clone()).or_default().push_front(call);
                }
            }
        }
    }

    fn remember(&mut self, call: Arc<ToolCall>) {
        if call.id.is_empty() {
            self.by_name.entry(call.name.clone()).or_default().push_back(call);
        } else {
            self.by_id.insert(call.id.clone(), call);
        }
    }

    /// The system texts that stand beside the list.
    fn system<N: Node>(&mut self, body: &N, place: &Place<'_>) -> Result<(), Opaque> {
        messages::system(self, body, place)?;
        responses::instructions(self, body, place)?;
        gemini::system_instruction(self, body, place)
    }

    /// Reads the list, or the string that stands for one user message, and gives the number of messages.
    fn list<N: Node>(&mut self, list: &N, place: &Place<'_>) -> Result<usize> {
        if list.kind() == Kind::String {
            self.message = Some(0);
            self.emit(&Label::text(Role::User), place, list);
            return Ok(1);
        }
        for (index, item) in list.items().enumerate() {
            if item.kind() != Kind::Object {
                let path = place.index(index).path();
                let name = if matches!(place, Place::Root) { "messages" } else { "" };
                let found = item.describe();
                let sentence = format!("{name}{path}: expected an object, found {found}");
                return Err(Error::new(ErrorKind::InvalidInput, sentence));
            }
            self.message = Some(index);
            let place = place.index(index);
            self.attempt(|walk| walk.item(&item, &place));
        }
        Ok(list.len())
    }

    /// Reads one message by what it is itself.
    fn item<N: Node>(&mut self, item: &N, place: &Place<'_>) -> Result<(), Opaque> {
        if let Some(parts) = member(item, "parts")? {
            return gemini::content(self, item, &parts, place);
        }
        if member(item, "role")?.is_none()
            && let Some(kind) = member(item, "type")?
        {
            return responses::item(self, item, &kind, place);
        }
        chat::message(self, item, place)
    }
}

#[cfg(test)]
mod tests {
    use crate::conversation::fixture::{blocks, conversation};

    #[test]
    fn each_message_is_read_by_what_it_is() {
        let list = r#"[{"role":"user","content":"a"},{"role":"user","parts":[{"text":"b"}]},
            {"type":"function_call_output","call_id":"1","output":"c"},{"role":"tool","content":"d"}]"#;
        assert_eq!(
            blocks(list),
            ["[0].content user a", "[1].parts[0].text user b", "[2].output tool 1:: c", "[3].content tool - d"]
        );
    }

    #[test]
    fn a_message_with_a_member_twice_gives_nothing_and_the_others_do() {
        let list = r#"[{"role":"user","content":"a","content":"b"},{"role":"user","role":"x","content":"c"},
            {"role":"user","content":[{"type":"text","text":"d"},{"type":"text","text":"e","text":"f"}]},
            {"role":"user","content":"kept","x":1,"x":2}]"#;
        assert_eq!(blocks(list), ["[3].content user kept"]);
    }

    #[test]
    fn calls_of_an_opaque_message_are_not_known_and_its_answers_not_given() {
        let list = r#"[{"role":"model","parts":[{"functionCall":{"name":"f","args":{"n":1}}}]},
            {"role":"user","parts":[{"functionResponse":{"name":"f","response":{"output":"x"}}},{"text":"a","text":"b"}]},
            {"role":"user","parts":[{"functionResponse":{"name":"f","response":{"output":"y"}}}]},
            {"role":"model","parts":[{"functionCall":{"id":"7","name":"g","args":{}}},{"text":"a","text":"b"}]},
            {"role":"user","parts":[{"functionResponse":{"id":"7","name":"g","response":{"output":"z"}}}]}]"#;
        assert_eq!(
            blocks(list),
            [
                "[2].parts[0].functionResponse.response.output tool :f:{\"n\":1} y",
                "[4].parts[0].functionResponse.response.output tool 7:g: z"
            ]
        );
    }

    #[test]
    fn empty_and_missing_content_gives_no_blocks() {
        let list = r#"[{"role":"user","content":""},{"role":"assistant","content":null},{"role":"assistant"},
            {"role":"user","content":[]},{"role":"user","content":7},{"role":"user","content":[1,null,{"type":"text"}]},{}]"#;
        assert!(blocks(list).is_empty());
        assert_eq!(conversation(list).unwrap().message_count, 7);
        assert_eq!(conversation("[]").unwrap().message_count, 0);
        assert_eq!(conversation(r#"{"messages":null}"#).unwrap().message_count, 0);
    }

    #[test]
    fn an_error_names_path_expectation_and_finding() {
        let message = |text| conversation(text).unwrap_err().to_string();
        assert_eq!(message(r#"[{}, 7]"#), "messages[1]: expected an object, found a number");
        assert_eq!(message(r#"{"messages":[null]}"#), "messages[0]: expected an object, found null");
        assert_eq!(
            message(r#"{"response":{"input":["x"]},"type":"response.create"}"#),
            "response.input[0]: expected an object, found a string"
        );
        assert_eq!(message(r#"{"messages":{}}"#), "messages: expected a list, found an object");
        assert_eq!(message("7"), "expected a list of messages or a request body, found a number");
        assert_eq!(
            message(r#"{"model":"x"}"#),
            "expected a list of messages or a body with `messages`, `input` or `contents`, found an object without them"
        );
    }
}
