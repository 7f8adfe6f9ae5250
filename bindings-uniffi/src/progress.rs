//! The four progress events.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use headroom_core::conversation::Value;
use headroom_core::extension::BoxFuture;
use headroom_core::pipeline::{ProgressEvent as CoreEvent, ProgressHandler as CoreHandler, ProgressKind as CoreKind};
use headroom_core::{Error, Result};

use crate::door::{call_async, call_plain};
use crate::error::{HeadroomError, from_user_code};
use crate::event::{set_metadata, written};

/// Is told of progress.
#[uniffi::export(with_foreign)]
pub trait ProgressHandler: Send + Sync {
    /// Is called with each event.
    ///
    /// # Errors
    /// Whatever user code throws: it is logged and the handler is skipped this time.
    fn on_progress(&self, event: Arc<ProgressEvent>) -> Result<(), HeadroomError>;
}

/// [`ProgressHandler`] for code that awaits.
#[uniffi::export(with_foreign)]
#[async_trait]
pub trait AsyncProgressHandler: Send + Sync {
    /// As [`ProgressHandler::on_progress`].
    ///
    /// # Errors
    /// Whatever user code throws: it is logged and the handler is skipped this time.
    async fn on_progress(&self, event: Arc<ProgressEvent>) -> Result<(), HeadroomError>;
}

/// A handler of progress events.
#[derive(Clone, uniffi::Enum)]
pub enum Progress {
    /// One that runs on the thread of the engine.
    Plain {
        /// The handler.
        handler: Arc<dyn ProgressHandler>,
    },
    /// One that runs where the caller awaits.
    Async {
        /// The handler.
        handler: Arc<dyn AsyncProgressHandler>,
    },
}

/// How much more or less to keep of a message: above 1.0 more, below less.
#[derive(Debug, Clone, Copy, PartialEq, uniffi::Record)]
pub struct Bias {
    /// Its index in the caller's list.
    pub message: u64,
    /// The multiplier.
    pub bias: f64,
}

/// What a progress event reports.
#[derive(Debug, Clone, PartialEq, uniffi::Enum)]
pub enum ProgressKind {
    /// Before the first step.
    Start {
        /// The model as the caller named it.
        model: String,
        /// The provider.
        provider: String,
        /// `compress`.
        operation: String,
        /// Milliseconds since the epoch.
        start_time_ms: u64,
        /// The token budget, if there is one.
        token_budget: Option<u64>,
    },
    /// After each step.
    Step {
        /// The step.
        step: String,
        /// Tokens of the request before it.
        tokens_before: u64,
        /// Tokens of the request after it.
        tokens_after: u64,
        /// How long it took.
        duration_ms: f64,
        /// Transforms that failed and left their block alone.
        warnings: Vec<String>,
    },
    /// After the last step.
    Complete {
        /// Tokens of the request before.
        tokens_before: u64,
        /// Tokens of the request after.
        tokens_after: u64,
        /// Tokens removed.
        tokens_saved: u64,
        /// The share removed, from 0.0 to 1.0.
        compression_ratio: f64,
        /// What was applied.
        transforms_applied: Vec<String>,
        /// Hashes of the originals that markers name.
        ccr_hashes: Vec<String>,
        /// How long everything took.
        duration_ms: f64,
    },
    /// The pipeline as a whole could not run.
    Error {
        /// Why.
        error: String,
        /// At which step; none before the first.
        step: Option<String>,
    },
}

/// A progress event; what its setters change is read back before the next step.
#[derive(Debug, uniffi::Object)]
pub struct ProgressEvent(Mutex<CoreEvent>);

#[uniffi::export]
impl ProgressEvent {
    /// `pipeline:start`, `pipeline:step`, `pipeline:complete` or `pipeline:error`.
    pub fn name(&self) -> String {
        self.lock().kind.name().to_owned()
    }

    /// The request's id.
    pub fn request_id(&self) -> String {
        self.lock().request_id.to_string()
    }

    /// What it reports.
    pub fn kind(&self) -> ProgressKind {
        kind_of(&self.lock().kind)
    }

    /// Biases by message.
    pub fn biases(&self) -> Vec<Bias> {
        let biases = &self.lock().biases;
        biases.iter().map(|(message, bias)| Bias { message: *message as u64, bias: *bias }).collect()
    }

    /// Sets the biases; they count at `pipeline:start` and `pipeline:step`.
    pub fn set_biases(&self, biases: Vec<Bias>) {
        let index = |message| usize::try_from(message).unwrap_or(usize::MAX);
        self.lock().biases = biases.into_iter().map(|bias| (index(bias.message), bias.bias)).collect();
    }

    /// Names in the metadata, in the order in which they were set.
    pub fn metadata_names(&self) -> Vec<String> {
        self.lock().metadata.iter().map(|(name, _)| name.to_owned()).collect()
    }

    /// A value of the metadata as JSON text.
    pub fn metadata(&self, name: String) -> Result<Option<String>, HeadroomError> {
        let value: Option<Value> = self.lock().metadata.get(&name).cloned();
        written(value)
    }

    /// Sets a value of the metadata to JSON text, or removes it.
    pub fn set_metadata(&self, name: String, value: Option<String>) -> Result<(), HeadroomError> {
        set_metadata(&mut self.lock().metadata, name, value)
    }
}

impl ProgressEvent {
    fn lock(&self) -> MutexGuard<'_, CoreEvent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CoreHandler for Progress {
    fn on_progress<'a>(&'a self, event: &'a mut CoreEvent) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let shown = Arc::new(ProgressEvent(Mutex::new(event.clone())));
            let given = Arc::clone(&shown);
            let told = match self {
                Self::Plain { handler } => {
                    let handler = Arc::clone(handler);
                    call_plain(false, move || handler.on_progress(given)).await?
                }
                Self::Async { handler } => {
                    let handler = Arc::clone(handler);
                    call_async(|| Box::pin(async move { handler.on_progress(given).await })).await
                }
            };
            told.map_err(from_user_code)?;
            let left = shown.lock();
            event.biases.clone_from(&left.biases);
            event.metadata.clone_from(&left.metadata);
            Ok(())
        })
    }
}

fn kind_of(kind: &CoreKind) -> ProgressKind {
    match kind {
        CoreKind::Start { model, provider, operation, start_time_ms, token_budget } => ProgressKind::Start {
            model: model.to_string(),
            provider: provider.to_string(),
            operation: operation.to_string(),
            start_time_ms: *start_time_ms,
            token_budget: *token_budget,
        },
        CoreKind::Step { step, tokens_before, tokens_after, duration_ms, warnings } => ProgressKind::Step {
            step: step.name().to_owned(),
            tokens_before: *tokens_before,
            tokens_after: *tokens_after,
            duration_ms: *duration_ms,
            warnings: warnings.clone(),
        },
        CoreKind::Complete {
            tokens_before,
            tokens_after,
            compression_ratio,
            transforms_applied,
            ccr_hashes,
            duration_ms,
            timing: _,
        } => ProgressKind::Complete {
            tokens_before: *tokens_before,
            tokens_after: *tokens_after,
            tokens_saved: tokens_before.saturating_sub(*tokens_after),
            compression_ratio: *compression_ratio,
            transforms_applied: transforms_applied.clone(),
            ccr_hashes: ccr_hashes.clone(),
            duration_ms: *duration_ms,
        },
        CoreKind::Error { error, step } => {
            ProgressKind::Error { error: error.clone(), step: step.map(|step| step.name().to_owned()) }
        }
    }
}
