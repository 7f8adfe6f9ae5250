//! Which lines say that something went wrong, how it ended, and where.

use std::sync::LazyLock;

use regex::bytes::Regex;

use crate::transforms::lines::Lines;

/// What a line is notable for: a set of bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Marks(u8);

impl Marks {
    /// It complains: a refusal, a warning, something missing.
    pub(super) const WARNING: Self = Self(1);
    /// It reports a failure.
    pub(super) const ERROR: Self = Self(2);
    /// It is one verdict or one finding of a test runner or compiler: its exact words count, not its template.
    pub(super) const VERDICT: Self = Self(4);
    /// It says how the whole run ended.
    pub(super) const SUMMARY: Self = Self(8);
    /// It is a frame of a stack trace.
    pub(super) const FRAME: Self = Self(16);
    /// It is a frame in code of a library or a runtime.
    pub(super) const LIBRARY: Self = Self(32);

    pub(super) const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(super) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Words of failures and of complaints.
///
/// # Sources
/// The severity names of syslog (RFC 5424), of common logging libraries, and words that runtimes, compilers and kernels
/// print on failure; chosen by hand.
static WORDS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        "(?i-u)(error|fail|fatal|exception|panic|traceback|critical|severe|emerg|abort|crash|segfault|killed|killing|\
         has died|bug:|oops|err!|blocked for more|out of memory|core dumped|undefined reference|no space left|\
         warn|denied|refused|timeout|timed out|unable|cannot|can't|could not|not found|invalid|unreachable|rejected|\
         unexpected|corrupt|violation|not fully|mismatch|do not match|does not match)",
    )
    .expect("a fixed pattern is valid")
});

/// The words of [`WORDS`] that complain and do not yet say that something failed.
const COMPLAINTS: [&str; 20] = [
    "warn",
    "denied",
    "refused",
    "timeout",
    "timed out",
    "unable",
    "cannot",
    "can't",
    "could not",
    "not found",
    "invalid",
    "unreachable",
    "rejected",
    "unexpected",
    "corrupt",
    "violation",
    "not fully",
    "mismatch",
    "do not match",
    "does not match",
];

fn is_complaint(word: &[u8]) -> bool {
    COMPLAINTS.iter().any(|complaint| word.eq_ignore_ascii_case(complaint.as_bytes()))
}

/// Marks every line.
pub(super) fn mark(text: &str, lines: &Lines<'_>) -> Vec<Marks> {
    let mut marks: Vec<Marks> = lines.iter().map(shape).collect();
    let bytes = text.as_bytes();
    let mut from = 0;
    while let Some(whole) = WORDS.find_at(bytes, from) {
        let line = lines.at_offset(whole.start());
        from = whole.end();
        if negated(bytes, whole.start(), whole.end()) {
            continue;
        }
        let mark = if is_complaint(whole.as_bytes()) { Marks::WARNING } else { Marks::ERROR };
        if let Some(marks) = marks.get_mut(line) {
            *marks = marks.with(mark);
            if mark == Marks::ERROR {
                // Nothing more to learn from this line.
                from = memchr::memchr(b'\n', &bytes[from..]).map_or(bytes.len(), |ahead| from + ahead);
            }
        }
    }
    marks
}

/// Whether a failure word only says that there was none: `0 failed`, `no errors`, `errors=0`.
fn negated(bytes: &[u8], start: usize, end: usize) -> bool {
    let before = bytes[..start].trim_ascii_end();
    let word_start = before.iter().rposition(|byte| !byte.is_ascii_alphanumeric()).map_or(0, |at| at + 1);
    if before.len() < start && (&before[word_start..] == b"0" || before[word_start..].eq_ignore_ascii_case(b"no")) {
        return true;
    }
    let rest = &bytes[end..bytes.len().min(end + 16)];
    let rest = rest.strip_prefix(b"ures").or(rest.strip_prefix(b"ed")).unwrap_or(rest);
    let rest = rest.strip_prefix(b"s").unwrap_or(rest);
    let value = match rest.first() {
        Some(b'=' | b':') => rest[1..].trim_ascii_start(),
        _ => return false,
    };
    value.first() == Some(&b'0') && !value.get(1).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'.')
}

