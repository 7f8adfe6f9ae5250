//! One request on its way through the stages.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use log::warn;

use super::call::{Call, CompressResult};
use super::compression::{Compression, post_compress};
use super::dispatch::{Flow, Invocation};
use super::engine::Engine;
use super::hooks::CompressContext;
use super::manager::Facts;
use super::report::Report;
use super::{Metadata, PipelineEvent, PipelineStage};
use crate::ccr::Certificate;
use crate::conversation::{Block, BlockKind, Body, Conversation, Role, Value};
use crate::error::Result;
use crate::extension::Work;

/// One request. The methods are called in stage order; an answer from one of them ends the request: nothing more is
/// sent, and [`Run::response_received`] is called with it.
#[derive(Debug)]
pub struct Run {
    pub(super) engine: Engine,
    pub(super) call: Call,
    /// The request as it is now.
    pub(super) body: Arc<dyn Body>,
    tools: Option<Value>,
    headers: Option<Value>,
    pub(super) metadata: Metadata,
    invocations: Vec<Invocation>,
    pub(super) tokens: Option<u64>,
    pub(super) result: CompressResult,
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").field("request_id", &self.request_id).field("model", &self.model).finish_non_exhaustive()
    }
}

impl Run {
    pub(super) fn new(engine: Engine, mut call: Call) -> Self {
        if call.request_id.is_empty() {
            call.request_id = new_request_id();
        }
        let body = Arc::clone(&call.body);
        if call.provider.is_empty() && call.extensions.enabled() {
            let provider = body.conversation().map_or("", |conversation| conversation.shape.provider());
            call.provider = provider.into();
        }
        let result = CompressResult {
            body: Arc::clone(&body),
            tokens_before: 0,
            tokens_after: 0,
            transforms_applied: Vec::new(),
            ccr_hashes: Vec::new(),
            compressed: false,
            response: None,
            pipeline_timing: Vec::new(),
            certificate: Certificate::default(),
            report: Report { request_id: call.request_id.to_string(), ..Report::default() },
        };
        Self {
            engine,
            call,
            body,
            tools: None,
            headers: None,
            metadata: Metadata::default(),
            invocations: Vec::new(),
            tokens: None,
            result,
        }
    }

    /// The request as it is now.
    #[must_use]
    pub fn body(&self) -> &Arc<dyn Body> {
        &self.body
    }

    /// The tool definitions as they are now.
    #[must_use]
    pub fn tools(&self) -> Option<&Value> {
        self.tools.as_ref()
    }

    /// The request headers as they are now.
    #[must_use]
    pub fn headers(&self) -> Option<&Value> {
        self.headers.as_ref()
    }

    /// What the request has come to so far.
    #[must_use]
    pub fn result(&self) -> &CompressResult {
        &self.result
    }

    /// What extensions were called so far, and deliberately not.
    #[must_use]
    pub fn invocations(&self) -> &[Invocation] {
        &self.invocations
    }

    /// The metadata, which lives as long as the request.
    pub fn metadata_mut(&mut self) -> &mut Metadata {
        &mut self.metadata
    }

    /// Everything that `compress` does, with the tools of the body: `input_received`, then the compression or, when an
    /// extension answers, `response_received`.
    ///
    /// # Errors
    /// [`Extension`](crate::ErrorKind::Extension) when a `closed` extension refuses.
    pub async fn run_to_end(mut self) -> Result<CompressResult> {
        let tools = self.body.tools();
        if let Flow::Answered(response) = self.receive(tools, None).await? {
            let response = self.response_received(response, ResponseFacts::default()).await?;
            self.result.response = Some(response);
        }
        self.compress().await?;
        Ok(self.finish())
    }

    /// `input_received`: the request is parsed.
    ///
    /// # Errors
    /// [`Extension`](crate::ErrorKind::Extension) when a `closed` extension refuses; so for every stage.
    pub async fn receive(&mut self, tools: Option<Value>, headers: Option<Value>) -> Result<Flow> {
        self.tools = tools;
        self.headers = headers;
        self.stage(PipelineStage::InputReceived).await
    }

    /// `input_cached`: the response cache was asked.
    ///
    /// # Errors
    /// As [`Run::receive`].
    pub async fn cached(&mut self, hit: bool, enabled: bool) -> Result<Flow> {
        self.metadata.set_json("cache_hit", hit);
        self.metadata.set_json("cache_enabled", enabled);
        self.stage(PipelineStage::InputCached).await
    }

