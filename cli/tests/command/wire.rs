//! HTTP for tests: an upstream with a script, and what a client reads.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;

/// An upstream that answers every request but those whose index is in `silent`, and tells their bodies.
pub(crate) fn upstream(silent: &'static [usize]) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sender, seen) = mpsc::channel();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for (index, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            // Who is killed may have connected and said nothing yet, or half of it.
            let Some((_, body)) = read(&mut stream) else { continue };
            if sender.send(body).is_err() {
                return;
            }
            if silent.contains(&index) {
                held.push(stream);
                continue;
            }
            let answer = r#"{"choices":[{"message":{"role":"assistant","content":"hi"}}]}"#;
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
            let _ = write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{answer}", answer.len());
        }
    });
    (address, seen)
}

/// Reads a message with a length: its head and its body.
pub(crate) fn message(stream: &mut TcpStream) -> (String, String) {
    read(stream).unwrap()
}

/// The same; none when it ends too early.
fn read(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap_or(0) == 0 {
            return None;
        }
    }
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some((head, String::from_utf8(body).unwrap()))
}

/// Reads an answer and gives its first line.
pub(crate) fn status(stream: &mut TcpStream) -> String {
    let (head, _) = message(stream);
    head.lines().next().unwrap().to_owned()
}

/// A proxy that is a process of its own.
pub(crate) struct Proxy {
    pub(crate) process: Child,
    /// Host and port.
    pub(crate) address: String,
    /// It ends when this does.
    _input: ChildStdin,
}

impl Proxy {
    /// Starts `headroom proxy` and waits until it listens.
    pub(crate) fn start(command: Command) -> Self {
        Self::start_telling(command, Stdio::null())
    }

    /// The same, with a place for what it says.
    pub(crate) fn start_telling(mut command: Command, words: Stdio) -> Self {
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(words).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("http://").unwrap_or_else(|| panic!("no address: {line:?}")).to_owned();
        let input = process.stdin.take().unwrap();
        Self { process, address, _input: input }
    }

    /// Sends a request of Chat Completions without waiting for its answer.
    pub(crate) fn send(&self, body: &str) -> TcpStream {
        self.send_to("/v1/chat/completions", body)
    }

    fn send_to(&self, path: &str, body: &str) -> TcpStream {
        let head = "authorization: Bearer k\r\ncontent-type: application/json\r\nconnection: close";
        self.write(&format!("POST {path} HTTP/1.1\r\n{head}\r\ncontent-length: {}", body.len()), body)
    }

    /// Head and body of the answer to a request on a path.
    pub(crate) fn post(&self, path: &str, body: &str) -> (String, String) {
        message(&mut self.send_to(path, body))
    }

    /// Sends one and gives head and body of its answer.
    pub(crate) fn ask(&self, body: &str) -> (String, String) {
        message(&mut self.send(body))
    }

    /// Head and body of what is at a path.
    pub(crate) fn get(&self, path: &str) -> (String, String) {
        message(&mut self.write(&format!("GET {path} HTTP/1.1\r\nconnection: close"), ""))
    }

    /// Ends it as no program can object to.
    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Ends it as a service is ended.
    pub(crate) fn stop(mut self) {
        drop(self._input);
        self.process.wait().unwrap();
    }

    /// Writes a head, without the host and the end, and a body on a connection of their own.
    pub(crate) fn write(&self, head: &str, body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "{head}\r\nhost: {}\r\n\r\n{body}", self.address).unwrap();
        stream
    }
}

/// The hashes that the markers in a text name.
pub(crate) fn hashes(text: &str) -> Vec<String> {
    let named = text.split("headroom_retrieve hash=").skip(1);
    named.map(|rest| rest.chars().take_while(char::is_ascii_hexdigit).collect()).collect()
}
