//! Originals back, by function and by tool call.

use headroom_core::{Error, ErrorKind, ccr};

use crate::engines;
use crate::error::HeadroomError;

/// The original under a hash, or the part of it that is asked for.
///
/// # Errors
/// When nothing is stored under the hash any more, or the store cannot be read.
#[uniffi::export(default(query = None, lines = None, store = None))]
pub fn retrieve(
    hash: String,
    query: Option<String>,
    lines: Option<String>,
    store: Option<String>,
) -> Result<String, HeadroomError> {
    let store = engines::store(store.as_deref())?;
    Ok(ccr::retrieve(&*store, &hash, query.as_deref(), lines.as_deref())?.text)
}

/// The definition of the retrieval tool for a provider, as JSON.
///
/// # Errors
/// When the provider is unknown.
#[uniffi::export]
pub fn retrieve_tool(provider: String) -> Result<String, HeadroomError> {
    Ok(ccr::retrieve_tool(&provider)?.to_string())
}

/// The message that answers a model's call of the retrieval tool; both are JSON.
///
/// # Errors
/// When the call is no call of that tool, or the store cannot be read.
#[uniffi::export(default(store = None))]
pub fn answer_tool_call(call: String, store: Option<String>) -> Result<String, HeadroomError> {
    let call: serde_json::Value = serde_json::from_str(&call).map_err(|cause| {
        Error::new(ErrorKind::InvalidInput, format!("call: expected JSON, found {cause}")).caused_by(cause)
    })?;
    let store = engines::store(store.as_deref())?;
    Ok(ccr::answer_tool_call(&*store, &call)?.to_string())
}
