//! OpenAI Responses over WebSocket: every frame passes, and each `response.create` goes through the stages on its way.
//!
//! The upstream decides on the handshake. Then [`relay`] passes frames both ways as the bytes they are; only a request that
//! the stages have changed is written anew, and what a [`talk`] with the model about originals changes of an answer.

mod answer;
mod asked;
mod end;
mod frame;
mod lanes;
mod message;
mod peek;
mod relay;
mod talk;
mod turns;
mod ways;
mod writer;

use std::sync::Arc;

use http::header::SEC_WEBSOCKET_EXTENSIONS;
use http::request::Parts;
use http::{Response, StatusCode};
use hyper::body::Incoming;

use crate::body::Body;
use crate::error::ProxyError;
use crate::exchange::Exchange;
use crate::forward;
use crate::stack::Stack;
use crate::upgrade::Upgrade;
use crate::upstream::OutboundBody;
use relay::Relay;

/// Passes the handshake on and, when the upstream agrees, the frames after it.
pub(crate) async fn run(
    stack: &Arc<Stack>,
    exchange: &Arc<Exchange>,
    mut parts: Parts,
    body: Incoming,
) -> Result<Response<Body>, ProxyError> {
    let Some(upgrade) = Upgrade::asked(&mut parts) else {
        return forward::forward(stack, exchange, parts, body).await;
    };
    let handshake = parts.clone();
    let mut outbound = forward::outbound(stack, exchange, parts, OutboundBody::Held(Default::default()))?;
    upgrade.ask(&mut outbound.headers);
    // Frames that an extension has compressed could not be read here.
    outbound.headers.remove(SEC_WEBSOCKET_EXTENSIONS);
    let mut response = stack.client.send(outbound).await?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(forward::back(stack, exchange, response));
    }
    response.headers_mut().remove(SEC_WEBSOCKET_EXTENSIONS);
    let relay = Relay::new(stack, exchange, handshake, response.headers());
    Ok(upgrade.grant(stack, response, move |client, upstream| relay.run(client, upstream)))
}
