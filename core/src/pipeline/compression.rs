//! The compression of one request: reads the body, runs the steps, stores originals, applies edits.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures_lite::FutureExt as _;
use log::warn;
use serde_json::json;

use super::PipelineStage;
use super::call::share_removed;
use super::dispatch::panic_text;
use super::hooks::{CompressContext, CompressEvent};
use super::plan::Plan;
use super::progress::{Biases, ProgressEvent, ProgressKind, Step};
use super::report::StepTiming;
use super::run::{Run, compress_context};
use crate::ccr::{Certificate, Hash};
use crate::conversation::Body;
use crate::error::{Error, ErrorKind, Result};
use crate::extension::Work;

/// A compression under way.
pub(super) struct Compression<'r> {
    run: &'r mut Run,
    plan: Plan,
    biases: Biases,
    step: Option<Step>,
    step_started: Instant,
    started: Instant,
}

impl Compression<'_> {
    /// Compresses a request and leaves everything in the run. A failure leaves the request as it was.
    pub(super) async fn run(run: &mut Run) -> Result<()> {
        let started = Instant::now();
        if run.call.optimize {
            pre_compress(run).await;
        }
        run.ready_for(Work::Texts).await;
        let (context, result) = match guarded(|| Plan::new(&run.engine, &run.call, &*run.body)) {
            Ok(plan) => {
                let context = context_of(run, &plan);
                run.tokens = Some(plan.tokens_before());
                run.call.provider = plan.provider(&run.call.provider);
                run.result.tokens_before = plan.tokens_before();
                run.result.tokens_after = plan.tokens_before();
                run.result.report.tokenizer = plan.tokenizer().name().to_owned();
                run.result.report.estimated = !plan.tokenizer().is_exact();
                let result = if run.call.optimize {
                    let body = Arc::clone(&run.body);
                    let mut compression =
                        Compression { run, plan, biases: Biases::new(), step: None, step_started: started, started };
                    let result = compression.steps(&context).await;
                    let step = compression.step;
                    result.map_err(|error| {
                        run.body = body;
                        (error, step)
                    })
                } else {
                    Ok(())
                };
                (context, result)
            }
            Err(error) => (
                CompressContext { model: Arc::clone(&run.call.model), ..CompressContext::default() },
                Err((error, None)),
            ),
        };
        if let Err((error, step)) = &result {
            fail(run, error, *step).await;
        }
        post_compress(run, context).await;
        match result {
            Err((error, _)) if error.kind() == ErrorKind::Extension => Err(error),
            _ => Ok(()),
        }
    }

    async fn steps(&mut self, context: &CompressContext) -> Result<()> {
        if let Some(message) = self.plan.unstable_from() {
            self.run.prefix_changed_at(message);
        }
        self.route().await?;
        self.tell(self.start_kind()).await;

        self.begin(Step::Bias);
        self.hook_biases(context).await;
        self.end(Vec::new()).await;
        self.take_biases();

        self.begin(Step::Ccr);
        self.plan.leave_marked_blocks();
        self.end(Vec::new()).await;

        self.run.ready_for(Work::Texts).await;
        self.begin(Step::Cache);
        let (engine, call) = (self.run.engine.clone(), &self.run.call);
        self.plan.replay(&engine, || engine.store_of(call));
        self.end(Vec::new()).await;

        self.run.ready_for(Work::Texts).await;
        self.begin(Step::Dedupe);
        self.take_biases();
        let mut work = guarded(|| Ok(self.plan.work(&self.run.engine)))?;
        let scales = self.plan.scales();
        self.end_with(Vec::new(), work.dedupe, work.tokens_after_dedupe).await;

        self.begin(Step::Compression);
        self.take_biases();
        if self.plan.scales() != scales {
            self.run.ready_for(Work::Texts).await;
            work = guarded(|| Ok(self.plan.work(&self.run.engine)))?;
        }
        for (message, _) in &work.warnings {
            self.run.prefix_changed_at(*message);
        }
        let warnings: Vec<_> = work.warnings.into_iter().map(|(_, text)| text).collect();
        self.run.result.report.warnings.extend(warnings.iter().cloned());
        if let Some((_, timing)) = self.run.result.pipeline_timing.last_mut() {
            timing.tokens_before = work.tokens_after_dedupe;
        }
        self.end_with(warnings, work.compression, self.plan.tokens_after()).await;

        self.run.ready_for(Work::Texts).await;
        if let Some(budget) = self.plan.token_budget() {
            self.begin(Step::Budget);
            if let Some(message) = guarded(|| Ok(self.plan.fit_budget(&self.run.engine, budget)))? {
                self.run.prefix_changed_at(message);
            }
            self.end(Vec::new()).await;
        }
        self.step = None;
        self.store_originals().await?;
        self.run.result.report.budget = self.plan.budget_report();
        self.apply().await
    }

    /// `input_routed`: tells which block goes where; extensions may set biases and exclude blocks.
    async fn route(&mut self) -> Result<()> {
        if !self.run.call.extensions.subscribes(PipelineStage::InputRouted) {
            return Ok(());
        }
        let routes = guarded(|| Ok(self.plan.routes(&self.run.engine)))?;
        let markers: Vec<_> = routes.iter().map(|route| json!(format!("router:{}", route.transform))).collect();
        self.run.metadata.set_json("routes", json!(routes));
        self.run.metadata.set_json("routing_markers", markers);
        self.run.stage(PipelineStage::InputRouted).await?;
        if let Some(excluded) = self.metadata_json("excluded_blocks") {
            let indices = excluded.as_array().into_iter().flatten().filter_map(serde_json::Value::as_u64);
            for index in indices.filter_map(|index| usize::try_from(index).ok()) {
                if let Some(message) = self.plan.exclude(index) {
                    self.run.prefix_changed_at(message);
                }
            }
        }
        if let Some(found) = self.metadata_json("biases") {
            let (biases, wrong) = read_biases(&found);
            self.biases.extend(biases);
            wrong.into_iter().for_each(|text| self.run.warning(text));
        }
        Ok(())
    }

    fn metadata_json(&mut self, name: &str) -> Option<Arc<serde_json::Value>> {
        match self.run.metadata.get(name)?.to_json() {
            Ok(value) => Some(value),
            Err(error) => {
                self.run.warning(format!("metadata.{name}: {error}; it is ignored"));
                None
            }
        }
    }

    fn start_kind(&self) -> ProgressKind {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        ProgressKind::Start {
            model: Arc::clone(&self.run.call.model),
            provider: Arc::clone(&self.run.call.provider),
            operation: Arc::clone(&self.run.call.operation),
            start_time_ms: u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX),
            token_budget: self.plan.token_budget(),
        }
    }

    /// Biases of the hooks; one that fails is logged and skipped.
    async fn hook_biases(&mut self, context: &CompressContext) {
        // A body may have to be written out for a view of it.
        if self.run.call.hooks.is_empty() {
            return;
        }
        self.run.ready_for(Work::Texts).await;
        let Some(messages) = self.run.body.messages().or_else(|| self.run.body.payload()) else { return };
        for hook in self.run.call.hooks.clone() {
            match caught(hook.compute_biases(&messages, context)).await {
                Ok(biases) => self.biases.extend(biases),
                Err(error) => self.run.warning(format!("hook {} failed in compute_biases: {error}", hook.name())),
            }
        }
    }

    /// Gives the biases to the plan; those that are not positive numbers are left out with a warning.
    fn take_biases(&mut self) {
        let wrong: Vec<_> = self.biases.iter().filter(|(_, bias)| !(bias.is_finite() && **bias > 0.0)).collect();
        let texts: Vec<_> = wrong
            .into_iter()
            .map(|(index, bias)| format!("biases[{index}]: expected a number above 0, found {bias}; it is ignored"))
            .collect();
        texts.into_iter().for_each(|text| self.run.warning(text));
        self.biases.retain(|_, bias| bias.is_finite() && *bias > 0.0);
        if let Some((&message, _)) = self.biases.iter().find(|(_, bias)| **bias != 1.0) {
            self.run.prefix_changed_at(message);
        }
        self.plan.set_biases(&self.biases);
    }

    fn begin(&mut self, step: Step) {
        self.step = Some(step);
        let tokens = self.plan.tokens_after();
        self.step_started = Instant::now();
        let started = Some(self.step_started);
        let timing = StepTiming { duration_ms: 0.0, tokens_before: tokens, tokens_after: tokens, started };
        self.run.result.pipeline_timing.push((step, timing));
    }

    /// Closes the running step with the time since its beginning.
    async fn end(&mut self, warnings: Vec<String>) {
        self.end_with(warnings, self.step_started.elapsed(), self.plan.tokens_after()).await;
    }

    /// Closes the running step and tells the handler.
    async fn end_with(&mut self, warnings: Vec<String>, duration: Duration, tokens_after: u64) {
        let duration_ms = duration.as_secs_f64() * 1000.0;
        let Some((step, timing)) = self.run.result.pipeline_timing.last_mut() else { return };
        timing.tokens_after = tokens_after;
        timing.duration_ms = duration_ms;
        if duration > self.step_started.elapsed() {
            // Some of its work was done together with that of the step before.
            timing.started = Instant::now().checked_sub(duration);
        }
        let (step, tokens_before) = (*step, timing.tokens_before);
        self.tell(ProgressKind::Step { step, tokens_before, tokens_after, duration_ms, warnings }).await;
    }

    /// Tells the progress handler and reads biases and metadata back.
    async fn tell(&mut self, kind: ProgressKind) {
        if self.run.call.progress.is_some() {
            self.biases = tell(self.run, kind, std::mem::take(&mut self.biases)).await;
        }
    }

    /// Stores all originals in one transaction. When the store is full, nothing lossy is written.
    async fn store_originals(&mut self) -> Result<()> {
        let (originals, facts) = guarded(|| {
            let originals = self.plan.originals(&self.run.engine);
            let facts = self.plan.facts(&self.run.engine, !originals.is_empty());
            Ok((originals, facts))
        })?;
        if !originals.is_empty() || !facts.is_empty() {
            self.run.ready_for(Work::Store).await;
        }
        let (engine, call) = (&self.run.engine, &self.run.call);
        let stored = guarded(|| {
            if originals.is_empty() {
                let store = engine.store_of(call).filter(|_| !facts.is_empty());
                if let Some(Err(error)) = store.map(|store| store.remember(&facts)) {
                    warn!(target: "headroom", "what was found out about new blocks is not kept: {error}");
                }
                return Ok(());
            }
            call.store.clone().map_or_else(|| engine.store(), Ok)?.put_and_remember(&originals, &facts)
        });
        match stored {
            Err(error) if error.kind() == ErrorKind::StoreFull => {
                self.run.warning(format!("nothing is left out of this request: {error}"));
                self.run.prefix_changed_at(self.plan.first_lossy_message().unwrap_or(0));
                guarded(|| {
                    self.plan.make_lossless(&self.run.engine);
                    Ok(())
                })
            }
            stored => stored,
        }
    }

    /// `input_compressed`: extensions may revert or replace blocks.
    async fn tell_compressed(&mut self, original: &dyn Body) -> Result<()> {
        let run = &mut *self.run;
        if let Some(messages) = original.messages().or_else(|| original.payload()) {
            run.metadata.set("original_messages", messages);
        }
        run.metadata.set_json("tokens_before", run.result.tokens_before);
        run.metadata.set_json("tokens_after", run.result.tokens_after);
        run.metadata.set_json("transforms_applied", self.plan.transforms_applied());
        run.metadata.set_json("ccr_hashes", hashes_text(&self.plan.hashes()));
        run.stage(PipelineStage::InputCompressed).await.map(|_| ())
    }

    /// Applies the edits, after `input_compressed` has had its say.
    async fn apply(&mut self) -> Result<()> {
        let edits = self.plan.edits();
        let original = Arc::clone(&self.run.body);
        let edited = match &edits[..] {
            [] => Arc::clone(&original),
            edits => guarded(|| original.with_edits(self.plan.conversation(), edits))?,
        };
        self.run.body = Arc::clone(&edited);
        self.run.result.tokens_after = self.plan.tokens_after();
        if self.run.call.extensions.subscribes(PipelineStage::InputCompressed) {
            self.tell_compressed(&*original).await?;
            if !Arc::ptr_eq(&self.run.body, &edited) {
                self.run.ready_for(Work::Texts).await;
                let tokens_after = guarded(|| self.plan.keep_what_stands(&self.run.engine, &*self.run.body))?;
                self.run.result.tokens_after = tokens_after;
            }
        }
        let is_lighter = self.run.result.tokens_after != self.run.result.tokens_before;
        let result = &mut self.run.result;
        result.transforms_applied = self.plan.transforms_applied();
        result.ccr_hashes = self.plan.hashes();
        result.compressed = is_lighter || !result.transforms_applied.is_empty();
        result.report.blocks = self.plan.block_reports();
        result.certificate = self.plan.certificate();
        let result = &self.run.result;
        let complete = ProgressKind::Complete {
            tokens_before: result.tokens_before,
            tokens_after: result.tokens_after,
            compression_ratio: result.compression_ratio(),
            transforms_applied: result.transforms_applied.clone(),
            ccr_hashes: hashes_text(&result.ccr_hashes),
            duration_ms: self.started.elapsed().as_secs_f64() * 1000.0,
            timing: result.pipeline_timing.clone(),
        };
        self.tell(complete).await;
        Ok(())
    }
}

