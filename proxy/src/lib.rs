//! The Headroom proxy: between a client and its provider, over HTTP, server-sent events and WebSocket.

pub mod observe;
pub mod providers;
pub mod sse;
