//! How a JSON text is spelled between its tokens, so that a minified text can be spelled the same way again.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use memchr::memchr2;

/// The white space of an empty container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Empty {
    /// `{}`
    #[default]
    Tight,
    /// `{ }`
    Spaced,
    /// A line break, and the closing bracket at its own depth.
    Open,
    /// An empty line at the depth of the members that are not there, then as [`Empty::Open`].
    Wide,
}

const EMPTY_NAMES: [(Empty, &str); 4] =
    [(Empty::Tight, "tight"), (Empty::Spaced, "spaced"), (Empty::Open, "open"), (Empty::Wide, "wide")];

/// The white space around a colon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Colon {
    before: bool,
    after: bool,
}

/// A regular spelling: what a serialiser was told to do. `Display` writes it as words for a header, nothing when
/// minified; [`Spelling::from_words`] reads them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Spelling {
    /// One level of depth, `None` on one line.
    indent: Option<(u8, usize)>,
    comma_space: bool,
    colon: Colon,
    empty_object: Empty,
    empty_array: Empty,
    /// One value a line; the minified text is an array of them.
    pub(super) lines: bool,
    crlf: bool,
    /// Line breaks after the last value.
    ending: usize,
    /// Every character above U+007F is written as a lower-case `\u` escape.
    ascii: bool,
    /// Every slash is written as `\/`.
    slashes: bool,
}

/// A text without the white space between its tokens, and the spelling that gives the text back.
#[derive(Debug)]
pub(super) struct Minified<'a> {
    pub(super) text: Cow<'a, str>,
    /// `None` when no regular spelling gives the same bytes.
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
        let minified = match unescape(&minified, &mut spelling) {
            Some(unescaped) => Cow::Owned(unescaped),
            None => minified,
        };
        regular = regular && spelling.apply(&minified, text.len()).is_some_and(|again| again == text);
        Some(Self { text: minified, spelling: regular.then_some(spelling) })
    }
}

impl Spelling {
    fn newline(&self) -> &'static str {
        if self.crlf { "\r\n" } else { "\n" }
    }

    /// Spells a minified text. `None` when it would be longer than `limit` bytes or is not minified JSON.
    pub(super) fn apply(&self, minified: &str, limit: usize) -> Option<String> {
        let respelled;
        let minified = if self.ascii || self.slashes {
            respelled = escape(minified, self.ascii, self.slashes, limit)?;
            &respelled
        } else {
            minified
        };
        let mut out = String::with_capacity(limit.min(minified.len() * 2));
        let (minified, depth_of_lines) =
            match (self.lines, minified.strip_prefix('[').and_then(|m| m.strip_suffix(']'))) {
                (true, Some(inside)) => (inside, true),
                (true, None) => return None,
                (false, _) => (minified, false),
            };
        let bytes = minified.as_bytes();
        let mut depth = 0usize;
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if out.len() > limit {
                return None;
            }
            match byte {
                b'"' => {
                    let end = string_end(bytes, at)?;
                    out.push_str(minified.get(at..end)?);
                    at = end;
                    continue;
                }
                b'{' | b'[' => {
                    out.push(char::from(byte));
                    let empty = if byte == b'{' { self.empty_object } else { self.empty_array };
                    if let Some(&close @ (b'}' | b']')) = bytes.get(at + 1) {
                        match empty {
                            Empty::Tight => {}
                            Empty::Spaced => out.push(' '),
                            Empty::Open => self.line(depth, &mut out),
                            Empty::Wide => {
                                self.line(depth + 1, &mut out);
                                self.line(depth, &mut out);
                            }
                        }
                        out.push(char::from(close));
                        at += 2;
                        continue;
                    }
                    depth += 1;
                    if self.indent.is_some() {
                        self.line(depth, &mut out);
                    }
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    if self.indent.is_some() {
                        self.line(depth, &mut out);
                    }
                    out.push(char::from(byte));
                }
                b',' if depth == 0 && depth_of_lines => out.push_str(self.newline()),
                b',' => {
                    out.push(',');
                    if self.indent.is_some() {
                        self.line(depth, &mut out);
                    } else if self.comma_space {
                        out.push(' ');
                    }
                }
                b':' => {
                    out.push_str(if self.colon.before { " :" } else { ":" });
                    out.push_str(if self.colon.after { " " } else { "" });
                }
                _ => {
                    let end = bytes[at..]
                        .iter()
                        .position(|byte| matches!(byte, b',' | b':' | b']' | b'}' | b'"' | b'[' | b'{'))
                        .map_or(bytes.len(), |length| at + length.max(1));
                    out.push_str(minified.get(at..end)?);
                    at = end;
                    continue;
                }
            }
            at += 1;
        }
        for _ in 0..self.ending {
            out.push_str(self.newline());
            if out.len() > limit {
                return None;
            }
        }
        Some(out)
    }

    fn line(&self, depth: usize, out: &mut String) {
        out.push_str(self.newline());
        if let Some((byte, width)) = self.indent {
            out.extend(std::iter::repeat_n(char::from(byte), width.saturating_mul(depth)));
        }
    }

    /// Reads what `Display` writes.
    pub(super) fn from_words(words: &str) -> Option<Self> {
        let mut spelling = Self::default();
        for word in words.split(' ').filter(|word| !word.is_empty()) {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            match (name, value) {
                ("indent", "tab") => spelling.indent = Some((b'\t', 1)),
                ("indent", width) => {
                    spelling.indent = Some((b' ', width.parse().ok().filter(|width| *width <= 64)?));
                }
                ("commas", "spaced") => spelling.comma_space = true,
                ("colons", "after") => spelling.colon = Colon { before: false, after: true },
                ("colons", "before") => spelling.colon = Colon { before: true, after: false },
                ("colons", "both") => spelling.colon = Colon { before: true, after: true },
                ("spaced", "") => {
                    spelling.comma_space = true;
                    spelling.colon.after = true;
                }
                ("{}", name) => spelling.empty_object = empty_named(name)?,
                ("[]", name) => spelling.empty_array = empty_named(name)?,
                ("lines", "") => spelling.lines = true,
                ("crlf", "") => spelling.crlf = true,
                ("end", "") => spelling.ending = 1,
                ("end", count) => spelling.ending = count.parse().ok()?,
                ("ascii", "") => spelling.ascii = true,
                ("slashes", "") => spelling.slashes = true,
                _ => return None,
            }
        }
        Some(spelling)
    }
}

