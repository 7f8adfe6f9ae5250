//! What only Anthropic Messages have: tool calls and results as parts of a content, and a system text beside the list.

use super::block::Role;
use super::node::Node;
use super::walk::{Label, Opaque, Place, Walk, arguments, member, string};

/// Reads the system text of a body: a string or text parts.
pub(super) fn system<N: Node>(walk: &mut Walk, body: &N, place: &Place<'_>) -> Result<(), Opaque> {
    match member(body, "system")? {
        Some(system) => walk.emit_content(&Label::text(Role::System), &place.key("system"), &system),
        None => Ok(()),
    }
}

/// Reads a part that calls a tool or holds the result of one; false when it does neither. Thinking, images, documents
/// and the parts of tools that run at the provider are left alone.
pub(super) fn part<N: Node>(walk: &mut Walk, part: &N, place: &Place<'_>) -> Result<bool, Opaque> {
    let kind = member(part, "type")?;
    let is = |name| kind.as_ref().and_then(|kind| kind.read(|kind| kind == name)).unwrap_or(false);
    if is("tool_use") {
        let input = member(part, "input")?;
        walk.call(string(part, "id")?, string(part, "name")?, arguments(input.as_ref()));
        return Ok(true);
    }
    if is("tool_result") {
        let id = string(part, "tool_use_id")?;
        let is_error = member(part, "is_error")?.is_some_and(|is_error| is_error.is_true());
        let label = Label::result(walk.answer(&id, ""), is_error);
        if let Some(content) = member(part, "content")? {
            walk.emit_content(&label, &place.key("content"), &content)?;
        }
        return Ok(true);
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use crate::conversation::fixture::{blocks, conversation};

    #[test]
    fn results_are_strings_or_lists_of_parts() {
        let list = r#"[{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"s"},
              {"type":"text","text":"a"},{"type":"tool_use","id":"1","name":"f","input":{ "q" : "\u00e9" }},
              {"type":"server_tool_use","id":"3","name":"web_search","input":{}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":"x"},
              {"type":"tool_result","tool_use_id":"2","is_error":true,"content":[{"type":"text","text":"y"},
                {"type":"image","source":{}},{"type":"document","source":{"type":"text","data":"d"}}]},
              {"type":"text","text":"z"},{"type":"document","source":{"type":"text","data":"d"}}]}]"#;
        assert_eq!(
            blocks(list),
            [
                "[0].content[1].text assistant a",
                "[1].content[0].content tool 1:f:{\"q\":\"é\"} x",
                "[1].content[1].content[0].text error 2:: y",
                "[1].content[2].text user z"
            ]
        );
    }

    #[test]
    fn the_system_text_belongs_to_no_message() {
        let text = r#"{"messages":[{"role":"user","content":"a"}],"system":"s"}"#;
        assert_eq!(blocks(text), ["system system s", "messages[0].content user a"]);
        let conversation = conversation(text).unwrap();
        assert_eq!(conversation.blocks[0].message, None);
        assert_eq!(conversation.blocks[1].message, Some(0));
        let text =
            r#"{"system":[{"type":"text","text":"s","cache_control":{}},{"type":"text","text":"t"}],"messages":[]}"#;
        assert_eq!(blocks(text), ["system[0].text system s", "system[1].text system t"]);
    }
}
