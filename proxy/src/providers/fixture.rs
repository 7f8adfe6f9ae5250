//! What the tests of the four APIs share.

use bytes::Bytes;
use serde_json::Value;

use super::Api;
use crate::sse::{Piece, Splitter};

/// The name and the data of one event.
pub(super) fn read(event: &Bytes) -> (String, String) {
    let [event] = &events(event)[..] else { panic!("expected one event, found {event:?}") };
    event.clone()
}

/// The names and data of the events of a stream.
pub(super) fn events(stream: &[u8]) -> Vec<(String, String)> {
    let mut splitter = Splitter::new(1 << 20);
    let mut events = Vec::new();
    splitter.feed(&Bytes::copy_from_slice(stream), |piece| match piece {
        Piece::Frame(frame) => {
            events.extend(frame.event().map(|event| (event.name.into_owned(), event.data.into_owned())));
        }
        Piece::Unread(bytes) => panic!("unread: {bytes:?}"),
    });
    events
}

/// What a stream is when it is put together.
pub(super) fn assembled(api: Api, stream: &[u8]) -> Option<Value> {
    let mut assembler = api.assembler();
    for (name, data) in events(stream) {
        assembler.feed(&crate::sse::Event { name: name.into(), data: data.into() });
    }
    assembler.response()
}

/// Checks that the stream of a response is that response.
pub(super) fn round_trips(api: Api, response: &Value) {
    assert_eq!(assembled(api, &api.stream_of(response).concat()).as_ref(), Some(response));
}
