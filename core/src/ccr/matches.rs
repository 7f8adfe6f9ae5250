//! Which units of an original answer a query.

use memchr::memmem;

use super::units::Units;
use crate::relevance::Question;

/// The units that answer a query, best first, and how they were found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Matches {
    pub(super) units: Vec<usize>,
    pub(super) by: MatchedBy,
}

/// How matches were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MatchedBy {
    /// They contain the query, or a phrase that it quotes, word for word.
    Text,
    /// They contain its most telling words.
    Words,
}

/// Units whose score is at least this share of the best one answer a query by its words.
///
/// # Sources
/// Chosen by hand: a unit with the query's rare word stays, one with a common word alone does not.
const SCORE_SHARE: f32 = 0.5;

/// Looks for phrases that the query quotes, then for the query as it is, both in any case if not in the case given,
/// then for its words.
pub(super) fn find(text: &str, units: &Units<'_>, query: &str) -> Matches {
    let mut needles = quoted_phrases(query);
    if needles.is_empty() {
        needles.push(query.trim());
    }
    let found = containing(text, units, &needles);
    if !found.is_empty() {
        return Matches { units: found, by: MatchedBy::Text };
    }
    let scores = Question::new(query, "").scores(&units.texts);
    let best = scores.iter().copied().fold(0.0, f32::max);
    let mut found: Vec<usize> = Vec::new();
    if best > 0.0 {
        found.extend((0..scores.len()).filter(|index| scores[*index] >= best * SCORE_SHARE));
        found.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    }
    Matches { units: found, by: MatchedBy::Words }
}

/// The units that a needle touches, in order.
fn containing(text: &str, units: &Units<'_>, needles: &[&str]) -> Vec<usize> {
    let exact = touched(text.as_bytes(), units, needles.iter().map(|needle| needle.as_bytes()));
    if !exact.is_empty() {
        return exact;
    }
    // Lower case of ASCII alone keeps every position.
    let lower: Vec<_> = needles.iter().map(|needle| needle.to_ascii_lowercase()).collect();
    touched(text.to_ascii_lowercase().as_bytes(), units, lower.iter().map(|needle| needle.as_bytes()))
}

fn touched<'n>(text: &[u8], units: &Units<'_>, needles: impl Iterator<Item = &'n [u8]>) -> Vec<usize> {
    let mut is_touched = vec![false; units.texts.len()];
    for needle in needles.filter(|needle| !needle.is_empty()) {
        let finder = memmem::Finder::new(needle);
        let mut position = 0;
        let mut ends = 0;
        let mut unit = 0;
        while let Some(start) = text.get(position..).and_then(|rest| finder.find(rest)).map(|at| position + at) {
            let end = start + needle.len();
            while let Some(unit_text) = units.texts.get(unit).filter(|_| ends < end) {
                ends += unit_text.len();
                is_touched[unit] |= ends > start;
                unit += 1;
            }
            // The rest of a unit that is found already needs no look.
            position = ends.max(start + 1);
        }
    }
    (0..is_touched.len()).filter(|unit| is_touched[*unit]).collect()
}

/// What a query puts into double quotes, backquotes or, at word limits, single quotes.
fn quoted_phrases(query: &str) -> Vec<&str> {
    let mut phrases = Vec::new();
    let mut rest = query;
    let mut before = ' ';
    while let Some(open) = rest.find(['"', '`', '\'', '“']) {
        let quote = rest[open..].chars().next().unwrap_or('"');
        let before_quote = rest[..open].chars().next_back().unwrap_or(before);
        let inner = &rest[open + quote.len_utf8()..];
        let closing = if quote == '“' { '”' } else { quote };
        let close = match (quote, before_quote.is_alphanumeric()) {
            // An apostrophe.
            ('\'', true) => None,
            _ => inner.find(closing),
        };
        (before, rest) = match close {
            Some(close) => {
                phrases.push(&inner[..close]);
                (closing, &inner[close + closing.len_utf8()..])
            }
            None => (quote, inner),
        };
    }
    phrases.retain(|phrase| !phrase.trim().is_empty());
    phrases
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, query: &str) -> Matches {
        find(text, &Units::of(text), query)
    }

    #[test]
    fn finds_quoted_phrases_before_anything_else() {
        let text = "the request\nfailed: disk full\nrequest failed\nDisk full\n";
        assert_eq!(found(text, "where is \"disk full\"?"), Matches { units: vec![1], by: MatchedBy::Text });
        assert_eq!(found(text, "`request failed` or 'the request'").units, [0, 2]);
        assert_eq!(quoted_phrases("what's the user's \"id\" and “name”"), ["id", "name"]);
        assert!(quoted_phrases("an open \" quote, an empty \"\"? ' '").iter().all(|phrase| !phrase.trim().is_empty()));
    }

    #[test]
    fn finds_the_query_itself_in_any_case_if_need_be() {
        assert_eq!(found("a ERROR\nb error\n", "ERROR").units, [0]);
        assert_eq!(found("a ERROR\nb Error\n", " error ").units, [0, 1]);
    }

    #[test]
    fn a_match_across_units_touches_both() {
        let text = format!("{}needle{}", "a".repeat(998), "b".repeat(5_000));
        assert_eq!(found(&text, "needle").units, [0, 1]);
        assert_eq!(found("x\na\nb\nx\n", "a\nb").units, [1, 2]);
    }

    #[test]
    fn finds_the_most_telling_words_when_the_query_is_not_there_as_it_is() {
        let log: String = (0..200)
            .map(|line| match line {
                70 => "worker 3 lost the lease of shard orders_eu\n".into(),
                140 => "shard orders_eu moved to worker 9, lease 77\n".into(),
                _ => format!("worker {} heartbeat ok\n", line % 10),
            })
            .collect();
        let matches = found(&log, "which worker lost its lease of orders_eu?");
        assert_eq!((matches.by, matches.units[0]), (MatchedBy::Words, 70));
        assert!(matches.units.len() < 10, "{matches:?}");
    }

    #[test]
    fn nothing_matches_nothing() {
        assert!(found("a\nb\n", "zebra").units.is_empty());
        assert!(found("", "zebra").units.is_empty());
    }

    #[test]
    fn a_needle_everywhere_stays_fast() {
        let started = std::time::Instant::now();
        let text = "a".repeat(4_000_000);
        assert_eq!(found(&text, "a").units.len(), 4_000);
        let quotes = "\"'`".repeat(300_000);
        found("abc", &quotes);
        assert!(started.elapsed().as_secs() < 20);
    }
}
