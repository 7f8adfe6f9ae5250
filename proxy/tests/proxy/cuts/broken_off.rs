//! Answers that end before their end.

use std::sync::Arc;

use tokio::sync::Notify;

use super::cases::{ALL, Case, Looks, short, whole};
use super::peer::Peer;
use crate::client::post;
use crate::upstream::{Do, Seen, Upstream, send};

/// An upstream that goes away in the middle of an answer, when it is told to.
async fn upstream(cases: &Arc<Vec<Case>>, go: &Arc<Notify>) -> Upstream {
    let (cases, go) = (Arc::clone(cases), Arc::clone(go));
    Upstream::start(move |seen: &Seen| {
        let (case, cut) = seen.header("x-cut").unwrap().split_once(' ').unwrap();
        let (case, cut): (&Case, usize) = (&cases[case.parse::<usize>().unwrap()], cut.parse().unwrap());
        let kind = case.content_type();
        let first = &case.bytes[..cut];
        let mut steps = match case.framing {
            None => vec![
                send(format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n",
                    case.bytes.len()
                )),
                send(first),
            ],
            Some(_) => vec![
                send(format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n")),
                send([format!("{cut:x}\r\n").as_bytes(), first, b"\r\n"].concat()),
            ],
        };
        if case.framing.is_some() {
            // Half of the streams end between two chunks, half within one.
            steps.push(if cut % 2 == 0 { send("") } else { send("5\r\nda") });
            steps.push(Do::Wait(Arc::clone(&go)));
        }
        steps.push(Do::Close);
        steps
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_breaks_off_is_cut_off_where_it_was() {
    let cases = Arc::new(short());
    for looks in ALL {
        let go = Arc::<Notify>::default();
        let upstream = upstream(&cases, &go).await;
        let proxy = looks.start(upstream.address).await;
        for (number, case) in cases.iter().enumerate() {
            // Each costs two connections.
            for cut in (1..case.bytes.len()).step_by(3) {
                let mut client = Peer::connect(proxy.address()).await;
                client.send(post(case.path(), &format!("x-cut: {number} {cut}\r\n"), case.request())).await;
                assert!(client.next().await);
                go.notify_one();
                let about = format!("{} cut off at {cut}, {looks:?}", case.name);
                assert!(!client.end().await, "{about}: it ends as if it were whole");
                let expected = [&case.bytes[..cut], if cut % 2 == 0 { b"" } else { b"da" }].concat();
                assert!(client.body == expected, "{about}: {}", String::from_utf8_lossy(&client.body));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_answer_that_breaks_off_is_never_taken_for_one() {
    let cases = Arc::new(whole());
    for looks in ALL {
        let upstream = upstream(&cases, &Arc::default()).await;
        let proxy = looks.start(upstream.address).await;
        for (number, case) in cases.iter().enumerate() {
            for cut in (1..case.bytes.len()).step_by(41) {
                let mut client = Peer::connect(proxy.address()).await;
                client.send(post(case.path(), &format!("x-cut: {number} {cut}\r\n"), case.request())).await;
                assert!(client.next().await);
                let about = format!("{} cut off at {cut}, {looks:?}", case.name);
                let is_whole = client.end().await;
                if looks == Looks::Nobody {
                    assert!(!is_whole && client.body == case.bytes[..cut], "{about}");
                } else {
                    // It is read before the client sees a byte, who may ask again.
                    assert!(is_whole && client.status() == 502, "{about}: {}", client.head);
                }
            }
        }
    }
}
