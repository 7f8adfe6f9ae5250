//! The caller's JSON as a body of the engine that remembers its edits.

use std::any::Any;
use std::sync::Arc;

use headroom_core::conversation::{Body, Conversation, Edit, Path, Shape, Value};
use headroom_core::{JsonBody, Result};

/// A list of messages or a request body as JSON text.
///
/// As long as only texts were replaced, the edits say all: the caller applies them to its own live objects. When an
/// extension or a hook replaced a part, the whole text does.
#[derive(Debug, Clone)]
pub(crate) struct JsBody {
    json: JsonBody,
    edits: Vec<(Path, String)>,
    replaced: bool,
}

impl JsBody {
    /// Reads JSON bytes.
    ///
    /// # Errors
    /// [`InvalidInput`](headroom_core::ErrorKind::InvalidInput) when they are no JSON.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self> {
        Ok(Self { json: JsonBody::from_bytes(bytes)?, edits: Vec::new(), replaced: false })
    }

    /// The provider whose API has this shape; empty when there is none.
    pub(crate) fn provider(&self) -> &'static str {
        self.json.shape().map_or("", Shape::provider)
    }

    /// The text.
    pub(crate) fn text(&self) -> &str {
        self.json.as_str()
    }

    /// The texts that replace others of the caller's data, or `None` when more than texts was replaced.
    pub(crate) fn edits(&self) -> Option<&[(Path, String)]> {
        (!self.replaced).then_some(&self.edits)
    }

    /// Whether it is the caller's own text.
    pub(crate) fn is_original(&self) -> bool {
        !self.replaced && self.edits.is_empty()
    }

    fn replaced(body: &dyn Body) -> Arc<dyn Body> {
        let json = body.as_any().downcast_ref::<JsonBody>().expect("a JsonBody makes only its own kind").clone();
        Arc::new(Self { json, edits: Vec::new(), replaced: true })
    }
}

impl Body for JsBody {
    fn conversation(&self) -> Result<Conversation> {
        self.json.conversation()
    }

    fn with_edits(&self, conversation: &Conversation, edits: &[Edit]) -> Result<Arc<dyn Body>> {
        let json = self.json.edited(conversation, edits)?;
        let mut all = self.edits.clone();
        if !self.replaced {
            let block = |edit: &Edit| conversation.blocks.get(edit.block);
            all.extend(edits.iter().filter_map(|edit| Some((block(edit)?.path.clone(), edit.text.to_string()))));
        }
        Ok(Arc::new(Self { json, edits: all, replaced: self.replaced }))
    }

    fn messages(&self) -> Option<Value> {
        self.json.messages()
    }

    fn payload(&self) -> Option<Value> {
        self.json.payload()
    }

    fn with_messages(&self, messages: &Value) -> Result<Arc<dyn Body>> {
        self.json.with_messages(messages).map(|body| Self::replaced(&*body))
    }

    fn with_payload(&self, payload: &Value) -> Result<Arc<dyn Body>> {
        self.json.with_payload(payload).map(|body| Self::replaced(&*body))
    }

    fn tools(&self) -> Option<Value> {
        self.json.tools()
    }

    fn with_tools(&self, tools: &Value) -> Result<Arc<dyn Body>> {
        self.json.with_tools(tools).map(|body| Self::replaced(&*body))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
