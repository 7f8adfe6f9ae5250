//! Every crossing into JavaScript.
//!
//! A call of the engine registers one function, its dispatcher, which knows the caller's extensions, hooks and progress
//! handler. It is called with the catching call, so a throw is an error here and the process lives; the reference is
//! weak, so Node can exit; it gives text, nothing, or a promise of either; and it is released with the call.

use futures_lite::FutureExt as _;
use headroom_core::extension::Timer as _;
use headroom_core::{Error, ErrorKind, Result};
use napi::Status;
use napi::bindgen_prelude::{Either3, FnArgs, Null, Promise};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use serde_json::json;

use crate::enter::Caller;
use crate::error::from_javascript;
use crate::event::EventFields;
use crate::logging::Logged;
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
type Arguments = FnArgs<(String, u32, String, Option<String>, Option<EventFields>)>;
type Returned = Either3<Promise<Option<String>>, String, Null>;

/// The dispatcher as it comes from JavaScript.
pub type Dispatch = ThreadsafeFunction<Arguments, Returned, Arguments, Status, false, true>;

/// The dispatcher of one call.
pub(crate) struct JsCallback(Dispatch);

impl JsCallback {
    pub(crate) fn new(dispatch: Dispatch) -> Self {
        Self(dispatch)
    }

    /// Tells a record without waiting.
    pub(crate) fn tell(&self, record: &Logged) {
        let Logged { level, logger, message } = record;
        let told = json!({ "level": level, "logger": logger, "message": message }).to_string();
        let arguments = ("log".to_owned(), 0, told, None, None).into();
        // An environment that is closing has nobody to tell.
        let _ = self.0.call(arguments, ThreadsafeFunctionCallMode::NonBlocking);
    }
}

/// Calls user code of the caller whose future is polled, and waits for its answer.
///
/// # Errors
/// [`ErrorKind::Extension`] with what user code threw as its cause, or when its environment closed.
pub(crate) async fn call(
    target: Target,
    index: u32,
    argument: String,
    messages: Option<String>,
    fields: Option<EventFields>,
) -> Result<Option<String>> {
    let caller = Caller::current();
    let Some(JsCallback(dispatch)) = caller.as_ref().and_then(|caller| caller.callback.as_ref()) else {
        return Err(Error::new(ErrorKind::Extension, "the call has no function that reaches JavaScript"));
    };
    let arguments = (target.name().to_owned(), index, argument, messages, fields).into();
    let answer = async {
        match dispatch.call_async_catch(arguments).await {
            Ok(Either3::A(promised)) => promised.await.map_err(from_javascript),
            Ok(Either3::B(text)) => Ok(Some(text)),
            Ok(Either3::C(Null)) => Ok(None),
            Err(thrown) => Err(from_javascript(thrown)),
        }
    };
    if let Target::Extension = target {
        // The engine applies the limit that the extension declares.
        return answer.await;
    }
    let late = async {
        TokioTimer.sleep(DEFAULT_TIMEOUT).await;
        let sentence = format!("no answer within {} ms", DEFAULT_TIMEOUT.as_millis());
        Err(Error::new(ErrorKind::Extension, sentence))
    };
    answer.or(late).await
}
