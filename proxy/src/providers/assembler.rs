//! A stream put together.

use serde_json::Value;

use crate::sse::Event;

/// Puts a stream together into the response that the API would have given without streaming.
pub trait Assembler: Send {
    /// Takes the next event. What is not JSON says nothing.
    fn feed(&mut self, event: &Event<'_>) {
        if let Ok(data) = serde_json::from_str(&event.data) {
            self.take(&data);
        }
    }

    /// Takes the data of the next event.
    fn take(&mut self, data: &Value);

    /// The response so far; none when the stream did not say anything that a response could be made of.
    fn response(&self) -> Option<Value>;
}
