//! `POST /v1/compress`: a compression without an upstream.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Request, State};
use headroom_core::conversation::Body as _;
use headroom_core::{Call, CompressOptions, CompressResult, Error, ErrorKind, JsonBody};
use http::{Response, StatusCode};
use serde_json::{Map, Value, json};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::{aside, error, read};
use crate::body::Body;
use crate::error::json_response;
use crate::exchange::Exchange;
use crate::stack::Stack;

/// The model when the body names none, the same as in the libraries.
const DEFAULT_MODEL: &str = "claude-sonnet-4-5-20250929";

/// The lists that a body may have, each in its API.
const LISTS: [&str; 3] = ["messages", "contents", "input"];

pub(super) async fn compress(State(stack): State<Arc<Stack>>, request: Request) -> Response<Body> {
    let id = request.extensions().get::<Arc<Exchange>>().map(|exchange| Arc::clone(&exchange.id));
    let bytes = match read(&stack, request).await {
        Ok(bytes) => bytes,
        Err(response) => return response,
    };
    let runtime = Handle::current();
    let limit = stack.options.timeouts.compress();
    let work = aside(move || {
        let call = call(&stack, &bytes, id)?;
        runtime.block_on(stack.engine.compress(call)).and_then(|result| written(&result))
    });
    match timeout(limit, work).await {
        Ok(Ok(Ok(body))) => json_response(StatusCode::OK, body.into()),
        Ok(Ok(Err(failed))) => failure(&failed),
        Ok(Err(response)) => response,
        Err(_) => {
            let message = format!("expected the compression to end within {} ms", limit.as_millis());
            error(StatusCode::SERVICE_UNAVAILABLE, "compression_timeout", &message)
        }
    }
}

/// What the body asks for.
fn call(stack: &Stack, bytes: &[u8], id: Option<Arc<str>>) -> Result<Call, Error> {
    let body = JsonBody::from_bytes(bytes)?;
    body.conversation()?;
    let root = body.document()?.root();
    let member = |name: &str| root.get(name).one().and_then(|value| value.to_value()).filter(|value| !value.is_null());
    if list(&body).is_none() {
        return Err(invalid("body: expected an object with messages, contents or input, found something else".into()));
    }
    let model = match member("model") {
        None => DEFAULT_MODEL.to_owned(),
        Some(Value::String(model)) => model,
        Some(_) => return Err(invalid("model: expected a string, found something else".into())),
    };
    let mut options = options(&stack.options.compress, member("config"))?;
    if let Some(budget) = member("token_budget") {
        let found = || invalid(format!("token_budget: expected a number of tokens, found {budget}"));
        options.token_budget = Some(budget.as_u64().ok_or_else(found)?);
    }
    options.validate().map_err(|error| invalid(error.to_string()))?;
    let mut call = Call::new(body, model);
    call.options = options;
    call.extensions = Arc::clone(&stack.extensions);
    call.request_id = id.unwrap_or_default();
    Ok(call)
}

/// The proxy's options with what the caller sets laid over them.
fn options(base: &CompressOptions, config: Option<Value>) -> Result<CompressOptions, Error> {
    let Some(config) = config else { return Ok(base.clone()) };
    let Value::Object(mut config) = config else {
        return Err(invalid("config: expected an object, found something else".into()));
    };
    if config.get("mode").is_some_and(|mode| mode == "ccr") {
        config.insert("mode".into(), json!("balanced"));
    }
    let mut all: Map<String, Value> = match serde_json::to_value(base) {
        Ok(Value::Object(all)) => all,
        _ => Map::new(),
    };
    all.extend(config.into_iter().filter(|(_, value)| !value.is_null()));
    serde_json::from_value(Value::Object(all)).map_err(|wrong| invalid(format!("config: {wrong}")))
}

/// The list of a body, as it is written there.
fn list(body: &JsonBody) -> Option<&str> {
    let root = body.document().ok()?.root();
    LISTS.iter().find_map(|name| root.get(name).one()).map(|list| list.raw())
}

/// The answer. The messages are put in as they are written, so that no number of them changes.
fn written(result: &CompressResult) -> Result<String, Error> {
    if let Some(error) = &result.report.error {
        return Err(Error::new(ErrorKind::Compression, error.clone()));
    }
    let body = result.body.as_any().downcast_ref::<JsonBody>();
    let messages = body.and_then(list).ok_or_else(|| {
        Error::new(ErrorKind::Compression, "messages: expected a list after the compression, found none")
    })?;
    let mut summary: BTreeMap<&str, usize> = BTreeMap::new();
    for applied in &result.transforms_applied {
        // `router:<transform>:<share kept>`
        let name = applied.split(':').nth(1).unwrap_or(applied);
        *summary.entry(name).or_default() += 1;
    }
    let timing: Map<String, Value> =
        result.pipeline_timing.iter().map(|(step, timing)| (step.name().to_owned(), json!(timing))).collect();
    let rest = json!({
        "tokens_before": result.tokens_before,
        "tokens_after": result.tokens_after,
        "tokens_saved": result.tokens_saved(),
        "compression_ratio": 1.0 - result.compression_ratio(),
        "transforms_applied": result.transforms_applied,
        "transforms_summary": summary,
        "ccr_hashes": result.ccr_hashes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "pipeline_timing": timing,
    })
    .to_string();
    Ok(format!("{{\"messages\":{messages},{}", rest.get(1..).unwrap_or("}")))
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}

fn failure(failed: &Error) -> Response<Body> {
    let (status, kind) = match failed.kind() {
        ErrorKind::InvalidInput | ErrorKind::Configuration => (StatusCode::BAD_REQUEST, "invalid_request"),
        ErrorKind::Extension => (StatusCode::FORBIDDEN, "permission_error"),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "compression_error"),
    };
    error(status, kind, &failed.to_string())
}
