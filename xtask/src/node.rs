//! The Node steps: installs the packed packages without install scripts into an empty folder outside the checkout, and
//! tests there what a user would have.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use crate::cargo;
use crate::node_packages::{npm, pack, platform, write_json};
use crate::steps::{Steps, run};

/// Runs the Node steps, or says loudly that there is no Node for them.
pub(crate) fn steps(steps: &mut Steps) {
    let platform = match platform() {
        Ok(platform) => platform,
        Err(error) => return steps.skip("Node", &format!("{error:#}")),
    };
    let Some(tarballs) = steps.step("Node packages", || pack(&platform, "dev")) else { return };
    let Some(folder) = steps.step("Node environment", || install(&tarballs)) else { return };
    let folder = folder.path();
    let mut tests = node(folder);
    // Named one by one: what a folder stands for differs between versions of Node.
    let Some(files) = steps.step("Node test files", || test_files(&folder.join("test"))) else { return };
    tests.arg("--test").args(files);
    steps.command("Node tests", tests);
}

/// Installs the tarballs and what their tests need into an empty folder under the system's temporary folder.
fn install(tarballs: &[PathBuf]) -> Result<tempfile::TempDir> {
    let folder = tempfile::Builder::new().prefix("headroom-test-").tempdir()?;
    let tests = cargo::root().join("sdk-typescript/test");
    fs::create_dir(folder.path().join("test"))?;
    for entry in fs::read_dir(&tests)? {
        let path = entry?.path();
        let name = path.file_name().context("a file has a name")?;
        let into =
            if name == "package.json" { folder.path().join(name) } else { folder.path().join("test").join(name) };
        fs::copy(&path, into)?;
    }
    let mut npm = npm(folder.path());
    npm.arg("install").args(tarballs);
    run(npm)?;
    Ok(folder)
}

/// A measurement that is ready to run, and the folder that it needs meanwhile.
pub(crate) struct Bench {
    pub(crate) command: Command,
    _folder: tempfile::TempDir,
}

/// Installs the released packages and gives the command that measures them on request bodies; nothing without Node.
///
/// # Errors
/// When a build or the installation fails.
pub(crate) fn bench(bodies: &[PathBuf]) -> Result<Option<Bench>> {
    let Ok(platform) = platform() else { return Ok(None) };
    let folder = tempfile::Builder::new().prefix("headroom-bench-").tempdir()?;
    write_json(&folder.path().join("package.json"), &json!({ "private": true }))?;
    let mut npm = npm(folder.path());
    npm.arg("install").args(pack(&platform, "release")?);
    run(npm)?;
    let script = folder.path().join("bench_node.mjs");
    fs::copy(cargo::root().join("xtask/src/bench_node.mjs"), &script)?;
    let mut command = node(folder.path());
    command.arg(script).args(bodies);
    Ok(Some(Bench { command, _folder: folder }))
}

/// The files of tests in a folder, in order.
///
/// # Errors
/// When the folder cannot be read or has none.
pub(crate) fn test_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        files.push(entry?.path());
    }
    files.retain(|path| path.to_string_lossy().ends_with(".test.mjs"));
    files.sort();
    ensure!(!files.is_empty(), "expected tests in {}, found none", folder.display());
    Ok(files)
}

/// Node in the test folder, with its own store.
fn node(folder: &Path) -> Command {
    let mut command = Command::new("node");
    command
        .current_dir(folder)
        .env("HEADROOM_STORE", folder.join("store.db"))
        .env("HEADROOM_REPOSITORY", cargo::root())
        .env_remove("HEADROOM_BASE_URL")
        .env_remove("NODE_PATH");
    command
}
