//! The shared cases of `tests/vectors/`: every language runs them and gives the same.
//!
//! `tests/vectors/README.md` says what a case is and what the digest of all of them is. `cargo xtask vectors --bless`
//! rewrites what is expected; a person reads it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use headroom_core::ccr::MemoryStore;
use headroom_core::json::Document;
use headroom_core::{Call, CompressOptions, Engine, JsonBody, transforms};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

fn folders(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.is_dir());
    found.sort();
    found
}

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors")
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// What a case comes to, in the form of `expected.json`.
fn outcome(case: &Path) -> Value {
    let read =
        |file: &str| fs::read_to_string(case.join(file)).unwrap_or_else(|error| panic!("{case:?} {file}: {error}"));
    let mut options: Value = serde_json::from_str(&read("options.json")).unwrap();
    let model = options.as_object_mut().unwrap().remove("model");
    let mut call = Call::new(
        JsonBody::parse(read("input.json")).unwrap(),
        model.as_ref().map_or("gpt-4o", |model| model.as_str().unwrap()),
    );
    call.options = serde_json::from_value::<CompressOptions>(options).unwrap();
    let result = Engine::new(Arc::new(MemoryStore::default())).compress_blocking(call).unwrap();
    assert_eq!(result.report.error, None, "{case:?}");
    let body = result.body.as_any().downcast_ref::<JsonBody>().unwrap();
    json!({
        "tokens_before": result.tokens_before,
        "tokens_after": result.tokens_after,
        "transforms_applied": result.transforms_applied,
        "ccr_hashes": result.ccr_hashes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "body": Document::parse(body.as_str(), 512).unwrap().root().to_value().unwrap(),
    })
}

/// Cases with their names, `transform/case`, in byte order of these.
fn cases() -> Vec<(String, PathBuf)> {
    let named = |case: PathBuf| (format!("{}/{}", name(case.parent().unwrap()), name(&case)), case);
    let mut cases: Vec<_> = folders(&vectors()).iter().flat_map(|folder| folders(folder)).map(named).collect();
    cases.sort();
    cases
}

/// Every string value under a value, depth first, members in code point order of their names, each with a line feed.
fn digest_strings(value: &Value, digest: &mut Sha256) {
    match value {
        Value::String(text) => digest.update(format!("{text}\n")),
        Value::Array(items) => items.iter().for_each(|item| digest_strings(item, digest)),
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            members.iter().for_each(|(_, member)| digest_strings(member, digest));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Compares with a file, or writes it anew where that is asked for.
fn is_as_expected(file: &Path, text: &str, same: impl Fn(&str) -> bool) -> bool {
    if std::env::var_os("HEADROOM_BLESS").is_some() {
        fs::write(file, text).unwrap();
        return true;
    }
    fs::read_to_string(file).is_ok_and(|expected| same(&expected))
}

#[test]
fn every_case_gives_what_is_expected() {
    let mut wrong = Vec::new();
    let mut digest = Sha256::new();
    for (name, case) in cases() {
        let found = outcome(&case);
        digest.update(format!("{name}\n"));
        digest_strings(&found["body"], &mut digest);
        let written = serde_json::to_string_pretty(&found).unwrap() + "\n";
        let same = |expected: &str| serde_json::from_str(expected).is_ok_and(|expected: Value| expected == found);
        if !is_as_expected(&case.join("expected.json"), &written, same) {
            wrong.push(name);
        }
    }
    let hex: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if !is_as_expected(&vectors().join("digest.txt"), &format!("{hex}\n"), |expected| expected.trim_end() == hex) {
        wrong.push("digest.txt".to_owned());
    }
    assert!(wrong.is_empty(), "run `cargo xtask vectors --bless` and read the difference: {wrong:#?}");
}

/// A digest that is known to be right, so that the definition cannot change in every language at once.
#[test]
fn the_digest_is_what_the_definition_says() {
    let mut digest = Sha256::new();
    let body =
        json!([{"b": "two", "\u{1f600}": "four", "\u{ff5e}": "three", "a": ["one", 1, null, true, {"key": ""}]}]);
    digest_strings(&body, &mut digest);
    assert_eq!(digest.finalize(), Sha256::digest("one\n\ntwo\nthree\nfour\n"));
}

#[test]
fn every_transform_has_vectors_and_every_folder_has_a_transform() {
    let mut names: BTreeSet<String> = transforms::all().iter().map(|transform| transform.name().to_owned()).collect();
    names.insert("repeats".to_owned());
    let found: BTreeSet<String> = folders(&vectors()).iter().map(|folder| name(folder)).collect();
    assert_eq!(names, found);
    for folder in folders(&vectors()) {
        let cases: BTreeSet<String> = folders(&folder).iter().map(|case| name(case)).collect();
        for wanted in ["typical", "declines", "hostile"] {
            assert!(cases.contains(wanted), "{folder:?} has no case {wanted}");
        }
        for case in folders(&folder) {
            assert!(
                fs::read_to_string(case.join("notes.md")).is_ok_and(|notes| notes.len() > 40),
                "{case:?} has no notes"
            );
        }
    }
}

/// Typical cases are smaller afterwards, and the transform leaves the cases alone that it declines.
#[test]
fn cases_do_what_their_names_say() {
    for (_, case) in cases() {
        let found = outcome(&case);
        match name(&case).as_str() {
            "typical" => assert!(found["tokens_after"].as_u64() < found["tokens_before"].as_u64(), "{case:?}"),
            "declines" => {
                let folder = format!("router:{}:", name(case.parent().unwrap()));
                let applied = found["transforms_applied"].as_array().unwrap();
                assert!(applied.iter().all(|one| !one.as_str().unwrap().starts_with(&folder)), "{case:?}");
            }
            _ => {}
        }
    }
}
