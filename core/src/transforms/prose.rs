//! Markdown, documentation, search results in words, and other prose.

mod document;
mod fit;
mod kinds;
mod notable;
mod rank;
mod select;
mod sentences;
mod write;

use self::document::Document;
pub(super) use self::write::Written;
use self::write::{Labels, write};
use crate::relevance::Question;
use crate::transform::{Context, Fit, Outcome, Part, Transform, TransformError};

/// Shortens Markdown and prose to a verbatim subset of its sentences.
///
/// What answers the question stays first: sentences with its words, names, numbers and quoted text, and what stands beside
/// them or under headings that have them. Then the headings, so that the reader sees what else there is, and from every
/// section in proportion to its size what is worth most by itself: first sentences, warnings, negations, numbers, names.
/// Of several documents in one result each keeps its title and its best sentence. Code is shown with the lines around
/// it that it belongs to, rows of a table with its head, list items with the line that introduces them. The same words
/// are not shown twice.
///
/// A file that is read keeps whole lines with their places in the file; elsewhere long lines are cut between sentences.
///
/// Declines texts below 2 KB, texts that are not mostly sentences, and texts of which a tenth or less would go. Declines in
/// lossless mode. What is left out can be fetched with the hash in the marker, which is the last line.
///
/// ```text
/// # Pool                                    # Pool
/// The pool holds connections. It …    →     The pool holds connections. [4 sentences omitted]
/// ## Limits                                 ## Limits
/// By default it holds 500. …                By default it holds 500.
/// ## History                                ## History
/// …                                         [lines 7-90 omitted]
///                                           [5/93 lines and sentences shown; headroom_retrieve hash=…]
/// ```
///
/// # Errors
/// None.
///
/// # Sources
/// That first sentences, cue words and the words of headings tell what matters is from Edmundson, "New Methods in
/// Automatic Extracting" (1969); that terms found already count less, from maximal marginal relevance (Carbonell and
/// Goldstein, 1998). Weights and shares are chosen by hand, each beside its constant.
#[derive(Debug, Clone, Copy, Default)]
pub struct Prose;

impl Transform for Prose {
    fn name(&self) -> &'static str {
        "prose"
    }

    fn fit(&self, part: &Part<'_>) -> Fit {
        fit::look(part.text, part.tool).map_or(Fit::No, |(kind, confidence)| Fit::Yes(kind, confidence))
    }

    fn apply<'a>(&self, part: &Part<'a>, cx: &mut Context<'a>) -> Result<Outcome, TransformError> {
        let text = part.text;
        if cx.lossless_only() || text.len() < fit::MIN_BYTES {
            return Ok(Outcome::Unchanged);
        }
        let Some(document) = Document::of(text, part.quotable) else { return Ok(Outcome::Unchanged) };
        // What is said twice is not more to say.
        let target_bytes = cx.target_prose_bytes(document.distinct_bytes());
        if target_bytes >= text.len() {
            return Ok(Outcome::Unchanged);
        }
        let labels = if document.numbered_otherwise { Labels::Counts } else { Labels::Places };
        let keep = select::select(&document, cx.question(), target_bytes, &[]);
        let written = write(&document, &keep, part.quotable, labels);
        let Some(Written { text: mut subset, shown, total, unit }) =
            written.filter(|written| is_worth(&written.text, text))
        else {
            return Ok(Outcome::Unchanged);
        };
        subset.push_str(&cx.marker(text, shown, total, unit));
        Ok(Outcome::Subset(subset))
    }
}

/// The same selection for Markdown that another transform made: `aside` tells the lines that are left out whatever they
/// say, and all else stays when it is not more than `target_bytes`. `None` when a line reads like a label.
pub(super) fn extract(text: &str, aside: &[bool], question: &Question, target_bytes: usize) -> Option<Written> {
    let document = Document::of(text, false)?;
    let is_aside = |piece: &document::Piece| aside.get(piece.line as usize).copied().unwrap_or_default();
    let wanted: Vec<bool> = document.pieces.iter().map(|piece| !is_aside(piece)).collect();
    let wanted_bytes: usize = document
        .pieces
        .iter()
        .filter(|piece| !is_aside(piece))
        .map(|piece| (piece.end - piece.start) as usize + 1)
        .sum();
    let keep =
        if wanted_bytes <= target_bytes { wanted } else { select::select(&document, question, target_bytes, &wanted) };
    write(&document, &keep, false, Labels::Counts)
}

