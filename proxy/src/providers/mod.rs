//! What the proxy knows of the four APIs: their routes, their streams, their errors, their tool calls. Pure functions of
//! bytes and JSON that need no socket.
//!
//! [`route`] tells where a request goes; everything else hangs on the [`Api`] that it names. A stream is cut into frames by a
//! [`Reader`], put together by an [`Assembler`], joined with those that continue it by a [`Joiner`], and written by a
//! [`Writer`].

mod account;
mod api;
mod assembler;
mod calls;
mod chat;
mod continuation;
mod ending;
mod error;
mod facts;
#[cfg(test)]
mod fixture;
mod framing;
mod gemini;
mod history;
mod join;
mod messages;
mod offer;
mod place;
mod responses;
mod route;
mod usage;
mod value;
mod whole;

pub use account::Account;
pub use api::{Api, Provider};
pub use assembler::Assembler;
pub use calls::{Outcome, ToolCall};
pub use ending::{Ending, EndingReader};
pub use facts::Facts;
pub use framing::{Framing, Reader, Writer};
pub(crate) use history::History;
pub use join::{Joiner, Output};
pub(crate) use place::{Key, Place};
pub use route::{Route, route};
pub use usage::Usage;
