//! Several processes on one store file, and writers that are killed (guarantee G7).
//!
//! The tests start this same executable again as the writer: `writer` below does nothing unless the variables are set.
#![cfg(feature = "sqlite")]
#![expect(clippy::unwrap_used, reason = "a test")]

use std::borrow::Cow;
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use headroom_core::ccr::{Hash, Lookup, Original, SqliteOptions, SqliteStore, Store};

const FILE: &str = "HEADROOM_TEST_STORE_FILE";
const NAME: &str = "HEADROOM_TEST_WRITER";
const COUNT: &str = "HEADROOM_TEST_COUNT";

/// The text with a number of a writer: 1 to 40 KB, half of it hard to compress.
fn text(writer: &str, number: usize) -> String {
    let mut text = format!("{writer} {number}\n");
    let lines = 10 + (number * 37) % 400;
    for line in 0..lines {
        let noise = blake3::hash(format!("{writer} {number} {line}").as_bytes());
        text.push_str(&format!("line {line} of a log with a request id {noise}\r\n"));
    }
    text
}

fn originals(texts: &[String]) -> Vec<Original<'_>> {
    let original = |text: &'_ String| Original {
        hash: Hash::of(text),
        text: Cow::Owned(text.clone()),
        tokens: 1,
        items: 1,
        items_shown: 0,
        tool_name: "writer".into(),
    };
    texts.iter().map(original).collect()
}

fn open(path: &Path) -> SqliteStore {
    let options = SqliteOptions { busy_timeout_ms: 60_000, ..SqliteOptions::default() };
    SqliteStore::open(path, options).unwrap()
}

/// The body of the child process: stores pairs and acknowledges each on a line of its own.
#[test]
fn writer() {
    let (Ok(file), Ok(name), Ok(count)) = (env::var(FILE), env::var(NAME), env::var(COUNT)) else { return };
    let store = open(Path::new(&file));
    let mut output = std::io::stdout();
    for number in 0..count.parse().unwrap() {
        let pair = [text(&name, number), text("shared", number)];
        store.put(&originals(&pair)).unwrap();
        writeln!(output, "\nstored {number}").unwrap();
        output.flush().unwrap();
    }
}

fn start(file: &Path, name: &str, count: usize) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["writer", "--exact", "--nocapture", "--test-threads=1"])
        .env(FILE, file)
        .env(NAME, name)
        .env(COUNT, count.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Reads acknowledgements until `enough` came or the writer ended, and gives their numbers.
fn acknowledged(lines: &mut impl Iterator<Item = std::io::Result<String>>, enough: usize) -> Vec<usize> {
    lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("stored ")?.parse().ok()).take(enough).collect()
}

fn assert_stored(store: &dyn Store, texts: &[String]) {
    for text in texts {
        match store.peek(Hash::of(text)).unwrap() {
            Lookup::Found { original, .. } => assert_eq!(original.text, *text),
            other => panic!("an acknowledged original is {other:?}"),
        }
    }
}

#[test]
fn two_processes_write_at_once() {
    let folder = tempfile::tempdir().unwrap();
    // Neither finds a file there: both try to make it.
    let file = folder.path().join("new/originals.db");
    let mut writers = ["one", "two"].map(|name| (name, start(&file, name, 60)));
    for (_, writer) in &mut writers {
        let mut lines = BufReader::new(writer.stdout.take().unwrap()).lines();
        assert_eq!(acknowledged(&mut lines, usize::MAX).len(), 60);
        assert!(writer.wait().unwrap().success());
    }
    let store = open(&file);
    for (name, _) in &writers {
        assert_stored(&store, &(0..60).map(|number| text(name, number)).collect::<Vec<_>>());
    }
    assert_eq!(store.stats().unwrap().entries, 180);
}

#[test]
fn everything_acknowledged_before_a_kill_resolves_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("originals.db");
    let mut stored = Vec::new();
    for round in 0..4 {
        let name = format!("round {round}");
        let mut writer = start(&file, &name, 100_000);
        let mut lines = BufReader::new(writer.stdout.take().unwrap()).lines();
        let mut numbers = acknowledged(&mut lines, 10 + 15 * round);
        writer.kill().unwrap();
        writer.wait().unwrap();
        // What it said between the last line read and its end.
        numbers.extend(acknowledged(&mut lines, usize::MAX));
        assert!(numbers.len() >= 10 + 15 * round);
        stored.extend(numbers.into_iter().flat_map(|number| [text(&name, number), text("shared", number)]));
        assert_stored(&open(&file), &stored);
    }
    assert_stored(&open(&file), &stored);
}
