//! The agents' steps: installs whole agents from npm, and has them do a task with `headroom wrap` and without.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

use anyhow::{Context as _, Result};

use crate::cargo;
use crate::node::test_files;
use crate::node_packages::{npm, platform};
use crate::steps::{Steps, run};

/// Runs the agents' steps, or says loudly that there is no Node for them.
pub(crate) fn steps(steps: &mut Steps) {
    if let Err(error) = platform() {
        return steps.skip("agents", &format!("{error:#}"));
    }
    // The command that the Rust tests use, built as for them.
    steps.command(
        "command for agents",
        cargo::command(["test", "--workspace", "--locked", "--no-run", "--test", "wrap"]),
    );
    let Some(folder) = steps.step("agents' environment", install) else { return };
    let Some(files) = steps.step("agents' test files", || test_files(&folder)) else { return };
    let mut tests = Command::new("node");
    tests.current_dir(&folder).arg("--test").args(files).env_remove("NODE_PATH");
    tests.env("HEADROOM_COMMAND", cargo::target().join("debug").join(format!("headroom{}", env::consts::EXE_SUFFIX)));
    steps.command("agents", tests);
}

/// Puts the tests beside the agents, which are downloaded again only when other versions are wanted: they are large.
fn install() -> Result<PathBuf> {
    let tests = cargo::root().join("tests/agents");
    let folder = cargo::target().join("xtask/agents");
    let wanted = fs::read_to_string(tests.join("package.json")).context("tests/agents/package.json")?;
    let installed = folder.join("installed.json");
    let is_there = fs::read_to_string(&installed).is_ok_and(|there| there == wanted);
    if !is_there && folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    for entry in fs::read_dir(&tests)? {
        let path = entry?.path();
        let name = path.file_name().context("a file has a name")?;
        fs::copy(&path, folder.join(name))?;
    }
    if !is_there {
        let mut npm = npm(&folder);
        npm.arg("install");
        run(npm)?;
        // The program of opencode is put in its place by a script of its package, which npm is told not to run.
        let mut script = Command::new("node");
        script.current_dir(folder.join("node_modules/opencode-ai")).arg("postinstall.mjs");
        run(script)?;
        fs::write(&installed, &wanted)?;
    }
    Ok(folder)
}
