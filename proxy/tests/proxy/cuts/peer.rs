//! One side of an HTTP connection, whose messages are read as they come.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// One side of a connection.
pub(super) struct Peer {
    stream: TcpStream,
    /// What was read and not looked at.
    buffer: Vec<u8>,
    /// The head of the current message.
    pub(super) head: String,
    /// What has come of its body, out of its chunks.
    pub(super) body: Vec<u8>,
    rest: Rest,
}

/// What is still to come of a body.
enum Rest {
    Bytes(usize),
    /// A chunk with so many bytes that are missing, or none.
    Chunks(Option<usize>),
    Nothing,
}

impl Peer {
    pub(super) fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: Vec::new(), head: String::new(), body: Vec::new(), rest: Rest::Nothing }
    }

    pub(super) async fn connect(address: SocketAddr) -> Self {
        Self::new(TcpStream::connect(address).await.unwrap())
    }

    pub(super) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Reads the head of the next message; false at the end of the connection.
    pub(super) async fn next(&mut self) -> bool {
        let end = loop {
            if let Some(at) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            if !self.more().await {
                return false;
            }
        };
        self.head = String::from_utf8(self.buffer.drain(..end).collect()).unwrap().to_ascii_lowercase();
        self.body.clear();
        let value = |name: &str| self.head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        self.rest = match value("content-length:") {
            Some(length) => Rest::Bytes(length.parse().unwrap()),
            None if value("transfer-encoding:") == Some("chunked") => Rest::Chunks(None),
            None => Rest::Nothing,
        };
        true
    }

    pub(super) fn status(&self) -> u16 {
        self.head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// Reads until the body has so many bytes.
    pub(super) async fn until(&mut self, bytes: usize) {
        while self.body.len() < bytes {
            assert!(!self.decode() || self.body.len() >= bytes, "the body has {} of {bytes} bytes", self.body.len());
            assert!(self.body.len() >= bytes || self.more().await, "the end comes before {bytes} bytes");
        }
    }

    /// Waits for the next bytes of the body, and tells whether there were some.
    pub(super) async fn piece(&mut self) -> bool {
        let before = self.body.len();
        while !self.decode() && self.body.len() == before {
            assert!(self.more().await, "the connection ends in the body");
        }
        self.body.len() > before
    }

    /// Reads the rest of the body; whether it was whole.
    pub(super) async fn end(&mut self) -> bool {
        while !self.decode() {
            if !self.more().await {
                return false;
            }
        }
        true
    }

    /// Takes out of the buffer what it has of the body; whether the body is over.
    fn decode(&mut self) -> bool {
        loop {
            match &mut self.rest {
                Rest::Nothing | Rest::Bytes(0) => return true,
                Rest::Bytes(missing) | Rest::Chunks(Some(missing)) if *missing > 0 => {
                    let count = self.buffer.len().min(*missing);
                    if count == 0 {
                        return false;
                    }
                    self.body.extend(self.buffer.drain(..count));
                    *missing -= count;
                }
                Rest::Chunks(chunk) => {
                    // The line end of a chunk, then the size of the next.
                    let start = if chunk.is_some() { 2 } else { 0 };
                    let Some(line) =
                        self.buffer.get(start..).and_then(|rest| rest.iter().position(|&byte| byte == b'\n'))
                    else {
                        return false;
                    };
                    let size = std::str::from_utf8(&self.buffer[start..start + line]).unwrap().trim();
                    let size = usize::from_str_radix(size, 16).unwrap();
                    let end = start + line + 1;
                    if size > 0 {
                        *chunk = Some(size);
                        self.buffer.drain(..end);
                        continue;
                    }
                    if self.buffer.len() < end + 2 {
                        return false;
                    }
                    self.buffer.drain(..end + 2);
                    self.rest = Rest::Nothing;
                }
                Rest::Bytes(_) => unreachable!("the arms above take all of them"),
            }
        }
    }

    async fn more(&mut self) -> bool {
        // A reset is an end too.
        matches!(self.stream.read_buf(&mut self.buffer).await, Ok(count) if count > 0)
    }
}
