//! What is known of a request before it goes anywhere.

use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use crate::headers;
use crate::observe::{Observer, RequestRecord, Transport};
use crate::providers::{self, Api, Provider, Route};
use crate::routes;
use crate::seen::Seen;

/// A request and what is known of it.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub(crate) id: Arc<str>,
    /// When its head had arrived.
    pub(crate) started: Instant,
    /// From the path or from `x-headroom-project`.
    pub(crate) project: Option<String>,
    /// Path and query without `/p/<project>`.
    pub(crate) target: String,
    pub(crate) route: Route,
    /// Whether it is for Headroom itself.
    pub(crate) is_own: bool,
    /// What is told of it when it is over.
    pub(crate) seen: Seen,
}

impl Exchange {
    /// Reads the head of a request.
    pub(crate) fn new(id: Arc<str>, parts: &Parts, observer: &Observer) -> Self {
        Self::read(id, parts, |id, route, path| {
            let mut trace = observer.trace(&parts.method, &parts.headers);
            if let Some(trace) = trace.as_deref_mut().filter(|_| parts.method == Method::POST) {
                // A handshake asks no model yet.
                trace.operation = operation(route);
            }
            Seen::new(observer, RequestRecord { trace, ..record(id, route, path) })
        })
    }

    /// Reads the head of a request of which nothing is told here.
    pub(crate) fn unseen(id: Arc<str>, parts: &Parts) -> Self {
        Self::read(id, parts, |_, _, _| Seen::nothing())
    }

    fn read(id: Arc<str>, parts: &Parts, seen: impl FnOnce(&str, &Route, &str) -> Seen) -> Self {
        let whole = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let (project, target) = split_project(whole);
        let project = project.or_else(|| headers::text(&parts.headers, "x-headroom-project"));
        let route = providers::route(&parts.method, target, &parts.headers);
        let path = path(target);
        let is_own = routes::is_own(path);
        let seen = if is_own { Seen::nothing() } else { seen(&id, &route, path) };
        let target = at_chatgpt(&route, target).unwrap_or_else(|| target.to_owned());
        Self { id, started: Instant::now(), project: project.map(str::to_owned), target, route, is_own, seen }
    }

    /// A request in the message with this number on its WebSocket, told apart from the handshake.
    pub(crate) fn of_frame(&self, number: u64, handshake: &HeaderMap, observer: &Observer) -> Self {
        let id: Arc<str> = format!("{}-{number}", self.id).into();
        let mut trace = observer.trace(&Method::GET, handshake);
        if let Some(trace) = &mut trace {
            trace.operation = operation(&self.route);
        }
        let record = RequestRecord {
            status: StatusCode::SWITCHING_PROTOCOLS.as_u16(),
            transport: Transport::WebSocket,
            trace,
            ..record(&id, &self.route, self.path())
        };
        let seen = Seen::new(observer, record);
        seen.labels(self.project.as_deref(), handshake);
        Self { id, started: Instant::now(), seen, ..self.clone() }
    }

    /// The path without the query, which may hold a key.
    pub(crate) fn path(&self) -> &str {
        path(&self.target)
    }
}

/// What is known of a request when it arrives.
fn record(id: &str, route: &Route, path: &str) -> RequestRecord {
    RequestRecord {
        request_id: id.to_owned(),
        provider: route.provider.name(),
        api: route.api.map_or("", Api::name),
        path: path.to_owned(),
        model: route.model.clone().unwrap_or_default(),
        ..RequestRecord::default()
    }
}

/// What the model is asked for.
///
/// # Sources
/// The well-known values of `gen_ai.operation.name`.
fn operation(route: &Route) -> Option<&'static str> {
    match route.api? {
        _ if route.counts => None,
        Api::Gemini => Some("generate_content"),
        Api::Chat | Api::Responses | Api::Messages => Some("chat"),
    }
}

fn path(target: &str) -> &str {
    target.split('?').next().unwrap_or_default()
}

