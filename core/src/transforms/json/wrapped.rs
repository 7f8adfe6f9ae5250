//! JSON in a string of other JSON, as tools and servers wrap their results.

use std::ops::Range;

use crate::json::{Cursor, Document, Kind, encode_string};

use super::table::Rows;

/// How many lists and objects may be around the string.
const MAX_AROUND: usize = 6;

/// A string of fewer bytes is left as it is.
const MIN_BYTES: usize = 400;

/// A string that is most of a JSON text and holds JSON itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrapped {
    /// Where the string stands, with its quotes.
    pub(super) span: Range<usize>,
    /// What it says.
    pub(super) text: String,
}

impl Wrapped {
    /// Looks along the largest members. `None` when there is no such string, or when it is not spelt in the usual way,
    /// with quotes, backslashes and control characters escaped alone.
    pub(super) fn of(document: &Document<'_>) -> Option<Self> {
        let mut value = document.root();
        for _ in 0..MAX_AROUND {
            value = largest(value)?;
            if value.raw().len() * 2 < document.source().len() || value.raw().len() < MIN_BYTES {
                return None;
            }
            if value.kind() == Kind::String {
                let text = value.as_str()?.into_owned();
                let mut again = String::with_capacity(value.raw().len());
                encode_string(&text, &mut again);
                let holds_json = text.trim_start().starts_with(['{', '[']);
                return (holds_json && again == value.raw()).then(|| Self { span: value.span(), text });
            }
        }
        None
    }
}

fn largest(value: Cursor<'_>) -> Option<Cursor<'_>> {
    // The first of the largest.
    Rows::of(value)
        .map(|row| row.value)
        .reduce(|best, value| if value.raw().len() > best.raw().len() { value } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_string_that_is_most_of_a_result_is_found() {
        let rows = vec!["{\"id\": 1, \"name\": \"x\"}"; 40].join(",\n");
        let mut string = String::new();
        encode_string(&format!("[{rows}]"), &mut string);
        let text = format!("{{\"content\": [{{\"type\": \"text\", \"text\": {string}}}], \"isError\": false}}");
        let document = Document::parse(&text, 64).expect("JSON");
        let wrapped = Wrapped::of(&document).expect("a string");
        assert_eq!(&text[wrapped.span.clone()], string);
        assert_eq!(wrapped.text, format!("[{rows}]"));
    }

    #[test]
    fn other_strings_are_left_alone() {
        let prose = format!("{{\"text\": \"{}\"}}", "many words ".repeat(100));
        let odd = format!("{{\"text\": \"[{}]\"}}", "\\u0041,".repeat(100));
        for text in [prose.as_str(), odd.as_str(), "[]", "[\"[]\"]", "{}"] {
            assert_eq!(Wrapped::of(&Document::parse(text, 64).expect("JSON")), None, "{text}");
        }
    }
}
