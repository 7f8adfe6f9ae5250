//! Diffs without what nobody reviews.

mod fold;
mod paths;
mod scan;

use std::ops::Range;

use crate::ccr::carries_marker;
use crate::detect::ContentKind;
use crate::relevance::{Match, Question};
use crate::transform::{Context, Fit, Outcome, Part, Transform, TransformError};
use fold::{Fold, Gap, is_whitespace_only};
use paths::PathClass;
use scan::{Role, Scan, Section};

/// Keeps every changed line of source files, with file and hunk headers, and one line of context around each change.
///
/// Lockfiles, generated and vendored files, binary files, pure renames, mode changes and hunks that change blanks only
/// become a label with their number; long changes of documents and data keep their first and last lines when the rest
/// is still too long. Lines that match the question strongly stay wherever they are, with the whole context of their
/// hunk in source files; a file that the question names is not folded. When a diff has nothing but generated and vendored files, they are what it is about, and stay.
/// Commit messages and everything else around the diffs stay.
///
/// Declines in lossless mode, when the text is small enough for its target, when there is nothing to leave out, and
/// on its own output. What is left out is announced in its place; the marker at the end gives the original back.
///
/// ```text
///  @@ -8,6 +8,6 @@ fn main() {           @@ -8,6 +8,6 @@ fn main() {
///       let a = 1;                       [2 lines of context, as below]
///       let b = 2;                            let c = 3;
///       let c = 3;                  →    -    go(a);
///  -    go(a);                           +    go(b);
///  +    go(b);                                stop();
///       stop();                          [lockfile folded: Cargo.lock; 214 changed lines in 12 hunks]
///  …                                     [9/260 lines shown; headroom_retrieve hash=…]
/// ```
///
/// # Sources
/// One line of context, the thresholds below and the classes of paths: chosen by hand.
pub struct Diff;

/// Lines around a change that stay.
const CONTEXT_LINES: usize = 1;
/// When no line matches strongly, the share of the best line's score from which others count.
const STRONG_SHARE: f32 = 0.7;
/// Lines that folded files and shortened changes show at most because they match the question.
const MATCHES_MAX: usize = 48;
/// A run of changed lines of a document is shortened from this length, to its first and last lines.
const LONG_RUN: usize = 12;
const RUN_HEAD: usize = 4;
const RUN_TAIL: usize = 2;
/// A text with a smaller share of diff lines is about something else.
const MIN_SHARE: f32 = 0.2;
/// Bytes that the first look reads.
const SAMPLE_BYTES: usize = 16 * 1024;

impl Transform for Diff {
    fn name(&self) -> &'static str {
        "diff"
    }

    fn fit(&self, part: &Part<'_>) -> Fit {
        let mut end = part.text.len().min(SAMPLE_BYTES);
        while !part.text.is_char_boundary(end) {
            end -= 1;
        }
        let scan = Scan::of(&part.text[..end]);
        let hunk_lines = scan.roles.iter().filter(|role| **role != Role::Loose).count();
        if hunk_lines == 0 || (scan.sections.iter().all(|s| s.hunks.is_empty() && s.lines.len() < 2)) {
            return Fit::No;
        }
        let share = hunk_lines as f32 / scan.roles.len() as f32;
        let called = part.tool.is_some_and(|tool| CALLS.iter().any(|call| tool.arguments.contains(call)));
        match share {
            _ if called || share >= 0.5 => Fit::Yes(ContentKind::Diff, 0.95),
            _ if share >= MIN_SHARE => Fit::Yes(ContentKind::Diff, share),
            _ => Fit::No,
        }
    }

    fn apply<'a>(&self, part: &Part<'a>, cx: &mut Context<'a>) -> Result<Outcome, TransformError> {
        let target = cx.target_bytes(part.text.len());
        if cx.lossless_only() || part.text.len() <= target || carries_marker(part.text) {
            return Ok(Outcome::Unchanged);
        }
        let scan = Scan::of(part.text);
        if scan.sections.is_empty() {
            return Ok(Outcome::Unchanged);
        }
        let question = cx.question();
        let matches = strong_matches(&question.matches(&scan.lines));
        let folds = vec![None; scan.lines.len()];
        let mut plan = Plan { folds, scan: &scan, matches: &matches, matches_left: MATCHES_MAX, question };
        plan.decide(target);
        let (mut text, shown) = write(&scan, &plan.folds);
        if shown == scan.lines.len() {
            return Ok(Outcome::Unchanged);
        }
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&cx.marker(part.text, shown, scan.lines.len(), "lines"));
        Ok(Outcome::Subset(text))
    }
}

