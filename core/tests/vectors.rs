//! The shared cases: their form, and that every transform has them.
//!
//! A case is a folder `tests/vectors/<transform>/<case>/` with `input.json` (a list of messages or a whole body of any of
//! the four shapes), `options.json` (what differs from the defaults) and `notes.md` (why it exists, where its text comes
//! from, its licence).

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use headroom_core::options::{CompressOptions, Mode};
use headroom_core::relevance::Question;
use headroom_core::tokens::for_model;
use headroom_core::transform::{Context, Fit, Outcome, Part, apply_checked};
use headroom_core::transforms::{Repeats, Shown, Sighting, all};
use serde_json::Value;

fn folders(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut folders: Vec<_> =
        entries.map(|entry| entry.expect("readable").path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors")
}

fn name(path: &Path) -> String {
    path.file_name().expect("a folder has a name").to_string_lossy().into_owned()
}

fn read(folder: &Path, file: &str) -> String {
    fs::read_to_string(folder.join(file)).unwrap_or_else(|error| panic!("{}: {file}: {error}", folder.display()))
}

/// The results of tools in a conversation of any shape, in order.
fn results(input: &Value) -> Vec<String> {
    let list = ["messages", "input", "contents"].iter().find_map(|key| input.get(key)).unwrap_or(input);
    let mut results = Vec::new();
    for item in list.as_array().expect("a list of messages") {
        if item["role"] == "tool" {
            texts(&item["content"], &mut results);
        }
        texts(&item["output"], &mut results);
        for part in [&item["content"], &item["parts"]].into_iter().filter_map(Value::as_array).flatten() {
            if part["type"] == "tool_result" {
                texts(&part["content"], &mut results);
            }
            texts(&part["functionResponse"]["response"], &mut results);
        }
    }
    results
}

fn texts(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::String(text) => out.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts(&item["text"], out)),
        Value::Object(members) => members.values().for_each(|member| texts(member, out)),
        _ => {}
    }
}

/// How many results the named transform changes under the options.
fn changes(transform: &str, results: &[String], options: &CompressOptions) -> usize {
    let tokenizer = for_model("gpt-4o");
    let question = Question::default();
    if transform == "repeats" {
        let mut repeats = Repeats::new();
        let changed = results.iter().enumerate().filter(|(index, text)| {
            let message = Some(*index);
            let repeat = repeats.see(Sighting { message, tool_name: "", arguments: "", text, eligible: true });
            let better = repeat.is_some_and(|repeat| tokenizer.count(&repeat.text) < tokenizer.count(text));
            repeats.settle(if better { Shown::Repeat } else { Shown::Whole });
            better
        });
        return changed.count();
    }
    let transform = all().into_iter().find(|known| known.name() == transform).expect("checked by another test");
    let changed = results.iter().filter(|text| {
        let part = Part { text, tool: None, quotable: false };
        let mut cx = Context::new(options.mode, 1.0, &question, &*tokenizer);
        transform.fit(&part) != Fit::No
            && apply_checked(&*transform, &part, &mut cx).expect("applies") != Outcome::Unchanged
    });
    changed.count()
}

#[test]
fn every_transform_has_a_folder_and_every_folder_a_transform() {
    let transforms: BTreeSet<String> = all().iter().map(|transform| transform.name().to_owned()).collect();
    let mut expected = transforms;
    expected.insert("repeats".to_owned());
    let found: BTreeSet<String> = folders(&vectors()).iter().map(|folder| name(folder)).collect();
    assert_eq!(found, expected);
}

#[test]
fn every_folder_has_a_typical_a_declined_and_a_hostile_case() {
    for transform in folders(&vectors()) {
        let cases: Vec<String> = folders(&transform).iter().map(|case| name(case)).collect();
        for case in ["typical", "declines", "hostile"] {
            assert!(cases.iter().any(|known| known == case), "{} has no case {case}", transform.display());
        }
    }
}

#[test]
fn every_case_can_be_read_and_does_what_its_name_says() {
    for transform in folders(&vectors()) {
        for case in folders(&transform) {
            let input: Value = serde_json::from_str(&read(&case, "input.json")).expect("input.json is JSON");
            let options: CompressOptions = serde_json::from_str(&read(&case, "options.json")).expect("options.json");
            options.validate().expect("options in range");
            assert!(read(&case, "notes.md").contains("Apache-2.0"), "{}: notes.md has no licence", case.display());
            let results = results(&input);
            assert!(!results.is_empty(), "{}: no result of a tool", case.display());
            let changed = changes(&name(&transform), &results, &options);
            match &*name(&case) {
                "typical" => assert!(changed > 0, "{}: nothing changes", case.display()),
                "declines" => assert_eq!(changed, 0, "{}: something changes", case.display()),
                _ => {}
            }
            if options.mode == Mode::Lossless {
                assert!(changed == 0 || name(&transform) == "whitespace", "{}", case.display());
            }
        }
    }
}
