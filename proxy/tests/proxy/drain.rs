//! Stopping: what is under way ends, what is new is refused.

use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::client::{Client, get, post};
use crate::setup::{ODD_CHAT, options, start};
use crate::upstream::{Do, Upstream, chunk, send, stream_head};

const CHAT: &str = "/v1/chat/completions";

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_and_new_connections_are_refused() {
    let go = Arc::new(Notify::new());
    let script = Arc::clone(&go);
    let upstream = Upstream::start(move |_| {
        vec![
            stream_head(),
            chunk("data: 1\n\n"),
            Do::Wait(Arc::clone(&script)),
            chunk("data: 2\n\n"),
            send("0\r\n\r\n"),
        ]
    })
    .await;
    let proxy = start(options(upstream.address)).await;
    let address = proxy.address();
    let mut idle = Client::connect(address).await;
    idle.send(get("/livez", "")).await;
    idle.answer().await;
    let mut streaming = Client::connect(address).await;
    streaming.send(post(CHAT, "", ODD_CHAT)).await;
    streaming.until("data: 1\n\n\r\n").await;
    proxy.shutdown();
    // An idle connection ends at once, and with it the listener is gone.
    assert_eq!(idle.rest().await, "");
    assert!(TcpStream::connect(address).await.is_err());
    go.notify_one();
    assert!(streaming.rest().await.ends_with("data: 2\n\n\r\n0\r\n\r\n"));
    proxy.join().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_does_not_end_is_cut_off_at_the_limit() {
    let never = Arc::new(Notify::new());
    let mut upstream =
        Upstream::start(move |_| vec![stream_head(), chunk("data: 1\n\n"), Do::Wait(Arc::clone(&never))]).await;
    let mut options = options(upstream.address);
    options.timeouts.drain_ms = 50;
    let proxy = start(options).await;
    let mut streaming = Client::connect(proxy.address()).await;
    streaming.send(post(CHAT, "", ODD_CHAT)).await;
    streaming.until("data: 1\n\n\r\n").await;
    proxy.shutdown();
    proxy.join().await;
    assert_eq!(streaming.rest().await, "");
    upstream.gone().await;
}
