//! The scanner: one pass over the bytes, no recursion, a tape of spans.

use std::fmt;

use super::word::{STEP, hits, plain_end};

/// Half a record of the tape. A scalar is one entry, its span; a list or an object is two, its span and then the tape
/// index behind its last child with the number of its children.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// Byte offset of the first byte, or the tape index behind the last child.
    pub(super) first: u32,
    /// Byte offset behind the last byte, or the number of items or members.
    pub(super) second: u32,
}

/// Why a text is not JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found} at byte {offset}")]
pub struct ParseError {
    /// Where, in bytes from the start of the text.
    pub offset: usize,
    /// What would have been right there.
    pub expected: &'static str,
    /// What is there.
    pub found: Found,
}

/// What a text has where something else was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Nothing more.
    End,
    /// A character.
    Character(char),
    /// One more list or object inside this many.
    Nesting(usize),
    /// A text of this many bytes.
    Bytes(usize),
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::End => f.write_str("the end of the text"),
            Self::Character(character) => write!(f, "{character:?}"),
            Self::Nesting(limit) => write!(f, "one more inside {limit} others"),
            Self::Bytes(length) => write!(f, "{length} bytes"),
        }
    }
}

/// The tape index that no entry has.
const NONE: u32 = u32::MAX;

/// Reads values from a text onto a tape.
pub(super) struct Scanner<'a> {
    text: &'a str,
    /// The bytes of `text` up to where reading stops.
    bytes: &'a [u8],
    position: usize,
    max_depth: usize,
    entries: Vec<Entry>,
}

impl<'a> Scanner<'a> {
    /// A scanner at the start of `text`.
    pub(super) fn new(text: &'a str, max_depth: usize) -> Result<Self, ParseError> {
        if u32::try_from(text.len()).is_err() {
            let found = Found::Bytes(text.len());
            return Err(ParseError { offset: 0, expected: "a text of less than 4 GiB", found });
        }
        Ok(Self { text, bytes: text.as_bytes(), position: 0, max_depth, entries: Vec::new() })
    }

    /// The offset behind what was read.
    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// The tape.
    pub(super) fn into_entries(mut self) -> Vec<Entry> {
        self.entries.shrink_to_fit();
        self.entries
    }

    /// Whether only white space is left.
    pub(super) fn at_end(&mut self) -> bool {
        self.skip_whitespace();
        self.position == self.bytes.len()
    }

    /// Fails unless only white space is left.
    pub(super) fn finish(&mut self) -> Result<(), ParseError> {
        if self.at_end() { Ok(()) } else { Err(self.error("the end of the text")) }
    }

    /// Reads from `start` and takes `end` for the end of the text.
    pub(super) fn limit(&mut self, start: usize, end: usize) {
        self.position = start;
        self.bytes = &self.text.as_bytes()[..end];
    }

    /// Reads one value with everything inside. While a container is open its second entry holds the index of the
    /// container around it in place of the index behind its last child, which makes the tape its own stack.
    pub(super) fn value(&mut self) -> Result<(), ParseError> {
        let mut open = NONE;
        let mut depth = 0;
        loop {
            self.skip_whitespace();
            let start = self.position;
            match self.peek() {
                Some(b'"') => {
                    self.string()?;
                    self.scalar(start);
                }
                Some(b'-' | b'0'..=b'9') => {
                    self.number()?;
                    self.scalar(start);
                }
                Some(byte @ (b'{' | b'[')) => {
                    if depth == self.max_depth {
                        let found = Found::Nesting(depth);
                        return Err(ParseError { offset: start, expected: "no deeper list or object", found });
                    }
                    depth += 1;
                    let index = u32::try_from(self.entries.len()).ok().filter(|index| *index < NONE - 2);
                    let Some(index) = index else {
                        let found = Found::Bytes(self.text.len());
                        return Err(ParseError { offset: start, expected: "fewer than 2^32 values", found });
                    };
                    self.entries.push(Entry { first: offset(start), second: 0 });
                    self.entries.push(Entry { first: open, second: 0 });
                    open = index;
                    self.position += 1;
                    self.skip_whitespace();
                    let close = if byte == b'{' { b'}' } else { b']' };
                    if self.peek() != Some(close) {
                        self.entries[open as usize + 1].second = 1;
                        if byte == b'{' {
                            self.key()?;
                        }
                        continue;
                    }
                }
                Some(b't') => self.literal(b"true", "`true`")?,
                Some(b'f') => self.literal(b"false", "`false`")?,
                Some(b'n') => self.literal(b"null", "`null`")?,
                _ => return Err(self.error("a value")),
            }
            loop {
                if open == NONE {
                    return Ok(());
                }
                let at = open as usize;
                let is_object = self.bytes[self.entries[at].first as usize] == b'{';
                self.skip_whitespace();
                match (self.peek(), is_object) {
                    (Some(b','), _) => {
                        self.position += 1;
                        self.entries[at + 1].second += 1;
                        if is_object {
                            self.skip_whitespace();
                            self.key()?;
                        }
                        break;
                    }
                    (Some(b'}'), true) | (Some(b']'), false) => {
                        self.position += 1;
                        depth -= 1;
                        open = self.entries[at + 1].first;
                        self.entries[at].second = offset(self.position);
                        // The index check above leaves room for all entries of a text that is shorter than 4 GiB.
                        self.entries[at + 1].first = u32::try_from(self.entries.len()).unwrap_or(NONE);
                    }
                    (_, true) => return Err(self.error("`,` or `}`")),
                    (_, false) => return Err(self.error("`,` or `]`")),
                }
            }
        }
    }