/// What hooks are told; nothing when there are none.
fn context_of(run: &Run, plan: &Plan) -> CompressContext {
    if run.call.hooks.is_empty() {
        CompressContext::default()
    } else {
        compress_context(&run.call, plan.conversation())
    }
}

/// Runs work in which a panic is a failure of the pipeline.
fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(Error::new(ErrorKind::Compression, panic_text(&*panic))))
}

/// Waits for code of others, in which a panic is a failure.
async fn caught<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let result = AssertUnwindSafe(work).catch_unwind().await;
    result.unwrap_or_else(|panic| Err(Error::new(ErrorKind::Compression, panic_text(&*panic))))
}

/// Gives the caller's data back and says why.
async fn fail(run: &mut Run, error: &Error, step: Option<Step>) {
    run.result.report.error = Some(error.to_string());
    run.prefix_changed_at(0);
    run.result.compressed = false;
    run.result.tokens_after = run.result.tokens_before;
    run.result.transforms_applied.clear();
    run.result.ccr_hashes.clear();
    run.result.certificate = Certificate::default();
    if error.kind() != ErrorKind::Extension {
        run.warning(format!("the request goes on uncompressed: {error}"));
    }
    tell(run, ProgressKind::Error { error: error.to_string(), step }, Biases::new()).await;
}

