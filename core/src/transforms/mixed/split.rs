//! Where a text changes its kind.

use crate::json::Document;

/// A part of a text. All pieces together are the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    pub(super) text: &'a str,
    /// Whether it is something to compress, not a tag, a heading or a note of the tool.
    pub(super) is_content: bool,
}

/// Lines of a tool around what it gives, at most, on each side.
const MAX_FRAME_LINES: usize = 6;

/// Longer lines are content.
const MAX_FRAME_LINE_BYTES: usize = 120;

/// Shorter JSON belongs to the text around it.
const MIN_JSON_BYTES: usize = 1024;

/// Deeper JSON belongs to the text around it.
const MAX_JSON_DEPTH: usize = 64;

/// So many lines may look like the start of JSON and be none, before no more are looked at: time stays linear.
const MAX_FALSE_STARTS: usize = 16;

/// Tags of documents whose content is not to be taken apart here.
const DOCUMENT_TAGS: [&str; 6] = ["html", "head", "body", "svg", "xml", "svg:svg"];

/// Splits a text; a text of one kind is one piece.
pub(super) fn split(text: &str) -> Vec<Piece<'_>> {
    let (start, end) = frame(text);
    let mut pieces = Vec::new();
    push(&mut pieces, &text[..start], false);
    sections(&text[start..end], &mut pieces);
    push(&mut pieces, &text[end..], false);
    pieces
}

fn push<'a>(pieces: &mut Vec<Piece<'a>>, text: &'a str, is_content: bool) {
    if !text.is_empty() {
        pieces.push(Piece { text, is_content });
    }
}

/// Where the content between the lines of a tool starts and ends.
fn frame(text: &str) -> (usize, usize) {
    let mut start = 0;
    for line in text.split_inclusive('\n').take(MAX_FRAME_LINES) {
        if !is_opening(line, &text[start + line.len()..]) {
            break;
        }
        start += line.len();
    }
    let mut end = text.len();
    for _ in 0..MAX_FRAME_LINES {
        let rest = &text[start..end];
        let body = rest.strip_suffix('\n').unwrap_or(rest);
        let line = memchr::memrchr(b'\n', body.as_bytes()).map_or(0, |at| at + 1);
        if !is_closing(&rest[line..], &text[..start]) {
            break;
        }
        end = start + line;
    }
    (start, end)
}

/// Whether a line announces what follows: a tag that is closed later, a tag with its content, a note of the tool.
fn is_opening(line: &str, rest: &str) -> bool {
    let line = line.trim();
    if line.len() > MAX_FRAME_LINE_BYTES {
        return false;
    }
    if let Some(name) = tag(line) {
        // Only the end is looked at, so that time stays linear.
        let from = rest.floor_char_boundary(rest.len().saturating_sub(1024));
        return rest[from..].lines().any(|line| closes(line.trim(), name));
    }
    is_whole_element(line) || is_note(line)
}

fn is_closing(line: &str, opening: &str) -> bool {
    let line = line.trim();
    let closes_one = || opening.lines().filter_map(|open| tag(open.trim())).any(|name| closes(line, name));
    line.len() <= MAX_FRAME_LINE_BYTES && (closes_one() || is_whole_element(line))
}

/// The name in `<name>`, unless it is one of a document.
fn tag(line: &str) -> Option<&str> {
    let name = line.strip_prefix('<')?.strip_suffix('>')?;
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-:".contains(&byte));
    (is_name && !DOCUMENT_TAGS.iter().any(|known| known.eq_ignore_ascii_case(name))).then_some(name)
}

fn closes(line: &str, name: &str) -> bool {
    line.strip_prefix("</").and_then(|line| line.strip_suffix('>')) == Some(name)
}

/// `<name>something short</name>`
fn is_whole_element(line: &str) -> bool {
    let Some((open, rest)) = line.split_once('>') else { return false };
    let Some((content, close)) = rest.rsplit_once("</") else { return false };
    tag(&[open, ">"].concat()).is_some_and(|name| close.strip_suffix('>') == Some(name)) && !content.contains('<')
}

/// Words with which tools head what they ran: `Exit code: 0`, `Wall time: 0.1 seconds`, `Output:`.
///
/// # Sources
/// The results of shell tools of public coding agents.
const NOTES: [&str; 13] = [
    "exit code",
    "exit status",
    "return code",
    "wall time",
    "process exited with code",
    "command",
    "output",
    "stdout",
    "stderr",
    "result",
    "chunk id",
    "total output lines",
    "original token count",
];

fn is_note(line: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    let line = lower.trim_start_matches(['[', '#', ' ']);
    NOTES.iter().any(|note| {
        let number =
            |rest: &str| rest.strip_prefix(' ').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        line.strip_prefix(note).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', ']']) || number(rest))
    })
}

