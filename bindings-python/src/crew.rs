//! Where the extensions of a proxy run: on Python threads of their own, each attached once and for all calls.
//!
//! The threads that serve requests never touch the interpreter. They hand an event over and wait without a thread, so a
//! call that sleeps, spins or holds the interpreter costs its own request its time limit and the others nothing. Every
//! extension has a crew of its own, and a loop of its own for its coroutines: one that hangs keeps no other from running.

use std::collections::VecDeque;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use headroom_core::extension::{Answer, BoxFuture, Extension, Filter, Policy};
use headroom_core::pipeline::{PipelineEvent, PipelineExtensionManager, StageSet};
use headroom_core::{Error, ErrorKind, Result};
use pyo3::prelude::*;

use crate::error;
use crate::event;
use crate::extension::PyExtension;

/// Threads of one extension. Calls that wait for one are late when their time limit passes.
///
/// # Sources
/// Chosen by hand: so many calls may block at a time, and so many that never return are lost.
const MOST_THREADS: usize = 16;

/// A manager whose extensions run on crews.
///
/// # Errors
/// `ConfigurationError` when `before` and `after` form a cycle or two extensions have one name.
pub(crate) fn hosted(py: Python<'_>, extensions: Vec<Arc<PyExtension>>) -> PyResult<Arc<PipelineExtensionManager>> {
    let on_crews = extensions
        .into_iter()
        .map(|extension| Hosted::new(py, extension).map(|hosted| Arc::new(hosted) as Arc<dyn Extension>));
    let manager = PipelineExtensionManager::new(on_crews.collect::<PyResult<_>>()?);
    manager.map(Arc::new).map_err(|failed| error::to_python(py, &failed))
}

/// An extension with its crew, which ends with it.
struct Hosted {
    extension: Arc<PyExtension>,
    crew: Arc<Crew>,
}

impl Hosted {
    fn new(py: Python<'_>, extension: Arc<PyExtension>) -> PyResult<Self> {
        let crew = Arc::<Crew>::default();
        crew.lock().threads = 1;
        let tasks = Tasks(Arc::clone(&crew));
        py.import("headroom._crew")?.getattr("Crew")?.call1((tasks, extension.function()))?.call_method0("grow")?;
        Ok(Self { extension, crew })
    }
}

impl Drop for Hosted {
    fn drop(&mut self) {
        self.crew.lock().closed = true;
        self.crew.arrived.notify_all();
    }
}

impl Extension for Hosted {
    fn name(&self) -> &str {
        self.extension.name()
    }

    fn stages(&self) -> StageSet {
        self.extension.stages()
    }

    fn filter(&self) -> Filter {
        self.extension.filter()
    }

    fn policy(&self) -> Policy {
        self.extension.policy()
    }

    fn on_pipeline_event<'a>(&'a self, event: &'a mut PipelineEvent) -> BoxFuture<'a, Result<Answer, Error>> {
        Box::pin(async move {
            let empty = PipelineEvent::new(event.stage, Arc::clone(&event.operation));
            let (left, answer) = self.crew.call(mem::replace(event, empty)).await?;
            *event = left;
            Ok(answer)
        })
    }
}

/// What waits for a thread, and the threads.
#[derive(Default)]
struct Crew {
    queue: Mutex<Queue>,
    arrived: Condvar,
}

#[derive(Default)]
struct Queue {
    tasks: VecDeque<Task>,
    threads: usize,
    idle: usize,
    closed: bool,
}

enum Task {
    Call(Arc<Slot>),
    /// Ends a coroutine that nobody waits for any more.
    Cancel(Py<PyAny>),
}

impl Crew {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call(self: &Arc<Self>, event: PipelineEvent) -> Call {
        let slot = Arc::new(Slot::default());
        slot.lock().event = Some(event);
        self.push(Task::Call(Arc::clone(&slot)));
        Call { crew: Arc::clone(self), slot }
    }

    fn push(&self, task: Task) {
        self.lock().tasks.push_back(task);
        self.arrived.notify_one();
    }

