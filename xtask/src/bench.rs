//! `cargo xtask bench`: the engine beside doing nothing, beside counting tokens once, from Node, and beside its peers, in
//! one run.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::peers::PEERS;
use crate::table::Table;
use crate::{cargo, node};

/// Columns of the table that the engine's own bench measures.
const OWN: [&str; 4] = ["nothing", "counting tokens once", "compress, known content", "compress, new content"];

/// Columns that Node measures on the same bodies, with that of the engine's own bench beside which each stands.
const FROM_NODE: [(&str, &str); 2] =
    [("compress from Node, new content", OWN[3]), ("compress from Node, known content", OWN[2])];

/// Beside the columns: the size of the input.
const BYTES: &str = "bytes";

/// Figures by input and column, in milliseconds.
type Figures = BTreeMap<String, BTreeMap<String, f64>>;

/// Runs the bench and prints the table. Peers are installed from the package index unless they are there already.
///
/// # Errors
/// When a build, an installation or a measurement fails.
pub(crate) fn run(with_peers: bool, is_markdown: bool) -> Result<()> {
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
        let row = figures.entry(input).or_default();
        row.insert(what, milliseconds);
        row.insert(BYTES.into(), number(&line, "bytes")?);
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
        for peer in PEERS {
            let python = peer.install()?;
            let script = cargo::root().join("xtask/src/bench_peer.py");
            for line in lines(Command::new(python).arg(script).arg(peer.name).args(&bodies))? {
                let milliseconds = number(&line, "ms")?;
                figures.entry(text(&line, "input")?).or_default().insert(peer.name.to_owned(), milliseconds);
            }
        }
    }
    for (title, table) in [
        ("Median milliseconds a call; × is the peer's time over ours on new content.", beside_peers(&figures, &order)?),
        ("Milliseconds above counting the tokens once, and a megabyte.", for_its_size(&figures, &order)),
        ("Hostile input; what counts is the time above counting.", hostile(&figures, &order)),
        ("From Node; × is its time over the engine's own.", beside_node(&figures, &order)),
        ("Figures that stand alone.", others(&figures, &order)),
    ] {
        if !table.is_empty() {
            println!("{title}\n\n{}", if is_markdown { table.markdown() } else { table.text() });
        }
    }
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
fn beside_peers(figures: &Figures, order: &[String]) -> Result<Table> {
    let mut table = Table::new(
        ["input", "nothing", "count once", "known", "new"]
            .into_iter()
            .chain(PEERS.iter().flat_map(|peer| [peer.package, "×"])),
    );
    for input in order {
        let row = &figures[input];
        let Some(new) = row.get(OWN[3]).filter(|_| row.contains_key(OWN[0])) else { continue };
        let mut cells = vec![input.clone()];
        for what in OWN {
            let milliseconds = row.get(what).with_context(|| format!("{input}: no figure for {what}"))?;
            cells.push(format!("{milliseconds:.3}"));
        }
        for peer in PEERS {
            match row.get(peer.name) {
                Some(milliseconds) => {
                    cells.extend([format!("{milliseconds:.1}"), format!("{:.0}", milliseconds / new)]);
                }
                None => cells.extend(["–".to_owned(), String::new()]),
            }
        }
        table.push(cells);
    }
    Ok(table)
}

/// Milliseconds above counting the tokens once, and how many these are for a megabyte of the input.
fn for_its_size(figures: &Figures, order: &[String]) -> Table {
    let mut table = Table::new(["input", "above counting", "a megabyte"]);
    for (input, row) in order.iter().map(|input| (input, &figures[input])).filter(|(_, row)| row.contains_key(OWN[0])) {
        if let (Some(count), Some(new), Some(bytes)) = (row.get(OWN[1]), row.get(OWN[3]), row.get(BYTES)) {
            let above = new - count;
            table.push([input.clone(), format!("{above:.3}"), format!("{:.1}", above / bytes * 1e6)]);
        }
    }
    table
}

/// Milliseconds from Node, and how many times as long as from Rust.
fn beside_node(figures: &Figures, order: &[String]) -> Table {
    let mut table = Table::new(["input", "new", "×", "known", "×"]);
    for input in order {
        let row = &figures[input];
        let pairs = FROM_NODE.iter().filter_map(|(node, own)| Some((row.get(*node)?, row.get(*own)?)));
        let cells: Vec<_> =
            pairs.flat_map(|(node, own)| [format!("{node:.3}"), format!("{:.2}", node / own)]).collect();
        if !cells.is_empty() {
            table.push(std::iter::once(input.clone()).chain(cells));
        }
    }
    table
}

/// Milliseconds for the worst input, and how many of them are more than counting its tokens once takes.
fn hostile(figures: &Figures, order: &[String]) -> Table {
    let mut table = Table::new(["input", "count once", "new", "above counting"]);
    for input in order {
        let row = &figures[input];
        if row.contains_key(OWN[0]) {
            continue;
        }
        if let (Some(count), Some(new)) = (row.get(OWN[1]), row.get(OWN[3])) {
            let above = new - count;
            table.push([input.clone(), format!("{count:.3}"), format!("{new:.3}"), format!("{above:.3}")]);
        }
    }
    table
}

/// Figures that stand alone.
fn others(figures: &Figures, order: &[String]) -> Table {
    let mut table = Table::new(["what", "ms"]);
    for input in order.iter().filter(|input| !figures[*input].contains_key(OWN[3])) {
        for (what, milliseconds) in figures[input].iter().filter(|(what, _)| *what != BYTES) {
            table.push([format!("{input}: {what}"), format!("{milliseconds:.6}")]);
        }
    }
    table
}
