//! The provider's account of tokens, found without reading the rest of an answer.

use headroom_core::json::{Cursor, Document, VALUE_DEPTH};
use memchr::memmem;
use serde_json::{Map, Value, json};

use super::{Api, Usage};
use crate::sse::Frame;

impl Api {
    /// The account in the bytes of a response.
    pub fn usage_in(self, response: &[u8]) -> Option<Usage> {
        let document = Document::parse(std::str::from_utf8(response).ok()?, VALUE_DEPTH).ok()?;
        let account = document.root().get(self.account_key()).one()?.to_value()?;
        self.usage(&json!({ self.account_key(): account }))
    }

    fn account_key(self) -> &'static str {
        if self == Self::Gemini { "usageMetadata" } else { "usage" }
    }
}

/// The account of a stream. Some providers tell it in parts; what is told later counts.
#[derive(Debug)]
pub struct Account {
    api: Api,
    members: Map<String, Value>,
}

impl Account {
    /// Of a stream of an API.
    pub fn new(api: Api) -> Self {
        Self { api, members: Map::new() }
    }

    /// Takes what the next frame says of it; most say nothing, and those are not read.
    pub fn frame(&mut self, frame: &Frame) {
        if memmem::find(&frame.raw, self.api.account_key().as_bytes()).is_none() {
            return;
        }
        let Some(event) = frame.event() else { return };
        let Ok(document) = Document::parse(&event.data, VALUE_DEPTH) else { return };
        let root = document.root();
        let inside = match self.api {
            Api::Messages => root.get("message").one(),
            Api::Responses => root.get("response").one(),
            Api::Chat | Api::Gemini => None,
        };
        let key = self.api.account_key();
        let account = |place: Cursor<'_>| place.get(key).one().and_then(|account| account.to_value());
        for place in inside.into_iter().chain([root]) {
            if let Some(Value::Object(told)) = account(place) {
                self.members.extend(told.into_iter().filter(|(_, count)| !count.is_null()));
            }
        }
    }

    /// The account so far.
    pub fn usage(mut self) -> Option<Usage> {
        if self.members.is_empty() {
            return None;
        }
        let members = std::mem::take(&mut self.members);
        self.api.usage(&json!({ self.api.account_key(): members }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::{Framing, Reader};
    use crate::sse::Piece;

    fn of_stream(api: Api, framing: Framing, stream: &str) -> Option<Usage> {
        let mut account = Account::new(api);
        let mut reader = Reader::new(framing, 1 << 20);
        reader.feed(&stream.to_owned().into(), |piece| {
            if let Piece::Frame(frame) = piece {
                account.frame(&frame);
            }
        });
        account.usage()
    }

    #[test]
    fn a_stream_is_counted_as_its_response_is() {
        for (api, framing, stream) in [
            (Api::Chat, Framing::Events, include_str!("../../tests/streams/chat_mixed.sse")),
            (Api::Messages, Framing::Events, include_str!("../../tests/streams/messages_thinking.sse")),
            (Api::Responses, Framing::Events, include_str!("../../tests/streams/responses_text.sse")),
            (Api::Gemini, Framing::Events, include_str!("../../tests/streams/gemini_text.sse")),
            (Api::Gemini, Framing::Array, include_str!("../../tests/streams/gemini_text.json")),
        ] {
            let mut assembler = api.assembler();
            Reader::new(framing, 1 << 20).feed(&stream.to_owned().into(), |piece| {
                if let Piece::Frame(frame) = piece
                    && let Some(event) = frame.event()
                {
                    assembler.feed(&event);
                }
            });
            let response = assembler.response().unwrap();
            let expected = api.usage(&response);
            assert!(expected.is_some_and(|usage| usage.output > 0), "{api:?}: {response}");
            assert_eq!(of_stream(api, framing, stream), expected, "{api:?}");
            assert_eq!(api.usage_in(response.to_string().as_bytes()), expected, "{api:?}");
        }
    }

    #[test]
    fn what_only_speaks_of_usage_is_no_account() {
        let text =
            "data: {\"choices\":[{\"delta\":{\"content\":\"\\\"usage\\\"\"}}],\"usage\":null}\n\ndata: usage\n\n";
        assert_eq!(of_stream(Api::Chat, Framing::Events, text), None);
        for response in [&b"usage"[..], b"\xff", b"{\"usage\":7}", b"{\"a\":{\"usage\":{\"prompt_tokens\":1}}}"] {
            assert_eq!(Api::Chat.usage_in(response), None);
        }
    }
}
