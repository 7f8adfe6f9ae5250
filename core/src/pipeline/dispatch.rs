//! Calls the extensions of a stage and decides what their answers mean.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures_lite::FutureExt as _;
use log::warn;

use super::manager::{Entry, Facts, NoFacts, PipelineExtensionManager};
use super::{PipelineEvent, PipelineStage, Writable};
use crate::conversation::Value;
use crate::error::{Error, ErrorKind, Result};
use crate::extension::{Answer, FailurePolicy, Outcome};

/// The logger that warnings about extensions go to.
const TARGET: &str = "headroom.pipeline";

/// One call, or deliberate non-call, of an extension.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Invocation {
    /// The extension.
    pub extension: String,
    /// The stage.
    pub stage: &'static str,
    /// What became of it.
    pub outcome: Outcome,
    /// How long it took.
    pub duration_ms: f64,
    /// Why it failed or was ignored.
    pub warning: Option<String>,
    /// When it began, for hosts that draw a line of time; no part of what is told.
    #[serde(skip)]
    pub started: Option<Instant>,
}

/// How a request goes on after a stage.
#[derive(Debug)]
pub enum Flow {
    /// With the next stage.
    Continue,
    /// An extension answered: nothing is sent and the stages between are skipped.
    Answered(Value),
}

/// What one call gave.
enum Called {
    Answer(Answer),
    Failed(Error),
    TimedOut(Duration),
}

impl PipelineExtensionManager {
    /// Hands an event to every extension of its stage, in order, and returns the last event as it is.
    ///
    /// This is the plain rule for direct callers: whatever an extension returns replaces the event, and fields are not
    /// checked. A failing extension is skipped with a warning.
    ///
    /// # Errors
    /// [`ErrorKind::Extension`] when a `closed` extension fails.
    pub async fn emit(&self, mut event: PipelineEvent) -> Result<PipelineEvent> {
        let stage = event.stage;
        for entry in self.at(stage) {
            if !entry.filter.passes(&event, &NoFacts) || entry.is_open(self.timer.as_deref()) {
                continue;
            }
            let before = event.clone();
            match self.call(entry, &mut event).await {
                Called::Answer(Answer::None) => {}
                Called::Answer(Answer::Event(next)) => event = *next,
                Called::Answer(Answer::WrongType(found)) => {
                    warn!(target: TARGET, "extension {} at {stage}: {}", entry.name, wrong_type(&found));
                }
                failed @ (Called::Failed(_) | Called::TimedOut(_)) => {
                    event = before;
                    failure(entry, stage, failed)?;
                }
            }
        }
        Ok(event)
    }

    /// Hands an event to the extensions of its stage inside a running request.
    pub(super) async fn dispatch(
        &self,
        event: &mut PipelineEvent,
        facts: &dyn Facts,
        invocations: &mut Vec<Invocation>,
    ) -> Result<Flow> {
        let stage = event.stage;
        for entry in self.at(stage) {
            let started = Instant::now();
            let mut record = |outcome: Outcome, warning: Option<String>| {
                let duration_ms = started.elapsed().as_secs_f64() * 1000.0;
                let extension = entry.name.to_string();
                let (stage, started) = (stage.name(), Some(started));
                invocations.push(Invocation { extension, stage, outcome, duration_ms, warning, started });
            };
            if !entry.filter.passes(event, facts) {
                record(Outcome::Filtered, None);
                continue;
            }
            if entry.is_open(self.timer.as_deref()) {
                record(Outcome::BreakerOpen, None);
                if entry.failure == FailurePolicy::Closed {
                    return Err(refusal(entry, stage, "it timed out too often and is not called for a while"));
                }
                continue;
            }
            let before = event.clone();
            match self.call(entry, event).await {
                Called::Answer(answer) => match settle(entry, event, &before, answer) {
                    Settled::Answered(response) => {
                        record(Outcome::Answered, None);
                        return Ok(Flow::Answered(response));
                    }
                    Settled::Changed(warning) => record(Outcome::Changed, warning),
                    Settled::Same(warning) => record(Outcome::Ran, warning),
                },
                failed => {
                    *event = before;
                    let late = matches!(failed, Called::TimedOut(_));
                    match failure(entry, stage, failed) {
                        Ok(warning) => {
                            record(if late { Outcome::TimedOut } else { Outcome::FailedOpen }, Some(warning));
                        }
                        Err(refused) => {
                            record(Outcome::FailedClosed, Some(refused.to_string()));
                            return Err(refused);
                        }
                    }
                }
            }
        }
        Ok(Flow::Continue)
    }

    /// One call with its time limit; a panic is a failure.
    async fn call(&self, entry: &Entry, event: &mut PipelineEvent) -> Called {
        let answer = AssertUnwindSafe(entry.extension.on_pipeline_event(event)).catch_unwind();
        let answer = async {
            Some(answer.await.unwrap_or_else(|panic| Err(Error::new(ErrorKind::Extension, panic_text(&*panic)))))
        };
        let timeout = entry.timeout.or(self.default_timeout);
        let answer = match (&self.timer, timeout) {
            (Some(timer), Some(timeout)) => {
                let deadline = timer.now() + timeout;
                let sleep = timer.sleep(timeout);
                let late = async {
                    sleep.await;
                    None
                };
                // An answer that came in one blocking piece may be late although nobody was waiting.
                let answer = answer.or(late).await.filter(|_| timer.now() <= deadline);
                let Some(answer) = answer else {
                    entry.note_timeout(&**timer);
                    return Called::TimedOut(timeout);
                };
                answer
            }
            _ => answer.await.expect("only a time limit gives none"),
        };
        entry.note_answer();
        match answer {
            Ok(answer) => Called::Answer(answer),
            Err(error) => Called::Failed(error),
        }
    }
}

