//! Answers in two pieces.

use std::sync::Arc;

use bytes::Bytes;
use headroom_proxy::providers::{Framing, Reader};
use headroom_proxy::sse::Piece;
use tokio::sync::Notify;

use super::cases::{ALL, Case, Looks, odd, recorded, whole};
use super::peer::Peer;
use crate::client::post;
use crate::upstream::{Do, Seen, Upstream, send};

/// Connections at a time.
const LANES: usize = 4;

/// How an upstream says how long a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    Known,
    Chunked,
}

/// An upstream that answers with the cases, cut where the request says, as each lane lets it go on.
async fn upstream(cases: &Arc<Vec<Case>>, go: &[Arc<Notify>], looks: Looks) -> Upstream {
    let (cases, go) = (Arc::clone(cases), go.to_vec());
    Upstream::start(move |seen: &Seen| {
        let asked: Vec<usize> = seen.header("x-cut").unwrap().split(' ').map(|part| part.parse().unwrap()).collect();
        let &[case, cut, lane, is_chunked] = &asked[..] else { panic!("{asked:?}") };
        let case = &cases[case];
        let (first, second) = case.bytes.split_at(cut);
        let kind = case.content_type();
        let length = match is_chunked {
            0 => format!("content-length: {}", case.bytes.len()),
            _ => "transfer-encoding: chunked".to_owned(),
        };
        let mut steps = vec![send(format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n{length}\r\n\r\n"))];
        let piece = |bytes: &[u8]| {
            let bytes = match is_chunked {
                0 => bytes.to_vec(),
                _ if bytes.is_empty() => Vec::new(),
                _ => [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat(),
            };
            send(bytes)
        };
        steps.push(piece(first));
        if case.framing.is_some() || looks == Looks::Nobody {
            steps.push(Do::Wait(Arc::clone(&go[lane])));
        }
        steps.push(piece(second));
        steps.push(send(if is_chunked == 0 { "" } else { "0\r\n\r\n" }));
        steps
    })
    .await
}

/// How many bytes a client has when an upstream has sent the first piece.
fn expected(case: &Case, first: &[u8], looks: Looks) -> usize {
    let Some(framing) = case.framing.filter(|_| looks == Looks::Tool) else { return first.len() };
    // What may be a call of the tool is known when its event is whole.
    let mut bytes = 0;
    Reader::new(framing, 1 << 20).feed(&Bytes::copy_from_slice(first), |piece| {
        let Piece::Frame(frame) = piece else { panic!("{piece:?}") };
        bytes += frame.raw.len();
    });
    bytes
}

/// Asks for every case cut at the positions that `cuts` gives.
async fn come_out(cases: Vec<Case>, lengths: &[Length], cuts: impl Fn(&Case) -> Vec<usize>) {
    let cases = Arc::new(cases);
    for looks in ALL {
        let go: Vec<Arc<Notify>> = (0..LANES).map(|_| Arc::default()).collect();
        let upstream = upstream(&cases, &go, looks).await;
        let proxy = looks.start(upstream.address).await;
        let mut asks: Vec<(usize, usize, Length)> = Vec::new();
        for (number, case) in cases.iter().enumerate() {
            asks.extend(
                cuts(case).into_iter().flat_map(|cut| lengths.iter().map(move |length| (number, cut, *length))),
            );
        }
        let asks = Arc::new(asks);
        let lanes: Vec<_> = go
            .into_iter()
            .enumerate()
            .map(|(lane, go)| {
                let (cases, asks, address) = (Arc::clone(&cases), Arc::clone(&asks), proxy.address());
                tokio::spawn(async move {
                    let mut client = Peer::connect(address).await;
                    for (number, cut, length) in asks.iter().skip(lane).step_by(LANES) {
                        let case = &cases[*number];
                        let about = format!("{} in {length:?} cut at {cut}, {looks:?}", case.name);
                        let cut_at =
                            format!("x-cut: {number} {cut} {lane} {}\r\n", u8::from(*length == Length::Chunked));
                        client.send(post(case.path(), &cut_at, case.request())).await;
                        if case.framing.is_some() || looks == Looks::Nobody {
                            assert!(client.next().await, "{about}");
                            client.until(expected(case, &case.bytes[..*cut], looks)).await;
                            assert!(case.bytes[..*cut].starts_with(&client.body), "{about}: more than there is");
                            go.notify_one();
                        } else {
                            assert!(client.next().await, "{about}");
                        }
                        assert!(client.end().await, "{about}");
                        assert_eq!(client.status(), 200);
                        let text = || String::from_utf8_lossy(&client.body);
                        assert!(client.body == case.bytes, "{about}: {}", text());
                    }
                })
            })
            .collect();
        for lane in lanes {
            lane.await.unwrap();
        }
    }
}

fn everywhere(case: &Case) -> Vec<usize> {
    (1..case.bytes.len()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn recorded_streams_come_out_as_they_are() {
    come_out(recorded(), &[Length::Chunked], everywhere).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_streams_come_out_as_they_are() {
    come_out(odd(), &[Length::Chunked, Length::Known], everywhere).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whole_answers_come_out_as_they_are() {
    come_out(whole(), &[Length::Chunked, Length::Known], everywhere).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_any_size_come_out_as_they_are() {
    let padding = "x".repeat(300_000);
    let long =
        |api, framing, text: String| Case { name: "long".into(), api, framing: Some(framing), bytes: text.into() };
    let chat = format!("data: {{\"a\":1}}\n\ndata: {{\"id\":\"{padding}\",\"choices\":[]}}\r\n\r\ndata: [DONE]\n\n");
    let list = format!("[{{\"a\":1}},{{\"candidates\":[{{\"x\":\"{padding}\"}}]}}\r\n,{{}}]");
    let api = headroom_proxy::providers::Api::Chat;
    let gemini = headroom_proxy::providers::Api::Gemini;
    let cases = vec![long(api, Framing::Events, chat), long(gemini, Framing::Array, list)];
    come_out(cases, &[Length::Chunked], |case| {
        let end = case.bytes.len();
        (1..40).chain((40..end - 60).step_by(16_381)).chain(end - 60..end).collect()
    })
    .await;
}
