//! A text that says what a changed tree says, with the old bytes wherever nothing changed.

use std::collections::{HashMap, VecDeque};

use serde_json::{Map, Value};

use super::cursor::{Cursor, Kind};
use super::document::Document;
use super::string::encode_string;
use super::value::VALUE_DEPTH;

/// Rewrites `source`, which `before` was read from, so that it says `after`.
///
/// Only what differs is written anew. Numbers such as `1e400`, spellings, key order and spacing of everything else
/// survive; members and items that were added take the separators of their neighbours; items that moved in a list take
/// their bytes along. An object with duplicate keys is written anew as a whole when it differs. A `source` that is not
/// JSON, or that `before` was not read from, gives `after` in full.
///
/// # Examples
/// ```
/// use serde_json::json;
/// let source = r#"{"n": 1.0, "text": "old"}"#;
/// let patched = headroom_core::json::patch(source, &json!({"n": 1.0, "text": "old"}), &json!({"n": 1.0, "text": "new"}));
/// assert_eq!(patched, r#"{"n": 1.0, "text": "new"}"#);
/// ```
#[must_use]
pub fn patch(source: &str, before: &Value, after: &Value) -> String {
    let mut out = String::with_capacity(source.len());
    match Document::parse(source, usize::MAX) {
        Ok(document) => {
            let root = document.root();
            out.push_str(&source[..root.span().start]);
            out.push_str(&patch_value(source, root, before, after));
            out.push_str(&source[root.span().end..]);
        }
        Err(_) => out.push_str(&after.to_string()),
    }
    out
}

/// As [`patch`] for one value of a document that is read already: what to write at the value's span.
pub(crate) fn patch_value(source: &str, old: Cursor<'_>, before: &Value, after: &Value) -> String {
    let mut out = String::with_capacity(old.span().len());
    Writer { source, out: &mut out }.value(old, before, after, 0);
    out
}

struct Writer<'a> {
    source: &'a str,
    out: &'a mut String,
}

impl<'a> Writer<'a> {
    /// Recursion ends at [`VALUE_DEPTH`], below which a difference is written anew as a whole.
    fn value(&mut self, old: Cursor<'a>, before: &Value, after: &Value, depth: usize) {
        match (before, after) {
            _ if depth == VALUE_DEPTH || old.is_empty() && before == after => self.whole(old, before, after),
            (Value::Array(before), Value::Array(after)) if old.kind() == Kind::Array && old.len() == before.len() => {
                self.list(old, before, after, depth + 1);
            }
            (Value::Object(before), Value::Object(after)) if matches(old, before) => {
                self.object(old, before, after, depth + 1);
            }
            _ => self.whole(old, before, after),
        }
    }

    fn whole(&mut self, old: Cursor<'a>, before: &Value, after: &Value) {
        if before == after {
            self.out.push_str(old.raw());
        } else {
            self.out.push_str(&after.to_string());
        }
    }

    fn list(&mut self, old: Cursor<'a>, before: &[Value], after: &[Value], depth: usize) {
        let items: Vec<_> = old.items().collect();
        let frame = Frame::new(self.source, old, items.iter().map(Cursor::span));
        let front = before.iter().zip(after).take_while(|(a, b)| a == b).count();
        let (old_rest, new_rest) = (&before[front..], &after[front..]);
        let back = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(a, b)| a == b).count();
        let old_middle = &old_rest[..old_rest.len() - back];
        let new_middle = &new_rest[..new_rest.len() - back];
        let aligned = old_middle.len() == new_middle.len();
        let mut moved = if aligned && old_middle.len() == 1 { HashMap::new() } else { places(old_middle) };

