//! Manifests: YAML, TOML, and the lock files of package managers.

mod records;
mod select;
mod tree;

use std::fmt::Write as _;

use self::records::Records;
use self::tree::Tree;
use super::lines::{Lines, NO_LABEL, close_small_gaps, is_like_label, write_subset};
use super::sample::head;
use crate::detect::ContentKind;
use crate::transform::{Context, Fit, Outcome, Part, Transform, TransformError};

/// Shows the entries of long lists in YAML and TOML that are worth reading, as they are.
///
/// An entry is an item of a list, a member of a map or a table of TOML among eight and more of its kind: a package of a
/// lock file, an object of `kubectl get -o yaml`. Shown are the first and the last of each list, those that the question
/// names or that answer it best, those whose status names a failure, and one of each rare set of keys. Everything outside
/// of such lists stays. Of very long entries the start stays, and what the question names below the keys that hold it.
/// Lines are whole and byte-exact, so that files may be edited afterwards; each gap says which lines are missing and how
/// many entries begin there.
///
/// # When it declines
/// Other texts, manifests without long lists, what does not get smaller, and files that may be edited in which a line
/// reads like one of the labels.
///
/// # What is lost and how to get it back
/// Lines; the marker, which is the last line, has the hash of the whole text. The numbers in gaps are those of its lines.
///
/// # Errors
/// None.
///
/// # Examples
/// ```text
/// version = 4                       version = 4
///                                   [lines 2-340 omitted: 38 entries]
/// [[package]]                       [[package]]
/// name = "adler2"              →    name = "serde"
/// version = "2.0.1"                 version = "1.0.228"
/// …                                 [lines 344-2100 omitted: 214 entries]
///                                   [4/2100 lines shown; headroom_retrieve hash=…]
/// ```
///
/// # Sources
/// YAML 1.2 and TOML 1.0, as far as their indentation and headers go. Shares and limits are chosen by hand, each beside
/// its constant.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manifest;

/// Shorter texts are left alone. In bytes.
const MIN_BYTES: usize = 1200;

/// Bytes that are looked at to recognise a manifest.
const SAMPLE_BYTES: usize = 16 * 1024;

impl Transform for Manifest {
    fn name(&self) -> &'static str {
        "manifest"
    }

    fn fit(&self, part: &Part<'_>) -> Fit {
        if part.text.len() < MIN_BYTES {
            return Fit::No;
        }
        match tree::syntax(head(part.text, SAMPLE_BYTES), part.tool) {
            Some((_, confidence)) => Fit::Yes(ContentKind::Manifest, confidence),
            None => Fit::No,
        }
    }

    fn apply<'a>(&self, part: &Part<'a>, cx: &mut Context<'a>) -> Result<Outcome, TransformError> {
        let text = part.text;
        let room = cx.target_bytes(text.len());
        if cx.lossless_only() || room == text.len() || text.len() < MIN_BYTES {
            return Ok(Outcome::Unchanged);
        }
        let (Some(lines), Some((syntax, _))) = (Lines::of(text), tree::syntax(text, part.tool)) else {
            return Ok(Outcome::Unchanged);
        };
        let tree = Tree::of(&lines, syntax);
        let records = Records::of(&lines, &tree);
        let mut keep = select::select(&lines, &tree, &records, cx.question(), room);
        close_small_gaps(&lines, &mut keep);
        let mut is_like_ours = false;
        let show = |line: &str, out: &mut String| {
            if is_like_label(line) {
                is_like_ours = true;
                out.push_str(NO_LABEL);
            }
            out.push_str(line);
        };
        let mut subset = write_subset(&lines, &keep, show, |first, end, out| {
            let begun = records.begun(first, end);
            if begun > 0 {
                // Writing to a string cannot fail.
                let _ = write!(out, ": {begun} {}", if begun == 1 { "entry" } else { "entries" });
            }
        });
        if subset.len() >= text.len() / 10 * 8 || part.quotable && is_like_ours {
            return Ok(Outcome::Unchanged);
        }
        let shown = keep.iter().filter(|kept| **kept).count();
        subset.push_str(&cx.marker(text, shown, lines.count(), "lines"));
        Ok(Outcome::Subset(subset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::ToolCall;
    use crate::options::Mode;
    use crate::relevance::Question;
    use crate::transforms::testing::{Quarter, declines, subset};

    fn lock() -> String {
        let package = |n: usize| {
            format!(
                "[[package]]\nname = \"part-{n}\"\nversion = \"1.{n}.0\"\nchecksum = \"{n:064x}\"\ndependencies = [\n \"part-{}\",\n]\n\n",
                n + 1
            )
        };
        "version = 4\n\n".to_owned() + &(0..200).map(package).collect::<String>()
    }

    fn pods() -> String {
        let pod = |n: usize| {
            let (phase, reason) = if n == 31 { ("Failed", "OOMKilled") } else { ("Running", "Started") };
            format!(
                "- apiVersion: v1\n  kind: Pod\n  metadata:\n    name: web-{n}\n    labels:\n      app: web\n  status:\n    phase: {phase}\n    reason: {reason}\n"
            )
        };
        "apiVersion: v1\nitems:\n".to_owned() + &(0..80).map(pod).collect::<String>() + "kind: List\n"
    }

    #[test]
    fn the_package_of_the_question_is_whole() {
        let folded = subset(&Manifest, &lock(), "Which version of part-117 is locked?");
        let package = "[[package]]\nname = \"part-117\"\nversion = \"1.117.0\"\n";
        assert!(folded.starts_with("version = 4\n") && folded.contains(package), "{folded}");
        assert!(folded.contains(" entries]\n") && folded.len() * 5 < lock().len(), "{folded}");
    }

    #[test]
    fn objects_that_failed_and_what_is_around_the_list_stay() {
        let folded = subset(&Manifest, &pods(), "");
        assert!(folded.contains("    name: web-31\n") && folded.contains("    phase: Failed\n"), "{folded}");
        assert!(folded.starts_with("apiVersion: v1\nitems:\n") && folded.contains("\nkind: List\n"), "{folded}");
    }

    #[test]
    fn files_that_may_be_edited_keep_whole_lines() {
        let text = pods();
        let tool =
            ToolCall { name: "read_file".into(), arguments: r#"{"path":"pods.yaml"}"#.into(), ..ToolCall::default() };
        let part = Part { text: &text, tool: Some(&tool), quotable: true };
        assert_eq!(Manifest.fit(&part), Fit::Yes(ContentKind::Manifest, 0.9));
        let question = Question::new("What is web-44?", "");
        let mut cx = Context::new(Mode::Balanced, 1.0, &question, &Quarter);
        let Ok(Outcome::Subset(folded)) = Manifest.apply(&part, &mut cx) else { panic!("a subset") };
        let mut lines = text.lines();
        for line in folded.lines().filter(|line| !line.starts_with('[')) {
            assert!(lines.any(|other| other == line), "{line} in {folded}");
        }
        assert!(folded.contains("    name: web-44\n"), "{folded}");
    }

    #[test]
    fn other_texts_are_left_alone() {
        for text in [
            "a sentence of words\n".repeat(200),
            "2024-05-01 10:00:00 INFO a: b\n".repeat(200),
            "def f(x):\n    return {x: 1}\n".repeat(200),
            "key: value\n".repeat(20),
            "name = \"x\"\n[deps]\nserde = \"1\"\n".to_owned(),
        ] {
            assert!(declines(&Manifest, &text), "{text}");
        }
    }
}
