//! Words of failures, and what two messages have in common.

use std::sync::LazyLock;

use regex::Regex;

/// Words that name a failure.
///
/// # Sources
/// Chosen by hand.
pub(in crate::transforms) static FAILURE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?i)error|fail|exception|critical|fatal|denied|time(?:d )?out|panic|refused|unhealthy|crash|killed|back-?off|insufficient|unable|not found|no such|invalid|unauthori[sz]ed|forbidden",
    )
    .expect("a constant pattern that a test compiles")
});

/// A text without what varies between messages of one kind: words with digits in them.
pub(super) fn wording(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    for word in raw.split(|character: char| !character.is_alphanumeric()) {
        if !word.bytes().any(|byte| byte.is_ascii_digit()) {
            out.push_str(word);
            out.push(' ');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_that_differ_in_their_numbers_have_one_wording() {
        assert_eq!(wording("\"pod-7f9 failed after 3s\""), wording("\"pod-8a1 failed after 10s\""));
        assert_ne!(wording("\"disk failed\""), wording("\"net failed\""));
        assert!(FAILURE.is_match("Timed out") && !FAILURE.is_match("Started"));
    }
}
