//! The rounds of one request: answers the model's calls, sends the turn on, and keeps what the client does not see.

use std::sync::Arc;

use bytes::Bytes;
use headroom_core::ccr::{answer_tool_call, refuse_tool_call};
use headroom_core::json::Document;
use headroom_core::{Engine, ErrorKind, JsonBody};
use http::header::{self, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Response, StatusCode};
use serde_json::Value;
use tokio::task::spawn_blocking;

use super::record::Record;
use super::{MOST_ROUNDS, Ticket, framing};
use crate::body::Body;
use crate::error::ProxyError;
use crate::exchange::Exchange;
use crate::forward;
use crate::providers::{Api, Framing, Key, ToolCall};
use crate::stack::Stack;
use crate::upstream::OutboundBody;

/// Says that one request is one; what continues it is another.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The code of the error about an id that a server does not know.
///
/// # Sources
/// OpenAI's guide to the Responses API over WebSocket.
const UNKNOWN_RESPONSE: &str = "previous_response_not_found";

/// A request whose calls of the tool are answered here.
pub(crate) struct Rounds {
    pub(crate) stack: Arc<Stack>,
    pub(super) exchange: Arc<Exchange>,
    pub(crate) api: Api,
    /// Whether the client asked for a stream.
    wants_stream: bool,
    parts: Parts,
    /// As it was sent last, with all of the conversation.
    body: Bytes,
    ticket: Box<Ticket>,
    /// What the model said in the rounds that are over, and what it was answered.
    past: Vec<Round>,
}

struct Round {
    response: Value,
    answers: Vec<Value>,
}

/// A request that continues a turn.
pub(crate) struct Continuation {
    round: Round,
    calls: Vec<ToolCall>,
    how: Answering,
    reach: Reach,
    /// With all of the conversation.
    whole: Bytes,
    /// As it is sent.
    pub(crate) sent: Bytes,
}

/// How much of a conversation a request says that continues it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// All of it.
    Whole,
    /// The answers alone, behind the last response, which the server knows by its id.
    Id,
}

/// What became of a turn that was to be sent on.
pub(super) enum Next {
    /// The upstream goes on with it.
    Continues(Response<Body>),
    /// It does not.
    Failed(Result<Response<Body>, ProxyError>),
    /// It is not sent on: the model gets no more, or asks in a way that cannot be answered.
    Ends,
}

/// How calls are answered.
#[derive(Debug, Clone)]
enum Answering {
    Originals,
    /// With this sentence instead.
    Refusal(String),
}

impl Rounds {
    pub(crate) fn new(
        stack: Arc<Stack>,
        exchange: Arc<Exchange>,
        api: Api,
        wants_stream: bool,
        parts: Parts,
        body: Bytes,
        ticket: Box<Ticket>,
    ) -> Self {
        Self { stack, exchange, api, wants_stream, parts, body, ticket, past: Vec::new() }
    }

    /// How a response to this request is written, when it is a stream.
    pub(super) fn framing_of(&self, response: &Response<Body>) -> Option<Framing> {
        framing(response, self.exchange.route.framing, self.wants_stream)
    }

    /// Whether the turn was sent on before.
    pub(super) fn has_past(&self) -> bool {
        !self.past.is_empty()
    }

    /// The responses so far and a last one as the client sees them.
    pub(super) fn joined(&self, last: &Value) -> Option<Value> {
        let all: Vec<Value> = self.past.iter().map(|round| &round.response).chain([last]).cloned().collect();
        self.api.join(&all)
    }

    /// Answers the calls of a response and sends the turn on.
    pub(super) async fn go_on(&mut self, response: Value, calls: Vec<ToolCall>) -> Next {
        let mut next = self.continuation(response, calls, Reach::Whole).await;
        let mut outcome = Next::Ends;
        while let Some(continuation) = next {
            match self.send(&continuation).await {
                Ok(response) if response.status().is_success() => {
                    self.continued(continuation);
                    return Next::Continues(response);
                }
                Ok(refused) => {
                    next = self.again(continuation, refused.status(), None).await;
                    outcome = Next::Failed(Ok(refused));
                }
                Err(error) => return Next::Failed(Err(error)),
            }
        }
        outcome
    }