async fn tell(run: &mut Run, kind: ProgressKind, biases: Biases) -> Biases {
    let Some(handler) = run.call.progress.clone() else { return biases };
    let request_id = Arc::clone(&run.call.request_id);
    let mut event = ProgressEvent { request_id, kind, biases, metadata: run.metadata.clone() };
    let before = event.clone();
    match caught(handler.on_progress(&mut event)).await {
        Ok(()) => {
            run.metadata = event.metadata;
            event.biases
        }
        Err(error) => {
            warn!(target: "headroom.pipeline", "the progress handler failed at {}: {error}", before.kind.name());
            before.biases
        }
    }
}

/// Lets the hooks replace the messages before anything reads them.
async fn pre_compress(run: &mut Run) {
    for hook in run.call.hooks.clone() {
        run.ready_for(Work::Texts).await;
        let Ok(conversation) = guarded(|| run.body.conversation()) else { return };
        let context = compress_context(&run.call, &conversation);
        let Some(messages) = run.body.messages().or_else(|| run.body.payload()) else { return };
        let replaced = match caught(hook.pre_compress(&messages, &context)).await {
            Ok(None) => continue,
            Ok(Some(replaced)) if run.body.messages().is_some() => run.body.with_messages(&replaced),
            Ok(Some(replaced)) => run.body.with_payload(&replaced),
            Err(error) => Err(error),
        };
        match replaced {
            Ok(body) => {
                run.prefix_changed_at(0);
                run.body = body;
            }
            Err(error) => run.warning(format!("hook {} failed in pre_compress: {error}", hook.name())),
        }
    }
}

