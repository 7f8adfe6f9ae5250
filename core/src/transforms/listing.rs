//! Directory listings and dependency trees.

mod note;
mod parse;
mod select;

use self::parse::{Entries, Style};
use super::lines::{Lines, NO_LABEL, is_like_label, write_subset};
use super::sample::head;
use super::shared_start;
use crate::detect::ContentKind;
use crate::transform::{Context, Fit, Outcome, Part, Transform, TransformError};

/// Folds the output of `ls`, `find`, `git ls-files`, `tree`, `du`, and trees of dependencies.
///
/// Without loss, what neighbouring lines start with, such as their folder, is written once; entries that the question
/// names stay whole; [`decode`](Transform::decode) gives the bytes back. Otherwise whole lines stay: what the question
/// names below the folders that hold it, messages of the command, the largest files, entries unlike the others, the top
/// folder, the headings, and entries of every folder in turns. Each gap says which lines are missing and what they are,
/// counted by folder or by extension.
///
/// # When it declines
/// File reads, texts of which more than a few lines are no entries, and what does not get smaller.
///
/// # What is lost and how to get it back
/// Lines; the marker, which is the last line, has the hash of the whole text. The numbers in gaps are those of its lines.
///
/// # Errors
/// None.
///
/// # Examples
/// ```text
/// ./src/algo/astar.rs              [lines 1-14 omitted: ./src/algo/ 14]
/// ./src/algo/bellman_ford.rs       ./src/algo/dominators.rs
/// …                           →    [lines 16-90 omitted: ./src/algo/ 12, ./src/visit/ 9, ./tests/ 54]
/// ./src/algo/dominators.rs         [1/90 lines shown; headroom_retrieve hash=…]
/// …
/// ```
///
/// # Sources
/// The formats of GNU coreutils and findutils, of tree 2, npm 10 and cargo. Shares and limits are chosen by hand, each
/// beside its constant.
#[derive(Debug, Clone, Copy, Default)]
pub struct Listing;

/// Shorter texts are left alone. In bytes.
const MIN_BYTES: usize = 600;

/// Bytes that are looked at to recognise a listing.
const SAMPLE_BYTES: usize = 16 * 1024;

/// The share of the usual size of a subset that a listing gets, in percent: most of its entries say little.
///
/// # Sources
/// Chosen by hand.
const ROOM_PERCENT: usize = 66;

/// A lossless form that must be smaller by more than this is not tried.
const MAX_LOSSLESS_RATIO: usize = 6;

impl Transform for Listing {
    fn name(&self) -> &'static str {
        "listing"
    }

    fn fit(&self, part: &Part<'_>) -> Fit {
        if part.quotable || part.text.len() < MIN_BYTES || shared_start::is_encoded(part.text) {
            return Fit::No;
        }
        match Lines::of(head(part.text, SAMPLE_BYTES)).and_then(|lines| parse::style(&lines, part.tool)) {
            Some(_) => Fit::Yes(ContentKind::Listing, 0.93),
            None => Fit::No,
        }
    }

    fn apply<'a>(&self, part: &Part<'a>, cx: &mut Context<'a>) -> Result<Outcome, TransformError> {
        let text = part.text;
        let Some(lines) = Lines::of(text).filter(|_| !part.quotable && text.len() >= MIN_BYTES) else {
            return Ok(Outcome::Unchanged);
        };
        let Some(style) = parse::style(&lines, part.tool) else { return Ok(Outcome::Unchanged) };
        let listing = parse::read(&lines, style);
        let answers = if cx.lossless_only() { Vec::new() } else { select::answers(&lines, &listing, cx.question()) };
        let room = cx.target_bytes(text.len()) * ROOM_PERCENT / 100;
        let is_hopeless = !cx.lossless_only() && text.len() / MAX_LOSSLESS_RATIO > room;
        let lossless = if is_hopeless { None } else { lossless(text, &lines, style, &answers) };
        if cx.lossless_only() || cx.target_bytes(text.len()) == text.len() {
            return Ok(lossless.map_or(Outcome::Unchanged, Outcome::Lossless));
        }
        let keep = select::select(&lines, &listing, &answers, room);
        let mut subset = write(&lines, &listing, &keep);
        Ok(match lossless {
            // A quarter more is a fair price for leaving nothing out.
            Some(folded) if folded.len() <= subset.len() + subset.len() / 4 => Outcome::Lossless(folded),
            lossless if subset.len() < text.len() / 10 * 8 => {
                drop(lossless);
                let shown = keep.iter().filter(|kept| **kept).count();
                subset.push_str(&cx.marker(text, shown, lines.count(), "lines"));
                Outcome::Subset(subset)
            }
            Some(folded) => Outcome::Lossless(folded),
            None => Outcome::Unchanged,
        })
    }

    fn decode(&self, encoded: &str) -> Option<String> {
        shared_start::decode(encoded)
    }
}

