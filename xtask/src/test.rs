//! `cargo xtask test`: everything that a change must pass.

use std::process::ExitCode;

use crate::steps::Steps;
use crate::{agents, cargo, deps, fuzz, node, python, savings, uniffi};

/// A part that can be run alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// Formatting, arrows, clippy, tests and documentation of the crates, a little fuzzing, and the table of savings.
    Rust,
    /// The wheel, and the tests of the installed package.
    Python,
    /// The npm packages, and the tests of what they install.
    Node,
    /// Codex and opencode through `headroom wrap`, doing a task that a scripted provider asks for.
    Agents,
    /// Kotlin, Ruby, Python and Swift by uniffi: a package for each, and the tests of what is installed.
    Uniffi,
    /// The released command's demo.
    Demo,
}

/// Runs every step, or those of one part, cheap ones first.
pub(crate) fn run(part: Option<Part>) -> ExitCode {
    let mut steps = Steps::default();
    let wanted = |this| part.is_none_or(|part| part == this);
    if wanted(Part::Rust) {
        rust(&mut steps);
    }
    if wanted(Part::Python) {
        python::steps(&mut steps);
    }
    if wanted(Part::Node) {
        node::steps(&mut steps);
    }
    if wanted(Part::Agents) {
        agents::steps(&mut steps);
    }
    if wanted(Part::Uniffi) {
        uniffi::steps(&mut steps);
    }
    if wanted(Part::Demo) {
        // The README's first command, in the profile that it names, with a store that is gone afterwards.
        let mut demo = cargo::command(["run", "--release", "--locked", "--", "demo"]);
        demo.env("HEADROOM_STORE", ":memory:");
        steps.command("demo", demo);
    }
    steps.finish()
}

fn rust(steps: &mut Steps) {
    steps.command("formatting", cargo::command(["fmt", "--all", "--check"]));
    steps.step("dependency arrows", deps::run);
    steps.command(
        "clippy",
        cargo::command(["clippy", "--workspace", "--all-targets", "--locked", "--", "--deny", "warnings"]),
    );
    // Covers unit, integration and documentation tests of every crate.
    steps.command("Rust tests", cargo::command(["test", "--workspace", "--locked"]));
    steps.step("fuzzing, a little", || fuzz::run(&fuzz::FuzzOptions::short()));
    let mut documentation = cargo::command(["doc", "--workspace", "--no-deps", "--locked"]);
    documentation.env("RUSTDOCFLAGS", "--deny warnings");
    steps.command("Rust documentation", documentation);
    // The table of savings moves in the change that moves it.
    steps.step("savings table", || savings::run(&savings::SavingsOptions::check()));
}
