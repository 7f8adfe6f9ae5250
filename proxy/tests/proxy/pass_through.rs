//! What nobody decided to change goes on byte for byte.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::client::{Client, ask, get, post};
use crate::setup::{CHAT_ANSWER, ODD_CHAT, Spy, options, start, start_with};
use crate::upstream::{Upstream, answer, chunk, ok, send, stream_head};

const CHAT: &str = "/v1/chat/completions";

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_nothing_is_taken_from_arrives_byte_for_byte() {
    let mut upstream = Upstream::start(|_| ok(CHAT_ANSWER)).await;
    let proxy = start(options(upstream.address)).await;
    let got = ask(proxy.address(), post(CHAT, "authorization: Bearer k\r\nx-custom: A,b ;c\r\n", ODD_CHAT)).await;
    let seen = upstream.next().await;
    assert_eq!(seen.body, ODD_CHAT.as_bytes());
    assert_eq!(seen.line(), "POST /v1/chat/completions HTTP/1.1");
    assert_eq!((seen.header("authorization"), seen.header("x-custom")), (Some("Bearer k"), Some("A,b ;c")));
    assert_eq!(seen.header("host"), Some(&*upstream.address.to_string()));
    assert_eq!((got.status, got.text()), (200, CHAT_ANSWER));
    assert!(got.header("x-headroom-request-id").is_some());
    assert_eq!(got.header("x-headroom-tokens-saved"), Some("0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn any_method_and_path_pass_with_their_bodies_and_statuses() {
    let mut upstream = Upstream::start(|seen| match seen.index {
        0 => answer("418 I'm a teapot", "x-odd: 1\r\n", "\u{0}\u{1}short"),
        1 => vec![send("HTTP/1.1 204 No Content\r\n\r\n")],
        _ => vec![send("HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n")],
    })
    .await;
    let proxy = start(options(upstream.address)).await;
    let mut client = Client::connect(proxy.address()).await;
    let request = "PUT /v1/files//a%2Fb/../c?x=%20&&y HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n3\r\n\u{0}\u{1}a\r\n0\r\n\r\n";
    client.send(request).await;
    let got = client.answer().await;
    assert_eq!((got.status, got.body.as_slice(), got.header("x-odd")), (418, &b"\0\x01short"[..], Some("1")));
    let seen = upstream.next().await;
    assert_eq!(seen.line(), "PUT /v1/files//a%2Fb/../c?x=%20&&y HTTP/1.1");
    assert_eq!(seen.body, b"\0\x01a");
    client.send("DELETE /v1/files/a HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert_eq!(client.answer().await.status, 204);
    assert_eq!(upstream.next().await.line(), "DELETE /v1/files/a HTTP/1.1");
    client.send("HEAD /v1/models HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await;
    assert!(client.rest().await.contains("content-length: 7\r\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_no_conversation_goes_on_as_it_came() {
    let mut upstream = Upstream::start(|_| answer("400 Bad Request", "", "no")).await;
    let proxy = start(options(upstream.address)).await;
    for body in [&b"{\"messages\": ["[..], b"\xff\xfe", b"", b"null", b"{\"messages\":\"no list\"}"] {
        let got = ask(proxy.address(), post(CHAT, "", body)).await;
        assert_eq!((got.status, got.text()), (400, "no"));
        assert_eq!(upstream.next().await.body, body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_in_the_path_is_stripped_and_told() {
    let mut upstream = Upstream::start(|_| ok(CHAT_ANSWER)).await;
    let spy = Spy::silent();
    let proxy = start_with(options(upstream.address), vec![spy.clone()]).await;
    ask(proxy.address(), post("/p/shop/v1/chat/completions?a=1", "x-headroom-tag-team: red\r\n", ODD_CHAT)).await;
    let seen = upstream.next().await;
    assert_eq!(seen.line(), "POST /v1/chat/completions?a=1 HTTP/1.1");
    assert!(!seen.head.contains("x-headroom"), "{}", seen.head);
    let metadata = &spy.events()[0].metadata;
    let text = |name: &str| metadata.get(name).unwrap().to_json().unwrap().to_string();
    assert_eq!(text("project"), "\"shop\"");
    assert_eq!(text("path"), "\"/v1/chat/completions\"");
    assert_eq!(text("labels"), r#"{"tag_team":"red"}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn bypass_reaches_the_upstream_untouched_and_no_extension_hears_of_it() {
    let mut upstream = Upstream::start(|_| ok(CHAT_ANSWER)).await;
    let spy = Spy::new(|event| {
        event.headers = None;
        event.payload = Some(headroom_core::Value::json(serde_json::json!({"messages": []})));
        Ok(headroom_core::extension::Answer::None)
    });
    let proxy = start_with(options(upstream.address), vec![spy.clone()]).await;
    let long = crate::setup::long_chat(false);
    for (path, body) in [(CHAT, ODD_CHAT), (CHAT, &long), ("/v1/messages", &long), ("/v1/responses", "{")] {
        for bypass in ["X-Headroom-Bypass:  TRUE \r\n", "x-headroom-mode: PassThrough\r\n"] {
            let got = ask(proxy.address(), post(path, &format!("accept-encoding: br\r\n{bypass}"), body)).await;
            let seen = upstream.next().await;
            assert_eq!(seen.body, body.as_bytes());
            let mut lines: Vec<&str> = seen.head.lines().skip(1).filter(|line| !line.is_empty()).collect();
            lines.sort_unstable();
            let (length, host) = (format!("content-length: {}", body.len()), format!("host: {}", upstream.address));
            assert_eq!(lines, ["accept-encoding: br", &length, "content-type: application/json", &host]);
            let own: Vec<_> = got.head.lines().filter(|line| line.starts_with("x-headroom")).collect();
            assert_eq!(own.len(), 1, "{own:?}");
            assert!(own[0].starts_with("x-headroom-request-id"));
        }
    }
    assert!(spy.stages().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_forwarded_piece_by_piece() {
    let next = Arc::new(Notify::new());
    let script = Arc::clone(&next);
    let wait = move || crate::upstream::Do::Wait(Arc::clone(&script));
    let upstream = Upstream::start(move |_| {
        let pieces = ["data: {\"a\":", "1}\n\nda", "ta: [DONE]\n", "\n: odd \u{e9}\r\r"];
        let steps = pieces.into_iter().flat_map(|piece| [wait(), chunk(piece)]);
        [stream_head()].into_iter().chain(steps).chain([wait(), send("0\r\n\r\n")]).collect()
    })
    .await;
    for extensions in [vec![], vec![Spy::silent() as Arc<dyn headroom_core::extension::Extension>]] {
        let proxy = start_with(options(upstream.address), extensions).await;
        let mut client = Client::connect(proxy.address()).await;
        client.send(post(CHAT, "", ODD_CHAT)).await;
        let head = client.until("\r\n\r\n").await;
        assert!(head.contains("x-headroom-tokens-before: "), "{head}");
        // The upstream sends the next piece only when the one before has arrived here.
        for piece in ["data: {\"a\":", "1}\n\nda", "ta: [DONE]\n", "\n: odd \u{e9}\r\r"] {
            next.notify_one();
            let got = client.until(&format!("{piece}\r\n")).await;
            assert_eq!(got, format!("{:X}\r\n{piece}\r\n", piece.len()));
        }
        next.notify_one();
        client.until("0\r\n\r\n").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_is_chosen_by_the_configuration_alone() {
    let mut upstream = Upstream::start(|_| ok("{}")).await;
    let mut other = Upstream::start(|_| ok("{}")).await;
    let mut options = options(upstream.address);
    options.upstreams.named.insert("other".into(), format!("http://{}/base", other.address).parse().unwrap());
    let proxy = start(options).await;
    ask(proxy.address(), get("/v1/models", "x-headroom-base-url: other\r\n")).await;
    assert_eq!(other.next().await.line(), "GET /base/v1/models HTTP/1.1");
    let got = ask(proxy.address(), get("/v1/models", "x-headroom-base-url: http://127.0.0.1:1\r\n")).await;
    assert_eq!(got.status, 400);
    assert!(got.json()["error"]["message"].as_str().unwrap().contains("x-headroom-base-url"));
    assert!(upstream.is_quiet());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_to_the_upstream_is_used_again() {
    let mut upstream =
        Upstream::start(|seen| if seen.index == 2 { vec![crate::upstream::Do::Close] } else { ok(CHAT_ANSWER) }).await;
    let mut options = options(upstream.address);
    options.retries.attempts = 1;
    let proxy = start(options).await;
    let mut client = Client::connect(proxy.address()).await;
    for _ in 0..5 {
        client.send(post(CHAT, "", ODD_CHAT)).await;
        assert_eq!(client.answer().await.status, 200);
    }
    for index in 0..6 {
        assert_eq!(upstream.next().await.index, index);
    }
}
