//! Which lines of a text stand in an earlier one.

use std::collections::HashMap;

/// For every line of `new` the index of the line of `old` that it equals, rising from line to line; `None` for lines
/// without a partner.
///
/// Takes equal lines from both ends, then lines that occur once in both texts and keep their order, then grows from
/// those over their equal neighbours: the patience method without its recursion, so that time stays near linear.
///
/// # Sources
/// Bram Cohen's patience diff; the longest rising subsequence by Schensted's piles.
pub(super) fn align(old: &[&str], new: &[&str]) -> Vec<Option<usize>> {
    let mut partners = vec![None; new.len()];
    let head = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let tail = old[head..].iter().rev().zip(new[head..].iter().rev()).take_while(|(old, new)| old == new).count();
    for (at, partner) in partners.iter_mut().enumerate().take(head) {
        *partner = Some(at);
    }
    for back in 1..=tail {
        partners[new.len() - back] = Some(old.len() - back);
    }
    let (old_end, new_end) = (old.len() - tail, new.len() - tail);
    let anchors = rising(&once_in_both(&old[head..old_end], &new[head..new_end]));
    for (at_old, at_new) in anchors {
        partners[head + at_new] = Some(head + at_old);
    }
    grow(old, new, &mut partners);
    partners
}

/// Indices (old, new) of lines that occur once on each side, by their place in `new`.
fn once_in_both(old: &[&str], new: &[&str]) -> Vec<(usize, usize)> {
    let mut seen: HashMap<&str, (u32, u32, usize)> = HashMap::with_capacity(old.len());
    for (at, line) in old.iter().enumerate() {
        let entry = seen.entry(line).or_insert((0, 0, at));
        entry.0 += 1;
    }
    for line in new {
        if let Some(entry) = seen.get_mut(line) {
            entry.1 += 1;
        }
    }
    let pairs = new.iter().enumerate().filter_map(|(at, line)| match seen.get(line) {
        Some((1, 1, old_at)) => Some((*old_at, at)),
        _ => None,
    });
    pairs.collect()
}

/// The longest subsequence of pairs whose first parts rise too.
fn rising(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    // The last pair of the best subsequence of every length so far, and for every pair the one before it.
    let mut piles: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(pairs.len());
    for (index, pair) in pairs.iter().enumerate() {
        let pile = piles.partition_point(|top| pairs[*top].0 < pair.0);
        before.push(pile.checked_sub(1).map(|left| piles[left]));
        if pile == piles.len() {
            piles.push(index);
        } else {
            piles[pile] = index;
        }
    }
    let mut at = piles.last().copied();
    let mut chain = Vec::with_capacity(piles.len());
    while let Some(index) = at {
        chain.push(pairs[index]);
        at = before[index];
    }
    chain.reverse();
    chain
}

/// Pairs equal neighbours of paired lines, forwards and then backwards, where no other pair is in the way.
fn grow(old: &[&str], new: &[&str], partners: &mut [Option<usize>]) {
    let mut next_old = 0;
    // The place in `old` that the next pair after each line of `new` takes.
    let mut limit = vec![old.len(); new.len() + 1];
    for at in (0..new.len()).rev() {
        limit[at] = partners[at].unwrap_or(limit[at + 1]);
    }
    for at in 0..new.len() {
        match partners[at] {
            Some(old_at) => next_old = old_at + 1,
            None if at > 0 && partners[at - 1].is_some() && next_old < limit[at + 1] && old[next_old] == new[at] => {
                partners[at] = Some(next_old);
                next_old += 1;
            }
            None => {}
        }
    }
    let mut floor = vec![0; new.len() + 1];
    for at in 0..new.len() {
        floor[at + 1] = partners[at].map_or(floor[at], |old_at| old_at + 1);
    }
    for at in (0..new.len().saturating_sub(1)).rev() {
        if let (None, Some(after)) = (partners[at], partners[at + 1])
            && after > floor[at]
            && old[after - 1] == new[at]
        {
            partners[at] = Some(after - 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(old: &str, new: &str) -> Vec<Option<usize>> {
        align(&old.split(' ').collect::<Vec<_>>(), &new.split(' ').collect::<Vec<_>>())
    }

    #[test]
    fn pairs_what_stayed_around_what_changed() {
        assert_eq!(check("a b c d", "a x c d"), [Some(0), None, Some(2), Some(3)]);
        assert_eq!(check("a b c", "a c"), [Some(0), Some(2)]);
        assert_eq!(check("a } b } c } d", "a } c } x d"), [Some(0), Some(1), Some(4), Some(5), None, Some(6)]);
        assert_eq!(check("x a b y", "p a b q"), [None, Some(1), Some(2), None]);
        assert_eq!(check("} a } y", "q } a } z"), [None, Some(0), Some(1), Some(2), None]);
    }

    proptest! {
        #[test]
        fn partners_are_equal_and_rise(old in prop::collection::vec("[a-d]", 0..30), new in prop::collection::vec("[a-d]", 0..30)) {
            let (old, new): (Vec<_>, Vec<_>) = (old.iter().map(|s| &**s).collect(), new.iter().map(|s| &**s).collect());
            let mut next = 0;
            for (at, partner) in align(&old, &new).into_iter().enumerate() {
                if let Some(partner) = partner {
                    prop_assert!(partner >= next);
                    prop_assert_eq!(old[partner], new[at]);
                    next = partner + 1;
                }
            }
        }
    }
}
