//! What the engine and its peers make of cases.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use super::case::{Case, Found};
use super::mode::Mode;
use crate::cargo;
use crate::peers::{PEERS, Peer};

/// What became of one case.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Row {
    /// o200k_base tokens of every string in the messages.
    pub(super) before: u64,
    pub(super) after: u64,
    pub(super) found: Found,
    /// Of the first call on the case.
    pub(super) milliseconds: f64,
    /// Whether the engine or peer could not compress it.
    pub(super) is_failed: bool,
}

/// What became of every case.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) name: String,
    pub(super) rows: Vec<Row>,
}

/// The peers with the presets that are measured.
const SETTINGS: [(&str, &str, &str); 3] = [
    ("headroom_ai", "default", "headroom-ai"),
    ("llmtrim", "auto", "llmtrim"),
    ("llmtrim", "aggressive", "llmtrim aggressive"),
];

/// Fresh processes of which the median time is taken.
const RUNS: usize = 3;

#[derive(Deserialize)]
struct Line {
    ms: f64,
    texts: Vec<String>,
    originals: Vec<String>,
    /// Counted by the engine; peers do not say.
    #[serde(default)]
    before: u64,
    #[serde(default)]
    after: u64,
    #[serde(default)]
    error: Option<String>,
}

/// Compresses the cases with the engine. `is_timed` builds it as it is released and takes the median of several runs.
///
/// # Errors
/// When a build fails or a case cannot be compressed.
pub(super) fn engine(cases: &[Case], mode: Mode, is_timed: bool) -> Result<(Measured, Vec<Vec<String>>)> {
    let folder = tempfile::tempdir()?;
    let bodies = cases
        .iter()
        .enumerate()
        .map(|(at, case)| {
            let file = folder.path().join(format!("{at}.json"));
            fs::write(&file, case.body.to_string())?;
            Ok(file)
        })
        .collect::<Result<Vec<_>>>()?;
    // With the whole workspace the features are those of its tests, which have built it.
    let mut build = cargo::command(["build", "--workspace", "--locked", "--example", "compress_cases"]);
    if is_timed {
        build.arg("--release");
    }
    crate::steps::run(build)?;
    let profile = if is_timed { "release" } else { "debug" };
    let program = cargo::target().join(profile).join("examples/compress_cases");
    let run = || lines(Command::new(&program).arg(mode.name()).args(&bodies), cases);
    let (mut rows, texts) = rows(&run()?, cases);
    if is_timed {
        add_times(&mut rows, run)?;
    }
    Ok((Measured { name: "headroom".into(), rows }, texts))
}

/// Compresses the cases with every peer that is installed, and counts all tokens independently of the engine, whose texts
/// are given; says which peers are left out.
///
/// # Errors
/// When a peer cannot be run, or the engine counts other tokens than tiktoken.
pub(super) fn peers(cases: &[Case], ours: &Measured, our_texts: &[Vec<String>]) -> Result<Vec<Measured>> {
    let script = cargo::root().join("xtask/src/savings_peer.py");
    let counter = PEERS[0].installed();
    let Some(counter) = counter.as_deref().map(|python| Counter { python, script: &script }) else {
        eprintln!("peers are left out: expected {} with its token counter, `--peers` installs it", named(&PEERS[0]));
        return Ok(Vec::new());
    };
    let counted = counter.count(our_texts)?;
    for ((case, row), tokens) in cases.iter().zip(&ours.rows).zip(counted) {
        ensure!(tokens == row.after, "{}: the engine counts {} tokens, tiktoken {tokens}", case.name, row.after);
    }
    let mut measured = Vec::new();
    for (peer, preset, name) in SETTINGS {
        let Some(peer) = PEERS.iter().find(|one| one.name == peer) else { continue };
        let Some(python) = peer.installed() else {
            eprintln!("{name} is left out: expected {}, `--peers` installs it", named(peer));
            continue;
        };
        let files: Vec<&PathBuf> = cases.iter().map(|case| &case.file).collect();
        let run = || lines(Command::new(&python).arg(&script).args([peer.name, preset]).args(&files), cases);
        let (mut rows, texts) = rows(&run()?, cases);
        add_times(&mut rows, run)?;
        for ((row, tokens), own) in rows.iter_mut().zip(counter.count(&texts)?).zip(&ours.rows) {
            (row.before, row.after) = (own.before, tokens);
        }
        measured.push(Measured { name: name.into(), rows });
    }
    Ok(measured)
}

fn named(peer: &Peer) -> String {
    format!("{} {}", peer.package, peer.version)
}

/// tiktoken, which comes with one of the peers.
struct Counter<'a> {
    python: &'a Path,
    script: &'a Path,
}

impl Counter<'_> {
    fn count(&self, texts: &[Vec<String>]) -> Result<Vec<u64>> {
        #[derive(Deserialize)]
        struct Count {
            tokens: u64,
        }
        let folder = tempfile::tempdir()?;
        let mut command = Command::new(self.python);
        command.arg(self.script).args(["count", "-"]);
        for (at, texts) in texts.iter().enumerate() {
            let file = folder.path().join(format!("{at}.json"));
            fs::write(&file, serde_json::to_vec(texts)?)?;
            command.arg(file);
        }
        let counts = read(&mut command)?;
        ensure!(counts.len() == texts.len(), "expected {} counts, found {}", texts.len(), counts.len());
        counts.iter().map(|line| Ok(serde_json::from_str::<Count>(line)?.tokens)).collect()
    }
}

/// A line a case.
fn lines(command: &mut Command, cases: &[Case]) -> Result<Vec<Line>> {
    let lines = read(command)?;
    ensure!(lines.len() == cases.len(), "expected results of {} cases, found {}", cases.len(), lines.len());
    lines.iter().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

fn read(command: &mut Command) -> Result<Vec<String>> {
    let output = command.stderr(Stdio::piped()).output().context("cannot start the measurement")?;
    let words = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the measurement ended with {}: {}", output.status, words.trim_end());
    let text = String::from_utf8(output.stdout)?;
    Ok(text.lines().filter(|line| line.starts_with('{')).map(str::to_owned).collect())
}

/// What lines say of their cases, and the texts that came out.
fn rows(lines: &[Line], cases: &[Case]) -> (Vec<Row>, Vec<Vec<String>>) {
    let rows = lines.iter().zip(cases).map(|(line, case)| {
        if let Some(error) = &line.error {
            eprintln!("{}: {error}", case.name);
        }
        Row {
            before: line.before,
            after: line.after,
            found: case.find(&line.texts, &line.originals),
            milliseconds: line.ms,
            is_failed: line.error.is_some(),
        }
    });
    (rows.collect(), lines.iter().map(|line| line.texts.clone()).collect())
}

/// Gives each row the median time of its own run and of further ones.
fn add_times(rows: &mut [Row], run: impl Fn() -> Result<Vec<Line>>) -> Result<()> {
    let mut times: Vec<Vec<f64>> = rows.iter().map(|row| vec![row.milliseconds]).collect();
    for _ in 1..RUNS {
        for (times, line) in times.iter_mut().zip(run()?) {
            times.push(line.ms);
        }
    }
    for (row, times) in rows.iter_mut().zip(&mut times) {
        times.sort_by(f64::total_cmp);
        row.milliseconds = times[times.len() / 2];
    }
    Ok(())
}
