//! `headroom proxy`: serves until it is told to stop.

use std::io::Write as _;
use std::sync::Arc;

use headroom_core::pipeline::PipelineExtensionManager;
use headroom_proxy::observe::logging::{self, LogFormat};
use headroom_proxy::{ProxyOptions, Secret, StartError, config};
use tokio::io::AsyncReadExt as _;
use tokio::runtime::Runtime;

use crate::arguments::{Proxy, Through};
use crate::failure::Failure;
use crate::screen::Screen;
use crate::store::named;

/// Serves until the first signal to stop, drains, and gives up draining at the second.
pub(crate) fn run(
    asked: Proxy,
    store: Option<String>,
    extensions: Arc<PipelineExtensionManager>,
    screen: &mut Screen,
) -> Result<u8, Failure> {
    let mut options = options(asked.through, store)?;
    if let Some(host) = asked.host {
        options.host = host;
    }
    if let Some(port) = asked.port {
        options.port = port;
    }
    if let Some(token) = asked.token {
        options.token = Some(Secret::new(token));
    }
    options.log_level = asked.log_level.unwrap_or(options.log_level);
    options.log_format = asked.log_format.unwrap_or(options.log_format);
    // Where this is a part of another program, that one has a logger.
    let _ = logging::install(options.log_format, options.log_level);
    let format = options.log_format;
    if let Some(sentence) = options.packages_left_out() {
        say(screen, format, &sentence);
    }
    raise_file_limit();
    let runtime = Runtime::new().map_err(|error| Failure::new(format!("cannot start the proxy: {error}")))?;
    runtime.block_on(async {
        let running = headroom_proxy::Proxy::start(options, extensions).await.map_err(|error| told(&error))?;
        let address = running.address();
        let for_parent = asked.for_parent;
        if for_parent {
            writeln!(screen, "http://{address}").and_then(|()| screen.finish())?;
        }
        let variables = format!("OPENAI_BASE_URL=http://{address}/v1 ANTHROPIC_BASE_URL=http://{address}");
        say(screen, format, &format!("listening on http://{address} ({variables})"));
        tokio::select! {
            () = told_to_stop() => {}
            () = left_alone(), if for_parent => {}
        }
        say(screen, format, "stopping; requests under way may end, once more ends them");
        running.shutdown();
        tokio::select! {
            () = running.join() => {}
            () = told_to_stop() => {}
        }
        Ok::<(), Failure>(())
    })?;
    // What a request left behind on a thread of its own is not waited for.
    runtime.shutdown_background();
    Ok(0)
}

/// Says something to whoever watches, in the form of everything else that is said.
fn say(screen: &mut Screen, format: LogFormat, sentence: &str) {
    match format {
        LogFormat::Text => screen.say(sentence),
        LogFormat::Json => log::info!(target: "headroom.proxy", "{sentence}"),
    }
}

/// The file, then the environment, then what was asked for here.
pub(super) fn options(asked: Through, store: Option<String>) -> Result<ProxyOptions, Failure> {
    let mut options = config::load(asked.config.as_deref()).map_err(|error| told(&error))?;
    if let Some(mode) = asked.mode {
        options.compress.mode = mode.into();
    }
    let upstreams = &mut options.upstreams;
    for (upstream, asked) in [
        (&mut upstreams.openai, asked.openai_url),
        (&mut upstreams.anthropic, asked.anthropic_url),
        (&mut upstreams.gemini, asked.gemini_url),
    ] {
        if let Some(asked) = asked {
            *upstream = asked;
        }
    }
    upstreams.named.extend(asked.upstream);
    if store.is_some() || options.store.is_none() {
        options.store = Some(named(store)?);
    }
    Ok(options)
}

/// Why it did not start, and what may help.
pub(super) fn told(error: &StartError) -> Failure {
    let hint = match error {
        StartError::NoToken(_) => Some("set HEADROOM_PROXY_TOKEN, and let clients send it as x-headroom-proxy-token"),
        StartError::Listen { .. } => Some("--port 0 takes a free port"),
        StartError::Configuration(_) | StartError::Threads(_) | StartError::Refused(_) => None,
    };
    let mut message = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        message.push_str(": ");
        message.push_str(&inner.to_string());
        cause = inner.source();
    }
    let failure = Failure::new(message);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// Is ready at the next SIGINT or SIGTERM.
async fn told_to_stop() {
    let interrupt = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}

/// Is ready when whoever started this process is gone, which closes its end of standard input.
async fn left_alone() {
    let mut input = tokio::io::stdin();
    let mut ignored = [0; 256];
    while matches!(input.read(&mut ignored).await, Ok(count) if count > 0) {}
}

/// Lets the process have as many files as it may: a stream takes two, and 1,024 is what most shells give.
fn raise_file_limit() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        // Where that is not allowed, the limit stays as it is.
        let _ = setrlimit(Resource::Nofile, limit);
    }
}
