//! A request before its stages: what was kept is put back, and the tool is offered.

use std::sync::Arc;

use headroom_core::JsonBody;
use tokio::task::spawn_blocking;

use super::record::Record;
use super::restore::{Survey, restore, survey};
use crate::lifecycle::INLINE_BYTES;
use crate::providers::{Api, Place};
use crate::stack::Stack;

/// A request as it goes into its stages.
pub(crate) struct Recalled {
    pub(crate) body: JsonBody,
    /// The first entry at which a turn was put back before and is not now.
    pub(crate) changed_at: Option<usize>,
    /// When calls of the tool are answered here.
    pub(crate) ticket: Option<Box<Ticket>>,
}

/// What is known of a conversation in which calls of the tool are answered.
pub(crate) struct Ticket {
    /// Its end as the client has it.
    pub(super) end: Place,
    /// The entries at which turns were put back.
    pub(super) restored: Vec<usize>,
    /// Whether the client's conversation is all that the model reads.
    pub(super) is_whole: bool,
}

/// Puts back what the client of a request has not seen, and offers the tool.
pub(crate) async fn recall(stack: &Arc<Stack>, api: Api, counts: bool, body: &JsonBody) -> Recalled {
    let as_it_came = || Recalled { body: body.clone(), changed_at: None, ticket: None };
    if !stack.options.retrieval_tool {
        return as_it_came();
    }
    let mut recalled = None;
    if body.as_str().len() <= INLINE_BYTES {
        let Some(survey) = survey(api, body) else { return as_it_came() };
        let (records, unknown) = stack.kept.at_hand(&survey.keys);
        if unknown.is_empty() {
            recalled = Some(put_back(api, body, survey, &records));
        }
    }
    let mut recalled = match recalled {
        Some(recalled) => recalled,
        None => {
            let (stack, body) = (Arc::clone(stack), body.clone());
            let work = spawn_blocking(move || ask_and_put_back(&stack, api, &body));
            work.await.ok().flatten().unwrap_or_else(as_it_came)
        }
    };
    if counts {
        recalled.ticket = None;
    }
    recalled
}

fn ask_and_put_back(stack: &Stack, api: Api, body: &JsonBody) -> Option<Recalled> {
    let survey = survey(api, body)?;
    let (mut records, unknown) = stack.kept.at_hand(&survey.keys);
    if !unknown.is_empty() {
        let keys: Vec<_> = unknown.iter().filter_map(|index| survey.keys.get(*index).copied()).collect();
        for (index, record) in unknown.into_iter().zip(stack.kept.ask(&stack.engine, &keys)) {
            if let Some(slot) = records.get_mut(index) {
                *slot = record;
            }
        }
    }
    Some(put_back(api, body, survey, &records))
}

fn put_back(api: Api, body: &JsonBody, survey: Survey, records: &[Option<Arc<Record>>]) -> Recalled {
    let restored = restore(api, body, &survey, records);
    let is_whole = survey.is_whole();
    let can_be_called = restored.is_offered || survey.was_offered;
    let ticket = || Box::new(Ticket { end: survey.history.end, restored: restored.turns, is_whole });
    let ticket = can_be_called.then(ticket);
    Recalled { body: restored.body.unwrap_or_else(|| body.clone()), changed_at: restored.changed_at, ticket }
}
