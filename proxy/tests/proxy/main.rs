//! A real proxy between a raw client and a scripted upstream, all on loopback.
#![expect(clippy::unwrap_used, reason = "the helpers are tests too")]

mod cache;
mod client;
mod cuts;
mod drain;
mod extensions;
mod faults;
mod front;
mod guards;
mod own_routes;
mod pass_through;
mod retrieval;
mod security;
mod seen;
mod setup;
mod socket;
mod stages;
mod traces;
mod unread;
mod upgrades;
mod upstream;
mod websocket;
mod websocket_retrieval;
mod websocket_stages;
