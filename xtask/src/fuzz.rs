//! `cargo xtask fuzz`: generated and mutated texts, checked for a while.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::cargo;
use crate::steps::run as run_command;

/// How long to try, and what.
#[derive(Debug, Args)]
pub(crate) struct FuzzOptions {
    /// How long new texts are tried.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Other texts for another number.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A folder of texts to mutate, besides those of this repository.
    #[arg(long)]
    cases: Option<PathBuf>,
}

impl FuzzOptions {
    /// A short run with the same texts every time, for what every change must pass.
    pub(crate) fn short() -> Self {
        Self { seconds: 15, seed: 0, cases: None }
    }
}

/// Builds the texts' checks with the profile of the tests, which has checks for overflow, and runs them.
///
/// # Errors
/// When a text breaks what must hold; the output names the file that it is in.
pub(crate) fn run(options: &FuzzOptions) -> Result<()> {
    run_command(cargo::command(["build", "--locked", "-p", "headroom-core", "--example", "fuzz"]))?;
    let mut command = Command::new(cargo::target().join("debug/examples/fuzz"));
    command.args([options.seconds.to_string(), options.seed.to_string()]).arg(cargo::target().join("xtask/fuzz"));
    command.args(["tests/cases", "tests/vectors", "tests/detection"].map(|folder| cargo::root().join(folder)));
    command.args(&options.cases);
    run_command(command)
}
