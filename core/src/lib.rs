//! The Headroom engine.

pub mod ccr;
pub mod conversation;
pub mod detect;
pub mod error;
pub mod extension;
pub mod json;
pub mod options;
pub mod pipeline;
pub mod relevance;
pub mod tokens;
pub mod transform;
pub mod transforms;

pub use error::{Error, ErrorKind, Result};
