//! `cargo xtask vectors`: the shared cases in `tests/vectors/`, the samples of `tests/detection/` and the pages of
//! `tests/articles/`.

use anyhow::Result;

use crate::cargo;
use crate::steps::run as run_command;

/// Runs vectors, samples and pages from Rust, or rewrites what they expect.
///
/// # Errors
/// When one of them fails.
pub(crate) fn run(bless: bool) -> Result<()> {
    let mut command = cargo::command([
        "test",
        "-p",
        "headroom-core",
        "--test",
        "vectors",
        "--test",
        "detection",
        "--test",
        "articles",
    ]);
    if bless {
        command.env("HEADROOM_BLESS", "1");
    }
    run_command(command)
}
