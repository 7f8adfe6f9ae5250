//! What was removed from a text, line by line.

use std::time::Duration;

use headroom_core::ccr::carries_marker;
use serde_json::{Value, json};
use similar::{ChangeTag, TextDiff};

use super::record::{Change, Excerpt};

/// How long lines of one text are compared; after it the rest counts as replaced.
const PATIENCE: Duration = Duration::from_millis(200);

/// A change as runs of lines that were kept, removed, added, or announce an omission.
pub(super) fn shown(change: &Change) -> Value {
    let Change { path, transform, before, after } = change;
    let difference = TextDiff::configure().timeout(PATIENCE).diff_lines(&*before.text, &*after.text);
    let mut runs: Vec<(&'static str, Vec<&str>)> = Vec::new();
    for line in difference.iter_all_changes() {
        let text = line.value();
        let kind = match line.tag() {
            ChangeTag::Equal => "kept",
            ChangeTag::Delete => "removed",
            ChangeTag::Insert if carries_marker(text) => "marker",
            ChangeTag::Insert => "added",
        };
        let text = text.strip_suffix('\n').unwrap_or(text);
        match runs.last_mut() {
            Some((last, lines)) if *last == kind => lines.push(text),
            _ => runs.push((kind, vec![text])),
        }
    }
    let runs = runs.iter().map(|(kind, lines)| json!({ "kind": kind, "lines": lines }));
    json!({
        "path": path,
        "transform": transform,
        "runs": runs.collect::<Vec<_>>(),
        "before_bytes": before.total_bytes,
        "after_bytes": after.total_bytes,
        "before_bytes_not_shown": not_shown(before),
        "after_bytes_not_shown": not_shown(after),
    })
}

fn not_shown(excerpt: &Excerpt) -> usize {
    excerpt.total_bytes - excerpt.text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_removed_lines_and_the_marker() {
        let marker = "[2/4 lines shown; headroom_retrieve hash=0123456789abcdef01234567]";
        let change = Change::new("messages[1]", "log_fold", "a\nb\nc\nd\n", &format!("a\n{marker}\nd\n"));
        let shown = shown(&change);
        let runs = json!([
            { "kind": "kept", "lines": ["a"] },
            { "kind": "removed", "lines": ["b", "c"] },
            { "kind": "marker", "lines": [marker] },
            { "kind": "kept", "lines": ["d"] },
        ]);
        assert_eq!(shown["runs"], runs);
        assert_eq!((&shown["before_bytes"], &shown["before_bytes_not_shown"]), (&json!(8), &json!(0)));
    }

    #[test]
    fn says_what_it_does_not_show_and_stays_quick_on_texts_without_a_common_line() {
        let before: String = (0..60_000).map(|line| format!("{line}\n")).collect();
        let after: String = (0..60_000).map(|line| format!("x{line}\n")).collect();
        let change = Change::new("p", "t", &before, &after);
        let start = std::time::Instant::now();
        let shown = shown(&change);
        assert!(shown["before_bytes_not_shown"].as_u64() > Some(100_000));
        assert!(start.elapsed() < Duration::from_secs(10));
    }
}
