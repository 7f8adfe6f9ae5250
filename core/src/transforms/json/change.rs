//! Where the level of a column changes for good.

use std::ops::Range;

/// Parts with fewer values have no level.
const MIN_PART: usize = 6;

/// How many of the interquartile ranges on either side the two levels must be apart.
///
/// # Sources
/// Chosen by hand: the halves of values that rise evenly are two apart, those of pure noise none.
const APART: f64 = 3.0;

/// The place of the first value of the new level, when the values keep one level up to it and another from it on.
///
/// # Sources
/// Where the mean of the ranks differs most is the place of the likelihood-ratio test of Hawkins ("Testing a sequence of
/// observations for a shift in location", 1977), on ranks as in Pettitt's test (1979), so that outliers do not move it. Whether
/// there is a change at all is told by the quartiles of both parts.
pub(super) fn shift(values: &[f64]) -> Option<usize> {
    if values.len() < 2 * MIN_PART {
        return None;
    }
    let mut order: Vec<(f64, usize)> = values.iter().copied().zip(0..).collect();
    order.sort_unstable_by(|left, right| left.0.total_cmp(&right.0));
    // Twice the mean rank of equal values, which is a whole number.
    let mut ranks = vec![0; values.len()];
    let mut first = 0;
    for equal in order.chunk_by(|left, right| left.0 == right.0) {
        equal.iter().for_each(|(_, place)| ranks[*place] = 2 * first + equal.len() + 1);
        first += equal.len();
    }
    let at = most_likely(ranks.into_iter())?;
    let parts = [Quartiles::of(&order, 0..at), Quartiles::of(&order, at..values.len())];
    let is_above = divide(&parts)?;
    new_level(values.iter().map(|value| is_above(*value)))
}

/// As [`shift`], of what is so and what is not.
pub(super) fn shift_of_flags(flags: &[bool]) -> Option<usize> {
    if flags.len() < 2 * MIN_PART {
        return None;
    }
    let set = flags.iter().filter(|flag| **flag).count();
    let unset = flags.len() - set;
    let at = most_likely(flags.iter().map(|flag| if *flag { 2 * unset + set + 1 } else { unset + 1 }))?;
    let (before, after) = flags.split_at(at);
    let is_above = divide(&[Quartiles::of_flags(before), Quartiles::of_flags(after)])?;
    new_level(flags.iter().map(|flag| is_above(f64::from(u8::from(*flag)))))
}

/// Tells the values of the level after a change from those before it, if there is a change.
fn divide([before, after]: &[Quartiles; 2]) -> Option<impl Fn(f64) -> bool + use<>> {
    let distance = (before.median / 2.0 - after.median / 2.0).abs();
    if distance <= 0.0 || distance < APART * (before.range() / 2.0).max(after.range() / 2.0) {
        return None;
    }
    let between = before.median / 2.0 + after.median / 2.0;
    let is_new_above = after.median > between;
    Some(move |value| (value > between) == is_new_above)
}

/// Where the ranks before and after differ most, given twice; `None` when all values are equal.
fn most_likely(ranks: impl ExactSizeIterator<Item = usize>) -> Option<usize> {
    let count = ranks.len();
    let whole = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let mean = whole(count + 1);
    let (mut sum, mut best, mut most_likely) = (0_i64, 0.0, None);
    for (place, rank) in ranks.enumerate() {
        sum += whole(rank) - mean;
        let (before, after) = (place + 1, count - place - 1);
        if before < MIN_PART || after < MIN_PART {
            continue;
        }
        #[expect(clippy::cast_precision_loss, reason = "how likely it is, not how many there are")]
        let likely = (sum as f64) * (sum as f64) / (before as f64 * after as f64);
        if likely > best {
            (best, most_likely) = (likely, Some(before));
        }
    }
    most_likely
}

