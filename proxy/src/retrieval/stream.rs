//! An answer that is a stream: passed on as it comes, continued where the model asks for originals.

use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http::header;
use http::{Response, StatusCode};
use http_body::Frame as BodyFrame;
use http_body_util::{BodyExt as _, StreamBody};
use serde_json::Value;

use super::names_the_tool;
use super::rounds::{Next, Rounds};
use crate::body::{self, Body};
use crate::decode;
use crate::providers::{Framing, Joiner, Outcome, Output, Reader, Writer};
use crate::sse::{Frame, Piece};

/// Bytes of an upstream's error that are read for its message.
///
/// # Sources
/// Chosen by hand: the providers' errors have some hundred bytes.
const ERROR_BYTES: usize = 64 << 10;

/// The client's stream. What it has of a turn that was sent on is never taken back: when the turn cannot go on, the stream
/// ends with the API's own event for an error.
pub(super) fn answer(rounds: Rounds, framing: Framing, response: Response<Body>) -> Response<Body> {
    if decode::is_encoded(response.headers()) {
        // It was asked for plain; what is sent encoded all the same passes unread.
        return response;
    }
    let (mut parts, upstream) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    let limits = &rounds.stack.options.limits;
    let turn = Turn {
        reader: Reader::new(framing, limits.frame_bytes),
        left: limits.response_bytes,
        writer: Writer::new(framing),
        joining: Joining::Asleep(Vec::new()),
        upstream: Some(upstream),
        framing,
        rounds,
    };
    // The client takes it piece by piece; when it goes away, all of this is dropped, and the upstream's answer with it.
    let pieces = stream::unfold(turn, |mut turn| async move {
        let piece = turn.next().await?;
        Some((piece.map(BodyFrame::data), turn))
    });
    Response::from_parts(parts, Body::new(StreamBody::new(Box::pin(pieces))))
}

/// A turn on its way to the client.
struct Turn {
    rounds: Rounds,
    framing: Framing,
    /// None when there is nothing more to come.
    upstream: Option<Body>,
    reader: Reader,
    writer: Writer,
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

impl Turn {
    async fn next(&mut self) -> Option<Result<Bytes, axum::Error>> {
        loop {
            let out = match self.upstream.as_mut()?.frame().await {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.take(&data),
                    Err(_) => continue,
                },
                Some(Err(error)) => {
                    self.upstream = None;
                    if !self.rounds.has_past() {
                        return Some(Err(error));
                    }
                    self.fail(StatusCode::BAD_GATEWAY, &format!("the answer broke off ({error})"))
                }
                None => {
                    self.upstream = None;
                    self.over().await
                }
            };
            if !out.is_empty() {
                return Some(Ok(out));
            }
        }
    }

    /// Takes bytes of the upstream and gives those for the client.
    fn take(&mut self, data: &Bytes) -> Bytes {
        if matches!(self.joining, Joining::GivenUp) {
            return data.clone();
        }
        let mut out = Gathered::default();
        match self.left.checked_sub(data.len()) {
            Some(left) => self.left = left,
            None if matches!(self.joining, Joining::Asleep(_)) => {
                log::warn!(target: "headroom.proxy", "the rest of a stream passes unread");
                self.joining = Joining::GivenUp;
                out.push(self.reader.finish());
                out.push(data.clone());
                return out.done();
            }
            None => {
                self.upstream = None;
                return self.fail(StatusCode::BAD_GATEWAY, "the answer is larger than the proxy's response_bytes");
            }
        }
        let Self { reader, writer, joining, rounds, .. } = self;
        reader.feed(data, |piece| match piece {
            Piece::Frame(frame) => {
                joining.wake_for(&frame, || Joiner::new(rounds.api));
                joining.pass(&frame, writer, &mut out);
            }
            Piece::Unread(bytes) => out.push(bytes),
        });
        out.done()
    }

