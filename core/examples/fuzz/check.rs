//! What must hold of every text.

use std::sync::Arc;
use std::time::Instant;

use headroom_core::ccr::{Hash, Lookup, MemoryStore, Store, markers_in};
use headroom_core::conversation::Body as _;
use headroom_core::{Call, CompressOptions, Engine, JsonBody, Mode, tokens, transforms};
use serde_json::{Value, json};

use crate::generate::Numbers;
use crate::promises::{Checker, check_verbatim};

const MODEL: &str = "gpt-4o";
const MODES: [Mode; 3] = [Mode::Balanced, Mode::Lossless, Mode::Aggressive];

/// Subsets of longer texts are not compared line by line: that takes time that is quadratic in their size. In bytes.
const LONGEST_COMPARED: usize = 100_000;

/// Shorter texts say nothing about time for their size. In bytes.
pub(crate) const LEAST_TIMED: usize = 20_000;

/// Compressions that take longer are timed again.
const LONG_MS: f64 = 50.0;

/// Tools whose result the text may be.
const CALLS: [(&str, &str); 9] = [
    ("run", r#"{"command":"./job"}"#),
    ("bash", r#"{"command":"cargo test"}"#),
    ("grep", r#"{"pattern":"value","path":"src"}"#),
    ("bash", r#"{"command":"git diff"}"#),
    ("bash", r#"{"command":"cat data.csv"}"#),
    ("read_file", r#"{"path":"src/app.py"}"#),
    ("read_file", r#"{"path":"src/lib.rs"}"#),
    ("read_file", r#"{"path":"notes/table.md"}"#),
    ("bash", r#"{"command":"kubectl get pods"}"#),
];

/// The checks, with what they share.
pub(crate) struct Checks {
    promises: Checker,
}

impl Default for Checks {
    fn default() -> Self {
        Self { promises: Checker::new() }
    }
}

impl Checks {
    /// Panics when something does not hold, and gives the milliseconds that a compression takes above counting the tokens
    /// once.
    pub(crate) fn check(&self, text: &str, numbers: &mut Numbers) -> f64 {
        let words: Vec<&str> = text.split_whitespace().take(400).collect();
        let mut question = String::from("Where is ");
        for _ in 0..3 {
            // A word of base64 can be the whole text.
            let word = words.get(numbers.below(words.len().max(1))).copied().unwrap_or_default();
            question.extend(word.chars().take(60).chain([' ']));
        }
        self.promises.check(text, &question);
        let call = CALLS[numbers.below(CALLS.len())];
        let body = body(&question, call, text);
        for mode in MODES {
            engine_keeps_its_promises(&body, mode, call.0 == "read_file");
        }
        if text.len() < LEAST_TIMED { 0.0 } else { milliseconds_above_counting(&body, text) }
    }
}

/// The text twice, with something said in between, so that the second is a repetition.
fn body(question: &str, (tool, arguments): (&str, &str), text: &str) -> String {
    let mut messages = vec![json!({"role": "user", "content": question})];
    for id in ["c1", "c2"] {
        let call = json!({"id": id, "type": "function", "function": {"name": tool, "arguments": arguments}});
        messages.push(json!({"role": "assistant", "content": null, "tool_calls": [call]}));
        messages.push(json!({"role": "tool", "tool_call_id": id, "content": text}));
    }
    json!({"model": MODEL, "messages": messages}).to_string()
}

fn compress(body: &str, mode: Mode) -> (headroom_core::CompressResult, String, Arc<dyn Store>) {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let mut call = Call::new(JsonBody::parse(body).expect("a body"), MODEL);
    call.options = CompressOptions { mode, ..CompressOptions::default() };
    let result = Engine::new(Arc::clone(&store)).compress_blocking(call).expect("default options are valid");
    let after = result.body.as_any().downcast_ref::<JsonBody>().expect("JSON for JSON").as_str().to_owned();
    (result, after, store)
}

fn engine_keeps_its_promises(body: &str, mode: Mode, quotable: bool) {
    let (result, after, store) = compress(body, mode);
    assert_eq!(result.report.error, None);
    for warning in &result.report.warnings {
        assert!(!warning.contains("panic"), "{warning}");
    }
    assert!(result.tokens_after <= result.tokens_before, "never larger");
    assert_eq!(after, compress(body, mode).1, "the same bytes for the same input");
    let (before, after): (Value, Value) =
        (serde_json::from_str(body).expect("JSON"), serde_json::from_str(&after).expect("JSON stays JSON"));
    let texts = |body: &Value| {
        let conversation = JsonBody::parse(body.to_string()).expect("a body");
        let conversation = conversation.conversation().expect("a conversation");
        let texts = conversation.blocks.iter().map(|block| (block.path.to_string(), block.text.to_string()));
        texts.collect::<Vec<_>>()
    };
    let (before, after) = (texts(&before), texts(&after));
    assert_eq!(before.len(), after.len(), "no block comes or goes");
    for ((path, was), (_, is)) in before.iter().zip(&after).filter(|(was, is)| was != is) {
        let report = result.report.blocks.iter().find(|report| report.path == *path).expect("a change is reported");
        let name = report.transform.expect("a transform made the change");
        let hashes: Vec<Hash> = markers_in(is).collect();
        assert_eq!(report.lossless, hashes.is_empty(), "{name}: a subset has a marker, a lossless form has none");
        if report.lossless {
            let all = transforms::all();
            let transform = all.iter().find(|transform| transform.name() == name).expect("a known transform");
            assert_eq!(transform.decode(is).as_ref(), Some(was), "{name} inverts its own form");
            assert!(!quotable, "{name}: a file read is not written in another form");
        }
        assert!(
            mode != Mode::Lossless || report.lossless || name == "repeats",
            "{name} loses nothing in lossless mode"
        );
        for hash in hashes {
            let Ok(Lookup::Found { original, .. }) = store.get(hash) else { panic!("{name}: {hash} is not there") };
            assert!(was.contains(&*original.text), "{name}: an original is a part of the block, byte for byte");
            assert_eq!(Hash::of(&original.text), hash);
        }
        // A reference to an earlier message shows nothing.
        if quotable && was.len() <= LONGEST_COMPARED && name != "repeats" {
            check_verbatim(name, was, is, true);
        }
    }
}

/// The shorter of two compressions when the first takes long, because a busy machine makes a run only ever slower.
fn milliseconds_above_counting(body: &str, text: &str) -> f64 {
    let tokenizer = tokens::for_model(MODEL);
    let started = Instant::now();
    tokenizer.count(text);
    let counting = started.elapsed();
    let run = || {
        let started = Instant::now();
        compress(body, Mode::Balanced);
        started.elapsed().saturating_sub(counting).as_secs_f64() * 1000.0
    };
    let first = run();
    if first > LONG_MS { first.min(run()) } else { first }
}
