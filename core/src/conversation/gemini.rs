//! Gemini: contents with parts, each of which is told by the member that it has.

use super::block::Role;
use super::node::Node;
use super::walk::{Label, Opaque, Place, Walk, arguments, member, member_of, string};
use crate::json::Kind;

/// The members of a function's response in which tools put text. The API asks for `output` and `error`; the others are
/// what frameworks write.
///
/// # Sources
/// The API reference on `FunctionResponse.response`; the other names chosen by hand.
const RESPONSE_TEXTS: [&str; 9] =
    ["output", "result", "content", "text", "stdout", "stderr", "message", "data", "error"];

/// Reads the system text of a body, in either spelling.
pub(super) fn system_instruction<N: Node>(walk: &mut Walk, body: &N, place: &Place<'_>) -> Result<(), Opaque> {
    let Some((key, system)) = member_of(body, ["systemInstruction", "system_instruction"])? else { return Ok(()) };
    let label = Label::text(Role::System);
    let place = place.key(key);
    walk.emit(&label, &place, &system);
    if let Some(parts) = member(&system, "parts")? {
        let place = place.key("parts");
        for (index, part) in parts.items().enumerate() {
            text(walk, &part, &label, &place.index(index))?;
        }
    }
    Ok(())
}

/// Reads a content.
pub(super) fn content<N: Node>(walk: &mut Walk, content: &N, parts: &N, place: &Place<'_>) -> Result<(), Opaque> {
    let role = member(content, "role")?;
    let role = role.map_or(Some(Role::User), |role| role.read(role_of)).unwrap_or(Role::Other);
    let label = Label::text(role);
    let place = place.key("parts");
    for (index, part) in parts.items().enumerate() {
        let place = place.index(index);
        if let Some((_, call)) = member_of(&part, ["functionCall", "function_call"])? {
            let input = member(&call, "args")?;
            walk.call(string(&call, "id")?, string(&call, "name")?, arguments(input.as_ref()));
        } else if let Some((key, response)) = member_of(&part, ["functionResponse", "function_response"])? {
            if !is_signed(&part)? {
                function_response(walk, &response, &place.key(key))?;
            }
        } else {
            text(walk, &part, &label, &place)?;
        }
    }
    Ok(())
}

fn role_of(role: &str) -> Role {
    match role {
        "user" => Role::User,
        "model" => Role::Assistant,
        "function" => Role::Tool,
        "system" => Role::System,
        _ => Role::Other,
    }
}

/// Reads the text of a part, unless the model thought it or signed it.
fn text<N: Node>(walk: &mut Walk, part: &N, label: &Label, place: &Place<'_>) -> Result<(), Opaque> {
    let is_thought = member(part, "thought")?.is_some_and(|thought| thought.is_true());
    if let Some(text) = member(part, "text")?
        && !is_thought
        && !is_signed(part)?
    {
        walk.emit(label, &place.key("text"), &text);
    }
    Ok(())
}

fn is_signed<N: Node>(part: &N) -> Result<bool, Opaque> {
    Ok(member_of(part, ["thoughtSignature", "thought_signature"])?
        .is_some_and(|(_, signature)| signature.kind() != Kind::Null))
}

/// Reads the texts of a response, which pairs with its call by id or by name.
fn function_response<N: Node>(walk: &mut Walk, function: &N, place: &Place<'_>) -> Result<(), Opaque> {
    let tool = walk.answer(&string(function, "id")?, &string(function, "name")?);
    let Some(response) = member(function, "response")? else { return Ok(()) };
    let place = place.key("response");
    for key in RESPONSE_TEXTS {
        if let Some(text) = member(&response, key)? {
            let label = Label::result(tool.clone(), key == "error");
            walk.emit(&label, &place.key(key), &text);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::conversation::fixture::blocks;

    #[test]
    fn texts_are_read_and_thoughts_are_not() {
        let body = r#"{"systemInstruction":{"parts":[{"text":"s"}]},"contents":[
            {"role":"user","parts":[{"text":"a"},{"inlineData":{"mimeType":"image/png","data":"x"}}]},
            {"role":"model","parts":[{"text":"t","thought":true},{"text":"u","thoughtSignature":"x"},{"text":"b","thought":false}]},
            {"parts":[{"text":"c"}]},{"role":"robot","parts":[{"text":"d"}]},{"role":"user","parts":null}]}"#;
        assert_eq!(
            blocks(body),
            [
                "systemInstruction.parts[0].text system s",
                "contents[0].parts[0].text user a",
                "contents[1].parts[2].text assistant b",
                "contents[2].parts[0].text user c",
                "contents[3].parts[0].text other d"
            ]
        );
        assert_eq!(blocks(r#"{"system_instruction":"s","contents":[]}"#), ["system_instruction system s"]);
    }

    #[test]
    fn responses_pair_with_the_oldest_open_call_of_their_name_or_by_id() {
        let list = r#"[{"role":"model","parts":[{"functionCall":{"name":"f","args":{"n": 1}},"thoughtSignature":"x"},
              {"functionCall":{"name":"f","args":{"n": 2}}},{"function_call":{"id":"9","name":"g","args":{}}}]},
            {"role":"user","parts":[{"functionResponse":{"id":"9","name":"g","response":{"result":"r"}}},
              {"functionResponse":{"name":"f","response":{"output":"one","extra":"untouched","n":1}}},
              {"function_response":{"name":"f","response":{"error":"two"}}},
              {"functionResponse":{"name":"f","response":{"output":"three"}}},
              {"functionResponse":{"name":"f","response":"text"}}]}]"#;
        assert_eq!(
            blocks(list),
            [
                "[1].parts[0].functionResponse.response.result tool 9:g:{} r",
                "[1].parts[1].functionResponse.response.output tool :f:{\"n\":1} one",
                "[1].parts[2].function_response.response.error error :f:{\"n\":2} two",
                "[1].parts[3].functionResponse.response.output tool :f: three"
            ]
        );
    }
}
