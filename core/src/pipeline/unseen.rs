//! Requests that cannot be shown to extensions: whether they may go on without having been seen.

use super::dispatch::refusal;
use super::manager::{NoFacts, PipelineExtensionManager};
use super::{Invocation, PipelineEvent, PipelineStage};
use crate::error::Error;
use crate::extension::{FailurePolicy, Outcome};

impl PipelineExtensionManager {
    /// Refuses a request that no event can be made of when a `closed` extension takes part in a stage of requests: what
    /// it has not seen it cannot let pass. Gives the refusal and the call that did not come about.
    ///
    /// The event is as much as is known. What a filter asks for beyond that, such as a model that stands in the body,
    /// may be there, so it counts as there.
    #[must_use]
    pub fn refuse_unseen(&self, event: &PipelineEvent, why: &str) -> Option<(Error, Invocation)> {
        let stages = PipelineStage::ALL.into_iter().filter(|stage| *stage >= PipelineStage::InputReceived);
        let mut guards = stages.flat_map(|stage| self.at(stage).map(move |entry| (stage, entry)));
        let (stage, entry) = guards
            .find(|(_, entry)| entry.failure == FailurePolicy::Closed && entry.filter.may_pass(event, &NoFacts))?;
        let refused = refusal(entry, stage, &format!("it cannot be asked, as {why}"));
        let invocation = Invocation {
            extension: entry.name.to_string(),
            stage: stage.name(),
            outcome: Outcome::FailedClosed,
            duration_ms: 0.0,
            warning: Some(refused.to_string()),
            started: None,
        };
        Some((refused, invocation))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::extension::{Answer, BoxFuture, Extension, Filter, Policy};
    use crate::pipeline::StageSet;

    struct Guard(FailurePolicy, PipelineStage, Filter);

    impl Extension for Guard {
        fn name(&self) -> &str {
            "guard"
        }

        fn stages(&self) -> StageSet {
            StageSet::NONE.with(self.1)
        }

        fn filter(&self) -> Filter {
            self.2.clone()
        }

        fn policy(&self) -> Policy {
            Policy { failure: self.0, ..Policy::default() }
        }

        fn on_pipeline_event<'a>(&'a self, _: &'a mut PipelineEvent) -> BoxFuture<'a, Result<Answer, Error>> {
            Box::pin(async { Ok(Answer::None) })
        }
    }

    fn refused(failure: FailurePolicy, stage: PipelineStage, filter: Filter) -> Option<String> {
        let manager = PipelineExtensionManager::new(vec![Arc::new(Guard(failure, stage, filter))]).unwrap();
        let mut event = PipelineEvent::new(PipelineStage::InputReceived, "proxy.request");
        event.provider = "openai".into();
        let (error, invocation) = manager.refuse_unseen(&event, "the body is none")?;
        assert_eq!(invocation.outcome, Outcome::FailedClosed);
        Some(error.to_string())
    }

    #[test]
    fn a_closed_extension_refuses_what_it_cannot_see() {
        let message = refused(FailurePolicy::Closed, PipelineStage::PreSend, Filter::default()).unwrap();
        for part in ["refused", "guard", "pre_send", "cannot be asked, as the body is none"] {
            assert!(message.contains(part), "{message}");
        }
        assert_eq!(refused(FailurePolicy::Open, PipelineStage::PreSend, Filter::default()), None);
        assert_eq!(refused(FailurePolicy::Closed, PipelineStage::Setup, Filter::default()), None);
    }

    #[test]
    fn a_filter_keeps_out_only_what_is_known() {
        let closed = |filter| refused(FailurePolicy::Closed, PipelineStage::InputReceived, filter).is_some();
        let list = |name: &str| vec![name.to_owned()];
        assert!(!closed(Filter { providers: list("anthropic"), ..Filter::default() }));
        assert!(!closed(Filter { operations: list("compress"), ..Filter::default() }));
        assert!(closed(Filter { providers: list("openai"), models: list("gpt-*"), ..Filter::default() }));
        assert!(closed(Filter { tools: list("shell"), min_tokens: 1000, ..Filter::default() }));
    }
}
