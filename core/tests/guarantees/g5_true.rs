//! G5: compressed text is a lossless re-encoding that a decoder inverts, or made of the original's own text.

use headroom_core::transforms;
use proptest::prelude::*;

use crate::{MODES, cases, changed, compress, generate, recorded, text};

/// Runs of letters and digits, which is what a reader takes for facts.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|char: char| !char.is_alphanumeric()).filter(|word| !word.is_empty())
}

fn assert_true(list: &str, mode: headroom_core::Mode) {
    let result = compress(list, mode);
    let reports: Vec<_> = result.report.blocks.iter().filter(|block| block.transform.is_some()).collect();
    for ((before, after), report) in changed(list, text(&result)).iter().zip(reports) {
        let name = report.transform.unwrap();
        if report.lossless {
            let transform = transforms::all().into_iter().find(|transform| transform.name() == name).unwrap();
            assert_eq!(transform.decode(after).as_ref(), Some(before), "{name} inverts its own form");
            continue;
        }
        // Numbers are facts above all: one that the original does not have must stand in a label or a marker.
        let known: std::collections::HashSet<&str> = words(before).collect();
        for line in after.lines().filter(|line| !(line.starts_with('[') && line.ends_with(']'))) {
            let invented = words(line).filter(|word| word.chars().all(|char| char.is_ascii_digit()) && word.len() > 4);
            for number in invented {
                assert!(known.contains(number) || before.contains(number), "{name} shows {number}:\n{line}");
            }
        }
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn lossless_forms_invert_and_subsets_invent_no_numbers((_, list) in generate::list(), mode in prop::sample::select(&MODES[..])) {
        assert_true(&list, mode);
    }
}

#[test]
fn recorded_conversations_become_nothing_but_the_truth() {
    for (_, list) in recorded::lists() {
        MODES.into_iter().for_each(|mode| assert_true(&list, mode));
    }
}
