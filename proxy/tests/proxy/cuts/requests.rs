//! Requests in two pieces.

use std::net::SocketAddr;

use tokio::net::TcpListener;

use super::cases::{ALL, Looks};
use super::peer::Peer;
use crate::setup::ODD_CHAT;

/// An upstream that answers at once, and with every byte that comes.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut client = Peer::new(stream);
                while client.next().await {
                    client.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
                    let mut told = 0;
                    while client.piece().await {
                        let piece = client.body[told..].to_vec();
                        told += piece.len();
                        client.send([format!("{:x}\r\n", piece.len()).as_bytes(), &piece, b"\r\n"].concat()).await;
                    }
                    client.send("0\r\n\r\n").await;
                }
            });
        }
    });
    address
}

/// Requests without tools that nothing is taken from, written as no serializer would.
const BODIES: [(&str, &str); 4] = [
    ("/v1/chat/completions", ODD_CHAT),
    (
        "/v1/messages",
        "{\"model\":\"c\", \"max_tokens\":1.0,\"messages\":[{\"role\":\"user\",\"content\":\"a\"},\r\n{\"role\":\"assistant\",\"content\":[\
         {\"type\":\"thinking\",\"thinking\":\"\\u00e9\",\"signature\":\"Eq/Q==\"},{\"type\":\"new\",\"x\":1e400}]},{\"role\":\"user\",\"content\":\"b\"}] }",
    ),
    (
        "/v1/responses",
        "{\"input\":[ {\"type\":\"reasoning\",\"id\":\"r\",\"encrypted_content\":\"gA=\"},{\"type\":\"later\"},{\"role\":\"user\",\"content\":\"\\/\"}],\"model\":\"g\"}",
    ),
    (
        "/v1beta/models/g:generateContent",
        "{\"contents\" :[{\"parts\":[{\"text\":\"é\",\"thoughtSignature\":\"s\",\"n\":1.50}]}]}\n",
    ),
];

/// Sends the bodies cut everywhere and in both ways to say how long they are.
async fn arrive(proxy: SocketAddr, prefix: &str, header: &str, passes: bool) {
    let mut client = Peer::connect(proxy).await;
    for (path, body) in BODIES {
        for is_chunked in [false, true] {
            let length = if is_chunked {
                "transfer-encoding: chunked".into()
            } else {
                format!("content-length: {}", body.len())
            };
            for cut in 1..body.len() {
                let (first, second) = body.as_bytes().split_at(cut);
                let piece = |bytes: &[u8]| match is_chunked {
                    true => [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat(),
                    false => bytes.to_vec(),
                };
                client
                    .send(format!("POST {prefix}{path} HTTP/1.1\r\nhost: localhost\r\n{header}{length}\r\n\r\n"))
                    .await;
                client.send(piece(first)).await;
                if passes {
                    assert!(client.next().await);
                    client.until(cut).await;
                }
                client.send(piece(second)).await;
                client.send(if is_chunked { "0\r\n\r\n" } else { "" }).await;
                assert!(passes || client.next().await);
                assert!(client.end().await);
                let found = String::from_utf8_lossy(&client.body);
                assert!(found == body, "{path} cut at {cut}, chunked: {is_chunked}, {header}: {found}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_read_arrive_as_they_are() {
    let upstream = echo().await;
    for looks in ALL {
        let proxy = looks.start(upstream).await;
        arrive(proxy.address(), "", "", false).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_pass_arrive_as_they_are_and_as_they_come() {
    let upstream = echo().await;
    let proxy = Looks::Extension.start(upstream).await;
    arrive(proxy.address(), "", "x-headroom-bypass: true\r\n", true).await;
    // A path that nobody knows.
    arrive(proxy.address(), "/later", "", true).await;
}
