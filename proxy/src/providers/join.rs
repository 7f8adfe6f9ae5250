//! The rounds of a turn as one answer: what the client sees of a turn in which the model asked for originals.
//!
//! The model calls `headroom_retrieve`, the proxy answers and sends the turn on, and the next response continues the first.
//! The client must see one response without these calls. [`Api::join`] does that for whole responses, [`Joiner`] for
//! streams.

use http::StatusCode;
use serde_json::Value;

use super::calls::Outcome;
use super::{Api, Assembler, chat, gemini, messages, responses};
use crate::sse::Event;

/// What a joiner says about the event that it was fed, or gives at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// The event that was fed goes to the client as it came.
    Same,
    /// The client gets this event.
    Event(Event<'static>),
}

/// What the sorter of an API makes of an event.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    pub(super) now: Now,
    /// What ends the round, to be shown when it is known that no other follows.
    pub(super) end: Option<Value>,
}

/// What the client gets at once.
#[derive(Debug, Default)]
pub(super) enum Now {
    /// The event as it came.
    #[default]
    Same,
    /// Nothing.
    Nothing,
    /// Another event in its place.
    Changed(Value),
}

impl Sorted {
    pub(super) fn same() -> Self {
        Self::default()
    }

    pub(super) fn nothing() -> Self {
        Self { now: Now::Nothing, end: None }
    }

    pub(super) fn changed(value: Value) -> Self {
        Self { now: Now::Changed(value), end: None }
    }

    pub(super) fn end(value: Value) -> Self {
        Self { now: Now::Nothing, end: Some(value) }
    }
}

/// Knows the events of an API: which belong to a call of the tool, which end a round, and how those of a later round
/// continue the earlier ones.
pub(super) trait Sorter: Send {
    /// Looks at the next event. In the first round, as long as there was no call, it must be [`Sorted::same`].
    fn sort(&mut self, event: Value) -> Sorted;
    /// Whether a part of this round was kept from the client.
    fn withholds(&self) -> bool;
    /// Whether this round came to its end.
    fn has_ended(&self) -> bool;
    /// An end as it is shown after so many rounds, which make this response.
    fn close(&mut self, end: Value, rounds: usize, joined: &Value) -> Value;
    /// Another stream follows.
    fn next_round(&mut self);
    /// An error as the next event of the stream.
    fn fail(&mut self, error: Value) -> Value {
        error
    }
}

/// Joins the streams of a turn into the one that the client sees.
///
/// Every event of a stream is fed in order. What goes on to the client is told at once; only the calls of the tool and, when
/// there were some, the end of the round stay back. A stream without calls goes through byte for byte. When a stream is over
/// [`Joiner::outcome`] says what to do: send the turn on and call [`Joiner::next_round`] as soon as the next response
/// begins, or let go of the end with [`Joiner::finish`]. A client that offers the tool itself needs no joiner.
pub struct Joiner {
    api: Api,
    sorter: Box<dyn Sorter>,
    assembler: Box<dyn Assembler>,
    rounds: Vec<Value>,
    held: Vec<Held>,
}

enum Held {
    End(String, Value),
    /// Such as `[DONE]`.
    Text(Event<'static>),
}

impl Joiner {
    /// A joiner for the streams of one turn.
    pub fn new(api: Api) -> Self {
        let sorter: Box<dyn Sorter> = match api {
            Api::Chat => Box::<chat::Sorter>::default(),
            Api::Responses => Box::<responses::Sorter>::default(),
            Api::Messages => Box::<messages::Sorter>::default(),
            Api::Gemini => Box::<gemini::Sorter>::default(),
        };
        Self { api, sorter, assembler: api.assembler(), rounds: Vec::new(), held: Vec::new() }
    }

    /// Takes the next event and appends what the client gets.
    pub fn feed(&mut self, event: &Event<'_>, out: &mut Vec<Output>) {
        let Ok(value) = serde_json::from_str::<Value>(&event.data) else {
            if self.held.is_empty() {
                out.push(Output::Same);
            } else {
                let (name, data) = (event.name.clone().into_owned(), event.data.clone().into_owned());
                self.held.push(Held::Text(Event { name: name.into(), data: data.into() }));
            }
            return;
        };
        self.assembler.take(&value);
        let sorted = self.sorter.sort(value);
        match sorted.now {
            Now::Same => out.push(Output::Same),
            Now::Nothing => {}
            Now::Changed(value) => out.push(Output::Event(Event::new(&event.name, &value))),
        }
        let Some(end) = sorted.end else { return };
        self.held.push(Held::End(event.name.clone().into_owned(), end));
        if !self.sorter.withholds() {
            self.finish(out);
        }
    }

    /// What the round asks for, once its stream is over. A stream that was cut off asks for nothing.
    pub fn outcome(&self) -> Outcome {
        if !self.sorter.withholds() || !self.sorter.has_ended() {
            return Outcome::Answer;
        }
        self.round().map_or(Outcome::Answer, |response| self.api.outcome(&response))
    }

    /// The response of the round as the model gave it, calls of the tool included: what the next request continues.
    pub fn round(&self) -> Option<Value> {
        self.assembler.response()
    }

    /// The response as the client sees it, all rounds together.
    pub fn response(&self) -> Option<Value> {
        let rounds: Vec<Value> = self.rounds.iter().cloned().chain(self.round()).collect();
        if rounds.len() == 1 && !self.sorter.withholds() { rounds.into_iter().next() } else { self.api.join(&rounds) }
    }

    /// The events of the next stream continue the answer; the end of this one is forgotten.
    pub fn next_round(&mut self) {
        self.rounds.extend(self.assembler.response());
        self.assembler = self.api.assembler();
        self.held.clear();
        self.sorter.next_round();
    }

    /// The last event of a stream that cannot be continued, in the place of the end that was held back.
    pub fn fail(&mut self, status: StatusCode, message: &str) -> Event<'static> {
        self.held.clear();
        let error = self.api.stream_error(status, message);
        match serde_json::from_str(&error.data) {
            Ok(data) => Event::new(&error.name, &self.sorter.fail(data)),
            Err(_) => error,
        }
    }

    /// Lets go of the end that was held back: nothing follows.
    pub fn finish(&mut self, out: &mut Vec<Output>) {
        if self.held.is_empty() {
            return;
        }
        let joined = self.response().unwrap_or_default();
        for held in std::mem::take(&mut self.held) {
            out.push(Output::Event(match held {
                Held::End(name, event) => Event::new(&name, &self.sorter.close(event, self.rounds.len() + 1, &joined)),
                Held::Text(event) => event,
            }));
        }
    }
}

impl Api {
    /// The responses of the rounds of a turn as one, without the calls of the tool; of a single response, the response
    /// without them. None when there are no responses.
    ///
    /// Everything that the model said stands there in order, the token accounts are added up, the identity is that of the
    /// first response and the end that of the last: if no call is left, it does not say that there is one.
    pub fn join(self, rounds: &[Value]) -> Option<Value> {
        match self {
            Self::Chat => chat::join(rounds),
            Self::Responses => responses::join(rounds),
            Self::Messages => messages::join(rounds),
            Self::Gemini => gemini::join(rounds),
        }
    }
}
