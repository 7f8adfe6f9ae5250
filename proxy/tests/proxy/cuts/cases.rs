//! Bodies and streams of the four APIs, and the proxies that they pass.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use headroom_proxy::RunningProxy;
use headroom_proxy::providers::{Api, Framing};
use serde_json::json;

use crate::retrieval::talk::{Way, assembled};
use crate::setup::{Spy, options, start, start_with};

/// Who looks at what passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Looks {
    /// Nobody but the account of tokens.
    Nobody,
    /// An extension that every stage is told, the whole answer too.
    Extension,
    /// The proxy itself, which has offered the retrieval tool and looks for calls of it.
    Tool,
}

pub(super) const ALL: [Looks; 3] = [Looks::Nobody, Looks::Extension, Looks::Tool];

impl Looks {
    pub(super) async fn start(self, upstream: SocketAddr) -> RunningProxy {
        let mut options = options(upstream);
        options.retrieval_tool = self == Self::Tool;
        match self {
            Self::Extension => start_with(options, vec![Spy::silent()]).await,
            Self::Nobody | Self::Tool => start(options).await,
        }
    }
}

/// An answer.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) api: Api,
    /// None when it is one JSON text.
    pub(super) framing: Option<Framing>,
    pub(super) bytes: Vec<u8>,
}

impl Case {
    pub(super) fn path(&self) -> &'static str {
        match self.framing {
            Some(Framing::Array) => "/v1beta/models/g:streamGenerateContent",
            framing => Way { api: self.api, streams: framing.is_some() }.path(),
        }
    }

    /// A request with a tool, for which this is the answer.
    pub(super) fn request(&self) -> String {
        let way = Way { api: self.api, streams: self.framing.is_some() };
        way.request(&[way.user("q")]).to_string()
    }

    pub(super) fn content_type(&self) -> &'static str {
        if self.framing == Some(Framing::Events) { "text/event-stream; charset=utf-8" } else { "application/json" }
    }
}

fn recording(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/streams").join(name);
    fs::read(path).unwrap_or_else(|cause| panic!("{name}: {cause}"))
}

fn api(name: &str) -> Api {
    match name.split('_').next() {
        Some("chat") => Api::Chat,
        Some("responses") => Api::Responses,
        Some("messages") => Api::Messages,
        _ => Api::Gemini,
    }
}

fn stream(name: &str) -> Case {
    let framing = if name.ends_with("json") { Framing::Array } else { Framing::Events };
    Case { name: name.to_owned(), api: api(name), framing: Some(framing), bytes: recording(name) }
}

/// Recorded streams: thinking, signatures, tools, unknown events, and errors in the middle.
pub(super) fn recorded() -> Vec<Case> {
    let names = [
        "chat_text.sse",
        "chat_error.sse",
        "responses_tools.sse",
        "responses_error.sse",
        "messages_thinking.sse",
        "messages_error.sse",
        "gemini_text.sse",
        "gemini_text.json",
        "gemini_error.sse",
    ];
    names.map(stream).into()
}

/// The first bytes of streams, in which to break off.
pub(super) fn short() -> Vec<Case> {
    let names = ["chat_cut.sse", "responses_failed.sse", "messages_cut.sse", "gemini_cut.sse", "gemini_text.json"];
    let mut cases: Vec<Case> = names.map(stream).into();
    cases.iter_mut().for_each(|case| case.bytes.truncate(900));
    cases
}

/// Streams as no server writes them today and any may tomorrow: a byte order mark, comments, every line end, no space
/// behind a colon, data in several lines, fields and events that nobody knows, nonsense, a last event without an end.
pub(super) fn odd() -> Vec<Case> {
    let chunk = r#"{"id":"c","choices":[{"index":0,"delta":{"content":"é😀"}}]}"#;
    let lines = r#"{"id":"c",|"choices":[|]}"#;
    let chat = format!(
        "\u{feff}: hi\r\n\r\ndata:{chunk}\r\n\r\ndata: {}\r\rid: 7\nretry:5\nwhat\nevent: new.kind\ndata: {{\"x\":1e400}}\n\n\n\r\n:\n\n\
         data\n\ndata: no json\r\n\rdata:  [DONE] \n\ndata: [DONE]\n\ndata: {{\"id\"",
        lines.replace('|', "\rdata:")
    );
    let messages = "event:message_start\r\ndata:{\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"content\":[],\"usage\":{\"input_tokens\":1}}}\r\n\r\n\
        : keep-alive\r\n\r\nevent: content_block_start\r\ndata: {\"type\":\"content_block_start\",\"index\":0,\r\ndata: \"content_block\":{\"type\":\"new_kind\",\"x\":[1.0]}}\r\n\r\n\
        event: later\ndata: {\"type\":\"later\"}\n\nevent: error\rdata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\r\r";
    let list = "\r\n [ {\"candidates\" : [ {\"content\":{\"parts\":[{\"text\":\"] , [\\\"\"}]}} ]}\r\n\r\n,\n {} , 7,[\"a\"] ,{\"candidates\":[]}\n ]\r\n\n";
    let case = |name: &str, framing, text: &str| Case {
        name: format!("{name}, odd"),
        api: api(name),
        framing: Some(framing),
        bytes: text.as_bytes().to_vec(),
    };
    vec![
        case("chat", Framing::Events, &chat),
        case("messages", Framing::Events, messages),
        case("gemini", Framing::Array, list),
    ]
}

/// Answers that are no streams, written as no serializer would.
pub(super) fn whole() -> Vec<Case> {
    let names = ["chat_tools.sse", "responses_failed.sse", "messages_thinking.sse", "gemini_text.sse"];
    let case = |name: &str| {
        let response = assembled(api(name), &String::from_utf8(recording(name)).unwrap());
        let text = format!(" {}\n\n", response.to_string().replacen(':', " : ", 3).replacen(',', "\r\n,\t", 3));
        Case { name: format!("{name}, whole"), api: api(name), framing: None, bytes: text.into_bytes() }
    };
    let mut cases: Vec<Case> = names.into_iter().map(case).collect();
    let error = json!({"type": "error", "error": {"type": "new_error", "message": "é", "x": 1.0}}).to_string();
    cases.push(Case { name: "an error".into(), api: Api::Messages, framing: None, bytes: error.into_bytes() });
    cases
}
