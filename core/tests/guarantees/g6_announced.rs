//! G6: every omission says so where it happens, with how many of how many and how to get it back.

use headroom_core::Mode;
use headroom_core::ccr::markers_in;
use proptest::prelude::*;

use crate::{MODES, cases, changed, compress, generate, recorded, text};

fn assert_announced(list: &str, mode: Mode) {
    let result = compress(list, mode);
    let changed = changed(list, text(&result));
    let reports: Vec<_> = result.report.blocks.iter().filter(|block| block.transform.is_some()).collect();
    assert_eq!(changed.len(), reports.len());
    for ((_, after), report) in changed.iter().zip(reports) {
        let named: Vec<String> = markers_in(after).map(|hash| hash.to_string()).collect();
        assert_eq!(report.lossless, named.is_empty(), "a subset has a marker, a lossless form has none:\n{after}");
        assert!(report.ccr_hashes.iter().all(|hash| named.contains(hash)), "every kept original is named in the text");
    }
    if mode == Mode::Lossless {
        assert!(result.ccr_hashes.is_empty());
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn subsets_carry_markers_that_name_every_original((_, list) in generate::list(), mode in prop::sample::select(&MODES[..])) {
        assert_announced(&list, mode);
    }
}

#[test]
fn subsets_of_recorded_conversations_carry_markers() {
    for (_, list) in recorded::lists() {
        MODES.into_iter().for_each(|mode| assert_announced(&list, mode));
    }
}
