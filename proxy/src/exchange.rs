//! What is known of a request before it goes anywhere.

use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use http::request::Parts;
use http::{HeaderMap, HeaderValue};

use crate::headers;
use crate::providers::{self, Route};

/// A request and what is known of it.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) id: Arc<str>,
    /// When its head had arrived.
    pub(crate) started: Instant,
    /// From the path or from `x-headroom-project`.
    pub(crate) project: Option<String>,
    /// Path and query without `/p/<project>`.
    pub(crate) target: String,
    pub(crate) route: Route,
    /// How often the upstream was asked again because the model wanted an original back.
    pub(crate) retrieval_rounds: AtomicU32,
}

impl Exchange {
    /// Reads the head of a request.
    pub(crate) fn new(id: Arc<str>, parts: &Parts) -> Self {
        let whole = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let (project, target) = split_project(whole);
        let project = project.or_else(|| headers::text(&parts.headers, "x-headroom-project"));
        Self {
            id,
            started: Instant::now(),
            project: project.map(str::to_owned),
            route: providers::route(&parts.method, target, &parts.headers),
            target: target.to_owned(),
            retrieval_rounds: AtomicU32::new(0),
        }
    }

    /// The path without the query, which may hold a key.
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
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
    fn ids_differ() {
        assert_ne!(new_id(), new_id());
    }
}
