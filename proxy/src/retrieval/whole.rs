//! An answer that is no stream.

use bytes::Bytes;
use http::Response;
use http::header::{self, HeaderValue};
use http::response::Parts;
use serde_json::Value;

use super::names_the_tool;
use super::rounds::{Next, Rounds};
use crate::body::Body;
use crate::decode;
use crate::error::ProxyError;
use crate::lifecycle::{Read, read};
use crate::providers::Outcome;

/// Reads the answer, sends the turn on as long as the model asks for originals, and gives the client one answer.
///
/// A turn that the upstream does not go on with ends with the upstream's error, which the client has means for: it has not
/// seen a byte, and may ask again.
pub(super) async fn answer(mut rounds: Rounds, response: Response<Body>) -> Result<Response<Body>, ProxyError> {
    let mut response = response;
    loop {
        let (parts, bytes) = match take(&rounds, response).await? {
            Taken::Whole(parts, bytes) => (parts, bytes),
            Taken::TooLarge(response) => return Ok(response),
        };
        let limit = rounds.stack.options.limits.response_bytes;
        let text =
            decode::decoded(&parts.headers, &bytes, limit).filter(|text| rounds.has_past() || names_the_tool(text));
        let said = text.and_then(|text| serde_json::from_slice::<Value>(&text).ok());
        let Some(said) = said else {
            return if rounds.has_past() {
                Err(broken("expected JSON"))
            } else {
                Ok(Response::from_parts(parts, bytes.into()))
            };
        };
        let mut beside = Vec::new();
        match rounds.api.outcome(&said) {
            Outcome::Retrieval(calls) => match rounds.go_on(said.clone(), calls).await {
                Next::Continues(next) => {
                    response = next;
                    continue;
                }
                Next::Failed(outcome) => return outcome,
                Next::Ends => {}
            },
            Outcome::Mixed(calls) => beside = rounds.beside(calls).await,
            Outcome::Answer if !rounds.has_past() && !rounds.api.calls(&said).iter().any(|call| call.is_retrieval) => {
                return Ok(Response::from_parts(parts, bytes.into()));
            }
            Outcome::Answer => {}
        }
        let joined = rounds.joined(&said).unwrap_or_default();
        let text = joined.to_string();
        rounds.keep(said, joined, beside).await;
        return Ok(rewritten(parts, text));
    }
}

enum Taken {
    Whole(Parts, Bytes),
    TooLarge(Response<Body>),
}

async fn take(rounds: &Rounds, response: Response<Body>) -> Result<Taken, ProxyError> {
    let limit = rounds.stack.options.limits.response_bytes;
    let (parts, body) = response.into_parts();
    match read(body, limit).await {
        Ok(Read::Whole(bytes)) => Ok(Taken::Whole(parts, bytes)),
        Ok(Read::TooLarge(_)) if rounds.has_past() => Err(broken(&format!("expected at most {limit} bytes"))),
        Ok(Read::TooLarge(body)) => {
            log::warn!(target: "headroom.proxy", "an answer of more than {limit} bytes passes unread");
            Ok(Taken::TooLarge(Response::from_parts(parts, body)))
        }
        Err(error) => Err(broken(&format!("the answer broke off ({error})"))),
    }
}

fn broken(reason: &str) -> ProxyError {
    ProxyError::Unreachable { upstream: "the rest of the upstream's answer".into(), reason: reason.to_owned() }
}

/// The head of the last answer with another text.
fn rewritten(mut parts: Parts, text: String) -> Response<Body> {
    parts.headers.remove(header::CONTENT_ENCODING);
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(text.len()));
    Response::from_parts(parts, text.into())
}
