//! How a JSON text is spelled between its tokens, so that a minified text can be spelled the same way again.

use std::fmt;

use memchr::memchr2;

use super::escapes::{Escapes, escape};

/// The white space of an empty container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Empty {
    /// `{}`
    #[default]
    Tight,
    /// `{ }`
    Spaced,
    /// A line break, and the closing bracket at its own depth.
    Open,
    /// An empty line, and the closing bracket at its own depth.
    Blank,
    /// An empty line at the depth of the members that are not there, then as [`Empty::Open`].
    Wide,
}

const EMPTY_NAMES: [(Empty, &str); 5] = [
    (Empty::Tight, "tight"),
    (Empty::Spaced, "spaced"),
    (Empty::Open, "open"),
    (Empty::Blank, "blank"),
    (Empty::Wide, "wide"),
];

/// The white space around a colon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Colon {
    pub(super) before: bool,
    pub(super) after: bool,
}

/// A regular spelling: what a serialiser was told to do. `Display` writes it as words for a header, nothing when
/// minified; [`Spelling::from_words`] reads them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Spelling {
    /// One level of depth, `None` on one line.
    pub(super) indent: Option<(u8, usize)>,
    pub(super) comma_space: bool,
    /// At this depth every object of a list is on a line of its own.
    pub(super) rows: Option<usize>,
    /// Such a list also has line breaks after its opening and before its closing bracket.
    pub(super) rows_apart: bool,
    pub(super) colon: Colon,
    pub(super) empty_object: Empty,
    pub(super) empty_array: Empty,
    /// One value a line; the minified text is an array of them.
    pub(super) lines: bool,
    pub(super) crlf: bool,
    /// Line breaks after the last value.
    pub(super) ending: usize,
    pub(super) escapes: Escapes,
}

impl Spelling {
    pub(super) fn newline(&self) -> &'static str {
        if self.crlf { "\r\n" } else { "\n" }
    }

    /// Spells a minified text. `None` when it would be longer than `limit` bytes or is not minified JSON.
    pub(super) fn apply(&self, minified: &str, limit: usize) -> Option<String> {
        let respelled;
        let minified = if self.escapes != Escapes::default() {
            respelled = escape(minified, self.escapes, limit)?;
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
                            Empty::Blank => {
                                out.push_str(self.newline());
                                self.line(depth, &mut out);
                            }
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
                    } else if self.rows_apart && self.rows == Some(depth) && bytes[at..].starts_with(b"[{") {
                        out.push_str(self.newline());
                    }
                }
                b'}' | b']' => {
                    if self.rows_apart && self.rows == Some(depth) && at > 0 && bytes[at - 1..].starts_with(b"}]") {
                        out.push_str(self.newline());
                    }
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
                    } else if self.rows == Some(depth) && bytes.get(at + 1) == Some(&b'{') {
                        out.push_str(self.newline());
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
                ("rows", depth) => spelling.rows = Some(depth.parse().ok()?),
                ("apart", "") => spelling.rows_apart = true,
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
                ("ascii", "") => spelling.escapes.ascii = true,
                ("slashes", "") => spelling.escapes.slashes = true,
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
        if let Some(depth) = self.rows {
            write!(f, " rows={depth}{}", if self.rows_apart { " apart" } else { "" })?;
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
        f.write_str(if self.escapes.ascii { " ascii" } else { "" })?;
        f.write_str(if self.escapes.slashes { " slashes" } else { "" })
    }
}

fn empty_named(name: &str) -> Option<Empty> {
    EMPTY_NAMES.iter().find(|(_, known)| *known == name).map(|(empty, _)| *empty)
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