/// Whether a subset is smaller than its text by more than its labels are worth.
fn is_worth(subset: &str, text: &str) -> bool {
    !subset.is_empty() && subset.len() < text.len() / 10 * 9
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::conversation::ToolCall;
    use crate::detect::ContentKind;
    use crate::transforms::testing::{declines, run, subset};

    fn fit(text: &str, path: Option<&str>) -> Fit {
        let tool = path.map(|path| ToolCall {
            name: "read_file".into(),
            arguments: format!("{{\"path\":\"{path}\"}}"),
            ..ToolCall::default()
        });
        Prose.fit(&Part { text, tool: tool.as_ref(), quotable: path.is_some() })
    }

    /// A manual of forty sections, whose paragraphs are wrapped or stand in one line.
    fn manual(wrapped: bool) -> String {
        let blank = if wrapped { "\n" } else { " " };
        let section = |at: usize| {
            format!(
                "## Part {at}\n\nThis part tells how the component number {at} is set up and run.{blank}It was written for people \
                 who have seen the others before.{blank}Nothing in it is hard, and most of it can be skipped{blank}by those who \
                 only want to look things up.{blank}The limit of component {at} is {} items.{blank}Talk about it goes on for a \
                 while without saying more.\n\n",
                at * 37 + 5
            )
        };
        "# The manual\n\n".to_owned() + &(0..40).map(section).collect::<String>()
    }

    #[test]
    fn the_answer_stays_with_its_heading_and_gaps_say_so() {
        let text = manual(false);
        let small = subset(&Prose, &text, "What is the limit of component 23?");
        assert!(
            small.contains("The limit of component 23 is 856 items.") && small.contains("\n## Part 23\n"),
            "{small}"
        );
        assert!(small.contains(" sentences omitted]") && small.contains("lines and sentences shown; "), "{small}");
        assert!(small.len() * 2 < text.len());
    }

    #[test]
    fn a_file_keeps_whole_lines_with_their_places() {
        let text = manual(true);
        let (Outcome::Subset(small), originals) = run(&Prose, &text, true, "What is the limit of component 23?") else {
            panic!("a subset")
        };
        assert_eq!(originals, [text.as_str()]);
        assert!(small.contains("\nThe limit of component 23 is 856 items.\n") && small.contains("[lines "), "{small}");
        assert!(!small.contains("sentences"), "{small}");
    }

    #[test]
    fn markdown_and_prose_are_known_and_other_texts_are_not() {
        let markdown = manual(true);
        let prose =
            "It was a bright cold day in April, and the clocks were striking thirteen. He went in.\n\n".repeat(40);
        assert_eq!(fit(&markdown, Some("docs/manual.md")), Fit::Yes(ContentKind::Markdown, 0.9));
        assert_eq!(fit(&markdown, None), Fit::Yes(ContentKind::Markdown, 0.85));
        assert_eq!(fit(&prose, None), Fit::Yes(ContentKind::Prose, 0.75));
        let repeated = |line: &str| (0..200).map(|at| line.replace('@', &at.to_string()) + "\n").collect::<String>();
        for other in [
            repeated("2024-05-01 10:00:00 INFO the server has started its worker number @ and waits for requests"),
            repeated("starting the worker number @ of the pool now"),
            repeated("# comment about the setting @\nvalue_@ = [1, 2, 3]"),
            repeated("src/part_@/mod.rs:12:    // the handler of this part is called here."),
            repeated("    let value_@ = compute(@); // The value of the thing."),
            repeated("name@,city of a person,12,3.5"),
            repeated("@ files changed, and one was removed"),
            repeated("# HELP go_gc_@ Count of completed cycles of the runtime.\n# TYPE go_gc_@ counter\ngo_gc_@ 12"),
            format!("{{\"text\": \"{}\"}}", "A sentence of a text. ".repeat(200)),
            format!("[\"{}\"]", "A sentence of a text. ".repeat(200)),
            "A short text stays. It says little.".to_owned(),
        ] {
            assert_eq!(fit(&other, None), Fit::No, "{}", &other[..60.min(other.len())]);
        }
        let code = repeated("# The value of the thing is explained here.\nvalue_@ = compute(@, [1, 2])");
        assert_eq!(fit(&code, Some("src/values.py")), Fit::No);
    }

    #[test]
    fn chinese_japanese_and_korean_are_shortened_around_the_answer() {
        for (filler, answer, question) in [
            (
                "这一段讲的是日常的事情，没有什么特别的内容。大家都知道这些。",
                "数据库的最大连接数是五百个。",
                "数据库的最大连接数是多少？",
            ),
            (
                "この段落は普通のことについて述べている。特に大事なことはない。",
                "データベースの接続数の上限は五百です。",
                "データベースの接続数の上限は？",
            ),
            (
                "이 문단은 평범한 일을 다룬다. 특별한 내용은 별로 많다고 하기 어렵다.",
                "데이터베이스 연결 한도는 오백 개입니다.",
                "데이터베이스 연결 한도는 얼마입니까?",
            ),
        ] {
            let paragraph = |at: usize| {
                if at == 60 { format!("{filler}{answer}{filler}\n\n") } else { format!("{at}：{filler}{filler}\n\n") }
            };
            let text: String = (0..120).map(paragraph).collect();
            assert!(matches!(fit(&text, None), Fit::Yes(ContentKind::Prose, _)), "{text}");
            let small = subset(&Prose, &text, question);
            assert!(small.contains(answer) && small.len() < text.len() * 3 / 4, "{small}");
        }
    }

    #[test]
    fn each_document_of_a_search_keeps_its_title_and_a_sentence() {
        let document = |at: usize| {
            format!(
                "[{at}] https://a.example/{at}\n# Page {at}\nPage {at}\n\n{}\n\n",
                manual(false).get(at..at + 1500).unwrap()
            )
        };
        let text: String = (1..9).map(document).collect();
        let small = subset(&Prose, &text, "What is the limit of component 1?");
        for at in 1..9 {
            let from = small.find(&format!("[{at}] https://a.example/{at}\n")).expect("the title");
            let body = small[from..].split("\n[").next().unwrap();
            assert!(body.contains('.'), "{body}");
        }
    }

    #[test]
    fn short_texts_and_texts_without_much_to_leave_out_stay() {
        assert!(declines(&Prose, &manual(true)[..1500]));
        assert!(declines(&Prose, ""));
    }

    proptest! {
        #[test]
        fn lines_of_a_file_are_shown_whole_and_in_order(
            parts in vec(("#{0,3} ?[A-Za-z ]{0,30}", "([a-z]{1,9} ){0,40}\\.", 0..5usize), 20..120),
            question in "[a-z]{1,5} [a-z]{1,5}",
        ) {
            let text: String = parts.iter().map(|(head, body, kind)| match kind {
                0 => format!("{head}\n\n"),
                1 => format!("- {body}\n  {body}\n"),
                2 => format!("```\n{head}\n{body}\n```\n"),
                _ => format!("{body}\r\n{head}\n\n"),
            }).collect();
            let original: Vec<&str> = text.split('\n').collect();
            let (outcome, _) = run(&Prose, &text, true, &question);
            if let Outcome::Subset(small) = outcome {
                let mut at = 0;
                let (body, _) = small.rsplit_once('\n').unwrap();
                for line in body.split('\n') {
                    let gap = line.strip_prefix("[lines ").or_else(|| line.strip_prefix("[line "));
                    if let Some(range) = gap.and_then(|gap| gap.strip_suffix(" omitted]")) {
                        let (first, last) = range.split_once('-').unwrap_or((range, range));
                        prop_assert_eq!(first.parse::<usize>().unwrap(), at + 1);
                        at = last.parse().unwrap();
                    } else {
                        prop_assert_eq!(line, original[at]);
                        at += 1;
                    }
                }
            }
        }

        #[test]
        fn any_text_is_handled(text in "(\\PC|[a-zA-Z #*`|>.\\-\n]|\r|\0|\\. ){0,400}", copies in 1..40usize, quotable: bool) {
            let text = text.repeat(copies);
            let _ = fit(&text, None);
            let _ = run(&Prose, &text, quotable, "a 1 `x`");
        }
    }
}
