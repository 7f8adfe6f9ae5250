//! Source code.

mod asked;
mod folds;
mod guess;
mod gutter;
mod kinds;
mod language;
mod outline;
mod parse;
mod select;

use std::collections::HashSet;

use tree_sitter::Tree;

use self::folds::Depth;
use self::guess::{Guess, MAX_MISPLACED_IN_READ, guess};
use self::gutter::Source;
use self::language::Language;
use self::outline::outline;
use self::parse::{MAX_BYTES, Unparsed, misplaced_share, parse};
use self::select::Selection;
use super::lines::{Lines, write_subset_from};
use super::sample::head;
use crate::conversation::ToolCall;
use crate::detect::ContentKind;
use crate::options::Mode;
use crate::transform::{Context, Fit, Outcome, Part, Transform, TransformError};

/// Shows the shape of source code: imports, signatures, types, constants, the first line of each comment, and the whole
/// body of every function that the question or the call names. All other bodies are left out.
///
/// Reads Python, JavaScript, TypeScript, TSX, Rust, Go, Java, C, C++, C#, Ruby, PHP and Bash by their grammars, also behind
/// line numbers and between fences. When the question names nothing that is defined, the bodies that have most of its
/// words stay, up to a size; lines that hold what it quotes stay in any case. Of lines that the call asked for by number,
/// only long bodies go.
///
/// Declines in lossless mode, below 4 KB and above 512 KB, in other languages, in text that does not parse, in minified
/// code, and when less than a tenth would go. Where the parser finds an error, a body goes only if the layout shows where
/// it ends.
///
/// Only whole lines go, and every line that stays is byte-exact. A gap has the numbers of its lines: those that the text
/// itself shows, else counted from 1. What is left out can be fetched with the hash in the marker, which is the last line.
///
/// ```text
/// use std::io;                            use std::io;
///
/// /// Reads it.                           /// Reads it.
/// pub fn read(path: &str) -> String {     pub fn read(path: &str) -> String {
///     let mut text = String::new();   →   [lines 5-31 omitted]
///     …                                   /// Writes it.
/// }                                       pub fn write(path: &str, text: &str) {
///                                             …
/// /// Writes it.                          }
/// pub fn write(path: &str, text: &str) {  [9/38 lines shown; headroom_retrieve hash=…]
/// ```
///
/// # Errors
/// [`TransformError`] when a text takes more than a second to parse, which no source code does.
///
/// # Sources
/// Thresholds are chosen by hand or measured, each beside its constant.
#[derive(Debug, Clone, Copy, Default)]
pub struct Code;

/// Shorter code stays whole.
///
/// # Sources
/// Chosen by hand: some 100 lines.
const MIN_BYTES: usize = 4 * 1024;

/// Code has lines. In what has fewer breaks than one in so many bytes, nothing is left out by lines.
const MAX_MEAN_LINE_BYTES: usize = 200;

/// Code says something new in one line of so many at least; tables of numbers do not.
///
/// # Sources
/// Source code of 30 to 300 KB says something new in at least every sixth line. Some grammars take
/// seconds for a few kilobytes of the same symbol again and again.
const MAX_LINES_A_NEW_ONE: usize = 20;

/// Bytes of code that are looked at for that.
const REPEATS_BYTES: usize = 64 * 1024;

/// How sure a file's name and a sample that parses are, and a sample alone.
const READ_CONFIDENCE: f32 = 0.95;
const GUESS_CONFIDENCE: f32 = 0.85;

