//! The native module of `headroom-sdk`: the engine for Node.
//!
//! Conversations come as JSON in a buffer, with long texts beside it, and go back as edits. Every call gives an [`Outcome`](outcome::Outcome);
//! `sdk-typescript` makes objects, errors and log lines of it.

#![expect(clippy::needless_pass_by_value, reason = "JavaScript gives owned values")]

pub mod abort;
mod body;
pub mod call;
pub mod compress;
mod declarations;
mod engines;
mod enter;
pub mod error;
pub mod event;
mod extension;
mod hooks;
pub mod host_callback;
pub mod js_callback;
pub mod logging;
pub mod manager;
mod options;
pub mod outcome;
mod progress;
pub mod proxy;
mod result;
pub mod retrieve;
pub mod run;
mod split;
mod task;
mod timer;
