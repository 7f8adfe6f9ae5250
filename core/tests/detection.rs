//! What texts are taken for, on the labelled samples of `tests/detection/`.
//!
//! `tests/detection/README.md` says how samples are written. `cargo xtask vectors --bless` rewrites `confusion.txt`; a
//! person reads it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use headroom_core::conversation::ToolCall;
use headroom_core::detect::is_editable_file_read;
use headroom_core::transform::Part;
use headroom_core::transforms::kind_of;

/// A group has at least so many samples.
const MIN_SAMPLES: usize = 8;

const HEAD: &str = "\
# What the samples of this folder are taken for: a row a kind, a column what it was taken for. Then every miss by name.
# Written by `cargo xtask vectors --bless`; read the difference.
";

/// A labelled text.
struct Sample {
    group: String,
    kind: String,
    name: String,
    tool: Option<ToolCall>,
    text: String,
}

impl Sample {
    fn found(&self) -> &'static str {
        let tool = self.tool.as_ref();
        kind_of(&Part { text: &self.text, tool, quotable: tool.is_some_and(is_editable_file_read) }).name()
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/detection")
}

fn samples() -> Vec<Sample> {
    let mut files: Vec<_> = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension() == Some("txt".as_ref()) && !path.ends_with("confusion.txt"));
    files.sort();
    files.iter().flat_map(|file| read(file)).collect()
}

fn read(file: &Path) -> Vec<Sample> {
    let group = file.file_stem().unwrap().to_string_lossy();
    let source = fs::read_to_string(file).unwrap();
    let (head, rest) = source.split_once('\n').unwrap();
    let kind = head.strip_prefix("kind: ").unwrap_or_else(|| panic!("{group}: expected `kind: …`, found {head:?}"));
    let samples: Vec<_> = rest.split("%%% sample: ").collect();
    assert!(samples[0].is_empty(), "{group}: expected a sample, found {:?}", samples[0]);
    samples[1..]
        .iter()
        .map(|sample| {
            let (name, mut text) = sample.split_once('\n').unwrap();
            let mut tool = None;
            if let Some(call) = text.strip_prefix("%%% call: ") {
                let (call, rest) = call.split_once('\n').unwrap();
                let (name, arguments) = call.split_once(' ').unwrap();
                assert!(serde_json::from_str::<serde_json::Value>(arguments).is_ok(), "{group}: {name}: {arguments}");
                tool = Some(ToolCall { name: name.into(), arguments: arguments.into(), ..ToolCall::default() });
                text = rest;
            }
            let (group, kind, name) = (group.clone().into_owned(), kind.to_owned(), name.to_owned());
            Sample { text: expanded(text), group, kind, name, tool }
        })
        .collect()
}

/// The text with what is repeated.
fn expanded(text: &str) -> String {
    let mut out = String::new();
    let mut lines = text.split_inclusive('\n');
    while let Some(line) = lines.next() {
        let Some(count) = line.strip_prefix("%%% repeat: ") else {
            assert!(!line.starts_with("%%%"), "expected `%%% repeat: …`, found {line:?}");
            out.push_str(line);
            continue;
        };
        let lines: String = lines.by_ref().take_while(|line| *line != "%%% end\n").collect();
        for round in 1..=count.trim().parse::<usize>().unwrap() {
            fill(&lines, round, &mut out);
        }
    }
    out
}

/// Writes lines with what stands in double braces for a round.
fn fill(lines: &str, round: usize, out: &mut String) {
    let mut rest = lines;
    while let Some((before, (inside, after))) =
        rest.split_once("{{").and_then(|(before, rest)| Some((before, rest.split_once("}}")?)))
    {
        out.push_str(before);
        let words: Vec<_> = inside.split('|').collect();
        let factor = inside.strip_suffix('n').map(|factor| factor.parse::<usize>());
        match factor {
            _ if words.len() > 1 => out.push_str(words[round % words.len()]),
            Some(Ok(factor)) => write!(out, "{}", 100 + round * factor % 900).unwrap(),
            _ if inside == "n" => write!(out, "{round}").unwrap(),
            _ => panic!("expected n, a number and n, or words with | between them, found {inside:?}"),
        }
        rest = after;
    }
    out.push_str(rest);
}

