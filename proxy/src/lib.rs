//! The Headroom proxy: between a client and its provider, over HTTP, server-sent events and WebSocket.
//!
//! Bytes that nobody decided to change leave exactly as they came. [`Proxy::start`] is the front for hosts that go on with
//! something else, [`serve`] the one for a command; both take [`ProxyOptions`] and the extensions that take part.

mod activity;
mod base_url;
mod body;
mod cache;
pub mod config;
mod decode;
mod error;
mod exchange;
mod forward;
mod front;
mod greeting;
mod guard;
mod headers;
mod hosted;
mod lifecycle;
pub mod observe;
mod options;
mod overheard;
pub mod providers;
mod retrieval;
mod routes;
mod secret;
mod seen;
mod server;
pub mod sse;
mod stack;
mod timer;
mod tunnel;
mod unread;
mod upgrade;
mod upstream;
mod websocket;

pub use base_url::BaseUrl;
pub use error::StartError;
pub use front::Backend;
pub use hosted::HostedProxy;
pub use options::{Limits, ProxyOptions, Retries, Sampler, Timeouts, Traces, Upstreams};
pub use secret::Secret;
pub use server::{Proxy, RunningProxy, serve};
pub use upstream::reach;
