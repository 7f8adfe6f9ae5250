//! What goes wrong while a turn is continued.

use headroom_proxy::providers::Api;
use serde_json::Value;

use super::talk::{ORIGINAL, Way, holds, name, recorded, text, ways, with_store};
use crate::client::{Client, post};
use crate::setup::{options, start};
use crate::upstream::{Do, Seen, Upstream, answer};

const OVERLOADED: &str = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;

fn first(way: Way) -> Vec<Do> {
    way.plays(&recorded(&format!("{}_retrieval_1", name(way.api))))
}

/// The error in a client's stream.
fn error_of(way: Way, stream: &str) -> Value {
    let data = stream.trim_end().rsplit("data: ").next().unwrap();
    let event: Value = serde_json::from_str(data).unwrap_or_else(|cause| panic!("{way:?} {cause}: {data}"));
    if way.api == Api::Responses { event } else { event["error"].clone() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_that_the_upstream_does_not_go_on_with_ends_with_its_error() {
    for way in ways() {
        let upstream = Upstream::start(move |seen: &Seen| match seen.index {
            0 => first(way),
            _ => answer("529 Overloaded", "content-type: application/json\r\nretry-after: 7\r\n", OVERLOADED),
        })
        .await;
        let proxy = start(options(upstream.address)).await;
        let got = way.say(proxy.address(), &[way.user("q")]).await;
        if way.streams {
            assert_eq!(got.status, 200);
            assert!(got.text().contains("Looking "), "{way:?}: {}", got.text());
            let message = error_of(way, got.text())["message"].as_str().unwrap().to_owned();
            if way.api == Api::Responses {
                let events = got.text().matches("\nevent: ").count() as u64;
                assert_eq!(error_of(way, got.text())["sequence_number"], events);
            }
            assert!(message.contains("529") && message.contains("Overloaded"), "{message}");
        } else {
            assert_eq!((got.status, got.text(), got.header("retry-after")), (529, OVERLOADED, Some("7")), "{way:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_goes_away_in_a_later_round_is_told_too() {
    for way in ways() {
        let upstream = Upstream::start(move |seen: &Seen| match seen.index {
            0 => first(way),
            _ => vec![Do::Reset],
        })
        .await;
        let proxy = start(options(upstream.address)).await;
        let got = way.say(proxy.address(), &[way.user("q")]).await;
        let message = if way.streams {
            error_of(way, got.text())["message"].as_str().unwrap().to_owned()
        } else {
            assert_eq!(got.status, 502);
            got.json()["error"]["message"].as_str().unwrap().to_owned()
        };
        assert!(message.starts_with("headroom: "), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_original_that_the_model_cannot_take_is_refused_and_the_turn_goes_on() {
    for way in ways() {
        let mut upstream = Upstream::start(move |seen: &Seen| match seen.index {
            0 => first(way),
            1 => answer("400 Bad Request", "", r#"{"error":{"message":"prompt is too long"}}"#),
            _ => way.plays(&recorded(&format!("{}_retrieval_3", name(way.api)))),
        })
        .await;
        let folder = tempfile::tempdir().unwrap();
        let proxy = start(with_store(upstream.address, folder.path())).await;
        let got = way.say(proxy.address(), &[way.user("q")]).await;
        assert!(got.text().contains("42"), "{way:?}: {}", got.text());
        let seen = [upstream.next().await, upstream.next().await, upstream.next().await];
        assert!(holds(text(&seen[1]), ORIGINAL));
        assert!(!holds(text(&seen[2]), ORIGINAL) && text(&seen[2]).contains("ask for a part of it"), "{way:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_does_not_open_costs_no_answer() {
    for way in ways() {
        let mut upstream = Upstream::start(move |seen: &Seen| match seen.index {
            0 => first(way),
            _ => way.plays(&recorded(&format!("{}_retrieval_3", name(way.api)))),
        })
        .await;
        let folder = tempfile::tempdir().unwrap();
        let mut options = options(upstream.address);
        // A folder is no store.
        options.store = Some(folder.path().to_str().unwrap().to_owned());
        let proxy = start(options).await;
        let mut conversation = vec![way.user("q")];
        let read = way.reads(&way.say(proxy.address(), &conversation).await);
        upstream.next().await;
        let second = upstream.next().await;
        assert!(text(&second).contains("the store cannot be read now"), "{way:?}: {}", text(&second));
        // This proxy knows it all the same.
        conversation.extend(way.echo(&read));
        conversation.push(way.user("thanks"));
        way.say(proxy.address(), &conversation).await;
        assert!(text(&upstream.next().await).contains("the store cannot be read now"), "{way:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_ends_the_round_at_the_upstream() {
    for way in ways() {
        let never = std::sync::Arc::new(tokio::sync::Notify::new());
        let mut upstream = Upstream::start(move |seen: &Seen| match seen.index {
            0 => first(way),
            _ => vec![Do::Wait(std::sync::Arc::clone(&never))],
        })
        .await;
        let proxy = start(options(upstream.address)).await;
        let mut client = Client::connect(proxy.address()).await;
        client.send(post(way.path(), "", way.request(&[way.user("q")]).to_string())).await;
        upstream.next().await;
        upstream.next().await;
        drop(client);
        assert_eq!(upstream.gone().await, 1, "{way:?}");
    }
}
