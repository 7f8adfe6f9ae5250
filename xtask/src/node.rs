//! The Node steps: builds the native module and the SDK, packs them, installs the tarballs without install scripts into
//! an empty folder outside the checkout, and tests there what a user would have.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use crate::steps::{Steps, run};
use crate::{cargo, readme};

/// What compiles the SDK.
const TOOLS: [&str; 2] = ["typescript@7.0.2", "@types/node@20.19.0"];
/// The entries of the package, each of which ESM reaches through a file of one line.
const ENTRIES: [&str; 6] = ["index", "openai", "anthropic", "gemini", "vercel-ai", "openclaw"];

/// Runs the Node steps, or says loudly that there is no Node for them.
pub(crate) fn steps(steps: &mut Steps) {
    let platform = match platform() {
        Ok(platform) => platform,
        Err(error) => return steps.skip("Node", &format!("{error:#}")),
    };
    let Some(tarballs) = steps.step("Node packages", || pack(&platform)) else { return };
    let Some(folder) = steps.step("Node environment", || install(&tarballs)) else { return };
    let folder = folder.path();
    let mut tests = node(folder);
    // Named one by one: what a folder stands for differs between versions of Node.
    let Some(files) = steps.step("Node test files", || test_files(&folder.join("test"))) else { return };
    tests.arg("--test").args(files);
    steps.command("Node tests", tests);
    steps.step("README examples in TypeScript", || check_readmes(folder));
}

/// The name that the platform's package has, when Node is new enough and npm is there.
fn platform() -> Result<String> {
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

/// Builds everything and gives the tarballs.
fn pack(platform: &str) -> Result<Vec<PathBuf>> {
    run(cargo::command(["build", "-p", "headroom-node", "--locked"]))?;
    let target = cargo::target().join("xtask/node");
    let bindings = cargo::root().join("bindings-node");

    let binary = empty(&target.join("binary"))?;
    let manifest = read_json(&bindings.join("npm").join(platform).join("package.json"))
        .with_context(|| format!("no package is described for {platform}"))?;
    let file = manifest["main"].as_str().context("package.json: expected a string at main")?;
    let library = cargo::target().join("debug").join(format!(
        "{}headroom_node{}",
        env::consts::DLL_PREFIX,
        env::consts::DLL_SUFFIX
    ));
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

fn test_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        files.push(entry?.path());
    }
    files.retain(|path| path.to_string_lossy().ends_with(".test.mjs"));
    files.sort();
    ensure!(!files.is_empty(), "expected tests in {}, found none", folder.display());
    Ok(files)
}

/// Compiles each TypeScript example of the READMEs, and runs those of the first.
fn check_readmes(folder: &Path) -> Result<()> {
    let examples = folder.join("readme");
    fs::create_dir(&examples)?;
    let mut first = 0;
    for (which, file) in ["README.md", "sdk-typescript/README.md"].iter().enumerate() {
        let text = fs::read_to_string(cargo::root().join(file)).with_context(|| (*file).to_owned())?;
        let blocks = readme::code_blocks(&text, "typescript");
        ensure!(!blocks.is_empty(), "{file}: expected an example that starts with ```typescript, found none");
        for (index, block) in blocks.iter().enumerate() {
            fs::write(examples.join(format!("example_{which}_{index}.mts")), block)?;
        }
        first = if which == 0 { blocks.len() } else { first };
    }
    write_json(
        &examples.join("tsconfig.json"),
        &json!({
            "compilerOptions": {
                "strict": true,
                "target": "es2022",
                "module": "nodenext",
                "noEmitOnError": true,
                "skipLibCheck": true,
                "types": ["node"],
                "rootDir": ".",
                "outDir": "out",
            },
        }),
    )?;
    let mut tsc = Command::new(folder.join("node_modules/.bin/tsc"));
    tsc.current_dir(folder).args(["-p", "readme"]);
    run(tsc)?;
    for index in 0..first {
        let mut example = node(folder);
        example.arg(examples.join(format!("out/example_0_{index}.mjs")));
        run(example).with_context(|| format!("README.md: TypeScript example {}", index + 1))?;
    }
    Ok(())
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

fn npm(folder: &Path) -> Command {
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

fn write_json(file: &Path, value: &Value) -> Result<()> {
    fs::write(file, serde_json::to_string_pretty(value)? + "\n").with_context(|| file.display().to_string())
}