        self.out.push_str(frame.open(after.len()));
        for (index, value) in after.iter().enumerate() {
            if index > 0 {
                self.out.push_str(frame.separator(index));
            }
            if index < front {
                self.out.push_str(items[index].raw());
            } else if index >= after.len() - back {
                self.out.push_str(items[index + before.len() - after.len()].raw());
            } else if let Some(place) =
                (!moved.is_empty()).then(|| moved.get_mut(&value.to_string())?.pop_front()).flatten()
            {
                self.out.push_str(items[front + place].raw());
            } else if aligned {
                self.value(items[index], &before[index], value, depth);
            } else {
                self.out.push_str(&value.to_string());
            }
        }
        self.out.push_str(frame.close(after.len()));
    }

    fn object(&mut self, old: Cursor<'a>, before: &Map<String, Value>, after: &Map<String, Value>, depth: usize) {
        let members: Vec<_> = old.members().collect();
        let spans = members.iter().map(|(key, value)| key.span().start..value.span().end);
        let frame = Frame::new(self.source, old, spans);
        let same_keys = before.len() == after.len() && before.keys().eq(after.keys());
        // Members and `before` are in the same order, as `matches` has checked.
        let places: HashMap<_, _> = if same_keys {
            HashMap::new()
        } else {
            before.keys().enumerate().map(|(place, key)| (key.as_str(), place)).collect()
        };
        let colon = members.first().map_or(":", |(key, value)| &self.source[key.span().end..value.span().start]);

        self.out.push_str(frame.open(after.len()));
        for (index, (key, value)) in after.iter().enumerate() {
            if index > 0 {
                self.out.push_str(frame.separator(index));
            }
            let place = if same_keys { Some(index) } else { places.get(key.as_str()).copied() };
            if let (Some(place), Some(was)) = (place, before.get(key)) {
                let (name, member) = members[place];
                self.out.push_str(&self.source[name.span().start..member.span().start]);
                self.value(member, was, value, depth);
            } else {
                encode_string(key, self.out);
                self.out.push_str(colon);
                self.out.push_str(&value.to_string());
            }
        }
        self.out.push_str(frame.close(after.len()));
    }
}

/// Whether an object of the source has exactly the keys of a tree's object, in the same order, each once.
fn matches(old: Cursor<'_>, before: &Map<String, Value>) -> bool {
    old.kind() == Kind::Object
        && old.len() == before.len()
        && old.members().zip(before.keys()).all(|((name, _), key)| name.is_string(key))
}

/// Where each value stands, by its text. Only looked up, never walked.
fn places(values: &[Value]) -> HashMap<String, VecDeque<usize>> {
    let mut places: HashMap<String, VecDeque<usize>> = HashMap::with_capacity(values.len());
    for (place, value) in values.iter().enumerate() {
        places.entry(value.to_string()).or_default().push_back(place);
    }
    places
}

/// The bytes of a list or an object around its children.
struct Frame<'a> {
    open: &'a str,
    separators: Vec<&'a str>,
    close: &'a str,
    raw: &'a str,
}

impl<'a> Frame<'a> {
    fn new(source: &'a str, old: Cursor<'a>, children: impl Iterator<Item = std::ops::Range<usize>>) -> Self {
        let span = old.span();
        let mut gaps = Vec::with_capacity(old.len() + 1);
        let mut position = span.start;
        for child in children {
            gaps.push(&source[position..child.start]);
            position = child.end;
        }
        let close = &source[position..span.end];
        let mut gaps = gaps.into_iter();
        Self { open: gaps.next().unwrap_or_default(), separators: gaps.collect(), close, raw: old.raw() }
    }

