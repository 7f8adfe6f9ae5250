//! What the engine logs, kept for the caller on whose behalf it was logged, or told the host whose thread logs it.

use std::sync::{Mutex, PoisonError};

use log::{Level, LevelFilter, Log, Metadata, Record};
use napi_derive::napi;

use crate::{host_callback, task};

/// One warning or error.
#[napi(object, object_from_js = false, use_nullable = true)]
pub struct Logged {
    /// `warn` or `error`.
    pub level: String,
    /// The logger, such as `headroom.pipeline`.
    pub logger: String,
    /// The sentence.
    pub message: String,
}

impl Logged {
    fn of(record: &Record<'_>) -> Self {
        let level = if record.level() == Level::Error { "error" } else { "warn" };
        let logger = record.target().replace("::", ".").replacen("headroom_core", "headroom", 1);
        Self { level: level.into(), logger, message: record.args().to_string() }
    }
}

/// What was logged during a call.
#[derive(Default)]
pub(crate) struct Records(Mutex<Vec<Logged>>);

impl Records {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Logged>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn take(&self) -> Vec<Logged> {
        std::mem::take(&mut self.lock())
    }
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
        if let Some(task) = task::current() {
            task.records.lock().push(Logged::of(record));
        } else if let Some(host) = host_callback::owner() {
            host.tell(&Logged::of(record));
        }
    }

    fn flush(&self) {}
}

/// Installs the bridge once a process.
pub(crate) fn install() {
    static BRIDGE: Bridge = Bridge;
    if log::set_logger(&BRIDGE).is_ok() {
        log::set_max_level(LevelFilter::Warn);
    }
}
