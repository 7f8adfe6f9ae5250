//! Everything before sending: reads the body, runs the stages, and says what is sent.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt as _;
use headroom_core::conversation::{Body as _, Value};
use headroom_core::pipeline::{Flow, PipelineEvent, PipelineStage};
use headroom_core::{Call, Error, JsonBody};
use http::header::{self, HeaderValue};
use serde_json::{Map, json};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::{Ready, Request, event_headers};
use crate::cache::{Kept, Key};
use crate::decode;
use crate::exchange::labels;
use crate::providers::Facts;
use crate::retrieval::{self, Recalled};
use crate::seen::Run;

/// Bodies up to this size are read and compressed where they are; larger ones where they keep nobody waiting.
///
/// # Sources
/// Chosen by hand: a body of 4 KB takes tens of microseconds, about as long as handing it over.
pub(crate) const INLINE_BYTES: usize = 4096;

/// The operation of every request through a proxy.
const OPERATION: &str = "proxy.request";

/// What became of a request before it is sent.
pub(crate) enum Prepared {
    /// It goes on.
    Ready(Box<Ready>),
    /// An extension answered.
    Answered(Box<Run>, Facts, Value),
    /// Its answer was kept when it came before.
    Cached(Box<Run>, Arc<Kept>),
    /// A `closed` extension refused.
    Refused(Error),
    /// It goes as it came, because it cannot be read or something failed.
    AsItCame { failed: bool },
}

/// What the stages before sending came to.
enum Next {
    /// It is sent, and its answer kept under a key.
    Send(Option<Key>),
    /// An extension answered.
    Answered(Value),
    /// Its answer was kept.
    Cached(Arc<Kept>),
}

/// Why a run did not come through the stages.
enum Lost {
    Refused(Error),
    Failed,
}

impl From<Error> for Lost {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl Request {
    /// Runs every stage before sending. A panic of ours is no reason to lose the request.
    pub(crate) async fn prepare(&self) -> Prepared {
        let prepared = AssertUnwindSafe(self.all_stages()).catch_unwind().await;
        match prepared.unwrap_or(Prepared::AsItCame { failed: true }) {
            Prepared::AsItCame { failed } => self.unseen(failed),
            prepared => prepared,
        }
    }

    /// A request that goes as it came goes around the extensions; one that is `closed` does not let it.
    fn unseen(&self, failed: bool) -> Prepared {
        let mut event = PipelineEvent::new(PipelineStage::InputReceived, OPERATION);
        event.provider = self.api.provider().name().into();
        event.model = self.exchange.route.model.as_deref().unwrap_or_default().into();
        let why = if failed { "the request failed inside" } else { "the body cannot be read as JSON" };
        match self.stack.extensions.refuse_unseen(&event, why) {
            Some((refused, invocation)) => {
                self.exchange.seen.note(|record| record.extensions.push(invocation));
                Prepared::Refused(refused)
            }
            None => Prepared::AsItCame { failed },
        }
    }

    async fn all_stages(&self) -> Prepared {
        let Some(original) = self.read().await else { return Prepared::AsItCame { failed: false } };
        let mut facts = self.api.facts(&original);
        if let Some(model) = &self.exchange.route.model {
            facts.model.clone_from(model);
        }
        facts.stream |= self.exchange.route.streams || self.frame.is_some();
        self.exchange.seen.note(|record| record.model.clone_from(&facts.model));
        let Recalled { body, changed_at, ticket } =
            retrieval::recall(&self.stack, self.api, self.exchange.route.counts, &original).await;
        let is_looked_at = self.stack.extensions.enabled() || self.stack.cache.is_on();
        let tools = if is_looked_at { body.tools() } else { None };
        let Ok(mut run) = self.begin(body, &facts) else { return Prepared::AsItCame { failed: true } };
        if let Some(message) = changed_at {
            run.prefix_changed_at(message);
        }
        let headers = self.stack.extensions.enabled().then(|| event_headers::show(&self.parts.headers));
        match self.stages(run, tools.clone(), headers.clone()).await {
            Ok((run, Next::Answered(answer))) => Prepared::Answered(run, facts, answer),
            Ok((run, Next::Cached(kept))) => Prepared::Cached(run, kept),
            Ok((run, Next::Send(key))) => match self.to_be_sent(&run, &original, tools.as_ref(), headers.as_ref()) {
                Some((headers, bytes)) => {
                    self.exchange.seen.changes(&original, &run, &self.stack.tasks);
                    Prepared::Ready(Box::new(Ready { run, facts, headers, bytes, key, ticket }))
                }
                None => Prepared::AsItCame { failed: true },
            },
            Err(Lost::Refused(error)) => Prepared::Refused(error),
            Err(Lost::Failed) => Prepared::AsItCame { failed: true },
        }
    }

