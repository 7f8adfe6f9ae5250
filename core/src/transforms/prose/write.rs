//! The shown pieces with labels of what is left out between them.

use std::fmt::Write as _;

use super::document::{Document, Piece};
use crate::transforms::lines::{NO_LABEL, is_like_label};

/// How a label inside of a line ends.
const SENTENCES_LABEL: [&str; 2] = [" sentence omitted]", " sentences omitted]"];

/// What is shown of a document.
pub(in crate::transforms) struct Written {
    pub(in crate::transforms) text: String,
    pub(in crate::transforms) shown: usize,
    pub(in crate::transforms) total: usize,
    pub(in crate::transforms) unit: &'static str,
}

/// How gaps of whole lines are labelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Labels {
    /// By the places of the lines in the text.
    Places,
    /// By their number, where the lines have other numbers or none in the original.
    Counts,
}

/// Writes the kept pieces verbatim and in order. `None` when a shown line reads like a label and must not be touched.
pub(super) fn write(document: &Document<'_>, keep: &[bool], quotable: bool, labels: Labels) -> Option<Written> {
    let mut out = String::new();
    let kept = |at: usize| keep.get(at).copied().unwrap_or_default();
    let pieces = &document.pieces;
    let line_of = |at: usize| pieces.get(at).map(|piece| piece.line);
    let mut at = 0;
    // The last piece of a text that ends with a line break is the empty line behind it.
    let end = pieces.iter().position(|piece| piece.line as usize >= document.line_count).unwrap_or(pieces.len());
    while at < end {
        let starts_line = at == 0 || line_of(at - 1) != line_of(at);
        if kept(at) {
            let text = piece_text(document, pieces.get(at));
            if is_label(text, starts_line) {
                if quotable || !starts_line || SENTENCES_LABEL.iter().any(|label| text.contains(label)) {
                    return None;
                }
                out.push_str(NO_LABEL);
            }
            out.push_str(text);
            at += 1;
            if line_of(at) != line_of(at - 1) {
                out.push('\n');
            }
            continue;
        }
        let gap_end = (at..end).find(|&at| kept(at)).unwrap_or(end);
        write_gap(document, &mut out, at, gap_end, labels);
        at = gap_end;
    }
    let is_filled = |piece: &Piece| !piece_text(document, Some(piece)).trim().is_empty();
    let (shown, total, unit) = if document.cut {
        let filled = pieces.iter().enumerate().filter(|(_, piece)| is_filled(piece));
        let (shown, total) = filled.fold((0, 0), |(shown, total), (at, _)| (shown + usize::from(kept(at)), total + 1));
        (shown, total, "lines and sentences")
    } else {
        ((0..end).filter(|&at| kept(at)).count(), document.line_count, "lines")
    };
    Some(Written { text: out, shown, total, unit })
}

/// Labels the pieces from `at` to before `end`: the rest of a line, whole lines, the start of a line.
fn write_gap(document: &Document<'_>, out: &mut String, at: usize, end: usize, labels: Labels) {
    let line_of = |at: usize| document.pieces.get(at).map(|piece| piece.line);
    let is_inside = |at: usize| at > 0 && line_of(at).is_some() && line_of(at - 1) == line_of(at);
    let ends_with_blank = |end: usize| end > 0 && piece_text(document, document.pieces.get(end - 1)).ends_with(' ');
    let mut from = at;
    if is_inside(at) {
        let rest = (at..end).take_while(|&piece| line_of(piece) == line_of(at)).count();
        from += rest;
        write_sentences(out, rest, is_inside(from) && ends_with_blank(from));
        if !is_inside(from) {
            out.push('\n');
        }
    }
    let head = if is_inside(end) && from < end {
        (from..end).rev().take_while(|&at| line_of(at) == line_of(end)).count()
    } else {
        0
    };
    let lines = from..end - head;
    let is_filled = |at: &usize| !piece_text(document, document.pieces.get(*at)).trim().is_empty();
    let filled = || lines.clone().filter(is_filled).filter(|&at| !is_inside(at)).count();
    if let (Some(first), Some(last)) = (line_of(lines.start), lines.end.checked_sub(1).and_then(line_of))
        && !lines.is_empty()
    {
        // Writing to a string cannot fail.
        let _ = match (labels, last - first, filled()) {
            // Blank lines between sentences that are left out are no gap of their own.
            (_, _, 0) => Ok(()),
            (Labels::Places, 0, _) => writeln!(out, "[line {} omitted]", first + 1),
            (Labels::Places, ..) => writeln!(out, "[lines {}-{} omitted]", first + 1, last + 1),
            (Labels::Counts, _, 1) => writeln!(out, "[1 line omitted]"),
            (Labels::Counts, _, more) => writeln!(out, "[{more} lines omitted]"),
        };
    }
    if head > 0 {
        write_sentences(out, head, ends_with_blank(end));
    }
}

