//! The one door into the engine: releases the interpreter, drives a future of the engine, and maps its error.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use headroom_core::Result;
use pyo3::prelude::*;

use crate::error;
use crate::timer::Deadlines;

/// How often a waiting thread looks for Ctrl-C and for an event loop that was closed under it.
pub(crate) const TICK: Duration = Duration::from_millis(50);

thread_local! {
    /// Who waits for what this thread drives.
    static CURRENT: RefCell<Option<Arc<Caller>>> = const { RefCell::new(None) };
    /// How many drives this thread is inside of.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// Drives of all threads.
static INSIDE: AtomicUsize = AtomicUsize::new(0);
/// Whether this process was forked while another thread was inside the engine, whose locks nobody will ever release.
static FORKED_INSIDE: AtomicBool = AtomicBool::new(false);

/// Who waits for a drive: a blocked thread, or a task of an event loop.
#[derive(Default)]
pub(crate) struct Caller {
    pub(crate) event_loop: Option<EventLoop>,
    stop: Mutex<Stop>,
}

/// The loop of a task that waits, and the context variables that it had.
pub(crate) struct EventLoop {
    pub(crate) event_loop: Py<PyAny>,
    pub(crate) context: Py<PyAny>,
}

#[derive(Default)]
struct Stop {
    reason: Option<PyErr>,
    waker: Option<Waker>,
}

impl Caller {
    /// A caller that waits in a task.
    pub(crate) fn of_loop(event_loop: Py<PyAny>, context: Py<PyAny>) -> Self {
        Self { event_loop: Some(EventLoop { event_loop, context }), stop: Mutex::default() }
    }

    /// Who waits for what this thread drives.
    pub(crate) fn current() -> Option<Arc<Self>> {
        CURRENT.with_borrow(Clone::clone)
    }

    /// Runs something with this caller as the one that waits.
    pub(crate) fn scope<T>(self: &Arc<Self>, run: impl FnOnce() -> T) -> T {
        struct Restore(Option<Arc<Caller>>);
        impl Drop for Restore {
            fn drop(&mut self) {
                CURRENT.set(self.0.take());
            }
        }
        let _restore = Restore(CURRENT.replace(Some(Arc::clone(self))));
        run()
    }

    /// Ends the drive: the caller gets this exception instead of a result.
    pub(crate) fn stop(&self, reason: PyErr) {
        let waker = {
            let mut stop = self.stop.lock().unwrap_or_else(PoisonError::into_inner);
            stop.reason.get_or_insert(reason);
            stop.waker.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    fn stopped(&self, waker: &Waker) -> Option<PyErr> {
        let mut stop = self.stop.lock().unwrap_or_else(PoisonError::into_inner);
        let reason = stop.reason.take();
        if reason.is_none() {
            stop.waker = Some(waker.clone());
        }
        reason
    }

    /// What must end the wait: a signal, or a loop that will never answer.
    fn interrupted(&self) -> Option<PyErr> {
        Python::attach(|py| {
            if let Err(signal) = py.check_signals() {
                return Some(signal);
            }
            let event_loop = &self.event_loop.as_ref()?.event_loop;
            match event_loop.call_method0(py, "is_closed").and_then(|closed| closed.is_truthy(py)) {
                Ok(false) => None,
                Ok(true) => Some(error::refused(py, "the event loop of the caller was closed", "closed")),
                Err(raised) => Some(raised),
            }
        })
    }
}

/// Releases the interpreter, drives a future on this thread and gives its value.
///
/// # Errors
/// The exception of the engine's error; a `HeadroomError` after a panic, or when the process was forked while another
/// thread was inside; whatever user code raised that is no `Exception`.
pub(crate) fn enter<T: Send>(py: Python<'_>, future: impl Future<Output = Result<T>> + Send) -> PyResult<T> {
    not_forked_inside(py)?;
    let caller = match Caller::current() {
        Some(caller) if caller.event_loop.is_some() => caller,
        _ => Arc::default(),
    };
    let outcome = py.detach(|| {
        let _inside = Inside::new();
        catch_unwind(AssertUnwindSafe(|| caller.scope(|| drive(future, &caller))))
    });
    match outcome {
        Ok(Ok(Ok(value))) => Ok(value),
        Ok(Ok(Err(failed))) => Err(error::to_python(py, &failed)),
        Ok(Err(raised)) => Err(raised),
        Err(panic) => Err(error::panicked(py, &*panic)),
    }
}

/// Releases the interpreter for work that drives its own futures, such as the whole command.
///
/// # Errors
/// As [`enter`], and nothing of user code.
pub(crate) fn enter_blocking<T: Send>(py: Python<'_>, work: impl FnOnce() -> T + Send) -> PyResult<T> {
    not_forked_inside(py)?;
    let outcome = py.detach(|| {
        let _inside = Inside::new();
        catch_unwind(AssertUnwindSafe(work))
    });
    outcome.map_err(|panic| error::panicked(py, &*panic))
}

fn not_forked_inside(py: Python<'_>) -> PyResult<()> {
    if !FORKED_INSIDE.load(Ordering::Relaxed) {
        return Ok(());
    }
    let sentence = "this process was forked while another thread was inside Headroom, so it cannot be used here; \
                    fork before the first call or use the spawn start method";
    Err(error::refused(py, sentence, "forked"))
}

/// [`enter`] for work that calls no user code.
pub(crate) fn enter_with<T: Send>(py: Python<'_>, work: impl FnOnce() -> Result<T> + Send) -> PyResult<T> {
    enter_blocking(py, work)?.map_err(|failed| error::to_python(py, &failed))
}

/// Counts the threads that are inside.
struct Inside(());

impl Inside {
    fn new() -> Self {
        INSIDE.fetch_add(1, Ordering::Relaxed);
        DEPTH.set(DEPTH.get() + 1);
        Self(())
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
        INSIDE.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether this thread is inside a drive.
pub(crate) fn is_inside() -> bool {
    DEPTH.get() > 0
}

/// Notes, in a child process, whether other threads of its parent were inside.
pub(crate) fn after_fork() {
    let own = DEPTH.get();
    if INSIDE.swap(own, Ordering::Relaxed) != own {
        FORKED_INSIDE.store(true, Ordering::Relaxed);
    }
}

/// Wakes the driving thread.
struct Unpark {
    thread: Thread,
    woken: AtomicBool,
}

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

fn drive<F: Future>(future: F, caller: &Caller) -> Result<F::Output, PyErr> {
    let mut future = pin!(future);
    let deadlines = Deadlines::new();
    let unpark = Arc::new(Unpark { thread: thread::current(), woken: AtomicBool::new(false) });
    let waker = Waker::from(Arc::clone(&unpark));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return Ok(value);
        }
        if let Some(reason) = caller.stopped(&waker) {
            return Err(reason);
        }
        let mut waited = Duration::ZERO;
        while !unpark.woken.swap(false, Ordering::Acquire) {
            let until_deadline = deadlines.next();
            if until_deadline == Some(Duration::ZERO) {
                break;
            }
            if waited >= TICK {
                waited = Duration::ZERO;
                if let Some(reason) = caller.interrupted() {
                    return Err(reason);
                }
            }
            let wait = until_deadline.unwrap_or(TICK).min(TICK);
            thread::park_timeout(wait);
            waited += wait;
        }
    }
}
