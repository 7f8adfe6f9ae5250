//! Pass-through: what nobody reads goes on as it comes, both ways.

use http::request::Parts;
use http::{Method, Response, StatusCode};
use hyper::body::Incoming;

use crate::body::{Body, Paced};
use crate::error::ProxyError;
use crate::exchange::Exchange;
use crate::headers;
use crate::stack::Stack;
use crate::tunnel;
use crate::upgrade::Upgrade;
use crate::upstream::{Outbound, OutboundBody};

/// Sends a request on without reading it, and the answer back. When both agree on another protocol, its bytes pass too.
pub(crate) async fn forward(
    stack: &Stack,
    exchange: &Exchange,
    mut parts: Parts,
    body: Incoming,
) -> Result<Response<Body>, ProxyError> {
    let limit = stack.options.limits.body_bytes;
    let size = http_body::Body::size_hint(&body);
    if size.lower() > limit as u64 {
        return Err(ProxyError::BodyTooLarge(limit));
    }
    let body = if size.exact() == Some(0) && repeats(&parts.method) {
        OutboundBody::Held(Default::default())
    } else {
        let body = Paced::new(body, Some(limit), stack.options.timeouts.idle());
        OutboundBody::Passing(exchange.seen.measured(Body::new(body)))
    };
    let upgrade = Upgrade::asked(&mut parts);
    let mut outbound = outbound(stack, exchange, parts, body)?;
    if let Some(upgrade) = &upgrade {
        upgrade.ask(&mut outbound.headers);
    }
    let response = stack.client.send(outbound).await?;
    match upgrade {
        Some(upgrade) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
            let idle = stack.options.timeouts.idle();
            Ok(upgrade.grant(stack, response, move |client, upstream| tunnel::run(client, upstream, idle)))
        }
        _ => Ok(back(stack, exchange, response)),
    }
}

/// Whether asking twice is as asking once.
fn repeats(method: &Method) -> bool {
    method.is_idempotent()
}

/// A client's request as its upstream gets it.
pub(crate) fn outbound(
    stack: &Stack,
    exchange: &Exchange,
    parts: Parts,
    body: OutboundBody,
) -> Result<Outbound, ProxyError> {
    let base = stack.upstreams.choose(exchange.route.provider, &parts.headers)?;
    let uri = base.join(&exchange.target)?;
    let mut headers = parts.headers;
    headers::strip_for_upstream(&mut headers);
    exchange.seen.asked(&uri);
    Ok(Outbound { method: parts.method, uri, headers, body })
}

/// An upstream's answer as its client gets it.
pub(crate) fn back(stack: &Stack, exchange: &Exchange, response: Response<Incoming>) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    headers::strip_hop_by_hop(&mut parts.headers);
    parts.version = http::Version::HTTP_11;
    exchange.seen.trace(|trace| trace.upstream_status = Some(parts.status.as_u16()));
    let body = Body::new(Paced::new(body, None, stack.options.timeouts.idle()));
    Response::from_parts(parts, exchange.seen.timed(body))
}
