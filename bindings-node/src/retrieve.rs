//! Originals back, by function and by tool call.

use headroom_core::{Error, ErrorKind, Result, ccr};
use napi::Env;
use napi::bindgen_prelude::PromiseRaw;
use napi_derive::napi;

use crate::abort::Abort;
use crate::engines;
use crate::enter::enter;
use crate::event::read;
use crate::outcome::Outcome;

/// The original under a hash, or the part of it that is asked for, as a JSON string.
///
/// # Errors
/// When no promise can be made; everything else is in the outcome.
#[napi(ts_return_type = "Promise<Outcome>")]
pub fn retrieve<'e>(
    env: &'e Env,
    hash: String,
    query: Option<String>,
    lines: Option<String>,
    store: Option<String>,
    abort: &Abort,
) -> napi::Result<PromiseRaw<'e, Outcome>> {
    enter(env, None, abort, async move {
        let store = engines::store(store.as_deref())?;
        written(&ccr::retrieve(&*store, &hash, query.as_deref(), lines.as_deref())?.text)
    })
}

/// The definition of the retrieval tool for a provider, as JSON.
///
/// # Errors
/// When no promise can be made; everything else is in the outcome.
#[napi(ts_return_type = "Promise<Outcome>")]
pub fn retrieve_tool<'e>(env: &'e Env, provider: String, abort: &Abort) -> napi::Result<PromiseRaw<'e, Outcome>> {
    enter(env, None, abort, async move { written(&ccr::retrieve_tool(&provider)?) })
}

/// The message that answers a model's call of the retrieval tool, as JSON.
///
/// # Errors
/// When no promise can be made; everything else is in the outcome.
#[napi(ts_return_type = "Promise<Outcome>")]
pub fn answer_tool_call<'e>(
    env: &'e Env,
    call: String,
    store: Option<String>,
    abort: &Abort,
) -> napi::Result<PromiseRaw<'e, Outcome>> {
    enter(env, None, abort, async move {
        let call: serde_json::Value = read(&call)?;
        let store = engines::store(store.as_deref())?;
        written(&ccr::answer_tool_call(&*store, &call)?)
    })
}

fn written(value: &(impl serde::Serialize + ?Sized)) -> Result<Vec<u8>> {
    serde_json::to_vec(value)
        .map_err(|cause| Error::new(ErrorKind::Compression, "an answer has no JSON form").caused_by(cause))
}
