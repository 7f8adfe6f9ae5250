//! A real proxy between a raw client and a scripted upstream, all on loopback.

mod client;
mod drain;
mod extensions;
mod faults;
mod guards;
mod own_routes;
mod pass_through;
mod retrieval;
mod setup;
mod stages;
mod upstream;
