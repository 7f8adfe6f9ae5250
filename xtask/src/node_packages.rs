//! The npm packages: builds the native module and the SDK, and packs them as a publication does.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use crate::cargo;
use crate::steps::run;

/// What compiles the SDK.
const TOOLS: [&str; 2] = ["typescript@7.0.2", "@types/node@20.19.0"];
/// The entries of the package, each of which ESM reaches through a file of one line.
const ENTRIES: [&str; 6] = ["index", "openai", "anthropic", "gemini", "vercel-ai", "openclaw"];

/// The name that the platform's package has.
///
/// # Errors
/// When Node is not new enough, or npm is not there.
pub(crate) fn platform() -> Result<String> {
    let probe = "const [major] = process.versions.node.split('.').map(Number);
        if (major < 20) throw new Error('found ' + process.version);
        const { platform, arch } = process;
        const libc = process.report.getReport().header.glibcVersionRuntime ? 'gnu' : 'musl';
        const abi = { linux: '-' + libc, win32: '-msvc' }[platform] ?? '';
        console.log(platform + '-' + arch + abi);";
    let output = Command::new("node").args(["-e", probe]).output().context("expected Node 20 or later, found none")?;
    if !output.status.success() {
        bail!("expected Node 20 or later, {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Command::new("npm").arg("--version").output().context("expected npm, found none")?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Builds everything in a profile of cargo and gives the tarballs.
///
/// # Errors
/// When a build fails or no package is described for the platform.
pub(crate) fn pack(platform: &str, profile: &str) -> Result<Vec<PathBuf>> {
    run(cargo::command(["build", "-p", "headroom-node", "--locked", "--profile", profile]))?;
    let target = cargo::target().join("xtask/node");
    let bindings = cargo::root().join("bindings-node");

    let binary = empty(&target.join("binary"))?;
    let manifest = read_json(&bindings.join("npm").join(platform).join("package.json"))
        .with_context(|| format!("no package is described for {platform}"))?;
    let file = manifest["main"].as_str().context("package.json: expected a string at main")?;
    // The folder of the profile `dev` is older than its name.
    let built = cargo::target().join(if profile == "dev" { "debug" } else { profile });
    let library = built.join(format!("{}headroom_node{}", env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX));
    fs::copy(&library, binary.join(file)).with_context(|| library.display().to_string())?;
    write_json(&binary.join("package.json"), &manifest)?;

    let native = empty(&target.join("native"))?;
    for file in ["index.js", "index.d.ts", "README.md"] {
        fs::copy(bindings.join(file), native.join(file))?;
    }
    // As a publication does, the package names the platforms that were built.
    let mut main = read_json(&bindings.join("package.json"))?;
    let name = manifest["name"].as_str().context("package.json: expected a string at name")?;
    main["optionalDependencies"] = json!({ name: manifest["version"] });
    write_json(&native.join("package.json"), &main)?;

    let sdk = empty(&target.join("sdk"))?;
    compile(&target, &sdk)?;
    [binary, native, sdk].iter().map(|folder| npm_pack(folder)).collect()
}

/// Compiles the SDK to CommonJS, with a file of one line for each entry that gives the same objects to ESM.
fn compile(target: &Path, sdk: &Path) -> Result<()> {
    let source = cargo::root().join("sdk-typescript");
    let tools = target.join("tools");
    if !tools.join("node_modules/.bin/tsc").exists() {
        fs::create_dir_all(&tools)?;
        write_json(&tools.join("package.json"), &json!({ "private": true }))?;
        let mut npm = npm(&tools);
        npm.arg("install").args(TOOLS);
        run(npm)?;
    }
    let dist = sdk.join("dist");
    let mut tsc = Command::new(tools.join("node_modules/.bin/tsc"));
    tsc.arg("-p")
        .arg(source.join("tsconfig.json"))
        .arg("--outDir")
        .arg(&dist)
        .arg("--typeRoots")
        .arg(tools.join("node_modules/@types"));
    run(tsc)?;
    for entry in ENTRIES {
        let line = format!("export * from \"./{entry}.js\";\n");
        fs::write(dist.join(format!("{entry}.mjs")), &line)?;
        fs::write(dist.join(format!("{entry}.d.mts")), &line)?;
    }
    for file in ["package.json", "README.md"] {
        fs::copy(source.join(file), sdk.join(file))?;
    }
    Ok(())
}

/// npm in a folder, without install scripts.
pub(crate) fn npm(folder: &Path) -> Command {
    let mut command = Command::new("npm");
    command.current_dir(folder).env("npm_config_ignore_scripts", "true").env("npm_config_loglevel", "error");
    command.env("npm_config_audit", "false").env("npm_config_fund", "false").env("npm_config_package_lock", "false");
    command
}

fn npm_pack(folder: &Path) -> Result<PathBuf> {
    let output = npm(folder).args(["pack", "--json"]).output()?;
    ensure!(output.status.success(), "npm pack: {}", String::from_utf8_lossy(&output.stderr));
    let mut found = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .filter(|path: &Result<PathBuf>| path.as_ref().map_or(true, |path| path.extension() == Some("tgz".as_ref())))
        .collect::<Result<Vec<_>>>()?;
    ensure!(found.len() == 1, "expected one tarball in {}, found {}", folder.display(), found.len());
    Ok(found.remove(0))
}

/// The folder without anything in it.
fn empty(folder: &Path) -> Result<PathBuf> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    Ok(folder.to_owned())
}

fn read_json(file: &Path) -> Result<Value> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    serde_json::from_str(&text).with_context(|| file.display().to_string())
}

/// Writes a file of JSON.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn write_json(file: &Path, value: &Value) -> Result<()> {
    fs::write(file, serde_json::to_string_pretty(value)? + "\n").with_context(|| file.display().to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The name that napi-rs gives a target of Rust.
    fn platform_of(target: &str) -> String {
        let [cpu, vendor, rest] = target.splitn(3, '-').collect::<Vec<_>>().try_into().unwrap();
        let cpu = if cpu == "x86_64" { "x64" } else { "arm64" };
        match (vendor, rest) {
            ("apple", _) => format!("darwin-{cpu}"),
            ("pc", _) => format!("win32-{cpu}-msvc"),
            (_, rest) => format!("linux-{cpu}-{}", rest.trim_start_matches("linux-")),
        }
    }

    #[test]
    fn every_target_has_a_package_that_installs_only_there() {
        let bindings = cargo::root().join("bindings-node");
        let main = read_json(&bindings.join("package.json")).unwrap();
        let targets = main["napi"]["targets"].as_array().unwrap();
        let platforms: BTreeSet<_> = targets.iter().map(|target| platform_of(target.as_str().unwrap())).collect();
        let folders = fs::read_dir(bindings.join("npm")).unwrap();
        let found: BTreeSet<_> = folders.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        assert_eq!(found, platforms);
        let workflow = fs::read_to_string(cargo::root().join(".github/workflows/native-packages.yml")).unwrap();
        let built = targets.iter().map(|target| {
            let target = target.as_str().unwrap();
            format!("target: {target}, platform: {},", platform_of(target))
        });
        for row in built {
            assert!(workflow.contains(&row), "no machine builds {row}");
        }
        let loader = fs::read_to_string(bindings.join("index.js")).unwrap();
        for platform in &platforms {
            let package = read_json(&bindings.join("npm").join(platform).join("package.json")).unwrap();
            let (os, cpu) = (package["os"][0].as_str().unwrap(), package["cpu"][0].as_str().unwrap());
            let abi = match os {
                "linux" => format!("-{}", package["libc"][0].as_str().unwrap().replace("glibc", "gnu")),
                "win32" => "-msvc".to_owned(),
                _ => String::new(),
            };
            assert_eq!(*platform, format!("{os}-{cpu}{abi}"));
            assert_eq!(package["version"], main["version"]);
            assert!(loader.contains(package["name"].as_str().unwrap()), "index.js does not load {}", package["name"]);
        }
    }
}
