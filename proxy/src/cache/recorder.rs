//! Keeps an answer while it passes.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::Response;
use http::header;
use tokio::time::Instant;

use super::{Kept, Key};
use crate::body::Body;
use crate::overheard::{Listener, Overheard};
use crate::providers::{Api, Framing};
use crate::stack::Stack;

/// Answers up to this size are looked at where they are; larger ones where they keep nobody waiting.
///
/// # Sources
/// Chosen by hand: putting a stream of 64 KB together takes less than a millisecond.
const INLINE_BYTES: usize = 64 << 10;

/// Listens to an answer, and keeps it when it turns out to be whole.
pub(crate) struct Recorder {
    stack: Arc<Stack>,
    api: Api,
    key: Key,
    kept: Kept,
    bytes: BytesMut,
    is_too_large: bool,
}

impl Recorder {
    /// The answer of the request with a key, listened to.
    pub(crate) fn listen(
        stack: &Arc<Stack>,
        api: Api,
        framing: Option<Framing>,
        key: Key,
        response: Response<Body>,
    ) -> Response<Body> {
        let content_type = response.headers().get(header::CONTENT_TYPE).cloned();
        let kept = Kept { content_type, framing, bytes: Bytes::new(), at: Instant::now() };
        let stack = Arc::clone(stack);
        let recorder = Self { stack, api, key, kept, bytes: BytesMut::new(), is_too_large: false };
        response.map(|body| Overheard::body(body, recorder))
    }
}

impl Listener for Recorder {
    fn hear(&mut self, data: &Bytes) {
        self.is_too_large |= self.bytes.len() + data.len() > self.stack.cache.answer_bytes;
        if self.is_too_large {
            self.bytes = BytesMut::new();
        } else {
            self.bytes.extend_from_slice(data);
        }
    }

    fn end(self, is_whole: bool) {
        let Self { stack, api, key, mut kept, bytes, is_too_large } = self;
        if !is_whole || is_too_large {
            return;
        }
        kept.bytes = bytes.freeze();
        let is_small = kept.bytes.len() <= INLINE_BYTES;
        let tasks = stack.tasks.clone();
        let keep = move || {
            if kept.may_be_given_again(api) {
                stack.cache.keep(key, kept);
            }
        };
        if is_small {
            keep();
        } else {
            tasks.spawn_blocking(keep);
        }
    }
}
