//! Writes a part of a value in a few bytes: what is left out shows as `…`, with how many members or items it was.

use std::fmt::Write as _;

use crate::json::{Cursor, Kind};

use super::encode::{self, content};
use super::stats::{self, Stats};
use super::survey::{Survey, Weight};
use super::table::{Form, Row, Rows};

/// Strings up to this many bytes are never cut.
const WHOLE: usize = 80;

/// Of an address or a hash that nobody asked for this much is shown. In bytes.
const OPAQUE: usize = 24;

/// A remarkable string is shown up to this many bytes.
const REMARKABLE: usize = 2048;

/// Bytes of a value in a row that must be shown, under a key that the question names.
const ASKED: usize = 400;

/// Of shorter lists of numbers nothing is computed.
const MIN_NUMBERS: usize = 10;

/// Writes values whole or in part.
pub(super) struct Clip<'s, 'd> {
    pub(super) survey: &'s Survey<'d>,
    /// How many scalars were left out or cut.
    pub(super) left_out: usize,
    /// Whether what is only worth showing is shown too, as in a row that must be there.
    pub(super) is_generous: bool,
}

impl<'d> Clip<'_, 'd> {
    /// Writes a value in about `room` bytes; what is remarkable in it is shown all the same.
    pub(super) fn write(&mut self, form: &Form<'_>, value: Cursor<'d>, room: usize, out: &mut String) {
        let raw = value.raw();
        match value.kind() {
            Kind::String => {
                let text = content(raw).unwrap_or(raw);
                let shown = self.text(value, text, room);
                out.push('"');
                out.push_str(shown);
                out.push_str(if shown.len() < text.len() { "…\"" } else { "\"" });
            }
            Kind::Array | Kind::Object if raw.len() > room => self.container(form, value, room, out),
            _ => encode::write_nested(form, value, out),
        }
    }

    /// As much of the content of a string as is to be shown.
    pub(super) fn text<'t>(&mut self, value: Cursor<'d>, text: &'t str, room: usize) -> &'t str {
        let limit = if self.survey.weight(value.span()) == Some(Weight::Must) {
            REMARKABLE
        } else if stats::is_opaque(text) && (stats::is_dull(text) || !self.is_generous) {
            if room > 2 * WHOLE { 2 * WHOLE } else { OPAQUE }
        } else {
            room.clamp(WHOLE, REMARKABLE / 4)
        };
        // A string that is cut for a few bytes is no shorter.
        if text.len() <= limit + 8 {
            return text;
        }
        self.left_out += 1;
        cut(text, limit)
    }

    /// Whether something in a value is shown however little room there is.
    pub(super) fn is_hit(&self, value: Cursor<'d>) -> bool {
        match self.survey.weight(value.span()) {
            Some(Weight::Must) => true,
            Some(_) => self.is_generous,
            None => false,
        }
    }

    fn container(&mut self, form: &Form<'_>, value: Cursor<'d>, room: usize, out: &mut String) {
        let is_object = value.kind() == Kind::Object;
        let inner_form = match form {
            Form::Tuples(parts) if !is_object => Some(parts),
            _ => None,
        };
        let end = out.len() + room;
        out.push(if is_object { '{' } else { '[' });
        let left_out = self.left_out;
        let mut skipped = 0;
        let mut is_first = true;
        let mut shares = Shares::of(value, self.survey);
        for row in Rows::of(value) {
            let raw = row.value.raw();
            let left = end.saturating_sub(out.len());
            let mut share = shares.next(&row, self.survey, left);
            if self.is_generous && row.key.is_some_and(|key| self.survey.is_asked_key(key.raw())) {
                share = share.max(ASKED);
            }
            let is_dull = value.len() > 4 && content(raw).is_some_and(stats::is_dull);
            if (share == 0 || is_dull) && !self.is_hit(row.value) {
                skipped += 1;
                self.left_out += self.survey.count(row.value.span());
                continue;
            }
            gap(&mut skipped, &mut is_first, out);
            if !std::mem::take(&mut is_first) {
                out.push(',');
            }
            if let Some(key) = row.key {
                out.push_str(key.raw());
                out.push(':');
            }
            match inner_form {
                Some(parts) if row.value.kind() == Kind::Object && raw.len() <= share.max(WHOLE) => {
                    encode::write_tuple(parts, row.value, out);
                }
                _ => self.write(&Form::Plain, row.value, share.max(16), out),
            }
        }
        let has_gap = skipped > 0 || self.left_out > left_out;
        gap(&mut skipped, &mut is_first, out);
        out.push(if is_object { '}' } else { ']' });
        if has_gap && !is_object {
            describe_numbers(value, out);
        }
    }
}

