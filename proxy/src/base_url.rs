//! Where an upstream is.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use http::Uri;
use http::uri::Scheme;
use serde::Deserialize;

/// The address of an upstream: scheme, host, perhaps a port and the start of a path. It holds no credentials.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct BaseUrl {
    /// Without a slash at the end.
    text: String,
    /// Whether the path ends with `/v1`, as base addresses of SDKs do; requests have it in their paths.
    ends_with_v1: bool,
}

impl BaseUrl {
    /// The address of a request there.
    ///
    /// # Errors
    /// When the path cannot stand in an address.
    pub(crate) fn join(&self, path_and_query: &str) -> Result<Uri, http::uri::InvalidUri> {
        let path = match path_and_query.strip_prefix("/v1") {
            Some(rest) if self.ends_with_v1 && (rest.is_empty() || rest.starts_with(['/', '?'])) => rest,
            _ => path_and_query,
        };
        let mut text = String::with_capacity(self.text.len() + path.len());
        text.push_str(&self.text);
        text.push_str(path);
        Uri::from_maybe_shared(Bytes::from(text))
    }

    /// The address as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for BaseUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // What is found is not repeated: it may hold a password.
        let expected = |found: &str| format!("expected an address such as https://api.example.com, found {found}");
        let uri: Uri = text.trim().parse().map_err(|error| expected(&format!("something else ({error})")))?;
        match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS => {}
            Some(scheme) => return Err(expected(&format!("the scheme {scheme}"))),
            None => return Err(expected("one without http:// or https://")),
        }
        let authority = uri.authority().filter(|authority| !authority.host().is_empty());
        let authority = authority.ok_or_else(|| expected("one without a host"))?;
        if authority.as_str().contains('@') {
            return Err(expected("one with a user name in it; credentials belong in the requests"));
        }
        if uri.query().is_some() || text.contains('#') {
            return Err(expected("one with `?` or `#`"));
        }
        let text = text.trim().trim_end_matches('/').to_owned();
        Ok(Self { ends_with_v1: text.ends_with("/v1"), text })
    }
}

impl TryFrom<String> for BaseUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_keeps_its_path_and_query_as_they_are() {
        let joined = |base: &str, path: &str| base.parse::<BaseUrl>().unwrap().join(path).unwrap().to_string();
        assert_eq!(joined("https://a.example/", "/v1/x?q=%2F&r"), "https://a.example/v1/x?q=%2F&r");
        assert_eq!(joined("http://127.0.0.1:1/team", "/v1//x/../y"), "http://127.0.0.1:1/team/v1//x/../y");
        assert_eq!(joined("https://a.example/v1", "/v1/models"), "https://a.example/v1/models");
        assert_eq!(joined("https://a.example/v1", "/v1beta/models"), "https://a.example/v1/v1beta/models");
    }

    #[test]
    fn what_is_no_base_address_is_refused_without_repeating_it() {
        for wrong in
            ["", "a.example", "ftp://a.example", "https://", "https://me:pass@a.example", "https://a?b", "https://a/#b"]
        {
            let error = wrong.parse::<BaseUrl>().unwrap_err();
            assert!(error.starts_with("expected an address") && !error.contains("pass@"), "{wrong}: {error}");
        }
    }
}
