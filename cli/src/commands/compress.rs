//! `headroom compress`: the main job on a file or a pipe.

use std::io::Write as _;
use std::sync::Arc;
use std::{fs, mem};

use headroom_core::options::CompressOptions;
use headroom_core::pipeline::PipelineExtensionManager;
use serde_json::{Map, Value, json};

use crate::arguments::{Compress, Detail};
use crate::engine::{self, Change, Compressed, Input};
use crate::failure::Failure;
use crate::progress::Progress;
use crate::screen::{Screen, Tone, number, one_line, percent, size};
use crate::{difference, input};

pub(crate) fn run(
    mut asked: Compress,
    store: &str,
    extensions: Arc<PipelineExtensionManager>,
    screen: &mut Screen,
) -> Result<u8, Failure> {
    let what = if asked.text { "a text" } else { "a conversation in JSON" };
    let bytes = input::read(asked.file.as_deref(), what, screen)?;
    let progress = Progress::start(format!("compressing {}", size(bytes.len() as u64)));
    let input = if asked.text {
        let text = String::from_utf8(bytes).map_err(|error| {
            Failure::new(format!(
                "expected UTF-8 text, found another byte at offset {}",
                error.utf8_error().valid_up_to()
            ))
        })?;
        Input::Text { text, question: asked.query.take().unwrap_or_default() }
    } else {
        Input::Conversation(bytes)
    };
    let options = CompressOptions {
        mode: asked.mode.into(),
        token_budget: asked.budget,
        exclude_tools: mem::take(&mut asked.exclude_tool),
        ..CompressOptions::default()
    };
    let compressed = engine::compress(&engine::engine(store), input, asked.model.take(), options, extensions)?;
    drop(progress);

    if let Some(file) = &asked.certificate {
        let text = serde_json::to_string_pretty(&compressed.result.certificate)
            .map_err(|error| Failure::new(format!("cannot write the certificate: {error}")))?;
        fs::write(file, text + "\n")
            .map_err(|error| Failure::new(format!("cannot write {}: {}", file.display(), input::plain(&error))))?;
    }
    if asked.json {
        let text = whole_result(&compressed)?;
        screen.write_all(&text)?;
    } else if let Some(detail) = asked.diff {
        for change in compressed.changes() {
            write_change(screen, &change, detail)?;
        }
    } else {
        screen.write_all(compressed.bytes()?)?;
        screen.end_line_on_terminal()?;
    }
    screen.finish()?;
    if !asked.quiet {
        say_summary(&compressed, store, screen);
    }
    Ok(0)
}

/// The whole result as JSON. The messages are spliced in as they are, so that no byte of them changes.
fn whole_result(compressed: &Compressed) -> Result<Vec<u8>, Failure> {
    let result = &compressed.result;
    let wrong = |error: serde_json::Error| Failure::new(format!("cannot write the result as JSON: {error}"));
    let timing: Map<String, Value> = result
        .pipeline_timing
        .iter()
        .map(|(step, timing)| Ok((step.name().to_owned(), serde_json::to_value(timing)?)))
        .collect::<Result<_, _>>()
        .map_err(wrong)?;
    let response = result.response.as_ref().map(headroom_core::conversation::Value::to_json).transpose()?;
    let rest = json!({
        "tokens_before": result.tokens_before,
        "tokens_after": result.tokens_after,
        "tokens_saved": result.tokens_saved(),
        "compression_ratio": result.compression_ratio(),
        "transforms_applied": result.transforms_applied,
        "ccr_hashes": result.ccr_hashes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "compressed": result.compressed,
        "response": response.as_deref(),
        "pipeline_timing": timing,
        "certificate": serde_json::to_value(&result.certificate).map_err(wrong)?,
        "report": serde_json::to_value(&result.report).map_err(wrong)?,
    });
    let rest = serde_json::to_vec(&rest).map_err(wrong)?;
    let mut text = b"{\"messages\":".to_vec();
    text.extend_from_slice(&compressed.messages_json()?);
    text.push(b',');
    text.extend_from_slice(&rest[1..]);
    text.push(b'\n');
    Ok(text)
}

fn write_change(screen: &mut Screen, change: &Change<'_>, detail: Detail) -> Result<(), Failure> {
    let title = screen.paint(Tone::Title, title(change)).into_owned();
    writeln!(screen, "{title}")?;
    let note = format!("{} · {}", change.report.path, what_happened(change));
    let note = screen.paint(Tone::Faint, note).into_owned();
    writeln!(screen, "{note}")?;
    difference::write(screen, &difference::lines(&change.before.text, &change.after.text), detail)?;
    writeln!(screen)?;
    Ok(())
}

/// The call that produced a block.
pub(crate) fn title(change: &Change<'_>) -> String {
    match change.before.tool.as_deref() {
        Some(tool) if !tool.name.is_empty() => one_line(&format!("{} {}", tool.name, tool.arguments), 90),
        _ => "tool result".into(),
    }
}

/// Type, transform and tokens of a block.
pub(crate) fn what_happened(change: &Change<'_>) -> String {
    let report = change.report;
    format!(
        "{}, {}{}: {} → {} tokens ({} less)",
        report.kind.name(),
        report.transform.unwrap_or("unchanged"),
        if report.lossless { ", lossless" } else { "" },
        number(report.tokens_before),
        number(report.tokens_after),
        percent(report.tokens_before.saturating_sub(report.tokens_after), report.tokens_before),
    )
}

fn say_summary(compressed: &Compressed, store: &str, screen: &Screen) {
    let result = &compressed.result;
    for warning in &result.report.warnings {
        screen.say(&format!("warning: {}", one_line(warning, 500)));
    }
    if let Some(budget) = result.report.budget.as_ref().filter(|budget| budget.missed_by > 0) {
        let reason = budget.reason.as_deref().unwrap_or("nothing more can go");
        screen.say(&format!(
            "warning: the budget of {} tokens is missed by {}: {reason}",
            number(budget.token_budget),
            number(budget.missed_by)
        ));
    }
    if result.response.is_some() {
        screen.say("an extension answered; nothing was compressed");
        return;
    }
    let about = if result.report.estimated { "about " } else { "" };
    let mut words = if result.compressed {
        format!(
            "{about}{} → {} tokens ({} less)",
            number(result.tokens_before),
            number(result.tokens_after),
            percent(result.tokens_saved(), result.tokens_before)
        )
    } else {
        format!("{about}{} tokens, nothing to compress", number(result.tokens_before))
    };
    match result.ccr_hashes.len() {
        0 => {}
        1 => words.push_str(&format!(", 1 original kept in {}", store)),
        count => words.push_str(&format!(", {} originals kept in {}", number(count as u64), store)),
    }
    screen.say(&words);
}