/// The place that leaves the fewest values of the new level before it and of the old one after it, with enough on both
/// sides.
fn new_level(is_new: impl ExactSizeIterator<Item = bool> + Clone) -> Option<usize> {
    let count = is_new.len();
    let mut misplaced = is_new.clone().filter(|is_new| !is_new).count();
    let (mut fewest, mut at) = (misplaced, 0);
    for (place, is_new) in is_new.enumerate() {
        misplaced = if is_new { misplaced + 1 } else { misplaced - 1 };
        if misplaced < fewest {
            (fewest, at) = (misplaced, place + 1);
        }
    }
    (MIN_PART..=count - MIN_PART).contains(&at).then_some(at)
}

struct Quartiles {
    low: f64,
    median: f64,
    high: f64,
}

impl Quartiles {
    /// Those of the values at `places`; `order` has all values with their places, the smallest first.
    fn of(order: &[(f64, usize)], places: Range<usize>) -> Self {
        let count = places.len();
        let mut values = order.iter().filter(|(_, place)| places.contains(place)).map(|(value, _)| *value);
        let mut passed = 0;
        let mut at = |wanted: usize, before: f64| match wanted.checked_sub(passed) {
            Some(ahead) => {
                passed = wanted + 1;
                values.nth(ahead).unwrap_or(before)
            }
            None => before,
        };
        let low = at(count / 4, 0.0);
        let median = at(count / 2, low);
        Self { low, median, high: at(count * 3 / 4, median) }
    }

    fn of_flags(flags: &[bool]) -> Self {
        let unset = flags.iter().filter(|flag| !**flag).count();
        let at = |place: usize| f64::from(u8::from(place >= unset));
        Self { low: at(flags.len() / 4), median: at(flags.len() / 2), high: at(flags.len() * 3 / 4) }
    }

    fn range(&self) -> f64 {
        self.high - self.low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise between 0 and 1 that is the same in every run.
    fn noise(place: usize) -> f64 {
        (place * 7919 % 101) as f64 / 101.0
    }

    fn values(count: usize, value: impl Fn(usize) -> f64) -> Vec<f64> {
        (0..count).map(value).collect()
    }

    #[test]
    fn a_level_that_changes_for_good_is_found_at_its_place() {
        let late = |at: usize, by: f64| move |place: usize| noise(place) + if place >= at { by } else { 0.0 };
        for at in [6, 50, 123, 194] {
            assert_eq!(shift(&values(200, late(at, 5.0))), Some(at));
            assert_eq!(shift(&values(200, late(at, -5.0))), Some(at));
        }
        assert_eq!(shift(&values(40, |place| if place < 30 { 200.0 } else { 500.0 })), Some(30));
        let with_outliers = |place: usize| if place % 37 == 5 { 1e300 } else { late(120, 5.0)(place) };
        assert_eq!(shift(&values(200, with_outliers)), Some(120));
    }

    #[test]
    fn flags_shift_as_zeros_and_ones_do() {
        for (from, each) in [(6, 1), (50, 1), (80, 7), (0, 2), (95, 1)] {
            let flags: Vec<bool> = (0..100).map(|place| place >= from && place % each == 0).collect();
            let numbers: Vec<f64> = flags.iter().map(|flag| f64::from(u8::from(*flag))).collect();
            assert_eq!(shift_of_flags(&flags), shift(&numbers), "from {from} each {each}");
        }
        assert_eq!(shift_of_flags(&[true; 100]), None);
        assert_eq!(shift_of_flags(&[false, true]), None);
    }

    #[test]
    fn noise_slopes_waves_and_spikes_are_no_change() {
        assert_eq!(shift(&values(500, noise)), None);
        assert_eq!(shift(&values(500, |place| place as f64)), None);
        assert_eq!(shift(&values(500, |place| (place / 50 % 2) as f64)), None);
        assert_eq!(shift(&values(500, |place| if place % 100 == 7 { 900.0 } else { 1.0 })), None);
        assert_eq!(shift(&values(500, |_| 1.0)), None);
        assert_eq!(shift(&values(200, |place| if place < 3 { 9.0 } else { noise(place) })), None);
        assert_eq!(shift(&[1.0, 2.0]), None);
        assert_eq!(shift(&values(100, |place| f64::MAX * if place < 50 { 1.0 } else { -1.0 })), Some(50));
    }
}
