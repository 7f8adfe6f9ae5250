//! Where options come from: `headroom.toml`, then the environment, then flags; the later wins.
//!
//! ```toml
//! [proxy]
//! port = 8787
//! [proxy.upstreams.named]
//! groq = "https://api.groq.com/openai/v1"
//! [compress]
//! mode = "lossless"
//! ```
//!
//! The file is the one that the caller names, else `HEADROOM_CONFIG`, else `~/.headroom/headroom.toml` when it is there.
//! A file in the working folder is not read: a repository that somebody cloned must not say where keys are sent.

mod call;
mod environment;
mod file;
mod telemetry;

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::error::StartError;
use crate::options::ProxyOptions;

pub use call::{Beside, of_call};
pub use environment::TABLE as ENVIRONMENT;

/// The options of the file and the environment of this process.
///
/// # Errors
/// [`StartError::Configuration`] with file, line and column, or with the name of the variable.
pub fn load(file: Option<&Path>) -> Result<ProxyOptions, StartError> {
    load_from(file, |name| env::var_os(name), env::home_dir())
}

fn load_from(
    file: Option<&Path>,
    variable: impl Fn(&str) -> Option<OsString>,
    home: Option<PathBuf>,
) -> Result<ProxyOptions, StartError> {
    let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
    let mut options = match file_of(file, variable, home) {
        Some(path) => file::read(&path)?,
        None => ProxyOptions::default(),
    };
    environment::apply(&mut options, variable)?;
    Ok(options)
}

/// The file that is read: one that is named must be there, the usual one may be.
fn file_of(file: Option<&Path>, variable: impl Fn(&str) -> Option<OsString>, home: Option<PathBuf>) -> Option<PathBuf> {
    let named = file.map(Path::to_owned).or_else(|| variable("HEADROOM_CONFIG").map(PathBuf::from));
    named.or_else(|| home.map(|home| home.join(".headroom").join("headroom.toml")).filter(|path| path.exists()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn load_with(text: &str, variables: &[(&str, &str)]) -> Result<ProxyOptions, StartError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("headroom.toml");
        fs::write(&path, text).unwrap();
        let variable =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value));
        load_from(Some(&path), variable, None).map_err(|error| {
            let message = error.to_string().replace(&path.display().to_string(), "headroom.toml");
            StartError::Configuration(message)
        })
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let text =
            "[proxy]\nport = 1\nhost = \"::1\"\n[proxy.limits]\nbody_bytes = 7\n[compress]\nmode = \"lossless\"\n";
        let options = load_with(text, &[("HEADROOM_PORT", "2"), ("HEADROOM_PROXY_TOKEN", "t")]).unwrap();
        assert_eq!((options.port, &*options.host, options.limits.body_bytes), (2, "::1", 7));
        assert!(options.token.unwrap().is(b"t"));
        assert_eq!(options.compress.mode, headroom_core::Mode::Lossless);
    }

    #[test]
    fn an_unknown_key_is_an_error_with_its_place() {
        let error = load_with("[proxy]\nport = 1\nprot = 2\n", &[]).unwrap_err().to_string();
        assert!(error.starts_with("headroom.toml:3:1: unknown field `prot`"), "{error}");
        let error = load_with("[compress]\nmdoe = 1\n", &[]).unwrap_err().to_string();
        assert!(error.starts_with("headroom.toml:2:1: unknown field `mdoe`"), "{error}");
        let error = load_with("\n[proxi]\n", &[]).unwrap_err().to_string();
        assert!(error.starts_with("headroom.toml:2:2: unknown field `proxi`"), "{error}");
    }

    #[test]
    fn an_error_does_not_repeat_what_stands_in_the_file() {
        let error = load_with("[proxy]\ntoken = [\"hunter2\"]\n", &[]).unwrap_err().to_string();
        assert!(error.contains(":2:") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn a_wrong_variable_is_named() {
        let error = load_with("", &[("HEADROOM_PORT", "many")]).unwrap_err().to_string();
        assert_eq!(error, "HEADROOM_PORT: expected a port from 0 to 65535, found \"many\"");
        let error = load_with("", &[("HEADROOM_OPENAI_URL", "nowhere")]).unwrap_err().to_string();
        assert!(error.starts_with("HEADROOM_OPENAI_URL: expected an address"), "{error}");
    }

    #[test]
    fn a_file_that_is_asked_for_must_be_there() {
        let error = load_from(Some(Path::new("/nowhere/headroom.toml")), |_| None, None).unwrap_err();
        assert!(error.to_string().starts_with("cannot read /nowhere/headroom.toml"), "{error}");
        assert_eq!(load_from(None, |_| None, Some("/nowhere".into())).unwrap(), ProxyOptions::default());
    }

    const MANUAL: &str = include_str!("../../../docs/proxy.md");

    #[test]
    fn the_manual_has_every_option_with_its_default() {
        let (_, rest) = MANUAL.split_once("```toml\n").unwrap();
        let (example, _) = rest.split_once("```").unwrap();
        assert_eq!(load_with(example, &[]).unwrap(), ProxyOptions::default());
        let tables =
            ["proxy", "proxy.upstreams", "proxy.traces", "proxy.limits", "proxy.timeouts", "proxy.retries", "compress"];
        for table in tables {
            let (_, part) = example.split_once(&format!("[{table}]")).unwrap();
            let part = part.split("\n[").next().unwrap();
            // What is expected there is told to whoever writes something else.
            let error = load_with(&format!("[{table}]\nno_such_option = 1\n"), &[]).unwrap_err().to_string();
            let (_, expected) = error.split_once("expected").unwrap();
            let names: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
            assert!(names.len() > 3, "{error}");
            for name in names {
                let is_there = [format!("\n{name} ="), format!("\n# {name} ="), format!("\n[{table}.{name}]")];
                let is_there =
                    is_there.iter().any(|line| part.contains(line) || example.contains(line) && line.contains('['));
                assert!(is_there, "{table}.{name}");
            }
        }
    }

    #[test]
    fn the_manual_has_every_variable() {
        for (name, _) in ENVIRONMENT {
            assert!(MANUAL.contains(&format!("`{name}`")), "{name}");
        }
    }
}
