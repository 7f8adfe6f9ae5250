//! The stages around the requests on a WebSocket.

use std::sync::Arc;

use headroom_core::extension::Answer;
use headroom_core::pipeline::{PipelineEvent, PipelineStage};
use headroom_core::{Error, ErrorKind, Value};
use headroom_proxy::RunningProxy;
use serde_json::json;

use crate::setup::{Spy, options, start, start_with};
use crate::socket::{Socket, SocketUpstream, pair};

const ALL: [&str; 8] = [
    "input_received",
    "input_cached",
    "input_routed",
    "input_compressed",
    "input_remembered",
    "pre_send",
    "post_send",
    "response_received",
];

fn created(id: &str) -> String {
    json!({"type": "response.created", "response": {"id": id, "status": "in_progress", "output": []}}).to_string()
}

fn completed(id: &str) -> String {
    let output =
        json!([{"type": "message", "id": "m", "role": "assistant", "content": [{"type": "output_text", "text": id}]}]);
    let usage = json!({"input_tokens": 3, "output_tokens": 1});
    json!({"type": "response.completed", "response": {"id": id, "status": "completed", "output": output, "usage": usage}})
        .to_string()
}

fn delta(text: &str) -> String {
    json!({"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": text}).to_string()
}

/// A log of many similar lines, as it stands in a JSON text.
fn log() -> String {
    (0..2000)
        .map(|line| {
            format!("2024-01-15T08:30:{:02}Z INFO worker-{} handled request {line} in 12 ms\\n", line % 60, line % 7)
        })
        .collect()
}

fn number(event: &PipelineEvent) -> u64 {
    event.metadata.get("frame_index").unwrap().to_json().unwrap().as_u64().unwrap()
}

