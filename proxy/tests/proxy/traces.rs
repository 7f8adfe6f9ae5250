//! Traces, as a scripted collector gets them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use headroom_core::pipeline::PipelineStage;
use headroom_core::{Error, ErrorKind};
use headroom_proxy::{Backend, Proxy, ProxyOptions, Secret};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};

use crate::client::{ask, get, post};
use crate::seen::told;
use crate::setup::{CHAT_ANSWER, ODD_CHAT, Spy, long_chat, options, start, start_with};
use crate::upstream::{Do, Seen, Upstream, answer, chunk, ok, send, stream_head};

const CHAT: &str = "/v1/chat/completions";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Options of a proxy that sends its spans at once.
fn traced(upstream: &Upstream, collector: &Upstream) -> ProxyOptions {
    let mut options = options(upstream.address);
    options.traces.endpoint = Some(format!("http://{}/v1/traces", collector.address).parse().unwrap());
    options.traces.delay_ms = 1;
    options
}

/// A span with its attributes by name.
#[derive(Debug)]
struct Span {
    json: Value,
    attributes: BTreeMap<String, Value>,
}

impl Span {
    fn text(&self, name: &str) -> &str {
        self.json[name].as_str().unwrap_or_else(|| panic!("{name}: {}", self.json))
    }

    fn nanos(&self, name: &str) -> u64 {
        self.text(name).parse().unwrap()
    }

    fn is(&self, name: &str, expected: &Value) {
        assert_eq!(self.attributes.get(name), Some(expected), "{name} of {self:?}");
    }
}

/// Attributes as plain values, as numbers and texts cannot be mixed up.
fn attributes(list: &Value) -> BTreeMap<String, Value> {
    let plain = |value: &Value| {
        let (kind, value) = value.as_object().unwrap().iter().next().unwrap();
        match kind.as_str() {
            "intValue" => json!(value.as_str().unwrap().parse::<i64>().unwrap()),
            "arrayValue" => {
                value["values"].as_array().unwrap().iter().map(|item| item["stringValue"].clone()).collect()
            }
            _ => value.clone(),
        }
    };
    let list = list.as_array().unwrap().iter();
    list.map(|attribute| (attribute["key"].as_str().unwrap().to_owned(), plain(&attribute["value"]))).collect()
}

/// The resource and the spans of a request to the collector.
fn spans(seen: &Seen) -> (BTreeMap<String, Value>, Vec<Span>) {
    let body: Value = serde_json::from_slice(&seen.body).unwrap();
    let resource = &body["resourceSpans"][0];
    let all = resource["scopeSpans"][0]["spans"].as_array().unwrap();
    let all = all.iter().map(|json| Span { attributes: attributes(&json["attributes"]), json: json.clone() });
    (attributes(&resource["resource"]["attributes"]), all.collect())
}

