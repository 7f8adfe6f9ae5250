//! Gives an original back, all of it or the part that is asked for.

use std::fmt::Write;
use std::ops::Range;

use serde::Serialize;

use super::lines::LineRanges;
use super::matches::{self, MatchedBy};
use super::units::{UnitKind, Units};
use super::{Hash, Lookup, Original, Store};
use crate::error::{Error, ErrorKind, Result};

/// Lines around a match that are shown with it.
///
/// # Sources
/// Chosen by hand, as in `grep -C 2`.
const CONTEXT_LINES: usize = 2;

/// Matches of a query are shown up to this many bytes, the best first; the rest is counted.
///
/// # Sources
/// Chosen by hand: about 10,000 tokens, a tenth of a usual context window. A call without a query has no such bound.
const MATCH_BYTES: usize = 40_000;

/// An original, or the part of it that was asked for. As JSON it is the body of `/v1/retrieve`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Retrieved {
    /// The hash, as 24 hex digits.
    pub hash: String,
    /// The original; with `query` or `lines` the part that they ask for, verbatim and in order, with a label in square
    /// brackets on a line of its own for whatever is left out.
    #[serde(rename = "original_content")]
    pub text: String,
    /// Whether the text is the whole original, byte for byte.
    #[serde(skip)]
    pub is_whole: bool,
    /// Tokens of the whole original.
    pub original_tokens: u64,
    /// Units (rows, lines …) in the whole original.
    pub original_item_count: usize,
    /// Units that its first marker left visible.
    pub compressed_item_count: usize,
    /// The tool that produced it; empty when unknown.
    pub tool_name: String,
    /// How often it was retrieved, this time included.
    pub retrieval_count: u64,
}

/// Looks an original up by the hash in its marker.
///
/// `lines` picks lines by number, from 1: `10-20`, `10`, `5-` (to the end), `-20` (the last 20), several with commas
/// between. `query` picks the lines that contain a phrase quoted in it, or else the query itself, or else its most
/// telling words, with two lines around each. Both together search within the lines. Where one line is nearly all of the
/// original, the items of its JSON take the place of lines. Blank arguments count as not given.
///
/// # Errors
/// [`ErrorKind::NotFound`] for a hash that was never stored here, [`ErrorKind::Expired`] for one that went,
/// [`ErrorKind::InvalidInput`] for `lines` that cannot be read or lie behind the end, [`ErrorKind::Storage`] when the
/// store cannot be read. The first two name the hash.
pub fn retrieve(store: &dyn Store, hash: &str, query: Option<&str>, lines: Option<&str>) -> Result<Retrieved> {
    let given = |argument: Option<&str>| argument.map(str::trim).filter(|text| !text.is_empty()).map(String::from);
    let query = given(query);
    let lines = given(lines).map(|lines| lines.parse::<LineRanges>()).transpose()?;
    let hash = read_hash(hash)?;
    let (original, retrieval_count) = match store.get(hash)? {
        Lookup::Found { original, retrieval_count } => (original, retrieval_count),
        Lookup::Expired => return Err(missing(ErrorKind::Expired, "the original went by age", hash)),
        Lookup::NotFound => return Err(missing(ErrorKind::NotFound, "no original is stored under this hash", hash)),
    };
    let part = part(&original, query.as_deref(), lines.as_ref())?;
    Ok(Retrieved {
        hash: hash.to_string(),
        is_whole: part.is_none(),
        text: part.unwrap_or_else(|| original.text.into_owned()),
        original_tokens: original.tokens,
        original_item_count: original.items,
        compressed_item_count: original.items_shown,
        tool_name: original.tool_name,
        retrieval_count,
    })
}

