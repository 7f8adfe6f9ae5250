//! Whole compressions beside doing nothing and beside counting tokens once, with the default SQLite store.
//!
//! Every figure of new content is the first call of a new engine on it, with the vocabulary loaded and the store's file
//! open; medians of several runs. `cargo bench -p headroom-core --bench compress` prints a table; `-- --json FOLDER` writes the inputs as
//! request bodies to a folder and prints a JSON line a figure, which `cargo xtask bench` joins with the peers' figures.

mod texts;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use headroom_core::ccr::{SqliteOptions, SqliteStore, Store};
use headroom_core::extension::{Answer, BoxFuture, Extension};
use headroom_core::pipeline::{PipelineEvent, PipelineExtensionManager, PipelineStage, StageSet};
use headroom_core::{Call, Engine, JsonBody, tokens};

use texts::{Kind, MODEL, body, body_of, json_rows, log_lines};

const SIZES: [(&str, usize); 4] = [("10 KB", 10_000), ("100 KB", 100_000), ("1 MB", 1_000_000), ("10 MB", 10_000_000)];

/// Longer code is not parsed, so that a figure of it would be none of code.
const CODE_SIZES: [(&str, usize); 3] = [("10 KB", 10_000), ("100 KB", 100_000), ("500 KB", 500_000)];

/// The kinds of which there are rows, and their sizes.
const KINDS: [(&str, &[(&str, usize)]); 5] =
    [("json", &SIZES), ("log", &SIZES), ("grep", &SIZES), ("table", &SIZES), ("code", &CODE_SIZES)];

/// What is repeated to make the worst input there is for something that reads text, and the file that it is read from.
///
/// # Sources
/// The rows below the emoji are the slowest that `cargo xtask fuzz` found.
const HOSTILE: [(&str, &str, &str); 32] = [
    ("spaces", " ", ""),
    ("line feeds", "\n", ""),
    ("carriage returns", "\r", ""),
    ("<", "<", ""),
    ("[", "[", ""),
    ("{\"a\":", "{\"a\":", ""),
    ("quotes", "\"", ""),
    ("backslashes", "\\", ""),
    ("one word", "a", ""),
    ("one line of words", "a ", ""),
    ("commas", ",", ""),
    ("digits", "7", ""),
    ("items of a list", "- ", ""),
    ("cells of a table", "| ", ""),
    ("empty rows of a table", "|\n", ""),
    ("headings", "# ", ""),
    ("fences of code", "```\n", ""),
    ("tags", "<b>", ""),
    ("hunks of a diff", "@@ -1 +1 @@\n", ""),
    ("emoji", "\u{1f600}", ""),
    ("dashes on lines of their own", "-\n", ""),
    ("letters on lines of their own", "a\n", ""),
    ("letters and blank lines", "\n|\n", ""),
    ("tables on lines of their own", "[a]\n", ""),
    ("paths on lines of their own", "a/b\n", ""),
    ("branches of a tree", "├── a\n", ""),
    ("objects on lines of their own", "{\"a\":1}\n", ""),
    ("paragraphs of HTML", "<p>a</p>\n", ""),
    ("lines that name source code", "2026-03-01 10:00:00 worker 8 naive 6 price-12 src/lib.rs 3.14\n", ""),
    ("code that is none", "a.rs:1:b\n)a = 1\n  a:\n}a = 1\nfn a() {\n", ""),
    ("brackets in a Python file", "(", "deep.py"),
    ("tags in an HTML file", "<b>", "deep.html"),
];

struct Bench {
    json_folder: Option<std::path::PathBuf>,
}

impl Bench {
    fn report(&self, input: &str, what: &str, bytes: usize, nanoseconds: f64) {
        if self.json_folder.is_some() {
            println!("{}", serde_json::json!({"input": input, "what": what, "bytes": bytes, "ns": nanoseconds}));
        } else {
            println!("{input:<34}{what:<44}{:>12.3} ms", nanoseconds / 1e6);
        }
    }
}