const CALLS: &[&str] = &["git diff", "git show", "git log -p", "git stash show", "diff -", "gh pr diff"];

/// Which lines match the question strongly; when no line does, which match nearly as well as the best one.
fn strong_matches(matches: &[Match]) -> Vec<bool> {
    if matches.iter().any(|found| found.strong) {
        return matches.iter().map(|found| found.strong).collect();
    }
    let best = matches.iter().map(|found| found.score).fold(0.0, f32::max);
    matches.iter().map(|found| best > 0.0 && found.score >= best * STRONG_SHARE).collect()
}

/// Why each line is left out; `None` stays.
struct Plan<'s, 'a> {
    scan: &'s Scan<'a>,
    matches: &'s [bool],
    matches_left: usize,
    question: &'s Question,
    folds: Vec<Option<Fold>>,
}

impl<'a> Plan<'_, 'a> {
    fn decide(&mut self, target: usize) {
        let classes: Vec<_> = self.scan.sections.iter().map(|section| PathClass::of(section.path)).collect();
        let is_written = |class: &PathClass| matches!(class, PathClass::Source | PathClass::Document);
        let only_generated = !classes.iter().any(is_written);
        let mut documents = Vec::new();
        for (section, class) in self.scan.sections.iter().zip(classes) {
            let folds_whole = !self.question.strong_match(section.path)
                && match class {
                    PathClass::Lockfile => true,
                    PathClass::Generated | PathClass::Vendored => !only_generated,
                    PathClass::Source | PathClass::Document => false,
                };
            if section.hunks.is_empty() {
                if let Some(fold) = Fold::of_section_without_hunks(self.scan, section) {
                    self.folds[section.lines.clone()].fill(Some(fold));
                }
            } else if folds_whole {
                self.fold_file(section, Fold::File(class));
            } else {
                self.trim_file(section);
                if class == PathClass::Document {
                    documents.push(section);
                }
            }
        }
        let kept = self.folds.iter().zip(&self.scan.lines).filter(|(fold, _)| fold.is_none());
        if kept.map(|(_, line)| line.len()).sum::<usize>() > target {
            documents.into_iter().for_each(|section| self.shorten_changes(section));
        }
    }

    /// Folds a whole file but for the lines that match the question, which stay under their headers.
    fn fold_file(&mut self, section: &Section<'a>, fold: Fold) {
        self.folds[section.lines.clone()].fill(Some(fold));
        let mut has_header = false;
        for hunk in &section.hunks {
            let found = hunk.clone().skip(1).filter(|at| self.matches[*at]).take(self.matches_left);
            let found: Vec<_> = found.collect();
            if found.is_empty() {
                continue;
            }
            if !std::mem::replace(&mut has_header, true) {
                let header = section.lines.start..section.hunks[0].start;
                self.folds[header.clone()].fill(None);
                self.fold_header(header);
            }
            self.matches_left -= found.len();
            self.folds[hunk.start] = None;
            found.into_iter().for_each(|at| self.folds[at] = None);
        }
    }

    /// Folds header lines that say nothing new, hunks of whitespace, and context away from changes.
    fn trim_file(&mut self, section: &Section<'a>) {
        self.fold_header(section.lines.start..section.hunks[0].start);
        for hunk in &section.hunks {
            let asked = self.matches[hunk.clone()].contains(&true);
            let body = hunk.start + 1..hunk.end;
            if asked {
                continue;
            }
            if is_whitespace_only(&self.scan.lines[body.clone()], &self.scan.roles[body.clone()]) {
                self.folds[hunk.clone()].fill(Some(Fold::Whitespace));
                continue;
            }
            // Distance to the last change before and to the next one after, in one pass each way.
            let mut distance = usize::MAX;
            let mut near = vec![false; body.len()];
            for at in body.clone() {
                distance = if self.scan.roles[at].is_change() { 0 } else { distance.saturating_add(1) };
                near[at - body.start] = distance <= CONTEXT_LINES;
            }
            distance = usize::MAX;
            for at in body.rev() {
                distance = if self.scan.roles[at].is_change() { 0 } else { distance.saturating_add(1) };
                if self.scan.roles[at] == Role::Context && distance > CONTEXT_LINES && !near[at - hunk.start - 1] {
                    self.folds[at] = Some(Fold::Context);
                }
            }
        }
    }

    /// Folds the index line, and the title when the two path lines are all that is below it: a mode or a rename without
    /// a title would read as one of the file before.
    fn fold_header(&mut self, header: Range<usize>) {
        let lines = &self.scan.lines[header.clone()];
        let is_path = |line: &str| line.starts_with("--- ") || line.starts_with("+++ ");
        let others = lines.iter().zip(&self.scan.roles[header.clone()]).filter(|(_, role)| **role == Role::Header);
        let has_paths = lines.iter().any(|line| line.starts_with("+++ ")) && { others }.all(|(line, _)| is_path(line));
        for at in header {
            let role = self.scan.roles[at];
            if role == Role::Index || (role == Role::Title && has_paths) {
                self.folds[at] = Some(Fold::Header);
            }
        }
    }

    /// Shortens long runs of changed lines to their first and last ones and those that match the question.
    fn shorten_changes(&mut self, section: &Section<'a>) {
        for hunk in &section.hunks {
            let mut at = hunk.start;
            while at < hunk.end {
                let run = (at..hunk.end).take_while(|index| self.scan.roles[*index].is_change()).count();
                if run > LONG_RUN {
                    for index in at + RUN_HEAD..at + run - RUN_TAIL {
                        if self.matches[index] && self.matches_left > 0 {
                            self.matches_left -= 1;
                        } else {
                            self.folds[index] = Some(Fold::Change);
                        }
                    }
                }
                at += run.max(1);
            }
        }
    }
}

