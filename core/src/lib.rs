//! The Headroom engine: makes what a language model reads smaller, and keeps every original retrievable.
//!
//! A request is read once into a [`Conversation`](conversation::Conversation) of text-bearing blocks. Transforms make
//! blocks smaller, originals go to a [`Store`](ccr::Store), and edits put the new texts in place of the old ones in the
//! caller's own data, so that everything nobody decided to change stays as it came. [`Engine::compress`] does all of it;
//! [`Engine::begin`] gives the same stage by stage. Other people's code takes part through
//! [`Extension`](extension::Extension).

pub mod ccr;
pub mod conversation;
pub mod detect;
pub mod error;
pub mod extension;
pub mod json;
pub mod options;
mod parallel;
pub mod pipeline;
pub mod relevance;
pub mod tokens;
pub mod transform;
pub mod transforms;

pub use conversation::{Body, JsonBody, Value};
pub use error::{Error, ErrorKind, Result};
pub use options::{CompressOptions, Mode};
pub use pipeline::{Call, CompressResult, Engine};
