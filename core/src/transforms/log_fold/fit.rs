//! Whether a text is a log, the output of a build or of a test run.

use super::mask::template_hash;
use super::notable::{Marks, look};
use super::survey::HashedMap;
use crate::conversation::ToolCall;
use crate::transforms::lines::Lines;
use crate::transforms::sample::spread;

/// Bytes looked at, at the start, in the middle and at the end.
const SAMPLE_BYTES: usize = 16 * 1024;
/// Texts with fewer lines are left alone.
const MIN_LINES: usize = 8;
/// Fewer lines that look like frames are no stack trace.
const MIN_FRAMES: usize = 4;

/// How sure it is that a text is a log, from 0.0 (no) to 1.0.
///
/// # Sources
/// All shares and confidences are chosen by hand.
pub(super) fn confidence(text: &str, tool: Option<&ToolCall>) -> f32 {
    if is_data(text[..text.floor_char_boundary(SAMPLE_BYTES)].trim_start()) {
        return 0.0;
    }
    let sample = spread(text, SAMPLE_BYTES);
    let Some(lines) = Lines::of(&sample) else { return 0.0 };
    let filled: Vec<&str> = lines.iter().filter(|line| !line.trim().is_empty()).collect();
    if filled.len() < MIN_LINES {
        return 0.0;
    }
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    let share = |count: usize| count as f32 / filled.len() as f32;
    let json = share(filled.iter().filter(|line| line.starts_with("{\"")).count());
    let listed = share(filled.iter().filter(|line| is_listing(line)).count());
    if json > 0.5
        || listed > 0.5
        || filled.iter().any(|line| line.starts_with("diff --git ") || line.starts_with("@@ -"))
    {
        return 0.0;
    }
    let stamped = share(filled.iter().filter(|line| is_stamped(line)).count());
    let named = share(filled.iter().filter(|line| is_file_name(line)).count());
    if named > 0.8 && stamped < 0.2 {
        return 0.0;
    }
    let leveled = share(filled.iter().filter(|line| has_level(line)).count());
    let called = tool.is_some_and(is_log_call);
    if stamped > 0.5 || (stamped > 0.2 && (leveled > 0.2 || called)) {
        return 0.9;
    }
    let marks: Vec<Marks> = filled.iter().map(|line| look(line).0).collect();
    let framed = marks.iter().filter(|marks| marks.has(Marks::FRAME)).count();
    // What a runner prints first is not quoted in a document.
    if framed >= MIN_FRAMES && share(framed) > 0.3 || is_certain_runner(filled[0]) {
        return 0.85;
    }
    let headed = filled.iter().filter(|line| line.starts_with("```") || is_heading(line)).count();
    if headed >= 2 && share(headed) > 0.01 {
        return 0.0;
    }
    let runner = filled.iter().filter(|line| is_runner(line)).count();
    let certain = filled.iter().any(|line| is_certain_runner(line));
    if certain || runner > 0 && (called || runner > 2 || share(runner) > 0.02) {
        return 0.85;
    }
    let mut templates: HashedMap<()> = HashedMap::default();
    for line in &filled {
        templates.insert(template_hash(line, true), ());
    }
    let repeated = 1.0 - share(templates.len());
    let marked = share(marks.iter().filter(|marks| **marks != Marks::default()).count());
    let indented = share(filled.iter().filter(|line| line.starts_with(['\t', ' '])).count());
    let numbered = share(filled.iter().filter(|line| is_numbered(line)).count());
    match (leveled > 0.3, called) {
        (true, _) => 0.7,
        (_, true) if repeated > 0.2 || marked > 0.05 => 0.7,
        (_, true) => 0.5,
        _ if indented > 0.35 || numbered > 0.5 || is_table(&filled) => 0.0,
        _ if marked > 0.3 => 0.5,
        _ if repeated > 0.6 => 0.3,
        _ => 0.0,
    }
}

/// Whether a text is JSON or markup.
fn is_data(start: &str) -> bool {
    let array = start.strip_prefix('[').is_some_and(|rest| {
        let inner = rest.trim_start();
        inner.starts_with(['{', '[', '"']) || rest.starts_with(['\n', '\r'])
    });
    array || start.starts_with('{') || (start.starts_with('<') && !start.starts_with("<frozen") && is_markup(start))
}

/// `<!doctype`, `<?xml`, `<html>`: not the angle brackets that some tools put around their output.
fn is_markup(start: &str) -> bool {
    let head = &start.as_bytes()[..start.len().min(9)];
    ["<!doctype", "<?xml", "<html", "<svg", "<div", "<body"]
        .iter()
        .any(|tag| head.len() >= tag.len() && head[..tag.len()].eq_ignore_ascii_case(tag.as_bytes()))
}

/// `## Title`: a heading of Markdown.
fn is_heading(line: &str) -> bool {
    let text = line.trim_start_matches('#');
    (1..=6).contains(&(line.len() - text.len())) && text.starts_with(' ')
}