impl Transform for Code {
    fn name(&self) -> &'static str {
        "code"
    }

    fn fit(&self, part: &Part<'_>) -> Fit {
        if !has_lines(part.text) {
            return Fit::No;
        }
        let source = Source::of(part.text).filter(|source| !repeats_itself(&source.code));
        match source.and_then(|source| guess(&source, part.tool)) {
            Some(Guess { is_read, .. }) => {
                Fit::Yes(ContentKind::Code, if is_read { READ_CONFIDENCE } else { GUESS_CONFIDENCE })
            }
            None => Fit::No,
        }
    }

    fn apply<'a>(&self, part: &Part<'a>, cx: &mut Context<'a>) -> Result<Outcome, TransformError> {
        if cx.lossless_only() || !has_lines(part.text) {
            return Ok(Outcome::Unchanged);
        }
        let Some((mut text, shown, total)) = subset(part, cx)? else { return Ok(Outcome::Unchanged) };
        text.push_str(&cx.marker(part.text, shown, total, "lines"));
        Ok(Outcome::Subset(text))
    }
}

/// Whether a text has the size and the lines of code.
fn has_lines(text: &str) -> bool {
    (MIN_BYTES..=MAX_BYTES * 2).contains(&text.len())
        && memchr::memchr_iter(b'\n', text.as_bytes()).count() * MAX_MEAN_LINE_BYTES >= text.len()
}

/// Whether code says the same over and over.
fn repeats_itself(code: &str) -> bool {
    let code = head(code, REPEATS_BYTES);
    let wanted = memchr::memchr_iter(b'\n', code.as_bytes()).count() / MAX_LINES_A_NEW_ONE;
    let mut seen = HashSet::new();
    let mut new = code.lines().map(str::trim).filter(|line| !line.is_empty() && seen.insert(*line));
    new.nth(wanted).is_none()
}

/// The tree of code in a language, if it is worth an outline.
fn tree(code: &str, language: Language) -> Result<Option<Tree>, TransformError> {
    match parse(code, language) {
        Ok(tree) => Ok(Some(tree).filter(|tree| misplaced_share(tree) <= MAX_MISPLACED_IN_READ)),
        Err(Unparsed::TooHard) => Ok(None),
        Err(slow @ Unparsed::TooSlow) => Err(TransformError(format!("{} bytes of {language:?}: {slow}", code.len()))),
    }
}

/// The subset without its marker, how many lines it shows and how many there are, if it is worth a marker.
fn subset(part: &Part<'_>, cx: &Context<'_>) -> Result<Option<(String, usize, usize)>, TransformError> {
    let target_bytes = cx.target_bytes(part.text.len());
    let Some(source) = Source::of(part.text) else { return Ok(None) };
    if target_bytes >= part.text.len() || repeats_itself(&source.code) {
        return Ok(None);
    }
    let Some(Guess { language, .. }) = guess(&source, part.tool) else { return Ok(None) };
    let Some(tree) = tree(&source.code, language)? else { return Ok(None) };
    let Some(code) = Lines::of(&source.code) else { return Ok(None) };
    let items = outline(&tree, &source.code);
    let is_range = source.first_number > 1 || part.tool.is_some_and(asks_for_range);
    let depth = match cx.mode() {
        _ if is_range => Depth::Shallow,
        Mode::Aggressive => Depth::Deep,
        _ => Depth::Usual,
    };
    let keep = Selection { items: &items, code: &code, question: cx.question(), target_bytes, depth }.keep();
    Ok(write(part.text, &source, &keep))
}

/// Writes the lines that stay, if that is worth a marker.
fn write(text: &str, source: &Source<'_>, keep: &[bool]) -> Option<(String, usize, usize)> {
    let lines = &source.lines;
    let total = lines.count();
    let keep = keep.get(..total)?;
    let shown: Vec<usize> = (0..total).filter(|&row| keep.get(row) == Some(&true)).collect();
    // Nothing tells a label from a line of the text that reads like one.
    if shown.iter().any(|&row| is_like_gap(lines.get(row))) {
        return None;
    }
    let subset = write_subset_from(lines, source.shift, keep, |line, out| out.push_str(line), |_, _, _| ());
    (shown.len() < total && subset.len() < text.len() / 10 * 9).then_some((subset, shown.len(), total))
}

/// Whether a line reads like the label of a gap.
fn is_like_gap(line: &str) -> bool {
    line.trim_start().starts_with("[line") && line.contains(" omitted")
}

