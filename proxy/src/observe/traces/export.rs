//! The task that sends spans.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{HeaderMap, HeaderName, Method, Uri};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::otlp::{self, Attributes};
use super::{Counts, spans};
use crate::base_url::BaseUrl;
use crate::body;
use crate::observe::record::RequestRecord;
use crate::options::{self, ProxyOptions, Retries};
use crate::upstream::{Client, Outbound, OutboundBody};

/// How many spans go together.
///
/// # Sources
/// The default of OpenTelemetry's batch processor.
const BATCH_SPANS: u64 = 512;

/// Statuses after which a batch is sent again.
///
/// # Sources
/// OpenTelemetry Protocol, Retryable Response Codes.
const RETRYABLE: [u16; 4] = [429, 502, 503, 504];

/// Further attempts after the first.
///
/// # Sources
/// Chosen by hand: with the pauses of [`Retries`], a collector may restart.
const ATTEMPTS: u32 = 5;

/// How much of an answer is read.
const ANSWER_BYTES: usize = 64 << 10;

/// Sends the records of requests as spans.
pub(super) struct Exporter {
    client: Client,
    uri: Option<Uri>,
    /// For whoever reads the log.
    place: String,
    headers: HeaderMap,
    resource: Arc<Attributes>,
    delay: Duration,
    timeout: Duration,
    counts: Arc<Counts>,
    is_failing: bool,
}

impl Exporter {
    pub(super) fn new(options: &ProxyOptions, endpoint: &BaseUrl, counts: Arc<Counts>) -> Self {
        let traces = &options.traces;
        let mut to_collector = options.clone();
        let timeouts = &mut to_collector.timeouts;
        timeouts.first_byte_ms = traces.timeout_ms;
        timeouts.connect_ms = timeouts.connect_ms.min(traces.timeout_ms);
        to_collector.retries = Retries { attempts: ATTEMPTS, statuses: RETRYABLE.to_vec(), ..to_collector.retries };
        Self {
            client: Client::new(&to_collector),
            uri: endpoint.join("").ok(),
            place: endpoint.as_str().to_owned(),
            headers: headers(traces),
            resource: Arc::new(resource(traces)),
            delay: Duration::from_millis(traces.delay_ms),
            timeout: Duration::from_millis(traces.timeout_ms),
            counts,
            is_failing: false,
        }
    }

    /// Sends what comes until there is nothing more, which `stopping` brings about.
    pub(super) async fn run(mut self, mut records: mpsc::Receiver<RequestRecord>, stopping: CancellationToken) {
        let (mut batch, mut size) = (Vec::new(), 0);
        let mut due = Instant::now();
        loop {
            let is_open = !records.is_closed();
            let is_ready = tokio::select! {
                record = records.recv() => {
                    let Some(record) = record else { break };
                    if batch.is_empty() {
                        due = Instant::now() + self.delay;
                    }
                    size += spans::count(&record);
                    batch.push(record);
                    size >= BATCH_SPANS
                }
                () = sleep_until(due), if !batch.is_empty() => true,
                () = stopping.cancelled(), if is_open => {
                    records.close();
                    false
                }
            };
            if is_ready {
                size = 0;
                self.send(std::mem::take(&mut batch)).await;
            }
        }
        self.send(batch).await;
    }

    async fn send(&mut self, batch: Vec<RequestRecord>) {
        if batch.is_empty() {
            return;
        }
        let resource = Arc::clone(&self.resource);
        // Where it keeps nobody waiting.
        let writing = spawn_blocking(move || {
            let mut all = Vec::new();
            batch.iter().for_each(|record| spans::add(record, &mut all));
            (all.len() as u64, otlp::request(&resource, all))
        });
        let Ok((count, text)) = writing.await else { return };
        let outcome = self.post(text.into()).await;
        let add = |counter: &AtomicU64, count| {
            counter.fetch_add(count, Ordering::Relaxed);
        };
        match outcome {
            Ok(None) => {
                add(&self.counts.sent, count);
                if std::mem::take(&mut self.is_failing) {
                    log::info!(target: "headroom.traces", "{} takes spans again", self.place);
                }
            }
            Ok(Some((rejected, why))) => {
                let rejected = rejected.min(count);
                add(&self.counts.sent, count - rejected);
                add(&self.counts.failed, rejected);
                log::warn!(target: "headroom.traces", "{} took all spans but {rejected}: {why:?}", self.place);
            }
            Err(why) => {
                add(&self.counts.failed, count);
                // Said once, not for every batch.
                if !std::mem::replace(&mut self.is_failing, true) {
                    log::warn!(target: "headroom.traces", "{} took no spans: {why}", self.place);
                }
            }
        }
    }

    /// Sends a request; gives what was not taken of it.
    async fn post(&self, text: Bytes) -> Result<Option<(u64, String)>, String> {
        let uri = self.uri.clone().ok_or("the address cannot be asked")?;
        let (headers, body) = (self.headers.clone(), OutboundBody::Held(text));
        let outbound = Outbound { method: Method::POST, uri, headers, body };
        let response = self.client.send(outbound).await.map_err(|error| error.to_string())?;
        let status = response.status();
        if !status.is_success() {
            return Err(format!("it answered {status}"));
        }
        let answer = body::read(response.into_body(), ANSWER_BYTES, self.timeout).await;
        Ok(answer.ok().and_then(|answer| otlp::rejected(&answer)))
    }
}

/// The headers of every request. They were checked with the options.
fn headers(traces: &options::Traces) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in &traces.headers {
        if let (Ok(name), Ok(mut value)) = (HeaderName::try_from(name), HeaderValue::try_from(value.expose())) {
            value.set_sensitive(true);
            headers.insert(name, value);
        }
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static(concat!("headroom/", env!("CARGO_PKG_VERSION"))));
    headers
}

/// What is said of this service.
fn resource(traces: &options::Traces) -> Attributes {
    let mut attributes = Attributes::default();
    attributes.text("service.name", &traces.service_name).text("service.version", env!("CARGO_PKG_VERSION"));
    for (name, value) in traces.resource_attributes.iter().filter(|(name, _)| *name != "service.name") {
        attributes.text(name, value);
    }
    attributes
}
