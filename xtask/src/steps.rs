//! Steps with names and durations: run until the first failure, then one line that counts them.

use std::env;
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

/// Runs steps one after another and stops at the first that fails.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    passed: usize,
    failed: usize,
}

impl Steps {
    /// Whether nothing has failed so far.
    pub(crate) fn are_well(&self) -> bool {
        self.failed == 0
    }

    /// Runs a step unless one failed before, and gives what it made.
    pub(crate) fn step<T>(&mut self, name: &str, work: impl FnOnce() -> Result<T>) -> Option<T> {
        if !self.are_well() {
            return None;
        }
        eprintln!("\n== {name}");
        let start = Instant::now();
        let result = work();
        let seconds = start.elapsed().as_secs_f64();
        match result {
            Ok(value) => {
                self.passed += 1;
                eprintln!("== {name}: passed in {seconds:.1} s");
                Some(value)
            }
            Err(error) => {
                self.failed += 1;
                eprintln!("== {name}: FAILED after {seconds:.1} s: {error:#}");
                None
            }
        }
    }

    /// Runs a command as a step.
    pub(crate) fn command(&mut self, name: &str, command: Command) {
        self.step(name, || run(command));
    }

    /// Says that a language is left out; where `CI` is set that is a failure.
    pub(crate) fn skip(&mut self, language: &str, reason: &str) {
        if is_ci() {
            self.step::<()>(language, || bail!("{reason}; it may be left out only where CI is not set"));
        } else if self.are_well() {
            eprintln!("\n######## SKIPPED: {language}: {reason} ########");
        }
    }

    /// Prints how many steps passed and failed.
    pub(crate) fn finish(&self) -> ExitCode {
        println!("{} passed, {} failed", self.passed, self.failed);
        if self.are_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// Runs a command to its end.
///
/// # Errors
/// When it cannot be started or does not succeed; the message holds the line that repeats it.
pub(crate) fn run(mut command: Command) -> Result<()> {
    let line = command_line(&command);
    let status = command.status().with_context(|| format!("cannot start: {line}"))?;
    if !status.success() {
        bail!("{status}\n   repeat with: {line}");
    }
    Ok(())
}

/// The command as a shell takes it, with its folder and the variables set for it.
pub(crate) fn command_line(command: &Command) -> String {
    let mut words = Vec::new();
    if let Some(folder) = command.get_current_dir() {
        words.push(format!("cd {} &&", quoted(&folder.to_string_lossy())));
    }
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            words.push(format!("{}={}", name.to_string_lossy(), quoted(&value.to_string_lossy())));
        }
    }
    words.push(quoted(&command.get_program().to_string_lossy()));
    words.extend(command.get_args().map(|argument| quoted(&argument.to_string_lossy())));
    words.join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@+".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.into() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

fn is_ci() -> bool {
    env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false" && value != "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_runs_after_a_failure_and_the_count_says_so() {
        let mut steps = Steps::default();
        assert_eq!(steps.step("one", || Ok(1)), Some(1));
        assert_eq!(steps.step::<()>("two", || bail!("no")), None);
        assert_eq!(steps.step("three", || Ok(3)), None);
        assert_eq!((steps.passed, steps.failed), (1, 1));
    }

    #[test]
    fn the_line_to_repeat_is_safe_to_paste() {
        let mut command = Command::new("python");
        command.args(["-c", "print('a b')"]).env("X", "1 2");
        assert_eq!(command_line(&command), r"X='1 2' python -c 'print('\''a b'\'')'");
    }
}