/// Whether a call asks for lines by number, as `sed -n 10,80p` does and reads with an offset do.
fn asks_for_range(tool: &ToolCall) -> bool {
    const NAMES: [&str; 12] = [
        "offset",
        "start",
        "start_line",
        "startLine",
        "line_start",
        "from_line",
        "line",
        "lines",
        "line_range",
        "view_range",
        "range",
        "end_line",
    ];
    let Ok(arguments) = serde_json::from_str::<serde_json::Value>(&tool.arguments) else { return false };
    let given = |name: &&str| match arguments.get(*name) {
        None | Some(serde_json::Value::Null) => false,
        // The first line is where every read starts.
        Some(value) => value.as_u64().is_none_or(|number| number > 1),
    };
    let command = || arguments.get("command").and_then(|command| command.as_str()).unwrap_or_default();
    NAMES.iter().any(given) || ["sed -n", "head -", "tail -"].iter().any(|program| command().contains(program))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{Quarter, declines, subset};
    use super::*;
    use crate::relevance::Question;

    /// A module of ten classes with ten methods each.
    fn python() -> String {
        let method = |class: usize, n: usize| {
            let lines =
                (0..6).map(|line| format!("        value_{line} = self.compute(key, {class} * {n} + {line})\n"));
            format!(
                "    def step_{class}_{n}(self, key):\n        \"\"\"Takes step {n}.\n\n        At length.\n        \"\"\"\n{}        return value_0\n\n",
                lines.collect::<String>()
            )
        };
        let class = |class| {
            format!(
                "class Walk{class}:\n    size = {class}\n\n{}",
                (0..10).map(|n| method(class, n)).collect::<String>()
            )
        };
        format!("\"\"\"Walks.\"\"\"\n\nimport os\nfrom a import b\n\n\n{}", (0..10).map(class).collect::<String>())
    }

    fn read(text: &str, arguments: &str, question: &str, mode: Mode) -> Option<String> {
        let tool = ToolCall { id: String::new(), name: "read_file".to_owned(), arguments: arguments.to_owned() };
        let question = Question::new(question, arguments);
        let mut cx = Context::new(mode, 1.0, &question, &Quarter);
        match Code.apply(&Part { text, tool: Some(&tool), quotable: true }, &mut cx).unwrap() {
            Outcome::Subset(subset) => Some(subset),
            _ => None,
        }
    }

    const PATH: &str = r#"{"path":"/repo/walk.py"}"#;

    #[test]
    fn the_shape_of_a_file_stays_with_the_whole_function_that_is_asked_for() {
        let text = python();
        let small = subset(&Code, &text, "Why does `step_3_7` return the wrong value?");
        let asked = text.split("    def step_3_8").next().unwrap().rsplit_once("    def step_3_7").unwrap().1;
        assert!(small.contains(&format!("    def step_3_7{}", asked.trim_end())), "{small}");
        for shown in [
            "import os\n",
            "class Walk9:\n    size = 9\n",
            "    def step_9_9(self, key):\n        \"\"\"Takes step 9.\n",
        ] {
            assert!(small.contains(shown), "{shown}");
        }
        assert_eq!(small.matches("value_0 = ").count(), 1);
        assert!(small.len() * 2 < text.len(), "{} of {}", small.len(), text.len());
    }

    #[test]
    fn gaps_have_the_numbers_that_the_text_shows() {
        let text: String = python().lines().enumerate().map(|(at, line)| format!("{:6}\t{line}\n", at + 1)).collect();
        let small = read(&text, PATH, "Explain step_0_1.", Mode::Balanced).unwrap();
        let mut expected = 1;
        for line in small.lines().take_while(|line| !line.contains("lines shown")) {
            if let Some(gap) = line.strip_prefix("[lines ").and_then(|line| line.strip_suffix(" omitted]")) {
                let (first, last) = gap.split_once('-').unwrap();
                assert_eq!(first.parse(), Ok(expected), "{line}");
                expected = last.parse::<usize>().unwrap() + 1;
            } else {
                assert_eq!(line.split('\t').next().unwrap().trim().parse(), Ok(expected), "{line}");
                expected += 1;
            }
        }
        assert_eq!(expected, text.lines().count() + 1);
    }

    #[test]
    fn lines_that_were_asked_for_by_number_keep_their_bodies() {
        let text = python();
        for arguments in [
            r#"{"path":"/repo/walk.py","offset":1200,"limit":900}"#,
            r#"{"path":"/repo/walk.py","view_range":[1,900]}"#,
        ] {
            assert_eq!(read(&text, arguments, "", Mode::Balanced), None);
        }
        assert!(read(&text, r#"{"path":"/repo/walk.py","offset":0,"limit":2000}"#, "", Mode::Balanced).is_some());
        let later: String = text.lines().enumerate().map(|(at, line)| format!("{}: {line}\n", at + 700)).collect();
        assert_eq!(read(&later, PATH, "", Mode::Balanced), None);
    }

    #[test]
    fn a_question_in_words_shows_what_has_most_to_do_with_it() {
        let text = python().replace("self.compute(key, 4 * 2 + 3)", "self.retry_after_timeout(key)");
        let small = subset(&Code, &text, "what happens after a timeout, is there a retry?");
        assert!(small.contains("        value_3 = self.retry_after_timeout(key)\n"), "{small}");
        let quoted = subset(&Code, &text, "who calls `retry_after_timeout`?");
        assert!(quoted.contains("        value_3 = self.retry_after_timeout(key)\n"), "{quoted}");
    }

    #[test]
    fn a_line_that_reads_like_a_gap_leaves_the_text_whole() {
        let text = python().replace("import os\n", "[lines 3-9 omitted]\nimport os\n");
        assert!(declines(&Code, &text));
        let hidden = python().replacen("value_5 = ", "[lines and lines if omitted else 1]\n        value_5 = ", 1);
        assert!(!declines(&Code, &hidden));
    }

    #[test]
    fn small_texts_other_languages_and_minified_code_do_not_fit() {
        let fit = |text: &str| Code.fit(&Part { text, tool: None, quotable: false });
        assert!(matches!(fit(&python()), Fit::Yes(ContentKind::Code, _)));
        let minified = "function a(b){return b+1}var c=a(2);".repeat(400) + "\n";
        let haskell = "module Main where\n\nmain :: IO ()\nmain = putStrLn \"hello\"\n".repeat(200);
        for text in ["", "import os\n", &minified, &haskell, &"word ".repeat(4000), &"import os\n".repeat(200_000)] {
            assert_eq!(fit(text), Fit::No, "{}", text.get(..40).unwrap_or(text));
        }
        assert_eq!(read(&python(), PATH, "", Mode::Lossless), None);
    }

    #[test]
    fn the_deeper_mode_shows_less() {
        let text = python().repeat(6);
        let small = |mode| read(&text, PATH, "", mode).unwrap().len();
        assert!(small(Mode::Aggressive) < small(Mode::Balanced));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn broken_code_is_shown_in_whole_lines_and_in_order(
            cuts in prop::collection::vec((0..4000_usize, "[{}()\"'#/*\\[\\]\r\0 a:]{0,3}|[\n]"), 0..30),
            path in prop::sample::select(vec!["a.py", "a.rs", "a.c", "a.rb", "a.ts", "a.go", "a.sh", "a.php", "a.cs"]),
        ) {
            let mut text = python();
            text.truncate(12_000);
            for (at, junk) in cuts {
                text.insert_str(at, &junk);
            }
            let arguments = serde_json::json!({ "path": path }).to_string();
            if let Some(small) = read(&text, &arguments, "step_1_1", Mode::Balanced) {
                let mut lines = text.split('\n');
                for line in small.split('\n').filter(|line| !line.starts_with("[line") && !line.contains(" lines shown; ")) {
                    prop_assert!(lines.any(|other| other == line), "{:?}", line);
                }
            }
        }
    }
}
