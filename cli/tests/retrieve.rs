//! `headroom retrieve`, `store` and `stats`: what was left out comes back.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod command;

use command::{Place, conversation, noise, words};
use serde_json::Value;

/// Compresses a conversation around `text` and gives the hashes in it.
fn hashes(place: &Place, text: &str) -> Vec<String> {
    let printed = place.succeed(&["compress", "--json", "--mode", "aggressive"], conversation(text).as_bytes());
    let result: Value = serde_json::from_str(&printed.replace("1e400", "0")).unwrap();
    result["ccr_hashes"].as_array().unwrap().iter().map(|hash| hash.as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_original_comes_back_byte_for_byte() {
    let place = Place::new();
    let text = noise(0);
    let hashes = hashes(&place, &text);
    assert!(!hashes.is_empty());
    let printed = place.run(&["retrieve", &hashes[0]]);
    assert!(printed.status.success(), "{printed:?}");
    assert!(printed.stdout == text.as_bytes(), "{} bytes of {}", printed.stdout.len(), text.len());
    assert_eq!(words(&printed), "");
}

#[test]
fn lines_and_queries_give_a_part() {
    let place = Place::new();
    let text = noise(0);
    let hashes = hashes(&place, &text);
    let lines = place.succeed(&["retrieve", &hashes[0], "--lines", "2-3"], b"");
    let expected: Vec<&str> = text.lines().skip(1).take(2).collect();
    for line in &expected {
        assert!(lines.contains(line), "{lines}");
    }
    assert!(lines.len() < 400, "{lines}");
    let matching = place.succeed(&["retrieve", &hashes[0], "--query", "the last line has no line break"], b"");
    assert!(matching.contains("the last line has no line break") && matching.len() < text.len());
}

#[test]
fn a_hash_that_was_never_given_is_an_error_with_a_hint() {
    let place = Place::new();
    for hash in ["0123456789abcdef01234567", "nonsense", ""] {
        let output = place.run(&["retrieve", hash]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(output.stdout.is_empty());
        assert!(words(&output).starts_with("error: "), "{output:?}");
    }
    let output = place.run(&["retrieve", "0123456789abcdef01234567"]);
    assert!(words(&output).contains("\nhint: "), "{output:?}");
}

#[test]
fn the_store_can_be_listed_counted_and_emptied() {
    let place = Place::new();
    let empty = place.run(&["store", "list"]);
    assert!(empty.stdout.is_empty() && words(&empty).contains("is empty"), "{empty:?}");
    let hashes = hashes(&place, &noise(0));
    let list = place.succeed(&["store", "list"], b"");
    assert!(list.contains(&hashes[0]) && list.contains("kubectl"), "{list}");
    let entries: Value = serde_json::from_str(&place.succeed(&["store", "list", "--json"], b"")).unwrap();
    assert_eq!(entries.as_array().unwrap().len(), hashes.len());
    let stats: Value = serde_json::from_str(&place.succeed(&["stats", "--json"], b"")).unwrap();
    assert_eq!(stats["entries"].as_u64(), Some(hashes.len() as u64));
    assert!(place.succeed(&["stats"], b"").contains("originals"));

    place.succeed(&["store", "purge", "--older-than", "1d"], b"");
    assert!(place.run(&["retrieve", &hashes[0]]).status.success());
    let purged = place.run(&["store", "purge", "--all"]);
    assert!(purged.stdout.is_empty() && words(&purged).contains("removed"), "{purged:?}");
    let gone = place.run(&["retrieve", &hashes[0]]);
    assert_eq!(gone.status.code(), Some(1));
    assert!(words(&gone).starts_with("error: "), "{gone:?}");
}

#[test]
fn the_option_names_another_store_than_the_variable() {
    let place = Place::new();
    let other = place.path("other.db");
    let other = other.to_str().unwrap();
    place.succeed(&["compress", "--store", other, "--mode", "aggressive"], conversation(&noise(0)).as_bytes());
    assert!(place.succeed(&["--store", other, "store", "list"], b"").contains("kubectl"));
    assert_eq!(place.succeed(&["store", "list"], b""), "");
}

#[test]
fn a_store_that_cannot_be_opened_loses_nothing() {
    let place = Place::new();
    std::fs::write(place.path("file"), "not a folder").unwrap();
    let impossible = place.path("file").join("store.db");
    let impossible = impossible.to_str().unwrap();
    let output = place.run(&["--store", impossible, "store", "list"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(words(&output).starts_with("error: "), "{output:?}");
    let output =
        place.pipe(&["--store", impossible, "compress", "--mode", "aggressive"], conversation(&noise(0)).as_bytes());
    assert_eq!(String::from_utf8_lossy(&output.stdout), conversation(&noise(0)), "the body goes on as it came");
    assert!(output.status.success() && words(&output).contains("goes on uncompressed"), "{output:?}");
}