/// Writes what stays and a label for every gap; also says how many lines stay.
fn write(scan: &Scan<'_>, folds: &[Option<Fold>]) -> (String, usize) {
    let mut writer = Writer { scan, out: String::new(), shown: 0, gap: Gap::default(), has_context_label: false };
    let headers = folds.iter().filter(|fold| **fold == Some(Fold::Header)).count();
    let mut has_header_label = false;
    let mut sections = scan.sections.iter().peekable();
    let mut path = "";
    for (index, fold) in folds.iter().enumerate() {
        let starts = sections.next_if(|section| section.lines.start == index);
        path = starts.map_or(path, |section| section.path);
        if *fold == Some(Fold::Header) {
            writer.close_gap(index);
            if !std::mem::replace(&mut has_header_label, true) {
                writer.out.push_str(&format!("[{headers} title and index lines of files left out, here and below]\n"));
            }
            continue;
        }
        // What is left of a file that is shown in part is not of the next one.
        if writer.gap.fold != *fold || (starts.is_some() && !writer.gap.has_files()) {
            writer.close_gap(index);
            writer.gap.fold = *fold;
        }
        if fold.is_some() {
            if let Some(section) = starts {
                writer.gap.add_file(scan, section);
            }
            writer.gap.add(scan, index, path);
        } else {
            writer.show(index..index + 1);
        }
    }
    writer.close_gap(folds.len());
    (writer.out, writer.shown)
}

struct Writer<'s, 'a> {
    scan: &'s Scan<'a>,
    out: String,
    shown: usize,
    gap: Gap<'a>,
    has_context_label: bool,
}

impl Writer<'_, '_> {
    fn show(&mut self, lines: Range<usize>) {
        self.shown += lines.len();
        self.scan.lines[lines].iter().for_each(|line| self.out.push_str(line));
    }

