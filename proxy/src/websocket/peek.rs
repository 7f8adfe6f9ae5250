//! What a message says that the relay needs to know, read without the rest.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer as _, Error as _, IgnoredAny, MapAccess, Visitor};

use super::lanes::Lane;

/// The `type` of a JSON object. Nothing behind it is read: most messages have it in front.
pub(super) fn kind(json: &[u8]) -> Option<String> {
    let mut found = None;
    // The reading ends with an error as soon as it is found.
    let _ = serde_json::Deserializer::from_slice(json).deserialize_map(Search(&mut found));
    found
}

struct Search<'f>(&'f mut Option<String>);

impl<'de> Visitor<'de> for Search<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a type")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(name) = members.next_key::<String>()? {
            if name == "type" {
                *self.0 = Some(members.next_value()?);
                return Err(A::Error::custom("found"));
            }
            members.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

/// The lane that a message names.
pub(super) fn lane(json: &[u8]) -> Lane {
    #[derive(Deserialize)]
    struct Named {
        stream_id: String,
    }
    // Few messages have one, and looking for the name is much faster than reading.
    memchr::memmem::find(json, b"stream_id")?;
    serde_json::from_slice(json).ok().map(|named: Named| named.stream_id)
}

/// The id of the `response` that a message is about.
pub(super) fn response_id(json: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct About {
        response: Named,
    }
    #[derive(Deserialize)]
    struct Named {
        id: String,
    }
    serde_json::from_slice(json).ok().map(|about: About| about.response.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_is_found_wherever_it_stands_and_only_at_the_top() {
        for (json, expected) in [
            (r#"{"type":"response.create","input":[]}"#, Some("response.create")),
            (r#" { "input" : [{"type":"x"}], "typ\u0065" : "a\/b" } "#, Some("a/b")),
            (r#"{"type":"a","type":"b"}"#, Some("a")),
            (r#"{"type":"a", nonsense"#, Some("a")),
            (r#"{"type":7}"#, None),
            (r#"{"response":{"type":"a"}}"#, None),
            (r#"["type","a"]"#, None),
            ("", None),
            ("\u{feff}{}", None),
        ] {
            assert_eq!(kind(json.as_bytes()).as_deref(), expected, "{json}");
        }
        assert_eq!(kind(b"{\"type\":\"\xff\"}"), None);
    }

    #[test]
    fn the_id_is_that_of_the_response() {
        let id = |json: &str| response_id(json.as_bytes());
        assert_eq!(id(r#"{"type":"x","response":{"output":[{"id":"i"}],"id":"r"},"id":"e"}"#).as_deref(), Some("r"));
        assert_eq!((id(r#"{"id":"e","response":{}}"#), id("[]"), id(r#"{"response":null}"#)), (None, None, None));
    }

    #[test]
    fn a_lane_is_named_at_the_top() {
        let lane = |json: &str| lane(json.as_bytes());
        assert_eq!(lane(r#"{"type":"x","response":{"stream_id":"no"},"stream_id":"a"}"#).as_deref(), Some("a"));
        for json in [r#"{"response":{"stream_id":"no"}}"#, r#"{"stream_id":7}"#, r#"{"stream_id":"a""#, "{}"] {
            assert_eq!(lane(json), None, "{json}");
        }
    }
}
