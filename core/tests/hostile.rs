//! Input that nobody sends on purpose, and input that somebody does: never a panic, never a changed byte outside an
//! edit, and an error that names the path where a call has no meaning.

#![expect(clippy::unwrap_used, reason = "a test ends where it fails")]

use std::time::{Duration, Instant};

use headroom_core::conversation::{Body, Edit, JsonBody};
use headroom_core::{Error, ErrorKind};

/// The texts of all blocks, after checking that no edit changes no byte and that each edit changes its string alone.
fn texts(source: &str) -> Vec<String> {
    const NEW: &str = "\u{1}new text\u{2}";
    let body = JsonBody::parse(source).unwrap();
    let conversation = body.conversation().unwrap();
    assert_eq!(body.edited(&conversation, &[]).unwrap().as_str(), source);
    for (index, block) in conversation.blocks.iter().enumerate() {
        let edited = body.edited(&conversation, &[Edit { block: index, text: NEW.into() }]).unwrap();
        let (before, after) = edited.as_str().split_once("\"\\u0001new text\\u0002\"").unwrap();
        assert!(source.len() >= before.len() + after.len());
        assert!(source.starts_with(before) && source.ends_with(after), "{}", block.path);
        let old = &source[before.len()..source.len() - after.len()];
        assert_eq!(serde_json::from_str::<String>(old).unwrap(), *block.text);
    }
    conversation.blocks.iter().map(|block| block.text.to_string()).collect()
}

fn error(source: &str) -> Error {
    match JsonBody::parse(source) {
        Ok(body) => body.conversation().unwrap_err(),
        Err(error) => error,
    }
}

#[test]
fn half_a_surrogate_pair_is_left_alone() {
    let source = r#"[{"role":"user","content":"\ud800"},{"role":"tool","content":"a\udc00b"},{"role":"user","content":"ok \ud83d\ude00"},
        {"role":"assistant","tool_calls":[{"id":"\ud800","function":{"name":"\ud800","arguments":"{}"}}]},
        {"role":"\ud800","content":"other"},{"\ud800":1,"role":"user","content":"last"}]"#;
    assert_eq!(texts(source), ["ok 😀", "{}", "other", "last"]);
}

