//! `cargo xtask savings`: the committed table of what the cases come to, `tests/savings.txt`.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::cargo;
use crate::steps::run as run_command;

const HEAD: &str = "\
# Tokens of tests/cases before and after, in balanced mode, and how many needles are visible in the compressed text or
# recoverable through what it points at. Made by `cargo xtask savings`; read the changed rows of a change first.
";

/// Writes the table, or compares it with the committed one.
///
/// # Errors
/// When a case cannot be compressed, or the committed table is another one.
pub(crate) fn run(check: bool) -> Result<()> {
    run_command(cargo::command(["build", "--locked", "-p", "headroom-cli"]))?;
    let table = table(&cargo::target().join("debug/headroom"))?;
    let file = cargo::root().join("tests/savings.txt");
    if !check {
        print!("{table}");
        return Ok(fs::write(file, table)?);
    }
    let committed = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let committed: Vec<&str> = committed.lines().collect();
    for line in table.lines().filter(|line| !committed.contains(line)) {
        eprintln!("+ {line}");
    }
    ensure!(committed == table.lines().collect::<Vec<_>>(), "tests/savings.txt is out of date: cargo xtask savings");
    Ok(())
}

fn table(headroom: &Path) -> Result<String> {
    let mut files =
        fs::read_dir(cargo::root().join("tests/cases"))?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.retain(|path| path.extension() == Some("json".as_ref()));
    files.sort();
    let mut table = HEAD.to_owned();
    let columns = ["case", "before", "after", "saved", "asked", "latent", "recoverable"];
    table.push_str(&row(&columns.map(ToOwned::to_owned)));
    let (mut before, mut after) = (0, 0);
    for file in files {
        let case: Value = serde_json::from_slice(&fs::read(&file)?)?;
        let measured = measure(headroom, &case).with_context(|| file.display().to_string())?;
        before += measured.before;
        after += measured.after;
        table.push_str(&row(&[
            file.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            measured.before.to_string(),
            measured.after.to_string(),
            saved(measured.before, measured.after),
            measured.asked.to_string(),
            measured.latent.to_string(),
            measured.recoverable.to_string(),
        ]));
    }
    let none = String::new;
    let all = ["total".into(), before.to_string(), after.to_string(), saved(before, after), none(), none(), none()];
    table.push_str(&row(&all));
    Ok(table)
}

fn row(cells: &[String; 7]) -> String {
    let [name, numbers @ ..] = cells;
    let mut line = format!("{name:28}");
    for number in numbers {
        line.push_str(&format!(" {number:>11}"));
    }
    line.trim_end().to_owned() + "\n"
}

/// The share saved, in tenths of a percent.
fn saved(before: u64, after: u64) -> String {
    let permille = (before.saturating_sub(after) * 1000).checked_div(before).unwrap_or(0);
    format!("{}.{} %", permille / 10, permille % 10)
}

/// So many of so many.
#[derive(Debug, Default, PartialEq, Eq)]
struct Share(usize, usize);

impl Share {
    fn count(&mut self, holds: bool) {
        self.0 += usize::from(holds);
        self.1 += 1;
    }
}

impl std::fmt::Display for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.0, self.1)
    }
}

struct Measured {
    before: u64,
    after: u64,
    asked: Share,
    latent: Share,
    recoverable: Share,
}

fn measure(headroom: &Path, case: &Value) -> Result<Measured> {
    let folder = tempfile::tempdir()?;
    let headroom = |arguments: &[&str]| -> Result<String> {
        let mut command = Command::new(headroom);
        let output = command.args(arguments).env("HEADROOM_STORE", folder.path().join("store.db")).output()?;
        if !output.status.success() {
            bail!("headroom {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8(output.stdout)?)
    };
    let body = if case["payload"].is_null() { case } else { &case["payload"] };
    let file = folder.path().join("request.json");
    let mut request = body.clone();
    if let Some(members) = request.as_object_mut() {
        // What describes the case is not part of the request.
        for name in ["needles", "query", "notes", "source", "licence", "kind", "format", "name"] {
            members.remove(name);
        }
        members.insert("model".into(), "gpt-4o".into());
    }
    fs::write(&file, request.to_string())?;
    let result: Value = serde_json::from_str(&headroom(&["compress", "--json", &file.to_string_lossy()])?)?;

    let mut visible = Vec::new();
    texts(&result["messages"], &mut visible);
    let mut originals = Vec::new();
    for hash in result["ccr_hashes"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        originals.push(headroom(&["retrieve", hash])?);
    }
    let (mut asked, mut latent, mut recoverable) = (Share::default(), Share::default(), Share::default());
    for needle in case["needles"].as_array().into_iter().flatten() {
        let spans: Vec<&str> =
            needle["answer_spans"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let is_in = |texts: &[String], span: &str| texts.iter().any(|text| text.contains(span));
        let share = if needle["mark"] == "asked" { &mut asked } else { &mut latent };
        share.count(spans.iter().all(|span| is_in(&visible, span)));
        recoverable.count(spans.iter().all(|span| is_in(&visible, span) || is_in(&originals, span)));
    }
    let tokens = |name: &str| result[name].as_u64().with_context(|| format!("expected {name} in the result"));
    Ok(Measured { before: tokens("tokens_before")?, after: tokens("tokens_after")?, asked, latent, recoverable })
}

/// Every string in the messages.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(elements) => elements.iter().for_each(|element| texts(element, found)),
        Value::Object(members) => members.values().for_each(|member| texts(member, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_rounded_down_and_nothing_of_nothing_is_nothing() {
        assert_eq!(saved(1000, 251), "74.9 %");
        assert_eq!(saved(0, 0), "0.0 %");
        assert_eq!(saved(10, 11), "0.0 %");
    }
}
