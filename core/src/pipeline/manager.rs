//! The extensions of a process or a call: their order, their declarations, and who is called at which stage.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use globset::{Glob, GlobSet, GlobSetBuilder};

use super::{PipelineEvent, PipelineStage};
use crate::error::{Error, ErrorKind, Result};
use crate::extension::{Extension, FailurePolicy, Filter, Timer};

/// Consecutive timeouts after which an extension is no longer called for a while.
const BREAKER_TIMEOUTS: u32 = 5;
/// How long it is then left alone.
const BREAKER_OPEN: Duration = Duration::from_secs(30);

/// Holds extensions in the order in which they run.
///
/// The order is `priority` (lower first), then the order given, then moved as little as `before` and `after` ask.
/// Stages and filters are evaluated here, so that an extension that does not take part costs nothing.
#[derive(Default)]
pub struct PipelineExtensionManager {
    pub(super) entries: Vec<Entry>,
    by_stage: [Vec<usize>; PipelineStage::ALL.len()],
    pub(super) timer: Option<Arc<dyn Timer>>,
    pub(super) default_timeout: Option<Duration>,
}

/// One extension with its declarations evaluated once.
pub(super) struct Entry {
    pub(super) extension: Arc<dyn Extension>,
    pub(super) name: Arc<str>,
    pub(super) filter: CompiledFilter,
    pub(super) timeout: Option<Duration>,
    pub(super) failure: FailurePolicy,
    pub(super) breaker: Mutex<Breaker>,
}

impl PipelineExtensionManager {
    /// Orders the extensions and reads their declarations.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] when `before` and `after` form a cycle or a glob cannot be read.
    pub fn new(extensions: Vec<Arc<dyn Extension>>) -> Result<Self> {
        let mut manager = Self::default();
        for extension in in_order(extensions)? {
            let policy = extension.policy();
            let name: Arc<str> = extension.name().into();
            let filter = CompiledFilter::new(&name, extension.filter())?;
            let stages = extension.stages();
            for stage in PipelineStage::ALL.into_iter().filter(|stage| stages.contains(*stage)) {
                manager.by_stage[stage as usize].push(manager.entries.len());
            }
            manager.entries.push(Entry {
                extension,
                name,
                filter,
                timeout: policy.timeout,
                failure: policy.failure,
                breaker: Mutex::default(),
            });
        }
        Ok(manager)
    }

    /// Gives time to limits and breakers; without a timer there are none. `default_timeout` holds for extensions that
    /// declare no limit of their own.
    #[must_use]
    pub fn with_timer(mut self, timer: Arc<dyn Timer>, default_timeout: Option<Duration>) -> Self {
        self.timer = Some(timer);
        self.default_timeout = default_timeout;
        self
    }

    /// The same extensions in another host: with its timer and limit, and with breakers of their own.
    #[must_use]
    pub fn hosted_by(&self, timer: Arc<dyn Timer>, default_timeout: Option<Duration>) -> Self {
        Self {
            entries: self.entries.iter().map(Entry::again).collect(),
            by_stage: self.by_stage.clone(),
            timer: Some(timer),
            default_timeout,
        }
    }

    /// Whether there is anything to call.
    #[must_use]
    pub fn enabled(&self) -> bool {
        !self.entries.is_empty()
    }

    /// Whether any extension takes part in a stage; when not, an event need not even be made.
    #[must_use]
    pub fn subscribes(&self, stage: PipelineStage) -> bool {
        !self.by_stage[stage as usize].is_empty()
    }

    /// The first extension that takes part in a stage and refuses the request when it fails there.
    #[must_use]
    pub fn closed_at(&self, stage: PipelineStage) -> Option<&str> {
        self.at(stage).find(|entry| entry.failure == FailurePolicy::Closed).map(|entry| &*entry.name)
    }

    /// Names of the extensions in the order in which they run.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| &*entry.name)
    }

    pub(super) fn at(&self, stage: PipelineStage) -> impl Iterator<Item = &Entry> {
        self.by_stage[stage as usize].iter().map(|&index| &self.entries[index])
    }
}

impl std::fmt::Debug for PipelineExtensionManager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

