//! What a compression does around the transforms: options, hooks, progress events, budgets and failing stores.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};

use headroom_core::ccr::{Hash, Lookup, MemoryStore, Original, Store, StoreEntry, StoreStats};
use headroom_core::extension::{Answer, BoxFuture, Extension, Offload, Work};
use headroom_core::pipeline::{
    Biases, CompressContext, CompressEvent, CompressResult, CompressionHooks, PipelineEvent, PipelineExtensionManager,
    PipelineStage, ProgressEvent, ProgressHandler, ProgressKind, StageSet, Step,
};
use headroom_core::{Call, CompressOptions, Engine, Error, ErrorKind, JsonBody, Mode, Result, Value};
use serde_json::json;

/// Rows of JSON, all of one shape, with one failure.
fn rows(count: usize) -> String {
    let rows: Vec<_> = (0..count)
        .map(
            |id| json!({"id": id, "host": format!("node-{id}"), "status": if id == 77 { "failed" } else { "running" }}),
        )
        .collect();
    serde_json::Value::from(rows).to_string()
}

fn conversation(results: &[&str]) -> String {
    let mut messages = vec![json!({"role": "user", "content": "Which host failed?"})];
    for (index, result) in results.iter().enumerate() {
        let id = format!("call_{index}");
        let call = json!({"id": id, "type": "function", "function": {"name": "list_hosts", "arguments": "{}"}});
        messages.push(json!({"role": "assistant", "content": null, "tool_calls": [call]}));
        messages.push(json!({"role": "tool", "tool_call_id": id, "content": result}));
    }
    serde_json::Value::from(messages).to_string()
}

fn call(body: &str) -> Call {
    Call::new(JsonBody::parse(body).unwrap(), "gpt-4o")
}

fn engine() -> Engine {
    Engine::new(Arc::new(MemoryStore::default()))
}

fn text(result: &CompressResult) -> String {
    result.body.as_any().downcast_ref::<JsonBody>().unwrap().as_str().to_owned()
}

#[test]
fn rows_become_fewer_and_every_original_comes_back() {
    let engine = engine();
    let original = rows(4000);
    let result = engine.compress_blocking(call(&conversation(&[&original]))).unwrap();
    assert!(result.compressed && result.tokens_after * 3 < result.tokens_before, "{}", result.tokens_after);
    assert!(text(&result).contains("node-77"), "the failed host stays visible");
    let report = &result.report.blocks[0];
    assert_eq!(report.path, "[2].content");
    for hash in &result.ccr_hashes {
        let Lookup::Found { original: found, .. } = engine.store().unwrap().get(*hash).unwrap() else { panic!("lost") };
        assert_eq!(found.text, original);
    }
}

#[test]
fn counting_only_changes_nothing() {
    let body = conversation(&[&rows(400)]);
    let mut counting = call(&body);
    counting.optimize = false;
    let result = engine().compress_blocking(counting).unwrap();
    assert_eq!((text(&result), result.compressed), (body, false));
    assert!(result.tokens_before > 1000 && result.tokens_before == result.tokens_after);
}

#[test]
fn protected_results_stay_whole() {
    let body = conversation(&[&rows(400)]);
    let options = [
        CompressOptions { protect_recent: 1, ..CompressOptions::default() },
        CompressOptions { exclude_tools: vec!["list_*".into()], ..CompressOptions::default() },
        CompressOptions { min_tokens_to_compress: 1 << 40, ..CompressOptions::default() },
        CompressOptions { frozen_message_count: 3, ..CompressOptions::default() },
    ];
    for options in options {
        let mut protected = call(&body);
        protected.options = options;
        assert_eq!(text(&engine().compress_blocking(protected).unwrap()), body);
    }
}

#[test]
fn a_wrong_option_is_refused_before_anything_runs() {
    let mut wrong = call("[]");
    wrong.options.target_ratio = Some(2.0);
    let error = engine().compress_blocking(wrong).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("target_ratio"), "{error}");
}

#[test]
fn a_token_budget_is_met_oldest_first_or_the_miss_is_explained() {
    let (old, new) = (rows(300), rows(301));
    let body = conversation(&[&old, &new]);
    let usual = engine().compress_blocking(call(&body)).unwrap();
    let mut tight = call(&body);
    tight.options.token_budget = Some(usual.tokens_after * 3 / 4);
    let result = engine().compress_blocking(tight).unwrap();
    assert!(result.tokens_after <= usual.tokens_after * 3 / 4);
    assert_eq!(result.report.budget.as_ref().unwrap().missed_by, 0);
    assert_eq!(result.report.prefix_changed_at, Some(2));

    let mut impossible = call(&body);
    impossible.options.token_budget = Some(1);
    let report = engine().compress_blocking(impossible).unwrap().report.budget.unwrap();
    assert!(report.missed_by > 0 && report.reason.unwrap().contains("may not be changed"));
}

