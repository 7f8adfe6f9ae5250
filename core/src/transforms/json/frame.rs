//! Finds the one JSON value, or the JSON lines, of a text that may have a few other lines around it.

use crate::json::{Document, Found};

/// At most this many lines may stand before the JSON, and as many behind it.
const MAX_LINES: usize = 4;

/// A longer line around the JSON is content of its own.
const MAX_LINE_BYTES: usize = 300;

/// How much of the JSON is read to tell whether it is any.
const SAMPLE_BYTES: usize = 2048;

/// A text in three parts that follow one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    /// Whole lines, or nothing.
    pub(super) before: &'a str,
    /// The JSON with the white space around it.
    pub(super) json: &'a str,
    /// Whole lines, or nothing.
    pub(super) after: &'a str,
}

impl<'a> Frame<'a> {
    /// `None` when the text does not look like JSON with a few lines around it.
    pub(super) fn of(text: &'a str) -> Option<Self> {
        let (before, rest) = text.split_at(start(text)?);
        let length = last_line(rest)?;
        let (json, after) = rest.split_at(length);
        looks_like_json(json).then_some(Self { before, json, after })
    }
}

/// The offset of the line with which the JSON begins.
pub(super) fn start(text: &str) -> Option<usize> {
    first_line(text, |line| line.trim_start().starts_with(['{', '[']))
}

/// The offset of the first line that `is_start`, if only a few short lines stand before it.
fn first_line(text: &str, is_start: impl Fn(&str) -> bool) -> Option<usize> {
    let mut offset = 0;
    for line in text.split_inclusive('\n').take(MAX_LINES + 1) {
        if is_start(line) {
            // White space alone belongs to the JSON.
            return Some(if text[..offset].trim().is_empty() { 0 } else { offset });
        }
        if line.len() > MAX_LINE_BYTES {
            return None;
        }
        offset += line.len();
    }
    None
}

/// The offset behind the last line that ends a container, and behind the white space after it.
fn last_line(text: &str) -> Option<usize> {
    let mut end = text.len();
    for _ in 0..=MAX_LINES {
        let trimmed = text[..end].trim_end_matches([' ', '\t', '\r', '\n']);
        if trimmed.ends_with(['}', ']']) {
            return Some(end);
        }
        let line = memchr::memrchr(b'\n', trimmed.as_bytes())? + 1;
        if trimmed.len() - line > MAX_LINE_BYTES {
            return None;
        }
        end = line;
    }
    None
}

fn looks_like_json(json: &str) -> bool {
    let json = json.trim_start();
    let mut cut = json.len().min(SAMPLE_BYTES);
    while !json.is_char_boundary(cut) {
        cut -= 1;
    }
    let sample = &json[..cut];
    match Document::parse(sample, 64) {
        Ok(_) => true,
        Err(error) if error.found == Found::End && cut < json.len() => true,
        Err(_) => match sample.split_once('\n') {
            // One value a line: the first must be whole, and another must follow.
            Some((first, rest)) => Document::parse(first, 64).is_ok() && rest.trim_start().starts_with(['{', '[']),
            None => false,
        },
    }
}

/// Whether the first line is a whole container and the second begins another one.
pub(super) fn is_one_value_a_line(body: &str) -> bool {
    let Some((first, rest)) = body.trim_start().split_once('\n') else { return false };
    let ends = |open, close| first.starts_with(open) && first.trim_end().ends_with(close);
    (ends('{', '}') || ends('[', ']')) && first.trim_end().len() > 1 && rest.trim_start().starts_with(['{', '['])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_lines_around_json_are_set_apart() {
        let text = "$ curl -s x\nHTTP/1.1 200 OK\n{\"a\": 1}\n\n<returncode>0</returncode>\n";
        let frame = Frame::of(text).expect("a frame");
        assert_eq!(frame.before, "$ curl -s x\nHTTP/1.1 200 OK\n");
        assert_eq!(frame.json, "{\"a\": 1}\n\n");
        assert_eq!(frame.after, "<returncode>0</returncode>\n");
        assert_eq!(Frame::of(" \n[1]").map(|frame| frame.json), Some(" \n[1]"));
    }

    #[test]
    fn other_text_is_declined() {
        for text in
            ["", "words", "[Sun Dec 04] x]", "[2024-01-01] y ]", "{x}", "a\nb\nc\nd\ne\n[1]", "[1] [2]", "fn f() {\n}"]
        {
            assert_eq!(Frame::of(text), None, "{text}");
        }
    }
}
