//! The steps of the languages that uniffi reaches: builds the library and a package for each language, and tests there what
//! a user would have.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use anyhow::{Context as _, Result, bail, ensure};

use crate::steps::{Steps, run};
use crate::{cargo, python, readme, swift};

/// Runs the steps of every language; one that has no tools here is left out loudly.
pub(crate) fn steps(steps: &mut Steps) {
    let Some(packages) = steps.step("uniffi packages", pack) else { return };
    steps.step("Swift names", || swift::check(&packages.join("swift/Sources/Headroom/Headroom.swift")));
    match python::interpreter() {
        Ok(python) => drop(steps.step("Python by uniffi", || test_python(&python, &packages.join("python")))),
        Err(error) => steps.skip("Python by uniffi", &format!("{error:#}")),
    }
    let probe = "require 'ffi'; require 'minitest'; abort RUBY_VERSION if RUBY_VERSION < '3.1'";
    match answer(Command::new("ruby").args(["-e", probe])) {
        Ok(()) => drop(steps.step("Ruby", || test_ruby(&packages.join("ruby")))),
        Err(error) => steps.skip("Ruby", &format!("expected Ruby 3.1 or later with ffi and minitest, {error}")),
    }
    // Maven fetches the compiler of Kotlin by itself; it needs a JDK.
    match answer(Command::new("javac").arg("--version")).and_then(|()| answer(Command::new("mvn").arg("--version"))) {
        Ok(()) => drop(steps.step("Kotlin", || test_kotlin(&packages.join("kotlin")))),
        Err(error) => steps.skip("Kotlin", &format!("expected a JDK and Maven, {error}")),
    }
}

/// Builds the library, generates the code and makes a package for each language. Gives their folder.
fn pack() -> Result<PathBuf> {
    run(cargo::command(["build", "-p", "headroom-uniffi", "--locked"]))?;
    let file = format!("{}headroom_uniffi{}", env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX);
    let library = cargo::target().join("debug").join(&file);
    let packages = cargo::target().join("xtask/uniffi");
    let generated = packages.join("generated");
    let mut generate = cargo::command(["run", "-p", "headroom-uniffi-generate", "--locked", "--"]);
    generate.arg(&library).arg(&generated);
    run(generate)?;

    // What is committed for a language, what is generated for it, and where it looks for the library.
    let native = format!("kotlin/src/main/resources/{}/{file}", jna_folder()?);
    let places = [
        ("kotlin/headroom/headroom.kt", "kotlin/src/main/kotlin/headroom/headroom.kt", native.as_str()),
        ("ruby/headroom.rb", "ruby/lib/headroom.rb", &format!("ruby/lib/{file}")),
        ("python/headroom.py", "python/headroom_uniffi/headroom.py", &format!("python/headroom_uniffi/{file}")),
        ("swift/Headroom.swift", "swift/Sources/Headroom/Headroom.swift", &format!("swift/lib/{file}")),
        ("swift/HeadroomFFI.h", "swift/Sources/HeadroomFFI/HeadroomFFI.h", ""),
        ("swift/HeadroomFFI.modulemap", "swift/Sources/HeadroomFFI/module.modulemap", ""),
    ];
    for language in ["kotlin", "ruby", "python", "swift"] {
        let package = packages.join(language);
        if package.exists() {
            fs::remove_dir_all(&package)?;
        }
        copy_folder(&cargo::root().join("bindings-uniffi").join(language), &package)?;
    }
    let version = env!("CARGO_PKG_VERSION");
    for manifest in ["kotlin/pom.xml", "ruby/headroom.gemspec", "python/pyproject.toml"] {
        let text = fs::read_to_string(packages.join(manifest)).with_context(|| manifest.to_owned())?;
        ensure!(
            text.contains(version),
            "bindings-uniffi/{manifest}: expected the version {version}, found another one"
        );
    }
    for (from, to, library_place) in places {
        copy(&generated.join(from), &packages.join(to))?;
        if !library_place.is_empty() {
            copy(&library, &packages.join(library_place))?;
        }
    }
    Ok(packages)
}

/// The folder in a jar where JNA looks for a library of this platform.
fn jna_folder() -> Result<&'static str> {
    Ok(match (env::consts::OS, env::consts::ARCH) {
        ("linux", "x86_64") => "linux-x86-64",
        ("linux", "aarch64") => "linux-aarch64",
        ("macos", "x86_64") => "darwin-x86-64",
        ("macos", "aarch64") => "darwin-aarch64",
        ("windows", "x86_64") => "win32-x86-64",
        (system, processor) => bail!("expected a platform that JNA has a folder for, found {system} on {processor}"),
    })
}

/// Installs the package by its path into an empty environment and runs the tests with it.
fn test_python(python: &Path, package: &Path) -> Result<()> {
    let folder = tempfile::Builder::new().prefix("headroom-test-").tempdir()?;
    let environment = folder.path().join("environment");
    python::make_environment(python, &environment)?;
    python::pip_install(&environment, &[package])?;
    let mut tests = command(&environment.join("bin/python"), folder.path());
    tests.args(["-m", "unittest", "discover", "--start-directory"]).arg(package.join("tests"));
    tests.env_remove("PYTHONPATH").env("PYTHONDONTWRITEBYTECODE", "1");
    run(tests)
}

/// Builds the gem, installs it into an empty folder and runs the tests with it.
fn test_ruby(package: &Path) -> Result<()> {
    let folder = tempfile::Builder::new().prefix("headroom-test-").tempdir()?;
    let gem = folder.path().join("headroom.gem");
    let mut build = Command::new("gem");
    build.current_dir(package).args(["build", "--silent", "headroom.gemspec", "--output"]).arg(&gem);
    run(build)?;
    let mut install = Command::new("gem");
    // With a folder of its own, `gem` looks for what the gem needs only there; Ruby finds it where it is.
    install.args(["install", "--silent", "--local", "--no-document", "--ignore-dependencies", "--install-dir"]);
    install.arg(folder.path()).arg(&gem);
    run(install)?;
    for test in ["test_vectors", "test_compress", "test_extension_contract"] {
        let mut tests = command("ruby".as_ref(), folder.path());
        tests.arg(package.join("test").join(format!("{test}.rb"))).env("GEM_HOME", folder.path());
        run(tests)?;
    }
    Ok(())
}

/// Builds the jar and runs the tests with what is in it, the example of the README among them.
fn test_kotlin(package: &Path) -> Result<()> {
    let text = fs::read_to_string(package.join("README.md")).context("bindings-uniffi/kotlin/README.md")?;
    let examples = readme::code_blocks(&text, "kotlin");
    ensure!(examples.len() == 1, "bindings-uniffi/kotlin/README.md: expected one example, found {}", examples.len());
    fs::write(package.join("src/test/kotlin/Readme.kt"), format!("package readme\n\n{}", examples[0]))?;
    let mut maven = command("mvn".as_ref(), package);
    maven.args(["--batch-mode", "--no-transfer-progress", "package"]);
    run(maven)
}

/// A command that tests, with the shared cases and a store of its own.
fn command(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(folder)
        .env("HEADROOM_STORE", folder.join("store.db"))
        .env("HEADROOM_REPOSITORY", cargo::root());
    command
}

/// Whether a command is there and succeeds; if not, what was found instead.
fn answer(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output().context("found none")?;
    let words = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "found: {}", words.lines().next().unwrap_or_default());
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display()))?;
    Ok(())
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            copy(&entry.path(), &target)?;
        }
    }
    Ok(())
}
