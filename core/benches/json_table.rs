//! Tables of 100 KB, 1 MB and 10 MB of rows, beside looking at every byte and beside serde_json's minified text.

use std::fmt::Write as _;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use headroom_core::options::Mode;
use headroom_core::relevance::Question;
use headroom_core::tokens::{Estimate, Family};
use headroom_core::transform::{Context, Part, Transform};
use headroom_core::transforms::JsonTable;

const SIZES: [usize; 3] = [100_000, 1_000_000, 10_000_000];

fn main() {
    divan::main();
}

/// Rows of eight members, the same at every run.
fn rows(bytes: usize) -> String {
    let mut text = String::from("[");
    let mut state = 7_u64;
    let mut next = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let mut id = 0;
    while text.len() < bytes {
        let comma = if id > 0 { "," } else { "" };
        let (user, city, amount) = (next(9973), ["Berlin", "Paris", "Rome", "Oslo"][next(4) as usize], next(1000));
        let (status, active) = (if next(997) == 0 { 500 } else { 200 }, next(3) == 0);
        let (day, hour, order) = (1 + next(28), next(24), next(100_000));
        write!(
            text,
            "{comma}{{\"id\":{id},\"name\":\"user-{user}\",\"city\":\"{city}\",\"amount\":{amount}.5,\"status\":{status},\
             \"active\":{active},\"created_at\":\"2024-05-{day:02}T{hour:02}:00:00Z\",\"note\":\"order {order} shipped\"}}"
        )
        .expect("writing to a string cannot fail");
        id += 1;
    }
    text.push(']');
    text
}

fn run(bencher: Bencher, bytes: usize, mode: Mode) {
    let text = rows(bytes);
    let question = Question::new("Which order has the largest amount, and what happened to user-4711 in Oslo?", "");
    let tokenizer = Estimate::new(Family::OpenAi);
    bencher.counter(BytesCount::new(text.len())).bench(|| {
        let mut cx = Context::new(mode, 1.0, &question, &tokenizer);
        JsonTable.apply(&Part { text: &text, tool: None, quotable: false }, &mut cx)
    });
}

#[divan::bench(args = SIZES)]
fn sample(bencher: Bencher, bytes: usize) {
    run(bencher, bytes, Mode::Balanced);
}

#[divan::bench(args = SIZES)]
fn lossless(bencher: Bencher, bytes: usize) {
    run(bencher, bytes, Mode::Lossless);
}

#[divan::bench(args = SIZES)]
fn nothing(bencher: Bencher, bytes: usize) {
    let text = rows(bytes);
    bencher.counter(BytesCount::new(text.len())).bench(|| black_box(&text).bytes().map(usize::from).sum::<usize>());
}

#[divan::bench(args = SIZES)]
fn serde_json_minify(bencher: Bencher, bytes: usize) {
    let text = rows(bytes);
    bencher
        .counter(BytesCount::new(text.len()))
        .bench(|| serde_json::from_str::<serde_json::Value>(&text).and_then(|value| serde_json::to_string(&value)));
}