    /// The body as JSON; none when it is none.
    async fn read(&self) -> Option<JsonBody> {
        let limit = self.stack.options.limits.body_bytes;
        if self.bytes.len() <= INLINE_BYTES && !decode::is_encoded(&self.parts.headers) {
            return JsonBody::from_bytes(&self.bytes).ok();
        }
        let (bytes, headers) = (self.bytes.clone(), self.parts.headers.clone());
        spawn_blocking(move || JsonBody::from_bytes(&decode::decoded(&headers, &bytes, limit)?).ok()).await.ok()?
    }

    fn begin(&self, body: JsonBody, facts: &Facts) -> Result<Box<Run>, Error> {
        let mut call = Call::new(body, &*facts.model);
        call.provider = self.api.provider().name().into();
        call.operation = OPERATION.into();
        call.request_id = Arc::clone(&self.exchange.id);
        call.options = self.stack.options.compress.clone();
        call.extensions = Arc::clone(&self.stack.extensions);
        let mut run = self.stack.engine.begin(call)?;
        if self.stack.extensions.enabled() {
            let metadata = run.metadata_mut();
            metadata.set_json("path", self.exchange.path());
            metadata.set_json("stream", facts.stream);
            metadata.set_json("transport", if self.frame.is_some() { "websocket" } else { "http" });
            if let Some(number) = self.frame {
                metadata.set_json("frame_index", number);
                metadata.set_json("frame_type", "response.create");
            }
            if self.api == crate::providers::Api::Responses {
                metadata.set_json("api_style", "responses");
            }
            if let Some(project) = &self.exchange.project {
                metadata.set_json("project", project.as_str());
            }
            let labels: Map<_, _> =
                labels(&self.parts.headers).map(|(name, value)| (name.replace('-', "_"), json!(value))).collect();
            if !labels.is_empty() {
                metadata.set_json("labels", labels);
            }
        }
        Ok(Box::new(Run::new(run, self.api, self.exchange.seen.clone())))
    }

    /// The stages before sending.
    async fn stages(
        &self,
        mut run: Box<Run>,
        tools: Option<Value>,
        headers: Option<Value>,
    ) -> Result<(Box<Run>, Next), Lost> {
        if let Flow::Answered(answer) = run.receive(tools.clone(), headers.clone()).await? {
            return Ok((run, Next::Answered(answer)));
        }
        let key = self.key(&run, tools.as_ref(), headers.as_ref());
        let kept = key.and_then(|key| self.stack.cache.get(&key));
        if let Flow::Answered(answer) = run.cached(kept.is_some(), self.stack.cache.is_on()).await? {
            return Ok((run, Next::Answered(answer)));
        }
        if let Some(kept) = kept {
            return Ok((run, Next::Cached(kept)));
        }
        let mut run = self.compress(run).await?;
        if let Flow::Answered(answer) = run.remember().await? {
            return Ok((run, Next::Answered(answer)));
        }
        match run.pre_send().await? {
            Flow::Answered(answer) => Ok((run, Next::Answered(answer))),
            Flow::Continue => Ok((run, Next::Send(key))),
        }
    }

    async fn compress(&self, mut run: Box<Run>) -> Result<Box<Run>, Lost> {
        if self.bytes.len() <= INLINE_BYTES && !decode::is_encoded(&self.parts.headers) {
            run.compress().await?;
            return Ok(run);
        }
        let runtime = Handle::current();
        let working = spawn_blocking(move || runtime.block_on(run.compress()).map(|()| run));
        // With extensions there is no limit here, since a guardrail behind it must not be skipped; they have their own.
        let done = if self.stack.extensions.enabled() {
            working.await
        } else {
            timeout(self.stack.options.timeouts.compress(), working).await.map_err(|_| Lost::Failed)?
        };
        Ok(done.map_err(|_| Lost::Failed)??)
    }

    /// Headers and body as they are sent.
    fn to_be_sent(
        &self,
        run: &Run,
        original: &JsonBody,
        tools: Option<&Value>,
        shown: Option<&Value>,
    ) -> Option<(http::HeaderMap, Bytes)> {
        let mut body = Arc::clone(run.body());
        let is_same = |now: &Value| tools.is_some_and(|before| before.is_same(now));
        if let Some(now) = run.tools().filter(|now| !is_same(now)) {
            match body.with_tools(now) {
                Ok(with_tools) => body = with_tools,
                Err(error) => log::warn!(target: "headroom.pipeline", "tools cannot be used: {error}"),
            }
        }
        let mut headers = self.parts.headers.clone();
        if let (Some(before), Some(now)) = (shown, run.headers()) {
            event_headers::take_over(&mut headers, before, now);
        }
        let body: &JsonBody = body.as_any().downcast_ref()?;
        if std::ptr::eq(body.as_str(), original.as_str()) || body.as_str() == original.as_str() {
            return Some((headers, self.bytes.clone()));
        }
        headers.remove(header::CONTENT_ENCODING);
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.as_str().len()));
        Some((headers, Bytes::from_owner(Text(body.clone()))))
    }
}

/// A body as the owner of its bytes.
struct Text(JsonBody);

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        self.0.as_str().as_bytes()
    }
}
