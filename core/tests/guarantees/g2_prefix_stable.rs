//! G2: what was sent before is sent the same again, whatever comes after, whatever the caches hold, in any process.

use headroom_core::{CompressOptions, Mode};
use proptest::prelude::*;

use crate::{MODES, cases, compress, compress_with, engine, generate, messages, recorded, text};

fn assert_prefixes_are_stable(list: &str, mode: Mode, step: usize) {
    let whole = compress(list, mode);
    assert_eq!(whole.report.prefix_changed_at, None);
    let sent = messages(text(&whole));
    let source = messages(list);
    let growing = engine();
    // What other conversations made known must not matter: each long message is seen alone first.
    for (index, long) in source.iter().enumerate().filter(|(_, message)| message.len() > 400) {
        let is_here = |(other, message): &(usize, &String)| *other == index || message.len() <= 400;
        let others: Vec<&str> =
            source.iter().enumerate().filter(is_here).map(|(_, message)| message.as_str()).collect();
        assert!(others.contains(&long.as_str()));
        let options = CompressOptions { mode, ..CompressOptions::default() };
        compress_with(&growing, &format!("[{}]", others.join(",")), options);
    }
    for k in (0..=source.len()).step_by(step) {
        let prefix = format!("[{}]", source[..k].join(","));
        let fresh = compress(&prefix, mode);
        assert_eq!(messages(text(&fresh)), sent[..k], "first {k} of {}", source.len());
        let options = CompressOptions { mode, ..CompressOptions::default() };
        let grown = compress_with(&growing, &prefix, options);
        assert_eq!(text(&grown), text(&fresh), "an engine that saw earlier turns gives the same");
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn every_prefix_compresses_to_the_prefix((_, list) in generate::list(), mode in prop::sample::select(&MODES[..])) {
        assert_prefixes_are_stable(&list, mode, 1);
    }
}

#[test]
fn every_prefix_of_recorded_conversations_compresses_to_the_prefix() {
    for (_, list) in recorded::lists() {
        let step = 1 + messages(&list).len() / 12;
        assert_prefixes_are_stable(&list, Mode::Balanced, step);
    }
}

/// Runs itself in another process, whose hash seeds and addresses differ, and compares what both print.
#[test]
fn another_process_gives_the_same_bytes() {
    let digest = || {
        let mut hasher = blake3::Hasher::new();
        for (_, list) in recorded::lists() {
            for mode in MODES {
                hasher.update(text(&compress(&list, mode)).as_bytes());
            }
        }
        hasher.finalize().to_string()
    };
    if std::env::var_os("HEADROOM_TEST_CHILD").is_some() {
        println!("digest={}", digest());
        return;
    }
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "g2_prefix_stable::another_process_gives_the_same_bytes", "--nocapture"])
        .env("HEADROOM_TEST_CHILD", "1")
        .output()
        .unwrap();
    let printed = String::from_utf8(child.stdout).unwrap();
    assert!(printed.contains(&format!("digest={}", digest())), "{printed}");
}
