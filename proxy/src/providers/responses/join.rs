//! The rounds of a turn of OpenAI Responses as one response.

use std::collections::BTreeMap;

use headroom_core::ccr::RETRIEVE_TOOL;
use serde_json::Value;

use super::super::join::{self, Sorted};
use super::super::value::{index, list, text, usage_of};

fn is_retrieval(item: &Value) -> bool {
    text(item, "type") == "function_call" && text(item, "name") == RETRIEVE_TOOL
}

/// Everything of the last response, with the identity of the first and the items of all.
pub(in super::super) fn join(rounds: &[Value]) -> Option<Value> {
    let (first, last) = (rounds.first()?, rounds.last()?);
    let mut joined = last.clone();
    let Some(members) = joined.as_object_mut() else { return Some(joined) };
    for key in ["id", "created_at"] {
        if let Some(value) = first.get(key) {
            members.insert(key.to_owned(), value.clone());
        }
    }
    let items = rounds.iter().flat_map(|round| list(round, "output")).filter(|item| !is_retrieval(item));
    members.insert("output".into(), items.cloned().collect());
    if let Some(usage) = usage_of(rounds, "usage") {
        members.insert("usage".into(), usage);
    }
    Some(joined)
}

/// Tells the events of a call of the tool from all others, and numbers the events and items that the client sees.
#[derive(Debug, Default)]
pub(in super::super) struct Sorter {
    is_later_round: bool,
    withholds: bool,
    has_ended: bool,
    /// The items of this round: where the client sees them, if it does.
    places: BTreeMap<u64, Option<u64>>,
    next_place: u64,
    next_number: u64,
}

impl join::Sorter for Sorter {
    fn sort(&mut self, event: Value) -> Sorted {
        let kind = text(&event, "type");
        if self.is_later_round && matches!(kind, "response.created" | "response.in_progress" | "response.queued") {
            return Sorted::nothing();
        }
        if matches!(kind, "response.completed" | "response.incomplete" | "response.failed") {
            self.has_ended = true;
            let is_same = !self.withholds && !self.is_later_round;
            return if is_same { Sorted::same() } else { Sorted::end(event) };
        }
        let at = index(&event, "output_index");
        if let Some(at) = at {
            if kind == "response.output_item.added" {
                let is_retrieval = event.get("item").is_some_and(is_retrieval);
                self.withholds |= is_retrieval;
                self.places.insert(at, (!is_retrieval).then_some(self.next_place));
                self.next_place += u64::from(!is_retrieval);
            }
            if self.places.get(&at) == Some(&None) {
                return Sorted::nothing();
            }
        }
        if !self.withholds && !self.is_later_round {
            self.next_number =
                index(&event, "sequence_number").map_or(self.next_number, |number| number.saturating_add(1));
            return Sorted::same();
        }
        let place = at.and_then(|at| self.places.get(&at).copied().flatten());
        Sorted::changed(self.numbered(event, place))
    }

    fn withholds(&self) -> bool {
        self.withholds
    }

    fn has_ended(&self) -> bool {
        self.has_ended
    }

    fn close(&mut self, mut end: Value, _rounds: usize, joined: &Value) -> Value {
        if let Some(response) = end.get_mut("response") {
            *response = joined.clone();
        }
        self.numbered(end, None)
    }

    fn next_round(&mut self) {
        let (next_place, next_number) = (self.next_place, self.next_number);
        *self = Self { is_later_round: true, next_place, next_number, ..Self::default() };
    }

    fn fail(&mut self, error: Value) -> Value {
        self.numbered(error, None)
    }
}

impl Sorter {
    /// An event with the number that is next, and the place of its item.
    fn numbered(&mut self, mut event: Value, place: Option<u64>) -> Value {
        if let Some(number) = event.get_mut("sequence_number") {
            *number = self.next_number.into();
            self.next_number = self.next_number.saturating_add(1);
        }
        if let (Some(place), Some(slot)) = (place, event.get_mut("output_index")) {
            *slot = place.into();
        }
        event
    }
}
