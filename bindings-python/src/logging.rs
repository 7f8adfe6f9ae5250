//! What the engine logs, in Python's `logging`.

use log::{Level, LevelFilter, Log, Metadata, Record};
use pyo3::prelude::*;

/// Hands records on to the Python logger of their target. The engine logs warnings and errors only, so nothing below
/// them is worth a crossing.
struct Bridge;

impl Log for Bridge {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Warn && metadata.target().starts_with("headroom")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let name = record.target().replace("::", ".").replacen("headroom_core", "headroom", 1);
        let method = if record.level() == Level::Error { "error" } else { "warning" };
        Python::try_attach(|py| {
            let logged = py
                .import("logging")
                .and_then(|logging| logging.call_method1("getLogger", (name,)))
                .and_then(|logger| logger.call_method1(method, ("%s", record.args().to_string())));
            if let Err(failed) = logged {
                failed.write_unraisable(py, None);
            }
        });
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
