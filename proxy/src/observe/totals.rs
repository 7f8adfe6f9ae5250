//! Sums over requests: the same for all of them, for a model, and for a minute.

use serde_json::{Value, json};

use super::record::RequestRecord;

/// Sums over requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) requests: u64,
    pub(super) errors: u64,
    pub(super) compressed: u64,
    pub(super) bypassed: u64,
    pub(super) cached: u64,
    pub(super) compression_errors: u64,
    pub(super) retrieval_rounds: u64,
    pub(super) tokens_before: u64,
    pub(super) tokens_after: u64,
    pub(super) tokens_removed: u64,
    /// List price of removed tokens, in billionths of a dollar.
    pub(super) nanodollars: u64,
    /// Removed tokens of models without a known price.
    pub(super) unpriced_tokens: u64,
    pub(super) usage_input: u64,
    pub(super) usage_cached: u64,
    pub(super) usage_output: u64,
    pub(super) request_bytes: u64,
    pub(super) response_bytes: u64,
}

impl Totals {
    /// What one request adds. `nanodollars` is the list price of the tokens that were removed from it, when it is known.
    pub(super) fn of(record: &RequestRecord, nanodollars: Option<u64>) -> Self {
        let removed = record.tokens_removed();
        let usage = record.usage.unwrap_or_default();
        Self {
            requests: 1,
            errors: record.is_error().into(),
            compressed: (removed > 0).into(),
            bypassed: record.bypass.into(),
            cached: record.cached.into(),
            compression_errors: record.compression_error.is_some().into(),
            retrieval_rounds: record.retrieval_rounds.into(),
            tokens_before: record.tokens_before,
            tokens_after: record.tokens_after,
            tokens_removed: removed,
            nanodollars: nanodollars.unwrap_or(0),
            unpriced_tokens: if nanodollars.is_some() { 0 } else { removed },
            usage_input: usage.input,
            usage_cached: usage.cached,
            usage_output: usage.output,
            request_bytes: record.request_bytes,
            response_bytes: record.response_bytes,
        }
    }

    /// Adds; a sum that would not fit stays at its greatest value.
    pub(super) fn add(&mut self, other: &Self) {
        let Self {
            requests,
            errors,
            compressed,
            bypassed,
            cached,
            compression_errors,
            retrieval_rounds,
            tokens_before,
            tokens_after,
            tokens_removed,
            nanodollars,
            unpriced_tokens,
            usage_input,
            usage_cached,
            usage_output,
            request_bytes,
            response_bytes,
        } = self;
        for (sum, more) in [
            (requests, other.requests),
            (errors, other.errors),
            (compressed, other.compressed),
            (bypassed, other.bypassed),
            (cached, other.cached),
            (compression_errors, other.compression_errors),
            (retrieval_rounds, other.retrieval_rounds),
            (tokens_before, other.tokens_before),
            (tokens_after, other.tokens_after),
            (tokens_removed, other.tokens_removed),
            (nanodollars, other.nanodollars),
            (unpriced_tokens, other.unpriced_tokens),
            (usage_input, other.usage_input),
            (usage_cached, other.usage_cached),
            (usage_output, other.usage_output),
            (request_bytes, other.request_bytes),
            (response_bytes, other.response_bytes),
        ] {
            *sum = sum.saturating_add(more);
        }
    }

    /// As `/stats` and `/stats-history` show it.
    pub(super) fn json(&self) -> Value {
        json!({
            "requests": self.requests,
            "errors": self.errors,
            "compressed": self.compressed,
            "bypassed": self.bypassed,
            "cached": self.cached,
            "compression_errors": self.compression_errors,
            "retrieval_rounds": self.retrieval_rounds,
            "tokens_before": self.tokens_before,
            "tokens_after": self.tokens_after,
            "tokens_removed": self.tokens_removed,
            "removed_ratio": ratio(self.tokens_removed, self.tokens_before),
            "removed_list_price_usd": dollars(self.nanodollars),
            "unpriced_tokens_removed": self.unpriced_tokens,
            "provider_usage": {
                "input_tokens": self.usage_input,
                "cached_input_tokens": self.usage_cached,
                "output_tokens": self.usage_output,
            },
            "request_bytes": self.request_bytes,
            "response_bytes": self.response_bytes,
        })
    }
}

/// Billionths of a dollar as dollars.
#[expect(clippy::cast_precision_loss, reason = "shown to a person; exact up to nine million dollars")]
pub(super) fn dollars(nanodollars: u64) -> f64 {
    nanodollars as f64 / 1e9
}

#[expect(clippy::cast_precision_loss, reason = "a share for a person to read")]
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::Usage;

    #[test]
    fn adds_up_what_records_say() {
        let record = RequestRecord {
            status: 200,
            tokens_before: 100,
            tokens_after: 40,
            usage: Some(Usage { input: 45, cached: 5, output: 7 }),
            ..Default::default()
        };
        let failed = RequestRecord { status: 502, tokens_before: 10, tokens_after: 10, ..Default::default() };
        let mut totals = Totals::of(&record, Some(180_000));
        totals.add(&Totals::of(&failed, None));
        let shown = totals.json();
        assert_eq!(shown["requests"], 2);
        assert_eq!(shown["errors"], 1);
        assert_eq!(shown["compressed"], 1);
        assert_eq!(shown["tokens_removed"], 60);
        assert_eq!(shown["removed_list_price_usd"], 0.000_18);
        assert_eq!(shown["provider_usage"]["cached_input_tokens"], 5);
    }

    #[test]
    fn removed_tokens_of_an_unknown_model_have_no_price() {
        let record = RequestRecord { status: 200, tokens_before: 100, tokens_after: 40, ..Default::default() };
        let totals = Totals::of(&record, None);
        assert_eq!((totals.nanodollars, totals.unpriced_tokens), (0, 60));
    }

    #[test]
    fn stays_at_the_greatest_value_rather_than_wrap() {
        let mut totals = Totals { tokens_before: u64::MAX, ..Totals::default() };
        totals.add(&Totals { tokens_before: 1, ..Totals::default() });
        assert_eq!(totals.tokens_before, u64::MAX);
    }
}