/// A hash as a model writes it: perhaps with the `hash=` of the marker.
fn read_hash(written: &str) -> Result<Hash> {
    let digits = written.trim();
    let digits = digits.strip_prefix("hash=").unwrap_or(digits);
    digits.to_ascii_lowercase().parse().map_err(|_| {
        let found: String = digits.chars().take(64).collect();
        Error::new(
            ErrorKind::NotFound,
            "no original is stored under this hash: expected the 24 hex digits of a marker as they stand there",
        )
        .with("hash", format!("{found:?}"))
    })
}

fn missing(kind: ErrorKind, message: &str, hash: Hash) -> Error {
    Error::new(kind, message).with("hash", hash.to_string())
}

/// The part that is asked for; `None` for all of it.
fn part(original: &Original<'_>, query: Option<&str>, lines: Option<&LineRanges>) -> Result<Option<String>> {
    let text = &*original.text;
    if text.is_empty() || (query.is_none() && lines.is_none()) {
        return Ok(None);
    }
    let units = Units::of(text);
    let total = units.texts.len();
    let mut allowed = Selection::none(total);
    match lines {
        Some(lines) => lines.within(total, units.kind)?.into_iter().for_each(|range| allowed.add(range)),
        None => allowed.add(0..total),
    }
    let part = match query {
        Some(query) => answer(original, &units, query, &allowed),
        None => allowed.write(&units, String::new()),
    };
    // Labels can make a part of a short original the longer one. Then, and when nothing is left out, all of it.
    let is_all = lines.is_none() && part.len() >= text.len() || query.is_none() && allowed.is_all();
    Ok((!is_all).then_some(part))
}

/// What answers a query, after a label that says how much that is.
fn answer(original: &Original<'_>, units: &Units<'_>, query: &str, allowed: &Selection) -> String {
    let found = matches::find(&original.text, units, query);
    let matching: Vec<usize> = found.units.into_iter().filter(|unit| allowed.shown[*unit]).collect();
    let total = units.texts.len();
    let (one, many) = (units.kind.name(1), units.kind.name(total));
    let quoted: String = query.chars().take(80).filter(|character| !character.is_control()).collect();
    if matching.is_empty() {
        let (bytes, tokens) = (original.text.len(), original.tokens);
        return format!(
            "[no {one} asked for matches \"{quoted}\"; the original has {total} {many}, {bytes} bytes, {tokens} tokens: \
             ask again without query to get all of it, or with lines to get a range]"
        );
    }
    let mut shown = Selection::none(total);
    let mut bytes = 0;
    let mut matches_shown = 0;
    for &unit in &matching {
        bytes += units.texts[unit].len();
        if bytes > MATCH_BYTES && matches_shown > 0 {
            break;
        }
        matches_shown += 1;
        shown.add(unit..unit + 1);
    }
    if units.kind == UnitKind::Line {
        shown.widen(CONTEXT_LINES, allowed);
    }
    let matches = matching.len();
    let how = match found.by {
        MatchedBy::Text => String::new(),
        MatchedBy::Words => format!("no {one} contains \"{quoted}\" as it is, these match its words: "),
    };
    let mut text = format!("[{how}{matches_shown} of {matches} matching {many} shown, of {total} {many}");
    if matches_shown < matches {
        text.push_str("; a narrower query or lines gives the others");
    }
    text.push_str("]\n");
    shown.write(units, text)
}

/// Which units are shown.
struct Selection {
    shown: Vec<bool>,
}

impl Selection {
    fn none(total: usize) -> Self {
        Self { shown: vec![false; total] }
    }

    fn add(&mut self, range: Range<usize>) {
        self.shown[range].fill(true);
    }

    fn is_all(&self) -> bool {
        self.shown.iter().all(|shown| *shown)
    }

    /// Adds `by` units before and after each shown one, and a single one between two, as far as they are allowed.
    fn widen(&mut self, by: usize, allowed: &Self) {
        let matched: Vec<usize> = (0..self.shown.len()).filter(|unit| self.shown[*unit]).collect();
        for unit in matched {
            self.add(unit.saturating_sub(by)..(unit + 1 + by).min(self.shown.len()));
        }
        for unit in 1..self.shown.len().saturating_sub(1) {
            self.shown[unit] |= self.shown[unit - 1] && self.shown[unit + 1];
        }
        for (shown, allowed) in self.shown.iter_mut().zip(&allowed.shown) {
            *shown &= *allowed;
        }
    }