/// The kept lines with a label of each gap.
fn write(lines: &Lines<'_>, listing: &Entries<'_>, keep: &[bool]) -> String {
    let show = |line: &str, out: &mut String| {
        if is_like_label(line) {
            out.push_str(NO_LABEL);
        }
        out.push_str(line);
    };
    write_subset(lines, keep, show, |first, end, out| note::write(listing, first, end, out))
}

/// The lossless form, if it is worth reading it and its decoder gives the text back.
fn lossless(text: &str, lines: &Lines<'_>, style: Style, answers: &[usize]) -> Option<String> {
    let boundaries: &[u8] = if matches!(style, Style::Paths) { b"/" } else { b" \t" };
    let mut whole: Vec<&str> = answers.iter().map(|at| lines.get(*at)).collect();
    whole.sort_unstable();
    shared_start::encode(text, boundaries, |line| whole.binary_search(&line).is_ok())
        .filter(|encoded| encoded.len() < text.len() / 10 * 9)
        .filter(|encoded| shared_start::decode(encoded).as_deref() == Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::ToolCall;
    use crate::options::Mode;
    use crate::relevance::Question;
    use crate::transforms::testing::{Quarter, declines, subset};

    fn long_listing() -> String {
        let mut text = String::from(".:\ntotal 52\n");
        for file in 0..9 {
            text += &format!("-rw-r--r-- 1 root root  {file}67 Jul 17  2023 top_{file}.txt\n");
        }
        for folder in 0..12 {
            text += &format!("\n./part_{folder}:\ntotal 9\n");
            for file in 0..30 {
                let name = ["alpha", "beta", "gamma"][file % 3];
                text += &format!("-rw-r--r-- 1 root root {:>5} Jul 17  2023 {name}_{file}.py\n", 1000 + file);
            }
        }
        text.replacen(
            "-rw-r--r-- 1 root root  1011 Jul 17  2023 gamma_11",
            "-rwsrwxrwx 1 eve  root  1011 Jul 17  2023 gamma_11",
            1,
        )
    }

    #[test]
    fn what_is_asked_stays_below_its_folder() {
        let text = long_listing().replacen("beta_13.py", "needle.py", 1);
        let folded = subset(&Listing, &text, "Where is needle.py?");
        assert!(folded.contains("./part_0:\n") && folded.contains("Jul 17  2023 needle.py\n"), "{folded}");
        assert!(folded.contains("-rwsrwxrwx 1 eve"), "{folded}");
        assert!(folded.contains(".py ") && folded.len() * 2 < text.len(), "{folded}");
    }

    #[test]
    fn trees_keep_the_branches_above_an_answer() {
        let mut text = String::from(".\n");
        for folder in 0..12 {
            text += &format!("├── part_{folder}\n│   ├── inner\n");
            for file in 0..30 {
                text += &format!("│   │   ├── {}_{file}.ts\n", ["a", "bb", "ccc"][file % 3]);
            }
        }
        text += "└── end\n\n13 directories, 360 files\n";
        let text = text.replacen("├── bb_22.ts", "├── UndoManager.ts", 1);
        let folded = subset(&Listing, &text, "Where is UndoManager.ts?");
        assert!(folded.contains("├── part_0\n│   ├── inner\n"), "{folded}");
        assert!(
            folded.contains("│   │   ├── UndoManager.ts\n") && folded.contains("13 directories, 360 files\n"),
            "{folded}"
        );
    }

    #[test]
    fn paths_come_back_byte_for_byte() {
        let text: String =
            (0..200).map(|file| format!("./src/part_{}/some/folder/file_{file}.rs\n", file / 40)).collect();
        let tool = ToolCall { name: "bash".into(), arguments: r#"{"command":"find ."}"#.into(), ..ToolCall::default() };
        let part = Part { text: &text, tool: Some(&tool), quotable: false };
        assert_eq!(Listing.fit(&part), Fit::Yes(ContentKind::Listing, 0.93));
        let question = Question::default();
        let mut cx = Context::new(Mode::Lossless, 1.0, &question, &Quarter);
        let Ok(Outcome::Lossless(folded)) = Listing.apply(&part, &mut cx) else { panic!("a lossless form") };
        assert!(folded.len() * 2 < text.len());
        assert_eq!(Listing.decode(&folded).as_deref(), Some(&*text));
        assert_eq!(Listing.fit(&Part { text: &folded, ..part }), Fit::No);
    }

    #[test]
    fn other_texts_are_left_alone() {
        for line in [
            "src/a.rs:12: a match\n",
            "A sentence about and/or questions.\n",
            "https://example.org/a/b\n",
            "2024-05-01 10:00:00 INFO GET /a/b\n",
            "│ name │ size │\n",
            "\n",
        ] {
            assert!(declines(&Listing, &line.repeat(200)), "{line}");
        }
    }
}
