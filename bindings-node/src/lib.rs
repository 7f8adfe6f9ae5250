//! The native module of `headroom-sdk`: the engine for Node.
//!
//! Conversations come as JSON in a buffer and go back as edits. Every call gives an [`Outcome`](outcome::Outcome);
//! `sdk-typescript` makes objects, errors and log lines of it.

#![expect(clippy::needless_pass_by_value, reason = "JavaScript gives owned values")]
#![expect(unreachable_pub, reason = "what JavaScript sees must be public, and no crate uses this one")]

mod abort;
mod body;
mod call;
mod compress;
mod declarations;
mod engines;
mod enter;
mod error;
mod event;
mod extension;
mod hooks;
mod js_callback;
mod logging;
mod manager;
mod options;
mod outcome;
mod progress;
mod result;
mod retrieve;
mod run;
mod timer;
