//! A span as a `serde_json::Value`, for code that wants a tree.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use super::cursor::{Cursor, Items, Kind, Members};
use super::string::{decode_lossy, encode_string};

/// How deep a value may be nested to become a [`Value`], whose own code is recursive.
///
/// # Sources
/// The limit of `serde_json` itself.
pub const VALUE_DEPTH: usize = 128;

/// A container that is being filled.
enum Frame<'d> {
    List(Items<'d>, Vec<Value>),
    Object(Members<'d>, Map<String, Value>, String),
}

impl Cursor<'_> {
    /// The value as a tree; `None` when it is nested deeper than [`VALUE_DEPTH`]. What a tree cannot hold is brought
    /// near: of duplicate keys the last counts, a number beyond `f64` becomes the largest one, half of a surrogate pair
    /// becomes U+FFFD.
    #[must_use]
    pub fn to_value(&self) -> Option<Value> {
        let mut frames: Vec<Frame<'_>> = Vec::new();
        let mut next = *self;
        loop {
            let mut done = match next.kind() {
                Kind::Null => Value::Null,
                Kind::Bool => Value::Bool(next.is_true()),
                Kind::Number => number(next.raw()),
                Kind::String => Value::String(lossy(&next).into_owned()),
                kind @ (Kind::Array | Kind::Object) => {
                    if frames.len() == VALUE_DEPTH {
                        return None;
                    }
                    frames.push(if kind == Kind::Array {
                        Frame::List(next.items(), Vec::with_capacity(next.len()))
                    } else {
                        Frame::Object(next.members(), Map::with_capacity(next.len()), String::new())
                    });
                    // Stands for "nothing done yet": the frame just pushed asks for its first child.
                    Value::Null
                }
            };
            let mut opened = matches!(next.kind(), Kind::Array | Kind::Object);
            next = loop {
                match frames.last_mut() {
                    None => return Some(done),
                    Some(Frame::List(items, values)) => {
                        if !opened {
                            values.push(std::mem::take(&mut done));
                        }
                        if let Some(item) = items.next() {
                            break item;
                        }
                        done = Value::Array(std::mem::take(values));
                    }
                    Some(Frame::Object(members, map, key)) => {
                        if !opened {
                            map.insert(std::mem::take(key), std::mem::take(&mut done));
                        }
                        if let Some((name, value)) = members.next() {
                            *key = lossy(&name).into_owned();
                            break value;
                        }
                        done = Value::Object(std::mem::take(map));
                    }
                }
                opened = false;
                frames.pop();
            };
        }
    }

    /// The value without white space between its tokens and with every string in its shortest spelling; numbers and
    /// strings with half of a surrogate pair stay as they are written. Two spellings of one value that differ only in
    /// spacing and escapes give the same text.
    #[must_use]
    pub fn minified(&self) -> String {
        let raw = self.raw();
        let mut out = String::with_capacity(raw.len());
        let mut rest = raw;
        while let Some(at) = rest.find(['"', ' ', '\n', '\r', '\t']) {
            out.push_str(&rest[..at]);
            rest = &rest[at..];
            if rest.starts_with('"') {
                let end = string_end(rest.as_bytes());
                match super::string::decode(&rest[1..end - 1]) {
                    Some(text) => encode_string(&text, &mut out),
                    None => out.push_str(&rest[..end]),
                }
                rest = &rest[end..];
            } else {
                rest = &rest[1..];
            }
        }
        out.push_str(rest);
        out
    }
}

/// The index behind the closing quote of the valid string that `bytes` begin with.
fn string_end(bytes: &[u8]) -> usize {
    let mut position = 1;
    loop {
        position = super::word::plain_end(bytes, position);
        match bytes.get(position) {
            Some(b'\\') => position += 2,
            _ => return bytes.len().min(position + 1),
        }
    }
}

fn lossy<'d>(cursor: &Cursor<'d>) -> Cow<'d, str> {
    let raw = cursor.raw();
    decode_lossy(&raw[1..raw.len() - 1])
}

fn number(raw: &str) -> Value {
    serde_json::from_str::<Number>(raw)
        .map_or_else(|_| Value::from(if raw.starts_with('-') { f64::MIN } else { f64::MAX }), Value::Number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::json::Document;

    #[test]
    fn is_the_tree_that_serde_json_reads() {
        for text in [
            "1",
            "[]",
            "{}",
            "[[],{}]",
            r#"{"a":[1,-2,1.0,1E5,18446744073709551615,1180591620717411303424],"b":{"c":null}}"#,
            r#"{"a":1,"b":2,"a":3}"#,
            r#"["\u00e9\n",true,false]"#,
            "-0",
            "-0.0",
            "[[[1],[2]],3]",
        ] {
            let expected: Value = serde_json::from_str(text).unwrap();
            assert_eq!(Document::parse(text, 9).unwrap().root().to_value(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_a_tree_cannot_hold_is_brought_near() {
        let document = Document::parse(r#"[1e400,-1e400,"a\ud800"]"#, 9).unwrap();
        assert_eq!(document.root().to_value(), Some(json!([f64::MAX, f64::MIN, "a\u{fffd}"])));
    }

    #[test]
    fn deeper_than_the_limit_is_no_tree() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let text = nested(VALUE_DEPTH);
        assert!(Document::parse(&text, usize::MAX).unwrap().root().to_value().is_some());
        let text = nested(VALUE_DEPTH + 1);
        assert!(Document::parse(&text, usize::MAX).unwrap().root().to_value().is_none());
    }

    #[test]
    fn spacing_and_escapes_do_not_show_in_the_minified_text() {
        let text = "{ \"a\\u00e9\" : [ 1.0 ,\t\"x \\\" \\/\" ],\n\"b\":\"\\ud800\" }";
        let document = Document::parse(text, 9).unwrap();
        assert_eq!(document.root().minified(), "{\"aé\":[1.0,\"x \\\" /\"],\"b\":\"\\ud800\"}");
        assert_eq!(Document::parse(" \"\\\\\" ", 9).unwrap().root().minified(), "\"\\\\\"");
    }
}
