//! Who listens to bodies so that there is something to tell.

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use tokio_util::task::TaskTracker;

use super::Seen;
use crate::decode;
use crate::observe::RequestRecord;
use crate::overheard::Listener;
use crate::providers::{Account, Api, Ending, EndingReader, Framing, Reader, Usage};
use crate::sse::Piece;

/// Answers up to this size are read for the provider's account of tokens when nobody else reads them.
///
/// # Sources
/// Chosen by hand: Responses repeats instructions and tools in its answers, which seldom are more than 100 KB.
const ACCOUNT_BYTES: usize = 1 << 20;

/// Answers up to this size are read where they are; larger ones where they keep nobody waiting.
///
/// # Sources
/// Chosen by hand: scanning 64 KB takes tens of microseconds.
const INLINE_BYTES: usize = 64 << 10;

/// Waits for the end of an upstream's answer.
pub(super) struct Upstream(pub(super) Seen);

impl Listener for Upstream {
    fn hear(&mut self, _: &Bytes) {}

    fn end(self, _: bool) {
        self.0.answered();
    }
}

/// Measures a request's body.
pub(super) struct Request {
    seen: Seen,
    bytes: u64,
}

impl Request {
    pub(super) fn new(seen: Seen) -> Self {
        Self { seen, bytes: 0 }
    }
}

impl Listener for Request {
    fn hear(&mut self, data: &Bytes) {
        self.bytes += data.len() as u64;
    }

    fn end(self, _: bool) {
        self.seen.note(|record| record.request_bytes = self.bytes);
    }
}

/// Measures the answer on its way to the client.
pub(super) struct Answer {
    seen: Seen,
    bytes: u64,
}

impl Answer {
    pub(super) fn new(seen: Seen) -> Self {
        Self { seen, bytes: 0 }
    }
}

impl Listener for Answer {
    fn hear(&mut self, data: &Bytes) {
        self.bytes += data.len() as u64;
    }

    fn end(self, _: bool) {
        let total_ms = self.seen.elapsed_ms();
        self.seen.note(|record| {
            record.response_bytes = self.bytes;
            record.total_ms = total_ms;
        });
    }
}

/// Looks for the provider's account of tokens in an answer that nobody else reads, and for a trace how it ended.
pub(crate) struct UsageListener {
    api: Api,
    seen: Seen,
    tasks: TaskTracker,
    heard: Heard,
}

/// What was heard so far.
enum Heard {
    /// Events, read as they come.
    Stream(Reader, Account, Option<EndingReader>),
    /// The whole answer up to a limit, with the headers that say how it is encoded.
    Text { pieces: Vec<Bytes>, left: usize, headers: HeaderMap },
    /// More than is read.
    TooMuch,
}

impl UsageListener {
    /// Listens to a stream whose frames are of at most `frame_bytes`.
    pub(crate) fn stream(api: Api, framing: Framing, frame_bytes: usize, seen: Seen, tasks: TaskTracker) -> Self {
        let ending = seen.is_traced().then(|| EndingReader::new(api));
        Self { api, seen, tasks, heard: Heard::Stream(Reader::new(framing, frame_bytes), Account::new(api), ending) }
    }

    /// Listens to an answer in one piece.
    pub(crate) fn text(api: Api, headers: HeaderMap, seen: Seen, tasks: TaskTracker) -> Self {
        Self { api, seen, tasks, heard: Heard::Text { pieces: Vec::new(), left: ACCOUNT_BYTES, headers } }
    }
}

impl Listener for UsageListener {
    fn hear(&mut self, data: &Bytes) {
        match &mut self.heard {
            Heard::Stream(reader, account, ending) => reader.feed(data, |piece| {
                if let Piece::Frame(frame) = piece {
                    account.frame(&frame);
                    if let Some(ending) = ending {
                        ending.frame(&frame);
                    }
                }
            }),
            Heard::Text { pieces, left, .. } => match left.checked_sub(data.len()) {
                Some(rest) => {
                    *left = rest;
                    pieces.push(data.clone());
                }
                None => self.heard = Heard::TooMuch,
            },
            Heard::TooMuch => {}
        }
    }

    fn end(self, is_whole: bool) {
        let Self { api, seen, tasks, heard } = self;
        match heard {
            // A stream that was cut off has told what its beginning cost.
            Heard::Stream(_, account, ending) => {
                if let Some(usage) = account.usage() {
                    seen.note(|record| record.usage = Some(usage));
                }
                if let Some(ending) = ending {
                    seen.trace(|trace| trace.ending = ending.ending());
                }
            }
            Heard::Text { pieces, left, headers } if is_whole => {
                let is_traced = seen.is_traced();
                let read = move || {
                    let text = decode::decoded(&headers, &joined(pieces), ACCOUNT_BYTES)?;
                    Some((api.usage_in(&text), is_traced.then(|| api.ending_in(&text))))
                };
                let add = |record: &mut RequestRecord, found: Option<(Option<Usage>, Option<Ending>)>| {
                    let Some((usage, ending)) = found else { return };
                    record.usage = usage;
                    if let (Some(trace), Some(ending)) = (&mut record.trace, ending) {
                        trace.ending = ending;
                    }
                };
                if ACCOUNT_BYTES - left <= INLINE_BYTES {
                    seen.note_last(move |record| add(record, read()));
                } else {
                    tasks.spawn_blocking(move || {
                        let found = read();
                        seen.note(|record| add(record, found));
                    });
                }
            }
            Heard::Text { .. } | Heard::TooMuch => {}
        }
    }
}

/// The pieces as one; most answers are one.
fn joined(pieces: Vec<Bytes>) -> Bytes {
    match <[Bytes; 1]>::try_from(pieces) {
        Ok([only]) => only,
        Err(pieces) => {
            let mut all = BytesMut::with_capacity(pieces.iter().map(Bytes::len).sum());
            pieces.iter().for_each(|piece| all.extend_from_slice(piece));
            all.freeze()
        }
    }
}
