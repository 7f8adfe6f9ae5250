//! What an answer says of itself when it ends: which model it is from, and why it stopped. Nothing of its content is read.

use std::collections::BTreeMap;

use memchr::memmem;
use serde::Deserialize;
use serde_json::Value;

use super::Api;
use crate::sse::Frame;

/// How an answer ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ending {
    /// The model as the answer names it; empty when it names none.
    pub model: String,
    /// Why it stopped, in the provider's words, one for each of its choices.
    pub reasons: Vec<String>,
}

/// The members of answers, and of events of streams, that tell.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Told {
    model: Option<String>,
    #[serde(rename = "modelVersion")]
    model_version: Option<String>,
    #[serde(alias = "candidates")]
    choices: Vec<Choice>,
    stop_reason: Option<String>,
    status: Option<String>,
    incomplete_details: Option<Incomplete>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    index: u64,
    #[serde(default, alias = "finishReason")]
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Incomplete {
    reason: Option<String>,
}

/// An event of Messages.
#[derive(Deserialize, Default)]
#[serde(default)]
struct MessagesEvent {
    message: Option<Told>,
    delta: Option<Told>,
}

/// An event of Responses.
#[derive(Deserialize, Default)]
#[serde(default)]
struct ResponsesEvent {
    response: Option<Told>,
}

/// The ending of an answer that comes in pieces.
#[derive(Debug)]
pub struct EndingReader {
    api: Api,
    model: String,
    reasons: BTreeMap<u64, String>,
}

impl Api {
    /// The ending of a response.
    ///
    /// # Sources
    /// The API references. Responses has no reason to stop: it is `incomplete_details.reason`, or else the status.
    pub fn ending(self, response: &Value) -> Ending {
        let mut reader = EndingReader::new(self);
        reader.take(Told::deserialize(response).unwrap_or_default());
        reader.ending()
    }

    /// The ending in the bytes of a response.
    pub fn ending_in(self, response: &[u8]) -> Ending {
        let mut reader = EndingReader::new(self);
        reader.take(serde_json::from_slice(response).unwrap_or_default());
        reader.ending()
    }
}

impl EndingReader {
    /// Of a stream of an API.
    pub fn new(api: Api) -> Self {
        Self { api, model: String::new(), reasons: BTreeMap::new() }
    }

    /// Takes what the next frame says of it; most say nothing, and those are not read.
    pub fn frame(&mut self, frame: &Frame) {
        let key: &[u8] = match self.api {
            Api::Chat => b"\"finish_reason\"",
            Api::Messages => b"\"stop_reason\"",
            Api::Responses => b"\"status\"",
            Api::Gemini => b"\"finishReason\"",
        };
        if !self.model.is_empty() && !has_text(&frame.raw, key) {
            return;
        }
        let Some(event) = frame.event() else { return };
        match self.api {
            Api::Chat | Api::Gemini => self.take(serde_json::from_str(&event.data).unwrap_or_default()),
            Api::Messages => {
                let MessagesEvent { message, delta } = serde_json::from_str(&event.data).unwrap_or_default();
                message.into_iter().chain(delta).for_each(|told| self.take(told));
            }
            Api::Responses => {
                let ResponsesEvent { response } = serde_json::from_str(&event.data).unwrap_or_default();
                response.into_iter().for_each(|told| self.take(told));
            }
        }
    }

    /// The ending so far.
    pub fn ending(self) -> Ending {
        Ending { model: self.model, reasons: self.reasons.into_values().collect() }
    }

    fn take(&mut self, told: Told) {
        if let Some(model) = told.model.or(told.model_version) {
            self.model = model;
        }
        for Choice { index, finish_reason } in told.choices {
            self.reasons.extend(finish_reason.map(|reason| (index, reason)));
        }
        let of_responses = || {
            let reason = told.incomplete_details.and_then(|details| details.reason);
            reason.or(told.status.filter(|status| !matches!(status.as_str(), "in_progress" | "queued")))
        };
        let reason = if self.api == Api::Responses { of_responses() } else { told.stop_reason };
        self.reasons.extend(reason.map(|reason| (0, reason)));
    }
}

/// Whether a member with this name in quotes has a text.
fn has_text(bytes: &[u8], name: &[u8]) -> bool {
    memmem::find_iter(bytes, name).any(|at| {
        let rest = bytes.get(at + name.len()..).unwrap_or_default();
        rest.iter().find(|byte| !matches!(byte, b':' | b' ' | b'\t' | b'\n' | b'\r')) == Some(&b'"')
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::providers::{Framing, Reader};
    use crate::sse::Piece;

    fn of_stream(api: Api, framing: Framing, stream: &str) -> Ending {
        let mut ending = EndingReader::new(api);
        Reader::new(framing, 1 << 20).feed(&stream.to_owned().into(), |piece| {
            if let Piece::Frame(frame) = piece {
                ending.frame(&frame);
            }
        });
        ending.ending()
    }

    #[test]
    fn a_stream_ends_as_its_response_does() {
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
            let ending = api.ending(&response);
            assert!(!ending.model.is_empty() && !ending.reasons.is_empty(), "{api:?}: {response}");
            assert_eq!(of_stream(api, framing, stream), ending, "{api:?}");
            assert_eq!(api.ending_in(response.to_string().as_bytes()), ending, "{api:?}");
        }
    }

    #[test]
    fn every_choice_has_its_reason_in_the_order_of_the_choices() {
        let chat = json!({"model": "m", "choices": [
            {"index": 1, "finish_reason": "length"}, {"index": 0, "finish_reason": "stop"}, {"index": 2}]});
        let expected = Ending { model: "m".into(), reasons: vec!["stop".into(), "length".into()] };
        assert_eq!(Api::Chat.ending(&chat), expected);
        let cut = json!({"model": "m", "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}});
        assert_eq!(Api::Responses.ending(&cut).reasons, ["max_output_tokens"]);
    }

    #[test]
    fn what_is_no_answer_has_no_ending() {
        for response in [json!(null), json!([1]), json!({"model": 7}), json!({"choices": {}}), json!({"error": "no"})] {
            for api in [Api::Chat, Api::Responses, Api::Messages, Api::Gemini] {
                assert_eq!(api.ending(&response), Ending::default(), "{response}");
                assert_eq!(api.ending_in(response.to_string().as_bytes()), Ending::default());
            }
        }
        assert_eq!(
            of_stream(Api::Messages, Framing::Events, "data: {\"delta\":\"\\\"stop_reason\\\"\"}\n\n"),
            Ending::default()
        );
    }
}
