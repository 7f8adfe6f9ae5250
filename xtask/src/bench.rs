//! `cargo xtask bench`: the engine beside doing nothing, beside counting tokens once, from Node, and beside its peers, in
//! one run.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::{cargo, node, python};

/// The peers: a name, and what pip installs into an environment of its own.
const PEERS: [(&str, &str); 2] = [("headroom_ai", "headroom-ai==0.42.0"), ("llmtrim", "llmtrim==0.13.7")];

/// Columns of the table that the engine's own bench measures.
const OWN: [&str; 4] = ["nothing", "counting tokens once", "compress, known content", "compress, new content"];

/// Columns that Node measures on the same bodies, with that of the engine's own bench beside which each stands.
const FROM_NODE: [(&str, &str); 2] =
    [("compress from Node, new content", OWN[3]), ("compress from Node, known content", OWN[2])];

/// Figures by input and column, in milliseconds.
type Figures = BTreeMap<String, BTreeMap<String, f64>>;

/// Runs the bench and prints the table. Peers are installed from the package index unless they are there already.
///
/// # Errors
/// When a build, an installation or a measurement fails.
pub(crate) fn run(with_peers: bool) -> Result<()> {
    let inputs = cargo::target().join("xtask/bench");
    fs::create_dir_all(&inputs)?;
    let mut bench = cargo::command(["bench", "-p", "headroom-core", "--bench", "compress", "--", "--json"]);
    let mut figures = Figures::new();
    let mut order = Vec::new();
    for line in lines(bench.arg(&inputs))? {
        let (input, what) = (text(&line, "input")?, text(&line, "what")?);
        if !order.contains(&input) {
            order.push(input.clone());
        }
        let milliseconds = number(&line, "ns")? / 1e6;
        figures.entry(input).or_default().insert(what, milliseconds);
    }
    let bodies = bodies(&inputs, &order)?;
    match node::bench(&bodies)? {
        Some(mut bench) => {
            for line in lines(&mut bench.command)? {
                let input = text(&line, "input")?;
                if !order.contains(&input) {
                    order.push(input.clone());
                }
                figures.entry(input).or_default().insert(text(&line, "what")?, number(&line, "ms")?);
            }
        }
        None => eprintln!("Node is left out: expected Node 20 or later with npm, found none"),
    }
    if with_peers {
        for (peer, package) in PEERS {
            let python = python::environment_with(&cargo::target().join("xtask/peers").join(peer), package)?;
            let script = cargo::root().join("xtask/src/bench_peer.py");
            for line in lines(Command::new(python).arg(script).arg(peer).args(&bodies))? {
                let milliseconds = number(&line, "ms")?;
                figures.entry(text(&line, "input")?).or_default().insert(peer.to_owned(), milliseconds);
            }
        }
    }
    print!("{}", table(&figures, &order)?);
    Ok(())
}

/// The request bodies that the bench wrote, in its order.
fn bodies(folder: &Path, order: &[String]) -> Result<Vec<PathBuf>> {
    let paths = order.iter().map(|input| folder.join(format!("{}.json", input.replace(' ', "_"))));
    let found: Vec<_> = paths.filter(|path| path.exists()).collect();
    ensure!(!found.is_empty(), "{}: expected request bodies, found none", folder.display());
    Ok(found)
}

/// The JSON lines that a command prints.
fn lines(command: &mut Command) -> Result<Vec<Value>> {
    let output = command.stderr(Stdio::inherit()).output().context("cannot start the measurement")?;
    ensure!(output.status.success(), "the measurement ended with {}", output.status);
    let text = String::from_utf8(output.stdout)?;
    text.lines().filter(|line| line.starts_with('{')).map(|line| Ok(serde_json::from_str(line)?)).collect()
}

fn text(line: &Value, field: &str) -> Result<String> {
    line[field].as_str().map(str::to_owned).with_context(|| format!("{field}: expected a text in {line}"))
}

fn number(line: &Value, field: &str) -> Result<f64> {
    line[field].as_f64().with_context(|| format!("{field}: expected a number in {line}"))
}

/// Milliseconds, and how many times as long a peer takes on new content.
fn table(figures: &Figures, order: &[String]) -> Result<String> {
    let mut out = String::from("median milliseconds a call; × is the peer's time over ours on new content\n\n");
    let _ = write!(out, "{:<12}", "input");
    for heading in ["nothing", "count once", "known", "new", "headroom-ai", "", "llmtrim", ""] {
        let _ = write!(out, "{heading:>12}");
    }
    out.push('\n');
    let mut others = String::new();
    for input in order {
        let row = &figures[input];
        let Some(new) = row.get(OWN[3]) else {
            for (what, milliseconds) in row {
                let _ = writeln!(others, "{input}: {what}: {milliseconds:.6} ms");
            }
            continue;
        };
        let _ = write!(out, "{input:<12}");
        for what in OWN {
            let milliseconds = row.get(what).with_context(|| format!("{input}: no figure for {what}"))?;
            let _ = write!(out, "{milliseconds:>12.3}");
        }
        for (peer, _) in PEERS {
            match row.get(peer) {
                Some(milliseconds) => {
                    let _ = write!(out, "{milliseconds:>12.1}{:>11.0}×", milliseconds / new);
                }
                None => {
                    let _ = write!(out, "{:>12}{:>12}", "–", "");
                }
            }
        }
        out.push('\n');
    }
    Ok(out + "\n" + &beside_node(figures, order) + &others)
}

/// Milliseconds from Node, and how many times as long as from Rust.
fn beside_node(figures: &Figures, order: &[String]) -> String {
    let mut out = String::new();
    for input in order {
        let row = &figures[input];
        let cells: Vec<_> =
            FROM_NODE.iter().filter_map(|(node, own)| Some((row.get(*node)?, row.get(*own)?))).collect();
        if cells.is_empty() {
            continue;
        }
        if out.is_empty() {
            let _ = writeln!(
                out,
                "from Node; × is its time over the engine's own\n\n{:<12}{:>12}{:>24}",
                "input", "new", "known"
            );
        }
        let _ = write!(out, "{input:<12}");
        for (node, own) in cells {
            let _ = write!(out, "{node:>12.3}{:>11.2}×", node / own);
        }
        out.push('\n');
    }
    if out.is_empty() { out } else { out + "\n" }
}
