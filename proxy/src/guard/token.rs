//! The proxy's token.

use http::header;
use http::request::Parts;

use super::cookie::Cookie;
use crate::error::ProxyError;
use crate::secret::Secret;

const HEADER: &str = "x-headroom-proxy-token";

/// Asks for the proxy's token where there is one.
///
/// On the routes of providers only `x-headroom-proxy-token` counts, since `Authorization` is the provider's key there. On
/// Headroom's own routes a bearer token counts too, and a browser's cookie for the dashboard.
#[derive(Debug)]
pub(crate) struct Token {
    pub(super) token: Option<Secret>,
    pub(super) cookie: Option<Cookie>,
}

impl Token {
    /// The token of the proxy on a port.
    pub(crate) fn new(token: Option<Secret>, port: u16) -> Self {
        Self { cookie: token.as_ref().and_then(|_| Cookie::new(port)), token }
    }

    /// Checks a request for a path.
    pub(crate) fn check(&self, path: &str, parts: &Parts, is_own_route: bool) -> Result<(), ProxyError> {
        let Some(token) = &self.token else { return Ok(()) };
        if is_own_route && self.cookie.as_ref().is_some_and(|cookie| cookie.lets_in(path, parts)) {
            return Ok(());
        }
        let headers = &parts.headers;
        let mut found = headers.get(HEADER).map(|value| value.as_bytes());
        if is_own_route && found.is_none() {
            found = headers.get(header::AUTHORIZATION).and_then(|value| bearer(value.as_bytes()));
        }
        let place = match is_own_route {
            true if path == "/dashboard" => {
                "the address (/dashboard?token=…), x-headroom-proxy-token or Authorization: Bearer"
            }
            true => "x-headroom-proxy-token or Authorization: Bearer",
            false => HEADER,
        };
        match found {
            Some(found) if token.is(found) => Ok(()),
            Some(_) => Err(ProxyError::Unauthorized(place, "another")),
            None => Err(ProxyError::Unauthorized(place, "none")),
        }
    }
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn is_let_in(name: &'static str, value: &'static str, is_own_route: bool) -> bool {
        let (parts, ()) = Request::builder().header(name, value).body(()).unwrap().into_parts();
        Token::new(Some(Secret::new("t0k")), 1).check("/", &parts, is_own_route).is_ok()
    }

    #[test]
    fn a_bearer_token_counts_on_own_routes_only() {
        for is_own_route in [true, false] {
            assert!(is_let_in("x-headroom-proxy-token", "t0k", is_own_route));
            assert!(!is_let_in("x-headroom-proxy-token", "t0k2", is_own_route));
            assert!(!is_let_in("x-other", "t0k", is_own_route));
            assert_eq!(is_let_in("authorization", "bearer  t0k", is_own_route), is_own_route);
            assert!(!is_let_in("authorization", "t0k", is_own_route));
        }
        let (parts, ()) = Request::new(()).into_parts();
        assert!(Token::new(None, 1).check("/", &parts, false).is_ok());
    }
}
