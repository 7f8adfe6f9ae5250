//! A request on a WebSocket whose calls of the retrieval tool are answered here.

use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;

use super::answer;
use super::lanes::Lane;
use super::message::Message;
use super::turns::Role;
use crate::providers::Output;
use crate::retrieval::{Continuation, Reach, Room, Rounds, Turn, refusal};
use crate::sse::Frame;

/// A turn in messages: each is the data of an event.
///
/// The turn is sent on in its own lane, by the id of the response that asks for an original, which the server has at hand on
/// this connection whether it stores responses or not. The whole conversation is sent when the server refuses that.
pub(super) struct Talk {
    turn: Turn,
    lane: Lane,
    /// What was sent to continue the turn, until its answer begins.
    sent: Option<Continuation>,
    /// Whether the client has the end: what else comes is for nobody.
    is_over: bool,
}

/// What becomes of a message of the upstream.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// What the client gets in its place.
    pub(super) for_client: Vec<Message>,
    /// The request that continues the turn, which goes on with it.
    pub(super) for_upstream: Option<Bytes>,
}

impl Heard {
    /// The client gets the message as it came.
    pub(super) fn same(message: Message) -> Self {
        Self { for_client: vec![message], for_upstream: None }
    }
}

impl Talk {
    pub(super) fn new(rounds: Rounds, lane: Lane) -> Self {
        Self { turn: Turn::new(rounds), lane, sent: None, is_over: false }
    }

    /// Hears the next message of the answer.
    pub(super) async fn hear(&mut self, role: Role, message: Message, payload: &Bytes) -> Heard {
        if self.is_over {
            return Heard::default();
        }
        if let Some(sent) = self.sent.take() {
            if role == Role::Fails {
                return self.refused(sent, payload).await;
            }
            self.turn.rounds.continued(sent);
            self.turn.next_round();
        }
        match self.turn.room(payload.len()) {
            Room::Enough => {}
            Room::Passes => return Heard::same(message),
            Room::Fails => {
                return self.fail(StatusCode::BAD_GATEWAY, "the answer is larger than the proxy's response_bytes");
            }
        }
        let mut heard = Heard::default();
        let mut message = Some(message);
        self.turn.hear(&Frame::item(payload.clone(), 0), |output| match output {
            Output::Same => heard.for_client.extend(message.take()),
            Output::Event(event) => heard.for_client.push(answer::message(event.data.into_owned())),
        });
        if matches!(role, Role::Ends | Role::Fails) {
            heard.for_upstream = self.go_on().await;
            if heard.for_upstream.is_none() {
                let end = self.turn.end().await;
                heard.for_client.extend(end.into_iter().map(|event| answer::message(event.data.into_owned())));
            }
        }
        heard
    }

    /// The request that continues the turn when the model asks for originals.
    async fn go_on(&mut self) -> Option<Bytes> {
        let (said, calls) = self.turn.asks()?;
        let continuation = self.turn.rounds.continuation(said, calls, Reach::Id).await?;
        Some(self.sent.insert(continuation).sent.clone())
    }

    /// The upstream does not go on with what was sent.
    async fn refused(&mut self, sent: Continuation, error: &Bytes) -> Heard {
        let error: Value = serde_json::from_slice(error).unwrap_or_default();
        let text = |key: &str| {
            error.get("error").and_then(|error| error.get(key)).or_else(|| error.get(key)).and_then(Value::as_str)
        };
        let status = error.get("status").and_then(Value::as_u64).and_then(|status| u16::try_from(status).ok());
        let status = status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(StatusCode::BAD_GATEWAY);
        match self.turn.rounds.again(sent, status, text("code")).await {
            Some(again) => {
                let for_upstream = Some(self.sent.insert(again).sent.clone());
                Heard { for_client: Vec::new(), for_upstream }
            }
            None => self.fail(status, &refusal(status, text("message"))),
        }
    }

    /// Ends the client's answer with an error.
    fn fail(&mut self, status: StatusCode, message: &str) -> Heard {
        self.is_over = true;
        let event = self.turn.fail(status, message);
        Heard::same(answer::failure(self.turn.rounds.api, &event.data, status, &self.lane))
    }
}
