//! Metrics in the text format of Prometheus and OpenMetrics.

mod parse;
mod select;
mod write;

use self::parse::Families;
use super::lines::Lines;
use super::sample::head;
use super::shared_start;
use crate::detect::ContentKind;
use crate::transform::{Context, Fit, Outcome, Part, Transform, TransformError};

/// Shows the series of a scrape that are worth reading, as they are, under their metrics.
///
/// Shown are the metrics that the question names or whose help text answers it, counters of failures that are not zero,
/// the ends of what the series of one metric measure, and a series of as many other metrics as there is room for. Of each
/// metric a label counts the series that are left out, with their range when there are several. Metrics of which nothing
/// is shown are named. Lines with `# HELP` are shown for metrics that answer the question, those with `# TYPE` not.
///
/// Without loss, what neighbouring series start with is written once; [`decode`](Transform::decode) gives the bytes back.
///
/// # When it declines
/// File reads for editing, texts that are no exposition, and what does not get smaller.
///
/// # What is lost and how to get it back
/// Series and comments; the marker, which is the last line, has the hash of the whole text.
///
/// # Errors
/// None.
///
/// # Examples
/// ```text
/// # HELP http_requests_total Requests.           [metrics, comments left out unless shown]
/// # TYPE http_requests_total counter             http_requests_total{code="200"} 9120
/// http_requests_total{code="200"} 9120      →    http_requests_total{code="500"} 3
/// http_requests_total{code="301"} 12             [1 more series; computed over all 3: 3..9120]
/// http_requests_total{code="500"} 3              [2/5 lines shown; headroom_retrieve hash=…]
/// ```
///
/// # Sources
/// The text formats of Prometheus 0.0.4 and OpenMetrics 1.0. Shares and limits are chosen by hand, each beside its
/// constant.
#[derive(Debug, Clone, Copy, Default)]
pub struct Metrics;

/// Shorter texts are left alone. In bytes.
const MIN_BYTES: usize = 600;

/// Bytes that are looked at to recognise an exposition.
const SAMPLE_BYTES: usize = 16 * 1024;

impl Transform for Metrics {
    fn name(&self) -> &'static str {
        "metrics"
    }

    fn fit(&self, part: &Part<'_>) -> Fit {
        if part.quotable || part.text.len() < MIN_BYTES || shared_start::is_encoded(part.text) {
            return Fit::No;
        }
        if parse::is_exposition(head(part.text, SAMPLE_BYTES)) { Fit::Yes(ContentKind::Metrics, 0.95) } else { Fit::No }
    }

    fn apply<'a>(&self, part: &Part<'a>, cx: &mut Context<'a>) -> Result<Outcome, TransformError> {
        let text = part.text;
        let lines = Lines::of(text).filter(|_| !part.quotable && text.len() >= MIN_BYTES);
        let Some(lines) = lines.filter(|_| parse::is_exposition(text)) else { return Ok(Outcome::Unchanged) };
        let families = Families::of(&lines);
        let room = cx.target_bytes(text.len());
        if cx.lossless_only() || room == text.len() {
            return Ok(lossless(text).map_or(Outcome::Unchanged, Outcome::Lossless));
        }
        let keep = select::select(&lines, &families, cx.question(), room);
        let mut subset = write::write(&lines, &families, &keep);
        if subset.len() >= text.len() / 10 * 7 {
            return Ok(lossless(text).map_or(Outcome::Unchanged, Outcome::Lossless));
        }
        let shown = keep.iter().filter(|kept| **kept).count();
        subset.push_str(&cx.marker(text, shown, lines.count(), "lines"));
        Ok(Outcome::Subset(subset))
    }

    fn decode(&self, encoded: &str) -> Option<String> {
        shared_start::decode(encoded)
    }
}

/// The lossless form, if it is worth reading it and its decoder gives the text back.
fn lossless(text: &str) -> Option<String> {
    shared_start::encode(text, b"{,_\"/ ", |_| false)
        .filter(|encoded| encoded.len() < text.len() / 10 * 9)
        .filter(|encoded| shared_start::decode(encoded).as_deref() == Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transforms::testing::{declines, encode, subset};

    fn scrape() -> String {
        let mut text = String::new();
        for metric in 0..40 {
            let words = ["queue", "cache", "pool", "disk"][metric % 4];
            text += &format!(
                "# HELP app_{words}_{metric}_seconds Time that the {words} took.\n# TYPE app_{words}_{metric}_seconds histogram\n"
            );
            for bucket in 0..12 {
                text +=
                    &format!("app_{words}_{metric}_seconds_bucket{{shard=\"a\",le=\"0.{bucket}\"}} {}\n", bucket * 7);
            }
            text += &format!(
                "app_{words}_{metric}_seconds_sum{{shard=\"a\"}} 3.5\napp_{words}_{metric}_seconds_count{{shard=\"a\"}} 77\n"
            );
        }
        text += "# HELP app_dial_failed_total Connections that failed.\n# TYPE app_dial_failed_total counter\n";
        for dialer in 0..30 {
            text += &format!("app_dial_failed_total{{dialer=\"d{dialer}\"}} {}\n", if dialer == 17 { 2 } else { 0 });
        }
        text + "# HELP process_open_fds Number of open file descriptors.\n# TYPE process_open_fds gauge\nprocess_open_fds 124\n"
    }

    #[test]
    fn failures_and_what_the_help_text_answers_are_shown() {
        let text = scrape();
        let folded = subset(&Metrics, &text, "How many file descriptors are open?");
        assert!(folded.contains("\nprocess_open_fds 124\n"), "{folded}");
        assert!(folded.contains("app_dial_failed_total{dialer=\"d17\"} 2\n"), "{folded}");
        assert!(folded.contains("more series") && folded.len() * 4 < text.len(), "{folded}");
    }

    #[test]
    fn every_metric_is_shown_or_named() {
        let text = scrape();
        let folded = subset(&Metrics, &text, "");
        for metric in 0..40 {
            assert!(folded.contains(&format!("_{metric}_seconds")), "{metric} in {folded}");
        }
    }

    #[test]
    fn series_come_back_byte_for_byte() {
        let text = scrape();
        let encoded = crate::transforms::shared_start::encode(&text, b"{,_\"/ ", |_| false).expect("a form");
        assert!(encoded.len() * 2 < text.len());
        assert_eq!(Metrics.decode(&encoded).as_deref(), Some(&*text));
        let short = &text[..text[..900].rfind('\n').expect("a line") + 1];
        assert_eq!(Metrics.decode(&encode(&Metrics, short)).as_deref(), Some(short));
    }

    #[test]
    fn other_texts_are_left_alone() {
        for line in [
            "# a heading\n",
            "key value\n",
            "name 12 34 56\n",
            "GET /a 200\n",
            "a: 1\n",
            "x = 1\n",
            "# TYPE a counter\n",
        ] {
            assert!(declines(&Metrics, &line.repeat(200)), "{line}");
        }
    }
}
