//! The extension contract of `tests/extensions/`, promise by promise, from Rust.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_lite::future::block_on;
use headroom_core::extension::{Answer, BoxFuture, Extension, FailurePolicy, Filter, Outcome, Policy, Timer};
use headroom_core::pipeline::{
    Flow, PipelineEvent, PipelineExtensionManager, PipelineStage, ResponseFacts, Run, StageSet,
};
use headroom_core::{Call, Engine, Error, ErrorKind, JsonBody, Result, Value, ccr::MemoryStore};
use serde_json::json;

type Behaviour = dyn Fn(&mut PipelineEvent) -> Result<Answer> + Send + Sync;

/// An extension made of a closure.
struct Closure {
    name: &'static str,
    stages: StageSet,
    filter: Filter,
    policy: Policy,
    behaviour: Box<Behaviour>,
}

impl Closure {
    fn new(
        name: &'static str,
        stage: PipelineStage,
        behaviour: impl Fn(&mut PipelineEvent) -> Result<Answer> + Send + Sync + 'static,
    ) -> Self {
        let stages = StageSet::NONE.with(stage);
        Self { name, stages, filter: Filter::default(), policy: Policy::default(), behaviour: Box::new(behaviour) }
    }
}

impl Extension for Closure {
    fn name(&self) -> &str {
        self.name
    }

    fn stages(&self) -> StageSet {
        self.stages
    }

    fn filter(&self) -> Filter {
        self.filter.clone()
    }

    fn policy(&self) -> Policy {
        self.policy.clone()
    }

    fn on_pipeline_event<'a>(&'a self, event: &'a mut PipelineEvent) -> BoxFuture<'a, Result<Answer>> {
        Box::pin(async move { (self.behaviour)(event) })
    }
}

/// Is pending for ever.
struct Silent(Policy);

impl Extension for Silent {
    fn name(&self) -> &str {
        "silent"
    }

    fn policy(&self) -> Policy {
        self.0.clone()
    }

    fn on_pipeline_event<'a>(&'a self, event: &'a mut PipelineEvent) -> BoxFuture<'a, Result<Answer>> {
        event.headers = Some(Value::json(json!({"late": true})));
        Box::pin(std::future::pending())
    }
}

/// Every limit has passed at once; the moment is set by hand.
#[derive(Default)]
struct ManualTimer(Mutex<Duration>);

impl Timer for ManualTimer {
    fn now(&self) -> Duration {
        *self.0.lock().unwrap()
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
}

fn manager(extensions: Vec<Arc<dyn Extension>>) -> Arc<PipelineExtensionManager> {
    Arc::new(PipelineExtensionManager::new(extensions).unwrap())
}

fn begin(manager: &Arc<PipelineExtensionManager>) -> Run {
    let body = JsonBody::parse(r#"{"model":"gpt-4o","n":1.0,"messages":[{"role":"user","content":"hi"}]}"#).unwrap();
    let mut call = Call::new(body, "gpt-4o");
    call.extensions = Arc::clone(manager);
    Engine::new(Arc::new(MemoryStore::default())).begin(call).unwrap()
}

fn outcomes(run: Run) -> Vec<(String, Outcome)> {
    run.finish().report.extensions.into_iter().map(|call| (call.extension, call.outcome)).collect()
}

#[test]
fn happy_path_sees_every_stage_in_order_and_metadata_lives_as_long_as_the_request() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let mut extension = Closure::new("logger", PipelineStage::Setup, move |event| {
        let count = event.metadata.get("count").map_or(0, |value| value.to_json().unwrap().as_u64().unwrap());
        event.metadata.set_json("count", count + 1);
        log.lock().unwrap().push((event.stage, count));
        Ok(Answer::None)
    });
    extension.stages = StageSet::ALL;
    let mut run = begin(&manager(vec![Arc::new(extension)]));
    block_on(async {
        run.receive(None, None).await?;
        run.cached(false, false).await?;
        run.compress().await?;
        run.remember().await?;
        run.pre_send().await?;
        run.post_send(Some(200), None).await?;
        run.response_received(Value::json(json!({})), ResponseFacts::default()).await
    })
    .unwrap();
    let expected: Vec<_> = PipelineStage::ALL[3..].iter().copied().zip(0..).collect();
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[test]
fn throws_is_recorded_and_the_others_still_run() {
    let ran = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&ran);
    let manager = manager(vec![
        Arc::new(Closure::new("broken", PipelineStage::InputReceived, |event| {
            event.headers = Some(Value::json(json!({"half": "done"})));
            Err(Error::new(ErrorKind::Extension, "boom"))
        })),
        Arc::new(Closure::new("panics", PipelineStage::InputReceived, |_| panic!("at the disco"))),
        Arc::new(Closure::new("fine", PipelineStage::InputReceived, move |event| {
            assert!(event.headers.is_none(), "what a failed extension did is undone");
            counter.fetch_add(1, Ordering::Relaxed);
            Ok(Answer::None)
        })),
    ]);
    let mut run = begin(&manager);
    block_on(run.receive(None, None)).unwrap();
    assert_eq!(ran.load(Ordering::Relaxed), 1);
    let outcomes = outcomes(run);
    let expected = [("broken", Outcome::FailedOpen), ("panics", Outcome::FailedOpen), ("fine", Outcome::Ran)];
    assert_eq!(outcomes, expected.map(|(name, outcome)| (name.to_owned(), outcome)));
}

#[test]
fn throws_refuses_the_request_when_closed() {
    let mut guard = Closure::new("guard", PipelineStage::PreSend, |_| Err(Error::new(ErrorKind::InvalidInput, "no")));
    guard.policy.failure = FailurePolicy::Closed;
    let mut run = begin(&manager(vec![Arc::new(guard)]));
    let error = block_on(run.pre_send()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Extension);
    assert!(error.to_string().contains("guard") && error.to_string().contains("pre_send"), "{error}");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "no");
}