    /// The upstream's stream is over: the turn is sent on, or the client's ends.
    async fn over(&mut self) -> Bytes {
        let rest = self.reader.finish();
        let Joining::Awake(joiner) = &mut self.joining else { return self.writer.end(rest) };
        let mut beside = Vec::new();
        match (joiner.outcome(), joiner.round()) {
            (Outcome::Retrieval(calls), Some(said)) => match self.rounds.go_on(said, calls).await {
                Next::Continues(response) if self.rounds.framing_of(&response) == Some(self.framing) => {
                    joiner.next_round();
                    self.reader = Reader::new(self.framing, self.rounds.stack.options.limits.frame_bytes);
                    self.upstream = Some(response.into_body());
                    return Bytes::new();
                }
                Next::Continues(_) => {
                    return self
                        .fail(StatusCode::BAD_GATEWAY, "the turn was continued with something else than a stream");
                }
                Next::Failed(Ok(refused)) => {
                    let status = refused.status();
                    let message = message(refused, self.rounds.stack.options.timeouts.idle()).await;
                    return self.fail(status, &message);
                }
                Next::Failed(Err(error)) => return self.fail(error.status(), &error.to_string()),
                Next::Ends => {}
            },
            (Outcome::Mixed(calls), _) => beside = self.rounds.beside(calls).await,
            _ => {}
        }
        if let (Some(last), Some(joined)) = (joiner.round(), joiner.response()) {
            // Before the client has the end, so that its next request finds it.
            self.rounds.keep(last, joined, beside).await;
        }
        let mut out = Gathered::default();
        let mut held = Vec::new();
        joiner.finish(&mut held);
        for output in held {
            if let Output::Event(event) = output {
                out.push(self.writer.event(&event));
            }
        }
        out.push(self.writer.end(rest));
        out.done()
    }

    /// Ends the client's stream with an error.
    fn fail(&mut self, status: StatusCode, message: &str) -> Bytes {
        log::info!(target: "headroom.proxy", "{} ends while it is continued: {message}", self.rounds.exchange.id);
        let message = format!("headroom: {message}");
        let event = match &mut self.joining {
            Joining::Awake(joiner) => joiner.fail(status, &message),
            Joining::Asleep(_) | Joining::GivenUp => self.rounds.api.stream_error(status, &message),
        };
        let mut out = Gathered::default();
        out.push(self.writer.event(&event));
        out.push(self.writer.end(Bytes::new()));
        out.done()
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

    fn pass(&mut self, frame: &Frame, writer: &mut Writer, out: &mut Gathered) {
        let event = frame.event();
        let (Self::Awake(joiner), Some(event)) = (self, event) else { return out.push(writer.frame(frame)) };
        let mut outputs = Vec::new();
        joiner.feed(&event, &mut outputs);
        for output in outputs {
            out.push(match output {
                Output::Same => writer.frame(frame),
                Output::Event(event) => writer.event(&event),
            });
        }
    }
}

/// Pieces as one; a single piece is not copied.
#[derive(Default)]
struct Gathered {
    first: Bytes,
    all: BytesMut,
}

impl Gathered {
    fn push(&mut self, piece: Bytes) {
        if self.all.is_empty() && self.first.is_empty() {
            self.first = piece;
            return;
        }
        if self.all.is_empty() {
            self.all.extend_from_slice(&self.first);
        }
        self.all.extend_from_slice(&piece);
    }

    fn done(self) -> Bytes {
        if self.all.is_empty() { self.first } else { self.all.freeze() }
    }
}

/// The sentence of an upstream's error.
async fn message(refused: Response<Body>, idle: std::time::Duration) -> String {
    let status = refused.status();
    let body = body::read(refused.into_body(), ERROR_BYTES, idle).await.unwrap_or_default();
    let error: Value = serde_json::from_slice(&body).unwrap_or_default();
    let said = error.pointer("/error/message").or_else(|| error.pointer("/0/error/message")).and_then(Value::as_str);
    match said {
        Some(said) => format!("the turn cannot be continued (status {}): {said}", status.as_u16()),
        None => format!("the turn cannot be continued (status {})", status.as_u16()),
    }
}
