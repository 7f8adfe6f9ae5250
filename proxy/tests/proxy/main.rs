//! A real proxy between a raw client and a scripted upstream, all on loopback.
#![expect(clippy::unwrap_used, reason = "the helpers are tests too")]

mod client;
mod drain;
mod extensions;
mod faults;
mod guards;
mod own_routes;
mod pass_through;
mod setup;
mod stages;
mod upstream;
