//! The adapter: an extension written in JavaScript as just another extension of the engine.

use headroom_core::extension::{Answer, BoxFuture, Extension, Filter, Policy};
use headroom_core::pipeline::{PipelineEvent, StageSet};
use headroom_core::{Error, Result};

use crate::declarations::Declarations;
use crate::event;
use crate::js_callback::{Target, call};

/// An extension written in JavaScript. It holds nothing of JavaScript: each call reaches its object by its place in the
/// manager, through the function that the call registered.
pub(crate) struct JsExtension {
    index: u32,
    declared: Declarations,
}

impl JsExtension {
    /// Registers the extension at a place of its manager.
    ///
    /// # Errors
    /// [`Configuration`](headroom_core::ErrorKind::Configuration) when a declaration cannot be read.
    pub(crate) fn new(index: u32, declared: &str) -> Result<Self> {
        Ok(Self { index, declared: Declarations::read(declared)? })
    }
}

impl Extension for JsExtension {
    fn name(&self) -> &str {
        &self.declared.name
    }

    fn stages(&self) -> StageSet {
        self.declared.stages
    }

    fn filter(&self) -> Filter {
        self.declared.filter.clone()
    }

    fn policy(&self) -> Policy {
        self.declared.policy.clone()
    }

    fn on_pipeline_event<'a>(&'a self, event: &'a mut PipelineEvent) -> BoxFuture<'a, Result<Answer, Error>> {
        Box::pin(async move {
            let (head, fields) = event::open(event);
            let left = call(Target::Extension, self.index, head, None, fields).await?;
            event::close(left.as_deref(), event)
        })
    }
}
