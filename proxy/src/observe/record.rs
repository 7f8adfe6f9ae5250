//! What is told of one request when it is over.

use headroom_core::pipeline::{Invocation, PipelineTiming};

use super::traces::Trace;
use crate::providers::Usage;

/// How many bytes of a text before or after a change are kept.
///
/// # Sources
/// Chosen by hand: room for what an agent's tools usually print, and 32 requests that use all of it fit the ring.
pub const CHANGE_TEXT_BYTES: usize = 128 * 1024;

/// How many bytes of names, tags and messages are kept.
const NAME_BYTES: usize = 200;

/// How many changes, transforms, tags and calls of extensions of one request are kept.
const LIST_ITEMS: usize = 64;

/// How many bytes of texts one request may bring.
const REQUEST_TEXT_BYTES: usize = 2 * CHANGE_TEXT_BYTES;

/// How a request travelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Transport {
    /// One body each way.
    #[default]
    Http,
    /// The answer came as server-sent events.
    Sse,
    /// Frames of a WebSocket.
    WebSocket,
}

impl Transport {
    /// Its name in labels and rows.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Sse => "sse",
            Self::WebSocket => "websocket",
        }
    }
}

/// Everything that is told of one request: never headers, never credentials.
///
/// Times are milliseconds, sizes bytes as they passed the client's connection. What is unknown stays at its default.
#[derive(Debug, Clone, Default)]
pub struct RequestRecord {
    /// The id that the client sees as `x-headroom-request-id`.
    pub request_id: String,
    /// When it arrived, in milliseconds since the epoch.
    pub time_ms: u64,
    /// `openai`, `anthropic` or `gemini`.
    pub provider: &'static str,
    /// `chat`, `responses`, `messages` or `gemini`; empty when it passed through.
    pub api: &'static str,
    /// The path; a query is cut off, since it may hold a key.
    pub path: String,
    /// The model as the client named it; empty when it named none.
    pub model: String,
    /// The project it was sent for.
    pub project: String,
    /// The user it was sent for.
    pub user: String,
    /// The session it belongs to.
    pub session: String,
    /// What the client sent as `x-headroom-tag-*`.
    pub tags: Vec<(String, String)>,
    /// How it travelled.
    pub transport: Transport,
    /// The status that the client got; 0 when it went away before one.
    pub status: u16,
    /// Whether the client asked to be left alone.
    pub bypass: bool,
    /// Whether the answer came from the response cache.
    pub cached: bool,
    /// Tokens that the client sent.
    pub tokens_before: u64,
    /// Tokens that the provider got.
    pub tokens_after: u64,
    /// What was applied.
    pub transforms: Vec<String>,
    /// Time and tokens of each step of the compression.
    pub timing: PipelineTiming,
    /// From the first byte sent to the provider until the last one of its answer; none when it was not asked.
    pub upstream_ms: Option<f64>,
    /// From the first byte of the request until the last one of the answer.
    pub total_ms: f64,
    /// Size of the client's body.
    pub request_bytes: u64,
    /// Size of the answer's body.
    pub response_bytes: u64,
    /// The provider's own token account.
    pub usage: Option<Usage>,
    /// Every call of an extension, and every deliberate non-call.
    pub extensions: Vec<Invocation>,
    /// Why the request left as it came although it was to be compressed.
    pub compression_error: Option<String>,
    /// How often the provider was asked again because the model wanted an original back.
    pub retrieval_rounds: u32,
    /// What was replaced, for the dashboard's view of it; see [`crate::observe::Observer::keeps_texts`].
    pub changes: Vec<Change>,
    /// What its trace needs; none when it is not traced.
    pub trace: Option<Box<Trace>>,
}

impl RequestRecord {
    /// Tokens that the provider did not get.
    #[must_use]
    pub fn tokens_removed(&self) -> u64 {
        self.tokens_before.saturating_sub(self.tokens_after)
    }

    /// Time that was not spent on the provider.
    #[must_use]
    pub fn overhead_ms(&self) -> f64 {
        (self.total_ms - self.upstream_ms.unwrap_or(0.0)).max(0.0)
    }