    /// `input_routed` and `input_compressed`: compresses, unless an extension has answered already.
    ///
    /// # Errors
    /// As [`Run::receive`]. Any other failure is in the report and leaves the request as it was.
    pub async fn compress(&mut self) -> Result<()> {
        if self.result.response.is_some() {
            let context = CompressContext { model: Arc::clone(&self.call.model), ..CompressContext::default() };
            post_compress(self, context).await;
            return Ok(());
        }
        Compression::run(self).await
    }

    /// `input_remembered`: nothing is remembered yet, so `injected` is 0.
    ///
    /// # Errors
    /// As [`Run::receive`].
    pub async fn remember(&mut self) -> Result<Flow> {
        self.metadata.set_json("memories", serde_json::json!([]));
        self.metadata.set_json("injected", 0);
        self.stage(PipelineStage::InputRemembered).await
    }

    /// `pre_send`: the request is final.
    ///
    /// # Errors
    /// As [`Run::receive`].
    pub async fn pre_send(&mut self) -> Result<Flow> {
        self.stage(PipelineStage::PreSend).await
    }

    /// `post_send`: the response head arrived, or the attempt failed.
    ///
    /// # Errors
    /// As [`Run::receive`].
    pub async fn post_send(&mut self, status_code: Option<u16>, headers: Option<Value>) -> Result<()> {
        self.metadata.set_json("status_code", status_code);
        let event = PipelineEvent { headers, ..self.event(PipelineStage::PostSend) };
        self.send(event).await.map(|_| ())
    }

    /// `response_received`: the answer is complete. Gives the response back as the extensions left it.
    ///
    /// # Errors
    /// As [`Run::receive`].
    pub async fn response_received(&mut self, response: Value, about: ResponseFacts) -> Result<Value> {
        self.metadata.set_json("status_code", about.status_code);
        self.metadata.set_json("stream", about.stream);
        self.metadata.set("usage", about.usage.unwrap_or_else(|| Value::json(serde_json::Value::Null)));
        self.metadata.set_json("duration_ms", about.duration.as_secs_f64() * 1000.0);
        let mut event = self.event(PipelineStage::ResponseReceived);
        event.response = Some(response.clone());
        let left = self.send(event).await?.1.response.unwrap_or_else(|| response.clone());
        if about.stream && !left.is_same(&response) {
            self.warning("a response that was streamed cannot be changed; the change is ignored".to_owned());
            return Ok(response);
        }
        Ok(left)
    }

    /// What the request came to.
    #[must_use]
    pub fn finish(mut self) -> CompressResult {
        self.result.report.extensions = self.invocations;
        if self.result.response.is_some() {
            self.result.body = self.call.body;
            self.result.compressed = false;
        } else {
            self.result.body = self.body;
        }
        self.result
    }

    /// Emits a stage with the request as it is now and takes over what the extensions changed.
    pub(super) async fn stage(&mut self, stage: PipelineStage) -> Result<Flow> {
        if !self.call.extensions.subscribes(stage) {
            return Ok(Flow::Continue);
        }
        let event = self.event(stage);
        let (messages, payload) = (event.messages.clone(), event.payload.clone());
        let (flow, event) = self.send(event).await?;
        let tools = std::mem::replace(&mut self.tools, event.tools.clone());
        self.headers = event.headers;
        if self.body.tools().is_some() {
            self.take_over(tools, event.tools, |body, tools| body.with_tools(tools));
        }
        self.take_over(payload, event.payload, |body, payload| body.with_payload(payload));
        self.take_over(messages, event.messages, |body, messages| body.with_messages(messages));
        Ok(flow)
    }

    /// Replaces the body when an extension replaced a view of it. A view that cannot be taken over is ignored.
    fn take_over(
        &mut self,
        before: Option<Value>,
        after: Option<Value>,
        replace: impl Fn(&dyn Body, &Value) -> Result<Arc<dyn Body>>,
    ) {
        let Some(after) = after else { return };
        if before.is_some_and(|before| before.is_same(&after)) {
            return;
        }
        match replace(&*self.body, &after) {
            Ok(body) => {
                self.prefix_changed_at(0);
                self.body = body;
            }
            Err(error) => self.warning(format!("what an extension left cannot be used: {error}")),
        }
    }

    /// An event of a stage with the request as it is now.
    pub(super) fn event(&self, stage: PipelineStage) -> PipelineEvent {
        PipelineEvent {
            request_id: Arc::clone(&self.call.request_id),
            provider: Arc::clone(&self.call.provider),
            model: Arc::clone(&self.call.model),
            messages: self.body.messages(),
            payload: self.body.payload(),
            tools: self.tools.clone(),
            headers: self.headers.clone(),
            metadata: self.metadata.clone(),
            ..PipelineEvent::new(stage, Arc::clone(&self.call.operation))
        }
    }

