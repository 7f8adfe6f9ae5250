//! New bytes at spans of a text.

use std::ops::Range;

/// The text with every span replaced. Spans are in ascending order, do not overlap, and lie on character boundaries of
/// the text; what is not in a span stays as it is. Linear in what it writes.
///
/// # Panics
/// When spans do not keep that promise, which no text that a caller hands in can bring about.
///
/// # Examples
/// ```
/// let edits = [(1..2, "one".to_owned()), (3..3, "and ".to_owned())];
/// assert_eq!(headroom_core::json::splice("[1,2]", &edits), "[one,and 2]");
/// ```
#[must_use]
pub fn splice(source: &str, edits: &[(Range<usize>, String)]) -> String {
    let added: usize = edits.iter().map(|(_, text)| text.len()).sum();
    let removed: usize = edits.iter().map(|(span, _)| span.len()).sum();
    let mut out = String::with_capacity((source.len() + added).saturating_sub(removed));
    let mut position = 0;
    for (span, text) in edits {
        out.push_str(&source[position..span.start]);
        out.push_str(text);
        position = span.end;
    }
    out.push_str(&source[position..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_everything_outside_the_spans() {
        assert_eq!(splice("", &[]), "");
        assert_eq!(splice("añb", &[]), "añb");
        assert_eq!(splice("añb", &[(0..1, String::new()), (1..3, "nn".into()), (4..4, "!".into())]), "nnb!");
    }
}
