//! The way of every request through the proxy, from top to bottom.

use std::sync::Arc;

use axum::Router;
use headroom_core::Engine;
use headroom_core::pipeline::PipelineExtensionManager;
use http::{Method, Request, Response};
use hyper::body::Incoming;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::body::Body;
use crate::cache::ResponseCache;
use crate::error::ProxyError;
use crate::exchange::{Exchange, id_header, new_id};
use crate::guard::{Origins, Token};
use crate::observe::Observer;
use crate::options::ProxyOptions;
use crate::providers::Api;
use crate::retrieval::Kept;
use crate::upstream::{Client, Table};
use crate::{forward, headers, lifecycle, routes, websocket};

/// What all requests share.
pub(crate) struct Stack {
    pub(crate) options: ProxyOptions,
    pub(crate) engine: Engine,
    pub(crate) extensions: Arc<PipelineExtensionManager>,
    pub(crate) client: Client,
    pub(crate) upstreams: Table,
    pub(crate) origins: Origins,
    pub(crate) token: Token,
    pub(crate) cache: ResponseCache,
    pub(crate) observer: Observer,
    /// What clients have not seen of their turns.
    pub(crate) kept: Kept,
    /// What goes on after its request, such as the last stage of a stream; a drain waits for it.
    pub(crate) tasks: TaskTracker,
    /// Cancelled when the proxy is to stop.
    pub(crate) stopping: CancellationToken,
}

/// Answers a request; whatever goes wrong is an answer too.
pub(crate) async fn serve(stack: Arc<Stack>, own: Router, request: Request<Incoming>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    // First of all an id, so that every answer has one, errors included.
    let id = new_id();
    let header = id_header(&id);
    let exchange = Arc::new(Exchange::new(id, &parts, &stack.observer));
    let is_own = exchange.is_own;
    let outcome = pass(&stack, &exchange, own, Request::from_parts(parts, body)).await;
    let mut response = outcome.unwrap_or_else(|error| {
        log::info!(target: "headroom.proxy", "{} {}: {error}", exchange.id, exchange.path());
        exchange.seen.trace(|trace| trace.error = Some(error.kind()));
        error.response((!is_own).then_some(exchange.route.provider))
    });
    if is_own {
        routes::secure(response.headers_mut());
    }
    response.headers_mut().insert("x-headroom-request-id", header);
    exchange.seen.clone().answer(response)
}

async fn pass(
    stack: &Arc<Stack>,
    exchange: &Arc<Exchange>,
    own: Router,
    request: Request<Incoming>,
) -> Result<Response<Body>, ProxyError> {
    let (parts, body) = request.into_parts();

    // Limits before anything looks at what they limit.
    let (found, limit) = (headers::size(&parts.headers), stack.options.limits.header_bytes);
    if found > limit {
        return Err(ProxyError::HeadersTooLarge { found, limit });
    }

    // Pages of other sites end here, whatever they ask for and whatever they know.
    stack.origins.check(&parts)?;

    // Whoever may not ask ends here; only liveness is everybody's business. A browser may show the token once.
    if !routes::is_open(exchange.path()) {
        if let Some(welcome) = stack.token.welcome(exchange.path(), &parts)? {
            return Ok(welcome);
        }
        stack.token.check(exchange.path(), &parts, exchange.is_own)?;
    }

    // Headroom's own routes speak to nobody upstream.
    if exchange.is_own {
        let request = Request::from_parts(routes::at(parts, exchange), Body::new(body));
        let Ok(response) = own.oneshot(request).await;
        return Ok(response);
    }

    // Only who may ask says under which names a request is counted.
    exchange.seen.labels(exchange.project.as_deref(), &parts.headers);

    // Bypass before anything reads the request: no event, nothing parsed.
    if headers::is_bypass(&parts.headers) {
        exchange.seen.note(|record| record.bypass = true);
        return forward::forward(stack, exchange, parts, body).await;
    }

    // The stages for the APIs that are known; the rest passes.
    match exchange.route.api {
        Some(Api::Responses) if parts.method == Method::GET => {
            Box::pin(websocket::run(stack, exchange, parts, body)).await
        }
        Some(api) => Box::pin(lifecycle::run(stack, exchange, api, parts, body)).await,
        None => forward::forward(stack, exchange, parts, body).await,
    }
}
