//! Totals by minute and by hour, in memory.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::totals::Totals;

/// Minutes of the last day and hours of the last thirty days.
///
/// # Sources
/// Chosen by hand: what a person looks back at, in 300 KB.
#[derive(Debug)]
pub(super) struct History {
    minutes: Buckets,
    hours: Buckets,
}

impl History {
    pub(super) fn new() -> Self {
        Self { minutes: Buckets::new(60, 24 * 60), hours: Buckets::new(60 * 60, 30 * 24) }
    }

    /// Counts a request where it arrived.
    pub(super) fn add(&mut self, time_ms: u64, more: &Totals) {
        self.minutes.add(time_ms, more);
        self.hours.add(time_ms, more);
    }

    /// Buckets in which there was a request, oldest first.
    pub(super) fn json(&self, now_ms: u64) -> Value {
        json!({ "now_ms": now_ms, "minutes": self.minutes.json(now_ms), "hours": self.hours.json(now_ms) })
    }
}

#[derive(Debug)]
struct Buckets {
    width_ms: u64,
    limit: usize,
    /// Start and totals, oldest first; buckets without a request are left out.
    buckets: VecDeque<(u64, Totals)>,
}

impl Buckets {
    fn new(width_seconds: u64, limit: usize) -> Self {
        Self { width_ms: width_seconds * 1000, limit, buckets: VecDeque::new() }
    }

    fn add(&mut self, time_ms: u64, more: &Totals) {
        let start = time_ms - time_ms % self.width_ms;
        // A long stream is told of after requests that arrived later.
        match self.buckets.binary_search_by_key(&start, |(start, _)| *start) {
            Ok(found) => self.buckets[found].1.add(more),
            Err(0) if self.buckets.len() >= self.limit => {}
            Err(place) => {
                self.buckets.insert(place, (start, *more));
                if self.buckets.len() > self.limit {
                    self.buckets.pop_front();
                }
            }
        }
    }

    fn json(&self, now_ms: u64) -> Value {
        let oldest = now_ms.saturating_sub(self.width_ms * self.limit as u64);
        let buckets = self.buckets.iter().filter(|(start, _)| *start >= oldest).map(|(start, totals)| {
            let mut shown = totals.json();
            shown["start_ms"] = json!(start);
            shown
        });
        json!({ "bucket_seconds": self.width_ms / 1000, "buckets": buckets.collect::<Vec<_>>() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Totals = Totals {
        requests: 1,
        errors: 0,
        compressed: 0,
        bypassed: 0,
        cached: 0,
        compression_errors: 0,
        retrieval_rounds: 0,
        tokens_before: 0,
        tokens_after: 0,
        tokens_removed: 0,
        nanodollars: 0,
        unpriced_tokens: 0,
        usage_input: 0,
        usage_cached: 0,
        usage_output: 0,
        request_bytes: 0,
        response_bytes: 0,
    };

    fn starts(buckets: &Buckets) -> Vec<(u64, u64)> {
        buckets.buckets.iter().map(|(start, totals)| (*start, totals.requests)).collect()
    }

    #[test]
    fn counts_late_records_where_their_request_arrived() {
        let mut buckets = Buckets::new(1, 10);
        for time in [1000, 3500, 1999, 2000, 3001] {
            buckets.add(time, &ONE);
        }
        assert_eq!(starts(&buckets), [(1000, 2), (2000, 1), (3000, 2)]);
    }

    #[test]
    fn keeps_the_newest_buckets_only() {
        let mut buckets = Buckets::new(1, 3);
        for time in [1000, 2000, 3000, 4000, 500] {
            buckets.add(time, &ONE);
        }
        assert_eq!(starts(&buckets), [(2000, 1), (3000, 1), (4000, 1)]);
    }

    #[test]
    fn shows_no_bucket_older_than_its_span() {
        let mut history = History::new();
        history.add(0, &ONE);
        history.add(100 * 3_600_000, &ONE);
        let shown = history.json(101 * 3_600_000);
        assert_eq!(shown["minutes"]["buckets"].as_array().map(Vec::len), Some(1));
        assert_eq!(shown["hours"]["buckets"].as_array().map(Vec::len), Some(2));
        assert_eq!(shown["minutes"]["buckets"][0]["start_ms"], 360_000_000);
    }
}
