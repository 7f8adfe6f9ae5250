//! Conversations in the words of each API.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use bytes::Bytes;
use headroom_core::ccr::{Hash, Original, open_store};
use headroom_proxy::ProxyOptions;
use headroom_proxy::providers::{Api, Framing, Reader};
use headroom_proxy::sse::Piece;
use serde_json::{Value, json};

use crate::client::{Answer, ask, post};
use crate::setup::options;
use crate::upstream::{Do, Seen, chunk, ok, send, stream_head};

pub(crate) const ORIGINAL: &str = "first line\nthe needle 42\nlast line\n";

/// The hash in the recorded streams.
pub(crate) const UNKNOWN: &str = "0123456789abcdef01234567";

/// An API, and whether its answers are streams.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way {
    pub(crate) api: Api,
    pub(crate) streams: bool,
}

pub(crate) fn ways() -> impl Iterator<Item = Way> {
    let apis = [Api::Chat, Api::Responses, Api::Messages, Api::Gemini];
    apis.into_iter().flat_map(|api| [false, true].map(|streams| Way { api, streams }))
}

/// Options with a store that outlives a proxy, and has an original.
pub(crate) fn with_store(upstream: SocketAddr, folder: &Path) -> ProxyOptions {
    let path = folder.join("store.db").to_str().unwrap().to_owned();
    let text = ORIGINAL.into();
    let original =
        Original { hash: Hash::of(ORIGINAL), text, tokens: 9, items: 3, items_shown: 1, tool_name: "f".into() };
    open_store(&path).unwrap().put(&[original]).unwrap();
    ProxyOptions { store: Some(path), ..options(upstream) }
}

/// A recorded stream whose calls ask for the original of the tests.
pub(crate) fn recorded(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/streams").join(format!("{name}.sse"));
    let text = fs::read_to_string(&path).unwrap_or_else(|cause| panic!("{name}: {cause}"));
    text.replace(UNKNOWN, &Hash::of(ORIGINAL).to_string())
}

/// The name that recordings of an API begin with.
pub(crate) fn name(api: Api) -> &'static str {
    match api {
        Api::Chat => "chat",
        Api::Responses => "responses",
        Api::Messages => "messages",
        Api::Gemini => "gemini",
    }
}

/// The response that a stream makes.
pub(crate) fn assembled(api: Api, stream: &str) -> Value {
    let mut assembler = api.assembler();
    Reader::new(Framing::Events, 1 << 20).feed(&Bytes::copy_from_slice(stream.as_bytes()), |piece| {
        let Piece::Frame(frame) = piece else { panic!("{piece:?}") };
        if let Some(event) = frame.event() {
            assembler.feed(&event);
        }
    });
    assembler.response().unwrap_or_else(|| panic!("no response: {stream}"))
}

/// A stream in chunks that are cut anywhere.
pub(crate) fn streamed(text: &str) -> Vec<Do> {
    let characters: Vec<char> = text.chars().collect();
    let pieces = characters.chunks(97).map(|piece| chunk(&piece.iter().collect::<String>()));
    [stream_head()].into_iter().chain(pieces).chain([send("0\r\n\r\n")]).collect()
}

impl Way {
    /// A recorded answer as an upstream sends it.
    pub(crate) fn plays(self, text: &str) -> Vec<Do> {
        if self.streams { streamed(text) } else { ok(&assembled(self.api, text).to_string()) }
    }

    /// What a client has of an answer.
    pub(crate) fn reads(self, answer: &Answer) -> Value {
        assert_eq!(answer.status, 200, "{self:?}: {}", answer.text());
        if self.streams { assembled(self.api, answer.text()) } else { answer.json() }
    }

    pub(crate) fn path(self) -> &'static str {
        match (self.api, self.streams) {
            (Api::Chat, _) => "/v1/chat/completions",
            (Api::Responses, _) => "/v1/responses",
            (Api::Messages, _) => "/v1/messages",
            (Api::Gemini, false) => "/v1beta/models/g:generateContent",
            (Api::Gemini, true) => "/v1beta/models/g:streamGenerateContent?alt=sse",
        }
    }

    /// The member that holds the conversation.
    pub(crate) fn list(self) -> &'static str {
        match self.api {
            Api::Chat | Api::Messages => "messages",
            Api::Responses => "input",
            Api::Gemini => "contents",
        }
    }

    /// A request; the conversation is the last member.
    pub(crate) fn request(self, entries: &[Value]) -> Value {
        let function = json!({"name": "bash", "description": "d", "parameters": {"type": "object"}});
        let tool = match self.api {
            Api::Chat => json!({"type": "function", "function": function}),
            Api::Responses => json!({"type": "function", "name": "bash", "parameters": {}}),
            Api::Messages => json!({"name": "bash", "input_schema": {"type": "object"}}),
            Api::Gemini => json!({"functionDeclarations": [function]}),
        };
        let mut request = json!({"model": "m", "tools": [tool]});
        if self.streams && self.api != Api::Gemini {
            request["stream"] = true.into();
        }
        request[self.list()] = entries.into();
        request
    }

    pub(crate) fn user(self, text: &str) -> Value {
        match self.api {
            Api::Gemini => json!({"role": "user", "parts": [{"text": text}]}),
            _ => json!({"role": "user", "content": text}),
        }
    }

    /// What a client puts behind the conversation when it got an answer.
    pub(crate) fn echo(self, answer: &Value) -> Vec<Value> {
        match self.api {
            Api::Chat => vec![answer["choices"][0]["message"].clone()],
            Api::Responses => answer["output"].as_array().unwrap().clone(),
            Api::Messages => vec![json!({"role": "assistant", "content": answer["content"]})],
            Api::Gemini => vec![answer["candidates"][0]["content"].clone()],
        }
    }

    /// A client's results for the calls that it sees.
    pub(crate) fn results(self, answer: &Value) -> Vec<Value> {
        let result = |id: &str, name: &str| match self.api {
            Api::Chat => json!({"role": "tool", "tool_call_id": id, "content": "done"}),
            Api::Responses => json!({"type": "function_call_output", "call_id": id, "output": "done"}),
            Api::Messages => {
                json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": "done"}]})
            }
            Api::Gemini => {
                json!({"role": "user", "parts": [{"functionResponse": {"name": name, "response": {"output": "done"}}}]})
            }
        };
        self.api.calls(answer).iter().map(|call| result(&call.id, &call.name)).collect()
    }

    /// Sends a conversation.
    pub(crate) async fn say(self, proxy: SocketAddr, entries: &[Value]) -> Answer {
        ask(proxy, post(self.path(), "", self.request(entries).to_string())).await
    }
}

/// The body of a request as text.
pub(crate) fn text(seen: &Seen) -> &str {
    std::str::from_utf8(&seen.body).unwrap()
}

/// A request up to the end of its conversation, which a later one begins with.
pub(crate) fn stem(body: &str) -> &str {
    body.strip_suffix("]}").unwrap_or_else(|| panic!("{body}"))
}

/// Whether a text stands in a JSON text.
pub(crate) fn holds(body: &str, text: &str) -> bool {
    body.contains(Value::from(text).to_string().trim_matches('"'))
}
