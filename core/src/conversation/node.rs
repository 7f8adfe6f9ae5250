//! A value of the caller's data, wherever it lives.

use std::ops::Range;
use std::sync::Arc;

use super::block::Text;
use crate::json::{Cursor, Kind, Member, OwnedDocument};

/// A value of the caller's data: a span of JSON bytes, a live Python object.
///
/// One walk serves them all, so every method is cheap, and nothing is converted before it is asked for.
pub trait Node: Clone {
    /// What the value is. Values that JSON does not have are nearest to [`Kind::Null`]: the walk leaves them alone.
    fn kind(&self) -> Kind;

    /// What the value is, in words for an error. Default: the kind.
    fn describe(&self) -> String {
        self.kind().to_string()
    }

    /// The member of an object under a key; missing when the value is no object.
    fn get(&self, key: &'static str) -> Member<Self>;

    /// How many items a list has; 0 for everything else.
    fn len(&self) -> usize;

    /// Whether a list has no items; true for everything else.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// An item of a list.
    fn item(&self, index: usize) -> Option<Self>;

    /// The items of a list in order; none for everything else. Default: one [`Node::item`] after the other.
    fn items(&self) -> impl Iterator<Item = Self> {
        (0..self.len()).filter_map(|index| self.item(index))
    }

    /// The text of a string, shared with where it lives; `None` for everything else, and for a string that holds half
    /// of a surrogate pair.
    fn text(&self) -> Option<Text>;

    /// Reads a short string such as a role in place; `None` as for [`Node::text`].
    fn read<R>(&self, read: impl FnOnce(&str) -> R) -> Option<R> {
        self.text().map(|text| read(&text))
    }

    /// Whether the value is the boolean `true`.
    fn is_true(&self) -> bool;

    /// The value as JSON without spaces and with characters written as themselves, so that one value gives one text
    /// wherever it lives. Serves as a tool call's arguments.
    fn json(&self) -> String;
}

/// A value of a JSON document.
#[derive(Debug, Clone)]
pub struct JsonNode<'d> {
    source: &'d Arc<str>,
    cursor: Cursor<'d>,
}

impl<'d> JsonNode<'d> {
    /// The whole document.
    #[must_use]
    pub fn root(document: &'d OwnedDocument) -> Self {
        Self { source: document.source(), cursor: document.root() }
    }

    /// Where the value stands.
    #[must_use]
    pub fn cursor(&self) -> Cursor<'d> {
        self.cursor
    }

    fn with(&self, cursor: Cursor<'d>) -> Self {
        Self { source: self.source, cursor }
    }
}

impl Node for JsonNode<'_> {
    fn kind(&self) -> Kind {
        self.cursor.kind()
    }

    fn get(&self, key: &'static str) -> Member<Self> {
        self.cursor.get(key).map(|cursor| self.with(cursor))
    }

    fn len(&self) -> usize {
        if self.kind() == Kind::Array { self.cursor.len() } else { 0 }
    }

    fn item(&self, index: usize) -> Option<Self> {
        self.cursor.items().nth(index).map(|cursor| self.with(cursor))
    }

    fn items(&self) -> impl Iterator<Item = Self> {
        self.cursor.items().map(|cursor| self.with(cursor))
    }

    fn text(&self) -> Option<Text> {
        match self.cursor.plain_span() {
            Some(span) => Some(Text::new(Slice { source: Arc::clone(self.source), span })),
            None => self.cursor.as_str().map(|text| Text::new(text.into_owned())),
        }
    }

    fn read<R>(&self, read: impl FnOnce(&str) -> R) -> Option<R> {
        self.cursor.as_str().map(|text| read(&text))
    }

    fn is_true(&self) -> bool {
        self.cursor.is_true()
    }

    fn json(&self) -> String {
        self.cursor.minified()
    }
}

/// A part of a shared text.
struct Slice {
    source: Arc<str>,
    span: Range<usize>,
}

impl AsRef<str> for Slice {
    fn as_ref(&self) -> &str {
        &self.source[self.span.clone()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_without_escapes_stays_where_it_is() {
        let document = OwnedDocument::parse(r#"["plain","a\nb","\ud800",1]"#, 9).unwrap();
        let items: Vec<_> = JsonNode::root(&document).items().collect();
        let plain = items[0].text().unwrap();
        assert_eq!(&*plain, "plain");
        assert_eq!(plain.as_ptr(), document.source()[2..].as_ptr());
        assert_eq!(items[1].text().as_deref(), Some("a\nb"));
        assert!(items[2].text().is_none() && items[3].text().is_none());
        assert_eq!(items[1].read(str::len), Some(3));
    }

    #[test]
    fn only_lists_have_items() {
        let document = OwnedDocument::parse(r#"{"a":[1,2]}"#, 9).unwrap();
        let root = JsonNode::root(&document);
        assert_eq!((root.len(), root.items().count()), (0, 0));
        let list = root.get("a").one().unwrap();
        assert_eq!((list.len(), list.item(1).unwrap().json().as_str(), list.item(2).is_none()), (2, "2", true));
    }
}