    fn key(&mut self) -> Result<(), ParseError> {
        let start = self.position;
        if self.peek() != Some(b'"') {
            return Err(self.error("a key in quotes"));
        }
        self.string()?;
        self.scalar(start);
        self.skip_whitespace();
        if self.peek() != Some(b':') {
            return Err(self.error("`:`"));
        }
        self.position += 1;
        Ok(())
    }

    fn scalar(&mut self, start: usize) {
        self.entries.push(Entry { first: offset(start), second: offset(self.position) });
    }

    fn literal(&mut self, word: &[u8], expected: &'static str) -> Result<(), ParseError> {
        let start = self.position;
        let same = word.iter().zip(&self.bytes[start..]).take_while(|(a, b)| a == b).count();
        self.position += same;
        if same < word.len() {
            return Err(self.error(expected));
        }
        self.scalar(start);
        Ok(())
    }

    fn number(&mut self) -> Result<(), ParseError> {
        if self.peek() == Some(b'-') {
            self.position += 1;
        }
        if self.peek() == Some(b'0') {
            self.position += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.position += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.position += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.position += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), ParseError> {
        let count = self.bytes[self.position..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 {
            return Err(self.error("a digit"));
        }
        self.position += count;
        Ok(())
    }

    fn string(&mut self) -> Result<(), ParseError> {
        self.position += 1;
        loop {
            self.skip_plain_and_short_escapes();
            match self.peek() {
                Some(b'"') => {
                    self.position += 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    self.position += 1;
                    match self.peek() {
                        Some(byte) if is_short_escape(byte) => self.position += 1,
                        Some(b'u') => {
                            self.position += 1;
                            for _ in 0..4 {
                                if !self.peek().is_some_and(|byte| byte.is_ascii_hexdigit()) {
                                    return Err(self.error("four hex digits after `\\u`"));
                                }
                                self.position += 1;
                            }
                        }
                        _ => return Err(self.error("an escape such as `\\n`")),
                    }
                }
                Some(_) => return Err(self.error("no control character in a string")),
                None => return Err(self.error("`\"` at the end of a string")),
            }
        }
    }

    /// Moves towards the next byte of a string that needs a look: a quote, a control character, another escape, or the
    /// last bytes of the text. Text inside JSON inside JSON has an escape every few bytes, so all those in one step are
    /// passed with one look at it.
    fn skip_plain_and_short_escapes(&mut self) {
        let bytes = self.bytes;
        while let Some(mut hits) = hits(bytes, self.position) {
            let mut next = self.position + STEP;
            while hits != 0 {
                let hit = hits.trailing_zeros() as usize;
                let at = self.position + hit;
                let is_escape = bytes[at] == b'\\' && bytes.get(at + 1).is_some_and(|byte| is_short_escape(*byte));
                if !is_escape {
                    self.position = at;
                    return;
                }
                if hit + 2 >= STEP {
                    next = at + 2;
                    break;
                }
                hits = hits >> (hit + 2) << (hit + 2);
            }
            self.position = next;
        }
        self.position = plain_end(bytes, self.position);
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.position).copied()
    }

    fn skip_whitespace(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.position += 1;
        }
    }

    fn error(&self, expected: &'static str) -> ParseError {
        let rest = self.text.get(self.position..self.bytes.len()).unwrap_or_default();
        let found = rest.chars().next().map_or(Found::End, Found::Character);
        ParseError { offset: self.position, expected, found }
    }
}

/// An offset as the tape stores it; [`Scanner::new`] refuses texts for which it would not fit.
fn offset(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(NONE)
}