impl fmt::Display for Spelling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.indent {
            Some((b'\t', _)) => f.write_str(" indent=tab")?,
            Some((_, width)) => write!(f, " indent={width}")?,
            None => {}
        }
        match (self.comma_space, self.colon) {
            (true, Colon { before: false, after: true }) => f.write_str(" spaced")?,
            (comma_space, colon) => {
                f.write_str(if comma_space { " commas=spaced" } else { "" })?;
                f.write_str(match (colon.before, colon.after) {
                    (false, false) => "",
                    (false, true) => " colons=after",
                    (true, false) => " colons=before",
                    (true, true) => " colons=both",
                })?;
            }
        }
        for (sign, empty) in [("{}", self.empty_object), ("[]", self.empty_array)] {
            let name = EMPTY_NAMES.iter().find(|(known, _)| *known == empty && empty != Empty::Tight);
            if let Some((_, name)) = name {
                write!(f, " {sign}={name}")?;
            }
        }
        f.write_str(if self.lines { " lines" } else { "" })?;
        f.write_str(if self.crlf { " crlf" } else { "" })?;
        match self.ending {
            0 => {}
            1 => f.write_str(" end")?,
            count => write!(f, " end={count}")?,
        }
        f.write_str(if self.ascii { " ascii" } else { "" })?;
        f.write_str(if self.slashes { " slashes" } else { "" })
    }
}

fn empty_named(name: &str) -> Option<Empty> {
    EMPTY_NAMES.iter().find(|(_, known)| *known == name).map(|(empty, _)| *empty)
}

/// Whether the first line is a whole container and the second begins another one.
fn is_one_value_a_line(body: &str) -> bool {
    let Some((first, rest)) = body.split_once('\n') else { return false };
    let ends = |open, close| first.starts_with(open) && first.trim_end().ends_with(close);
    (ends('{', '}') || ends('[', ']')) && first.trim_end().len() > 1 && rest.trim_start().starts_with(['{', '['])
}

/// The end of the string that starts at `start`, after its closing quote.
pub(super) fn string_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        let found = at + memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[found] == b'"' {
            return Some(found + 1);
        }
        at = found + 2;
    }
}