fn kinds(spans: &[Span]) -> Vec<(u64, &str)> {
    spans.iter().map(|span| (span.json["kind"].as_u64().unwrap(), span.text("name"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_becomes_spans_in_the_client_s_trace() {
    let mut upstream = Upstream::start(|_| ok(CHAT_ANSWER)).await;
    let mut collector = Upstream::start(|_| ok("{}")).await;
    let mut options = traced(&upstream, &collector);
    options.traces.headers.insert("x-key".into(), Secret::new("k3y"));
    options.traces.service_name = "shop".into();
    options.traces.resource_attributes.insert("deployment.environment.name".into(), "test".into());
    let proxy = start_with(options, vec![Spy::silent()]).await;
    let headers = format!(
        "traceparent: {PARENT}\r\ntracestate: a=b\r\nauthorization: Bearer sk-secret\r\n\
         x-headroom-session-id: s1\r\nx-headroom-tag-team: red\r\n"
    );
    let before = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64 * 1_000_000;
    let got = ask(proxy.address(), post("/p/web/v1/chat/completions?key=secret", &headers, long_chat(false))).await;
    assert_eq!(got.status, 200);

    let asked = upstream.next().await;
    assert_eq!((asked.header("traceparent"), asked.header("tracestate")), (Some(PARENT), Some("a=b")), "as they came");

    let seen = collector.next().await;
    assert_eq!(seen.line(), "POST /v1/traces HTTP/1.1");
    assert_eq!((seen.header("content-type"), seen.header("x-key")), (Some("application/json"), Some("k3y")));
    let (resource, spans) = spans(&seen);
    assert_eq!((&resource["service.name"], &resource["deployment.environment.name"]), (&json!("shop"), &json!("test")));

    let (request, call) = (&spans[0], spans.last().unwrap());
    assert_eq!((request.text("name"), &request.json["kind"]), ("POST /v1/chat/completions", &json!(2)));
    assert_eq!((request.text("parentSpanId"), &request.json["flags"]), ("00f067aa0ba902b7", &json!(0x301)));
    assert!(request.json.get("status").is_none());
    let tokens = |name: &str| json!(got.header(name).unwrap().parse::<u64>().unwrap());
    for (name, expected) in [
        ("http.request.method", json!("POST")),
        ("http.route", json!(CHAT)),
        ("url.path", json!(CHAT)),
        ("http.response.status_code", json!(200)),
        ("http.response.body.size", json!(CHAT_ANSWER.len())),
        ("session.id", json!("s1")),
        ("headroom.request_id", json!(got.header("x-headroom-request-id").unwrap())),
        ("headroom.project", json!("web")),
        ("headroom.tag.team", json!("red")),
        ("headroom.bypass", json!(false)),
        ("headroom.compression.failed", json!(false)),
        ("headroom.tokens.before", tokens("x-headroom-tokens-before")),
        ("headroom.tokens.after", tokens("x-headroom-tokens-after")),
        ("headroom.markers", json!(1)),
    ] {
        request.is(name, &expected);
    }
    assert!(request.attributes["headroom.transforms"][0].as_str().unwrap().starts_with("router:log_fold:"));

    assert_eq!((call.text("name"), &call.json["kind"]), ("chat gpt-4o", &json!(3)));
    for (name, expected) in [
        ("gen_ai.operation.name", json!("chat")),
        ("gen_ai.provider.name", json!("openai")),
        ("gen_ai.request.model", json!("gpt-4o")),
        ("gen_ai.response.model", json!("gpt-4o")),
        ("gen_ai.response.finish_reasons", json!(["stop"])),
        ("gen_ai.usage.input_tokens", json!(3)),
        ("gen_ai.usage.output_tokens", json!(1)),
        ("gen_ai.conversation.id", json!("s1")),
        ("openai.api.type", json!("chat_completions")),
        ("server.address", json!("127.0.0.1")),
        ("server.port", json!(upstream.address.port())),
        ("http.response.status_code", json!(200)),
    ] {
        call.is(name, &expected);
    }

    let named = |name: &str| spans.iter().find(|span| span.text("name") == name);
    let compression = named("headroom.step compression").unwrap();
    compression.is("headroom.tokens.after", &tokens("x-headroom-tokens-after"));
    let stages = spans.iter().filter_map(|span| span.attributes.get("headroom.stage")?.as_str());
    assert_eq!(stages.clone().count(), 8, "{stages:?}", stages = stages.collect::<Vec<_>>());
    named("headroom.extension spy").unwrap().is("headroom.outcome", &json!("ran"));

    let (from, to) = (request.nanos("startTimeUnixNano"), request.nanos("endTimeUnixNano"));
    assert!(before <= from && to - from < 60_000_000_000, "{before} {from} {to}");
    for span in &spans[1..] {
        assert_eq!((span.text("traceId"), span.text("parentSpanId")), (&PARENT[3..35], request.text("spanId")));
        let (start, end) = (span.nanos("startTimeUnixNano"), span.nanos("endTimeUnixNano"));
        assert!(from <= start && start <= end, "{span:?}");
    }
    assert!(compression.nanos("endTimeUnixNano") <= call.nanos("startTimeUnixNano"), "one after the other");
    let ids: std::collections::BTreeSet<&str> = spans.iter().map(|span| span.text("spanId")).collect();
    assert_eq!(ids.len(), spans.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_said_and_no_credential_is_in_a_span() {
    let upstream = Upstream::start(|_| ok(&CHAT_ANSWER.replace("\"hi\"", "\"a blue answer\""))).await;
    let mut collector = Upstream::start(|_| ok("{}")).await;
    let spy = Spy::new(|event| match event.stage {
        PipelineStage::InputReceived => Err(Error::new(ErrorKind::Extension, "what failed? handled request")),
        _ => Ok(headroom_core::extension::Answer::None),
    });
    let proxy = start_with(traced(&upstream, &collector), vec![spy]).await;
    let headers = "authorization: Bearer sk-secret\r\nx-api-key: sk-secret\r\ncookie: sk-secret\r\n";
    ask(proxy.address(), post("/v1/chat/completions?key=sk-secret", headers, long_chat(false))).await;
    let seen = collector.next().await;
    let text = String::from_utf8(seen.body.clone()).unwrap();
    for said in ["what failed", "handled request", "blue answer", "sk-secret", "INFO worker"] {
        assert!(!text.contains(said) && !seen.head.contains(said), "{said}: {text}");
    }
    let (_, spans) = spans(&seen);
    let failed = spans.iter().find(|span| span.attributes.get("headroom.stage") == Some(&json!("input_received")));
    let failed = failed.unwrap();
    failed.is("error.type", &json!("failed_open"));
    assert_eq!(failed.json["status"], json!({"code": 2}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_traced_with_its_ending() {
    let stream = include_str!("../streams/messages_thinking.sse");
    let upstream = Upstream::start(move |_| vec![stream_head(), chunk(stream), send("0\r\n\r\n")]).await;
    let mut collector = Upstream::start(|_| ok("{}")).await;
    let proxy = start(traced(&upstream, &collector)).await;
    let body = r#"{"model":"claude-x","stream":true,"max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#;
    ask(proxy.address(), post("/v1/messages", "", body)).await;
    let (_, spans) = spans(&collector.next().await);
    let call = spans.last().unwrap();
    assert_eq!((call.text("name"), spans[0].json.get("parentSpanId")), ("chat claude-x", None));
    call.is("gen_ai.provider.name", &json!("anthropic"));
    assert!(call.attributes["gen_ai.response.model"].as_str().unwrap().starts_with("claude-"));
    assert_eq!(call.attributes["gen_ai.response.finish_reasons"].as_array().unwrap().len(), 1);
    assert!(call.attributes["gen_ai.usage.output_tokens"].as_u64() > Some(0));
    spans[0].is("headroom.transport", &json!("sse"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_and_what_fails_is_traced_as_far_as_it_is_known() {
    let upstream = Upstream::start(|seen| match seen.index {
        0 => ok("{}"),
        1 => answer("429 Too Many Requests", "", "{}"),
        2 => ok(r#"{"modelVersion":"gemini-x-001","candidates":[{"finishReason":"STOP"}]}"#),
        _ => vec![Do::Reset],
    })
    .await;
    let mut collector = Upstream::start(|_| ok("{}")).await;
    let proxy = start(traced(&upstream, &collector)).await;

    ask(proxy.address(), post("/v1/files/f-1", "", "a file")).await;
    let (_, passed) = spans(&collector.next().await);
    assert_eq!(kinds(&passed), [(2, "POST"), (3, "POST")], "a path that is not known is no name");
    assert!(passed[1].attributes.keys().all(|name| !name.starts_with("gen_ai.")));

    ask(proxy.address(), post(CHAT, "x-headroom-bypass: true\r\n", ODD_CHAT)).await;
    let (_, limited) = spans(&collector.next().await);
    let call = limited.last().unwrap();
    assert_eq!((call.text("name"), &call.json["status"]), ("chat", &json!({"code": 2})));
    call.is("error.type", &json!("429"));
    assert!(limited[0].json.get("status").is_none(), "the client's fault is no fault of the server");
    limited[0].is("headroom.bypass", &json!(true));

    ask(proxy.address(), post("/v1beta/models/gemini-x:generateContent", "", r#"{"contents":[]}"#)).await;
    let (_, gemini) = spans(&collector.next().await);
    let call = gemini.last().unwrap();
    assert_eq!(gemini[0].text("name"), "POST /v1beta/models/{model}:generateContent");
    assert_eq!(call.text("name"), "generate_content gemini-x");
    call.is("gen_ai.provider.name", &json!("gcp.gemini"));
    call.is("gen_ai.response.model", &json!("gemini-x-001"));

    assert_eq!(ask(proxy.address(), post(CHAT, "", ODD_CHAT)).await.status, 502);
    let (_, failed) = spans(&collector.next().await);
    for span in [&failed[0], failed.last().unwrap()] {
        span.is("error.type", &json!("unreachable"));
        assert_eq!(span.json["status"], json!({"code": 2}));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_samples_nothing_is_followed() {
    let upstream = Upstream::start(|_| ok(CHAT_ANSWER)).await;
    let mut collector = Upstream::start(|_| ok("{}")).await;
    let proxy = start(traced(&upstream, &collector)).await;
    let unsampled = format!("traceparent: {}00\r\n", &PARENT[..53]);
    ask(proxy.address(), post(CHAT, &unsampled, ODD_CHAT)).await;
    told(proxy.address(), 1).await;
    proxy.shutdown();
    proxy.join().await;
    assert!(collector.is_quiet());
}

/// What `/metrics` says of spans with an outcome.
async fn counted(address: std::net::SocketAddr, outcome: &str) -> u64 {
    let metrics = ask(address, get("/metrics", "")).await;
    let start = format!("headroom_trace_spans_total{{outcome=\"{outcome}\"}} ");
    metrics.text().lines().find_map(|line| line.strip_prefix(&start)?.parse().ok()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_busy_is_asked_again_and_one_that_refuses_is_not() {
    let upstream = Upstream::start(|_| ok(CHAT_ANSWER)).await;
    let mut collector = Upstream::start(|seen| match seen.index {
        0 => answer("503 Service Unavailable", "retry-after: 0\r\n", ""),
        1 => vec![Do::Reset],
        3 => answer("400 Bad Request", "", ""),
        4 => ok(r#"{"partialSuccess":{"rejectedSpans":"1","errorMessage":"no"}}"#),
        _ => ok("{}"),
    })
    .await;
    let proxy = start(traced(&upstream, &collector)).await;
    let address = proxy.address();
    ask(address, post(CHAT, "", ODD_CHAT)).await;
    let first = collector.next().await;
    for _ in 0..2 {
        assert_eq!(collector.next().await.body, first.body, "the same spans again");
    }
    let taken = spans(&first).1.len() as u64;
    for _ in 0..2 {
        ask(address, post(CHAT, "", ODD_CHAT)).await;
        collector.next().await;
    }
    ask(address, post(CHAT, "", ODD_CHAT)).await;
    // The one before was counted before this one was sent.
    collector.next().await;
    assert_eq!([counted(address, "failed").await, counted(address, "dropped").await], [taken + 1, 0]);
    assert!(counted(address, "sent").await >= 2 * taken - 1);
    let stats = ask(address, get("/stats", "")).await.json();
    assert_eq!(stats["traces"]["spans"]["failed"], json!(taken + 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_hangs_keeps_no_request_waiting_and_what_finds_no_place_is_counted() {
    let upstream = Upstream::start(|_| ok(CHAT_ANSWER)).await;
    let never = Arc::new(Notify::new());
    let mut collector = Upstream::start(move |_| vec![Do::Wait(Arc::clone(&never))]).await;
    let mut options = traced(&upstream, &collector);
    options.traces.queue_requests = 1;
    let proxy = start(options).await;
    ask(proxy.address(), post(CHAT, "", ODD_CHAT)).await;
    collector.next().await;
    for _ in 0..3 {
        assert_eq!(ask(proxy.address(), post(CHAT, "", ODD_CHAT)).await.status, 200);
    }
    told(proxy.address(), 4).await;
    assert!(counted(proxy.address(), "dropped").await >= 4);
    // The end is not held up for longer than the last spans may take.
    proxy.shutdown();
    proxy.join().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_that_wait_are_sent_at_the_end() {
    let upstream = Upstream::start(|_| ok(CHAT_ANSWER)).await;
    let mut collector = Upstream::start(|_| ok("{}")).await;
    let mut options = traced(&upstream, &collector);
    options.traces.delay_ms = 3_600_000;
    let proxy = start(options).await;
    for _ in 0..3 {
        ask(proxy.address(), post(CHAT, "", ODD_CHAT)).await;
    }
    proxy.shutdown();
    proxy.join().await;
    let (_, spans) = spans(&collector.next().await);
    assert_eq!(spans.iter().filter(|span| span.text("name") == "chat gpt-4o").count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_not_there_is_no_matter() {
    let upstream = Upstream::start(|_| ok(CHAT_ANSWER)).await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut options = options(upstream.address);
    options.traces.endpoint = Some(format!("http://{closed}").parse().unwrap());
    let proxy = start(options).await;
    assert_eq!(ask(proxy.address(), post(CHAT, "", ODD_CHAT)).await.status, 200);
    proxy.shutdown();
    proxy.join().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_front_traces_only_what_goes_past_its_proxy() {
    let upstream = Upstream::start(|_| ok(CHAT_ANSWER)).await;
    let mut collector = Upstream::start(|_| ok("{}")).await;
    let (place, address) = watch::channel(Some(upstream.address));
    let backend = Backend { address, token: Secret::new("inner") };
    let front = Proxy::start_front(traced(&upstream, &collector), backend).await.unwrap();
    ask(front.address(), post(CHAT, "", ODD_CHAT)).await;
    place.send_replace(None);
    ask(front.address(), post("/v1/messages", "", "{}")).await;
    front.shutdown();
    front.join().await;
    let (_, spans) = spans(&collector.next().await);
    assert_eq!(kinds(&spans), [(2, "POST /v1/messages"), (3, "chat")]);
    assert!(collector.is_quiet());
}
