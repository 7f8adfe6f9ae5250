//! The event that travels through the stages, and the metadata that lives as long as the request.

use std::any::Any;
use std::sync::Arc;

use super::PipelineStage;
use crate::conversation::Value;

/// What an extension is called with.
#[derive(Clone, Debug)]
pub struct PipelineEvent {
    /// The moment.
    pub stage: PipelineStage,
    /// `compress`, `sdk.request` or `proxy.request`.
    pub operation: Arc<str>,
    /// The request's id; empty for the first three stages.
    pub request_id: Arc<str>,
    /// `openai`, `anthropic` or `gemini`; empty when unknown.
    pub provider: Arc<str>,
    /// The model as the caller named it.
    pub model: Arc<str>,
    /// The request's own list (messages or contents).
    pub messages: Option<Value>,
    /// Tool definitions.
    pub tools: Option<Value>,
    /// Request headers, or response headers at `post_send`.
    pub headers: Option<Value>,
    /// The whole body, in the proxy and the wrapped clients.
    pub payload: Option<Value>,
    /// The answer, at `response_received`.
    pub response: Option<Value>,
    /// What lives as long as the request.
    pub metadata: Metadata,
    /// The same event as an object of the host language, for a binding to hand over again.
    pub twin: Option<Twin>,
}

/// The same event as an object of the host language.
#[derive(Clone)]
pub struct Twin(pub Arc<dyn Any + Send + Sync>);

impl std::fmt::Debug for Twin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Twin")
    }
}

impl PipelineEvent {
    /// An event of a stage and an operation with everything else empty.
    #[must_use]
    pub fn new(stage: PipelineStage, operation: impl Into<Arc<str>>) -> Self {
        let empty: Arc<str> = Arc::from("");
        Self {
            stage,
            operation: operation.into(),
            request_id: Arc::clone(&empty),
            provider: Arc::clone(&empty),
            model: empty,
            messages: None,
            tools: None,
            headers: None,
            payload: None,
            response: None,
            metadata: Metadata::default(),
            twin: None,
        }
    }
}

/// Named values in the order in which they were set.
#[derive(Clone, Debug, Default)]
pub struct Metadata(Vec<(Arc<str>, Value)>);

impl Metadata {
    /// The value under a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| &**known == name).map(|(_, value)| value)
    }

    /// Sets a value; a known name keeps its place.
    pub fn set(&mut self, name: impl Into<Arc<str>>, value: Value) {
        let name = name.into();
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }

    /// Sets a JSON value.
    pub fn set_json(&mut self, name: &'static str, value: impl Into<serde_json::Value>) {
        self.set(name, Value::json(value.into()));
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    /// Whether both have the same names with the same values, compared as [`Value::is_same`] does.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.0.len() == other.0.len()
            && self.0.iter().all(|(name, value)| other.get(name).is_some_and(|o| value.is_same(o)))
    }

    /// Lays other metadata over this one.
    pub fn lay_over(&mut self, other: Self) {
        for (name, value) in other.0 {
            self.set(name, value);
        }
    }
}
