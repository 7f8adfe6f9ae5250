//! G4: no block and no request ever costs more tokens than it came with.

use headroom_core::tokens;
use proptest::prelude::*;

use crate::{MODES, cases, changed, compress, generate, recorded, text};

fn assert_never_larger(list: &str, mode: headroom_core::Mode) {
    let tokenizer = tokens::for_model("gpt-4o");
    let result = compress(list, mode);
    for (before, after) in changed(list, text(&result)) {
        assert!(tokenizer.count(&after) < tokenizer.count(&before), "{before}\n=>\n{after}");
    }
    assert!(result.tokens_after <= result.tokens_before);
    let (before, after): (u64, u64) =
        result.report.blocks.iter().fold((0, 0), |(b, a), block| (b + block.tokens_before, a + block.tokens_after));
    assert_eq!(result.tokens_saved(), before - after, "the report adds up to the totals");
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn every_changed_text_costs_fewer_tokens((_, list) in generate::list(), mode in prop::sample::select(&MODES[..])) {
        assert_never_larger(&list, mode);
    }
}

#[test]
fn every_changed_text_of_recorded_conversations_costs_fewer_tokens() {
    for (_, list) in recorded::lists() {
        MODES.into_iter().for_each(|mode| assert_never_larger(&list, mode));
    }
}
