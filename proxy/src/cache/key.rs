//! What must be the same for an answer to be given again.

use std::fmt;

use http::{HeaderMap, HeaderName, Method, header};
use sha2::{Digest as _, Sha256};

use crate::headers;

/// Headers that differ from one sending of a request to the next, or belong to the bytes on the wire. All others count,
/// credentials among them: what a header means to an upstream is not known here.
const PASSING: [&str; 14] = [
    "accept-encoding",
    "baggage",
    "connection",
    "content-encoding",
    "content-length",
    "date",
    "expect",
    "host",
    "idempotency-key",
    "traceparent",
    "tracestate",
    "transfer-encoding",
    "x-client-request-id",
    "x-request-id",
];

/// Beginning of the headers in which the SDKs of OpenAI and Anthropic tell of themselves and of their attempts.
const SDK: &str = "x-stainless-";

/// A request whose answer may be kept.
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a Method,
    /// The address of the upstream.
    pub(crate) upstream: &'a str,
    /// Path and query, which may hold a credential.
    pub(crate) target: &'a str,
    pub(crate) headers: &'a HeaderMap,
    /// The body as it is after `input_received`, out of its encodings.
    pub(crate) body: &'a str,
    /// The tools when an extension replaced them.
    pub(crate) tools: Option<String>,
    /// How requests are compressed.
    pub(crate) options: String,
}

/// A digest of everything that matters. Credentials are in it and cannot be read out of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key(pub(super) [u8; 32]);

impl Key {
    /// The key of a request; none when the client wants no kept answer.
    pub(crate) fn of(asked: &Asked<'_>) -> Option<Self> {
        if wants_none(asked.headers) {
            return None;
        }
        let mut digest = Sha256::new();
        let mut add = |part: &[u8]| {
            // With its length, so that no two lists of parts are the same bytes.
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        };
        add(asked.method.as_str().as_bytes());
        add(asked.upstream.as_bytes());
        add(asked.target.as_bytes());
        add(asked.options.as_bytes());
        let mut lines: Vec<_> = asked.headers.iter().filter(|(name, _)| counts(name)).collect();
        // The order of values of one name stays.
        lines.sort_by_key(|(name, _)| name.as_str());
        add(&(lines.len() as u64).to_le_bytes());
        for (name, value) in lines {
            add(name.as_str().as_bytes());
            add(value.as_bytes());
        }
        add(asked.tools.as_deref().unwrap_or_default().as_bytes());
        add(asked.body.as_bytes());
        Some(Self(digest.finalize().into()))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

fn counts(name: &HeaderName) -> bool {
    !headers::is_own(name) && !name.as_str().starts_with(SDK) && !PASSING.contains(&name.as_str())
}

/// Whether the client says that it wants no kept answer.
fn wants_none(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(','))
        .any(|word| ["no-cache", "no-store"].iter().any(|no| word.trim().eq_ignore_ascii_case(no)))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn key(change: impl FnOnce(&mut Asked<'_>), lines: &[(&'static str, &'static str)]) -> Option<Key> {
        let mut headers = HeaderMap::new();
        for (name, value) in [("authorization", "Bearer k"), ("accept", "a")].iter().chain(lines) {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let mut asked = Asked {
            method: &Method::POST,
            upstream: "https://a.example",
            target: "/v1/x",
            headers: &headers,
            body: "{}",
            tools: None,
            options: "{}".into(),
        };
        change(&mut asked);
        Key::of(&asked)
    }

    #[test]
    fn everything_that_an_upstream_may_look_at_counts() {
        let same = key(|_| {}, &[]);
        assert!(same.is_some());
        assert_ne!(key(|asked| asked.upstream = "https://b.example", &[]), same);
        assert_ne!(key(|asked| asked.target = "/v1/x?key=k", &[]), same);
        assert_ne!(key(|asked| asked.body = "{} ", &[]), same);
        assert_ne!(key(|asked| asked.tools = Some("[]".into()), &[]), same);
        assert_ne!(key(|asked| asked.options = String::new(), &[]), same);
        for line in [("authorization", "Bearer l"), ("x-api-key", "k"), ("cookie", "k"), ("anthropic-beta", "b")] {
            assert_ne!(key(|_| {}, &[line]), same, "{line:?}");
        }
        // Parts do not run into one another.
        assert_ne!(
            key(|asked| (asked.upstream, asked.target) = ("https://a.example/v1", "/x"), &[]),
            key(|asked| (asked.upstream, asked.target) = ("https://a.example", "/v1/x"), &[])
        );
    }

    #[test]
    fn what_differs_between_two_sendings_of_a_request_does_not_count() {
        let same = key(|_| {}, &[]);
        for line in [
            ("x-stainless-retry-count", "1"),
            ("idempotency-key", "i"),
            ("traceparent", "t"),
            ("x-headroom-session-id", "s"),
            ("accept-encoding", "br"),
        ] {
            assert_eq!(key(|_| {}, &[line]), same, "{line:?}");
        }
        for words in ["no-store", "max-age=0, No-Cache"] {
            assert_eq!(key(|_| {}, &[("cache-control", words)]), None);
        }
    }
}
