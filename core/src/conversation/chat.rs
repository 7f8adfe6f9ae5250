//! Messages with a role and a content: `OpenAI` Chat Completions, and what the other APIs have in common with it.

use super::block::Role;
use super::node::Node;
use super::walk::{Label, Opaque, Place, Walk, arguments, member, string};
use super::{messages, vercel};
use crate::json::Kind;

/// Reads a message with a role.
///
/// Texts are the content, as a string or as text parts, and the arguments of tool calls. Images, audio, files, refusals
/// and parts of unknown types are left alone.
pub(super) fn message<N: Node>(walk: &mut Walk, message: &N, place: &Place<'_>) -> Result<(), Opaque> {
    let role = string(message, "role")?;
    let content = member(message, "content")?;
    let here = place.key("content");
    match (role.as_str(), content) {
        ("tool" | "function", Some(content)) => {
            if vercel::results(walk, &content, &here)? {
                return Ok(());
            }
            let name = string(message, "name")?;
            let id = string(message, "tool_call_id")?;
            let label = Label::result(walk.answer(&id, &name), false);
            walk.emit_content(&label, &here, &content)?;
        }
        (role, Some(content)) => {
            let role = role_of(role);
            let label = Label::text(role);
            // What tools say comes from the user's side and goes to the assistant's; elsewhere such parts mean nothing.
            let is_turn = matches!(role, Role::User | Role::Assistant);
            if is_turn && content.kind() == Kind::Array {
                for (index, part) in content.items().enumerate() {
                    let place = here.index(index);
                    if !messages::part(walk, &part, &place)? && !vercel::part(walk, &part, &place)? {
                        walk.emit_part(&label, &place, &part)?;
                    }
                }
            } else {
                walk.emit_content(&label, &here, &content)?;
            }
        }
        (_, None) => {}
    }
    tool_calls(walk, message, place)
}

fn role_of(role: &str) -> Role {
    match role {
        "system" | "developer" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        _ => Role::Other,
    }
}

/// Reads the calls of an assistant message, with the one call that the legacy API has.
fn tool_calls<N: Node>(walk: &mut Walk, message: &N, place: &Place<'_>) -> Result<(), Opaque> {
    if let Some(calls) = member(message, "tool_calls")? {
        let place = place.key("tool_calls");
        for (index, call) in calls.items().enumerate() {
            let id = string(&call, "id")?;
            for (key, input) in [("function", "arguments"), ("custom", "input")] {
                if let Some(function) = member(&call, key)? {
                    function_call(walk, &function, input, id.clone(), &place.index(index).key(key))?;
                }
            }
        }
    }
    if let Some(function) = member(message, "function_call")? {
        function_call(walk, &function, "arguments", String::new(), &place.key("function_call"))?;
    }
    Ok(())
}

/// Reads an object with a name and arguments.
pub(super) fn function_call<N: Node>(
    walk: &mut Walk,
    function: &N,
    input: &'static str,
    id: String,
    place: &Place<'_>,
) -> Result<(), Opaque> {
    let name = string(function, "name")?;
    let value = member(function, input)?;
    if !(id.is_empty() && name.is_empty()) {
        walk.call(id, name, arguments(value.as_ref()));
    }
    if let Some(value) = value {
        walk.emit(&Label::arguments(), &place.key(input), &value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::conversation::fixture::blocks;

    #[test]
    fn every_role_and_both_kinds_of_content_are_read() {
        let list = r#"[{"role":"system","content":"a"},{"role":"developer","content":"b"},
            {"role":"user","content":[{"type":"text","text":"c"},{"type":"image_url","image_url":{"url":"x"}},{"type":"text","text":"d"}]},
            {"role":"assistant","content":null,"refusal":"no"},{"role":"critic","content":"e"},{"content":"f"}]"#;
        assert_eq!(
            blocks(list),
            [
                "[0].content system a",
                "[1].content system b",
                "[2].content[0].text user c",
                "[2].content[2].text user d",
                "[4].content other e",
                "[5].content other f"
            ]
        );
    }

    #[test]
    fn results_know_their_calls_by_id() {
        let list = r#"[{"role":"assistant","content":"t","tool_calls":[
              {"id":"1","type":"function","function":{"name":"f","arguments":"{\"a\": 1}"}},
              {"id":"2","type":"custom","custom":{"name":"g","input":"raw"}}]},
            {"role":"tool","tool_call_id":"2","content":"two"},
            {"role":"tool","tool_call_id":"1","content":[{"type":"text","text":"one"}]},
            {"role":"tool","tool_call_id":"9","content":"nine"}]"#;
        assert_eq!(
            blocks(list),
            [
                "[0].content assistant t",
                "[0].tool_calls[0].function.arguments arguments {\"a\": 1}",
                "[0].tool_calls[1].custom.input arguments raw",
                "[1].content tool 2:g:raw two",
                "[2].content[0].text tool 1:f:{\"a\": 1} one",
                "[3].content tool 9:: nine"
            ]
        );
    }

    #[test]
    fn the_legacy_function_call_is_answered_by_name() {
        let list = r#"[{"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{}"}},
            {"role":"function","name":"f","content":"x"}]"#;
        assert_eq!(blocks(list), ["[0].function_call.arguments arguments {}", "[1].content tool :f:{} x"]);
    }
}
