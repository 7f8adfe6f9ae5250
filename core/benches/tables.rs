//! Tables, listings, metrics and manifests, a megabyte of each, beside doing nothing, which is a copy of the text.
//!
//! `cargo bench -p headroom-core --bench tables`

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use headroom_core::options::Mode;
use headroom_core::relevance::Question;
use headroom_core::tokens::{Estimate, Family};
use headroom_core::transform::{Context, Part, Transform};
use headroom_core::transforms::{Listing, Manifest, Metrics, Table};

fn main() {
    divan::main();
}

const MEGABYTE: usize = 1_000_000;

/// Lines until there is a megabyte of them.
fn lines(head: &str, line: impl Fn(usize) -> String) -> String {
    let mut text = head.to_owned();
    for at in 0.. {
        text.push_str(&line(at));
        if text.len() >= MEGABYTE {
            break;
        }
    }
    text
}

fn apply(bencher: Bencher<'_, '_>, transform: &dyn Transform, text: &str) {
    let tokenizer = Estimate::new(Family::Other);
    let question = Question::new("Which node in part_7 failed, and what is the highest load of node-17?", "");
    bencher.counter(BytesCount::of_str(text)).bench(|| {
        let mut cx = Context::new(Mode::Balanced, 1.0, &question, &tokenizer);
        let part = Part { text: black_box(text), tool: None, quotable: false };
        let fit = transform.fit(&part);
        (fit, transform.apply(&part, &mut cx).expect("applies"))
    });
}

#[divan::bench]
fn copy(bencher: Bencher<'_, '_>) {
    let text = "a line of some length, as tables have them\n".repeat(MEGABYTE / 43);
    bencher.counter(BytesCount::of_str(&text)).bench(|| black_box(&text).clone());
}

#[divan::bench]
fn separated_values(bencher: Bencher<'_, '_>) {
    let row = |at: usize| format!("{at},node-{},{},{}\n", at % 997, ["up", "down", "up"][at % 3], at * 7 % 1013);
    apply(bencher, &Table, &lines("id,name,state,load\n", row));
}

#[divan::bench]
fn fixed_width(bencher: Bencher<'_, '_>) {
    let row = |at: usize| format!("web-{at:<16} 1/1     {:<10}  {}d\n", ["Running", "Failed"][at % 777 / 776], at % 90);
    apply(bencher, &Table, &lines("NAME                 READY   STATUS      AGE\n", row));
}

#[divan::bench]
fn paths(bencher: Bencher<'_, '_>) {
    let path = |at: usize| format!("./src/part_{}/inner_{}/file_{at}.rs\n", at / 900, at / 30);
    apply(bencher, &Listing, &lines("", path));
}

/// Branches of any depth are the worst case of a listing.
#[divan::bench]
fn deep_tree(bencher: Bencher<'_, '_>) {
    apply(bencher, &Listing, &lines("", |at| format!("{}├── name_{at}.rs\n", "│   ".repeat(at % 37))));
}

#[divan::bench]
fn metrics(bencher: Bencher<'_, '_>) {
    let line = |at: usize| match at % 40 {
        0 => format!("# HELP m_{0}_total Help.\n# TYPE m_{0}_total counter\n", at / 40),
        _ => format!("m_{}_total{{a=\"{at}\",b=\"x\"}} {}\n", at / 40, at % 91),
    };
    apply(bencher, &Metrics, &lines("", line));
}

#[divan::bench]
fn manifest(bencher: Bencher<'_, '_>) {
    let item = |at: usize| format!("- name: part-{at}\n  status: ok\n  inner:\n    key: {}\n", at % 7);
    apply(bencher, &Manifest, &lines("items:\n", item));
}
