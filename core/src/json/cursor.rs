//! A place on the tape, and the ways from it.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use super::scan::Entry;
use super::string;

/// What a JSON value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// A number of any size.
    Number,
    /// A string.
    String,
    /// A list.
    Array,
    /// An object.
    Object,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Bool => "a boolean",
            Self::Number => "a number",
            Self::String => "a string",
            Self::Array => "a list",
            Self::Object => "an object",
        })
    }
}

/// The member of an object under a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member<T> {
    /// No member has the key, or the value is not an object.
    Missing,
    /// One member has it.
    One(T),
    /// Several members have it; readers differ in which one they take.
    Duplicate,
}

impl<T> Member<T> {
    /// The value if exactly one member has the key.
    #[must_use]
    pub fn one(self) -> Option<T> {
        match self {
            Self::One(value) => Some(value),
            Self::Missing | Self::Duplicate => None,
        }
    }

    /// The member with its value changed.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Member<U> {
        match self {
            Self::Missing => Member::Missing,
            Self::One(value) => Member::One(change(value)),
            Self::Duplicate => Member::Duplicate,
        }
    }
}

/// One value of a document.
#[derive(Clone, Copy)]
pub struct Cursor<'d> {
    source: &'d str,
    entries: &'d [Entry],
    at: usize,
}

impl<'d> Cursor<'d> {
    pub(super) fn new(source: &'d str, entries: &'d [Entry], at: usize) -> Self {
        Self { source, entries, at }
    }

    /// What the value is; its first byte says so.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.source.as_bytes()[self.entries[self.at].first as usize] {
            b'"' => Kind::String,
            b'{' => Kind::Object,
            b'[' => Kind::Array,
            b't' | b'f' => Kind::Bool,
            b'n' => Kind::Null,
            _ => Kind::Number,
        }
    }

    /// Whether the value is the literal `true`.
    #[must_use]
    pub fn is_true(&self) -> bool {
        self.raw() == "true"
    }

    /// Where the value stands in the text, in bytes.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        let Entry { first, second } = self.entries[self.at];
        first as usize..second as usize
    }

    /// The value as it is written.
    #[must_use]
    pub fn raw(&self) -> &'d str {
        &self.source[self.span()]
    }

    /// The string; `None` when the value is none, or when it holds half of a surrogate pair, which no `str` can.
    /// Borrows when nothing in it is escaped.
    #[must_use]
    pub fn as_str(&self) -> Option<Cow<'d, str>> {
        self.as_content().and_then(string::decode)
    }

    /// Where the content of a string stands, between the quotes, when nothing in it is escaped.
    #[must_use]
    pub fn plain_span(&self) -> Option<Range<usize>> {
        let content = self.as_content()?;
        let span = self.span();
        memchr::memchr(b'\\', content.as_bytes()).is_none().then_some(span.start + 1..span.end - 1)
    }

    /// What stands between the quotes of a string.
    fn as_content(&self) -> Option<&'d str> {
        self.raw().strip_prefix('"')?.strip_suffix('"')
    }

    /// How many items or members a list or an object has; 0 for everything else.
    #[must_use]
    pub fn len(&self) -> usize {
        if self.is_container() { self.entries[self.at + 1].second as usize } else { 0 }
    }

    /// Whether [`Cursor::len`] is 0.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The items of a list, in order; none for everything else.
    #[must_use]
    pub fn items(&self) -> Items<'d> {
        let (from, to) = if self.kind() == Kind::Array { (self.at + 2, self.behind()) } else { (0, 0) };
        Items::new(self.source, self.entries, from, to)
    }

    /// The members of an object, keys and values, in order, duplicates included; none for everything else.
    #[must_use]
    pub fn members(&self) -> Members<'d> {
        let (from, to) = if self.kind() == Kind::Object { (self.at + 2, self.behind()) } else { (0, 0) };
        Members(Items::new(self.source, self.entries, from, to))
    }

    /// The member of an object under a key, however the key is spelt. Looks at every key once.
    #[must_use]
    pub fn get(&self, key: &str) -> Member<Self> {
        let mut found = Member::Missing;
        for (name, value) in self.members() {
            if name.is_string(key) {
                match found {
                    Member::Missing => found = Member::One(value),
                    Member::One(_) | Member::Duplicate => return Member::Duplicate,
                }
            }
        }
        found
    }

    /// Whether the value is this string, however it is spelt.
    #[must_use]
    pub fn is_string(&self, text: &str) -> bool {
        let [b'"', content @ .., b'"'] = self.raw().as_bytes() else { return false };
        // An escape is longer than what it stands for.
        content == text.as_bytes()
            || content.len() > text.len()
                && memchr::memchr(b'\\', content).is_some()
                && self.as_str().as_deref() == Some(text)
    }

    fn is_container(&self) -> bool {
        matches!(self.kind(), Kind::Array | Kind::Object)
    }

    /// The tape index behind the value and everything in it.
    fn behind(&self) -> usize {
        if self.is_container() { self.entries[self.at + 1].first as usize } else { self.at + 1 }
    }
}

