//! What is seen of a request while it is under way, told when it is over.

mod changes;
mod listeners;
mod run;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use headroom_core::CompressResult;
use headroom_core::pipeline::Invocation;
use http::{HeaderMap, Response, Uri, header};
use serde_json::json;

use crate::body::Body;
use crate::exchange::labels;
use crate::observe::{Observer, RequestRecord, Trace, Transport, Upstream};
use crate::overheard::Overheard;

pub(crate) use listeners::UsageListener;
pub(crate) use run::Run;

/// What is said when a request went as it came and nothing says why.
const UNEXPLAINED: &str = "the compression failed or took too long";

/// A record that grows. Everybody who may still add something holds a clone; when the last one lets go, it is told: so every
/// request is told once, however it ends.
#[derive(Clone)]
pub(crate) struct Seen(Option<Arc<Growing>>);

struct Growing {
    observer: Observer,
    started: Instant,
    draft: Mutex<Draft>,
}

#[derive(Default)]
struct Draft {
    record: RequestRecord,
    /// Since when an upstream is asked.
    asked: Option<Instant>,
    /// How long upstreams took before that.
    upstream: Option<Duration>,
    /// From when to when that was.
    between: Option<(Instant, Instant)>,
    /// Whether the request left without what its stages decided.
    is_as_it_came: bool,
    /// What is added when the client has its answer.
    last: Option<Addition>,
}

/// Adds to a record what takes a while to find out.
type Addition = Box<dyn FnOnce(&mut RequestRecord) + Send>;

impl Seen {
    /// Nothing is told of this request.
    pub(crate) fn nothing() -> Self {
        Self(None)
    }

    /// A record of a request that has just arrived.
    pub(crate) fn new(observer: &Observer, record: RequestRecord) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let time_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let draft = Draft { record: RequestRecord { time_ms, ..record }, ..Draft::default() };
        Self(Some(Arc::new(Growing { observer: observer.clone(), started: Instant::now(), draft: Mutex::new(draft) })))
    }

    /// Adds to the record.
    pub(crate) fn note(&self, add: impl FnOnce(&mut RequestRecord)) {
        self.draft(|draft| add(&mut draft.record));
    }

    /// Adds to the record when it is told, which is after the client has got its answer.
    pub(crate) fn note_last(&self, add: impl FnOnce(&mut RequestRecord) + Send + 'static) {
        self.draft(|draft| draft.last = Some(Box::new(add)));
    }

    /// Takes over how a client labels its request.
    pub(crate) fn labels(&self, project: Option<&str>, headers: &HeaderMap) {
        self.note(|record| {
            record.project = project.unwrap_or_default().to_owned();
            for (name, value) in labels(headers) {
                match name {
                    "user-id" => value.clone_into(&mut record.user),
                    "session-id" => value.clone_into(&mut record.session),
                    _ => record.tags.push((name.strip_prefix("tag-").unwrap_or(name).to_owned(), value.to_owned())),
                }
            }
        });
    }

    /// Adds to the trace, if there is one.
    pub(crate) fn trace(&self, add: impl FnOnce(&mut Trace)) {
        self.draft(|draft| {
            if let Some(trace) = &mut draft.record.trace {
                add(trace);
            }
        });
    }

    /// Whether there is one.
    pub(crate) fn is_traced(&self) -> bool {
        self.0.as_ref().is_some_and(|growing| growing.draft().record.trace.is_some())
    }

    /// An upstream is asked.
    pub(crate) fn asked(&self, uri: &Uri) {
        self.draft(|draft| draft.asked = Some(Instant::now()));
        self.trace(|trace| trace.upstream = Upstream::of(uri));
    }

    /// The upstream has answered, or will not.
    pub(crate) fn answered(&self) {
        self.draft(Draft::answered);
    }

    /// An upstream's answer, whose end is noted when it comes.
    pub(crate) fn timed(&self, body: Body) -> Body {
        match &self.0 {
            Some(_) => Overheard::body(body, listeners::Upstream(self.clone())),
            None => body,
        }
    }

    /// A request's body that nobody reads here, whose size is noted when it has passed.
    pub(crate) fn measured(&self, body: Body) -> Body {
        match &self.0 {
            Some(_) => Overheard::body(body, listeners::Request::new(self.clone())),
            None => body,
        }
    }

    /// The answer on its way to the client; the request is over when it is.
    pub(crate) fn answer(self, response: Response<Body>) -> Response<Body> {
        if self.0.is_none() {
            return response;
        }
        self.note(|record| {
            record.status = response.status().as_u16();
            if is_events(response.headers()) && record.transport == Transport::Http {
                record.transport = Transport::Sse;
            }
        });
        response.map(|body| Overheard::body(body, listeners::Answer::new(self)))
    }

    /// The request leaves as it came, whatever its stages decided.
    pub(crate) fn as_it_came(&self, failed: bool) {
        self.draft(|draft| {
            draft.is_as_it_came = true;
            if failed {
                draft.record.compression_error.get_or_insert_with(|| UNEXPLAINED.to_owned());
            }
        });
    }

    /// What the stages came to.
    fn result(&self, result: &CompressResult, invocations: &[Invocation]) {
        self.note(|record| {
            record.tokens_before = result.tokens_before;
            record.tokens_after = result.tokens_after;
            record.transforms.clone_from(&result.transforms_applied);
            record.timing.clone_from(&result.pipeline_timing);
            record.extensions = invocations.to_vec();
            if let Some(trace) = &mut record.trace {
                trace.markers = result.ccr_hashes.len();
            }
            if let Some(error) = &result.report.error {
                record.compression_error = Some(error.clone());
            }
        });
    }

    fn elapsed_ms(&self) -> f64 {
        self.0.as_ref().map_or(0.0, |growing| milliseconds(growing.started.elapsed()))
    }

    fn draft(&self, change: impl FnOnce(&mut Draft)) {
        if let Some(growing) = &self.0 {
            change(&mut growing.draft());
        }
    }
}

