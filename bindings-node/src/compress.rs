//! `compress`.

use napi::bindgen_prelude::{Buffer, PromiseRaw};
use napi::{Env, Result};
use napi_derive::napi;

use crate::abort::Abort;
use crate::body::JsBody;
use crate::call::CallArguments;
use crate::engines;
use crate::enter::enter;
use crate::js_callback::Dispatch;
use crate::manager::Manager;
use crate::outcome::Outcome;
use crate::result;

/// Compresses a list of messages or a request body, given as JSON with its long texts beside it: the string
/// `headroom:text:<number>` stands for the text of that number.
///
/// # Errors
/// When no promise can be made; everything else is in the outcome.
#[napi(ts_return_type = "Promise<Outcome>")]
pub fn compress<'e>(
    env: &'e Env,
    body: Buffer,
    texts: Vec<String>,
    arguments: CallArguments,
    manager: &Manager,
    #[napi(ts_arg_type = "Dispatch | null")] dispatch: Option<Dispatch<'_>>,
    abort: &Abort,
) -> Result<PromiseRaw<'e, Outcome>> {
    let manager = manager.shared();
    enter(env, dispatch, abort, async move {
        let engine = engines::engine(arguments.store.as_deref())?;
        let body = JsBody::read(&body, texts)?;
        let (call, metadata) = arguments.call(body, "compress", manager)?;
        let mut run = engine.begin(call)?;
        for (name, value) in metadata {
            run.metadata_mut().set(name, value);
        }
        run.receive(None, None).await?;
        run.compress().await?;
        result::write(&run.finish())
    })
}
