//! The rounds of a turn of Chat Completions as one response.

use std::collections::BTreeMap;

use headroom_core::ccr::RETRIEVE_TOOL;
use serde_json::{Map, Value};

use super::super::join::{self, Now, Sorted};
use super::super::value::{index, list, list_mut, text, usage_of};

/// What stands between the texts of two rounds, of which the client sees one: the paragraphs of different messages.
const BETWEEN: &str = "\n\n";

fn is_retrieval(call: &Value) -> bool {
    call.get("function").is_some_and(|function| text(function, "name") == RETRIEVE_TOOL)
}

/// Everything of the last response, with the identity of the first, and in the first choice the texts and calls of all.
pub(in super::super) fn join(rounds: &[Value]) -> Option<Value> {
    let (first, last) = (rounds.first()?, rounds.last()?);
    let mut joined = last.clone();
    let Some(members) = joined.as_object_mut() else { return Some(joined) };
    for key in ["id", "created"] {
        if let Some(value) = first.get(key) {
            members.insert(key.to_owned(), value.clone());
        }
    }
    if let Some(usage) = usage_of(rounds, "usage") {
        members.insert("usage".into(), usage);
    }
    if let Some(Value::Object(choice)) = joined.pointer_mut("/choices/0") {
        let earlier: Vec<&Value> =
            rounds[..rounds.len() - 1].iter().filter_map(|round| round.pointer("/choices/0")).collect();
        join_choice(choice, &earlier);
    }
    Some(joined)
}

fn join_choice(last: &mut Map<String, Value>, earlier: &[&Value]) {
    if let Some(Value::Object(message)) = last.get_mut("message") {
        let mut all = Map::new();
        for message in earlier.iter().filter_map(|choice| choice.get("message")?.as_object()).chain([&*message]) {
            add_message(&mut all, message);
        }
        let calls = list_mut(&mut all, "tool_calls");
        calls.retain(|call| !is_retrieval(call));
        if calls.is_empty() {
            all.shift_remove("tool_calls");
        }
        *message = all;
    }
    let has_calls = last.get("message").is_some_and(|message| message.get("tool_calls").is_some());
    if let Some(reason) = last.get_mut("finish_reason").filter(|reason| *reason == "tool_calls" && !has_calls) {
        *reason = "stop".into();
    }
    if let Some(Value::Object(logprobs)) = last.get_mut("logprobs") {
        for key in ["content", "refusal"] {
            let all =
                earlier.iter().flat_map(|choice| choice.get("logprobs").map_or(&[][..], |round| list(round, key)));
            let mut all: Vec<Value> = all.cloned().collect();
            if !all.is_empty() {
                let own = list_mut(logprobs, key);
                all.append(own);
                *own = all;
            }
        }
    }
}

/// Texts are appended, lists too, everything else is the later message's.
fn add_message(all: &mut Map<String, Value>, message: &Map<String, Value>) {
    for (key, value) in message {
        match (all.get_mut(key), value) {
            (Some(Value::String(text)), Value::String(more)) if key != "role" => {
                text.push_str(between(text, more));
                text.push_str(more);
            }
            (Some(Value::Array(list)), Value::Array(more)) => list.extend(more.iter().cloned()),
            (Some(old), Value::Null) if !old.is_null() => {}
            _ => {
                all.insert(key.clone(), value.clone());
            }
        }
    }
}

fn between(before: &str, after: &str) -> &'static str {
    if before.is_empty() || after.is_empty() || before.ends_with('\n') { "" } else { BETWEEN }
}

/// Takes the calls of the tool out of the chunks and numbers the calls that the client sees.
#[derive(Debug, Default)]
pub(in super::super) struct Sorter {
    is_later_round: bool,
    withholds: bool,
    has_ended: bool,
    /// The calls of this round by choice and index: where the client sees them, if it does.
    places: BTreeMap<(u64, u64), Option<u64>>,
    next_place: BTreeMap<u64, u64>,
    /// `id` and `created` of the first chunk.
    identity: Map<String, Value>,
    /// The last text that each member of the message has shown.
    shown: BTreeMap<String, Shown>,
}

/// What was shown of a text.
#[derive(Debug, Default)]
struct Shown {
    ends_line: bool,
    /// Whether it grew in this round.
    is_current: bool,
}

