//! Options of a call in another language: a JSON object over the file and the environment, when these are asked for.

use std::path::Path;

use headroom_core::CompressOptions;
use serde_json::{Map, Value};

use super::{environment, file};
use crate::error::StartError;
use crate::options::ProxyOptions;

/// What is read beside what the call gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside<'p> {
    /// Nothing; a free port is taken when the call names none.
    Nothing,
    /// What [`load`](super::load) reads: this file or the usual one, and the environment.
    Configuration(Option<&'p Path>),
}

/// The options of a call: an object with the names of [`ProxyOptions`], and `compress` beside them.
///
/// # Errors
/// [`StartError::Configuration`] that names the option, and what [`load`](super::load) says.
pub fn of_call(beside: Beside<'_>, given: &Map<String, Value>) -> Result<ProxyOptions, StartError> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let mut tables = Map::new();
    let asked = match beside {
        Beside::Nothing => {
            tables.insert("port".into(), 0.into());
            false
        }
        Beside::Configuration(path) => {
            if let Some(path) = super::file_of(path, variable, std::env::home_dir()) {
                // First for its errors, which have a place.
                file::read(&path)?;
                tables = file::tables(&path)?;
            }
            true
        }
    };
    lay_over(&mut tables, given);
    let compress = tables.remove("compress");
    let mut options = parse(&tables)?;
    if let Some(compress) = compress {
        options.compress = serde_json::from_value::<CompressOptions>(compress)
            .map_err(|error| StartError::Configuration(format!("compress: {error}")))?;
    }
    if asked {
        // What the call says wins over the environment.
        environment::apply(&mut options, |name| variable(name).filter(|_| !is_given(given, name)))?;
    }
    Ok(options)
}

fn is_given(given: &Map<String, Value>, variable: &str) -> bool {
    let Some((_, path)) = environment::TABLE.iter().find(|(name, _)| *name == variable) else { return false };
    let mut names = path.split('.');
    let first = names.next().and_then(|name| given.get(name));
    names.try_fold(first, |at, name| at.map(|at| at.get(name))).flatten().is_some()
}

/// Lays an object over another, table by table; `null` is not set.
fn lay_over(under: &mut Map<String, Value>, over: &Map<String, Value>) {
    for (name, value) in over {
        match (under.get_mut(name), value) {
            (_, Value::Null) => {}
            (Some(Value::Object(under)), Value::Object(over)) => lay_over(under, over),
            (_, value) => {
                under.insert(name.clone(), value.clone());
            }
        }
    }
}

fn parse(tables: &Map<String, Value>) -> Result<ProxyOptions, StartError> {
    let read = |tables: Map<String, Value>| serde_json::from_value::<ProxyOptions>(tables.into());
    read(tables.clone()).map_err(|whole| {
        // The message of the whole does not say which option it is about; the same option alone fails the same way.
        let wrong = tables.iter().find_map(|(name, value)| {
            read(Map::from_iter([(name.clone(), value.clone())])).err().map(|cause| (name.as_str(), cause))
        });
        let (name, cause) = wrong.unwrap_or(("options", whole));
        StartError::Configuration(format!("{name}: {}", file::without_values(&cause.to_string())))
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use headroom_core::Mode;
    use serde_json::json;

    use super::*;

    fn of(given: &Value) -> Result<ProxyOptions, String> {
        of_call(Beside::Nothing, given.as_object().unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_call_alone_reads_no_file_and_takes_a_free_port() {
        let options = of(&json!({ "host": "::1", "token": null, "limits": { "body_bytes": 7 } })).unwrap();
        assert_eq!((options.port, &*options.host, options.limits.body_bytes), (0, "::1", 7));
        assert_eq!(options.timeouts, ProxyOptions::default().timeouts);
        assert_eq!(of(&json!({ "compress": { "mode": "lossless" } })).unwrap().compress.mode, Mode::Lossless);
    }

    #[test]
    fn what_a_call_says_wins_over_the_file_table_by_table() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("headroom.toml");
        let text = "[proxy]\nport = 1\nhost = \"::1\"\n[proxy.limits]\nbody_bytes = 7\nframe_bytes = 8\n\
                    [compress]\nmode = \"lossless\"\nprotect_recent = 2\n";
        fs::write(&path, text).unwrap();
        let given = json!({ "port": 2, "limits": { "body_bytes": 9 }, "compress": { "mode": "aggressive" } });
        let options = of_call(Beside::Configuration(Some(&path)), given.as_object().unwrap()).unwrap();
        assert_eq!((options.port, &*options.host), (2, "::1"));
        assert_eq!((options.limits.body_bytes, options.limits.frame_bytes), (9, 8));
        assert_eq!((options.compress.mode, options.compress.protect_recent), (Mode::Aggressive, 2));
    }

    #[test]
    fn a_variable_counts_unless_the_call_has_its_option() {
        let given = json!({ "port": 1, "upstreams": { "openai": "http://localhost:1" } });
        let is_given = |name| super::is_given(given.as_object().unwrap(), name);
        assert!(is_given("HEADROOM_PORT") && is_given("HEADROOM_OPENAI_URL"));
        assert!(!is_given("HEADROOM_HOST") && !is_given("HEADROOM_GEMINI_URL") && !is_given("HEADROOM_CONFIG"));
    }

    #[test]
    fn a_wrong_option_is_named_without_its_text() {
        assert!(of(&json!({ "prot": 1 })).unwrap_err().starts_with("prot: unknown field `prot`"));
        assert!(of(&json!({ "limits": { "body": 1 } })).unwrap_err().starts_with("limits: unknown field `body`"));
        let error = of(&json!({ "port": "hunter2" })).unwrap_err();
        assert!(error.starts_with("port: ") && !error.contains("hunter2"), "{error}");
        assert!(of(&json!({ "compress": { "mdoe": 1 } })).unwrap_err().starts_with("compress: unknown field `mdoe`"));
    }
}
