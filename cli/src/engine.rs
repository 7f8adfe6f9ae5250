//! One compression as the commands see it: bytes in, bytes and changed blocks out.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use headroom_core::ccr::open_store;
use headroom_core::conversation::{Block, Body as _, Conversation, JsonBody};
use headroom_core::options::CompressOptions;
use headroom_core::pipeline::{BlockReport, PipelineExtensionManager};
use headroom_core::{Call, CompressResult, Engine};
use serde::Deserialize;
use serde_json::json;

use crate::failure::Failure;

/// The model when neither the caller nor the body names one, the same as in the libraries.
const DEFAULT_MODEL: &str = "claude-sonnet-4-5-20250929";

/// Where the text stands in the conversation that is made around one text.
pub(crate) const TEXT_PATH: &str = "[1].content";

/// What is compressed.
pub(crate) enum Input {
    /// A list of messages or a request body, as JSON.
    Conversation(Vec<u8>),
    /// One tool output, and what is to be found out from it.
    Text { text: String, question: String },
}

/// A finished compression.
pub(crate) struct Compressed {
    pub(crate) result: CompressResult,
    before: Conversation,
    after: Conversation,
    is_text: bool,
}

/// A block that a transform changed.
pub(crate) struct Change<'a> {
    pub(crate) report: &'a BlockReport,
    pub(crate) before: &'a Block,
    pub(crate) after: &'a Block,
}

/// An engine whose originals go to a file, which is opened when the first original needs it.
pub(crate) fn engine(store: &str) -> Engine {
    let name = store.to_owned();
    Engine::with_lazy_store(Box::new(move || open_store(&name)))
}

/// Compresses once.
pub(crate) fn compress(
    engine: &Engine,
    input: Input,
    model: Option<String>,
    options: CompressOptions,
    extensions: Arc<PipelineExtensionManager>,
) -> Result<Compressed, Failure> {
    let (bytes, is_text) = match input {
        Input::Conversation(bytes) => (bytes, false),
        Input::Text { text, question } => {
            let messages = json!([
                {"role": "user", "content": question},
                {"role": "tool", "tool_call_id": "text", "content": text},
            ]);
            (messages.to_string().into_bytes(), true)
        }
    };
    let model = model.or_else(|| model_in(&bytes)).unwrap_or_else(|| DEFAULT_MODEL.into());
    let expected =
        "expected a list of messages or a request body of OpenAI, Anthropic or Gemini; --text takes anything";
    let body = JsonBody::from_bytes(&bytes).map_err(|error| Failure::from(error).hint(expected))?;
    let before = body.conversation().map_err(|error| Failure::from(error).hint(expected))?;
    let mut call = Call::new(body, model);
    call.options = options;
    call.extensions = extensions;
    // A failure inside gives the body back as it came, and says so in the report's warnings.
    let result = engine.compress_blocking(call)?;
    let after = result.body.conversation()?;
    Ok(Compressed { result, before, after, is_text })
}

/// The texts of a body with their paths.
pub(crate) fn texts(body: &[u8]) -> Result<Vec<(String, String)>, Failure> {
    let conversation = JsonBody::from_bytes(body).and_then(|body| body.conversation())?;
    Ok(conversation.blocks.iter().map(|block| (block.path.to_string(), block.text.to_string())).collect())
}

impl Compressed {
    /// The compressed body, or the compressed text when one text was compressed.
    pub(crate) fn bytes(&self) -> Result<&[u8], Failure> {
        if self.is_text {
            // An empty text is no block.
            let block = self.after.blocks.iter().find(|block| block.path.to_string() == TEXT_PATH);
            return Ok(block.map(|block| block.text.as_bytes()).unwrap_or_default());
        }
        let body = self.result.body.as_any().downcast_ref::<JsonBody>();
        body.map(|body| body.as_str().as_bytes())
            .ok_or_else(|| Failure::new("expected a body of JSON bytes, found another"))
    }

    /// The compressed messages or body as JSON; of one text, the text as a JSON string.
    pub(crate) fn messages_json(&self) -> Result<Cow<'_, [u8]>, Failure> {
        let bytes = self.bytes()?;
        if !self.is_text {
            return Ok(Cow::Borrowed(bytes));
        }
        let text = serde_json::to_vec(&String::from_utf8_lossy(bytes));
        text.map(Cow::Owned).map_err(|error| Failure::new(format!("cannot write the text as JSON: {error}")))
    }

    /// The conversation as it is now.
    pub(crate) fn after(&self) -> &Conversation {
        &self.after
    }

    /// Blocks that changed, in order.
    pub(crate) fn changes(&self) -> Vec<Change<'_>> {
        let by_path = |conversation| -> HashMap<String, &Block> {
            let conversation: &Conversation = conversation;
            conversation.blocks.iter().map(|block| (block.path.to_string(), block)).collect()
        };
        let (before, after) = (by_path(&self.before), by_path(&self.after));
        let changed = |report: &'_ BlockReport| report.transform.is_some();
        let blocks = self.result.report.blocks.iter().filter(|report| changed(report));
        blocks
            .filter_map(|report| {
                let (before, after) = (before.get(&report.path)?, after.get(&report.path)?);
                Some(Change { report, before, after })
            })
            .collect()
    }
}

/// The model that a request body names.
fn model_in(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Head {
        model: Option<String>,
        /// The body of a WebSocket frame.
        response: Option<Box<Head>>,
    }
    let is_object = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    let head = is_object.then(|| serde_json::from_slice::<Head>(body).ok()).flatten()?;
    let model = head.model.or_else(|| head.response?.model);
    model.filter(|model| !model.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_may_name_the_model() {
        assert_eq!(model_in(br#" {"messages":[],"model":"gpt-4o"}"#).as_deref(), Some("gpt-4o"));
        for body in [&b"[]"[..], b"{}", b"{\"model\":1}", b"{", b"", br#"["gpt-4o"]"#] {
            assert_eq!(model_in(body), None, "{body:?}");
        }
    }
}
