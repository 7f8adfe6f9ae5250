//! What goes wrong, and the answer that a client gets for it.

use std::error::Error as StdError;
use std::net::SocketAddr;
use std::time::Duration;

use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use serde_json::json;

use crate::body::{Body, Stopped};
use crate::providers::Provider;

/// Why a proxy does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An option has a value that it cannot have; the sentence names it.
    #[error("{0}")]
    Configuration(String),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address as it was asked for.
        address: String,
        /// Why.
        source: std::io::Error,
    },
    /// An address that others can reach needs a token.
    #[error("expected a proxy token for {0}, which other machines can reach, found none")]
    NoToken(SocketAddr),
    /// The system gives no threads.
    #[error("cannot start the threads of the proxy")]
    Threads(#[source] std::io::Error),
    /// A `closed` extension refused.
    #[error(transparent)]
    Refused(headroom_core::Error),
}

/// What hosts in other languages raise: the refusal of an extension as it is, anything else as a matter of configuration.
impl From<StartError> for headroom_core::Error {
    fn from(error: StartError) -> Self {
        let message = match error.source() {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        };
        match error {
            StartError::Refused(refused) => refused,
            StartError::Configuration(_)
            | StartError::NoToken(_)
            | StartError::Listen { .. }
            | StartError::Threads(_) => Self::new(headroom_core::ErrorKind::Configuration, message),
        }
    }
}

/// Why a request is answered by the proxy itself.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProxyError {
    #[error("expected at most {limit} bytes of headers, found {found}")]
    HeadersTooLarge { found: usize, limit: usize },
    #[error("expected a request body of at most {0} bytes, found a larger one")]
    BodyTooLarge(usize),
    #[error("expected the next piece of the request body within {} ms", .0.as_millis())]
    BodyStalled(Duration),
    #[error("the request body broke off")]
    BodyBroken,
    #[error("Host: expected an address, localhost or a name in allowed_hosts, found {0:?}")]
    WrongHost(String),
    #[error("Origin: expected none, the proxy's own or one in allowed_origins, found {0:?}")]
    WrongOrigin(String),
    #[error("expected the proxy's token in {0}, found {1}")]
    Unauthorized(&'static str, &'static str),
    #[error("x-headroom-base-url: expected an upstream that the proxy's configuration names")]
    UnknownUpstream,
    #[error("expected a path that can stand in an address: {0}")]
    WrongPath(#[from] http::uri::InvalidUri),
    #[error("{0}")]
    Refused(headroom_core::Error),
    #[error("cannot reach {upstream}: {reason}")]
    Unreachable { upstream: String, reason: String },
    #[error("{upstream} gave no answer within {} ms", .limit.as_millis())]
    Timeout { upstream: String, limit: Duration },
}

impl ProxyError {
    /// Why a request's body could not be read.
    pub(crate) fn reading(error: &(dyn StdError + 'static)) -> Self {
        match cause::<Stopped>(error) {
            Some(Stopped::TooLarge(limit)) => Self::BodyTooLarge(*limit),
            Some(Stopped::Idle(time)) => Self::BodyStalled(*time),
            None => Self::BodyBroken,
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::HeadersTooLarge { .. } => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::BodyTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyStalled(_) => StatusCode::REQUEST_TIMEOUT,
            Self::BodyBroken | Self::UnknownUpstream | Self::WrongPath(_) => StatusCode::BAD_REQUEST,
            Self::WrongHost(_) | Self::WrongOrigin(_) | Self::Refused(_) => StatusCode::FORBIDDEN,
            Self::Unauthorized(..) => StatusCode::UNAUTHORIZED,
            Self::Unreachable { .. } => StatusCode::BAD_GATEWAY,
            Self::Timeout { .. } => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// Its name in traces.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::HeadersTooLarge { .. } => "headers_too_large",
            Self::BodyTooLarge(_) => "body_too_large",
            Self::BodyStalled(_) => "body_stalled",
            Self::BodyBroken => "body_broken",
            Self::WrongHost(_) => "wrong_host",
            Self::WrongOrigin(_) => "wrong_origin",
            Self::Unauthorized(..) => "unauthorized",
            Self::UnknownUpstream => "unknown_upstream",
            Self::WrongPath(_) => "wrong_path",
            Self::Refused(_) => "refused",
            Self::Unreachable { .. } => "unreachable",
            Self::Timeout { .. } => "timeout",
        }
    }

    /// The answer in the shape of a provider, or of Headroom's own routes.
    pub(crate) fn response(&self, provider: Option<Provider>) -> Response<Body> {
        let status = self.status();
        let message = format!("headroom: {self}");
        let body = match provider {
            Some(provider) => provider.error(status, &message),
            None => own_error(own_type(status), &message).into(),
        };
        let mut response = json_response(status, body.into());
        if matches!(self, Self::BodyTooLarge(_) | Self::BodyStalled(_) | Self::HeadersTooLarge { .. }) {
            // The rest of the request is not read.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// The body of an error on Headroom's own routes.
pub(crate) fn own_error(kind: &str, message: &str) -> String {
    json!({"error": {"type": kind, "message": message}}).to_string()
}

fn own_type(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "authentication_error",
        StatusCode::FORBIDDEN => "permission_error",
        _ => "invalid_request",
    }
}

/// An answer with a JSON text.
pub(crate) fn json_response(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The first cause of a type, the error itself included.
pub(crate) fn cause<'e, E: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}
