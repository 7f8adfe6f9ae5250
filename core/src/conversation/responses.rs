//! `OpenAI` Responses: a list of items, of which messages are one kind.

use super::block::Role;
use super::chat;
use super::node::Node;
use super::walk::{Label, Opaque, Place, Walk, arguments, member, string};
use crate::json::Kind;

/// Reads the instructions of a body.
pub(super) fn instructions<N: Node>(walk: &mut Walk, body: &N, place: &Place<'_>) -> Result<(), Opaque> {
    if let Some(instructions) = member(body, "instructions")? {
        walk.emit(&Label::text(Role::System), &place.key("instructions"), &instructions);
    }
    Ok(())
}

/// Reads an item without a role: a tool call, the output of one, or something that is left alone, such as reasoning,
/// compaction, and every type that is not known.
pub(super) fn item<N: Node>(walk: &mut Walk, item: &N, kind: &N, place: &Place<'_>) -> Result<(), Opaque> {
    let kind = kind.read(str::to_owned).unwrap_or_default();
    let action = |key: &'static str, name: &str, walk: &mut Walk| -> Result<(), Opaque> {
        let action = member(item, key)?;
        walk.call(call_id(item)?, name.to_owned(), arguments(action.as_ref()));
        Ok(())
    };
    match kind.as_str() {
        "message" => chat::message(walk, item, place),
        "function_call" => chat::function_call(walk, item, "arguments", call_id(item)?, place),
        "custom_tool_call" => chat::function_call(walk, item, "input", call_id(item)?, place),
        "local_shell_call" => action("action", "local_shell", walk),
        "shell_call" => action("action", "shell", walk),
        "apply_patch_call" => action("operation", "apply_patch", walk),
        "computer_call" => action("action", "computer", walk),
        "function_call_output"
        | "custom_tool_call_output"
        | "local_shell_call_output"
        | "shell_call_output"
        | "apply_patch_call_output"
        | "computer_call_output" => {
            let label = Label::result(walk.answer(&call_id(item)?, ""), false);
            output(walk, item, &label, place)
        }
        "mcp_call" => mcp_call(walk, item, place),
        _ => Ok(()),
    }
}

/// The id that calls and outputs share; older local shell items have it under `id`.
fn call_id<N: Node>(item: &N) -> Result<String, Opaque> {
    let id = string(item, "call_id")?;
    if id.is_empty() { string(item, "id") } else { Ok(id) }
}

/// Reads an output: a string, parts, or a list of what commands wrote.
fn output<N: Node>(walk: &mut Walk, item: &N, label: &Label, place: &Place<'_>) -> Result<(), Opaque> {
    let Some(output) = member(item, "output")? else { return Ok(()) };
    let place = place.key("output");
    if output.kind() != Kind::Array {
        return walk.emit_content(label, &place, &output);
    }
    for (index, part) in output.items().enumerate() {
        let place = place.index(index);
        walk.emit_part(label, &place, &part)?;
        for stream in ["stdout", "stderr"] {
            if let Some(written) = member(&part, stream)? {
                walk.emit(label, &place.key(stream), &written);
            }
        }
    }
    Ok(())
}

/// Reads a call that the provider has made itself, with its output.
fn mcp_call<N: Node>(walk: &mut Walk, item: &N, place: &Place<'_>) -> Result<(), Opaque> {
    let (id, name) = (string(item, "id")?, string(item, "name")?);
    let input = member(item, "arguments")?;
    let tool = super::ToolCall { id, name, arguments: arguments(input.as_ref()) };
    if let Some(input) = input {
        walk.emit(&Label::arguments(), &place.key("arguments"), &input);
    }
    let is_error = member(item, "error")?.is_some_and(|error| error.kind() != Kind::Null);
    output(walk, item, &Label::result(Some(tool.into()), is_error), place)
}

#[cfg(test)]
mod tests {
    use crate::conversation::fixture::blocks;

    #[test]
    fn messages_and_instructions_are_read() {
        let body = r#"{"instructions":"i","input":[{"role":"user","content":[{"type":"input_text","text":"a"},{"type":"input_image"}]},
            {"type":"message","role":"assistant","phase":"x","content":[{"type":"output_text","text":"b"},{"type":"refusal","refusal":"r"}]},
            {"type":"reasoning","encrypted_content":"e","summary":[{"type":"summary_text","text":"s"}]},
            {"type":"compaction","encrypted_content":"e"},{"type":"from_the_future","output":"x"}]}"#;
        assert_eq!(
            blocks(body),
            ["instructions system i", "input[0].content[0].text user a", "input[1].content[0].text assistant b"]
        );
        assert_eq!(blocks(r#"{"input":"hi"}"#), ["input user hi"]);
        assert_eq!(blocks(r#"{"type":"response.create","response":{"input":"hi"}}"#), ["response.input user hi"]);
    }

    #[test]
    fn every_compressible_output_is_read_with_its_call() {
        let list = r#"[{"type":"function_call","id":"fc","call_id":"1","name":"f","arguments":"{}"},
            {"type":"function_call_output","call_id":"1","output":"a"},
            {"type":"custom_tool_call","call_id":"2","name":"g","input":"raw"},
            {"type":"custom_tool_call_output","call_id":"2","output":[{"type":"input_text","text":"b"},{"type":"output_text","text":"c"},{"type":"input_image"}]},
            {"type":"local_shell_call","id":"x","call_id":"3","action":{"command":["ls"]}},
            {"type":"local_shell_call_output","id":"3","output":"d"},
            {"type":"shell_call","call_id":"4","action":{"commands":["ls"]}},
            {"type":"shell_call_output","call_id":"4","output":[{"stdout":"e","stderr":"f","outcome":{"type":"exit","exit_code":1}}]},
            {"type":"apply_patch_call","call_id":"5","operation":{"path":"p"}},
            {"type":"apply_patch_call_output","call_id":"5","output":"g"},
            {"type":"computer_call","call_id":"6","action":{"type":"click"}},
            {"type":"computer_call_output","call_id":"6","output":{"type":"computer_screenshot","image_url":"u"}},
            {"type":"computer_call_output","call_id":"6","output":{"type":"input_text","text":"h"}},
            {"type":"mcp_call","id":"7","name":"m","arguments":"{\"k\":1}","output":"i","error":null},
            {"type":"mcp_call","id":"8","name":"m","arguments":"","output":"j","error":"boom"}]"#;
        assert_eq!(
            blocks(list),
            [
                "[0].arguments arguments {}",
                "[1].output tool 1:f:{} a",
                "[2].input arguments raw",
                "[3].output[0].text tool 2:g:raw b",
                "[3].output[1].text tool 2:g:raw c",
                "[5].output tool 3:local_shell:{\"command\":[\"ls\"]} d",
                "[7].output[0].stdout tool 4:shell:{\"commands\":[\"ls\"]} e",
                "[7].output[0].stderr tool 4:shell:{\"commands\":[\"ls\"]} f",
                "[9].output tool 5:apply_patch:{\"path\":\"p\"} g",
                "[12].output.text tool 6:computer:{\"type\":\"click\"} h",
                "[13].arguments arguments {\"k\":1}",
                "[13].output tool 7:m:{\"k\":1} i",
                "[14].output error 8:m: j"
            ]
        );
    }
}
