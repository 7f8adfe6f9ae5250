//! `/v1/retrieve`: originals by the hashes of their markers.

use std::sync::Arc;

use axum::extract::{Path, Query, Request, State};
use headroom_core::ccr::{answer_tool_call, retrieve};
use headroom_core::{Error, ErrorKind};
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{aside, error, read};
use crate::body::Body;
use crate::error::json_response;
use crate::stack::Stack;

/// What part of an original is asked for.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Part {
    query: Option<String>,
    lines: Option<String>,
}

/// The body of `POST /v1/retrieve`.
#[derive(Deserialize)]
struct Asked {
    hash: String,
    #[serde(flatten)]
    part: Part,
}

/// The body of `POST /v1/retrieve/tool_call`; the call itself shows whose it is.
#[derive(Deserialize)]
struct AskedByModel {
    tool_call: Value,
}

/// `GET /v1/retrieve/{hash}?query=&lines=`
pub(super) async fn by_path(
    State(stack): State<Arc<Stack>>,
    Path(hash): Path<String>,
    Query(part): Query<Part>,
) -> Response<Body> {
    find(stack, hash, part).await
}

/// `POST /v1/retrieve`
pub(super) async fn by_body(State(stack): State<Arc<Stack>>, request: Request) -> Response<Body> {
    match parsed::<Asked>(&stack, request).await {
        Ok(asked) => find(stack, asked.hash, asked.part).await,
        Err(response) => response,
    }
}

/// `POST /v1/retrieve/tool_call`
pub(super) async fn tool_call(State(stack): State<Arc<Stack>>, request: Request) -> Response<Body> {
    let asked = match parsed::<AskedByModel>(&stack, request).await {
        Ok(asked) => asked,
        Err(response) => return response,
    };
    let engine = stack.engine.clone();
    let answer = aside(move || answer_tool_call(&*engine.store()?, &asked.tool_call)).await;
    match answer {
        Ok(Ok(message)) => {
            let text = content(&message);
            let success = !is_error(&message);
            let body = json!({"tool_result": message, "success": success, "data": text});
            json_response(StatusCode::OK, body.to_string().into())
        }
        Ok(Err(failed)) => failure(&failed),
        Err(response) => response,
    }
}

/// `GET /v1/retrieve/stats`
pub(super) async fn stats(State(stack): State<Arc<Stack>>) -> Response<Body> {
    let engine = stack.engine.clone();
    match aside(move || engine.store()?.stats()).await {
        Ok(Ok(stats)) => json_response(StatusCode::OK, json!({"store": stats}).to_string().into()),
        Ok(Err(failed)) => failure(&failed),
        Err(response) => response,
    }
}

async fn find(stack: Arc<Stack>, hash: String, part: Part) -> Response<Body> {
    let engine = stack.engine.clone();
    let found = aside(move || retrieve(&*engine.store()?, &hash, part.query.as_deref(), part.lines.as_deref())).await;
    match found {
        Ok(Ok(found)) => json_response(StatusCode::OK, json!(found).to_string().into()),
        Ok(Err(failed)) => failure(&failed),
        Err(response) => response,
    }
}

async fn parsed<T: serde::de::DeserializeOwned>(stack: &Stack, request: Request) -> Result<T, Response<Body>> {
    let bytes = read(stack, request).await?;
    serde_json::from_slice(&bytes)
        .map_err(|wrong| error(StatusCode::BAD_REQUEST, "invalid_request", &format!("body: {wrong}")))
}

fn failure(failed: &Error) -> Response<Body> {
    let status = match failed.kind() {
        ErrorKind::NotFound | ErrorKind::Expired => StatusCode::NOT_FOUND,
        ErrorKind::InvalidInput => StatusCode::BAD_REQUEST,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    let kind = if status == StatusCode::BAD_REQUEST { "invalid_request" } else { failed.kind().code() };
    error(status, kind, &failed.to_string())
}

/// The text of a tool's answer in any of the four shapes.
fn content(message: &Value) -> Value {
    let places = ["/content/0/content", "/parts/0/functionResponse/response", "/content", "/output"];
    places.iter().find_map(|place| message.pointer(place)).cloned().unwrap_or_default()
}

/// Whether the answer says that the call was wrong, where its shape has a place for that.
fn is_error(message: &Value) -> bool {
    message.pointer("/content/0/is_error").is_some_and(|flag| flag == true)
        || message.pointer("/parts/0/functionResponse/response/error").is_some()
}
