//! Time for limits and breakers, from the runtime that drives the engine's futures.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use headroom_core::extension::{BoxFuture, Timer};
use napi::bindgen_prelude::within_runtime_if_available;
use napi::tokio::runtime::Handle;

/// How long a JavaScript handler may take when nothing declares another limit.
///
/// # Sources
/// DESIGN.md §3.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_millis(2000);

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The timer of futures that [`crate::enter`] or a host runs, on whichever thread.
#[derive(Debug)]
pub(crate) struct TokioTimer;

impl Timer for TokioTimer {
    fn now(&self) -> Duration {
        START.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let sleep = || napi::tokio::time::sleep(duration);
        // The JavaScript thread is of no runtime. A host's threads are of its own one, which outlives that of calls.
        Box::pin(if Handle::try_current().is_ok() { sleep() } else { within_runtime_if_available(sleep) })
    }
}
