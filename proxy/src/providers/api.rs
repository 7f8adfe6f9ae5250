//! The four APIs and whose they are.

use std::fmt;

use serde_json::Value;

use super::{Assembler, chat, gemini, messages, responses};
use crate::sse::Event;

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

impl Api {
    /// `chat`, `responses`, `messages` or `gemini`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Responses => "responses",
            Self::Messages => "messages",
            Self::Gemini => "gemini",
        }
    }

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
