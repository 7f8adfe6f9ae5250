//! Bodies on their way that somebody listens to.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};

use crate::body::Body;

/// Hears what a body brings, and once how it ended.
pub(crate) trait Listener: Send + Unpin + 'static {
    /// The next bytes.
    fn hear(&mut self, data: &Bytes);

    /// It is over: with its last byte, or because it broke off or nobody wants the rest.
    fn end(self, is_whole: bool);
}

/// A body that somebody listens to. Nothing of it is held or changed here.
pub(crate) struct Overheard<L: Listener> {
    inner: Body,
    /// Until the end.
    listener: Option<L>,
}

impl<L: Listener> Overheard<L> {
    /// The same body, heard by a listener.
    pub(crate) fn body(inner: Body, listener: L) -> Body {
        Body::new(Self { inner, listener: Some(listener) })
    }

    fn end(&mut self, is_whole: bool) {
        if let Some(listener) = self.listener.take() {
            listener.end(is_whole);
        }
    }
}

impl<L: Listener> http_body::Body for Overheard<L> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(context) else { return Poll::Pending };
        match &frame {
            Some(Ok(frame)) => {
                if let (Some(listener), Some(data)) = (&mut this.listener, frame.data_ref()) {
                    listener.hear(data);
                }
                // Nobody asks again after the last byte of a body whose length is known.
                if this.inner.is_end_stream() {
                    this.end(true);
                }
            }
            Some(Err(_)) => this.end(false),
            None => this.end(true),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<L: Listener> Drop for Overheard<L> {
    fn drop(&mut self) {
        // A body without a byte is not asked for one.
        self.end(self.inner.is_end_stream());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use futures_util::stream;
    use http_body_util::{BodyExt as _, StreamBody};

    use super::*;

    #[derive(Clone, Default)]
    struct Notes(Arc<Mutex<(String, Vec<bool>)>>);

    impl Listener for Notes {
        fn hear(&mut self, data: &Bytes) {
            self.0.lock().unwrap().0.push_str(std::str::from_utf8(data).unwrap());
        }

        fn end(self, is_whole: bool) {
            self.0.lock().unwrap().1.push(is_whole);
        }
    }

    fn pieces(pieces: Vec<Result<&'static str, &'static str>>) -> Body {
        let frames = pieces.into_iter().map(|piece| piece.map(|text| Frame::data(Bytes::from_static(text.as_bytes()))));
        Body::new(StreamBody::new(stream::iter(frames.collect::<Vec<_>>())))
    }

    #[tokio::test]
    async fn a_listener_hears_everything_and_the_end_once() {
        for (body, heard, is_whole) in [
            (pieces(vec![Ok("ab"), Ok("c")]), "abc", true),
            (pieces(vec![Ok("ab"), Err("broken"), Ok("c")]), "ab", false),
            (Body::from("abc"), "abc", true),
            (Body::empty(), "", true),
        ] {
            let notes = Notes::default();
            let mut body = Overheard::body(body, notes.clone());
            while let Some(Ok(_)) = body.frame().await {}
            drop(body);
            assert_eq!(*notes.0.lock().unwrap(), (heard.to_owned(), vec![is_whole]));
        }
    }

    #[tokio::test]
    async fn a_body_that_is_let_go_is_whole_only_if_it_was_empty() {
        for (body, is_whole) in [(Body::empty(), true), (Body::from("abc"), false), (pieces(vec![Ok("ab")]), false)] {
            let notes = Notes::default();
            drop(Overheard::body(body, notes.clone()));
            assert_eq!(notes.0.lock().unwrap().1, [is_whole]);
        }
    }
}
