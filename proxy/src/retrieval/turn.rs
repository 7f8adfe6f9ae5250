//! A turn whose events go to the client as they come, whatever carries them: what the client gets of each, and how the turn
//! goes on or ends.

use http::StatusCode;
use serde_json::Value;

use super::names_the_tool;
use super::rounds::Rounds;
use crate::providers::{Joiner, Outcome, Output, ToolCall};
use crate::sse::{Event, Frame};

/// A turn on its way to the client.
pub(crate) struct Turn {
    pub(crate) rounds: Rounds,
    joining: Joining,
    /// Bytes that may still be read.
    left: usize,
}

enum Joining {
    /// The frames so far, of which none names the tool: nobody needs to know what they say.
    Asleep(Vec<Frame>),
    Awake(Box<Joiner>),
    /// There was more than is read; the rest passes.
    GivenUp,
}

/// Whether there is room for bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    Enough,
    /// They pass unread, as everything after them does.
    Passes,
    /// Something was kept from the client already, so the turn cannot go on.
    Fails,
}

impl Turn {
    pub(crate) fn new(rounds: Rounds) -> Self {
        let left = rounds.stack.options.limits.response_bytes;
        Self { rounds, joining: Joining::Asleep(Vec::new()), left }
    }

    /// Makes room for bytes that are to be read.
    pub(crate) fn room(&mut self, bytes: usize) -> Room {
        match (self.left.checked_sub(bytes), &self.joining) {
            (_, Joining::GivenUp) => Room::Passes,
            (Some(left), _) => {
                self.left = left;
                Room::Enough
            }
            (None, Joining::Asleep(_)) => {
                log::warn!(target: "headroom.proxy", "the rest of a stream passes unread");
                self.joining = Joining::GivenUp;
                Room::Passes
            }
            (None, Joining::Awake(_)) => Room::Fails,
        }
    }

    /// Hears the next frame of the upstream and gives what the client gets in its place.
    pub(crate) fn hear(&mut self, frame: &Frame, mut sink: impl FnMut(Output)) {
        self.joining.wake_for(frame, || Joiner::new(self.rounds.api));
        let Joining::Awake(joiner) = &mut self.joining else { return sink(Output::Same) };
        let Some(event) = frame.event() else { return sink(Output::Same) };
        let mut outputs = Vec::new();
        joiner.feed(&event, &mut outputs);
        outputs.into_iter().for_each(sink);
    }

    /// What the model said in a round that is over, and its calls, when it asks for originals and nothing else.
    pub(crate) fn asks(&self) -> Option<(Value, Vec<ToolCall>)> {
        let Joining::Awake(joiner) = &self.joining else { return None };
        match joiner.outcome() {
            Outcome::Retrieval(calls) => Some((joiner.round()?, calls)),
            Outcome::Mixed(_) | Outcome::Answer => None,
        }
    }

    /// The upstream goes on with the turn.
    pub(crate) fn next_round(&mut self) {
        if let Joining::Awake(joiner) = &mut self.joining {
            joiner.next_round();
        }
    }

    /// The end of the turn: what was kept back of it, to be shown now that nothing follows.
    pub(crate) async fn end(&mut self) -> Vec<Event<'static>> {
        let Joining::Awake(joiner) = &mut self.joining else { return Vec::new() };
        let beside = match joiner.outcome() {
            Outcome::Mixed(calls) => self.rounds.beside(calls).await,
            Outcome::Retrieval(_) | Outcome::Answer => Vec::new(),
        };
        if let (Some(last), Some(joined)) = (joiner.round(), joiner.response()) {
            // Before the client has the end, so that its next request finds it.
            self.rounds.keep(last, joined, beside).await;
        }
        let mut held = Vec::new();
        joiner.finish(&mut held);
        let event = |output| if let Output::Event(event) = output { Some(event) } else { None };
        held.into_iter().filter_map(event).collect()
    }

    /// The error with which a turn ends that cannot go on.
    pub(crate) fn fail(&mut self, status: StatusCode, message: &str) -> Event<'static> {
        log::info!(target: "headroom.proxy", "{} ends while it is continued: {message}", self.rounds.exchange.id);
        let message = format!("headroom: {message}");
        match &mut self.joining {
            Joining::Awake(joiner) => joiner.fail(status, &message),
            Joining::Asleep(_) | Joining::GivenUp => self.rounds.api.stream_error(status, &message),
        }
    }
}

impl Joining {
    /// From the first frame that names the tool on, everything is read.
    fn wake_for(&mut self, frame: &Frame, joiner: impl FnOnce() -> Joiner) {
        let Self::Asleep(frames) = self else { return };
        if !names_the_tool(&frame.raw) {
            return frames.push(frame.clone());
        }
        let mut joiner = Box::new(joiner());
        for frame in std::mem::take(frames) {
            if let Some(event) = frame.event() {
                // They went to the client as they came.
                joiner.feed(&event, &mut Vec::new());
            }
        }
        *self = Self::Awake(joiner);
    }
}
