//! The door into the engine, and the ways back out to user code.
//!
//! The engine of an awaiting caller works on a thread of its own. User code that is async is started and polled where the
//! caller awaits, because that is where a language has its event loop.

use std::cell::RefCell;
use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;

use futures_channel::{mpsc, oneshot};
use futures_lite::{FutureExt as _, Stream as _};
use headroom_core::extension::BoxFuture;
use headroom_core::{Error, ErrorKind, Result};

use crate::drive::drive;
use crate::error::HeadroomError;

/// Starts user code where a caller awaits.
type Request = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

thread_local! {
    /// Where the awaiting caller takes requests whose engine this thread drives.
    static CALLER: RefCell<Option<mpsc::UnboundedSender<Request>>> = const { RefCell::new(None) };
}

/// Runs a future of the engine for a caller that waits; `elsewhere` is on another thread than the caller's.
pub(crate) fn enter<T: Send>(
    elsewhere: bool,
    work: impl Future<Output = Result<T>> + Send,
) -> Result<T, HeadroomError> {
    let outcome = if elsewhere {
        thread::scope(|scope| {
            let worker = named("headroom-worker").spawn_scoped(scope, || caught(None, || drive(work)));
            worker.map_err(no_thread)?.join().unwrap_or_else(|panic| Err(panicked(&*panic)))
        })
    } else {
        caught(None, || drive(work))
    };
    Ok(outcome?)
}

/// Runs a future of the engine for a caller that awaits. Dropping what this gives ends it at its next wait.
pub(crate) async fn enter_async<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T, HeadroomError> {
    let (mut outcome, received) = oneshot::channel();
    let (requests, to_start) = mpsc::unbounded();
    let work = move || {
        let gone = outcome.cancellation();
        let done = drive(until(gone, async move { caught_async(requests, work).await }));
        if let Some(done) = done {
            // A caller that has gone away does not want it.
            drop(outcome.send(done));
        }
    };
    named("headroom-worker").spawn(work).map_err(no_thread)?;
    Ok(Awaited { received, to_start, running: Vec::new() }.await?)
}

/// Calls plain user code: on this thread, or on one that may be left behind when there is a time limit.
pub(crate) async fn call_plain<T: Send + 'static>(
    has_limit: bool,
    user_code: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    if !has_limit {
        return Ok(user_code());
    }
    let (answer, received) = oneshot::channel();
    // A late answer finds nobody.
    let thread = named("headroom-extension").spawn(move || drop(answer.send(user_code())));
    thread.map_err(no_thread)?;
    received.await.map_err(|_| Error::new(ErrorKind::Extension, "the thread of the extension ended without an answer"))
}

/// Calls async user code: where the caller awaits, or on this thread when it only waits. Dropping what this gives drops
/// the future of the user code.
pub(crate) async fn call_async<T: Send + 'static>(
    user_code: impl FnOnce() -> BoxFuture<'static, T> + Send + 'static,
) -> T {
    let Some(caller) = CALLER.with_borrow(Clone::clone) else { return user_code().await };
    let (mut answer, received) = oneshot::channel();
    let request: Request = Box::new(move || {
        Box::pin(async move {
            if let Some(done) = until(answer.cancellation(), user_code()).await {
                drop(answer.send(done));
            }
        })
    });
    // A caller that has gone away answers nothing, and `enter_async` ends the engine at this wait.
    if caller.unbounded_send(request).is_err() {
        return pending().await;
    }
    match received.await {
        Ok(answer) => answer,
        Err(_) => pending().await,
    }
}

/// What an awaiting caller polls.
struct Awaited<T> {
    received: oneshot::Receiver<Result<T>>,
    to_start: mpsc::UnboundedReceiver<Request>,
    running: Vec<BoxFuture<'static, ()>>,
}

