//! Which headers go on and which end here.

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue};

/// Beginning of the names that are between a client and the proxy.
const OWN: &str = "x-headroom-";

/// Headers of one connection, not of the message.
///
/// # Sources
/// RFC 9110 §7.6.1; `proxy-connection` and `keep-alive` are older.
const HOP_BY_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Takes out the headers of a connection, also those that `Connection` names.
pub(crate) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(header::CONNECTION) {
        let named: Vec<HeaderName> = headers
            .get_all(header::CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|name| name.trim().parse().ok())
            .collect();
        for name in named {
            headers.remove(name);
        }
    }
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
}

/// Leaves what an upstream gets: without the headers of the connection, the proxy's own name, and what is for the proxy.
pub(crate) fn strip_for_upstream(headers: &mut HeaderMap) {
    strip_hop_by_hop(headers);
    headers.remove(header::HOST);
    // The server has answered it already.
    headers.remove(header::EXPECT);
    while let Some(name) = headers.keys().find(|name| is_own(name)).cloned() {
        headers.remove(name);
    }
}

/// Whether a header is between a client and the proxy.
pub(crate) fn is_own(name: &HeaderName) -> bool {
    name.as_str().starts_with(OWN)
}

/// The value of a header as trimmed text; none when it is missing, empty or no visible ASCII.
pub(crate) fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().map(str::trim).filter(|text| !text.is_empty())
}

/// Whether the client wants its request to pass untouched: `x-headroom-bypass: true` or `x-headroom-mode: passthrough`.
pub(crate) fn is_bypass(headers: &HeaderMap) -> bool {
    let any = |name: &str, wanted: &str| {
        let is = |value: &HeaderValue| value.to_str().is_ok_and(|text| text.trim().eq_ignore_ascii_case(wanted));
        headers.get_all(name).iter().any(is)
    };
    any("x-headroom-bypass", "true") || any("x-headroom-mode", "passthrough")
}

/// Bytes of names and values together, with the four that every line of HTTP/1 has beside them.
pub(crate) fn size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn an_upstream_gets_the_headers_of_the_message_only() {
        let mut headers = map(&[
            ("host", "127.0.0.1"),
            ("connection", "keep-alive, X-Hop"),
            ("x-hop", "1"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("x-headroom-bypass", "true"),
            ("x-headroom-tag-team", "a"),
            ("authorization", "Bearer k"),
            ("accept", "*/*"),
        ]);
        headers.append("accept", HeaderValue::from_static("text/plain"));
        strip_for_upstream(&mut headers);
        let mut expected = map(&[("authorization", "Bearer k"), ("accept", "*/*")]);
        expected.append("accept", HeaderValue::from_static("text/plain"));
        assert_eq!(headers, expected);
    }

    #[test]
    fn bypass_is_trimmed_and_in_any_case() {
        for (name, value, expected) in [
            ("x-headroom-bypass", " TRUE ", true),
            ("x-headroom-mode", "PassThrough", true),
            ("x-headroom-bypass", "1", false),
            ("x-headroom-mode", "balanced", false),
        ] {
            assert_eq!(is_bypass(&map(&[(name, value)])), expected, "{name}: {value}");
        }
        assert!(!is_bypass(&HeaderMap::new()));
    }
}
