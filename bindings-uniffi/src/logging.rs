//! What the engine logs, for the language's own logger.

use std::sync::{Arc, PoisonError, RwLock};

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::error::HeadroomError;

/// How bad it is. The engine logs nothing below warnings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum LogLevel {
    /// Something was left out or ignored; the call goes on.
    Warning,
    /// Something failed.
    Error,
}

/// Takes what the engine logs. What it throws is dropped.
#[uniffi::export(with_foreign)]
pub trait Logger: Send + Sync {
    /// One sentence, and the logger it is meant for, such as `headroom.pipeline`.
    ///
    /// # Errors
    /// Whatever user code throws.
    fn log(&self, level: LogLevel, logger: String, message: String) -> Result<(), HeadroomError>;
}

static LOGGER: RwLock<Option<Arc<dyn Logger>>> = RwLock::new(None);

/// Hands what the engine logs to a logger from now on, or to nobody.
#[uniffi::export]
pub fn set_logger(logger: Option<Arc<dyn Logger>>) {
    static BRIDGE: Bridge = Bridge;
    if log::set_logger(&BRIDGE).is_ok() {
        log::set_max_level(LevelFilter::Warn);
    }
    let before = std::mem::replace(&mut *LOGGER.write().unwrap_or_else(PoisonError::into_inner), logger);
    // Dropped without the lock: it may be user code that runs then.
    drop(before);
}

struct Bridge;

impl Log for Bridge {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Warn && metadata.target().starts_with("headroom")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let logger = LOGGER.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(logger) = logger {
            let level = if record.level() == Level::Error { LogLevel::Error } else { LogLevel::Warning };
            let name = record.target().replace("::", ".").replacen("headroom_core", "headroom", 1);
            drop(logger.log(level, name, record.args().to_string()));
        }
    }

    fn flush(&self) {}
}
