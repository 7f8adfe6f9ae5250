//! The margins that every line of a text shares, written once.

use crate::detect::ContentKind;
use crate::transform::{Context, Fit, Outcome, Part, Transform, TransformError};

/// Writes the indentation and the right padding that all lines share in one line at the top, and takes them off the
/// lines.
///
/// Screen captures and fixed-width listings pad every line to one column; nested output indents every line. Both cost
/// a token or two a line and say nothing. Lines of blanks only stay as they are, inside and around the text.
///
/// Declines when an agent may quote the text back in an edit, when the lines share no margin, and on its own output.
/// Nothing is lost: [`Transform::decode`] gives the same bytes.
///
/// ```text
///     host   state                  [whitespace left out: 4 spaces before each line, spaces after it to column 20]
///     web-1  ready           →      host   state
///     web-2  gone                   web-1  ready
///                                   web-2  gone
/// ```
///
/// # Sources
/// Margins of at most 1,000 columns and a sample of 4 KB for the first look: chosen by hand.
pub struct Whitespace;

const HEADER: &str = "[whitespace left out: ";
const BEFORE: &str = " before each line";
const AFTER: &str = "spaces after it to column ";
/// Wider margins are left alone, so that decoding a foreign text cannot ask for gigabytes.
const MAX_COLUMN: usize = 1000;
const SAMPLE_BYTES: usize = 4096;

impl Transform for Whitespace {
    fn name(&self) -> &'static str {
        "whitespace"
    }

    fn fit(&self, part: &Part<'_>) -> Fit {
        // The sample ends at the end of a line, because half a line has no right margin.
        let sample = part.text.char_indices().find(|(at, char)| *char == '\n' && *at >= SAMPLE_BYTES);
        let sample = &part.text[..sample.map_or(part.text.len(), |(at, _)| at)];
        let foreign = part.quotable || part.text.starts_with(HEADER);
        if foreign || Margins::of(sample).is_none() { Fit::No } else { Fit::Yes(ContentKind::Text, 0.1) }
    }

    fn apply<'a>(&self, part: &Part<'a>, _: &mut Context<'a>) -> Result<Outcome, TransformError> {
        let Some(margins) = Margins::of(part.text).filter(|_| !part.quotable && !part.text.starts_with(HEADER)) else {
            return Ok(Outcome::Unchanged);
        };
        let lines = map_lines(part.text, |line, out| out.push_str(margins.strip(line)));
        Ok(Outcome::Lossless(format!("{}\n{lines}", margins.header())))
    }

    fn decode(&self, encoded: &str) -> Option<String> {
        let (header, lines) = encoded.split_once('\n')?;
        let margins = Margins::read(header)?;
        Some(map_lines(lines, |line, out| margins.restore(line, out)))
    }
}

/// Rewrites every line that is more than blanks; the others, and the line breaks, stay.
fn map_lines(text: &str, rewrite: impl Fn(&str, &mut String)) -> String {
    let mut out = String::with_capacity(text.len());
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
        }
        if is_blank(line) { out.push_str(line) } else { rewrite(line, &mut out) }
    }
    out
}

fn is_blank(line: &str) -> bool {
    line.bytes().all(|byte| matches!(byte, b' ' | b'\t'))
}

/// What all lines share: `indent` times `blank` on the left, spaces up to `column` on the right (0: none).
#[derive(Debug, PartialEq)]
struct Margins {
    blank: char,
    indent: usize,
    column: usize,
}

impl Margins {
    /// The margins of at least two lines; `None` when there are none.
    fn of(text: &str) -> Option<Self> {
        let mut lines = text.split('\n').filter(|line| !is_blank(line)).peekable();
        let first = *lines.peek()?;
        let blank = if first.starts_with('\t') { '\t' } else { ' ' };
        let mut margins = Self { blank, indent: usize::MAX, column: first.chars().count() };
        let (mut count, mut padded) = (0, false);
        for line in lines {
            let indent = line.bytes().take(margins.indent).take_while(|byte| char::from(*byte) == blank).count();
            margins.indent = margins.indent.min(indent);
            if margins.column > 0 && line.chars().count() != margins.column {
                margins.column = 0;
            }
            if margins.indent == 0 && margins.column == 0 {
                return None;
            }
            padded |= line.ends_with(' ');
            count += 1;
        }
        margins.column = if padded { margins.column } else { 0 };
        (count >= 2 && (margins.indent > 0 || margins.column > 0)).then_some(margins)?.bounded()
    }

    fn bounded(self) -> Option<Self> {
        (self.indent <= MAX_COLUMN && self.column <= MAX_COLUMN).then_some(self)
    }

    fn strip<'a>(&self, line: &'a str) -> &'a str {
        let line = &line[self.indent..];
        if self.column > 0 { line.trim_end_matches(' ') } else { line }
    }

    fn restore(&self, line: &str, out: &mut String) {
        let width = self.indent + if self.column > 0 { line.chars().count() } else { 0 };
        out.extend(std::iter::repeat_n(self.blank, self.indent));
        out.push_str(line);
        out.extend(std::iter::repeat_n(' ', self.column.saturating_sub(width)));
    }

    fn header(&self) -> String {
        let unit = if self.blank == '\t' { "tabs" } else { "spaces" };
        let after = if self.column > 0 { format!(", {AFTER}{}", self.column) } else { String::new() };
        format!("{HEADER}{} {unit}{BEFORE}{after}]", self.indent)
    }

    fn read(header: &str) -> Option<Self> {
        let (before, after) = header.strip_prefix(HEADER)?.strip_suffix(']')?.split_once(BEFORE)?;
        let (indent, unit) = before.split_once(' ')?;
        let blank = match unit {
            "tabs" => '\t',
            "spaces" => ' ',
            _ => return None,
        };
        let column = match after.strip_prefix(", ") {
            Some(after) => after.strip_prefix(AFTER)?.parse().ok()?,
            None => 0,
        };
        Self { blank, indent: indent.parse().ok()?, column }.bounded()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transforms::testing::{declines, encode};

    #[test]
    fn writes_the_shared_margins_once_and_gives_the_bytes_back() {
        let screen = "    host   state    \n    web-1  ready    \n\n    wéb-2  gone     \n    \n";
        let encoded = encode(&Whitespace, screen);
        let header = "[whitespace left out: 4 spaces before each line, spaces after it to column 20]";
        assert_eq!(encoded, format!("{header}\nhost   state\nweb-1  ready\n\nwéb-2  gone\n    \n"));
        assert_eq!(Whitespace.decode(&encoded).as_deref(), Some(screen));
    }

    #[test]
    fn keeps_what_is_deeper_than_the_shared_indentation() {
        let encoded = encode(&Whitespace, "\tif x:\n\t\tgo()  \n\telse:");
        assert_eq!(encoded, "[whitespace left out: 1 tabs before each line]\nif x:\n\tgo()  \nelse:");
    }

    #[test]
    fn declines_without_margins_and_on_its_own_output_and_on_text_to_quote() {
        for text in ["", "\n \n", "  one line", "a  \nbcd \n", "  a\nb", "[whitespace left out: x\n[w"] {
            assert!(declines(&Whitespace, text), "{text:?}");
        }
        let quotable = Part { text: "  a\n  b", tool: None, quotable: true };
        assert_eq!(Whitespace.fit(&quotable), Fit::No);
    }

    #[test]
    fn a_foreign_header_is_not_decoded() {
        for text in ["[whitespace left out: x]\na", "[whitespace left out: 2 feet before each line]\na", "a\nb", ""] {
            assert_eq!(Whitespace.decode(text), None, "{text:?}");
        }
    }
}
