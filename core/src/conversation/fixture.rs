//! Conversations for the tests of the wire shapes.

use super::{BlockKind, Conversation, JsonNode, Role, read};
use crate::error::Result;
use crate::json::OwnedDocument;

/// Reads a JSON text.
pub(super) fn conversation(text: &str) -> Result<Conversation> {
    let document = OwnedDocument::parse(text, usize::MAX).expect("tests write valid JSON");
    read(&JsonNode::root(&document))
}

/// The blocks of a JSON text as `path role text`, with `id:name:arguments` of the call for results.
pub(super) fn blocks(text: &str) -> Vec<String> {
    let conversation = conversation(text).expect("tests write conversations");
    let line = |block: &super::Block| {
        let who = match (block.kind, block.role) {
            (BlockKind::ToolArguments, Role::Assistant) => "arguments".to_owned(),
            (BlockKind::ToolResult, Role::Tool) => {
                let call = block.tool.as_ref();
                let call = call.map_or("-".to_owned(), |call| format!("{}:{}:{}", call.id, call.name, call.arguments));
                format!("{} {call}", if block.is_error { "error" } else { "tool" })
            }
            (BlockKind::Text, Role::System) => "system".to_owned(),
            (BlockKind::Text, Role::User) => "user".to_owned(),
            (BlockKind::Text, Role::Assistant) => "assistant".to_owned(),
            (BlockKind::Text, Role::Other) => "other".to_owned(),
            other => format!("{other:?}"),
        };
        format!("{:?} {who} {}", block.path, &*block.text)
    };
    conversation.blocks.iter().map(line).collect()
}
