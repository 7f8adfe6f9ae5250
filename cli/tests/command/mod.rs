//! Runs the built command with a store of its own.

#![expect(dead_code, reason = "each test file uses a part of it")]

#[cfg(unix)]
pub(crate) mod wire;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A folder with a store, gone with the test.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The command, with its store in this folder and without the caller's colours.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_headroom"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("HEADROOM_STORE", self.path("store.db"))
            .env("HOME", self.folder.path())
            .env_remove("NO_COLOR");
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).stdin(Stdio::null()).output().unwrap()
    }

    /// Runs with something on standard input.
    pub(crate) fn pipe(&self, arguments: &[&str], input: &[u8]) -> Output {
        let mut command = self.command(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let writer = std::thread::spawn(move || {
            // A command that fails early does not read everything.
            let _ = stdin.write_all(&input);
        });
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        output
    }

    /// Runs with success and gives standard output.
    pub(crate) fn succeed(&self, arguments: &[&str], input: &[u8]) -> String {
        let output = self.pipe(arguments, input);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

/// Standard error as text.
pub(crate) fn words(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A recorded case as a request body.
pub(crate) fn case(name: &str) -> serde_json::Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/cases").join(name).with_extension("json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// 400 rows as the output of a tool, indented, with one that matters.
pub(crate) fn rows() -> String {
    let rows: Vec<_> = (0..400)
        .map(|id| {
            let state = if id == 217 { "CrashLoopBackOff" } else { "Running" };
            serde_json::json!({"id": id, "name": format!("worker-{:02}", id % 40), "state": state, "restarts": id % 3})
        })
        .collect();
    serde_json::to_string_pretty(&rows).unwrap()
}

/// A conversation of the `OpenAI` shape whose tool result is `text`, with spacing that no serialiser writes.
pub(crate) fn conversation(text: &str) -> String {
    let (call, text) =
        (r#"{"id":"c1","type":"function","function":{"name":"kubectl","arguments":"{}"}}"#, serde_json::json!(text));
    format!(
        "[ {{\"role\":\"user\",\n\"content\":\"Which worker crashes?\",\"x\":1e400}} ,{{\"role\":\"assistant\",\"content\":null,\
         \"tool_calls\":[{call}]}},{{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":{text}}} ]\n"
    )
}

/// Lines without a pattern that could be folded away, so that a subset must leave some out; each number gives others.
pub(crate) fn noise(number: u64) -> String {
    let mut state = number + 7;
    let mut text = String::new();
    for line in 0..3_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let word = ["ready", "waiting", "sent", "öffnet", "日本"][(state >> 40) as usize % 5];
        let (minute, second) = (line / 60 % 60, line % 60);
        text.push_str(&format!("2024-05-01T10:{minute:02}:{second:02} INFO worker {word} {state:x}\r\n"));
    }
    text.push_str("the last line has no line break");
    text
}
