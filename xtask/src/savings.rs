//! `cargo xtask savings`: what the cases come to, and the committed table of it, `tests/savings.txt`.

mod case;
mod measure;
mod mode;
mod report;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use crate::cargo;
use crate::peers::PEERS;
use case::Case;
use measure::Measured;
use mode::Mode;

const HEAD: &str = "\
# o200k_base tokens of the messages of tests/cases before and after, in balanced mode, and how many needles are visible in
# the compressed messages or recoverable through what these point at: asked for by the question, and latent.
# Made by `cargo xtask savings`; read the changed rows of a change first.
";

const LOSSLESS_HEAD: &str = "\
# The same in lossless mode, where every form is given back by its decoder.
";

/// What lossless mode saves at least of all cases of a kind, in percent.
///
/// # Sources
/// Chosen by hand: columns that are named once are about a third of JSON, and templates a quarter of a log.
const LOSSLESS_FLOORS: [(&str, u64); 3] = [("json_array", 30), ("json_object", 30), ("log", 25)];

/// What to measure and how to show it.
#[derive(Debug, Default, Args)]
pub(crate) struct SavingsOptions {
    /// Only compares with the committed table.
    #[arg(long, conflicts_with_all = ["cases", "mode", "markdown", "peers", "no_peers"])]
    check: bool,
    /// A folder of cases instead of `tests/cases`; nothing is written then.
    #[arg(long)]
    cases: Option<PathBuf>,
    /// How far compression goes; nothing is written unless it is balanced.
    #[arg(long, value_enum, default_value_t)]
    mode: Mode,
    /// Prints the tables as docs/benchmarks.md holds them.
    #[arg(long)]
    markdown: bool,
    /// Installs the peers that are not there.
    #[arg(long, conflicts_with = "no_peers")]
    peers: bool,
    /// Leaves the peers out also where they are installed.
    #[arg(long)]
    no_peers: bool,
}

impl SavingsOptions {
    /// Only compares with the committed table.
    pub(crate) fn check() -> Self {
        Self { check: true, ..Self::default() }
    }
}

/// Measures, prints tables and writes the committed one, or compares with it.
///
/// # Errors
/// When a case cannot be read or compressed, or the committed table is another one.
pub(crate) fn run(options: &SavingsOptions) -> Result<()> {
    let folder = options.cases.clone().unwrap_or_else(|| cargo::root().join("tests/cases"));
    let cases = case::read_all(&folder)?;
    let (ours, texts) = measure::engine(&cases, options.mode, !options.check)?;
    if options.mode == Mode::Lossless {
        report::ensure_floors(&cases, &ours, &LOSSLESS_FLOORS)?;
    }
    if options.check || options.cases.is_none() && options.mode == Mode::Balanced {
        let committed = committed(&cases, &ours, options.check)?;
        if options.check {
            return compare(&committed);
        }
        fs::write(cargo::root().join("tests/savings.txt"), &committed)?;
    }
    if options.peers {
        for peer in PEERS {
            peer.install()?;
        }
    }
    let peers = if options.no_peers { Vec::new() } else { measure::peers(&cases, &ours, &texts)? };
    let show = |table: crate::table::Table| if options.markdown { table.markdown() } else { table.text() };
    let [each, kinds] = report::cases(&cases, &ours, true).map(show);
    println!("{each}\n{kinds}");
    if !peers.is_empty() {
        let [kinds, totals] = report::comparison(&cases, &ours, &peers).map(show);
        println!("{kinds}\n{totals}");
        let losses = report::losses(&cases, &ours, &peers);
        if losses.is_empty() {
            println!("In no kind does a peer have fewer tokens or more asked needles.");
        } else {
            println!("Where a peer has fewer tokens or more asked needles:\n\n{losses}");
        }
    }
    Ok(())
}

/// The table of the repository: balanced mode case by case, and lossless mode kind by kind.
fn committed(cases: &[Case], balanced: &Measured, is_check: bool) -> Result<String> {
    let (lossless, _) = measure::engine(cases, Mode::Lossless, !is_check)?;
    report::ensure_floors(cases, &lossless, &LOSSLESS_FLOORS)?;
    let [each, kinds] = report::cases(cases, balanced, false).map(|table| table.text());
    let lossless = report::shares(cases, &lossless).text();
    Ok(format!("{HEAD}{each}\n{kinds}\n{LOSSLESS_HEAD}{lossless}"))
}

fn compare(table: &str) -> Result<()> {
    let file = cargo::root().join("tests/savings.txt");
    let committed = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let committed: Vec<&str> = committed.lines().collect();
    for line in table.lines().filter(|line| !committed.contains(line)) {
        eprintln!("+ {line}");
    }
    ensure!(committed == table.lines().collect::<Vec<_>>(), "tests/savings.txt is out of date: cargo xtask savings");
    Ok(())
}
