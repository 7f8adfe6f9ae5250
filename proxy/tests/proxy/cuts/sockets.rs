//! WebSockets whose bytes come in two pieces.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::cases::ALL;
use crate::socket::SocketUpstream;
use crate::websocket::{frame, raw_pair};

/// Frames as the other side gets them: after how many bytes of the stream, and which. A text is held until it is whole, so
/// that control frames between its pieces come before it.
fn arrivals(frames: &[Vec<u8>]) -> Vec<(usize, Vec<u8>)> {
    let (mut arrivals, mut held, mut end) = (Vec::new(), None::<Vec<u8>>, 0);
    for frame in frames {
        end += frame.len();
        let (is_final, opcode) = (frame[0] & 0x80 != 0, frame[0] & 0xf);
        match (&mut held, opcode) {
            (None, 1) if !is_final => held = Some(frame.clone()),
            (Some(text), 0) => {
                text.extend(frame);
                if is_final {
                    arrivals.extend(held.take().map(|text| (end, text)));
                }
            }
            _ => arrivals.push((end, frame.clone())),
        }
    }
    arrivals
}

/// Sends frames cut at a position, and reads them at the other end.
async fn pass(from: &mut TcpStream, to: &mut TcpStream, frames: &[Vec<u8>], cut: usize, about: &str) {
    let sent = frames.concat();
    let arrivals = arrivals(frames);
    let expected: Vec<u8> = arrivals.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
    let first = arrivals.iter().filter(|(end, _)| *end <= cut).map(|(_, bytes)| bytes.len()).sum();
    let mut found = vec![0; expected.len()];
    from.write_all(&sent[..cut]).await.unwrap();
    to.read_exact(&mut found[..first]).await.unwrap();
    from.write_all(&sent[cut..]).await.unwrap();
    to.read_exact(&mut found[first..]).await.unwrap();
    assert!(found == expected, "{about}: {}", String::from_utf8_lossy(&found));
}

/// Reads one frame with a mask, whatever it says.
async fn read_frame(from: &mut TcpStream) -> Vec<u8> {
    let mut bytes = vec![0; 4];
    from.read_exact(&mut bytes).await.unwrap();
    let (extended, short) = (bytes[1] == 0xfe, usize::from(bytes[1] & 0x7f));
    let missing = if extended { 4 + usize::from(u16::from_be_bytes([bytes[2], bytes[3]])) } else { 2 + short };
    bytes.resize(4 + missing, 0);
    from.read_exact(&mut bytes[4..]).await.unwrap();
    bytes
}

/// The frames of a client, a request without tools among them.
fn upwards() -> Vec<Vec<u8>> {
    vec![
        frame(0x81, b"{\"type\":\"response.create\",\"input\":\"h\\u0069\", \"x\":1.0}", true),
        frame(0x01, b"{\"type\":\"response.", true),
        frame(0x89, b"?", true),
        frame(0x00, b"", true),
        frame(0x80, b"later\" }", true),
        frame(0x02, b"bin", true),
        frame(0x8a, b"", true),
        frame(0x80, b"ary", true),
        frame(0x82, &[0xfe; 130], true),
        frame(0x81, "no json, é".as_bytes(), true),
    ]
}

/// The frames of an upstream, which answers two requests; the ids of the answers are new every time.
fn downwards(number: usize) -> Vec<Vec<u8>> {
    let event = |kind: &str, more: &str| format!("{{\"type\":\"response.{kind}\", {more}}}").into_bytes();
    let response = |name: &str| format!("\"response\":{{\"id\":\"{name}{number:05}\",\"output\":[]}}");
    vec![
        frame(0x81, &event("created", &response("a")), false),
        frame(0x81, &event("output_text.delta", "\"delta\":\"\\u00e9\",\"output_index\":0"), false),
        frame(0x01, &event("later", "\"x\":1e400")[..9], false),
        frame(0x89, b"!", false),
        frame(0x80, &event("later", "\"x\":1e400")[9..], false),
        frame(0x82, &[0xfd; 130], false),
        frame(0x81, &event("completed", &response("a")), false),
        frame(0x02, b"b", false),
        frame(0x8a, b"", false),
        frame(0x80, b"c", false),
        frame(0x01, &event("created", &response("b"))[..20], false),
        frame(0x80, &event("created", &response("b"))[20..], false),
        frame(0x81, b"{\"type\":\"error\",\"status\":429,\"error\":{\"message\":\"no\"}}", false),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_arrive_as_they_are_wherever_the_connection_cuts_them() {
    let create = frame(
        0x81,
        b"{\"type\":\"response.create\",\"input\":[],\"tools\":[{\"type\":\"function\",\"name\":\"f\"}]}",
        true,
    );
    for looks in ALL {
        let upstream = SocketUpstream::start().await;
        let proxy = looks.start(upstream.address).await;
        let (mut client, mut server) = raw_pair(proxy.address(), &upstream).await;
        let (up, down) = (upwards().concat().len(), downwards(0).concat().len());
        for cut in 1..up.max(down) {
            // With tools, so that the answer is looked at when the retrieval tool is offered.
            client.write_all(&create).await.unwrap();
            read_frame(&mut server).await;
            pass(&mut client, &mut server, &upwards(), cut.min(up), &format!("up, cut at {cut}, {looks:?}")).await;
            let about = format!("down, cut at {cut}, {looks:?}");
            pass(&mut server, &mut client, &downwards(cut), cut.min(down), &about).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_with_a_long_length_may_be_cut_in_it() {
    let upstream = SocketUpstream::start().await;
    let proxy = ALL[0].start(upstream.address).await;
    let (mut client, mut server) = raw_pair(proxy.address(), &upstream).await;
    for cut in (1..20).chain([65_540, 70_000]) {
        let (up, down) = ([frame(0x81, &[b' '; 70_000], true)], [frame(0x82, &[7; 70_000], false)]);
        pass(&mut client, &mut server, &up, cut, &format!("up, cut at {cut}")).await;
        pass(&mut server, &mut client, &down, cut, &format!("down, cut at {cut}")).await;
    }
}
