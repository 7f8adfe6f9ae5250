//! The eight stages of a request, whether it comes over HTTP or in a frame of a WebSocket.

mod answer;
mod cached;
mod event_headers;
mod outcome;
mod prepare;
mod response;
mod watched;

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use headroom_core::pipeline::PipelineStage;
use http::request::Parts;
use http::{HeaderMap, Response, header};
use hyper::body::Incoming;

use crate::body::{self, Body};
use crate::cache::{Key, Recorder};
use crate::error::ProxyError;
use crate::exchange::Exchange;
use crate::forward;
use crate::providers::{Api, Facts};
use crate::retrieval::{self, Rounds, Ticket};
use crate::seen::Run;
use crate::stack::Stack;
use crate::upstream::OutboundBody;

pub(crate) use answer::settle;
pub(crate) use event_headers::show;
pub(crate) use prepare::{INLINE_BYTES, Prepared};
pub(crate) use response::{Read, read, streamed};

/// A request that goes through the stages.
pub(crate) struct Request {
    stack: Arc<Stack>,
    exchange: Arc<Exchange>,
    api: Api,
    parts: Parts,
    /// As they came.
    bytes: Bytes,
    /// The number of the message on its WebSocket; none over HTTP.
    frame: Option<u64>,
}

/// A request after its stages: what is sent.
pub(crate) struct Ready {
    pub(crate) run: Box<Run>,
    facts: Facts,
    headers: HeaderMap,
    /// The very bytes that came when nothing has changed.
    pub(crate) bytes: Bytes,
    /// Under what its answer is kept.
    key: Option<Key>,
    /// When calls of the retrieval tool are answered here.
    pub(crate) ticket: Option<Box<Ticket>>,
}

/// Takes a request through the stages, to its upstream and back.
pub(crate) async fn run(
    stack: &Arc<Stack>,
    exchange: &Arc<Exchange>,
    api: Api,
    parts: Parts,
    body: Incoming,
) -> Result<Response<Body>, ProxyError> {
    let (limits, timeouts) = (&stack.options.limits, &stack.options.timeouts);
    let bytes =
        body::read(body, limits.body_bytes, timeouts.idle()).await.map_err(|error| ProxyError::reading(&*error))?;
    exchange.seen.note(|record| record.request_bytes = bytes.len() as u64);
    let request = Request { stack: Arc::clone(stack), exchange: Arc::clone(exchange), api, parts, bytes, frame: None };
    match request.prepare().await {
        Prepared::Ready(ready) => request.send(*ready).await,
        // What is rarer has a place of its own, so that the future of every request stays small.
        Prepared::Answered(run, facts, answer) => Box::pin(answer::respond(&request, *run, &facts, answer)).await,
        Prepared::Cached(run, kept) => Box::pin(cached::respond(&request, *run, kept)).await,
        Prepared::Refused(error) => Err(ProxyError::Refused(error)),
        Prepared::AsItCame { failed } => request.pass(failed).await,
    }
}

impl Request {
    /// A request in the message with this number on the WebSocket of an exchange.
    pub(crate) fn in_frame(
        stack: &Arc<Stack>,
        exchange: &Exchange,
        api: Api,
        mut handshake: Parts,
        number: u64,
        bytes: Bytes,
    ) -> Self {
        let exchange = Arc::new(exchange.of_frame(number, &handshake.headers, &stack.observer));
        handshake.headers.remove(header::CONTENT_ENCODING);
        Self { stack: Arc::clone(stack), exchange, api, parts: handshake, bytes, frame: Some(number) }
    }

    /// What answers calls of the retrieval tool when the request is sent as these bytes in its WebSocket.
    pub(crate) fn rounds(self, ticket: Box<Ticket>, bytes: Bytes) -> Rounds {
        Rounds::new(self.stack, self.exchange, self.api, true, self.parts, bytes, ticket)
    }

    /// Sends the request as it came.
    async fn pass(self, failed: bool) -> Result<Response<Body>, ProxyError> {
        self.exchange.seen.as_it_came(failed);
        let body = OutboundBody::Held(self.bytes);
        let outbound = forward::outbound(&self.stack, &self.exchange, self.parts, body)?;
        let mut response = forward::back(&self.stack, &self.exchange, self.stack.client.send(outbound).await?);
        if failed {
            outcome::mark_failed(response.headers_mut());
        }
        Ok(response)
    }

    /// Sends the request as the stages left it.
    async fn send(self, ready: Ready) -> Result<Response<Body>, ProxyError> {
        let Ready { mut run, facts, headers, bytes, key, ticket } = ready;
        let Self { stack, exchange, api, mut parts, .. } = self;
        let is_read = stack.extensions.subscribes(PipelineStage::ResponseReceived);
        parts.headers = headers;
        if is_read || key.is_some() || ticket.is_some() {
            // What is read here must not come in an encoding that only the client undoes.
            response::ask_for_plain(&mut parts.headers);
        }
        let rounds = ticket.map(|ticket| {
            let (stack, exchange) = (Arc::clone(&stack), Arc::clone(&exchange));
            Rounds::new(stack, exchange, api, facts.stream, parts.clone(), bytes.clone(), ticket)
        });
        let outbound = forward::outbound(&stack, &exchange, parts, OutboundBody::Held(bytes))?;
        let sent = Instant::now();
        let mut response = match stack.client.send(outbound).await {
            Ok(response) => forward::back(&stack, &exchange, response),
            Err(error) => {
                run.post_send(None, None).await.map_err(ProxyError::Refused)?;
                return Err(error);
            }
        };
        if stack.extensions.subscribes(PipelineStage::PostSend) {
            let shown = event_headers::show(response.headers());
            run.post_send(Some(response.status().as_u16()), Some(shown)).await.map_err(ProxyError::Refused)?;
        }
        if let Some(rounds) = rounds {
            response = Box::pin(retrieval::answer(rounds, response)).await?;
        }
        outcome::describe(response.headers_mut(), run.result());
        if let Some(key) = key.filter(|_| response::may_be_kept(&response)) {
            let framing = response::framing(&exchange, facts.stream, &response);
            response = Recorder::listen(&stack, api, framing, key, response);
        }
        if !is_read {
            return Ok(response::pass(&stack, &exchange, api, facts.stream, response));
        }
        Box::pin(response::receive(response::Received { stack, exchange, api, facts, run, sent }, response)).await
    }
}
