//! Folding a log and the output of a search, beside finding their lines (doing nothing).
//!
//! Input: a service log whose lines have 8 templates and one failure with a trace every 500 lines; matches in files of
//! 60 lines. Both are the same at every run.

use std::fmt::Write as _;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use headroom_core::conversation::ToolCall;
use headroom_core::options::Mode;
use headroom_core::relevance::Question;
use headroom_core::tokens::{Estimate, Family};
use headroom_core::transform::{Context, Part, Transform};
use headroom_core::transforms::LogFold;
use headroom_core::transforms::SearchResults;

const SIZES: [usize; 3] = [100_000, 1_000_000, 10_000_000];

fn main() {
    divan::main();
}

fn log(bytes: usize) -> String {
    let mut log = String::with_capacity(bytes + 500);
    let mut state = 7_u64;
    for line in 0.. {
        if log.len() >= bytes {
            break;
        }
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let message =
            ["request", "response", "cache hit for", "cache miss for", "retry of", "sent", "queued", "dropped"];
        let written = if line % 500 == 499 {
            writeln!(
                log,
                "2024-05-04T10:11:{:02}Z ERROR [worker-{}] cannot load {state:x}\nTraceback (most recent call last):\n  \
                 File \"/app/load.py\", line 88, in load\n    fetch(key)\nTimeoutError: no answer in {} ms",
                state % 60,
                state % 8,
                state % 9000,
            )
        } else {
            writeln!(
                log,
                "2024-05-04T10:11:{:02}Z INFO [worker-{}] {} customer {state:x} in {} ms from 10.0.{}.{}",
                state % 60,
                state % 8,
                message[(state % 8) as usize],
                state % 77,
                state % 4,
                state % 200,
            )
        };
        written.expect("writing to a string cannot fail");
    }
    log
}

fn matches(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 500);
    for line in 0.. {
        if text.len() >= bytes {
            break;
        }
        let (folder, file, number) = (line / 2400, line / 60, line % 60 * 7 + 1);
        writeln!(
            text,
            "src/part_{folder}/file_{file}.rs:{number}:    let value_{} = load_row(key, {});",
            line * 31 % 977,
            line % 13
        )
        .expect("writing to a string cannot fail");
    }
    text
}

fn run(bencher: Bencher<'_, '_>, transform: &dyn Transform, mode: Mode, text: &str, command: &str) {
    let tool =
        ToolCall { name: "bash".into(), arguments: format!(r#"{{"command":"{command}"}}"#), ..Default::default() };
    let question =
        Question::new("Why did worker-3 fail to load customers, and where is load_row defined?", &tool.arguments);
    let tokenizer = Estimate::new(Family::Other);
    let part = Part { text, tool: Some(&tool), quotable: false };
    bencher.counter(BytesCount::of_str(text)).bench_local(|| {
        let mut cx = Context::new(mode, 1.0, &question, &tokenizer);
        transform.apply(black_box(&part), &mut cx)
    });
}

#[divan::bench(args = SIZES, sample_count = 10)]
fn log_nothing(bencher: Bencher<'_, '_>, bytes: usize) {
    let text = log(bytes);
    bencher.counter(BytesCount::of_str(&*text)).bench_local(|| black_box(&text).lines().count());
}

#[divan::bench(args = SIZES, sample_count = 10)]
fn log_subset(bencher: Bencher<'_, '_>, bytes: usize) {
    run(bencher, &LogFold, Mode::Balanced, &log(bytes), "cat app.log");
}

#[divan::bench(args = SIZES, sample_count = 10)]
fn log_lossless(bencher: Bencher<'_, '_>, bytes: usize) {
    run(bencher, &LogFold, Mode::Lossless, &log(bytes), "cat app.log");
}

#[divan::bench(args = SIZES, sample_count = 10)]
fn search_nothing(bencher: Bencher<'_, '_>, bytes: usize) {
    let text = matches(bytes);
    bencher.counter(BytesCount::of_str(&*text)).bench_local(|| black_box(&text).lines().count());
}

#[divan::bench(args = SIZES, sample_count = 10)]
fn search_subset(bencher: Bencher<'_, '_>, bytes: usize) {
    run(bencher, &SearchResults, Mode::Balanced, &matches(bytes), "rg -n load_row");
}

#[divan::bench(args = SIZES, sample_count = 10)]
fn search_lossless(bencher: Bencher<'_, '_>, bytes: usize) {
    run(bencher, &SearchResults, Mode::Lossless, &matches(bytes), "rg -n load_row");
}