/// Whether the byte behind a backslash completes an escape.
fn is_short_escape(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use crate::json::Document;

    fn accepts(text: &str) -> bool {
        Document::parse(text, 127).is_ok()
    }

    #[test]
    fn accepts_what_the_grammar_accepts_and_nothing_else() {
        // Separated by `|`, which stands in none of them.
        let cases = concat!(
            "| |null| true |false|nul|nulll|tru e|0|-0|-|01|1.|.5|1.5|1e5|1E+5|1e|1e-|+1|1e400|1180591620717411303424",
            "|\"\"|\"|\"\\\"|\"\\u12\"|\"\\ud800\"|\"\\x\"|\"\t\"|\"\u{7f}\"|\"\0\"|[|]|[]|[ ]|[1]|[1,]|[,1]|[1 2]|[1,2]",
            "|{|}|{}|{ }|{\"a\"}|{\"a\":}|{\"a\":1}|{\"a\":1,}|{\"a\":1,\"a\":2}|{a:1}|{1:1}|{\"a\" : 1 , \"b\":[]}|[{]}|[}|{]",
            "|[1}|{\"a\":1]|1 1|[]]|\u{feff}1|\u{a0}1|NaN|Infinity|'a'|[1,\u{b}2]|/**/1|\"é😀\"",
        );
        for case in cases.split('|') {
            let expected = serde_json::from_str::<IgnoredAny>(case).is_ok();
            assert_eq!(accepts(case), expected, "{case:?}");
        }
    }

    #[test]
    fn says_where_it_stopped_and_why() {
        let error = |text: &str| Document::parse(text, 2).unwrap_err().to_string();
        assert_eq!(error("[1,é]"), "expected a value, found 'é' at byte 3");
        assert_eq!(error("{\"a\":1"), "expected `,` or `}`, found the end of the text at byte 6");
        assert_eq!(error("[[[]]]"), "expected no deeper list or object, found one more inside 2 others at byte 2");
        assert_eq!(error("\"a\nb\""), "expected no control character in a string, found '\\n' at byte 2");
        assert_eq!(error("trap"), "expected `true`, found 'a' at byte 2");
    }

    #[test]
    fn nesting_as_deep_as_the_limit_is_read_without_recursion() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(Document::parse(&deep, 100_000).is_ok());
        assert_eq!(Document::parse(&deep, 99_999).unwrap_err().offset, 99_999);
        let deep = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
        assert!(Document::parse(&deep, usize::MAX).is_ok());
    }

    #[test]
    fn escapes_are_passed_wherever_they_lie_in_a_word() {
        for before in 0..9 {
            for escape in ["\\n", "\\\\", "\\\"", "\\\\\\\"", "\\u00e9", "\\n]\\\\]", "\\"] {
                for after in ["", "#", "]]]]]]]]]]", "é\u{80}", "\n", "\\q", "\\u00g0"] {
                    let text = format!("[\"{}{escape}{after}\"]", "x".repeat(before));
                    let expected = serde_json::from_str::<IgnoredAny>(&text).is_ok();
                    assert_eq!(accepts(&text), expected, "{text}");
                }
            }
        }
    }

    fn jsonish() -> impl Strategy<Value = String> {
        let tokens = "[ ] { } , : \"a\" \"\\u00e9\\n\" \"\\ud83d\" \" \\ 1 - 0 . e E+ true null fals é \u{1} 1e400";
        let mut tokens: Vec<_> = tokens.split(' ').collect();
        tokens.extend([" ", "\n"]);
        let token = proptest::sample::select(tokens);
        proptest::collection::vec(token, 0..24).prop_map(|tokens| tokens.concat())
    }

    fn tree() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            any::<String>().prop_map(Into::into),
        ];
        leaf.prop_recursive(6, 60, 8, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..8).prop_map(Into::into),
                proptest::collection::vec((any::<String>(), inner), 0..8)
                    .prop_map(|members| members.into_iter().collect::<serde_json::Map<_, _>>().into()),
            ]
        })
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json_on_token_soup(text in jsonish()) {
            prop_assert_eq!(accepts(&text), serde_json::from_str::<IgnoredAny>(&text).is_ok());
        }

        #[test]
        fn agrees_with_serde_json_on_documents_with_one_damaged_place(
            value in tree(), at in any::<prop::sample::Index>(), damage in "[\\[\\]{},:\"\\\\0-9eE.\\- tnu\n]{0,2}"
        ) {
            let mut text = serde_json::to_string_pretty(&value).unwrap();
            prop_assert!(accepts(&text));
            let places: Vec<_> = text.char_indices().map(|(index, _)| index).collect();
            let place = places[at.index(places.len())];
            let end = place + text[place..].chars().next().map_or(0, char::len_utf8);
            text.replace_range(place..end, &damage);
            prop_assert_eq!(accepts(&text), serde_json::from_str::<IgnoredAny>(&text).is_ok(), "{}", text);
        }

        #[test]
        fn arbitrary_text_never_panics(text in any::<String>()) {
            prop_assert_eq!(accepts(&text), serde_json::from_str::<IgnoredAny>(&text).is_ok());
        }
    }
}