    /// The request that continues the turn behind a response with these calls. None when the model gets no more, or asks in a
    /// way that cannot be answered.
    pub(crate) async fn continuation(
        &self,
        response: Value,
        calls: Vec<ToolCall>,
        reach: Reach,
    ) -> Option<Continuation> {
        let how = match self.past.len() {
            ..MOST_ROUNDS => Answering::Originals,
            MOST_ROUNDS => Answering::Refusal(format!(
                "originals are given {MOST_ROUNDS} times for one request, and that was done; go on with what is there"
            )),
            _ => return None,
        };
        self.answered(response, calls, how, reach).await
    }

    /// Another request in the place of one that the upstream has refused with a status and a code. None when nothing else can
    /// be said.
    ///
    /// An original may be more than the model can read: then the model is told so, and may ask for a part. A server that
    /// does not know a response by its id, as after any refusal, is told the whole conversation.
    pub(crate) async fn again(
        &self,
        refused: Continuation,
        status: StatusCode,
        code: Option<&str>,
    ) -> Option<Continuation> {
        let Continuation { round: Round { response, .. }, calls, how, reach, .. } = refused;
        let is_unknown = reach == Reach::Id && code == Some(UNKNOWN_RESPONSE);
        let may_be_too_large = matches!(how, Answering::Originals) && is_about_the_request(status);
        if !is_unknown && !may_be_too_large {
            return None;
        }
        let reason = || {
            Answering::Refusal(format!(
                "the request with this original in it was refused with status {}, which may be its size; \
                 ask for a part of it with query or lines",
                status.as_u16()
            ))
        };
        let how = if is_unknown { how } else { reason() };
        self.answered(response, calls, how, Reach::Whole).await
    }

    /// The upstream goes on with the turn.
    pub(crate) fn continued(&mut self, continuation: Continuation) {
        self.exchange.seen.note(|record| record.retrieval_rounds += 1);
        self.body = continuation.whole;
        self.past.push(continuation.round);
    }

    /// The answers to the calls of the tool in a turn that the client continues.
    pub(super) async fn beside(&self, calls: Vec<ToolCall>) -> Vec<Value> {
        let engine = self.stack.engine.clone();
        let calls = calls.into_iter().filter(|call| call.is_retrieval).collect();
        let work = spawn_blocking(move || answers(&engine, calls, &Answering::Originals));
        work.await.ok().flatten().unwrap_or_default()
    }

    async fn answered(
        &self,
        response: Value,
        calls: Vec<ToolCall>,
        how: Answering,
        reach: Reach,
    ) -> Option<Continuation> {
        let (api, engine, body) = (self.api, self.stack.engine.clone(), self.body.clone());
        let work = spawn_blocking(move || {
            let answers = answers(&engine, calls.clone(), &how)?;
            let body = JsonBody::from_bytes(&body).ok()?;
            let short = match reach {
                Reach::Id => api.continuation_at_server(&body, &response, &answers),
                Reach::Whole => None,
            };
            let reach = if short.is_some() { reach } else { Reach::Whole };
            let whole = Bytes::from(api.continuation(&body, &response, &answers)?.into_bytes());
            let sent = short.map_or_else(|| whole.clone(), |short| short.into_bytes().into());
            Some(Continuation { round: Round { response, answers }, calls, how, reach, whole, sent })
        });
        work.await.ok().flatten()
    }

