//! The one thing that the proxy holds to be seen.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, Method};
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::difference;
use super::history::History;
use super::metrics::Metrics;
use super::prices::PriceTable;
use super::recent::Recent;
use super::record::RequestRecord;
use super::statistics::Statistics;
use super::totals::Totals;
use super::traces::{Trace, Traces};

/// What is kept of requests, and for how long.
#[derive(Debug, Clone)]
pub struct ObserveOptions {
    /// Whether the dashboard shows texts before and after; without it none are kept. Default: true.
    pub dashboard_texts: bool,
    /// How many of the last requests the dashboard lists. Default: 200.
    pub recent_requests: usize,
    /// How many bytes their texts may take together; the oldest leave first. Default: 8 MiB.
    pub text_bytes: usize,
    /// How many names of models, projects, transforms and extensions are counted apart, each; the rest is `other`.
    /// Default: 50.
    pub names: usize,
    /// What removed tokens would have cost.
    pub prices: PriceTable,
}

impl Default for ObserveOptions {
    fn default() -> Self {
        Self {
            dashboard_texts: true,
            recent_requests: 200,
            text_bytes: 8 * 1024 * 1024,
            names: 50,
            prices: PriceTable::default(),
        }
    }
}

/// Counts requests, remembers the last ones, and shows them at [`Observer::routes`]. Clones see the same.
///
/// # Examples
/// ```
/// use headroom_proxy::observe::{ObserveOptions, Observer, RequestRecord};
///
/// let observer = Observer::new(ObserveOptions::default());
/// observer.record(RequestRecord { provider: "openai", status: 200, ..RequestRecord::default() });
/// assert_eq!(observer.stats()["totals"]["requests"], 1);
/// let router: axum::Router = observer.routes();
/// # drop(router);
/// ```
#[derive(Clone)]
pub struct Observer(Arc<Inner>);

/// A record that is made when it is taken.
type Later = Box<dyn FnOnce() -> RequestRecord + Send>;

struct Inner {
    options: ObserveOptions,
    traces: Option<Traces>,
    started: Instant,
    started_ms: u64,
    state: Mutex<State>,
    /// What is still to be taken, before anybody looks.
    later: Mutex<Vec<Later>>,
    /// The number of the newest request, for pages that wait for it.
    newest: watch::Sender<u64>,
    closed: CancellationToken,
}

struct State {
    statistics: Statistics,
    history: History,
    recent: Recent,
    metrics: Metrics,
    /// What was told beside the requests.
    told: BTreeMap<&'static str, Value>,
}

impl Observer {
    /// An observer that has seen nothing yet.
    #[must_use]
    pub fn new(options: ObserveOptions) -> Self {
        Self::with_traces(options, None)
    }

    /// The same, and what it sees goes to a collector too.
    pub(crate) fn with_traces(options: ObserveOptions, traces: Option<Traces>) -> Self {
        let started_ms = now_ms();
        let state = State {
            statistics: Statistics::new(options.names),
            history: History::new(),
            recent: Recent::new(options.recent_requests, options.text_bytes),
            metrics: Metrics::new(started_ms),
            told: BTreeMap::new(),
        };
        Self(Arc::new(Inner {
            options,
            traces,
            started: Instant::now(),
            started_ms,
            state: Mutex::new(state),
            later: Mutex::default(),
            newest: watch::Sender::new(0),
            closed: CancellationToken::new(),
        }))
    }

    /// Whether texts before and after are kept; when not, there is no need to put any into a record.
    #[must_use]
    pub fn keeps_texts(&self) -> bool {
        self.0.options.dashboard_texts
    }

    /// What is noted for the trace of a request that has just arrived; none when it is not traced.
    pub(crate) fn trace(&self, method: &Method, headers: &HeaderMap) -> Option<Box<Trace>> {
        self.0.traces.as_ref()?.begin(method, headers)
    }

    /// Sends the spans that wait, for so long as that may take. What is told later is not traced.
    pub(crate) async fn flush(&self) {
        drop(self.state());
        if let Some(traces) = &self.0.traces {
            traces.flush().await;
        }
    }

    /// Takes what is to be told of a request, once, when it is over.
    pub fn record(&self, record: RequestRecord) {
        self.take(&mut self.state(), record);
    }

    /// As [`record`](Self::record), once the task that calls this has nothing more to do at the moment: the client has its
    /// answer before anything is counted. Whoever looks sees it in any case.
    pub(crate) fn record_later(&self, record: impl FnOnce() -> RequestRecord + Send + 'static) {
        let is_first = {
            let mut later = self.later();
            later.push(Box::new(record));
            later.len() == 1
        };
        match Handle::try_current() {
            Ok(runtime) if is_first => {
                let observer = self.clone();
                runtime.spawn(async move { drop(observer.state()) });
            }
            Ok(_) => {}
            Err(_) => drop(self.state()),
        }
    }

