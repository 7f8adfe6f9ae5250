//! `PipelineExtensionManager`: extensions in their order, and `emit` for direct callers.

use std::sync::Arc;

use headroom_core::extension::Extension;
use headroom_core::pipeline::{PipelineExtensionManager, PipelineStage};
use headroom_core::{Error, ErrorKind, Result};
use napi::Env;
use napi::bindgen_prelude::PromiseRaw;
use napi_derive::napi;

use crate::abort::Abort;
use crate::enter::enter_here;
use crate::error::Failure;
use crate::event;
use crate::extension::JsExtension;
use crate::js_callback::Dispatch;
use crate::logging;
use crate::outcome::Outcome;
use crate::timer::{DEFAULT_TIMEOUT, TokioTimer};

/// Holds the declarations of extensions in the order in which they run, and their breakers.
#[napi]
pub struct Manager(std::result::Result<Arc<PipelineExtensionManager>, Error>);

#[napi]
impl Manager {
    /// Reads the declarations of extensions, each a JSON object. What is wrong with them is in `failure`.
    #[napi(constructor)]
    #[must_use]
    pub fn new(declared: Vec<String>) -> Self {
        logging::install();
        Self(made(&declared).map(Arc::new))
    }

    /// Why there is no manager.
    #[napi(getter)]
    #[must_use]
    pub fn failure(&self) -> Option<Failure> {
        self.0.as_ref().err().map(Failure::of)
    }

    /// Whether there is anything to call.
    #[napi(getter)]
    #[must_use]
    pub fn enabled(&self) -> bool {
        self.0.as_ref().is_ok_and(|manager| manager.enabled())
    }

    /// Names of the extensions in the order in which they run.
    #[napi(getter)]
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.0.as_ref().map(|manager| manager.names().map(str::to_owned).collect()).unwrap_or_default()
    }

    /// Whether any extension takes part in a stage.
    #[napi]
    #[must_use]
    pub fn subscribes(&self, stage: String) -> bool {
        let stage: Result<PipelineStage> = stage.parse();
        matches!((&self.0, stage), (Ok(manager), Ok(stage)) if manager.subscribes(stage))
    }

    /// Hands an event to every extension of its stage, in order, and gives the place of the last event.
    ///
    /// # Errors
    /// When no promise can be made; everything else is in the outcome.
    #[napi(ts_return_type = "Promise<Outcome>")]
    pub fn emit<'e>(
        &self,
        env: &'e Env,
        head: String,
        #[napi(ts_arg_type = "Dispatch | null")] dispatch: Option<Dispatch<'_>>,
        abort: &Abort,
    ) -> napi::Result<PromiseRaw<'e, Outcome>> {
        let manager = self.shared();
        enter_here(env, dispatch, abort, async move {
            let last = manager.emit(event::of_direct_caller(&head)?).await?;
            Ok(event::place_of(&last).unwrap_or_default().to_string().into_bytes())
        })
    }

    /// The manager; an empty one when the declarations were wrong, which its maker has been told.
    pub(crate) fn shared(&self) -> Arc<PipelineExtensionManager> {
        self.0.as_ref().map(Arc::clone).unwrap_or_default()
    }
}

fn made(declared: &[String]) -> Result<PipelineExtensionManager> {
    let mut extensions: Vec<Arc<dyn Extension>> = Vec::new();
    for (index, declared) in declared.iter().enumerate() {
        let index = u32::try_from(index)
            .map_err(|_| Error::new(ErrorKind::Configuration, "extensions: expected fewer than 2^32"))?;
        extensions.push(Arc::new(JsExtension::new(index, declared)?));
    }
    let manager = PipelineExtensionManager::new(extensions)?;
    Ok(manager.with_timer(Arc::new(TokioTimer), Some(DEFAULT_TIMEOUT)))
}

/// Names of all stages in order.
#[napi]
#[must_use]
pub fn stages() -> Vec<String> {
    PipelineStage::ALL.map(|stage| stage.name().to_owned()).to_vec()
}
