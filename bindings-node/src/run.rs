//! One request of a wrapped client, stage by stage.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use headroom_core::conversation::{Body as _, Value};
use headroom_core::extension::BoxFuture;
use headroom_core::pipeline::{Flow, ResponseFacts, Run};
use headroom_core::{Error, ErrorKind, Result};
use napi::Env;
use napi::bindgen_prelude::{Buffer, PromiseRaw};
use napi_derive::napi;
use serde_json::json;

use crate::abort::Abort;
use crate::body::JsBody;
use crate::call::CallArguments;
use crate::engines;
use crate::enter::{enter, enter_here};
use crate::event::read;
use crate::js_callback::Dispatch;
use crate::manager::Manager;
use crate::outcome::Outcome;
use crate::result;

/// A request as it is before the first stage.
#[napi(object, object_to_js = false, use_nullable = true)]
pub struct RequestParts {
    /// The body as JSON.
    pub body: Buffer,
    /// Headers as a JSON object.
    pub headers: String,
}

/// A response that is complete.
#[napi(object, object_to_js = false, use_nullable = true)]
pub struct ResponseParts {
    /// The response as JSON.
    pub body: Buffer,
    /// The HTTP status; `null` when an extension answered.
    pub status_code: Option<u16>,
    /// Whether the client got it as a stream.
    pub stream: bool,
    /// The provider's own account of tokens, as JSON.
    pub usage: String,
    /// Milliseconds from sending the request to the last byte.
    pub duration_ms: f64,
}

/// One request. `prepare` comes first, then `postSend` and `responseReceived`, then `finish`; an answer from `prepare`
/// is the answer of an extension, and then only `responseReceived` and `finish` follow.
#[napi]
#[derive(Default)]
pub struct RequestRun(Arc<Mutex<Option<Run>>>);

#[napi]
impl RequestRun {
    /// A request that has not begun.
    #[napi(constructor)]
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Every stage before sending. Gives `{answered, response, body, headers}`: the answer of an extension, or what is to
    /// be sent; `body` and `headers` are `null` when they are as they were given.
    ///
    /// # Errors
    /// When no promise can be made; everything else is in the outcome.
    #[napi(ts_return_type = "Promise<Outcome>")]
    pub fn prepare<'e>(
        &self,
        env: &'e Env,
        request: RequestParts,
        arguments: CallArguments,
        manager: &Manager,
        #[napi(ts_arg_type = "Dispatch | null")] dispatch: Option<Dispatch<'_>>,
        abort: &Abort,
    ) -> napi::Result<PromiseRaw<'e, Outcome>> {
        let (manager, place) = (manager.shared(), Arc::clone(&self.0));
        enter(env, dispatch, abort, async move {
            let engine = engines::engine(arguments.store.as_deref())?;
            let body = JsBody::read(&request.body, Vec::new())?;
            let tools = body.tools();
            let headers = Value::json(read(&request.headers)?);
            let (call, metadata) = arguments.call(body, "sdk.request", manager)?;
            let mut run = engine.begin(call)?;
            for (name, value) in metadata {
                run.metadata_mut().set(name, value);
            }
            let answered = stages(&mut run, tools.clone(), headers.clone()).await;
            let prepared = answered.and_then(|answered| match answered {
                Some(response) => Ok(json!({ "answered": true, "response": *response.to_json()? }).to_string()),
                None => to_be_sent(&run, tools.as_ref(), &headers),
            });
            put_back(&place, run);
            prepared.map(String::into_bytes)
        })
    }

    /// `post_send`; without a status code the attempt failed.
    ///
    /// # Errors
    /// As [`RequestRun::prepare`].
    #[napi(ts_return_type = "Promise<Outcome>")]
    pub fn post_send<'e>(
        &self,
        env: &'e Env,
        status_code: Option<u16>,
        headers: String,
        #[napi(ts_arg_type = "Dispatch | null")] dispatch: Option<Dispatch<'_>>,
        abort: &Abort,
    ) -> napi::Result<PromiseRaw<'e, Outcome>> {
        let place = Arc::clone(&self.0);
        enter_here(env, dispatch, abort, async move {
            let headers: serde_json::Value = read(&headers)?;
            let headers = (!headers.is_null()).then(|| Value::json(headers));
            on_run(&place, |run| Box::pin(run.post_send(status_code, headers))).await?;
            Ok(b"null".to_vec())
        })
    }

    /// `response_received`; gives the response as the extensions left it, or `null` when they left it as it was.
    ///
    /// # Errors
    /// As [`RequestRun::prepare`].
    #[napi(ts_return_type = "Promise<Outcome>")]
    pub fn response_received<'e>(
        &self,
        env: &'e Env,
        response: ResponseParts,
        #[napi(ts_arg_type = "Dispatch | null")] dispatch: Option<Dispatch<'_>>,
        abort: &Abort,
    ) -> napi::Result<PromiseRaw<'e, Outcome>> {
        let place = Arc::clone(&self.0);
        enter(env, dispatch, abort, async move {
            let given = Value::json(serde_json::from_slice(&response.body).map_err(|cause| {
                Error::new(ErrorKind::InvalidInput, "response: expected JSON, found something else").caused_by(cause)
            })?);
            let duration = Duration::try_from_secs_f64(response.duration_ms / 1000.0).unwrap_or_default();
            let usage = Some(Value::json(read(&response.usage)?));
            let facts = ResponseFacts { status_code: response.status_code, stream: response.stream, usage, duration };
            let shown = given.clone();
            let left = on_run(&place, |run| Box::pin(run.response_received(shown, facts))).await?;
            let text = if left.is_same(&given) { "null".to_owned() } else { left.to_json()?.to_string() };
            Ok(text.into_bytes())
        })
    }

    /// What the request came to; ends it.
    ///
    /// # Errors
    /// As [`RequestRun::prepare`].
    #[napi(ts_return_type = "Promise<Outcome>")]
    pub fn finish<'e>(&self, env: &'e Env, abort: &Abort) -> napi::Result<PromiseRaw<'e, Outcome>> {
        let place = Arc::clone(&self.0);
        enter(env, None, abort, async move { result::write(&take(&place)?.finish()) })
    }
}

