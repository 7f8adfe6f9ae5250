//! The proxy's options, its token, and the providers behind it.

use std::env;
use std::net::IpAddr;
use std::path::Path;

use headroom_proxy::{ProxyOptions, reach};
use tokio::runtime::Runtime;

use super::check::Check;
use crate::failure::Failure;

/// Where the options came from; they could be read.
pub(super) fn file(asked: Option<&Path>) -> Check {
    const NAME: &str = "configuration";
    let variable = env::var_os("HEADROOM_CONFIG").filter(|value| !value.is_empty());
    let named = asked.map(Path::to_owned).or_else(|| variable.map(Into::into));
    let default = || env::home_dir().map(|home| home.join(".headroom").join("headroom.toml"));
    match named.or_else(|| default().filter(|path| path.exists())) {
        Some(path) => Check::ok(NAME, path.display().to_string()),
        None => Check::ok(NAME, "no file; the defaults hold"),
    }
}

/// Whether a proxy would start with these options.
pub(super) fn values(options: &ProxyOptions) -> Check {
    match options.validate() {
        Ok(()) => Check::ok("options", format!("mode {}", name_of(&options.compress.mode))),
        Err(error) => Check::fail("options", error.to_string(), "docs/proxy.md has every option and what it takes"),
    }
}

fn name_of(mode: &headroom_core::Mode) -> String {
    format!("{mode:?}").to_ascii_lowercase()
}

/// Whether others can reach the proxy, and what keeps them out.
pub(super) fn token(options: &ProxyOptions) -> Vec<Check> {
    const NAME: &str = "token";
    let host = &options.host;
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let is_here = address.map_or(host.eq_ignore_ascii_case("localhost"), |address| address.is_loopback());
    vec![match (&options.token, is_here) {
        (Some(_), true) => Check::ok(NAME, "set; clients send it as x-headroom-proxy-token"),
        (Some(_), false) => Check::ok(NAME, format!("set; {host} can be reached by other machines")),
        (None, true) => Check::ok(NAME, format!("none, and none needed: only this machine reaches {host}")),
        (None, false) => Check::fail(
            NAME,
            format!("none, but other machines can reach {host}: the proxy will not start"),
            "set HEADROOM_PROXY_TOKEN, or host to 127.0.0.1",
        ),
    }]
}

/// Whether the providers answer, when the user wants them asked.
pub(super) fn upstreams(options: &ProxyOptions, network: bool) -> Result<Vec<Check>, Failure> {
    const NAME: &str = "upstream";
    if !network {
        return Ok(vec![Check::skipped(NAME, "not tried; --network asks the providers, without a key")]);
    }
    let runtime = Runtime::new().map_err(|error| Failure::new(format!("cannot ask the providers: {error}")))?;
    let answers = runtime.block_on(reach(options));
    runtime.shutdown_background();
    let lines = answers.into_iter().map(|(base, answer)| match answer {
        Ok(status) => Check::ok(NAME, format!("{base} answers (status {status})")),
        Err(why) => Check::fail(
            NAME,
            format!("{base}: {}", why.strip_prefix("cannot reach ").unwrap_or(&why)),
            "is there a network, a firewall, an HTTP proxy to be named in HTTPS_PROXY?",
        ),
    });
    Ok(lines.collect())
}
