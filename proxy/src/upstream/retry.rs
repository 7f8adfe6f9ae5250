//! Whether a failed attempt is repeated, and after which pause.

use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode, header};

use crate::options::Retries;

/// The attempts of one request.
pub(super) struct Attempts<'o> {
    options: &'o Retries,
    failed: u32,
}

impl<'o> Attempts<'o> {
    pub(super) fn new(options: &'o Retries) -> Self {
        Self { options, failed: 0 }
    }

    /// The pause before the next attempt after one without an answer; none when there is none.
    pub(super) fn after_failure(&mut self) -> Option<Duration> {
        if self.failed >= self.options.attempts {
            return None;
        }
        self.failed += 1;
        let pause = self.options.backoff_ms.saturating_mul(1 << (self.failed - 1).min(20));
        Some(Duration::from_millis(spread(pause.min(self.options.max_backoff_ms))))
    }

    /// The pause before the next attempt after an answer; none when the client gets it.
    pub(super) fn after_answer(&mut self, status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
        if !self.options.statuses.contains(&status.as_u16()) {
            return None;
        }
        let asked = retry_after(headers, SystemTime::now());
        if asked.is_some_and(|asked| asked > Duration::from_millis(self.options.max_backoff_ms)) {
            return None;
        }
        self.after_failure().map(|pause| asked.unwrap_or(pause))
    }
}

/// Between half of a pause and all of it, so that clients that failed together do not come again together.
fn spread(pause_ms: u64) -> u64 {
    let half = pause_ms / 2;
    half + RandomState::new().hash_one(0) % (pause_ms - half + 1)
}

/// What `retry-after-ms` or `Retry-After` asks for: milliseconds, seconds or a date.
///
/// # Sources
/// RFC 9110 §10.2.3; `retry-after-ms` is OpenAI's.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let number = |text: &str| text.parse().ok().filter(|number: &f64| (0.0..1e9).contains(number));
    if let Some(milliseconds) = text("retry-after-ms").and_then(number) {
        return Some(Duration::from_secs_f64(milliseconds / 1000.0));
    }
    let asked = text(header::RETRY_AFTER.as_str())?;
    let date = || httpdate::parse_http_date(asked).ok().map(|date| date.duration_since(now).unwrap_or_default());
    number(asked).map(Duration::from_secs_f64).or_else(date)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        [(name.parse().unwrap(), HeaderValue::from_str(value).unwrap())].into_iter().collect()
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_end() {
        let options = Retries { attempts: 4, backoff_ms: 100, max_backoff_ms: 250, statuses: Vec::new() };
        let mut attempts = Attempts::new(&options);
        for most in [100, 200, 250, 250] {
            let pause = attempts.after_failure().unwrap().as_millis();
            assert!((most / 2..=most).contains(&pause), "{pause} of {most}");
        }
        assert_eq!(attempts.after_failure(), None);
    }

    #[test]
    fn an_upstream_that_names_a_pause_gets_it_unless_it_is_too_long() {
        let options = Retries { statuses: vec![429], max_backoff_ms: 5000, ..Retries::default() };
        let pause = |status: StatusCode, headers: &HeaderMap| Attempts::new(&options).after_answer(status, headers);
        let busy = StatusCode::TOO_MANY_REQUESTS;
        assert_eq!(pause(busy, &headers("retry-after", "3")), Some(Duration::from_secs(3)));
        assert_eq!(pause(busy, &headers("retry-after-ms", "20.5")), Some(Duration::from_micros(20_500)));
        assert_eq!(pause(busy, &headers("retry-after", "6")), None);
        assert!(pause(busy, &headers("retry-after", "soon")).is_some());
        assert_eq!(pause(StatusCode::BAD_GATEWAY, &headers("retry-after", "3")), None);
    }

    #[test]
    fn a_date_is_a_pause_from_now() {
        let now = SystemTime::now();
        let date = httpdate::fmt_http_date(now + Duration::from_secs(60));
        let pause = retry_after(&headers("retry-after", &date), now).unwrap();
        assert!((58..=60).contains(&pause.as_secs()), "{pause:?}");
        let past = httpdate::fmt_http_date(now - Duration::from_secs(60));
        assert_eq!(retry_after(&headers("retry-after", &past), now), Some(Duration::ZERO));
    }
}
