//! Texts that look like something, and texts that look like nothing.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::mutate::mutate;

/// Pseudo-random numbers that follow from a seed.
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    /// A number below a bound; 0 for a bound of 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        // Splitmix, whose seeds may follow one another.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) >> 33).unwrap_or(0).checked_rem(bound).unwrap_or(0)
    }

    pub(crate) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// A number below one of several bounds, so that small numbers come often.
    pub(crate) fn below_one_of(&mut self, bounds: &[usize]) -> usize {
        let bound = self.one_of(bounds);
        self.below(bound)
    }

    fn percent(&mut self, share: usize) -> bool {
        self.below(100) < share
    }
}

/// Recorded texts.
pub(crate) struct Corpus(Vec<String>);

/// Shorter strings of a recorded conversation are names and roles. In bytes.
const SHORTEST_TEXT: usize = 200;

impl Corpus {
    /// Every long string of the JSON files below some folders, and every other file as it is.
    pub(crate) fn read(folders: impl Iterator<Item = PathBuf>) -> crate::Result<Self> {
        let mut files = Vec::new();
        for folder in folders {
            list(&folder, &mut files).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        files.sort();
        let mut texts = Vec::new();
        for file in files {
            let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
            match serde_json::from_str(&text) {
                Ok(value) => strings(value, &mut texts),
                Err(_) => texts.push(text),
            }
        }
        if texts.is_empty() {
            return Err("expected folders with texts, found none".into());
        }
        Ok(Self(texts))
    }

    pub(crate) fn text(&self, numbers: &mut Numbers) -> &str {
        &self.0[numbers.below(self.0.len())]
    }
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            list(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn strings(value: serde_json::Value, texts: &mut Vec<String>) {
    match value {
        serde_json::Value::String(text) if text.len() >= SHORTEST_TEXT => texts.push(text),
        serde_json::Value::Array(items) => items.into_iter().for_each(|item| strings(item, texts)),
        serde_json::Value::Object(members) => members.into_iter().for_each(|(_, member)| strings(member, texts)),
        _ => {}
    }
}

/// What some transform or other looks for.
pub(crate) const UNITS: [&str; 72] = [
    " ",
    "\n",
    "\r",
    "\t",
    "\0",
    "\"",
    "'",
    "\\",
    "`",
    "<",
    ">",
    "[",
    "]",
    "{",
    "}",
    "(",
    ")",
    ",",
    ":",
    ";",
    "-",
    "#",
    "|",
    "=",
    "/",
    ".",
    "@",
    "*",
    "+",
    "_",
    "~",
    "a",
    "A",
    "7",
    "é",
    "漢",
    "👍",
    "\u{200b}",
    "a\n",
    "{}\n",
    "[]",
    "| |\n",
    "| - |\n",
    "<a>",
    "</a>",
    "&lt;",
    "- ",
    "* a\n",
    "1. a\n",
    "# a\n",
    "> ",
    "```\n",
    "a,b\n",
    "\"a\",",
    "a: b\n",
    "  a:\n",
    "[a]\n",
    "a = 1\n",
    "@@ -1 +1 @@\n",
    "+a\n",
    "-a\n",
    "diff --git a/x b/x\n",
    "a.rs:1:b\n",
    "a/b\n",
    "├── a\n",
    "drwxr-xr-x 2 a b 1 Jan 1 1 a\n",
    "a{b=\"c\"} 1\n",
    "2026-01-01 10:00:00 INFO a\n",
    "  at a.b(C.java:1)\n",
    "fn a() {\n",
    "\n\n",
    "{\"a\":",
];

const WORDS: [&str; 24] = [
    "error",
    "failed",
    "worker",
    "request",
    "eu-west-1",
    "running",
    "timeout",
    "null",
    "true",
    "user",
    "2026-03-01",
    "10.0.0.7",
    "cache",
    "naïve",
    "数据库",
    "value",
    "id",
    "price",
    "0x7f",
    "warn",
    "src/lib.rs",
    "x=1",
    "3.14",
    "a",
];

/// A text and what it is.
pub(crate) fn text(numbers: &mut Numbers, corpus: &Corpus) -> (String, String) {
    match numbers.below(12) {
        0..4 => {
            let mut text = window(corpus.text(numbers), numbers).to_owned();
            let done = mutate(&mut text, numbers, corpus);
            (format!("recorded, {done}"), text)
        }
        4 => {
            let mut text = String::new();
            for _ in 0..=numbers.below(4) {
                text.push_str(window(corpus.text(numbers), numbers));
                text.push_str(numbers.one_of(&["", "\n", "\n\n", "\r\n", "\n```\n"]));
            }
            ("several recorded".into(), text)
        }
        5..7 => repeated(numbers),
        7 => (String::from("JSON"), json(numbers)),
        8 => (String::from("a log"), log(numbers)),
        9 => (String::from("a table"), table(numbers)),
        10 => {
            let mut text = match numbers.below(3) {
                0 => json(numbers),
                1 => log(numbers),
                _ => table(numbers),
            };
            let done = mutate(&mut text, numbers, corpus);
            (format!("generated, {done}"), text)
        }
        _ => (String::from("units in any order"), units(numbers)),
    }
}

/// Whole lines out of the middle of a text, mostly few.
fn window<'t>(text: &'t str, numbers: &mut Numbers) -> &'t str {
    if numbers.percent(20) && text.len() < 200_000 {
        return text;
    }
    let length = 200 + numbers.below_one_of(&[1_000, 8_000, 40_000]);
    let from = text.floor_char_boundary(numbers.below(text.len()));
    let from = text[..from].rfind('\n').map_or(0, |at| at + 1);
    let to = text.floor_char_boundary((from + length).min(text.len()));
    &text[from..to]
}

/// A few units in turn, many times.
fn repeated(numbers: &mut Numbers) -> (String, String) {
    let turn: Vec<&str> = (0..=numbers.below(3)).map(|_| numbers.one_of(&UNITS)).collect();
    let unit = turn.concat();
    let bytes = numbers.one_of(&[500, 5_000, 50_000, 250_000, 1_000_000]);
    let mut text = String::new();
    if numbers.percent(20) {
        text.push_str(numbers.one_of(&[
            "[",
            "{\"a\":",
            "<html>",
            "--- a\n+++ b\n",
            "a,b,c\n",
            "| a | b |\n|---|---|\n",
            "#!/bin/sh\n",
        ]));
    }
    text.push_str(&unit.repeat(bytes / unit.len()));
    let is_numbered = numbers.percent(20) && bytes < 200_000;
    if is_numbered {
        text = text.split('\n').enumerate().fold(String::new(), |out, (at, line)| out + line + &at.to_string() + "\n");
    }
    (format!("{unit:?} again and again{}", if is_numbered { ", numbered" } else { "" }), text)
}

fn units(numbers: &mut Numbers) -> String {
    let count = numbers.below_one_of(&[20, 400, 8_000]);
    let few = 2 + numbers.below(12);
    let of: Vec<&str> = (0..few).map(|_| numbers.one_of(&UNITS)).collect();
    (0..count).map(|_| numbers.one_of(&of)).collect()
}

fn word(numbers: &mut Numbers) -> String {
    match numbers.below(6) {
        0 => numbers.below(100_000).to_string(),
        1 => format!("{:x}", numbers.below(usize::MAX)),
        2 => format!("{}-{}", numbers.one_of(&WORDS), numbers.below(20)),
        _ => numbers.one_of(&WORDS).to_owned(),
    }
}

fn json(numbers: &mut Numbers) -> String {
    let rows = 1 + numbers.below_one_of(&[3, 40, 400]);
    let keys: Vec<String> = (0..1 + numbers.below(8)).map(|at| format!("{}_{at}", numbers.one_of(&WORDS))).collect();
    let list: Vec<serde_json::Value> = (0..rows)
        .map(|_| match numbers.below(30) {
            0 => value(numbers, 4),
            _ => keys.iter().map(|key| (key.clone(), value(numbers, 2))).collect(),
        })
        .collect();
    let write = |value: &serde_json::Value, is_pretty: bool| {
        if is_pretty { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) }.unwrap_or_default()
    };
    let is_pretty = numbers.percent(40);
    match numbers.below(4) {
        0 => list.iter().fold(String::new(), |out, row| out + &write(row, false) + "\n"),
        1 => write(&serde_json::json!({"items": list, "next": null, "count": rows}), is_pretty),
        2 => format!("got {rows} rows:\n{}\ndone\n", write(&list.into(), is_pretty)),
        _ => write(&list.into(), is_pretty),
    }
}

