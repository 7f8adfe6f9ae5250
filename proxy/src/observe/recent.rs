//! The last requests, with what was removed from them.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::record::{Change, RequestRecord};
use super::totals::dollars;

/// A ring of records: the oldest ones leave, and the texts of older ones leave earlier.
#[derive(Debug)]
pub(super) struct Recent {
    limit: usize,
    text_limit_bytes: usize,
    text_bytes: usize,
    /// Oldest first, numbered one after the other.
    entries: VecDeque<Entry>,
    /// How many of the oldest entries are known to hold no texts.
    emptied: usize,
    newest: u64,
}

/// A record and what was found out about it.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) number: u64,
    pub(super) record: RequestRecord,
    nanodollars: Option<u64>,
    /// Whether its texts had to leave.
    texts_left: bool,
}

impl Recent {
    pub(super) fn new(limit: usize, text_limit_bytes: usize) -> Self {
        Self { limit, text_limit_bytes, text_bytes: 0, entries: VecDeque::new(), emptied: 0, newest: 0 }
    }

    /// Takes a record and gives its number, counted from 1.
    pub(super) fn add(&mut self, record: RequestRecord, nanodollars: Option<u64>) -> u64 {
        self.newest += 1;
        self.text_bytes += bytes(&record.changes);
        self.entries.push_back(Entry { number: self.newest, record, nanodollars, texts_left: false });
        if self.entries.len() > self.limit
            && let Some(oldest) = self.entries.pop_front()
        {
            self.text_bytes -= bytes(&oldest.record.changes);
            self.emptied = self.emptied.saturating_sub(1);
        }
        while self.text_bytes > self.text_limit_bytes
            && let Some(entry) = self.entries.get_mut(self.emptied)
        {
            self.text_bytes -= bytes(&entry.record.changes);
            entry.texts_left = !entry.record.changes.is_empty();
            entry.record.changes = Vec::new();
            self.emptied += 1;
        }
        self.newest
    }

    /// The number of the newest record; 0 before the first.
    pub(super) fn newest(&self) -> u64 {
        self.newest
    }

    /// A record that is still here.
    pub(super) fn get(&self, number: u64) -> Option<Entry> {
        let oldest = self.entries.front()?.number;
        let place = usize::try_from(number.checked_sub(oldest)?).ok()?;
        self.entries.get(place).cloned()
    }

    /// Rows of the records after a number, newest `limit` of them, oldest first; and how many more there were.
    pub(super) fn rows_after(&self, number: u64, limit: usize) -> (Vec<Value>, u64) {
        let new = self.newest.saturating_sub(number);
        let shown = usize::try_from(new).unwrap_or(usize::MAX).min(limit).min(self.entries.len());
        let rows = self.entries.iter().skip(self.entries.len() - shown).map(Entry::row).collect();
        (rows, new - shown as u64)
    }
}

impl Entry {
    /// What the list of requests shows.
    pub(super) fn row(&self) -> Value {
        let record = &self.record;
        json!({
            "number": self.number,
            "request_id": record.request_id,
            "time_ms": record.time_ms,
            "provider": record.provider,
            "api": record.api,
            "path": record.path,
            "model": record.model,
            "project": record.project,
            "transport": record.transport.name(),
            "status": record.status,
            "bypass": record.bypass,
            "cached": record.cached,
            "tokens_before": record.tokens_before,
            "tokens_after": record.tokens_after,
            "tokens_removed": record.tokens_removed(),
            "removed_list_price_usd": self.nanodollars.map(dollars),
            "total_ms": record.total_ms,
            "overhead_ms": record.overhead_ms(),
            "failed": record.compression_error.is_some(),
        })
    }

    /// What one opened request shows: the row and everything else but the texts.
    pub(super) fn details(&self) -> Value {
        let record = &self.record;
        let mut shown = self.row();
        let steps = record.timing.iter().map(|(step, timing)| {
            json!({
                "step": step.name(),
                "duration_ms": timing.duration_ms,
                "tokens_before": timing.tokens_before,
                "tokens_after": timing.tokens_after,
            })
        });
        let tags = record.tags.iter().map(|(name, value)| json!({ "name": name, "value": value }));
        for (name, value) in [
            ("user", json!(record.user)),
            ("session", json!(record.session)),
            ("tags", tags.collect()),
            ("transforms", json!(record.transforms)),
            ("steps", steps.collect()),
            ("upstream_ms", json!(record.upstream_ms)),
            ("request_bytes", json!(record.request_bytes)),
            ("response_bytes", json!(record.response_bytes)),
            (
                "provider_usage",
                json!(record.usage.map(|usage| json!({
                    "input_tokens": usage.input,
                    "cached_input_tokens": usage.cached,
                    "output_tokens": usage.output,
                }))),
            ),
            ("extensions", json!(record.extensions)),
            ("compression_error", json!(record.compression_error)),
            ("retrieval_rounds", json!(record.retrieval_rounds)),
            ("texts_left", json!(self.texts_left)),
        ] {
            shown[name] = value;
        }
        shown
    }
}

fn bytes(changes: &[Change]) -> usize {
    changes.iter().map(Change::bytes).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_text(bytes: usize) -> RequestRecord {
        RequestRecord { changes: vec![Change::new("p", "t", &"x".repeat(bytes), "")], ..RequestRecord::default() }
    }

    #[test]
    fn keeps_the_last_records_under_their_numbers() {
        let mut recent = Recent::new(2, 100);
        for model in ["a", "b", "c"] {
            recent.add(RequestRecord { model: model.to_owned(), ..RequestRecord::default() }, None);
        }
        assert!(recent.get(1).is_none() && recent.get(4).is_none() && recent.get(0).is_none());
        assert_eq!(recent.get(3).map(|entry| entry.record.model), Some("c".to_owned()));
    }

    #[test]
    fn texts_of_the_oldest_leave_first_and_the_row_says_so() {
        let mut recent = Recent::new(3, 100);
        for _ in 0..50 {
            recent.add(with_text(40), None);
            assert!(recent.text_bytes <= 100);
        }
        let left = |number| recent.get(number).map(|entry| (entry.texts_left, entry.record.changes.len()));
        assert_eq!((left(48), left(49), left(50)), (Some((true, 0)), Some((false, 1)), Some((false, 1))));
        recent.add(with_text(101), None);
        assert_eq!(recent.text_bytes, 0);
    }

    #[test]
    fn gives_new_rows_and_says_how_many_are_missing() {
        let mut recent = Recent::new(3, 0);
        assert_eq!(recent.rows_after(0, 10), (Vec::new(), 0));
        for _ in 0..5 {
            recent.add(RequestRecord::default(), None);
        }
        let numbers = |number, limit| {
            let (rows, missing) = recent.rows_after(number, limit);
            (rows.iter().filter_map(|row| row["number"].as_u64()).collect::<Vec<_>>(), missing)
        };
        assert_eq!(numbers(0, 10), (vec![3, 4, 5], 2));
        assert_eq!(numbers(3, 10), (vec![4, 5], 0));
        assert_eq!(numbers(3, 1), (vec![5], 1));
        assert_eq!(numbers(99, 10), (vec![], 0));
    }
}
