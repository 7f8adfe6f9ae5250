//! Frames of a WebSocket, read without losing a byte of how they were written.

use std::io::{self, Cursor};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};
use tungstenite::protocol::frame::{self, FrameHeader};

/// How much room is made at least when bytes are read, and at most; what the header of a frame announces may never come.
///
/// # Sources
/// Chosen by hand.
const LEAST_ROOM: usize = 4 << 10;
const MOST_ROOM: usize = 256 << 10;

/// A key that hides the bytes of a client's frame from what stands between it and the server.
pub(super) type Mask = [u8; 4];

/// Why the frames of a peer cannot be read any further.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// It exceeds the limit.
    #[error("expected at most {0} bytes, found more")]
    TooLarge(usize),
    /// It is none that the protocol knows.
    #[error("expected {0}")]
    Protocol(&'static str),
    /// The connection has failed.
    #[error(transparent)]
    Broken(#[from] io::Error),
}

/// A frame.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    /// As it came, header included.
    raw: Bytes,
    /// Where its payload begins.
    start: usize,
    pub(super) opcode: OpCode,
    pub(super) is_final: bool,
    pub(super) mask: Option<Mask>,
}

impl Frame {
    /// A whole message or control frame of our own.
    pub(super) fn new(opcode: OpCode, payload: Bytes, mask: Option<Mask>) -> Self {
        let header = FrameHeader { opcode, mask, ..FrameHeader::default() };
        let start = header.len(payload.len() as u64);
        let mut raw = Vec::with_capacity(start + payload.len());
        frame::Frame::from_payload(header, payload).format(&mut raw).expect("a vector takes every byte");
        Self { raw: raw.into(), start, opcode, is_final: true, mask }
    }

    /// As it came, header included.
    pub(super) fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// What it says, unmasked.
    pub(super) fn payload(&self) -> Bytes {
        let payload = self.raw.slice(self.start..);
        let Some(mask) = self.mask else { return payload };
        let mut bytes = Vec::from(payload);
        unmask(&mut bytes, mask);
        bytes.into()
    }

    pub(super) fn is_close(&self) -> bool {
        self.opcode == OpCode::Control(Control::Close)
    }

    /// Whether a message begins with it.
    pub(super) fn is_start(&self) -> bool {
        matches!(self.opcode, OpCode::Data(Data::Text | Data::Binary))
    }
}

fn unmask(bytes: &mut [u8], mask: Mask) {
    let mut key = [0; 16];
    key.iter_mut().zip(mask.iter().cycle()).for_each(|(key, mask)| *key = *mask);
    let (blocks, rest) = bytes.as_chunks_mut::<16>();
    for block in blocks {
        block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
    }
    rest.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
}

/// Reads frames of a peer.
#[derive(Debug)]
pub(super) struct Frames<R> {
    reader: R,
    buffer: BytesMut,
    /// Bytes of a payload at most.
    limit: usize,
    /// Whether the peer is the client of the connection, whose frames are masked.
    are_masked: bool,
    /// Whether the last frame has come.
    has_closed: bool,
}

impl<R: AsyncRead + Unpin> Frames<R> {
    pub(super) fn new(reader: R, limit: usize, are_masked: bool) -> Self {
        Self { reader, buffer: BytesMut::new(), limit, are_masked, has_closed: false }
    }