/// A label inside of a line, with the blank behind it that was behind the sentences.
fn write_sentences(out: &mut String, count: usize, blank: bool) {
    let label = SENTENCES_LABEL[usize::from(count > 1)];
    // Writing to a string cannot fail.
    let _ = write!(out, "[{count}{label}{}", if blank { " " } else { "" });
}

fn piece_text<'a>(document: &Document<'a>, piece: Option<&Piece>) -> &'a str {
    piece.and_then(|piece| document.text.get(piece.start as usize..piece.end as usize)).unwrap_or_default()
}

fn is_label(text: &str, starts_line: bool) -> bool {
    (starts_line && (is_like_label(text) || is_count_label(text)))
        || SENTENCES_LABEL.iter().any(|label| text.contains(label))
}

/// `[12 lines omitted]`, by its start and its end.
fn is_count_label(line: &str) -> bool {
    line.trim_start().starts_with('[') && (line.contains(" lines omitted]") || line.contains(" line omitted]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a text with the pieces that hold one of the given words.
    fn written(text: &str, words: &[&str], labels: Labels) -> Option<String> {
        let document = Document::of(text, false).unwrap();
        let holds = |piece: &Piece| words.iter().any(|word| piece_text(&document, Some(piece)).contains(word));
        let keep: Vec<bool> = document.pieces.iter().map(holds).collect();
        write(&document, &keep, false, labels).map(|written| written.text)
    }

    fn long_line(words: [&str; 4]) -> String {
        words
            .map(|word| format!("The {word} sentence of this line is about as long as sentences are in most texts."))
            .join(" ")
    }

    #[test]
    fn gaps_say_where_they_are() {
        let text = "one\ntwo\nthree\nfour\nfive\n";
        assert_eq!(
            written(text, &["two", "five"], Labels::Places).unwrap(),
            "[line 1 omitted]\ntwo\n[lines 3-4 omitted]\nfive\n"
        );
        assert_eq!(written(text, &["two"], Labels::Counts).unwrap(), "[1 line omitted]\ntwo\n[3 lines omitted]\n");
    }

    #[test]
    fn gaps_inside_of_lines_count_sentences() {
        let (first, second) =
            (long_line(["first", "second", "third", "last"]), long_line(["other", "next", "further", "final"]));
        let text = format!("{first}\n\n{second}\nend\n");
        let found = written(&text, &["second", "further", "final", "end"], Labels::Places).unwrap();
        let sentence =
            |word: &str| format!("The {word} sentence of this line is about as long as sentences are in most texts.");
        assert_eq!(
            found,
            format!(
                "[1 sentence omitted] {} [2 sentences omitted]\n[2 sentences omitted] {} {}\nend\n",
                sentence("second"),
                sentence("further"),
                sentence("final")
            )
        );
    }

    #[test]
    fn lines_of_the_text_that_read_like_labels_are_set_off_or_left_alone() {
        let text = "[lines 3-9 omitted]\n[12 lines omitted]\nplain\n";
        assert_eq!(
            written(text, &["omitted", "plain"], Labels::Places).unwrap(),
            format!("{NO_LABEL}[lines 3-9 omitted]\n{NO_LABEL}[12 lines omitted]\nplain\n")
        );
        let document = Document::of(text, true).unwrap();
        assert!(write(&document, &[true, true, true, true], true, Labels::Places).is_none());
        assert!(written("a [2 sentences omitted] b\n", &["a"], Labels::Places).is_none());
    }
}
