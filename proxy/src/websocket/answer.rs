//! Answers of our own as messages of a WebSocket.

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use tungstenite::protocol::frame::coding::{Data, OpCode};

use super::frame::Frame;
use super::message::Message;
use crate::providers::Api;

/// The messages of a response: the data of the events that a stream would have.
pub(super) fn messages(api: Api, response: &Value) -> Message {
    Message { frames: api.stream_of(response).into_iter().map(|event| text(event.data.into_owned())).collect() }
}

/// An error as a message: the event of a stream, with the status and the error that answers over HTTP have.
///
/// # Sources
/// OpenAI's guide to the Responses API over WebSocket.
pub(super) fn error(api: Api, status: StatusCode, message: &str) -> Message {
    let mut event: Value = serde_json::from_str(&api.stream_error(status, message).data).unwrap_or_else(|_| json!({}));
    let mut whole: Value = serde_json::from_slice(&api.error(status, message)).unwrap_or_default();
    if let Some(members) = event.as_object_mut() {
        members.insert("status".into(), status.as_u16().into());
        members.insert("error".into(), whole.get_mut("error").map(Value::take).unwrap_or_default());
    }
    Message { frames: vec![text(event.to_string())] }
}

fn text(text: String) -> Frame {
    Frame::new(OpCode::Data(Data::Text), Bytes::from(text), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_understood_by_readers_of_events_and_by_readers_of_answers() {
        let message = error(Api::Responses, StatusCode::FORBIDDEN, "no");
        let error: Value = serde_json::from_slice(&message.payload()).unwrap();
        assert_eq!((&error["type"], &error["message"], &error["status"]), (&json!("error"), &json!("no"), &json!(403)));
        assert_eq!(
            (&error["error"]["type"], &error["error"]["message"]),
            (&json!("invalid_request_error"), &json!("no"))
        );
    }
}
