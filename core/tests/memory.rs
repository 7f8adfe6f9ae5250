//! What a compression takes of memory, told by the system. Alone in its program, so that nothing else is counted.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::sync::Arc;

use headroom_core::ccr::{SqliteOptions, SqliteStore};
use headroom_core::{Call, Engine, JsonBody};

/// A field of the process's status, in bytes.
fn status(field: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim_matches(|c: char| !c.is_ascii_digit()).parse::<usize>().unwrap() * 1024
}

/// A tool result of about so many bytes, one of rows and one of lines.
fn results(bytes: usize, seed: usize) -> [String; 2] {
    let mut rows = String::from("[");
    for id in 0.. {
        let _ = write!(rows, r#"{{"id":{id},"host":"node-{id}-{seed}","load":0.{},"state":"up"}},"#, id * 7919 % 1000);
        if rows.len() >= bytes {
            break;
        }
    }
    rows.push_str("{}]");
    let mut lines = String::new();
    for id in 0.. {
        let _ = writeln!(
            lines,
            "2026-03-01 10:00:{:02} INFO pool-{seed}: request {id} served in {} ms",
            id % 60,
            id * 31 % 900
        );
        if lines.len() >= bytes {
            break;
        }
    }
    [rows, lines]
}

fn body(text: &str) -> String {
    let call =
        serde_json::json!({"id": "1", "type": "function", "function": {"name": "list_hosts", "arguments": "{}"}});
    serde_json::json!([
        {"role": "user", "content": "Which host is down?"},
        {"role": "assistant", "content": null, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": text},
    ])
    .to_string()
}

fn compress(engine: &Engine, body: String) {
    let result = engine.compress_blocking(Call::new(JsonBody::parse(body).unwrap(), "gpt-4o")).unwrap();
    assert!(result.compressed, "{:?}", result.report.error);
}

#[test]
fn a_large_block_takes_a_few_times_its_size_and_many_small_ones_nothing_that_stays() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("store.db"), SqliteOptions::default()).unwrap();
    let engine = Engine::new(Arc::new(store));
    results(300_000, 0).iter().for_each(|text| compress(&engine, body(text)));

    for text in results(10_000_000, 1) {
        let body = body(&text);
        let before = status("VmRSS:");
        // Resets the peak to what is in use now.
        std::fs::write("/proc/self/clear_refs", "5").unwrap();
        compress(&engine, body);
        let grown = status("VmHWM:").saturating_sub(before);
        assert!(grown < 6 * text.len() + (8 << 20), "{} KB for {} KB", grown >> 10, text.len() >> 10);
    }

    let texts: Vec<String> = (0..40).flat_map(|seed| results(6_000, seed)).collect();
    let round = || texts.iter().for_each(|text| compress(&engine, body(text)));
    (0..5).for_each(|_| round());
    let before = status("VmRSS:");
    (0..125).for_each(|_| round());
    let grown = status("VmRSS:").saturating_sub(before);
    assert!(grown < 8 << 20, "{} KB over {} calls", grown >> 10, 125 * texts.len());
}
