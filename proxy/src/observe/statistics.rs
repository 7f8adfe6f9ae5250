//! Everything that is counted, and `/stats`.

use std::collections::BTreeMap;

use headroom_core::extension::Outcome;
use headroom_core::pipeline::Step;
use serde_json::{Map, Value, json};

use super::bounded::Bounded;
use super::latency::Latency;
use super::prices::{PRICES_AS_OF, PRICES_SOURCE};
use super::record::{RequestRecord, Transport};
use super::totals::Totals;

/// The name of what has none.
const UNNAMED: &str = "(none)";

/// The kinds of requests: provider, API, transport and class of the status.
pub(super) type Route = (&'static str, &'static str, Transport, &'static str);

/// Sums and quantiles since the start.
pub(super) struct Statistics {
    pub(super) all: Totals,
    pub(super) by_route: BTreeMap<Route, u64>,
    pub(super) by_provider: BTreeMap<&'static str, Totals>,
    pub(super) by_model: Bounded<ModelTotals>,
    pub(super) by_project: Bounded<Totals>,
    pub(super) transforms: Bounded<u64>,
    pub(super) extensions: Bounded<ExtensionTotals>,
    pub(super) steps: BTreeMap<Step, StepTotals>,
    total: Latency,
    overhead: Latency,
    upstream: Latency,
}

/// Sums of a model.
#[derive(Debug, Default)]
pub(super) struct ModelTotals {
    /// The provider that it was first asked of.
    pub(super) provider: &'static str,
    pub(super) totals: Totals,
}

/// Calls of an extension.
#[derive(Default)]
pub(super) struct ExtensionTotals {
    /// By stage and outcome.
    pub(super) calls: BTreeMap<(&'static str, &'static str), u64>,
    latency: Latency,
    last_warning: Option<String>,
}

/// Runs of a step.
#[derive(Default)]
pub(super) struct StepTotals {
    latency: Latency,
    pub(super) tokens_removed: u64,
}

impl Statistics {
    /// Keeps at most `names` names of models, of projects, of transforms and of extensions apart.
    pub(super) fn new(names: usize) -> Self {
        Self {
            all: Totals::default(),
            by_route: BTreeMap::new(),
            by_provider: BTreeMap::new(),
            by_model: Bounded::new(names),
            by_project: Bounded::new(names),
            transforms: Bounded::new(names),
            extensions: Bounded::new(names),
            steps: BTreeMap::new(),
            total: Latency::default(),
            overhead: Latency::default(),
            upstream: Latency::default(),
        }
    }

    /// Counts a request; `more` is what it adds to sums.
    pub(super) fn add(&mut self, record: &RequestRecord, more: &Totals) {
        self.all.add(more);
        let route = (record.provider, record.api, record.transport, status_class(record.status));
        *self.by_route.entry(route).or_default() += 1;
        self.by_provider.entry(record.provider).or_default().add(more);
        let model = self.by_model.entry(if record.model.is_empty() { UNNAMED } else { &record.model });
        if model.provider.is_empty() {
            model.provider = record.provider;
        }
        model.totals.add(more);
        self.by_project.entry(if record.project.is_empty() { UNNAMED } else { &record.project }).add(more);
        for transform in &record.transforms {
            *self.transforms.entry(transform) += 1;
        }
        for call in &record.extensions {
            let totals = self.extensions.entry(&call.extension);
            *totals.calls.entry((call.stage, outcome_name(call.outcome))).or_default() += 1;
            if was_called(call.outcome) {
                totals.latency.add(call.duration_ms);
            }
            if call.warning.is_some() {
                totals.last_warning.clone_from(&call.warning);
            }
        }
        for (step, timing) in &record.timing {
            let totals = self.steps.entry(*step).or_default();
            totals.latency.add(timing.duration_ms);
            totals.tokens_removed += timing.tokens_before.saturating_sub(timing.tokens_after);
        }
        self.total.add(record.total_ms);
        self.overhead.add(record.overhead_ms());
        if let Some(upstream_ms) = record.upstream_ms {
            self.upstream.add(upstream_ms);
        }
    }

    /// As `/stats` shows it, without what belongs to the process.
    pub(super) fn json(&self) -> Map<String, Value> {
        let by_route = self.by_route.iter().map(|((provider, api, transport, status), requests)| {
            json!({
                "provider": provider,
                "api": api,
                "transport": transport.name(),
                "status": status,
                "requests": requests,
            })
        });
        let by_provider = self.by_provider.iter().map(|(name, totals)| named(name, totals.json()));
        let by_model = self.by_model.iter().map(|(name, model)| {
            let mut shown = named(name, model.totals.json());
            shown["provider"] = json!(model.provider);
            shown
        });
        let by_project = self.by_project.iter().map(|(name, totals)| named(name, totals.json()));
        let transforms = self.transforms.iter().map(|(name, requests)| json!({ "name": name, "requests": requests }));
        let extensions = self.extensions.iter().map(|(name, totals)| totals.json(name));
        let steps = self.steps.iter().map(|(step, totals)| {
            let mut shown = named(step.name(), totals.latency.json());
            shown["tokens_removed"] = json!(totals.tokens_removed);
            shown
        });
        let Value::Object(shown) = json!({
            "totals": self.all.json(),
            "money": {
                "meaning": "list price of tokens removed",
                "currency": "USD",
                "source": PRICES_SOURCE,
                "as_of": PRICES_AS_OF,
            },
            "by_route": by_route.collect::<Vec<_>>(),
            "by_provider": by_provider.collect::<Vec<_>>(),
            "by_model": by_model.collect::<Vec<_>>(),
            "by_project": by_project.collect::<Vec<_>>(),
            "transforms": transforms.collect::<Vec<_>>(),
            "latency_ms": {
                "total": self.total.json(),
                "overhead": self.overhead.json(),
                "upstream": self.upstream.json(),
                "steps": steps.collect::<Vec<_>>(),
            },
            "extensions": extensions.collect::<Vec<_>>(),
        }) else {
            return Map::new();
        };
        shown
    }
}

impl ExtensionTotals {
    fn json(&self, name: &str) -> Value {
        let calls = self
            .calls
            .iter()
            .map(|((stage, outcome), calls)| json!({ "stage": stage, "outcome": outcome, "calls": calls }));
        let mut outcomes = BTreeMap::<&str, u64>::new();
        for ((_, outcome), calls) in &self.calls {
            *outcomes.entry(outcome).or_default() += calls;
        }
        json!({
            "name": name,
            "outcomes": outcomes,
            "calls": calls.collect::<Vec<_>>(),
            "latency_ms": self.latency.json(),
            "last_warning": self.last_warning,
        })
    }
}

fn named(name: &str, mut shown: Value) -> Value {
    shown["name"] = json!(name);
    shown
}

/// `2xx` and the like; `none` when the client went away before a status.
pub(super) fn status_class(status: u16) -> &'static str {
    match status {
        100..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        500..600 => "5xx",
        0 => "none",
        _ => "unknown",
    }
}