    /// Writes the shown units as they are, and a label for every gap.
    fn write(&self, units: &Units<'_>, mut text: String) -> String {
        let mut unit = 0;
        while unit < self.shown.len() {
            let run = self.shown[unit..].iter().take_while(|shown| **shown == self.shown[unit]).count();
            if self.shown[unit] {
                for unit_text in &units.texts[unit..unit + run] {
                    text.push_str(unit_text);
                    if units.kind == UnitKind::Item {
                        end_line(&mut text);
                    }
                }
            } else {
                end_line(&mut text);
                let name = units.kind.name(run);
                let result = match run {
                    1 => writeln!(text, "[{name} {} omitted]", unit + 1),
                    _ => writeln!(text, "[{name} {}-{} omitted]", unit + 1, unit + run),
                };
                result.expect("a string takes any text");
            }
            unit += run;
        }
        text
    }
}

fn end_line(text: &mut String) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::super::MemoryStore;
    use super::super::contract::original;
    use super::*;

    fn stored(text: &str) -> (MemoryStore, String) {
        let store = MemoryStore::new(1 << 30);
        store.put(&[original(text)]).unwrap();
        (store, Hash::of(text).to_string())
    }

    fn asked(text: &str, query: Option<&str>, lines: Option<&str>) -> Retrieved {
        let (store, hash) = stored(text);
        retrieve(&store, &hash, query, lines).unwrap()
    }

    fn log() -> String {
        (1..=100).map(|line| format!("line {line} {}\n", if line % 40 == 0 { "ERROR disk" } else { "fine" })).collect()
    }

    #[test]
    fn without_arguments_it_is_the_original() {
        let text = "a\r\nb\0";
        for blank in [None, Some(""), Some("  ")] {
            let retrieved = asked(text, blank, blank);
            assert_eq!((retrieved.text.as_str(), retrieved.is_whole), (text, true));
        }
        let (store, hash) = stored(text);
        retrieve(&store, &hash, None, None).unwrap();
        let json = serde_json::to_value(retrieve(&store, &format!(" hash={hash}\n"), None, None).unwrap()).unwrap();
        let expected = serde_json::json!({
            "hash": hash, "original_content": text, "original_tokens": 7, "original_item_count": 40,
            "compressed_item_count": 3, "tool_name": "read_log", "retrieval_count": 2,
        });
        assert_eq!(json, expected);
    }

    #[test]
    fn lines_are_verbatim_and_gaps_are_labelled() {
        let retrieved = asked("a\r\nb\nc\nd\ne", None, Some("2-3,5"));
        assert_eq!(retrieved.text, "[line 1 omitted]\nb\nc\n[line 4 omitted]\ne");
        assert_eq!(asked("a\nb\nc\nd\n", None, Some("-1")).text, "[lines 1-3 omitted]\nd\n");
        assert_eq!(asked("a\r\nb\n", None, Some("1")).text, "a\r\n[line 2 omitted]\n");
        let whole = asked("a\nb", None, Some("1-"));
        assert_eq!((whole.text.as_str(), whole.is_whole), ("a\nb", true));
    }

    #[test]
    fn a_query_gives_its_lines_with_two_around() {
        let text = log();
        let retrieved = asked(&text, Some("where is \"ERROR disk\"?"), None);
        let lines: Vec<_> = text.split_inclusive('\n').collect();
        let expected = format!(
            "[2 of 2 matching lines shown, of 100 lines]\n[lines 1-37 omitted]\n{}[lines 43-77 omitted]\n{}[lines 83-100 \
             omitted]\n",
            lines[37..42].concat(),
            lines[77..82].concat()
        );
        assert_eq!((retrieved.text, retrieved.is_whole), (expected, false));
        let within = asked(&text, Some("error disk"), Some("79-"));
        assert!(within.text.contains("[1 of 1 matching lines shown"), "{}", within.text);
        assert!(!within.text.contains("line 78 fine"));
    }

    #[test]
    fn a_query_without_a_match_says_so_and_how_to_go_on() {
        let text = log();
        let answer = asked(&text, Some("zebra"), None).text;
        assert!(answer.starts_with("[no line asked for matches \"zebra\"; the original has 100 lines, "), "{answer}");
        assert!(answer.contains("without query"));
    }

    #[test]
    fn minified_json_is_answered_by_items() {
        let rows: Vec<_> = (0..900).map(|id| format!("{{\"id\":{id},\"name\":\"user {id}\"}}")).collect();
        let text = format!("{{\"rows\":[{}]}}", rows.join(","));
        let answer = asked(&text, Some("\"user 77\""), None).text;
        assert!(
            answer.starts_with("[11 of 11 matching items shown, of 900 items]\n[items 1-77 omitted]\n"),
            "{answer}"
        );
        assert!(answer.contains("\n{\"id\":77,\"name\":\"user 77\"},\n[items 79-770 omitted]\n"));
        let answer = asked(&text, None, Some("2-3")).text;
        let expected = format!("[item 1 omitted]\n{},\n{},\n[items 4-900 omitted]\n", rows[1], rows[2]);
        assert_eq!(answer, expected);
    }

    #[test]
    fn more_matches_than_fit_are_counted() {
        let text = "match and some more words to make it longer\nother\nother\nother\nother\nother\n".repeat(3_000);
        let answer = asked(&text, Some("match"), None).text;
        assert!(
            answer.starts_with("[909 of 3000 matching lines shown, of 18000 lines; a narrower query"),
            "{answer:.200}"
        );
        assert!(answer.len() < 3 * MATCH_BYTES);
    }

    #[test]
    fn a_short_original_is_given_whole_rather_than_labelled() {
        assert!(asked("a\nb\nc\n", Some("b"), None).is_whole);
        assert!(asked("", Some("b"), Some("3")).is_whole);
    }

    #[test]
    fn errors_name_the_hash_or_the_argument() {
        let (store, hash) = stored("a\nb\n");
        let error = |hash: &str, lines| retrieve(&store, hash, None, lines).unwrap_err();
        let unknown = "0123456789abcdef01234567";
        assert_eq!(error(unknown, None).kind(), ErrorKind::NotFound);
        assert_eq!(error(unknown, None).context(), [("hash", unknown.to_string())]);
        for written in ["0123456789ab", "", "no hash", &"f".repeat(10_000), "日本語"] {
            assert_eq!(error(written, None).kind(), ErrorKind::NotFound);
            assert!(error(written, None).to_string().contains("24 hex digits"));
        }
        assert_eq!(error(&hash, Some("x")).kind(), ErrorKind::InvalidInput);
        assert!(error(&hash, Some("7")).to_string().starts_with("lines: expected ranges within the 2 lines"));
        store.purge(0).unwrap();
        assert_eq!(error(&hash, None).kind(), ErrorKind::Expired);
    }

    #[test]
    fn hostile_originals_stay_fast() {
        let started = std::time::Instant::now();
        for text in ["[".repeat(1_000_000), "\n".repeat(1_000_000), "a,".repeat(1_000_000), "é\r".repeat(500_000)] {
            let (store, hash) = stored(&text);
            for (query, lines) in [(Some("a"), None), (Some("zebra"), None), (None, Some("1")), (Some("é"), Some("-1"))]
            {
                assert!(retrieve(&store, &hash, query, lines).is_ok());
            }
        }
        assert!(started.elapsed().as_secs() < 30);
    }
}
