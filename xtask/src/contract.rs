//! The extension contract names its tests: each language of the table in `tests/extensions/README.md` has all of them.

use std::fs;

use crate::cargo;

#[test]
fn every_language_tests_every_promise_by_its_name() {
    let table = fs::read_to_string(cargo::root().join("tests/extensions/README.md")).expect("the contract is there");
    // Rows of the first table begin with a promise, those of the second end with a file.
    let (promises, languages) = table.split_once("| Language |").expect("the contract has both tables");
    let promises: Vec<&str> = promises.lines().filter_map(|row| row.strip_prefix("| `")?.split('`').next()).collect();
    let languages = languages.split_once("\n\n").map_or(languages, |(rows, _)| rows);
    let files: Vec<&str> = languages.lines().filter_map(|row| row.strip_suffix("` |")?.rsplit('`').next()).collect();
    assert!(promises.len() >= 10 && files.len() >= 6, "{promises:?} {files:?}");
    for file in files {
        let tests = fs::read_to_string(cargo::root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        for promise in &promises {
            assert!(tests.contains(promise), "{file} has no test {promise}");
        }
    }
}
