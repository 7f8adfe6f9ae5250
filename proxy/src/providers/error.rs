//! Errors of the proxy itself in the shape of each provider.

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use super::{Api, Provider};
use crate::sse::Event;

impl Provider {
    /// The body of an error, with the type that the provider's own errors with this status have.
    ///
    /// # Sources
    /// The error pages of the providers' API references; OpenAI's name for what exceeds a limit is the resource.
    pub fn error(self, status: StatusCode, message: &str) -> Bytes {
        self.error_value(status, message).to_string().into()
    }

    fn error_value(self, status: StatusCode, message: &str) -> Value {
        match self {
            Self::OpenAi | Self::ChatGpt => {
                let (kind, code) = openai_type(status);
                json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
            }
            Self::Anthropic => {
                json!({"type": "error", "error": {"type": anthropic_type(status), "message": message}})
            }
            Self::Gemini => {
                json!({"error": {"code": status.as_u16(), "message": message, "status": gemini_status(status)}})
            }
        }
    }
}

impl Api {
    /// An error in the API's own shape.
    pub fn error(self, status: StatusCode, message: &str) -> Bytes {
        self.provider().error(status, message)
    }

    /// An error as the last event of a stream that has begun.
    pub fn stream_error(self, status: StatusCode, message: &str) -> Event<'static> {
        let error = self.provider().error_value(status, message);
        match self {
            Self::Responses => {
                let code = openai_type(status).1.unwrap_or("server_error");
                let event =
                    json!({"type": "error", "code": code, "message": message, "param": null, "sequence_number": 0});
                Event::new("error", &event)
            }
            Self::Messages => Event::new("error", &error),
            Self::Chat | Self::Gemini => Event::new("", &error),
        }
    }
}

fn openai_type(status: StatusCode) -> (&'static str, Option<&'static str>) {
    match status.as_u16() {
        401 => ("invalid_request_error", Some("invalid_api_key")),
        429 => ("requests", Some("rate_limit_exceeded")),
        500.. => ("server_error", None),
        _ => ("invalid_request_error", None),
    }
}

fn anthropic_type(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}

fn gemini_status(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        501 => "UNIMPLEMENTED",
        502 | 503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        500.. => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(api: Api, status: u16) -> Value {
        serde_json::from_slice(&api.error(StatusCode::from_u16(status).unwrap(), "no \"way\"")).unwrap()
    }

    #[test]
    fn every_api_has_its_own_shape() {
        for api in [Api::Chat, Api::Responses] {
            let expected = json!({"message": "no \"way\"", "type": "server_error", "param": null, "code": null});
            assert_eq!(read(api, 502), json!({"error": expected}));
        }
        let expected = json!({"type": "timeout_error", "message": "no \"way\""});
        assert_eq!(read(Api::Messages, 504), json!({"type": "error", "error": expected}));
        let expected = json!({"code": 504, "message": "no \"way\"", "status": "DEADLINE_EXCEEDED"});
        assert_eq!(read(Api::Gemini, 504), json!({"error": expected}));
    }

    #[test]
    fn the_type_follows_the_status() {
        for (status, openai, anthropic, gemini) in [
            (400, "invalid_request_error", "invalid_request_error", "INVALID_ARGUMENT"),
            (401, "invalid_request_error", "authentication_error", "UNAUTHENTICATED"),
            (404, "invalid_request_error", "not_found_error", "NOT_FOUND"),
            (413, "invalid_request_error", "request_too_large", "INVALID_ARGUMENT"),
            (429, "requests", "rate_limit_error", "RESOURCE_EXHAUSTED"),
            (500, "server_error", "api_error", "INTERNAL"),
            (503, "server_error", "api_error", "UNAVAILABLE"),
            (529, "server_error", "overloaded_error", "INTERNAL"),
        ] {
            assert_eq!(read(Api::Chat, status)["error"]["type"], openai, "{status}");
            assert_eq!(read(Api::Messages, status)["error"]["type"], anthropic, "{status}");
            assert_eq!(read(Api::Gemini, status)["error"]["status"], gemini, "{status}");
        }
        assert_eq!(read(Api::Chat, 429)["error"]["code"], "rate_limit_exceeded");
    }

    #[test]
    fn an_error_in_a_stream_is_an_event() {
        let text = |api: Api| {
            String::from_utf8(api.stream_error(StatusCode::BAD_GATEWAY, "gone").to_bytes().to_vec()).unwrap()
        };
        assert!(
            text(Api::Messages)
                .starts_with("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\"")
        );
        assert!(text(Api::Chat).starts_with("data: {\"error\":{\"message\":\"gone\""));
        assert!(text(Api::Responses).starts_with("event: error\ndata: {\"type\":\"error\",\"code\":\"server_error\""));
        assert!(text(Api::Gemini).ends_with("\"status\":\"UNAVAILABLE\"}}\n\n"));
    }
}
