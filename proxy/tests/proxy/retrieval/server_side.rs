//! Conversations of OpenAI Responses that the server holds.

use headroom_core::ccr::RETRIEVE_TOOL;
use headroom_proxy::providers::Api;
use serde_json::{Value, json};

use super::talk::{ORIGINAL, Way, assembled, holds, recorded, text, with_store};
use crate::client::{Answer, ask, post};
use crate::setup::start;
use crate::upstream::{Seen, Upstream};

fn ways() -> [Way; 2] {
    [false, true].map(|streams| Way { api: Api::Responses, streams })
}

async fn say(way: Way, proxy: std::net::SocketAddr, more: &Value, input: &[Value]) -> Answer {
    let mut request = way.request(input);
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    ask(proxy, post(way.path(), "", request.to_string())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_request_continues_the_last_round() {
    for way in ways() {
        let texts = ["responses_retrieval_1", "responses_retrieval_3"].map(recorded);
        let last = assembled(way.api, &texts[1])["id"].clone();
        let mut upstream = Upstream::start(move |seen: &Seen| way.plays(&texts[seen.index.min(1)])).await;
        let folder = tempfile::tempdir().unwrap();
        let proxy = start(with_store(upstream.address, folder.path())).await;
        let read = way.reads(&say(way, proxy.address(), &json!({"store": true}), &[way.user("q")]).await);
        assert_ne!(read["id"], last);
        upstream.next().await;
        upstream.next().await;
        proxy.shutdown();
        proxy.join().await;
        let proxy = start(with_store(upstream.address, folder.path())).await;
        say(way, proxy.address(), &json!({"previous_response_id": read["id"]}), &[way.user("thanks")]).await;
        let sent: Value = serde_json::from_slice(&upstream.next().await.body).unwrap();
        assert_eq!((&sent["previous_response_id"], &sent["input"]), (&last, &json!([way.user("thanks")])));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_beside_the_clients_result_is_added() {
    for way in ways() {
        for holder in ["previous_response_id", "conversation"] {
            let texts = ["responses_mixed", "responses_retrieval_3"].map(recorded);
            let mut upstream = Upstream::start(move |seen: &Seen| way.plays(&texts[seen.index.min(1)])).await;
            let folder = tempfile::tempdir().unwrap();
            let proxy = start(with_store(upstream.address, folder.path())).await;
            let held =
                |id: &Value| if holder == "conversation" { json!({"conversation": "c"}) } else { json!({holder: id}) };
            let before = if holder == "conversation" { held(&Value::Null) } else { json!({}) };
            let read = way.reads(&say(way, proxy.address(), &before, &[way.user("q")]).await);
            upstream.next().await;
            let results = way.results(&read);
            assert_eq!(results.len(), 1);
            say(way, proxy.address(), &held(&read["id"]), &results).await;
            let seen = upstream.next().await;
            let sent: Value = serde_json::from_slice(&seen.body).unwrap();
            let input = sent["input"].as_array().unwrap();
            assert_eq!(input.len(), 2, "{holder}: {}", text(&seen));
            assert!(holds(&input[0].to_string(), ORIGINAL) && input[1] == results[0]);
            assert!(!input.iter().any(|item| item["type"] == "function_call"), "the server has the calls");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_conversation_the_server_gets_the_answers_alone() {
    for way in ways() {
        let texts = ["responses_retrieval_1", "responses_retrieval_3"].map(recorded);
        let mut upstream = Upstream::start(move |seen: &Seen| way.plays(&texts[seen.index.min(1)])).await;
        let folder = tempfile::tempdir().unwrap();
        let proxy = start(with_store(upstream.address, folder.path())).await;
        say(way, proxy.address(), &json!({"conversation": "c"}), &[way.user("q")]).await;
        upstream.next().await;
        let sent: Value = serde_json::from_slice(&upstream.next().await.body).unwrap();
        assert_eq!((sent["input"].as_array().unwrap().len(), &sent["input"][0]["call_id"]), (1, &json!("call_r1")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_that_was_offered_where_an_item_brought_tools_is_answered_later_too() {
    for way in ways() {
        let texts = ["responses_retrieval_3", "responses_retrieval_1", "responses_retrieval_3"].map(recorded);
        let mut upstream = Upstream::start(move |seen: &Seen| way.plays(&texts[seen.index.min(2)])).await;
        let folder = tempfile::tempdir().unwrap();
        let proxy = start(with_store(upstream.address, folder.path())).await;
        let brought =
            json!({"type": "additional_tools", "role": "developer", "tools": [{"type": "custom", "name": "exec"}]});
        let first = json!({"model": "m", "stream": way.streams, "input": [brought, way.user("q")]});
        let read = way.reads(&ask(proxy.address(), post(way.path(), "", first.to_string())).await);
        assert!(text(&upstream.next().await).contains(RETRIEVE_TOOL));

        let second =
            json!({"stream": way.streams, "previous_response_id": read["id"], "input": [way.user("what is it?")]});
        let got = ask(proxy.address(), post(way.path(), "", second.to_string())).await;
        assert!(!got.text().contains(RETRIEVE_TOOL), "{}", got.text());
        assert_eq!(text(&upstream.next().await), second.to_string());
        assert!(holds(text(&upstream.next().await), ORIGINAL));
    }
}
