//! Headers as extensions see and change them.

use headroom_core::conversation::Value;
use http::HeaderMap;
use http::header::{self, HeaderName, HeaderValue};
use serde_json::{Map, json};

/// What stands in the place of a credential.
const REDACTED: &str = "<redacted>";

/// Headers that belong to the connection or to the bytes of the body; the proxy alone sets them.
const NOT_THEIRS: [HeaderName; 5] =
    [header::HOST, header::CONTENT_LENGTH, header::CONTENT_ENCODING, header::TRANSFER_ENCODING, header::CONNECTION];

/// An object from name to value. Credentials are redacted; several values of a name are one with commas.
pub(crate) fn show(headers: &HeaderMap) -> Value {
    let mut shown = Map::new();
    for name in headers.keys() {
        let value = if is_credential(name.as_str()) {
            REDACTED.to_owned()
        } else {
            let values = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
            values.collect::<Vec<_>>().join(", ")
        };
        shown.insert(name.as_str().to_owned(), json!(value));
    }
    Value::json(shown.into())
}

/// Puts what an extension changed into the headers; everything else stays as it came.
pub(super) fn take_over(headers: &mut HeaderMap, before: &Value, after: &Value) {
    if before.is_same(after) {
        return;
    }
    let (Ok(before), Ok(after)) = (before.to_json(), after.to_json()) else { return };
    let (Some(before), Some(after)) = (before.as_object(), after.as_object()) else {
        log::warn!(target: "headroom.pipeline", "headers: expected an object from name to value, found something else");
        return;
    };
    for name in before.keys().filter(|name| !after.contains_key(*name)) {
        set(headers, name, None);
    }
    for (name, value) in after {
        if before.get(name) == Some(value) || value == REDACTED {
            continue;
        }
        match value {
            serde_json::Value::Null => set(headers, name, None),
            serde_json::Value::String(text) => set(headers, name, Some(text)),
            other => {
                let found = if other.is_number() { "a number" } else { "something else" };
                log::warn!(target: "headroom.pipeline", "headers.{name}: expected a string, found {found}; it is ignored");
            }
        }
    }
}

fn set(headers: &mut HeaderMap, name: &str, value: Option<&str>) {
    let ignored = |why: &str| log::warn!(target: "headroom.pipeline", "headers.{name:?}: {why}; it is ignored");
    let Ok(known) = name.parse::<HeaderName>() else { return ignored("expected the name of a header") };
    if NOT_THEIRS.contains(&known) {
        return ignored("this header is the proxy's own business");
    }
    let Some(text) = value else {
        headers.remove(known);
        return;
    };
    match HeaderValue::from_str(text) {
        Ok(mut value) => {
            value.set_sensitive(is_credential(known.as_str()));
            headers.insert(known, value);
        }
        // The value may be a secret, so it is not repeated.
        Err(_) => ignored("expected a value of visible characters"),
    }
}

/// Whether a header holds a secret, by its name.
///
/// # Sources
/// The headers of the providers and of common gateways; the endings are chosen by hand so that others are caught too.
fn is_credential(name: &str) -> bool {
    let words = ["authorization", "cookie", "api-key", "apikey", "token", "secret", "password", "credential"];
    words.iter().any(|word| name.contains(word)) || name.ends_with("-key")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn changed(headers: &HeaderMap, change: impl FnOnce(&mut Map<String, serde_json::Value>)) -> HeaderMap {
        let before = show(headers);
        let mut after = before.to_json().unwrap().as_object().unwrap().clone();
        change(&mut after);
        let mut headers = headers.clone();
        take_over(&mut headers, &before, &Value::json(after.into()));
        headers
    }

    #[test]
    fn credentials_are_redacted_and_put_back_when_untouched() {
        let headers = map(&[
            ("authorization", "Bearer k"),
            ("x-api-key", "k"),
            ("x-goog-api-key", "k"),
            ("cookie", "c"),
            ("accept", "a"),
            ("accept", "b"),
        ]);
        let shown = show(&headers).to_json().unwrap();
        assert_eq!(
            shown.to_string(),
            r#"{"authorization":"<redacted>","x-api-key":"<redacted>","x-goog-api-key":"<redacted>","cookie":"<redacted>","accept":"a, b"}"#
        );
        let added = changed(&headers, |after| drop(after.insert("x-team".into(), json!("red"))));
        let mut expected = headers;
        expected.insert("x-team", HeaderValue::from_static("red"));
        assert_eq!(added, expected);
    }

    #[test]
    fn a_credential_may_be_replaced_and_a_header_removed() {
        let headers = map(&[("authorization", "Bearer k"), ("accept", "a"), ("x-old", "1")]);
        let left = changed(&headers, |after| {
            after.insert("Authorization".into(), json!("Bearer new"));
            after.remove("accept");
            after.insert("x-old".into(), json!(null));
        });
        assert_eq!(left, map(&[("authorization", "Bearer new")]));
    }

    #[test]
    fn what_an_extension_must_not_or_cannot_set_is_ignored() {
        let headers = map(&[("host", "a"), ("content-length", "3"), ("accept", "a")]);
        let left = changed(&headers, |after| {
            after.insert("host".into(), json!("evil.example"));
            after.remove("content-length");
            after.insert("bad name".into(), json!("x"));
            after.insert("x-split".into(), json!("a\r\nx: y"));
            after.insert("x-number".into(), json!(1));
        });
        assert_eq!(left, headers);
    }
}
