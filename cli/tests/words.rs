//! Help, errors and completions: what a person reads.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod command;

use command::{Place, words};

#[test]
fn every_command_has_a_help_text() {
    let place = Place::new();
    let all = place.succeed(&["help"], b"");
    let commands = ["demo", "compress", "retrieve", "verify", "store", "stats", "mcp", "completions"];
    for name in commands {
        assert!(all.contains(&format!("\n  {name} ")), "{name} in {all}");
        for arguments in [&[name, "--help"][..], &[name, "-h"], &["help", name]] {
            let text = place.succeed(arguments, b"");
            assert!(text.contains("Usage: headroom"), "{arguments:?}: {text}");
            assert!(text.lines().all(|line| line.chars().count() <= 100), "{arguments:?}: {text}");
        }
    }
    for name in ["list", "purge"] {
        assert!(place.succeed(&["store", name, "--help"], b"").contains("Usage: headroom store"));
    }
    assert!(place.succeed(&["--version"], b"").starts_with("headroom "));
}

#[test]
fn wrong_arguments_are_exit_code_two() {
    let place = Place::new();
    for arguments in [
        &["compres"][..],
        &["compress", "--mode", "most"],
        &["compress", "--budget", "many"],
        &["compress", "--json", "--diff"],
        &["compress", "--query", "x"],
        &["retrieve"],
        &["store", "purge"],
        &["store", "purge", "--older-than", "soon"],
        &[],
    ] {
        let output = place.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}: {output:?}");
    }
}

#[test]
fn an_error_is_one_line_that_names_what_was_expected() {
    let place = Place::new();
    let cases: [(&[&str], &[u8], &str); 7] = [
        (&["compress", "missing.json"], b"", "missing.json"),
        (&["compress"], b"", "expected"),
        (&["compress"], b"{\"messages\": [", "expected"),
        (&["compress"], b"Traceback (most recent call last):", "expected"),
        (&["compress"], b"[1, 2, 3]", "expected"),
        (&["compress"], b"{\"a\": 1}", "expected"),
        (&["compress", "--text"], b"\xff\xfe", "expected UTF-8"),
    ];
    for (arguments, input, named) in cases {
        let output = place.pipe(arguments, input);
        assert_eq!(output.status.code(), Some(1), "{arguments:?} {input:?}: {output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        let text = words(&output);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("error: ") && text.contains(named), "{input:?}: {text}");
        assert!(lines.len() == 1 || (lines.len() == 2 && lines[1].starts_with("hint: ")), "{text}");
    }
}

#[test]
fn every_shell_gets_its_completions() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = place.succeed(&["completions", shell], b"");
        assert!(script.contains("headroom") && script.contains("retrieve"), "{shell}");
    }
}

#[test]
fn the_demo_is_short_and_true() {
    let place = Place::new();
    let start = std::time::Instant::now();
    let text = place.succeed(&["demo"], b"");
    // A debug build on a busy machine; the released one takes a fraction.
    assert!(start.elapsed().as_secs() < 10);
    assert!(text.lines().count() <= 50, "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    assert!(text.contains("kept") && text.contains("left out"), "{text}");
    assert!(text.contains("byte-identical"), "{text}");
    let hash = text.lines().find_map(|line| line.trim().split_once(" retrieve ")).unwrap().1.split(' ').next().unwrap();
    let original = place.succeed(&["retrieve", hash], b"");
    let case = command::case("mixed_k8s_incident");
    let contents = case["messages"].as_array().unwrap().iter().filter_map(|message| message["content"].as_str());
    assert!(contents.into_iter().any(|content| content == original));
}
