//! What a caller gives beside the messages.

use std::sync::Arc;

use headroom_core::conversation::Value;
use headroom_core::pipeline::{CompressionHooks, PipelineExtensionManager, ProgressHandler};
use headroom_core::{Call, Error, ErrorKind, Result};
use napi_derive::napi;

use crate::body::JsBody;
use crate::hooks::JsHooks;
use crate::options;
use crate::progress::JsProgress;
use crate::task::OffJavaScript;

/// What a caller gives beside the messages. "Unset" is `null`, and every property is present.
#[napi(object, object_to_js = false, use_nullable = true)]
pub struct CallArguments {
    /// Chooses the tokenizer.
    pub model: String,
    /// The provider; empty lets the shape decide.
    pub provider: String,
    /// Whether to compress at all.
    pub optimize: bool,
    /// Options as a JSON object with names in snake case.
    pub options: String,
    /// Metadata of the request as a JSON object.
    pub metadata: String,
    /// Where originals go.
    pub store: Option<String>,
    /// Hooks in order.
    pub hooks: Vec<HookMethods>,
    /// Whether the dispatcher wants progress events.
    pub progress: bool,
}

/// The hooks that one object really has.
#[napi(object, object_to_js = false, use_nullable = true)]
#[derive(Clone)]
pub struct HookMethods {
    /// Its name in warnings.
    pub name: String,
    /// Whether it has `preCompress`.
    pub pre_compress: bool,
    /// Whether it has `computeBiases`.
    pub compute_biases: bool,
    /// Whether it has `postCompress`.
    pub post_compress: bool,
}

impl CallArguments {
    /// The call, and the metadata that its request begins with.
    pub(crate) fn call(
        self,
        body: JsBody,
        operation: &'static str,
        extensions: Arc<PipelineExtensionManager>,
    ) -> Result<(Call, Vec<(String, Value)>)> {
        let metadata = serde_json::from_str::<serde_json::Map<_, _>>(&self.metadata).map_err(|cause| {
            Error::new(ErrorKind::InvalidInput, format!("metadata: expected an object, found {cause}"))
        })?;
        let hooks = self.hooks.into_iter().enumerate();
        let call = Call {
            // Extensions and hooks know the provider from the first stage on.
            provider: if self.provider.is_empty() { body.provider().into() } else { self.provider.into() },
            operation: operation.into(),
            options: options::read(&self.options)?,
            extensions,
            hooks: hooks
                .map(|(index, hook)| Arc::new(JsHooks::new(index, hook)) as Arc<dyn CompressionHooks>)
                .collect(),
            progress: self.progress.then(|| Arc::new(JsProgress) as Arc<dyn ProgressHandler>),
            optimize: self.optimize,
            offload: Some(Arc::new(OffJavaScript::new(body.len()))),
            ..Call::new(body, self.model)
        };
        Ok((call, metadata.into_iter().map(|(name, value)| (name, Value::json(value))).collect()))
    }
}
