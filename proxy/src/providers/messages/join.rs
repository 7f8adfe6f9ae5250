//! The rounds of a turn of Anthropic Messages as one message.

use std::collections::BTreeMap;

use headroom_core::ccr::RETRIEVE_TOOL;
use serde_json::{Value, json};

use super::super::join::{self, Sorted};
use super::super::value::{index, list, text, usage_of};

fn is_retrieval(block: &Value) -> bool {
    text(block, "type") == "tool_use" && text(block, "name") == RETRIEVE_TOOL
}

/// Everything of the last message, with the identity of the first and the blocks of all.
pub(in super::super) fn join(rounds: &[Value]) -> Option<Value> {
    let (first, last) = (rounds.first()?, rounds.last()?);
    let mut joined = last.clone();
    let Some(members) = joined.as_object_mut() else { return Some(joined) };
    for key in ["id", "model"] {
        if let Some(value) = first.get(key) {
            members.insert(key.to_owned(), value.clone());
        }
    }
    let blocks = rounds.iter().flat_map(|round| list(round, "content")).filter(|block| !is_retrieval(block));
    let blocks: Vec<Value> = blocks.cloned().collect();
    let has_calls = blocks.iter().any(|block| text(block, "type") == "tool_use");
    if text(last, "stop_reason") == "tool_use" && !has_calls {
        members.insert("stop_reason".into(), "end_turn".into());
    }
    members.insert("content".into(), blocks.into());
    if let Some(usage) = usage_of(rounds, "usage") {
        members.insert("usage".into(), usage);
    }
    Some(joined)
}

/// Tells the events of a block of the tool from all others and numbers the blocks that the client sees.
#[derive(Debug, Default)]
pub(in super::super) struct Sorter {
    is_later_round: bool,
    withholds: bool,
    has_ended: bool,
    /// The blocks of this round: where the client sees them, if it does.
    places: BTreeMap<u64, Option<u64>>,
    next_place: u64,
}

impl join::Sorter for Sorter {
    fn sort(&mut self, mut event: Value) -> Sorted {
        match text(&event, "type") {
            "message_start" if self.is_later_round => Sorted::nothing(),
            kind @ ("content_block_start" | "content_block_delta" | "content_block_stop") => {
                let Some(at) = index(&event, "index") else { return Sorted::same() };
                if kind == "content_block_start" {
                    let is_retrieval = event.get("content_block").is_some_and(is_retrieval);
                    self.withholds |= is_retrieval;
                    self.places.insert(at, (!is_retrieval).then_some(self.next_place));
                    self.next_place += u64::from(!is_retrieval);
                }
                match self.places.get(&at) {
                    Some(None) => Sorted::nothing(),
                    Some(Some(place)) if *place != at && (self.withholds || self.is_later_round) => {
                        event["index"] = (*place).into();
                        Sorted::changed(event)
                    }
                    _ => Sorted::same(),
                }
            }
            kind @ ("message_delta" | "message_stop") => {
                self.has_ended |= kind == "message_stop" || !event["delta"]["stop_reason"].is_null();
                if self.withholds || self.is_later_round { Sorted::end(event) } else { Sorted::same() }
            }
            _ => Sorted::same(),
        }
    }

    fn withholds(&self) -> bool {
        self.withholds
    }

    fn has_ended(&self) -> bool {
        self.has_ended
    }

    fn close(&mut self, mut end: Value, rounds: usize, joined: &Value) -> Value {
        if text(&end, "type") != "message_delta" {
            return end;
        }
        if let Some(reason) = end.pointer_mut("/delta/stop_reason") {
            *reason = joined.get("stop_reason").cloned().unwrap_or_default();
        }
        // The account of a `message_delta` has numbers, and the details that are objects of numbers.
        if rounds > 1
            && let Some(Value::Object(usage)) = joined.get("usage")
        {
            let counts = usage.iter().filter(|(key, value)| {
                value.is_number() || matches!(key.as_str(), "server_tool_use" | "output_tokens_details")
            });
            end["usage"] = json!(counts.collect::<BTreeMap<_, _>>());
        }
        end
    }

    fn next_round(&mut self) {
        *self = Self { is_later_round: true, next_place: self.next_place, ..Self::default() };
    }
}
