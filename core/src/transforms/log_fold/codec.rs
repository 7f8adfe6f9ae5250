//! The lossless form of a log: templates once, then the values of each line; and its decoder.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::mask::{Values, mix, mix_bytes};
use super::survey::{HashedMap, Template, templates};
use crate::transforms::lines::Lines;

/// How the form starts; the number of templates and the placeholder follow.
const START: &str = "[log folded without loss: ";
const MIDDLE: &str = " templates, values at ";
const LEGEND: &str = ". Below, N|a|b is template N with values a, b; an empty or missing value is the same, and ~x the \
                      same but ending in x, as in the last line that begins alike; *N: N more copies of the line above; \
                      \\: a plain line follows]";
/// What stands for a value in a template: the first that no template contains.
const PLACEHOLDERS: [&str; 5] = ["{}", "<>", "{*}", "<*>", "{<>}"];
/// Lines with more values are written as they are.
const MAX_VALUES: usize = 24;
/// A decoder refuses to make more, so that a forged repeat count cannot exhaust the memory.
const MAX_DECODED_BYTES: usize = 1 << 28;

/// Writes the lossless form; `None` when nothing is worth folding.
pub(super) fn encode(lines: &Lines<'_>) -> Option<String> {
    let (template_of, templates) = templates(lines, false);
    let mut number_of = vec![None; templates.len()];
    let mut chosen: Vec<&Template> = Vec::new();
    for (template, number) in templates.iter().zip(&mut number_of) {
        if is_worth_folding(lines.get(template.first), template.count) {
            *number = Some(chosen.len());
            chosen.push(template);
        }
    }
    let columns = Columns::of(lines, &template_of, &number_of, &chosen);
    let placeholder =
        PLACEHOLDERS.into_iter().find(|mark| chosen.iter().all(|t| !lines.get(t.first).contains(mark)))?;
    let definitions: Vec<String> =
        chosen.iter().enumerate().map(|(number, t)| columns.define(number, lines.get(t.first), placeholder)).collect();
    let (registers, register_count) = registers(definitions.iter().map(String::as_str), placeholder);
    let mut out = String::with_capacity(lines.span(0, lines.len()).len() / 2);
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{START}{}{MIDDLE}{placeholder}{LEGEND}", definitions.len());
    for (number, definition) in definitions.iter().enumerate() {
        let _ = writeln!(out, "{}={definition}", number + 1);
    }
    let mut last: Vec<Option<&str>> = vec![None; register_count];
    let mut at = 0;
    while at < lines.len() {
        let line = lines.get(at);
        if let Some(number) = number_of[template_of[at] as usize] {
            let _ = write!(out, "{}|", number + 1);
            let values = Values::of(line).enumerate().filter(|(field, _)| columns.varies(number, *field));
            let mut separators = 0;
            for ((_, span), &register) in values.zip(&registers[number]) {
                let value = &line[span];
                if last[register] != Some(value) {
                    out.extend(std::iter::repeat_n('|', separators));
                    separators = 0;
                    write_value(&mut out, last[register].unwrap_or_default(), value);
                    last[register] = Some(value);
                }
                separators += 1;
            }
        } else {
            if looks_encoded(line) {
                out.push('\\');
            }
            out.push_str(line);
        }
        let copies = (at + 1..lines.len()).take_while(|&next| lines.get(next) == line).count();
        // A copy of a blank line costs less than the count.
        let counted = if copies * (line.len() + 1) > 6 { copies } else { 0 };
        if counted > 0 {
            let _ = write!(out, "\n*{counted}");
        }
        at += 1 + counted;
        if at < lines.len() {
            out.push('\n');
        }
    }
    Some(out)
}

/// Whether a text starts as the lossless form does.
pub(super) fn is_encoded(text: &str) -> bool {
    text.starts_with(START)
}

