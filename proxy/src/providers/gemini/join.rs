//! The rounds of a turn of Gemini as one response.

use headroom_core::ccr::RETRIEVE_TOOL;
use serde_json::{Map, Value, json};

use super::super::join::{self, Now, Sorted};
use super::super::value::{list, text, usage_of};

fn is_retrieval(part: &Value) -> bool {
    part.get("functionCall").is_some_and(|call| text(call, "name") == RETRIEVE_TOOL)
}

/// Everything of the last response, with the identity of the first, and in the first candidate the parts of all.
pub(in super::super) fn join(rounds: &[Value]) -> Option<Value> {
    let (first, last) = (rounds.first()?, rounds.last()?);
    let mut joined = last.clone();
    let Some(members) = joined.as_object_mut() else { return Some(joined) };
    if let Some(id) = first.get("responseId") {
        members.insert("responseId".into(), id.clone());
    }
    if let Some(usage) = usage_of(rounds, "usageMetadata") {
        members.insert("usageMetadata".into(), usage);
    }
    let contents = rounds.iter().filter_map(|round| round.pointer("/candidates/0/content"));
    let parts: Vec<Value> =
        contents.flat_map(|content| list(content, "parts")).filter(|part| !is_retrieval(part)).cloned().collect();
    if let Some(Value::Object(candidate)) = joined.pointer_mut("/candidates/0") {
        let content = candidate.entry("content").or_insert_with(|| json!({"role": "model"}));
        if let Value::Object(content) = content {
            content.insert("parts".into(), parts.into());
        }
    }
    Some(joined)
}

/// Takes the calls of the tool out of the chunks.
#[derive(Debug, Default)]
pub(in super::super) struct Sorter {
    is_later_round: bool,
    withholds: bool,
    has_ended: bool,
    /// `responseId` of the first chunk.
    identity: Map<String, Value>,
}

impl join::Sorter for Sorter {
    fn sort(&mut self, mut chunk: Value) -> Sorted {
        if self.identity.is_empty()
            && let Some(id) = chunk.get("responseId")
        {
            self.identity.insert("responseId".into(), id.clone());
        }
        let (mut took, mut shows) = (false, false);
        for candidate in chunk.get_mut("candidates").and_then(Value::as_array_mut).into_iter().flatten() {
            self.has_ended |= candidate.get("finishReason").is_some_and(|reason| !reason.is_null());
            if let Some(Value::Array(parts)) = candidate.pointer_mut("/content/parts") {
                let before = parts.len();
                parts.retain(|part| !is_retrieval(part));
                took |= parts.len() < before;
                shows |= !parts.is_empty();
            }
        }
        self.withholds |= took;
        if !self.withholds && !self.is_later_round || chunk.get("error").is_some() {
            return Sorted::same();
        }
        let Value::Object(members) = &mut chunk else { return Sorted::same() };
        if self.is_later_round {
            members.extend(self.identity.clone());
        }
        if self.has_ended {
            return split(chunk, shows);
        }
        if took && !shows {
            return Sorted::nothing();
        }
        if self.is_later_round {
            members.shift_remove("usageMetadata");
        }
        Sorted::changed(chunk)
    }

    fn withholds(&self) -> bool {
        self.withholds
    }

    fn has_ended(&self) -> bool {
        self.has_ended
    }

    fn close(&mut self, mut end: Value, rounds: usize, joined: &Value) -> Value {
        if rounds > 1
            && let (Some(slot), Some(usage)) = (end.get_mut("usageMetadata"), joined.get("usageMetadata"))
        {
            slot.clone_from(usage);
        }
        end
    }

    fn next_round(&mut self) {
        *self = Self { is_later_round: true, identity: std::mem::take(&mut self.identity), ..Self::default() };
    }
}

/// A chunk at the end of a round: what it shows now, and what waits until it is known that no other round follows.
fn split(chunk: Value, shows: bool) -> Sorted {
    if !shows {
        return Sorted::end(chunk);
    }
    let (mut now, mut end) = (chunk.clone(), chunk);
    if let Value::Object(now) = &mut now {
        now.shift_remove("usageMetadata");
    }
    for candidate in now.get_mut("candidates").and_then(Value::as_array_mut).into_iter().flatten() {
        candidate.as_object_mut().map(|candidate| candidate.shift_remove("finishReason"));
    }
    for candidate in end.get_mut("candidates").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(parts) = candidate.pointer_mut("/content/parts") {
            *parts = json!([]);
        }
    }
    Sorted { now: Now::Changed(now), end: Some(end) }
}
