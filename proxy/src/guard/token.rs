//! The proxy's token.

use http::{HeaderMap, header};

use crate::error::ProxyError;
use crate::secret::Secret;

const HEADER: &str = "x-headroom-proxy-token";

/// Asks for the proxy's token where there is one.
///
/// On the routes of providers only `x-headroom-proxy-token` counts, since `Authorization` is the provider's key there. On
/// Headroom's own routes a bearer token counts too.
#[derive(Debug)]
pub(crate) struct Token(Option<Secret>);

impl Token {
    pub(crate) fn new(token: Option<Secret>) -> Self {
        Self(token)
    }

    /// Checks a request.
    pub(crate) fn check(&self, headers: &HeaderMap, is_own_route: bool) -> Result<(), ProxyError> {
        let Some(token) = &self.0 else { return Ok(()) };
        let mut found = headers.get(HEADER).map(|value| value.as_bytes());
        if is_own_route && found.is_none() {
            found = headers.get(header::AUTHORIZATION).and_then(|value| bearer(value.as_bytes()));
        }
        let place = if is_own_route { "x-headroom-proxy-token or Authorization: Bearer" } else { HEADER };
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
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn is_let_in(name: &'static str, value: &'static str, is_own_route: bool) -> bool {
        let headers = [(HeaderName::from_static(name), HeaderValue::from_static(value))].into_iter().collect();
        Token::new(Some(Secret::new("t0k"))).check(&headers, is_own_route).is_ok()
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
        assert!(Token::new(None).check(&HeaderMap::new(), false).is_ok());
    }
}
