//! The one door into the engine: runs a future of the engine and settles a promise.

use std::future::Future;
use std::sync::Arc;

use futures_lite::FutureExt as _;
use headroom_core::Result;
use napi::bindgen_prelude::{JsValue as _, PromiseRaw};
use napi::{Env, Result as NapiResult};

use crate::abort::Abort;
use crate::js_callback::{Dispatch, Dispatcher};
use crate::outcome::Outcome;
use crate::task::Task;

/// Runs a future that gives JSON off the JavaScript thread, where only user code and what is short beside it runs. The
/// promise is always fulfilled, with an outcome that says what failed.
///
/// # Errors
/// When the environment cannot make a promise.
pub(crate) fn enter<'e>(
    env: &'e Env,
    dispatch: Option<Dispatch<'_>>,
    abort: &Abort,
    future: impl Future<Output = Result<Vec<u8>>> + Send + 'static,
) -> NapiResult<PromiseRaw<'e, Outcome>> {
    let (task, promise) = begin(env, dispatch, abort, future)?;
    task.spawn();
    Ok(promise)
}

/// As [`enter`], for a future that does little but call user code: it begins right here, and when no user code waits for
/// anything, it ends here too.
///
/// # Errors
/// As [`enter`].
pub(crate) fn enter_here<'e>(
    env: &'e Env,
    dispatch: Option<Dispatch<'_>>,
    abort: &Abort,
    future: impl Future<Output = Result<Vec<u8>>> + Send + 'static,
) -> NapiResult<PromiseRaw<'e, Outcome>> {
    let (task, promise) = begin(env, dispatch, abort, future)?;
    task.turn(*env);
    if !task.is_done() {
        task.spawn();
    }
    Ok(promise)
}

fn begin<'e>(
    env: &'e Env,
    dispatch: Option<Dispatch<'_>>,
    abort: &Abort,
    future: impl Future<Output = Result<Vec<u8>>> + Send + 'static,
) -> NapiResult<(Arc<Task>, PromiseRaw<'e, Outcome>)> {
    let gone = abort.happened();
    let gone = async {
        gone.await;
        Outcome::aborted()
    };
    let work = async {
        match future.await {
            Ok(value) => Outcome::value(value),
            Err(failed) => Outcome::failed(&failed),
        }
    };
    let dispatcher = dispatch.map(|dispatch| Dispatcher::new(env, dispatch)).transpose()?;
    let (deferred, promise) = env.create_deferred()?;
    Ok((Task::new(gone.or(work), dispatcher, deferred), PromiseRaw::new(env.raw(), promise.raw())))
}
