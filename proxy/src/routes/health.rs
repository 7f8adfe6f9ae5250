//! `/livez`, `/readyz`, `/health`: for whoever watches over the process.

use std::sync::Arc;

use axum::extract::State;
use http::{Response, StatusCode};
use serde_json::json;

use crate::body::Body;
use crate::error::json_response;
use crate::stack::Stack;

/// The process answers.
pub(super) async fn live() -> Response<Body> {
    json_response(StatusCode::OK, json!({"status": "alive"}).to_string().into())
}

/// It takes requests; while it drains it does not.
pub(super) async fn ready(State(stack): State<Arc<Stack>>) -> Response<Body> {
    let (status, word) = if stack.stopping.is_cancelled() {
        (StatusCode::SERVICE_UNAVAILABLE, "draining")
    } else {
        (StatusCode::OK, "ready")
    };
    json_response(status, json!({"status": word}).to_string().into())
}

/// Both, with the version.
pub(super) async fn health(State(stack): State<Arc<Stack>>) -> Response<Body> {
    let word = if stack.stopping.is_cancelled() { "draining" } else { "healthy" };
    let body = json!({"status": word, "version": env!("CARGO_PKG_VERSION")});
    json_response(StatusCode::OK, body.to_string().into())
}
