//! JSON that breaks off, as tools give it that limit what they print: the rows that are whole, and what is left of the next.

use crate::json::Document;

use super::MAX_DEPTH;
use super::frame::{is_one_value_a_line, start};
use super::spelling::string_end;

/// What stands behind the last whole row is shown as it is, and may be this part of the text at most.
const MAX_REST_SHARE: usize = 4;

/// Fewer whole rows are no list.
const MIN_ROWS: usize = 2;

/// A text in three parts that follow one another.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CutOff<'a> {
    /// Whole lines, or nothing.
    pub(super) before: &'a str,
    /// The JSON up to its last whole row, with the brackets that it lacks.
    pub(super) whole: String,
    /// How many brackets were added.
    pub(super) closers: usize,
    /// What stands behind the last whole row.
    pub(super) rest: &'a str,
}

/// A list or an object that nothing closes.
struct Open {
    bracket: u8,
    /// How many of its items are whole, and where the last of them ends.
    whole: usize,
    end: usize,
    /// Whether a scalar stands behind the last separator.
    has_scalar: bool,
}

impl<'a> CutOff<'a> {
    /// `None` when the text is something else, or most of it stands behind the last whole row.
    pub(super) fn of(text: &'a str) -> Option<Self> {
        let (before, json) = text.split_at(start(text)?);
        let (end, closers) = if is_one_value_a_line(json) {
            let end = memchr::memrchr(b'\n', json.trim_end().as_bytes())?;
            (end, String::new())
        } else {
            // Everything before the error is JSON as far as it goes.
            let Err(error) = Document::parse(json, MAX_DEPTH) else { return None };
            last_row(json.get(..error.offset)?, json.len())?
        };
        let (whole, rest) = json.split_at(end);
        let is_most = rest.len() * MAX_REST_SHARE <= json.len();
        is_most.then(|| Self { before, whole: [whole, &closers].concat(), closers: closers.len(), rest })
    }

    /// Takes so many brackets, and the white space before them, from the end of a text.
    pub(super) fn reopened(mut whole: &str, closers: usize) -> Option<&str> {
        for _ in 0..closers {
            whole = whole.strip_suffix(['}', ']'])?.trim_end_matches([' ', '\t', '\r', '\n']);
        }
        Some(whole)
    }
}

/// Where the last whole item ends of the outermost list whose whole items are most of `bytes`, and the brackets that are
/// missing behind it.
fn last_row(prefix: &str, bytes: usize) -> Option<(usize, String)> {
    let open = open_containers(prefix);
    let list = open.iter().position(|open| {
        open.bracket == b'[' && open.whole >= MIN_ROWS && (bytes - open.end) * MAX_REST_SHARE <= bytes
    })?;
    let closers = open[..=list].iter().rev().map(|open| if open.bracket == b'[' { ']' } else { '}' }).collect();
    Some((open[list].end, closers))
}

/// What is open at the end of the beginning of a JSON text, the outermost first.
fn open_containers(prefix: &str) -> Vec<Open> {
    let bytes = prefix.as_bytes();
    let mut open: Vec<Open> = Vec::new();
    let (mut at, mut last_end) = (0, 0);
    while let Some(&byte) = bytes.get(at) {
        let mut end = at + 1;
        match byte {
            b'"' => match string_end(bytes, at) {
                Some(behind) => {
                    end = behind;
                    open.iter_mut().last().into_iter().for_each(|open| open.has_scalar = true);
                }
                None => break,
            },
            b'{' | b'[' => open.push(Open { bracket: byte, whole: 0, end: 0, has_scalar: false }),
            b'}' | b']' => {
                open.pop();
                if let Some(around) = open.last_mut() {
                    (around.whole, around.end, around.has_scalar) = (around.whole + 1, end, false);
                }
            }
            b',' => {
                // A scalar is whole when something follows it.
                if let Some(around) = open.last_mut().filter(|around| around.has_scalar) {
                    (around.whole, around.end, around.has_scalar) = (around.whole + 1, last_end, false);
                }
            }
            b' ' | b'\n' | b'\r' | b'\t' | b':' => {
                at = end;
                continue;
            }
            _ => open.iter_mut().last().into_iter().for_each(|open| open.has_scalar = true),
        }
        last_end = end;
        at = end;
    }
    open
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Option<(String, usize, &str)> {
        CutOff::of(text).map(|cut| (cut.whole, cut.closers, cut.rest))
    }

    #[test]
    fn whole_rows_are_closed_and_the_rest_stays() {
        let rows = "{\"a\":[1,2]},{\"a\":\"]\"},".repeat(9);
        let text = format!("{{\"n\":9,\"items\":[{rows}{{\"a\":[1,\"x");
        let whole = format!("{{\"n\":9,\"items\":[{}]}}", rows.trim_end_matches(','));
        assert_eq!(parts(&text), Some((whole.clone(), 2, ",{\"a\":[1,\"x")));
        assert_eq!(CutOff::reopened(&whole, 2), Some(&whole[..whole.len() - 2]));
        let note = format!("{text}... [truncated, 900 more]");
        assert_eq!(parts(&note).map(|(whole, ..)| whole), Some(whole));
    }

    #[test]
    fn scalars_are_whole_when_something_follows() {
        assert_eq!(parts("[10,20,30,40,5"), Some(("[10,20,30,40]".into(), 1, ",5")));
        assert_eq!(parts("x\n[\n  10,\n  20,\n  30,\n  4"), Some(("[\n  10,\n  20,\n  30]".into(), 1, ",\n  4")));
    }

    #[test]
    fn of_one_value_a_line_the_last_may_break_off() {
        let text = "{\"a\":1}\n".repeat(9) + "{\"a\":";
        assert_eq!(parts(&text), Some((text[..71].into(), 0, "\n{\"a\":")));
    }

    #[test]
    fn whole_json_and_other_text_are_none() {
        for text in ["[1,2,3]", "", "[", "[[[[", "{\"a\":1,\"b\":2,\"c\":", "[Sun Dec 04] x", "[1, words", "[\"a"] {
            assert_eq!(parts(text), None, "{text}");
        }
        assert_eq!(parts(&"[".repeat(100_000)), None);
        assert_eq!(CutOff::reopened("1", 1), None);
    }
}
