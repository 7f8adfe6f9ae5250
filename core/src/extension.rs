//! The contract of an extension: other people's code at every step of a request.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::error::Error;
use crate::pipeline::{PipelineEvent, StageSet};

/// A future that an extension, a hook or a progress handler gives.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Takes part in the stages of a request.
pub trait Extension: Send + Sync {
    /// Its name in reports, warnings, errors and `before`/`after`.
    fn name(&self) -> &str;

    /// The stages it is called at; others are never called.
    fn stages(&self) -> StageSet {
        StageSet::ALL
    }

    /// Which requests it is called for, evaluated before any crossing into another language.
    fn filter(&self) -> Filter {
        Filter::default()
    }

    /// Its place among the others, its time limit, and what a failure means.
    fn policy(&self) -> Policy {
        Policy::default()
    }

    /// Is called with the event. In-place changes count when it succeeds; when it fails or is late, the event stays as
    /// it was before the call.
    fn on_pipeline_event<'a>(&'a self, event: &'a mut PipelineEvent) -> BoxFuture<'a, Result<Answer, Error>>;
}

/// What an extension returns.
#[derive(Debug)]
pub enum Answer {
    /// Nothing: changes made in place count.
    None,
    /// An event that replaces the current one. One at `response_received` with a response answers the request.
    Event(Box<PipelineEvent>),
    /// Something of a wrong type, by its name; ignored with a warning.
    WrongType(String),
}

/// Which requests an extension is called for. Empty lists let everything pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Names of providers.
    pub providers: Vec<String>,
    /// Globs of model names.
    pub models: Vec<String>,
    /// Globs of tool names, of which the request must offer or have called at least one.
    pub tools: Vec<String>,
    /// Operations: `compress`, `sdk.request`, `proxy.request`.
    pub operations: Vec<String>,
    /// Requests with fewer tokens do not pass. Default: 0. Stages before the tokens are known pass.
    pub min_tokens: u64,
}

/// An extension's place, time limit and failure policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// Lower first. Default: 0.
    pub priority: i64,
    /// Names of extensions that must run after this one.
    pub before: Vec<String>,
    /// Names of extensions that must run before this one.
    pub after: Vec<String>,
    /// How long one call may take. Default: the host's.
    pub timeout: Option<Duration>,
    /// What a failure means. Default: open.
    pub failure: FailurePolicy,
}

/// What a failed or late answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FailurePolicy {
    /// A warning; the request goes on with the event as it was.
    #[default]
    Open,
    /// The request is refused with an error that names extension and stage.
    Closed,
}

/// What became of one invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It ran and changed nothing.
    Ran,
    /// It ran and changed the event.
    Changed,
    /// It answered the request.
    Answered,
    /// Its filter did not let the request pass.
    Filtered,
    /// It failed and the request went on.
    FailedOpen,
    /// It failed and the request was refused.
    FailedClosed,
    /// Its time limit passed.
    TimedOut,
    /// It was not called because it timed out too often just before.
    BreakerOpen,
}

/// What of a request takes long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Going through its texts; as long as they are.
    Texts,
    /// Writing to the store, which may have to wait for others.
    Store,
}

/// Keeps long work off the thread of user code, for hosts in which user code has a thread of its own.
pub trait Offload: Send + Sync {
    /// Is ready where such work may run; nothing when that is everywhere.
    fn before(&self, work: Work) -> Option<BoxFuture<'static, ()>>;
}

/// Gives time to limits and breakers; tests give a manual one.
pub trait Timer: Send + Sync {
    /// Time since some fixed moment.
    fn now(&self) -> Duration;

    /// Is ready after `duration`.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}
