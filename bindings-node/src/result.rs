//! `CompressResult` as JSON.

use headroom_core::conversation::Segment;
use headroom_core::pipeline::{PipelineTiming, StepTiming};
use headroom_core::{CompressResult, Error, ErrorKind, Result};
use serde_json::{Map, Value, json};

use crate::body::JsBody;

/// Writes a result. `edits` are the texts to put into the caller's own data; when they cannot say what became of it,
/// they are `null` and `body` is the whole of it.
///
/// # Errors
/// [`ErrorKind::Compression`] when a record has no JSON form.
pub(crate) fn write(result: &CompressResult) -> Result<Vec<u8>> {
    let mut fields = json!({
        "edits": edits(result),
        "tokensBefore": result.tokens_before,
        "tokensAfter": result.tokens_after,
        "tokensSaved": result.tokens_saved(),
        "compressionRatio": result.compression_ratio(),
        "transformsApplied": result.transforms_applied,
        "ccrHashes": result.ccr_hashes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "compressed": result.compressed,
        "response": result.response.as_ref().map(|response| response.to_json()).transpose()?.as_deref(),
        "pipelineTiming": timing(&result.pipeline_timing),
        "report": camel_case(record(&result.report)?),
        "certificate": record(&result.certificate)?,
    })
    .to_string();
    // The body is JSON already; reading it to write it again would be the larger part of the work.
    let body = match body_of(result).filter(|body| body.edits().is_none()) {
        Some(body) => body.whole()?.as_str(),
        None => "null",
    };
    fields.insert_str(1, &format!("\"body\":{body},"));
    Ok(fields.into_bytes())
}

fn body_of(result: &CompressResult) -> Option<&JsBody> {
    result.body.as_any().downcast_ref()
}

fn edits(result: &CompressResult) -> Option<Vec<Value>> {
    let edits = body_of(result)?.edits()?;
    let segment = |segment: &Segment| match segment {
        Segment::Key(key) => json!(key),
        Segment::Index(index) => json!(index),
    };
    Some(edits.map(|(path, text)| json!([path.0.iter().map(segment).collect::<Vec<_>>(), text])).collect())
}

fn timing(timing: &PipelineTiming) -> Value {
    let step = |spent: &StepTiming| {
        json!({
            "durationMs": spent.duration_ms,
            "tokensBefore": spent.tokens_before,
            "tokensAfter": spent.tokens_after,
        })
    };
    Value::Object(timing.iter().map(|(name, spent)| (name.name().to_owned(), step(spent))).collect())
}

fn record(record: &impl serde::Serialize) -> Result<Value> {
    serde_json::to_value(record)
        .map_err(|cause| Error::new(ErrorKind::Compression, "a record has no JSON form").caused_by(cause))
}

/// A record with its field names as JavaScript writes them.
fn camel_case(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(camel_case).collect(),
        Value::Object(members) => {
            let renamed = members.into_iter().map(|(name, value)| (camel_case_name(&name), camel_case(value)));
            Value::Object(renamed.collect::<Map<_, _>>())
        }
        plain => plain,
    }
}

fn camel_case_name(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut name, word| {
        let mut letters = word.chars();
        name.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        name.push_str(letters.as_str());
        name
    })
}
