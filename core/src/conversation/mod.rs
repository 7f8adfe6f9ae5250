//! Conversations of every wire shape as blocks and edits.
//!
//! [`read`] walks a list of messages or a whole request body, wherever it lives ([`Node`]), and gives its text-bearing
//! spans in order. What a message becomes depends on that message and on the tool calls before it, never on what comes
//! later or on the shape of the whole, so the blocks of a prefix are the first blocks of the whole.

mod block;
mod body;
mod chat;
mod gemini;
mod json_body;
mod json_place;
mod json_value;
mod messages;
mod node;
mod question;
mod responses;
mod shape;
mod vercel;
mod walk;

pub use block::{Block, BlockKind, Conversation, Edit, Path, Role, Segment, Shape, Text, ToolCall};
pub use body::{Body, HostValue, Value};
pub use json_body::JsonBody;
pub use json_value::JsonValue;
pub use node::{JsonNode, Node};
pub use shape::{Located, detect_shape, locate};
pub use walk::read;

#[cfg(test)]
mod fixture;
