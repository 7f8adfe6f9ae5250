//! An answer that is kept.

use bytes::Bytes;
use http::HeaderValue;
use serde_json::Value;
use tokio::time::Instant;

use crate::providers::{Api, Framing, Reader};
use crate::sse::Piece;

/// An answer as it came from the provider.
pub(crate) struct Kept {
    pub(crate) content_type: Option<HeaderValue>,
    /// How it is streamed; none when it is not.
    pub(crate) framing: Option<Framing>,
    pub(crate) bytes: Bytes,
    pub(super) at: Instant,
}

impl Kept {
    /// The response that it is, put together if it is a stream.
    pub(crate) fn response(&self, api: Api) -> Option<Value> {
        read(api, self.framing, &self.bytes).map(|(response, _)| response)
    }

    /// Whether it is the whole answer of the model, and asks for nothing that the proxy itself would answer.
    pub(super) fn may_be_given_again(&self, api: Api) -> bool {
        read(api, self.framing, &self.bytes)
            .is_some_and(|(response, has_ended)| has_ended && api.is_whole(&response) && !api.has_retrieval(&response))
    }
}

/// The response in the bytes of an answer, and whether the stream that it is has come to its end.
fn read(api: Api, framing: Option<Framing>, bytes: &Bytes) -> Option<(Value, bool)> {
    let Some(framing) = framing else { return Some((serde_json::from_slice(bytes).ok()?, true)) };
    let mut assembler = api.assembler();
    let mut has_ended = false;
    let mut reader = Reader::new(framing, bytes.len());
    reader.feed(bytes, |piece| {
        if let Piece::Frame(frame) = piece
            && let Some(event) = frame.event()
        {
            has_ended = api.is_last(&event);
            assembler.feed(&event);
        }
    });
    Some((assembler.response()?, has_ended && !reader.is_over()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(framing: Option<Framing>, text: &str) -> Kept {
        Kept { content_type: None, framing, bytes: text.to_owned().into(), at: Instant::now() }
    }

    #[tokio::test]
    async fn whole_streams_may_be_given_again_and_their_beginnings_may_not() {
        for (api, framing, stream) in [
            (Api::Chat, Framing::Events, include_str!("../../tests/streams/chat_text.sse")),
            (Api::Messages, Framing::Events, include_str!("../../tests/streams/messages_thinking.sse")),
            (Api::Responses, Framing::Events, include_str!("../../tests/streams/responses_text.sse")),
            (Api::Gemini, Framing::Events, include_str!("../../tests/streams/gemini_text.sse")),
            (Api::Gemini, Framing::Array, include_str!("../../tests/streams/gemini_text.json")),
        ] {
            assert!(kept(Some(framing), stream).may_be_given_again(api), "{api:?}");
            for at in (0..stream.len() * 9 / 10).filter(|at| stream.is_char_boundary(*at)) {
                assert!(!kept(Some(framing), &stream[..at]).may_be_given_again(api), "{api:?} {at}");
            }
        }
    }

    #[tokio::test]
    async fn errors_cut_turns_and_calls_for_originals_are_not_given_again() {
        for (api, stream) in [
            (Api::Chat, include_str!("../../tests/streams/chat_cut.sse")),
            (Api::Chat, include_str!("../../tests/streams/chat_error.sse")),
            (Api::Chat, include_str!("../../tests/streams/chat_retrieval_1.sse")),
            (Api::Chat, include_str!("../../tests/streams/chat_mixed.sse")),
            (Api::Messages, include_str!("../../tests/streams/messages_cut.sse")),
            (Api::Messages, include_str!("../../tests/streams/messages_error.sse")),
            (Api::Messages, include_str!("../../tests/streams/messages_retrieval_1.sse")),
            (Api::Responses, include_str!("../../tests/streams/responses_cut.sse")),
            (Api::Responses, include_str!("../../tests/streams/responses_failed.sse")),
            (Api::Responses, include_str!("../../tests/streams/responses_incomplete.sse")),
            (Api::Responses, include_str!("../../tests/streams/responses_retrieval_1.sse")),
            (Api::Gemini, include_str!("../../tests/streams/gemini_cut.sse")),
            (Api::Gemini, include_str!("../../tests/streams/gemini_blocked.sse")),
            (Api::Gemini, include_str!("../../tests/streams/gemini_retrieval_1.sse")),
        ] {
            assert!(!kept(Some(Framing::Events), stream).may_be_given_again(api), "{api:?}: {stream}");
        }
        for text in ["", "{", "null", "{\"error\":{}}", "\u{feff}"] {
            assert!(!kept(None, text).may_be_given_again(Api::Chat), "{text}");
        }
    }
}
