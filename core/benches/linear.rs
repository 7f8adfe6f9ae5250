//! Time and memory of new content of every kind per megabyte, at 2 MB and at 20 MB: what is linear has equal figures.
//!
//! `cargo bench -p headroom-core --bench linear` prints a table, `-- KIND …` the rows of some kinds. Every figure comes
//! from a process of its own, so that the memory is that of one text: the mean of several first calls of a new engine,
//! beside counting tokens once, and by how much the call raises the most that the process has held. On Linux times are
//! those of the processors, which a busy machine does not change much; elsewhere those of a clock, and memory is not
//! told.

mod texts;

use std::hint::black_box;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use headroom_core::ccr::{SqliteOptions, SqliteStore, Store};
use headroom_core::{Call, Engine, JsonBody, tokens};

use texts::{KINDS, Kind, MODEL};

const SIZES: [usize; 2] = [2_000_000, 20_000_000];

/// The first argument of the process that measures one kind at one size.
const ONE: &str = "--one";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.as_slice() {
        [first, name, bytes, runs] if first == ONE => {
            let kind = texts::kind(name).expect("the parent names a kind");
            one(kind, bytes.parse().expect("a size"), runs.parse().expect("a number of runs"));
        }
        wanted => table(wanted),
    }
}

fn table(wanted: &[String]) {
    println!("per MB       counting     compress, new     above counting     20 MB / 2 MB     memory     tokens left");
    for kind in KINDS.iter().filter(|kind| wanted.is_empty() || wanted.iter().any(|name| name == kind.name)) {
        let mut before = None;
        for bytes in SIZES {
            let megabytes = bytes as f64 / 1e6;
            let runs = if bytes == SIZES[0] { "15" } else { "3" };
            let program = std::env::current_exe().expect("a running program has a path");
            let output = Command::new(program).args([ONE, kind.name, &bytes.to_string(), runs]).output();
            let output = output.expect("the program can be started again");
            let words = String::from_utf8(output.stdout).expect("the child writes numbers");
            let figures: Vec<f64> = words.split_whitespace().map(|word| word.parse().expect("a number")).collect();
            let &[count, compress, memory, left] = figures.as_slice() else { panic!("four figures, not {words:?}") };
            let ratio =
                before.replace(compress).map_or(String::new(), |first| format!("{:.2}", compress / 10.0 / first));
            println!(
                "{:<9}{:>3.0} MB{:>9.1} ms{:>15.1} ms{:>16.1} ms{ratio:>17}{:>8.1} MB{:>14.1} %",
                kind.name,
                megabytes,
                count / megabytes,
                compress / megabytes,
                (compress - count) / megabytes,
                memory / megabytes,
                left,
            );
        }
    }
}

/// Writes the milliseconds of counting and of compressing, the megabytes of memory, and the share of tokens left.
fn one(kind: &Kind, bytes: usize, runs: u64) {
    tokens::for_model(MODEL).count("load the vocabulary");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = SqliteStore::open(folder.path().join("store.db"), SqliteOptions::default());
    let store: Arc<dyn Store> = Arc::new(store.expect("a temporary folder is writable"));
    let clock = Instant::now();
    let now = || processor_time().unwrap_or_else(|| clock.elapsed().as_secs_f64() * 1e3);
    let (mut counting, mut compressing, mut memory, mut left) = (0.0, 0.0, 0.0, 0.0);
    for run in 1..=runs {
        let text = (kind.make)(bytes, run);
        let body = texts::body(kind.tool, kind.question, &text);
        let before = held("VmRSS:");
        let engine = Engine::new(Arc::clone(&store));
        let started = now();
        let body = JsonBody::parse(&*body).expect("the bench makes valid bodies");
        let report = engine.compress_blocking(Call::new(body, MODEL)).expect("default options are valid");
        compressing += now() - started;
        if run == 1 {
            memory = held("VmHWM:") - before;
            left = report.tokens_after as f64 / report.tokens_before.max(1) as f64 * 100.0;
        }
        drop(black_box(report));
        let started = now();
        black_box(tokens::for_model(MODEL).count(&text));
        counting += now() - started;
    }
    println!("{} {} {memory} {left}", counting / runs as f64, compressing / runs as f64);
}

/// What the process and its threads have had of the processors, in milliseconds.
fn processor_time() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // Behind the name in parentheses; user and system time are the twelfth and thirteenth, in hundredths of a second.
    let fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11).take(2);
    let ticks: Vec<f64> = fields.map_while(|field| field.parse().ok()).collect();
    (ticks.len() == 2).then(|| ticks.iter().sum::<f64>() * 10.0)
}

/// What the process holds, or has held at most, in megabytes; 0 where the system does not tell.
fn held(field: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok()).unwrap_or(0.0) * 1024.0 / 1e6
}
