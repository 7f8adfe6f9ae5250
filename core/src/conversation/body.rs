//! The caller's data, wherever it lives.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use super::block::{Conversation, Edit};
use crate::error::Result;

/// The caller's messages or whole request body: JSON bytes, Python objects, JavaScript values.
///
/// A body never changes; an edit makes a new one that shares everything it did not touch.
pub trait Body: Send + Sync + fmt::Debug {
    /// Reads the data once into blocks.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) that names the path, what was expected and what was found.
    fn conversation(&self) -> Result<Conversation>;

    /// The body with the texts of some blocks replaced; `conversation` is the one that this body gave.
    ///
    /// # Errors
    /// [`Compression`](crate::ErrorKind::Compression) when a path does not lead to a string any more.
    fn with_edits(&self, conversation: &Conversation, edits: &[Edit]) -> Result<Arc<dyn Body>>;

    /// The request's own list (messages, contents), as an extension sees it; `None` for Responses bodies.
    fn messages(&self) -> Option<Value>;

    /// The whole body, as an extension sees it; `None` when the caller gave a bare list.
    fn payload(&self) -> Option<Value>;

    /// The body with its list replaced. Messages that are equal to the old ones stay the caller's own.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) when the value is not a list of messages.
    fn with_messages(&self, messages: &Value) -> Result<Arc<dyn Body>>;

    /// The body replaced as a whole. What is equal stays the caller's own.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) when the value is not a body.
    fn with_payload(&self, payload: &Value) -> Result<Arc<dyn Body>>;

    /// The body's tool definitions, as an extension sees them; `None` when it has none or the caller gave a bare list.
    fn tools(&self) -> Option<Value>;

    /// The body with its tool definitions replaced, or added when it has none. What is equal stays the caller's own.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) when the value is not a list or the caller gave a bare list.
    fn with_tools(&self, tools: &Value) -> Result<Arc<dyn Body>>;

    /// For a binding to find its own type again.
    fn as_any(&self) -> &dyn Any;
}

/// A value of the host language that an extension may read and change, or JSON.
#[derive(Debug, Clone)]
pub enum Value {
    /// JSON, for extensions written in Rust.
    Json(Arc<serde_json::Value>),
    /// A live value of the host language.
    Host(Arc<dyn HostValue>),
}

impl Value {
    /// Wraps JSON.
    #[must_use]
    pub fn json(value: serde_json::Value) -> Self {
        Self::Json(Arc::new(value))
    }

    /// Wraps a live value of the host language.
    pub fn host(value: impl HostValue) -> Self {
        Self::Host(Arc::new(value))
    }

    /// The value as JSON; converts a host value.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) when the host value has no JSON form.
    pub fn to_json(&self) -> Result<Arc<serde_json::Value>> {
        match self {
            Self::Json(value) => Ok(Arc::clone(value)),
            Self::Host(value) => value.to_json().map(Arc::new),
        }
    }

    /// Whether both are the same allocation, or equal JSON. Never converts.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Json(a), Self::Json(b)) => Arc::ptr_eq(a, b) || a == b,
            (Self::Host(a), Self::Host(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }
}

/// A live value of the host language.
pub trait HostValue: Any + Send + Sync + fmt::Debug {
    /// For a binding to find its own type again.
    fn as_any(&self) -> &dyn Any;

    /// The value as JSON.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) when it has no JSON form.
    fn to_json(&self) -> Result<serde_json::Value>;
}
