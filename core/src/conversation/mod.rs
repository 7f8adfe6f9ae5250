//! Conversations of every wire shape as blocks and edits.

mod block;
mod body;

pub use block::{Block, BlockKind, Conversation, Edit, Path, Role, Segment, Shape, Text, ToolCall};
pub use body::{Body, HostValue, Value};
