//! What the tests of the four APIs share.

use serde_json::Value;

use super::Api;
use crate::sse::Event;

/// What a stream is when it is put together.
pub(super) fn assembled(api: Api, stream: &[Event<'_>]) -> Option<Value> {
    let mut assembler = api.assembler();
    stream.iter().for_each(|event| assembler.feed(event));
    assembler.response()
}

/// Checks that the stream of a response is that response.
pub(super) fn round_trips(api: Api, response: &Value) {
    assert_eq!(assembled(api, &api.stream_of(response)).as_ref(), Some(response));
}
