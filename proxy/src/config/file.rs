//! `headroom.toml`.

use std::error::Error;
use std::fs;
use std::path::Path;

use headroom_core::CompressOptions;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::StartError;
use crate::options::ProxyOptions;

/// The tables of the file.
#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct File {
    proxy: ProxyOptions,
    compress: CompressOptions,
}

/// Reads the file.
pub(super) fn read(path: &Path) -> Result<ProxyOptions, StartError> {
    let name = path.display();
    let wrong = |message: String| StartError::Configuration(message);
    let text = fs::read_to_string(path).map_err(|error| wrong(format!("cannot read {name}: {error}")))?;
    let file: File = toml::from_str(&text).map_err(|error| {
        let (line, column) = place(&text, error.span().map_or(0, |span| span.start));
        wrong(format!("{name}:{line}:{column}: {}", without_values(error.message())))
    })?;
    Ok(ProxyOptions { compress: file.compress, ..file.proxy })
}

/// The tables of a file that could be read, as JSON: those of `proxy`, and `compress` beside them.
pub(super) fn tables(path: &Path) -> Result<Map<String, Value>, StartError> {
    let wrong = |error: &dyn Error| StartError::Configuration(format!("cannot read {}: {error}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| wrong(&error))?;
    let mut whole: Map<String, Value> = toml::from_str(&text).map_err(|error| wrong(&error))?;
    let mut tables = match whole.remove("proxy") {
        Some(Value::Object(tables)) => tables,
        _ => Map::new(),
    };
    tables.extend(whole.remove("compress").map(|compress| ("compress".to_owned(), compress)));
    Ok(tables)
}

/// Line and column of a byte, from 1.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

/// The message without the string that it was about: `invalid type: string "…", expected …` may quote a secret.
pub(super) fn without_values(message: &str) -> String {
    match (message.find("string \""), message.rfind('"')) {
        (Some(start), Some(end)) if start + 7 < end => format!("{}string{}", &message[..start], &message[end + 1..]),
        _ => message.to_owned(),
    }
}
