//! `/metrics`, in the text format of Prometheus.

use std::collections::HashMap;

use headroom_core::pipeline::Step;
use metrics::{Histogram, Key, KeyName, Label, Level, Metadata, Recorder, Unit};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use super::record::RequestRecord;
use super::statistics::{Statistics, was_called};
use super::totals::Totals;
use super::traces::Outcomes;

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// A sum since the start.
    Counter,
    /// A value of this moment.
    Gauge,
    /// A distribution since the start.
    Histogram,
}

/// A metric of `/metrics`.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name, which ends in its unit.
    pub name: &'static str,
    /// What it is.
    pub kind: MetricKind,
    /// Its labels. Models, projects, transforms and extensions beyond the first ones are `other`.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

use MetricKind::{Counter, Gauge, Histogram as Distribution};

const fn metric(name: &'static str, kind: MetricKind, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind, labels, help }
}

const MODEL: &[&str] = &["provider", "model"];
const PROVIDER: &[&str] = &["provider"];

/// Every metric of `/metrics`.
pub const METRICS: &[Metric] = &[
    metric("headroom_build_info", Gauge, &["version"], "Always 1; the version is its label."),
    metric("headroom_start_time_seconds", Gauge, &[], "When the proxy started, in seconds since the epoch."),
    metric(
        "headroom_requests_total",
        Counter,
        &["provider", "api", "transport", "status"],
        "Requests, by class of their status; api is empty when they passed through.",
    ),
    metric("headroom_compressed_requests_total", Counter, PROVIDER, "Requests from which tokens were removed."),
    metric("headroom_bypassed_requests_total", Counter, PROVIDER, "Requests whose client asked to be left alone."),
    metric("headroom_cached_responses_total", Counter, PROVIDER, "Answers out of the response cache."),
    metric("headroom_compression_errors_total", Counter, PROVIDER, "Requests sent as they came because of a failure."),
    metric("headroom_retrieval_rounds_total", Counter, PROVIDER, "Calls of the retrieval tool that were answered."),
    metric("headroom_request_bytes_total", Counter, PROVIDER, "Bytes of clients' bodies."),
    metric("headroom_response_bytes_total", Counter, PROVIDER, "Bytes of answers' bodies."),
    metric("headroom_tokens_before_total", Counter, MODEL, "Tokens that clients sent."),
    metric("headroom_tokens_after_total", Counter, MODEL, "Tokens that providers got."),
    metric("headroom_tokens_removed_total", Counter, MODEL, "Tokens that providers did not get."),
    metric(
        "headroom_removed_list_price_microdollars_total",
        Counter,
        MODEL,
        "List price of removed tokens in millionths of a dollar, of models with a known price.",
    ),
    metric(
        "headroom_provider_tokens_total",
        Counter,
        &["provider", "model", "kind"],
        "Tokens of the provider's own account: input (cached ones included), cached_input and output.",
    ),
    metric(
        "headroom_project_tokens_removed_total",
        Counter,
        &["project"],
        "Tokens that providers did not get, by the project that clients name.",
    ),
    metric("headroom_step_tokens_removed_total", Counter, &["step"], "Tokens removed by a step of the compression."),
    metric("headroom_transform_requests_total", Counter, &["transform"], "Requests that a transform changed."),
    metric(
        "headroom_extension_calls_total",
        Counter,
        &["extension", "stage", "outcome"],
        "Calls of extensions, and deliberate non-calls.",
    ),
    metric(
        "headroom_trace_spans_total",
        Counter,
        &["outcome"],
        "Spans that the collector took (sent), that found no place in the queue (dropped), or that it did not take (failed).",
    ),
    metric("headroom_request_duration_seconds", Distribution, PROVIDER, "From the first byte in to the last byte out."),
    metric("headroom_overhead_duration_seconds", Distribution, PROVIDER, "Time that was not spent on the provider."),
    metric("headroom_upstream_duration_seconds", Distribution, PROVIDER, "Time that was spent on the provider."),
    metric("headroom_step_duration_seconds", Distribution, &["step"], "Time of a step of the compression."),
    metric("headroom_extension_duration_seconds", Distribution, &["extension"], "Time of calls of extensions."),
];

/// Upper bounds of our own work.
///
/// # Sources
/// Chosen by hand: from the time of a small request to the limit of a step.
const OWN_SECONDS: &[f64] = &[0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.25, 1.0, 5.0];

