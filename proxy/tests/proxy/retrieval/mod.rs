//! `headroom_retrieve` inside of the proxy.

mod failures;
mod offer;
mod server_side;
mod talk;
mod turns;