impl join::Sorter for Sorter {
    fn sort(&mut self, mut chunk: Value) -> Sorted {
        if !chunk.get("choices").is_some_and(Value::is_array) {
            return Sorted::same();
        }
        if self.identity.is_empty() {
            let members =
                ["id", "created"].iter().filter_map(|key| Some(((*key).to_owned(), chunk.get(*key)?.clone())));
            self.identity = members.collect();
        }
        let was_ended = self.has_ended;
        let mut took = false;
        let mut shows = false;
        if let Some(Value::Array(choices)) = chunk.get_mut("choices") {
            for choice in choices {
                let at = index(choice, "index").unwrap_or_default();
                self.has_ended |= choice.get("finish_reason").is_some_and(|reason| !reason.is_null());
                if let Some(Value::Object(delta)) = choice.get_mut("delta") {
                    took |= self.take_calls(at, delta);
                    self.follow(delta);
                    shows |= delta.values().any(is_content);
                }
            }
        }
        if !self.is_later_round && !self.withholds {
            return Sorted::same();
        }
        if self.is_later_round
            && let Value::Object(chunk) = &mut chunk
        {
            chunk.extend(self.identity.clone());
        }
        if self.has_ended || was_ended {
            return split(chunk, shows);
        }
        if took && !shows {
            return Sorted::nothing();
        }
        if self.is_later_round
            && let Some(usage) = chunk.get_mut("usage")
        {
            *usage = Value::Null;
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
        if let Some(reason) = end.pointer_mut("/choices/0/finish_reason").filter(|reason| !reason.is_null()) {
            *reason = joined.pointer("/choices/0/finish_reason").cloned().unwrap_or_default();
        }
        if rounds > 1
            && let Some(usage) = end.get_mut("usage").filter(|usage| !usage.is_null())
        {
            *usage = joined.get("usage").cloned().unwrap_or_default();
        }
        end
    }

    fn next_round(&mut self) {
        let (next_place, identity, mut shown) =
            (std::mem::take(&mut self.next_place), std::mem::take(&mut self.identity), std::mem::take(&mut self.shown));
        shown.values_mut().for_each(|shown| shown.is_current = false);
        *self = Self { is_later_round: true, next_place, identity, shown, ..Self::default() };
    }
}

impl Sorter {
    /// Takes the calls of the tool out of a delta; whether there were some.
    fn take_calls(&mut self, choice: u64, delta: &mut Map<String, Value>) -> bool {
        let Some(Value::Array(calls)) = delta.get_mut("tool_calls") else { return false };
        let before = calls.len();
        calls.retain_mut(|call| {
            let at = index(call, "index").unwrap_or_default();
            let is_retrieval = is_retrieval(call);
            let next = self.next_place.entry(choice).or_default();
            let place = *self.places.entry((choice, at)).or_insert_with(|| {
                (!is_retrieval).then(|| {
                    *next += 1;
                    *next - 1
                })
            });
            self.withholds |= place.is_none();
            if let (Some(place), Value::Object(call)) = (place, call) {
                call.insert("index".into(), place.into());
            }
            place.is_some()
        });
        let took = calls.len() < before;
        if calls.is_empty() {
            delta.shift_remove("tool_calls");
        }
        took
    }

    /// Makes the texts of a later round follow those that were shown, and drops the role, which they have.
    fn follow(&mut self, delta: &mut Map<String, Value>) {
        if self.is_later_round {
            delta.shift_remove("role");
        }
        for (key, value) in delta {
            let Value::String(text) = value else { continue };
            if text.is_empty() || key == "role" {
                continue;
            }
            let ends_line = text.ends_with('\n');
            if let Some(shown) = self.shown.get_mut(key) {
                if !shown.is_current && !shown.ends_line {
                    text.insert_str(0, BETWEEN);
                }
                *shown = Shown { ends_line, is_current: true };
            } else {
                self.shown.insert(key.clone(), Shown { ends_line, is_current: true });
            }
        }
    }
}

fn is_content(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        _ => true,
    }
}

/// A chunk at the end of a round: what it shows now, and what waits until it is known that no other round follows.
fn split(chunk: Value, shows: bool) -> Sorted {
    if !shows {
        return Sorted::end(chunk);
    }
    let mut now = chunk.clone();
    let mut end = chunk;
    if let Some(usage) = now.get_mut("usage") {
        *usage = Value::Null;
    }
    for (chunk, key, empty) in
        [(&mut now, "finish_reason", Value::Null), (&mut end, "delta", Value::Object(Map::new()))]
    {
        for choice in chunk.get_mut("choices").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(slot) = choice.get_mut(key) {
                *slot = empty.clone();
            }
        }
    }
    Sorted { now: Now::Changed(now), end: Some(end) }
}
