//! A request that is sent, and its answer for those who want to know of it.

use std::time::Instant;

use bytes::Bytes;
use headroom_core::Error;
use headroom_core::conversation::Value;
use http::StatusCode;

use super::turns::Role;
use crate::lifecycle;
use crate::providers::Assembler;
use crate::seen::Run;
use crate::stack::Stack;

/// The status of an answer without one of its own: that of the handshake.
const SWITCHED: u16 = StatusCode::SWITCHING_PROTOCOLS.as_u16();

/// A request that is sent.
pub(super) struct Asked {
    run: Box<Run>,
    sent: Instant,
    status: u16,
    /// Whether `post_send` has happened.
    is_told: bool,
    /// When somebody wants to read it.
    answer: Option<Box<dyn Assembler>>,
    /// Bytes of the answer that are still read.
    left: usize,
}

impl Asked {
    /// A request that is sent now, with what reads at most `limit` bytes of its answer.
    pub(super) fn new(run: Box<Run>, answer: Option<Box<dyn Assembler>>, limit: usize) -> Self {
        Self { run, sent: Instant::now(), status: SWITCHED, is_told: false, answer, left: limit }
    }

    /// Reads a message of the answer.
    pub(super) fn hear(&mut self, role: Role, payload: &Bytes) {
        let left = self.left.checked_sub(payload.len());
        self.left = left.unwrap_or_default();
        if left.is_none() {
            self.answer = None;
        }
        if self.answer.is_none() && role != Role::Fails {
            return;
        }
        let Ok(event) = serde_json::from_slice(payload) else { return };
        if role == Role::Fails {
            self.status = status(&event).unwrap_or(SWITCHED);
        }
        if let Some(answer) = &mut self.answer {
            answer.take(&event);
        }
    }

    /// `post_send`, with the first message of the answer; `headers` are those that answered the handshake.
    pub(super) async fn tell_sent(&mut self, headers: Option<&Value>) -> Result<(), Error> {
        if std::mem::replace(&mut self.is_told, true) {
            return Ok(());
        }
        self.run.post_send(Some(self.status), headers.cloned()).await
    }

    /// `post_send` when no message of an answer has come, nor will.
    pub(super) async fn tell_failed(mut self) {
        if self.is_told {
            return;
        }
        if let Err(error) = self.run.post_send(None, None).await {
            log::info!(target: "headroom.pipeline", "refused when the answer had failed already: {error}");
        }
    }

    /// `response_received`, after the last message of the answer. One that was too long or could not be read is null.
    pub(super) fn tell_received(self, stack: &Stack) {
        let answer = self.answer.and_then(|answer| answer.response()).unwrap_or_default();
        lifecycle::streamed(stack, self.run, self.status, self.sent, answer);
    }
}

/// The status that an error names.
fn status(event: &serde_json::Value) -> Option<u16> {
    event.get("status").and_then(serde_json::Value::as_u64).and_then(|status| u16::try_from(status).ok())
}
