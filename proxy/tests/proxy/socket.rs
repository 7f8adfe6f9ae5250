//! WebSockets for tests: a client, and an upstream that gives out the sockets of its clients.

use std::net::SocketAddr;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderMap;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async, client_async};

use crate::upstream::read_message;

/// One end of a WebSocket.
pub(crate) struct Socket {
    stream: WebSocketStream<TcpStream>,
    /// Of the other side's half of the handshake.
    pub(crate) headers: HeaderMap,
}

impl Socket {
    /// Connects to a proxy.
    pub(crate) async fn connect(proxy: SocketAddr, path: &str, headers: &[(&'static str, &str)]) -> Self {
        let mut request = format!("ws://localhost{path}").into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let stream = TcpStream::connect(proxy).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (stream, response) = client_async(request, stream).await.unwrap();
        Self { stream, headers: response.headers().clone() }
    }

    pub(crate) async fn send(&mut self, message: impl Into<Message>) {
        self.stream.send(message.into()).await.unwrap();
    }

    /// Sends a text in frames of so many bytes.
    pub(crate) async fn send_in_pieces(&mut self, text: &str, bytes: usize) {
        let pieces: Vec<_> = text.as_bytes().chunks(bytes).collect();
        for (at, piece) in pieces.iter().enumerate() {
            let opcode = OpCode::Data(if at == 0 { Data::Text } else { Data::Continue });
            let frame = Frame::message(piece.to_vec(), opcode, at + 1 == pieces.len());
            self.send(Message::Frame(frame)).await;
        }
    }

    /// The next message; none at the end.
    pub(crate) async fn maybe_next(&mut self) -> Option<Message> {
        self.stream.next().await?.ok()
    }

    pub(crate) async fn next(&mut self) -> Message {
        self.maybe_next().await.expect("a message")
    }

    /// The next message as text.
    pub(crate) async fn text(&mut self) -> String {
        let message = self.next().await;
        let Message::Text(text) = &message else { panic!("{message:?}") };
        text.to_string()
    }

    /// The next message as JSON.
    pub(crate) async fn json(&mut self) -> Value {
        serde_json::from_str(&self.text().await).unwrap()
    }

    /// Code and reason of the close frame that comes next.
    pub(crate) async fn closed(&mut self) -> (u16, String) {
        let message = self.next().await;
        let Message::Close(Some(CloseFrame { code, reason })) = message else { panic!("{message:?}") };
        (code.into(), reason.to_string())
    }

    /// Answers what is still to be answered, and waits for the end.
    pub(crate) async fn finish(mut self) {
        while self.maybe_next().await.is_some() {}
    }

    /// Hangs up without a word.
    pub(crate) fn vanish(self) {
        drop(self);
    }
}

/// An upstream that takes every handshake.
pub(crate) struct SocketUpstream {
    pub(crate) address: SocketAddr,
    listener: TcpListener,
}

impl SocketUpstream {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { address: listener.local_addr().unwrap(), listener }
    }

    /// Takes the next client.
    #[expect(clippy::result_large_err, reason = "the type of the callback is the crate's")]
    pub(crate) async fn accept(&self) -> Socket {
        let (stream, _) = self.listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut headers = HeaderMap::new();
        let stream = accept_hdr_async(stream, |request: &Request, mut response: Response| {
            headers = request.headers().clone();
            if let Some(protocol) = headers.get("sec-websocket-protocol") {
                response.headers_mut().insert("sec-websocket-protocol", protocol.clone());
            }
            response.headers_mut().insert("x-upstream", "yes".parse().unwrap());
            Ok(response)
        })
        .await
        .unwrap();
        Socket { stream, headers }
    }

    /// Takes the next client as bytes: the head of its request, and the connection after an answer with this head.
    pub(crate) async fn accept_raw(&self, answer: &str) -> (String, TcpStream) {
        use tokio::io::AsyncWriteExt as _;
        let (mut stream, _) = self.listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut buffer = Vec::new();
        let (head, _) = read_message(&mut stream, &mut buffer).await.unwrap();
        assert!(buffer.is_empty());
        stream.write_all(answer.as_bytes()).await.unwrap();
        (head, stream)
    }
}

/// A client's connection as bytes, and the head of the answer to its request.
pub(crate) async fn connect_raw(proxy: SocketAddr, request: &str) -> (String, TcpStream) {
    use tokio::io::AsyncWriteExt as _;
    let mut stream = TcpStream::connect(proxy).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut buffer = Vec::new();
    let (head, _) = read_message(&mut stream, &mut buffer).await.unwrap();
    assert!(buffer.is_empty());
    (head, stream)
}

/// A proxy's client and its upstream, connected.
pub(crate) async fn pair(proxy: SocketAddr, upstream: &SocketUpstream) -> (Socket, Socket) {
    tokio::join!(Socket::connect(proxy, "/v1/responses", &[]), upstream.accept())
}
