//! Chunks of `streamGenerateContent` put together.

use serde_json::{Map, Value, json};

use super::super::value::{append, index, list, list_mut, overlay, text};

/// Puts chunks together: texts that follow one another become one part, a part with a signature stays as it is.
///
/// # Sources
/// Gemini's page on thought signatures: a part with one may not be merged with another.
#[derive(Debug, Default)]
pub(in super::super) struct Assembler {
    response: Map<String, Value>,
}

impl super::super::Assembler for Assembler {
    fn take(&mut self, chunk: &Value) {
        for (key, value) in chunk.as_object().into_iter().flatten() {
            if key == "candidates" {
                list(chunk, key).iter().for_each(|candidate| self.candidate(candidate));
            } else {
                overlay(&mut self.response, key, value);
            }
        }
    }

    fn response(&self) -> Option<Value> {
        (!self.response.is_empty()).then(|| Value::Object(self.response.clone()))
    }
}

impl Assembler {
    fn candidate(&mut self, candidate: &Value) {
        let Some(members) = candidate.as_object() else { return };
        let at = index(candidate, "index").unwrap_or_default();
        let candidates = list_mut(&mut self.response, "candidates");
        let found = candidates.iter().position(|old| index(old, "index").unwrap_or_default() == at);
        let Some(found) = found else { return candidates.push(candidate.clone()) };
        let Some(slot) = candidates[found].as_object_mut() else { return };
        for (key, value) in members {
            match (key.as_str(), value) {
                ("content", Value::Object(content)) => {
                    let old = slot.entry("content").or_insert_with(|| json!({}));
                    if let Value::Object(old) = old {
                        add_content(old, content);
                    }
                }
                _ => overlay(slot, key, value),
            }
        }
    }
}

fn add_content(old: &mut Map<String, Value>, content: &Map<String, Value>) {
    for (key, value) in content {
        let Value::Array(more) = value else {
            overlay(old, key, value);
            continue;
        };
        let parts = list_mut(old, key);
        let mut more = more.iter();
        if let (Some(last), Some(first)) = (parts.last_mut(), more.as_slice().first())
            && continues(last, first)
        {
            append(&mut last["text"], text(first, "text"));
            more.next();
        }
        parts.extend(more.cloned());
    }
}

/// Whether both are text and nothing else, of the same kind.
fn continues(last: &Value, next: &Value) -> bool {
    let is_text = |part: &Value| {
        part.get("text").is_some_and(Value::is_string)
            && part.as_object().is_some_and(|part| part.keys().all(|key| key == "text" || key == "thought"))
    };
    is_text(last) && is_text(next) && last.get("thought") == next.get("thought")
}

#[cfg(test)]
mod tests {
    use super::super::super::Assembler as _;
    use super::*;

    #[test]
    fn texts_grow_and_parts_with_a_signature_stay() {
        let part =
            |part: Value| json!({"candidates": [{"content": {"parts": [part], "role": "model"}}], "responseId": "r"});
        let mut assembler = Assembler::default();
        assert!(assembler.response().is_none());
        for chunk in [
            part(json!({"text": "hm", "thought": true})),
            part(json!({"text": "a"})),
            part(json!({"text": "b"})),
            part(json!({"text": "", "thoughtSignature": "s"})),
            part(json!({"text": "c"})),
            part(json!({"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "t"})),
            json!({"candidates": [{"finishReason": "STOP", "index": 0}, {"index": 1, "content": {"parts": [{"text": "z"}]}}],
                "usageMetadata": {"promptTokenCount": 1}}),
        ] {
            assembler.take(&chunk);
        }
        let parts = json!([
            {"text": "hm", "thought": true}, {"text": "ab"}, {"text": "", "thoughtSignature": "s"}, {"text": "c"},
            {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "t"},
        ]);
        let expected = json!({"candidates": [
            {"content": {"parts": parts, "role": "model"}, "finishReason": "STOP", "index": 0},
            {"index": 1, "content": {"parts": [{"text": "z"}]}},
        ], "responseId": "r", "usageMetadata": {"promptTokenCount": 1}});
        assert_eq!(assembler.response(), Some(expected));
    }
}
