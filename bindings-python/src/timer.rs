//! Time limits without a timer thread: the thread that waits for user code is the one that keeps the time, so there is
//! nothing to rebuild after a fork.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use headroom_core::extension::{BoxFuture, Timer};

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

thread_local! {
    /// Deadlines of the futures that this thread drives, one list for each drive, innermost last.
    static DEADLINES: RefCell<Vec<Vec<Duration>>> = const { RefCell::new(Vec::new()) };
}

/// The timer of futures that [`crate::drive::drive`] drives.
#[derive(Debug)]
pub(crate) struct DriveTimer;

impl Timer for DriveTimer {
    fn now(&self) -> Duration {
        START.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(Sleep { deadline: self.now() + duration, noted: false })
    }
}

struct Sleep {
    deadline: Duration,
    noted: bool,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if START.elapsed() >= self.deadline {
            return Poll::Ready(());
        }
        if !self.noted {
            self.noted = true;
            DEADLINES.with_borrow_mut(|drives| {
                if let Some(drive) = drives.last_mut() {
                    drive.push(self.deadline);
                }
            });
        }
        Poll::Pending
    }
}

/// The deadlines of one drive, as long as it lives.
pub(crate) struct Deadlines(());

impl Deadlines {
    pub(crate) fn new() -> Self {
        DEADLINES.with_borrow_mut(|drives| drives.push(Vec::new()));
        Self(())
    }

    /// How long until the next deadline; zero when one has passed, which is then forgotten.
    pub(crate) fn next(&self) -> Option<Duration> {
        let now = START.elapsed();
        DEADLINES.with_borrow_mut(|drives| {
            let drive = drives.last_mut()?;
            let before = drive.len();
            drive.retain(|deadline| *deadline > now);
            if drive.len() < before {
                return Some(Duration::ZERO);
            }
            drive.iter().min().map(|deadline| *deadline - now)
        })
    }
}

impl Drop for Deadlines {
    fn drop(&mut self) {
        DEADLINES.with_borrow_mut(Vec::pop);
    }
}
