//! Who may ask, and how much.

use std::sync::Arc;

use headroom_proxy::{Proxy, ProxyOptions, Secret, StartError};

use crate::client::{Client, ask, get, post};
use crate::setup::{ODD_CHAT, options, start};
use crate::upstream::{Upstream, ok};

const CHAT: &str = "/v1/chat/completions";

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_host_or_origin_ends_at_the_door_of_every_route() {
    let mut upstream = Upstream::start(|_| ok("{}")).await;
    let proxy = start(options(upstream.address)).await;
    for path in [CHAT, "/v1/models", "/v1/compress", "/v1/retrieve/stats", "/livez", "/metrics"] {
        let foreign = format!("GET {path} HTTP/1.1\r\nhost: evil.example\r\n\r\n");
        assert_eq!(ask(proxy.address(), foreign).await.status, 403, "{path}");
        let got = ask(proxy.address(), get(path, "origin: https://evil.example\r\n")).await;
        assert_eq!(got.status, 403, "{path}");
        assert!(got.header("access-control-allow-origin").is_none());
        assert!(got.json()["error"]["message"].as_str().unwrap().contains("Origin"));
    }
    let preflight = "OPTIONS /v1/messages HTTP/1.1\r\nhost: localhost\r\norigin: https://evil.example\r\n\r\n";
    assert_eq!(ask(proxy.address(), preflight).await.status, 403);
    assert!(upstream.is_quiet());
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_token_only_liveness_is_open() {
    let mut upstream = Upstream::start(|_| ok("{}")).await;
    let proxy = start(ProxyOptions { token: Some(Secret::new("t0k")), ..options(upstream.address) }).await;
    let address = proxy.address();
    for path in ["/livez", "/readyz", "/health"] {
        assert_eq!(ask(address, get(path, "")).await.status, 200, "{path}");
    }
    for path in ["/v1/models", "/v1/retrieve/stats", "/metrics", "/stats", "/dashboard", "/livez/", "/p/x/v1/models"] {
        let got = ask(address, get(path, "")).await;
        assert_eq!(got.status, 401, "{path}");
        assert!(!got.text().contains("t0k"));
    }
    assert_eq!(ask(address, get("/v1/retrieve/stats", "authorization: Bearer t0k\r\n")).await.status, 200);
    assert_eq!(ask(address, get("/v1/models", "authorization: Bearer t0k\r\n")).await.status, 401);
    assert!(upstream.is_quiet());
    let both = "x-headroom-proxy-token: t0k\r\nauthorization: Bearer provider\r\n";
    assert_eq!(ask(address, get("/v1/models", both)).await.status, 200);
    let seen = upstream.next().await;
    assert_eq!(seen.header("authorization"), Some("Bearer provider"));
    assert!(!seen.head.contains("t0k"), "{}", seen.head);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_others_reach_needs_a_token() {
    let open =
        ProxyOptions { host: "0.0.0.0".into(), port: 0, store: Some(":memory:".into()), ..ProxyOptions::default() };
    let refused = Proxy::start(open.clone(), Arc::default()).await.unwrap_err();
    assert!(matches!(refused, StartError::NoToken(_)), "{refused}");
    let guarded = ProxyOptions { token: Some(Secret::new("t0k")), ..open };
    Proxy::start(guarded, Arc::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_is_an_error_that_names_it() {
    let upstream = Upstream::start(|_| ok("{}")).await;
    let taken = ProxyOptions { port: upstream.address.port(), ..options(upstream.address) };
    let message = Proxy::start(taken, Arc::default()).await.unwrap_err().to_string();
    assert_eq!(message, format!("cannot listen on 127.0.0.1:{}", upstream.address.port()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_refused_before_it_is_held() {
    let mut upstream = Upstream::start(|_| ok("{}")).await;
    let mut options = options(upstream.address);
    options.limits.body_bytes = 1000;
    options.limits.header_bytes = 2000;
    let proxy = start(options).await;
    let big = "x".repeat(1001);
    for path in [CHAT, "/v1/files", "/v1/compress"] {
        assert_eq!(ask(proxy.address(), post(path, "", &big)).await.status, 413, "{path}");
        // The length of a chunked body shows only as it comes.
        let chunked = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n3e9\r\n{big}\r\n0\r\n\r\n"
        );
        let got = ask(proxy.address(), chunked).await;
        assert_eq!(got.status, 413, "{path}: {}", got.text());
    }
    let got = ask(proxy.address(), post("/v1/messages", &format!("x-long: {}\r\n", "h".repeat(2000)), "{}")).await;
    assert_eq!((got.status, &got.json()["type"]), (431, &"error".into()));
    assert_eq!(ask(proxy.address(), post(CHAT, "", &big[1..])).await.status, 200);
    assert_eq!(upstream.next().await.body.len(), 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_sends_half_of_something_is_not_waited_for() {
    let mut upstream = Upstream::start(|_| ok("{}")).await;
    let mut options = options(upstream.address);
    options.timeouts.headers_ms = 50;
    options.timeouts.idle_ms = 50;
    let proxy = start(options).await;
    let mut silent = Client::connect(proxy.address()).await;
    assert_eq!(silent.rest().await, "");
    let mut half_a_preface = Client::connect(proxy.address()).await;
    half_a_preface.send("PRI * HTTP/2").await;
    half_a_preface.rest().await;
    let mut half_a_head = Client::connect(proxy.address()).await;
    half_a_head.send("POST /v1/messages HTTP/1.1\r\nhost: loc").await;
    half_a_head.rest().await;
    let mut half_a_body = Client::connect(proxy.address()).await;
    let whole = post(CHAT, "", ODD_CHAT);
    half_a_body.send(&whole[..whole.len() - 1]).await;
    assert_eq!(half_a_body.answer().await.status, 408);
    assert!(upstream.is_quiet());
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_beyond_the_limit_wait_for_a_place() {
    let upstream = Upstream::start(|_| ok("{}")).await;
    let mut options = options(upstream.address);
    options.limits.connections = 1;
    let proxy = start(options).await;
    let mut first = Client::connect(proxy.address()).await;
    first.send(get("/livez", "")).await;
    assert_eq!(first.answer().await.status, 200);
    let mut second = Client::connect(proxy.address()).await;
    second.send(get("/livez", "")).await;
    first.send(get("/livez", "")).await;
    assert_eq!(first.answer().await.status, 200);
    drop(first);
    assert_eq!(second.answer().await.status, 200);
}
