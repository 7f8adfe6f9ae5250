//! `headroom verify`: a certificate is checked offline, and a changed byte is found.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod command;

use command::{Place, conversation, rows, words};
use serde_json::Value;

/// A place with `request.json`, `smaller.json` and `certificate.json`.
fn certified() -> Place {
    let place = Place::new();
    let request = conversation(&format!("{}\n", rows()));
    std::fs::write(place.path("request.json"), request).unwrap();
    let smaller =
        place.succeed(&["compress", "request.json", "--mode", "aggressive", "--certificate", "certificate.json"], b"");
    std::fs::write(place.path("smaller.json"), smaller).unwrap();
    place
}

#[test]
fn a_true_certificate_is_confirmed() {
    let place = certified();
    for arguments in [
        &["verify", "certificate.json"][..],
        &["verify", "certificate.json", "smaller.json"],
        &["verify", "certificate.json", "smaller.json", "--before", "request.json"],
    ] {
        let text = place.succeed(arguments, b"");
        assert!(text.contains("1 of 1"), "{arguments:?}: {text}");
    }
    let report = place.succeed(&["verify", "certificate.json", "smaller.json", "--json"], b"");
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!((report["blocks"].as_u64(), report["problems"].as_array().map(Vec::len)), (Some(1), Some(0)));
}

#[test]
fn a_changed_body_and_a_lost_original_are_found() {
    let place = certified();
    let smaller = std::fs::read_to_string(place.path("smaller.json")).unwrap();
    std::fs::write(place.path("changed.json"), smaller.replacen("CrashLoopBackOff", "Running", 1)).unwrap();
    let output = place.run(&["verify", "certificate.json", "changed.json"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("wrong"), "{output:?}");

    place.succeed(&["store", "purge", "--all"], b"");
    let output = place.run(&["verify", "certificate.json"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}

#[test]
fn what_compress_text_wrote_can_be_verified() {
    let place = Place::new();
    let arguments = ["compress", "--text", "--mode", "aggressive", "--certificate", "certificate.json"];
    let smaller = place.succeed(&arguments, rows().as_bytes());
    std::fs::write(place.path("smaller.txt"), smaller).unwrap();
    assert!(place.succeed(&["verify", "--text", "certificate.json", "smaller.txt"], b"").contains("1 of 1"));
}

#[test]
fn what_is_no_certificate_is_an_error() {
    let place = certified();
    for file in ["request.json", "missing.json"] {
        let output = place.run(&["verify", file]);
        assert_eq!(output.status.code(), Some(1));
        assert!(words(&output).starts_with("error: "), "{output:?}");
    }
}
