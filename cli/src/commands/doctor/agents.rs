//! Whether the agents that are started here go through Headroom.

use std::ffi::OsString;

use headroom_proxy::ProxyOptions;

use super::check::Check;

const NAME: &str = "agents";

/// What the SDKs of the providers read, and what Headroom is there.
const VARIABLES: [(&str, &str); 4] = [
    ("ANTHROPIC_BASE_URL", ""),
    ("OPENAI_BASE_URL", "/v1"),
    ("OPENAI_API_BASE", "/v1"),
    ("GOOGLE_GEMINI_BASE_URL", ""),
];

pub(super) fn check(options: &ProxyOptions, variable: impl Fn(&str) -> Option<OsString>) -> Vec<Check> {
    let here = format!("http://{}:{}", options.host, options.port);
    let same = |value: &str| {
        let rest = value.strip_prefix("http://").unwrap_or_default();
        let authority = rest.split('/').next().unwrap_or_default();
        authority == format!("{}:{}", options.host, options.port) || authority == format!("localhost:{}", options.port)
    };
    let mut checks = Vec::new();
    for (name, path) in VARIABLES {
        let Some(value) = variable(name) else { continue };
        let value = value.to_string_lossy();
        checks.push(if same(&value) {
            Check::ok(NAME, format!("{name} leads to the proxy"))
        } else {
            // An address may have a password in it.
            let message = format!("{name} leads elsewhere, past the proxy");
            Check::warn(NAME, message, format!("set it to {here}{path}, or start the agent with `headroom wrap`"))
        });
    }
    if checks.is_empty() {
        let message = "no variable leads to the proxy; `headroom wrap` sets them for one agent, or export \
            ANTHROPIC_BASE_URL and OPENAI_BASE_URL";
        checks.push(Check::ok(NAME, message));
    }
    let direct = variable("NO_PROXY").or_else(|| variable("no_proxy")).unwrap_or_default();
    let direct = direct.to_string_lossy();
    let is_direct =
        direct.split(',').any(|name| matches!(name.trim(), "*" | "127.0.0.1" | "localhost" | "127.0.0.0/8"));
    let has_proxy = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"].iter().any(|name| variable(name).is_some());
    if has_proxy && !is_direct {
        let message = "an HTTP proxy is set, and agents may ask it for this machine";
        checks.push(Check::warn(NAME, message, "add 127.0.0.1,localhost to NO_PROXY"));
    }
    checks
}

#[cfg(test)]
mod tests {
    use super::super::check::State;
    use super::*;

    fn states(given: &[(&str, &str)]) -> Vec<State> {
        let variable = |name: &str| given.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        check(&ProxyOptions::default(), variable).iter().map(|check| check.state).collect()
    }

    #[test]
    fn an_address_elsewhere_is_told() {
        assert_eq!(states(&[]), [State::Ok]);
        assert_eq!(states(&[("ANTHROPIC_BASE_URL", "http://127.0.0.1:8787")]), [State::Ok]);
        assert_eq!(states(&[("OPENAI_BASE_URL", "http://localhost:8787/v1")]), [State::Ok]);
        for elsewhere in ["https://api.openai.com/v1", "http://127.0.0.1:87870/v1", "https://127.0.0.1:8787", "x"] {
            assert_eq!(states(&[("OPENAI_BASE_URL", elsewhere)]), [State::Warn], "{elsewhere}");
        }
    }

    #[test]
    fn an_http_proxy_that_catches_this_machine_is_told() {
        assert_eq!(states(&[("HTTP_PROXY", "http://p:1")]), [State::Ok, State::Warn]);
        assert_eq!(states(&[("HTTP_PROXY", "http://p:1"), ("no_proxy", "x, 127.0.0.1")]), [State::Ok]);
    }
}
