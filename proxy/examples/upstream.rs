//! A provider that answers at once, for measuring what stands before it: `cargo run --release --example upstream` prints
//! its address and serves until it is killed.
//!
//! A request whose body asks for a stream gets a hundred events, any other one a short answer. One that names a `pace` in
//! milliseconds gets its `events` at that pace, each with the request's `user` and a number, so that one that is missing
//! shows.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::unfold;
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;

const ANSWER: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"gpt-4o","choices":[{"index":0,"message":{"role":"assistant","content":"All hosts are running."},"finish_reason":"stop"}],"usage":{"prompt_tokens":100,"completion_tokens":5,"total_tokens":105}}"#;

const EVENT: &str = "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"gpt-4o\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"word \"},\"finish_reason\":null}]}\n\n";

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// A stream at a pace, as a body may ask for it at its end.
#[derive(serde::Deserialize)]
struct Paced {
    user: String,
    events: u64,
    pace: u64,
}

impl Paced {
    fn body(self) -> Body {
        let ticks = tokio::time::interval(Duration::from_millis(self.pace));
        let events = unfold((self, ticks, 0), |(this, mut ticks, number)| async move {
            if number > this.events {
                return None;
            }
            let event = if number == this.events {
                "data: [DONE]\n\n".to_owned()
            } else {
                ticks.tick().await;
                let word = format!("{} {number} ", this.user);
                EVENT.replace("word ", &word)
            };
            Some((Ok(Frame::data(Bytes::from(event))), (this, ticks, number + 1)))
        });
        StreamBody::new(events).boxed_unsync()
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let end = body.get(body.len().saturating_sub(64)..).unwrap_or_default();
    let is_paced = end.windows(7).any(|window| window == b"\"pace\":");
    if let Some(paced) = is_paced.then(|| serde_json::from_slice::<Paced>(&body).ok()).flatten() {
        let mut response = Response::new(paced.body());
        response.headers_mut().insert("content-type", http::HeaderValue::from_static("text/event-stream"));
        return Ok(response);
    }
    let (kind, text) = if end.windows(13).any(|window| window == b"\"stream\":true") {
        ("text/event-stream", format!("{}data: [DONE]\n\n", EVENT.repeat(100)))
    } else {
        ("application/json", ANSWER.to_owned())
    };
    let mut response = Response::new(Full::from(text).boxed_unsync());
    response.headers_mut().insert("content-type", http::HeaderValue::from_static(kind));
    Ok(response)
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let _ = auto::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service_fn(answer))
                .await;
        });
    }
}