/// Upper bounds of what a provider takes.
///
/// # Sources
/// Chosen by hand: from a refusal to a long stream.
const PROVIDER_SECONDS: &[f64] = &[0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];

/// How many requests are told before their durations are sorted into the buckets.
const UPKEEP_REQUESTS: u64 = 1024;

const METADATA: Metadata<'static> = Metadata::new("headroom", Level::INFO, None);

/// A recorder of its own, so that two proxies in one process do not mix.
pub(super) struct Metrics {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    histograms: Histograms,
    requests: u64,
}

/// Histograms by provider, step and extension.
#[derive(Default)]
struct Histograms {
    providers: HashMap<&'static str, [Histogram; 3]>,
    steps: HashMap<Step, Histogram>,
    extensions: HashMap<String, Histogram>,
}

impl Metrics {
    pub(super) fn new(started_ms: u64) -> Self {
        let mut builder = PrometheusBuilder::new();
        for metric in METRICS.iter().filter(|metric| metric.kind == Distribution) {
            let bounds = match metric.name {
                "headroom_request_duration_seconds" | "headroom_upstream_duration_seconds" => PROVIDER_SECONDS,
                _ => OWN_SECONDS,
            };
            builder = builder
                .set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), bounds)
                .expect("the list of bounds is not empty");
        }
        let recorder = builder.build_recorder();
        for Metric { name, kind, help, .. } in METRICS {
            let (name, help) = (KeyName::from_const_str(name), (*help).into());
            match kind {
                Counter => recorder.describe_counter(name, Some(Unit::Count), help),
                Gauge => recorder.describe_gauge(name, None, help),
                Distribution => recorder.describe_histogram(name, Some(Unit::Seconds), help),
            }
        }
        let handle = recorder.handle();
        let version = Label::from_static_parts("version", env!("CARGO_PKG_VERSION"));
        recorder.register_gauge(&Key::from_parts("headroom_build_info", vec![version]), &METADATA).set(1.0);
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of this age fit the 53 bits")]
        let started_seconds = started_ms as f64 / 1000.0;
        recorder.register_gauge(&Key::from_name("headroom_start_time_seconds"), &METADATA).set(started_seconds);
        Self { recorder, handle, histograms: Histograms::default(), requests: 0 }
    }

    /// Takes the durations of a request. Sums are taken from the statistics when they are asked for; names of extensions
    /// beyond the first `names` are `other`.
    pub(super) fn observe(&mut self, record: &RequestRecord, names: usize) {
        let Self { recorder, histograms, .. } = self;
        let new = |name: &'static str, label: &'static str, value: &str| {
            let key = Key::from_parts(name, vec![Label::new(label, value.to_owned())]);
            recorder.register_histogram(&key, &METADATA)
        };
        let [total, overhead, upstream] = histograms.providers.entry(record.provider).or_insert_with(|| {
            [
                "headroom_request_duration_seconds",
                "headroom_overhead_duration_seconds",
                "headroom_upstream_duration_seconds",
            ]
            .map(|name| new(name, "provider", record.provider))
        });
        total.record(seconds(record.total_ms));
        overhead.record(seconds(record.overhead_ms()));
        if let Some(upstream_ms) = record.upstream_ms {
            upstream.record(seconds(upstream_ms));
        }
        for (step, timing) in &record.timing {
            let histogram = histograms.steps.entry(*step);
            let histogram = histogram.or_insert_with(|| new("headroom_step_duration_seconds", "step", step.name()));
            histogram.record(seconds(timing.duration_ms));
        }
        for call in record.extensions.iter().filter(|call| was_called(call.outcome)) {
            let extensions = &mut histograms.extensions;
            let known = extensions.contains_key(&call.extension) || extensions.len() < names;
            let name = if known { &call.extension } else { super::bounded::OTHER };
            if !extensions.contains_key(name) {
                extensions.insert(name.to_owned(), new("headroom_extension_duration_seconds", "extension", name));
            }
            if let Some(histogram) = extensions.get(name) {
                histogram.record(seconds(call.duration_ms));
            }
        }
        self.requests += 1;
        // Without it, durations would pile up for as long as nobody asks for them.
        if self.requests.is_multiple_of(UPKEEP_REQUESTS) {
            self.handle.run_upkeep();
        }
    }

    /// Sets every counter to what the statistics say.
    pub(super) fn take(&self, statistics: &Statistics) {
        for ((provider, api, transport, status), requests) in &statistics.by_route {
            let labels = [("provider", *provider), ("api", api), ("transport", transport.name()), ("status", status)];
            self.set("headroom_requests_total", &labels, *requests);
        }
        for (provider, totals) in &statistics.by_provider {
            self.set_all(&[("provider", provider)], totals, PROVIDER_COUNTERS);
        }
        for (model, totals) in statistics.by_model.iter() {
            let labels = [("provider", totals.provider), ("model", model)];
            self.set_all(&labels, &totals.totals, MODEL_COUNTERS);
            let Totals { usage_input, usage_cached, usage_output, .. } = totals.totals;
            for (kind, tokens) in [("input", usage_input), ("cached_input", usage_cached), ("output", usage_output)] {
                let [provider, model] = labels;
                self.set("headroom_provider_tokens_total", &[provider, model, ("kind", kind)], tokens);
            }
        }
        for (project, totals) in statistics.by_project.iter() {
            self.set("headroom_project_tokens_removed_total", &[("project", project)], totals.tokens_removed);
        }
        for (step, totals) in &statistics.steps {
            self.set("headroom_step_tokens_removed_total", &[("step", step.name())], totals.tokens_removed);
        }
        for (transform, requests) in statistics.transforms.iter() {
            self.set("headroom_transform_requests_total", &[("transform", transform)], *requests);
        }
        for (extension, totals) in statistics.extensions.iter() {
            for ((stage, outcome), calls) in &totals.calls {
                let labels = [("extension", extension), ("stage", stage), ("outcome", outcome)];
                self.set("headroom_extension_calls_total", &labels, *calls);
            }
        }
    }

    /// Sets the counter of spans.
    pub(super) fn take_traces(&self, outcomes: Outcomes) {
        for (outcome, spans) in outcomes {
            self.set("headroom_trace_spans_total", &[("outcome", outcome)], spans);
        }
    }

    /// What gives the text, once the counters are set.
    pub(super) fn handle(&self) -> PrometheusHandle {
        self.handle.clone()
    }

    fn set_all(&self, labels: &[(&'static str, &str)], totals: &Totals, counters: &[(&'static str, Sum)]) {
        for (name, sum) in counters {
            self.set(name, labels, sum(totals));
        }
    }

    fn set(&self, name: &'static str, labels: &[(&'static str, &str)], value: u64) {
        let labels = labels.iter().map(|(name, value)| Label::new(*name, (*value).to_owned())).collect::<Vec<_>>();
        self.recorder.register_counter(&Key::from_parts(name, labels), &METADATA).absolute(value);
    }
}

