//! What only messages of the Vercel AI SDK have: tool calls and results as parts in camel case.

use super::node::Node;
use super::walk::{Label, Opaque, Place, Walk, arguments, member, string};
use crate::json::Kind;

/// Reads the content of a tool message when its parts are results; false when none is.
pub(super) fn results<N: Node>(walk: &mut Walk, content: &N, place: &Place<'_>) -> Result<bool, Opaque> {
    let mut found = false;
    if content.kind() == Kind::Array {
        for (index, item) in content.items().enumerate() {
            found |= part(walk, &item, &place.index(index))?;
        }
    }
    Ok(found)
}

/// Reads a part that calls a tool or holds the result of one; false when it does neither.
///
/// The text of a result is its output, as text or as text parts; an output that is a JSON value has none.
pub(super) fn part<N: Node>(walk: &mut Walk, part: &N, place: &Place<'_>) -> Result<bool, Opaque> {
    let kind = member(part, "type")?;
    let is = |name| kind.as_ref().and_then(|kind| kind.read(|kind| kind == name)).unwrap_or(false);
    if is("tool-call") {
        let input = member(part, "input")?;
        walk.call(string(part, "toolCallId")?, string(part, "toolName")?, arguments(input.as_ref()));
        return Ok(true);
    }
    if !is("tool-result") {
        return Ok(false);
    }
    if let Some(output) = member(part, "output")?
        && let Some(value) = member(&output, "value")?
    {
        let is_error = string(&output, "type")?.starts_with("error");
        let answered = walk.answer(&string(part, "toolCallId")?, &string(part, "toolName")?);
        let here = place.key("output");
        if matches!(value.kind(), Kind::String | Kind::Array) {
            walk.emit_content(&Label::result(answered, is_error), &here.key("value"), &value)?;
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use crate::conversation::Shape;
    use crate::conversation::fixture::{blocks, conversation};

    #[test]
    fn results_are_texts_and_text_parts() {
        let list = r#"[{"role":"assistant","content":[{"type":"text","text":"a"},
              {"type":"tool-call","toolCallId":"1","toolName":"f","input":{"n":1}}]},
            {"role":"tool","content":[
              {"type":"tool-result","toolCallId":"1","toolName":"f","output":{"type":"text","value":"x"}},
              {"type":"tool-result","toolCallId":"2","toolName":"g","output":{"type":"error-text","value":"y"}},
              {"type":"tool-result","toolCallId":"3","toolName":"h","output":{"type":"content","value":[
                {"type":"text","text":"z"},{"type":"media","data":"d","mediaType":"image/png"}]}},
              {"type":"tool-result","toolCallId":"4","toolName":"i","output":{"type":"json","value":{"a":1}}}]}]"#;
        assert_eq!(
            blocks(list),
            [
                "[0].content[0].text assistant a",
                "[1].content[0].output.value tool 1:f:{\"n\":1} x",
                "[1].content[1].output.value error 2:g: y",
                "[1].content[2].output.value[0].text tool 3:h: z",
            ]
        );
        assert_eq!(conversation(list).unwrap().shape, Shape::Chat);
    }

    #[test]
    fn a_tool_message_without_such_parts_stays_what_it_is() {
        let list = r#"[{"role":"tool","tool_call_id":"1","content":[{"type":"text","text":"x"}]},
            {"role":"tool","content":[{"type":"tool-result","toolCallId":"1","toolName":"f"}]}]"#;
        assert_eq!(blocks(list), ["[0].content[0].text tool 1:: x"]);
    }
}
