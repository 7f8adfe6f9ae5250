//! `PipelineExtensionManager`: extensions in their order, and `emit` for direct callers.

use std::sync::Arc;

use headroom_core::extension::Extension;
use headroom_core::pipeline::{PipelineEvent as CoreEvent, PipelineExtensionManager as CoreManager};
use headroom_core::{Error, ErrorKind, Result};

use crate::door::{enter, enter_async};
use crate::drive::DriveTimer;
use crate::error::HeadroomError;
use crate::event::PipelineEvent;
use crate::extension::Registration;

/// Holds extensions in the order in which they run, and their breakers.
#[derive(Debug, uniffi::Object)]
pub struct PipelineExtensionManager {
    manager: Arc<CoreManager>,
    has_async: bool,
}

#[uniffi::export]
impl PipelineExtensionManager {
    /// Orders extensions and reads their declarations.
    ///
    /// # Errors
    /// When `before` and `after` form a cycle, a glob cannot be read or a time limit is 0.
    #[uniffi::constructor]
    pub fn new(extensions: Vec<Registration>) -> Result<Arc<Self>, HeadroomError> {
        let has_async = extensions.iter().any(|extension| matches!(extension, Registration::Async { .. }));
        if let Some(extension) = extensions.iter().find(|one| one.declarations().timeout_ms == Some(0)) {
            let name = extension.name();
            let sentence = format!("extension {name}: timeout_ms: expected a number of milliseconds above 0, found 0");
            return Err(Error::new(ErrorKind::Configuration, sentence).into());
        }
        let extensions = extensions.into_iter().map(|extension| Arc::new(extension) as Arc<dyn Extension>);
        let manager = CoreManager::new(extensions.collect())?.with_timer(Arc::new(DriveTimer), None);
        Ok(Arc::new(Self { manager: Arc::new(manager), has_async }))
    }

    /// Whether there is anything to call.
    pub fn enabled(&self) -> bool {
        self.manager.enabled()
    }

    /// Names of the extensions in the order in which they run.
    pub fn names(&self) -> Vec<String> {
        self.manager.names().map(str::to_owned).collect()
    }

    /// Hands an event to every extension of its stage, in order, and gives the last event as it is.
    ///
    /// # Errors
    /// When a `closed` extension fails.
    pub fn emit(&self, event: Arc<PipelineEvent>) -> Result<Arc<PipelineEvent>, HeadroomError> {
        enter(self.has_async, emit(self.shared(), event))
    }

    /// [`PipelineExtensionManager::emit`] for callers that await.
    ///
    /// # Errors
    /// As [`PipelineExtensionManager::emit`].
    pub async fn emit_async(&self, event: Arc<PipelineEvent>) -> Result<Arc<PipelineEvent>, HeadroomError> {
        enter_async(emit(self.shared(), event)).await
    }
}

impl PipelineExtensionManager {
    /// Whether any extension awaits.
    pub(crate) fn has_async(&self) -> bool {
        self.has_async
    }

    /// The engine's manager.
    pub(crate) fn shared(&self) -> Arc<CoreManager> {
        Arc::clone(&self.manager)
    }
}

async fn emit(manager: Arc<CoreManager>, event: Arc<PipelineEvent>) -> Result<Arc<PipelineEvent>> {
    let last: CoreEvent = manager.emit(event.for_direct_caller()).await?;
    Ok(PipelineEvent::shown(&last))
}
