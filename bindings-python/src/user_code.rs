//! Calls user code where its caller wants it, and waits for coroutines.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use headroom_core::{Error, ErrorKind, Result};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};

use crate::drive::Caller;
use crate::error;

/// A call that was made.
pub(crate) enum Called {
    /// It returned.
    Returned(Py<PyAny>),
    /// It runs elsewhere, or returned a coroutine that does.
    Waiting(Waiting),
}

/// Calls a function with arguments.
///
/// For a blocked caller it runs on this thread and a coroutine on the package's loop; for an awaiting caller both run
/// on that caller's loop with its context variables. With `on_thread` it runs on a thread of its own, so that a time
/// limit can pass while it runs.
pub(crate) fn call<'py>(function: &Bound<'py, PyAny>, args: Bound<'py, PyTuple>, on_thread: bool) -> PyResult<Called> {
    let py = function.py();
    let caller = Caller::current();
    let awaiting = caller.as_ref().and_then(|caller| caller.event_loop.as_ref());
    if on_thread {
        return Waiting::start(py, "on_thread", |done| {
            (function, args, done, awaiting.map(|awaiting| &awaiting.event_loop), awaiting.map(|a| &a.context))
                .into_pyobject(py)
        });
    }
    if let Some(awaiting) = awaiting {
        return Waiting::start(py, "on_loop", |done| {
            (function, args, done, &awaiting.event_loop, &awaiting.context).into_pyobject(py)
        });
    }
    let returned = function.call1(args)?;
    if is_awaitable(&returned)? {
        return Waiting::start(py, "on_package_loop", |done| (returned, done).into_pyobject(py));
    }
    Ok(Called::Returned(returned.unbind()))
}

fn is_awaitable(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    if value.is_none() || value.is_instance_of::<PyType>() {
        return Ok(false);
    }
    value.get_type().hasattr(pyo3::intern!(value.py(), "__await__"))
}

/// Waits for a call that runs elsewhere; dropping it cancels a coroutine.
pub(crate) struct Waiting {
    slot: Arc<Mutex<Slot>>,
    running: Option<Py<PyAny>>,
}

#[derive(Default)]
struct Slot {
    outcome: Option<PyResult<Py<PyAny>>>,
    waker: Option<Waker>,
}

impl Waiting {
    fn start<'py>(
        py: Python<'py>,
        how: &str,
        args: impl FnOnce(Done) -> PyResult<Bound<'py, PyTuple>>,
    ) -> PyResult<Called> {
        let slot = Arc::<Mutex<Slot>>::default();
        let running = py.import("headroom._loop")?.getattr(how)?.call1(args(Done(Arc::clone(&slot)))?)?;
        Ok(Called::Waiting(Self { slot, running: Some(running.unbind()) }))
    }
}

impl Future for Waiting {
    type Output = PyResult<Py<PyAny>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = {
            let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
            if slot.outcome.is_none() {
                slot.waker = Some(context.waker().clone());
            }
            slot.outcome.take()
        };
        match outcome {
            Some(outcome) => {
                self.running = None;
                Poll::Ready(outcome)
            }
            None => Poll::Pending,
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            Python::try_attach(|py| {
                if let Err(failed) = running.call_method0(py, "cancel") {
                    failed.write_unraisable(py, Some(running.bind(py)));
                }
            });
        }
    }
}

/// Takes the outcome of a call that runs elsewhere: `done(value, error)`.
#[pyclass(frozen, module = "headroom._core")]
pub(crate) struct Done(Arc<Mutex<Slot>>);

#[pymethods]
impl Done {
    fn __call__(&self, value: Py<PyAny>, error: Option<Bound<'_, PyAny>>) {
        let outcome = match error {
            Some(error) => Err(PyErr::from_value(error)),
            None => Ok(value),
        };
        let waker = {
            let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            slot.outcome.get_or_insert(outcome);
            slot.waker.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }
}

/// What a failed call means: an error for the engine, or the end of the whole drive when the exception must reach the
/// caller.
pub(crate) async fn failed(raised: PyErr) -> Error {
    let error = Python::attach(|py| {
        if error::is_interrupt(py, &raised) && !is_stray_cancellation(py, &raised) {
            if let Some(caller) = Caller::current() {
                caller.stop(raised);
                return None;
            }
            return Some(Error::new(ErrorKind::Extension, "interrupted"));
        }
        Some(error::from_python(py, ErrorKind::Extension, raised))
    });
    match error {
        Some(error) => error,
        None => std::future::pending().await,
    }
}

/// A cancellation that nobody asked this call for is a failure of its own.
fn is_stray_cancellation(py: Python<'_>, raised: &PyErr) -> bool {
    raised.get_type(py).name().is_ok_and(|name| name == "CancelledError")
}

/// Waits for a call when it is not done yet.
pub(crate) async fn finish(called: PyResult<Called>) -> Result<Py<PyAny>> {
    let outcome = match called {
        Ok(Called::Returned(value)) => Ok(value),
        Ok(Called::Waiting(waiting)) => waiting.await,
        Err(raised) => Err(raised),
    };
    match outcome {
        Ok(value) => Ok(value),
        Err(raised) => Err(failed(raised).await),
    }
}

/// Where an awaiting caller waits: `run` drives the engine on a worker thread, `stop` ends it.
#[pyclass(frozen, module = "headroom._core")]
pub(crate) struct Door(Arc<Caller>);

#[pymethods]
impl Door {
    #[new]
    fn new(event_loop: Py<PyAny>, context: Py<PyAny>) -> Self {
        Self(Arc::new(Caller::of_loop(event_loop, context)))
    }

    /// Calls a function of this module so that user code runs on the loop.
    #[pyo3(signature = (function, args, kwargs=None))]
    fn run<'py>(
        &self,
        function: &Bound<'py, PyAny>,
        args: Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, pyo3::types::PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.0.scope(|| function.call(args, kwargs))
    }

    /// Ends what runs.
    fn stop(&self) {
        self.0.stop(PyRuntimeError::new_err("the awaiting task was cancelled"));
    }
}
