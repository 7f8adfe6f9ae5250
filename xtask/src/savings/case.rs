//! A case: a recorded conversation, and what must be found in it again.

use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use serde_json::{Map, Value};

/// A case as `tests/cases/README.md` describes it.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) file: PathBuf,
    pub(super) name: String,
    pub(super) kind: String,
    /// The request body alone.
    pub(super) body: Value,
    needles: Vec<Needle>,
}

/// A fact to find again.
#[derive(Debug)]
struct Needle {
    /// Whether the conversation's question needs it.
    is_asked: bool,
    /// For each of its spans, the forms in which a faithful re-encoding may spell it.
    spans: Vec<Vec<String>>,
}

/// So many of so many.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share(pub(super) usize, pub(super) usize);

impl Share {
    fn count(&mut self, holds: bool) {
        self.0 += usize::from(holds);
        self.1 += 1;
    }

    pub(super) fn add(&mut self, other: Self) {
        self.0 += other.0;
        self.1 += other.1;
    }
}

impl Display for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.0, self.1)
    }
}

/// How many needles of a case are found again.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    /// Those of the question, in the texts.
    pub(super) asked: Share,
    /// The others, in the texts.
    pub(super) latent: Share,
    /// All of them, in the texts or the originals.
    pub(super) recoverable: Share,
}

impl Case {
    #[cfg(test)]
    pub(super) fn without_needles(name: &str, kind: &str, body: Value) -> Self {
        Self { file: PathBuf::new(), name: name.into(), kind: kind.into(), body, needles: Vec::new() }
    }

    /// Looks for the needles in the texts of a compressed conversation, and in the originals that it points at.
    pub(super) fn find(&self, texts: &[String], originals: &[String]) -> Found {
        let is_in =
            |texts: &[String], forms: &[String]| texts.iter().any(|text| forms.iter().any(|form| text.contains(form)));
        let mut found = Found::default();
        for needle in &self.needles {
            let share = if needle.is_asked { &mut found.asked } else { &mut found.latent };
            share.count(needle.spans.iter().all(|forms| is_in(texts, forms)));
            let holds = |forms: &Vec<String>| is_in(texts, forms) || is_in(originals, forms);
            found.recoverable.count(needle.spans.iter().all(holds));
        }
        found
    }
}

/// Reads the cases of a folder in the order of their names; `index.json` is not one.
///
/// # Errors
/// When the folder has no cases, or a case lacks a field; the message names the file and the field.
pub(super) fn read_all(folder: &Path) -> Result<Vec<Case>> {
    let entries = fs::read_dir(folder).with_context(|| format!("{}: expected a folder of cases", folder.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.retain(|path| path.extension() == Some("json".as_ref()) && path.file_name() != Some("index.json".as_ref()));
    files.sort();
    ensure!(!files.is_empty(), "{}: expected cases (*.json), found none", folder.display());
    files.into_iter().map(|file| read(&file).map_err(|error| anyhow!("{}: {error:#}", file.display()))).collect()
}

fn read(file: &Path) -> Result<Case> {
    let text = fs::read_to_string(file)?;
    let value: Value = serde_json::from_str(&text).context("expected JSON")?;
    let case = value.as_object().with_context(|| format!("expected an object, found {}", kind_of(Some(&value))))?;
    let needles = list(case, "needles")?
        .iter()
        .enumerate()
        .map(|(at, needle)| needle_of(needle).with_context(|| format!("needles[{at}]")))
        .collect::<Result<Vec<_>>>()
        .map_err(|error| anyhow!("{}", error.chain().map(ToString::to_string).collect::<Vec<_>>().join(".")))?;
    let (file, name, kind) = (file.to_owned(), string(case, "name")?, string(case, "kind")?);
    Ok(Case { file, name, kind, body: body_of(case)?, needles })
}

/// The members of a case that make up its request.
fn body_of(case: &Map<String, Value>) -> Result<Value> {
    let (from, list_name, names): (_, _, &[&str]) = match string(case, "format")?.as_str() {
        "responses" => {
            let payload = case.get("payload");
            let members = payload.and_then(Value::as_object);
            (members.with_context(|| expected("payload", "an object", payload))?, "input", &[])
        }
        "openai" | "anthropic" => (case, "messages", &["messages", "system", "tools"]),
        other => bail!("format: expected \"openai\", \"anthropic\" or \"responses\", found {other:?}"),
    };
    list(from, list_name)?;
    let mut body = from.clone();
    if !names.is_empty() {
        body.retain(|name, _| names.contains(&name.as_str()));
    }
    body.insert("model".into(), string(case, "model")?.into());
    Ok(body.into())
}

fn needle_of(needle: &Value) -> Result<Needle> {
    let needle = needle.as_object().with_context(|| format!("expected an object, found {}", kind_of(Some(needle))))?;
    let spans = list(needle, "answer_spans")?;
    ensure!(!spans.is_empty(), "answer_spans: expected at least one, found none");
    let forms = |(at, span): (usize, &Value)| {
        span.as_str().map(forms).with_context(|| expected(&format!("answer_spans[{at}]"), "a string", Some(span)))
    };
    let spans = spans.iter().enumerate().map(forms).collect::<Result<Vec<_>>>()?;
    let is_asked = match string(needle, "mark")?.as_str() {
        "asked" => true,
        "latent" => false,
        other => bail!("mark: expected \"asked\" or \"latent\", found {other:?}"),
    };
    Ok(Needle { is_asked, spans })
}

/// A span as plain text, inside a JSON string in both ways to escape, in a JSON string within one, and in a quoted cell
/// of CSV.
fn forms(span: &str) -> Vec<String> {
    let escaped = |text: &str| {
        let quoted = Value::from(text).to_string();
        quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned()
    };
    let once = escaped(span);
    let mut ascii = String::new();
    for c in once.chars() {
        if c.is_ascii() {
            ascii.push(c);
        } else {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| ascii += &format!("\\u{unit:04x}"));
        }
    }
    let mut forms = vec![span.to_owned(), escaped(&once), once, ascii, span.replace('"', "\"\"")];
    forms.sort();
    forms.dedup();
    forms
}

fn string(object: &Map<String, Value>, field: &str) -> Result<String> {
    let value = object.get(field);
    value.and_then(Value::as_str).map(str::to_owned).with_context(|| expected(field, "a string", value))
}

fn list<'a>(object: &'a Map<String, Value>, field: &str) -> Result<&'a Vec<Value>> {
    let value = object.get(field);
    value.and_then(Value::as_array).with_context(|| expected(field, "a list", value))
}