    fn take(&self, state: &mut State, mut record: RequestRecord) {
        let inner = &*self.0;
        if !inner.options.dashboard_texts {
            record.changes = Vec::new();
        }
        record.bound();
        if let (Some(trace), Some(traces)) = (record.trace.take(), &inner.traces) {
            let changes = std::mem::take(&mut record.changes);
            traces.offer(RequestRecord { trace: Some(trace), ..record.clone() });
            record.changes = changes;
        }
        let nanodollars = inner.options.prices.nanodollars(&record.model, record.tokens_removed());
        let more = Totals::of(&record, nanodollars);
        state.statistics.add(&record, &more);
        state.history.add(record.time_ms, &more);
        state.metrics.observe(&record, inner.options.names);
        let number = state.recent.add(record, nanodollars);
        inner.newest.send_replace(number);
    }

    /// Adds something to what `/stats` shows, under a name.
    pub fn tell(&self, name: &'static str, value: Value) {
        self.state().told.insert(name, value);
    }

    /// What `/stats` shows.
    #[must_use]
    pub fn stats(&self) -> Value {
        let mut shown = {
            let state = self.state();
            let mut shown = state.statistics.json();
            shown.extend(state.told.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
            shown
        };
        if let Some(traces) = &self.0.traces {
            let spans = traces.outcomes().map(|(outcome, spans)| (outcome.to_owned(), json!(spans)));
            shown.insert("traces".to_owned(), json!({ "spans": Value::Object(spans.into_iter().collect()) }));
        }
        shown.insert("version".to_owned(), json!(env!("CARGO_PKG_VERSION")));
        shown.insert("started_ms".to_owned(), json!(self.started_ms()));
        shown.insert("uptime_seconds".to_owned(), json!(self.0.started.elapsed().as_secs()));
        Value::Object(shown)
    }

    /// What `/stats-history` shows.
    #[must_use]
    pub fn stats_history(&self) -> Value {
        self.state().history.json(now_ms())
    }

    /// What `/metrics` shows.
    #[must_use]
    pub fn metrics(&self) -> String {
        let inner = &*self.0;
        let handle = {
            let state = self.state();
            state.metrics.take(&state.statistics);
            state.metrics.take_traces(inner.traces.as_ref().map_or_else(Traces::no_outcomes, Traces::outcomes));
            state.metrics.handle()
        };
        handle.render()
    }

    /// Ends the pages' streams, so that they do not hold up a proxy that is going down.
    pub fn close(&self) {
        self.0.closed.cancel();
    }

    /// Everything about one of the last requests, with what was removed from it. Takes milliseconds for long texts.
    pub(super) fn details(&self, number: u64) -> Option<Value> {
        let entry = self.state().recent.get(number)?;
        let mut shown = entry.details();
        shown["texts_kept"] = json!(self.keeps_texts());
        shown["changes"] = entry.record.changes.iter().map(difference::shown).collect();
        Some(shown)
    }

    /// Rows of the requests after a number, how many more there were, and the number of the newest.
    pub(super) fn rows_after(&self, number: u64, limit: usize) -> (Vec<Value>, u64, u64) {
        let state = self.state();
        let (rows, missing) = state.recent.rows_after(number, limit);
        (rows, missing, state.recent.newest())
    }

    pub(super) fn started_ms(&self) -> u64 {
        self.0.started_ms
    }

    pub(super) fn newest(&self) -> watch::Receiver<u64> {
        self.0.newest.subscribe()
    }

    pub(super) fn closed(&self) -> &CancellationToken {
        &self.0.closed
    }

    /// Everything that was told so far.
    fn state(&self) -> MutexGuard<'_, State> {
        // Sums stay right when a thread died with the lock.
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let later = std::mem::take(&mut *self.later());
        for record in later {
            self.take(&mut state, record());
        }
        state
    }

    fn later(&self) -> MutexGuard<'_, Vec<Later>> {
        self.0.later.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Milliseconds since the epoch.
fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::Change;

    fn changed() -> RequestRecord {
        RequestRecord {
            model: "gpt-5".to_owned(),
            time_ms: now_ms(),
            status: 200,
            tokens_before: 10,
            tokens_after: 4,
            changes: vec![Change::new("messages[1]", "log_fold", "a\nb\n", "a\n")],
            ..RequestRecord::default()
        }
    }

    #[test]
    fn a_record_is_seen_everywhere() {
        let observer = Observer::new(ObserveOptions::default());
        observer.record(changed());
        assert_eq!(observer.stats()["totals"]["removed_list_price_usd"], 0.000_007_5);
        assert_eq!(observer.stats_history()["minutes"]["buckets"][0]["tokens_removed"], 6);
        let details = observer.details(1).expect("the request is still here");
        assert_eq!(details["changes"][0]["runs"][1], json!({ "kind": "removed", "lines": ["b"] }));
        assert!(observer.details(2).is_none());
    }

    #[test]
    fn keeps_no_texts_when_it_is_told_not_to() {
        let observer = Observer::new(ObserveOptions { dashboard_texts: false, ..ObserveOptions::default() });
        observer.record(changed());
        let details = observer.details(1).expect("the request is still here");
        assert!(!observer.keeps_texts());
        assert_eq!((&details["changes"], &details["texts_kept"]), (&json!([]), &json!(false)));
    }

    #[test]
    fn counts_from_many_threads() {
        let observer = Observer::new(ObserveOptions::default());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..500).for_each(|_| observer.record(changed())));
            }
        });
        assert_eq!(observer.stats()["totals"]["requests"], 2000);
        assert_eq!(*observer.newest().borrow(), 2000);
    }
}