/// Appends what is computed of a list of numbers.
fn describe_numbers(list: Cursor<'_>, out: &mut String) {
    if list.len() < MIN_NUMBERS || list.items().any(|item| !matches!(item.kind(), Kind::Number | Kind::Null)) {
        return;
    }
    let mut stats = Stats::default();
    for item in list.items() {
        stats.observe(item.raw(), 0);
    }
    if let Some((min, max)) = stats.range() {
        let _ = write!(out, " (computed over all {}: min {min}, max {max})", list.len());
    }
}

/// Shares room between the members of a container: small ones get what they need, every large one a part of what is left
/// that grows with the root of how much it says.
pub(super) struct Shares {
    weights: f64,
    reserved: usize,
}

impl Shares {
    /// Members up to this many bytes are small.
    const SMALL: usize = 120;

    pub(super) fn of(value: Cursor<'_>, survey: &Survey<'_>) -> Self {
        let mut shares = Self { weights: 0.0, reserved: 0 };
        for row in Rows::of(value) {
            if row.value.raw().len() > Self::SMALL {
                shares.weights += Self::weight(&row, survey);
            } else {
                shares.reserved += Self::need(&row);
            }
        }
        shares
    }

    fn need(row: &Row<'_>) -> usize {
        row.value.raw().len() + row.key.map_or(0, |key| key.raw().len()) + 2
    }

    /// Keys alone, however many, say little.
    fn weight(row: &Row<'_>, survey: &Survey<'_>) -> f64 {
        let values = survey.count(row.value.span()) * 32;
        let asked = row.key.is_some_and(|key| survey.is_asked_key(key.raw()));
        (values.min(row.value.raw().len()) as f64).sqrt() * if asked { 4.0 } else { 1.0 }
    }

    /// The share of the next member, of what is left.
    pub(super) fn next(&mut self, row: &Row<'_>, survey: &Survey<'_>, left: usize) -> usize {
        if row.value.raw().len() <= Self::SMALL {
            self.reserved = self.reserved.saturating_sub(Self::need(row));
            return left.min(Self::SMALL);
        }
        let weight = Self::weight(row, survey);
        let share = left.saturating_sub(self.reserved) as f64 * weight / self.weights.max(1.0);
        self.weights -= weight;
        share as usize
    }
}

/// Announces what was left out since the last member.
pub(super) fn gap(skipped: &mut usize, is_first: &mut bool, out: &mut String) {
    if *skipped > 0 {
        out.push_str(if std::mem::take(is_first) { "…+" } else { ",…+" });
        out.push_str(&skipped.to_string());
        *skipped = 0;
    }
}

/// The start of the content of a string, not cut within an escape.
pub(super) fn cut(text: &str, limit: usize) -> &str {
    let start = &text[..text.floor_char_boundary(limit)];
    // The longest escapes are pairs of six bytes.
    let from = start.floor_char_boundary(start.len().saturating_sub(12));
    match start[from..].find('\\') {
        Some(escape) => &start[..from + escape],
        None => start,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Document;
    use crate::relevance::Question;

    fn clip(text: &str, question: &str, room: usize) -> String {
        let document = Document::parse(text, 64).expect("JSON");
        let survey = Survey::of(text, document.root(), &Question::new(question, ""));
        let mut out = String::new();
        Clip { survey: &survey, left_out: 0, is_generous: true }.write(&Form::Plain, document.root(), room, &mut out);
        out
    }

    #[test]
    fn what_is_left_out_is_counted_where_it_was() {
        let numbers: Vec<_> = (1..50).map(|n| n.to_string()).collect();
        let clipped = clip(&format!("[{}]", numbers.join(",")), "", 20);
        assert!(clipped.starts_with("[1,2,3,4") && clipped.contains(",…+"), "{clipped}");
        assert!(clipped.ends_with("] (computed over all 49: min 1, max 49)"), "{clipped}");
        let words: Vec<_> = (1..50).map(|n| format!("\"{n}\"")).collect();
        let clipped = clip(&format!("[{}]", words.join(",")), "", 20);
        assert!(clipped.contains(",…+") && clipped.ends_with(']'), "{clipped}");
    }

    #[test]
    fn what_the_question_names_is_shown() {
        let names: Vec<_> = (100..200).map(|n| format!("\"item_{n}\"")).collect();
        let clipped = clip(&format!("[{}]", names.join(",")), "where is item_177?", 30);
        assert!(clipped.contains("\"item_177\"") && clipped.len() < 80, "{clipped}");
    }

    #[test]
    fn escapes_are_not_cut() {
        assert_eq!(cut("aaaaaaaaaaaaaaaaaaaa\\ud83d\\ude00", 26), "aaaaaaaaaaaaaaaaaaaa");
        assert_eq!(cut("ééé", 3), "é");
    }
}
