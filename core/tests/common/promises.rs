//! The promises that every transform keeps, as checks of one text.

use std::sync::{Arc, LazyLock};

use headroom_core::ccr::{Hash, markers_in};
use headroom_core::options::Mode;
use headroom_core::relevance::Question;
use headroom_core::tokens::{Tokenizer, for_model};
use headroom_core::transform::{Context, Fit, Outcome, Part, Transform, apply_checked};
use headroom_core::transforms::all;
use regex::Regex;

/// Transforms whose subset is written in a lossless form of their own; their own tests read it back.
const REENCODED: &[&str] = &["json_table", "mixed", "html", "search_results"];

/// Longer texts are given only to the transforms that take them. In bytes.
const FOR_ALL: usize = 20_000;

/// Puts texts before every transform.
pub(crate) struct Checker {
    transforms: Vec<Box<dyn Transform>>,
    tokenizer: Arc<dyn Tokenizer>,
}

impl Checker {
    pub(crate) fn new() -> Self {
        Self { transforms: all(), tokenizer: for_model("gpt-4o") }
    }

    /// Checks every promise on one text and gives the names of the transforms that changed it.
    pub(crate) fn check(&self, text: &str, question: &str) -> Vec<&'static str> {
        let question = Question::new(question, "");
        let mut changed = Vec::new();
        let tokens = self.tokenizer.count(text);
        for transform in &self.transforms {
            for (mode, quotable) in [
                (Mode::Lossless, false),
                (Mode::Balanced, false),
                (Mode::Balanced, true),
                (Mode::Aggressive, false),
                (Mode::Aggressive, true),
            ] {
                let part = Part { text, tool: None, quotable };
                let fits = transform.fit(&part) != Fit::No;
                if !fits && text.len() > FOR_ALL {
                    continue;
                }
                let mut cx = Context::new(mode, 1.0, &question, &*self.tokenizer);
                // A text may break off after what it began as; then it stays as it came.
                let Ok(made) = apply_checked(&**transform, &part, tokens, &mut cx) else { continue };
                // What nobody would ask for must not panic, and promises nothing.
                let Some((outcome, tokens_after)) = made.filter(|_| fits) else { continue };
                let originals = cx.into_originals();
                let name = transform.name();
                let small = match &outcome {
                    Outcome::Unchanged => continue,
                    Outcome::Lossless(small) => {
                        assert_eq!(transform.decode(small).as_deref(), Some(text), "{name} inverts itself");
                        small
                    }
                    Outcome::Subset(small) => {
                        assert_ne!(mode, Mode::Lossless, "{name} loses nothing in lossless mode");
                        for original in &originals {
                            assert_eq!(Hash::of(&original.text), original.hash, "{name} keeps what its marker names");
                        }
                        let kept: Vec<Hash> = originals.iter().map(|original| original.hash).collect();
                        let marked: Vec<Hash> = markers_in(small).collect();
                        assert!(!marked.is_empty(), "{name} announces what it leaves out\n{small}");
                        assert!(marked.iter().all(|hash| kept.contains(hash)), "{name} marks what it keeps\n{small}");
                        assert!(kept.iter().all(|hash| marked.contains(hash)), "{name} keeps what it marks\n{small}");
                        if !REENCODED.contains(&name) {
                            check_verbatim(name, text, small, quotable);
                        }
                        small
                    }
                };
                assert!(tokens_after < tokens, "{name} makes smaller");
                let mut cx = Context::new(mode, 1.0, &question, &*self.tokenizer);
                let part = Part { text: small, tool: None, quotable };
                let again = apply_checked(&**transform, &part, tokens_after, &mut cx).expect("applies");
                assert_eq!(again, None, "{name} changes nothing the second time");
                changed.push(name);
            }
        }
        changed
    }
}

/// Every line of a subset is, in order, text of the original with labels in brackets between; in a text to quote, lines
/// are whole.
pub(crate) fn check_verbatim(name: &str, text: &str, small: &str, quotable: bool) {
    let mut rest = text;
    for line in small.split('\n') {
        // A text may hold a line that reads like a label, too; what stands between labels has to be found either way.
        let pieces = without_labels(line);
        if pieces.is_empty() {
            continue;
        }
        let whole = find_line(rest, line);
        if let Some(end) = whole {
            rest = &rest[end..];
            continue;
        }
        if quotable {
            assert!(line.starts_with('[') && line.ends_with(']'), "{name} shows half of a line: {line:?}");
        }
        for piece in pieces {
            let at = rest.find(piece);
            let at = at.unwrap_or_else(|| panic!("{name} shows what the original has not: {piece:?} in\n{small}"));
            rest = &rest[at + piece.len()..];
        }
    }
}

/// Where the first line that equals `line` ends.
fn find_line(text: &str, line: &str) -> Option<usize> {
    let mut end = 0;
    for candidate in text.split('\n') {
        end += candidate.len() + 1;
        if candidate == line {
            return Some(end.min(text.len()));
        }
    }
    None
}

/// What stands around the labels of a line: brackets without brackets in them that say what is left out.
fn without_labels(line: &str) -> Vec<&str> {
    static LABEL: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"\[[^\[\]]*(?:left out|folded|omitted|shown;|lines?\b|hunks|more|matches|counted|computed)[^\[\]]*\]",
        )
        .expect("valid")
    });
    LABEL.split(line).filter(|piece| !piece.is_empty()).collect()
}
