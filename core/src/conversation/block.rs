//! What the engine sees of a conversation: text-bearing spans, and edits that replace them.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// The wire shape that a conversation came in; it is detected and never converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// `OpenAI` Chat Completions messages.
    Chat,
    /// Anthropic Messages.
    Messages,
    /// `OpenAI` Responses input items.
    Responses,
    /// Gemini contents.
    Gemini,
}

impl Shape {
    /// The provider whose API has this shape.
    #[must_use]
    pub const fn provider(self) -> &'static str {
        match self {
            Self::Chat | Self::Responses => "openai",
            Self::Messages => "anthropic",
            Self::Gemini => "gemini",
        }
    }
}

/// Who speaks in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// System or developer instructions.
    System,
    /// The user.
    User,
    /// The model.
    Assistant,
    /// The result of a tool, whatever role carries it on the wire.
    Tool,
    /// A role that this version does not know; its text is counted and never changed.
    Other,
}

/// What a span of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BlockKind {
    /// Text of the system, the user or the assistant.
    Text,
    /// What a tool returned.
    ToolResult,
    /// Arguments of a tool call; counted, never changed.
    ToolArguments,
}

/// One step of a path into the caller's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Segment {
    /// A member of an object.
    Key(&'static str),
    /// An element of a list.
    Index(usize),
}

/// Where a block sits in the caller's data, from the value that the caller gave.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Path(pub Vec<Segment>);

impl Path {
    /// This path, one step further.
    #[must_use]
    pub fn then(&self, segment: Segment) -> Self {
        let mut segments = Vec::with_capacity(self.0.len() + 1);
        segments.extend_from_slice(&self.0);
        segments.push(segment);
        Self(segments)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Key(key) if index == 0 => f.write_str(key)?,
                Segment::Key(key) => write!(f, ".{key}")?,
                Segment::Index(at) => write!(f, "[{at}]")?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The tool call that a result answers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ToolCall {
    /// The call's id on the wire; empty where the API has none.
    pub id: String,
    /// The tool's name; empty when no call with the result's id came before it.
    pub name: String,
    /// The arguments as JSON text, as they came.
    pub arguments: String,
}

/// Text that lives where the caller keeps it; cloning is a reference count.
#[derive(Clone)]
pub struct Text(Arc<dyn AsRef<str> + Send + Sync>);

impl Text {
    /// Wraps an owner of text.
    pub fn new(owner: impl AsRef<str> + Send + Sync + 'static) -> Self {
        Self(Arc::new(owner))
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        (*self.0).as_ref()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

/// One text-bearing span of the caller's data.
#[derive(Debug, Clone)]
pub struct Block {
    /// Where it sits.
    pub path: Path,
    /// Index of its message in the caller's list; `None` for a system text that stands beside the list.
    pub message: Option<usize>,
    /// Who speaks.
    pub role: Role,
    /// What it is.
    pub kind: BlockKind,
    /// The call that it answers, for a tool result.
    pub tool: Option<Arc<ToolCall>>,
    /// Whether the wire marks the tool result as an error.
    pub is_error: bool,
    /// The text.
    pub text: Text,
}

/// A conversation: its shape and its blocks in wire order.
#[derive(Debug, Clone)]
pub struct Conversation {
    /// The wire shape.
    pub shape: Shape,
    /// How many messages (items, contents) the list has.
    pub message_count: usize,
    /// Text-bearing spans in the order in which they stand.
    pub blocks: Vec<Block>,
}

/// "This block becomes this text."
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Index of the block in [`Conversation::blocks`].
    pub block: usize,
    /// The new text.
    pub text: String,
}
