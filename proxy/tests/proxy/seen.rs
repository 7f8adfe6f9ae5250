//! What is told of requests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use headroom_core::extension::Answer;
use headroom_core::pipeline::PipelineStage;
use headroom_core::{Error, ErrorKind};
use headroom_proxy::{ProxyOptions, Secret};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::client::{Client, ask, get, post};
use crate::setup::{CHAT_ANSWER, ODD_CHAT, Spy, long_chat, options, start, start_with};
use crate::upstream::{Do, Upstream, chunk, ok, send, stream_head};

const CHAT: &str = "/v1/chat/completions";

/// Waits for as many requests as are expected to be over, and gives everything told of them.
pub(crate) async fn told(address: SocketAddr, count: u64) -> Vec<Value> {
    let mut page = Client::connect(address).await;
    page.send(get("/dashboard/events", "")).await;
    let mut newest = 0;
    while newest < count {
        let events = timeout(Duration::from_secs(30), page.until("\n\n\r\n")).await;
        let events = events.unwrap_or_else(|_| panic!("expected {count} requests to be told, found {newest}"));
        let rows = events.lines().filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok());
        let numbers = rows.filter_map(|data| data["rows"].as_array()?.last()?["number"].as_u64());
        newest = numbers.fold(newest, u64::max);
    }
    assert_eq!(newest, count, "requests were told more than once");
    let mut told = Vec::new();
    for number in 1..=count {
        told.push(ask(address, get(&format!("/dashboard/requests/{number}"), "")).await.json());
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_about_a_request_is_told_when_it_is_over() {
    let upstream = Upstream::start(|_| ok(CHAT_ANSWER)).await;
    let body = long_chat(false);
    for extensions in [vec![], vec![Spy::silent() as Arc<dyn headroom_core::extension::Extension>]] {
        let calls = extensions.len() * 8;
        let proxy = start_with(options(upstream.address), extensions).await;
        let labels = "x-headroom-user-id: ann\r\nx-headroom-session-id: s1\r\nx-headroom-tag-team: red\r\n";
        let got = ask(proxy.address(), post("/p/shop/v1/chat/completions?key=secret", labels, &body)).await;
        let told = told(proxy.address(), 1).await;
        let told = &told[0];
        for (name, expected) in [
            ("request_id", json!(got.header("x-headroom-request-id").unwrap())),
            ("provider", json!("openai")),
            ("api", json!("chat")),
            ("path", json!(CHAT)),
            ("model", json!("gpt-4o")),
            ("project", json!("shop")),
            ("user", json!("ann")),
            ("session", json!("s1")),
            ("tags", json!([{"name": "team", "value": "red"}])),
            ("transport", json!("http")),
            ("status", json!(200)),
            ("bypass", json!(false)),
            ("cached", json!(false)),
            ("failed", json!(false)),
            ("request_bytes", json!(body.len())),
            ("response_bytes", json!(CHAT_ANSWER.len())),
            ("provider_usage", json!({"input_tokens": 3, "cached_input_tokens": 0, "output_tokens": 1})),
        ] {
            assert_eq!(told[name], expected, "{name}");
        }
        let tokens = |name: &str| json!(got.header(name).unwrap().parse::<u64>().unwrap());
        assert_eq!(told["tokens_before"], tokens("x-headroom-tokens-before"));
        assert_eq!(told["tokens_after"], tokens("x-headroom-tokens-after"));
        assert!(told["transforms"][0].as_str().unwrap().starts_with("router:log_fold:"));
        assert!(told["steps"].as_array().unwrap().iter().any(|step| step["step"] == "compression"));
        assert_eq!(told["extensions"].as_array().unwrap().len(), calls);
        let (upstream_ms, total_ms) = (told["upstream_ms"].as_f64().unwrap(), told["total_ms"].as_f64().unwrap());
        assert!(upstream_ms > 0.0 && upstream_ms < total_ms, "{upstream_ms} {total_ms}");
        let change = &told["changes"][0];
        assert_eq!((&change["path"], &change["transform"]), (&json!("messages[2].content"), &json!("log_fold")));
        let kinds: Vec<&str> =
            change["runs"].as_array().unwrap().iter().filter_map(|run| run["kind"].as_str()).collect();
        assert!(kinds.contains(&"removed") && kinds.contains(&"marker"), "{kinds:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_told_with_its_account_when_it_ends_and_when_it_does_not() {
    let go = Arc::new(Notify::new());
    let script = Arc::clone(&go);
    let mut upstream = Upstream::start(move |seen| {
        let usage = r#"data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2}}"#;
        let mut steps = vec![stream_head(), chunk("data: {\"choices\":[]}\n\n"), chunk(&format!("{usage}\n\n"))];
        if seen.index > 0 {
            steps.push(Do::Wait(Arc::clone(&script)));
        }
        steps.push(send("0\r\n\r\n"));
        steps
    })
    .await;
    let proxy = start(options(upstream.address)).await;
    let whole = ask(proxy.address(), post(CHAT, "", ODD_CHAT)).await;
    let mut leaving = Client::connect(proxy.address()).await;
    leaving.send(post(CHAT, "", ODD_CHAT)).await;
    leaving.until("\"completion_tokens\":2}}\n\n\r\n").await;
    drop(leaving);
    upstream.gone().await;
    for told in told(proxy.address(), 2).await {
        assert_eq!((&told["transport"], &told["status"]), (&json!("sse"), &json!(200)));
        assert_eq!(told["provider_usage"]["input_tokens"], 9);
        assert_eq!(told["response_bytes"], whole.body.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_before_an_answer_is_told_without_a_status() {
    let never = Arc::new(Notify::new());
    let mut upstream = Upstream::start(move |_| vec![Do::Wait(Arc::clone(&never))]).await;
    let proxy = start(options(upstream.address)).await;
    for path in [CHAT, "/v1/files"] {
        let mut leaving = Client::connect(proxy.address()).await;
        leaving.send(post(path, "", ODD_CHAT)).await;
        upstream.next().await;
        drop(leaving);
        upstream.gone().await;
    }
    for told in told(proxy.address(), 2).await {
        assert_eq!((&told["status"], &told["response_bytes"]), (&json!(0), &json!(0)));
        assert!(told["total_ms"].as_f64() > Some(0.0));
    }
    assert_eq!(ask(proxy.address(), get("/stats", "")).await.json()["totals"]["errors"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_fails_or_is_refused_is_told_and_own_routes_are_not() {
    let upstream = Upstream::start(|seen| match seen.index {
        0 | 1 => ok(CHAT_ANSWER),
        _ => vec![Do::Reset],
    })
    .await;
    let spy = Spy::closed(|event| match event.stage {
        PipelineStage::PreSend if &*event.model == "refused" => {
            Err(Error::new(ErrorKind::Extension, "not on my watch"))
        }
        _ => Ok(Answer::None),
    });
    let proxy = start_with(options(upstream.address), vec![spy]).await;
    let address = proxy.address();
    for path in ["/livez", "/stats", "/metrics", "/dashboard", "/v1/retrieve/stats"] {
        assert_eq!(ask(address, get(path, "")).await.status, 200, "{path}");
    }
    let compressed = ask(address, post("/v1/compress", "", long_chat(false))).await;
    assert_eq!(compressed.status, 200);
    ask(address, post("/v1/files", "", "a file")).await;
    ask(address, post(CHAT, "x-headroom-bypass: true\r\n", long_chat(false))).await;
    ask(address, post(CHAT, "", ODD_CHAT)).await;
    ask(address, post(CHAT, "", ODD_CHAT.replace("gpt-4o", "refused"))).await;
    let told = told(address, 4).await;
    let statuses: Vec<_> = told.iter().map(|told| told["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [200, 200, 502, 403]);
    assert_eq!(
        (&told[0]["path"], &told[0]["api"], &told[0]["request_bytes"]),
        (&json!("/v1/files"), &json!(""), &json!(6))
    );
    assert_eq!((&told[1]["bypass"], &told[1]["tokens_before"]), (&json!(true), &json!(0)));
    let last = |told: &Value| told["extensions"].as_array().unwrap().last().unwrap()["outcome"].clone();
    assert_eq!((last(&told[2]), last(&told[3])), (json!("ran"), json!("failed_closed")));
    assert!(told[3]["upstream_ms"].is_null());
    let metrics = ask(address, get("/metrics", "")).await;
    let expected = r#"headroom_requests_total{provider="openai",api="chat",transport="http",status="4xx"} 1"#;
    assert!(metrics.text().contains(expected), "{}", metrics.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dashboard_asks_for_the_token_and_a_browser_shows_it_once() {
    let mut upstream = Upstream::start(|_| ok("{}")).await;
    let proxy = start(ProxyOptions { token: Some(Secret::new("t0k n")), ..options(upstream.address) }).await;
    let address = proxy.address();
    for (target, words) in [("/dashboard", "found none"), ("/dashboard?token=t0k", "found another")] {
        let got = ask(address, get(target, "")).await;
        assert_eq!((got.status, got.header("set-cookie")), (401, None));
        assert!(got.text().contains(words), "{}", got.text());
    }
    let welcome = ask(address, get("/dashboard?token=t0k%20n", "")).await;
    assert_eq!((welcome.status, welcome.header("location")), (303, Some("/dashboard")));
    assert_eq!(
        (welcome.header("cache-control"), welcome.header("referrer-policy")),
        (Some("no-store"), Some("no-referrer"))
    );
    let cookies: Vec<&str> = welcome.head.lines().filter_map(|line| line.strip_prefix("set-cookie: ")).collect();
    let (cookie, _) = cookies[0].split_once(';').unwrap();
    let expected = ["/dashboard", "/stats", "/stats-history"];
    assert_eq!(cookies, expected.map(|path| format!("{cookie}; HttpOnly; SameSite=Strict; Path={path}")));
    assert!(!welcome.head.contains("t0k"), "{}", welcome.head);
    let with = format!("cookie: {cookie}\r\n");
    for path in ["/dashboard", "/stats", "/stats-history"] {
        assert_eq!(ask(address, get(path, &with)).await.status, 200, "{path}");
    }
    let mut page = Client::connect(address).await;
    page.send(get("/dashboard/events", &with)).await;
    assert!(page.until("\n\n\r\n").await.starts_with("HTTP/1.1 200 OK\r\n"));
    // It opens nothing else.
    let (_, value) = cookie.split_once('=').unwrap();
    for path in ["/metrics", "/v1/retrieve/stats", "/v1/models"] {
        assert_eq!(ask(address, get(path, &with)).await.status, 401, "{path}");
        assert_eq!(
            ask(address, get(path, &format!("x-headroom-proxy-token: {value}\r\n"))).await.status,
            401,
            "{path}"
        );
    }
    assert!(upstream.is_quiet());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_watches_does_not_hold_up_the_end() {
    let upstream = Upstream::start(|_| ok("{}")).await;
    let proxy = start(options(upstream.address)).await;
    let mut page = Client::connect(proxy.address()).await;
    page.send(get("/dashboard/events", "")).await;
    page.until("\n\n\r\n").await;
    proxy.shutdown();
    proxy.join().await;
    assert_eq!(page.rest().await, "0\r\n\r\n");
}
