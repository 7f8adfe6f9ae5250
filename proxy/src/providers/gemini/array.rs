//! A stream that is one growing JSON list: Gemini's without `alt=sse`.

use bytes::{Bytes, BytesMut};
use memchr::{memchr2, memchr3};

use crate::sse::{Frame, Piece};

/// Cuts a list into its objects, each with the bracket, comma and white space before it.
#[derive(Debug)]
pub(in super::super) struct Splitter {
    limit: usize,
    /// The start of a frame whose end has not come.
    started: BytesMut,
    /// Where the object begins in what was started, if it did.
    item: Option<usize>,
    depth: usize,
    in_string: bool,
    /// Whether the last byte was a backslash in a string.
    is_escaped: bool,
    is_over: bool,
}

impl Splitter {
    /// A splitter for frames of at most this many bytes.
    pub(in super::super) fn new(limit: usize) -> Self {
        let started = BytesMut::new();
        Self { limit, started, item: None, depth: 0, in_string: false, is_escaped: false, is_over: false }
    }

    /// Takes the next bytes and gives every frame that they end.
    pub(in super::super) fn feed(&mut self, bytes: &Bytes, mut sink: impl FnMut(Piece)) {
        if self.is_over {
            return sink(Piece::Unread(bytes.clone()));
        }
        let mut start = 0;
        let mut position = 0;
        while position < bytes.len() {
            let Some(found) = self.next_mark(&bytes[position..]) else { break };
            let at = position + found;
            position = at + 1;
            match bytes[at] {
                b'"' => self.in_string = !self.in_string,
                b'{' => {
                    self.item.get_or_insert(self.started.len() + at - start);
                    self.depth += 1;
                }
                b'}' if self.depth > 0 => self.depth -= 1,
                _ => {}
            }
            if bytes[at] == b'\\' && self.in_string {
                self.is_escaped = true;
            }
            if self.depth == 0
                && let Some(item) = self.item
            {
                self.started.extend_from_slice(&bytes[start..position]);
                start = position;
                if self.started.len() > self.limit {
                    break;
                }
                self.item = None;
                sink(Piece::Frame(Frame::item(self.started.split().freeze(), item)));
            }
        }
        self.started.extend_from_slice(&bytes[start..]);
        if self.started.len() > self.limit {
            self.is_over = true;
            sink(Piece::Unread(self.finish()));
        }
    }

    /// What is left when the stream has ended: the closing bracket, or an object that was cut off.
    pub(in super::super) fn finish(&mut self) -> Bytes {
        self.started.split().freeze()
    }

    pub(in super::super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// The next byte that means something; what a backslash escapes means nothing.
    fn next_mark(&mut self, bytes: &[u8]) -> Option<usize> {
        if !self.in_string {
            return memchr3(b'"', b'{', b'}', bytes);
        }
        let skip = usize::from(std::mem::take(&mut self.is_escaped));
        memchr2(b'"', b'\\', bytes.get(skip..)?).map(|found| found + skip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(limit: usize, pieces: &[&[u8]]) -> (Vec<String>, Vec<u8>) {
        let mut splitter = Splitter::new(limit);
        let (mut items, mut raw) = (Vec::new(), Vec::new());
        for piece in pieces {
            splitter.feed(&Bytes::copy_from_slice(piece), |piece| match piece {
                Piece::Frame(frame) => {
                    raw.extend_from_slice(&frame.raw);
                    items.extend(frame.event().map(|event| event.data.into_owned()));
                }
                Piece::Unread(bytes) => raw.extend_from_slice(&bytes),
            });
        }
        raw.extend_from_slice(&splitter.finish());
        (items, raw)
    }

    #[test]
    fn where_a_list_is_cut_changes_nothing() {
        let text = "[{\"a\": \"}\\\"{\\\\\"}\n,\r\n{\"b\": [{\"c\": \"é\"}, {}]}\n,{}\n]\n".as_bytes();
        let items = ["{\"a\": \"}\\\"{\\\\\"}", "{\"b\": [{\"c\": \"é\"}, {}]}", "{}"];
        for one in 0..=text.len() {
            for two in one..=text.len() {
                let found = read(99, &[&text[..one], &text[one..two], &text[two..]]);
                assert_eq!(found, (items.map(str::to_owned).to_vec(), text.to_vec()), "{one} {two}");
            }
        }
    }

    #[test]
    fn an_object_over_the_limit_ends_the_reading_and_loses_nothing() {
        let text = b"[{\"a\":1},{\"a\":12345},{}]";
        for cut in 0..text.len() {
            assert_eq!(read(9, &[&text[..cut], &text[cut..]]), (vec!["{\"a\":1}".to_owned()], text.to_vec()));
        }
    }

    #[test]
    fn what_is_no_list_of_objects_comes_through() {
        for text in ["", "[]", "}}]", "[1,\"{\"]", "{\"error\":{}}", "[{\"a\": \""] {
            assert_eq!(read(99, &[text.as_bytes()]).1, text.as_bytes());
        }
    }
}