/// Splits at headings of files, then at JSON.
fn sections<'a>(text: &'a str, pieces: &mut Vec<Piece<'a>>) {
    let mut start = 0;
    let mut at = 0;
    // A heading stands at the start or behind an empty line.
    while let Some(found) = memchr::memmem::find(&text.as_bytes()[at..], b"==> ") {
        let heading = at + found;
        let end = memchr::memchr(b'\n', &text.as_bytes()[heading..]).map_or(text.len(), |length| heading + length + 1);
        at = end;
        let is_heading = (heading == 0 || text[..heading].ends_with("\n\n"))
            && end - heading <= 2 * MAX_FRAME_LINE_BYTES
            && text[heading..end].trim_end().ends_with(" <==");
        if is_heading {
            json(&text[start..heading], pieces);
            push(pieces, &text[heading..end], false);
            start = end;
        }
    }
    json(&text[start..], pieces);
}

/// Splits where JSON values begin and end.
fn json<'a>(text: &'a str, pieces: &mut Vec<Piece<'a>>) {
    let mut start = 0;
    let mut at = 0;
    let mut false_starts = 0;
    while at < text.len() && false_starts < MAX_FALSE_STARTS {
        let line_end = memchr::memchr(b'\n', &text.as_bytes()[at..]).map_or(text.len(), |length| at + length + 1);
        if !text[at..].starts_with(['{', '[']) {
            at = line_end;
            continue;
        }
        // Values that follow one another are one text.
        let mut end = at;
        while let Some(length) = json_end(&text[end..]) {
            end += length;
        }
        if end == at {
            false_starts += usize::from(!is_usual_start(&text[at..line_end]));
            end = line_end;
        } else if end - at >= MIN_JSON_BYTES {
            push(pieces, &text[start..at], true);
            push(pieces, &text[at..end], true);
            start = end;
        }
        at = end;
    }
    push(pieces, &text[start..], true);
}

/// A line such as `[INFO] done` or `[12:00:01] start` is refused at its first bytes and costs nothing.
fn is_usual_start(line: &str) -> bool {
    line.starts_with('[') && line[1..].starts_with(|first: char| first.is_ascii_alphanumeric())
}

/// The length of the JSON value, up to the end of its last line, at the start of a text.
fn json_end(text: &str) -> Option<usize> {
    let second = text.strip_prefix(['{', '['])?.trim_start().as_bytes().first()?;
    if !matches!(second, b'"' | b'{' | b'[' | b'}' | b']' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') {
        return None;
    }
    let (_, length) = Document::parse_prefix(text, MAX_JSON_DEPTH).ok()?;
    let line = memchr::memchr(b'\n', &text.as_bytes()[length..]).map_or(text.len(), |rest| length + rest + 1);
    text[length..line].trim().is_empty().then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<(&str, bool)> {
        split(text).into_iter().map(|piece| (piece.text, piece.is_content)).collect()
    }

    #[test]
    fn tags_and_notes_of_a_tool_are_apart() {
        assert_eq!(
            texts("<returncode>0</returncode>\n<output>\na\nb\n</output>\n"),
            [("<returncode>0</returncode>\n<output>\n", false), ("a\nb\n", true), ("</output>\n", false)]
        );
        assert_eq!(
            texts("Chunk ID: 5f\nWall time: 0.1 seconds\nProcess exited with code 0\nOutput:\na\n"),
            [("Chunk ID: 5f\nWall time: 0.1 seconds\nProcess exited with code 0\nOutput:\n", false), ("a\n", true)]
        );
        assert_eq!(
            texts("Process exited with code 0\nOriginal token count: 4144\nOutput:\na\n"),
            [("Process exited with code 0\nOriginal token count: 4144\nOutput:\n", false), ("a\n", true)]
        );
    }

    #[test]
    fn documents_and_tags_that_stay_open_are_not() {
        for text in ["<html>\na\n</html>", "<output>\na\nb", "<a href=x>\nb\n</a>", "a\nb", "Outputs:\n", "=> x"] {
            assert_eq!(texts(text), [(text, true)]);
        }
    }

    #[test]
    fn files_of_head_and_tail_are_apart() {
        assert_eq!(
            texts("==> a.rs <==\nfn a() {}\n\n==> b.rs <==\nx ==> y <==\n"),
            [("==> a.rs <==\n", false), ("fn a() {}\n\n", true), ("==> b.rs <==\n", false), ("x ==> y <==\n", true)]
        );
    }

    #[test]
    fn large_json_on_lines_of_its_own_is_apart() {
        let json = format!("[\n{}\n]", vec!["\"0123456789\""; 100].join(",\n"));
        let text = format!("before\n{json}\nafter {{\n");
        assert_eq!(texts(&text), [("before\n", true), (&text[7..7 + json.len() + 1], true), ("after {\n", true)]);
        for whole in [format!("before\n{json} and more\n"), json, "a\n[1]\nb\n[INFO] x\n".to_owned()] {
            assert_eq!(texts(&whole).len(), 1, "{whole}");
        }
    }

    #[test]
    fn all_pieces_are_the_text() {
        for text in ["", "\n", "<a>\n</a>", "==> ", "==> é <==\n", "[\n[\n{\n", "<a>\n<a>\n</a>\n</a>\n"] {
            assert_eq!(split(text).iter().map(|piece| piece.text).collect::<String>(), text);
        }
    }
}
