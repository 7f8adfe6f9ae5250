//! A text and its tape.

use std::fmt;
use std::sync::Arc;

use super::cursor::{Cursor, Items};
use super::scan::{Entry, ParseError, Scanner};

/// A JSON text, checked as a whole, with the place of every value.
///
/// Costs 8 bytes a scalar or key and 16 a list or object. Accepts what RFC 8259 accepts, escapes of lone surrogates and
/// numbers of any size included.
#[derive(Clone)]
pub struct Document<'d> {
    source: &'d str,
    entries: Vec<Entry>,
}

impl<'d> Document<'d> {
    /// Reads a text that is one value. `max_depth` is how many lists and objects may be nested in one another; 0 lets
    /// only scalars through.
    ///
    /// # Errors
    /// [`ParseError`] when the text is not JSON, is nested deeper, or has 4 GiB or more.
    ///
    /// # Examples
    /// ```
    /// use headroom_core::json::Document;
    /// let document = Document::parse(r#"{"size": 1e400}"#, 128)?;
    /// assert_eq!(document.root().get("size").one().map(|size| size.raw()), Some("1e400"));
    /// # Ok::<(), headroom_core::json::ParseError>(())
    /// ```
    pub fn parse(source: &'d str, max_depth: usize) -> Result<Self, ParseError> {
        let mut scanner = Scanner::new(source, max_depth)?;
        scanner.value()?;
        scanner.finish()?;
        Ok(Self { source, entries: scanner.into_entries() })
    }

    /// Reads one value at the start of a text, after white space, and gives the offset behind it. What follows is not
    /// looked at: in `01` the value is `0`.
    ///
    /// # Errors
    /// [`ParseError`] as for [`Document::parse`].
    pub fn parse_prefix(source: &'d str, max_depth: usize) -> Result<(Self, usize), ParseError> {
        let mut scanner = Scanner::new(source, max_depth)?;
        scanner.value()?;
        let end = scanner.position();
        Ok((Self { source, entries: scanner.into_entries() }, end))
    }

    /// Reads one value a line, ended by `\n` or `\r\n`. Lines of white space are skipped.
    ///
    /// # Errors
    /// [`ParseError`] as for [`Document::parse`], with the offset from the start of the text; also when no line has a
    /// value.
    pub fn parse_lines(source: &'d str, max_depth: usize) -> Result<Self, ParseError> {
        let mut scanner = Scanner::new(source, max_depth)?;
        let mut start = 0;
        for newline in memchr::memchr_iter(b'\n', source.as_bytes()).chain([source.len()]) {
            scanner.limit(start, newline);
            if !scanner.at_end() {
                scanner.value()?;
                scanner.finish()?;
            }
            start = newline + 1;
        }
        let entries = scanner.into_entries();
        if entries.is_empty() {
            // The same answer as for an empty text.
            return Self::parse(source, max_depth);
        }
        Ok(Self { source, entries })
    }

    /// The text.
    #[must_use]
    pub fn source(&self) -> &'d str {
        self.source
    }

    /// The value; of several lines the first.
    #[must_use]
    pub fn root(&self) -> Cursor<'_> {
        Cursor::new(self.source, &self.entries, 0)
    }

    /// The value of every line; the only value of any other document.
    #[must_use]
    pub fn roots(&self) -> Items<'_> {
        Items::new(self.source, &self.entries, 0, self.entries.len())
    }
}

/// The length of the text says enough.
impl fmt::Debug for Document<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Document({} bytes)", self.source.len())
    }
}

/// A [`Document`] that owns its text.
#[derive(Clone)]
pub struct OwnedDocument {
    source: Arc<str>,
    entries: Vec<Entry>,
}

impl OwnedDocument {
    /// Reads a text as [`Document::parse`] does.
    ///
    /// # Errors
    /// [`ParseError`] as there.
    pub fn parse(source: impl Into<Arc<str>>, max_depth: usize) -> Result<Self, ParseError> {
        let source = source.into();
        let entries = Document::parse(&source, max_depth)?.entries;
        Ok(Self { source, entries })
    }

    /// The text.
    #[must_use]
    pub fn source(&self) -> &Arc<str> {
        &self.source
    }

    /// The value.
    #[must_use]
    pub fn root(&self) -> Cursor<'_> {
        Cursor::new(&self.source, &self.entries, 0)
    }
}

/// The length of the text says enough.
impl fmt::Debug for OwnedDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OwnedDocument({} bytes)", self.source.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_behind_its_value() {
        let (document, end) = Document::parse_prefix(" {\"a\":[1]} and more", 8).unwrap();
        assert_eq!(end, 10);
        assert_eq!(document.root().raw(), "{\"a\":[1]}");
        assert_eq!(Document::parse_prefix("12,3", 8).unwrap().1, 2);
        assert!(Document::parse_prefix("  ", 8).is_err());
    }

    #[test]
    fn lines_are_values_of_one_document() {
        let text = "{\"a\":1}\r\n\n[2,[3]]\n \"x\" ";
        let document = Document::parse_lines(text, 8).unwrap();
        let raw: Vec<_> = document.roots().map(|root| root.raw()).collect();
        assert_eq!(raw, ["{\"a\":1}", "[2,[3]]", "\"x\""]);
        assert_eq!(document.roots().count(), 3);
    }

    #[test]
    fn a_value_stays_in_its_line() {
        assert_eq!(Document::parse_lines("1\n[2,\n3]", 8).unwrap_err().offset, 5);
        assert_eq!(Document::parse_lines("1\n2 3", 8).unwrap_err().offset, 4);
        assert!(Document::parse_lines("\n \r\n", 8).is_err());
    }
}
