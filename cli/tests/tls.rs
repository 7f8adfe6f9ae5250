//! Upstreams behind TLS, and behind proxies that the environment names; all of them on loopback.
//!
//! The certificates in `tls/` are valid until 2120, but for `expired.pem`. The key of their root is gone.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod command;

use std::convert::Infallible;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, mpsc};

use command::Place;
use command::wire::Proxy;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

const CHAT: &str = r#"{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}"#;

/// User and password of the proxy, and how they are sent.
const CREDENTIALS: (&str, &str) = ("ann:s3cr3t-pass", "Basic YW5uOnMzY3IzdC1wYXNz");

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tls").join(name)
}

/// Peers on loopback that live as long as this.
struct Peers {
    runtime: Runtime,
}

impl Peers {
    fn new() -> Self {
        Self { runtime: Runtime::new().unwrap() }
    }

    /// An upstream with a certificate that speaks these protocols. It answers with what it got; it agrees to any other
    /// protocol, and says everything back on it.
    fn upstream(&self, certificate: &str, protocols: &[&str]) -> u16 {
        let chain = CertificateDer::pem_file_iter(file(certificate)).unwrap().map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_file(file("server.key")).unwrap();
        let mut config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        self.listen(move |stream| {
            let acceptor = acceptor.clone();
            async move {
                // A client that does not trust the certificate goes.
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let server = auto::Builder::new(TokioExecutor::new());
                let _ = server.serve_connection_with_upgrades(TokioIo::new(stream), service_fn(answer)).await;
            }
        })
    }

    /// A proxy that asks for credentials. It leads a `CONNECT` to a port and answers anything else itself; gives the heads
    /// that it gets.
    fn forward_proxy(&self, to: u16) -> (u16, mpsc::Receiver<String>) {
        let (sender, heads) = mpsc::channel();
        let port = self.listen(move |mut stream| {
            let sender = sender.clone();
            async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    match stream.read_u8().await {
                        Ok(byte) => head.push(byte),
                        Err(_) => return,
                    }
                }
                let head = String::from_utf8(head).unwrap();
                let is_known = head.contains(CREDENTIALS.1);
                let is_tunnel = head.starts_with("CONNECT ");
                let _ = sender.send(head);
                if !is_known {
                    let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
                    stream.write_all(refusal.as_bytes()).await.unwrap();
                } else if is_tunnel {
                    stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
                    let mut upstream = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
                    let _ = copy_bidirectional(&mut stream, &mut upstream).await;
                } else {
                    let body = r#"{"from":"the proxy"}"#;
                    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
                    let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                    stream.write_all(answer.as_bytes()).await.unwrap();
                    // The body is not looked at, but must be taken.
                    let _ = stream.read_to_end(&mut Vec::new()).await;
                }
            }
        });
        (port, heads)
    }

    fn listen<F>(&self, serve: impl Fn(TcpStream) -> F + Send + 'static) -> u16
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = self.runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        self.runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream));
            }
        });
        port
    }
}

async fn answer(mut request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    if let Some(protocol) = request.headers().get("upgrade").cloned() {
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let (mut from, mut to) = tokio::io::split(TokioIo::new(upgrade.await.unwrap()));
            let _ = tokio::io::copy(&mut from, &mut to).await;
        });
        let response = Response::builder().status(101).header("connection", "upgrade").header("upgrade", protocol);
        return Ok(response.body(Full::default()).unwrap());
    }
    let version = format!("{:?}", request.version());
    let host = request.uri().authority().map(ToString::to_string);
    let host = host.or_else(|| Some(request.headers().get("host")?.to_str().ok()?.to_owned()));
    let keys: Vec<_> = request.headers().keys().map(|name| name.as_str().to_owned()).collect();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let body = String::from_utf8(body.to_vec()).unwrap();
    let told = json!({"version": version, "host": host, "headers": keys, "body": body});
    Ok(Response::builder().header("content-type", "application/json").body(Full::from(told.to_string())).unwrap())
}

/// A proxy of ours that trusts the root of the tests, or what the system trusts, with its upstream at an address.
fn headroom(place: &Place, upstream: &str, trusts: bool, environment: &[(&str, &str)]) -> Proxy {
    let mut command = place.command(&["proxy", "--port", "0", "--for-parent", "--openai-url", upstream]);
    command.args(["--anthropic-url", upstream, "--gemini-url", upstream]);
    for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
        command.env_remove(name).env_remove(name.to_ascii_uppercase());
    }
    command.env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR");
    if trusts {
        command.env("SSL_CERT_FILE", file("root.pem"));
    }
    command.envs(environment.iter().copied());
    let words = fs::File::create(place.path("words")).unwrap();
    Proxy::start_telling(command, Stdio::from(words))
}

fn told(answer: &(String, String)) -> Value {
    assert!(answer.0.starts_with("HTTP/1.1 200 OK"), "{answer:?}");
    serde_json::from_str(&answer.1).unwrap()
}

#[test]
fn an_upstream_that_the_roots_lead_to_is_asked_in_the_newest_protocol_of_both() {
    let peers = Peers::new();
    for (protocols, version) in
        [(&["h2", "http/1.1"][..], "HTTP/2.0"), (&["http/1.1"][..], "HTTP/1.1"), (&[][..], "HTTP/1.1")]
    {
        let port = peers.upstream("server.pem", protocols);
        let place = Place::new();
        let proxy = headroom(&place, &format!("https://localhost:{port}"), true, &[]);
        for _ in 0..2 {
            let told = told(&proxy.ask(CHAT));
            assert_eq!((&told["version"], &told["body"]), (&json!(version), &json!(CHAT)));
            assert_eq!(told["host"], format!("localhost:{port}"));
        }
        proxy.stop();
    }
}

