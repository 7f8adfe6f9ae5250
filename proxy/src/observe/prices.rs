//! What removed tokens would have cost at the providers' list prices.

use std::collections::BTreeMap;

/// Where the prices come from.
pub const PRICES_SOURCE: &str =
    "the public price list of LiteLLM 1.103.7, providers' own APIs, lowest tier, no discounts";

/// When they were read.
pub const PRICES_AS_OF: &str = "2026-11-20";

/// Dollars per million input tokens, by model.
///
/// # Sources
/// [`PRICES_SOURCE`], read on [`PRICES_AS_OF`]: `input_cost_per_token` of the providers `openai`, `anthropic` and `gemini`.
const LIST: &[(&str, f64)] = &[
    ("claude-fable-5", 10.0),
    ("claude-fable-5-1", 10.0),
    ("claude-haiku-4-5", 1.0),
    ("claude-haiku-5-5", 0.1),
    ("claude-mythos-5", 10.0),
    ("claude-mythos-5-1", 10.0),
    ("claude-opus-4-5", 5.0),
    ("claude-opus-4-6", 5.0),
    ("claude-opus-4-7", 5.0),
    ("claude-opus-4-8", 5.0),
    ("claude-opus-5", 5.0),
    ("claude-opus-5-5", 4.0),
    ("claude-sonnet-4-5", 3.0),
    ("claude-sonnet-4-6", 3.0),
    ("claude-sonnet-5", 2.0),
    ("claude-sonnet-5-5", 2.0),
    ("gemini-2.5-flash", 0.3),
    ("gemini-2.5-flash-lite", 0.1),
    ("gemini-2.5-pro", 1.25),
    ("gemini-3-flash-preview", 0.5),
    ("gemini-3.1-flash-lite", 0.25),
    ("gemini-3.1-pro-preview", 2.0),
    ("gemini-3.5-flash", 1.5),
    ("gemini-3.5-flash-lite", 0.3),
    ("gemini-3.6-flash", 0.75),
    ("gemini-3.7-flash", 0.75),
    ("gemini-3.8-flash", 0.75),
    ("gpt-4.1", 2.0),
    ("gpt-4.1-mini", 0.4),
    ("gpt-4.1-nano", 0.1),
    ("gpt-4o", 2.5),
    ("gpt-4o-mini", 0.15),
    ("gpt-5", 1.25),
    ("gpt-5-chat", 1.25),
    ("gpt-5-codex", 1.25),
    ("gpt-5-mini", 0.25),
    ("gpt-5-nano", 0.05),
    ("gpt-5-pro", 15.0),
    ("gpt-5.1", 1.25),
    ("gpt-5.1-codex", 1.25),
    ("gpt-5.1-codex-max", 1.25),
    ("gpt-5.1-codex-mini", 0.25),
    ("gpt-5.2", 1.75),
    ("gpt-5.2-codex", 1.75),
    ("gpt-5.2-pro", 21.0),
    ("gpt-5.3-codex", 1.75),
    ("gpt-5.4", 2.5),
    ("gpt-5.4-mini", 0.75),
    ("gpt-5.4-nano", 0.2),
    ("gpt-5.4-pro", 30.0),
    ("gpt-5.5", 5.0),
    ("gpt-5.5-pro", 30.0),
    ("gpt-5.6", 4.0),
    ("gpt-5.6-luna", 0.2),
    ("gpt-5.6-sol", 4.0),
    ("gpt-5.6-terra", 2.0),
    ("o1", 15.0),
    ("o1-pro", 150.0),
    ("o3", 2.0),
    ("o3-mini", 1.1),
    ("o3-pro", 20.0),
    ("o4-mini", 1.1),
];

/// List prices of input tokens.
///
/// A name stands for itself and its dated releases (`gpt-5`, `gpt-5-2025-08-07`, `gpt-5@20250807`, `gpt-5-latest`), never
/// for a sibling that may cost something else (`gpt-5-mini`). A name from the configuration may end in `*` and then stands
/// for everything that starts with it. The longest name that fits decides; a model that none fits has no price.
#[derive(Debug, Clone)]
pub struct PriceTable {
    /// Names with billionths of a dollar per token.
    prices: BTreeMap<String, u64>,
}

/// Why a price of the configuration cannot be used.
#[derive(Debug, Clone, PartialEq)]
pub struct PriceError {
    /// The model's name there.
    pub model: String,
    /// What it says.
    pub price: f64,
}

impl std::fmt::Display for PriceError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { model, price } = self;
        write!(f, "prices.{model}: expected dollars per million input tokens, from 0 to {MAX_PRICE}, found {price}")
    }
}

