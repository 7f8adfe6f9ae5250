//! A block that any process has seen is neither counted nor compressed again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use headroom_core::ccr::{SqliteOptions, SqliteStore, Store};
use headroom_core::tokens::{Tokenizer, for_model};
use headroom_core::{Call, CompressResult, Engine, JsonBody};
use serde_json::json;

/// Counts the bytes that it counts tokens of.
struct Watched {
    inner: Arc<dyn Tokenizer>,
    bytes: AtomicU64,
}

impl Tokenizer for Watched {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn is_exact(&self) -> bool {
        self.inner.is_exact()
    }

    fn count(&self, text: &str) -> u64 {
        self.bytes.fetch_add(text.len() as u64, Ordering::Relaxed);
        self.inner.count(text)
    }
}

fn conversation(turns: usize) -> String {
    let mut messages = vec![json!({"role": "user", "content": "Which hosts failed, and why?"})];
    for turn in 0..turns {
        let rows: Vec<_> = (0..200)
            .map(|n| json!({"id": n * turn, "host": format!("node-{n}"), "state": if n % 41 == turn { "failed" } else { "ok" }}))
            .collect();
        let content = match turn % 3 {
            0 => serde_json::Value::from(rows).to_string(),
            1 => (0..300)
                .map(|n| format!("2026-03-01 10:00:{:02} INFO worker-{turn}: item {n} done\n", n % 60))
                .collect(),
            _ => format!("<output>\n{}\n</output>", serde_json::Value::from(rows)),
        };
        let id = format!("c{turn}");
        let call = json!({"id": id, "type": "function", "function": {"name": "run", "arguments": "{}"}});
        messages.push(json!({"role": "assistant", "content": null, "tool_calls": [call]}));
        messages.push(json!({"role": "tool", "tool_call_id": id, "content": content}));
    }
    serde_json::Value::from(messages).to_string()
}

/// Compresses as a new process does; gives the result and how many bytes were counted.
fn in_a_new_process(path: &std::path::Path, body: &str) -> (CompressResult, u64) {
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(path, SqliteOptions::default()).expect("opens"));
    let tokenizer = Arc::new(Watched { inner: for_model("gpt-4o"), bytes: AtomicU64::new(0) });
    let mut call = Call::new(JsonBody::parse(body.to_owned()).expect("JSON"), "gpt-4o");
    call.tokenizer = Some(tokenizer.clone());
    let result = Engine::new(store).compress_blocking(call).expect("compresses");
    (result, tokenizer.bytes.load(Ordering::Relaxed))
}

fn text(result: &CompressResult) -> String {
    result.body.as_any().downcast_ref::<JsonBody>().expect("JSON").as_str().to_owned()
}

#[test]
fn another_process_counts_and_compresses_nothing_that_one_has_seen() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let body = conversation(9);
    let (first, counted) = in_a_new_process(&path, &body);
    assert!(first.compressed && counted > 90_000, "{counted}");
    let (second, counted) = in_a_new_process(&path, &body);
    assert!(counted < 2_000, "{counted} bytes were counted again");
    assert_eq!(text(&second), text(&first));
    assert_eq!(second.ccr_hashes, first.ccr_hashes);
    assert_eq!(second.tokens_after, first.tokens_after);
}

#[test]
fn what_was_found_out_is_of_no_use_for_another_question() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let body = conversation(9);
    let asked = body.replace("Which hosts failed, and why?", "What about node-77?");
    in_a_new_process(&path, &body);
    let (known, _) = in_a_new_process(&path, &asked);
    let (fresh, _) = in_a_new_process(&folder.path().join("other.db"), &asked);
    assert_eq!(text(&known), text(&fresh));
}
