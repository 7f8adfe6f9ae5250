//! `cargo xtask vectors`: the shared cases in `tests/vectors/`.

use anyhow::Result;

use crate::cargo;
use crate::steps::run as run_command;

/// Runs the vectors from Rust, or rewrites what they expect.
///
/// # Errors
/// When a vector fails.
pub(crate) fn run(bless: bool) -> Result<()> {
    let mut command = cargo::command(["test", "-p", "headroom-core", "--test", "vectors"]);
    if bless {
        command.env("HEADROOM_BLESS", "1");
    }
    run_command(command)
}
