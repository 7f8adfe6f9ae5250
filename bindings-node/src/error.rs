//! The engine's errors as JavaScript sees them, and JavaScript exceptions as the engine's errors.

use std::error::Error as StdError;
use std::fmt;

use headroom_core::{Error, ErrorKind};
use napi_derive::napi;

/// The class in `headroom-sdk` of each kind. A test walks [`ErrorKind::ALL`].
const fn class_name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidInput => "ValidationError",
        ErrorKind::Configuration => "ConfigurationError",
        ErrorKind::NotFound | ErrorKind::Expired | ErrorKind::Storage | ErrorKind::StoreFull => "StorageError",
        ErrorKind::Transform => "TransformError",
        ErrorKind::Tokenization => "TokenizationError",
        ErrorKind::Extension => "ExtensionError",
        ErrorKind::Compression => "HeadroomCompressError",
        _ => "HeadroomError",
    }
}

/// A code and the name of its class.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct ErrorClass {
    /// The code.
    pub code: String,
    /// The class.
    pub class_name: String,
}

/// Every code with the name of its class.
#[napi]
#[must_use]
pub fn error_classes() -> Vec<ErrorClass> {
    let class = |kind: &ErrorKind| ErrorClass { code: kind.code().into(), class_name: class_name(*kind).into() };
    ErrorKind::ALL.iter().map(class).collect()
}

/// What failed, for `headroom-sdk` to throw.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct Failure {
    /// The class to throw.
    pub class_name: String,
    /// The sentence.
    pub message: String,
    /// The stable code.
    pub code: String,
    /// What it was about, as a JSON object.
    pub details: String,
    /// What user code threw, when that is the cause.
    #[napi(ts_type = "unknown")]
    pub cause: Option<napi::Error>,
}

impl Failure {
    /// What the engine says.
    pub(crate) fn of(error: &Error) -> Self {
        let details: serde_json::Map<_, _> =
            error.context().iter().map(|(name, value)| ((*name).to_owned(), value.as_str().into())).collect();
        Self {
            class_name: class_name(error.kind()).into(),
            message: error.to_string(),
            code: error.kind().code().into(),
            details: serde_json::Value::Object(details).to_string(),
            cause: thrown(error),
        }
    }

    /// Something that is no error of the engine.
    pub(crate) fn plain(code: &str, message: impl Into<String>) -> Self {
        Self {
            class_name: "HeadroomError".into(),
            message: message.into(),
            code: code.into(),
            details: "{}".into(),
            cause: None,
        }
    }
}

/// What user code threw.
struct Thrown(napi::Error);

impl fmt::Debug for Thrown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Thrown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.reason)
    }
}

impl StdError for Thrown {}

/// An exception of user code, or an environment that closed under it, as an error that keeps it as its cause.
pub(crate) fn from_javascript(thrown: napi::Error) -> Error {
    let message = match thrown.status {
        napi::Status::Closing | napi::Status::Cancelled => "the environment of the callback is closing".to_owned(),
        _ if thrown.reason.is_empty() => "an exception without a message".to_owned(),
        _ => thrown.reason.clone(),
    };
    Error::new(ErrorKind::Extension, message).caused_by(Thrown(thrown))
}

/// Looks along the causes for what user code threw.
fn thrown(error: &Error) -> Option<napi::Error> {
    let mut cause: Option<&(dyn StdError + 'static)> = StdError::source(error);
    while let Some(error) = cause {
        if let Some(Thrown(thrown)) = error.downcast_ref() {
            return thrown.try_clone().ok();
        }
        cause = error.source();
    }
    None
}
