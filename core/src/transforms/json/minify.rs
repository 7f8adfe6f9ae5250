//! Takes the white space between tokens out of a JSON text, and notes how it was spelled.

use std::borrow::Cow;

use super::escapes::unescape;
use super::frame::is_one_value_a_line;
use super::spelling::{Empty, Spelling, string_end};

/// A text without the white space between its tokens, and the spelling that gives the text back.
#[derive(Debug)]
pub(super) struct Minified<'a> {
    pub(super) text: Cow<'a, str>,
    /// The spelling that its beginning shows; the rest may deviate. `None` when it has no regular end or beginning.
    pub(super) spelling: Option<Spelling>,
}

impl<'a> Minified<'a> {
    /// Takes the white space out of one JSON text, or of one JSON text a line. The result is not checked to be JSON;
    /// `None` when it cannot be.
    pub(super) fn new(text: &'a str) -> Option<Self> {
        let body = text.trim_matches([' ', '\t', '\n', '\r']);
        let mut spelling = Spelling::default();
        let mut regular = text.starts_with(body.chars().next()?);
        let tail = if regular { &text[body.len()..] } else { "" };
        let minified = if is_one_value_a_line(body) {
            spelling.lines = true;
            let mut joined = String::with_capacity(body.len() + 2);
            joined.push('[');
            for (index, line) in body.split('\n').enumerate() {
                let value = line.strip_suffix('\r').unwrap_or(line);
                spelling.crlf |= value.len() < line.len();
                if value.is_empty() {
                    regular = false;
                    continue;
                }
                if index > 0 {
                    joined.push(',');
                }
                joined.push_str(&minify(value, &mut spelling)?);
            }
            joined.push(']');
            Cow::Owned(joined)
        } else {
            minify(body, &mut spelling)?
        };
        let newline = spelling.newline();
        spelling.ending = tail.len() / newline.len();
        regular &= tail.len().is_multiple_of(newline.len())
            && tail.as_bytes().chunks(newline.len()).all(|end| end == newline.as_bytes());
        let minified = match unescape(&minified) {
            Some((unescaped, escapes)) => {
                spelling.escapes = escapes;
                Cow::Owned(unescaped)
            }
            None => minified,
        };
        Some(Self { text: minified, spelling: regular.then_some(spelling) })
    }
}

/// Copies a text without the white space outside of strings, and notes the first of every kind in `spelling`.
fn minify<'a>(text: &'a str, spelling: &mut Spelling) -> Option<Cow<'a, str>> {
    let bytes = text.as_bytes();
    let mut out = String::new();
    let mut seen = Seen::default();
    let (mut at, mut run) = (0, 0);
    let mut depth = 0usize;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => at = string_end(bytes, at)?,
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                at += 1;
            }
            b' ' | b'\n' | b'\r' | b'\t' => {
                let start = at;
                while matches!(bytes.get(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
                    at += 1;
                }
                let (before, after) = (*bytes.get(start.wrapping_sub(1))?, *bytes.get(at)?);
                seen.note((before, after), &bytes[start..at], depth, spelling)?;
                if out.is_empty() {
                    out.reserve(text.len());
                }
                out.push_str(&text[run..start]);
                run = at;
            }
            _ => at += 1,
        }
    }
    if run == 0 {
        return Some(Cow::Borrowed(text));
    }
    out.push_str(&text[run..]);
    Some(Cow::Owned(out))
}

/// Which kinds of white space were met already.
#[derive(Default)]
struct Seen {
    opening: bool,
    colon: bool,
    comma: bool,
    object: bool,
    array: bool,
}

