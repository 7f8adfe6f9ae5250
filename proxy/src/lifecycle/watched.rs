//! A stream on its way to the client, read along.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use serde_json::Value;

use crate::body::Body;
use crate::providers::{Api, Assembler, Framing, Reader};
use crate::sse::Piece;

/// Reads a stream along, up to a number of bytes.
pub(super) struct Along {
    reader: Reader,
    assembler: Box<dyn Assembler>,
    /// Bytes that may still come; none when the stream cannot be read, or was too long.
    left: Option<usize>,
}

impl Along {
    /// Reads frames of at most `frame_limit` bytes, and at most `limit` bytes in all.
    pub(super) fn new(api: Api, framing: Framing, frame_limit: usize, limit: usize) -> Self {
        Self { reader: Reader::new(framing, frame_limit), assembler: api.assembler(), left: Some(limit) }
    }

    fn feed(&mut self, bytes: &Bytes) {
        self.left = self.left.and_then(|left| left.checked_sub(bytes.len()));
        if self.left.is_none() {
            return;
        }
        let assembler = &mut self.assembler;
        self.reader.feed(bytes, |piece| {
            if let Piece::Frame(frame) = piece
                && let Some(event) = frame.event()
            {
                assembler.feed(&event);
            }
        });
    }

    /// The answer; null when there is none that could be read.
    fn answer(&self) -> Value {
        let is_read = self.left.is_some() && !self.reader.is_over();
        is_read.then(|| self.assembler.response()).flatten().unwrap_or_default()
    }
}

/// A body that is read along and says when its last byte has come. One that ends early says nothing.
pub(super) struct Watched<F> {
    inner: Body,
    /// Until the end.
    open: Option<(Along, F)>,
}

impl<F: FnOnce(Value)> Watched<F> {
    pub(super) fn new(inner: Body, along: Along, ended: F) -> Self {
        Self { inner, open: Some((along, ended)) }
    }

    fn end(&mut self) {
        if let Some((along, ended)) = self.open.take() {
            ended(along.answer());
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
                if let (Some((along, _)), Some(data)) = (&mut this.open, frame.data_ref()) {
                    along.feed(data);
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
