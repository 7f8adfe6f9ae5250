//! What a call came to, good or bad.

use std::any::Any;

use headroom_core::Error;
use napi::bindgen_prelude::Buffer;
use napi_derive::napi;

use crate::error::Failure;
use crate::logging::Logged;

/// What a call came to: either a value or a failure.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct Outcome {
    /// JSON.
    pub value: Option<Buffer>,
    /// What failed.
    pub failure: Option<Failure>,
    /// What was logged meanwhile.
    pub logged: Vec<Logged>,
}

impl Outcome {
    pub(crate) fn value(value: Vec<u8>) -> Self {
        Self { value: Some(value.into()), failure: None, logged: Vec::new() }
    }

    pub(crate) fn failed(error: &Error) -> Self {
        Self::of(Failure::of(error))
    }

    pub(crate) fn aborted() -> Self {
        Self::of(Failure::plain("aborted", "the call was aborted"))
    }

    pub(crate) fn panicked(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        Self::of(Failure::plain("panic", format!("the engine panicked: {}", text.unwrap_or("no message"))))
    }

    fn of(failure: Failure) -> Self {
        Self { value: None, failure: Some(failure), logged: Vec::new() }
    }
}
