//! One client for all upstreams: connections are kept and used again.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::uri::Uri;
use http::{HeaderMap, Method, Request, Response, Version, header};
use hyper::body::Incoming;
use hyper_util::client::legacy;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{sleep, timeout};

use super::connect::{ConnectTimeout, Connector, proxy_credentials};
use super::retry::Attempts;
use crate::body::{Body, Stopped};
use crate::error::{ProxyError, cause};
use crate::options::{ProxyOptions, Retries};

/// How long a connection without a request is kept.
///
/// # Sources
/// Common load balancers close idle connections after 60 s or more.
const KEEP_IDLE: Duration = Duration::from_secs(55);

/// A request on its way to an upstream.
pub(crate) struct Outbound {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: OutboundBody,
}

/// Its body.
pub(crate) enum OutboundBody {
    /// Held here, so that it can be sent again.
    Held(Bytes),
    /// Sent as it comes, once.
    Passing(Body),
}

/// Sends requests.
pub(crate) struct Client {
    inner: legacy::Client<Connector, Body>,
    /// For requests that ask for another protocol.
    upgrading: legacy::Client<Connector, Body>,
    /// Where a proxy stands between; none when there is no proxy at all, which spares the look-up.
    proxies: Option<Arc<Matcher>>,
    retries: Retries,
    first_byte: Duration,
}

impl Client {
    pub(crate) fn new(options: &ProxyOptions) -> Self {
        let has_proxy = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]
            .iter()
            .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
        let connectors = Connector::pair(Matcher::from_env(), options.timeouts.connect());
        let mut builder = legacy::Client::builder(TokioExecutor::new());
        builder
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .pool_idle_timeout(KEEP_IDLE)
            .http2_adaptive_window(true);
        Self {
            inner: builder.build(connectors.0),
            upgrading: builder.build(connectors.1),
            proxies: has_proxy.then(|| Arc::new(Matcher::from_env())),
            retries: options.retries.clone(),
            first_byte: options.timeouts.first_byte(),
        }
    }

    /// Sends a request and gives the answer when its head is there. Dropping the future, or later the answer, ends the
    /// request at the upstream.
    ///
    /// A request whose body is held is repeated when no connection came about or it ended before a whole head had
    /// arrived, and after the statuses that the options name.
    pub(crate) async fn send(&self, outbound: Outbound) -> Result<Response<Incoming>, ProxyError> {
        let Outbound { method, uri, headers, body } = outbound;
        let held = match body {
            OutboundBody::Held(bytes) => bytes,
            OutboundBody::Passing(body) => {
                let request = self.request(method, uri.clone(), headers, body);
                return self.attempt(request, &uri).await.map_err(|failed| failed.error);
            }
        };
        let mut attempts = Attempts::new(&self.retries);
        loop {
            let body = Body::from(held.clone());
            let request = self.request(method.clone(), uri.clone(), headers.clone(), body);
            let (outcome, pause) = match self.attempt(request, &uri).await {
                Ok(response) => {
                    let pause = attempts.after_answer(response.status(), response.headers());
                    (Ok(response), pause)
                }
                Err(failed) if failed.may_be_repeated => (Err(failed.error), attempts.after_failure()),
                Err(failed) => return Err(failed.error),
            };
            let Some(pause) = pause else { return outcome };
            drop(outcome);
            sleep(pause).await;
        }
    }

    fn request(&self, method: Method, uri: Uri, headers: HeaderMap, body: Body) -> Request<Body> {
        let credentials = self.proxies.as_deref().and_then(|proxies| proxy_credentials(proxies, &uri));
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        // Whether the connection speaks HTTP/2 is agreed on with TLS.
        *request.version_mut() = Version::HTTP_11;
        if let Some(credentials) = credentials {
            request.headers_mut().insert(header::PROXY_AUTHORIZATION, credentials);
        }
        request
    }

    async fn attempt(&self, request: Request<Body>, to: &Uri) -> Result<Response<Incoming>, Failed> {
        let upstream = || {
            let authority = to.authority().map_or("the upstream", |authority| authority.as_str());
            authority.to_owned()
        };
        let client = if request.headers().contains_key(header::UPGRADE) { &self.upgrading } else { &self.inner };
        match timeout(self.first_byte, client.request(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(Failed::new(&error, upstream())),
            Err(_) => Err(Failed {
                error: ProxyError::Timeout { upstream: upstream(), limit: self.first_byte },
                may_be_repeated: false,
            }),
        }
    }
}

/// An attempt without an answer.
struct Failed {
    error: ProxyError,
    may_be_repeated: bool,
}

impl Failed {
    fn new(error: &legacy::Error, upstream: String) -> Self {
        if cause::<Stopped>(error).is_some() {
            return Self { error: ProxyError::reading(error), may_be_repeated: false };
        }
        if let Some(ConnectTimeout(limit)) = cause::<ConnectTimeout>(error) {
            return Self { error: ProxyError::Timeout { upstream, limit: *limit }, may_be_repeated: true };
        }
        let hyper = cause::<hyper::Error>(error);
        if hyper.is_some_and(|error| error.is_user()) {
            return Self { error: ProxyError::BodyBroken, may_be_repeated: false };
        }
        let ended = cause::<io::Error>(error).is_some_and(|error| is_ended(error.kind()))
            || hyper.is_some_and(|error| error.is_incomplete_message() || error.is_canceled() || error.is_closed());
        let may_be_repeated = error.is_connect() || ended;
        Self { error: ProxyError::Unreachable { upstream, reason: reason(error) }, may_be_repeated }
    }
}

fn is_ended(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, UnexpectedEof};
    matches!(kind, BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected | UnexpectedEof)
}

/// The innermost causes; the outer ones only say that something failed.
fn reason(error: &dyn StdError) -> String {
    let mut reason = error.to_string();
    let mut next = error.source();
    while let Some(inner) = next {
        let text = inner.to_string();
        if !reason.contains(&text) {
            reason = if reason.starts_with("client error") { text } else { format!("{reason}: {text}") };
        }
        next = inner.source();
    }
    reason
}
