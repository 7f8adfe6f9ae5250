//! What an extension declares about itself, read once when it is registered.

use std::time::Duration;

use headroom_core::extension::{FailurePolicy as CoreFailure, Filter as CoreFilter, Policy};
use headroom_core::pipeline::StageSet;

use crate::stage::PipelineStage;

/// What an extension declares about itself; all but the name may be left unset.
#[derive(Debug, Clone, Default, uniffi::Record)]
pub struct Declarations {
    /// Its name in reports, warnings, errors and `before`/`after`.
    pub name: String,
    /// The stages it is called at; unset is every stage.
    #[uniffi(default = None)]
    pub stages: Option<Vec<PipelineStage>>,
    /// Which requests it is called for.
    #[uniffi(default = None)]
    pub filter: Option<Filter>,
    /// Lower first; unset is 0.
    #[uniffi(default = None)]
    pub priority: Option<i64>,
    /// Names of extensions that must run after this one.
    #[uniffi(default = None)]
    pub before: Option<Vec<String>>,
    /// Names of extensions that must run before this one.
    #[uniffi(default = None)]
    pub after: Option<Vec<String>>,
    /// How long one call may take; unset is without a limit.
    #[uniffi(default = None)]
    pub timeout_ms: Option<u64>,
    /// What a failure means; unset is open.
    #[uniffi(default = None)]
    pub failure_policy: Option<FailurePolicy>,
}

/// Which requests an extension is called for. What is unset lets everything pass.
#[derive(Debug, Clone, Default, uniffi::Record)]
pub struct Filter {
    /// Names of providers.
    #[uniffi(default = None)]
    pub providers: Option<Vec<String>>,
    /// Globs of model names.
    #[uniffi(default = None)]
    pub models: Option<Vec<String>>,
    /// Globs of tool names, of which the request must offer or have called at least one.
    #[uniffi(default = None)]
    pub tools: Option<Vec<String>>,
    /// Operations, such as `compress`.
    #[uniffi(default = None)]
    pub operations: Option<Vec<String>>,
    /// Requests with fewer tokens do not pass.
    #[uniffi(default = None)]
    pub min_tokens: Option<u64>,
}

/// What a failed or late answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum FailurePolicy {
    /// A warning; the request goes on with the event as it was.
    Open,
    /// The request is refused with an error that names extension and stage.
    Closed,
}

impl Declarations {
    pub(crate) fn stages(&self) -> StageSet {
        let Some(stages) = &self.stages else { return StageSet::ALL };
        stages.iter().map(|stage| (*stage).into()).collect()
    }

    pub(crate) fn filter(&self) -> CoreFilter {
        let filter = self.filter.clone().unwrap_or_default();
        CoreFilter {
            providers: filter.providers.unwrap_or_default(),
            models: filter.models.unwrap_or_default(),
            tools: filter.tools.unwrap_or_default(),
            operations: filter.operations.unwrap_or_default(),
            min_tokens: filter.min_tokens.unwrap_or_default(),
        }
    }

    pub(crate) fn policy(&self) -> Policy {
        Policy {
            priority: self.priority.unwrap_or_default(),
            before: self.before.clone().unwrap_or_default(),
            after: self.after.clone().unwrap_or_default(),
            timeout: self.timeout_ms.map(Duration::from_millis),
            failure: match self.failure_policy {
                None | Some(FailurePolicy::Open) => CoreFailure::Open,
                Some(FailurePolicy::Closed) => CoreFailure::Closed,
            },
        }
    }
}