/// Tells the hooks what the compression came to.
pub(super) async fn post_compress(run: &mut Run, context: CompressContext) {
    if run.call.hooks.is_empty() {
        return;
    }
    let event = CompressEvent {
        tokens_before: run.result.tokens_before,
        tokens_after: run.result.tokens_after,
        compression_ratio: share_removed(run.result.tokens_before, run.result.tokens_after),
        transforms_applied: run.result.transforms_applied.clone(),
        ccr_hashes: hashes_text(&run.result.ccr_hashes),
        model: context.model,
        user_query: context.user_query,
        provider: context.provider,
    };
    for hook in run.call.hooks.clone() {
        if let Err(error) = caught(hook.post_compress(&event)).await {
            run.warning(format!("hook {} failed in post_compress: {error}", hook.name()));
        }
    }
}

fn hashes_text(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(ToString::to_string).collect()
}

/// Reads biases from metadata, an object from message index to number, and says what is wrong with the others.
fn read_biases(value: &serde_json::Value) -> (Biases, Vec<String>) {
    let expected = "metadata.biases: expected an object from message index to number, found";
    let Some(object) = value.as_object() else {
        return (Biases::new(), vec![format!("{expected} {value}; it is ignored")]);
    };
    let mut biases = Biases::new();
    let mut wrong = Vec::new();
    for (index, bias) in object {
        match (index.parse(), bias.as_f64()) {
            (Ok(index), Some(bias)) => drop(biases.insert(index, bias)),
            _ => wrong.push(format!("{expected} {index}: {bias}; it is ignored")),
        }
    }
    (biases, wrong)
}
