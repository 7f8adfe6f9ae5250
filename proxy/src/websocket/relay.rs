//! Frames both ways, and what becomes of the requests in them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::FutureExt as _;
use headroom_core::Error;
use headroom_core::conversation::Value;
use headroom_core::pipeline::PipelineStage;
use http::HeaderMap;
use http::request::Parts;
use tokio::io::{ReadHalf, split};
use tokio::sync::{Mutex, mpsc, watch};
use tokio::time::timeout;
use tungstenite::protocol::frame::coding::{Data, OpCode};

use super::answer;
use super::asked::Asked;
use super::end::End;
use super::frame::{Frame, Frames};
use super::lanes::{Lane, Lanes};
use super::message::{Collector, Message, Step};
use super::peek;
use super::talk::{Heard, Talk};
use super::turns::{Credit, Role};
use super::ways::{MOST_ASKED, Sent, Ways};
use super::writer::Writer;
use crate::activity::{Active, Activity};
use crate::error::ProxyError;
use crate::exchange::Exchange;
use crate::lifecycle::{self, Prepared, Ready, Request};
use crate::providers::Api;
use crate::seen::Run;
use crate::stack::Stack;
use crate::upgrade::Raw;

const API: Api = Api::Responses;

/// How long a peer may take to answer a close frame and to end the connection.
///
/// # Sources
/// Chosen by hand.
const FAREWELL: Duration = Duration::from_secs(5);

type Reader = Frames<ReadHalf<Active<Raw>>>;

/// A WebSocket between a client and its upstream.
pub(super) struct Relay {
    stack: Arc<Stack>,
    exchange: Arc<Exchange>,
    handshake: Parts,
    /// The headers of the upstream's answer to it, for those who look at them.
    answered: Option<Value>,
    /// Whether the answers of requests are shown to somebody.
    is_read: bool,
}

impl Relay {
    pub(super) fn new(stack: &Arc<Stack>, exchange: &Arc<Exchange>, handshake: Parts, answered: &HeaderMap) -> Self {
        let shown = stack.extensions.subscribes(PipelineStage::PostSend).then(|| lifecycle::show(answered));
        let is_read = stack.extensions.subscribes(PipelineStage::ResponseReceived);
        Self { stack: Arc::clone(stack), exchange: Arc::clone(exchange), handshake, answered: shown, is_read }
    }

    /// Passes frames until both sides have closed, or one cannot go on.
    pub(super) async fn run(self, client: Raw, upstream: Raw) {
        let limits = &self.stack.options.limits;
        let activity = Activity::new();
        let (from_client, to_client) = split(activity.of(client));
        let (from_upstream, to_upstream) = split(activity.of(upstream));
        let mut from_client = Frames::new(from_client, limits.frame_bytes, true);
        let mut from_upstream = Frames::new(from_upstream, limits.frame_bytes, false);
        let (asks, mut asked) = mpsc::channel(MOST_ASKED);
        let (continued, mut continuing) = mpsc::unbounded_channel();
        let ways = Ways {
            to_client: Mutex::new(Writer::new(to_client, false)),
            to_upstream: Mutex::new(Writer::new(to_upstream, true)),
            asks,
            continued,
            in_flight: watch::Sender::new(0),
        };
        let mut lanes = Lanes::new();
        let end = tokio::select! {
            end = both(
                self.up(&ways, &mut from_client, &mut continuing),
                self.down(&ways, &mut from_upstream, &mut asked, &mut lanes),
            ) => end,
            () = activity.ended(self.stack.options.timeouts.idle()) => End::Idle,
            () = self.drained(&ways) => End::Stopping,
        };
        log::debug!(target: "headroom.proxy", "{}: the WebSocket ends: {end:?}", self.exchange.id);
        // What was sent and not answered has failed.
        let sent = std::iter::from_fn(|| asked.try_recv().ok());
        for Sent { asked, .. } in lanes.into_waiting().chain(sent) {
            if let Some(asked) = asked {
                asked.tell_failed().await;
            }
        }
        let (for_client, for_upstream) = end.farewell();
        let farewell = async {
            let mut to_client = ways.to_client.lock().await;
            let mut to_upstream = ways.to_upstream.lock().await;
            let _ = tokio::join!(to_client.end(for_client), to_upstream.end(for_upstream));
            // A connection that is dropped with bytes unread is reset, and the peer may never learn why.
            tokio::join!(from_client.finish(), from_upstream.finish());
        };
        let _ = timeout(FAREWELL, farewell).await;
    }

