//! Lines that stand out by their values: extremes of measurements, rare values, and the most frequent one.

use super::mask::{Values, mix, mix_bytes};
use super::notable::Marks;
use super::survey::{HashedMap, Survey};
use crate::transforms::lines::Lines;

/// Templates with fewer lines are not looked into.
const MIN_LINES: usize = 5;
/// Values of a line that are looked at.
const MAX_FIELDS: usize = 16;
/// Different values of a field beyond which it counts as an id.
const MAX_DISTINCT: u32 = 4096;
/// Fields looked at, those of the most frequent templates first: bounds the memory of hostile input.
const MAX_TRACKED_FIELDS: usize = 2048;

/// Lines of a failure up to which even values that no two of them share are told apart.
const FEW_FAILURES: usize = 64;
/// From this rank on a line stands out only while there is room.
pub(super) const MINOR: u32 = 30_000;

/// A line that stands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outlier {
    /// The line.
    pub(super) line: usize,
    /// Lower is more telling.
    pub(super) rank: u32,
}

#[derive(Default)]
struct Field {
    measured: u32,
    rises: u32,
    previous: f64,
    max: (f64, usize),
    min: (f64, usize),
    sample: Vec<f32>,
    distinct: u32,
    /// Where in the line it starts, at most.
    start: usize,
    /// The key of the value of the line before, and its place.
    last: (u64, u32),
}

/// A value that many lines of a template share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Common<'a> {
    /// Its text.
    pub(super) value: &'a str,
    /// The first line that has it.
    pub(super) line: usize,
    /// How many lines have it.
    pub(super) count: usize,
    /// Of how many lines of the template.
    pub(super) of: usize,
}

/// What is found in the values of a log.
pub(super) struct Findings<'a> {
    /// Lines that stand out, the most telling first.
    pub(super) outliers: Vec<Outlier>,
    /// Values that many lines share, the most frequent first.
    pub(super) common: Vec<Common<'a>>,
}

struct Value {
    field: u32,
    count: u32,
    first: u32,
    last: u32,
}

/// Finds lines that stand out among those of their template, at most `4` for an extreme and `6` for a rare value of one
/// field.
///
/// # Sources
/// All limits are chosen by hand.
pub(super) fn find<'a>(lines: &Lines<'a>, survey: &Survey) -> Findings<'a> {
    let mut frequent: Vec<usize> =
        (0..survey.templates.len()).filter(|&id| survey.templates[id].count >= MIN_LINES).collect();
    frequent.sort_by_key(|&id| (std::cmp::Reverse(survey.templates[id].count), id));
    frequent.truncate(MAX_TRACKED_FIELDS / MAX_FIELDS);
    let mut slot = vec![u32::MAX; survey.templates.len()];
    for (at, &id) in frequent.iter().enumerate() {
        #[expect(clippy::cast_possible_truncation, reason = "bounded by MAX_TRACKED_FIELDS")]
        let at = at as u32;
        slot[id] = at;
    }
    let mut fields: Vec<Field> = Vec::new();
    fields.resize_with(frequent.len() * MAX_FIELDS, Field::default);
    let mut known: HashedMap<u32> = HashedMap::default();
    let mut values: Vec<Value> = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let at = slot[survey.template_of[index] as usize];
        if at == u32::MAX {
            continue;
        }
        for (number, span) in Values::of(line).take(MAX_FIELDS).enumerate() {
            let id = at as usize * MAX_FIELDS + number;
            let field = &mut fields[id];
            field.start = field.start.max(span.start);
            if let Some(value) = measurement(line, &span) {
                field.measure(value, index);
            }
            if field.distinct > MAX_DISTINCT {
                continue;
            }
            let key = mix(mix_bytes(7, &line.as_bytes()[span]), id as u64);
            #[expect(clippy::cast_possible_truncation, reason = "lines and fields fit")]
            let (line, field_id) = (index as u32, id as u32);
            if field.last.0 != key || field.distinct == 0 {
                #[expect(clippy::cast_possible_truncation, reason = "there are fewer values than bytes, which fit")]
                let place = *known.entry(key).or_insert_with(|| {
                    field.distinct += 1;
                    values.push(Value { field: field_id, count: 0, first: line, last: line });
                    values.len() as u32 - 1
                });
                field.last = (key, place);
            }
            let value = &mut values[field.last.1 as usize];
            value.count += 1;
            value.last = line;
        }
    }
    let mut found = extremes(&fields);
    found.extend(rare_values(&fields, &values, survey, &frequent, lines));
    found.sort_by_key(|outlier| (outlier.rank, outlier.line));
    Findings { outliers: found, common: common(&fields, &values, survey, &frequent, lines) }
}