    /// Whether it failed, or nobody waited for the answer.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.status == 0 || self.status >= 400
    }

    /// Cuts everything that a client can make long.
    pub(super) fn bound(&mut self) {
        if let Some(query) = self.path.find(['?', '#']) {
            self.path.truncate(query);
        }
        for name in [
            &mut self.request_id,
            &mut self.path,
            &mut self.model,
            &mut self.project,
            &mut self.user,
            &mut self.session,
        ] {
            cut(name, NAME_BYTES);
        }
        self.tags.truncate(LIST_ITEMS);
        for (name, value) in &mut self.tags {
            cut(name, NAME_BYTES);
            cut(value, NAME_BYTES);
        }
        self.transforms.truncate(LIST_ITEMS);
        self.transforms.iter_mut().for_each(|name| cut(name, NAME_BYTES));
        self.extensions.truncate(LIST_ITEMS);
        for call in &mut self.extensions {
            cut(&mut call.extension, NAME_BYTES);
            if let Some(warning) = &mut call.warning {
                cut(warning, NAME_BYTES);
            }
        }
        if let Some(error) = &mut self.compression_error {
            cut(error, NAME_BYTES);
        }
        if let Some(trace) = &mut self.trace {
            cut(&mut trace.ending.model, NAME_BYTES);
            trace.ending.reasons.truncate(LIST_ITEMS);
            trace.ending.reasons.iter_mut().for_each(|reason| cut(reason, NAME_BYTES));
        }
        let mut room = REQUEST_TEXT_BYTES;
        let kept = self.changes.iter().take(LIST_ITEMS).take_while(|change| {
            let bytes = change.bytes();
            let fits = bytes <= room;
            room = room.saturating_sub(bytes);
            fits
        });
        let kept = kept.count();
        self.changes.truncate(kept);
        self.changes.iter_mut().for_each(|change| cut(&mut change.path, NAME_BYTES));
    }
}

/// One block before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Where the block sits in the client's data.
    pub path: String,
    /// The transform.
    pub transform: &'static str,
    /// The text as it came.
    pub before: Excerpt,
    /// The text that the provider got.
    pub after: Excerpt,
}

impl Change {
    /// Copies at most [`CHANGE_TEXT_BYTES`] of each text.
    #[must_use]
    pub fn new(path: impl Into<String>, transform: &'static str, before: &str, after: &str) -> Self {
        Self { path: path.into(), transform, before: Excerpt::of(before), after: Excerpt::of(after) }
    }

    /// How many bytes of texts it holds.
    pub(super) fn bytes(&self) -> usize {
        self.before.text.len() + self.after.text.len()
    }
}

/// The start of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// The start, up to the end of a line where there is one.
    pub text: Box<str>,
    /// Size of the whole text.
    pub total_bytes: usize,
}

impl Excerpt {
    fn of(text: &str) -> Self {
        let mut end = text.floor_char_boundary(CHANGE_TEXT_BYTES);
        if end < text.len()
            && let Some(line) = text[..end].rfind('\n')
        {
            end = line + 1;
        }
        Self { text: text[..end].into(), total_bytes: text.len() }
    }
}

/// Shortens a text to at most `bytes`, saying so at its end.
pub(super) fn cut(text: &mut String, bytes: usize) {
    if text.len() > bytes {
        text.truncate(text.floor_char_boundary(bytes.saturating_sub('…'.len_utf8())));
        text.push('…');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_long_names_between_characters() {
        let mut record = RequestRecord { model: "é".repeat(1000), ..RequestRecord::default() };
        record.bound();
        assert!(record.model.len() <= NAME_BYTES && record.model.ends_with("é…"), "{}", record.model);
    }

    #[test]
    fn cuts_the_query_off_the_path_because_it_may_hold_a_key() {
        let mut record =
            RequestRecord { path: "/v1beta/models/g:generateContent?key=secret".to_owned(), ..Default::default() };
        record.bound();
        assert_eq!(record.path, "/v1beta/models/g:generateContent");
    }

    #[test]
    fn keeps_whole_lines_of_a_long_text_and_its_size() {
        let text = "a line of text 😀\n".repeat(20_000);
        let change = Change::new("messages[0]", "log_fold", &text, "short");
        assert_eq!(change.before.total_bytes, text.len());
        assert!(change.before.text.len() <= CHANGE_TEXT_BYTES && change.before.text.ends_with('\n'));
        assert_eq!(&*change.after.text, "short");
    }

    #[test]
    fn keeps_a_giant_line_up_to_a_character() {
        let change = Change::new("p", "json", &"😀".repeat(100_000), "");
        assert!(change.before.text.len() > CHANGE_TEXT_BYTES - 4);
    }

    #[test]
    fn keeps_as_many_changes_as_fit() {
        let text = "x".repeat(CHANGE_TEXT_BYTES);
        let mut record = RequestRecord { changes: vec![Change::new("p", "t", &text, ""); 5], ..Default::default() };
        record.bound();
        assert_eq!(record.changes.len(), 2);
    }

    #[test]
    fn overhead_is_never_negative() {
        let record = RequestRecord { upstream_ms: Some(5.0), total_ms: 4.0, ..Default::default() };
        assert!(record.overhead_ms().abs() < f64::EPSILON);
    }
}
