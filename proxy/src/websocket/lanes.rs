//! The requests of each lane of a WebSocket.

use std::collections::BTreeMap;

use super::turns::{Credit, Role, Turns};

/// Lanes that are remembered at most.
///
/// # Sources
/// Chosen by hand: far more than an agent has parallel conversations.
const MOST_LANES: usize = 64;

/// The name of a lane: the `stream_id` of its requests, which every message of their answers repeats. Requests without one
/// have a lane of their own.
///
/// # Sources
/// OpenAI's guide to the Responses API over WebSocket: what is in one lane is answered in order, lanes beside each other.
pub(super) type Lane = Option<String>;

/// The requests without the end of their answers, lane by lane.
#[derive(Debug)]
pub(super) struct Lanes<T>(BTreeMap<Lane, Turns<T>>);

impl<T> Lanes<T> {
    pub(super) fn new() -> Self {
        // An answer of nobody may come before any request.
        Self(BTreeMap::from([(None, Turns::new())]))
    }

    /// Adds a request that is sent in a lane; gives back one that is forgotten when there are too many.
    pub(super) fn ask(&mut self, lane: Lane, asked: T) -> Option<T> {
        if self.0.len() > MOST_LANES && !self.0.contains_key(&lane) {
            self.0.retain(|lane, turns| lane.is_none() || !turns.is_idle());
            if self.0.len() > MOST_LANES {
                return Some(asked);
            }
        }
        self.0.entry(lane).or_insert_with(Turns::new).ask(asked)
    }

    /// Whose a message is that comes in this lane, has this role and is about the response with this id.
    pub(super) fn hear(&mut self, lane: &Lane, role: Role, id: Option<String>) -> Credit<'_, T> {
        self.0.get_mut(lane).map_or(Credit::Nobodys, |turns| turns.hear(role, id))
    }

    /// All that wait.
    pub(super) fn into_waiting(self) -> impl Iterator<Item = T> {
        self.0.into_values().flat_map(Turns::into_waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(name: &str) -> Lane {
        Some(name.to_owned())
    }

    #[test]
    fn lanes_do_not_know_of_each_other() {
        let mut lanes = Lanes::new();
        for (name, asked) in [(lane("a"), 1), (lane("b"), 2), (None, 3)] {
            assert_eq!(lanes.ask(name, asked), None);
        }
        let id = |id: &str| Some(id.to_owned());
        assert_eq!(lanes.hear(&lane("b"), Role::Begins, id("r")), Credit::Part(&mut 2));
        assert_eq!(lanes.hear(&lane("a"), Role::Begins, id("q")), Credit::Part(&mut 1));
        assert_eq!(lanes.hear(&lane("b"), Role::Goes, None), Credit::Part(&mut 2));
        assert_eq!(lanes.hear(&lane("a"), Role::Ends, id("q")), Credit::End(1));
        assert_eq!(lanes.hear(&None, Role::Fails, None), Credit::End(3));
        assert_eq!(lanes.hear(&lane("c"), Role::Fails, None), Credit::Nobodys);
        assert_eq!(lanes.into_waiting().collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn of_too_many_lanes_those_are_forgotten_that_wait_for_nothing() {
        let mut lanes = Lanes::new();
        for number in 0..MOST_LANES {
            assert_eq!(lanes.ask(lane(&number.to_string()), number), None);
        }
        assert_eq!(lanes.ask(lane("one more"), 99), Some(99));
        assert_eq!(lanes.hear(&lane("7"), Role::Fails, None), Credit::End(7));
        assert_eq!(lanes.ask(lane("one more"), 99), None);
        assert_eq!(lanes.into_waiting().count(), MOST_LANES);
    }
}
