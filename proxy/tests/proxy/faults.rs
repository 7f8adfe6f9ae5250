//! What goes wrong around the proxy, and what its clients see of it.

use std::sync::Arc;
use std::time::Instant;

use headroom_core::extension::Extension;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::client::{Client, ask, get, post};
use crate::setup::{CHAT_ANSWER, ODD_CHAT, Spy, long_chat, options, start, start_with};
use crate::upstream::{Do, Upstream, answer, chunk, ok, send, stream_head};

const CHAT: &str = "/v1/chat/completions";

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_refuses_is_a_502_in_the_shape_of_each_api() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let proxy = start(options(address)).await;
    for (path, place) in [
        (CHAT, "/error/message"),
        ("/v1/responses", "/error/message"),
        ("/v1/messages", "/error/message"),
        ("/v1beta/models/gemini-2.0-flash:generateContent", "/error/message"),
        ("/v1/files", "/error/message"),
    ] {
        let got = ask(proxy.address(), post(path, "", ODD_CHAT)).await;
        assert_eq!((got.status, got.header("content-type")), (502, Some("application/json")));
        let message = got.json().pointer(place).unwrap().as_str().unwrap().to_owned();
        assert!(message.contains("cannot reach") && message.contains(&address.to_string()), "{message}");
        assert!(got.header("x-headroom-request-id").is_some());
    }
    let anthropic = ask(proxy.address(), post("/v1/messages", "", ODD_CHAT)).await.json();
    assert_eq!(anthropic["type"], "error");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_ends_before_an_answer_is_tried_again() {
    for fault in [|| vec![Do::Reset], || vec![Do::Close], || vec![send("HTTP/1.1 200 OK\r\ncont"), Do::Close]] {
        let mut upstream = Upstream::start(move |seen| if seen.index < 2 { fault() } else { ok(CHAT_ANSWER) }).await;
        let proxy = start(options(upstream.address)).await;
        let got = ask(proxy.address(), post(CHAT, "", ODD_CHAT)).await;
        assert_eq!((got.status, got.text()), (200, CHAT_ANSWER));
        for _ in 0..3 {
            assert_eq!(upstream.next().await.body, ODD_CHAT.as_bytes());
        }
        assert!(upstream.is_quiet());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_that_stays_is_a_502() {
    for fault in [
        || vec![Do::Reset],
        || vec![send("HTTP/1.1 200 OK\r\ncont"), Do::Close],
        || vec![send("gibberish\r\n\r\n"), Do::Close],
    ] {
        let upstream = Upstream::start(move |_| fault()).await;
        let proxy = start(options(upstream.address)).await;
        let got = ask(proxy.address(), post(CHAT, "", ODD_CHAT)).await;
        assert_eq!(got.status, 502, "{}", got.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_was_not_held_is_sent_once() {
    let mut upstream = Upstream::start(|_| vec![Do::Reset]).await;
    let proxy = start(options(upstream.address)).await;
    let got = ask(proxy.address(), post("/v1/files", "", "a file")).await;
    assert_eq!(got.status, 502);
    assert_eq!(upstream.next().await.body, b"a file");
    assert!(upstream.is_quiet());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_stalls_is_a_504() {
    let never = Arc::new(Notify::new());
    let mut upstream =
        Upstream::start(move |_| vec![send("HTTP/1.1 200 OK\r\ncont"), Do::Wait(Arc::clone(&never))]).await;
    let mut options = options(upstream.address);
    options.timeouts.first_byte_ms = 50;
    let proxy = start(options).await;
    let got = ask(proxy.address(), post(CHAT, "", ODD_CHAT)).await;
    assert_eq!(got.status, 504);
    assert!(got.json()["error"]["message"].as_str().unwrap().contains("50 ms"));
    upstream.gone().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_stalls_or_breaks_ends_without_its_end() {
    let never = Arc::new(Notify::new());
    let upstream = Upstream::start(move |seen| {
        let last = if seen.index == 0 { Do::Wait(Arc::clone(&never)) } else { Do::Reset };
        vec![stream_head(), chunk("data: 1\n\n"), last]
    })
    .await;
    let mut options = options(upstream.address);
    options.timeouts.idle_ms = 100;
    let proxy = start(options).await;
    for _ in 0..2 {
        let mut client = Client::connect(proxy.address()).await;
        client.send(post(CHAT, "", ODD_CHAT)).await;
        let got = client.rest().await;
        assert!(got.starts_with("HTTP/1.1 200 OK\r\n") && !got.ends_with("0\r\n\r\n"), "{got}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_errors_is_weathered_when_the_options_say_so() {
    let script = |statuses: &'static [&'static str]| {
        move |seen: &crate::upstream::Seen| match statuses.get(seen.index) {
            Some(status) => answer(status, "", "{\"error\":{}}"),
            None => ok(CHAT_ANSWER),
        }
    };
    let upstream = Upstream::start(script(&["503 Busy", "529 Overloaded"])).await;
    let mut options = options(upstream.address);
    options.retries.statuses = vec![429, 502, 503, 504, 529];
    let proxy = start(options.clone()).await;
    assert_eq!(ask(proxy.address(), post(CHAT, "", ODD_CHAT)).await.status, 200);

    // The last one of a storm that goes on is the client's.
    let mut upstream = Upstream::start(script(&["503 Busy", "503 Busy", "502 Bad", "500 No"])).await;
    options.upstreams.openai = format!("http://{}", upstream.address).parse().unwrap();
    let proxy = start(options.clone()).await;
    let got = ask(proxy.address(), post(CHAT, "", ODD_CHAT)).await;
    assert_eq!((got.status, got.text()), (502, "{\"error\":{}}"));
    for _ in 0..3 {
        upstream.next().await;
    }
    assert!(upstream.is_quiet());

    // Without the option every answer is the client's.
    options.retries.statuses.clear();
    let proxy = start(options).await;
    assert_eq!(ask(proxy.address(), post(CHAT, "", ODD_CHAT)).await.status, 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_that_the_upstream_asks_for_is_kept_or_left_to_the_client() {
    let upstream = Upstream::start(|seen| match seen.index {
        0 => answer("429 Slow Down", "retry-after-ms: 40\r\n", "{}"),
        1 => ok(CHAT_ANSWER),
        _ => answer("429 Slow Down", "retry-after: 60\r\n", "{}"),
    })
    .await;
    let mut options = options(upstream.address);
    options.retries.statuses = vec![429];
    let proxy = start(options).await;
    let begun = Instant::now();
    assert_eq!(ask(proxy.address(), post(CHAT, "", ODD_CHAT)).await.status, 200);
    assert!(begun.elapsed().as_millis() >= 40);
    let got = ask(proxy.address(), post(CHAT, "", ODD_CHAT)).await;
    assert_eq!((got.status, got.header("retry-after")), (429, Some("60")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_ends_the_request_at_the_upstream() {
    let never = Arc::new(Notify::new());
    let mut upstream = Upstream::start(move |seen| {
        let wait = Do::Wait(Arc::clone(&never));
        if seen.index == 0 { vec![wait] } else { vec![stream_head(), chunk("data: 1\n\n"), wait] }
    })
    .await;
    let proxy = start(options(upstream.address)).await;
    let mut before_the_head = Client::connect(proxy.address()).await;
    before_the_head.send(post(CHAT, "", ODD_CHAT)).await;
    upstream.next().await;
    drop(before_the_head);
    assert_eq!(upstream.gone().await, 0);
    let mut in_the_stream = Client::connect(proxy.address()).await;
    in_the_stream.send(post(CHAT, "", ODD_CHAT)).await;
    in_the_stream.until("data: 1\n\n\r\n").await;
    drop(in_the_stream);
    assert_eq!(upstream.gone().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_none_passes_byte_for_byte() {
    let odd = ["data: {\n\ndata: \u{0}\n\n", "event\r\r\n\n:::", "id: 1\ndata:[DONE", "\u{feff}retry: x\n\n\n\n"];
    let upstream = Upstream::start(move |_| {
        let pieces = odd.into_iter().map(chunk);
        [stream_head()].into_iter().chain(pieces).chain([send("0\r\n\r\n")]).collect()
    })
    .await;
    let spy = Spy::silent();
    for extensions in [vec![], vec![spy.clone() as Arc<dyn Extension>]] {
        for path in [CHAT, "/v1/messages", "/v1/responses"] {
            let proxy = start_with(options(upstream.address), extensions.clone()).await;
            let got = ask(proxy.address(), post(path, "", ODD_CHAT)).await;
            assert_eq!((got.status, got.text()), (200, &*odd.concat()), "{path}");
            proxy.shutdown();
            proxy.join().await;
        }
    }
    assert_eq!(spy.stages().iter().filter(|stage| **stage == "response_received").count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_cannot_be_written_costs_the_omissions_and_no_request() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "no folder").unwrap();
    let mut upstream = Upstream::start(|_| ok(CHAT_ANSWER)).await;
    let mut options = options(upstream.address);
    options.store = Some(file.join("store.db").to_str().unwrap().to_owned());
    let proxy = start(options).await;
    let body = long_chat(false);
    let got = ask(proxy.address(), post(CHAT, "", &body)).await;
    assert_eq!((got.status, got.text()), (200, CHAT_ANSWER));
    let sent = upstream.next().await.body;
    assert!(!String::from_utf8(sent).unwrap().contains("headroom_retrieve"));
    assert_eq!(ask(proxy.address(), get("/v1/retrieve/aaaaaaaaaaaaaaaaaaaaaaaa", "")).await.status, 503);
    assert_eq!(ask(proxy.address(), get("/readyz", "")).await.status, 200);
}
