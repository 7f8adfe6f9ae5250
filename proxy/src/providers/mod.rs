//! What the proxy knows of the four APIs: their routes, their streams, their errors, their tool calls. Pure functions of
//! bytes and JSON that need no socket.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

use crate::sse;

/// An API whose requests go through the stages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Api {
    /// OpenAI Chat Completions.
    Chat,
    /// OpenAI Responses, over HTTP or WebSocket.
    Responses,
    /// Anthropic Messages.
    Messages,
    /// Gemini `generateContent` and `streamGenerateContent`.
    Gemini,
}

/// What a method, a path and headers ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// `openai`, `anthropic` or `gemini`: whose upstream it goes to.
    pub provider: &'static str,
    /// The API when the request goes through the stages; none passes through.
    pub api: Option<Api>,
    /// The model when the path names it (Gemini).
    pub model: Option<String>,
    /// Whether the path itself asks for a stream (Gemini).
    pub streams: bool,
}

/// What the body of a request says that the proxy needs to know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The model; empty when the body names none.
    pub model: String,
    /// Whether the client wants a stream.
    pub stream: bool,
    /// Whether the request offers tools.
    pub has_tools: bool,
}

/// Where a request goes. Never fails: what it does not know passes through to the provider that the path and headers name,
/// OpenAI when they name none.
pub fn route(_method: &Method, _path: &str, _headers: &HeaderMap) -> Route {
    unimplemented!()
}

/// The provider's own token account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the request, cached ones included.
    pub input: u64,
    /// Of those, read from the provider's prompt cache.
    pub cached: u64,
    /// Tokens of the answer.
    pub output: u64,
}

/// Puts a stream together into the response that the API would have given without streaming.
pub trait Assembler: Send {
    /// Takes the next event.
    fn feed(&mut self, event: &sse::Event<'_>);
    /// The response so far; none when the stream did not say anything that a response could be made of.
    fn response(&self) -> Option<Value>;
}

impl Api {
    /// `openai`, `anthropic` or `gemini`.
    pub fn provider(self) -> &'static str {
        unimplemented!()
    }

    /// What a request body says.
    pub fn facts(self, _body: &headroom_core::JsonBody) -> Facts {
        unimplemented!()
    }

    /// An error in the API's own shape.
    pub fn error(self, _status: StatusCode, _message: &str) -> Bytes {
        unimplemented!()
    }

    /// An assembler for its streams.
    pub fn assembler(self) -> Box<dyn Assembler> {
        unimplemented!()
    }

    /// A response as the events of a stream that is correct for this API, with the end that it has.
    pub fn stream_of(self, _response: &Value) -> Vec<Bytes> {
        unimplemented!()
    }

    /// The provider's token account in a response.
    pub fn usage(self, _response: &Value) -> Option<Usage> {
        unimplemented!()
    }
}
