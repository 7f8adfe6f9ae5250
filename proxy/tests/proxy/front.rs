//! What stands before a proxy of another process, which is played by a script here.

use std::net::SocketAddr;
use std::sync::Arc;

use headroom_proxy::{Backend, Proxy, ProxyOptions, RunningProxy, Secret};
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};

use crate::client::{Client, ask, get, post};
use crate::setup::{CHAT_ANSWER, ODD_CHAT, options};
use crate::upstream::{Do, Upstream, chunk, ok, send, stream_head};

/// A front, and the end that says where its proxy is.
async fn front(options: ProxyOptions, proxy: Option<SocketAddr>) -> (RunningProxy, watch::Sender<Option<SocketAddr>>) {
    let (sender, address) = watch::channel(proxy);
    let backend = Backend { address, token: Secret::new("inner") };
    (Proxy::start_front(options, backend).await.unwrap(), sender)
}

#[tokio::test]
async fn a_request_goes_to_the_proxy_while_there_is_one() {
    let mut upstream = Upstream::start(|_| ok("past")).await;
    let mut proxy = Upstream::start(|_| ok("through")).await;
    let (front, place) = front(options(upstream.address), Some(proxy.address)).await;

    let request =
        post("/p/web/v1/chat/completions?a=%2F", "authorization: Bearer k\r\nx-headroom-tag-a: b\r\n", ODD_CHAT);
    assert_eq!(ask(front.address(), &request).await.text(), "through");
    let seen = proxy.next().await;
    assert_eq!(seen.line(), "POST /p/web/v1/chat/completions?a=%2F HTTP/1.1");
    assert_eq!(seen.body, ODD_CHAT.as_bytes());
    assert_eq!((seen.header("host"), seen.header("x-headroom-proxy-token")), (Some("localhost"), Some("inner")));
    assert_eq!((seen.header("authorization"), seen.header("x-headroom-tag-a")), (Some("Bearer k"), Some("b")));
    assert!(upstream.is_quiet());

    place.send_replace(None);
    assert_eq!(ask(front.address(), &request).await.text(), "past");
    let seen = upstream.next().await;
    assert_eq!(seen.line(), "POST /v1/chat/completions?a=%2F HTTP/1.1");
    assert_eq!(seen.body, ODD_CHAT.as_bytes());
    assert!(!seen.head.contains("x-headroom"), "{}", seen.head);

    place.send_replace(Some(proxy.address));
    assert_eq!(ask(front.address(), &request).await.text(), "through");
}

#[tokio::test]
async fn a_request_that_the_proxy_does_not_answer_goes_past_it() {
    for script in [|| vec![Do::Close], || vec![Do::Reset], || vec![send("HTTP/1.1 200 OK\r\ncontent-"), Do::Close]] {
        let mut upstream = Upstream::start(|_| ok(CHAT_ANSWER)).await;
        let proxy = Upstream::start(move |_| script()).await;
        let (front, _place) = front(options(upstream.address), Some(proxy.address)).await;
        let answer = ask(front.address(), post("/v1/chat/completions", "", ODD_CHAT)).await;
        assert_eq!((answer.status, answer.text()), (200, CHAT_ANSWER));
        assert_eq!(upstream.next().await.body, ODD_CHAT.as_bytes());
    }
}

#[tokio::test]
async fn a_proxy_that_is_not_there_yet_is_passed() {
    let upstream = Upstream::start(|_| ok(CHAT_ANSWER)).await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (front, _place) = front(options(upstream.address), Some(closed)).await;
    assert_eq!(ask(front.address(), post("/v1/messages", "", "{}")).await.status, 200);
    let upgrade = get("/v1/unknown", "connection: upgrade\r\nupgrade: other\r\n");
    assert_eq!(ask(front.address(), upgrade).await.status, 200);
    assert_eq!(ask(front.address(), get("/v1/retrieve/stats", "")).await.status, 200, "an own route is answered here");
}

