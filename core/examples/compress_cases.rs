//! Compresses request bodies as a long-running application does, and prints what became of each.
//!
//! usage: compress_cases MODE BODY.json...
//!
//! A JSON line a body: `ms` of the call, which is the first on its content, with the vocabulary loaded and the store's file open;
//! `before` and `after`, the o200k_base tokens of every string in the messages; `texts`, these strings afterwards; and
//! `originals`, what the hashes in them give back. A lossless form that its decoder does not give back is an error.

use std::sync::Arc;
use std::time::Instant;

use headroom_core::ccr::{self, SqliteOptions, SqliteStore, Store};
use headroom_core::conversation::{Block, Body as _};
use headroom_core::pipeline::BlockReport;
use headroom_core::{Call, CompressOptions, Engine, JsonBody, Mode, tokens, transforms};
use serde_json::{Value, json};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mode: Mode = serde_json::from_value(Value::from(arguments.next()))
        .map_err(|error| format!("expected a mode and request bodies: {error}"))?;
    let folder = tempfile::tempdir()?;
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(folder.path().join("store.db"), SqliteOptions::default())?);
    let engine = Engine::new(Arc::clone(&store));
    compress(&engine, &warm_up(), mode)?;
    for path in arguments {
        let line = measure(&engine, &*store, &path, mode).map_err(|error| format!("{path}: {error}"))?;
        println!("{line}");
    }
    Ok(())
}

fn measure(engine: &Engine, store: &dyn Store, path: &str, mode: Mode) -> Result<Value> {
    let source = std::fs::read_to_string(path)?;
    let started = Instant::now();
    let (body, hashes) = compress(engine, &source, mode)?;
    let milliseconds = started.elapsed().as_secs_f64() * 1000.0;
    let (before, after) = (texts(&source)?, texts(&body)?);
    let originals = hashes
        .iter()
        .map(|hash| Ok(ccr::retrieve(store, hash, None, None)?.text))
        .collect::<headroom_core::Result<Vec<_>>>()?;
    Ok(json!({
        "ms": milliseconds,
        "before": count(&before),
        "after": count(&after),
        "texts": after,
        "originals": originals,
    }))
}

/// The body afterwards, and the hashes of its markers.
fn compress(engine: &Engine, source: &str, mode: Mode) -> Result<(String, Vec<String>)> {
    let model: Value = serde_json::from_str::<Value>(source)?["model"].take();
    let mut call = Call::new(JsonBody::parse(source)?, model.as_str().ok_or("model: expected a string")?);
    call.options = CompressOptions { mode, ..CompressOptions::default() };
    let result = engine.compress_blocking(call)?;
    if let Some(error) = result.report.error {
        return Err(error.into());
    }
    let body = result.body.as_any().downcast_ref::<JsonBody>().ok_or("expected JSON for JSON")?;
    check_inverses(&JsonBody::parse(source)?, body, &result.report.blocks)?;
    Ok((body.as_str().to_owned(), result.ccr_hashes.iter().map(ToString::to_string).collect()))
}

/// Whether the decoders give every text back that was re-encoded without loss.
fn check_inverses(before: &JsonBody, after: &JsonBody, reports: &[BlockReport]) -> Result<()> {
    let (before, after, transforms) = (before.conversation()?, after.conversation()?, transforms::all());
    for report in reports.iter().filter(|report| report.lossless) {
        let name = report.transform.ok_or("expected the name of the transform that made a lossless form")?;
        let transform = transforms.iter().find(|transform| transform.name() == name);
        let transform = transform.ok_or_else(|| format!("{}: no transform is named {name}", report.path))?;
        let text = |blocks: &[Block]| {
            blocks.iter().find(|block| block.path.to_string() == report.path).map(|block| block.text.clone())
        };
        let (was, is) =
            text(&before.blocks).zip(text(&after.blocks)).ok_or_else(|| format!("{}: no such block", report.path))?;
        if transform.decode(&is).as_deref() != Some(&*was) {
            return Err(format!("{}: the decoder of {name} does not give the text back", report.path).into());
        }
    }
    Ok(())
}

/// Every string in the messages of a body.
fn texts(body: &str) -> Result<Vec<String>> {
    fn collect(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::String(text) => found.push(text.clone()),
            Value::Array(elements) => elements.iter().for_each(|element| collect(element, found)),
            Value::Object(members) => members.values().for_each(|member| collect(member, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let body: Value = serde_json::from_str(body)?;
    let mut found = Vec::new();
    ["messages", "input", "contents"]
        .iter()
        .filter_map(|name| body.get(*name))
        .for_each(|list| collect(list, &mut found));
    Ok(found)
}

fn count(texts: &[String]) -> u64 {
    let tokenizer = tokens::for_model("gpt-4o");
    texts.iter().map(|text| tokenizer.count(text)).sum()
}

/// A conversation that no case has.
fn warm_up() -> String {
    let rows: Vec<_> =
        (0..200).map(|row| json!({"host": format!("warm-{row}"), "up": row != 77, "load": row % 9})).collect();
    let content = Value::from(rows).to_string();
    let messages = json!([{"role": "user", "content": "Which host is down?"}, {"role": "tool", "content": content}]);
    json!({"model": "gpt-4o", "messages": messages}).to_string()
}
