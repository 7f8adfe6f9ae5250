//! `headroom demo`: the main job on a recorded conversation, and what became of it.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Instant;

use headroom_core::ccr::{Hash, retrieve};
use headroom_core::options::CompressOptions;
use serde::Deserialize;
use serde_json::{Value, json};

use super::compress::{title, what_happened};
use crate::engine::{self, Change, Input};
use crate::excerpt;
use crate::failure::Failure;
use crate::screen::{Screen, Tone, number, one_line, percent};

/// Real `kubectl` output of an incident; `tests/cases/README.md` names source and licence.
const CASE: &str = include_str!("../../../tests/cases/mixed_k8s_incident.json");
/// Characters of a line of the demo.
const WIDTH: usize = 98;
/// Lines that are shown of what a block became, and of what was left out.
const EXCERPT_LINES: usize = 2;

#[derive(Deserialize)]
struct Case {
    model: String,
    source: String,
    query: String,
    messages: Value,
    needles: Vec<Needle>,
}

/// A fact that the conversation's question or the next one needs.
#[derive(Deserialize)]
struct Needle {
    /// `asked` when the question needs it, `latent` when the next one may.
    mark: String,
    answer_spans: Vec<String>,
}

pub(crate) fn run(program: &str, store: &str, screen: &mut Screen) -> Result<u8, Failure> {
    let case: Case = serde_json::from_str(CASE)
        .map_err(|error| Failure::new(format!("the bundled conversation cannot be read: {error}")))?;
    let body = json!({"model": case.model, "messages": case.messages}).to_string();
    let engine = engine::engine(store);
    let start = Instant::now();
    let compressed = engine::compress(
        &engine,
        Input::Conversation(body.into_bytes()),
        None,
        CompressOptions::default(),
        Arc::default(),
    )?;
    let duration_ms = start.elapsed().as_millis();
    let result = &compressed.result;
    let spans: Vec<&str> = case.needles.iter().flat_map(|needle| &needle.answer_spans).map(String::as_str).collect();

    let heading =
        screen.paint(Tone::Title, "An on-call agent asked kubectl three times; this is what the model reads next.");
    let heading = heading.into_owned();
    writeln!(screen, "{heading}")?;
    faint(screen, &format!("Recorded data: {}", one_line(&case.source, WIDTH - 15)))?;
    faint(screen, &format!("Question: {}", one_line(&case.query, WIDTH - 10)))?;
    let changes = compressed.changes();
    for change in &changes {
        writeln!(screen)?;
        write_block(screen, change, &spans)?;
    }

    writeln!(screen)?;
    let about = if result.report.estimated { "about " } else { "" };
    let total = format!(
        "Total: {about}{} → {} tokens, {} less, in {duration_ms} ms",
        number(result.tokens_before),
        number(result.tokens_after),
        percent(result.tokens_saved(), result.tokens_before)
    );
    let total = screen.paint(Tone::Title, total).into_owned();
    writeln!(screen, "{total}")?;
    let reads: Vec<&str> = compressed.after().blocks.iter().map(|block| &*block.text).collect();
    let asked: Vec<&Needle> = case.needles.iter().filter(|needle| needle.mark == "asked").collect();
    let there = asked.iter().filter(|needle| is_visible(needle, &reads)).count();
    let words = match asked.len() - there {
        0 => format!("All {} facts that the question needs are still visible.", asked.len()),
        _ => format!("{there} of {} facts that the question needs are visible, the others retrievable.", asked.len()),
    };
    writeln!(screen, "{words}")?;
    let hash = give_one_back(screen, &engine, &changes)?;

    writeln!(screen)?;
    faint(screen, "Try next:")?;
    if let Some(hash) = hash {
        writeln!(screen, "  {program} retrieve {hash} | head")?;
    }
    writeln!(screen, "  {program} compress YOUR-REQUEST.json --diff")?;
    writeln!(screen, "  {program} help")?;
    Ok(0)
}

fn faint(screen: &mut Screen, words: &str) -> Result<(), Failure> {
    let words = screen.paint(Tone::Faint, words).into_owned();
    Ok(writeln!(screen, "{words}")?)
}

fn is_visible(needle: &Needle, texts: &[&str]) -> bool {
    needle.answer_spans.iter().all(|span| texts.iter().any(|text| text.contains(span.as_str())))
}

fn write_block(screen: &mut Screen, change: &Change<'_>, spans: &[&str]) -> Result<(), Failure> {
    let name = screen.paint(Tone::Title, title(change)).into_owned();
    writeln!(screen, "{name}")?;
    faint(screen, &what_happened(change))?;
    let (before, after): (&str, &str) = (&change.before.text, &change.after.text);
    for line in excerpt::shown(after, spans, WIDTH - 12, EXCERPT_LINES) {
        let line = screen.paint(Tone::Good, line).into_owned();
        writeln!(screen, "  kept      {line}")?;
    }
    if change.report.lossless {
        writeln!(screen, "  left out  nothing: the same data, written shorter")?;
        return Ok(());
    }
    for line in excerpt::left_out(before, after, WIDTH - 12, EXCERPT_LINES) {
        let line = screen.paint(Tone::Bad, line).into_owned();
        writeln!(screen, "  left out  {line}")?;
    }
    if let Some(marker) = excerpt::markers(after).next() {
        let marker = screen.paint(Tone::New, one_line(marker, WIDTH - 12)).into_owned();
        writeln!(screen, "  marker    {marker}")?;
    }
    Ok(())
}

/// Retrieves the original of the largest change and compares it with what came.
fn give_one_back(
    screen: &mut Screen,
    engine: &headroom_core::Engine,
    changes: &[Change<'_>],
) -> Result<Option<String>, Failure> {
    let whole = |change: &&Change<'_>| change.report.ccr_hashes.contains(&Hash::of(&change.before.text).to_string());
    let Some(change) = changes.iter().filter(whole).max_by_key(|change| change.before.text.len()) else {
        return Ok(None);
    };
    let hash = Hash::of(&change.before.text).to_string();
    let original = retrieve(&*engine.store()?, &hash, None, None)?.text;
    if original != *change.before.text {
        return Err(Failure::new(format!("expected the original behind {hash}, found another text")));
    }
    let words = format!("Retrieved {hash}: {} bytes, byte-identical to the original", number(original.len() as u64));
    let words = screen.paint(Tone::Good, words).into_owned();
    writeln!(screen, "{words}")?;
    Ok(Some(hash))
}
