//! The answer of an extension, in the shape that the client asked for.

use std::convert::Infallible;

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
use crate::providers::{Facts, Framing};

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
    let mut response = match (facts.stream, request.exchange.route.framing) {
        (false, _) => json_response(StatusCode::OK, left.to_string().into()),
        (true, Framing::Array) => json_response(StatusCode::OK, format!("[{left}]").into()),
        (true, Framing::Events) => {
            let events = request.api.stream_of(&left).into_iter();
            let events = events.map(|event| Ok::<_, Infallible>(Frame::data(event.to_bytes())));
            let mut response = Response::new(Body::new(StreamBody::new(stream::iter(events))));
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            response
        }
    };
    outcome::describe(response.headers_mut(), run.result());
    Ok(response)
}
