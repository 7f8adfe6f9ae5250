//! What names a place in a conversation: a digest of what was said before it.

use std::borrow::Cow;

use headroom_core::json::{Cursor, Kind};

/// Names a turn of the model by everything up to its end.
pub(crate) type Key = [u8; 16];

/// Values nested deeper are taken as they are written.
///
/// # Sources
/// The deepest mark of a prompt cache stands in a block of a tool's result: four levels inside of its message.
const DEPTH: usize = 8;

/// A place in a conversation.
#[derive(Debug, Clone)]
pub(crate) struct Place(blake3::Hasher);

/// What the model said in a turn.
#[derive(Default)]
pub(super) struct Said {
    text: blake3::Hasher,
    has_text: bool,
    pub(super) calls: Vec<String>,
}

impl Said {
    /// Whether nothing was said that could be told again.
    pub(super) fn is_empty(&self) -> bool {
        !self.has_text && self.calls.is_empty()
    }

    /// A text, or the texts of blocks.
    pub(super) fn content(&mut self, entry: Cursor<'_>, key: &str) {
        if let Some(spoken) = text(entry, key) {
            return self.text(&spoken);
        }
        for block in list(entry, key) {
            if !is(block, "type", "thinking")
                && let Some(spoken) = text(block, "text")
            {
                self.text(&spoken);
            }
        }
    }

    pub(super) fn text(&mut self, spoken: &str) {
        for word in spoken.split_whitespace() {
            self.has_text = true;
            self.text.update(word.as_bytes());
        }
    }
}

impl Place {
    /// The start of a conversation, or of whatever else has a name.
    pub(super) fn new(kind: &[u8]) -> Self {
        let mut place = Self(blake3::Hasher::new());
        place.note(kind);
        place
    }

    pub(super) fn note(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    pub(super) fn key(&self) -> Key {
        let mut key = [0; 16];
        self.0.finalize_xof().fill(&mut key);
        key
    }

    /// Takes a turn of the model in.
    pub(super) fn say(&mut self, said: &Said) -> Key {
        self.note(b"model");
        self.note(said.text.finalize().as_bytes());
        said.calls.iter().for_each(|call| self.note(call.as_bytes()));
        self.key()
    }

    /// Takes in what somebody else said. A text is the same alone and as the only block.
    pub(super) fn hear(&mut self, value: Cursor<'_>, depth: usize) {
        if depth == DEPTH {
            return self.note(value.raw().as_bytes());
        }
        match value.kind() {
            Kind::Object => {
                self.note(b"{");
                for (name, member) in value.members() {
                    if name.is_string("cache_control") {
                        continue;
                    }
                    self.note(name.raw().as_bytes());
                    if name.is_string("content") && member.kind() == Kind::String {
                        self.block(member);
                        self.note(b"]");
                    } else {
                        self.hear(member, depth + 1);
                    }
                }
                self.note(b"}");
            }
            Kind::Array => {
                for item in value.items() {
                    let text = if is(item, "type", "text") { item.get("text").one() } else { None };
                    match text.filter(|text| text.kind() == Kind::String) {
                        Some(text) => self.block(text),
                        None => self.hear(item, depth + 1),
                    }
                }
                self.note(b"]");
            }
            _ => self.note(value.raw().as_bytes()),
        }
    }

    fn block(&mut self, text: Cursor<'_>) {
        self.note(b"text");
        self.note(text.raw().as_bytes());
    }
}

pub(super) fn is(value: Cursor<'_>, key: &str, text: &str) -> bool {
    value.get(key).one().is_some_and(|member| member.is_string(text))
}

pub(super) fn text(value: Cursor<'_>, key: &str) -> Option<String> {
    value.get(key).one()?.as_str().map(Cow::into_owned)
}

pub(super) fn list<'d>(value: Cursor<'d>, key: &str) -> impl Iterator<Item = Cursor<'d>> {
    value.get(key).one().into_iter().flat_map(|list| list.items())
}