/// The inverse of [`encode`]; `None` for a text of another form.
pub(super) fn decode(encoded: &str) -> Option<String> {
    let (head, mut rest) = encoded.strip_prefix(START)?.split_once('\n')?;
    let (count, placeholder) = head.strip_suffix(LEGEND)?.split_once(MIDDLE)?;
    let count: usize = count.parse().ok()?;
    if !PLACEHOLDERS.contains(&placeholder) || count > encoded.len() {
        return None;
    }
    let mut definitions = Vec::with_capacity(count);
    for number in 1..=count {
        let (line, after) = rest.split_once('\n')?;
        let (written, definition) = line.split_once('=')?;
        if written.parse() != Ok(number) {
            return None;
        }
        definitions.push(definition);
        rest = after;
    }
    let (registers, register_count) = registers(definitions.iter().copied(), placeholder);
    let mut last: Vec<String> = vec![String::new(); register_count];
    let (mut out, mut line_start) = (String::new(), 0);
    for (index, line) in rest.split('\n').enumerate() {
        if let Some(copies) = line.strip_prefix('*') {
            let copies: usize = copies.parse().ok().filter(|_| index > 0)?;
            let line = out[line_start..].to_owned();
            if copies.checked_mul(line.len() + 1)?.checked_add(out.len())? > MAX_DECODED_BYTES {
                return None;
            }
            for _ in 0..copies {
                out.push('\n');
                out.push_str(&line);
            }
            continue;
        }
        if index > 0 {
            out.push('\n');
        }
        line_start = out.len();
        if let Some(plain) = line.strip_prefix('\\') {
            out.push_str(plain);
        } else if let Some((number, values)) = record(line) {
            let number = number.parse::<usize>().ok()?.checked_sub(1)?;
            let definition = definitions.get(number)?;
            let mut values = values.split('|');
            let mut literals = definition.split(placeholder);
            out.push_str(literals.next()?);
            for (literal, &register) in literals.zip(&registers[number]) {
                read_value(&mut last[register], values.next().unwrap_or_default())?;
                out.push_str(&last[register]);
                out.push_str(literal);
            }
        } else {
            out.push_str(line);
        }
        if out.len() > MAX_DECODED_BYTES {
            return None;
        }
    }
    Some(out)
}

/// Whether folding the lines of a template saves more than its definition costs.
///
/// # Sources
/// A separator is one token, like three bytes of text; chosen by hand.
fn is_worth_folding(line: &str, count: usize) -> bool {
    let (fields, varying) = Values::of(line).fold((0, 0), |(fields, bytes), span| (fields + 1, bytes + span.len()));
    let saved = (line.len() - varying).saturating_sub(3 + 3 * fields);
    fields <= MAX_VALUES && saved * count > line.len() + 16
}

/// Which values of which templates vary; those that never do are written into the template.
struct Columns {
    varying: Vec<u32>,
}

impl Columns {
    /// Values at the same place in lines that begin alike are one column, whatever the rest of the line.
    fn of(lines: &Lines<'_>, template_of: &[u32], number_of: &[Option<usize>], chosen: &[&Template]) -> Self {
        let mut column_of_key: HashedMap<usize> = HashedMap::default();
        let columns: Vec<Vec<usize>> = chosen
            .iter()
            .map(|template| {
                let line = lines.get(template.first);
                let (mut key, mut from) = (0, 0);
                let mut columns = Vec::new();
                for span in Values::of(line) {
                    key = mix(mix_bytes(key, &line.as_bytes()[from..span.start]), 1);
                    from = span.end;
                    let next = column_of_key.len();
                    columns.push(*column_of_key.entry(key).or_insert(next));
                }
                columns
            })
            .collect();
        let mut first: Vec<Option<&str>> = vec![None; column_of_key.len()];
        let mut varies = vec![false; column_of_key.len()];
        for (index, line) in lines.iter().enumerate() {
            let Some(number) = number_of[template_of[index] as usize] else { continue };
            for (span, &column) in Values::of(line).zip(&columns[number]) {
                varies[column] |= *first[column].get_or_insert(&line[span.clone()]) != &line[span];
            }
        }
        let varying = columns.iter().map(|columns| {
            columns
                .iter()
                .enumerate()
                .filter(|(_, column)| varies[**column])
                .fold(0, |bits, (field, _)| bits | 1 << field)
        });
        Self { varying: varying.collect() }
    }

    fn varies(&self, number: usize, field: usize) -> bool {
        self.varying[number] & 1 << field != 0
    }

    /// The text of a template.
    fn define(&self, number: usize, line: &str, placeholder: &str) -> String {
        let (mut text, mut from) = (String::with_capacity(line.len()), 0);
        for (_, span) in Values::of(line).enumerate().filter(|(field, _)| self.varies(number, *field)) {
            text.push_str(&line[from..span.start]);
            text.push_str(placeholder);
            from = span.end;
        }
        text.push_str(&line[from..]);
        text
    }
}