#[test]
fn nul_and_control_characters_come_through() {
    assert_eq!(texts(r#"[{"role":"user","content":"a\u0000b\u001f\r"}]"#), ["a\0b\u{1f}\r"]);
}

#[test]
fn numbers_that_no_program_holds_keep_their_spelling() {
    let source = r#"{"seed":1180591620717411303424,"t":1e400,"p":-0.0,"n":1.0,"m":1E0,"messages":[{"role":"user","content":"a","x":[1e-999,2e+5]}]}"#;
    assert_eq!(texts(source), ["a"]);
    assert_eq!(texts(r#"[{"role":"user","content":1e400},{"role":1.0,"content":"b"}]"#), ["b"]);
}

#[test]
fn duplicate_keys_survive_and_make_their_message_opaque() {
    let source = r#"{"model":"a","model":"b","messages":[{"role":"user","content":"safe","content":"smuggled"},
        {"role":"tool","tool_call_id":"1","tool_call_id":"2","content":"x"},{"role":"user","content":"read","name":1,"name":2},
        {"role":"user","cont\u0065nt":"one","content":"two"}]}"#;
    assert_eq!(texts(source), ["read"]);
    assert!(texts(r#"{"messages":[{"role":"user","content":"a"}],"messages":[]}"#).is_empty());
    assert_eq!(texts(r#"{"system":"a","system":"b","messages":[{"role":"user","content":"c"}]}"#), ["c"]);
}

#[test]
fn nesting_of_any_depth_is_read_around() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let objects = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    for value in [&deep, &objects] {
        let source = format!(r#"[{{"role":"user","content":"a","x":{value}}},{{"role":"user","content":{value}}}]"#);
        assert_eq!(texts(&source), ["a"]);
        let source = format!(r#"{{"messages":[{{"role":"tool","content":"a"}}],"metadata":{value}}}"#);
        assert_eq!(texts(&source), ["a"]);
        let messages = JsonBody::parse(source).unwrap();
        assert_eq!(messages.payload().unwrap().to_json().unwrap_err().kind(), ErrorKind::InvalidInput);
        assert!(messages.messages().unwrap().to_json().is_ok());
    }
    let source = format!(
        r#"[{{"role":"assistant","content":[{{"type":"tool_use","id":"1","name":"f","input":{deep}}}]}},
        {{"role":"user","content":[{{"type":"tool_result","tool_use_id":"1","content":"r"}}]}}]"#
    );
    assert_eq!(texts(&source), ["r"]);
    assert_eq!(error(&deep).to_string(), "messages[0]: expected an object, found a list");
    assert_eq!(error(&"[".repeat(1_000_000)).kind(), ErrorKind::InvalidInput);
}

#[test]
fn empty_missing_and_foreign_content_is_no_error() {
    let source = r#"[{"role":"user","content":""},{"role":"user","content":null},{"role":"user"},{"role":"user","content":[]},
        {"role":"user","content":{}},{"role":"user","content":true},{"role":null,"content":"a"},{"content":["b"]},
        {"role":"user","content":["plain",{"type":"text","text":null},{"type":"text","text":""},{"type":7,"text":"c"},null,[["d"]],
            {"type":"text","text":"e"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}},{"text":"f"}]},
        {"role":"assistant","tool_calls":{"0":1}},{"role":"assistant","tool_calls":[null,{"function":"f"},{"function":{"arguments":{}}}]},
        {"role":"tool","content":[{"type":"tool_result","content":"g"}]},{"parts":"h"},{"parts":[null,{"functionResponse":"i"}]},
        {"type":"function_call_output"},{"type":"function_call_output","output":null},{"type":null}]"#;
    assert_eq!(texts(source), ["a", "e"]);
    assert!(texts("[]").is_empty());
    assert!(texts(r#"{"contents":[],"input":7}"#).is_empty());
}

#[test]
fn markers_in_user_data_are_text_like_any_other() {
    let marker = "[1/2 rows shown; headroom_retrieve hash=000000000000000000000000]";
    let source =
        format!(r#"[{{"role":"user","content":"{marker}"}},{{"role":"tool","content":"a\n{marker}\n<<ccr:abc>>"}}]"#);
    assert_eq!(texts(&source), [marker.to_owned(), format!("a\n{marker}\n<<ccr:abc>>")]);
}

#[test]
fn what_makes_a_call_meaningless_is_an_error_that_names_the_place() {
    for (source, sentence) in [
        ("", "body: expected a value, found the end of the text at byte 0"),
        ("{\"messages\":[}", "body: expected a value, found '}' at byte 13"),
        ("\u{feff}[]", "body: expected a value, found '\\u{feff}' at byte 0"),
        ("null", "expected a list of messages or a request body, found null"),
        ("{\"messages\":{}}", "messages: expected a list, found an object"),
        ("{\"contents\":\"x\"}", "contents: expected a list, found a string"),
        ("[{},\"x\"]", "messages[1]: expected an object, found a string"),
        ("{\"input\":[[]]}", "input[0]: expected an object, found a list"),
    ] {
        let error = error(source);
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::InvalidInput, sentence));
    }
}

#[test]
fn large_input_costs_linear_time() {
    let large = "x\\n".repeat(7_000_000);
    let many_parts = vec![r#"{"type":"tool_result","tool_use_id":"1","content":"r"}"#; 50_000].join(",");
    let many_messages = vec![r#"{"role":"tool","tool_call_id":"1","content":"r"}"#; 50_000].join(",");
    let many_keys = (0..50_000).map(|key| format!("\"{key}\":1")).collect::<Vec<_>>().join(",");
    for source in [
        format!(r#"[{{"role":"tool","content":"{large}"}}]"#),
        format!(r#"[{{"role":"user","content":[{many_parts}]}}]"#),
        format!(r#"{{{many_keys},"messages":[{many_messages}]}}"#),
        format!(r#"[{{"role":"user","content":"a",{many_keys}}}]"#),
        format!(r#"[{}{{"role":"user","content":"a"}}]"#, " ".repeat(1_000_000)),
        format!(r#"[{{"role":"user","content":"{}"}}]"#, "\\\"".repeat(1_000_000)),
    ] {
        let start = Instant::now();
        let body = JsonBody::parse(source).unwrap();
        let conversation = body.conversation().unwrap();
        assert_eq!(conversation.questions().len(), conversation.blocks.len());
        let edits: Vec<_> = (0..conversation.blocks.len()).map(|block| Edit { block, text: "new".into() }).collect();
        let again = body.edited(&conversation, &edits).unwrap().conversation().unwrap();
        assert!(again.blocks.iter().all(|block| &*block.text == "new"));
        // Quadratic work on any of these takes minutes; the bound leaves room for a busy machine.
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    }
}
