//! Scoring 1 MB of log lines against a question of about 20 terms, beside reading them (doing nothing).

use std::fmt::Write as _;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use headroom_core::relevance::Question;

const QUESTION: &str = "Why did worker_17 refuse connections from 10.0.0.17 after the config reload at 04:47:44, and which \
    requests to /api/v1/orders failed with \"upstream timed out\", status 502 or ECONNREFUSED for customer B071ZN4K8V?";

fn main() {
    divan::main();
}

/// 1 MB of log lines, the same at every run. With `other_scripts`, every third line has non-ASCII text.
fn log(other_scripts: bool) -> String {
    let mut log = String::new();
    let mut state = 7_u64;
    while log.len() < 1_000_000 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let text = if other_scripts && state.is_multiple_of(3) {
            "数据库连接 größe"
        } else {
            "handled request for customer"
        };
        writeln!(
            log,
            "2024-05-04T10:11:{:02}.{:03}Z INFO [worker-{}] {text} {:x} in {} ms status=200 path=/static/{}.css",
            state % 60,
            state % 1000,
            state % 8,
            state,
            state % 77,
            state % 13,
        )
        .expect("writing to a string cannot fail");
    }
    log
}

#[divan::bench(args = [false, true])]
fn doing_nothing(bencher: Bencher<'_, '_>, other_scripts: bool) {
    let log = log(other_scripts);
    let units: Vec<&str> = log.lines().collect();
    bencher
        .counter(BytesCount::of_str(&log))
        .bench(|| black_box(&units).iter().map(|unit| unit.bytes().map(u64::from).sum::<u64>()).sum::<u64>());
}

#[divan::bench(args = [false, true])]
fn scores(bencher: Bencher<'_, '_>, other_scripts: bool) {
    let log = log(other_scripts);
    let units: Vec<&str> = log.lines().collect();
    let question = Question::new(QUESTION, "");
    bencher.counter(BytesCount::of_str(&log)).bench(|| question.scores(black_box(&units)));
}

#[divan::bench(args = [false, true])]
fn scores_of_a_question_in_another_script(bencher: Bencher<'_, '_>, other_scripts: bool) {
    let log = log(other_scripts);
    let units: Vec<&str> = log.lines().collect();
    let question = Question::new("哪个数据库连接失败了? Größe", "");
    bencher.counter(BytesCount::of_str(&log)).bench(|| question.scores(black_box(&units)));
}

#[divan::bench]
fn reading_a_question() -> Question {
    Question::new(black_box(QUESTION), black_box("{\"command\":\"grep -rn worker_17 /var/log\"}"))
}
