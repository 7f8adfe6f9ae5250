//! `headroom compress`: data on standard output, words on standard error.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod command;

use command::{Place, case, conversation, rows, words};
use serde_json::Value;

#[test]
fn a_pipe_gets_the_smaller_body_and_nothing_else() {
    let place = Place::new();
    let input = conversation(&rows());
    let output = place.pipe(&["compress"], input.as_bytes());
    assert!(output.status.success(), "{output:?}");
    let smaller = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(smaller.len() < input.len() / 2, "{} of {}", smaller.len(), input.len());
    // Everything up to the tool result is as it came, spacing and `1e400` included.
    let untouched = input.find("\"tool_call_id\"").unwrap();
    assert_eq!(smaller[..untouched], input[..untouched]);
    assert!(smaller.ends_with("} ]\n"), "{:?}", &smaller[smaller.len() - 20..]);
    assert!(smaller.contains("CrashLoopBackOff"));
    assert!(words(&output).contains("tokens"), "{output:?}");
}

#[test]
fn a_file_and_standard_input_give_the_same_bytes() {
    let place = Place::new();
    let input = conversation(&rows());
    std::fs::write(place.path("request.json"), &input).unwrap();
    let from_file = place.succeed(&["compress", "request.json"], b"");
    assert_eq!(from_file, place.succeed(&["compress", "-"], input.as_bytes()));
    assert_eq!(from_file, place.succeed(&["compress"], input.as_bytes()));
}

#[test]
fn json_prints_the_whole_result_around_the_same_messages() {
    let place = Place::new();
    let input = conversation(&rows());
    let body = place.succeed(&["compress", "--quiet"], input.as_bytes());
    let text = place.succeed(&["compress", "--json"], input.as_bytes());
    assert!(text.starts_with(&format!("{{\"messages\":{body}")), "{text:.80}");
    // `1e400` is JSON that a number type cannot hold.
    let result: Value = serde_json::from_str(&text.replace("1e400", "0")).unwrap();
    let (before, after) = (result["tokens_before"].as_u64().unwrap(), result["tokens_after"].as_u64().unwrap());
    assert!(after < before);
    assert_eq!(result["tokens_saved"].as_u64(), Some(before - after));
    assert_eq!(result["compressed"], true);
    for name in ["compression_ratio", "transforms_applied", "ccr_hashes", "pipeline_timing", "certificate", "report"] {
        assert!(!result[name].is_null(), "{name}");
    }
}

#[test]
fn diff_shows_both_sides_and_colours_only_when_asked() {
    let place = Place::new();
    let input = conversation(&rows());
    let plain = place.succeed(&["compress", "--diff"], input.as_bytes());
    assert!(plain.contains("kubectl {}"), "{plain}");
    assert!(plain.lines().any(|line| line.starts_with("- ")) && plain.lines().any(|line| line.starts_with("+ ")));
    assert!(!plain.contains('\u{1b}'));
    let coloured = place.succeed(&["compress", "--diff", "--color", "always"], input.as_bytes());
    assert!(coloured.contains("\u{1b}["));
    let full = place.succeed(&["compress", "--diff=full"], input.as_bytes());
    assert_eq!(
        full.lines().filter(|line| line.starts_with("- ") || line.starts_with("  ")).count(),
        rows().lines().count()
    );
}

#[test]
fn recorded_escapes_are_not_sent_to_the_terminal() {
    let place = Place::new();
    let text = rows().replace("Running", "\\u001b[31mRunning").replacen('[', "[\u{1b}", 0);
    let shown = place
        .succeed(&["compress", "--diff=full", "--text", "--color", "never"], format!("{text}\n\u{1b}[2J").as_bytes());
    assert!(!shown.contains('\u{1b}'));
}

#[test]
fn one_text_comes_back_as_text() {
    let place = Place::new();
    let smaller = place.succeed(&["compress", "--text", "--query", "which worker crashes?"], rows().as_bytes());
    assert!(smaller.len() < rows().len() / 2);
    assert!(smaller.contains("CrashLoopBackOff"));
    assert!(!smaller.contains("\"role\""));
    for text in ["", "\n", "short\r\n", "no line break"] {
        assert_eq!(place.succeed(&["compress", "--text", "--query", "which?"], text.as_bytes()), text);
    }
}

#[test]
fn lossless_mode_leaves_nothing_out() {
    let place = Place::new();
    let text = place.succeed(&["compress", "--json", "--mode", "lossless"], conversation(&rows()).as_bytes());
    let result: Value = serde_json::from_str(&text.replace("1e400", "0")).unwrap();
    assert_eq!(result["ccr_hashes"].as_array().map(Vec::len), Some(0));
    assert!(!text.contains("headroom_retrieve"));
}

#[test]
fn a_budget_is_met() {
    let place = Place::new();
    let text = place.succeed(&["compress", "--json", "--budget", "600"], conversation(&rows()).as_bytes());
    let result: Value = serde_json::from_str(&text.replace("1e400", "0")).unwrap();
    assert!(result["tokens_after"].as_u64().unwrap() <= 600, "{}", result["tokens_after"]);
}

#[test]
fn every_shape_of_conversation_gets_smaller() {
    let place = Place::new();
    let mut bodies: Vec<(&str, Value)> = ["mixed_k8s_incident", "json_array_flights", "mixed_trivy_triage"]
        .map(|name| {
            let mut case = case(name);
            (name, if case["payload"].is_null() { case } else { case["payload"].take() })
        })
        .into();
    bodies.push((
        "Gemini",
        serde_json::json!({"contents": [
            {"role": "user", "parts": [{"text": "Which worker crashes?"}]},
            {"role": "model", "parts": [{"functionCall": {"name": "kubectl", "args": {}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "kubectl", "response": {"output": rows()}}}]},
        ]}),
    ));
    for (name, body) in bodies {
        let body = body.to_string();
        let smaller = place.succeed(&["compress", "--quiet"], body.as_bytes());
        assert!(smaller.len() < body.len(), "{name}: {} of {}", smaller.len(), body.len());
        serde_json::from_str::<Value>(&smaller).unwrap();
    }
}

#[test]
fn a_model_in_the_body_chooses_the_tokenizer() {
    let place = Place::new();
    let tokenizer = |body: &str, more: &[&str]| {
        let arguments: Vec<&str> = ["compress", "--json"].iter().chain(more).copied().collect();
        let result: Value = serde_json::from_str(&place.succeed(&arguments, body.as_bytes())).unwrap();
        result["report"]["tokenizer"].as_str().unwrap().to_owned()
    };
    let body = r#"{"model":"gpt-4o","messages":[{"role":"user","content":"hello"}]}"#;
    assert_eq!(tokenizer(body, &[]), "o200k_base");
    assert_eq!(tokenizer(body, &["--model", "gpt-4"]), "cl100k_base");
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let place = Place::new();
    std::fs::write(place.path("request.json"), conversation(&rows())).unwrap();
    let mut command = place.command(&["compress", "--diff=full", "request.json", "--quiet"]);
    let mut child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(words(&output), "");
    assert!(output.status.success(), "{output:?}");
}
