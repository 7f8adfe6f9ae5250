//! Crossings into JavaScript from threads that belong to a host, such as the proxy in this process.
//!
//! A host serves many requests on threads of its own until it ends. Its futures are no tasks and never come to the
//! JavaScript thread, so its dispatcher goes through the queue of that thread, from whichever thread asks. The queue is
//! weak and does not keep the process; it is released with the last thread of the host.

use std::cell::RefCell;
use std::sync::Arc;

use headroom_core::Result;
use napi::Status;
use napi::bindgen_prelude::{Either3, Null, Promise};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use serde_json::json;

use crate::error::from_javascript;
use crate::js_callback::Arguments;
use crate::logging::Logged;

/// The arguments as they wait in the queue.
type Queued = Arguments<String>;
type Returned = Either3<String, Null, Promise<Option<String>>>;

/// The dispatcher of a host as it comes from JavaScript.
pub type HostDispatch = ThreadsafeFunction<Queued, Returned, Queued, Status, false, true>;

thread_local! {
    /// Whose thread this is.
    static OWNER: RefCell<Option<Arc<Host>>> = const { RefCell::new(None) };
}

/// The owner of threads that run extensions until they end.
pub(crate) struct Host(HostDispatch);

impl Host {
    pub(crate) fn new(dispatch: HostDispatch) -> Arc<Self> {
        Arc::new(Self(dispatch))
    }

    /// Makes this thread one of the host's.
    pub(crate) fn own_thread(self: &Arc<Self>) {
        OWNER.set(Some(Arc::clone(self)));
    }

    /// Calls user code from any thread, and waits for its answer without limit.
    ///
    /// # Errors
    /// [`Extension`](headroom_core::ErrorKind::Extension) with what user code threw, or when its environment closed.
    pub(crate) async fn call(&self, arguments: Queued) -> Result<Option<String>> {
        match self.0.call_async_catch(arguments).await.map_err(from_javascript)? {
            Either3::A(text) => Ok(Some(text)),
            Either3::B(Null) => Ok(None),
            Either3::C(promise) => promise.await.map_err(from_javascript),
        }
    }

    /// Tells a record at once, since a host waits for no end, and without waiting.
    pub(crate) fn tell(&self, record: &Logged) {
        let Logged { level, logger, message } = record;
        let told = json!({ "level": level, "logger": logger, "message": message }).to_string();
        // An environment that is closing has nobody to tell.
        let _ = self.0.call(("log".to_owned(), 0, told, None, None).into(), ThreadsafeFunctionCallMode::NonBlocking);
    }
}

/// The host that this thread belongs to.
pub(crate) fn owner() -> Option<Arc<Host>> {
    OWNER.with_borrow(Clone::clone)
}