/// The place at ChatGPT's backend of what a Codex with a ChatGPT login asks for below an OpenAI base address.
///
/// # Sources
/// Codex: without a base address its requests with such a login go to `/backend-api/codex/responses` and its siblings.
fn at_chatgpt(route: &Route, target: &str) -> Option<String> {
    if route.provider != Provider::ChatGpt || routes::is_own(path(target)) {
        return None;
    }
    let rest = target.strip_prefix("/v1/")?;
    Some(format!("/backend-api/codex/{}", rest.strip_prefix("codex/").unwrap_or(rest)))
}

/// `/p/<project>/rest` is `/rest` of a project.
fn split_project(target: &str) -> (Option<&str>, &str) {
    let split = target.strip_prefix("/p/").and_then(|rest| {
        let slash = rest.find(['/', '?']).filter(|&at| at > 0 && rest.as_bytes().get(at) == Some(&b'/'))?;
        Some((rest.get(..slash)?, rest.get(slash..)?))
    });
    split.map_or((None, target), |(project, rest)| (Some(project), rest))
}

/// Labels that a client gives its request: `x-headroom-user-id`, `-session-id`, `-stack`, `-affinity` and `-tag-*`.
pub(crate) fn labels(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let is_label =
        |name: &str| matches!(name, "user-id" | "session-id" | "stack" | "affinity") || name.starts_with("tag-");
    headers.iter().filter_map(move |(name, value)| {
        let name = name.as_str().strip_prefix("x-headroom-").filter(|name| is_label(name))?;
        Some((name, value.to_str().ok()?))
    })
}

/// An id that no other request has: of the start of the process, and a count.
pub(crate) fn new_id() -> Arc<str> {
    static START: LazyLock<u64> = LazyLock::new(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        // The low bits differ between processes of one machine, the high ones hardly ever change.
        (now as u64) ^ (u64::from(std::process::id()) << 40)
    });
    static COUNT: AtomicU64 = AtomicU64::new(1);
    format!("hr-{:016x}-{:x}", *START, COUNT.fetch_add(1, Ordering::Relaxed)).into()
}

/// An id as the value of a header.
pub(crate) fn id_header(id: &str) -> HeaderValue {
    HeaderValue::from_str(id).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::ObserveOptions;

    #[test]
    fn a_project_in_the_path_is_taken_out() {
        for (target, project, rest) in [
            ("/p/web/v1/messages?beta=true", Some("web"), "/v1/messages?beta=true"),
            ("/p/web/", Some("web"), "/"),
            ("/p/web", None, "/p/web"),
            ("/p//v1/messages", None, "/p//v1/messages"),
            ("/p/web?x=/y", None, "/p/web?x=/y"),
            ("/v1/p/web/", None, "/v1/p/web/"),
        ] {
            assert_eq!(split_project(target), (project, rest), "{target}");
        }
    }

    #[test]
    fn a_chatgpt_login_goes_to_the_backend_of_chatgpt() {
        let target = |path: &str, login: bool| {
            let mut request = http::Request::post(path);
            if login {
                request = request.header("chatgpt-account-id", "a");
            }
            let (parts, ()) = request.body(()).unwrap().into_parts();
            Exchange::new("1".into(), &parts, &Observer::new(ObserveOptions::default())).target
        };
        for (path, expected) in [
            ("/v1/responses", "/backend-api/codex/responses"),
            ("/v1/codex/responses", "/backend-api/codex/responses"),
            ("/v1/models?client_version=1", "/backend-api/codex/models?client_version=1"),
            ("/backend-api/codex/responses", "/backend-api/codex/responses"),
            ("/v1/compress", "/v1/compress"),
        ] {
            assert_eq!(target(path, true), expected);
            assert_eq!(target(path, false), path);
        }
    }

    #[test]
    fn ids_differ() {
        assert_ne!(new_id(), new_id());
    }
}
