//! Where the level of a column changes for good.

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
    let (before, after) = values.split_at(most_likely(values)?);
    let (before, after) = (Quartiles::of(before), Quartiles::of(after));
    let distance = (before.median / 2.0 - after.median / 2.0).abs();
    if distance <= 0.0 || distance < APART * (before.range() / 2.0).max(after.range() / 2.0) {
        return None;
    }
    let between = before.median / 2.0 + after.median / 2.0;
    let at = fewest_misplaced(values, |value| (value > between) == (after.median > between));
    (MIN_PART..=values.len() - MIN_PART).contains(&at).then_some(at)
}

/// Where the ranks before and after differ most; `None` when all values are equal.
fn most_likely(values: &[f64]) -> Option<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|left, right| values[*left].total_cmp(&values[*right]));
    // Twice the mean rank of equal values, which is a whole number.
    let mut ranks = vec![0_i64; values.len()];
    let mut first = 0;
    for equal in order.chunk_by(|left, right| values[*left] == values[*right]) {
        let twice = i64::try_from(2 * first + equal.len() + 1).unwrap_or(i64::MAX);
        equal.iter().for_each(|place| ranks[*place] = twice);
        first += equal.len();
    }
    let mean = i64::try_from(values.len() + 1).unwrap_or(i64::MAX);
    let (mut sum, mut best, mut most_likely) = (0_i64, 0.0, None);
    for (place, rank) in ranks.iter().enumerate() {
        sum += rank - mean;
        let (before, after) = (place + 1, values.len() - place - 1);
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

/// The place that leaves the fewest values of the new level before it and of the old one after it.
fn fewest_misplaced(values: &[f64], is_new: impl Fn(f64) -> bool) -> usize {
    let mut misplaced = values.iter().filter(|value| !is_new(**value)).count();
    let (mut fewest, mut at) = (misplaced, 0);
    for (place, value) in values.iter().enumerate() {
        misplaced = if is_new(*value) { misplaced + 1 } else { misplaced - 1 };
        if misplaced < fewest {
            (fewest, at) = (misplaced, place + 1);
        }
    }
    at
}

struct Quartiles {
    low: f64,
    median: f64,
    high: f64,
}

impl Quartiles {
    fn of(values: &[f64]) -> Self {
        let (mut values, count) = (values.to_vec(), values.len());
        let mut at = |place: usize| *values.select_nth_unstable_by(place, f64::total_cmp).1;
        Self { low: at(count / 4), median: at(count / 2), high: at(count * 3 / 4) }
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
