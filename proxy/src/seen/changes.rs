//! What was replaced in a request, for the dashboard.

use headroom_core::JsonBody;
use headroom_core::json::Cursor;
use headroom_core::pipeline::BlockReport;
use tokio_util::task::TaskTracker;

use super::{Run, Seen};
use crate::observe::{CHANGE_TEXT_BYTES, Change};

/// How many changes are shown of one request.
///
/// # Sources
/// Chosen by hand: as many as a record keeps.
const CHANGES: usize = 64;

impl Seen {
    /// Looks up what was replaced, aside, when somebody keeps such texts.
    pub(crate) fn changes(&self, original: &JsonBody, run: &Run, tasks: &TaskTracker) {
        let Some(growing) = &self.0 else { return };
        if run.result().transforms_applied.is_empty() || !growing.observer.keeps_texts() {
            return;
        }
        let Some(after) = run.body().as_any().downcast_ref::<JsonBody>() else { return };
        let (seen, before, after) = (self.clone(), original.clone(), after.clone());
        let blocks = run.result().report.blocks.clone();
        tasks.spawn_blocking(move || {
            let changes = changes(&before, &after, &blocks);
            seen.note(|record| record.changes = changes);
        });
    }
}

/// The changes of two bodies: when there is no room for all, the newest.
fn changes(before: &JsonBody, after: &JsonBody, blocks: &[BlockReport]) -> Vec<Change> {
    let (Ok(before), Ok(after)) = (before.document(), after.document()) else { return Vec::new() };
    let mut changes = Vec::new();
    let mut room = 2 * CHANGE_TEXT_BYTES;
    for block in blocks.iter().rev() {
        let Some(transform) = block.transform else { continue };
        let texts = text_at(before.root(), &block.path).zip(text_at(after.root(), &block.path));
        let Some((before, after)) = texts.filter(|(before, after)| before != after) else { continue };
        let shown = before.len().min(CHANGE_TEXT_BYTES) + after.len().min(CHANGE_TEXT_BYTES);
        if shown > room || changes.len() == CHANGES {
            break;
        }
        room -= shown;
        changes.push(Change::new(block.path.as_str(), transform, &before, &after));
    }
    changes.reverse();
    changes
}

/// The string at a path such as `messages[2].content`.
fn text_at<'d>(root: Cursor<'d>, path: &str) -> Option<std::borrow::Cow<'d, str>> {
    let mut at = root;
    for member in path.split('.') {
        let (key, indices) = member.split_at(member.find('[').unwrap_or(member.len()));
        if !key.is_empty() {
            at = at.get(key).one()?;
        }
        for index in indices.split_terminator(']') {
            at = at.items().nth(index.strip_prefix('[')?.parse().ok()?)?;
        }
    }
    at.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(path: &str) -> BlockReport {
        BlockReport {
            path: path.to_owned(),
            message: Some(0),
            tool_name: String::new(),
            kind: headroom_core::detect::ContentKind::Text,
            transform: Some("log_fold"),
            lossless: false,
            tokens_before: 2,
            tokens_after: 1,
            ccr_hashes: Vec::new(),
        }
    }

    #[test]
    fn texts_are_found_by_their_paths() {
        let body = JsonBody::parse(r#"{"a":[{"b":"x"},{"c":[["y\n"]]}],"d":7}"#).unwrap();
        let root = body.document().unwrap().root();
        assert_eq!(text_at(root, "a[0].b").as_deref(), Some("x"));
        assert_eq!(text_at(root, "a[1].c[0][0]").as_deref(), Some("y\n"));
        for nowhere in ["a[2].b", "a[0].c", "d", "d[0]", "", "a[x]", "a["] {
            assert_eq!(text_at(root, nowhere), None, "{nowhere}");
        }
    }

    #[test]
    fn the_newest_changes_are_shown_when_there_are_too_many() {
        let body =
            |text: &str| JsonBody::parse(format!("{{\"m\":[{}]}}", vec![format!("\"{text}\""); 9].join(","))).unwrap();
        let (before, after) = (body(&"a".repeat(CHANGE_TEXT_BYTES)), body("b"));
        let blocks: Vec<_> = (0..9).map(|index| block(&format!("m[{index}]"))).collect();
        let paths: Vec<_> = changes(&before, &after, &blocks).into_iter().map(|change| change.path).collect();
        assert_eq!(paths, ["m[8]"]);
        assert!(changes(&before, &before, &blocks).is_empty());
        assert_eq!(changes(&body("a"), &after, &blocks).len(), 9);
    }
}
