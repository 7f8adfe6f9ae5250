//! Spans as OTLP has them in JSON.
//!
//! # Sources
//! OpenTelemetry Protocol 1.x, JSON Protobuf Encoding: names in lowerCamelCase, ids in hexadecimal, enumerations and flags as
//! numbers, integers of 64 bits as text.

use serde_json::{Map, Value, json};

/// A list of attributes.
#[derive(Debug, Default)]
pub(super) struct Attributes(Vec<Value>);

impl Attributes {
    /// A text; an empty one is left out.
    pub(super) fn text(&mut self, name: &str, text: &str) -> &mut Self {
        if !text.is_empty() {
            self.0.push(json!({ "key": name, "value": { "stringValue": text } }));
        }
        self
    }

    pub(super) fn number(&mut self, name: &str, number: u64) -> &mut Self {
        // What does not fit a signed number is not counted by anybody.
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        self.0.push(json!({ "key": name, "value": { "intValue": number.to_string() } }));
        self
    }

    pub(super) fn flag(&mut self, name: &str, flag: bool) -> &mut Self {
        self.0.push(json!({ "key": name, "value": { "boolValue": flag } }));
        self
    }

    /// A list of texts; an empty one is left out.
    pub(super) fn texts(&mut self, name: &str, texts: &[String]) -> &mut Self {
        if !texts.is_empty() {
            let values: Vec<Value> = texts.iter().map(|text| json!({ "stringValue": text })).collect();
            self.0.push(json!({ "key": name, "value": { "arrayValue": { "values": values } } }));
        }
        self
    }
}

/// Which side of a call a span is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Internal = 1,
    Server = 2,
    Client = 3,
}

/// A span.
#[derive(Debug)]
pub(super) struct Span {
    pub(super) trace: u128,
    pub(super) id: u64,
    pub(super) parent: Option<u64>,
    /// Whether its parent is in another process.
    pub(super) is_remote: bool,
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Nanoseconds since the epoch.
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) attributes: Attributes,
    pub(super) has_failed: bool,
}

impl Span {
    fn json(self) -> Value {
        // Sampled; whether the parent is remote is known, and whether it is.
        let flags = 0x101 | if self.is_remote { 0x200 } else { 0 };
        let mut span = Map::new();
        span.insert("traceId".into(), format!("{:032x}", self.trace).into());
        span.insert("spanId".into(), format!("{:016x}", self.id).into());
        if let Some(parent) = self.parent {
            span.insert("parentSpanId".into(), format!("{parent:016x}").into());
        }
        span.insert("flags".into(), flags.into());
        span.insert("name".into(), self.name.into());
        span.insert("kind".into(), (self.kind as u8).into());
        span.insert("startTimeUnixNano".into(), self.start.to_string().into());
        span.insert("endTimeUnixNano".into(), self.end.max(self.start).to_string().into());
        span.insert("attributes".into(), self.attributes.0.into());
        if self.has_failed {
            span.insert("status".into(), json!({ "code": 2 }));
        }
        span.into()
    }
}

/// A request to a collector.
pub(super) fn request(resource: &Attributes, spans: Vec<Span>) -> String {
    let spans: Vec<Value> = spans.into_iter().map(Span::json).collect();
    let scope = json!({ "name": "headroom", "version": env!("CARGO_PKG_VERSION") });
    let scope_spans = [json!({ "scope": scope, "spans": spans })];
    json!({ "resourceSpans": [{ "resource": { "attributes": resource.0 }, "scopeSpans": scope_spans }] }).to_string()
}

/// How many spans an answer with status 200 did not take, and why.
pub(super) fn rejected(answer: &[u8]) -> Option<(u64, String)> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let partial = answer.get("partialSuccess")?;
    let rejected = partial.get("rejectedSpans")?;
    let rejected = rejected.as_u64().or_else(|| rejected.as_str()?.parse().ok()).filter(|rejected| *rejected > 0)?;
    let why = partial.get("errorMessage").and_then(Value::as_str).unwrap_or_default();
    Some((rejected, why.chars().take(200).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_written_as_the_protocol_has_it() {
        let mut attributes = Attributes::default();
        attributes.text("a", "b").text("none", "").number("n", u64::MAX).flag("f", true);
        attributes.texts("l", &["x".into()]).texts("none", &[]);
        let span = Span {
            trace: 0xab,
            id: 1,
            parent: Some(2),
            is_remote: true,
            name: "chat m".into(),
            kind: Kind::Client,
            start: 9_007_199_254_740_993,
            end: 5,
            attributes,
            has_failed: true,
        };
        let expected = json!({
            "traceId": "000000000000000000000000000000ab",
            "spanId": "0000000000000001",
            "parentSpanId": "0000000000000002",
            "flags": 0x301,
            "name": "chat m",
            "kind": 3,
            "startTimeUnixNano": "9007199254740993",
            "endTimeUnixNano": "9007199254740993",
            "attributes": [
                {"key": "a", "value": {"stringValue": "b"}},
                {"key": "n", "value": {"intValue": "9223372036854775807"}},
                {"key": "f", "value": {"boolValue": true}},
                {"key": "l", "value": {"arrayValue": {"values": [{"stringValue": "x"}]}}},
            ],
            "status": {"code": 2},
        });
        let request: Value = serde_json::from_str(&request(&Attributes::default(), vec![span])).unwrap();
        assert_eq!(request["resourceSpans"][0]["scopeSpans"][0]["spans"][0], expected);
        assert_eq!(request["resourceSpans"][0]["scopeSpans"][0]["scope"]["name"], "headroom");
    }

    #[test]
    fn a_partial_success_says_what_was_not_taken() {
        let of = |answer: &str| rejected(answer.as_bytes());
        assert_eq!(of(r#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"old"}}"#), Some((3, "old".into())));
        assert_eq!(of(r#"{"partialSuccess":{"rejectedSpans":3}}"#), Some((3, String::new())));
        for taken in ["{}", "", "null", r#"{"partialSuccess":{"rejectedSpans":"0"}}"#, r#"{"partialSuccess":{}}"#] {
            assert_eq!(of(taken), None, "{taken}");
        }
    }
}