fn expected(field: &str, what: &str, found: Option<&Value>) -> String {
    format!("{field}: expected {what}, found {}", kind_of(found))
}

fn kind_of(value: Option<&Value>) -> &'static str {
    match value {
        None => "nothing",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "a boolean",
        Some(Value::Number(_)) => "a number",
        Some(Value::String(_)) => "a string",
        Some(Value::Array(_)) => "a list",
        Some(Value::Object(_)) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_value(case: &Value) -> Result<Case> {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("index.json"), "[]")?;
        fs::write(folder.path().join("one.json"), case.to_string())?;
        Ok(read_all(folder.path())?.remove(0))
    }

    fn case() -> Value {
        json!({"name": "one", "kind": "log", "format": "openai", "model": "gpt-4o", "query": "?", "system": "s",
            "messages": [{"role": "user", "content": "hello"}], "notes": "none",
            "needles": [{"mark": "asked", "answer_spans": ["say \"né\""]}, {"mark": "latent", "answer_spans": ["0x1", "0x2"]}]})
    }

    #[test]
    fn the_body_has_nothing_that_describes_the_case() {
        let body = read_value(&case()).unwrap().body;
        assert_eq!(body, json!({"model": "gpt-4o", "system": "s", "messages": [{"role": "user", "content": "hello"}]}));
    }

    #[test]
    fn a_needle_is_found_when_all_of_its_spans_are() {
        let case = read_value(&case()).unwrap();
        let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        for form in ["say \"né\"", r#"say \"né\""#, r#"say \"n\u00e9\""#, r#"say \\\"né\\\""#, "say \"\"né\"\""] {
            let found = case.find(&texts(&[form, "only 0x2"]), &texts(&["and 0x1"]));
            assert_eq!(found.asked, Share(1, 1), "{form}");
            assert_eq!((found.latent, found.recoverable), (Share(0, 1), Share(2, 2)));
        }
    }

    #[test]
    fn what_a_case_lacks_is_named_with_its_file() {
        for (path, value, words) in [
            ("/name", Value::Null, "one.json: name: expected a string, found null"),
            (
                "/format",
                json!("xml"),
                "one.json: format: expected \"openai\", \"anthropic\" or \"responses\", found \"xml\"",
            ),
            ("/messages", json!({}), "one.json: messages: expected a list, found an object"),
            ("/needles/1/mark", json!(7), "one.json: needles[1].mark: expected a string, found a number"),
            (
                "/needles/0/answer_spans",
                json!([]),
                "one.json: needles[0].answer_spans: expected at least one, found none",
            ),
            (
                "/needles/0/answer_spans/0",
                json!(1),
                "one.json: needles[0].answer_spans[0]: expected a string, found a number",
            ),
        ] {
            let mut case = case();
            *case.pointer_mut(path).unwrap() = value;
            let error = format!("{:#}", read_value(&case).unwrap_err());
            assert!(error.ends_with(words), "{error}");
        }
        let mut case = case();
        case.as_object_mut().unwrap().remove("needles");
        assert!(
            format!("{:#}", read_value(&case).unwrap_err())
                .ends_with("one.json: needles: expected a list, found nothing")
        );
    }

    #[test]
    fn a_folder_without_cases_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(format!("{:#}", read_all(folder.path()).unwrap_err()).contains("expected cases (*.json), found none"));
        let none = folder.path().join("none");
        assert!(format!("{:#}", read_all(&none).unwrap_err()).contains("none: expected a folder of cases"));
    }
}
