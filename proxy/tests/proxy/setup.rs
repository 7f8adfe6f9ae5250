//! Proxies, extensions and bodies for tests.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use headroom_core::Error;
use headroom_core::extension::{Answer, BoxFuture, Extension, FailurePolicy, Policy};
use headroom_core::pipeline::{PipelineEvent, PipelineExtensionManager};
use headroom_proxy::{Proxy, ProxyOptions, RunningProxy};

/// Options of a proxy whose upstreams are all in one place.
pub(crate) fn options(upstream: SocketAddr) -> ProxyOptions {
    let base: headroom_proxy::BaseUrl = format!("http://{upstream}").parse().unwrap();
    let mut options = ProxyOptions { port: 0, store: Some(":memory:".into()), ..ProxyOptions::default() };
    options.upstreams.openai = base.clone();
    options.upstreams.chatgpt = base.clone();
    options.upstreams.anthropic = base.clone();
    options.upstreams.gemini = base;
    options.retries.backoff_ms = 1;
    options
}

/// A proxy without extensions.
pub(crate) async fn start(options: ProxyOptions) -> RunningProxy {
    Proxy::start(options, Arc::default()).await.unwrap()
}

/// A proxy with extensions.
pub(crate) async fn start_with(options: ProxyOptions, extensions: Vec<Arc<dyn Extension>>) -> RunningProxy {
    Proxy::start(options, Arc::new(PipelineExtensionManager::new(extensions).unwrap())).await.unwrap()
}

type Work = dyn Fn(&mut PipelineEvent) -> Result<Answer, Error> + Send + Sync;

/// An extension that is a function, and keeps every event that it saw.
pub(crate) struct Spy {
    work: Box<Work>,
    policy: Policy,
    seen: Mutex<Vec<PipelineEvent>>,
}

impl Spy {
    pub(crate) fn new(work: impl Fn(&mut PipelineEvent) -> Result<Answer, Error> + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { work: Box::new(work), policy: Policy::default(), seen: Mutex::default() })
    }

    /// One whose failures refuse.
    pub(crate) fn closed(
        work: impl Fn(&mut PipelineEvent) -> Result<Answer, Error> + Send + Sync + 'static,
    ) -> Arc<Self> {
        let policy = Policy { failure: FailurePolicy::Closed, ..Policy::default() };
        Arc::new(Self { work: Box::new(work), policy, seen: Mutex::default() })
    }

    /// One that only looks.
    pub(crate) fn silent() -> Arc<Self> {
        Self::new(|_| Ok(Answer::None))
    }

    /// The events of requests so far.
    pub(crate) fn events(&self) -> Vec<PipelineEvent> {
        let seen = self.seen.lock().unwrap();
        seen.iter().filter(|event| !event.request_id.is_empty()).cloned().collect()
    }

    /// All events so far, those of the process included.
    pub(crate) fn all_stages(&self) -> Vec<&'static str> {
        self.seen.lock().unwrap().iter().map(|event| event.stage.name()).collect()
    }

    /// The stages of requests so far.
    pub(crate) fn stages(&self) -> Vec<&'static str> {
        self.events().iter().map(|event| event.stage.name()).collect()
    }
}

impl Extension for Spy {
    fn name(&self) -> &str {
        "spy"
    }

    fn policy(&self) -> Policy {
        self.policy.clone()
    }

    fn on_pipeline_event<'a>(&'a self, event: &'a mut PipelineEvent) -> BoxFuture<'a, Result<Answer, Error>> {
        self.seen.lock().unwrap().push(event.clone());
        Box::pin(async move { (self.work)(event) })
    }
}

/// A small request that nothing can be taken from, written in a way that no serializer would.
pub(crate) const ODD_CHAT: &str = "{ \"model\" : \"gpt-4o\",\n\t\"n\": 1.0, \"x\": [1e400, 1180591620717411303424],\"x\":null,\
    \"messages\":[{\"role\":\"user\",\"content\":\"h\\u00e9llo \\/ \u{1f600}\"}] }\n";

/// A request with a tool result of many similar lines.
pub(crate) fn long_chat(stream: bool) -> String {
    let log: String = (0..2000)
        .map(|line| {
            format!("2024-01-15T08:30:{:02}Z INFO worker-{} handled request {line} in 12 ms\\n", line % 60, line % 7)
        })
        .collect();
    format!(
        r#"{{"model":"gpt-4o","stream":{stream},"messages":[{{"role":"user","content":"what failed?"}},{{"role":"assistant","tool_calls":[{{"id":"c1","type":"function","function":{{"name":"logs","arguments":"{{}}"}}}}]}},{{"role":"tool","tool_call_id":"c1","content":"{log}"}}]}}"#
    )
}

/// An answer of Chat Completions.
pub(crate) const CHAT_ANSWER: &str = r#"{"id":"r1","object":"chat.completion","created":1,"model":"gpt-4o","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}"#;
