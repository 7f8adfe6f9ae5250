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
    /// How many texts are tried at most.
    #[arg(long, default_value_t = u64::MAX, hide_default_value = true)]
    texts: u64,
    /// Other texts for another number.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A folder of texts to mutate, besides those of this repository.
    #[arg(long)]
    cases: Option<PathBuf>,
}

impl FuzzOptions {
    /// The same texts every time and on every machine, for what every change must pass: about 15 seconds.
    pub(crate) fn short() -> Self {
        Self { seconds: u64::from(u32::MAX), texts: 400, seed: 0, cases: None }
    }
}

/// Builds the texts' checks with the profile of the tests, which has checks for overflow, and runs them.
///
/// # Errors
/// When a text breaks what must hold; the output names the file that it is in.
pub(crate) fn run(options: &FuzzOptions) -> Result<()> {
    // With the whole workspace the features are those of `cargo test --workspace`, which has built it.
    run_command(cargo::command(["build", "--workspace", "--locked", "--example", "fuzz"]))?;
    let mut command = Command::new(cargo::target().join("debug/examples/fuzz"));
    command
        .args([options.seconds, options.texts, options.seed].map(|number| number.to_string()))
        .arg(cargo::target().join("xtask/fuzz"));
    command.args(["tests/cases", "tests/vectors", "tests/detection"].map(|folder| cargo::root().join(folder)));
    command.args(&options.cases);
    run_command(command)
}
