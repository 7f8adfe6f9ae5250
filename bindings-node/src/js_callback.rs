//! Every crossing into JavaScript.
//!
//! A call of the engine has one function, its dispatcher, which knows the caller's extensions, hooks and progress handler.
//! It is called on its own thread with the catching call, so a throw is an error here and the process lives; it gives
//! text, nothing, or a promise of either; what rings for its thread is weak, so Node can exit; and all is released with
//! the call. Threads of a host have no such call; they cross as [`host_callback`] says.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use futures_lite::FutureExt as _;
use headroom_core::extension::Timer as _;
use headroom_core::{Error, ErrorKind, Result};
use napi::bindgen_prelude::{
    CallbackContext, Either, Either3, EscapableHandleScope, FnArgs, Function, FunctionRef, Null, PromiseRaw, Unknown,
};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Status};

use crate::error::from_javascript;
use crate::event::EventFields;
use crate::host_callback;
use crate::task::{self, Task};
use crate::timer::{DEFAULT_TIMEOUT, TokioTimer};

/// What a crossing is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    Extension,
    PreCompress,
    ComputeBiases,
    PostCompress,
    Progress,
}

impl Target {
    const fn name(self) -> &'static str {
        match self {
            Self::Extension => "extension",
            Self::PreCompress => "preCompress",
            Self::ComputeBiases => "computeBiases",
            Self::PostCompress => "postCompress",
            Self::Progress => "progress",
        }
    }
}

/// Target, place among the targets of its kind, the argument as JSON, messages as JSON, fields on request.
pub(crate) type Arguments<Name = &'static str> = FnArgs<(Name, u32, String, Option<String>, Option<EventFields>)>;
/// A promise comes last: to find that something is none costs as much as a crossing.
type Returned = Either3<String, Null, PromiseRaw<'static, Either<String, Null>>>;

/// The dispatcher as it comes from JavaScript.
pub type Dispatch<'e> = Function<'e, Arguments, Returned>;

/// The dispatcher of one call.
pub(crate) struct Dispatcher {
    function: FunctionRef<Arguments, Returned>,
    bell: Bell,
}

/// Gives tasks to the JavaScript thread.
type Bell = ThreadsafeFunction<Arc<Task>, (), (), Status, false, true>;

impl Dispatcher {
    /// Registers a function for one call.
    ///
    /// # Errors
    /// When the environment does not take it.
    pub(crate) fn new(env: &Env, dispatch: Dispatch<'_>) -> napi::Result<Self> {
        // A function of JavaScript has to follow a turn; this one does nothing.
        let nothing = env.create_function_from_closure::<(), (), _>("afterTurn", |_| Ok(()))?;
        let bell = nothing.build_threadsafe_function::<Arc<Task>>().callee_handled::<false>().weak::<true>();
        let bell = bell.build_callback(|rung| {
            rung.value.turn(rung.env);
            Ok(())
        })?;
        Ok(Self { function: dispatch.create_ref()?, bell })
    }

    /// Asks the JavaScript thread to go on with a task; false when its environment is closing.
    pub(crate) fn ring(&self, task: &Arc<Task>) -> bool {
        self.bell.call(Arc::clone(task), ThreadsafeFunctionCallMode::NonBlocking) == Status::Ok
    }
}

/// What user code gave.
type Answer = Result<Option<String>>;

/// What user code gave as a promise, when it is there.
type Promised = Arc<Mutex<Option<Answer>>>;

/// Calls user code of the call whose future is polled, or of the host whose thread this is, and waits for its answer.
///
/// # Errors
/// [`ErrorKind::Extension`] with what user code threw as its cause, or when its environment closed.
pub(crate) async fn call(
    target: Target,
    index: u32,
    argument: String,
    messages: Option<String>,
    fields: Option<EventFields>,
) -> Answer {
    let answer = async {
        if let Some(host) = host_callback::owner() {
            return host.call((target.name().to_owned(), index, argument, messages, fields).into()).await;
        }
        task::javascript_thread().await?;
        match cross((target.name(), index, argument, messages, fields).into()).map_err(from_javascript)? {
            Either::A(answer) => Ok(answer),
            Either::B(promised) => poll_fn(|_| lock(&promised).take().map_or(Poll::Pending, Poll::Ready)).await,
        }
    };
    if let Target::Extension = target {
        // The engine applies the limit that the extension declares.
        return answer.await;
    }
    let deadline = TokioTimer.now() + DEFAULT_TIMEOUT;
    let late = async {
        TokioTimer.sleep(DEFAULT_TIMEOUT).await;
        None
    };
    // An answer that came in one blocking piece may be late although nobody was waiting.
    let answer = async { Some(answer.await) }.or(late).await.filter(|_| TokioTimer.now() <= deadline);
    answer.unwrap_or_else(|| {
        let sentence = format!("no answer within {} ms", DEFAULT_TIMEOUT.as_millis());
        Err(Error::new(ErrorKind::Extension, sentence))
    })
}

/// Calls the dispatcher on its own thread.
fn cross(arguments: Arguments) -> napi::Result<Either<Option<String>, Promised>> {
    let closing = || napi::Error::from_status(Status::Closing);
    let task = task::current().ok_or_else(closing)?;
    let env = task::environment().ok_or_else(closing)?;
    let dispatcher = task.dispatcher().ok_or_else(closing)?;
    let function = dispatcher.function.borrow_back(&env)?;
    // Many crossings are one turn of the event loop; none keeps its values until the end of it.
    EscapableHandleScope::with(&env, function, |_, function| {
        Ok(match function.call(arguments)? {
            Either3::A(text) => Either::A(Some(text)),
            Either3::B(Null) => Either::A(None),
            Either3::C(promise) => Either::B(listen(&task, promise)?),
        })
    })
}

/// Goes on with a task, right there, when a promise is settled.
fn listen(task: &Arc<Task>, promise: PromiseRaw<'_, Either<String, Null>>) -> napi::Result<Promised> {
    let promised = Promised::default();
    let settle = || {
        // A promise that is never settled must not keep its call alive.
        let (task, promised) = (Arc::downgrade(task), Arc::clone(&promised));
        move |env, answer| {
            *lock(&promised) = Some(answer);
            if let Some(task) = task.upgrade() {
                task.turn(env);
            }
            Ok(())
        }
    };
    let (kept, broken) = (settle(), settle());
    promise
        .then(move |settled: CallbackContext<Either<String, Null>>| kept(settled.env, Ok(settled.value.into())))?
        .catch(move |settled: CallbackContext<Unknown<'static>>| {
            broken(settled.env, Err(from_javascript(napi::Error::from(settled.value))))
        })?;
    Ok(promised)
}

fn lock(promised: &Promised) -> std::sync::MutexGuard<'_, Option<Answer>> {
    promised.lock().unwrap_or_else(PoisonError::into_inner)
}
