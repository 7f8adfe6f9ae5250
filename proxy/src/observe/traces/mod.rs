//! Traces over OTLP/HTTP, as JSON: the record of a request becomes spans when it is over, in the background.
//!
//! Whether a request is traced is decided when it arrives ([`Trace`]). Its record then waits in a queue that is bounded;
//! when that is full, the record is counted and dropped, so no request waits for a collector. One task makes spans of
//! records and sends them in batches. `docs/design/0013-traces.md` says why this is no dependency.

mod context;
mod export;
mod otlp;
mod spans;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderMap, Method};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::record::RequestRecord;
use crate::options::ProxyOptions;
use context::Sampling;
use export::Exporter;

pub use context::Trace;
pub(crate) use context::Upstream;

/// How long the last spans may take to be sent when the proxy ends.
///
/// # Sources
/// Chosen by hand: somebody waits for their prompt.
const FLUSH: Duration = Duration::from_secs(2);

/// Sends traces.
pub(crate) struct Traces {
    sampling: Sampling,
    queue: mpsc::Sender<RequestRecord>,
    counts: Arc<Counts>,
    stopping: CancellationToken,
    sending: Mutex<Option<JoinHandle<()>>>,
}

/// What became of spans so far.
pub(super) type Outcomes = [(&'static str, u64); 3];

/// Counts what becomes of spans.
#[derive(Debug, Default)]
struct Counts {
    sent: AtomicU64,
    /// The queue was full.
    dropped: AtomicU64,
    /// The collector did not take them.
    failed: AtomicU64,
}

impl Counts {
    fn outcomes(&self) -> Outcomes {
        [("sent", &self.sent), ("dropped", &self.dropped), ("failed", &self.failed)]
            .map(|(name, count)| (name, count.load(Ordering::Relaxed)))
    }
}

impl Traces {
    /// Starts what sends, on the runtime that this is called on; none without an endpoint.
    pub(crate) fn start(options: &ProxyOptions) -> Option<Self> {
        let endpoint = options.traces.endpoint.clone()?;
        let (queue, records) = mpsc::channel(options.traces.queue_requests);
        let (counts, stopping) = (Arc::<Counts>::default(), CancellationToken::new());
        let exporter = Exporter::new(options, &endpoint, Arc::clone(&counts));
        let sending = tokio::spawn(exporter.run(records, stopping.clone()));
        let sampling = Sampling::new(&options.traces);
        Some(Self { sampling, queue, counts, stopping, sending: Mutex::new(Some(sending)) })
    }

    /// What is noted of a request that has just arrived; none when it is not traced.
    pub(super) fn begin(&self, method: &Method, headers: &HeaderMap) -> Option<Box<Trace>> {
        self.sampling.begin(method, headers).map(Box::new)
    }

    /// Takes a record with a trace.
    pub(super) fn offer(&self, record: RequestRecord) {
        if let Err(TrySendError::Full(record) | TrySendError::Closed(record)) = self.queue.try_send(record) {
            self.counts.dropped.fetch_add(spans::count(&record), Ordering::Relaxed);
        }
    }

    /// What became of spans so far.
    pub(super) fn outcomes(&self) -> Outcomes {
        self.counts.outcomes()
    }

    /// What became of spans where there are no traces.
    pub(super) fn no_outcomes() -> Outcomes {
        Counts::default().outcomes()
    }

    /// Sends what waits, for so long as that may take, and ends.
    pub(super) async fn flush(&self) {
        self.stopping.cancel();
        let sending = self.sending.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut sending) = sending else { return };
        if timeout(FLUSH, &mut sending).await.is_err() {
            sending.abort();
            log::warn!(target: "headroom.traces", "the last spans were not taken within {} s", FLUSH.as_secs());
        }
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        if let Some(sending) = self.sending.get_mut().unwrap_or_else(PoisonError::into_inner) {
            sending.abort();
        }
    }
}
