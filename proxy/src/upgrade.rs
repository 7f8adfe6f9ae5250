//! Requests that ask for another protocol on their connection.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;

use crate::body::Body;
use crate::headers;
use crate::stack::Stack;

/// A connection that no longer speaks HTTP.
pub(crate) type Raw = TokioIo<Upgraded>;

/// What goes on with a connection once HTTP has ended on it. The connection's own task runs it, so that it has the
/// connection's place among the connections that are allowed, and is cut off with it.
#[derive(Clone, Default)]
pub(crate) struct Sequel(Arc<Mutex<Option<BoxFuture<'static, ()>>>>);

impl Sequel {
    fn put(&self, future: BoxFuture<'static, ()>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(future);
    }

    /// What goes on, if anything.
    pub(crate) fn take(&self) -> Option<BoxFuture<'static, ()>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What a client asks for, and what it takes to grant it.
pub(crate) struct Upgrade {
    protocol: HeaderValue,
    client: OnUpgrade,
    sequel: Sequel,
}

impl Upgrade {
    /// Takes it out of a request. HTTP/2 is no other protocol: who asks for it by the way goes on with HTTP/1.1.
    pub(crate) fn asked(parts: &mut Parts) -> Option<Self> {
        let protocol = parts.headers.get(header::UPGRADE)?.clone();
        let is_http = protocol.as_bytes().trim_ascii().eq_ignore_ascii_case(b"h2c");
        if is_http || parts.version != Version::HTTP_11 || !names_upgrade(&parts.headers) {
            return None;
        }
        Some(Self { protocol, client: parts.extensions.remove()?, sequel: parts.extensions.remove()? })
    }

    /// Asks an upstream for the same.
    pub(crate) fn ask(&self, headers: &mut HeaderMap) {
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::UPGRADE, self.protocol.clone());
    }

    /// The answer to a client whose upstream has agreed; when it is written, `then` gets both connections.
    pub(crate) fn grant<F>(
        self,
        stack: &Stack,
        response: Response<Incoming>,
        then: impl FnOnce(Raw, Raw) -> F + Send + 'static,
    ) -> Response<Body>
    where
        F: Future<Output = ()> + Send,
    {
        let mut answer = Response::new(Body::empty());
        *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        *answer.headers_mut() = response.headers().clone();
        let headers = answer.headers_mut();
        let protocol = headers.get(header::UPGRADE).cloned().unwrap_or_else(|| self.protocol.clone());
        headers::strip_hop_by_hop(headers);
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::UPGRADE, protocol);
        let (client, upstream) = (self.client, hyper::upgrade::on(response));
        self.sequel.put(Box::pin(stack.tasks.track_future(async move {
            match tokio::try_join!(client, upstream) {
                Ok((client, upstream)) => then(TokioIo::new(client), TokioIo::new(upstream)).await,
                Err(error) => {
                    log::debug!(target: "headroom.proxy", "a connection ended before it changed its protocol: {error}");
                }
            }
        })));
        answer
    }
}

/// Whether `Connection` says that `Upgrade` is meant.
fn names_upgrade(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|name| name.trim().eq_ignore_ascii_case("upgrade"))
}
