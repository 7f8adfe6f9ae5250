//! A map whose keys come from outside and therefore must not grow without end.

use std::collections::BTreeMap;

/// The name under which everything beyond the limit is counted.
pub(super) const OTHER: &str = "other";

/// Values by name, in the order of names; beyond `limit` distinct names, everything new is counted under `other`.
#[derive(Debug)]
pub(super) struct Bounded<V> {
    limit: usize,
    values: BTreeMap<String, V>,
}

impl<V: Default> Bounded<V> {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, values: BTreeMap::new() }
    }

    /// The value under a name, made when it is new.
    pub(super) fn entry(&mut self, name: &str) -> &mut V {
        let known = self.values.contains_key(name);
        let name = if known || self.values.len() < self.limit { name } else { OTHER };
        if !self.values.contains_key(name) {
            self.values.insert(name.to_owned(), V::default());
        }
        self.values.get_mut(name).expect("the name was put in just before")
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &V)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_everything_beyond_the_limit_as_other() {
        let mut bounded = Bounded::<u64>::new(2);
        for name in ["a", "b", "c", "d", "a"] {
            *bounded.entry(name) += 1;
        }
        assert_eq!(bounded.iter().collect::<Vec<_>>(), [("a", &2), ("b", &1), ("other", &2)]);
    }
}
