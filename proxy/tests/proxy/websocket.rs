//! OpenAI Responses over WebSocket: frames that pass, and how sockets end.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::client::get;
use crate::setup::{options, start};
use crate::socket::{Socket, SocketUpstream, connect_raw, pair};

const CREATED: &str = r#"{"type":"response.created","response":{"id":"r1","output":[]}}"#;
const COMPLETED: &str = r#"{"type":"response.completed","response":{"id":"r1","output":[]}}"#;

fn close(code: u16, reason: &'static str) -> Message {
    Message::Close(Some(CloseFrame { code: code.into(), reason: reason.into() }))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_handshake_goes_to_the_upstream_and_back_without_compression() {
    let upstream = SocketUpstream::start().await;
    let proxy = start(options(upstream.address)).await;
    let headers = [
        ("authorization", "Bearer k"),
        ("openai-beta", "responses_websockets=2026-02-06"),
        ("sec-websocket-protocol", "realtime"),
        ("sec-websocket-extensions", "permessage-deflate; client_max_window_bits"),
        ("x-headroom-project", "web"),
    ];
    for path in ["/v1/responses", "/v1/codex/responses", "/backend-api/responses", "/backend-api/codex/responses"] {
        let (mut client, mut server) =
            tokio::join!(Socket::connect(proxy.address(), path, &headers), upstream.accept());
        for (name, value) in &headers[..3] {
            assert_eq!(server.headers[*name], *value);
        }
        for name in ["sec-websocket-extensions", "x-headroom-project"] {
            assert!(!server.headers.contains_key(name), "{name}");
        }
        assert_eq!(server.headers["host"], upstream.address.to_string());
        let header = |name: &str| client.headers[name].to_str().unwrap().to_owned();
        assert_eq!((&*header("sec-websocket-protocol"), &*header("x-upstream")), ("realtime", "yes"));
        assert!(header("x-headroom-request-id").starts_with("hr-"));
        client.send("hello").await;
        assert_eq!(server.text().await, "hello");
    }
}

/// A client and an upstream that read and write bytes behind a handshake.
pub(crate) async fn raw_pair(proxy: std::net::SocketAddr, upstream: &SocketUpstream) -> (TcpStream, TcpStream) {
    let request = get(
        "/v1/responses",
        "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    );
    let switch = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    let ((_, client), (_, server)) = tokio::join!(connect_raw(proxy, &request), upstream.accept_raw(switch));
    (client, server)
}

async fn passes(from: &mut TcpStream, to: &mut TcpStream, bytes: &[u8]) {
    from.write_all(bytes).await.unwrap();
    let mut found = vec![0; bytes.len()];
    to.read_exact(&mut found).await.unwrap();
    assert_eq!(found, bytes);
}

/// A frame with a mask, or without one.
pub(crate) fn frame(first: u8, payload: &[u8], is_masked: bool) -> Vec<u8> {
    let flag = if is_masked { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match payload.len() {
        length @ ..126 => bytes.push(flag | length as u8),
        length @ ..65_536 => {
            bytes.push(flag | 126);
            bytes.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            bytes.push(flag | 127);
            bytes.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    let mask = if is_masked { [1, 2, 0, 250] } else { [0; 4] };
    if is_masked {
        bytes.extend_from_slice(&mask);
    }
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn every_frame_passes_as_the_bytes_it_is() {
    let upstream = SocketUpstream::start().await;
    let proxy = start(options(upstream.address)).await;
    let (mut client, mut server) = raw_pair(proxy.address(), &upstream).await;
    let long = vec![0xfe; 200_000];
    for is_masked in [true, false] {
        let frames = [
            frame(0x81, b"{\"type\":\"response.cancel\"}", is_masked),
            frame(0x81, b"{\"type\":\"response.create\",\"input\":\"hi\", \"x\":1.0}", is_masked),
            frame(0x81, b"no json \xff", is_masked),
            frame(0x81, b"", is_masked),
            frame(0x82, &long, is_masked),
            frame(0x89, b"are you there", is_masked),
            frame(0x8a, b"", is_masked),
            // A message in pieces, with a ping between them.
            frame(0x02, b"bin", is_masked),
            frame(0x89, b"?", is_masked),
            frame(0x80, b"ary", is_masked),
            [frame(0x01, b"{\"type\":\"resp", is_masked), frame(0x80, b"onse.x\"}", is_masked)].concat(),
            frame(0x88, b"\x0f\xa0bye", is_masked),
        ];
        let (from, to) = if is_masked { (&mut client, &mut server) } else { (&mut server, &mut client) };
        for frame in frames {
            passes(from, to, &frame).await;
        }
    }
    // Both have said goodbye.
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(server.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_close_passes_with_its_code_and_reason_and_the_other_side_may_finish() {
    let upstream = SocketUpstream::start().await;
    let proxy = start(options(upstream.address)).await;
    let (mut client, mut server) = pair(proxy.address(), &upstream).await;
    client.send(close(4001, "done")).await;
    assert_eq!(server.closed().await, (4001, "done".to_owned()));
    assert!(server.maybe_next().await.is_none());
    assert_eq!(client.closed().await, (4001, "done".to_owned()));

    let (mut client, mut server) = raw_pair(proxy.address(), &upstream).await;
    passes(&mut client, &mut server, &frame(0x88, b"", true)).await;
    passes(&mut server, &mut client, &frame(0x81, b"last words", false)).await;
    passes(&mut server, &mut client, &frame(0x88, b"\x03\xe8", false)).await;

    let (mut client, mut server) = pair(proxy.address(), &upstream).await;
    server.send(close(1013, "try again later")).await;
    assert_eq!(client.closed().await, (1013, "try again later".to_owned()));
    assert!(client.maybe_next().await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_vanishes_ends_the_other_side() {
    let upstream = SocketUpstream::start().await;
    let proxy = start(options(upstream.address)).await;
    let (mut client, mut server) = pair(proxy.address(), &upstream).await;
    client.send(r#"{"type":"response.create","input":"hi"}"#).await;
    server.text().await;
    server.send(CREATED).await;
    server.vanish();
    assert_eq!(client.text().await, CREATED);
    assert_eq!(client.closed().await, (1011, "headroom: the upstream went away".to_owned()));

    let (client, mut server) = pair(proxy.address(), &upstream).await;
    client.vanish();
    assert_eq!(server.closed().await, (1001, "the client went away".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_exceeds_the_limit_ends_the_socket_with_1009() {
    let upstream = SocketUpstream::start().await;
    let mut options = options(upstream.address);
    options.limits.frame_bytes = 1000;
    options.limits.body_bytes = 1500;
    let proxy = start(options).await;
    let too_large = (1009_u16, "headroom: the message is larger than the limit".to_owned());
    for pieces in [&[1001][..], &[1_000_000], &[900, 900]] {
        let (mut client, mut server) = raw_pair(proxy.address(), &upstream).await;
        passes(&mut client, &mut server, &frame(0x81, &[b' '; 1000], true)).await;
        for (number, length) in pieces.iter().enumerate() {
            let first = u8::from(number == 0) | if number + 1 == pieces.len() { 0x80 } else { 0 };
            // A proxy that has heard enough may have hung up.
            let _ = client.write_all(&frame(first, &vec![b' '; *length], true)).await;
        }
        let mut end = Vec::new();
        client.read_to_end(&mut end).await.unwrap();
        let reason = [&too_large.0.to_be_bytes(), too_large.1.as_bytes()].concat();
        assert_eq!(end, frame(0x88, &reason, false));
        let mut rest = Vec::new();
        server.read_to_end(&mut rest).await.unwrap();
        assert_eq!((rest[0], rest.len()), (0x88, 2 + 4 + 2 + "the client went away".len()));
    }
    let (mut client, mut server) = pair(proxy.address(), &upstream).await;
    server.send("x".repeat(1001)).await;
    assert_eq!(client.closed().await, too_large);
    assert_eq!(server.closed().await, too_large);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_frame_ends_the_socket_with_1002() {
    let upstream = SocketUpstream::start().await;
    let proxy = start(options(upstream.address)).await;
    for bytes in [frame(0xc1, b"", true), frame(0x83, b"", true), frame(0x81, b"", false), frame(0x80, b"", true)] {
        let (mut client, _server) = raw_pair(proxy.address(), &upstream).await;
        client.write_all(&bytes).await.unwrap();
        let mut end = Vec::new();
        client.read_to_end(&mut end).await.unwrap();
        assert_eq!((end[0], &end[2..4]), (0x88, &1002_u16.to_be_bytes()[..]), "{bytes:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_on_which_nothing_moves_is_closed() {
    let upstream = SocketUpstream::start().await;
    let mut options = options(upstream.address);
    options.timeouts.idle_ms = 50;
    let proxy = start(options).await;
    let (mut client, mut server) = pair(proxy.address(), &upstream).await;
    assert_eq!(client.closed().await, (1001, "headroom: nothing came for too long".to_owned()));
    assert_eq!(server.closed().await.0, 1001);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_waits_makes_its_writer_wait_and_gets_everything_in_order() {
    const COUNT: usize = 256;
    let upstream = SocketUpstream::start().await;
    let proxy = start(options(upstream.address)).await;
    for is_upwards in [true, false] {
        let (client, server) = pair(proxy.address(), &upstream).await;
        let (mut writer, mut reader) = if is_upwards { (client, server) } else { (server, client) };
        let mut flood = tokio::spawn(async move {
            for number in 0..COUNT {
                writer.send(vec![number as u8; 256 << 10]).await;
            }
            writer
        });
        // 64 MB are more than the system holds for both connections.
        assert!(timeout(Duration::from_millis(300), &mut flood).await.is_err());
        for number in 0..COUNT {
            let Message::Binary(bytes) = reader.next().await else { panic!("no bytes") };
            assert!(bytes.len() == 256 << 10 && bytes.iter().all(|byte| *byte == number as u8), "{number}");
        }
        drop(flood.await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_proxy_stops_an_answer_ends_and_a_silent_socket_is_closed() {
    let upstream = SocketUpstream::start().await;
    let proxy = start(options(upstream.address)).await;
    let (mut silent, silent_server) = pair(proxy.address(), &upstream).await;
    let (mut client, mut server) = pair(proxy.address(), &upstream).await;
    client.send(r#"{"type":"response.create","input":"hi"}"#).await;
    server.text().await;
    server.send(CREATED).await;
    assert_eq!(client.text().await, CREATED);
    proxy.shutdown();
    let stops = (1001, "headroom: the proxy stops".to_owned());
    assert_eq!(silent.closed().await, stops);
    tokio::join!(silent.finish(), silent_server.finish());
    server.send(r#"{"type":"response.output_text.delta","delta":"a"}"#).await;
    assert_eq!(client.json().await["delta"], "a");
    server.send(COMPLETED).await;
    assert_eq!(client.text().await, COMPLETED);
    assert_eq!(client.closed().await, stops);
    assert_eq!(server.closed().await.0, 1001);
    tokio::join!(proxy.join(), client.finish(), server.finish());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_does_not_end_is_cut_off_at_the_drain_limit() {
    let upstream = SocketUpstream::start().await;
    let mut options = options(upstream.address);
    options.timeouts.drain_ms = 50;
    let proxy = start(options).await;
    let (mut client, mut server) = pair(proxy.address(), &upstream).await;
    client.send(r#"{"type":"response.create","input":"hi"}"#).await;
    server.text().await;
    proxy.shutdown();
    proxy.join().await;
    assert!(client.maybe_next().await.is_none());
    assert!(server.maybe_next().await.is_none());
}
