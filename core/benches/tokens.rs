//! Counting 1 MB of text, beside reading it (doing nothing) and beside a hit of the cache.

use std::fmt::Write as _;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use headroom_core::tokens::{CountCache, Estimate, Family, OpenAi, Tokenizer};

const TEXT_BYTES: usize = 1_000_000;
const KINDS: [&str; 4] = ["json", "log", "prose", "letters"];

fn main() {
    divan::main();
}

/// 1 MB without repeated lines, the same at every run.
fn text(kind: &str) -> String {
    let words = ["request", "handled", "the", "connection", "of", "worker", "was", "closed", "after", "timeout", "in"];
    let mut text = String::new();
    let mut state = 7_u64;
    let mut next = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    while text.len() < TEXT_BYTES {
        let (id, word, other) = (next(1 << 32), words[next(11) as usize], words[next(11) as usize]);
        match kind {
            "json" => writeln!(text, "{{\"id\":{id},\"name\":\"{word}_{other}\",\"ok\":true,\"score\":0.{id}}},"),
            "log" => {
                writeln!(text, "2024-05-04T10:11:12.{:03}Z INFO [worker-{}] {word} {other} {id:x}", id % 1000, id % 8)
            }
            "prose" => {
                write!(text, "{word} {other} {}{}", words[next(11) as usize], if id % 9 == 0 { ".\n" } else { " " })
            }
            _ => write!(text, "{}", char::from(b'a' + (id % 26) as u8)),
        }
        .expect("writing to a string cannot fail");
    }
    text
}

#[divan::bench(args = KINDS)]
fn doing_nothing(bencher: Bencher<'_, '_>, kind: &str) {
    let text = text(kind);
    bencher.counter(BytesCount::of_str(&text)).bench(|| black_box(&text).bytes().map(u64::from).sum::<u64>());
}

#[divan::bench(args = KINDS)]
fn o200k(bencher: Bencher<'_, '_>, kind: &str) {
    count(bencher, kind, &OpenAi::O200k);
}

#[divan::bench(args = KINDS)]
fn cl100k(bencher: Bencher<'_, '_>, kind: &str) {
    count(bencher, kind, &OpenAi::Cl100k);
}

#[divan::bench(args = KINDS)]
fn estimated(bencher: Bencher<'_, '_>, kind: &str) {
    count(bencher, kind, &Estimate::new(Family::Qwen));
}

#[divan::bench(args = KINDS)]
fn cached(bencher: Bencher<'_, '_>, kind: &str) {
    let (text, cache) = (text(kind), CountCache::default());
    bencher.counter(BytesCount::of_str(&text)).bench(|| cache.count(&OpenAi::O200k, black_box(&text)));
}

fn count(bencher: Bencher<'_, '_>, kind: &str, tokenizer: &dyn Tokenizer) {
    let text = text(kind);
    bencher.counter(BytesCount::of_str(&text)).bench(|| tokenizer.count(black_box(&text)));
}