type Sum = fn(&Totals) -> u64;

const PROVIDER_COUNTERS: &[(&str, Sum)] = &[
    ("headroom_compressed_requests_total", |totals| totals.compressed),
    ("headroom_bypassed_requests_total", |totals| totals.bypassed),
    ("headroom_cached_responses_total", |totals| totals.cached),
    ("headroom_compression_errors_total", |totals| totals.compression_errors),
    ("headroom_retrieval_rounds_total", |totals| totals.retrieval_rounds),
    ("headroom_request_bytes_total", |totals| totals.request_bytes),
    ("headroom_response_bytes_total", |totals| totals.response_bytes),
];

const MODEL_COUNTERS: &[(&str, Sum)] = &[
    ("headroom_tokens_before_total", |totals| totals.tokens_before),
    ("headroom_tokens_after_total", |totals| totals.tokens_after),
    ("headroom_tokens_removed_total", |totals| totals.tokens_removed),
    ("headroom_removed_list_price_microdollars_total", |totals| totals.nanodollars / 1000),
];

fn seconds(milliseconds: f64) -> f64 {
    if milliseconds.is_finite() { milliseconds.max(0.0) / 1000.0 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use headroom_core::extension::Outcome;
    use headroom_core::pipeline::{Invocation, StepTiming};

    use super::*;
    use crate::observe::{ObserveOptions, Observer};

    fn record(model: &str) -> RequestRecord {
        RequestRecord {
            provider: "openai",
            api: "chat",
            model: model.to_owned(),
            project: "p".to_owned(),
            status: 200,
            tokens_before: 1000,
            tokens_after: 400,
            transforms: vec!["log_fold".to_owned()],
            timing: vec![(
                Step::Compression,
                StepTiming { duration_ms: 2.0, tokens_before: 1000, tokens_after: 400, started: None },
            )],
            upstream_ms: Some(300.0),
            total_ms: 303.0,
            extensions: vec![Invocation {
                extension: "audit".to_owned(),
                stage: "pre_send",
                outcome: Outcome::Changed,
                duration_ms: 1.0,
                warning: None,
                started: None,
            }],
            ..RequestRecord::default()
        }
    }

    fn has(text: &str, line: &str) {
        assert!(text.lines().any(|found| found == line), "expected {line}, found\n{text}");
    }

    #[test]
    fn every_metric_is_shown_under_its_documented_name_with_its_help() {
        let observer = Observer::new(ObserveOptions::default());
        observer.record(record("gpt-5"));
        let text = observer.metrics();
        for metric in METRICS {
            assert!(text.contains(&format!("# HELP {} {}", metric.name, metric.help)), "{}\n{text}", metric.name);
        }
        for line in text.lines().filter(|line| line.starts_with("# TYPE ")) {
            let name = line.split(' ').nth(2).unwrap_or_default();
            assert!(METRICS.iter().any(|metric| metric.name == name), "{line} is not documented");
        }
    }

    #[test]
    fn counters_and_histograms_say_what_records_said() {
        let observer = Observer::new(ObserveOptions::default());
        observer.record(record("gpt-5"));
        observer.record(record("gpt-5"));
        let text = observer.metrics();
        has(&text, r#"headroom_requests_total{provider="openai",api="chat",transport="http",status="2xx"} 2"#);
        has(&text, r#"headroom_tokens_removed_total{provider="openai",model="gpt-5"} 1200"#);
        has(&text, r#"headroom_removed_list_price_microdollars_total{provider="openai",model="gpt-5"} 1500"#);
        has(&text, r#"headroom_extension_calls_total{extension="audit",stage="pre_send",outcome="changed"} 2"#);
        has(&text, r#"headroom_step_duration_seconds_bucket{step="compression",le="0.0025"} 2"#);
        has(&text, r#"headroom_upstream_duration_seconds_bucket{provider="openai",le="0.25"} 0"#);
        has(&text, r#"headroom_upstream_duration_seconds_count{provider="openai"} 2"#);
        let again = observer.metrics();
        has(&again, r#"headroom_tokens_removed_total{provider="openai",model="gpt-5"} 1200"#);
        has(&again, r#"headroom_upstream_duration_seconds_count{provider="openai"} 2"#);
    }

    #[test]
    fn many_models_make_few_series() {
        let observer = Observer::new(ObserveOptions { names: 3, ..ObserveOptions::default() });
        for number in 0..100 {
            let mut record = record(&format!("model-{number}"));
            record.extensions[0].extension = format!("extension-{number}");
            observer.record(record);
        }
        let text = observer.metrics();
        let models = text.lines().filter(|line| line.starts_with("headroom_tokens_before_total{")).count();
        assert_eq!(models, 4);
        has(&text, r#"headroom_tokens_before_total{provider="openai",model="other"} 97000"#);
        has(&text, r#"headroom_extension_duration_seconds_count{extension="other"} 97"#);
    }

    #[test]
    fn a_hostile_name_stays_inside_its_label() {
        let observer = Observer::new(ObserveOptions::default());
        observer.record(record("x\"} 1\nheadroom_fake_total{a=\"b\\"));
        let text = observer.metrics();
        assert!(!text.lines().any(|line| line.starts_with("headroom_fake_total")), "{text}");
    }

    #[test]
    fn two_observers_do_not_mix() {
        let (one, other) = (Observer::new(ObserveOptions::default()), Observer::new(ObserveOptions::default()));
        one.record(record("gpt-5"));
        assert!(
            one.metrics().contains("headroom_requests_total{") && !other.metrics().contains("headroom_requests_total{")
        );
    }

    #[test]
    fn durations_do_not_pile_up_when_nobody_asks() {
        let observer = Observer::new(ObserveOptions::default());
        (0..3 * UPKEEP_REQUESTS).for_each(|_| observer.record(record("gpt-5")));
        has(&observer.metrics(), r#"headroom_request_duration_seconds_count{provider="openai"} 3072"#);
    }
}
