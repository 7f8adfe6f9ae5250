//! What the proxy knows of the four APIs: their routes, their streams, their errors, their tool calls. Pure functions of
//! bytes and JSON that need no socket.

mod calls;
mod chat;
mod continuation;
mod error;
mod facts;
#[cfg(test)]
mod fixture;
mod framing;
mod gemini;
mod join;
mod messages;
mod offer;
mod responses;
mod route;
mod usage;
mod value;

use std::fmt;

use serde_json::Value;

use crate::sse::Event;

pub use calls::{Outcome, ToolCall};
pub use framing::{Framing, Reader, Writer};
pub use join::{Joiner, Output};
pub use route::route;

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

/// Whose upstream a request goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Provider {
    /// OpenAI.
    OpenAi,
    /// The backend of ChatGPT, which Codex uses with a ChatGPT login: OpenAI at an address of its own.
    ChatGpt,
    /// Anthropic.
    Anthropic,
    /// Google's Gemini.
    Gemini,
}

impl Provider {
    /// `openai`, `anthropic` or `gemini`.
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenAi | Self::ChatGpt => "openai",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a method, a path and headers ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Whose upstream it goes to.
    pub provider: Provider,
    /// The API when the request goes through the stages; none passes through.
    pub api: Option<Api>,
    /// The model when the path names it (Gemini).
    pub model: Option<String>,
    /// Whether the path itself asks for a stream (Gemini).
    pub streams: bool,
    /// How the stream of an answer is written if there is one.
    pub framing: Framing,
    /// Whether the answer is not the model's but the number of the request's tokens.
    pub counts: bool,
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

impl Api {
    /// Whose API it is.
    pub fn provider(self) -> Provider {
        match self {
            Self::Chat | Self::Responses => Provider::OpenAi,
            Self::Messages => Provider::Anthropic,
            Self::Gemini => Provider::Gemini,
        }
    }

    /// An assembler for its streams.
    pub fn assembler(self) -> Box<dyn Assembler> {
        match self {
            Self::Chat => Box::<chat::Assembler>::default(),
            Self::Responses => Box::<responses::Assembler>::default(),
            Self::Messages => Box::<messages::Assembler>::default(),
            Self::Gemini => Box::<gemini::Assembler>::default(),
        }
    }

    /// A response as the events of a stream that is correct for this API, with the end that it has.
    pub fn stream_of(self, response: &Value) -> Vec<Event<'static>> {
        match self {
            Self::Chat => chat::stream_of(response),
            Self::Responses => responses::stream_of(response),
            Self::Messages => messages::stream_of(response),
            Self::Gemini => gemini::stream_of(response),
        }
    }
}
