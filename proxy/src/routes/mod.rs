//! Headroom's own routes.

mod compress;
mod health;
mod retrieve;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::routing::{get, post};
use http::header::{self, HeaderName, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, Response, StatusCode};

use crate::body::{self, Body};
use crate::error::{ProxyError, json_response, own_error};
use crate::exchange::Exchange;
use crate::stack::Stack;

/// The routes that everybody may ask; all others need the token where there is one.
const OPEN: [&str; 3] = ["/livez", "/readyz", "/health"];

/// Routes beside the open ones that are not a provider's.
const GUARDED: [&str; 5] = ["/v1/compress", "/v1/retrieve", "/metrics", "/stats", "/stats-history"];

/// Whether a route is Headroom's own.
pub(crate) fn is_own(path: &str) -> bool {
    let below = |prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'));
    is_open(path) || GUARDED.contains(&path) || path == "/dashboard" || below("/dashboard") || below("/v1/retrieve")
}

/// Whether a route is open to everybody.
pub(crate) fn is_open(path: &str) -> bool {
    OPEN.contains(&path)
}

/// All of them.
pub(crate) fn router(stack: &Arc<Stack>) -> Router {
    Router::new()
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/health", get(health::health))
        .route("/v1/compress", post(compress::compress))
        .route("/v1/retrieve", post(retrieve::by_body))
        .route("/v1/retrieve/tool_call", post(retrieve::tool_call))
        .route("/v1/retrieve/stats", get(retrieve::stats))
        .route("/v1/retrieve/{hash}", get(retrieve::by_path))
        .fallback(nowhere)
        .method_not_allowed_fallback(other_method)
        .with_state(Arc::clone(stack))
        .merge(stack.observer.routes())
}

/// The head of a request as the router sees it: without the project in its path, and with what is known of it.
pub(crate) fn at(mut parts: Parts, exchange: &Arc<Exchange>) -> Parts {
    if let Ok(uri) = exchange.target.parse() {
        parts.uri = uri;
    }
    parts.extensions.insert(Arc::clone(exchange));
    parts
}

/// Headers of everything that a browser could be made to open. What a page of ours needs it sets itself.
pub(crate) fn secure(headers: &mut HeaderMap) {
    let defaults = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in defaults {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

async fn nowhere() -> Response<Body> {
    error(StatusCode::NOT_FOUND, "not_found", "there is nothing under this path")
}

async fn other_method() -> Response<Body> {
    error(StatusCode::METHOD_NOT_ALLOWED, "invalid_request", "this path takes another method")
}

/// An error of an own route.
fn error(status: StatusCode, kind: &str, message: &str) -> Response<Body> {
    json_response(status, own_error(kind, message).into())
}

/// The body of a request to an own route.
async fn read(stack: &Stack, request: Request) -> Result<bytes::Bytes, Response<Body>> {
    let (limits, timeouts) = (&stack.options.limits, &stack.options.timeouts);
    let (parts, body) = request.into_parts();
    let bytes = body::read(body, limits.body_bytes, timeouts.idle())
        .await
        .map_err(|error| ProxyError::reading(&*error).response(None))?;
    crate::decode::decoded(&parts.headers, &bytes, limits.body_bytes)
        .ok_or_else(|| error(StatusCode::BAD_REQUEST, "invalid_request", "expected a body in gzip, br, zstd or none"))
}

/// Work that would keep other requests waiting, such as a look into the store.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Response<Body>> {
    tokio::task::spawn_blocking(work).await.map_err(|_| {
        error(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "the request failed; the proxy's log says why")
    })
}