#[test]
fn wrong_return_type_is_ignored_with_a_warning() {
    let odd = |_: &mut PipelineEvent| Ok(Answer::WrongType("int".into()));
    let mut run = begin(&manager(vec![Arc::new(Closure::new("odd", PipelineStage::InputReceived, odd))]));
    assert!(matches!(block_on(run.receive(None, None)).unwrap(), Flow::Continue));
    let call = run.finish().report.extensions.remove(0);
    assert_eq!(call.outcome, Outcome::Ran);
    assert!(call.warning.unwrap().contains("int"));
}

#[test]
fn changes_in_place_count_where_the_stage_allows_them() {
    let change = |event: &mut PipelineEvent| {
        event.headers = Some(Value::json(json!({"x-team": "blue"})));
        let mut payload = (*event.payload.as_ref().unwrap().to_json().unwrap()).clone();
        payload["messages"][0]["content"] = json!("hello");
        event.payload = Some(Value::json(payload));
        event.response = Some(Value::json(json!("not here")));
        Ok(Answer::None)
    };
    let mut run = begin(&manager(vec![Arc::new(Closure::new("editor", PipelineStage::PreSend, change))]));
    block_on(run.pre_send()).unwrap();
    assert_eq!(run.headers().unwrap().to_json().unwrap()["x-team"], "blue");
    let body = run.body().as_any().downcast_ref::<JsonBody>().unwrap().as_str().to_owned();
    assert_eq!(body, r#"{"model":"gpt-4o","n":1.0,"messages":[{"role":"user","content":"hello"}]}"#);
    let call = run.finish().report.extensions.remove(0);
    assert_eq!(call.outcome, Outcome::Changed);
    assert!(call.warning.unwrap().contains("response cannot be changed"));
}

#[test]
fn replaces_the_event_and_nothing_in_it_means_unchanged() {
    let replace = |event: &mut PipelineEvent| {
        let mut next = PipelineEvent::new(event.stage, "ignored");
        next.headers = Some(Value::json(json!({"a": 1})));
        next.operation = Arc::clone(&event.operation);
        next.metadata.set_json("extra", 1);
        Ok(Answer::Event(Box::new(next)))
    };
    let foreign = |_: &mut PipelineEvent| Ok(Answer::Event(Box::new(PipelineEvent::new(PipelineStage::PostSend, "x"))));
    let mut run = begin(&manager(vec![
        Arc::new(Closure::new("replaces", PipelineStage::InputReceived, replace)),
        Arc::new(Closure::new("foreign", PipelineStage::InputReceived, foreign)),
    ]));
    run.metadata_mut().set_json("kept", true);
    block_on(run.receive(None, None)).unwrap();
    assert_eq!(run.headers().unwrap().to_json().unwrap()["a"], 1);
    assert!(run.metadata_mut().get("kept").is_some() && run.metadata_mut().get("extra").is_some());
    let calls = run.finish().report.extensions;
    assert_eq!((calls[0].outcome, calls[1].outcome), (Outcome::Changed, Outcome::Ran));
    assert!(calls[1].warning.as_ref().unwrap().contains("post_send"));
}

#[test]
fn answers_early_and_the_stages_between_are_skipped() {
    let answer = |event: &mut PipelineEvent| {
        let mut next = PipelineEvent { stage: PipelineStage::ResponseReceived, ..event.clone() };
        next.response = Some(Value::json(json!({"cached": true})));
        Ok(Answer::Event(Box::new(next)))
    };
    let later = |_: &mut PipelineEvent| panic!("a stage after the answer");
    let mut run = begin(&manager(vec![
        Arc::new(Closure::new("cache", PipelineStage::InputReceived, answer)),
        Arc::new(Closure::new("later", PipelineStage::InputRouted, later)),
    ]));
    let Flow::Answered(response) = block_on(run.receive(None, None)).unwrap() else { panic!("not answered") };
    block_on(run.compress()).unwrap();
    assert_eq!(response.to_json().unwrap()["cached"], true);
    let result = run.finish();
    assert!(result.response.is_some() && !result.compressed);
    assert_eq!(result.report.extensions.len(), 1);
}

#[test]
fn never_answers_is_cut_off_and_its_breaker_opens_for_a_while() {
    let timer = Arc::new(ManualTimer::default());
    let policy = Policy { timeout: Some(Duration::from_millis(5)), ..Policy::default() };
    let silent = PipelineExtensionManager::new(vec![Arc::new(Silent(policy))]).unwrap();
    let manager = Arc::new(silent.with_timer(Arc::clone(&timer) as Arc<dyn Timer>, None));
    let outcome = || {
        let mut run = begin(&manager);
        block_on(run.receive(None, None)).unwrap();
        assert!(run.headers().is_none(), "a late answer is never applied");
        outcomes(run)[0].1
    };
    let first: Vec<_> = (0..7).map(|_| outcome()).collect();
    assert_eq!(first[..5], [Outcome::TimedOut; 5]);
    assert_eq!(first[5..], [Outcome::BreakerOpen; 2]);
    *timer.0.lock().unwrap() = Duration::from_secs(31);
    assert_eq!(outcome(), Outcome::TimedOut);
}

#[test]
fn many_threads_share_one_manager() {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let extension = Closure::new("counts", PipelineStage::InputReceived, move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
        Ok(Answer::None)
    });
    let manager = manager(vec![Arc::new(extension)]);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..50).for_each(|_| drop(block_on(begin(&manager).receive(None, None)))));
        }
    });
    assert_eq!(count.load(Ordering::Relaxed), 400);
}

