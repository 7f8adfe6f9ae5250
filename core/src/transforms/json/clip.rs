//! Writes a part of a value in a few bytes: what is left out shows as `…`, with how many members or items it was.

use crate::json::{Cursor, Kind};

use super::encode::{self, content};
use super::stats;
use super::survey::{Survey, Weight};
use super::table::{Form, Rows};

/// Strings up to this many bytes are never cut.
const WHOLE: usize = 80;

/// Of an address or a hash that nobody asked for this much is shown. In bytes.
const OPAQUE: usize = 24;

/// A remarkable string is shown up to this many bytes.
const REMARKABLE: usize = 2048;

/// Writes values whole or in part.
pub(super) struct Clip<'s, 'd> {
    pub(super) survey: &'s Survey<'d>,
    /// How many scalars were left out or cut.
    pub(super) left_out: usize,
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
        } else if stats::is_opaque(text) {
            if room > 2 * WHOLE { 2 * WHOLE } else { OPAQUE }
        } else {
            room.clamp(WHOLE, REMARKABLE)
        };
        // A string that is cut for a few bytes is no shorter.
        if text.len() <= limit + 8 {
            return text;
        }
        self.left_out += 1;
        cut(text, limit)
    }

    fn container(&mut self, form: &Form<'_>, value: Cursor<'d>, room: usize, out: &mut String) {
        let is_object = value.kind() == Kind::Object;
        let inner_form = match form {
            Form::Tuples(parts) if !is_object => Some(parts),
            _ => None,
        };
        let end = out.len() + room;
        out.push(if is_object { '{' } else { '[' });
        let mut skipped = 0;
        let mut is_first = true;
        for row in Rows::of(value) {
            let raw = row.value.raw();
            let weight = self.survey.weight(row.value.span());
            let left = end.saturating_sub(out.len());
            let is_dull = value.len() > 4 && content(raw).is_some_and(stats::is_opaque);
            if weight != Some(Weight::Must) && (left == 0 || is_dull) {
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
                Some(parts) if row.value.kind() == Kind::Object && raw.len() <= left.max(WHOLE) => {
                    encode::write_tuple(parts, row.value, out);
                }
                _ if raw.len() <= left => out.push_str(raw),
                _ => self.write(&Form::Plain, row.value, (left / 2).max(40), out),
            }
        }
        gap(&mut skipped, &mut is_first, out);
        out.push(if is_object { '}' } else { ']' });
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
        Clip { survey: &survey, left_out: 0 }.write(&Form::Plain, document.root(), room, &mut out);
        out
    }

    #[test]
    fn what_is_left_out_is_counted_where_it_was() {
        let numbers: Vec<_> = (1..50).map(|n| n.to_string()).collect();
        let clipped = clip(&format!("[{}]", numbers.join(",")), "", 20);
        assert!(clipped.starts_with("[1,2,3,4") && clipped.ends_with("]") && clipped.contains(",…+"), "{clipped}");
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