/// The text of a panic.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panicked: {}", text.unwrap_or("no message"))
}

/// What an answer came to.
enum Settled {
    Answered(Value),
    Changed(Option<String>),
    Same(Option<String>),
}

/// Applies an answer to the event, as far as the stage lets an extension change it.
fn settle(entry: &Entry, event: &mut PipelineEvent, before: &PipelineEvent, answer: Answer) -> Settled {
    let stage = before.stage;
    let mut warning = None;
    match answer {
        Answer::None => {}
        Answer::WrongType(found) => warning = Some(wrong_type(&found)),
        Answer::Event(next) if next.stage == PipelineStage::ResponseReceived && stage != next.stage => {
            let next = *next;
            match next.response {
                Some(response) if stage.writable().answer => {
                    event.metadata = before.metadata.clone();
                    event.metadata.lay_over(next.metadata);
                    return Settled::Answered(response);
                }
                Some(_) => warning = Some(format!("a request cannot be answered at {stage}; the event is ignored")),
                None => warning = Some("an answer needs a response; the event is ignored".to_owned()),
            }
        }
        Answer::Event(next) if next.stage != stage => {
            warning = Some(format!("returned an event of stage {} at {stage}; it is ignored", next.stage));
        }
        Answer::Event(next) => lay_over(event, *next),
    }
    let unwritable = revert_unwritable(event, before);
    if !unwritable.is_empty() {
        warning = Some(format!("{} cannot be changed at {stage}; the change is ignored", unwritable.join(", ")));
    }
    if let Some(text) = &warning {
        warn!(target: TARGET, "extension {} at {stage}: {text}", entry.name);
    }
    if changed(event, before) { Settled::Changed(warning) } else { Settled::Same(warning) }
}

/// Lays a returned event over the running one: nothing means unchanged.
fn lay_over(event: &mut PipelineEvent, next: PipelineEvent) {
    event.messages = next.messages.or_else(|| event.messages.take());
    event.tools = next.tools.or_else(|| event.tools.take());
    event.headers = next.headers.or_else(|| event.headers.take());
    event.payload = next.payload.or_else(|| event.payload.take());
    event.response = next.response.or_else(|| event.response.take());
    event.metadata.lay_over(next.metadata);
}

fn same(a: Option<&Value>, b: Option<&Value>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a.is_same(b),
        (a, b) => a.is_none() && b.is_none(),
    }
}

/// Puts back what may not change at this stage and names it.
fn revert_unwritable(event: &mut PipelineEvent, before: &PipelineEvent) -> Vec<&'static str> {
    let Writable { messages, tools, headers, response, .. } = before.stage.writable();
    let mut reverted = Vec::new();
    let mut check = |name, writable: bool, now: &mut Option<Value>, was: &Option<Value>| {
        if !same(now.as_ref(), was.as_ref()) && (!writable || now.is_none()) {
            now.clone_from(was);
            reverted.push(name);
        }
    };
    check("messages", messages, &mut event.messages, &before.messages);
    check("payload", messages, &mut event.payload, &before.payload);
    check("tools", tools, &mut event.tools, &before.tools);
    check("headers", headers, &mut event.headers, &before.headers);
    check("response", response, &mut event.response, &before.response);
    let identity = [
        ("operation", &mut event.operation, &before.operation),
        ("request_id", &mut event.request_id, &before.request_id),
        ("provider", &mut event.provider, &before.provider),
        ("model", &mut event.model, &before.model),
    ];
    for (name, now, was) in identity {
        if now != was {
            now.clone_from(was);
            reverted.push(name);
        }
    }
    event.stage = before.stage;
    reverted
}

fn changed(event: &PipelineEvent, before: &PipelineEvent) -> bool {
    let pairs = [
        (&event.messages, &before.messages),
        (&event.tools, &before.tools),
        (&event.headers, &before.headers),
        (&event.payload, &before.payload),
        (&event.response, &before.response),
    ];
    pairs.iter().any(|(now, was)| !same(now.as_ref(), was.as_ref())) || !event.metadata.is_same(&before.metadata)
}

fn wrong_type(found: &str) -> String {
    format!("expected nothing or a PipelineEvent, found {found}; it is ignored")
}

/// Warns of an open failure and gives its text; refuses the request for a closed one.
fn failure(entry: &Entry, stage: PipelineStage, failed: Called) -> Result<String> {
    let (text, cause) = match failed {
        Called::TimedOut(limit) => (format!("no answer within {} ms", limit.as_millis()), None),
        Called::Failed(error) => (error.to_string(), Some(error)),
        Called::Answer(_) => return Ok(String::new()),
    };
    if entry.failure == FailurePolicy::Closed {
        let refused = refusal(entry, stage, &text);
        return Err(match cause {
            Some(cause) => refused.caused_by(cause),
            None => refused,
        });
    }
    warn!(target: TARGET, "extension {} failed at {stage}: {text}; the request goes on without it", entry.name);
    Ok(text)
}

/// The refusal of a request by an extension.
pub(super) fn refusal(entry: &Entry, stage: PipelineStage, why: &str) -> Error {
    Error::new(
        ErrorKind::Extension,
        format!("the request is refused: extension {} failed at {stage}: {why}", entry.name),
    )
    .with("extension", &*entry.name)
    .with("stage", stage.name())
}
