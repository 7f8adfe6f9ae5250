//! Turns in which the model asks for originals, and those that follow.

use headroom_core::ccr::{Hash, RETRIEVE_TOOL};
use headroom_proxy::providers::{Api, Outcome};
use serde_json::{Value, json};

use super::talk::{ORIGINAL, UNKNOWN, Way, assembled, holds, name, recorded, stem, text, ways, with_store};
use crate::client::{Client, ask, post};
use crate::setup::{Spy, options, start, start_with};
use crate::upstream::{Seen, Upstream, answer, chunk, send, stream_head};

/// An upstream that plays recordings one after the other, and the last one again and again.
async fn plays(way: Way, names: &[&str]) -> Upstream {
    let texts: Vec<String> = names.iter().map(|kind| recorded(&format!("{}_{kind}", name(way.api)))).collect();
    Upstream::start(move |seen: &Seen| way.plays(texts.get(seen.index).or(texts.last()).unwrap())).await
}

fn rounds(way: Way, names: &[&str]) -> Vec<Value> {
    names.iter().map(|kind| assembled(way.api, &recorded(&format!("{}_{kind}", name(way.api))))).collect()
}

/// What a client was told in a turn, however a stream cuts it.
fn told(way: Way, answer: &Value) -> String {
    let mut words = String::new();
    for entry in way.echo(answer) {
        let parts = entry.get("content").or_else(|| entry.get("parts")).cloned().unwrap_or_default();
        let texts = parts.as_array().cloned().unwrap_or_else(|| vec![json!({"text": parts})]);
        let spoken = texts.iter().filter(|part| part["thought"] != true).filter_map(|part| part["text"].as_str());
        words.extend(spoken.flat_map(str::split_whitespace));
    }
    words
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_gets_one_answer_and_later_turns_are_what_the_model_read() {
    for way in ways() {
        let names = ["retrieval_1", "retrieval_2", "retrieval_3"];
        let mut upstream = plays(way, &names).await;
        let folder = tempfile::tempdir().unwrap();
        let proxy = start(with_store(upstream.address, folder.path())).await;
        let mut conversation = vec![way.user("what is it?")];
        let got = way.say(proxy.address(), &conversation).await;
        assert!(!got.text().contains(RETRIEVE_TOOL), "{way:?}: {}", got.text());
        let read = way.reads(&got);
        let expected = way.api.join(&rounds(way, &names)).unwrap();
        assert_eq!(told(way, &read), "Lookingthatup.Itis42.", "{way:?}");
        if way.api != Api::Gemini || !way.streams {
            assert_eq!(read, expected, "{way:?}");
        }
        assert_eq!(way.api.usage(&read), way.api.usage(&expected));
        assert_eq!(way.api.outcome(&read), Outcome::Answer);
        let seen = [upstream.next().await, upstream.next().await, upstream.next().await];
        assert!(upstream.is_quiet());
        let sent = seen.each_ref().map(text);
        assert!(sent[1].starts_with(stem(sent[0])) && sent[2].starts_with(stem(sent[1])), "{way:?}");
        assert!(!sent[0].contains("needle") && holds(sent[1], ORIGINAL), "{way:?}: {}", sent[1]);

        // The turns after it begin with all that, byte for byte.
        conversation.extend(way.echo(&read));
        conversation.push(way.user("thanks"));
        let read = way.reads(&way.say(proxy.address(), &conversation).await);
        let second = upstream.next().await;
        assert!(text(&second).starts_with(stem(sent[2])), "{way:?}: {}\n{}", sent[2], text(&second));
        assert_eq!(text(&second).matches("\"thanks\"").count(), 1);

        // Another proxy knows it too.
        proxy.shutdown();
        proxy.join().await;
        let proxy = start(with_store(upstream.address, folder.path())).await;
        conversation.extend(way.echo(&read));
        conversation.push(way.user("bye"));
        way.say(proxy.address(), &conversation).await;
        let third = upstream.next().await;
        assert!(text(&third).starts_with(stem(text(&second))), "{way:?}: {}\n{}", text(&second), text(&third));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tools_that_an_item_brings_are_tools() {
    for way in ways().filter(|way| way.api == Api::Responses) {
        let mut upstream = plays(way, &["retrieval_1", "retrieval_2", "retrieval_3"]).await;
        let folder = tempfile::tempdir().unwrap();
        let proxy = start(with_store(upstream.address, folder.path())).await;
        let tools = json!([{"type": "namespace", "name": "functions", "tools": [{"type": "custom", "name": "exec"}]}]);
        let brought = json!({"type": "additional_tools", "role": "developer", "tools": tools});
        let mut conversation = vec![brought, way.user("what is it?")];
        let mut request = json!({"model": "m", "stream": way.streams, "input": conversation});
        let read = way.reads(&ask(proxy.address(), post(way.path(), "", request.to_string())).await);
        assert_eq!(told(way, &read), "Lookingthatup.Itis42.");
        let seen = [upstream.next().await, upstream.next().await, upstream.next().await];
        let sent = seen.each_ref().map(|seen| serde_json::from_str::<Value>(text(seen)).unwrap());
        assert_eq!(
            (&sent[0]["input"][0]["tools"][1]["name"], &sent[0]["tools"]),
            (&json!(RETRIEVE_TOOL), &Value::Null)
        );
        assert!(holds(text(&seen[1]), ORIGINAL));

        conversation.extend(way.echo(&read));
        conversation.push(way.user("thanks"));
        request["input"] = conversation.into();
        ask(proxy.address(), post(way.path(), "", request.to_string())).await;
        let next: Value = serde_json::from_str(text(&upstream.next().await)).unwrap();
        let (before, after) = (sent[2]["input"].as_array().unwrap(), next["input"].as_array().unwrap());
        assert!(after.starts_with(before), "{before:?}\n{after:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_mixed_turn_the_client_sees_its_calls_and_the_next_turn_has_all() {
    for way in ways() {
        let mut upstream = plays(way, &["retrieval_1", "mixed", "retrieval_3"]).await;
        let folder = tempfile::tempdir().unwrap();
        let proxy = start(with_store(upstream.address, folder.path())).await;
        let mut conversation = vec![way.user("what is it?")];
        let read = way.reads(&way.say(proxy.address(), &conversation).await);
        let calls = way.api.calls(&read);
        assert_eq!((calls.len(), calls[0].is_retrieval), (1, false), "{way:?}");
        upstream.next().await;
        let continued = upstream.next().await;
        assert!(upstream.is_quiet());

        conversation.extend(way.echo(&read));
        conversation.extend(way.results(&read));
        let answer = way.reads(&way.say(proxy.address(), &conversation).await);
        let second = upstream.next().await;
        assert!(text(&second).starts_with(stem(text(&continued))), "{way:?}");
        // Twice called, twice answered, beside the result of the client.
        let added = &text(&second)[stem(text(&continued)).len()..];
        assert!(
            added.contains(RETRIEVE_TOOL) && holds(added, ORIGINAL) && added.contains("\"done\""),
            "{way:?}: {added}"
        );
        assert_eq!(told(way, &answer), "Itis42.");

        // Again after a restart.
        proxy.shutdown();
        proxy.join().await;
        let proxy = start(with_store(upstream.address, folder.path())).await;
        conversation.extend(way.echo(&answer));
        conversation.push(way.user("thanks"));
        way.say(proxy.address(), &conversation).await;
        let third = upstream.next().await;
        assert!(text(&third).starts_with(stem(text(&second))), "{way:?}: {}\n{}", text(&second), text(&third));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_remembers_goes_as_the_client_sent_it() {
    for way in ways() {
        let mut upstream = plays(way, &["mixed", "retrieval_3"]).await;
        let proxy = start(options(upstream.address)).await;
        let mut conversation = vec![way.user("what is it?")];
        let read = way.reads(&way.say(proxy.address(), &conversation).await);
        upstream.next().await;
        proxy.shutdown();
        proxy.join().await;
        let proxy = start(options(upstream.address)).await;
        conversation.extend(way.echo(&read));
        conversation.extend(way.results(&read));
        assert_eq!(way.say(proxy.address(), &conversation).await.status, 200);
        let sent: Value = serde_json::from_slice(&upstream.next().await.body).unwrap();
        assert_eq!(sent[way.list()], Value::from(conversation));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_asks_on_and_on_is_told_and_then_ended() {
    for way in ways() {
        let mut upstream = plays(way, &["retrieval_1"]).await;
        let folder = tempfile::tempdir().unwrap();
        let proxy = start(with_store(upstream.address, folder.path())).await;
        let read = way.reads(&way.say(proxy.address(), &[way.user("q")]).await);
        assert!(way.api.calls(&read).is_empty());
        assert_eq!(told(way, &read), "Lookingthatup.".repeat(5));
        let seen = [
            upstream.next().await,
            upstream.next().await,
            upstream.next().await,
            upstream.next().await,
            upstream.next().await,
        ];
        assert!(upstream.is_quiet());
        assert_eq!(text(&seen[3]).matches("the needle 42").count(), 3, "{way:?}");
        let last = &text(&seen[4])[stem(text(&seen[3])).len()..];
        assert!(last.contains("given 3 times for one request") && !last.contains("needle"), "{way:?}: {last}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hash_that_nobody_knows_is_answered_with_a_sentence() {
    for way in ways() {
        let own = Hash::of(ORIGINAL).to_string();
        let texts = ["retrieval_1", "retrieval_3"]
            .map(|kind| recorded(&format!("{}_{kind}", name(way.api))).replace(&own, UNKNOWN));
        let mut upstream = Upstream::start(move |seen: &Seen| way.plays(&texts[seen.index])).await;
        let proxy = start(options(upstream.address)).await;
        let read = way.reads(&way.say(proxy.address(), &[way.user("q")]).await);
        assert_eq!(told(way, &read), "Lookingthatup.Itis42.");
        upstream.next().await;
        let second = upstream.next().await;
        assert!(
            text(&second).contains("headroom_retrieve: no original is stored under this hash"),
            "{}",
            text(&second)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn extensions_see_the_answer_that_the_client_gets() {
    for way in ways() {
        let names = ["retrieval_1", "retrieval_2", "retrieval_3"];
        let upstream = plays(way, &names).await;
        let spy = Spy::silent();
        let proxy = start_with(options(upstream.address), vec![spy.clone()]).await;
        let read = way.reads(&way.say(proxy.address(), &[way.user("q")]).await);
        proxy.shutdown();
        proxy.join().await;
        let events = spy.events();
        let last = events.last().unwrap();
        assert_eq!((events.len(), last.stage.name()), (8, "response_received"), "{way:?}");
        assert_eq!(*last.response.as_ref().unwrap().to_json().unwrap(), read, "{way:?}");
        let tools = events[5].tools.as_ref().unwrap().to_json().unwrap().to_string();
        assert!(tools.contains(RETRIEVE_TOOL), "what is sent is shown: {tools}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_gemini_is_continued_as_a_list() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/streams");
    let texts =
        ["1", "2", "3"].map(|n| std::fs::read_to_string(folder.join(format!("gemini_retrieval_{n}.json"))).unwrap());
    let upstream =
        Upstream::start(move |seen: &Seen| answer("200 OK", "content-type: application/json\r\n", &texts[seen.index]))
            .await;
    let proxy = start(options(upstream.address)).await;
    let way = Way { api: Api::Gemini, streams: true };
    let body = way.request(&[way.user("q")]).to_string();
    let got = ask(proxy.address(), post("/v1beta/models/g:streamGenerateContent", "", body)).await;
    let chunks = got.json();
    assert!(chunks.as_array().unwrap().len() > 2 && !got.text().contains(RETRIEVE_TOOL), "{chunks}");
    assert_eq!(chunks.as_array().unwrap().last().unwrap()["candidates"][0]["finishReason"], "STOP");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_before_a_call_is_not_held_back() {
    let whole = recorded("messages_retrieval_1");
    let cut = whole.find("event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":2").unwrap();
    let (before, rest) = (whole[..cut].to_owned(), whole[cut..].to_owned());
    let go = std::sync::Arc::new(tokio::sync::Notify::new());
    let (wait, first) = (std::sync::Arc::clone(&go), before.clone());
    let upstream = Upstream::start(move |seen: &Seen| {
        if seen.index == 0 {
            let wait = crate::upstream::Do::Wait(std::sync::Arc::clone(&wait));
            vec![stream_head(), chunk(&first), wait, chunk(&rest), send("0\r\n\r\n")]
        } else {
            super::talk::streamed(&recorded("messages_retrieval_3"))
        }
    })
    .await;
    let proxy = start(options(upstream.address)).await;
    let way = Way { api: Api::Messages, streams: true };
    let mut client = Client::connect(proxy.address()).await;
    client.send(post(way.path(), "", way.request(&[way.user("q")]).to_string())).await;
    let start = client.until("\"index\":1}\n\n\r\n").await;
    assert!(start.contains("Looking that up."));
    go.notify_one();
    let end = client.until("0\r\n\r\n").await;
    assert!(end.contains("\"It is \"") && end.contains("message_stop") && !end.contains("message_start"), "{end}");
}