#[test]
fn a_certificate_that_is_not_trusted_is_an_error_that_says_so() {
    let peers = Peers::new();
    let (good, expired) = (peers.upstream("server.pem", &["h2"]), peers.upstream("expired.pem", &["h2"]));
    for (upstream, trusts, why) in [
        (format!("https://localhost:{good}"), false, "UnknownIssuer"),
        (format!("https://localhost:{expired}"), true, "expired"),
        (format!("https://127.0.0.1:{good}"), true, "not valid for name"),
    ] {
        let place = Place::new();
        let proxy = headroom(&place, &upstream, trusts, &[]);
        for path in ["/v1/chat/completions", "/v1/messages", "/v1beta/models/m:generateContent", "/v1/files"] {
            let (head, body) = proxy.post(path, CHAT);
            assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
            let error: Value = serde_json::from_str(&body).unwrap();
            let message = error["error"]["message"].as_str().unwrap();
            assert!(message.contains("cannot reach") && message.contains("certificate"), "{message}");
            assert!(message.contains(why), "{message}");
            assert_eq!(path == "/v1/messages", error["type"] == "error", "{error}");
        }
        proxy.stop();
    }
}

#[test]
fn another_protocol_passes_through_tls() {
    let peers = Peers::new();
    // From HTTP/2 there would be no way to another protocol.
    let port = peers.upstream("server.pem", &["h2", "http/1.1"]);
    let place = Place::new();
    let proxy = headroom(&place, &format!("https://localhost:{port}"), true, &[]);
    assert_echo(&proxy);
    proxy.stop();
}

/// Asks for another protocol, and expects everything back that is said in it.
fn assert_echo(proxy: &Proxy) {
    let mut stream = proxy.write("GET /v1/realtime HTTP/1.1\r\nupgrade: echo\r\nconnection: upgrade", "");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
    for said in [&b"\x81\x05hello"[..], &[0xff; 70_000]] {
        stream.write_all(said).unwrap();
        let mut heard = vec![0; said.len()];
        stream.read_exact(&mut heard).unwrap();
        assert!(heard == said);
    }
}

#[test]
fn a_proxy_that_the_environment_names_is_gone_through() {
    let peers = Peers::new();
    let upstream = peers.upstream("server.pem", &["h2", "http/1.1"]);
    let (port, heads) = peers.forward_proxy(upstream);
    let address = format!("http://{}@127.0.0.1:{port}", CREDENTIALS.0);
    // A tunnel for TLS; without TLS the proxy is asked for the whole address.
    for (upstream, name, version) in [
        ("https://provider.test", "HTTPS_PROXY", json!("HTTP/2.0")),
        ("https://provider.test", "all_proxy", json!("HTTP/2.0")),
        ("http://provider.test", "HTTP_PROXY", Value::Null),
    ] {
        let place = Place::new();
        let proxy = headroom(&place, upstream, true, &[(name, &address)]);
        let told = told(&proxy.ask(CHAT));
        assert_eq!(told["version"], version);
        let head = heads.recv().unwrap();
        if version.is_null() {
            assert!(head.starts_with("POST http://provider.test/v1/chat/completions HTTP/1.1\r\n"), "{head}");
            assert_eq!(told["from"], "the proxy");
        } else {
            assert!(head.starts_with("CONNECT provider.test:443 HTTP/1.1\r\n"), "{head}");
            assert!(!head.contains("Bearer"), "the provider's key is not the proxy's: {head}");
            let headers = told["headers"].to_string();
            assert!(headers.contains("authorization") && !headers.contains("proxy-"), "{headers}");
            assert_eq!(told["body"], CHAT);
            assert_echo(&proxy);
            assert!(heads.recv().unwrap().starts_with("CONNECT provider.test:443 "));
        }
        assert_never_told(&place, &proxy);
        proxy.stop();
    }
}

#[test]
fn a_proxy_that_refuses_is_told_without_its_credentials() {
    let peers = Peers::new();
    let (port, _heads) = peers.forward_proxy(peers.upstream("server.pem", &[]));
    let address = format!("http://x{}@127.0.0.1:{port}", CREDENTIALS.0);
    let place = Place::new();
    let proxy = headroom(&place, "https://provider.test", true, &[("HTTPS_PROXY", &address)]);
    let (head, body) = proxy.ask(CHAT);
    assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
    assert!(body.contains("provider.test") && body.contains("proxy authorization required"), "{body}");
    assert!(!body.contains("s3cr3t"), "{body}");
    assert_never_told(&place, &proxy);
    proxy.stop();
}

/// Neither the password nor the header that it becomes is in what the proxy says and shows.
fn assert_never_told(place: &Place, proxy: &Proxy) {
    let mut said = fs::read_to_string(place.path("words")).unwrap();
    for path in ["/stats", "/metrics", "/stats-history"] {
        said.push_str(&proxy.get(path).1);
    }
    assert!(!said.contains("s3cr3t") && !said.contains(CREDENTIALS.1.trim_start_matches("Basic ")), "{said}");
}

#[test]
fn this_machine_is_reached_without_a_proxy() {
    let peers = Peers::new();
    let upstream = peers.upstream("server.pem", &["h2"]);
    let (port, heads) = peers.forward_proxy(upstream);
    let address = format!("http://127.0.0.1:{port}");
    let place = Place::new();
    let environment = [("HTTPS_PROXY", &*address), ("HTTP_PROXY", &*address), ("ALL_PROXY", &*address)];
    let proxy = headroom(&place, &format!("https://localhost:{upstream}"), true, &environment);
    assert_eq!(told(&proxy.ask(CHAT))["version"], "HTTP/2.0");
    assert!(heads.try_recv().is_err());
    proxy.stop();
}
