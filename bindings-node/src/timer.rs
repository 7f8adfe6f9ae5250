//! Time for limits and breakers, from the runtime that drives the engine's futures.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use headroom_core::extension::{BoxFuture, Timer};

/// How long a JavaScript handler may take when nothing declares another limit.
///
/// # Sources
/// DESIGN.md §3.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_millis(2000);

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The timer of futures that [`crate::enter`] runs.
#[derive(Debug)]
pub(crate) struct TokioTimer;

impl Timer for TokioTimer {
    fn now(&self) -> Duration {
        START.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(napi::tokio::time::sleep(duration))
    }
}
