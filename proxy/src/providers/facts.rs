//! What the body of a request says that the proxy needs to know.

use headroom_core::JsonBody;
use headroom_core::json::{Cursor, Kind};

use super::Api;

/// What the body of a request says that the proxy needs to know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The model; empty when the body names none.
    pub model: String,
    /// Whether the client wants a stream.
    pub stream: bool,
    /// Whether the request offers tools.
    pub has_tools: bool,
}

impl Api {
    /// What a request body says. Of a WebSocket frame with the body under `response` it is that body's.
    pub fn facts(self, body: &JsonBody) -> Facts {
        let Ok(document) = body.document() else { return Facts::default() };
        let body = self.body(document.root());
        let is_true = |key: &str| body.get(key).one().is_some_and(|value| value.is_true());
        Facts {
            model: body.get("model").one().and_then(|model| model.as_str()).unwrap_or_default().into_owned(),
            stream: is_true("stream"),
            has_tools: self.tools(body).next().is_some(),
        }
    }

    /// The request itself; none when an edit left a body that is too large to be read.
    pub(crate) fn request(self, body: &JsonBody) -> Option<Cursor<'_>> {
        Some(self.body(body.document().ok()?.root()))
    }

    /// The request itself, inside a WebSocket frame or not.
    pub(super) fn body(self, root: Cursor<'_>) -> Cursor<'_> {
        let is_frame =
            self == Self::Responses && root.get("type").one().is_some_and(|kind| kind.is_string("response.create"));
        let inner = if is_frame { root.get("response").one() } else { None };
        inner.filter(|inner| inner.kind() == Kind::Object).unwrap_or(root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(api: Api, body: &str) -> (String, bool, bool) {
        let Facts { model, stream, has_tools } = api.facts(&JsonBody::parse(body).unwrap());
        (model, stream, has_tools)
    }

    #[test]
    fn the_model_the_stream_and_the_tools_are_read() {
        let body = r#"{"mod\u0065l":"m","stream":true,"tools":[{}],"messages":[]}"#;
        for api in [Api::Chat, Api::Responses, Api::Messages, Api::Gemini] {
            assert_eq!(facts(api, body), ("m".into(), true, true));
            assert_eq!(facts(api, r#"{"stream":"true","tools":[]}"#), (String::new(), false, false));
            assert_eq!(facts(api, r#"[{"model":"m"}]"#), (String::new(), false, false));
            assert_eq!(facts(api, r#"{"model":7,"stream":1,"tools":{"a":1}}"#), (String::new(), false, false));
        }
    }

    #[test]
    fn a_frame_has_its_body_inline_or_under_response() {
        let inline = r#"{"type":"response.create","model":"m","input":[]}"#;
        let nested = r#"{"type":"response.create","response":{"model":"m","tools":[1]}}"#;
        assert_eq!(facts(Api::Responses, inline).0, "m");
        assert_eq!(facts(Api::Responses, nested), ("m".into(), false, true));
        assert_eq!(facts(Api::Chat, nested).0, "");
        let added = r#"{"input":[{"type":"additional_tools","tools":[1]}]}"#;
        assert_eq!(facts(Api::Responses, added), (String::new(), false, true));
    }
}