async fn stop(proxy: RunningProxy, client: Socket, server: Socket) {
    proxy.shutdown();
    tokio::join!(proxy.join(), client.finish(), server.finish());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_nothing_is_taken_from_arrives_as_the_same_text_in_either_form() {
    let upstream = SocketUpstream::start().await;
    let proxy = start_with(options(upstream.address), vec![Spy::silent()]).await;
    let (mut client, mut server) = pair(proxy.address(), &upstream).await;
    for text in [
        "{ \"type\":\"response.create\",\t\"model\":\"gpt-5\",\"x\":1.0,\"x\":1e400,\"input\":[{\"role\":\"user\",\"content\":\"h\\u00e9llo \\/\"}]}\n",
        "{\"response\" : {\"model\":\"gpt-5\",\"input\":\"hi\"},\"type\":\"response.create\"}",
        "{\"type\":\"response.create\",\"response\":7}",
        "{\"type\":\"response.create\",\"input\":",
        "{\"type\":\"response.create\",\"previous_response_id\":\"r\",\"input\":[]}",
    ] {
        client.send(text).await;
        assert_eq!(server.text().await, text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_tool_result_is_shorter_in_either_form_and_everything_else_as_it_came() {
    let upstream = SocketUpstream::start().await;
    let proxy = start(options(upstream.address)).await;
    let (mut client, mut server) = pair(proxy.address(), &upstream).await;
    let body = format!(
        r#""model":"gpt-5", "input":[{{"type":"function_call","call_id":"c","name":"logs","arguments":"{{}}"}},{{"type":"function_call_output","call_id":"c","output":"{}"}}],"previous_response_id":"r0"}}"#,
        log()
    );
    for (front, back) in [("{\"type\":\"response.create\",", ""), ("{\"type\":\"response.create\",\"response\":{", "}")]
    {
        let text = format!("{front}{body}{back}");
        let mut sent = Vec::new();
        for _ in 0..2 {
            client.send(text.as_str()).await;
            sent.push(server.text().await);
        }
        assert_eq!(sent[0], sent[1]);
        let sent = &sent[0];
        assert!(sent.len() < text.len() / 2, "{}", sent.len());
        let until = text.find("2024-01-15").unwrap();
        assert_eq!(sent[..until], text[..until]);
        assert!(sent.ends_with(&format!("\"}}],\"previous_response_id\":\"r0\"}}{back}")));
        serde_json::from_str::<serde_json::Value>(sent).unwrap();
    }
    // In pieces it is the same request.
    let text = format!("{{\"type\":\"response.create\",{body}");
    client.send_in_pieces(&text, 50_000).await;
    assert!(server.text().await.len() < text.len() / 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_stages_happen_for_every_request_with_what_they_promise() {
    let upstream = SocketUpstream::start().await;
    let spy = Spy::silent();
    let mut options = options(upstream.address);
    options.retrieval_tool = false;
    let proxy = start_with(options, vec![spy.clone()]).await;
    let (mut client, mut server) = tokio::join!(
        Socket::connect(proxy.address(), "/p/web/v1/responses", &[("authorization", "Bearer secret")]),
        upstream.accept()
    );
    assert_eq!(server.headers["authorization"], "Bearer secret");
    for (text, id) in [
        (r#"{"type":"response.create","model":"gpt-5","input":"one","tools":[{"type":"function","name":"f"}]}"#, "r1"),
        (r#"{"type":"response.cancel"}"#, ""),
        (r#"{"type":"response.create","response":{"model":"gpt-5","input":[],"previous_response_id":"r1"}}"#, "r2"),
    ] {
        client.send(text).await;
        assert_eq!(server.text().await, text);
        if id.is_empty() {
            continue;
        }
        for message in [created(id), delta("a"), completed(id)] {
            server.send(message.as_str()).await;
            assert_eq!(client.text().await, message);
        }
    }
    stop(proxy, client, server).await;
    // The stage after an answer happens beside the next request.
    let mut events = spy.events();
    events.sort_by_key(number);
    assert_eq!(events.len(), 16);
    for (events, (index, id)) in events.chunks(8).zip([(0, "r1"), (2, "r2")]) {
        assert_eq!(events.iter().map(|event| event.stage.name()).collect::<Vec<_>>(), ALL);
        for event in events {
            let about = |name: &str| event.metadata.get(name).unwrap().to_json().unwrap();
            assert_eq!((&*event.operation, &*event.provider, &*event.model), ("proxy.request", "openai", "gpt-5"));
            assert_eq!((&*about("transport"), &*about("api_style")), (&json!("websocket"), &json!("responses")));
            assert_eq!((&*about("frame_index"), &*about("frame_type")), (&json!(index), &json!("response.create")));
            assert_eq!((&*about("path"), &*about("project")), (&json!("/v1/responses"), &json!("web")));
            assert!(event.messages.is_none() && event.payload.is_some());
            assert_eq!(event.request_id, events[0].request_id);
            assert!(!format!("{event:?}").contains("secret"));
        }
        let payload = events[0].payload.as_ref().unwrap().to_json().unwrap();
        assert!(payload.to_string().contains("gpt-5"));
        let after = &events[6];
        assert_eq!(after.headers.as_ref().unwrap().to_json().unwrap()["x-upstream"], "yes");
        assert_eq!(*after.metadata.get("status_code").unwrap().to_json().unwrap(), json!(101));
        let last = &events[7];
        let about = |name: &str| last.metadata.get(name).unwrap().to_json().unwrap();
        assert_eq!((&*about("stream"), &about("usage")["input_tokens"]), (&json!(true), &json!(3)));
        let response = last.response.as_ref().unwrap().to_json().unwrap();
        assert_eq!((&response["id"], &response["output"][0]["content"][0]["text"]), (&json!(id), &json!(id)));
    }
    assert_eq!(events[0].tools.as_ref().unwrap().to_json().unwrap()[0]["name"], "f");
    assert_ne!(events[0].request_id, events[8].request_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_late_is_not_taken_for_that_of_the_next_request() {
    let upstream = SocketUpstream::start().await;
    let spy = Spy::silent();
    let proxy = start_with(options(upstream.address), vec![spy.clone()]).await;
    let (mut client, mut server) = pair(proxy.address(), &upstream).await;
    let create = r#"{"type":"response.create","model":"gpt-5","input":"one"}"#;
    // An answer of nobody is under way when the first request is sent.
    server.send(created("r0")).await;
    client.text().await;
    for _ in 0..2 {
        client.send(create).await;
        server.text().await;
    }
    let error = r#"{"type":"error","status":400,"error":{"code":"previous_response_not_found","message":"no"}}"#;
    for message in
        [delta("0"), completed("r0"), created("r1"), delta("1"), error.to_owned(), completed("r1"), completed("r1")]
    {
        server.send(message.as_str()).await;
        assert_eq!(client.text().await, message);
    }
    stop(proxy, client, server).await;
    let events = spy.events();
    let of = |stage: PipelineStage, index: u64| {
        let found: Vec<_> = events.iter().filter(|event| event.stage == stage && number(event) == index).collect();
        assert_eq!(found.len(), 1, "{stage:?} {index}");
        found[0].clone()
    };
    let first = of(PipelineStage::ResponseReceived, 0);
    assert_eq!(first.response.unwrap().to_json().unwrap()["id"], "r1");
    let second = of(PipelineStage::ResponseReceived, 1);
    assert_eq!(second.response.unwrap().to_json().unwrap()["error"]["message"], "no");
    let status = |event: PipelineEvent| event.metadata.get("status_code").unwrap().to_json().unwrap().as_u64();
    assert_eq!(status(of(PipelineStage::PostSend, 0)), Some(101));
    assert_eq!(status(of(PipelineStage::PostSend, 1)), Some(400));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_never_answered_has_failed() {
    let upstream = SocketUpstream::start().await;
    let spy = Spy::silent();
    let proxy = start_with(options(upstream.address), vec![spy.clone()]).await;
    let (mut client, mut server) = pair(proxy.address(), &upstream).await;
    client.send(r#"{"type":"response.create","input":"one"}"#).await;
    server.text().await;
    server.vanish();
    assert_eq!(client.closed().await.0, 1011);
    client.finish().await;
    proxy.shutdown();
    proxy.join().await;
    assert_eq!(spy.stages(), ALL[..7]);
    assert!(spy.events()[6].metadata.get("status_code").unwrap().to_json().unwrap().is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extension_may_change_a_request_and_only_that() {
    let upstream = SocketUpstream::start().await;
    let spy = Spy::new(|event| {
        if event.stage == PipelineStage::PreSend {
            let mut payload = (*event.payload.as_ref().unwrap().to_json().unwrap()).clone();
            payload["instructions"] = json!("be brief");
            event.payload = Some(Value::json(payload));
        }
        Ok(Answer::None)
    });
    let proxy = start_with(options(upstream.address), vec![spy]).await;
    let (mut client, mut server) = pair(proxy.address(), &upstream).await;
    client.send(r#"{"type":"response.create","input":"one"}"#).await;
    assert_eq!(server.text().await, r#"{"type":"response.create","input":"one","instructions":"be brief"}"#);
    client.send(r#"{"type":"response.cancel"}"#).await;
    assert_eq!(server.text().await, r#"{"type":"response.cancel"}"#);
}

fn answering() -> Arc<Spy> {
    Spy::new(|event| {
        if event.stage != PipelineStage::InputReceived {
            return Ok(Answer::None);
        }
        let mut answer = event.clone();
        answer.stage = PipelineStage::ResponseReceived;
        let response = serde_json::from_str::<serde_json::Value>(&completed("ours")).unwrap()["response"].clone();
        answer.response = Some(Value::json(response));
        Ok(Answer::Event(Box::new(answer)))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_an_extension_comes_as_the_messages_of_the_api() {
    let upstream = SocketUpstream::start().await;
    let spy = answering();
    let proxy = start_with(options(upstream.address), vec![spy.clone()]).await;
    let (mut client, mut server) = pair(proxy.address(), &upstream).await;
    client.send(r#"{"type":"response.create","input":"one"}"#).await;
    let mut kinds = Vec::new();
    let last = loop {
        let message = client.json().await;
        kinds.push(message["type"].as_str().unwrap().to_owned());
        if message["type"] == "response.completed" {
            break message;
        }
    };
    assert_eq!(kinds[..2], ["response.created", "response.in_progress"]);
    assert!(kinds.contains(&"response.output_text.delta".to_owned()));
    assert_eq!(last["response"]["id"], "ours");
    assert_eq!(spy.stages(), ["input_received", "response_received"]);
    // The upstream has heard nothing of it.
    client.send("next").await;
    assert_eq!(server.text().await, "next");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_an_error_message_and_the_socket_goes_on() {
    let upstream = SocketUpstream::start().await;
    let spy = Spy::closed(|event| match event.stage {
        PipelineStage::PreSend => Err(Error::new(ErrorKind::Extension, "not on a Friday")),
        _ => Ok(Answer::None),
    });
    let proxy = start_with(options(upstream.address), vec![spy]).await;
    let (mut client, mut server) = pair(proxy.address(), &upstream).await;
    client.send(r#"{"type":"response.create","input":"one"}"#).await;
    let error = client.json().await;
    assert_eq!((&error["type"], &error["status"]), (&json!("error"), &json!(403)));
    for message in [&error["message"], &error["error"]["message"]] {
        assert!(message.as_str().unwrap().contains("not on a Friday"), "{error}");
    }
    client.send("next").await;
    assert_eq!(server.text().await, "next");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_refused_does_not_reach_the_client() {
    let upstream = SocketUpstream::start().await;
    let spy = Spy::closed(|event| match event.stage {
        PipelineStage::PostSend => Err(Error::new(ErrorKind::Extension, "not this one")),
        _ => Ok(Answer::None),
    });
    let proxy = start_with(options(upstream.address), vec![spy]).await;
    let (mut client, mut server) = pair(proxy.address(), &upstream).await;
    client.send(r#"{"type":"response.create","input":"one"}"#).await;
    server.text().await;
    server.send(created("r1")).await;
    assert_eq!(client.json().await["type"], "error");
    assert_eq!(client.closed().await.0, 1008);
    assert_eq!(server.closed().await.0, 1001);
}