/// The table, and the misses.
fn confusion(samples: &[Sample]) -> String {
    let found: Vec<_> = samples.iter().map(|sample| (sample, sample.found())).collect();
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (sample, found) in &found {
        *counts.entry((&sample.kind, found)).or_default() += 1;
    }
    let kinds: BTreeSet<&str> = counts.keys().flat_map(|(kind, found)| [*kind, *found]).collect();
    let mut out = HEAD.to_owned();
    write!(out, "{:12}", "").unwrap();
    kinds.iter().for_each(|kind| write!(out, " {kind:>11}").unwrap());
    out.push('\n');
    for kind in &kinds {
        write!(out, "{kind:12}").unwrap();
        for found in &kinds {
            let count = counts.get(&(*kind, *found)).map_or_else(|| "·".to_owned(), ToString::to_string);
            write!(out, " {count:>11}").unwrap();
        }
        out.push('\n');
    }
    let misses: Vec<_> = found.iter().filter(|(sample, found)| sample.kind != *found).collect();
    writeln!(out, "\n{} of {} are taken for what they are.", samples.len() - misses.len(), samples.len()).unwrap();
    for (Sample { group, kind, name, .. }, found) in misses {
        writeln!(out, "{group}: {name}: expected {kind}, found {found}").unwrap();
    }
    out
}

#[test]
fn samples_are_taken_for_what_the_table_says() {
    let table = confusion(&samples());
    let file = folder().join("confusion.txt");
    if std::env::var_os("HEADROOM_BLESS").is_some() {
        fs::write(&file, table).unwrap();
        return;
    }
    let committed = fs::read_to_string(&file).unwrap();
    let only = |of: &str, not: &str| -> Vec<String> {
        of.lines().filter(|line| !not.lines().any(|other| other == *line)).map(str::to_owned).collect()
    };
    assert!(
        committed == table,
        "run `cargo xtask vectors --bless` and read the difference\nnew: {:#?}\ngone: {:#?}",
        only(&table, &committed),
        only(&committed, &table)
    );
}

#[test]
fn every_group_is_large_enough_and_no_sample_stands_twice() {
    let samples = samples();
    let mut groups: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for sample in &samples {
        assert!(groups.entry(&sample.group).or_default().insert(&sample.name), "{}: {}", sample.group, sample.name);
    }
    for (group, names) in groups {
        assert!(names.len() >= MIN_SAMPLES, "{group}: expected {MIN_SAMPLES} samples, found {}", names.len());
    }
    let texts: BTreeSet<&str> = samples.iter().map(|sample| sample.text.as_str()).collect();
    assert_eq!(texts.len(), samples.len());
}

/// A sample of JSON that is none would count as a miss of the detector.
#[test]
fn samples_of_json_are_json() {
    let is_json = |text: &str| serde_json::from_str::<serde_json::Value>(text).is_ok();
    for Sample { group, name, text, .. } in samples() {
        match group.as_str() {
            // The others have words around their value, or are cut off.
            "json_array" | "json_object" if text.starts_with(['{', '[']) && !name.contains("cut off") => {
                assert!(is_json(&text), "{group}: {name}: {text}");
            }
            "ndjson" => assert!(text.lines().all(|line| line.is_empty() || is_json(line)), "{group}: {name}: {text}"),
            _ => {}
        }
    }
}

#[test]
fn what_is_repeated_differs_from_round_to_round() {
    let text = "a\n%%% repeat: 2\n{{n}} {{37n}} {{x|y}}\n%%% end\nb\n";
    assert_eq!(expanded(text), "a\n1 137 y\n2 174 x\nb\n");
}
