//! `headroom_retrieve` inside of the proxy: the model gets originals back, and the client sees nothing of it.
//!
//! A request with tools is offered the tool, always with the same bytes at the same place ([`recall`]). When the model
//! calls it, the proxy answers and sends the turn on, and the client gets one answer: a whole one ([`whole`]) or a stream
//! ([`stream`]). When it calls tools of the client in the same turn, the client sees those alone. What the client has not
//! seen is kept and put back when it sends the conversation again ([`restore`]), so that the model reads what it read
//! before, and the provider finds its prompt cache. On a WebSocket the same happens to the messages ([`Turn`] knows of neither).
//!
//! One request is answered [`MOST_ROUNDS`] times with originals. The next call is answered with a sentence that says so,
//! with the tools as they were; a model that calls the tool even then has said what it had to say.

mod kept;
mod recall;
mod record;
mod restore;
mod rounds;
mod stream;
mod turn;
mod whole;

use http::{Response, StatusCode};

use crate::body::Body;
use crate::error::ProxyError;
use crate::providers::Framing;

pub(crate) use kept::Kept;
pub(crate) use recall::{Recalled, Ticket, recall};
pub(crate) use rounds::{Continuation, Reach, Rounds};
pub(crate) use turn::{Room, Turn};

/// How often one request is continued with originals.
///
/// # Sources
/// Chosen by hand: an original, a part that it speaks of, and one mistake.
const MOST_ROUNDS: usize = 3;

/// Gives the client its answer: the upstream's, as it came as long as the model does not ask for an original.
pub(crate) async fn answer(rounds: Rounds, response: Response<Body>) -> Result<Response<Body>, ProxyError> {
    if !response.status().is_success() {
        return Ok(response);
    }
    match rounds.framing_of(&response) {
        Some(framing) => Ok(stream::answer(rounds, framing, response)),
        None => whole::answer(rounds, response).await,
    }
}

/// Says that an upstream does not go on with a turn.
pub(crate) fn refusal(status: StatusCode, said: Option<&str>) -> String {
    let colon = if said.is_some() { ": " } else { "" };
    format!("the turn cannot be continued (status {}){colon}{}", status.as_u16(), said.unwrap_or_default())
}

/// Whether bytes can hold a call of the tool.
fn names_the_tool(bytes: &[u8]) -> bool {
    memchr::memmem::find(bytes, headroom_core::ccr::RETRIEVE_TOOL.as_bytes()).is_some()
}

/// How a response is written, when it is a stream.
fn framing(response: &Response<Body>, of_request: Framing, is_asked_for: bool) -> Option<Framing> {
    let kind = response.headers().get(http::header::CONTENT_TYPE);
    let is_events = kind.is_some_and(|kind| kind.as_bytes().to_ascii_lowercase().starts_with(b"text/event-stream"));
    if is_events {
        return Some(Framing::Events);
    }
    (is_asked_for && of_request == Framing::Array).then_some(Framing::Array)
}
