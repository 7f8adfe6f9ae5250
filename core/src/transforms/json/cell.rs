//! How a value is written in a cell of a table, and how a key is written in its header.

use std::borrow::Cow;

/// What lines of a sample that are no rows start with.
const LINES: [&str; 2] = ["computed over ", "columns not shown: "];

/// Appends a string whose content, escapes as they are, is `content`: bare where nothing else reads the same, else as
/// JSON. `in_text_column` says that the header marks every cell of the column as a string.
pub(super) fn write_string(content: &str, in_text_column: bool, out: &mut String) {
    if is_bare(content, in_text_column) {
        out.push_str(content);
    } else {
        out.push('"');
        out.push_str(content);
        out.push('"');
    }
}

/// Whether a string needs no quotes in a cell: it reads neither as JSON nor as a sign of the table. Control characters, tabs among them, are always escaped in JSON.
pub(super) fn is_bare(content: &str, in_text_column: bool) -> bool {
    let bytes = content.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    if matches!(first, b'"' | b'=' | b' ' | b'@' | b'[' | b']' | b'}') || *last == b' ' || content.ends_with('…') {
        return false;
    }
    if LINES.iter().any(|line| content.starts_with(line)) {
        return false;
    }
    in_text_column || !reads_as_json(content)
}

/// Whether a string needs quotes unless the header marks every cell of the column as a string.
pub(super) fn is_bare_only_as_text(content: &str) -> bool {
    reads_as_json(content) && is_bare(content, true)
}

fn reads_as_json(content: &str) -> bool {
    content.starts_with(['{', '(']) || is_literal(content)
}

/// Whether a cell reads as a number, `true`, `false` or `null`.
pub(super) fn is_literal(text: &str) -> bool {
    match text.as_bytes().first() {
        Some(b'-' | b'0'..=b'9') => is_number(text.as_bytes()),
        Some(b't' | b'f' | b'n') => matches!(text, "true" | "false" | "null"),
        _ => false,
    }
}

/// The JSON source of a cell that is a whole value.
pub(super) fn read(cell: &str, in_text_column: bool) -> Cow<'_, str> {
    let as_json = if in_text_column {
        cell.starts_with('"')
    } else {
        matches!(cell.as_bytes().first(), Some(b'"' | b'{' | b'[')) || is_literal(cell)
    };
    if as_json { Cow::Borrowed(cell) } else { Cow::Owned(format!("\"{cell}\"")) }
}

/// Whether a number has the grammar of RFC 8259.
fn is_number(bytes: &[u8]) -> bool {
    let digits = |mut at: usize| {
        while matches!(bytes.get(at), Some(b'0'..=b'9')) {
            at += 1;
        }
        at
    };
    let start = usize::from(bytes.first() == Some(&b'-'));
    let mut at = match bytes.get(start) {
        Some(b'0') => start + 1,
        Some(b'1'..=b'9') => digits(start),
        _ => return false,
    };
    if bytes.get(at) == Some(&b'.') {
        let end = digits(at + 1);
        if end == at + 1 {
            return false;
        }
        at = end;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let start = at + 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let end = digits(start);
        if end == start {
            return false;
        }
        at = end;
    }
    at == bytes.len()
}

/// Appends a key, given as JSON source: bare where the header's own signs are not in it.
pub(super) fn write_key(raw: &str, out: &mut String) {
    let content = raw.get(1..raw.len() - 1).unwrap_or("");
    let is_bare = !content.is_empty()
        && !content.starts_with([' ', '@'])
        && !content.ends_with(' ')
        && !content
            .bytes()
            .any(|byte| matches!(byte, b'.' | b'"' | b'=' | b'[' | b']' | b'{' | b'}' | b',' | b':' | b'\\' | b'~'));
    out.push_str(if is_bare { content } else { raw });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_reads_as_another_type_is_quoted() {
        for content in ["1", "-0.5e+9", "true", "null", "", "{", "[]", "(1)", "=x", " x", "x ", "@1", "]", "x…"] {
            assert!(!is_bare(content, false), "{content}");
        }
        for content in ["01", "1.", "-", "1e", "nulls", "2024-05-24", "22km NNE of Hualian, Taiwan", "\\\"x"] {
            assert!(is_bare(content, false), "{content}");
        }
        assert!(is_bare("1", true));
        for content in ["[3/9 rows shown", "]", "}", "computed over all 9: x", "columns not shown: x", "and so on…"] {
            assert!(!is_bare(content, true), "{content}");
        }
        assert!(!is_bare("", true));
    }

    proptest! {
        #[test]
        fn a_cell_reads_back_as_the_string_it_was(content in "[^\"\\\\\\x00-\\x1f]{0,6}|-?[0-9.eE+]{0,5}|null", text in any::<bool>()) {
            let mut out = String::new();
            write_string(&content, text, &mut out);
            prop_assert_eq!(read(&out, text).into_owned(), format!("\"{content}\""));
        }

        #[test]
        fn numbers_are_what_serde_json_takes(text in "-?[0-9]{0,2}(\\.[0-9]{0,2})?([eE][+-]?[0-9]{0,2})?") {
            prop_assert_eq!(is_number(text.as_bytes()), crate::json::Document::parse(&text, 0).is_ok());
        }
    }
}
