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

use self::folds::Depth;
use self::guess::{Guess, guess};
use self::gutter::Source;
use self::outline::outline;
use self::parse::{MAX_BYTES, parse};
use self::select::Selection;
use super::lines::{Lines, write_subset_from};
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
/// None.
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

/// How sure a file's name and a sample that parses are, and a sample alone.
const READ_CONFIDENCE: f32 = 0.95;
const GUESS_CONFIDENCE: f32 = 0.85;

impl Transform for Code {
    fn name(&self) -> &'static str {
        "code"
    }

    fn fit(&self, part: &Part<'_>) -> Fit {
        if !has_size(part.text) {
            return Fit::No;
        }
        match Source::of(part.text).and_then(|source| guess(&source, part.tool)) {
            Some(Guess { is_read, .. }) => {
                Fit::Yes(ContentKind::Code, if is_read { READ_CONFIDENCE } else { GUESS_CONFIDENCE })
            }
            None => Fit::No,
        }
    }

    fn apply<'a>(&self, part: &Part<'a>, cx: &mut Context<'a>) -> Result<Outcome, TransformError> {
        if cx.lossless_only() || !has_size(part.text) {
            return Ok(Outcome::Unchanged);
        }
        let Some((mut text, shown, total)) = subset(part, cx) else { return Ok(Outcome::Unchanged) };
        text.push_str(&cx.marker(part.text, shown, total, "lines"));
        Ok(Outcome::Subset(text))
    }
}

fn has_size(text: &str) -> bool {
    (MIN_BYTES..=MAX_BYTES * 2).contains(&text.len())
        && memchr::memchr_iter(b'\n', text.as_bytes()).count() * MAX_MEAN_LINE_BYTES >= text.len()
}

/// The subset without its marker, how many lines it shows and how many there are, if it is worth a marker.
fn subset(part: &Part<'_>, cx: &Context<'_>) -> Option<(String, usize, usize)> {
    let target_bytes = cx.target_bytes(part.text.len());
    if target_bytes >= part.text.len() {
        return None;
    }
    let source = Source::of(part.text)?;
    let Guess { language, .. } = guess(&source, part.tool)?;
    let tree = parse(&source.code, language)?;
    let items = outline(&tree, &source.code);
    let code = Lines::of(&source.code)?;
    let is_range = source.first_number > 1 || part.tool.is_some_and(asks_for_range);
    let depth = match cx.mode() {
        _ if is_range => Depth::Shallow,
        Mode::Aggressive => Depth::Deep,
        _ => Depth::Usual,
    };
    let mut keep = Selection { items: &items, code: &code, question: cx.question(), target_bytes, depth }.keep();
    let lines = &source.lines;
    keep.resize(lines.len(), true);
    let total = lines.count();
    let is_shown = |row: &usize| keep.get(*row).copied().unwrap_or_default();
    let shown = (0..total).filter(is_shown).count();
    // Nothing tells a label from a line of the text that reads like one.
    if (0..total).filter(is_shown).any(|row| is_like_gap(lines.get(row))) {
        return None;
    }
    let text = write_subset_from(lines, source.shift, &keep, |line, out| out.push_str(line), |_, _, _| ());
    (shown < total && text.len() < part.text.len() / 10 * 9).then_some((text, shown, total))
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
        let hidden = python().replace("value_5 = ", "[lines 3-9 omitted]\n        value_5 = ");
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
                for line in small.lines().filter(|line| !line.starts_with("[line") && !line.contains(" lines shown; ")) {
                    prop_assert!(lines.any(|other| other == line), "{:?}", line);
                }
            }
        }
    }
}