/// For each template the registers that its values are compared with: values with the same text before them, from the
/// start of the template, share one. Also says how many there are.
fn registers<'a>(definitions: impl Iterator<Item = &'a str>, placeholder: &str) -> (Vec<Vec<usize>>, usize) {
    let mut known: HashMap<&str, usize> = HashMap::new();
    let mut registers = Vec::new();
    for definition in definitions {
        // A definition that was not made here may hold any number of placeholders: the work stays bounded.
        let places = definition.match_indices(placeholder).take(MAX_VALUES);
        registers.push(
            places
                .map(|(at, _)| {
                    let next = known.len();
                    *known.entry(&definition[..at]).or_insert(next)
                })
                .collect(),
        );
    }
    (registers, known.len())
}

/// Writes a value that differs from the last one of its register.
fn write_value(out: &mut String, last: &str, value: &str) {
    if last.len() == value.len() {
        let common = last.bytes().zip(value.bytes()).take_while(|(one, other)| one == other).count();
        let head = &value.as_bytes()[..common];
        // Tokens hold up to three digits, counted from the start of a number: only whole ones are worth leaving out.
        let number_start = head.iter().rposition(|byte| !byte.is_ascii_digit()).map_or(0, |at| at + 1);
        let cut = number_start + (common - number_start) / 3 * 3;
        if cut >= 5 {
            out.push('~');
            out.push_str(&value[cut..]);
            return;
        }
    }
    out.push_str(value);
}

/// The inverse of [`write_value`]; an empty value leaves the register.
fn read_value(last: &mut String, written: &str) -> Option<()> {
    if let Some(end) = written.strip_prefix('~') {
        let kept = last.len().checked_sub(end.len()).filter(|kept| last.is_char_boundary(*kept))?;
        last.truncate(kept);
        last.push_str(end);
    } else if !written.is_empty() {
        written.clone_into(last);
    }
    Some(())
}

/// A number before a bar, and what follows.
fn record(line: &str) -> Option<(&str, &str)> {
    line.split_once('|').filter(|(number, _)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether a plain line would be read as something else.
fn looks_encoded(line: &str) -> bool {
    line.starts_with(['\\', '*']) || record(line).is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(text: &str) -> Option<String> {
        let lines = Lines::of(text).unwrap();
        encode(&lines)
    }

    fn log() -> String {
        (0..40)
            .map(|at| {
                format!(
                    "Dec 10 06:55:{:02} host sshd[{}]: Failed password from 10.0.0.{}\n",
                    at,
                    24_000 + at / 3,
                    at % 5
                )
            })
            .collect()
    }

    #[test]
    fn a_log_comes_back_byte_for_byte_from_less_than_half() {
        let text = log() + "\\odd\n*3\n7|x\n\n\n" + &"same line here\n".repeat(30);
        let folded = encoded(&text).unwrap();
        assert_eq!(decode(&folded).as_deref(), Some(&*text));
        assert!(folded.len() < text.len() / 2 + LEGEND.len(), "{folded}");
    }

    #[test]
    fn clocks_that_share_their_beginning_are_cut_at_whole_numbers() {
        let mut out = String::new();
        write_value(&mut out, "06:55:46", "06:55:48");
        assert_eq!(out, "~48");
        out.clear();
        write_value(&mut out, "203615", "203617");
        assert_eq!(out, "203617");
    }

    #[test]
    fn other_text_is_not_decoded() {
        for text in ["", "x", START, "[log folded without loss: 2 templates", &encoded(&log()).unwrap()[1..]] {
            assert_eq!(decode(text), None);
        }
    }

    #[test]
    fn a_forged_repeat_count_is_refused() {
        let forged = format!("{START}0{MIDDLE}{{}}{LEGEND}\nline\n*99999999999");
        assert_eq!(decode(&forged), None);
    }

    proptest! {
        #[test]
        fn decoding_inverts_encoding(
            text in "([a-c]{1,9}( [0-9:|~*{}<>.-]{0,6}){0,3}[\\\\|*\r]?\n){0,30}[0-9|*\\\\]{0,3}",
        ) {
            let text = text.repeat(3);
            if let Some(folded) = encoded(&text) {
                let decoded = decode(&folded);
                prop_assert_eq!(decoded.as_deref(), Some(&*text));
            }
        }

        #[test]
        fn decoding_anything_never_panics(body in "\\PC{0,60}", lines in "([0-9|~*\\\\]{0,9}\n){0,9}") {
            let _ = decode(&body);
            let _ = decode(&format!("{START}1{MIDDLE}{{}}{LEGEND}\n1=a{{}} {{}}\n{lines}{body}"));
        }
    }
}