impl fmt::Debug for Cursor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {:?}", self.kind(), self.span())
    }
}

/// Values that follow one another on the tape.
#[derive(Debug, Clone)]
pub struct Items<'d> {
    source: &'d str,
    entries: &'d [Entry],
    next: usize,
    end: usize,
}

impl<'d> Items<'d> {
    pub(super) fn new(source: &'d str, entries: &'d [Entry], next: usize, end: usize) -> Self {
        Self { source, entries, next, end }
    }
}

impl<'d> Iterator for Items<'d> {
    type Item = Cursor<'d>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.end {
            return None;
        }
        let cursor = Cursor::new(self.source, self.entries, self.next);
        self.next = cursor.behind();
        Some(cursor)
    }
}

/// Keys and values of an object.
#[derive(Debug, Clone)]
pub struct Members<'d>(Items<'d>);

impl<'d> Iterator for Members<'d> {
    type Item = (Cursor<'d>, Cursor<'d>);

    fn next(&mut self) -> Option<Self::Item> {
        Some((self.0.next()?, self.0.next()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Document;

    #[test]
    fn walks_over_children_without_entering_them() {
        let document = Document::parse(r#"{"a":[1,[2,{"b":3}],"x"],"c":{} , "d":null}"#, 9).unwrap();
        let root = document.root();
        let members: Vec<_> = root.members().map(|(key, value)| (key.raw(), value.raw())).collect();
        assert_eq!(members, [(r#""a""#, r#"[1,[2,{"b":3}],"x"]"#), (r#""c""#, "{}"), (r#""d""#, "null")]);
        assert_eq!(root.len(), 3);
        let list = root.get("a").one().unwrap();
        assert_eq!((list.kind(), list.len()), (Kind::Array, 3));
        assert_eq!(list.items().map(|item| item.kind()).collect::<Vec<_>>(), [Kind::Number, Kind::Array, Kind::String]);
        assert_eq!(root.items().count() + list.members().count(), 0);
        assert!(root.get("c").one().unwrap().is_empty());
    }

    #[test]
    fn finds_keys_however_they_are_spelt_and_tells_duplicates() {
        let document = Document::parse(r#"{"cont\u0065nt":1,"role":2,"r\u006fle":3,"x":4}"#, 9).unwrap();
        let root = document.root();
        assert_eq!(root.get("content").one().map(|value| value.raw()), Some("1"));
        assert!(matches!(root.get("role"), Member::Duplicate));
        assert!(matches!(root.get("missing"), Member::Missing));
        assert!(matches!(root.get("x").one().unwrap().get("y"), Member::Missing));
    }

    #[test]
    fn strings_are_borrowed_unless_something_is_escaped() {
        let document = Document::parse(r#"["plain é","a\nb","\ud83d\ude00","\ud83d",1]"#, 9).unwrap();
        let items: Vec<_> = document.root().items().collect();
        assert!(matches!(items[0].as_str(), Some(Cow::Borrowed("plain é"))));
        assert_eq!(items[0].plain_span(), Some(2..10));
        assert_eq!(items[1].as_str().as_deref(), Some("a\nb"));
        assert_eq!(items[1].plain_span(), None);
        assert_eq!(items[2].as_str().as_deref(), Some("😀"));
        assert_eq!(items[3].as_str(), None);
        assert_eq!(items[4].as_str(), None);
    }

    #[test]
    fn only_the_literal_is_true() {
        let document = Document::parse(r#"[true,false,"true",1]"#, 9).unwrap();
        assert_eq!(document.root().items().map(|item| item.is_true()).collect::<Vec<_>>(), [true, false, false, false]);
    }
}
