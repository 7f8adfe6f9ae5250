//! The upstream's answer when an extension wants to see it.

use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, stream};
use headroom_core::conversation::Value;
use headroom_core::pipeline::{ResponseFacts, Run};
use http::header::{self, HeaderValue};
use http::{HeaderMap, Response};
use http_body::Body as _;
use http_body::Frame;
use http_body_util::{BodyExt as _, BodyStream, StreamBody};

use super::watched::{Along, Watched};
use crate::body::Body;
use crate::decode;
use crate::error::ProxyError;
use crate::exchange::Exchange;
use crate::providers::{Api, Facts, Framing};
use crate::stack::Stack;

/// A request whose answer has begun.
pub(super) struct Received {
    pub(super) stack: Arc<Stack>,
    pub(super) exchange: Arc<Exchange>,
    pub(super) api: Api,
    pub(super) facts: Facts,
    pub(super) run: Box<Run>,
    pub(super) sent: Instant,
}

/// Asks the upstream for bytes that can be read as they are.
pub(super) fn ask_for_plain(headers: &mut HeaderMap) {
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
}

/// The provider's own account of tokens.
pub(super) fn usage(response: &serde_json::Value) -> Option<Value> {
    let usage = response.get("usage").or_else(|| response.get("usageMetadata"))?;
    (!usage.is_null()).then(|| Value::json(usage.clone()))
}

/// `response_received` with the answer: a stream is passed on as it comes and shown after its last byte, anything else is
/// read first and may be replaced.
pub(super) async fn receive(received: Received, response: Response<Body>) -> Result<Response<Body>, ProxyError> {
    let is_events = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().to_ascii_lowercase().starts_with(b"text/event-stream"));
    let framing = received.exchange.route.framing;
    let is_array = framing == Framing::Array && received.facts.stream && response.status().is_success();
    if !is_events && !is_array {
        return whole(received, response).await;
    }
    let limits = &received.stack.options.limits;
    let framing = if is_events { Framing::Events } else { framing };
    // A stream in an encoding that nobody asked for is the client's to undo, and is not read.
    let limit = if decode::is_encoded(response.headers()) { 0 } else { limits.response_bytes };
    let along = Along::new(received.api, framing, limits.frame_bytes, limit);
    let (parts, body) = response.into_parts();
    let status = parts.status.as_u16();
    let tasks = received.stack.tasks.clone();
    let ended = move |answer: serde_json::Value| {
        let Received { mut run, sent, .. } = received;
        tasks.spawn(async move {
            let about = ResponseFacts {
                status_code: Some(status),
                stream: true,
                usage: usage(&answer),
                duration: sent.elapsed(),
            };
            if let Err(error) = run.response_received(Value::json(answer), about).await {
                log::warn!(target: "headroom.pipeline", "the answer was streamed already when it was refused: {error}");
            }
        });
    };
    Ok(Response::from_parts(parts, Body::new(Watched::new(body, along, ended))))
}

/// An answer that is read before the client gets it.
async fn whole(received: Received, response: Response<Body>) -> Result<Response<Body>, ProxyError> {
    let Received { stack, mut run, sent, .. } = received;
    let limit = stack.options.limits.response_bytes;
    let (mut parts, body) = response.into_parts();
    let bytes = match read(body, limit).await {
        Ok(Read::Whole(bytes)) => bytes,
        Ok(Read::TooLarge(body)) => {
            log::warn!(target: "headroom.proxy", "an answer of more than {limit} bytes passes unread");
            let about = about(&parts, sent, None);
            run.response_received(Value::json(serde_json::Value::Null), about).await.map_err(ProxyError::Refused)?;
            return Ok(Response::from_parts(parts, body));
        }
        Err(error) => {
            let reason = format!("the answer broke off ({error})");
            return Err(ProxyError::Unreachable { upstream: "the rest of the upstream's answer".into(), reason });
        }
    };
    let text = decode::decoded(&parts.headers, &bytes, limit);
    let answer: serde_json::Value =
        text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or(serde_json::Value::Null);
    let about = about(&parts, sent, usage(&answer));
    let is_json = !answer.is_null();
    let answer = Value::json(answer);
    let left = run.response_received(answer.clone(), about).await.map_err(ProxyError::Refused)?;
    if left.is_same(&answer) || !is_json {
        return Ok(Response::from_parts(parts, bytes.into()));
    }
    let text = left.to_json().map_err(ProxyError::Refused)?.to_string();
    parts.headers.remove(header::CONTENT_ENCODING);
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(text.len()));
    Ok(Response::from_parts(parts, text.into()))
}

fn about(parts: &http::response::Parts, sent: Instant, usage: Option<Value>) -> ResponseFacts {
    ResponseFacts { status_code: Some(parts.status.as_u16()), stream: false, usage, duration: sent.elapsed() }
}

enum Read {
    Whole(Bytes),
    /// It exceeds the limit: all of it, of which the start was read.
    TooLarge(Body),
}

async fn read(mut body: Body, limit: usize) -> Result<Read, axum::Error> {
    if body.size_hint().lower() > limit as u64 {
        return Ok(Read::TooLarge(body));
    }
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        bytes.extend_from_slice(&data);
        if bytes.len() > limit {
            let start = stream::once(async move { Ok(Frame::data(bytes.freeze())) });
            return Ok(Read::TooLarge(Body::new(StreamBody::new(Box::pin(start.chain(BodyStream::new(body)))))));
        }
    }
    Ok(Read::Whole(bytes.freeze()))
}
