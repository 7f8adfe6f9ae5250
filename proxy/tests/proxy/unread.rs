//! Clients that do not read what they asked for.

use std::net::SocketAddr;

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::client::{Client, ask, get, post};
use crate::setup::{ODD_CHAT, Spy, options, start_with};
use crate::upstream::read_message;

const CHAT: &str = "/v1/chat/completions";

/// What an upstream writes when nobody stops it.
const ENDLESS: usize = 1 << 30;

/// What may lie between an upstream and a client that reads nothing: the buffers of two connections, which the system
/// lets grow to some megabytes each, and ours.
const BETWEEN: usize = 64 << 20;

/// An upstream that writes a stream without an end to its first client, and says how much it could when it has to stop.
async fn endless() -> (SocketAddr, oneshot::Receiver<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, written) = oneshot::channel();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = sender.send(write_without_end(&mut stream).await);
    });
    (address, written)
}

async fn write_without_end(stream: &mut TcpStream) -> usize {
    read_message(stream, &mut Vec::new()).await.unwrap();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let event = format!("data: {}\n\n", "x".repeat(16_000));
    let piece = format!("{:x}\r\n{event}\r\n", event.len());
    let mut written = 0;
    while written < ENDLESS && stream.write_all(piece.as_bytes()).await.is_ok() {
        written += piece.len();
    }
    written
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_nothing_holds_little_and_not_for_ever() {
    // Nobody reads the stream, an extension does, and nothing may read it.
    for (extensions, headers) in [(vec![], ""), (vec![Spy::silent() as _], ""), (vec![], "x-headroom-bypass: true\r\n")]
    {
        let (upstream, written) = endless().await;
        let mut options = options(upstream);
        options.timeouts.idle_ms = 300;
        options.limits.connections = 1;
        let proxy = start_with(options, extensions).await;
        let mut unread = Client::connect(proxy.address()).await;
        unread.send(post(CHAT, headers, ODD_CHAT.replacen('{', "{\"stream\":true,", 1))).await;
        // The upstream can write until all buffers between are full, and is let go at the limit.
        let written = written.await.unwrap();
        assert!((1..BETWEEN).contains(&written), "{written} bytes");
        // Its place is free for the next one.
        assert_eq!(ask(proxy.address(), get("/livez", "")).await.status, 200);
        drop(unread);
    }
}