/// A line without its indentation and without colour at its start.
fn bare(line: &str) -> &str {
    let mut rest = line.trim_start();
    while let Some(escape) = rest.strip_prefix("\u{1b}[") {
        let Some(end) = escape.bytes().take(16).position(|byte| byte.is_ascii_alphabetic()) else { break };
        rest = escape[end + 1..].trim_start();
    }
    rest
}

const VERDICT_STARTS: [&str; 24] = [
    "FAILED ",
    "ERROR ",
    "FAIL ",
    "FAIL\t",
    "FAIL:",
    "--- FAIL",
    "not ok ",
    "✕ ",
    "✗ ",
    "✘ ",
    "× ",
    "● ",
    "error[",
    "error:",
    "fatal:",
    "npm ERR!",
    "npm error",
    "[ERROR]",
    "FATAL",
    "E: ",
    "ERROR:",
    "Caused by:",
    "caused by:",
    "panicked at",
];

const SUMMARY_STARTS: [&str; 28] = [
    "test result:",
    "Tests:",
    "Test Suites:",
    "Test Files",
    "Tests run:",
    "BUILD ",
    "[INFO] BUILD",
    "[ERROR] BUILD",
    "Ran ",
    "FAILED (",
    "OK (",
    "Finished ",
    "make: ***",
    "exit code",
    "Exit code",
    "exit status",
    "Exit status",
    "returncode",
    "Process finished",
    "Process exited",
    "Command exited",
    "Successfully ",
    "error: could not compile",
    "error: aborting",
    "FAILURE:",
    "Command failed",
    "Summary",
    "SUMMARY",
];

const LIBRARY_PARTS: [&str; 24] = [
    "site-packages/",
    "dist-packages/",
    "/lib/python",
    "node_modules/",
    "(node:",
    "node:internal",
    "<frozen ",
    "at java.",
    "at javax.",
    "at jdk.",
    "at sun.",
    "at org.springframework.",
    "at org.apache.",
    "at org.junit.",
    "at io.netty.",
    "at kotlin",
    "at scala.",
    "/rustc/",
    ".cargo/registry",
    " core::",
    " std::",
    "/usr/local/go/src/",
    "/go/pkg/mod/",
    "at System.",
];

/// What the shape of a line says, without its words.
fn shape(line: &str) -> Marks {
    let mut marks = Marks::default();
    let text = bare(line);
    let Some(&first) = text.as_bytes().first() else { return marks };
    let pytest = line.starts_with("E  ") || line.starts_with(">  ");
    let banner = (first == b'=' || first == b'_') && is_banner(text);
    if pytest || banner || VERDICT_STARTS.iter().any(|start| text.starts_with(start)) || text.ends_with("... FAILED") {
        marks = marks.with(Marks::VERDICT);
    }
    if (banner && text.bytes().any(|byte| byte.is_ascii_digit()) && text.contains(" in "))
        || (first == b'm' && text.starts_with("make[") && text.contains("***"))
        || SUMMARY_STARTS.iter().any(|start| text.starts_with(start))
        || is_count(text)
    {
        marks = marks.with(Marks::SUMMARY);
    }
    if is_frame(text) {
        marks = marks.with(Marks::FRAME);
        if LIBRARY_PARTS.iter().any(|part| text.contains(part)) {
            marks = marks.with(Marks::LIBRARY);
        }
    }
    marks
}

/// `==== 3 failed in 2 s ====`, `____ test_name ____`: a title between runs of one character.
fn is_banner(text: &str) -> bool {
    let bytes = text.trim_end().as_bytes();
    let Some(&fill) = bytes.first() else { return false };
    bytes.len() < 400
        && bytes.len() > 8
        && bytes.starts_with(&[fill; 3])
        && bytes.ends_with(&[fill; 3])
        && bytes.iter().any(u8::is_ascii_alphabetic)
}

