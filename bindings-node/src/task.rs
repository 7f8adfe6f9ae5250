//! A future of the engine on its way between threads.
//!
//! Threads of the runtime poll it until it needs user code. Then the JavaScript thread does, and goes on with it, so that
//! user code that is next is called directly and no thread has to wake up for it. Before long work the future goes back,
//! so that the JavaScript thread is never busy for long.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use headroom_core::extension::{BoxFuture, Offload, Work};
use headroom_core::{Error, ErrorKind, Result};
use napi::{Env, JsDeferred};

use crate::js_callback::Dispatcher;
use crate::logging::Records;
use crate::outcome::Outcome;

/// Texts of a request that come to fewer bytes are worked on wherever its future is.
///
/// # Sources
/// Chosen by hand: this much takes a millisecond, which is what waking two threads may take on a busy machine.
const LONG_BYTES: usize = 16 * 1024;

/// Settles the promise of a call, from any thread.
pub(crate) type Deferred = JsDeferred<Outcome, Settle>;
type Settle = Box<dyn FnOnce(Env) -> napi::Result<Outcome>>;

/// The future of one call and everything that it needs.
pub(crate) struct Task {
    /// What was logged on its behalf.
    pub(crate) records: Records,
    future: Mutex<Option<BoxFuture<'static, Outcome>>>,
    /// Polls that were asked for since one began; more than one means that somebody has to poll again.
    polls: AtomicUsize,
    /// Makes the runtime poll.
    waker: Mutex<Waker>,
    /// Reaches user code; is gone when there is none, or its environment has closed.
    dispatcher: Mutex<Option<Arc<Dispatcher>>>,
    /// Is there until the future is ready.
    deferred: Mutex<Option<Deferred>>,
}

impl Task {
    pub(crate) fn new(
        future: impl Future<Output = Outcome> + Send + 'static,
        dispatcher: Option<Dispatcher>,
        deferred: Deferred,
    ) -> Arc<Self> {
        Arc::new(Self {
            records: Records::default(),
            future: Mutex::new(Some(Box::pin(future))),
            polls: AtomicUsize::new(0),
            waker: Mutex::new(Waker::noop().clone()),
            dispatcher: Mutex::new(dispatcher.map(Arc::new)),
            deferred: Mutex::new(Some(deferred)),
        })
    }

    /// Gives the task to the runtime.
    pub(crate) fn spawn(self: Arc<Self>) {
        napi::bindgen_prelude::spawn(Driver(self));
    }

    /// Goes on with the task on the JavaScript thread, to which `env` belongs.
    pub(crate) fn turn(self: &Arc<Self>, env: Env) {
        self.poll(Some(env));
        if self.is_done() {
            // The runtime drops what it has of it.
            self.wake();
        }
    }

    /// What reaches user code.
    pub(crate) fn dispatcher(&self) -> Option<Arc<Dispatcher>> {
        lock(&self.dispatcher).clone()
    }

    pub(crate) fn is_done(&self) -> bool {
        lock(&self.deferred).is_none()
    }

    fn wake(&self) {
        let waker = lock(&self.waker).clone();
        waker.wake();
    }

    /// Polls the future here, unless another thread does, which then makes the runtime poll once more.
    fn poll(self: &Arc<Self>, env: Option<Env>) {
        if self.polls.fetch_add(1, Ordering::AcqRel) > 0 {
            return;
        }
        let goes_to = self.poll_alone(env);
        let is_stale = self.polls.swap(0, Ordering::AcqRel) > 1;
        if let Some(Place::JavaScript) = goes_to
            && self.dispatcher().is_some_and(|dispatcher| !dispatcher.ring(self))
        {
            // What waits for the JavaScript thread is told that there is none any more.
            *lock(&self.dispatcher) = None;
            self.wake();
        }
        if is_stale || matches!(goes_to, Some(Place::Runtime)) {
            self.wake();
        }
    }

    fn poll_alone(self: &Arc<Self>, env: Option<Env>) -> Option<Place> {
        let mut place = lock(&self.future);
        let future = place.as_mut()?;
        let waker = lock(&self.waker).clone();
        let mut context = Context::from_waker(&waker);
        let before = CURRENT.replace(Some(Current { task: Arc::clone(self), env, goes_to: None }));
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut context)));
        let goes_to = CURRENT.replace(before).and_then(|current| current.goes_to);
        let outcome = match polled {
            Ok(Poll::Pending) => return goes_to,
            Ok(Poll::Ready(outcome)) => outcome,
            Err(panic) => Outcome::panicked(&*panic),
        };
        *place = None;
        drop(place);
        self.settle(outcome);
        None
    }

    fn settle(&self, outcome: Outcome) {
        let outcome = Outcome { logged: self.records.take(), ..outcome };
        let dispatcher = lock(&self.dispatcher).take();
        if let Some(deferred) = lock(&self.deferred).take() {
            deferred.resolve(Box::new(move |_| {
                // Its references belong to this thread.
                drop(dispatcher);
                Ok(outcome)
            }));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the runtime knows of a task.
struct Driver(Arc<Task>);

impl Future for Driver {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let task = &self.0;
        lock(&task.waker).clone_from(context.waker());
        task.poll(None);
        if task.is_done() { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// Where a future can be polled.
#[derive(Debug, Clone, Copy)]
enum Place {
    JavaScript,
    Runtime,
}

/// The task that a thread polls.
struct Current {
    task: Arc<Task>,
    /// Is there on the JavaScript thread.
    env: Option<Env>,
    /// Where its future waits to be polled.
    goes_to: Option<Place>,
}

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

/// The task that this thread polls.
pub(crate) fn current() -> Option<Arc<Task>> {
    CURRENT.with_borrow(|current| current.as_ref().map(|current| Arc::clone(&current.task)))
}

/// The environment of the JavaScript thread, when the task is polled there.
pub(crate) fn environment() -> Option<Env> {
    CURRENT.with_borrow(|current| current.as_ref().and_then(|current| current.env))
}

/// Is ready on the JavaScript thread, where user code can be called.
///
/// # Errors
/// [`ErrorKind::Extension`] when the call has no user code, or its environment closed.
pub(crate) fn javascript_thread() -> impl Future<Output = Result<()>> + Send {
    poll_fn(|_| {
        if current().is_none_or(|task| task.dispatcher().is_none()) {
            let sentence = "the environment of the callback is closing";
            return Poll::Ready(Err(Error::new(ErrorKind::Extension, sentence)));
        }
        if environment().is_some() { Poll::Ready(Ok(())) } else { wait_for(Place::JavaScript) }
    })
}

/// Is ready on every other thread.
pub(crate) fn runtime() -> impl Future<Output = ()> + Send {
    poll_fn(|_| if environment().is_none() { Poll::Ready(()) } else { wait_for(Place::Runtime) })
}

fn wait_for<T>(place: Place) -> Poll<T> {
    CURRENT.with_borrow_mut(|current| {
        if let Some(current) = current {
            current.goes_to = Some(place);
        }
    });
    Poll::Pending
}

/// Takes long work off the JavaScript thread.
pub(crate) struct OffJavaScript {
    /// Whether the texts of the request are long.
    is_long: bool,
}

impl OffJavaScript {
    /// For a request with so many bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        Self { is_long: bytes >= LONG_BYTES }
    }
}

impl Offload for OffJavaScript {
    fn before(&self, work: Work) -> Option<BoxFuture<'static, ()>> {
        let is_long = self.is_long || work == Work::Store;
        (is_long && environment().is_some()).then(|| Box::pin(runtime()) as BoxFuture<'static, ()>)
    }
}
