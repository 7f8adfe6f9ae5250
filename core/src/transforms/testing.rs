//! What the unit tests of transforms share.

use crate::ccr::carries_marker;
use crate::options::Mode;
use crate::relevance::Question;
use crate::tokens::Tokenizer;
use crate::transform::{Context, Kept, Outcome, Part, Transform};

/// One token for every four bytes begun.
pub(crate) struct Quarter;

impl Tokenizer for Quarter {
    fn name(&self) -> &str {
        "quarter"
    }

    fn is_exact(&self) -> bool {
        false
    }

    fn count(&self, text: &str) -> u64 {
        text.len().div_ceil(4) as u64
    }
}

/// Applies a transform to a tool result under a question; gives the outcome and the originals.
pub(crate) fn run(transform: &dyn Transform, text: &str, quotable: bool, question: &str) -> (Outcome, Vec<String>) {
    let question = Question::new(question, "");
    let mut cx = Context::new(Mode::Balanced, 1.0, &question, &Quarter);
    let outcome = transform.apply(&Part { text, tool: None, quotable }, &mut cx).expect("applies");
    (outcome, cx.into_originals().into_iter().map(|Kept { text, .. }| text.into_owned()).collect())
}

/// The lossless form of a text.
pub(crate) fn encode(transform: &dyn Transform, text: &str) -> String {
    match run(transform, text, false, "").0 {
        Outcome::Lossless(encoded) => encoded,
        other => panic!("expected a lossless form, found {other:?}"),
    }
}

/// The subset of a text, after a look at its marker and its original.
pub(crate) fn subset(transform: &dyn Transform, text: &str, question: &str) -> String {
    let (outcome, originals) = run(transform, text, false, question);
    let Outcome::Subset(subset) = outcome else { panic!("expected a subset, found {outcome:?}") };
    assert!(carries_marker(&subset), "{subset}");
    assert_eq!(originals, [text]);
    subset
}

/// Whether a transform leaves a text alone.
pub(crate) fn declines(transform: &dyn Transform, text: &str) -> bool {
    run(transform, text, false, "").0 == Outcome::Unchanged
}
