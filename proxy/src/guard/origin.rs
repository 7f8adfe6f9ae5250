//! `Host` and `Origin`: pages of other sites must not reach the proxy through somebody's browser.

use std::net::IpAddr;

use http::header;
use http::request::Parts;
use http::uri::Authority;

use crate::error::ProxyError;
use crate::options::ProxyOptions;

/// Hosts and origins that are let through.
///
/// A page can make a browser ask any address, and by DNS it can make its own name mean this machine. So `Host` must be an
/// address, which no foreign name can fake, or a name that is known; and a request with an `Origin`, which only browsers
/// send, must come from a page of the proxy itself or from a known one.
#[derive(Debug)]
pub(crate) struct Origins {
    hosts: Vec<String>,
    origins: Vec<String>,
}

impl Origins {
    pub(crate) fn new(options: &ProxyOptions) -> Self {
        let lower =
            |names: &[String]| names.iter().map(|name| name.trim_end_matches('/').to_ascii_lowercase()).collect();
        let mut hosts: Vec<String> = lower(&options.allowed_hosts);
        hosts.push("localhost".into());
        hosts.push(options.host.to_ascii_lowercase());
        Self { hosts, origins: lower(&options.allowed_origins) }
    }

    /// Checks a request.
    pub(crate) fn check(&self, parts: &Parts) -> Result<(), ProxyError> {
        let host = host(parts);
        if !host.is_some_and(|host| self.knows(host)) {
            return Err(ProxyError::WrongHost(shown(host.unwrap_or_default())));
        }
        for origin in parts.headers.get_all(header::ORIGIN) {
            let origin = origin.to_str().unwrap_or_default();
            let is_own = origin.split_once("://").is_some_and(|(_, authority)| Some(authority) == host);
            if !is_own && !self.origins.iter().any(|known| known.eq_ignore_ascii_case(origin)) {
                return Err(ProxyError::WrongOrigin(shown(origin)));
            }
        }
        Ok(())
    }

    fn knows(&self, host: &str) -> bool {
        let Ok(authority) = host.parse::<Authority>() else { return false };
        let name = authority.host();
        let address = name.trim_start_matches('[').trim_end_matches(']');
        address.parse::<IpAddr>().is_ok() || self.hosts.iter().any(|known| known.eq_ignore_ascii_case(name))
    }
}

/// The host that a client believes to speak to. Two of them are none.
fn host(parts: &Parts) -> Option<&str> {
    let mut values = parts.headers.get_all(header::HOST).iter();
    let header = values.next();
    if values.next().is_some() {
        return None;
    }
    // An absolute target, and every one of HTTP/2, names it too.
    match (parts.uri.authority(), header.map(|value| value.to_str())) {
        (Some(authority), None) => Some(authority.as_str()),
        (None, Some(Ok(host))) => Some(host),
        (Some(authority), Some(Ok(host))) => Some(host).filter(|host| authority.as_str().eq_ignore_ascii_case(host)),
        (_, Some(Err(_))) | (None, None) => None,
    }
}

/// What is repeated of a foreign text.
fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn check(options: &ProxyOptions, target: &str, headers: &[(&str, &str)]) -> Result<(), ProxyError> {
        let mut request = Request::builder().uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Origins::new(options).check(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn addresses_and_known_names_are_hosts() {
        let options = ProxyOptions { allowed_hosts: vec!["Box.local".into()], ..ProxyOptions::default() };
        for host in ["127.0.0.1:8787", "localhost", "LOCALHOST:1", "[::1]:8787", "10.0.0.7", "box.LOCAL:80"] {
            check(&options, "/", &[("host", host)]).unwrap();
        }
        for host in ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "", "a b"] {
            assert!(check(&options, "/", &[("host", host)]).is_err(), "{host}");
        }
        assert!(check(&options, "/", &[]).is_err());
        assert!(check(&options, "/", &[("host", "localhost"), ("host", "evil.example")]).is_err());
        check(&options, "http://localhost/", &[]).unwrap();
        assert!(check(&options, "http://localhost/", &[("host", "127.0.0.1")]).is_err());
    }

    #[test]
    fn an_origin_is_the_proxys_own_or_known() {
        let options = ProxyOptions { allowed_origins: vec!["https://App.example/".into()], ..ProxyOptions::default() };
        let with = |origin: &str| check(&options, "/", &[("host", "localhost:8787"), ("origin", origin)]);
        with("http://localhost:8787").unwrap();
        with("https://app.example").unwrap();
        for origin in ["http://localhost:3000", "http://evil.example", "null", "", "https://app.example.evil.example"] {
            assert!(with(origin).is_err(), "{origin}");
        }
    }
}
