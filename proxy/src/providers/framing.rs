//! How the events of a stream are written: as server-sent events, or as the items of a JSON list.

use bytes::Bytes;

use super::gemini::ArraySplitter;
use crate::sse::{Event, Frame, Piece, Splitter};

/// How a stream is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Framing {
    /// Server-sent events.
    Events,
    /// One JSON list that grows: Gemini without `alt=sse`.
    Array,
}

/// Cuts a stream into frames.
#[derive(Debug)]
pub struct Reader(Kind);

#[derive(Debug)]
enum Kind {
    Events(Splitter),
    Array(ArraySplitter),
}

impl Reader {
    /// A reader for frames of at most this many bytes.
    pub fn new(framing: Framing, limit: usize) -> Self {
        Self(match framing {
            Framing::Events => Kind::Events(Splitter::new(limit)),
            Framing::Array => Kind::Array(ArraySplitter::new(limit)),
        })
    }

    /// Takes the next bytes and gives every frame that they end.
    pub fn feed(&mut self, bytes: &Bytes, sink: impl FnMut(Piece)) {
        match &mut self.0 {
            Kind::Events(splitter) => splitter.feed(bytes, sink),
            Kind::Array(splitter) => splitter.feed(bytes, sink),
        }
    }

    /// What is left when the stream has ended and makes no event.
    pub fn finish(&mut self) -> Bytes {
        match &mut self.0 {
            Kind::Events(splitter) => splitter.finish(),
            Kind::Array(splitter) => splitter.finish(),
        }
    }

    /// Whether a frame exceeded the limit, after which nothing is read.
    pub fn is_over(&self) -> bool {
        match &self.0 {
            Kind::Events(splitter) => splitter.is_over(),
            Kind::Array(splitter) => splitter.is_over(),
        }
    }
}

/// Writes the frames and events of one or several streams as one.
#[derive(Debug)]
pub struct Writer {
    framing: Framing,
    has_items: bool,
    /// Whether the last byte was a CR.
    after_cr: bool,
}

impl Writer {
    /// A writer at the start of a stream.
    pub fn new(framing: Framing) -> Self {
        Self { framing, has_items: false, after_cr: false }
    }

    /// A frame as it came, but for what must follow the frame before it; in a list its comma or bracket is put right when it does not follow what it followed.
    pub fn frame(&mut self, frame: &Frame) -> Bytes {
        if self.framing == Framing::Events {
            let after_cr = std::mem::replace(&mut self.after_cr, frame.raw.ends_with(b"\r"));
            return if frame.is_line_end() && !after_cr { Bytes::new() } else { frame.raw.clone() };
        }
        let Some(event) = frame.event() else { return frame.raw.clone() };
        let is_first = frame.raw.trim_ascii_start().starts_with(b"[");
        if is_first == self.has_items { self.event(&event) } else { self.wrote(frame.raw.clone()) }
    }

    /// An event of our own.
    pub fn event(&mut self, event: &Event<'_>) -> Bytes {
        self.after_cr = false;
        match self.framing {
            Framing::Events => event.to_bytes(),
            Framing::Array => {
                let before = if self.has_items { ",\r\n" } else { "[" };
                self.wrote(format!("{before}{}", event.data).into())
            }
        }
    }

    /// The end of the stream, with what is left of the last one that was read.
    pub fn end(&mut self, rest: Bytes) -> Bytes {
        match self.framing {
            Framing::Array if !self.has_items && !rest.trim_ascii_start().starts_with(b"[") => {
                [&b"["[..], if rest.is_empty() { &b"]"[..] } else { &rest }].concat().into()
            }
            Framing::Array if rest.is_empty() => Bytes::from_static(b"]"),
            Framing::Array | Framing::Events => rest,
        }
    }

    fn wrote(&mut self, bytes: Bytes) -> Bytes {
        self.has_items = true;
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes the frames of streams that `keep` keeps.
    fn written(framing: Framing, streams: &[&str], keep: impl Fn(&str) -> bool) -> String {
        let mut writer = Writer::new(framing);
        let mut out = Vec::new();
        let mut rest = Bytes::new();
        for stream in streams {
            let mut reader = Reader::new(framing, 1 << 10);
            reader.feed(&Bytes::copy_from_slice(stream.as_bytes()), |piece| {
                let Piece::Frame(frame) = piece else { panic!("{piece:?}") };
                if frame.event().is_none_or(|event| keep(&event.data)) {
                    out.extend_from_slice(&writer.frame(&frame));
                }
            });
            rest = reader.finish();
        }
        out.extend_from_slice(&writer.end(rest));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_stream_that_is_kept_whole_is_the_same() {
        for list in ["[{\"a\":1}\n,\r\n{\"a\":2}\n]\n", "[]", " [{\"a\":1}]", "[{\"a\":1}\n,{\"a\""] {
            assert_eq!(written(Framing::Array, &[list], |_| true), list);
        }
        let events = "data: 1\n\n: c\n\ndata: 2\r\n\r\nda";
        assert_eq!(written(Framing::Events, &[events], |_| true), events);
    }

    #[test]
    fn a_list_without_some_items_and_two_lists_in_one_are_lists() {
        let list = "[{\"a\":1},{\"a\":2},{\"a\":3}]";
        let without = |number: char| written(Framing::Array, &[list], |data| !data.contains(number));
        assert_eq!([without('1'), without('2')], ["[{\"a\":2},{\"a\":3}]", "[{\"a\":1},{\"a\":3}]"]);
        assert_eq!(written(Framing::Array, &[list], |_| false), "[]");
        let both = written(Framing::Array, &["[{\"a\":1}]", "[{\"a\":2}]"], |_| true);
        assert_eq!(both, "[{\"a\":1},\r\n{\"a\":2}]");
    }

    #[test]
    fn events_of_our_own_make_a_list_too() {
        let mut writer = Writer::new(Framing::Array);
        let event = Event { name: "".into(), data: "{}".into() };
        let text = [writer.event(&event), writer.event(&event), writer.end(Bytes::new())].concat();
        assert_eq!(text, b"[{},\r\n{}]");
    }
}
