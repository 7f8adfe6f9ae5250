//! The eight stages around a request.

use std::io::Write as _;

use headroom_core::extension::Answer;
use headroom_core::pipeline::PipelineStage;
use headroom_core::{Error, ErrorKind, Value};
use serde_json::json;

use crate::client::{Client, ask, post};
use crate::setup::{CHAT_ANSWER, ODD_CHAT, Spy, long_chat, options, start, start_with};
use crate::upstream::{Upstream, chunk, ok, send, stream_head};

const CHAT: &str = "/v1/chat/completions";

const ALL: [&str; 8] = [
    "input_received",
    "input_cached",
    "input_routed",
    "input_compressed",
    "input_remembered",
    "pre_send",
    "post_send",
    "response_received",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_long_tool_result_is_shorter_at_the_upstream_and_the_client_is_told() {
    let mut upstream = Upstream::start(|_| ok(CHAT_ANSWER)).await;
    let proxy = start(options(upstream.address)).await;
    let body = long_chat(false);
    let got = ask(proxy.address(), post(CHAT, "", &body)).await;
    let seen = upstream.next().await;
    let sent = String::from_utf8(seen.body).unwrap();
    assert!(sent.len() < body.len() / 2);
    let start_of_result = body.find("2024-01-15").unwrap();
    assert_eq!(sent[..start_of_result], body[..start_of_result]);
    assert_eq!(seen.head.matches("content-length").count(), 1);
    assert_eq!(got.text(), CHAT_ANSWER);
    let number = |name: &str| got.header(name).unwrap().parse::<u64>().unwrap();
    assert_eq!(
        number("x-headroom-tokens-before") - number("x-headroom-tokens-after"),
        number("x-headroom-tokens-saved")
    );
    assert!(number("x-headroom-tokens-saved") > 10_000);
    assert!(got.header("x-headroom-transforms").unwrap().starts_with("router:log_fold:"));
    assert!(got.header("x-headroom-compression-failed").is_none());
    // Sent again it is the same.
    ask(proxy.address(), post(CHAT, "", &body)).await;
    assert_eq!(upstream.next().await.body, sent.into_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encoded_body_is_read_and_sent_plain_only_when_it_changed() {
    let mut upstream = Upstream::start(|_| ok(CHAT_ANSWER)).await;
    let proxy = start(options(upstream.address)).await;
    let gzip = |text: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let small = gzip(ODD_CHAT);
    let got = ask(proxy.address(), post(CHAT, "content-encoding: gzip\r\n", &small)).await;
    assert!(got.header("x-headroom-tokens-before").unwrap() != "0");
    let seen = upstream.next().await;
    assert_eq!((seen.body, seen.head.contains("content-encoding: gzip")), (small, true));
    let long = zstd::encode_all(long_chat(false).as_bytes(), 1).unwrap();
    ask(proxy.address(), post(CHAT, "content-encoding: zstd\r\n", &long)).await;
    let seen = upstream.next().await;
    assert!(!seen.head.contains("content-encoding") && seen.body.starts_with(b"{\"model\":\"gpt-4o\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn all_stages_happen_in_order_with_what_they_promise() {
    let mut upstream = Upstream::start(|_| ok(CHAT_ANSWER)).await;
    let spy = Spy::silent();
    let proxy = start_with(options(upstream.address), vec![spy.clone()]).await;
    assert_eq!(spy.all_stages(), ["setup", "pre_start", "post_start"]);
    let paths = [(CHAT, "openai", "http"), ("/v1/messages", "anthropic", "http")];
    for (path, provider, transport) in paths {
        let before = spy.events().len();
        ask(proxy.address(), post(path, "authorization: Bearer secret\r\nx-team: red\r\n", ODD_CHAT)).await;
        assert_eq!(upstream.next().await.header("authorization"), Some("Bearer secret"));
        let events = &spy.events()[before..];
        assert_eq!(events.iter().map(|event| event.stage.name()).collect::<Vec<_>>(), ALL);
        for event in events {
            assert_eq!((&*event.operation, &*event.provider, &*event.model), ("proxy.request", provider, "gpt-4o"));
            let text = |name: &str| event.metadata.get(name).unwrap().to_json().unwrap().to_string();
            assert_eq!((text("path"), text("transport")), (json!(path).to_string(), json!(transport).to_string()));
            assert!(!format!("{event:?}").contains("secret"));
        }
        let headers = events[0].headers.as_ref().unwrap().to_json().unwrap();
        assert_eq!((&headers["authorization"], &headers["x-team"]), (&json!("<redacted>"), &json!("red")));
        let last = &events[7];
        let text = |name: &str| last.metadata.get(name).unwrap().to_json().unwrap();
        assert_eq!((&*text("status_code"), &*text("stream")), (&json!(200), &json!(false)));
        assert_eq!(text("usage")["prompt_tokens"], 3);
        assert_eq!(last.response.as_ref().unwrap().to_json().unwrap().to_string(), CHAT_ANSWER);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_stream_the_whole_answer_is_shown() {
    let events = [
        r#"{"id":"r1","object":"chat.completion.chunk","created":1,"model":"gpt-4o","choices":[{"index":0,"delta":{"role":"assistant","content":"he"},"finish_reason":null}]}"#,
        r#"{"id":"r1","object":"chat.completion.chunk","created":1,"model":"gpt-4o","choices":[{"index":0,"delta":{"content":"llo"},"finish_reason":"stop"}]}"#,
        "[DONE]",
    ];
    let whole: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    let text = whole.clone();
    let upstream = Upstream::start(move |_| {
        let (first, second) = text.split_at(text.len() / 3);
        vec![stream_head(), chunk(first), chunk(second), send("0\r\n\r\n")]
    })
    .await;
    let spy = Spy::silent();
    let proxy = start_with(options(upstream.address), vec![spy.clone()]).await;
    let mut client = Client::connect(proxy.address()).await;
    client.send(post(CHAT, "", long_chat(true))).await;
    assert_eq!(client.answer().await.text(), whole);
    proxy.shutdown();
    proxy.join().await;
    assert_eq!(spy.stages(), ALL);
    let last = &spy.events()[7];
    let response = last.response.as_ref().unwrap().to_json().unwrap();
    assert_eq!(response["choices"][0]["message"]["content"], "hello");
    assert_eq!(*last.metadata.get("stream").unwrap().to_json().unwrap(), json!(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extension_may_change_a_header_at_the_last_moment() {
    let mut upstream = Upstream::start(|_| ok(CHAT_ANSWER)).await;
    let spy = Spy::new(|event| {
        if event.stage == PipelineStage::PreSend {
            let mut headers = (*event.headers.as_ref().unwrap().to_json().unwrap()).clone();
            headers["x-team"] = json!("blue");
            headers["x-api-key"] = json!("new");
            event.headers = Some(Value::json(headers));
        }
        Ok(Answer::None)
    });
    let proxy = start_with(options(upstream.address), vec![spy]).await;
    let headers = "authorization: Bearer k\r\nx-team: red\r\nx-api-key: old\r\n";
    ask(proxy.address(), post(CHAT, headers, ODD_CHAT)).await;
    let seen = upstream.next().await;
    assert_eq!(seen.body, ODD_CHAT.as_bytes());
    let header = |name: &str| seen.header(name).unwrap();
    assert_eq!((header("x-team"), header("x-api-key"), header("authorization")), ("blue", "new", "Bearer k"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extension_may_change_the_request_and_the_answer() {
    let mut upstream = Upstream::start(|_| ok(CHAT_ANSWER)).await;
    let spy = Spy::new(|event| {
        match event.stage {
            PipelineStage::InputReceived => {
                event.tools = Some(Value::json(json!([{"type": "function", "function": {"name": "t"}}])));
                let mut messages = (*event.messages.as_ref().unwrap().to_json().unwrap()).clone();
                messages[0]["content"] = json!("other");
                event.messages = Some(Value::json(messages));
            }
            PipelineStage::ResponseReceived => event.response = Some(Value::json(json!({"replaced": true}))),
            _ => {}
        }
        Ok(Answer::None)
    });
    let proxy = start_with(options(upstream.address), vec![spy]).await;
    let got = ask(proxy.address(), post(CHAT, "", ODD_CHAT)).await;
    assert_eq!(got.text(), r#"{"replaced":true}"#);
    let seen = upstream.next().await;
    let sent = String::from_utf8(seen.body).unwrap();
    assert!(sent.contains(r#""content":"other""#) && sent.contains(r#""tools":[{"type":"function""#), "{sent}");
    assert!(sent.contains("1e400, 1180591620717411303424],\"x\":null"), "{sent}");
    assert_eq!(seen.head.to_lowercase().matches("content-length").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_an_error_of_the_api_and_nothing_is_sent() {
    let mut upstream = Upstream::start(|_| ok(CHAT_ANSWER)).await;
    let spy = Spy::closed(|event| match event.stage {
        PipelineStage::PreSend => Err(Error::new(ErrorKind::Extension, "not on my watch")),
        _ => Ok(Answer::None),
    });
    let proxy = start_with(options(upstream.address), vec![spy.clone()]).await;
    let got = ask(proxy.address(), post("/v1/messages", "", ODD_CHAT)).await;
    assert_eq!((got.status, &got.json()["type"]), (403, &json!("error")));
    let message = got.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("spy") && message.contains("pre_send"), "{message}");
    assert!(upstream.is_quiet());
    assert_eq!(spy.stages(), ALL[..6]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_an_extension_comes_as_json_or_as_a_stream() {
    let mut upstream = Upstream::start(|_| ok(CHAT_ANSWER)).await;
    let spy = Spy::new(|event| {
        if event.stage != PipelineStage::InputReceived {
            return Ok(Answer::None);
        }
        let mut answer = event.clone();
        answer.stage = PipelineStage::ResponseReceived;
        answer.response = Some(Value::json(serde_json::from_str(CHAT_ANSWER).unwrap()));
        Ok(Answer::Event(Box::new(answer)))
    });
    let proxy = start_with(options(upstream.address), vec![spy.clone()]).await;
    let got = ask(proxy.address(), post(CHAT, "", ODD_CHAT)).await;
    assert_eq!((got.status, got.text()), (200, CHAT_ANSWER));
    assert_eq!(spy.stages(), ["input_received", "response_received"]);
    let streamed = ask(proxy.address(), post(CHAT, "", ODD_CHAT.replacen('{', "{\"stream\":true,", 1))).await;
    assert_eq!(streamed.header("content-type"), Some("text/event-stream"));
    assert!(streamed.text().starts_with("data: {") && streamed.text().ends_with("data: [DONE]\n\n"));
    assert!(upstream.is_quiet());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_attempt_is_told_without_a_status() {
    let upstream = Upstream::start(|_| vec![crate::upstream::Do::Reset]).await;
    let spy = Spy::silent();
    let proxy = start_with(options(upstream.address), vec![spy.clone()]).await;
    assert_eq!(ask(proxy.address(), post(CHAT, "", ODD_CHAT)).await.status, 502);
    assert_eq!(spy.stages(), ALL[..7]);
    assert!(spy.events()[6].metadata.get("status_code").unwrap().to_json().unwrap().is_null());
}