/// Copies a text without the white space outside of strings, and notes the first of every kind in `spelling`.
fn minify<'a>(text: &'a str, spelling: &mut Spelling) -> Option<Cow<'a, str>> {
    let bytes = text.as_bytes();
    let mut out = String::new();
    let mut seen = Seen::default();
    let (mut at, mut run) = (0, 0);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => at = string_end(bytes, at)?,
            b' ' | b'\n' | b'\r' | b'\t' => {
                let start = at;
                while matches!(bytes.get(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
                    at += 1;
                }
                let (before, after) = (*bytes.get(start.wrapping_sub(1))?, *bytes.get(at)?);
                seen.note(before, &bytes[start..at], after, spelling)?;
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
    fn note(&mut self, before: u8, space: &[u8], after: u8, spelling: &mut Spelling) -> Option<()> {
        let breaks = space.iter().filter(|byte| **byte == b'\n').count();
        match (before, after) {
            (b'{', b'}') if !std::mem::replace(&mut self.object, true) => {
                spelling.empty_object = empty_of(breaks);
            }
            (b'[', b']') if !std::mem::replace(&mut self.array, true) => spelling.empty_array = empty_of(breaks),
            (b'{', b'}') | (b'[', b']') => {}
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

fn empty_of(breaks: usize) -> Empty {
    match breaks {
        0 => Empty::Spaced,
        1 => Empty::Open,
        _ => Empty::Wide,
    }
}

/// Writes `\u` escapes as the characters they name and `\/` as `/`, when [`escape`] can undo it.
fn unescape(text: &str, spelling: &mut Spelling) -> Option<String> {
    let bytes = text.as_bytes();
    memchr::memchr(b'\\', bytes)?;
    let unicode = memchr::memmem::find(bytes, b"\\u").is_some() && text.is_ascii();
    let slashes = memchr::memmem::find(bytes, b"\\/").is_some();
    if !unicode && !slashes {
        return None;
    }
    let mut out = String::with_capacity(text.len());
    let (mut at, mut run) = (0, 0);
    while let Some(found) = memchr::memchr(b'\\', &bytes[at..]).map(|offset| at + offset) {
        at = (found + 2).min(bytes.len());
        match bytes.get(found + 1) {
            Some(b'/') if slashes => {
                out.push_str(&text[run..found]);
                run = found + 1;
            }
            Some(b'u') if unicode => {
                if let Some((character, length)) = escaped_character(&bytes[found..]) {
                    out.push_str(&text[run..found]);
                    out.push(character);
                    at = found + length;
                    run = at;
                }
            }
            _ => {}
        }
    }
    out.push_str(&text[run..]);
    spelling.ascii = unicode && !out.is_ascii();
    spelling.slashes = slashes;
    if out.len() < text.len() && escape(&out, spelling.ascii, slashes, text.len()).is_some_and(|again| again == text) {
        return Some(out);
    }
    spelling.ascii = false;
    spelling.slashes = false;
    None
}

/// The character of a lower-case `\uXXXX` or of a surrogate pair of them, above U+007F, and how many bytes it takes.
fn escaped_character(bytes: &[u8]) -> Option<(char, usize)> {
    let unit = |at: usize| -> Option<u32> {
        let digits = bytes.get(at..at + 6).filter(|digits| digits.starts_with(b"\\u"))?;
        digits[2..].iter().try_fold(0, |value, digit| match digit {
            b'0'..=b'9' => Some(value * 16 + u32::from(digit - b'0')),
            b'a'..=b'f' => Some(value * 16 + u32::from(digit - b'a') + 10),
            _ => None,
        })
    };
    let first = unit(0)?;
    if (0xd800..0xdc00).contains(&first) {
        let second = unit(6).filter(|second| (0xdc00..0xe000).contains(second))?;
        return Some((char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00))?, 12));
    }
    (first > 0x7f).then_some(())?;
    Some((char::from_u32(first)?, 6))
}

fn escape(text: &str, ascii: bool, slashes: bool, limit: usize) -> Option<String> {
    let mut out = String::with_capacity(limit.min(text.len() * 2));
    let mut run = 0;
    for (at, byte) in text.bytes().enumerate() {
        if slashes && byte == b'/' {
            out.push_str(&text[run..at]);
            out.push('\\');
            run = at;
        } else if ascii && byte >= 0xc0 {
            let character = text[at..].chars().next()?;
            out.push_str(&text[run..at]);
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                write!(out, "\\u{unit:04x}").ok()?;
            }
            run = at + character.len_utf8();
        }
        if out.len() > limit {
            return None;
        }
    }
    out.push_str(&text[run..]);
    Some(out)
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
        assert_eq!(words(r#"["\u00e9 \ud83d\ude00","a\\u00e9","\u0007"]"#), " ascii");
        assert_eq!(words(r#"{"u":"http:\/\/x\/\\y"}"#), " slashes");
    }

    #[test]
    fn an_irregular_spelling_has_none_but_still_minifies() {
        for text in [
            "[1, 2,3]",
            "{\n  \"a\": [1,\n2]\n}",
            " [1]",
            "[1]\n \n",
            "{\"a\":1}\n\n{\"a\":2}",
            "[\"\\u00E9\\u00e9é\", 1,2]",
        ] {
            let minified = Minified::new(text).expect("minified");
            assert_eq!(minified.spelling, None, "{text}");
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
        assert!(Minified::new(&deep).is_some_and(|minified| minified.spelling.is_none()));
    }
}