    /// The next frame; none when the connection has ended. Nothing is lost when the future is dropped.
    pub(super) async fn next(&mut self) -> Result<Option<Frame>, Fault> {
        loop {
            let missing = match self.parse()? {
                Parsed::Frame(frame) => return Ok(Some(frame)),
                Parsed::Missing(bytes) => bytes,
            };
            self.buffer.reserve(missing.clamp(LEAST_ROOM, MOST_ROOM));
            if self.reader.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }

    /// Reads until the peer has closed, whatever comes before.
    pub(super) async fn finish(&mut self) {
        while !self.has_closed {
            match self.next().await {
                Ok(Some(_)) => {}
                Ok(None) | Err(Fault::Broken(_)) => return,
                // What is no frame or too large for one hides where the next begins.
                Err(Fault::TooLarge(_) | Fault::Protocol(_)) => break,
            }
        }
        while !self.has_closed {
            self.buffer.clear();
            self.buffer.reserve(LEAST_ROOM);
            self.has_closed = !matches!(self.reader.read_buf(&mut self.buffer).await, Ok(count) if count > 0);
        }
    }

    fn parse(&mut self) -> Result<Parsed, Fault> {
        let mut cursor = Cursor::new(&*self.buffer);
        let parsed = FrameHeader::parse(&mut cursor).map_err(|_| Fault::Protocol("a frame with a known opcode"))?;
        let Some((header, length)) = parsed else { return Ok(Parsed::Missing(0)) };
        let start = usize::try_from(cursor.position()).unwrap_or(usize::MAX);
        let FrameHeader { is_final, rsv1, rsv2, rsv3, opcode, mask } = header;
        if rsv1 || rsv2 || rsv3 {
            return Err(Fault::Protocol("a frame without extensions"));
        }
        if mask.is_some() != self.are_masked {
            let expected = if self.are_masked { "a frame with a mask" } else { "a frame without a mask" };
            return Err(Fault::Protocol(expected));
        }
        if matches!(opcode, OpCode::Control(_)) && (!is_final || length > 125) {
            return Err(Fault::Protocol("a control frame in one piece of at most 125 bytes"));
        }
        let length = usize::try_from(length).ok().filter(|length| *length <= self.limit);
        let length = length.ok_or(Fault::TooLarge(self.limit))?;
        let end = start + length;
        if self.buffer.len() < end {
            return Ok(Parsed::Missing(end - self.buffer.len()));
        }
        let raw = self.buffer.split_to(end).freeze();
        if end > MOST_ROOM {
            // The room of a large frame is given back with it.
            self.buffer = BytesMut::from(&*self.buffer);
        }
        let frame = Frame { raw, start, opcode, is_final, mask };
        self.has_closed = frame.is_close();
        Ok(Parsed::Frame(frame))
    }
}

enum Parsed {
    Frame(Frame),
    /// So many bytes are known to be missing.
    Missing(usize),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(payload: &str, mask: Option<Mask>) -> Frame {
        Frame::new(OpCode::Data(Data::Text), Bytes::copy_from_slice(payload.as_bytes()), mask)
    }

    async fn read(mut bytes: &[u8], limit: usize, are_masked: bool) -> Result<Option<Frame>, Fault> {
        Frames::new(&mut bytes, limit, are_masked).next().await
    }

    #[tokio::test]
    async fn frames_of_every_length_are_read_as_they_were_written() {
        for mask in [None, Some([1, 2, 250, 4])] {
            let written: Vec<Frame> = [0, 1, 15, 17, 125, 126, 65_535, 65_536]
                .iter()
                .map(|length| text(&"é".repeat(*length), mask))
                .collect();
            let bytes: Vec<u8> = written.iter().flat_map(|frame| frame.raw().to_vec()).collect();
            let mut source = &bytes[..];
            let mut frames = Frames::new(&mut source, 1 << 20, mask.is_some());
            for frame in written {
                let found = frames.next().await.unwrap().unwrap();
                assert_eq!((found.raw(), found.payload()), (frame.raw(), frame.payload()));
                assert!(found.payload().iter().all(|byte| "é".as_bytes().contains(byte)));
            }
            assert!(frames.next().await.unwrap().is_none());
        }
    }

    #[tokio::test]
    async fn a_frame_that_is_cut_off_is_the_end() {
        let frame = text("hello", None);
        for end in 0..frame.raw().len() {
            assert!(read(&frame.raw()[..end], 99, false).await.unwrap().is_none());
        }
    }

    #[tokio::test]
    async fn what_the_protocol_forbids_is_a_fault() {
        let masked = text("hello", Some([1, 2, 3, 4]));
        assert!(matches!(read(masked.raw(), 99, false).await, Err(Fault::Protocol(_))));
        assert!(matches!(read(text("hello", None).raw(), 99, true).await, Err(Fault::Protocol(_))));
        for bytes in [&b"\xc1\x00"[..], b"\x83\x00", b"\x09\x00", b"\x89\x7e\x00\x7e"] {
            assert!(matches!(read(bytes, 99, false).await, Err(Fault::Protocol(_))), "{bytes:?}");
        }
        assert!(matches!(read(text("hello", None).raw(), 4, false).await, Err(Fault::TooLarge(4))));
        assert!(matches!(read(b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", 99, false).await, Err(Fault::TooLarge(99))));
    }
}