#[tokio::test]
async fn an_error_of_the_proxy_is_its_answer() {
    let mut upstream = Upstream::start(|_| ok("past")).await;
    let proxy = Upstream::start(|_| vec![send("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 2\r\n\r\n{}")]).await;
    let (front, _place) = front(options(upstream.address), Some(proxy.address)).await;
    assert_eq!(ask(front.address(), post("/v1/messages", "", "{}")).await.status, 502);
    assert!(upstream.is_quiet());
}

#[tokio::test]
async fn a_stream_comes_piece_by_piece_and_breaks_off_with_the_proxy() {
    let go = Arc::new(Notify::new());
    let wait = Arc::clone(&go);
    let proxy = Upstream::start(move |_| {
        vec![stream_head(), chunk("data: 1\n\n"), Do::Wait(Arc::clone(&wait)), chunk("data: 2\n\n"), Do::Close]
    })
    .await;
    let mut upstream = Upstream::start(|_| ok("past")).await;
    let (front, _place) = front(options(upstream.address), Some(proxy.address)).await;
    let mut client = Client::connect(front.address()).await;
    client.send(post("/v1/chat/completions", "", r#"{"stream":true}"#)).await;
    client.until("data: 1\n\n\r\n").await;
    go.notify_one();
    let rest = client.rest().await;
    assert!(rest.contains("data: 2") && !rest.ends_with("0\r\n\r\n"), "{rest:?}");
    assert!(upstream.is_quiet(), "an answer that has begun is not asked for again");
}

#[tokio::test]
async fn a_body_without_a_length_passes() {
    let mut proxy = Upstream::start(|_| ok("through")).await;
    let (front, _place) = front(options(proxy.address), Some(proxy.address)).await;
    let head = "POST /v1/files HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n";
    let answer = ask(front.address(), format!("{head}3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")).await;
    assert_eq!(answer.text(), "through");
    assert_eq!(proxy.next().await.body, b"abcde");
}

#[tokio::test]
async fn an_upgrade_becomes_a_tunnel() {
    let switching = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: other\r\nx-a: b\r\n\r\n";
    let mut proxy = Upstream::start(move |seen| match seen.index {
        0 => vec![send(switching), send("hello")],
        // What the client says then is read as a message here.
        _ => vec![send("heard"), Do::Close],
    })
    .await;
    let (front, _place) = front(options(proxy.address), Some(proxy.address)).await;
    let mut client = Client::connect(front.address()).await;
    client.send(get("/v1/responses", "connection: upgrade\r\nupgrade: other\r\n")).await;
    let head = client.until("hello").await;
    assert!(head.starts_with("HTTP/1.1 101") && head.contains("x-a: b"), "{head}");
    assert_eq!(proxy.next().await.header("x-headroom-proxy-token"), Some("inner"));
    client.send("and back\r\n\r\n").await;
    assert_eq!(client.rest().await, "heard");
    assert_eq!(proxy.next().await.head, "and back\r\n\r\n");
}

#[tokio::test]
async fn own_routes_ask_for_the_token_of_the_options() {
    let proxy = Upstream::start(|_| ok("through")).await;
    let options = ProxyOptions { token: Some(Secret::new("t0k")), ..options(proxy.address) };
    let (front, place) = front(options, Some(proxy.address)).await;
    for there in [Some(proxy.address), None] {
        place.send_replace(there);
        assert_eq!(ask(front.address(), get("/v1/retrieve/stats", "")).await.status, 401);
        let known = get("/v1/retrieve/stats", "x-headroom-proxy-token: t0k\r\n");
        assert_eq!(ask(front.address(), known).await.status, 200);
        assert_eq!(ask(front.address(), get("/livez", "")).await.status, 200);
        assert_eq!(ask(front.address(), post("/v1/messages", "", "{}")).await.status, 200);
    }
}
