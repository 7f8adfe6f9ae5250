//! An upstream that does what a script says, byte for byte.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Which request of this upstream it is, from 0.
    pub(crate) index: usize,
    /// Its head, byte for byte.
    pub(crate) head: String,
    /// Its body, out of its chunks.
    pub(crate) body: Vec<u8>,
}

impl Seen {
    /// The first line.
    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap()
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// A step of a script.
pub(crate) enum Do {
    /// Write these bytes.
    Send(Vec<u8>),
    /// Wait for somebody; the script ends when the client goes away meanwhile.
    Wait(Arc<Notify>),
    /// Close the connection.
    Close,
    /// Reset the connection.
    Reset,
}

/// Sends a whole answer.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Vec<Do> {
    vec![send(format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len()))]
}

/// Sends a whole answer of JSON.
pub(crate) fn ok(body: &str) -> Vec<Do> {
    answer("200 OK", "content-type: application/json\r\n", body)
}

/// Writes these bytes.
pub(crate) fn send(bytes: impl Into<Vec<u8>>) -> Do {
    Do::Send(bytes.into())
}

/// A piece of a chunked body.
pub(crate) fn chunk(text: &str) -> Do {
    send(format!("{:x}\r\n{text}\r\n", text.len()))
}

/// The head of a stream.
pub(crate) fn stream_head() -> Do {
    send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
}

/// A running upstream.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    seen: mpsc::UnboundedReceiver<Seen>,
    gone: mpsc::UnboundedReceiver<usize>,
}

impl Upstream {
    /// Starts one; the script is asked anew for every request.
    pub(crate) async fn start(script: impl Fn(&Seen) -> Vec<Do> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (seen_sender, seen) = mpsc::unbounded_channel();
        let (gone_sender, gone) = mpsc::unbounded_channel();
        let script = Arc::new(script);
        let count = Arc::new(AtomicUsize::new(0));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (script, count) = (Arc::clone(&script), Arc::clone(&count));
                let (seen, gone) = (seen_sender.clone(), gone_sender.clone());
                tokio::spawn(async move { converse(stream, &*script, &count, &seen, &gone).await });
            }
        });
        Self { address, seen, gone }
    }

    /// The next request.
    pub(crate) async fn next(&mut self) -> Seen {
        self.seen.recv().await.unwrap()
    }

    /// Whether there was no further request.
    pub(crate) fn is_quiet(&mut self) -> bool {
        self.seen.try_recv().is_err()
    }

    /// Waits until a client went away while the script was waiting.
    pub(crate) async fn gone(&mut self) -> usize {
        self.gone.recv().await.unwrap()
    }
}

async fn converse(
    mut stream: TcpStream,
    script: &(dyn Fn(&Seen) -> Vec<Do> + Send + Sync),
    count: &AtomicUsize,
    seen: &mpsc::UnboundedSender<Seen>,
    gone: &mpsc::UnboundedSender<usize>,
) {
    stream.set_nodelay(true).unwrap();
    let mut buffer = Vec::new();
    while let Some((head, body)) = read_message(&mut stream, &mut buffer).await {
        let index = count.fetch_add(1, Ordering::SeqCst);
        let request = Seen { index, head, body };
        let steps = script(&request);
        // Whoever does not look at the requests has gone on.
        let _ = seen.send(request);
        for step in steps {
            match step {
                Do::Send(bytes) => {
                    if stream.write_all(&bytes).await.is_err() {
                        return;
                    }
                }
                Do::Wait(go) => {
                    let mut byte = [0];
                    tokio::select! {
                        () = go.notified() => {}
                        read = stream.read(&mut byte) => {
                            assert!(matches!(read, Ok(0) | Err(_)), "the client spoke out of turn");
                            let _ = gone.send(index);
                            return;
                        }
                    }
                }
                Do::Close => return,
                Do::Reset => {
                    stream.set_zero_linger().unwrap();
                    return;
                }
            }
        }
    }
}

/// Reads a head and its body; what comes after stays in the buffer.
pub(crate) async fn read_message(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<(String, Vec<u8>)> {
    let end = loop {
        if let Some(at) = find(buffer, b"\r\n\r\n") {
            break at + 4;
        }
        more(stream, buffer).await?;
    };
    let head = String::from_utf8(buffer.drain(..end).collect()).unwrap();
    let lower = head.to_ascii_lowercase();
    let value = |name: &str| lower.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    if value("transfer-encoding:") == Some("chunked") {
        let mut body = Vec::new();
        loop {
            let line = loop {
                if let Some(at) = find(buffer, b"\r\n") {
                    break at;
                }
                more(stream, buffer).await?;
            };
            let size = usize::from_str_radix(std::str::from_utf8(&buffer[..line]).unwrap(), 16).unwrap();
            while buffer.len() < line + 2 + size + 2 {
                more(stream, buffer).await?;
            }
            body.extend_from_slice(&buffer[line + 2..line + 2 + size]);
            buffer.drain(..line + 2 + size + 2);
            if size == 0 {
                return Some((head, body));
            }
        }
    }
    let length = value("content-length:").map_or(0, |length| length.parse().unwrap());
    while buffer.len() < length {
        more(stream, buffer).await?;
    }
    Some((head, buffer.drain(..length).collect()))
}

async fn more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    match stream.read_buf(buffer).await {
        Ok(count) if count > 0 => Some(()),
        _ => None,
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
