//! Short, true samples of a compressed text: what is still there, and what is not.

use headroom_core::ccr::RETRIEVE_TOOL;
use serde_json::Value;

use crate::screen::one_line;

/// Values that are looked at when a sample of what was left out is made.
const VALUES_MAX: usize = 4_000;
/// Shorter values occur anywhere by chance.
const VALUE_BYTES_MIN: usize = 8;

/// Marker lines of a text.
pub(crate) fn markers(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| line.contains(RETRIEVE_TOOL))
}

/// Up to `count` pieces of `text`, each at most `width` characters: around the spans that occur in it, else its
/// first lines.
pub(crate) fn shown(text: &str, spans: &[&str], width: usize, count: usize) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    for span in spans {
        let is_shown = pieces.iter().any(|piece| piece.contains(span));
        if let Some(at) = text.find(span).filter(|_| !is_shown && pieces.len() < count) {
            pieces.push(around(text, at, span.len(), width));
        }
    }
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.contains(RETRIEVE_TOOL));
    let missing = count - pieces.len();
    if pieces.is_empty() {
        pieces.extend(lines.take(missing).map(|line| one_line(line, width)));
    }
    pieces
}

/// The line around a span, cut on both sides where it is longer than `width` characters.
fn around(text: &str, at: usize, length: usize, width: usize) -> String {
    let start = text[..at].rfind('\n').map_or(0, |line_break| line_break + 1);
    let end = text[at + length..].find('\n').map_or(text.len(), |line_break| at + length + line_break);
    let room = width.saturating_sub(length + 2) / 2;
    let left = text[start..at].char_indices().rev().nth(room).map(|(index, c)| start + index + c.len_utf8());
    let from = left.unwrap_or(start);
    let piece = one_line(&text[from..end], width.saturating_sub(1));
    if left.is_some() { format!("…{piece}") } else { piece }
}

/// Up to `count` pieces of `before` that do not occur in `after`: values with their path where it is JSON, else lines.
pub(crate) fn left_out(before: &str, after: &str, width: usize, count: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    if let Ok(value) = serde_json::from_str::<Value>(before) {
        let mut budget = VALUES_MAX;
        collect(&value, &mut String::new(), after, count, &mut budget, &mut pieces);
    } else {
        let lines = before.lines().filter(|line| line.trim().len() >= VALUE_BYTES_MIN).take(VALUES_MAX);
        pieces.extend(lines.filter(|line| !after.contains(line.trim())).take(count).map(ToOwned::to_owned));
    }
    pieces.iter().map(|piece| one_line(piece, width)).collect()
}

fn collect(value: &Value, path: &mut String, after: &str, count: usize, budget: &mut usize, pieces: &mut Vec<String>) {
    if pieces.len() == count || *budget == 0 {
        return;
    }
    let length = path.len();
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(name);
                collect(member, path, after, count, budget, pieces);
                path.truncate(length);
            }
        }
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                path.push_str(&format!("[{index}]"));
                collect(element, path, after, count, budget, pieces);
                path.truncate(length);
            }
        }
        Value::String(text) if text.len() >= VALUE_BYTES_MIN => {
            *budget -= 1;
            // One line of a text stands for it: escapes differ between encodings.
            let is_there = text.lines().all(|line| after.contains(line));
            let is_known = pieces.iter().any(|piece| piece.ends_with(text.as_str()));
            if !is_there && !is_known {
                pieces.push(format!("{path}: {text}"));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_in_a_long_line_is_shown_with_what_surrounds_it() {
        let text = format!("{}needle{}", "é".repeat(500), "b".repeat(500));
        let pieces = shown(&text, &["needle"], 40, 2);
        assert_eq!(pieces.len(), 1);
        assert!(pieces[0].contains("ééneedlebb"), "{pieces:?}");
        assert!(pieces[0].chars().count() <= 40, "{pieces:?}");
    }

    #[test]
    fn only_values_that_are_really_gone_count_as_left_out() {
        let before = r#"{"items":[{"name":"pod-in-the-rest"},{"name":"pod-that-went"}]}"#;
        let pieces = left_out(before, "pod-in-the-rest", 80, 5);
        assert_eq!(pieces, ["items[1].name: pod-that-went"]);
        assert_eq!(left_out("first line\nsecond line\n", "first line\n", 80, 5), ["second line"]);
    }

    #[test]
    fn deep_or_huge_data_is_sampled() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(left_out(&deep, "", 80, 2).len() <= 2);
    }
}