    /// Ends a gap before the line `end`: with its label, or with its lines when they are no longer than a label.
    fn close_gap(&mut self, end: usize) {
        let gap = std::mem::take(&mut self.gap);
        if gap.fold.is_none() {
            return;
        }
        if gap.is_tiny() {
            self.show(gap.start..end);
            return;
        }
        let is_first = gap.fold == Some(Fold::Context) && !std::mem::replace(&mut self.has_context_label, true);
        self.out.push_str(&gap.label(is_first));
        self.out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transforms::testing::{declines, subset};

    /// A file whose lines `changed` are changed, in one hunk of 40 lines.
    fn file(path: &str, changed: &[usize]) -> String {
        let lines = (0..40).map(|line| match changed.contains(&line) {
            true => format!("-    let value_{line} = old_call({line});\n+    let value_{line} = new_call({line});\n"),
            false => format!("     let value_{line} = unchanged_call({line});\n"),
        });
        let lines: String = lines.collect();
        format!(
            "diff --git a/{path} b/{path}\nindex 1111111..2222222 100644\n--- a/{path}\n+++ b/{path}\n@@ -1,40 +1,40 @@ fn f() {{\n{lines}"
        )
    }

    fn all_lines() -> Vec<usize> {
        (0..40).collect()
    }

    #[test]
    fn keeps_changed_lines_with_one_line_of_context_and_says_what_went() {
        let small = subset(&Diff, &file("src/lib.rs", &[20]), "");
        let hash = small.rsplit_once("hash=").expect("a marker").1;
        assert_eq!(
            small,
            format!(
                "[2 title and index lines of files left out, here and below]\n--- a/src/lib.rs\n+++ b/src/lib.rs\n\
                 @@ -1,40 +1,40 @@ fn f() {{\n[19 lines of context, as below]\n     let value_19 = unchanged_call(19);\n\
                 -    let value_20 = old_call(20);\n+    let value_20 = new_call(20);\n     \
                 let value_21 = unchanged_call(21);\n[18 lines]\n[7/46 lines shown; headroom_retrieve hash={hash}"
            )
        );
    }

    #[test]
    fn folds_lockfiles_and_generated_files_to_counts_in_their_place() {
        let text = ["src/a.rs", "Cargo.lock", "src/b.rs", "dist/x.js", "dist/y.js", "dist/z.js"]
            .map(|path| file(path, &all_lines()))
            .concat();
        let small = subset(&Diff, &text, "");
        assert!(
            small.contains("\n[lockfile folded: Cargo.lock; 80 changed lines in 1 hunk]\n--- a/src/b.rs\n"),
            "{small}"
        );
        let dist = "\n[3 generated files folded: dist/x.js … dist/z.js; 240 changed lines in 3 hunks]\n";
        assert!(small.contains(dist), "{small}");
        assert_eq!(small.matches("new_call").count(), 80);
        assert_eq!(small.matches("headroom_retrieve").count(), 1);
    }

    #[test]
    fn generated_files_alone_are_what_the_diff_is_about() {
        assert!(declines(
            &Diff,
            &file("dist/x.js", &all_lines()).replace("index 1111111..2222222 100644\n", "").replacen(
                "diff --git a/dist/x.js b/dist/x.js\n",
                "",
                1
            )
        ));
    }

    #[test]
    fn folds_renames_modes_binaries_and_whitespace() {
        let rename = |n: usize| {
            format!("diff --git a/old/{n} b/new/{n}\nsimilarity index 100%\nrename from old/{n}\nrename to new/{n}\n")
        };
        let text = file("src/a.rs", &all_lines())
            + &(0..9).map(rename).collect::<String>()
            + "diff --git a/run b/run\nold mode 100644\nnew mode 100755\n"
            + "diff --git a/i.png b/i.png\nindex 1..2 100644\nBinary files a/i.png and b/i.png differ\n"
            + "diff --git a/b.c b/b.c\n--- a/b.c\n+++ b/b.c\n@@ -1,2 +1,2 @@\n {\n-  a();\n+\ta();\n";
        let small = subset(&Diff, &text, "");
        for label in [
            "[9 pure renames folded: old/0 → new/0 … old/8 → new/8]",
            "[mode change folded: run 100644→100755]",
            "[binary file folded: i.png]",
            "[whitespace-only hunk folded: 2 changed lines]",
        ] {
            assert!(small.contains(label), "{label} in {small}");
        }
    }

    #[test]
    fn shortens_long_changes_of_documents_but_never_of_sources() {
        let rows: String = (0..500).map(|row| format!("+row {row} of the table\n")).collect();
        let added = |path: &str| format!("--- /dev/null\n+++ b/{path}\n@@ -0,0 +1,500 @@\n{rows}");
        let small = subset(&Diff, &(added("data/table.csv") + &added("src/table.py")), "");
        assert!(
            small.contains(
                "+row 3 of the table\n[494 changed and 0 context lines of data/table.csv left out]\n+row 498"
            )
        );
        assert_eq!(small.matches("+row 250 ").count(), 1);
    }

    #[test]
    fn what_the_question_names_stays() {
        let text = ["src/a.rs", "Cargo.lock", "src/b.rs"].map(|path| file(path, &all_lines())).concat();
        let small =
            subset(&Diff, &text.replace("a.rs", "z.rs").replace("old_call(20)", "serde_core"), "why serde_core?");
        assert_eq!(small.matches("serde_core").count(), 3, "{small}");
        assert!(small.contains("[39 changed lines of Cargo.lock left out]"), "{small}");
        let small = subset(&Diff, &text, "What changed in Cargo.lock?");
        assert_eq!(small.matches("new_call").count(), 120);
    }

    #[test]
    fn a_folded_file_after_one_that_is_shown_in_part_has_its_own_label() {
        let pairs = |path: &str, count: usize| {
            let lines: String = (0..count).map(|at| format!("-old {path} {at} {}\n+new\n", "x".repeat(60))).collect();
            format!("--- a/{path}\n+++ b/{path}\n@@ -1,{count} +1,{count} @@\n{lines}")
        };
        let text = pairs("package-lock.json", 12).replacen("x", "leftpad ", 1).replacen("-old", "-leftpad", 1)
            + &pairs("secrets.lock", 30)
            + &pairs("src/a.rs", 40);
        let small = subset(&Diff, &text, "why `leftpad`?");
        assert!(small.contains("[23 changed lines of package-lock.json left out]\n"), "{small}");
        assert!(small.contains("]\n[lockfile folded: secrets.lock; 60 changed lines in 1 hunk]\n"), "{small}");
    }

    #[test]
    fn a_label_of_unchanged_lines_says_that_none_changed() {
        let text = file("Cargo.lock", &[20]).replace("new_call", "leftpad").replace("old_call", "leftpad")
            + &file("src/a.rs", &all_lines());
        let small = subset(&Diff, &text, "why `leftpad`?");
        assert!(small.contains("[20 lines of Cargo.lock left out, none changed]"), "{small}");
    }

    #[test]
    fn a_title_stays_over_a_mode_of_its_file() {
        let gone = file("src/gone.rs", &all_lines()).replacen("index", "deleted file mode 100644\nindex", 1);
        let small = subset(&Diff, &(file("src/a.rs", &[3]) + &gone), "");
        assert!(small.contains("\ndiff --git a/src/gone.rs b/src/gone.rs\ndeleted file mode 100644\n--- a"), "{small}");
        assert!(small.starts_with("[3 title and index lines of files left out, here and below]\n"), "{small}");
    }

    #[test]
    fn commit_messages_and_unknown_lines_stay() {
        let log = format!("commit 1\nAuthor: A\n\n    fix: b\n\n{}\ncommit 2\n\n    c\n", file("src/lib.rs", &[3]));
        let small = subset(&Diff, &log, "");
        assert!(small.starts_with("commit 1\nAuthor: A\n\n    fix: b\n\n["), "{small}");
        assert!(small.contains("\ncommit 2\n\n    c\n["), "{small}");
    }

    #[test]
    fn recognises_diffs_by_content_and_declines_prose_and_small_ones() {
        let fit = |text: &str| Diff.fit(&Part { text, tool: None, quotable: false });
        assert!(matches!(fit(&file("a.rs", &[1])), Fit::Yes(ContentKind::Diff, share) if share > 0.9));
        assert_eq!(fit("a list:\n- one\n+ two\n@@ not a hunk\n"), Fit::No);
        assert_eq!(fit("diff --git is a command\n"), Fit::No);
        assert!(declines(&Diff, "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n"));
        assert!(declines(&Diff, &"x\n".repeat(5000)));
    }
}
