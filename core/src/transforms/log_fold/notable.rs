//! Which lines say that something went wrong, how it ended, and where.

use std::sync::LazyLock;

use regex::bytes::Regex;

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
    /// It says that something usual went as usual: a passed test, a download, a compiled unit.
    pub(super) const ROUTINE: Self = Self(64);

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

/// What a line is notable for, and whether that depends on its values: `0 failed` has the template of `3 failed`.
pub(super) fn look(line: &str) -> (Marks, bool) {
    let mut marks = shape(line);
    // `test returns_an_error ... ok` is good news.
    if marks.has(Marks::ROUTINE) {
        return (marks, false);
    }
    let bytes = line.as_bytes();
    let (mut from, mut by_value) = (0, false);
    while let Some(word) = WORDS.find_at(bytes, from) {
        from = word.end();
        let count = count_at(bytes, word.start(), word.end());
        by_value |= count.is_some();
        if count == Some(0) || is_denied(&bytes[..word.start()]) {
            continue;
        }
        if is_complaint(word.as_bytes()) {
            marks = marks.with(Marks::WARNING);
        } else {
            marks = marks.with(Marks::ERROR);
            // Nothing more to learn from this line.
            break;
        }
    }
    (marks, by_value)
}

/// Where the first failure word of a line is that ends behind its first `head` bytes.
pub(super) fn first_failure(line: &str, head: usize) -> Option<usize> {
    let mut words = WORDS.find_iter(line.as_bytes());
    words.find(|word| word.end() > head && !is_complaint(word.as_bytes())).map(|word| word.start())
}

/// The number of failures that stands at a failure word: `0 failed`, `errors=0`, `Failures: 12`; large ones as 9.
fn count_at(bytes: &[u8], start: usize, end: usize) -> Option<u8> {
    let number = |digits: &[u8]| match digits {
        [digit] => digit.is_ascii_digit().then(|| digit - b'0'),
        _ => (!digits.is_empty() && digits.iter().all(u8::is_ascii_digit)).then_some(9),
    };
    let before = bytes[..start].trim_ascii_end();
    let word_start = before.iter().rposition(|byte| !byte.is_ascii_alphanumeric()).map_or(0, |at| at + 1);
    if let Some(count) = number(&before[word_start..]).filter(|_| before.len() < start) {
        return Some(count);
    }
    let rest = &bytes[end..bytes.len().min(end + 24)];
    let rest = rest.strip_prefix(b"ures").or(rest.strip_prefix(b"ed")).unwrap_or(rest);
    let rest = rest.strip_prefix(b"s").unwrap_or(rest);
    let (b'=' | b':', value) = rest.split_first()? else { return None };
    let value = value.trim_ascii_start();
    let digits = value.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'.').count();
    number(&value[..digits])
}

/// Whether a failure word is denied by the word before it: `no errors`.
fn is_denied(before: &[u8]) -> bool {
    let before = before.strip_suffix(b" ").unwrap_or_default();
    let word = &before[before.iter().rposition(|byte| !byte.is_ascii_alphanumeric()).map_or(0, |at| at + 1)..];
    word.eq_ignore_ascii_case(b"no") || word.eq_ignore_ascii_case(b"without")
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
    let banner = matches!(first, b'=' | b'_' | b'-') && is_banner(text);
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
    if is_routine(text) {
        marks = marks.with(Marks::ROUTINE);
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

/// A passed test, or one step of many of a build or an installation.
fn is_routine(text: &str) -> bool {
    const STARTS: [&str; 31] = [
        "ok ",
        "PASS ",
        "PASSED ",
        "--- PASS",
        "=== RUN",
        "=== PAUSE",
        "=== CONT",
        "✓ ",
        "✔ ",
        "√ ",
        "Compiling ",
        "Checking ",
        "Downloading ",
        "Downloaded ",
        "Collecting ",
        "Using cached ",
        "Requirement already satisfied",
        "Fetching ",
        "Get:",
        "Unpacking ",
        "Selecting previously",
        "Preparing to unpack",
        "Setting up ",
        "Pulling ",
        "Extracting ",
        "Fresh ",
        "Adding ",
        "Locking ",
        "[INFO] Download",
        "Progress",
        "remote: ",
    ];
    const ENDS: [&str; 8] = [
        "... ok",
        "... ignored",
        " PASSED",
        " OK",
        "Pull complete",
        "Download complete",
        "Already exists",
        "Verifying Checksum",
    ];
    let end = text.trim_end();
    STARTS.iter().any(|start| text.starts_with(start))
        || ENDS.iter().any(|tail| end.ends_with(tail))
        || has_pass_percent(end)
}

/// `tests/a.py::test_b PASSED   [ 42%]`, `[  3%] Building C object`.
fn has_pass_percent(text: &str) -> bool {
    let percent = text.ends_with("%]") && text.contains("PASSED");
    percent || (text.starts_with('[') && text.get(1..6).is_some_and(|head| head.ends_with("%]") || head.ends_with('%')))
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

/// A frame of a stack trace of Python, Java, JavaScript, .NET, Go, Rust, Ruby, gdb or the Linux kernel.
fn is_frame(text: &str) -> bool {
    let bytes = text.as_bytes();
    let numbered = |from: usize| bytes.get(from).is_some_and(u8::is_ascii_digit);
    match bytes[0] {
        b'a' => text.starts_with("at ") && (text.contains('(') || text.contains(':')),
        _ if text.contains("File \"") => text.contains("\", line "),
        b'.' => text.starts_with("... ") && text.ends_with(" more"),
        b'#' => numbered(1) && (text.contains(" in ") || text.contains(" 0x") || text.contains(" at ")),
        b'g' if text.starts_with("goroutine ") => true,
        b'f' if text.starts_with("from ") => text.contains(":in "),
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
        look(line).0
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
            "---- tests::a stdout ----",
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
    fn what_went_as_usual_is_routine() {
        for line in [
            "test a::b ... ok",
            "a.py::test_b PASSED   [ 42%]",
            "   Compiling serde v1.0",
            "[  3%] Building C object a.o",
        ] {
            assert!(marks_of(line).has(Marks::ROUTINE), "{line}");
        }
        assert!(!marks_of("test fails_with_an_error ... ok").has(Marks::ERROR));
        assert!(!marks_of("[lines]").has(Marks::ROUTINE) && !marks_of("test a ... FAILED").has(Marks::ROUTINE));
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
