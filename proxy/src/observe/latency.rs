//! Quantiles of durations in bounded memory.

use serde_json::{Value, json};
use sketches_ddsketch::{Config, DDSketch};

/// Durations since the start, in milliseconds; quantiles are right within one percent.
///
/// # Sources
/// Masson, Rim, Lee: DDSketch, a fast and fully-mergeable quantile sketch with relative-error guarantees (2019). 512 bins
/// of one percent span four and a half decades and take 4 KB; the smallest values are merged first.
#[derive(Clone)]
pub(super) struct Latency(DDSketch);

impl Default for Latency {
    fn default() -> Self {
        Self(DDSketch::new(Config::new(0.01, 512, 1e-6)))
    }
}

impl Latency {
    /// Takes a duration; what is not a duration counts as 0.
    pub(super) fn add(&mut self, duration_ms: f64) {
        self.0.add(if duration_ms.is_finite() { duration_ms.max(0.0) } else { 0.0 });
    }

    pub(super) fn json(&self) -> Value {
        let quantile = |q| self.0.quantile(q).ok().flatten().map(thousandths);
        json!({
            "count": self.0.count(),
            "p50": quantile(0.5),
            "p95": quantile(0.95),
            "p99": quantile(0.99),
            "max": self.0.max().map(thousandths),
        })
    }
}

/// Rounds to what is worth showing: a microsecond.
fn thousandths(milliseconds: f64) -> f64 {
    (milliseconds * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_within_a_few_percent() {
        let mut latency = Latency::default();
        (1..=1000).for_each(|ms| latency.add(f64::from(ms)));
        let shown = latency.json();
        for (name, expected) in [("p50", 500.0), ("p95", 950.0), ("p99", 990.0), ("max", 1000.0)] {
            let found = shown[name].as_f64().unwrap_or_default();
            assert!((found / expected - 1.0).abs() < 0.02, "{name}: {found}");
        }
        assert_eq!(shown["count"], 1000);
    }

    #[test]
    fn stays_small_over_all_magnitudes() {
        let mut latency = Latency::default();
        for exponent in 0..200 {
            latency.add(1e-9 * 1.5_f64.powi(exponent));
        }
        assert!(latency.0.length() <= 512 + 32, "{}", latency.0.length());
    }

    #[test]
    fn has_no_quantiles_before_the_first_duration_and_takes_nonsense_as_zero() {
        let mut latency = Latency::default();
        assert!(latency.json()["p50"].is_null() && latency.json()["max"].is_null());
        latency.add(f64::NAN);
        latency.add(-3.0);
        assert_eq!(latency.json()["max"], 0.0);
    }
}
