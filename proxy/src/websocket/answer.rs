//! Answers of our own as messages of a WebSocket.

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Map, Value};
use tungstenite::protocol::frame::coding::{Data, OpCode};

use super::frame::Frame;
use super::lanes::Lane;
use super::message::Message;
use crate::providers::Api;

/// The messages of a response: the data of the events that a stream would have, in the lane of their request.
pub(super) fn messages(api: Api, response: &Value, lane: &Lane) -> Vec<Message> {
    let events = api.stream_of(response).into_iter();
    events
        .map(|event| if lane.is_none() { message(event.data.into_owned()) } else { named(&event.data, lane) })
        .collect()
}

/// An error as a message: the event of a stream, with the status and the error that answers over HTTP have.
pub(super) fn error(api: Api, status: StatusCode, message: &str, lane: &Lane) -> Message {
    failure(api, &api.stream_error(status, message).data, status, lane)
}

/// The event of an error as such a message.
///
/// # Sources
/// OpenAI's guide to the Responses API over WebSocket.
pub(super) fn failure(api: Api, event: &str, status: StatusCode, lane: &Lane) -> Message {
    let mut event = object(event);
    let said = event.get("message").and_then(Value::as_str).unwrap_or_default();
    let mut whole: Value = serde_json::from_slice(&api.error(status, said)).unwrap_or_default();
    event.insert("status".into(), status.as_u16().into());
    event.insert("error".into(), whole.get_mut("error").map(Value::take).unwrap_or_default());
    event.extend(lane.as_ref().map(|lane| ("stream_id".to_owned(), lane.as_str().into())));
    message(Value::Object(event).to_string())
}

/// A text of our own.
pub(super) fn message(text: String) -> Message {
    Message { frames: vec![Frame::new(OpCode::Data(Data::Text), Bytes::from(text), None)] }
}

fn named(event: &str, lane: &Lane) -> Message {
    let mut event = object(event);
    event.extend(lane.as_ref().map(|lane| ("stream_id".to_owned(), lane.as_str().into())));
    message(Value::Object(event).to_string())
}

fn object(json: &str) -> Map<String, Value> {
    serde_json::from_str(json).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_error_is_understood_by_readers_of_events_and_by_readers_of_answers() {
        let message = error(Api::Responses, StatusCode::FORBIDDEN, "no", &Some("s".into()));
        let error: Value = serde_json::from_slice(&message.payload()).unwrap();
        assert_eq!((&error["type"], &error["message"], &error["status"]), (&json!("error"), &json!("no"), &json!(403)));
        assert_eq!(error["stream_id"], "s");
        assert_eq!(
            (&error["error"]["type"], &error["error"]["message"]),
            (&json!("invalid_request_error"), &json!("no"))
        );
    }
}
