//! The caller's data as a body of the engine that remembers its edits.

use std::any::Any;
use std::sync::{Arc, OnceLock};

use headroom_core::conversation::{Block, Body, Conversation, Edit, Path, Shape, Value, detect_shape, read};
use headroom_core::{JsonBody, Result};

use crate::split::Split;

/// A list of messages or a request body from JavaScript.
///
/// As long as only texts were replaced, the edits say all: the caller applies them to its own live objects, and the JSON is
/// not even written. When an extension or a hook replaced a part, the whole text does.
#[derive(Debug)]
pub(crate) struct JsBody {
    origin: Origin,
    /// Everything as one JSON text, made when somebody asks for it.
    whole: OnceLock<JsonBody>,
}

#[derive(Debug)]
enum Origin {
    /// What the caller gave, with the texts of some blocks replaced.
    Given(Arc<Split>, Vec<(Block, String)>),
    /// A part was replaced; the whole is there.
    Replaced,
}

impl JsBody {
    /// Reads JSON bytes and the texts that they refer to.
    ///
    /// # Errors
    /// [`InvalidInput`](headroom_core::ErrorKind::InvalidInput) when they are no JSON.
    pub(crate) fn read(json: &[u8], texts: Vec<String>) -> Result<Self> {
        Ok(Self::given(Arc::new(Split::read(json, texts)?), Vec::new()))
    }

    fn given(split: Arc<Split>, edits: Vec<(Block, String)>) -> Self {
        Self { origin: Origin::Given(split, edits), whole: OnceLock::new() }
    }

    /// Bytes of everything that the caller gave, as far as that is known without looking; 0 when a part was replaced.
    pub(crate) fn len(&self) -> usize {
        match &self.origin {
            Origin::Given(split, _) => split.len(),
            Origin::Replaced => 0,
        }
    }

    /// The provider whose API has this shape; empty when there is none.
    pub(crate) fn provider(&self) -> &'static str {
        let shape = match &self.origin {
            Origin::Given(split, _) => split.root().and_then(|root| detect_shape(&root)),
            Origin::Replaced => self.whole().and_then(JsonBody::shape),
        };
        shape.map_or("", Shape::provider)
    }

    /// Everything as one JSON text.
    ///
    /// # Errors
    /// [`InvalidInput`](headroom_core::ErrorKind::InvalidInput) when it has 4 GiB or more.
    pub(crate) fn whole(&self) -> Result<&JsonBody> {
        if let (None, Origin::Given(split, edits)) = (self.whole.get(), &self.origin) {
            let mut whole = split.whole()?;
            if !edits.is_empty() {
                let blocks = edits.iter().map(|(block, _)| block.clone()).collect();
                let texts = edits.iter().enumerate();
                let edits: Vec<_> = texts.map(|(block, (_, text))| Edit { block, text: text.clone() }).collect();
                let shape = whole.shape()?;
                whole = whole.edited(&Conversation { shape, message_count: 0, blocks }, &edits)?;
            }
            return Ok(self.whole.get_or_init(|| whole));
        }
        Ok(self.whole.get().expect("a replaced body is made with its whole"))
    }

    /// The texts that replace others of the caller's data, or `None` when more than texts was replaced.
    pub(crate) fn edits(&self) -> Option<impl Iterator<Item = (&Path, &str)>> {
        match &self.origin {
            Origin::Given(_, edits) => Some(edits.iter().map(|(block, text)| (&block.path, text.as_str()))),
            Origin::Replaced => None,
        }
    }

    /// Whether it is the caller's own text.
    pub(crate) fn is_original(&self) -> bool {
        matches!(&self.origin, Origin::Given(_, edits) if edits.is_empty())
    }

    fn replaced(body: &dyn Body) -> Arc<dyn Body> {
        let json = body.as_any().downcast_ref::<JsonBody>().expect("a JsonBody makes only its own kind").clone();
        Arc::new(Self { origin: Origin::Replaced, whole: OnceLock::from(json) })
    }
}

impl Body for JsBody {
    fn conversation(&self) -> Result<Conversation> {
        match &self.origin {
            Origin::Given(split, edits) if edits.is_empty() => read(&split.root()?),
            _ => self.whole()?.conversation(),
        }
    }

    fn with_edits(&self, conversation: &Conversation, edits: &[Edit]) -> Result<Arc<dyn Body>> {
        let edited = |edit: &Edit| Some((conversation.blocks.get(edit.block)?.clone(), edit.text.clone()));
        if let Origin::Given(split, before) = &self.origin
            && before.is_empty()
            && let Some(edited) = edits.iter().map(edited).collect()
        {
            return Ok(Arc::new(Self::given(Arc::clone(split), edited)));
        }
        self.whole()?.with_edits(conversation, edits).map(|body| Self::replaced(&*body))
    }

    fn messages(&self) -> Option<Value> {
        self.whole().ok()?.messages()
    }

    fn payload(&self) -> Option<Value> {
        self.whole().ok()?.payload()
    }

    fn with_messages(&self, messages: &Value) -> Result<Arc<dyn Body>> {
        self.whole()?.with_messages(messages).map(|body| Self::replaced(&*body))
    }

    fn with_payload(&self, payload: &Value) -> Result<Arc<dyn Body>> {
        self.whole()?.with_payload(payload).map(|body| Self::replaced(&*body))
    }

    fn tools(&self) -> Option<Value> {
        self.whole().ok()?.tools()
    }

    fn with_tools(&self, tools: &Value) -> Result<Arc<dyn Body>> {
        self.whole()?.with_tools(tools).map(|body| Self::replaced(&*body))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
