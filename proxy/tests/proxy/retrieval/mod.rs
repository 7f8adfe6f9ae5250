//! `headroom_retrieve` inside of the proxy.

mod failures;
mod offer;
mod server_side;
pub(crate) mod talk;
mod turns;