#[test]
fn dropped_midway_leaves_nothing_behind() {
    let manager = manager(vec![Arc::new(Silent(Policy::default()))]);
    let mut run = begin(&manager);
    assert!(block_on(futures_lite::future::poll_once(run.receive(None, None))).is_none());
    assert!(run.headers().is_none());
}

#[test]
fn filtered_out_is_recorded_and_not_called() {
    let mut only_claude = Closure::new("claude", PipelineStage::InputReceived, |_| panic!("must not run"));
    only_claude.filter.models = vec!["claude-*".into()];
    let mut big = Closure::new("big", PipelineStage::InputCompressed, |_| panic!("must not run"));
    big.filter.min_tokens = 1000;
    let mut tools = Closure::new("tools", PipelineStage::InputReceived, |_| panic!("must not run"));
    tools.filter.tools = vec!["grep*".into()];
    let mut run = begin(&manager(vec![Arc::new(only_claude), Arc::new(big), Arc::new(tools)]));
    block_on(async {
        run.receive(None, None).await?;
        run.compress().await
    })
    .unwrap();
    assert!(outcomes(run).iter().all(|(_, outcome)| *outcome == Outcome::Filtered));
}

#[test]
fn order_follows_priority_then_before_and_after_and_a_cycle_is_an_error() {
    let named = |name, priority, before: &[&str], after: &[&str]| -> Arc<dyn Extension> {
        let mut extension = Closure::new(name, PipelineStage::PreSend, |_| Ok(Answer::None));
        extension.policy.priority = priority;
        extension.policy.before = before.iter().map(ToString::to_string).collect();
        extension.policy.after = after.iter().map(ToString::to_string).collect();
        Arc::new(extension)
    };
    let sorted = manager(vec![named("c", 1, &[], &[]), named("a", 0, &[], &["c"]), named("b", 0, &[], &[])]);
    assert_eq!(sorted.names().collect::<Vec<_>>(), ["b", "c", "a"]);
    let cycle = vec![named("x", 0, &["y"], &[]), named("y", 0, &["x"], &[])];
    let error = PipelineExtensionManager::new(cycle).unwrap_err();
    assert!(error.kind() == ErrorKind::Configuration && error.to_string().contains("x, y"), "{error}");
}

#[test]
fn a_request_can_move_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    let mut run = begin(&manager(Vec::new()));
    is_send(&run.receive(None, None));
    is_send(&run.compress());
}