impl Growing {
    fn draft(&self) -> MutexGuard<'_, Draft> {
        // A note stays right when a thread died with the lock.
        self.draft.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Draft {
    fn answered(&mut self) {
        if let Some(asked) = self.asked.take() {
            let now = Instant::now();
            *self.upstream.get_or_insert_default() += now - asked;
            self.between = Some((self.between.map_or(asked, |(first, _)| first), now));
        }
    }

    /// The record of a request that has taken so long.
    fn record(mut self, whole: Duration) -> RequestRecord {
        let mut record = self.record;
        if let Some(add) = self.last.take() {
            add(&mut record);
        }
        record.upstream_ms = self.upstream.map(milliseconds);
        if record.total_ms == 0.0 {
            // There was no answer.
            record.total_ms = milliseconds(whole);
        }
        if self.is_as_it_came {
            record.tokens_after = record.tokens_before;
            record.transforms = Vec::new();
            record.changes = Vec::new();
        }
        if let Some(trace) = &mut record.trace {
            trace.asked = self.between;
            if self.is_as_it_came {
                trace.markers = 0;
            }
        }
        record
    }
}

impl Drop for Growing {
    fn drop(&mut self) {
        let mut draft = std::mem::take(&mut *self.draft());
        draft.answered();
        if let Some(error) = &draft.record.compression_error {
            // Whoever reads that requests failed wants to know why, also long after.
            let RequestRecord { request_id, time_ms, .. } = &draft.record;
            let told = json!({"request_id": request_id, "time_ms": time_ms, "error": error});
            self.observer.tell("last_compression_error", told);
        }
        let whole = self.started.elapsed();
        self.observer.record_later(move || draft.record(whole));
    }
}

impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seen")
    }
}

/// Whether an answer comes as server-sent events.
pub(crate) fn is_events(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(|kind| kind.as_bytes());
    kind.and_then(|kind| kind.get(..17)).is_some_and(|kind| kind.eq_ignore_ascii_case(b"text/event-stream"))
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::ObserveOptions;

    #[test]
    fn a_request_is_told_once_when_the_last_one_lets_go() {
        let observer = Observer::new(ObserveOptions::default());
        let seen = Seen::new(&observer, RequestRecord { provider: "openai", ..RequestRecord::default() });
        let other = seen.clone();
        seen.asked(&Uri::from_static("http://a.example"));
        drop(seen);
        assert_eq!(observer.stats()["totals"]["requests"], json!(0));
        other.note(|record| record.status = 200);
        drop(other);
        assert_eq!(observer.stats()["totals"]["requests"], json!(1));
        assert_eq!(observer.stats()["totals"]["errors"], json!(0));
    }

    #[test]
    fn what_left_as_it_came_saved_nothing() {
        let observer = Observer::new(ObserveOptions::default());
        let seen = Seen::new(&observer, RequestRecord::default());
        seen.as_it_came(true);
        // The compression that was not waited for ends later.
        seen.note(|record| (record.tokens_before, record.tokens_after) = (10, 4));
        drop(seen);
        let totals = &observer.stats()["totals"];
        assert_eq!((&totals["tokens_before"], &totals["tokens_removed"]), (&json!(10), &json!(0)));
    }
}
