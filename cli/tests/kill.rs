//! `headroom proxy` killed in the middle of requests, and started again on the same store.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod command;

use std::io::Read as _;
use std::sync::mpsc::Receiver;

use command::wire::{Proxy, hashes, upstream};
use command::{Place, noise};
use serde_json::{Value, json};

fn proxy(place: &Place, upstream: &str) -> Proxy {
    Proxy::start(place.command(&["proxy", "--port", "0", "--for-parent", "--openai-url", upstream]))
}

/// A conversation with so many results of a tool, each another text.
fn talk(results: std::ops::Range<u64>) -> String {
    let mut messages = vec![json!({"role": "user", "content": "Which worker waits?"})];
    for number in results {
        let call =
            json!({"id": format!("c{number}"), "type": "function", "function": {"name": "logs", "arguments": "{}"}});
        messages.push(json!({"role": "assistant", "content": null, "tool_calls": [call]}));
        messages.push(json!({"role": "tool", "tool_call_id": format!("c{number}"), "content": noise(number)}));
    }
    json!({"model": "gpt-4o", "messages": messages}).to_string()
}

fn messages(body: &str) -> Vec<Value> {
    serde_json::from_str::<Value>(body).unwrap()["messages"].as_array().unwrap().clone()
}

/// Everything that the markers of a body that was sent name comes back as it was in the body that was asked.
fn assert_all_come_back(place: &Place, sent: &str, asked: &str) {
    let originals: Vec<String> =
        messages(asked).iter().filter_map(|message| Some(message["content"].as_str()?.to_owned())).collect();
    let hashes = hashes(sent);
    assert!(!hashes.is_empty(), "nothing was left out");
    for hash in hashes {
        let found = place.succeed(&["retrieve", &hash], b"");
        assert!(originals.iter().any(|original| original.contains(&found)), "{hash}: {} bytes", found.len());
        assert!(found.len() > 1000, "{hash}: {found:?}");
    }
}

fn assert_store_is_whole(place: &Place) {
    let output = place.command(&["doctor", "--json"]).env("HEADROOM_PORT", "0").output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let store = report["checks"].as_array().unwrap().iter().find(|check| check["name"] == "store").unwrap().clone();
    assert_eq!(store["state"], "ok", "{store}");
    let listed = place.succeed(&["store", "list", "--json"], b"");
    for entry in serde_json::from_str::<Value>(&listed).unwrap().as_array().unwrap() {
        // A damaged one would be an error.
        place.succeed(&["retrieve", entry["hash"].as_str().unwrap()], b"");
    }
}

/// The bodies that an upstream got so far.
fn received(seen: &Receiver<String>) -> Vec<String> {
    seen.try_iter().collect()
}

#[test]
fn after_a_kill_in_mid_request_originals_come_back_and_the_same_bytes_leave() {
    let place = Place::new();
    let (upstream, seen) = upstream(&[1]);
    let killed = proxy(&place, &upstream);
    let (first, second) = (talk(0..1), talk(0..2));
    assert!(killed.ask(&first).0.starts_with("HTTP/1.1 200 OK"));
    let first_sent = seen.recv().unwrap();
    let mut waiting = killed.send(&second);
    let second_sent = seen.recv().unwrap();
    killed.kill();
    // The client hears of it at once and not half an answer.
    let mut answer = Vec::new();
    assert_eq!(waiting.read_to_end(&mut answer).unwrap_or_default(), 0, "{answer:?}");

    assert_store_is_whole(&place);
    assert_all_come_back(&place, &first_sent, &first);
    assert_all_come_back(&place, &second_sent, &second);

    let again = proxy(&place, &upstream);
    assert!(again.ask(&second).0.starts_with("HTTP/1.1 200 OK"));
    assert_eq!(seen.recv().unwrap(), second_sent, "what the provider has cached is sent again");
    assert_eq!(messages(&second_sent)[..3], messages(&first_sent)[..]);
    let third = talk(0..3);
    again.ask(&third);
    let third_sent = seen.recv().unwrap();
    assert_eq!(messages(&third_sent)[..5], messages(&second_sent)[..]);
    assert_all_come_back(&place, &third_sent, &third);
    again.stop();
}

#[test]
fn no_marker_leaves_before_its_original_is_safe_from_a_kill() {
    // Killed while others are being compressed and stored, after so many have left.
    for after in [1, 3, 6] {
        let place = Place::new();
        let (upstream, seen) = upstream(&[]);
        let killed = proxy(&place, &upstream);
        let asked: Vec<String> = (0..10).map(|number| talk(number * 10..number * 10 + 2)).collect();
        let waiting: Vec<_> = asked.iter().map(|body| killed.send(body)).collect();
        let mut sent: Vec<String> = (0..after).map(|_| seen.recv().unwrap()).collect();
        killed.kill();
        drop(waiting);
        sent.extend(received(&seen));
        assert_store_is_whole(&place);
        for body in sent {
            let call = |body: &str| messages(body)[1]["tool_calls"][0]["id"].clone();
            let asked = asked.iter().find(|asked| call(asked) == call(&body)).unwrap();
            assert_all_come_back(&place, &body, asked);
        }
        // And it goes on.
        let again = proxy(&place, &upstream);
        assert!(again.ask(&asked[9]).0.starts_with("HTTP/1.1 200 OK"));
        again.stop();
    }
}
