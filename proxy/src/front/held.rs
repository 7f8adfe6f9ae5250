//! Which bodies are kept until the proxy has answered, so that they can go past it when it does not.

use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;

use crate::body::{self, Body};
use crate::error::ProxyError;

/// The largest body that is kept.
///
/// # Sources
/// Anthropic takes requests of up to 32 MB; larger ones are uploads of files.
const KEPT_BYTES: u64 = 32 << 20;

/// A body on its way to the proxy.
pub(super) enum Held {
    /// All of it, to be sent more than once.
    Whole(Bytes),
    /// Too large, or of a size that nobody says: sent as it comes, once.
    Passing(Body),
}

/// Reads a body whose size is known and small enough.
pub(super) async fn hold(body: Incoming, idle: Duration) -> Result<Held, ProxyError> {
    match http_body::Body::size_hint(&body).exact() {
        Some(size) if size <= KEPT_BYTES => {
            let bytes = body::read(body, KEPT_BYTES as usize, idle).await;
            bytes.map(Held::Whole).map_err(|error| ProxyError::reading(&*error))
        }
        _ => Ok(Held::Passing(Body::new(body))),
    }
}