impl Field {
    fn measure(&mut self, value: f64, line: usize) {
        if self.measured == 0 {
            (self.max, self.min) = ((value, line), (value, line));
        } else {
            self.rises += u32::from(value >= self.previous);
            if value > self.max.0 {
                self.max = (value, line);
            }
            if value < self.min.0 {
                self.min = (value, line);
            }
        }
        self.measured += 1;
        self.previous = value;
        if self.sample.len() < 1024 {
            #[expect(clippy::cast_possible_truncation, reason = "a sample for quantiles")]
            self.sample.push(value as f32);
        }
    }

    /// Whether its values only go up, as counters and clocks do.
    fn is_counter(&self) -> bool {
        self.distinct > 2 && self.rises + 1 + self.measured / 50 >= self.measured
    }
}

/// A number that measures something: it stands alone, after a blank, `=`, `:` or a bracket, and is no part of an
/// address, a time or an id.
fn measurement(line: &str, span: &std::ops::Range<usize>) -> Option<f64> {
    let bytes = line.as_bytes();
    let text = &line[span.clone()];
    let before = span.start.checked_sub(1).map_or(b' ', |at| bytes[at]);
    let after = bytes.get(span.end).copied().unwrap_or(b' ');
    let alone = matches!(before, b' ' | b'=' | b':' | b'(' | b',' | b'"' | b'\t' | b'<' | b'>')
        && (matches!(after, b' ' | b',' | b')' | b'.' | b';' | b'%' | b'"' | b'\t' | b'\r' | b'<')
            || after.is_ascii_alphabetic());
    // Ten digits and more are times since an epoch or ids.
    (alone && text.len() < 12 && span.start > 0)
        .then(|| text.parse::<f64>().ok())
        .flatten()
        .filter(|value| value.abs() < 1e9)
}

/// The line with the greatest value of each measurement, and with the smallest where it is far off; the further from
/// the usual, the better its rank.
fn extremes(fields: &[Field]) -> Vec<Outlier> {
    let mut found = Vec::new();
    for field in fields {
        if field.measured < 5 || field.distinct < 2 || field.is_counter() {
            continue;
        }
        let mut sample = field.sample.clone();
        let middle = sample.len() / 2;
        let high = sample.len() * 9 / 10;
        sample.sort_unstable_by(f32::total_cmp);
        let (median, high, low) =
            (f64::from(sample[middle]), f64::from(sample[high]), f64::from(sample[sample.len() / 10]));
        let spread = (high - low).abs().max(median.abs() * 0.05).max(1e-9);
        for (value, line, always) in [(field.max.0, field.max.1, true), (field.min.0, field.min.1, false)] {
            let distance = (value - median).abs() / spread;
            if distance >= 3.0 || (always && distance >= 1.0) {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
                let rank = (10_000.0 / distance.clamp(1.0, 1000.0)) as u32;
                found.push(Outlier { line, rank });
            } else if always {
                found.push(Outlier { line, rank: 20_000 });
            }
        }
    }
    found
}

/// Lines with a rare value of a field that has few, and the first line with the value that most lines have.
fn rare_values(
    fields: &[Field],
    values: &[Value],
    survey: &Survey,
    frequent: &[usize],
    lines: &Lines<'_>,
) -> Vec<Outlier> {
    let top = tops(fields, values);
    let mut found = Vec::new();
    let mut rare: HashedMap<u32> = HashedMap::default();
    for value in values {
        let field = &fields[value.field as usize];
        let count = survey.templates[frequent[value.field as usize / MAX_FIELDS]].count;
        let Some(best) = top[value.field as usize] else { continue };
        if field.distinct < 2 || field.distinct > MAX_DISTINCT {
            continue;
        }
        if std::ptr::eq(best, value) {
            if value.count >= 3 && value.count as usize * 10 >= count {
                found.push(Outlier { line: value.first as usize, rank: 500 + field.distinct });
            }
            continue;
        }
        let failing = survey.marks[value.first as usize].has(Marks::ERROR) && field.start >= HEADER_BYTES;
        if failing && value.count == 1 && (count <= FEW_FAILURES || field.distinct as usize * 10 < count * 9) {
            found.push(Outlier { line: value.first as usize, rank: MINOR });
        }
        // Few values, of which this one has far fewer lines than its share, or one has most of them.
        let few = field.distinct as usize <= (count / 8).clamp(2, 24);
        let (lines_with, distinct) = (value.count as usize, field.distinct as usize);
        let rare_value =
            lines_with * distinct * 8 <= count || (best.count as usize * 3 >= count && lines_with * 20 <= count);
        if few && rare_value {
            found.push(Outlier { line: value.first as usize, rank: 100 + value.count });
            found.push(Outlier { line: value.last as usize, rank: 200 + value.count });
            if (3..=6).contains(&value.count) {
                rare.insert(rare_key(value.field, lines_value(lines, value, value.field)), value.count);
            }
        }
    }
    if !rare.is_empty() {
        found.extend(repeats(survey, frequent, lines, &rare));
    }
    found
}