/// Runs the stages before sending and gives the answer of an extension, if one answered.
async fn stages(run: &mut Run, tools: Option<Value>, headers: Value) -> Result<Option<Value>> {
    if let Flow::Answered(response) = run.receive(tools, Some(headers)).await? {
        return Ok(Some(response));
    }
    // There is no response cache in a client.
    if let Flow::Answered(response) = run.cached(false, false).await? {
        return Ok(Some(response));
    }
    run.compress().await?;
    if let Flow::Answered(response) = run.remember().await? {
        return Ok(Some(response));
    }
    Ok(match run.pre_send().await? {
        Flow::Answered(response) => Some(response),
        Flow::Continue => None,
    })
}

fn to_be_sent(run: &Run, tools: Option<&Value>, headers: &Value) -> Result<String> {
    let changed = match (tools, run.tools()) {
        (Some(before), Some(now)) if before.is_same(now) => None,
        (_, now) => now,
    };
    let body = match changed {
        Some(tools) => run.body().with_tools(tools)?,
        None => Arc::clone(run.body()),
    };
    let text = match body.as_any().downcast_ref::<JsBody>() {
        Some(body) if !body.is_original() => Some(body.whole()?.as_str()),
        _ => None,
    };
    let headers = match run.headers() {
        Some(now) if !now.is_same(headers) => Some(now.to_json()?),
        _ => None,
    };
    Ok(json!({ "answered": false, "response": null, "body": text, "headers": headers.as_deref() }).to_string())
}

type Place = Mutex<Option<Run>>;

/// Takes the run out while one of its stages runs.
fn take(place: &Place) -> Result<Run> {
    place.lock().unwrap_or_else(PoisonError::into_inner).take().ok_or_else(|| {
        let sentence = "run: expected one that has begun, is not finished and runs no other stage";
        Error::new(ErrorKind::Configuration, sentence)
    })
}

fn put_back(place: &Place, run: Run) {
    *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(run);
}

async fn on_run<T>(place: &Place, stage: impl for<'r> FnOnce(&'r mut Run) -> BoxFuture<'r, Result<T>>) -> Result<T> {
    let mut run = take(place)?;
    let outcome = stage(&mut run).await;
    put_back(place, run);
    outcome
}
