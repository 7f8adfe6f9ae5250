//! Recorded conversations of `tests/cases/`.

use serde_json::Value;

/// Every recorded case as a name and its list of messages as JSON text.
pub(crate) fn lists() -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/cases");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    assert!(paths.len() >= 10, "the recorded cases are part of the repository");
    let lists = paths.into_iter().map(|path| {
        let case: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let list = case.get("messages").unwrap_or_else(|| &case["payload"]["input"]);
        (path.file_stem().unwrap().to_string_lossy().into_owned(), list.to_string())
    });
    lists.collect()
}
