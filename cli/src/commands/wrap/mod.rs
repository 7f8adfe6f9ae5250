//! `headroom wrap`: an agent, a proxy of its own, and what stands between them.
//!
//! See `docs/design/0012-wrap.md` for who is who.

mod agent;
mod agents;
mod supervisor;
mod upstreams;

use std::env;
use std::ffi::OsString;
use std::path::Path;

use headroom_proxy::{Backend, Proxy, ProxyOptions, Secret};
use tokio::runtime::Runtime;

use crate::arguments::{Through, Wrap};
use crate::failure::Failure;
use crate::host::Host;
use crate::screen::Screen;
use agents::{Agent, Setup};
use supervisor::{Start, Supervisor};

/// Runs an agent and gives its exit code.
pub(crate) fn run(asked: Wrap, store: Option<String>, host: &Host, screen: &mut Screen) -> Result<u8, Failure> {
    let mut words = asked.agent.into_iter();
    let program = words.next().ok_or_else(|| Failure::new("expected an agent, such as `headroom wrap claude`"))?;
    // `headroom wrap claude -- --resume`: the dashes are for this command.
    let mut arguments = words.peekable();
    arguments.next_if(|word| word == "--");

    let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    let agent = Agent::of(Path::new(&program));
    let (config, mode) = (asked.through.config.clone(), asked.through.mode);
    let mut options = super::proxy::options(asked.through, store)?;
    upstreams::adopt(&mut options.upstreams, agent, variable)?;

    let token = Secret::random().map_err(|_| Failure::new("expected random numbers from the system, found none"))?;
    let start = start(host, &options, &token, Through { config, mode, ..Through::default() })?;
    let runtime = Runtime::new().map_err(|error| Failure::new(format!("cannot start: {error}")))?;
    let outcome = runtime.block_on(async {
        let (supervisor, address) = Supervisor::start(start).await?;
        let front = ProxyOptions { host: "127.0.0.1".into(), port: asked.port, ..options.clone() };
        let front = Proxy::start_front(front, Backend { address, token }).await;
        let front = front.map_err(|error| super::proxy::told(&error))?;
        let base = format!("http://{}", front.address());
        let setup = Setup::of(agent, &base, &options.upstreams, variable)?;
        if !asked.quiet {
            screen.say(&format!("headroom: {} goes through {base}", Path::new(&program).display()));
        }
        let status = agent::run(&program, &setup, arguments).await;
        front.shutdown();
        let restarts = supervisor.stop().await;
        if let (Some(words), false) = (restarts.told(), asked.quiet) {
            screen.say(&words);
        }
        status
    });
    runtime.shutdown_background();
    outcome
}

/// How the proxy is started.
fn start(host: &Host, options: &ProxyOptions, token: &Secret, asked: Through) -> Result<Start, Failure> {
    let (program, mut arguments) = host.itself()?;
    arguments.extend(["proxy", "--for-parent"].map(Into::into));
    let mut add = |name: &str, value: OsString| arguments.extend([name.into(), value]);
    if let Some(store) = &options.store {
        add("--store", store.into());
    }
    add("--host", "127.0.0.1".into());
    add("--port", "0".into());
    if let Some(config) = asked.config {
        add("--config", config.into());
    }
    if let Some(mode) = asked.mode {
        add("--mode", mode.name().into());
    }
    let upstreams = &options.upstreams;
    for (name, url) in [
        ("--openai-url", &upstreams.openai),
        ("--anthropic-url", &upstreams.anthropic),
        ("--gemini-url", &upstreams.gemini),
    ] {
        add(name, url.as_str().into());
    }
    for (name, url) in &upstreams.named {
        add("--upstream", format!("{name}={url}").into());
    }
    Ok(Start { program, arguments, variables: vec![("HEADROOM_PROXY_TOKEN".into(), token.expose().into())] })
}
