//! What docs/security.md says, where no other test shows it.

use std::fs;
use std::path::Path;
use std::sync::{Mutex, Once};

use headroom_proxy::{ProxyOptions, Secret};
use tokio::net::TcpListener;

use crate::client::{Client, ask, get, post};
use crate::seen::told;
use crate::setup::{CHAT_ANSWER, ODD_CHAT, Spy, long_chat, options, start, start_with};
use crate::upstream::{Upstream, answer, ok};

const CHAT: &str = "/v1/chat/completions";

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Keeps every line of the log of this process.
struct Keeper;

impl log::Log for Keeper {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let values = record.key_values();
        let mut shown = Shown(format!("{} {}", record.target(), record.args()));
        // What is written into a string is written.
        let _ = values.visit(&mut shown);
        LINES.lock().unwrap().push(shown.0);
    }

    fn flush(&self) {}
}

struct Shown(String);

impl<'kvs> log::kv::VisitSource<'kvs> for Shown {
    fn visit_pair(&mut self, key: log::kv::Key<'kvs>, value: log::kv::Value<'kvs>) -> Result<(), log::kv::Error> {
        self.0.push_str(&format!(" {key}={value}"));
        Ok(())
    }
}

fn keep_the_log() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_boxed_logger(Box::new(Keeper)).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn no_credential_is_shown_anywhere() {
    keep_the_log();
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store.db");
    let mut upstream = Upstream::start(|seen| match seen.index {
        0 => ok(CHAT_ANSWER),
        _ => answer("401 Unauthorized", "content-type: application/json\r\n", "{\"error\":{}}"),
    })
    .await;
    let spy = Spy::silent();
    let options = ProxyOptions {
        token: Some(Secret::new("hush-token")),
        store: Some(store.to_str().unwrap().to_owned()),
        response_cache: true,
        ..options(upstream.address)
    };
    assert!(!format!("{options:?}").contains("hush"));
    let proxy = start_with(options.clone(), vec![spy.clone()]).await;
    let credentials = "x-headroom-proxy-token: hush-token\r\nauthorization: Bearer hush-a\r\nx-api-key: hush-b\r\n\
        x-goog-api-key: hush-c\r\ncookie: hush-d\r\napi-key: hush-e\r\nproxy-authorization: Basic hush-f\r\n";
    let mut answers = String::new();
    for (path, body) in [
        ("/v1/chat/completions?key=hush-g", long_chat(false)),
        ("/v1/messages", ODD_CHAT.to_owned()),
        ("/v1beta/models/g:generateContent?key=hush-g", "{".to_owned()),
        ("/v1/files?key=hush-g", String::new()),
    ] {
        for bypass in ["", "x-headroom-bypass: true\r\n"] {
            let got = ask(proxy.address(), post(path, &format!("{credentials}{bypass}"), &body)).await;
            answers.extend([&got.head, got.text()]);
            let seen = upstream.next().await;
            assert!(!seen.head.contains("hush-token") && !seen.head.contains("hush-f"), "{}", seen.head);
            assert!(seen.head.contains("hush-a") && seen.head.contains("hush-b") && seen.head.contains("hush-e"));
        }
    }
    // The wrong token, a wrong header, an upstream that is not there.
    for (path, headers) in [
        (CHAT, "x-headroom-proxy-token: hush-x\r\n"),
        ("/dashboard?token=hush-x", ""),
        (CHAT, "x-headroom-proxy-token: hush-token\r\nx-headroom-base-url: http://hush-y.example\r\n"),
    ] {
        let got = ask(proxy.address(), get(path, headers)).await;
        assert!(got.status >= 400);
        answers.extend([&got.head, got.text()]);
    }
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut lonely = options;
    lonely.upstreams.openai = format!("http://{nobody}").parse().unwrap();
    let lonely = start(lonely).await;
    let got = ask(lonely.address(), post("/v1/chat/completions?key=hush-g", credentials, ODD_CHAT)).await;
    assert_eq!(got.status, 502);
    answers.extend([&got.head, got.text()]);
    let token = "x-headroom-proxy-token: hush-token\r\n";
    for path in ["/stats", "/stats-history", "/metrics", "/dashboard", "/v1/retrieve/stats", "/dashboard/requests/1"] {
        let got = ask(proxy.address(), get(path, token)).await;
        assert_eq!(got.status, 200, "{path}");
        answers.extend([&got.head, got.text()]);
    }
    let mut page = Client::connect(proxy.address()).await;
    page.send(get("/dashboard/events", token)).await;
    answers.push_str(&page.until("\n\n\r\n").await);
    answers.push_str(&page.until("\n\n\r\n").await);
    assert!(!answers.contains("hush"), "{answers}");
    assert!(!format!("{:?}", spy.events()).contains("hush"));
    for path in [&proxy, &lonely].map(|_| &store) {
        let bytes = fs::read(path).unwrap();
        assert!(!bytes.windows(4).any(|window| window == b"hush"));
    }
    let lines = LINES.lock().unwrap().join("\n");
    assert!(lines.contains("headroom.proxy") && !lines.contains("hush"), "{lines}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_store_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("deep").join("store.db");
    let upstream = Upstream::start(|_| ok(CHAT_ANSWER)).await;
    let options = ProxyOptions { store: Some(store.to_str().unwrap().to_owned()), ..options(upstream.address) };
    let proxy = start(options).await;
    ask(proxy.address(), post(CHAT, "", long_chat(false))).await;
    let files = fs::read_dir(store.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<_> = files.collect();
    assert!(files.contains(&store));
    for path in files.iter().chain(store.parent().map(Path::to_owned).iter()) {
        let mode = fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{path:?} {mode:o}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_of_a_websocket_passes_the_same_guards() {
    let mut upstream = Upstream::start(|_| ok("{}")).await;
    let proxy = start(ProxyOptions { token: Some(Secret::new("t0k")), ..options(upstream.address) }).await;
    let upgrade = "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
        sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for path in ["/v1/responses", "/v1/realtime", "/dashboard/events"] {
        let foreign = format!("{upgrade}x-headroom-proxy-token: t0k\r\norigin: https://evil.example\r\n");
        assert_eq!(ask(proxy.address(), get(path, &foreign)).await.status, 403, "{path}");
        assert_eq!(ask(proxy.address(), get(path, upgrade)).await.status, 401, "{path}");
        let rebound = get(path, upgrade).replace("host: localhost", "host: evil.example");
        assert_eq!(ask(proxy.address(), rebound).await.status, 403, "{path}");
    }
    assert!(upstream.is_quiet());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_target_and_no_answer_leads_to_another_place() {
    let mut elsewhere = Upstream::start(|_| ok("{}")).await;
    let there = elsewhere.address;
    let location = format!("location: http://{there}/\r\n");
    let upstream = Upstream::start(move |_| answer("302 Found", &location, "")).await;
    let proxy = start(options(upstream.address)).await;
    for target in [
        format!("//{there}/v1/models"),
        format!("/@{there}/v1/models"),
        format!("/v1/models#@{there}"),
        format!("/\\{there}"),
        format!("http://{there}/v1/models"),
        format!("http://localhost@{there}/v1/models"),
        format!("http://{there}:1@localhost/v1/models"),
    ] {
        let got = ask(proxy.address(), format!("GET {target} HTTP/1.1\r\nhost: localhost\r\n\r\n")).await;
        // A redirect is the client's to follow.
        assert!(got.status == 302 || (400..500).contains(&got.status), "{target}: {}", got.status);
    }
    let mut tunnel = Client::connect(proxy.address()).await;
    tunnel.send(format!("CONNECT {there} HTTP/1.1\r\nhost: {there}\r\n\r\n")).await;
    let got = tunnel.answer().await;
    assert!(got.status >= 300, "{}", got.status);
    assert!(elsewhere.is_quiet());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_can_be_read_in_two_ways_is_not_passed_on() {
    let mut upstream = Upstream::start(|_| ok("{}")).await;
    let proxy = start(options(upstream.address)).await;
    let head = "POST /v1/files HTTP/1.1\r\nhost: localhost\r\n";
    for rest in [
        "content-length: 3\r\ncontent-length: 30\r\n\r\nabc",
        "transfer-encoding: chunked\r\ntransfer-encoding: x\r\n\r\n0\r\n\r\n",
        "content-length: 3\r\n x: y\r\n\r\nabc",
        "x y: z\r\ncontent-length: 3\r\n\r\nabc",
        "content-length: +3\r\n\r\nabc",
        "x: a\0b\r\ncontent-length: 3\r\n\r\nabc",
        "host: localhost\r\ncontent-length: 3\r\n\r\nabc",
    ] {
        let mut client = Client::connect(proxy.address()).await;
        client.send(format!("{head}{rest}")).await;
        let got = client.answer().await;
        assert!((400..500).contains(&got.status), "{rest:?}: {}", got.status);
    }
    assert!(upstream.is_quiet());
    // With a length beside chunks the chunks count, and the length does not go on.
    let both = "content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let mut client = Client::connect(proxy.address()).await;
    client.send(format!("{head}{both}")).await;
    if client.answer().await.status == 200 {
        let seen = upstream.next().await;
        assert_eq!((seen.body.as_slice(), seen.header("content-length")), (&b"hello"[..], None));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn markup_in_a_request_stays_text() {
    let upstream = Upstream::start(|_| ok(CHAT_ANSWER)).await;
    let proxy = start(options(upstream.address)).await;
    let markup = "<script>alert(1)</script>";
    let body = ODD_CHAT.replace("gpt-4o", markup);
    ask(proxy.address(), post(CHAT, &format!("x-headroom-project: {markup}\r\n"), &body)).await;
    let told = told(proxy.address(), 1).await;
    assert_eq!((&told[0]["model"], &told[0]["project"]), (&markup.into(), &markup.into()));
    for path in ["/stats", "/metrics", "/dashboard/requests/1", "/dashboard/%3Cscript%3E"] {
        let got = ask(proxy.address(), get(path, "")).await;
        let kind = got.header("content-type").unwrap_or_default();
        assert!(["application/json", "text/plain; version=0.0.4; charset=utf-8"].contains(&kind), "{path}: {kind}");
        assert_eq!(got.header("x-content-type-options"), Some("nosniff"), "{path}");
    }
    let page = ask(proxy.address(), get("/dashboard", "")).await;
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("frame-ancestors 'none'") && policy.contains("script-src 'sha256-"), "{policy}");
    assert!(!page.text().contains(markup));
}

#[test]
fn every_line_of_the_threat_model_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = fs::read_to_string(root.join("docs/security.md")).unwrap();
    let mut rows = 0;
    for row in page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| Threat")) {
        rows += 1;
        let links: Vec<_> = row.split("[`").skip(1).collect();
        assert!(!links.is_empty(), "expected a test in: {row}");
        for link in links {
            let (name, rest) = link.split_once("`](../").unwrap();
            let (path, _) = rest.split_once(')').unwrap();
            let source = fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
            assert!(source.contains(&format!("fn {name}(")), "expected a test {name} in {path}");
        }
    }
    assert!(rows > 15, "{rows}");
}
