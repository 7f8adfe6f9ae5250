//! What the engine logs, in Python's `logging`.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use log::{Level, LevelFilter, Log, Metadata, Record};
use pyo3::prelude::*;

use crate::drive;

/// Records that wait for the thread that tells them; further ones are dropped.
///
/// # Sources
/// Chosen by hand.
const MOST_WAITING: usize = 1024;
/// How long a command waits at its end for the last records.
///
/// # Sources
/// Chosen by hand.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);

/// Hands records on to the Python logger of their target. The engine logs warnings and errors only, so nothing below
/// them is worth a crossing.
struct Bridge;

/// A logger's name, a level of `logging`, a sentence.
type Told = (String, u8, String);

/// What the threads of a proxy logged: they must not wait for an interpreter that an extension holds.
#[derive(Default)]
struct Waiting {
    records: VecDeque<Told>,
    /// Whether there is a thread that tells them.
    has_teller: bool,
    /// Whether it has told all that it took.
    is_idle: bool,
}

static WAITING: Mutex<Waiting> = Mutex::new(Waiting { records: VecDeque::new(), has_teller: false, is_idle: false });
static CHANGED: Condvar = Condvar::new();

fn lock() -> MutexGuard<'static, Waiting> {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Log for Bridge {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Warn && metadata.target().starts_with("headroom")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let name = record.target().replace("::", ".").replacen("headroom_core", "headroom", 1);
        let level = if record.level() == Level::Error { 40 } else { 30 };
        let told = (name, level, record.args().to_string());
        if !drive::is_inside() {
            let mut waiting = lock();
            if waiting.has_teller {
                if waiting.records.len() < MOST_WAITING {
                    waiting.records.push_back(told);
                    CHANGED.notify_all();
                }
                return;
            }
        }
        tell(told);
    }

    fn flush(&self) {}
}

fn tell((name, level, message): Told) {
    Python::try_attach(|py| {
        let logged = py
            .import("logging")
            .and_then(|logging| logging.call_method1("getLogger", (name,)))
            .and_then(|logger| logger.call_method1("log", (level, "%s", message)));
        if let Err(failed) = logged {
            failed.write_unraisable(py, None);
        }
    });
}

/// Installs the bridge once a process.
pub(crate) fn install() {
    static BRIDGE: Bridge = Bridge;
    if log::set_logger(&BRIDGE).is_ok() {
        log::set_max_level(LevelFilter::Warn);
    }
}

/// Starts the thread that tells what threads of a proxy log, once a process.
pub(crate) fn start_teller(py: Python<'_>) -> PyResult<()> {
    if !std::mem::replace(&mut lock().has_teller, true) {
        py.import("headroom._told")?.getattr("tell")?.call0()?;
    }
    Ok(())
}

/// Waits for the next record.
#[pyfunction]
pub(crate) fn take_record(py: Python<'_>) -> Told {
    py.detach(|| {
        let mut waiting = lock();
        loop {
            waiting.is_idle = waiting.records.is_empty();
            CHANGED.notify_all();
            if let Some(told) = waiting.records.pop_front() {
                return told;
            }
            waiting = CHANGED.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    })
}

/// Waits until everything is told, within a limit.
pub(crate) fn flush(py: Python<'_>) {
    py.detach(|| {
        let is_open = |waiting: &mut Waiting| waiting.has_teller && !(waiting.is_idle && waiting.records.is_empty());
        drop(CHANGED.wait_timeout_while(lock(), FLUSH_LIMIT, is_open));
    });
}

/// Notes, in a child process, that there is no thread that tells.
pub(crate) fn after_fork() {
    // A lock that another thread held in the parent is never released here.
    if let Ok(mut waiting) = WAITING.try_lock() {
        *waiting = Waiting::default();
    }
}
