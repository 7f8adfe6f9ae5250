//! The output of grep, ripgrep and their like.

mod codec;
mod definition;
mod parse;
mod pattern;
mod select;

use self::parse::{Results, Style};
use super::lines::Lines;
use crate::detect::ContentKind;
use crate::transform::{Context, Fit, Outcome, Part, Transform, TransformError};

/// Folds search results: `path:12:text` with or without context, paths as headings, numbered lines of one file, and
/// ripgrep's JSON.
///
/// Without loss, each path is written once; [`decode`](Transform::decode) gives the bytes back. Otherwise a subset stays:
/// definitions of the name that the call searched for, what answers the question, imports and exports, the first and
/// last match of each file, and uses that read differently. A kept match is byte-exact after its path; each gap says how
/// many matches it leaves out, and files of which nothing is shown are named with their count.
///
/// Declines texts of other shapes, small ones that have no paths to fold, file reads, and searches with so much context
/// that they are reads as well.
///
/// What is left out can be fetched with the hash in the marker, which is the last line.
///
/// ```text
/// src/a.py:3:class Cache:                 src/a.py
/// src/a.py:9:    c = Cache()              3:class Cache:
/// src/a.py:12:    c = Cache()        →    [2 more]
/// src/a.py:30:    d = Cache()             40:    return Cache()
/// src/a.py:40:    return Cache()          [2/5 lines shown; headroom_retrieve hash=…]
/// ```
///
/// # Errors
/// None.
///
/// # Sources
/// The formats are those of GNU grep 3 and ripgrep 14. Shares and limits are chosen by hand, each beside its constant.
#[derive(Debug, Clone, Copy, Default)]
pub struct SearchResults;

/// A search with more lines around each match than this, on average, reads code rather than looks for something.
///
/// # Sources
/// Chosen by hand.
const MAX_CONTEXT: usize = 9;

/// Bytes that are looked at to recognise a search.
const SAMPLE_BYTES: usize = 16 * 1024;

impl Transform for SearchResults {
    fn name(&self) -> &'static str {
        "search_results"
    }

    fn fit(&self, part: &Part<'_>) -> Fit {
        let end = part.text.floor_char_boundary(SAMPLE_BYTES);
        let Some(style) = Lines::of(&part.text[..end]).and_then(|lines| parse::style(&lines)) else { return Fit::No };
        let called = part.tool.is_some_and(pattern::is_search);
        match style {
            _ if part.quotable => Fit::No,
            Style::Json => Fit::Yes(ContentKind::Search, 0.98),
            Style::Prefixed | Style::Heading if called => Fit::Yes(ContentKind::Search, 0.95),
            Style::Numbered if called => Fit::Yes(ContentKind::Search, 0.9),
            // Compilers print paths and numbers too.
            Style::Prefixed => Fit::Yes(ContentKind::Search, 0.6),
            Style::Heading | Style::Numbered => Fit::No,
        }
    }

    fn apply<'a>(&self, part: &Part<'a>, cx: &mut Context<'a>) -> Result<Outcome, TransformError> {
        let Some(lines) = Lines::of(part.text) else { return Ok(Outcome::Unchanged) };
        let Some(results) = parse::read(part.text, &lines) else { return Ok(Outcome::Unchanged) };
        let lossless = lossless(part.text, &lines, &results);
        let target_bytes = cx.target_bytes(part.text.len());
        let asked_for_context =
            results.entries.len() > MAX_CONTEXT * results.entries.iter().filter(|entry| entry.is_match).count();
        let subset = if cx.lossless_only() || asked_for_context || target_bytes >= part.text.len() {
            None
        } else {
            let keep = select::select(&results, &pattern::words(part.tool), cx.question(), target_bytes);
            let shown = keep.iter().filter(|kept| **kept).count() + results.others.len().min(select::MAX_NAMED);
            Some((select::write(&results, &keep), shown)).filter(|(text, _)| text.len() < part.text.len() / 10 * 9)
        };
        Ok(match (lossless, subset) {
            (Some(folded), Some((text, _))) if folded.len() <= text.len() + text.len() / 8 => Outcome::Lossless(folded),
            (_, Some((mut text, shown))) => {
                text.push_str(&cx.marker(part.text, shown, total(&lines, &results), "lines"));
                Outcome::Subset(text)
            }
            (Some(folded), None) => Outcome::Lossless(folded),
            (None, None) => Outcome::Unchanged,
        })
    }

    fn decode(&self, encoded: &str) -> Option<String> {
        codec::decode(encoded)
    }
}

/// Lines of files in the output; of JSON one for each match, without its frame.
fn total(lines: &Lines<'_>, results: &Results<'_>) -> usize {
    if results.style == Style::Json { results.entries.len() + results.others.len() } else { lines.count() }
}

/// The lossless form, if it is worth reading it and its decoder gives the text back.
fn lossless(text: &str, lines: &Lines<'_>, results: &Results<'_>) -> Option<String> {
    codec::encode(lines, results)
        .filter(|folded| folded.len() < text.len() / 10 * 9)
        .filter(|folded| codec::decode(folded).as_deref() == Some(text))
}
