//! Compression hooks written in JavaScript.

use headroom_core::conversation::Value;
use headroom_core::extension::BoxFuture;
use headroom_core::pipeline::{Biases, CompressContext, CompressEvent, CompressionHooks};
use headroom_core::{Error, ErrorKind, Result};
use serde_json::json;

use crate::call::HookMethods;
use crate::event::read;
use crate::js_callback::{Target, call};

/// The hooks that an object really has.
pub(crate) struct JsHooks {
    index: u32,
    methods: HookMethods,
}

impl JsHooks {
    pub(crate) fn new(index: usize, methods: HookMethods) -> Self {
        Self { index: u32::try_from(index).unwrap_or(u32::MAX), methods }
    }
}

impl CompressionHooks for JsHooks {
    fn name(&self) -> &str {
        &self.methods.name
    }

    fn pre_compress<'a>(
        &'a self,
        messages: &'a Value,
        context: &'a CompressContext,
    ) -> BoxFuture<'a, Result<Option<Value>, Error>> {
        Box::pin(async move {
            if !self.methods.pre_compress {
                return Ok(None);
            }
            let given = messages.to_json()?.to_string();
            let left = call(Target::PreCompress, self.index, written(context), Some(given), None).await?;
            left.map(|left| read(&left).map(Value::json)).transpose()
        })
    }

    fn compute_biases<'a>(
        &'a self,
        messages: &'a Value,
        context: &'a CompressContext,
    ) -> BoxFuture<'a, Result<Biases, Error>> {
        Box::pin(async move {
            if !self.methods.compute_biases {
                return Ok(Biases::new());
            }
            let given = messages.to_json()?.to_string();
            let left = call(Target::ComputeBiases, self.index, written(context), Some(given), None).await?;
            left.map_or_else(|| Ok(Biases::new()), |left| read_biases(&read(&left)?))
        })
    }

    fn post_compress<'a>(&'a self, event: &'a CompressEvent) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            if !self.methods.post_compress {
                return Ok(());
            }
            let event = json!({
                "tokensBefore": event.tokens_before,
                "tokensAfter": event.tokens_after,
                "tokensSaved": event.tokens_before.saturating_sub(event.tokens_after),
                "compressionRatio": event.compression_ratio,
                "transformsApplied": event.transforms_applied,
                "ccrHashes": event.ccr_hashes,
                "model": &*event.model,
                "userQuery": event.user_query,
                "provider": &*event.provider,
            });
            call(Target::PostCompress, self.index, event.to_string(), None, None).await.map(|_| ())
        })
    }
}

fn written(context: &CompressContext) -> String {
    json!({
        "model": &*context.model,
        "userQuery": context.user_query,
        "turnNumber": context.turn_number,
        "toolCalls": context.tool_calls.iter().map(|call| &*call.name).collect::<Vec<_>>(),
        "provider": &*context.provider,
    })
    .to_string()
}

/// Biases by index in the caller's list.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] when they are something else than numbers by message index.
pub(crate) fn read_biases(left: &serde_json::Value) -> Result<Biases> {
    let wrong = || {
        let sentence = format!("biases: expected an object from message index to number, found {left}");
        Error::new(ErrorKind::InvalidInput, sentence)
    };
    let object = left.as_object().ok_or_else(wrong)?;
    object
        .iter()
        .map(|(index, bias)| Ok((index.parse().map_err(|_| wrong())?, bias.as_f64().ok_or_else(wrong)?)))
        .collect()
}