#[test]
fn a_reference_is_never_to_what_a_budget_took_away() {
    let output = rows(300);
    let mut tight = call(&conversation(&[&output, &output]));
    tight.options.token_budget = Some(120);
    let result = text(&engine().compress_blocking(tight).unwrap());
    assert!(!result.contains("same as"), "{result}");
}

#[test]
fn a_late_bias_keeps_references_true() {
    let output = rows(300);
    let mut biased = call(&conversation(&[&output, &output]));
    biased.progress = Some(Arc::new(Late));
    let result = engine().compress_blocking(biased).unwrap();
    let messages: serde_json::Value = serde_json::from_str(&text(&result)).unwrap();
    let (first, second) = (messages[2]["content"].as_str().unwrap(), messages[4]["content"].as_str().unwrap());
    let is_whole = first == output || result.report.blocks[0].lossless;
    assert!(is_whole || !second.contains("[same as messages[2] (list_hosts)]"), "{first}\n{second}");
}

/// Makes the first tool result much smaller after repeats were found.
struct Late;

impl ProgressHandler for Late {
    fn on_progress<'a>(&'a self, event: &'a mut ProgressEvent) -> BoxFuture<'a, Result<()>> {
        if matches!(event.kind, ProgressKind::Step { step: Step::Dedupe, .. }) {
            event.biases.insert(2, 0.05);
        }
        Box::pin(async { Ok(()) })
    }
}

#[test]
fn options_that_look_forward_name_the_first_message_that_may_change() {
    let body = conversation(&[&rows(300), &rows(301), &rows(302)]);
    let options = [
        CompressOptions { protect_recent: 2, ..CompressOptions::default() },
        CompressOptions { protect_analysis_context: true, ..CompressOptions::default() },
        CompressOptions { target_ratio: Some(0.9), ..CompressOptions::default() },
    ];
    for options in options {
        let mut looking = call(&body);
        looking.options = options;
        assert_eq!(engine().compress_blocking(looking).unwrap().report.prefix_changed_at, Some(2));
    }
}

#[test]
fn results_of_the_retrieval_tool_stay_under_any_clients_name() {
    for name in ["headroom_retrieve", "mcp__headroom__headroom_retrieve", "headroom.headroom_retrieve"] {
        let body = conversation(&[&rows(400)]).replace("list_hosts", name);
        assert_eq!(text(&engine().compress_blocking(call(&body)).unwrap()), body);
    }
}

/// Puts the messages back as they were.
struct Reverts;

impl Extension for Reverts {
    fn name(&self) -> &str {
        "reverts"
    }

    fn stages(&self) -> StageSet {
        StageSet::NONE.with(PipelineStage::InputCompressed)
    }

    fn on_pipeline_event<'a>(&'a self, event: &'a mut PipelineEvent) -> BoxFuture<'a, Result<Answer>> {
        event.messages = event.metadata.get("original_messages").cloned();
        Box::pin(async { Ok(Answer::None) })
    }
}

#[test]
fn what_an_extension_reverts_is_reported_as_reverted() {
    let body = conversation(&[&rows(400)]);
    let mut reverted = call(&body);
    reverted.extensions = Arc::new(PipelineExtensionManager::new(vec![Arc::new(Reverts)]).unwrap());
    let result = engine().compress_blocking(reverted).unwrap();
    assert_eq!(text(&result), body);
    assert!(!result.compressed && result.transforms_applied.is_empty() && result.ccr_hashes.is_empty());
    assert!(result.certificate.blocks.is_empty() && result.tokens_after == result.tokens_before);
}

#[test]
fn the_share_to_keep_works_like_a_budget() {
    let mut half = call(&conversation(&[&rows(400)]));
    half.options.target_ratio = Some(0.05);
    let result = engine().compress_blocking(half).unwrap();
    assert!(result.tokens_after * 20 <= result.tokens_before + 20, "{} {}", result.tokens_after, result.tokens_before);
}

/// Notes names and changes biases of the first tool result.
#[derive(Default)]
struct Watcher(Mutex<Vec<String>>);

