//! Answers that are given again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use headroom_core::extension::{Answer, BoxFuture, Extension, FailurePolicy, Policy};
use headroom_core::pipeline::{PipelineEvent, PipelineStage, StageSet};
use headroom_core::{Error, Value};
use headroom_proxy::ProxyOptions;
use serde_json::json;
use tokio::sync::Notify;

use crate::client::{Client, ask, get, post};
use crate::seen::told;
use crate::setup::{CHAT_ANSWER, ODD_CHAT, Spy, long_chat, options, start, start_with};
use crate::upstream::{Do, Upstream, answer, chunk, ok, send, stream_head};

const CHAT: &str = "/v1/chat/completions";

fn with_cache(upstream: &Upstream) -> ProxyOptions {
    ProxyOptions { response_cache: true, ..options(upstream.address) }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_is_answered_without_the_upstream() {
    let mut upstream = Upstream::start(|_| ok(CHAT_ANSWER)).await;
    let spy = Spy::silent();
    let proxy = start_with(with_cache(&upstream), vec![spy.clone()]).await;
    let request = post(CHAT, "authorization: Bearer k\r\nx-stainless-retry-count: 0\r\n", long_chat(false));
    let first = ask(proxy.address(), &request).await;
    assert_eq!(first.header("x-headroom-cached"), None);
    upstream.next().await;
    told(proxy.address(), 1).await;
    let before = spy.events().len();
    let second =
        ask(proxy.address(), post(CHAT, "authorization: Bearer k\r\nx-stainless-retry-count: 1\r\n", long_chat(false)))
            .await;
    assert_eq!((second.status, second.text(), second.header("x-headroom-cached")), (200, CHAT_ANSWER, Some("true")));
    assert_eq!(second.header("content-type"), Some("application/json"));
    assert!(upstream.is_quiet());
    let events = &spy.events()[before..];
    let stages: Vec<_> = events.iter().map(|event| event.stage.name()).collect();
    assert_eq!(stages, ["input_received", "input_cached", "response_received"]);
    let metadata = |name: &str| events[1].metadata.get(name).unwrap().to_json().unwrap();
    assert_eq!((&*metadata("cache_hit"), &*metadata("cache_enabled")), (&json!(true), &json!(true)));
    assert_eq!(events[2].response.as_ref().unwrap().to_json().unwrap().to_string(), CHAT_ANSWER);
    let told = told(proxy.address(), 2).await;
    assert_eq!((&told[0]["cached"], &told[1]["cached"]), (&json!(false), &json!(true)));
    assert!(told[1]["provider_usage"].is_null() && told[1]["upstream_ms"].is_null());
    let stats = ask(proxy.address(), get("/stats", "")).await.json();
    assert_eq!(stats["response_cache"], json!({"enabled": true, "off_because": null}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_replayed_as_the_bytes_that_came() {
    let streams = [
        ("/v1/chat/completions", include_str!("../streams/chat_text.sse")),
        ("/v1/messages", include_str!("../streams/messages_thinking.sse")),
        ("/v1/responses", include_str!("../streams/responses_text.sse")),
        ("/v1beta/models/g:streamGenerateContent?alt=sse", include_str!("../streams/gemini_text.sse")),
    ];
    for (path, stream) in streams {
        let mut upstream = Upstream::start(move |_| {
            let (first, second) = stream.split_at(stream.len() / 3);
            vec![stream_head(), chunk(first), chunk(second), send("0\r\n\r\n")]
        })
        .await;
        for extensions in [vec![], vec![Spy::silent() as Arc<dyn Extension>]] {
            let proxy = start_with(with_cache(&upstream), extensions).await;
            for cached in [None, Some("true")] {
                let got = ask(proxy.address(), post(path, "", ODD_CHAT.replacen('{', "{\"stream\":true,", 1))).await;
                assert_eq!((got.status, got.header("content-type")), (200, Some("text/event-stream")));
                assert_eq!((got.text(), got.header("x-headroom-cached")), (stream, cached), "{path}");
            }
            upstream.next().await;
            assert!(upstream.is_quiet(), "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_an_answer_that_another_credential_paid_for() {
    let mut upstream = Upstream::start(|seen| ok(&CHAT_ANSWER.replace("\"hi\"", &format!("\"{}\"", seen.index)))).await;
    let mut other = Upstream::start(|_| ok(&CHAT_ANSWER.replace("\"hi\"", "\"other\""))).await;
    let mut options = with_cache(&upstream);
    options.upstreams.named.insert("other".into(), format!("http://{}", other.address).parse().unwrap());
    let proxy = start(options).await;
    let asks = [
        (CHAT, "authorization: Bearer a\r\n"),
        (CHAT, "authorization: Bearer b\r\n"),
        (CHAT, ""),
        (CHAT, "api-key: a\r\n"),
        (CHAT, "cookie: a=b\r\n"),
        (CHAT, "authorization: Bearer a\r\nopenai-organization: o\r\n"),
        ("/v1/chat/completions?key=a", ""),
    ];
    for round in 0..2 {
        for (index, (path, headers)) in asks.into_iter().enumerate() {
            let got = ask(proxy.address(), post(path, headers, ODD_CHAT)).await;
            assert_eq!(got.json()["choices"][0]["message"]["content"], index.to_string(), "{headers}");
            assert_eq!(got.header("x-headroom-cached").is_some(), round == 1);
        }
    }
    let named = "authorization: Bearer a\r\nx-headroom-base-url: other\r\n";
    let got = ask(proxy.address(), post(CHAT, named, ODD_CHAT)).await;
    assert_eq!(
        (got.json()["choices"][0]["message"]["content"].clone(), got.header("x-headroom-cached")),
        (json!("other"), None)
    );
    assert!(other.next().await.header("authorization").is_some());
    for _ in asks {
        upstream.next().await;
    }
    assert!(upstream.is_quiet());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_or_body_that_an_extension_sets_counts() {
    let mut upstream = Upstream::start(|_| ok(CHAT_ANSWER)).await;
    let turn = Arc::new(AtomicUsize::new(0));
    let spy = Spy::new(move |event| {
        if event.stage == PipelineStage::InputReceived {
            let turn = turn.fetch_add(1, Ordering::SeqCst);
            let mut headers = (*event.headers.as_ref().unwrap().to_json().unwrap()).clone();
            headers["authorization"] = json!(format!("Bearer {}", turn.min(1)));
            event.headers = Some(Value::json(headers));
            if turn == 2 {
                event.tools = Some(Value::json(json!([{"type": "function", "function": {"name": "t"}}])));
            }
        }
        Ok(Answer::None)
    });
    let proxy = start_with(with_cache(&upstream), vec![spy]).await;
    for cached in [None, None, None, Some("true")] {
        let got = ask(proxy.address(), post(CHAT, "authorization: Bearer k\r\n", ODD_CHAT)).await;
        assert_eq!(got.header("x-headroom-cached"), cached);
    }
    let keys = [upstream.next().await, upstream.next().await, upstream.next().await];
    let keys = keys.map(|seen| seen.header("authorization").unwrap().to_owned());
    assert_eq!(keys, ["Bearer 0", "Bearer 1", "Bearer 1"]);
    assert!(upstream.is_quiet());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_whole_answer_is_asked_for_again() {
    let cut = include_str!("../streams/chat_cut.sse");
    let retrieval = include_str!("../streams/chat_retrieval_1.sse");
    let whole = include_str!("../streams/chat_text.sse");
    type Script = Box<dyn Fn() -> Vec<Do> + Send + Sync>;
    let stream =
        |text: &'static str, last: fn() -> Do| -> Script { Box::new(move || vec![stream_head(), chunk(text), last()]) };
    let scripts: Vec<Script> = vec![
        Box::new(|| answer("500 No", "", "{\"error\":{}}")),
        Box::new(|| answer("201 Made", "content-type: application/json\r\n", CHAT_ANSWER)),
        Box::new(|| ok("{\"error\":{\"message\":\"no\"}}")),
        Box::new(|| ok("{\"choices\":[{\"finish_reason\":null}]}")),
        Box::new(|| answer("200 OK", "content-encoding: gzip\r\n", CHAT_ANSWER)),
        Box::new(|| vec![send("HTTP/1.1 200 OK\r\ncontent-length: 10000\r\n\r\n"), send(CHAT_ANSWER), Do::Close]),
        stream(cut, || send("0\r\n\r\n")),
        stream(retrieval, || send("0\r\n\r\n")),
        stream(whole, || Do::Close),
    ];
    for script in scripts {
        let mut upstream = Upstream::start(move |_| script()).await;
        let mut options = with_cache(&upstream);
        options.retries.attempts = 0;
        options.retrieval_tool = false;
        let proxy = start(options).await;
        for _ in 0..2 {
            let mut client = Client::connect(proxy.address()).await;
            client.send(post(CHAT, "connection: close\r\n", ODD_CHAT)).await;
            assert!(!client.rest().await.contains("x-headroom-cached"));
            upstream.next().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_the_client_left_is_not_kept() {
    let go = Arc::new(Notify::new());
    let script = Arc::clone(&go);
    let whole = include_str!("../streams/chat_text.sse");
    let mut upstream = Upstream::start(move |seen| {
        let mut steps = vec![stream_head(), chunk(whole)];
        if seen.index == 0 {
            steps.push(Do::Wait(Arc::clone(&script)));
        }
        steps.push(send("0\r\n\r\n"));
        steps
    })
    .await;
    let proxy = start(with_cache(&upstream)).await;
    let mut leaving = Client::connect(proxy.address()).await;
    leaving.send(post(CHAT, "", ODD_CHAT)).await;
    leaving.until("data: [DONE]\n\n\r\n").await;
    drop(leaving);
    upstream.gone().await;
    assert_eq!(ask(proxy.address(), post(CHAT, "", ODD_CHAT)).await.header("x-headroom-cached"), None);
    assert_eq!(ask(proxy.address(), post(CHAT, "", ODD_CHAT)).await.header("x-headroom-cached"), Some("true"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_option_or_when_a_client_wants_none_nothing_is_kept() {
    let mut upstream = Upstream::start(|_| ok(CHAT_ANSWER)).await;
    let off = start(options(upstream.address)).await;
    let on = start(with_cache(&upstream)).await;
    for (proxy, headers) in [
        (&off, ""),
        (&on, "cache-control: no-store\r\n"),
        (&on, "cache-control: no-cache\r\n"),
        (&on, "x-headroom-bypass: true\r\n"),
    ] {
        for _ in 0..2 {
            let got = ask(proxy.address(), post(CHAT, headers, ODD_CHAT)).await;
            assert_eq!((got.status, got.header("x-headroom-cached")), (200, None), "{headers}");
            upstream.next().await;
        }
    }
}

/// Lets everything pass, and would refuse if it failed.
struct Guard(PipelineStage);

impl Extension for Guard {
    fn name(&self) -> &str {
        "guard"
    }

    fn stages(&self) -> StageSet {
        StageSet::NONE.with(self.0)
    }

    fn policy(&self) -> Policy {
        Policy { failure: FailurePolicy::Closed, ..Policy::default() }
    }

    fn on_pipeline_event<'a>(&'a self, _: &'a mut PipelineEvent) -> BoxFuture<'a, Result<Answer, Error>> {
        Box::pin(async { Ok(Answer::None) })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guardrail_that_a_hit_would_go_around_keeps_the_cache_off() {
    let mut upstream = Upstream::start(|_| ok(CHAT_ANSWER)).await;
    for (stage, is_on) in [
        (PipelineStage::InputReceived, true),
        (PipelineStage::InputCached, true),
        (PipelineStage::InputRouted, false),
        (PipelineStage::InputCompressed, false),
        (PipelineStage::InputRemembered, false),
        (PipelineStage::PreSend, false),
        (PipelineStage::PostSend, false),
        (PipelineStage::ResponseReceived, true),
    ] {
        let proxy = start_with(with_cache(&upstream), vec![Arc::new(Guard(stage))]).await;
        for round in 0..2 {
            let got = ask(proxy.address(), post(CHAT, "", ODD_CHAT)).await;
            assert_eq!(got.header("x-headroom-cached").is_some(), is_on && round == 1, "{stage}");
        }
        let state = ask(proxy.address(), get("/stats", "")).await.json()["response_cache"].clone();
        assert_eq!(state["enabled"], is_on);
        if !is_on {
            let reason = state["off_because"].as_str().unwrap();
            assert_eq!(reason, format!("extension guard is closed at {stage}, which a kept answer would skip"));
        }
        upstream.next().await;
        assert_eq!(upstream.is_quiet(), is_on, "{stage}");
    }
}