impl Seen {
    /// `None` when the white space stands between two tokens that would run together.
    fn note(&mut self, around: (u8, u8), space: &[u8], depth: usize, spelling: &mut Spelling) -> Option<()> {
        let breaks = space.iter().filter(|byte| **byte == b'\n').count();
        let is_line_break = matches!(space, b"\n" | b"\r\n");
        match around {
            (b'{', b'}') if !std::mem::replace(&mut self.object, true) => {
                spelling.empty_object = empty_of(space);
            }
            (b'[', b']') if !std::mem::replace(&mut self.array, true) => spelling.empty_array = empty_of(space),
            (b'{', b'}') | (b'[', b']') => {}
            (b'[', b'{') if is_line_break && spelling.indent.is_none() => {
                self.opening = true;
                spelling.rows = spelling.rows.or(Some(depth));
                spelling.rows_apart = true;
                spelling.crlf |= space.len() == 2;
            }
            (b',', b'{') if is_line_break && spelling.indent.is_none() => {
                spelling.rows = spelling.rows.or(Some(depth));
                spelling.crlf |= space.len() == 2;
            }
            // Every token on a line of its own, at no depth.
            (b'{', _) if is_line_break && spelling.rows_apart => {
                spelling.rows = None;
                spelling.rows_apart = false;
                spelling.indent = Some((b' ', 0));
            }
            (b'{' | b'[', _) => {
                if !std::mem::replace(&mut self.opening, true) && breaks == 1 {
                    let unit = space.iter().rposition(|byte| *byte == b'\n').map_or(&[][..], |at| &space[at + 1..]);
                    spelling.indent = Some((unit.first().copied().unwrap_or(b' '), unit.len()));
                    spelling.crlf |= space.contains(&b'\r');
                    if unit.first() == Some(&b'\t') && unit.len() != 1 {
                        spelling.indent = None;
                    }
                }
            }
            (b':', _) => {
                if !std::mem::replace(&mut self.colon, true) {
                    spelling.colon.after = true;
                }
            }
            (_, b':') => spelling.colon.before = true,
            (b',', _) => {
                if !std::mem::replace(&mut self.comma, true) {
                    spelling.comma_space = breaks == 0;
                }
            }
            (_, b'}' | b']' | b',') => {}
            _ => return None,
        }
        Some(())
    }
}

fn empty_of(space: &[u8]) -> Empty {
    let mut lines = space.split(|byte| *byte == b'\n').skip(1);
    match (lines.next(), lines.next()) {
        (None, _) => Empty::Spaced,
        (Some(_), None) => Empty::Open,
        (Some(b"" | b"\r"), Some(_)) => Empty::Blank,
        _ => Empty::Wide,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn words(text: &str) -> String {
        let minified = Minified::new(text).expect("minified");
        let spelling = minified.spelling.expect("a regular spelling");
        let words = spelling.to_string();
        assert_eq!(Spelling::from_words(&words).as_ref(), Some(&spelling), "{words}");
        assert_eq!(spelling.apply(&minified.text, text.len()).as_deref(), Some(text));
        words
    }

    #[test]
    fn every_usual_spelling_is_recognised() {
        assert_eq!(words(r#"{"a":[1,2],"b":{}}"#), "");
        assert_eq!(words("{\"a\": [1, 2], \"b\": {}}\n"), " spaced end");
        assert_eq!(words("{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": {}\n}"), " indent=2 colons=after");
        assert_eq!(words("{\r\n\t\"a\": [\r\n\t\t1\r\n\t]\r\n}"), " indent=tab colons=after crlf");
        assert_eq!(words("{\n  \"a\" : {\n    \n  },\n  \"b\" : [ ]\n}"), " indent=2 colons=both {}=wide []=spaced");
        assert_eq!(words("{\"a\":1}\n{\"a\":2}\n"), " lines end");
        assert_eq!(words("{\"f\":[{\"a\":1},\n{\"a\":2}],\"b\":[1,2]}"), " rows=2");
        assert_eq!(words("[\n{\"a\": 1},\n{\"a\": 2}\n]"), " rows=1 apart colons=after");
        assert_eq!(words("[\n  [\n\n  ],\n  {}\n]"), " indent=2 []=blank");
        assert_eq!(words(r#"["\u00e9 \ud83d\ude00","a\\u00e9","\u0007"]"#), " ascii");
        assert_eq!(words(r#"{"u":"http:\/\/x\/\\y"}"#), " slashes");
    }

    #[test]
    fn an_irregular_spelling_does_not_give_the_text_back_but_minifies() {
        for text in [
            "[1, 2,3]",
            "{\n  \"a\": [1,\n2]\n}",
            " [1]",
            "[1]\n \n",
            "{\"a\":1}\n\n{\"a\":2}",
            "[\"\\u00E9\\u00e9é\", 1,2]",
        ] {
            let minified = Minified::new(text).expect("minified");
            let again = minified.spelling.and_then(|spelling| spelling.apply(&minified.text, text.len()));
            assert_ne!(again.as_deref(), Some(text));
            assert!(!minified.text.contains(", "));
        }
    }

    #[test]
    fn tokens_never_run_together() {
        assert!(Minified::new("[1 2]").is_none());
        assert!(Minified::new("\"open").is_none() || Minified::new("\"open").is_some_and(|m| m.text == "\"open"));
        assert!(Minified::new("").is_none());
        assert!(Minified::new("  ").is_none());
    }

    #[test]
    fn a_deep_indented_text_does_not_grow_beyond_its_limit() {
        let deep = format!("[\n {}", "[".repeat(100_000));
        let minified = Minified::new(&deep).expect("minified");
        assert_eq!(minified.spelling.and_then(|spelling| spelling.apply(&minified.text, deep.len())), None);
    }
}
