//! How a caller goes away in the middle.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

use napi_derive::napi;

/// Ends the calls that it was given to; what runs is dropped and nothing of it is applied.
#[napi]
#[derive(Default)]
pub struct Abort(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    aborted: bool,
    waiting: Vec<Waker>,
}

#[napi]
impl Abort {
    /// One that has not happened.
    #[napi(constructor)]
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the calls.
    #[napi]
    pub fn abort(&self) {
        let waiting = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            state.aborted = true;
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Is ready when it happens.
    pub(crate) fn happened(&self) -> impl Future<Output = ()> + Send + 'static {
        let state = Arc::clone(&self.0);
        std::future::poll_fn(move |context| {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            if state.aborted {
                return Poll::Ready(());
            }
            if !state.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
                state.waiting.push(context.waker().clone());
            }
            Poll::Pending
        })
    }
}
