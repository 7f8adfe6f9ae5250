//! `headroom doctor`: the whole way of a request, a line for each thing on it.

mod agents;
mod check;
mod inside;
mod neighbour;
mod proxy;
mod store;

use std::io::Write as _;

use headroom_proxy::config;
use serde_json::json;

use crate::arguments::Doctor;
use crate::failure::Failure;
use crate::host::Host;
use crate::screen::{Screen, Tone, visible};
use check::{Check, State};

/// Checks everything and gives 1 when something is broken.
pub(crate) fn run(asked: &Doctor, store: Option<String>, host: &Host, screen: &mut Screen) -> Result<u8, Failure> {
    let mut checks = vec![Check::ok("version", env!("CARGO_PKG_VERSION"))];
    let options = match config::load(asked.config.as_deref()) {
        Ok(options) => {
            checks.push(proxy::file(asked.config.as_deref()));
            Some(options)
        }
        Err(error) => {
            checks.push(Check::fail("configuration", error.to_string(), "correct it; docs/proxy.md has every option"));
            None
        }
    };
    // Without options that can be read, what they say is unknown; the rest is still worth knowing.
    let options = options.unwrap_or_default();
    checks.push(proxy::values(&options));
    checks.push(store::check(store.or_else(|| options.store.clone())));
    checks.extend(proxy::token(&options));
    checks.push(neighbour::check(&options));
    checks.extend(proxy::upstreams(&options, asked.network)?);
    checks.extend(agents::check(&options, |name| std::env::var_os(name).filter(|value| !value.is_empty())));
    checks.extend(inside::extensions(host));
    checks.push(inside::vocabulary());

    let is_broken = checks.iter().any(|check| check.state == State::Fail);
    if asked.json {
        let text = serde_json::to_string_pretty(&json!({"ok": !is_broken, "checks": checks}))
            .map_err(|error| Failure::new(format!("cannot write the checks as JSON: {error}")))?;
        writeln!(screen, "{text}")?;
    } else {
        let width = checks.iter().map(|check| check.name.len()).max().unwrap_or_default();
        for check in &checks {
            show(check, width, screen)?;
        }
    }
    Ok(u8::from(is_broken))
}

fn show(check: &Check, width: usize, screen: &mut Screen) -> Result<(), Failure> {
    let (word, tone) = match check.state {
        State::Ok => ("ok  ", Tone::Good),
        State::Warn => ("warn", Tone::Title),
        State::Fail => ("fail", Tone::Bad),
        State::Skipped => ("-   ", Tone::Faint),
    };
    let word = screen.paint(tone, word).into_owned();
    write!(screen, "{word}  {:width$}  {}", check.name, visible(&check.message))?;
    if let Some(hint) = &check.hint {
        let hint = screen.paint(Tone::New, visible(hint)).into_owned();
        write!(screen, " → {hint}")?;
    }
    writeln!(screen)?;
    Ok(())
}
