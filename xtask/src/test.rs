//! `cargo xtask test`: everything that a change must pass.

use std::process::ExitCode;

use crate::steps::Steps;
use crate::{cargo, deps, python, savings};

/// Runs every step, cheap ones first.
pub(crate) fn run() -> ExitCode {
    let mut steps = Steps::default();
    steps.command("formatting", cargo::command(["fmt", "--all", "--check"]));
    steps.step("dependency arrows", deps::run);
    steps.command(
        "clippy",
        cargo::command(["clippy", "--workspace", "--all-targets", "--locked", "--", "--deny", "warnings"]),
    );
    // Covers unit, integration and documentation tests of every crate.
    steps.command("Rust tests", cargo::command(["test", "--workspace", "--locked"]));
    let mut documentation = cargo::command(["doc", "--workspace", "--no-deps", "--locked"]);
    documentation.env("RUSTDOCFLAGS", "--deny warnings");
    steps.command("Rust documentation", documentation);
    // The table of savings moves in the change that moves it.
    steps.step("savings table", || savings::run(true));
    python::steps(&mut steps);
    // The README's first command, in the profile that it names.
    steps.command("demo", cargo::command(["run", "--release", "--locked", "--", "demo"]));
    steps.finish()
}