impl ProgressHandler for Watcher {
    fn on_progress<'a>(&'a self, event: &'a mut ProgressEvent) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let name = match &event.kind {
                ProgressKind::Step { step, .. } => format!("{}:{}", event.kind.name(), step.name()),
                kind => kind.name().to_owned(),
            };
            if name == "pipeline:start" {
                event.biases.insert(2, 8.0);
            }
            self.0.lock().unwrap().push(name);
            Ok(())
        })
    }
}

#[test]
fn progress_reports_every_step_in_order_and_biases_are_read_back() {
    let body = conversation(&[&rows(2000)]);
    let watcher = Arc::new(Watcher::default());
    let mut watched = call(&body);
    watched.progress = Some(Arc::clone(&watcher) as Arc<dyn ProgressHandler>);
    let result = engine().compress_blocking(watched).unwrap();
    let steps = ["bias", "ccr", "cache", "dedupe", "compression"].map(|step| format!("pipeline:step:{step}"));
    let mut expected = vec!["pipeline:start".to_owned()];
    expected.extend(steps);
    expected.push("pipeline:complete".to_owned());
    assert_eq!(*watcher.0.lock().unwrap(), expected);
    let usual = engine().compress_blocking(call(&body)).unwrap();
    assert!(result.tokens_after > usual.tokens_after, "a bias above 1 keeps more");
    assert_eq!(result.report.prefix_changed_at, Some(2));
}

#[test]
fn unreadable_messages_come_back_as_they_were_with_an_error_event() {
    let watcher = Arc::new(Watcher::default());
    let mut wrong = call(r#"[17, {"role":"user","content":"x"}]"#);
    wrong.progress = Some(Arc::clone(&watcher) as Arc<dyn ProgressHandler>);
    let result = engine().compress_blocking(wrong).unwrap();
    assert_eq!(text(&result), r#"[17, {"role":"user","content":"x"}]"#);
    assert!(result.report.error.unwrap().contains("[0]"));
    assert_eq!(*watcher.0.lock().unwrap(), ["pipeline:error"]);
}

/// Replaces the question, biases the result, and counts the calls of `post_compress`.
#[derive(Default)]
struct Hooks(Mutex<Vec<CompressEvent>>);

impl CompressionHooks for Hooks {
    fn name(&self) -> &str {
        "hooks"
    }

    fn pre_compress<'a>(
        &'a self,
        messages: &'a Value,
        context: &'a CompressContext,
    ) -> BoxFuture<'a, Result<Option<Value>>> {
        assert_eq!(
            (context.user_query.as_str(), context.turn_number, context.tool_calls.len()),
            ("Which host failed?", 1, 1)
        );
        let mut messages = (*messages.to_json().unwrap()).clone();
        messages[0]["content"] = json!("Where is node-123?");
        Box::pin(async { Ok(Some(Value::json(messages))) })
    }

    fn compute_biases<'a>(&'a self, _: &'a Value, _: &'a CompressContext) -> BoxFuture<'a, Result<Biases>> {
        Box::pin(async { Err(Error::new(ErrorKind::InvalidInput, "no idea")) })
    }

    fn post_compress<'a>(&'a self, event: &'a CompressEvent) -> BoxFuture<'a, Result<()>> {
        self.0.lock().unwrap().push(event.clone());
        Box::pin(async { Ok(()) })
    }
}

#[test]
fn post_compress_is_called_exactly_once_whatever_happens() {
    for body in ["[17]", r#"{"messages":{}}"#, "[]"] {
        let hooks = Arc::new(Counting::default());
        let mut hooked = call(body);
        hooked.hooks = vec![Arc::clone(&hooks) as Arc<dyn CompressionHooks>];
        engine().compress_blocking(hooked).unwrap();
        assert_eq!(*hooks.0.lock().unwrap(), 1, "{body}");
    }
}

/// Counts calls of `post_compress`, and panics in the other hooks.
#[derive(Default)]
struct Counting(Mutex<usize>);

impl CompressionHooks for Counting {
    fn name(&self) -> &str {
        "counting"
    }

    fn compute_biases<'a>(&'a self, _: &'a Value, _: &'a CompressContext) -> BoxFuture<'a, Result<Biases>> {
        Box::pin(async { panic!("no bias today") })
    }

    fn post_compress<'a>(&'a self, _: &'a CompressEvent) -> BoxFuture<'a, Result<()>> {
        *self.0.lock().unwrap() += 1;
        Box::pin(async { Ok(()) })
    }
}