/// `12: code`, `12<tab>code`: a line of a numbered listing.
fn is_numbered(line: &str) -> bool {
    let text = line.trim_start();
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    rest.len() < text.len() && rest.starts_with([':', '\t', '|', '-'])
}

/// Whether nearly all lines have the same number of the same separator.
fn is_table(filled: &[&str]) -> bool {
    [b',', b'\t', b';', b'|'].iter().any(|separator| {
        let count = |line: &&str| memchr::memchr_iter(*separator, line.as_bytes()).count();
        let usual = filled.get(1).map_or(0, count);
        usual >= 2 && filled.iter().filter(|line| count(line) == usual).count() * 10 >= filled.len() * 8
    })
}

/// `-rw-r--r-- 1 root …`: a line of a directory listing.
fn is_listing(line: &str) -> bool {
    let bytes = line.as_bytes();
    bytes.len() > 10
        && matches!(bytes[0], b'-' | b'd' | b'l')
        && bytes[1..10].iter().all(|byte| matches!(byte, b'r' | b'w' | b'x' | b's' | b't' | b'S' | b'T' | b'-'))
}

/// A line of `find`, `ls`, `tree` or `grep -l`: a path, or one word, with a count behind it or none.
fn is_file_name(line: &str) -> bool {
    let name = line.trim_start_matches(['│', '├', '└', '─', '\u{a0}', ' ']).trim_end();
    let is_rooted = ["/", "./", "../"].iter().any(|root| name.starts_with(root));
    let blanks = name.bytes().filter(|byte| matches!(byte, b' ' | b'\t')).count();
    let has_word = name.bytes().any(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii());
    name.len() < 400 && has_word && (blanks == 0 || (is_rooted && blanks <= 3 && !name.contains(": ")))
}

/// Whether a line starts with a date, a time or a kernel clock, after at most a few characters.
fn is_stamped(line: &str) -> bool {
    let line = line.as_bytes();
    let head = &line[..line.len().min(64)];
    let digits =
        |range: std::ops::Range<usize>| head.get(range).is_some_and(|part| part.iter().all(u8::is_ascii_digit));
    let clock = |at: usize| {
        digits(at..at + 2)
            && head.get(at + 2) == Some(&b':')
            && digits(at + 3..at + 5)
            && (head.get(at + 5) == Some(&b':') || at + 5 == head.len() || head.get(at + 5) == Some(&b' '))
    };
    let kernel = || {
        head.first() == Some(&b'[') && {
            let rest = head[1..].trim_ascii_start();
            let whole = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            whole > 0 && rest.get(whole) == Some(&b'.') && rest.get(whole + 1).is_some_and(u8::is_ascii_digit)
        }
    };
    // Six digits twice: date and time without separators.
    let packed = || digits(0..6) && head.get(6) == Some(&b' ') && digits(7..13);
    let epoch = || digits(0..10) && matches!(head.get(10), Some(b' ' | b'.'));
    kernel() || packed() || epoch() || (0..head.len().saturating_sub(4)).any(clock)
}

const LEVELS: [&str; 14] = [
    "INFO", "WARN", "ERROR", "DEBUG", "TRACE", "FATAL", "NOTICE", "info", "warn", "error", "debug", "notice",
    "WARNING", "CRITICAL",
];

/// Whether one of the first words is the name of a level.
fn has_level(line: &str) -> bool {
    line.split(|c: char| !c.is_ascii_alphabetic())
        .filter(|word| !word.is_empty())
        .take(6)
        .any(|word| LEVELS.contains(&word))
}

/// A line that only a test runner prints.
fn is_certain_runner(line: &str) -> bool {
    const STARTS: [&str; 7] = [
        "TAP version ",
        "Traceback (most recent call last)",
        "test result: ",
        "=== RUN ",
        "--- FAIL: ",
        "Tests run: ",
        "Test Suites: ",
    ];
    STARTS.iter().any(|start| line.starts_with(start))
        || (line.starts_with("====") && line.contains(" test session starts "))
}

/// A line that test runners, compilers and package managers print.
fn is_runner(line: &str) -> bool {
    const STARTS: [&str; 25] = [
        "test result:",
        "=== RUN",
        "--- PASS",
        "--- FAIL",
        "ok  \t",
        "FAIL\t",
        "PASS ",
        "Tests: ",
        "Test Suites:",
        "Tests run:",
        "running ",
        "[INFO] ",
        "[ERROR] ",
        "npm ERR!",
        "npm WARN",
        "npm error",
        "npm warn",
        "make[",
        "make: ",
        "Collecting ",
        "Downloading ",
        "   Compiling ",
        "warning: unused",
        "error[E",
        "Traceback (most recent call last)",
    ];
    line.contains("test session starts")
        || line.contains("INTERNALERROR>")
        || (line.starts_with("test ") && line.contains(" ... "))
        || (STARTS.iter().any(|start| line.starts_with(start))
            && (line.contains(" test") || !line.starts_with("running ")))
}

