//! The progress handler `onPipelineEvent(name, data)`.

use headroom_core::extension::BoxFuture;
use headroom_core::pipeline::{ProgressEvent, ProgressHandler, ProgressKind};
use headroom_core::{Error, Result};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::event::{left_metadata, read};
use crate::hooks::read_biases;
use crate::js_callback::{Target, call};

/// The handler of the caller whose future is polled.
pub(crate) struct JsProgress;

impl ProgressHandler for JsProgress {
    fn on_progress<'a>(&'a self, event: &'a mut ProgressEvent) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let written = json!({ "name": event.kind.name(), "data": data(event)? }).to_string();
            match call(Target::Progress, 0, written, None, None).await? {
                Some(left) => read_back(&left, event),
                None => Ok(()),
            }
        })
    }
}

fn data(event: &ProgressEvent) -> Result<Value> {
    let mut data = match &event.kind {
        ProgressKind::Start { model, provider, operation, start_time_ms, token_budget } => json!({
            "model": &**model,
            "provider": &**provider,
            "operation": &**operation,
            "startTime": start_time_ms,
            "tokenBudget": token_budget,
        }),
        ProgressKind::Step { step, tokens_before, tokens_after, duration_ms, warnings } => json!({
            "step": step.name(),
            "tokensBefore": tokens_before,
            "tokensAfter": tokens_after,
            "durationMs": duration_ms,
            "warnings": warnings,
        }),
        ProgressKind::Complete {
            tokens_before,
            tokens_after,
            compression_ratio,
            transforms_applied,
            ccr_hashes,
            duration_ms,
            timing: _,
        } => json!({
            "tokensBefore": tokens_before,
            "tokensAfter": tokens_after,
            "tokensSaved": tokens_before.saturating_sub(*tokens_after),
            "compressionRatio": compression_ratio,
            "transformsApplied": transforms_applied,
            "ccrHashes": ccr_hashes,
            "durationMs": duration_ms,
        }),
        ProgressKind::Error { error, step } => json!({ "error": error, "step": step.map(|step| step.name()) }),
    };
    if let Some(data) = data.as_object_mut() {
        data.shift_insert(0, "requestId".into(), (*event.request_id).into());
        if has_biases(&event.kind) {
            let biases = event.biases.iter().map(|(index, bias)| (index.to_string(), json!(bias)));
            data.insert("biases".into(), Value::Object(biases.collect()));
        }
        let mut metadata = Map::new();
        for (name, value) in event.metadata.iter() {
            metadata.insert(name.to_owned(), (*value.to_json()?).clone());
        }
        data.insert("metadata".into(), metadata.into());
    }
    Ok(data)
}

fn has_biases(kind: &ProgressKind) -> bool {
    matches!(kind, ProgressKind::Start { .. } | ProgressKind::Step { .. })
}

/// What a handler changed, as the dispatcher tells it.
#[derive(Deserialize)]
struct Left {
    biases: Option<Value>,
    metadata: Map<String, Value>,
    removed: Vec<String>,
}

/// Takes over what the handler left in `biases` and `metadata`.
fn read_back(left: &str, event: &mut ProgressEvent) -> Result<()> {
    let left: Left = read(left)?;
    if let Some(biases) = left.biases.filter(|_| has_biases(&event.kind)) {
        event.biases = read_biases(&biases)?;
    }
    event.metadata = left_metadata(&event.metadata, &left.removed, left.metadata);
    Ok(())
}