/// Sorts by priority, then repeatedly takes the first extension whose predecessors have all been taken.
fn in_order(mut extensions: Vec<Arc<dyn Extension>>) -> Result<Vec<Arc<dyn Extension>>> {
    extensions.sort_by_key(|extension| extension.policy().priority);
    let policies: Vec<_> = extensions.iter().map(|extension| extension.policy()).collect();
    let names: Vec<String> = extensions.iter().map(|extension| extension.name().to_owned()).collect();
    let follows = |later: usize, earlier: usize| {
        policies[later].after.contains(&names[earlier]) || policies[earlier].before.contains(&names[later])
    };
    let mut waiting: Vec<usize> = (0..extensions.len()).collect();
    let mut order = Vec::with_capacity(extensions.len());
    while !waiting.is_empty() {
        let free = waiting.iter().position(|&one| !waiting.iter().any(|&other| other != one && follows(one, other)));
        let Some(position) = free else {
            let cycle: BTreeSet<&str> = waiting.iter().map(|&index| names[index].as_str()).collect();
            let cycle = cycle.into_iter().collect::<Vec<_>>().join(", ");
            return Err(Error::new(
                ErrorKind::Configuration,
                format!("extensions: before and after form a cycle among {cycle}"),
            ));
        };
        order.push(Arc::clone(&extensions[waiting.remove(position)]));
    }
    Ok(order)
}

/// A filter with its globs read once.
#[derive(Clone)]
pub(super) struct CompiledFilter {
    filter: Filter,
    models: Option<GlobSet>,
    tools: Option<GlobSet>,
}

/// What a filter looks at beyond the event.
pub(super) trait Facts: Sync {
    /// Tokens of the request, when they are known already.
    fn tokens(&self) -> Option<u64>;
    /// Whether the request offers or has called a tool whose name passes.
    fn any_tool(&self, passes: &dyn Fn(&str) -> bool) -> bool;
}

/// For events outside a request.
pub(super) struct NoFacts;

impl Facts for NoFacts {
    fn tokens(&self) -> Option<u64> {
        None
    }

    fn any_tool(&self, _: &dyn Fn(&str) -> bool) -> bool {
        true
    }
}

impl CompiledFilter {
    fn new(extension: &str, filter: Filter) -> Result<Self> {
        let globs = |field: &str, patterns: &[String]| {
            if patterns.is_empty() {
                return Ok(None);
            }
            let mut set = GlobSetBuilder::new();
            for pattern in patterns {
                set.add(Glob::new(pattern).map_err(|cause| {
                    let message = format!("filter.{field}: expected a glob, found {pattern:?}");
                    Error::new(ErrorKind::Configuration, message).with("extension", extension).caused_by(cause)
                })?);
            }
            set.build().map(Some).map_err(|cause| {
                Error::new(ErrorKind::Configuration, format!("filter.{field}: the globs are too large together"))
                    .with("extension", extension)
                    .caused_by(cause)
            })
        };
        Ok(Self { models: globs("models", &filter.models)?, tools: globs("tools", &filter.tools)?, filter })
    }

    pub(super) fn passes(&self, event: &PipelineEvent, facts: &dyn Facts) -> bool {
        self.models.as_ref().is_none_or(|models| models.is_match(&*event.model)) && self.passes_but_model(event, facts)
    }

    /// As [`passes`](Self::passes), where a request without a model may have one that nobody could read.
    pub(super) fn may_pass(&self, event: &PipelineEvent, facts: &dyn Facts) -> bool {
        if event.model.is_empty() { self.passes_but_model(event, facts) } else { self.passes(event, facts) }
    }

    fn passes_but_model(&self, event: &PipelineEvent, facts: &dyn Facts) -> bool {
        let named = |names: &[String], value: &str| names.is_empty() || names.iter().any(|name| name == value);
        named(&self.filter.providers, &event.provider)
            && named(&self.filter.operations, &event.operation)
            && (self.filter.min_tokens == 0 || facts.tokens().is_none_or(|tokens| tokens >= self.filter.min_tokens))
            && self.tools.as_ref().is_none_or(|tools| facts.any_tool(&|name| tools.is_match(name)))
    }
}

/// Stops calling an extension that timed out too often in a row.
#[derive(Default)]
pub(super) struct Breaker {
    timeouts: u32,
    open_until: Option<Duration>,
}

impl Entry {
    fn again(&self) -> Self {
        Self {
            extension: Arc::clone(&self.extension),
            name: Arc::clone(&self.name),
            filter: self.filter.clone(),
            timeout: self.timeout,
            failure: self.failure,
            breaker: Mutex::default(),
        }
    }

    fn breaker(&self) -> std::sync::MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_open(&self, timer: Option<&dyn Timer>) -> bool {
        let Some(timer) = timer else { return false };
        let mut breaker = self.breaker();
        match breaker.open_until {
            Some(until) if timer.now() < until => true,
            Some(_) => {
                *breaker = Breaker::default();
                false
            }
            None => false,
        }
    }

    pub(super) fn note_timeout(&self, timer: &dyn Timer) {
        let mut breaker = self.breaker();
        breaker.timeouts += 1;
        if breaker.timeouts >= BREAKER_TIMEOUTS {
            breaker.open_until = Some(timer.now() + BREAKER_OPEN);
        }
    }

    pub(super) fn note_answer(&self) {
        *self.breaker() = Breaker::default();
    }
}