/// The median of several timings of `work` on what `prepare` makes, in nanoseconds.
fn median<T>(runs: usize, mut prepare: impl FnMut(usize) -> T, mut work: impl FnMut(T)) -> f64 {
    let mut times: Vec<f64> = (0..runs)
        .map(|run| {
            let input = prepare(run);
            let started = Instant::now();
            work(input);
            started.elapsed().as_nanos() as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// The store of a running process: its file is open and has been written to.
fn store(folder: &std::path::Path) -> Arc<dyn Store> {
    let store =
        SqliteStore::open(folder.join("store.db"), SqliteOptions::default()).expect("a temporary folder is writable");
    let store: Arc<dyn Store> = Arc::new(store);
    let warm_up = body("list_hosts", "Which hosts failed?", &json_rows(9_000, u64::MAX));
    compress(&Engine::new(Arc::clone(&store)), &warm_up);
    store
}

fn compress(engine: &Engine, body: &str) {
    let body = JsonBody::parse(body).expect("the bench makes valid bodies");
    black_box(engine.compress_blocking(Call::new(body, MODEL)).expect("default options are valid"));
}

struct Idle(StageSet);

impl Extension for Idle {
    fn name(&self) -> &str {
        "idle"
    }

    fn stages(&self) -> StageSet {
        self.0
    }

    fn on_pipeline_event<'a>(&'a self, _: &'a mut PipelineEvent) -> BoxFuture<'a, headroom_core::Result<Answer>> {
        Box::pin(async { Ok(Answer::None) })
    }
}

fn stages(bench: &Bench) {
    let idle = |stages| Arc::new(Idle(stages)) as Arc<dyn Extension>;
    let elsewhere = StageSet::NONE.with(PipelineStage::PostSend);
    let here = StageSet::NONE.with(PipelineStage::PreSend);
    let cases = [
        ("a stage without extensions", Vec::new()),
        ("ten extensions of another stage", (0..10).map(|_| idle(elsewhere)).collect()),
        ("one extension of the stage", vec![idle(here)]),
    ];
    for (what, extensions) in cases {
        let manager = Arc::new(PipelineExtensionManager::new(extensions).expect("no order is asked for"));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut call = Call::new(JsonBody::parse("[]").expect("an empty list"), MODEL);
        call.extensions = manager;
        let mut run = Engine::new(store(folder.path())).begin(call).expect("default options are valid");
        let rounds = 10_000;
        let time = median(
            9,
            |_| (),
            |()| {
                for _ in 0..rounds {
                    let _ = black_box(futures_lite::future::block_on(black_box(&mut run).pre_send()));
                }
            },
        );
        bench.report("stage", what, 0, time / f64::from(rounds));
    }
}

fn known_history(bench: &Bench) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let engine = Engine::new(store(folder.path()));
    let mut messages = Vec::new();
    for turn in 0..50 {
        let id = format!("c{turn}");
        let call =
            serde_json::json!({"id": id, "type": "function", "function": {"name": "list_hosts", "arguments": "{}"}});
        messages.push(serde_json::json!({"role": "assistant", "content": null, "tool_calls": [call]}));
        let content = if turn % 2 == 0 { json_rows(10_000, turn) } else { log_lines(10_000, turn) };
        messages.push(serde_json::json!({"role": "tool", "tool_call_id": id, "content": content}));
    }
    let with_new = |turn: u64| {
        let mut all = messages.clone();
        let id = format!("new{turn}");
        let call =
            serde_json::json!({"id": id, "type": "function", "function": {"name": "list_hosts", "arguments": "{}"}});
        all.push(serde_json::json!({"role": "assistant", "content": null, "tool_calls": [call]}));
        all.push(serde_json::json!({"role": "tool", "tool_call_id": id, "content": json_rows(2_000, 1000 + turn)}));
        serde_json::Value::from(all).to_string()
    };
    compress(&engine, &serde_json::Value::from(messages.clone()).to_string());
    let time = median(15, |run| with_new(run as u64), |body| compress(&engine, &body));
    bench.report("history 500 KB", "a new 2 KB result after known history", 500_000, time);
}

/// 100 KB of what is worst, each time a little longer, because what is known is not looked at again.
fn hostile(bench: &Bench, store: &Arc<dyn Store>) {
    const BYTES: usize = 100_000;
    for (name, pattern, path) in HOSTILE {
        let text = |run: usize| pattern.repeat(BYTES / pattern.len() + run);
        let prepare = |run: usize| {
            let (tool, arguments) = match path {
                "" => ("run", serde_json::json!({ "command": "./job" })),
                path => ("read_file", serde_json::json!({ "path": path })),
            };
            (body_of(tool, &arguments, "What does it say?", &text(run)), Engine::new(Arc::clone(store)))
        };
        let count = median(
            5,
            |run| text(run + 10),
            |text| {
                black_box(tokens::for_model(MODEL).count(&text));
            },
        );
        let input = format!("100 KB of {name}");
        bench.report(&input, "counting tokens once", BYTES, count);
        let new = median(5, prepare, |(body, engine)| compress(&engine, &body));
        bench.report(&input, "compress, new content", BYTES, new);
    }
}

fn main() {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--json");
    let bench = Bench { json_folder: arguments.nth(1).map(Into::into) };
    tokens::for_model(MODEL).count("load the vocabulary");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = store(folder.path());
    for (kind, sizes) in KINDS {
        let Kind { tool, question, make, .. } = texts::kind(kind).expect("the kind is in the list of kinds");
        for &(size, bytes) in sizes {
            let runs = if bytes > 1_000_000 { 3 } else { 9 };
            let input = format!("{kind} {size}");
            if let Some(folder) = &bench.json_folder {
                let text = body(tool, question, &make(bytes, 0));
                std::fs::write(folder.join(format!("{}.json", input.replace(' ', "_"))), text)
                    .expect("the folder is writable");
            }
            let prepare = |run: usize| body(tool, question, &make(bytes, run as u64 + 1));
            let nothing = median(runs, prepare, |body| drop(black_box(body.as_bytes().to_vec())));
            bench.report(&input, "nothing", bytes, nothing);
            let count = median(
                runs,
                |run| make(bytes, run as u64 + 1),
                |text| {
                    black_box(tokens::for_model(MODEL).count(&text));
                },
            );
            bench.report(&input, "counting tokens once", bytes, count);
            let cold = median(
                runs,
                |run| (prepare(run), Engine::new(Arc::clone(&store))),
                |(body, engine)| compress(&engine, &body),
            );
            bench.report(&input, "compress, new content", bytes, cold);
            let warm_engine = Engine::new(Arc::clone(&store));
            compress(&warm_engine, &prepare(0));
            let warm = median(runs, |_| prepare(0), |body| compress(&warm_engine, &body));
            bench.report(&input, "compress, known content", bytes, warm);
        }
    }
    hostile(&bench, &store);
    known_history(&bench);
    stages(&bench);
}
