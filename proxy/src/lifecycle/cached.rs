//! The response cache among the stages.

use std::sync::Arc;

use headroom_core::JsonBody;
use headroom_core::conversation::Value;
use headroom_core::pipeline::{PipelineStage, ResponseFacts};
use http::Response;
use http::header::{self, HeaderValue};

use super::{Request, event_headers, outcome, response};
use crate::body::Body;
use crate::cache::{Asked, Kept, Key};
use crate::error::ProxyError;
use crate::seen::Run;

impl Request {
    /// What the answer would be kept under; none when it is not to be, as in a WebSocket, whose messages build on each other.
    pub(super) fn key(&self, run: &Run, tools: Option<&Value>, shown: Option<&Value>) -> Option<Key> {
        if !self.stack.cache.is_on() || self.exchange.route.counts || self.frame.is_some() {
            return None;
        }
        let body: &JsonBody = run.body().as_any().downcast_ref()?;
        let changed = run.tools().filter(|now| !tools.is_some_and(|before| before.is_same(now)));
        let tools = match changed {
            Some(tools) => Some(tools.to_json().ok()?.to_string()),
            None => None,
        };
        let mut headers = self.parts.headers.clone();
        if let (Some(before), Some(now)) = (shown, run.headers()) {
            event_headers::take_over(&mut headers, before, now);
        }
        Key::of(&Asked {
            method: &self.parts.method,
            upstream: self.stack.upstreams.choose(self.exchange.route.provider, &self.parts.headers).ok()?.as_str(),
            target: &self.exchange.target,
            headers: &headers,
            body: body.as_str(),
            tools,
            options: serde_json::to_string(&self.stack.options.compress).ok()?,
        })
    }
}

/// `response_received` with a kept answer, then the answer as it came the first time.
pub(super) async fn respond(request: &Request, mut run: Run, kept: Arc<Kept>) -> Result<Response<Body>, ProxyError> {
    request.exchange.seen.note(|record| record.cached = true);
    let mut bytes = kept.bytes.clone();
    if request.stack.extensions.subscribes(PipelineStage::ResponseReceived) {
        let answer = kept.response(request.api).unwrap_or_default();
        let about = ResponseFacts {
            status_code: Some(200),
            stream: kept.framing.is_some(),
            usage: response::usage(&answer),
            duration: request.exchange.started.elapsed(),
        };
        let answer = Value::json(answer);
        let left = run.response_received(answer.clone(), about).await.map_err(ProxyError::Refused)?;
        if !left.is_same(&answer) {
            bytes = left.to_json().map_err(ProxyError::Refused)?.to_string().into();
        }
    }
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    if let Some(kind) = &kept.content_type {
        headers.insert(header::CONTENT_TYPE, kind.clone());
    }
    headers.insert("x-headroom-cached", HeaderValue::from_static("true"));
    outcome::describe(headers, run.result());
    Ok(response)
}
