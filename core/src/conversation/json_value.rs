//! A part of a JSON text as extensions get it: a tree only when one asks for it.

use std::any::Any;
use std::sync::Arc;

use super::body::HostValue;
use super::json_body::Part;
use crate::error::{Error, ErrorKind, Result};
use crate::json::{OwnedDocument, VALUE_DEPTH};

/// A part of a [`JsonBody`](super::JsonBody).
#[derive(Debug)]
pub struct JsonValue {
    document: Arc<OwnedDocument>,
    part: Part,
}

impl JsonValue {
    pub(super) fn new(document: Arc<OwnedDocument>, part: Part) -> Self {
        Self { document, part }
    }

    pub(super) fn is_part_of(&self, document: &Arc<OwnedDocument>, part: Part) -> bool {
        Arc::ptr_eq(&self.document, document) && self.part == part
    }
}

impl HostValue for JsonValue {
    fn as_any(&self) -> &dyn Any {
        self
    }

    /// The part as a tree. What a tree cannot hold is brought near, see
    /// [`Cursor::to_value`](crate::json::Cursor::to_value); in the text it stays as it is unless it is changed.
    fn to_json(&self) -> Result<serde_json::Value> {
        self.part.find(&self.document).and_then(|part| part.to_value()).ok_or_else(|| {
            let sentence = format!("expected at most {VALUE_DEPTH} nested lists and objects, found more");
            Error::new(ErrorKind::InvalidInput, sentence)
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::conversation::{Body, JsonBody};

    #[test]
    fn what_is_nested_too_deeply_for_a_tree_is_an_error() {
        let deep = format!(r#"[{{"role":"user","x":{}{}}}]"#, "[".repeat(1000), "]".repeat(1000));
        let messages = JsonBody::parse(deep).unwrap().messages().unwrap();
        let message = messages.to_json().unwrap_err().to_string();
        assert_eq!(message, "expected at most 128 nested lists and objects, found more");
    }
}
