//! What a check found.

use serde::Serialize;

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    Ok,
    /// It works, but perhaps not as somebody expects.
    Warn,
    /// Something does not work.
    Fail,
    /// It was not looked at.
    Skipped,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) state: State,
    pub(super) message: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hint: Option<String>,
}

impl Check {
    pub(super) fn ok(name: &'static str, message: impl Into<String>) -> Self {
        Self { name, state: State::Ok, message: message.into(), hint: None }
    }

    pub(super) fn skipped(name: &'static str, message: impl Into<String>) -> Self {
        Self { name, state: State::Skipped, message: message.into(), hint: None }
    }

    pub(super) fn warn(name: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { name, state: State::Warn, message: message.into(), hint: Some(hint.into()) }
    }

    pub(super) fn fail(name: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { name, state: State::Fail, message: message.into(), hint: Some(hint.into()) }
    }
}
