//! The way to a peer.

use std::hash::{BuildHasher as _, RandomState};
use std::io;

use bytes::Bytes;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::end::Reason;
use super::frame::{Frame, Mask};
use super::message::Message;

/// Bytes that a close frame has for its reason.
///
/// # Sources
/// RFC 6455 §5.5: 125 for a control frame, two of them for the code.
const REASON_BYTES: usize = 123;

/// Writes frames to a peer, one after the other. Nothing follows a close frame.
#[derive(Debug)]
pub(super) struct Writer<W> {
    inner: W,
    /// Whether the peer is a server, for which frames are masked.
    masks: bool,
    /// Whether a frame was begun and not ended.
    is_within: bool,
    has_closed: bool,
}

impl<W: AsyncWrite + Unpin> Writer<W> {
    pub(super) fn new(inner: W, masks: bool) -> Self {
        Self { inner, masks, is_within: false, has_closed: false }
    }

    /// Writes a frame.
    pub(super) async fn frame(&mut self, frame: &Frame) -> io::Result<()> {
        if self.has_closed {
            return Ok(());
        }
        self.is_within = true;
        self.inner.write_all(frame.raw()).await?;
        self.inner.flush().await?;
        self.is_within = false;
        self.has_closed = frame.is_close();
        Ok(())
    }

    /// Writes the frames of a message.
    pub(super) async fn message(&mut self, message: &Message) -> io::Result<()> {
        for frame in &message.frames {
            self.frame(frame).await?;
        }
        Ok(())
    }

    /// Writes a text of our own.
    pub(super) async fn text(&mut self, text: Bytes) -> io::Result<()> {
        let mask = self.masks.then(random_mask);
        self.frame(&Frame::new(OpCode::Data(Data::Text), text, mask)).await
    }

    /// Ends the connection, with a close frame if there is a code and no such frame was sent.
    pub(super) async fn end(&mut self, why: Option<Reason<'_>>) -> io::Result<()> {
        if let Some((code, reason)) = why.filter(|_| !self.is_within) {
            let reason = &reason[..reason.floor_char_boundary(REASON_BYTES)];
            let payload = Bytes::from([&code.to_be_bytes(), reason.as_bytes()].concat());
            let mask = self.masks.then(random_mask);
            self.frame(&Frame::new(OpCode::Control(Control::Close), payload, mask)).await?;
        }
        self.inner.shutdown().await
    }
}

/// A mask for a frame of our own; the standard library's hashers are seeded at random.
fn random_mask() -> Mask {
    let [a, b, c, d, ..] = RandomState::new().hash_one(()).to_le_bytes();
    [a, b, c, d]
}
