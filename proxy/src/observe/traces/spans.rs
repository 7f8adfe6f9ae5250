//! The spans of a request, made of its record. No text of a request, an answer, a warning or an error is in them.
//!
//! # Sources
//! OpenTelemetry's semantic conventions: HTTP spans (server), and GenAI spans for the call of the model. What they have no
//! name for is below `headroom.`.

use std::time::Instant;

use headroom_core::extension::Outcome;

use super::context::{Trace, new_span_id};
use super::otlp::{Attributes, Kind, Span};
use crate::observe::record::RequestRecord;
use crate::observe::statistics::outcome_name;

/// What a request is called whose client did not wait for an answer.
const CANCELLED: &str = "cancelled";

/// How many spans a record with a trace has at most.
pub(super) fn count(record: &RequestRecord) -> u64 {
    2 + record.timing.len() as u64 + record.extensions.len() as u64
}

/// Adds the spans of a record: the request, within it the call of the upstream, and what was done before and after.
pub(super) fn add(record: &RequestRecord, spans: &mut Vec<Span>) {
    let Some(trace) = &record.trace else { return };
    let clock = Clock { arrived: trace.arrived, nanos: record.time_ms.saturating_mul(1_000_000) };
    let request = request(record, trace, &clock);
    let parent = request.id;
    spans.push(request);
    let inner = |name: String, kind: Kind, start: u64, end: u64| Span {
        trace: trace.id,
        id: new_span_id(),
        parent: Some(parent),
        is_remote: false,
        name,
        kind,
        start,
        end,
        attributes: Attributes::default(),
        has_failed: false,
    };
    for (step, timing) in &record.timing {
        let Some(started) = timing.started else { continue };
        let (start, end) = clock.for_ms(started, timing.duration_ms);
        let mut span = inner(format!("headroom.step {}", step.name()), Kind::Internal, start, end);
        span.attributes.text("headroom.step", step.name());
        span.attributes.number("headroom.tokens.before", timing.tokens_before);
        span.attributes.number("headroom.tokens.after", timing.tokens_after);
        spans.push(span);
    }
    for call in record.extensions.iter().filter(|call| call.outcome != Outcome::Filtered) {
        let Some(started) = call.started else { continue };
        let (start, end) = clock.for_ms(started, call.duration_ms);
        let mut span = inner(format!("headroom.extension {}", call.extension), Kind::Internal, start, end);
        let outcome = outcome_name(call.outcome);
        span.attributes.text("headroom.extension", &call.extension).text("headroom.stage", call.stage);
        span.attributes.text("headroom.outcome", outcome);
        span.has_failed = !matches!(call.outcome, Outcome::Ran | Outcome::Changed | Outcome::Answered);
        if span.has_failed {
            span.attributes.text("error.type", outcome);
        }
        spans.push(span);
    }
    if let Some((from, to)) = trace.asked {
        let name = match (trace.operation, &*record.model) {
            (Some(operation), "") => operation.to_owned(),
            (Some(operation), model) => format!("{operation} {model}"),
            (None, _) => method(trace).to_owned(),
        };
        let mut span = inner(name, Kind::Client, clock.at(from), clock.at(to));
        call(record, trace, &mut span);
        spans.push(span);
    }
}

