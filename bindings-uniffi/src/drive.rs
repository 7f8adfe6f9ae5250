//! Drives a future of the engine on this thread. The thread that waits is also the one that keeps the time of limits, so
//! there is no timer thread that a fork could lose.

use std::cell::RefCell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Wake};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use headroom_core::extension::{BoxFuture, Timer};

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

thread_local! {
    /// Deadlines of the futures that this thread drives, one list for each drive, innermost last.
    static DEADLINES: RefCell<Vec<Vec<Duration>>> = const { RefCell::new(Vec::new()) };
}

/// Runs a future to its end.
pub(crate) fn drive<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let parked = Arc::new(Parked { thread: thread::current(), is_woken: AtomicBool::new(false) });
    let waker = Arc::clone(&parked).into();
    let deadlines = Deadlines::new();
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        // A drive inside a call of this one may have used up the token of the thread, so the flag decides.
        while !parked.is_woken.swap(false, Ordering::Acquire) {
            match deadlines.next() {
                Some(Duration::ZERO) => break,
                Some(rest) => thread::park_timeout(rest),
                None => thread::park(),
            }
        }
    }
}

struct Parked {
    thread: Thread,
    is_woken: AtomicBool,
}

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.is_woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// The timer of futures that [`drive`] runs.
#[derive(Debug)]
pub(crate) struct DriveTimer;

impl Timer for DriveTimer {
    fn now(&self) -> Duration {
        START.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(Sleep { deadline: self.now().saturating_add(duration), is_noted: false })
    }
}

struct Sleep {
    deadline: Duration,
    is_noted: bool,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if START.elapsed() >= self.deadline {
            return Poll::Ready(());
        }
        if !self.is_noted {
            self.is_noted = true;
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
struct Deadlines(());

impl Deadlines {
    fn new() -> Self {
        DEADLINES.with_borrow_mut(|drives| drives.push(Vec::new()));
        Self(())
    }

    /// How long until the next deadline; zero when one has passed, which is then forgotten.
    fn next(&self) -> Option<Duration> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_ends_a_wait_that_nobody_ends_also_inside_another_drive() {
        let began = Instant::now();
        drive(async {
            DriveTimer.sleep(Duration::from_millis(2)).await;
            drive(DriveTimer.sleep(Duration::from_millis(3)));
            DriveTimer.sleep(Duration::from_millis(4)).await;
        });
        assert!(began.elapsed() >= Duration::from_millis(9));
    }

    #[test]
    fn a_wake_from_another_thread_is_not_lost_to_an_inner_drive() {
        let (sender, receiver) = futures_channel::oneshot::channel();
        let sent = drive(async {
            let sending = thread::spawn(move || sender.send(7));
            drive(DriveTimer.sleep(Duration::from_millis(2)));
            let received = receiver.await;
            sending.join().is_ok_and(|sent| sent.is_ok()).then_some(received)
        });
        assert_eq!(sent, Some(Ok(7)));
    }
}