/// The most frequent value of each field, the first of those that are equally so.
fn tops<'a>(fields: &[Field], values: &'a [Value]) -> Vec<Option<&'a Value>> {
    let mut top: Vec<Option<&Value>> = vec![None; fields.len()];
    for value in values {
        let best = &mut top[value.field as usize];
        if best.is_none_or(|other| value.count > other.count) {
            *best = Some(value);
        }
    }
    top
}

/// Lines with a value from which it is counted for the reader.
const COUNTED_LINES: u32 = 20;
/// Bytes at the start of a line that hold its time and place, not what it is about.
const HEADER_BYTES: usize = 24;

/// Addresses, codes and names that a good part of a template's lines share.
fn common<'a>(
    fields: &[Field],
    values: &[Value],
    survey: &Survey,
    frequent: &[usize],
    lines: &Lines<'a>,
) -> Vec<Common<'a>> {
    let mut found: Vec<Common<'a>> = Vec::new();
    for value in tops(fields, values).into_iter().flatten() {
        let (field, of) =
            (&fields[value.field as usize], survey.templates[frequent[value.field as usize / MAX_FIELDS]].count);
        let count = value.count as usize;
        let telling = field.distinct >= 3 && field.distinct <= MAX_DISTINCT && count * 6 >= of && count * 20 <= of * 19;
        if value.count < COUNTED_LINES || field.start < HEADER_BYTES || !telling {
            continue;
        }
        let line = lines.get(value.first as usize);
        let span = Values::of(line).nth(value.field as usize % MAX_FIELDS).unwrap_or_default();
        if span.len() >= 3 {
            found.push(Common { value: &line[span], line: value.first as usize, count, of });
        }
    }
    found.sort_by_key(|common| (std::cmp::Reverse(common.count), common.line));
    found
}

fn rare_key(field: u32, text: &str) -> u64 {
    mix(mix_bytes(7, text.as_bytes()), u64::from(field))
}

fn lines_value<'a>(lines: &Lines<'a>, value: &Value, field: u32) -> &'a str {
    let line = lines.get(value.first as usize);
    Values::of(line).nth(field as usize % MAX_FIELDS).map_or("", |span| &line[span])
}

/// The lines between the first and the last of a rare value.
fn repeats(survey: &Survey, frequent: &[usize], lines: &Lines<'_>, rare: &HashedMap<u32>) -> Vec<Outlier> {
    let mut slot = vec![usize::MAX; survey.templates.len()];
    for (at, &id) in frequent.iter().enumerate() {
        slot[id] = at;
    }
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let at = slot[survey.template_of[index] as usize];
        if at == usize::MAX {
            continue;
        }
        for (number, span) in Values::of(line).take(MAX_FIELDS).enumerate() {
            #[expect(clippy::cast_possible_truncation, reason = "bounded by MAX_TRACKED_FIELDS")]
            let field = (at * MAX_FIELDS + number) as u32;
            if let Some(count) = rare.get(&rare_key(field, &line[span])) {
                found.push(Outlier { line: index, rank: 300 + count });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outlier_lines(text: &str) -> Vec<usize> {
        let lines = Lines::of(text).unwrap();
        find(&lines, &Survey::of(&lines)).outliers.iter().map(|outlier| outlier.line).collect()
    }

    #[test]
    fn the_slowest_of_many_is_found() {
        let text: Vec<String> =
            (0..50).map(|at| format!("request took {} ms", if at == 31 { 900 } else { 10 + at * 7 % 13 })).collect();
        assert_eq!(outlier_lines(&text.join("\n"))[0], 31);
    }

    #[test]
    fn every_line_of_a_rare_state_is_found() {
        let text: Vec<String> = (0..200)
            .map(|at| format!("worker in error state {}", if [40, 90, 150].contains(&at) { 10 } else { 6 + at % 2 }))
            .collect();
        let found = outlier_lines(&text.join("\n"));
        for line in [40, 90, 150] {
            assert!(found.contains(&line), "{line} in {found:?}");
        }
    }

    #[test]
    fn the_most_frequent_address_has_a_line() {
        let text: Vec<String> =
            (0..100).map(|at| format!("login from 10.0.0.{}", if at > 20 && at % 2 == 0 { 250 } else { at })).collect();
        let text = text.join("\n");
        assert!(outlier_lines(&text).contains(&22));
    }

    #[test]
    fn counters_have_no_extremes() {
        let text: Vec<String> = (0..50).map(|at| format!("step {at} done")).collect();
        assert_eq!(outlier_lines(&text.join("\n")), [] as [usize; 0]);
    }
}
