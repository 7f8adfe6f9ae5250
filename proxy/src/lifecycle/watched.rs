//! A stream on its way to the client, read along.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use serde_json::Value;

use crate::body::Body;
use crate::providers::Assembler;
use crate::sse::{Piece, Splitter};

/// Reads a stream along.
pub(super) enum Reader {
    /// Server-sent events.
    Events { splitter: Splitter, assembler: Box<dyn Assembler>, left: usize },
    /// One JSON text.
    Text { text: Vec<u8>, left: usize },
    /// It cannot be read, or was too long.
    Nothing,
}

impl Reader {
    /// A reader of at most `limit` bytes of events.
    pub(super) fn events(assembler: Box<dyn Assembler>, frame_limit: usize, limit: usize) -> Self {
        Self::Events { splitter: Splitter::new(frame_limit), assembler, left: limit }
    }

    /// A reader of at most `limit` bytes of JSON.
    pub(super) fn text(limit: usize) -> Self {
        Self::Text { text: Vec::new(), left: limit }
    }

    fn feed(&mut self, bytes: &Bytes) {
        let (Self::Events { left, .. } | Self::Text { left, .. }) = self else { return };
        match left.checked_sub(bytes.len()) {
            Some(rest) => *left = rest,
            None => *self = Self::Nothing,
        }
        match self {
            Self::Events { splitter, assembler, .. } => splitter.feed(bytes, |piece| {
                if let Piece::Frame(frame) = piece
                    && let Some(event) = frame.event()
                {
                    assembler.feed(&event);
                }
            }),
            Self::Text { text, .. } => text.extend_from_slice(bytes),
            Self::Nothing => {}
        }
    }

    /// The answer; null when there is none that could be read.
    fn answer(self) -> Value {
        match self {
            Self::Events { assembler, splitter, .. } if !splitter.is_over() => assembler.response(),
            Self::Text { text, .. } => serde_json::from_slice(&text).ok(),
            Self::Events { .. } | Self::Nothing => None,
        }
        .unwrap_or_default()
    }
}

/// A body that is read along and says when its last byte has come. One that ends early says nothing.
pub(super) struct Watched<F> {
    inner: Body,
    /// Until the end.
    open: Option<(Reader, F)>,
}

impl<F: FnOnce(Value)> Watched<F> {
    pub(super) fn new(inner: Body, reader: Reader, ended: F) -> Self {
        Self { inner, open: Some((reader, ended)) }
    }

    fn end(&mut self) {
        if let Some((reader, ended)) = self.open.take() {
            ended(reader.answer());
        }
    }
}

impl<F: FnOnce(Value) + Unpin> http_body::Body for Watched<F> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(context) else { return Poll::Pending };
        match &frame {
            Some(Ok(frame)) => {
                if let (Some((reader, _)), Some(data)) = (&mut this.open, frame.data_ref()) {
                    reader.feed(data);
                }
                // Nobody asks again after the last byte of a body whose length is known.
                if this.inner.is_end_stream() {
                    this.end();
                }
            }
            Some(Err(_)) => drop(this.open.take()),
            None => this.end(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
