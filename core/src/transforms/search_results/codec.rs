//! The lossless form of matches with their path in front: each path once; and its decoder.

use super::parse::{Results, Style, numbered};
use crate::transforms::lines::Lines;

const HEAD: &str = "[matches by file, without loss: under \"== path\", N:text stands for path:N:text and N-text for \
                    path-N-text; \\: a plain line follows]";

const UNNUMBERED_HEAD: &str =
    "[matches by file, without loss: under \"== path\", text stands for path:text; \\: a plain line follows]";

/// Writes the lossless form; `None` for a style that has each path once already.
pub(super) fn encode(lines: &Lines<'_>, results: &Results<'_>) -> Option<String> {
    let head = match results.style {
        Style::Prefixed => HEAD,
        Style::Unnumbered => UNNUMBERED_HEAD,
        _ => return None,
    };
    let mut out = String::with_capacity(lines.span(0, lines.len()).len() / 2);
    out.push_str(head);
    let (mut entries, mut file) = (results.entries.iter().peekable(), None);
    for line in lines.iter() {
        out.push('\n');
        // Entries hold the lines that have a path, in order.
        let entry = entries.next_if(|entry| {
            let path = &*results.files[entry.file];
            line.len() == path.len() + 1 + entry.rest.len() && line.starts_with(path) && line.ends_with(&*entry.rest)
        });
        if let Some(entry) = entry {
            if file != Some(entry.file) {
                file = Some(entry.file);
                out.push_str("== ");
                out.push_str(&results.files[entry.file]);
                out.push('\n');
            }
            out.push_str(&entry.rest);
        } else {
            if line != "--" {
                out.push('\\');
            }
            out.push_str(line);
        }
    }
    Some(out)
}

/// Whether a text starts as the lossless form does.
pub(super) fn is_encoded(text: &str) -> bool {
    text.starts_with(HEAD) || text.starts_with(UNNUMBERED_HEAD)
}

/// The inverse of [`encode`]; `None` for a text of another form.
pub(super) fn decode(encoded: &str) -> Option<String> {
    let unnumbered = encoded.starts_with(UNNUMBERED_HEAD);
    let body = encoded.strip_prefix(if unnumbered { UNNUMBERED_HEAD } else { HEAD })?.strip_prefix('\n')?;
    let (mut out, mut path) = (String::with_capacity(body.len() * 2), "");
    for line in body.split('\n') {
        if let Some(next) = line.strip_prefix("== ") {
            path = next;
            continue;
        }
        if let Some(plain) = line.strip_prefix('\\') {
            out.push_str(plain);
        } else if line == "--" {
            out.push_str(line);
        } else {
            let is_match = unnumbered || numbered(line)?.1;
            out.push_str(path);
            out.push(if is_match { ':' } else { '-' });
            out.push_str(line);
        }
        out.push('\n');
    }
    out.pop();
    Some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::parse::read;
    use super::*;

    fn encoded(text: &str) -> Option<String> {
        let lines = Lines::of(text)?;
        encode(&lines, &read(text, &lines)?)
    }

    #[test]
    fn matches_and_context_come_back_byte_for_byte() {
        let text =
            "src/a.rs:1:x\nsrc/a.rs-2-y\n--\nsrc/b.rs:3:== z\nsrc/a.rs:9:\\w\nBinary file c matches\n\nsrc/b.rs:3:\r\n";
        let folded = encoded(text).unwrap();
        assert!(folded.contains("\n== src/a.rs\n1:x\n2-y\n--\n== src/b.rs\n3:== z\n"), "{folded}");
        assert_eq!(decode(&folded).as_deref(), Some(text));
        let text = "src/a.rs:x\nsrc/a.rs:12:y\nsrc/a.rs:\nsrc/b.rs:z\nsrc/b.rs:w\n--\nBinary file c matches";
        assert_eq!(decode(&encoded(text).unwrap()).as_deref(), Some(text));
    }

    #[test]
    fn other_text_is_not_decoded() {
        for text in ["", "x", HEAD, &format!("{HEAD}\n== a\nno number")] {
            assert_eq!(decode(text), None);
        }
    }

    proptest! {
        #[test]
        fn decoding_inverts_encoding(
            text in "((src/[ab]-1-\\.rs[:-]([0-9]{1,2}[:-]){0,1}|--|== |\\\\)[a-z:0-9-]{0,9}\n){0,30}",
        ) {
            if let Some(folded) = encoded(&text) {
                let decoded = decode(&folded);
                prop_assert_eq!(decoded.as_deref(), Some(&*text));
            }
        }

        #[test]
        fn decoding_anything_never_panics(body in "(==? |[0-9:\\\\-]|\\PC|\n){0,60}") {
            let _ = decode(&body);
            let _ = decode(&format!("{HEAD}\n{body}"));
        }
    }
}
