//! `compress`, blocking and awaitable.

use std::sync::Arc;

use headroom_core::conversation::{Shape, Value};
use headroom_core::{Call, Engine, JsonBody, Result};

use crate::door::{enter, enter_async};
use crate::engines;
use crate::error::HeadroomError;
use crate::options::CompressOptions;
use crate::progress::Progress;
use crate::result::CompressResult;

/// Compresses a list of messages or a request body, given as JSON text. Runs on the caller's thread, or when an async
/// extension or handler takes part on another one, so that their loop is free.
///
/// # Errors
/// When the text is no JSON, an option is out of range, or a `closed` extension refuses. Any other failure is in the
/// report, and the messages come back as they were.
#[uniffi::export(default(options = None))]
pub fn compress(
    messages: String,
    model: String,
    options: Option<CompressOptions>,
) -> Result<CompressResult, HeadroomError> {
    let options = options.unwrap_or_default();
    let is_async = options.extensions.as_ref().is_some_and(|manager| manager.has_async())
        || matches!(options.on_progress, Some(Progress::Async { .. }));
    enter(is_async, run(messages, model, options))
}

/// [`compress`] for callers that await: works on a thread of its own, starts async extensions and handlers where the
/// caller awaits, and ends when the caller goes away.
///
/// # Errors
/// As [`compress`].
#[uniffi::export(default(options = None))]
pub async fn compress_async(
    messages: String,
    model: String,
    options: Option<CompressOptions>,
) -> Result<CompressResult, HeadroomError> {
    enter_async(run(messages, model, options.unwrap_or_default())).await
}

async fn run(messages: String, model: String, options: CompressOptions) -> Result<CompressResult> {
    let engine = engines::engine(options.store.as_deref())?;
    let session_id = options.session_id.clone();
    let mut run = Engine::begin(&engine, call(messages, model, options)?)?;
    if let Some(session_id) = session_id {
        run.metadata_mut().set("session_id", Value::json(session_id.into()));
    }
    CompressResult::of(&run.run_to_end().await?)
}

fn call(messages: String, model: String, options: CompressOptions) -> Result<Call> {
    let body = JsonBody::parse(messages)?;
    // Extensions know the provider from the first stage on.
    let of_shape = || body.shape().map_or("", Shape::provider).to_owned();
    Ok(Call {
        provider: options.provider.clone().filter(|provider| !provider.is_empty()).unwrap_or_else(of_shape).into(),
        options: options.of_the_engine(),
        extensions: options.extensions.as_ref().map(|manager| manager.shared()).unwrap_or_default(),
        progress: options.on_progress.map(|progress| Arc::new(progress) as _),
        optimize: options.optimize.unwrap_or(true),
        ..Call::new(body, model)
    })
}
