//! An answer that is a stream: passed on as it comes, continued where the model asks for originals.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http::header;
use http::{Response, StatusCode};
use http_body::Frame as BodyFrame;
use http_body_util::{BodyExt as _, StreamBody};
use serde_json::Value;

use super::refusal;
use super::rounds::{Next, Rounds};
use super::turn::{Room, Turn};
use crate::body::{self, Body};
use crate::decode;
use crate::providers::{Framing, Output, Reader, Writer};
use crate::sse::Piece;

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
    let stream = Stream {
        reader: Reader::new(framing, rounds.stack.options.limits.frame_bytes),
        writer: Writer::new(framing),
        upstream: Some(upstream),
        broken: None,
        framing,
        turn: Turn::new(rounds),
    };
    // The client takes it piece by piece; when it goes away, all of this is dropped, and the upstream's answer with it.
    let pieces = stream::unfold(stream, |mut stream| async move {
        let piece = stream.next().await?;
        Some((piece.map(BodyFrame::data), stream))
    });
    Response::from_parts(parts, Body::new(StreamBody::new(Box::pin(pieces))))
}

/// A turn as a stream.
struct Stream {
    turn: Turn,
    framing: Framing,
    /// None when there is nothing more to come.
    upstream: Option<Body>,
    /// Why the upstream's stream broke off, when the client's is to break off, too.
    broken: Option<axum::Error>,
    reader: Reader,
    writer: Writer,
}

impl Stream {
    async fn next(&mut self) -> Option<Result<Bytes, axum::Error>> {
        loop {
            if let Some(error) = self.broken.take() {
                // What came before it is written first.
                tokio::task::yield_now().await;
                return Some(Err(error));
            }
            let out = match self.upstream.as_mut()?.frame().await {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.take(&data),
                    Err(_) => continue,
                },
                Some(Err(error)) => {
                    self.upstream = None;
                    if self.turn.rounds.has_past() {
                        self.fail(StatusCode::BAD_GATEWAY, &format!("the answer broke off ({error})"))
                    } else {
                        // What had come of the event that is cut off comes before.
                        self.broken = Some(error);
                        self.reader.finish()
                    }
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
        let mut out = Gathered::default();
        match self.turn.room(data.len()) {
            Room::Enough => {}
            Room::Passes => {
                out.push(self.reader.finish());
                out.push(data.clone());
                return out.done();
            }
            Room::Fails => {
                self.upstream = None;
                return self.fail(StatusCode::BAD_GATEWAY, "the answer is larger than the proxy's response_bytes");
            }
        }
        let Self { reader, writer, turn, .. } = self;
        reader.feed(data, |piece| match piece {
            Piece::Frame(frame) => turn.hear(&frame, |output| {
                out.push(match output {
                    Output::Same => writer.frame(&frame),
                    Output::Event(event) => writer.event(&event),
                });
            }),
            Piece::Unread(bytes) => out.push(bytes),
        });
        out.done()
    }

    /// The upstream's stream is over: the turn is sent on, or the client's ends.
    async fn over(&mut self) -> Bytes {
        let rest = self.reader.finish();
        if let Some((said, calls)) = self.turn.asks() {
            match self.turn.rounds.go_on(said, calls).await {
                Next::Continues(response) if self.turn.rounds.framing_of(&response) == Some(self.framing) => {
                    self.turn.next_round();
                    self.reader = Reader::new(self.framing, self.turn.rounds.stack.options.limits.frame_bytes);
                    self.upstream = Some(response.into_body());
                    return Bytes::new();
                }
                Next::Continues(_) => {
                    return self
                        .fail(StatusCode::BAD_GATEWAY, "the turn was continued with something else than a stream");
                }
                Next::Failed(Ok(refused)) => {
                    let status = refused.status();
                    let message = message(refused, self.turn.rounds.stack.options.timeouts.idle()).await;
                    return self.fail(status, &message);
                }
                Next::Failed(Err(error)) => return self.fail(error.status(), &error.to_string()),
                Next::Ends => {}
            }
        }
        let mut out = Gathered::default();
        for event in self.turn.end().await {
            out.push(self.writer.event(&event));
        }
        out.push(self.writer.end(rest));
        out.done()
    }

    /// Ends the client's stream with an error.
    fn fail(&mut self, status: StatusCode, message: &str) -> Bytes {
        let event = self.turn.fail(status, message);
        let mut out = Gathered::default();
        out.push(self.writer.event(&event));
        out.push(self.writer.end(Bytes::new()));
        out.done()
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
async fn message(refused: Response<Body>, idle: Duration) -> String {
    let status = refused.status();
    let body = body::read(refused.into_body(), ERROR_BYTES, idle).await.unwrap_or_default();
    let error: Value = serde_json::from_slice(&body).unwrap_or_default();
    let said = error.pointer("/error/message").or_else(|| error.pointer("/0/error/message")).and_then(Value::as_str);
    refusal(status, said)
}