/// Whether the call reads a log, builds or tests.
fn is_log_call(tool: &ToolCall) -> bool {
    const PARTS: [&str; 43] = [
        "pytest",
        "cargo test",
        "cargo build",
        "cargo check",
        "cargo clippy",
        "npm test",
        "npm run",
        "npm install",
        "npm ci",
        "yarn ",
        "pnpm ",
        "jest",
        "vitest",
        "go test",
        "go build",
        "mvn ",
        "gradle",
        "make",
        "ninja",
        "journalctl",
        "kubectl logs",
        "docker logs",
        "docker build",
        "dmesg",
        ".log",
        "/log/",
        "logs/",
        "syslog",
        "tox",
        "unittest",
        "pip install",
        "ctest",
        "rspec",
        "phpunit",
        "dotnet ",
        "bazel",
        "test.sh",
        "build.sh",
        "lint",
        "ruff ",
        "flake8",
        "mypy ",
        "tsc ",
    ];
    const NAMES: [&str; 10] =
        ["log", "logs", "test", "tests", "build", "console", "journal", "compile", "dmesg", "make"];
    let named = tool.name.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| {
        // `run_tests`, `runTests`: the last word of a name in capitals counts as well.
        let last = word.rfind(|c: char| c.is_ascii_uppercase()).map_or(word, |at| &word[at..]);
        NAMES.iter().any(|name| word.eq_ignore_ascii_case(name) || last.eq_ignore_ascii_case(name))
    });
    let arguments = tool.arguments.get(..2000).unwrap_or(&tool.arguments);
    named || PARTS.iter().any(|part| arguments.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repeated(line: &str) -> String {
        (0..20).map(|at| line.replace('@', &at.to_string()) + "\n").collect()
    }

    #[test]
    fn stamped_lines_are_a_log() {
        for line in [
            "2024-05-01T10:00:@0Z INFO started",
            "Dec 10 06:55:@6 host sshd[1]: x",
            "[   32.347901] usb @",
            "[Sun Dec 04 04:47:44 2005] [notice] @",
            "17/06/09 20:10:40 INFO a.B: @",
            "081109 203615 148 INFO dfs: @",
            "03-17 16:13:38.811  1702  2395 D W: @",
        ] {
            assert!(confidence(&repeated(line), None) >= 0.9, "{line}");
        }
    }

    #[test]
    fn runners_are_known_by_their_lines() {
        for first in
            ["running 20 tests\n", "=== RUN   TestA\n", "====== test session starts ======\n", "npm ERR! code 1\n"]
        {
            assert!(confidence(&(first.to_owned() + &repeated("line of @ words")), None) >= 0.85, "{first}");
        }
    }

    #[test]
    fn stack_traces_are_folded_as_logs() {
        for frame in ["\tat org.example.Part@.run(Part@.java:7)", "    at run@ (file:///srv/part@.mjs:1:2)"] {
            assert!(confidence(&("Error: no part\n".to_owned() + &repeated(frame)), None) >= 0.85, "{frame}");
        }
    }

    #[test]
    fn json_listings_diffs_and_prose_are_not_logs() {
        for text in [
            repeated("{\"a\": @}"),
            repeated("-rw-r--r-- 1 root root 12 10:00 file@"),
            "diff --git a/x b/x\n".to_owned() + &repeated("+@"),
            [
                "The quick fox",
                "jumps over",
                "the lazy dog",
                "and rests",
                "in the shade",
                "of a tree",
                "by a lake",
                "alone",
            ]
            .join("\n"),
        ] {
            assert!(confidence(&text, None) == 0.0, "{text}");
        }
    }

    #[test]
    fn names_of_files_one_a_line_are_not_logs() {
        let tool =
            ToolCall { name: "bash".into(), arguments: r#"{"command":"ls logs/"}"#.into(), ..Default::default() };
        for line in [
            "src/part/error_@.rs",
            "./My Files/failed @.txt",
            "error-@.log",
            "├── failed_@.md",
            "src/a.rs:@",
            "Makefile",
        ] {
            assert!(confidence(&repeated(line), Some(&tool)) == 0.0, "{line}");
        }
        for line in ["10:00:@0;failed", "/bin/sh: line @: failed to run", "@ failed"] {
            assert!(confidence(&repeated(line), Some(&tool)) > 0.0, "{line}");
        }
    }

    #[test]
    fn a_test_tool_makes_short_output_a_log() {
        let tool =
            ToolCall { name: "bash".into(), arguments: r#"{"command":"cargo test"}"#.into(), ..Default::default() };
        assert!(confidence(&repeated("ok @ of many"), Some(&tool)) >= 0.7);
    }
}