    /// What stands before the first of `count` children.
    fn open(&self, count: usize) -> &'a str {
        if self.open.is_empty() || count == 0 { &self.raw[..1] } else { self.open }
    }

    /// What stands before child `index`.
    fn separator(&self, index: usize) -> &'a str {
        self.separators.get(index - 1).or(self.separators.first()).copied().unwrap_or(",")
    }

    /// What stands behind the last of `count` children.
    fn close(&self, count: usize) -> &'a str {
        if self.open.is_empty() || count == 0 { &self.raw[self.raw.len() - 1..] } else { self.close }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Value {
        Document::parse(text, 127).unwrap().root().to_value().unwrap()
    }

    fn changed(source: &str, change: impl FnOnce(&mut Value)) -> String {
        let before = read(source);
        let mut after = before.clone();
        change(&mut after);
        patch(source, &before, &after)
    }

    const SOURCE: &str = r#" { "a" : [ 1.0, 1e400 ,{"n":1180591620717411303424, "t":"\u00e9"} ],
  "b":"x" } "#;

    #[test]
    fn no_change_gives_the_same_bytes() {
        assert_eq!(changed(SOURCE, |_| ()), SOURCE);
        for source in ["[ ]", "{ }", " 1.0 ", "{\"a\":1,\"a\":2}", "[[ 1 ] ]"] {
            assert_eq!(changed(source, |_| ()), source);
        }
    }

    #[test]
    fn a_changed_leaf_changes_only_itself() {
        assert_eq!(changed(SOURCE, |value| value["a"][2]["t"] = json!("new")), SOURCE.replace(r"\u00e9", "new"));
        assert_eq!(changed(SOURCE, |value| value["b"] = json!([1])), SOURCE.replace("\"x\"", "[1]"));
    }

    #[test]
    fn added_and_removed_members_leave_the_others() {
        let added = changed(SOURCE, |value| value["c"] = json!(true));
        assert_eq!(added, SOURCE.replace("\"x\"", "\"x\",\n  \"c\" : true"));
        let removed = changed(SOURCE, |value| value.as_object_mut().unwrap().retain(|key, _| key == "a"));
        assert_eq!(removed, SOURCE.replace(",\n  \"b\":\"x\"", ""));
        assert_eq!(changed("{ }", |value| value["a"] = json!(1)), "{\"a\":1}");
        assert_eq!(changed("{ \"a\": 1 }", |value| *value = json!({})), "{}");
    }

    #[test]
    fn items_keep_their_bytes_wherever_they_move() {
        let source = "[1e400, {\"a\":1.0} , 2,3 ]";
        assert_eq!(
            changed(source, |value| value.as_array_mut().unwrap().insert(0, json!("new"))),
            "[\"new\", 1e400 , {\"a\":1.0},2, 3 ]"
        );
        assert_eq!(changed(source, |value| value.as_array_mut().unwrap().reverse()), "[3, 2 , {\"a\":1.0},1e400 ]");
        assert_eq!(changed(source, |value| value.as_array_mut().unwrap().truncate(1)), "[1e400 ]");
        assert_eq!(changed(source, |value| value[1]["a"] = json!(2)), source.replace("1.0", "2"));
        assert_eq!(changed("[]", |value| value.as_array_mut().unwrap().push(json!(1))), "[1]");
    }

    #[test]
    fn an_object_with_duplicate_keys_changes_as_a_whole_or_not_at_all() {
        let source = r#"[{"a":1.0,"a":1e400}, 1E0]"#;
        assert_eq!(changed(source, |value| value[1] = json!(2)), r#"[{"a":1.0,"a":1e400}, 2]"#);
        assert_eq!(changed(source, |value| value[0]["a"] = json!(2)), r#"[{"a":2}, 1E0]"#);
    }

    #[test]
    fn a_source_that_is_not_the_tree_gives_the_new_tree() {
        assert_eq!(patch("nonsense", &json!(1), &json!({"a": 1})), r#"{"a":1}"#);
        assert_eq!(patch("[1,2,3]", &json!([1]), &json!([2])), "[2]");
    }

    fn tree() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![Just(Value::Null), (0_i64..4).prop_map(Into::into), "[a\n\"]{0,2}".prop_map(Into::into)];
        leaf.prop_recursive(4, 24, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
                proptest::collection::vec(("[a-d]", inner), 0..5)
                    .prop_map(|members| members.into_iter().collect::<Map<_, _>>().into()),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_patched_text_says_what_the_new_tree_says(before in tree(), after in tree(), pretty in any::<bool>()) {
            let source = if pretty { format!("{before:#}") } else { before.to_string() };
            prop_assert_eq!(&read(&patch(&source, &before, &after)), &after);
            prop_assert_eq!(patch(&source, &before, &before), source);
        }
    }
}