/// The name of an outcome on every face of the product.
pub(super) fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ran => "ran",
        Outcome::Changed => "changed",
        Outcome::Answered => "answered",
        Outcome::Filtered => "filtered",
        Outcome::FailedOpen => "failed_open",
        Outcome::FailedClosed => "failed_closed",
        Outcome::TimedOut => "timed_out",
        Outcome::BreakerOpen => "breaker_open",
    }
}

/// Whether an extension was really called.
pub(super) fn was_called(outcome: Outcome) -> bool {
    !matches!(outcome, Outcome::Filtered | Outcome::BreakerOpen)
}

#[cfg(test)]
mod tests {
    use headroom_core::pipeline::{Invocation, StepTiming};

    use super::*;

    fn record(model: &str) -> RequestRecord {
        RequestRecord {
            provider: "openai",
            api: "chat",
            model: model.to_owned(),
            status: 200,
            tokens_before: 100,
            tokens_after: 30,
            transforms: vec!["log_fold".to_owned()],
            timing: vec![(
                Step::Compression,
                StepTiming { duration_ms: 2.0, tokens_before: 100, tokens_after: 30, started: None },
            )],
            upstream_ms: Some(10.0),
            total_ms: 13.0,
            extensions: vec![
                Invocation {
                    extension: "audit".to_owned(),
                    stage: "pre_send",
                    outcome: Outcome::TimedOut,
                    duration_ms: 50.0,
                    warning: Some("late".to_owned()),
                    started: None,
                },
                Invocation {
                    extension: "audit".to_owned(),
                    stage: "pre_send",
                    outcome: Outcome::Filtered,
                    duration_ms: 0.0,
                    warning: None,
                    started: None,
                },
            ],
            ..RequestRecord::default()
        }
    }

    fn added(statistics: &mut Statistics, record: &RequestRecord) {
        statistics.add(record, &Totals::of(record, None));
    }

    #[test]
    fn shows_sums_by_every_name() {
        let mut statistics = Statistics::new(10);
        added(&mut statistics, &record("m"));
        added(&mut statistics, &RequestRecord { project: "p".to_owned(), status: 502, ..record("") });
        let shown = statistics.json();
        assert_eq!(shown["totals"]["tokens_removed"], 140);
        assert_eq!(shown["by_model"][0]["name"], "(none)");
        assert_eq!(shown["by_model"][1]["provider"], "openai");
        assert_eq!(shown["by_project"][1]["name"], "p");
        assert_eq!(shown["by_route"][1]["status"], "5xx");
        assert_eq!(shown["transforms"][0]["requests"], 2);
        assert_eq!(shown["latency_ms"]["steps"][0]["tokens_removed"], 140);
        assert_eq!(shown["latency_ms"]["overhead"]["max"], 3.0);
    }

    #[test]
    fn an_extension_that_was_not_called_took_no_time() {
        let mut statistics = Statistics::new(10);
        added(&mut statistics, &record("m"));
        let shown = &statistics.json()["extensions"][0];
        assert_eq!(shown["outcomes"], json!({ "filtered": 1, "timed_out": 1 }));
        assert_eq!(shown["latency_ms"]["count"], 1);
        assert_eq!(shown["last_warning"], "late");
    }

    #[test]
    fn outcomes_are_called_as_everywhere_else() {
        for outcome in [
            Outcome::Ran,
            Outcome::Changed,
            Outcome::Answered,
            Outcome::Filtered,
            Outcome::FailedOpen,
            Outcome::FailedClosed,
            Outcome::TimedOut,
            Outcome::BreakerOpen,
        ] {
            assert_eq!(json!(outcome), json!(outcome_name(outcome)));
        }
    }
}
