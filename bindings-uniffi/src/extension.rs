//! The adapter: an extension written in another language as just another extension of the engine.

use std::sync::Arc;

use async_trait::async_trait;
use headroom_core::extension::{Answer, BoxFuture, Extension, Filter, Policy};
use headroom_core::pipeline::{PipelineEvent as CoreEvent, StageSet};
use headroom_core::{Error, Result};

use crate::declarations::Declarations;
use crate::door::{call_async, call_plain};
use crate::error::{HeadroomError, wrong_type};
use crate::event::PipelineEvent;

/// Takes part in the stages of a request.
#[uniffi::export(with_foreign)]
pub trait PipelineExtension: Send + Sync {
    /// Is called with the event. What its setters change counts when nothing is returned; a returned event replaces it.
    ///
    /// # Errors
    /// Whatever user code throws: the event is then as it was before the call.
    fn on_pipeline_event(&self, event: Arc<PipelineEvent>) -> Result<Option<Arc<PipelineEvent>>, HeadroomError>;
}

/// [`PipelineExtension`] for code that awaits.
#[uniffi::export(with_foreign)]
#[async_trait]
pub trait AsyncPipelineExtension: Send + Sync {
    /// As [`PipelineExtension::on_pipeline_event`].
    ///
    /// # Errors
    /// Whatever user code throws: the event is then as it was before the call.
    async fn on_pipeline_event(&self, event: Arc<PipelineEvent>) -> Result<Option<Arc<PipelineEvent>>, HeadroomError>;
}

/// An extension with what it declares about itself.
#[derive(Clone, uniffi::Enum)]
pub enum Registration {
    /// One that runs on the thread of the engine, and on another one when it has a time limit.
    Plain {
        /// The extension.
        extension: Arc<dyn PipelineExtension>,
        /// Its declarations.
        declarations: Declarations,
    },
    /// One that runs where the caller awaits.
    Async {
        /// The extension.
        extension: Arc<dyn AsyncPipelineExtension>,
        /// Its declarations.
        declarations: Declarations,
    },
}

impl Registration {
    /// What the extension declares.
    pub(crate) fn declarations(&self) -> &Declarations {
        match self {
            Self::Plain { declarations, .. } | Self::Async { declarations, .. } => declarations,
        }
    }
}

impl Extension for Registration {
    fn name(&self) -> &str {
        &self.declarations().name
    }

    fn stages(&self) -> StageSet {
        self.declarations().stages()
    }

    fn filter(&self) -> Filter {
        self.declarations().filter()
    }

    fn policy(&self) -> Policy {
        self.declarations().policy()
    }

    fn on_pipeline_event<'a>(&'a self, event: &'a mut CoreEvent) -> BoxFuture<'a, Result<Answer, Error>> {
        Box::pin(async move {
            let shown = PipelineEvent::shown(event);
            let given = Arc::clone(&shown);
            let returned = match self {
                Self::Plain { extension, declarations } => {
                    let extension = Arc::clone(extension);
                    let has_limit = declarations.timeout_ms.is_some();
                    call_plain(has_limit, move || extension.on_pipeline_event(given)).await?
                }
                Self::Async { extension, .. } => {
                    let extension = Arc::clone(extension);
                    call_async(|| Box::pin(async move { extension.on_pipeline_event(given).await })).await
                }
            };
            match returned {
                Ok(returned) => Ok(shown.left(returned, event)),
                // As in every language, what was changed in place counts all the same.
                Err(thrown) => {
                    let found = wrong_type(thrown)?;
                    shown.left(None, event);
                    Ok(Answer::WrongType(found))
                }
            }
        })
    }
}
