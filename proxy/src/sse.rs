//! Server-sent events, read as they arrive in pieces of any size.
//!
//! A [`Splitter`] cuts a stream into [`Frame`]s at the blank lines and keeps every byte: what it gives back, one after the
//! other, is the stream. Only who wants to know what a frame says has it read.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use memchr::memchr2;
use serde_json::Value;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event<'a> {
    /// Its `event:` field; empty when there is none.
    pub name: Cow<'a, str>,
    /// Its `data:` lines joined by line feeds.
    pub data: Cow<'a, str>,
}

impl Event<'static> {
    /// An event with this name, or with none, and JSON data.
    pub fn new(name: &str, data: &Value) -> Self {
        Self { name: name.to_owned().into(), data: data.to_string().into() }
    }
}

impl Event<'_> {
    /// The event as it is written into a stream.
    pub fn to_bytes(&self) -> Bytes {
        let mut text = String::with_capacity(self.data.len() + self.name.len() + 24);
        if !self.name.is_empty() {
            text.extend(["event: ", &self.name, "\n"]);
        }
        for line in self.data.split('\n') {
            text.extend(["data: ", line, "\n"]);
        }
        text.push('\n');
        text.into()
    }
}

/// The bytes of a stream up to the end of an event and with it: an event, or comments and fields that make none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// As it came.
    pub raw: Bytes,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Only the first frame of a stream may begin with a byte order mark.
    First,
    Later,
    /// The second half of a line end that was cut.
    LineEnd,
    /// An item of a list, behind this many bytes.
    Item(usize),
}

impl Frame {
    /// A frame that is an item of a list, behind this many bytes of `raw`.
    pub(crate) fn item(raw: Bytes, start: usize) -> Self {
        Self { raw, kind: Kind::Item(start) }
    }

    /// Whether it is the second half of a line end, which belongs to the frame before.
    pub(crate) fn is_line_end(&self) -> bool {
        self.kind == Kind::LineEnd
    }

    /// The event; none when the frame has no `data:` line. What is no UTF-8 becomes U+FFFD.
    pub fn event(&self) -> Option<Event<'_>> {
        let mut rest: &[u8] = &self.raw;
        match self.kind {
            Kind::First => rest = rest.strip_prefix(b"\xef\xbb\xbf").unwrap_or(rest),
            Kind::Later | Kind::LineEnd => {}
            Kind::Item(start) => {
                let data = String::from_utf8_lossy(rest.get(start..).unwrap_or_default());
                return Some(Event { name: Cow::Borrowed(""), data });
            }
        }
        let mut name = Cow::Borrowed("");
        let mut data: Option<Cow<'_, str>> = None;
        while !rest.is_empty() {
            let end = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
            let line = &rest[..end];
            rest = rest.get(end + 1..).unwrap_or_default();
            let (field, value) = match memchr::memchr(b':', line) {
                Some(colon) => (&line[..colon], &line[colon + 1..]),
                None => (line, &b""[..]),
            };
            let value = value.strip_prefix(b" ").unwrap_or(value);
            match field {
                b"event" => name = String::from_utf8_lossy(value),
                b"data" => match &mut data {
                    None => data = Some(String::from_utf8_lossy(value)),
                    Some(data) => {
                        let data = data.to_mut();
                        data.push('\n');
                        data.push_str(&String::from_utf8_lossy(value));
                    }
                },
                _ => {}
            }
        }
        data.map(|data| Event { name, data })
    }
}

/// What a splitter gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// A whole frame.
    Frame(Frame),
    /// Bytes of a stream that is not read any more because a frame exceeded the limit.
    Unread(Bytes),
}

