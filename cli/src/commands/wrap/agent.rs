//! The agent's process: it has the terminal, gets the signals, and its exit code is the answer.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use std::process::ExitStatus;

use tokio::process::Command;

use super::agents::Setup;
use crate::failure::Failure;

/// Runs an agent to its end.
pub(super) async fn run(
    program: &OsStr,
    setup: &Setup,
    arguments: impl Iterator<Item = OsString>,
) -> Result<u8, Failure> {
    let name = Path::new(program).display();
    let failed = |error: &io::Error| Failure::new(format!("cannot run {name}: {error}"));
    // Before the agent is there, so that none is lost.
    let mut signals = Signals::new().map_err(|error| failed(&error))?;
    let mut command = Command::new(program);
    command.args(&setup.arguments).args(arguments);
    command.envs(setup.variables.iter().map(|(name, value)| (name, value)));
    let mut agent = command.spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => failed(&error).hint("is it installed, and its folder in PATH?"),
        _ => failed(&error),
    })?;
    loop {
        tokio::select! {
            status = agent.wait() => return status.map(code).map_err(|error| failed(&error)),
            signal = signals.next() => if let Some(process) = agent.id() { signals.pass_on(signal, process) },
        }
    }
}

/// The exit code; as in a shell, 128 and the number of the signal that ended it.
fn code(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return u8::try_from(signal).map_or(u8::MAX, |signal| signal.saturating_add(128));
    }
    status.code().map_or(1, |code| u8::try_from(code & 0xff).unwrap_or(1))
}

#[cfg(unix)]
mod signals {
    use std::io::{self, IsTerminal as _};

    use rustix::process::{Pid, Signal, kill_process};
    use tokio::signal::unix::{self, SignalKind};

    /// The signals that are the agent's business.
    pub(super) struct Signals {
        interrupt: unix::Signal,
        quit: unix::Signal,
        terminate: unix::Signal,
        /// Ctrl-C reaches all processes in front of a terminal; the agent has it already.
        is_at_terminal: bool,
    }

    impl Signals {
        pub(super) fn new() -> io::Result<Self> {
            Ok(Self {
                interrupt: unix::signal(SignalKind::interrupt())?,
                quit: unix::signal(SignalKind::quit())?,
                terminate: unix::signal(SignalKind::terminate())?,
                is_at_terminal: io::stdin().is_terminal() || io::stdout().is_terminal() || io::stderr().is_terminal(),
            })
        }

        pub(super) async fn next(&mut self) -> Signal {
            tokio::select! {
                _ = self.interrupt.recv() => Signal::INT,
                _ = self.quit.recv() => Signal::QUIT,
                _ = self.terminate.recv() => Signal::TERM,
            }
        }

        pub(super) fn pass_on(&self, signal: Signal, process: u32) {
            if self.is_at_terminal && signal != Signal::TERM {
                return;
            }
            if let Some(process) = i32::try_from(process).ok().and_then(Pid::from_raw) {
                // An agent that is gone needs no signal.
                let _ = kill_process(process, signal);
            }
        }
    }
}

#[cfg(not(unix))]
mod signals {
    use std::io;

    /// Ctrl-C, which the agent gets from the console itself.
    pub(super) struct Signals;

    impl Signals {
        pub(super) fn new() -> io::Result<Self> {
            Ok(Self)
        }

        pub(super) async fn next(&mut self) {
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
        }

        #[expect(clippy::unused_self, reason = "elsewhere it decides by what it knows")]
        pub(super) fn pass_on(&self, (): (), _process: u32) {}
    }
}

use signals::Signals;