/// `3 passed, 1 failed`, `12 errors`: a number and an outcome at the start.
fn is_count(text: &str) -> bool {
    let rest = text.trim_start_matches(|digit: char| digit.is_ascii_digit());
    let outcomes = [
        " passed",
        " failed",
        " failing",
        " passing",
        " error",
        " tests",
        " problems",
        " vulnerabilities",
        " packages",
    ];
    rest.len() < text.len() && rest.len() < 200 && outcomes.iter().any(|outcome| rest.starts_with(outcome))
}

/// A frame of a stack trace of Python, Java, JavaScript, .NET, Go, Rust, gdb or the Linux kernel.
fn is_frame(text: &str) -> bool {
    let bytes = text.as_bytes();
    let numbered = |from: usize| bytes.get(from).is_some_and(u8::is_ascii_digit);
    match bytes[0] {
        b'a' => text.starts_with("at ") && (text.contains('(') || text.contains(':')),
        _ if text.contains("File \"") => text.contains("\", line "),
        b'.' => text.starts_with("... ") && text.ends_with(" more"),
        b'#' => numbered(1) && (text.contains(" in ") || text.contains(" 0x") || text.contains(" at ")),
        b'g' if text.starts_with("goroutine ") => true,
        _ => {
            memchr::memchr(b'+', bytes).is_some_and(|plus| {
                let offset = &bytes[plus..];
                offset.starts_with(b"+0x") && (offset.contains(&b'/') || text.contains(".go:"))
            }) || (bytes[0].is_ascii_digit() && {
                let rest = text.trim_start_matches(|digit: char| digit.is_ascii_digit());
                rest.starts_with(": ") && rest.contains("::") && !rest[2..].contains(' ')
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks_of(line: &str) -> Marks {
        mark(line, &Lines::of(line).unwrap())[0]
    }

    #[test]
    fn failures_are_found_in_any_case_and_inside_names() {
        for line in [
            "[error] mod_jk",
            "java.lang.ClassCastException: x",
            "Kernel panic - not syncing",
            "2 FAILED",
            "npm ERR! code 1",
        ] {
            assert!(marks_of(line).has(Marks::ERROR), "{line}");
        }
        assert!(marks_of("connection refused").has(Marks::WARNING));
        assert!(!marks_of("all is well").has(Marks::ERROR.with(Marks::WARNING)));
    }

    #[test]
    fn the_absence_of_failures_is_no_failure() {
        for line in ["0 failed", "no errors", "errors=0", "failures: 0", "Failed: 0, ok"] {
            assert!(!marks_of(line).has(Marks::ERROR), "{line}");
        }
        assert!(marks_of("10 failed").has(Marks::ERROR));
        assert!(marks_of("errors=05").has(Marks::ERROR));
    }

    #[test]
    fn runners_verdicts_and_summaries_are_known() {
        for line in [
            "FAILED a.py::test_b - x",
            "E       assert 1 == 2",
            "test a ... FAILED",
            "error[E0308]: mismatched",
            "____ test_a ____",
        ] {
            assert!(marks_of(line).has(Marks::VERDICT), "{line}");
        }
        for line in [
            "=== 3 failed, 10 passed in 2.1s ===",
            "test result: ok. 5 passed",
            "Tests:  1 failed",
            "make[1]: *** [all] Error 2",
            "80 passed",
        ] {
            assert!(marks_of(line).has(Marks::SUMMARY), "{line}");
        }
    }

    #[test]
    fn frames_tell_own_code_from_libraries() {
        for line in [
            "  File \"/app/a.py\", line 3, in f",
            "\tat com.acme.A.b(A.java:3)",
            "    at f (src/a.js:1:2)",
            "#1 0x12 in main ()",
            " udf_mount+0x35/0x40",
        ] {
            assert!(marks_of(line).has(Marks::FRAME) && !marks_of(line).has(Marks::LIBRARY), "{line}");
        }
        assert!(marks_of("\tat java.util.List.get(List.java:3)").has(Marks::LIBRARY));
        assert!(!marks_of("at noon").has(Marks::FRAME));
    }
}