/// Cuts a stream into frames.
///
/// A frame that lies in one of the fed pieces is a slice of it; only what is cut gets copied, up to the limit.
///
/// # Sources
/// The grammar is that of the HTML standard: lines end with LF, CR or CRLF, a blank line ends an event.
///
/// # Examples
/// ```
/// use headroom_proxy::sse::{Piece, Splitter};
/// let mut splitter = Splitter::new(1 << 20);
/// let mut seen = Vec::new();
/// for piece in ["event: a\nda", "ta: 1\n\nda"] {
///     splitter.feed(&piece.into(), |piece| {
///         let Piece::Frame(frame) = piece else { return };
///         seen.extend(frame.event().map(|event| format!("{} {}", event.name, event.data)));
///     });
/// }
/// assert_eq!(seen, ["a 1"]);
/// assert_eq!(splitter.finish(), "da");
/// ```
#[derive(Debug)]
pub struct Splitter {
    limit: usize,
    /// The start of a frame whose end has not come.
    started: BytesMut,
    is_first: bool,
    /// Whether the line that was begun has no byte yet.
    line_is_blank: bool,
    /// Whether the last byte was a CR, so that an LF would still belong to it.
    after_cr: bool,
    is_over: bool,
}

impl Splitter {
    /// A splitter for frames of at most this many bytes.
    pub fn new(limit: usize) -> Self {
        let started = BytesMut::new();
        Self { limit, started, is_first: true, line_is_blank: true, after_cr: false, is_over: false }
    }

    /// Takes the next bytes and gives every frame that they end.
    pub fn feed(&mut self, bytes: &Bytes, mut sink: impl FnMut(Piece)) {
        if self.is_over {
            return sink(Piece::Unread(bytes.clone()));
        }
        if bytes.is_empty() {
            return;
        }
        let mut start = 0;
        let mut line = 0;
        if std::mem::take(&mut self.after_cr) && bytes.first() == Some(&b'\n') {
            line = 1;
            // No event waits for the LF of a line end that is cut; it follows as a frame that says nothing.
            if self.started.is_empty() {
                start = 1;
                sink(Piece::Frame(Frame { raw: bytes.slice(..1), kind: Kind::LineEnd }));
            }
        }
        while let Some(length) = memchr2(b'\n', b'\r', &bytes[line..]) {
            let is_blank = self.line_is_blank && length == 0;
            let mut end = line + length + 1;
            if bytes[end - 1] == b'\r' {
                match bytes.get(end) {
                    Some(b'\n') => end += 1,
                    Some(_) => {}
                    None => self.after_cr = true,
                }
            }
            line = end;
            self.line_is_blank = true;
            if is_blank {
                if self.exceeds(end - start) {
                    return self.give_up(&bytes.slice(start..), sink);
                }
                sink(Piece::Frame(self.take(bytes.slice(start..end))));
                start = end;
            }
        }
        self.line_is_blank &= line == bytes.len();
        if self.exceeds(bytes.len() - start) {
            return self.give_up(&bytes.slice(start..), sink);
        }
        self.started.extend_from_slice(&bytes[start..]);
    }

    /// What is left when the stream has ended: an event that was cut off, which nobody may read as one.
    pub fn finish(&mut self) -> Bytes {
        self.started.split().freeze()
    }

