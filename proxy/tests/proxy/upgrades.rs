//! Other protocols on a connection: bytes both ways, unread.

use std::future::poll_fn;
use std::task::Poll;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::{Client, ask, get};
use crate::setup::{CHAT_ANSWER, Spy, options, start, start_with};
use crate::socket::{SocketUpstream, connect_raw};
use crate::upstream::{Upstream, answer, ok};

const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Extensions: permessage-deflate\r\nX-Other: 1\r\n\r\n";

fn handshake(path: &str, headers: &str) -> String {
    get(
        path,
        &format!(
            "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n{headers}"
        ),
    )
}

async fn passes(from: &mut TcpStream, to: &mut TcpStream, bytes: &[u8]) {
    from.write_all(bytes).await.unwrap();
    let mut found = vec![0; bytes.len()];
    to.read_exact(&mut found).await.unwrap();
    assert_eq!(found, bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_bypass_a_websocket_is_a_tunnel_of_bytes_and_no_extension_hears_of_it() {
    let upstream = SocketUpstream::start().await;
    let spy = Spy::silent();
    let proxy = start_with(options(upstream.address), vec![spy.clone()]).await;
    for bypass in ["x-headroom-bypass: TRUE\r\n", "x-headroom-mode: passthrough\r\n"] {
        let request = handshake("/v1/responses?a=b", &format!("{bypass}authorization: Bearer k\r\nx-other: 2\r\n"));
        let ((head, mut client), (seen, mut server)) =
            tokio::join!(connect_raw(proxy.address(), &request), upstream.accept_raw(SWITCH));
        assert!(head.starts_with("HTTP/1.1 101 ") && head.contains("x-headroom-request-id: "), "{head}");
        for line in ["sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "upgrade: websocket", "x-other: 1"] {
            assert!(head.contains(&format!("{line}\r\n")), "{head}");
        }
        assert!(head.contains("sec-websocket-extensions: permessage-deflate\r\n"));
        let mut lines: Vec<_> = seen.lines().filter(|line| !line.is_empty()).collect();
        lines.sort_unstable();
        let host = format!("host: {}", upstream.address);
        let mut expected = vec![
            "GET /v1/responses?a=b HTTP/1.1",
            &*host,
            "connection: Upgrade",
            "upgrade: websocket",
            "sec-websocket-version: 13",
            "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
            "sec-websocket-extensions: permessage-deflate",
            "authorization: Bearer k",
            "x-other: 2",
        ];
        expected.sort_unstable();
        assert_eq!(lines, expected);
        // Bytes that no frame is made of.
        passes(&mut client, &mut server, b"\xff\xff\x00{\"type\":\"response.create\"}").await;
        passes(&mut server, &mut client, &[0xc1; 100_000]).await;
        server.shutdown().await.unwrap();
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
        passes(&mut client, &mut server, b"after the other side has ended").await;
    }
    proxy.shutdown();
    proxy.join().await;
    assert!(spy.events().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn any_protocol_on_any_path_passes() {
    let upstream = SocketUpstream::start().await;
    let proxy = start(options(upstream.address)).await;
    let request = get("/v1/realtime?model=m", "connection: upgrade\r\nupgrade: echo/2\r\n");
    let ((head, mut client), (seen, mut server)) = tokio::join!(
        connect_raw(proxy.address(), &request),
        upstream.accept_raw("HTTP/1.1 101 Yes\r\nconnection: upgrade\r\nupgrade: echo/2\r\n\r\n")
    );
    assert!(head.contains("upgrade: echo/2\r\n") && seen.contains("upgrade: echo/2\r\n"));
    passes(&mut client, &mut server, b"a").await;
    passes(&mut server, &mut client, b"b").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_does_not_agree_answers_as_ever() {
    let mut upstream = Upstream::start(|_| answer("401 Unauthorized", "x-why: key\r\n", "{\"error\":\"no\"}")).await;
    let proxy = start(options(upstream.address)).await;
    for (path, headers) in
        [("/v1/responses", ""), ("/v1/responses", "x-headroom-bypass: true\r\n"), ("/v1/realtime", "")]
    {
        let mut client = Client::connect(proxy.address()).await;
        // The connection goes on as one of HTTP.
        for _ in 0..2 {
            client.send(handshake(path, headers)).await;
            let got = client.answer().await;
            assert_eq!((got.status, got.text(), got.header("x-why")), (401, "{\"error\":\"no\"}", Some("key")));
            assert_eq!(upstream.next().await.header("upgrade"), Some("websocket"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_offers_http2_by_the_way_gets_an_answer_of_http1() {
    let mut upstream = Upstream::start(|_| ok(CHAT_ANSWER)).await;
    let proxy = start(options(upstream.address)).await;
    let headers = "connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n";
    assert_eq!(ask(proxy.address(), get("/v1/models", headers)).await.text(), CHAT_ANSWER);
    let seen = upstream.next().await;
    assert_eq!((seen.header("upgrade"), seen.header("http2-settings")), (None, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_gets_no_websocket() {
    let mut upstream = Upstream::start(|_| ok("{}")).await;
    let proxy = start(options(upstream.address)).await;
    for headers in ["", "x-headroom-bypass: true\r\n"] {
        let request = handshake("/v1/responses", &format!("{headers}origin: https://evil.example\r\n"));
        assert_eq!(ask(proxy.address(), request).await.status, 403);
    }
    assert!(upstream.is_quiet());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_keeps_its_place_among_the_connections() {
    let upstream = SocketUpstream::start().await;
    let mut options = options(upstream.address);
    options.limits.connections = 1;
    let proxy = start(options).await;
    let request = handshake("/v1/realtime", "");
    let ((_, tunnel), (_, mut server)) =
        tokio::join!(connect_raw(proxy.address(), &request), upstream.accept_raw(SWITCH));
    let mut waiting = Client::connect(proxy.address()).await;
    waiting.send(get("/livez", "")).await;
    let mut answer = Box::pin(waiting.answer());
    // As long as bytes pass in the tunnel nothing is heard of the other connection.
    let (mut tunnel, mut is_early) = (tunnel, false);
    for _ in 0..10 {
        passes(&mut tunnel, &mut server, b"a").await;
        is_early |= poll_fn(|context| Poll::Ready(answer.as_mut().poll(context).is_ready())).await;
    }
    assert!(!is_early);
    drop(tunnel);
    drop(server);
    assert_eq!(answer.await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_on_which_nothing_moves_is_cut_off() {
    let upstream = SocketUpstream::start().await;
    let mut options = options(upstream.address);
    options.timeouts.idle_ms = 50;
    let proxy = start(options).await;
    let request = handshake("/v1/realtime", "");
    let ((_, mut client), (_, mut server)) =
        tokio::join!(connect_raw(proxy.address(), &request), upstream.accept_raw(SWITCH));
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(server.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_lasts_until_the_drain_limit() {
    let upstream = SocketUpstream::start().await;
    let mut options = options(upstream.address);
    options.timeouts.drain_ms = 200;
    let proxy = start(options).await;
    let request = handshake("/v1/realtime", "");
    let ((_, mut client), (_, mut server)) =
        tokio::join!(connect_raw(proxy.address(), &request), upstream.accept_raw(SWITCH));
    proxy.shutdown();
    passes(&mut client, &mut server, b"still here").await;
    proxy.join().await;
    assert_eq!(client.read(&mut [0]).await.unwrap_or(0), 0);
    assert_eq!(server.read(&mut [0]).await.unwrap_or(0), 0);
}
