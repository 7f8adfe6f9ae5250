//! The Python steps: builds the wheel, installs it by path into an empty environment outside the checkout, and tests
//! there what a user would have.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use anyhow::{Context as _, Result, bail, ensure};

use crate::steps::{Steps, run};
use crate::{cargo, readme};

/// The version that builds the wheel.
const MATURIN: &str = "maturin==1.16.0";
/// The first with the guardrail `headroom` as it is tested.
const LITELLM: &str = "litellm>=1.109";

/// Runs the Python steps, or says loudly that there is no Python for them.
pub(crate) fn steps(steps: &mut Steps) {
    let python = match interpreter() {
        Ok(python) => python,
        Err(error) => return steps.skip("Python", &format!("{error:#}")),
    };
    let Some(wheel) = steps.step("Python wheel", || build_wheel(&python)) else { return };
    let Some(folder) = steps.step("Python environment", || install(&python, &wheel)) else { return };
    let folder = folder.path();
    let mut pytest = command(folder);
    pytest.args(["-m", "pytest", "-q", "-p", "no:cacheprovider"]).arg(cargo::root().join("bindings-python/tests"));
    steps.command("Python tests", pytest);
    steps.step("README examples in Python", || run_readme(folder));
}

/// The interpreter of an environment that has one package, made and filled when it is not there yet.
pub(crate) fn environment_with(environment: &Path, package: &str) -> Result<PathBuf> {
    let python = environment.join("bin/python");
    if !answers(Command::new(&python).arg("--version")) {
        make_environment(&interpreter()?, environment)?;
    }
    pip_install(environment, &[package.as_ref()])?;
    Ok(python)
}

/// A Python that is new enough and can make environments.
pub(crate) fn interpreter() -> Result<PathBuf> {
    let program = env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
    let probe = "import sys, venv, ensurepip; assert sys.version_info >= (3, 10), sys.version; print(sys.executable)";
    let output = Command::new(&program)
        .args(["-c", probe])
        .output()
        .with_context(|| format!("expected Python 3.10 or later with venv, found no {}", program.display()))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        bail!("expected Python 3.10 or later with venv, found: {}", words.lines().last().unwrap_or_default());
    }
    Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}

/// Builds the abi3 wheel in the profile of the tests and gives its path.
fn build_wheel(python: &Path) -> Result<PathBuf> {
    let environment = cargo::target().join("xtask/build-environment");
    let tool = environment.join("bin/python");
    if !answers(Command::new(&tool).args(["-m", "maturin", "--version"])) {
        make_environment(python, &environment)?;
    }
    pip_install(&environment, &[MATURIN.as_ref()])?;
    let wheels = cargo::target().join("xtask/wheels");
    if wheels.exists() {
        fs::remove_dir_all(&wheels)?;
    }
    let mut maturin = Command::new(&tool);
    maturin
        .args(["-m", "maturin", "build", "--profile", "dev", "--locked"])
        .arg("--manifest-path")
        .arg(cargo::root().join("bindings-python/Cargo.toml"))
        .arg("--interpreter")
        .arg(python)
        .arg("--out")
        .arg(&wheels)
        .env("VIRTUAL_ENV", &environment)
        .current_dir(cargo::root());
    run(maturin)?;
    let mut found = fs::read_dir(&wheels)?
        .map(|entry| Ok(entry?.path()))
        .filter(|path: &Result<PathBuf>| path.as_ref().map_or(true, |path| path.extension() == Some("whl".as_ref())))
        .collect::<Result<Vec<_>>>()?;
    ensure!(found.len() == 1, "expected one wheel in {}, found {}", wheels.display(), found.len());
    let wheel = found.remove(0);
    ensure!(wheel.to_string_lossy().contains("-abi3-"), "expected an abi3 wheel, found {}", wheel.display());
    Ok(wheel)
}

/// Installs the wheel and what its tests need into an empty environment under the system's temporary folder.
fn install(python: &Path, wheel: &Path) -> Result<tempfile::TempDir> {
    let folder = tempfile::Builder::new().prefix("headroom-test-").tempdir()?;
    let environment = folder.path().join("environment");
    make_environment(python, &environment)?;
    pip_install(&environment, &[wheel])?;
    let mut probe = command(folder.path());
    probe.args(["-c", "import headroom, sys; assert headroom.__file__.startswith(sys.prefix), headroom.__file__"]);
    run(probe)?;
    let tests = cargo::root().join("bindings-python/tests");
    let of_litellm = tests.join("requirements-litellm.txt");
    pip_install(&environment, &["-r".as_ref(), &tests.join("requirements.txt"), "-r".as_ref(), &of_litellm])?;
    pip_install(&environment, &["--no-deps".as_ref(), LITELLM.as_ref()])?;
    Ok(folder)
}

/// Runs each Python example of the README as a file of its own.
fn run_readme(folder: &Path) -> Result<()> {
    let text = fs::read_to_string(cargo::root().join("README.md")).context("README.md")?;
    let examples = readme::code_blocks(&text, "python");
    ensure!(!examples.is_empty(), "README.md: expected an example that starts with ```python, found none");
    for (index, example) in examples.iter().enumerate() {
        let file = folder.join(format!("readme_{}.py", index + 1));
        fs::write(&file, example)?;
        let mut python = command(folder);
        python.arg(&file);
        run(python).with_context(|| format!("README.md: Python example {}", index + 1))?;
    }
    Ok(())
}

/// The Python of the test environment, with its own store and away from the checkout.
fn command(folder: &Path) -> Command {
    let mut command = Command::new(folder.join("environment/bin/python"));
    let binaries = folder.join("environment/bin");
    let others = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths(std::iter::once(binaries).chain(env::split_paths(&others))).unwrap_or(others);
    command
        .current_dir(folder)
        .env("HEADROOM_STORE", folder.join("store.db"))
        .env("PATH", path)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env_remove("PYTHONPATH");
    command
}

/// Makes an empty environment.
pub(crate) fn make_environment(python: &Path, folder: &Path) -> Result<()> {
    let mut command = Command::new(python);
    command.args(["-m", "venv", "--clear"]).arg(folder);
    run(command)
}

/// Installs packages into an environment.
pub(crate) fn pip_install(environment: &Path, what: &[&Path]) -> Result<()> {
    let mut command = Command::new(environment.join("bin/python"));
    command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(what);
    run(command)
}

fn answers(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}