    /// Whether a frame exceeded the limit, after which nothing is read.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    fn exceeds(&self, more: usize) -> bool {
        self.started.len() + more > self.limit
    }

    fn take(&mut self, end: Bytes) -> Frame {
        let raw = if self.started.is_empty() {
            end
        } else {
            self.started.extend_from_slice(&end);
            self.started.split().freeze()
        };
        Frame { raw, kind: if std::mem::take(&mut self.is_first) { Kind::First } else { Kind::Later } }
    }

    fn give_up(&mut self, rest: &Bytes, mut sink: impl FnMut(Piece)) {
        self.is_over = true;
        for bytes in [self.finish(), rest.clone()] {
            if !bytes.is_empty() {
                sink(Piece::Unread(bytes));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What the pieces say, every byte in order, and what was left.
    fn read(limit: usize, pieces: &[&[u8]]) -> (Vec<(String, String)>, Vec<u8>, Vec<u8>) {
        let mut splitter = Splitter::new(limit);
        let (mut events, mut raw) = (Vec::new(), Vec::new());
        for piece in pieces {
            splitter.feed(&Bytes::copy_from_slice(piece), |piece| match piece {
                Piece::Frame(frame) => {
                    raw.extend_from_slice(&frame.raw);
                    events.extend(frame.event().map(|event| (event.name.into_owned(), event.data.into_owned())));
                }
                Piece::Unread(bytes) => raw.extend_from_slice(&bytes),
            });
        }
        let rest = splitter.finish().to_vec();
        raw.extend_from_slice(&rest);
        (events, raw, rest)
    }

    fn pairs(events: &[(&str, &str)]) -> Vec<(String, String)> {
        events.iter().map(|(name, data)| ((*name).to_owned(), (*data).to_owned())).collect()
    }

    #[test]
    fn fields_are_read_as_the_standard_says() {
        for (text, expected) in [
            ("data: a\n\n", &[("", "a")][..]),
            ("data:a\ndata:  b\ndata\n\n", &[("", "a\n b\n")]),
            ("event: x\ndata: 1\n\ndata: 2\n\n", &[("x", "1"), ("", "2")]),
            ("\u{feff}data: 1\n\n\u{feff}data: 2\n\n", &[("", "1")]),
            (": a comment\n\nevent: none\n\nid: 7\nretry: 5\nnonsense\ndata: {\"a\": 1}\n\n", &[("", "{\"a\": 1}")]),
            ("data: a\r\revent: b\r\ndata: c\r\n\r\ndata: d\n\r", &[("", "a"), ("b", "c"), ("", "d")]),
            ("\n\n\ndata\n\n", &[("", "")]),
            ("data: é\u{1f600}\n\n", &[("", "é\u{1f600}")]),
        ] {
            assert_eq!(read(99, &[text.as_bytes()]).0, pairs(expected), "{text:?}");
        }
        assert_eq!(read(99, &[b"data: \xff\n\n"]).0, pairs(&[("", "\u{fffd}")]));
    }

    #[test]
    fn what_is_written_is_read_again() {
        for (name, data) in [("", "a"), ("x", "a\nb\n"), ("x", "")] {
            let event = Event { name: name.into(), data: data.into() };
            assert_eq!(read(99, &[&event.to_bytes()]).0, pairs(&[(name, data)]));
        }
    }

    #[test]
    fn an_event_that_is_cut_off_stays_unread_and_keeps_its_bytes() {
        let (events, raw, rest) = read(99, &[b"data: 1\n\ndata: 2\n"]);
        assert_eq!((events, rest), (pairs(&[("", "1")]), b"data: 2\n".to_vec()));
        assert_eq!(raw, b"data: 1\n\ndata: 2\n");
    }

    #[test]
    fn an_event_over_the_limit_ends_the_reading_and_loses_nothing() {
        let text = b"data: 1\n\ndata: 123\n\ndata: 2\n\n";
        for limit in 9..11 {
            for cut in 0..text.len() {
                let (events, raw, rest) = read(limit, &[&text[..cut], &text[cut..]]);
                assert_eq!((events, raw, rest), (pairs(&[("", "1")]), text.to_vec(), Vec::new()), "{limit} {cut}");
            }
        }
        assert_eq!(read(11, &[text]).0.len(), 3);
    }

    #[test]
    fn a_whole_frame_is_not_copied() {
        let bytes = Bytes::from_static(b"data: 1\n\ndata: 2\n\n");
        Splitter::new(99).feed(&bytes, |piece| {
            let Piece::Frame(frame) = piece else { panic!("{piece:?}") };
            assert!(bytes.as_ptr_range().contains(&frame.raw.as_ptr()));
        });
    }

    proptest! {
        #[test]
        fn where_a_stream_is_cut_changes_nothing(
            lines in prop::collection::vec(
                prop::sample::select(vec!["data: é", "data:", "event: a", ": c", "id", "", "", "\u{feff}data: x", "😀"]),
                0..12,
            ),
            ends in prop::collection::vec(prop::sample::select(vec!["\n", "\r", "\r\n"]), 12),
            cuts in prop::collection::vec(0_usize..120, 0..4),
        ) {
            let text: String = lines.iter().zip(&ends).flat_map(|(line, end)| [*line, *end]).collect();
            let bytes = text.as_bytes();
            let whole = read(1 << 10, &[bytes]);
            prop_assert_eq!(&whole.1, bytes);
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for cut in cuts.into_iter().chain([bytes.len()]) {
                pieces.push(&bytes[from..cut]);
                from = cut;
            }
            let (events, raw, _) = read(1 << 10, &pieces);
            prop_assert_eq!(&events, &whole.0);
            prop_assert_eq!(&raw, bytes);
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            prop_assert_eq!(read(1 << 10, &single).0, events);
        }
    }
}
