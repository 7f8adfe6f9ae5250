//! `CompressResult` as a record.

use headroom_core::{CompressResult as CoreResult, Error, ErrorKind, JsonBody, Result};

use crate::report::Report;

/// What a compression came to.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct CompressResult {
    /// The caller's JSON text with some texts replaced; every other byte is as it came.
    pub messages: String,
    /// Tokens of all texts before.
    pub tokens_before: u64,
    /// Tokens of all texts after.
    pub tokens_after: u64,
    /// Tokens removed.
    pub tokens_saved: u64,
    /// The share removed, saved / before, from 0.0 to 1.0.
    pub compression_ratio: f64,
    /// What was applied, as `router:<transform>:<share kept>`, in block order.
    pub transforms_applied: Vec<String>,
    /// Hashes of the originals that markers name, each once, in block order.
    pub ccr_hashes: Vec<String>,
    /// Whether anything was compressed.
    pub compressed: bool,
    /// The answer of an extension as JSON text; then the messages are the caller's.
    pub response: Option<String>,
    /// Time and tokens of each step, in order.
    pub pipeline_timing: Vec<StepTiming>,
    /// Proof of what was replaced as JSON text, for `headroom verify`.
    pub certificate: String,
    /// Everything else.
    pub report: Report,
}

/// Time and tokens of one step.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct StepTiming {
    /// The step.
    pub step: String,
    /// How long it took.
    pub duration_ms: f64,
    /// Tokens of the request before it.
    pub tokens_before: u64,
    /// Tokens of the request after it.
    pub tokens_after: u64,
}

impl CompressResult {
    /// # Errors
    /// [`ErrorKind::Compression`] when a record has no JSON form.
    pub(crate) fn of(result: &CoreResult) -> Result<Self> {
        let body: &JsonBody = result.body.as_any().downcast_ref().expect("a JsonBody makes only its own kind");
        let certificate = serde_json::to_string(&result.certificate)
            .map_err(|cause| Error::new(ErrorKind::Compression, "the certificate has no JSON form").caused_by(cause))?;
        let timing = result.pipeline_timing.iter().map(|(step, spent)| StepTiming {
            step: step.name().to_owned(),
            duration_ms: spent.duration_ms,
            tokens_before: spent.tokens_before,
            tokens_after: spent.tokens_after,
        });
        Ok(Self {
            messages: body.as_str().to_owned(),
            tokens_before: result.tokens_before,
            tokens_after: result.tokens_after,
            tokens_saved: result.tokens_saved(),
            compression_ratio: result.compression_ratio(),
            transforms_applied: result.transforms_applied.clone(),
            ccr_hashes: result.ccr_hashes.iter().map(ToString::to_string).collect(),
            compressed: result.compressed,
            response: result
                .response
                .as_ref()
                .map(|response| response.to_json())
                .transpose()?
                .map(|json| json.to_string()),
            pipeline_timing: timing.collect(),
            certificate,
            report: (&result.report).into(),
        })
    }
}