#[test]
fn hooks_run_around_a_compression_and_one_that_fails_is_skipped() {
    let hooks = Arc::new(Hooks::default());
    let mut hooked = call(&conversation(&[&rows(400)]));
    hooked.hooks = vec![Arc::clone(&hooks) as Arc<dyn CompressionHooks>];
    let result = engine().compress_blocking(hooked).unwrap();
    assert!(text(&result).contains("node-123"), "the new question decides what stays");
    assert!(result.report.warnings.iter().any(|warning| warning.contains("compute_biases")));
    let events = hooks.0.lock().unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!((events[0].tokens_after, &events[0].user_query[..]), (result.tokens_after, "Where is node-123?"));
}

/// Fails every write with one kind of error.
struct Broken(ErrorKind);

impl Store for Broken {
    fn kind(&self) -> &'static str {
        "broken"
    }

    fn put(&self, _: &[Original<'_>]) -> Result<()> {
        Err(Error::new(self.0, "no room"))
    }

    fn get(&self, _: Hash) -> Result<Lookup> {
        Ok(Lookup::NotFound)
    }

    fn peek(&self, _: Hash) -> Result<Lookup> {
        Ok(Lookup::NotFound)
    }

    fn list(&self) -> Result<Vec<StoreEntry>> {
        Ok(Vec::new())
    }

    fn purge(&self, _: u64) -> Result<u64> {
        Ok(0)
    }

    fn stats(&self) -> Result<StoreStats> {
        Ok(StoreStats::default())
    }
}

#[test]
fn a_full_store_leaves_nothing_out_and_a_broken_one_changes_nothing() {
    let body = conversation(&[&rows(2000)]);
    let full = Engine::new(Arc::new(Broken(ErrorKind::StoreFull)));
    let result = full.compress_blocking(call(&body)).unwrap();
    assert!(result.ccr_hashes.is_empty() && result.report.error.is_none());
    assert!(result.report.blocks.iter().all(|block| block.lossless || block.transform.is_none()));
    let broken = Engine::new(Arc::new(Broken(ErrorKind::Storage)));
    let result = broken.compress_blocking(call(&body)).unwrap();
    assert_eq!(text(&result), body);
    assert!(result.report.error.unwrap().contains("no room") && !result.compressed);
}

#[test]
fn lossless_mode_needs_no_store() {
    let mut lossless = call(&conversation(&[&rows(400)]));
    lossless.options.mode = Mode::Lossless;
    let engine = Engine::with_lazy_store(Box::new(|| panic!("the store is not needed")));
    let result = engine.compress_blocking(lossless).unwrap();
    assert!(result.compressed && result.ccr_hashes.is_empty());
}

#[test]
fn known_content_gives_the_same_result_again() {
    let engine = engine();
    let body = conversation(&[&rows(400), &rows(30)]);
    let first = engine.compress_blocking(call(&body)).unwrap();
    let again = engine.compress_blocking(call(&body)).unwrap();
    assert_eq!(text(&first), text(&again));
    assert_eq!(first.transforms_applied, again.transforms_applied);
}

/// Notes what is told and what work waits, in order.
#[derive(Default)]
struct Journal(Mutex<Vec<String>>);

impl ProgressHandler for Journal {
    fn on_progress<'a>(&'a self, event: &'a mut ProgressEvent) -> BoxFuture<'a, Result<()>> {
        let name = match &event.kind {
            ProgressKind::Step { step, .. } => step.name(),
            kind => kind.name(),
        };
        self.0.lock().unwrap().push(name.to_owned());
        Box::pin(async { Ok(()) })
    }
}

impl Offload for Journal {
    fn before(&self, work: Work) -> Option<BoxFuture<'static, ()>> {
        self.0.lock().unwrap().push(format!("({work:?})"));
        Some(Box::pin(futures_lite::future::yield_now()))
    }
}

#[test]
fn long_work_waits_until_it_may_run() {
    let body = conversation(&[&rows(2000)]);
    let journal = Arc::new(Journal::default());
    let given = call(&body);
    let offload: Arc<dyn Offload> = journal.clone();
    let watched = Call { progress: Some(journal.clone()), offload: Some(offload), ..given.clone() };
    let result = engine().compress_blocking(watched).unwrap();
    let seen = journal.0.lock().unwrap().join(" ");
    let steps =
        "(Texts) pipeline:start bias ccr (Texts) cache (Texts) dedupe compression (Texts) (Store) pipeline:complete";
    assert_eq!(seen, steps);
    assert_eq!(text(&result), text(&engine().compress_blocking(given).unwrap()));
}
