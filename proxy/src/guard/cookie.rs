//! A cookie for browsers, which cannot send the proxy's token with a page or with a stream of events.

use std::fmt::Write as _;

use axum::extract::Query;
use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, Method, Response, StatusCode};
use serde::Deserialize;

use super::Token;
use crate::body::Body;
use crate::error::ProxyError;
use crate::secret::Secret;

/// Where the dashboard is, which lets in who shows the token in the address: `/dashboard?token=…`.
const PAGE: &str = "/dashboard";

/// Where the cookie counts: the page and what it asks for. A browser sends it nowhere else, so it reaches no provider.
const PATHS: [&str; 3] = [PAGE, "/stats", "/stats-history"];

/// The cookie of one process. It is random and says nothing of the token, since browsers show a cookie to every port of
/// its host.
#[derive(Debug)]
pub(crate) struct Cookie {
    /// With the port, so that two proxies of a machine do not take each other's.
    name: String,
    value: Secret,
    /// One for each path.
    set: Vec<HeaderValue>,
}

impl Cookie {
    /// A cookie of the proxy on a port; none when the system has no randomness.
    pub(super) fn new(port: u16) -> Option<Self> {
        let mut bytes = [0; 32];
        rustls::crypto::ring::default_provider().secure_random.fill(&mut bytes).ok()?;
        let value = bytes.iter().fold(String::new(), |mut text, byte| {
            // A string takes everything.
            let _ = write!(text, "{byte:02x}");
            text
        });
        let name = format!("headroom_dashboard_{port}");
        let set = PATHS.iter().filter_map(|path| {
            let mut set =
                HeaderValue::try_from(format!("{name}={value}; HttpOnly; SameSite=Strict; Path={path}")).ok()?;
            set.set_sensitive(true);
            Some(set)
        });
        Some(Self { set: set.collect(), value: Secret::new(value), name })
    }

    /// Whether a request for the page or what it shows has the cookie.
    pub(super) fn lets_in(&self, path: &str, parts: &Parts) -> bool {
        let is_page = PATHS.contains(&path) || path.strip_prefix(PAGE).is_some_and(|rest| rest.starts_with('/'));
        is_page && is_read(&parts.method) && self.is_in(&parts.headers)
    }

    fn is_in(&self, headers: &HeaderMap) -> bool {
        let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        let mut cookies = lines.flat_map(|line| line.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
        cookies.any(|(name, value)| name == self.name && self.value.is(value.as_bytes()))
    }
}

/// The query of the page.
#[derive(Deserialize)]
struct Shown {
    token: String,
}

impl Token {
    /// The way in for a browser: who opens the page with the token in its address gets the cookie, and is sent to the
    /// address without the token. None when the request does not try that.
    ///
    /// # Errors
    /// When it is another token.
    pub(crate) fn welcome(&self, path: &str, parts: &Parts) -> Result<Option<Response<Body>>, ProxyError> {
        let Some((token, cookie)) = self.token.as_ref().zip(self.cookie.as_ref()) else { return Ok(None) };
        if path != PAGE || parts.method != Method::GET {
            return Ok(None);
        }
        let Ok(Query(Shown { token: shown })) = Query::try_from_uri(&parts.uri) else { return Ok(None) };
        if !token.is(shown.as_bytes()) {
            return Err(ProxyError::Unauthorized("the address", "another"));
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SEE_OTHER;
        response.headers_mut().insert(header::LOCATION, HeaderValue::from_static(PAGE));
        for set in &cookie.set {
            response.headers_mut().append(header::SET_COOKIE, set.clone());
        }
        Ok(Some(response))
    }
}

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn parts(method: Method, target: &str, cookie: &str) -> Parts {
        let request = Request::builder().method(method).uri(target).header("cookie", cookie);
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn the_cookie_counts_for_reading_the_page_and_what_it_shows() {
        let cookie = Cookie::new(1).unwrap();
        let set = cookie.set[0].to_str().unwrap();
        let pair = set.split(';').next().unwrap();
        let lets_in = |method: Method, path: &str, pair: &str| cookie.lets_in(path, &parts(method, path, pair));
        for path in ["/dashboard", "/dashboard/events", "/dashboard/requests/1", "/stats", "/stats-history"] {
            assert!(lets_in(Method::GET, path, pair) && lets_in(Method::GET, path, &format!("a=b; {pair} ;c")));
            assert!(!lets_in(Method::POST, path, pair), "{path}");
            for wrong in ["", "headroom_dashboard_1", "headroom_dashboard_1=", &pair[1..], &pair[..pair.len() - 1]] {
                assert!(!lets_in(Method::GET, path, wrong), "{path}: {wrong}");
            }
        }
        for path in ["/metrics", "/v1/compress", "/v1/retrieve/stats", "/v1/messages", "/dashboards", "/stats/x"] {
            assert!(!lets_in(Method::GET, path, pair), "{path}");
        }
        assert_ne!(pair, Cookie::new(1).unwrap().set[0].to_str().unwrap().split(';').next().unwrap());
    }
}