    /// The client's frames, and the requests that continue turns.
    async fn up(&self, ways: &Ways, from: &mut Reader, continuing: &mut mpsc::UnboundedReceiver<(Sent, Bytes)>) -> End {
        let mut collector = Collector::new(self.stack.options.limits.body_bytes);
        let mut messages = 0_u64;
        loop {
            let next = tokio::select! {
                Some((sent, request)) = continuing.recv(), if !collector.is_within() => {
                    ways.tell(sent);
                    match ways.to_upstream.lock().await.text(request).await {
                        Ok(()) => continue,
                        Err(_) => return End::UpstreamGone,
                    }
                }
                next = from.next() => next,
            };
            let frame = match next {
                Ok(Some(frame)) => frame,
                Ok(None) => return End::ClientGone,
                Err(fault) => return End::ClientFault(fault),
            };
            let is_close = frame.is_close();
            messages += u64::from(frame.is_start());
            let passed = match collector.take(frame) {
                Ok(Step::Pass(frame)) => ways.to_upstream.lock().await.frame(&frame).await,
                Ok(Step::Hold) => Ok(()),
                Ok(Step::Text(message)) => {
                    let payload = message.payload();
                    if peek::kind(&payload).is_some_and(|kind| kind == "response.create") {
                        match self.create(ways, messages - 1, message, payload).await {
                            Ok(()) => Ok(()),
                            Err(end) => return end,
                        }
                    } else {
                        ways.to_upstream.lock().await.message(&message).await
                    }
                }
                Err(fault) => return End::ClientFault(fault),
            };
            if passed.is_err() {
                return End::UpstreamGone;
            }
            if is_close {
                return End::Closed;
            }
        }
    }

    /// A request: through the stages, and to the upstream unless it is answered here.
    async fn create(&self, ways: &Ways, number: u64, message: Message, payload: Bytes) -> Result<(), End> {
        ways.in_flight.send_modify(|count| *count += 1);
        let lane = peek::lane(&payload);
        let (started, handshake) = (Instant::now(), self.handshake.clone());
        let request = Request::in_frame(&self.stack, &self.exchange, API, handshake, number, payload.clone());
        let prepared = request.prepare().await;
        let own = match prepared {
            Prepared::Ready(ready) => {
                let Ready { run, bytes, ticket, .. } = *ready;
                let is_same = std::ptr::eq(bytes.as_ptr(), payload.as_ptr()) && bytes.len() == payload.len();
                let rounds = ticket.map(|ticket| request.rounds(ticket, bytes.clone()));
                let talk = rounds.map(|rounds| Box::new(Talk::new(rounds, lane.clone())));
                // The mask that the client has chosen hides what is sent in the place of its message, too.
                let mask = message.frames.first().and_then(|frame| frame.mask);
                let changed = || Message { frames: vec![Frame::new(OpCode::Data(Data::Text), bytes, mask)] };
                let message = if is_same { message } else { changed() };
                return ways.send(Sent { lane, asked: self.listener(run), talk }, &message).await;
            }
            Prepared::AsItCame { .. } | Prepared::Cached(..) => {
                return ways.send(Sent { lane, asked: None, talk: None }, &message).await;
            }
            Prepared::Answered(mut run, facts, answer) => {
                match lifecycle::settle(&mut run, started, &facts, answer).await {
                    Ok(answer) => answer::messages(API, &answer, &lane),
                    Err(error) => vec![refusal(error, &lane)],
                }
            }
            Prepared::Refused(error) => vec![refusal(error, &lane)],
        };
        let answered = ways.answer(&own).await;
        ways.end_turn();
        answered
    }

    /// A request of whose answer somebody wants to know.
    fn listener(&self, run: Box<Run>) -> Option<Asked> {
        let limit = self.stack.options.limits.response_bytes;
        let is_awaited = self.answered.is_some() || self.is_read;
        is_awaited.then(|| Asked::new(run, self.is_read.then(|| API.assembler()), limit))
    }

