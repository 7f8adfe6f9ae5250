//! The eight stages of a request over HTTP.

mod answer;
mod event_headers;
mod outcome;
mod prepare;
mod response;
mod watched;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures_util::FutureExt as _;
use headroom_core::pipeline::{PipelineStage, Run};
use http::request::Parts;
use http::{HeaderMap, Response};
use hyper::body::Incoming;

use crate::body::{self, Body};
use crate::error::ProxyError;
use crate::exchange::Exchange;
use crate::forward;
use crate::providers::{Api, Facts};
use crate::retrieval::{self, Rounds, Ticket};
use crate::stack::Stack;
use crate::upstream::OutboundBody;
pub(crate) use prepare::INLINE_BYTES;
use prepare::Prepared;
pub(crate) use response::{Read, read};

/// A request that goes through the stages.
pub(crate) struct Request {
    stack: Arc<Stack>,
    exchange: Arc<Exchange>,
    api: Api,
    parts: Parts,
    /// As they came.
    bytes: Bytes,
}

/// A request after its stages: what is sent.
struct Ready {
    run: Box<Run>,
    facts: Facts,
    headers: HeaderMap,
    bytes: Bytes,
    /// When calls of the retrieval tool are answered here.
    ticket: Option<Ticket>,
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
    let request = Request { stack: Arc::clone(stack), exchange: Arc::clone(exchange), api, parts, bytes };
    // A panic of ours is no reason to lose the request.
    match AssertUnwindSafe(request.prepare()).catch_unwind().await {
        Ok(Prepared::Ready(ready)) => request.send(*ready).await,
        Ok(Prepared::Answered(run, facts, answer)) => answer::respond(&request, *run, &facts, answer).await,
        Ok(Prepared::Refused(error)) => Err(ProxyError::Refused(error)),
        Ok(Prepared::AsItCame { failed }) => request.pass(failed).await,
        Err(_) => request.pass(true).await,
    }
}

impl Request {
    /// Sends the request as it came.
    async fn pass(self, failed: bool) -> Result<Response<Body>, ProxyError> {
        let body = OutboundBody::Held(self.bytes);
        let outbound = forward::outbound(&self.stack, &self.exchange, self.parts, body)?;
        let mut response = forward::back(&self.stack, self.stack.client.send(outbound).await?);
        if failed {
            outcome::mark_failed(response.headers_mut());
        }
        Ok(response)
    }

    /// Sends the request as the stages left it.
    async fn send(self, ready: Ready) -> Result<Response<Body>, ProxyError> {
        let Ready { mut run, facts, headers, bytes, ticket } = ready;
        let Self { stack, exchange, api, mut parts, .. } = self;
        let is_read = stack.extensions.subscribes(PipelineStage::ResponseReceived);
        parts.headers = headers;
        if is_read || ticket.is_some() {
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
            Ok(response) => forward::back(&stack, response),
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
            response = retrieval::answer(rounds, response).await?;
        }
        outcome::describe(response.headers_mut(), run.result());
        if !is_read {
            return Ok(response);
        }
        response::receive(response::Received { stack, exchange, api, facts, run, sent }, response).await
    }
}