    /// Waits for a task; with it, whether nobody is left to take the next one. Nothing when the crew is to end.
    fn next(&self) -> Option<(Task, bool)> {
        let mut queue = self.lock();
        queue.idle += 1;
        loop {
            if let Some(task) = queue.tasks.pop_front() {
                queue.idle -= 1;
                let grows = queue.idle == 0 && queue.threads < MOST_THREADS;
                queue.threads += usize::from(grows);
                return Some((task, grows));
            }
            if queue.closed {
                return None;
            }
            queue = self.arrived.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Where a call and its waiter meet.
#[derive(Default)]
struct Slot(Mutex<State>);

#[derive(Default)]
struct State {
    /// Until a thread takes it.
    event: Option<PipelineEvent>,
    /// The coroutine that runs.
    running: Option<Py<PyAny>>,
    outcome: Option<Result<(PipelineEvent, Answer)>>,
    waker: Option<Waker>,
    /// Nobody waits any more.
    is_gone: bool,
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for a call. Dropping it takes the call back: one that has not begun is not made, and a coroutine is cancelled.
struct Call {
    crew: Arc<Crew>,
    slot: Arc<Slot>,
}

impl Future for Call {
    type Output = Result<(PipelineEvent, Answer)>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.slot.lock();
        match state.outcome.take() {
            Some(outcome) => Poll::Ready(outcome),
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let (_event, running) = {
            let mut state = self.slot.lock();
            state.is_gone = true;
            (state.event.take(), state.running.take())
        };
        if let Some(running) = running {
            self.crew.push(Task::Cancel(running));
        }
    }
}

/// The tasks of a crew, for its threads.
#[pyclass(frozen, module = "headroom._core")]
pub(crate) struct Tasks(Arc<Crew>);

#[pymethods]
impl Tasks {
    /// Waits for the next task: a `Job` or a coroutine's call that is to be cancelled, and whether a further thread is
    /// needed to take the one after it. Nothing at the end.
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Option<(Bound<'py, PyAny>, bool)>> {
        Ok(match py.detach(|| self.0.next()) {
            None => None,
            Some((Task::Cancel(running), grows)) => Some((running.into_bound(py), grows)),
            Some((Task::Call(slot), grows)) => {
                let event = slot.lock().event.take();
                let job = Job { slot, event: Mutex::new(event), given: Mutex::default() };
                Some((Bound::new(py, job)?.into_any(), grows))
            }
        })
    }
}

/// One call of an extension, for the thread that makes it.
#[pyclass(frozen, module = "headroom._core")]
pub(crate) struct Job {
    slot: Arc<Slot>,
    event: Mutex<Option<PipelineEvent>>,
    given: Mutex<Option<Py<PyAny>>>,
}

#[pymethods]
impl Job {
    /// The event to call the extension with; nothing when nobody waits any more.
    fn event<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let event = self.event.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(event) = event.as_ref() else { return Ok(None) };
        let given = event::open(py, event)?;
        *self.given.lock().unwrap_or_else(PoisonError::into_inner) = Some(given.clone().unbind());
        Ok(Some(given))
    }

    /// Says which call runs the coroutine; false when nobody waits for it.
    fn runs(&self, call: Py<PyAny>) -> bool {
        let mut state = self.slot.lock();
        if !state.is_gone && state.outcome.is_none() {
            state.running = Some(call);
        }
        !state.is_gone
    }

    /// Takes what the extension returned or raised.
    fn done(&self, py: Python<'_>, value: &Bound<'_, PyAny>, error: Option<Bound<'_, PyAny>>) {
        let event = self.event.lock().unwrap_or_else(PoisonError::into_inner).take();
        let given = self.given.lock().unwrap_or_else(PoisonError::into_inner).take();
        let outcome = match (event, given, error) {
            (_, _, Some(error)) => Err(error::from_python(py, ErrorKind::Extension, PyErr::from_value(error))),
            (Some(event), Some(given), None) => read(given.bind(py), value, event),
            _ => Err(Error::new(ErrorKind::Extension, "the call was answered twice")),
        };
        let (waker, _running) = {
            let mut state = self.slot.lock();
            if !state.is_gone {
                state.outcome.get_or_insert(outcome);
            }
            (state.waker.take(), state.running.take())
        };
        waker.into_iter().for_each(Waker::wake);
    }
}

/// What an extension left and returned, without anything that needs the interpreter to be looked at.
fn read(
    given: &Bound<'_, PyAny>,
    returned: &Bound<'_, PyAny>,
    mut event: PipelineEvent,
) -> Result<(PipelineEvent, Answer)> {
    let raised = |raised| error::from_python(given.py(), ErrorKind::Extension, raised);
    let mut answer = event::close(given, returned, &mut event).map_err(raised)?;
    event::as_json(&mut event)?;
    if let Answer::Event(returned) = &mut answer {
        event::as_json(returned)?;
    }
    Ok((event, answer))
}