/// The request of the client.
fn request(record: &RequestRecord, trace: &Trace, clock: &Clock) -> Span {
    let method = method(trace);
    let route = route(record);
    let (_, end) = clock.for_ms(trace.arrived, record.total_ms);
    let mut attributes = Attributes::default();
    attributes.text("http.request.method", method).text("http.route", &route);
    attributes.text("url.scheme", "http").text("url.path", &record.path);
    attributes.number("http.request.body.size", record.request_bytes);
    attributes.number("http.response.body.size", record.response_bytes);
    match record.status {
        0 => attributes.text("error.type", CANCELLED),
        status => attributes.number("http.response.status_code", status.into()),
    };
    match trace.error {
        Some(error) => drop(attributes.text("error.type", error)),
        None if record.status >= 500 => drop(attributes.text("error.type", &record.status.to_string())),
        None => {}
    }
    attributes.text("user.id", &record.user).text("session.id", &record.session);
    attributes.text("headroom.request_id", &record.request_id).text("headroom.project", &record.project);
    attributes.text("headroom.provider", record.provider).text("headroom.api", record.api);
    attributes.text("headroom.model", &record.model).text("headroom.transport", record.transport.name());
    attributes.flag("headroom.bypass", record.bypass).flag("headroom.cached", record.cached);
    attributes.flag("headroom.compression.failed", record.compression_error.is_some());
    attributes.number("headroom.tokens.before", record.tokens_before);
    attributes.number("headroom.tokens.after", record.tokens_after);
    attributes.number("headroom.markers", trace.markers as u64);
    attributes.texts("headroom.transforms", &record.transforms);
    attributes.number("headroom.retrieval.rounds", record.retrieval_rounds.into());
    for (name, value) in &record.tags {
        attributes.text(&format!("headroom.tag.{name}"), value);
    }
    Span {
        trace: trace.id,
        id: new_span_id(),
        parent: trace.parent,
        is_remote: trace.parent.is_some(),
        name: if route.is_empty() { method.to_owned() } else { format!("{method} {route}") },
        kind: Kind::Server,
        start: clock.nanos,
        end,
        attributes,
        has_failed: record.status >= 500,
    }
}

/// The call of the upstream: of a model, as far as that is known.
fn call(record: &RequestRecord, trace: &Trace, span: &mut Span) {
    let attributes = &mut span.attributes;
    if let Some(operation) = trace.operation {
        let provider = if record.provider == "gemini" { "gcp.gemini" } else { record.provider };
        attributes.text("gen_ai.operation.name", operation).text("gen_ai.provider.name", provider);
        attributes.text("gen_ai.request.model", &record.model).text("gen_ai.response.model", &trace.ending.model);
        attributes.texts("gen_ai.response.finish_reasons", &trace.ending.reasons);
        attributes.text("gen_ai.conversation.id", &record.session);
        if let Some(usage) = record.usage {
            attributes.number("gen_ai.usage.input_tokens", usage.input);
            attributes.number("gen_ai.usage.cache_read.input_tokens", usage.cached);
            attributes.number("gen_ai.usage.output_tokens", usage.output);
        }
        let openai = match record.api {
            "chat" => "chat_completions",
            "responses" => "responses",
            _ => "",
        };
        attributes.text("openai.api.type", openai);
    }
    attributes.text("http.request.method", method(trace));
    if let Some(upstream) = &trace.upstream {
        attributes.text("server.address", &upstream.host).number("server.port", upstream.port.into());
    }
    let error = match trace.upstream_status {
        Some(status) => {
            attributes.number("http.response.status_code", status.into());
            (status >= 400).then(|| status.to_string())
        }
        None => Some(trace.error.unwrap_or(CANCELLED).to_owned()),
    };
    if let Some(error) = error {
        attributes.text("error.type", &error);
        span.has_failed = true;
    }
}

/// A method that everybody knows, or `_OTHER`.
fn method(trace: &Trace) -> &str {
    const KNOWN: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
    let method = trace.method.as_str();
    if KNOWN.contains(&method) { method } else { "_OTHER" }
}

/// The path without what differs from request to request; empty for paths that are not known.
fn route(record: &RequestRecord) -> String {
    match record.api {
        "" => String::new(),
        "gemini" if !record.model.is_empty() => record.path.replace(&record.model, "{model}"),
        _ => record.path.clone(),
    }
}

/// The time of day of moments.
struct Clock {
    arrived: Instant,
    /// Of the arrival, since the epoch.
    nanos: u64,
}

impl Clock {
    fn at(&self, moment: Instant) -> u64 {
        let since = moment.saturating_duration_since(self.arrived).as_nanos();
        self.nanos.saturating_add(u64::try_from(since).unwrap_or(u64::MAX))
    }

    /// From a moment, for so long.
    fn for_ms(&self, from: Instant, duration_ms: f64) -> (u64, u64) {
        let start = self.at(from);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a float becomes the nearest number"
        )]
        let nanos = (duration_ms * 1e6) as u64;
        (start, start.saturating_add(nanos))
    }
}