fn value(numbers: &mut Numbers, depth: usize) -> serde_json::Value {
    match numbers.below(if depth == 0 { 8 } else { 11 }) {
        0 => serde_json::Value::Null,
        1 => numbers.percent(50).into(),
        2 | 3 => numbers.below(1000).into(),
        4 => serde_json::json!(0.25 * f64::from(u16::try_from(numbers.below(9999)).unwrap_or(0))),
        5 => (0..numbers.below(30)).map(|_| word(numbers)).collect::<Vec<_>>().join(" ").into(),
        6 | 7 => word(numbers).into(),
        8 | 9 => (0..numbers.below(4))
            .map(|at| (format!("{}{at}", numbers.one_of(&WORDS)), value(numbers, depth - 1)))
            .collect(),
        _ => (0..numbers.below(5)).map(|_| value(numbers, depth - 1)).collect(),
    }
}

fn log(numbers: &mut Numbers) -> String {
    let templates: Vec<Vec<String>> =
        (0..1 + numbers.below(6)).map(|_| (0..2 + numbers.below(8)).map(|_| word(numbers)).collect()).collect();
    let mut out = String::new();
    for at in 0..numbers.below_one_of(&[30, 300, 3_000]) {
        let template = &templates[numbers.below(templates.len())];
        let _ = write!(out, "2026-03-01 10:{:02}:{:02}", at / 60 % 60, at % 60);
        for word in template {
            let value = numbers.below(50);
            let _ = if value < 10 { write!(out, " {value}") } else { write!(out, " {word}") };
        }
        out.push('\n');
        if numbers.percent(1) {
            out.push_str(
                "Traceback (most recent call last):\n  File \"a.py\", line 3, in f\n    g()\nValueError: no\n",
            );
        }
    }
    out
}

fn table(numbers: &mut Numbers) -> String {
    let columns = 2 + numbers.below(7);
    let names: Vec<String> =
        (0..columns).map(|at| format!("{}{at}", numbers.one_of(&["name", "state", "size", "owner"]))).collect();
    let (start, between, end, rule) = numbers.one_of(&[
        ("", ",", "", ""),
        ("", "\t", "", ""),
        ("| ", " | ", " |", "---"),
        ("", "   ", "", ""),
        ("", ";", "", ""),
    ]);
    let mut out = format!("{start}{}{end}\n", names.join(between));
    if !rule.is_empty() {
        let _ = writeln!(out, "|{}", "---|".repeat(columns));
    }
    let (rows, shift) = (numbers.below_one_of(&[12, 100, 1_500]), numbers.below(100));
    for row in 0..rows {
        let level = if row > shift { "late" } else { "early" };
        let cells: Vec<String> = (0..columns)
            .map(|column| match column % 4 {
                0 => row.to_string(),
                1 => level.to_owned(),
                2 => format!("\"{}\"", word(numbers)),
                _ => word(numbers),
            })
            .collect();
        let _ = writeln!(out, "{start}{}{end}", cells.join(between));
    }
    out
}