impl<T> Future for Awaited<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        while let Poll::Ready(Some(request)) = Pin::new(&mut self.to_start).poll_next(context) {
            self.running.push(request());
        }
        self.running.retain_mut(|running| running.as_mut().poll(context).is_pending());
        let ended = || Error::new(ErrorKind::Compression, "the thread of the engine ended without an answer");
        Pin::new(&mut self.received).poll(context).map(|outcome| outcome.unwrap_or_else(|_| Err(ended())))
    }
}

/// What a future gives, unless another one is ready first.
async fn until<T>(end: impl Future, future: impl Future<Output = T>) -> Option<T> {
    let end = async {
        end.await;
        None
    };
    end.or(async { Some(future.await) }).await
}

/// Runs with the caller known to this thread, and with a panic as an error.
fn caught<T>(caller: Option<mpsc::UnboundedSender<Request>>, run: impl FnOnce() -> Result<T>) -> Result<T> {
    struct Restore(Option<mpsc::UnboundedSender<Request>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CALLER.set(self.0.take());
        }
    }
    let _restore = Restore(CALLER.replace(caller));
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| Err(panicked(&*panic)))
}

async fn caught_async<T>(requests: mpsc::UnboundedSender<Request>, work: impl Future<Output = Result<T>>) -> Result<T> {
    CALLER.set(Some(requests));
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|panic| Err(panicked(&*panic)))
}

fn named(name: &str) -> thread::Builder {
    thread::Builder::new().name(name.to_owned())
}

fn no_thread(cause: std::io::Error) -> Error {
    Error::new(ErrorKind::Compression, "the system gives no thread").caused_by(cause)
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Error::new(ErrorKind::Compression, format!("the engine panicked: {}", text.unwrap_or("no message")))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use futures_lite::future::{block_on, poll_once};
    use headroom_core::extension::Timer as _;

    use super::*;
    use crate::drive::DriveTimer;

    #[test]
    fn async_user_code_runs_where_its_caller_awaits() {
        let here = thread::current().id();
        let user_code = || -> BoxFuture<'static, _> { Box::pin(async { thread::current().id() }) };
        let work = async move { Ok((call_async(user_code).await, thread::current().id())) };
        let (user, engine) = block_on(enter_async(work)).unwrap();
        assert_eq!(user, here);
        assert_ne!(engine, here);
    }

    #[test]
    fn a_caller_that_goes_away_ends_the_engine_and_the_user_code() {
        struct Ends(Arc<AtomicBool>);
        impl Drop for Ends {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Release);
            }
        }
        let flags = [(); 2].map(|()| Arc::<AtomicBool>::default());
        let [engine, user] = flags.clone().map(Ends);
        let work = async move {
            let _engine = engine;
            let user_code = move || -> BoxFuture<'static, _> {
                Box::pin(async move {
                    let _user = user;
                    pending::<()>().await;
                })
            };
            call_async(user_code).await;
            panic!("the engine went on")
        };
        let mut entered = Box::pin(enter_async::<()>(work));
        for _ in 0..50 {
            assert!(block_on(poll_once(&mut entered)).is_none());
            drive(DriveTimer.sleep(Duration::from_millis(1)));
        }
        assert!(flags.iter().all(|ended| !ended.load(Ordering::Acquire)));
        drop(entered);
        while !flags.iter().all(|ended| ended.load(Ordering::Acquire)) {
            thread::yield_now();
        }
    }

    #[test]
    fn a_panic_is_an_error_on_every_way() {
        let work = || async { if true { panic!("at the disco") } else { Ok(()) } };
        for outcome in [enter(false, work()), enter(true, work()), block_on(enter_async(work()))] {
            assert_eq!(outcome.unwrap_err().to_string(), "the engine panicked: at the disco");
        }
    }

    #[test]
    fn a_limit_leaves_plain_user_code_behind() {
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let late = call_plain(true, move || wait.recv().is_ok());
        assert!(drive(until(DriveTimer.sleep(Duration::from_millis(5)), late)).is_none());
        drop(release);
        assert!(drive(call_plain(true, || true)).unwrap());
    }
}
