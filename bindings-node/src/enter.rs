//! The one door into the engine: runs a future of the engine off the JavaScript thread and settles a promise.

use std::cell::RefCell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_lite::FutureExt as _;
use headroom_core::Result;
use napi::bindgen_prelude::PromiseRaw;
use napi::{Env, Result as NapiResult};

use crate::abort::Abort;
use crate::js_callback::{Dispatch, JsCallback};
use crate::logging::{Logged, Records};
use crate::outcome::Outcome;

thread_local! {
    /// Whose future this thread polls.
    static CURRENT: RefCell<Option<Arc<Caller>>> = const { RefCell::new(None) };
}

/// Who waits for a call: the function that reaches its user code, and what was logged on its behalf.
pub(crate) struct Caller {
    /// Is there when the caller has extensions, hooks or a progress handler. Registered for this call alone, by the
    /// environment that made it, and released with it.
    pub(crate) callback: Option<JsCallback>,
    pub(crate) records: Records,
    /// Whether it is told what is logged at once, since it waits for no end.
    is_host: bool,
}

impl Caller {
    fn of_call(dispatch: Option<Dispatch>) -> Self {
        Self { callback: dispatch.map(JsCallback::new), records: Records::default(), is_host: false }
    }

    /// The owner of threads that run extensions until they end.
    pub(crate) fn host(dispatch: Dispatch) -> Self {
        Self { is_host: true, ..Self::of_call(Some(dispatch)) }
    }

    /// Is the one that waits for everything that this thread polls from now on.
    pub(crate) fn own_thread(self: &Arc<Self>) {
        CURRENT.set(Some(Arc::clone(self)));
    }

    /// Keeps or tells a record.
    pub(crate) fn note(&self, record: Logged) {
        match &self.callback {
            Some(callback) if self.is_host => callback.tell(&record),
            _ => self.records.push(record),
        }
    }

    /// Who waits for what this thread polls.
    pub(crate) fn current() -> Option<Arc<Self>> {
        CURRENT.with_borrow(Clone::clone)
    }

    fn scope<T>(self: &Arc<Self>, run: impl FnOnce() -> T) -> T {
        struct Restore(Option<Arc<Caller>>);
        impl Drop for Restore {
            fn drop(&mut self) {
                CURRENT.set(self.0.take());
            }
        }
        let _restore = Restore(CURRENT.replace(Some(Arc::clone(self))));
        run()
    }
}

/// A future that is polled with its caller known; a panic ends it.
struct Scoped<F: Future> {
    caller: Arc<Caller>,
    future: Pin<Box<F>>,
}

impl<T, F: Future<Output = Result<T>>> Future for Scoped<F> {
    type Output = std::thread::Result<Result<T>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let caller = Arc::clone(&self.caller);
        let polled = catch_unwind(AssertUnwindSafe(|| caller.scope(|| self.future.as_mut().poll(context))));
        match polled {
            Ok(polled) => polled.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }
}

/// Runs a future that gives JSON; the promise is always fulfilled, with an outcome that says what failed.
///
/// # Errors
/// When the environment cannot make a promise.
pub(crate) fn enter<'e>(
    env: &'e Env,
    dispatch: Option<Dispatch>,
    abort: &Abort,
    future: impl Future<Output = Result<Vec<u8>>> + Send + 'static,
) -> NapiResult<PromiseRaw<'e, Outcome>> {
    let caller = Arc::new(Caller::of_call(dispatch));
    let gone = abort.happened();
    let work = Scoped { caller: Arc::clone(&caller), future: Box::pin(future) };
    env.spawn_future(async move {
        let work = async { Some(work.await) };
        let gone = async {
            gone.await;
            None
        };
        let outcome = match gone.or(work).await {
            None => Outcome::aborted(),
            Some(Ok(Ok(value))) => Outcome::value(value),
            Some(Ok(Err(failed))) => Outcome::failed(&failed),
            Some(Err(panic)) => Outcome::panicked(&*panic),
        };
        Ok(Outcome { logged: caller.records.take(), ..outcome })
    })
}
