//! Before a proxy in another process: requests go to it while it is there, and past it to the provider while it is not.
//!
//! Whoever uses the proxy has the address of the front, which stays when the process behind it dies and comes back.

mod held;
mod tunnel;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Request, Response, Uri, Version, header};
use hyper::body::Incoming;
use tokio::sync::watch;
use tower::ServiceExt as _;

use crate::body::Body;
use crate::error::ProxyError;
use crate::exchange::{Exchange, new_id};
use crate::guard::Token;
use crate::options::ProxyOptions;
use crate::secret::Secret;
use crate::stack::{self, Stack};
use crate::upstream::{Client, Outbound, OutboundBody};
use crate::{forward, headers, routes};

const TOKEN: HeaderName = HeaderName::from_static("x-headroom-proxy-token");
const BYPASS: HeaderName = HeaderName::from_static("x-headroom-bypass");

/// The proxy behind a front.
#[derive(Debug)]
pub struct Backend {
    /// Where it listens; none while it is down.
    pub address: watch::Receiver<Option<SocketAddr>>,
    /// The token that it asks for.
    pub token: Secret,
}

/// What stands before a proxy.
pub(crate) struct Front {
    backend: Backend,
    /// Speaks to the proxy only; further attempts are the front's own.
    client: Client,
    /// Of Headroom's own routes.
    token: Token,
}

impl Front {
    pub(crate) fn new(backend: Backend, options: &ProxyOptions) -> Self {
        let mut to_backend = options.clone();
        to_backend.retries.attempts = 0;
        to_backend.retries.statuses.clear();
        // The limits are those of the proxy, which answers when it meets one; the end of its process ends a request too.
        to_backend.timeouts.first_byte_ms = u64::MAX;
        Self { backend, client: Client::new(&to_backend), token: Token::new(options.token.clone(), options.port) }
    }

    /// Answers a request.
    pub(crate) async fn serve(&self, stack: Arc<Stack>, own: Router, request: Request<Incoming>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        // What the proxy gets it tells of itself; what goes past it is read anew.
        let exchange = Arc::new(Exchange::unseen(new_id(), &parts));
        let is_own = routes::is_own(exchange.path());
        if is_own && !routes::is_open(exchange.path()) {
            match self.token.welcome(exchange.path(), &parts) {
                Ok(Some(welcome)) => return welcome,
                Ok(None) => {}
                Err(error) => return told(&error, &exchange),
            }
            if let Err(error) = self.token.check(exchange.path(), &parts, true) {
                return told(&error, &exchange);
            }
        }
        let request = Request::from_parts(parts, body);
        let Some(address) = *self.backend.address.borrow() else { return past(stack, own, request).await };
        if request.headers().contains_key(header::UPGRADE) {
            return match tunnel::open(&self.backend, address, &stack, request).await {
                Ok(response) => response,
                // Nothing of the connection has been used yet.
                Err(request) => past(stack, own, *request).await,
            };
        }
        let (parts, body) = request.into_parts();
        let (body, kept) = match held::hold(body, stack.options.timeouts.idle()).await {
            Ok(held::Held::Whole(bytes)) => (OutboundBody::Held(bytes.clone()), Some(bytes)),
            Ok(held::Held::Passing(body)) => (OutboundBody::Passing(body), None),
            Err(error) => return told(&error, &exchange),
        };
        match self.relay(address, &parts, body).await {
            Ok(response) => response,
            Err(ProxyError::Unreachable { .. } | ProxyError::Timeout { .. }) if kept.is_some() => {
                log::warn!(target: "headroom.proxy", "{}: the proxy went away, the request goes past it", exchange.id);
                let bytes = kept.unwrap_or_default();
                again(&stack, own, &exchange, parts, bytes).await.unwrap_or_else(|error| told(&error, &exchange))
            }
            Err(error) => told(&error, &exchange),
        }
    }

    /// Sends a request to the proxy as it came.
    async fn relay(
        &self,
        address: SocketAddr,
        parts: &Parts,
        body: OutboundBody,
    ) -> Result<Response<Body>, ProxyError> {
        let uri = behind(address, parts)?;
        let mut headers = parts.headers.clone();
        headers::strip_hop_by_hop(&mut headers);
        headers.remove(header::EXPECT);
        headers.insert(TOKEN, self.backend.header());
        if let (false, Some(authority)) = (headers.contains_key(header::HOST), parts.uri.authority())
            && let Ok(host) = HeaderValue::from_str(authority.as_str())
        {
            headers.insert(header::HOST, host);
        }
        let response = self.client.send(Outbound { method: parts.method.clone(), uri, headers, body }).await?;
        let (mut parts, body) = response.into_parts();
        headers::strip_hop_by_hop(&mut parts.headers);
        parts.version = Version::HTTP_11;
        Ok(Response::from_parts(parts, Body::new(body)))
    }
}

impl Backend {
    fn header(&self) -> HeaderValue {
        let mut value = HeaderValue::from_str(self.token.expose()).unwrap_or_else(|_| HeaderValue::from_static(""));
        value.set_sensitive(true);
        value
    }
}

/// The address of a request at the proxy.
fn behind(address: SocketAddr, parts: &Parts) -> Result<Uri, http::uri::InvalidUri> {
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    format!("http://{address}{path}").parse()
}

/// A request while there is no proxy: as with a bypass, only Headroom's own routes are answered here.
async fn past(stack: Arc<Stack>, own: Router, mut request: Request<Incoming>) -> Response<Body> {
    request.headers_mut().insert(BYPASS, HeaderValue::from_static("true"));
    stack::serve(stack, own, request).await
}

/// A request that the proxy took and did not answer.
async fn again(
    stack: &Stack,
    own: Router,
    exchange: &Arc<Exchange>,
    parts: Parts,
    bytes: Bytes,
) -> Result<Response<Body>, ProxyError> {
    stack.origins.check(&parts)?;
    if routes::is_own(exchange.path()) {
        let Ok(mut response) = own.oneshot(Request::from_parts(routes::at(parts, exchange), Body::from(bytes))).await;
        routes::secure(response.headers_mut());
        return Ok(response);
    }
    let outbound = forward::outbound(stack, exchange, parts, OutboundBody::Held(bytes))?;
    Ok(forward::back(stack, exchange, stack.client.send(outbound).await?))
}

fn told(error: &ProxyError, exchange: &Exchange) -> Response<Body> {
    log::info!(target: "headroom.proxy", "{} {}: {error}", exchange.id, exchange.path());
    let is_own = routes::is_own(exchange.path());
    let mut response = error.response((!is_own).then_some(exchange.route.provider));
    if is_own {
        routes::secure(response.headers_mut());
    }
    response
}
