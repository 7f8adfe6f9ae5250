//! Extensions that misbehave.

use std::sync::Arc;
use std::time::{Duration, Instant};

use headroom_core::extension::{Answer, BoxFuture, Extension, Filter, Policy};
use headroom_core::pipeline::{PipelineEvent, PipelineStage, StageSet};
use headroom_core::{Error, ErrorKind, Value};
use serde_json::json;
use tokio::sync::{Notify, Semaphore};
use tokio::time::sleep;

use crate::client::{Client, ask, post};
use crate::seen::told;
use crate::setup::{CHAT_ANSWER, ODD_CHAT, Spy, options, start_with};
use crate::upstream::{Upstream, ok};

const CHAT: &str = "/v1/chat/completions";

/// Never answers, and has a limit of its own.
struct Hanging;

impl Extension for Hanging {
    fn name(&self) -> &str {
        "hanging"
    }

    fn stages(&self) -> StageSet {
        StageSet::NONE.with(PipelineStage::PreSend)
    }

    fn policy(&self) -> Policy {
        Policy { timeout: Some(Duration::from_millis(50)), ..Policy::default() }
    }

    fn on_pipeline_event<'a>(&'a self, _: &'a mut PipelineEvent) -> BoxFuture<'a, Result<Answer, Error>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_hangs_costs_its_limit_and_after_five_times_nothing() {
    let mut upstream = Upstream::start(|_| ok(CHAT_ANSWER)).await;
    let proxy = start_with(options(upstream.address), vec![Arc::new(Hanging)]).await;
    let begun = Instant::now();
    for _ in 0..5 {
        assert_eq!(ask(proxy.address(), post(CHAT, "", ODD_CHAT)).await.text(), CHAT_ANSWER);
        assert_eq!(upstream.next().await.body, ODD_CHAT.as_bytes());
    }
    assert!(begun.elapsed() >= Duration::from_millis(250));
    let begun = Instant::now();
    assert_eq!(ask(proxy.address(), post(CHAT, "", ODD_CHAT)).await.status, 200);
    assert!(begun.elapsed() < Duration::from_millis(50), "the breaker is open");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_panics_or_returns_nonsense_is_left_out() {
    let mut upstream = Upstream::start(|_| ok(CHAT_ANSWER)).await;
    let panics = Spy::new(|event| {
        assert!(event.request_id.is_empty(), "a request");
        Ok(Answer::None)
    });
    let nonsense = Spy::new(|event| {
        event.headers = Some(headroom_core::Value::json(serde_json::json!(["no", "object"])));
        event.payload = Some(headroom_core::Value::json(serde_json::json!(7)));
        event.messages = Some(headroom_core::Value::json(serde_json::json!("no list")));
        Ok(Answer::WrongType("int".into()))
    });
    for extension in [panics, nonsense] {
        let proxy = start_with(options(upstream.address), vec![extension]).await;
        let got = ask(proxy.address(), post(CHAT, "authorization: Bearer k\r\n", ODD_CHAT)).await;
        assert_eq!((got.status, got.text()), (200, CHAT_ANSWER));
        let seen = upstream.next().await;
        assert_eq!((seen.body.as_slice(), seen.header("authorization")), (ODD_CHAT.as_bytes(), Some("Bearer k")));
    }
}

/// Changes the request, and answers when its limit has passed.
struct Late {
    /// Whether it keeps its thread meanwhile.
    blocks: bool,
    done: Semaphore,
}

const LIMIT: Duration = Duration::from_millis(40);

impl Extension for Late {
    fn name(&self) -> &str {
        "late"
    }

    fn stages(&self) -> StageSet {
        StageSet::NONE.with(PipelineStage::InputReceived)
    }

    fn policy(&self) -> Policy {
        Policy { timeout: Some(LIMIT), ..Policy::default() }
    }

    fn on_pipeline_event<'a>(&'a self, event: &'a mut PipelineEvent) -> BoxFuture<'a, Result<Answer, Error>> {
        event.payload = Some(Value::json(json!({"model": "another", "messages": []})));
        Box::pin(async move {
            if self.blocks {
                let begun = Instant::now();
                while begun.elapsed() <= LIMIT {
                    std::thread::yield_now();
                }
            } else {
                sleep(LIMIT * 100).await;
            }
            self.done.add_permits(1);
            let mut answer = event.clone();
            answer.stage = PipelineStage::ResponseReceived;
            answer.response = Some(Value::json(json!("too late")));
            Ok(Answer::Event(Box::new(answer)))
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_answer_changes_nothing() {
    let mut upstream = Upstream::start(|_| ok(CHAT_ANSWER)).await;
    for blocks in [false, true] {
        let late = Arc::new(Late { blocks, done: Semaphore::new(0) });
        let proxy = start_with(options(upstream.address), vec![late.clone()]).await;
        let begun = Instant::now();
        assert_eq!(ask(proxy.address(), post(CHAT, "", ODD_CHAT)).await.text(), CHAT_ANSWER);
        assert!((LIMIT..LIMIT * 100).contains(&begun.elapsed()), "{:?}", begun.elapsed());
        assert_eq!(upstream.next().await.body, ODD_CHAT.as_bytes());
        assert_eq!(late.done.available_permits(), usize::from(blocks));
        let told = told(proxy.address(), 1).await;
        assert_eq!(told[0]["extensions"][0]["outcome"], "timed_out", "{}", told[0]["extensions"]);
    }
    assert!(upstream.is_quiet());
}

/// Waits for somebody at one model, and says when it does.
#[derive(Default)]
struct Waiting {
    waits: Notify,
    go: Notify,
}

impl Extension for Waiting {
    fn name(&self) -> &str {
        "waiting"
    }

    fn policy(&self) -> Policy {
        Policy { timeout: Some(Duration::from_secs(600)), ..Policy::default() }
    }

    fn on_pipeline_event<'a>(&'a self, event: &'a mut PipelineEvent) -> BoxFuture<'a, Result<Answer, Error>> {
        Box::pin(async move {
            if event.stage == PipelineStage::PreSend && &*event.model == "slow" {
                self.waits.notify_one();
                self.go.notified().await;
            }
            Ok(Answer::None)
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_waits_delays_no_request_beside() {
    let upstream = Upstream::start(|_| ok(CHAT_ANSWER)).await;
    let waiting = Arc::new(Waiting::default());
    let proxy = start_with(options(upstream.address), vec![waiting.clone()]).await;
    let mut slow = Client::connect(proxy.address()).await;
    slow.send(post(CHAT, "", ODD_CHAT.replace("gpt-4o", "slow"))).await;
    waiting.waits.notified().await;
    for _ in 0..20 {
        assert_eq!(ask(proxy.address(), post(CHAT, "", ODD_CHAT)).await.status, 200);
    }
    waiting.go.notify_one();
    assert_eq!(slow.answer().await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_changed_before_it_failed_is_undone() {
    let mut upstream = Upstream::start(|_| ok(CHAT_ANSWER)).await;
    let raises = Spy::new(|event| {
        if event.request_id.is_empty() {
            return Ok(Answer::None);
        }
        event.payload = Some(Value::json(json!({"model": "another"})));
        event.headers = Some(Value::json(json!({"x-half": "done"})));
        Err(Error::new(ErrorKind::Extension, "half way"))
    });
    let proxy = start_with(options(upstream.address), vec![raises.clone()]).await;
    assert_eq!(ask(proxy.address(), post(CHAT, "", ODD_CHAT)).await.text(), CHAT_ANSWER);
    let seen = upstream.next().await;
    assert_eq!((seen.body.as_slice(), seen.header("x-half")), (ODD_CHAT.as_bytes(), None));
    assert_eq!(raises.stages().len(), 8);
}

/// Bodies that no event can be made of, with their headers.
const UNREADABLE: [(&str, &str); 4] = [
    ("", "no JSON"),
    ("", "{\"model\":\"gpt-4o\",\"messages\":["),
    ("", ""),
    ("content-encoding: br, zstd\r\n", "{\"model\":\"gpt-4o\",\"messages\":[]}"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_guardrail_refuses_what_it_cannot_be_shown() {
    let mut upstream = Upstream::start(|_| ok(CHAT_ANSWER)).await;
    let guard = Spy::closed(|_| Ok(Answer::None));
    let proxy = start_with(options(upstream.address), vec![guard.clone()]).await;
    let routes = [CHAT, "/v1/messages", "/v1/responses", "/v1beta/models/gemini-2.0-flash:generateContent"];
    for (headers, body) in UNREADABLE {
        for path in routes {
            let got = ask(proxy.address(), post(path, headers, body)).await;
            assert_eq!(got.status, 403, "{path} {body}");
            let message = got.json()["error"]["message"].as_str().unwrap().to_owned();
            assert!(message.contains("extension spy") && message.contains("JSON"), "{message}");
        }
    }
    assert!(upstream.is_quiet());
    assert!(guard.events().is_empty());
    for told in told(proxy.address(), 16).await {
        let calls = &told["extensions"];
        assert_eq!((calls.as_array().map(Vec::len), &calls[0]["outcome"]), (Some(1), &json!("failed_closed")));
    }

    // What it need not see passes, and so does what its user takes past it.
    for (path, headers) in [("/v1/files", ""), (CHAT, "x-headroom-bypass: true\r\n")] {
        assert_eq!(ask(proxy.address(), post(path, headers, "no JSON")).await.status, 200);
        assert_eq!(upstream.next().await.body, b"no JSON");
    }
}

/// A guardrail for one provider.
struct ForAnthropic;

impl Extension for ForAnthropic {
    fn name(&self) -> &str {
        "for_anthropic"
    }

    fn filter(&self) -> Filter {
        Filter { providers: vec!["anthropic".to_owned()], ..Filter::default() }
    }

    fn policy(&self) -> Policy {
        Policy { failure: headroom_core::extension::FailurePolicy::Closed, ..Policy::default() }
    }

    fn on_pipeline_event<'a>(&'a self, _: &'a mut PipelineEvent) -> BoxFuture<'a, Result<Answer, Error>> {
        Box::pin(async { Ok(Answer::None) })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_guardrail_would_not_be_asked_about_passes_unread() {
    let mut upstream = Upstream::start(|_| ok(CHAT_ANSWER)).await;
    for extension in [Spy::silent() as Arc<dyn Extension>, Arc::new(ForAnthropic)] {
        let proxy = start_with(options(upstream.address), vec![extension]).await;
        for (headers, body) in UNREADABLE {
            assert_eq!(ask(proxy.address(), post(CHAT, headers, body)).await.status, 200);
            assert_eq!(upstream.next().await.body, body.as_bytes());
        }
    }
}