    /// The upstream's frames.
    async fn down(
        &self,
        ways: &Ways,
        from: &mut Reader,
        asked: &mut mpsc::Receiver<Sent>,
        lanes: &mut Lanes<Sent>,
    ) -> End {
        let mut collector = Collector::new(self.stack.options.limits.response_bytes);
        loop {
            let frame = match from.next().await {
                Ok(Some(frame)) => frame,
                Ok(None) => return End::UpstreamGone,
                Err(fault) => return End::UpstreamFault(fault),
            };
            let is_close = frame.is_close();
            let passed = match collector.take(frame) {
                Ok(Step::Pass(frame)) => ways.to_client.lock().await.frame(&frame).await.map_err(|_| End::ClientGone),
                Ok(Step::Hold) => Ok(()),
                Ok(Step::Text(message)) => {
                    while let Ok(sent) = asked.try_recv() {
                        if lanes.ask(sent.lane.clone(), sent).is_some() {
                            ways.end_turn();
                        }
                    }
                    self.answer(ways, lanes, message).await
                }
                Err(fault) => return End::UpstreamFault(fault),
            };
            if let Err(end) = passed {
                return end;
            }
            if is_close {
                return End::Closed;
            }
        }
    }

    /// A text of the upstream: what the client gets of it, and what becomes of its turn.
    async fn answer(&self, ways: &Ways, lanes: &mut Lanes<Sent>, message: Message) -> Result<(), End> {
        let (heard, ended) = match self.hear(lanes, message).await {
            Ok(heard) => heard,
            Err((error, lane)) => {
                // What becomes of it then, the end of the relay tells.
                let _ = ways.answer(&[refusal(error, &lane)]).await;
                return Err(End::Refused);
            }
        };
        let passed = ways.answer(&heard.for_client).await;
        match (ended, heard.for_upstream) {
            // Who takes them is there as long as there is a relay.
            (Some(sent), Some(request)) => drop(ways.continued.send((sent, request))),
            (Some(sent), None) => {
                if let Some(asked) = sent.asked.filter(|_| self.is_read) {
                    asked.tell_received(&self.stack);
                }
                ways.end_turn();
            }
            (None, _) => {}
        }
        passed
    }

    /// Reads a message of the upstream along; gives what becomes of it, and the request whose answer it ends.
    async fn hear(&self, lanes: &mut Lanes<Sent>, message: Message) -> Result<(Heard, Option<Sent>), (Error, Lane)> {
        let payload = message.payload();
        let Some(kind) = peek::kind(&payload) else { return Ok((Heard::same(message), None)) };
        let (role, lane) = (Role::of(&kind), peek::lane(&payload));
        let id = if matches!(role, Role::Begins | Role::Ends) { peek::response_id(&payload) } else { None };
        let heard = match lanes.hear(&lane, role, id) {
            Credit::Nobodys => return Ok((Heard::same(message), None)),
            Credit::Part(sent) => self.credit(sent, role, message, &payload).await.map(|heard| (heard, None)),
            Credit::End(mut sent) => {
                self.credit(&mut sent, role, message, &payload).await.map(|heard| (heard, Some(sent)))
            }
        };
        heard.map_err(|error| (error, lane))
    }

    /// Reads a message as that of a request's answer.
    async fn credit(&self, sent: &mut Sent, role: Role, message: Message, payload: &Bytes) -> Result<Heard, Error> {
        let heard = match &mut sent.talk {
            Some(talk) => talk.hear(role, message, payload).await,
            None => Heard::same(message),
        };
        if let Some(asked) = &mut sent.asked {
            for message in &heard.for_client {
                let payload = message.payload();
                asked.hear(peek::kind(&payload).map_or(role, |kind| Role::of(&kind)), &payload);
            }
            asked.tell_sent(self.answered.as_ref()).await?;
        }
        Ok(heard)
    }

    /// Waits until the proxy is to stop and no answer is under way.
    async fn drained(&self, ways: &Ways) {
        self.stack.stopping.cancelled().await;
        // The sender is in `ways`.
        let _ = ways.in_flight.subscribe().wait_for(|count| *count == 0).await;
    }
}

/// Both ways until one ends; when that is with a close frame, the other way has time to answer it.
async fn both(up: impl Future<Output = End>, down: impl Future<Output = End>) -> End {
    tokio::pin!(up, down);
    let (end, other) = tokio::select! {
        end = &mut up => (end, timeout(FAREWELL, down).left_future()),
        end = &mut down => (end, timeout(FAREWELL, up).right_future()),
    };
    if matches!(end, End::Closed) {
        let _ = other.await;
    }
    end
}

fn refusal(error: Error, lane: &Lane) -> Message {
    let error = ProxyError::Refused(error);
    answer::error(API, error.status(), &format!("headroom: {error}"), lane)
}