    async fn send(&self, continuation: &Continuation) -> Result<Response<Body>, ProxyError> {
        let mut parts = self.parts.clone();
        parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(continuation.sent.len()));
        // Their answers to a part of the turn are not the turn's.
        parts.headers.remove(IDEMPOTENCY_KEY);
        let held = OutboundBody::Held(continuation.sent.clone());
        let outbound = forward::outbound(&self.stack, &self.exchange, parts, held)?;
        let response = self.stack.client.send(outbound).await?;
        Ok(forward::back(&self.stack, &self.exchange, response))
    }

    /// Keeps what the client does not see of the turn, when there is something. `last` is the model's last response, `joined`
    /// what the client has of all, and `beside` the answers that the client's next request needs beside its own.
    pub(super) async fn keep(&mut self, last: Value, joined: Value, beside: Vec<Value>) {
        if self.past.is_empty() && beside.is_empty() {
            return;
        }
        let (api, stack, body) = (self.api, Arc::clone(&self.stack), self.body.clone());
        let past = std::mem::take(&mut self.past);
        let (end, restored) = (self.ticket.end.clone(), std::mem::take(&mut self.ticket.restored));
        let is_whole = self.ticket.is_whole;
        let work = spawn_blocking(move || {
            let text = std::str::from_utf8(&body).ok()?;
            let document = Document::parse(text, usize::MAX).ok()?;
            let request = document.root();
            let mut turn = Vec::new();
            for Round { response, answers } in &past {
                turn.extend(api.turn(request, response)?);
                turn.extend(api.answered(answers));
            }
            turn.extend(api.turn(request, &last)?);
            let beside = texts(&api.beside(&beside));
            let mut records = Vec::new();
            if api == Api::Responses {
                records.extend(held_by_server(api, &last, &joined, &beside));
            }
            if is_whole && let Some(key) = api.key_behind(&end, &api.turn(request, &joined)?) {
                records.push((key, Record { turn: texts(&turn), beside, restored, id: None }));
            }
            stack.kept.keep(&stack.engine, records);
            Some(())
        });
        if !matches!(work.await, Ok(Some(()))) {
            log::warn!(target: "headroom.proxy", "a turn with originals cannot be put back later");
        }
    }
}

/// What the client's next request must say when the server holds the turn: under the id that the client knows of it, and
/// under those of its calls.
fn held_by_server(api: Api, last: &Value, joined: &Value, beside: &str) -> Vec<(Key, Record)> {
    let id = |response: &Value| response.get("id").and_then(Value::as_str).map(str::to_owned);
    let (shown, held) = (id(joined), id(last));
    let record = Record { beside: beside.to_owned(), id: held, ..Record::default() };
    let calls = if beside.is_empty() { Vec::new() } else { api.calls(joined) };
    let ids = shown.into_iter().chain(calls.into_iter().map(|call| call.id));
    ids.map(|id| (api.held(&id), record.clone())).collect()
}

fn texts(entries: &[Value]) -> String {
    entries.iter().map(Value::to_string).collect::<Vec<_>>().join(",")
}

/// Whether a status speaks of what was sent, so that sending less may help.
fn is_about_the_request(status: StatusCode) -> bool {
    matches!(status, StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY)
}

/// An answer for each call. None when one cannot be answered, since it lacks what its answer repeats.
fn answers(engine: &Engine, calls: Vec<ToolCall>, how: &Answering) -> Option<Vec<Value>> {
    let answer = |ToolCall { call, .. }: ToolCall| {
        let answer = match how {
            Answering::Refusal(reason) => refuse_tool_call(&call, reason),
            Answering::Originals => {
                engine.store().and_then(|store| answer_tool_call(&*store, &call)).or_else(|error| match error.kind() {
                    ErrorKind::InvalidInput => Err(error),
                    _ => {
                        log::warn!(target: "headroom.proxy", "an original cannot be given back: {error}");
                        refuse_tool_call(&call, "the store cannot be read now; get the data again from its source")
                    }
                })
            }
        };
        answer.inspect_err(|error| log::warn!(target: "headroom.proxy", "a call cannot be answered: {error}")).ok()
    };
    calls.into_iter().map(answer).collect()
}
