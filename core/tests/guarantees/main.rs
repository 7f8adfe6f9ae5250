//! The guarantees of the engine, a file each, over generated conversations of every shape and over recorded ones.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod g1_byte_faithful;
mod g2_prefix_stable;
mod g3_deterministic;
mod g4_never_larger;
mod g5_true;
mod g6_announced;
mod g7_reversible;
mod g8_hands_off;
mod g9_edit_safe;
mod generate;
mod recorded;

use std::sync::Arc;

use headroom_core::ccr::MemoryStore;
use headroom_core::json::{Cursor, Document, Kind};
use headroom_core::{Call, CompressOptions, CompressResult, Engine, JsonBody, Mode};
use proptest::test_runner::Config;

/// Every mode, default first.
pub(crate) const MODES: [Mode; 3] = [Mode::Balanced, Mode::Lossless, Mode::Aggressive];

/// Few cases a run, because each is a whole conversation; `PROPTEST_CASES` asks for more.
pub(crate) fn cases() -> Config {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(48);
    Config { cases, failure_persistence: None, ..Config::default() }
}

pub(crate) fn engine() -> Engine {
    Engine::new(Arc::new(MemoryStore::default()))
}

pub(crate) fn compress_with(engine: &Engine, body: &str, options: CompressOptions) -> CompressResult {
    let mut call = Call::new(JsonBody::parse(body).unwrap(), "gpt-4o");
    call.options = options;
    let result = engine.compress_blocking(call).unwrap();
    assert_eq!(result.report.error, None);
    assert_eq!(result.report.warnings, Vec::<String>::new());
    result
}

pub(crate) fn compress(body: &str, mode: Mode) -> CompressResult {
    compress_with(&engine(), body, CompressOptions { mode, ..CompressOptions::default() })
}

pub(crate) fn text(result: &CompressResult) -> &str {
    result.body.as_any().downcast_ref::<JsonBody>().unwrap().as_str()
}

/// Source bytes of every message of a bare list.
pub(crate) fn messages(list: &str) -> Vec<String> {
    let document = Document::parse(list, 512).unwrap();
    document.root().items().map(|message| message.raw().to_owned()).collect()
}

/// Every string value below a node with the path that leads to it, in order.
pub(crate) fn strings(body: &str) -> Vec<(String, String)> {
    fn walk(node: Cursor<'_>, path: &str, found: &mut Vec<(String, String)>) {
        match node.kind() {
            Kind::String => found.push((path.to_owned(), node.as_str().unwrap_or_default().into_owned())),
            Kind::Array => {
                node.items().enumerate().for_each(|(index, item)| walk(item, &format!("{path}[{index}]"), found));
            }
            Kind::Object => {
                for (key, value) in node.members() {
                    walk(value, &format!("{path}.{}", key.as_str().unwrap_or_default()), found);
                }
            }
            Kind::Null | Kind::Bool | Kind::Number => {}
        }
    }
    let document = Document::parse(body, 512).unwrap();
    let mut found = Vec::new();
    walk(document.root(), "", &mut found);
    found
}

/// Texts that a compression changed: before and after, in order.
pub(crate) fn changed(before: &str, after: &str) -> Vec<(String, String)> {
    let (before, after) = (strings(before), strings(after));
    assert_eq!(before.len(), after.len(), "block order and count never change");
    let pairs = before.into_iter().zip(after);
    pairs
        .inspect(|((was, _), (is, _))| assert_eq!(was, is))
        .filter(|((_, was), (_, is))| was != is)
        .map(|((_, was), (_, is))| (was, is))
        .collect()
}