    /// Hands an event to the extensions, and keeps metadata and answer.
    pub(super) async fn send(&mut self, mut event: PipelineEvent) -> Result<(Flow, PipelineEvent)> {
        if !self.call.extensions.subscribes(event.stage) {
            return Ok((Flow::Continue, event));
        }
        let facts = RequestFacts { tokens: self.tokens, body: &*self.body, tools: self.tools.as_ref() };
        let flow = self.call.extensions.dispatch(&mut event, &facts, &mut self.invocations).await;
        self.metadata = event.metadata.clone();
        let flow = match flow {
            Ok(flow) => flow,
            Err(refused) => {
                self.result.report.extensions.clone_from(&self.invocations);
                return Err(refused);
            }
        };
        if let Flow::Answered(response) = &flow {
            self.result.response = Some(response.clone());
        }
        Ok((flow, event))
    }

    /// Is ready where work may run.
    pub(super) fn ready_for(&self, work: Work) -> impl Future<Output = ()> + Send + use<> {
        let ready = self.call.offload.as_ref().and_then(|offload| offload.before(work));
        async move {
            if let Some(ready) = ready {
                ready.await;
            }
        }
    }

    pub(super) fn warning(&mut self, text: String) {
        warn!(target: "headroom", "{text}");
        self.result.report.warnings.push(text);
    }

    /// Notes in the report that messages from an index on may differ from what an earlier request sent.
    pub fn prefix_changed_at(&mut self, message: usize) {
        let at = self.result.report.prefix_changed_at.map_or(message, |known| known.min(message));
        self.result.report.prefix_changed_at = Some(at);
    }
}

/// What is known of a response beyond itself.
#[derive(Debug, Clone, Default)]
pub struct ResponseFacts {
    /// The HTTP status; none when an extension answered.
    pub status_code: Option<u16>,
    /// Whether the client got it as a stream; then it can no longer be replaced.
    pub stream: bool,
    /// The provider's own account of tokens.
    pub usage: Option<Value>,
    /// From sending the request to the last byte.
    pub duration: Duration,
}

struct RequestFacts<'a> {
    tokens: Option<u64>,
    body: &'a dyn Body,
    tools: Option<&'a Value>,
}

impl Facts for RequestFacts<'_> {
    fn tokens(&self) -> Option<u64> {
        self.tokens
    }

    fn any_tool(&self, passes: &dyn Fn(&str) -> bool) -> bool {
        let called = self.body.conversation().is_ok_and(|conversation| {
            conversation.blocks.iter().filter_map(|block| block.tool.as_deref()).any(|tool| passes(&tool.name))
        });
        called || self.tools.and_then(|tools| tools.to_json().ok()).is_some_and(|tools| offers(&tools, passes))
    }
}

/// Whether tool definitions of any API hold a tool whose name passes.
fn offers(tools: &serde_json::Value, passes: &dyn Fn(&str) -> bool) -> bool {
    let named = |tool: &serde_json::Value| tool.get("name").and_then(|name| name.as_str()).is_some_and(passes);
    tools.as_array().is_some_and(|tools| {
        tools.iter().any(|tool| {
            let declared = tool.get("functionDeclarations").and_then(|list| list.as_array());
            named(tool)
                || tool.get("function").is_some_and(named)
                || declared.is_some_and(|list| list.iter().any(named))
        })
    })
}

/// What hooks are told of a conversation.
pub(super) fn compress_context(call: &Call, conversation: &Conversation) -> CompressContext {
    let is_user = |block: &&Block| block.role == Role::User && block.kind == BlockKind::Text;
    let last = conversation.blocks.iter().rev().find(is_user).and_then(|block| block.message);
    let texts = conversation.blocks.iter().filter(is_user).filter(|block| block.message == last);
    let mut turns: Vec<_> = conversation.blocks.iter().filter(is_user).map(|block| block.message).collect();
    turns.dedup();
    let mut tool_calls: Vec<_> =
        conversation.blocks.iter().filter_map(|block| block.tool.as_deref().cloned()).collect();
    tool_calls.dedup();
    CompressContext {
        model: Arc::clone(&call.model),
        user_query: texts.map(|block| &*block.text).collect::<Vec<_>>().join("\n"),
        turn_number: turns.len(),
        tool_calls,
        provider: Arc::clone(&call.provider),
    }
}

/// An id that no other request of this machine has.
fn new_request_id() -> Arc<str> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let seed = format!("{now} {} {}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
    format!("req_{}", crate::ccr::Hash::of(&seed)).into()
}
