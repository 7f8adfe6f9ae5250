//! Extensions that misbehave.

use std::sync::Arc;
use std::time::{Duration, Instant};

use headroom_core::Error;
use headroom_core::extension::{Answer, BoxFuture, Extension, Policy};
use headroom_core::pipeline::{PipelineEvent, PipelineStage, StageSet};

use crate::client::{ask, post};
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
