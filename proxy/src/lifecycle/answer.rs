//! The answer of an extension, in the shape that the client asked for.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream;
use headroom_core::conversation::Value;
use headroom_core::pipeline::{ResponseFacts, Run};
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use http_body::Frame;
use http_body_util::StreamBody;

use super::{Request, outcome, response};
use crate::body::Body;
use crate::error::{ProxyError, json_response};
use crate::providers::{Facts, Framing, Writer};

/// `response_received` with the answer, then JSON or the events of a stream.
pub(super) async fn respond(
    request: &Request,
    mut run: Run,
    facts: &Facts,
    answer: Value,
) -> Result<Response<Body>, ProxyError> {
    let usage = answer.to_json().ok().and_then(|answer| response::usage(&answer));
    let duration = request.exchange.started.elapsed();
    let about = ResponseFacts { status_code: None, stream: facts.stream, usage, duration };
    let left = run.response_received(answer, about).await.map_err(ProxyError::Refused)?;
    let left = left.to_json().map_err(ProxyError::Refused)?;
    let mut response = if facts.stream {
        let framing = request.exchange.route.framing;
        let mut writer = Writer::new(framing);
        let mut pieces: Vec<Bytes> = request.api.stream_of(&left).iter().map(|event| writer.event(event)).collect();
        pieces.push(writer.end(Bytes::new()));
        let frames = pieces.into_iter().map(|piece| Ok::<_, Infallible>(Frame::data(piece)));
        let mut response = json_response(StatusCode::OK, Body::new(StreamBody::new(stream::iter(frames))));
        if framing == Framing::Events {
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        }
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response
    } else {
        json_response(StatusCode::OK, left.to_string().into())
    };
    outcome::describe(response.headers_mut(), run.result());
    Ok(response)
}