impl std::error::Error for PriceError {}

/// A price above it is a mistake in the unit.
const MAX_PRICE: f64 = 100_000.0;

impl Default for PriceTable {
    fn default() -> Self {
        Self {
            prices: LIST.iter().map(|(model, price)| ((*model).to_owned(), nanodollars_per_token(*price))).collect(),
        }
    }
}

impl PriceTable {
    /// Lays prices of the configuration, in dollars per million input tokens, over the table's own.
    ///
    /// # Errors
    /// A price that is negative, not a number, or above 100,000.
    pub fn with_overrides(mut self, overrides: &BTreeMap<String, f64>) -> Result<Self, PriceError> {
        for (model, price) in overrides {
            if !(0.0..=MAX_PRICE).contains(price) {
                return Err(PriceError { model: model.clone(), price: *price });
            }
            self.prices.insert(model.to_ascii_lowercase(), nanodollars_per_token(*price));
        }
        Ok(self)
    }

    /// List price of tokens in billionths of a dollar; none when there are some and the model has no known price.
    pub(super) fn nanodollars(&self, model: &str, tokens: u64) -> Option<u64> {
        if tokens == 0 {
            return Some(0);
        }
        let model = model.strip_prefix("models/").unwrap_or(model);
        let fitting = self.prices.iter().filter(|(name, _)| fits(name, model));
        let (_, price) = fitting.max_by_key(|(name, _)| name.len())?;
        Some(tokens.saturating_mul(*price))
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be from 0 to MAX_PRICE")]
fn nanodollars_per_token(dollars_per_million: f64) -> u64 {
    (dollars_per_million * 1000.0).round() as u64
}

/// Whether a name of the table stands for a model.
fn fits(name: &str, model: &str) -> bool {
    let (stem, open) = name.strip_suffix('*').map_or((name, false), |stem| (stem, true));
    let Some((start, rest)) = model.split_at_checked(stem.len()) else { return false };
    start.eq_ignore_ascii_case(stem) && (open || rest.is_empty() || is_release(rest))
}

/// Whether the rest of a name is a release: `-2025-08-07`, `-20250807`, `@20250807`, `-001`, `-08-07`, `-latest`.
fn is_release(rest: &str) -> bool {
    let Some(release) = rest.strip_prefix(['-', '@']) else { return false };
    release == "latest"
        || release.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
            && release.bytes().filter(u8::is_ascii_digit).count() >= 3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn million(model: &str) -> Option<u64> {
        PriceTable::default().nanodollars(model, 1_000_000).map(|nanodollars| nanodollars / 10_000_000)
    }

    #[test]
    fn a_name_stands_for_its_releases() {
        for model in
            ["gpt-5", "gpt-5-2025-08-07", "GPT-5-latest", "gpt-5@20250807", "models/gpt-5", "gpt-5-chat-latest"]
        {
            assert_eq!(million(model), Some(125), "{model}");
        }
        assert_eq!(million("claude-sonnet-4-5-20250929"), Some(300));
        assert_eq!(million("claude-haiku-4-5@20251001"), Some(100));
        assert_eq!(million("models/gemini-2.5-flash-001"), Some(30));
    }

    #[test]
    fn a_name_never_stands_for_a_sibling() {
        assert_eq!(million("gpt-5-mini"), Some(25));
        assert_eq!(million("claude-opus-5-5"), Some(400));
        for model in ["gpt-5-ultra", "gpt-5.9", "gpt-55", "gpt-5-", "gpt-5---", "gpt-5-7", "", "é", "openrouter/gpt-5"]
        {
            assert_eq!(million(model), None, "{model}");
        }
    }

    #[test]
    fn the_configuration_decides() {
        let prices =
            BTreeMap::from([("gpt-5".to_owned(), 1.0), ("Our-*".to_owned(), 0.5), ("our-big*".to_owned(), 7.0)]);
        let table = PriceTable::default().with_overrides(&prices).expect("valid prices");
        assert_eq!(table.nanodollars("gpt-5-2025-08-07", 10), Some(10_000));
        assert_eq!(table.nanodollars("our-small", 10), Some(5_000));
        assert_eq!(table.nanodollars("our-bigger", 10), Some(70_000));
    }

    #[test]
    fn a_price_that_cannot_be_meant_is_refused() {
        for price in [-1.0, f64::NAN, f64::INFINITY, 200_000.0] {
            let error = PriceTable::default().with_overrides(&BTreeMap::from([("m".to_owned(), price)])).unwrap_err();
            assert!(error.to_string().starts_with("prices.m: expected dollars per million input tokens"), "{error}");
        }
    }
}
