//! The pieces of an original that can be asked for one by one: its lines, or, where a single line is nearly all of it,
//! the items of its JSON.

use std::ops::Range;

/// A text with a line longer than this that is nearly all of it is not read by lines.
///
/// # Sources
/// Chosen by hand: a screen of text.
const GIANT_LINE_BYTES: usize = 4_096;

/// The length of a piece of a giant line that is not JSON.
///
/// # Sources
/// Chosen by hand: enough to read what is around a match.
const PIECE_BYTES: usize = 1_000;

/// How deep the one container that is most of a JSON text may lie.
///
/// # Sources
/// Chosen by hand: `{"data": {"result": {"items": [` is four; bounds the passes over hostile nesting.
const DEPTH_MAX: usize = 12;

/// A text in consecutive pieces: joined, they are the text.
#[derive(Debug)]
pub(super) struct Units<'a> {
    pub(super) kind: UnitKind,
    pub(super) texts: Vec<&'a str>,
}

/// What a piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UnitKind {
    /// A line with its line break.
    Line,
    /// An element or member of the JSON array or object that is most of the text, with the comma after it.
    Item,
    /// About a thousand bytes.
    Piece,
}

impl UnitKind {
    /// Its name: `line` or `lines`.
    pub(super) fn name(self, count: usize) -> &'static str {
        match (self, count) {
            (Self::Line, 1) => "line",
            (Self::Line, _) => "lines",
            (Self::Item, 1) => "item",
            (Self::Item, _) => "items",
            (Self::Piece, 1) => "piece",
            (Self::Piece, _) => "pieces",
        }
    }
}

impl<'a> Units<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let longest = lines.iter().map(|line| line.len()).max().unwrap_or(0);
        if longest <= GIANT_LINE_BYTES || longest < text.len() / 10 * 9 {
            return Self { kind: UnitKind::Line, texts: lines };
        }
        match items(text) {
            Some(texts) => Self { kind: UnitKind::Item, texts },
            None => Self { kind: UnitKind::Piece, texts: pieces(text) },
        }
    }
}

/// The parts of the largest container, each part with what stands before it; `None` when the text does not look like
/// JSON. Nothing is validated: whatever the text is, joined the parts are the text.
fn items(text: &str) -> Option<Vec<&str>> {
    if !text.trim_ascii_start().starts_with(['[', '{']) {
        return None;
    }
    let mut parts = vec![Part { span: 0..text.len(), inside: 0 }];
    for _ in 0..DEPTH_MAX {
        let (index, largest) = parts.iter().enumerate().max_by_key(|(_, part)| part.span.len())?;
        if largest.span.len() < text.len() / 2 {
            break;
        }
        let Some(split) = largest.split(text.as_bytes()) else { break };
        parts.splice(index..=index, split);
    }
    // A cut lies after a comma or at an end, never inside a character.
    (parts.len() > 1).then(|| parts.into_iter().filter_map(|part| text.get(part.span)).collect())
}

/// A part of a JSON text.
#[derive(Debug)]
struct Part {
    span: Range<usize>,
    /// Where to look for a container inside.
    inside: usize,
}

impl Part {
    /// Cuts after every comma of the first container inside; `None` when there is no container.
    fn split(&self, text: &[u8]) -> Option<Vec<Self>> {
        let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
        let mut inside = None;
        let mut parts = Vec::new();
        let mut start = self.span.start;
        for (at, byte) in text.iter().enumerate().take(self.span.end).skip(self.inside) {
            if in_string {
                match byte {
                    _ if escaped => escaped = false,
                    b'\\' => escaped = true,
                    b'"' => in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => in_string = true,
                b'[' | b'{' => {
                    depth += 1;
                    inside.get_or_insert(at + 1);
                }
                b']' | b'}' if depth <= 1 => break,
                b']' | b'}' => depth -= 1,
                b',' if depth == 1 => {
                    parts.push(Self { span: start..at + 1, inside: start.max(inside.unwrap_or(start)) });
                    start = at + 1;
                }
                _ => {}
            }
        }
        let inside = inside?;
        parts.push(Self { span: start..self.span.end, inside: start.max(inside) });
        Some(parts)
    }
}

fn pieces(mut text: &str) -> Vec<&str> {
    let mut pieces = Vec::with_capacity(text.len() / PIECE_BYTES + 1);
    while text.len() > PIECE_BYTES {
        let (piece, rest) = text.split_at(text.floor_char_boundary(PIECE_BYTES));
        pieces.push(piece);
        text = rest;
    }
    pieces.push(text);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(count: usize) -> String {
        let rows: Vec<_> = (0..count).map(|id| format!("{{\"id\":{id},\"tags\":[\"a,b\",\"]\\\"\"]}}")).collect();
        format!("[{}]", rows.join(","))
    }

    #[test]
    fn ordinary_text_is_read_by_lines_that_keep_their_breaks() {
        let units = Units::of("a\r\nb\rc\n\nd");
        assert_eq!((units.kind, units.texts), (UnitKind::Line, vec!["a\r\n", "b\rc\n", "\n", "d"]));
        assert!(Units::of("").texts.is_empty());
        assert_eq!(Units::of(&rows(3)).kind, UnitKind::Line);
        assert_eq!(Units::of(&format!("{}\n", "x".repeat(3_000)).repeat(50)).kind, UnitKind::Line);
    }

    #[test]
    fn minified_json_is_read_by_the_items_of_its_largest_container() {
        let text = rows(500);
        let units = Units::of(&text);
        assert_eq!((units.kind, units.texts.len()), (UnitKind::Item, 500));
        assert_eq!(units.texts[1], "{\"id\":1,\"tags\":[\"a,b\",\"]\\\"\"]},");
        let wrapped = format!("{{\"ok\":true,\"data\":{{\"rows\":{text}}},\"next\":null}}");
        let units = Units::of(&wrapped);
        assert_eq!(units.texts.len(), 502);
        assert_eq!(units.texts[0], "{\"ok\":true,");
        assert!(units.texts[1].starts_with("\"data\":{\"rows\":[{\"id\":0,"));
        assert_eq!(units.texts.concat(), wrapped);
    }

    #[test]
    fn any_other_giant_line_is_read_in_pieces() {
        let text = "日本語🎈".repeat(3_000);
        let units = Units::of(&text);
        assert_eq!(units.kind, UnitKind::Piece);
        assert_eq!(units.texts.concat(), text);
        assert!(units.texts.iter().all(|piece| piece.len() <= PIECE_BYTES));
    }

    #[test]
    fn broken_and_hostile_text_is_still_joined_by_its_units() {
        let started = std::time::Instant::now();
        for text in [
            "[".repeat(2_000_000),
            "[[],".repeat(500_000),
            "{\"".repeat(1_000_000),
            format!("[{}", "\"\\".repeat(1_000_000)),
            format!("[{}", "]".repeat(1_000_000)),
            format!("[1,{}", "é,".repeat(1_000_000)),
            "\n".repeat(2_000_000),
            " ".repeat(2_000_000),
        ] {
            assert_eq!(Units::of(&text).texts.concat(), text);
        }
        assert!(started.elapsed().as_secs() < 20);
    }
}
