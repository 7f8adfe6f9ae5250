//! Time for the limits of extensions.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use headroom_core::extension::{BoxFuture, Timer};

/// How long an extension may take when it declares no other limit.
///
/// # Sources
/// DESIGN.md §3.
pub(crate) const EXTENSION_TIMEOUT: Duration = Duration::from_millis(2000);

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The clock of the runtime that serves.
#[derive(Debug)]
pub(crate) struct TokioTimer;

impl Timer for TokioTimer {
    fn now(&self) -> Duration {
        START.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}
