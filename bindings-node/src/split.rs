//! JSON whose long texts stand beside it, so that they cross from JavaScript without being escaped and read again.

use headroom_core::Result;
use headroom_core::conversation::{JsonBody, JsonNode, Node, Text};
use headroom_core::json::{Cursor, Kind, Member, OwnedDocument, encode_string, splice};

/// What begins a string that stands for a text; behind it is the number of the text. `headroom-sdk` puts every string that
/// begins like this beside the JSON, so nothing of the caller's is taken for a reference.
const REFERENCE: &str = "\"headroom:text:";

/// A list of messages or a request body in two parts.
#[derive(Debug)]
pub(crate) struct Split {
    json: JsonBody,
    texts: Vec<Text>,
}

impl Split {
    /// Takes JSON bytes and the texts that they refer to.
    ///
    /// # Errors
    /// [`InvalidInput`](headroom_core::ErrorKind::InvalidInput) when the bytes are no JSON.
    pub(crate) fn read(json: &[u8], texts: Vec<String>) -> Result<Self> {
        Ok(Self { json: JsonBody::from_bytes(json)?, texts: texts.into_iter().map(Text::new).collect() })
    }

    /// Bytes of both parts.
    pub(crate) fn len(&self) -> usize {
        self.json.as_str().len() + self.texts.iter().map(|text| text.len()).sum::<usize>()
    }

    /// What the walk begins with.
    pub(crate) fn root(&self) -> Result<SplitNode<'_>> {
        Ok(SplitNode { split: self, node: JsonNode::root(self.json.document()?) })
    }

    /// Everything as one JSON text.
    pub(crate) fn whole(&self) -> Result<JsonBody> {
        match self.expanded(self.json.document()?.root()) {
            Some(text) => JsonBody::parse(text),
            None => Ok(self.json.clone()),
        }
    }

    /// The text that a value stands for, when it stands for one.
    fn text(&self, value: Cursor<'_>) -> Option<&Text> {
        let number = value.raw().strip_prefix(REFERENCE)?.strip_suffix('"')?;
        self.texts.get(number.parse::<usize>().ok()?)
    }

    /// A value with its texts in it; `None` when it has none.
    fn expanded(&self, value: Cursor<'_>) -> Option<String> {
        if self.texts.is_empty() || !value.raw().contains(REFERENCE) {
            return None;
        }
        let start = value.span().start;
        let mut replacements = Vec::new();
        let mut open = vec![value];
        while let Some(value) = open.pop() {
            if let Some(text) = self.text(value) {
                let mut encoded = String::new();
                encode_string(text, &mut encoded);
                let span = value.span();
                replacements.push((span.start - start..span.end - start, encoded));
            }
            open.extend(value.items());
            open.extend(value.members().map(|(_, value)| value));
        }
        replacements.sort_by_key(|(span, _)| span.start);
        Some(splice(value.raw(), &replacements))
    }
}

/// A value of a [`Split`].
#[derive(Clone)]
pub(crate) struct SplitNode<'s> {
    split: &'s Split,
    node: JsonNode<'s>,
}

impl<'s> SplitNode<'s> {
    fn with(&self, node: JsonNode<'s>) -> Self {
        Self { split: self.split, node }
    }
}

impl Node for SplitNode<'_> {
    fn kind(&self) -> Kind {
        self.node.kind()
    }

    fn get(&self, key: &'static str) -> Member<Self> {
        self.node.get(key).map(|node| self.with(node))
    }

    fn len(&self) -> usize {
        self.node.len()
    }

    fn item(&self, index: usize) -> Option<Self> {
        self.node.item(index).map(|node| self.with(node))
    }

    fn items(&self) -> impl Iterator<Item = Self> {
        self.node.items().map(|node| self.with(node))
    }

    fn text(&self) -> Option<Text> {
        self.split.text(self.node.cursor()).cloned().or_else(|| self.node.text())
    }

    fn read<R>(&self, read: impl FnOnce(&str) -> R) -> Option<R> {
        match self.split.text(self.node.cursor()) {
            Some(text) => Some(read(text)),
            None => self.node.read(read),
        }
    }

    fn is_true(&self) -> bool {
        self.node.is_true()
    }

    fn json(&self) -> String {
        let expanded = self.split.expanded(self.node.cursor());
        let document = expanded.map(|text| OwnedDocument::parse(text, usize::MAX));
        // What was read before is JSON with its texts too; only its size could be too much for a document.
        document.and_then(Result::ok).map_or_else(|| self.node.json(), |document| document.root().minified())
    }
}
