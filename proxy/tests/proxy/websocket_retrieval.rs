//! `headroom_retrieve` inside of the proxy, on a WebSocket.

use std::path::Path;

use bytes::Bytes;
use headroom_core::ccr::{RETRIEVE_TOOL, retrieve_tool};
use headroom_core::pipeline::PipelineStage;
use headroom_proxy::RunningProxy;
use headroom_proxy::providers::{Api, Framing, Reader};
use headroom_proxy::sse::Piece;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::retrieval::talk::{ORIGINAL, UNKNOWN, Way, assembled, holds, recorded, with_store};
use crate::setup::{Spy, start, start_with};
use crate::socket::{Socket, SocketUpstream, pair};

/// A client and an upstream, connected through a proxy with a store.
struct Line {
    client: Socket,
    server: Socket,
    proxy: RunningProxy,
    _folder: TempDir,
}

impl Line {
    async fn new() -> Self {
        Self::with(vec![]).await
    }

    async fn with(extensions: Vec<std::sync::Arc<dyn headroom_core::extension::Extension>>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let upstream = SocketUpstream::start().await;
        let proxy = start_with(with_store(upstream.address, folder.path()), extensions).await;
        let (client, server) = pair(proxy.address(), &upstream).await;
        Self { client, server, proxy, _folder: folder }
    }

    /// Sends a request; gives what the upstream got.
    async fn create(&mut self, more: &Value, input: &[Value]) -> Value {
        self.client.send(create(more, input)).await;
        self.server.json().await
    }

    /// Sends the messages of a recorded answer.
    async fn answer(&mut self, name: &str, lane: Option<&str>) {
        for message in messages(&recorded(name), lane) {
            self.server.send(message).await;
        }
    }

    /// Reads an answer to its end: its messages.
    async fn read(&mut self) -> Vec<String> {
        let mut messages = Vec::new();
        loop {
            let message = self.client.text().await;
            let kind = json(&message)["type"].as_str().unwrap().to_owned();
            messages.push(message);
            if kind == "response.completed" || kind == "error" {
                return messages;
            }
        }
    }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn way() -> Way {
    Way { api: Api::Responses, streams: false }
}

fn user(text: &str) -> Value {
    way().user(text)
}

/// A `response.create` with a tool.
fn create(more: &Value, input: &[Value]) -> String {
    let mut create = json!({"type": "response.create"});
    let members = create.as_object_mut().unwrap();
    members.extend(more.as_object().unwrap().clone());
    members.extend(way().request(input).as_object().unwrap().clone());
    create.to_string()
}

/// The messages that a stream would be on a WebSocket.
fn messages(stream: &str, lane: Option<&str>) -> Vec<String> {
    let mut messages = Vec::new();
    Reader::new(Framing::Events, 1 << 20).feed(&Bytes::copy_from_slice(stream.as_bytes()), |piece| {
        let Piece::Frame(frame) = piece else { panic!("{piece:?}") };
        let Some(event) = frame.event() else { return };
        messages.push(match lane {
            Some(lane) => event.data.replacen('{', &format!("{{\"stream_id\":\"{lane}\","), 1),
            None => event.data.into_owned(),
        });
    });
    messages
}

/// The response that messages make.
fn response(messages: &[String]) -> Value {
    let mut assembler = Api::Responses.assembler();
    messages.iter().for_each(|message| assembler.take(&json(message)));
    assembler.response().unwrap()
}

/// An answer to one call, and nothing else, behind the response with this id.
fn assert_continues(request: &Value, id: &str, call: &str) {
    let input = request["input"].as_array().unwrap();
    assert_eq!((&request["type"], &request["previous_response_id"]), (&json!("response.create"), &json!(id)));
    assert_eq!(
        (input.len(), &input[0]["type"], &input[0]["call_id"]),
        (1, &json!("function_call_output"), &json!(call))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_with_tools_has_one_more_in_either_form_and_every_other_byte_as_it_was() {
    let mut line = Line::new().await;
    let definition = format!(",{}", retrieve_tool("openai-responses").unwrap());
    let inline = create(&json!({"previous_response_id": "r"}), &[user("q")]);
    let inside =
        inline.replacen("\"type\":\"response.create\",", "\"type\":\"response.create\",\"response\":{ ", 1) + "}";
    let inside = inside.replacen("\"previous_response_id\":\"r\",", "", 1);
    for text in [inline, inside] {
        for _ in 0..2 {
            line.client.send(text.as_str()).await;
            let sent = line.server.text().await;
            assert_eq!(sent.matches(&definition).count(), 1, "{sent}");
            assert_eq!(sent.replacen(&definition, "", 1), text);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_bypasses_or_has_no_tools_or_is_off_is_not_touched() {
    let upstream = SocketUpstream::start().await;
    let folder = tempfile::tempdir().unwrap();
    let on = with_store(upstream.address, folder.path());
    let mut off = on.clone();
    off.retrieval_tool = false;
    let (on, off) = (start(on).await, start(off).await);
    let with_tools = create(&json!({}), &[user("q")]);
    let without = r#"{"type":"response.create","input":"q","tools":[]}"#.to_owned();
    for (proxy, headers, text) in
        [(&on, &[("x-headroom-bypass", "true")][..], &with_tools), (&on, &[], &without), (&off, &[], &with_tools)]
    {
        let (mut client, mut server) =
            tokio::join!(Socket::connect(proxy.address(), "/v1/responses", headers), upstream.accept());
        client.send(text.as_str()).await;
        assert_eq!(server.text().await, *text);
        // Nobody answers for the client then.
        for message in messages(&recorded("responses_retrieval_1"), None) {
            server.send(message.as_str()).await;
            assert_eq!(client.text().await, message);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_calls_of_the_tool_comes_as_it_is() {
    for name in ["responses_text", "responses_tools", "responses_incomplete", "responses_failed", "responses_error"] {
        let mut line = Line::new().await;
        line.create(&json!({}), &[user("q")]).await;
        for message in messages(&recorded(name), None) {
            line.server.send(message.as_str()).await;
            assert_eq!(line.client.text().await, message);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_gets_one_answer_of_several_rounds() {
    for lane in [None, Some("main")] {
        let mut line = Line::new().await;
        let mut more = json!({"store": false});
        more.as_object_mut().unwrap().extend(lane.map(|lane| ("stream_id".to_owned(), lane.into())));
        line.create(&more, &[user("what is it?")]).await;
        let names = ["responses_retrieval_1", "responses_retrieval_2", "responses_retrieval_3"];
        line.answer(names[0], lane).await;
        let second = line.server.json().await;
        assert_continues(&second, "resp_1", "call_r1");
        assert!(holds(&second["input"].to_string(), ORIGINAL));
        assert_eq!((&second["store"], second["tools"].as_array().unwrap().len()), (&json!(false), 2));
        assert_eq!(second.get("stream_id").and_then(Value::as_str), lane);
        line.answer(names[1], lane).await;
        let third = line.server.json().await;
        assert_continues(&third, "resp_2", "call_r2");
        line.answer(names[2], lane).await;

        let read = line.read().await;
        let rounds = names.map(|name| assembled(Api::Responses, &recorded(name)));
        assert_eq!(Some(response(&read)), Api::Responses.join(&rounds));
        let first = messages(&recorded(names[0]), lane);
        let call = first.iter().position(|message| message.contains(RETRIEVE_TOOL)).unwrap();
        assert_eq!(read[..call], first[..call], "what comes before the call is not as it was");
        for (number, message) in read.iter().map(|message| json(message)).enumerate() {
            assert_eq!(message["sequence_number"], number);
            assert_eq!(message.get("stream_id").and_then(Value::as_str), lane, "{message}");
            let kind = message["type"].as_str().unwrap();
            assert_eq!(kind == "response.created", number == 0);
            assert!(!message.to_string().contains(RETRIEVE_TOOL));
        }
        assert_eq!(json(read.last().unwrap())["response"]["id"], "resp_1");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_request_continues_the_last_round_with_or_without_the_whole_conversation() {
    let mut line = Line::new().await;
    let mut conversation = vec![user("what is it?")];
    line.create(&json!({}), &conversation).await;
    line.answer("responses_retrieval_1", None).await;
    let second = line.server.json().await;
    line.answer("responses_retrieval_3", None).await;
    let read = response(&line.read().await);
    assert_eq!(read["id"], "resp_1");

    // By id: what the server holds is the last round.
    let more = json!({"previous_response_id": read["id"]});
    let sent = line.create(&more, &[user("thanks")]).await;
    assert_eq!((&sent["previous_response_id"], &sent["input"]), (&json!("resp_3"), &json!([user("thanks")])));
    // Without tools, too.
    let bare = json!({"type": "response.create", "input": "hm", "previous_response_id": read["id"]});
    line.client.send(bare.to_string()).await;
    assert_eq!(line.server.json().await["previous_response_id"], "resp_3");

    // Whole: what the model has read, in its order.
    let first = conversation.len();
    conversation.extend(way().echo(&read));
    conversation.push(user("thanks"));
    let sent = line.create(&json!({}), &conversation).await;
    let input = sent["input"].as_array().unwrap();
    let kinds: Vec<&str> = input.iter().map(|item| item["type"].as_str().unwrap_or("user")).collect();
    let expected =
        ["user", "reasoning", "message", "function_call", "function_call_output", "reasoning", "message", "user"];
    assert_eq!(kinds, expected);
    assert_eq!(input[4], second["input"][0]);
    assert_eq!((&input[..first], input.last()), (&conversation[..first], conversation.last()));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_mixed_turn_the_client_sees_its_calls_and_the_next_request_has_all() {
    for by_id in [true, false] {
        let mut line = Line::new().await;
        let mut conversation = vec![user("what is it?")];
        line.create(&json!({}), &conversation).await;
        line.answer("responses_mixed", None).await;
        let read = response(&line.read().await);
        let calls = Api::Responses.calls(&read);
        assert_eq!((calls.len(), &*calls[0].name), (1, "shell"));
        let results = way().results(&read);
        let sent = if by_id {
            line.create(&json!({"previous_response_id": read["id"]}), &results).await
        } else {
            conversation.extend(way().echo(&read));
            conversation.extend(results.clone());
            line.create(&json!({}), &conversation).await
        };
        let input = sent["input"].as_array().unwrap();
        let answers: Vec<&Value> = input.iter().filter(|item| item["type"] == "function_call_output").collect();
        assert_eq!(answers.len(), 2, "{sent}");
        assert!(holds(&answers[0].to_string(), ORIGINAL) && *answers[1] == results[0], "{sent}");
        let asked = input.iter().filter(|item| item["type"] == "function_call").count();
        assert_eq!((input.len(), asked), if by_id { (2, 0) } else { (6, 2) }, "{sent}");
        // This turn may ask again.
        line.answer("responses_retrieval_2", None).await;
        assert_continues(&line.server.json().await, "resp_2", "call_r2");
        line.answer("responses_retrieval_3", None).await;
        assert_eq!(response(&line.read().await)["id"], "resp_2");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_know_the_response_is_told_the_whole_conversation() {
    let mut line = Line::new().await;
    let first = line.create(&json!({"store": false}), &[user("q")]).await;
    line.answer("responses_retrieval_1", None).await;
    line.server.json().await;
    let unknown =
        json!({"type": "error", "status": 400, "error": {"code": "previous_response_not_found", "message": "?"}});
    line.server.send(unknown.to_string()).await;
    let whole = line.server.json().await;
    assert!(whole.get("previous_response_id").is_none(), "{whole}");
    let input = whole["input"].as_array().unwrap();
    assert_eq!((input[0].clone(), input.len()), (first["input"][0].clone(), 5));
    assert!(holds(&input[4].to_string(), ORIGINAL));
    line.answer("responses_retrieval_2", None).await;
    assert_continues(&line.server.json().await, "resp_2", "call_r2");
    line.server.send(unknown.to_string()).await;
    // All rounds are in it.
    assert_eq!(line.server.json().await["input"].as_array().unwrap().len(), 8);
    line.answer("responses_retrieval_3", None).await;
    let read = line.read().await;
    assert_eq!(read.iter().filter(|message| message.contains("response.completed")).count(), 1);
    assert!(!read.iter().any(|message| message.contains("previous_response_not_found")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_original_that_the_model_cannot_take_is_refused_and_the_turn_goes_on() {
    let mut line = Line::new().await;
    line.create(&json!({}), &[user("q")]).await;
    line.answer("responses_retrieval_1", None).await;
    line.server.json().await;
    let too_long =
        json!({"type": "error", "status": 400, "error": {"code": "context_length_exceeded", "message": "no"}});
    line.server.send(too_long.to_string()).await;
    let again = line.server.json().await;
    let last = again["input"].as_array().unwrap().last().unwrap().to_string();
    assert!(!holds(&last, ORIGINAL) && last.contains("ask for a part of it"), "{last}");
    line.answer("responses_retrieval_3", None).await;
    assert_eq!(response(&line.read().await)["status"], "completed");

    // Refused once more, the client is told, and the socket goes on.
    line.create(&json!({}), &[user("r")]).await;
    for message in messages(&recorded("responses_retrieval_1").replace("resp_1", "resp_9"), None) {
        line.server.send(message).await;
    }
    for _ in 0..2 {
        line.server.json().await;
        line.server.send(too_long.to_string()).await;
    }
    let read = line.read().await;
    let error = json(read.last().unwrap());
    assert_eq!((&error["type"], &error["status"]), (&json!("error"), &json!(400)));
    assert_eq!(error["sequence_number"], read.len() - 1);
    for message in [&error["message"], &error["error"]["message"]] {
        assert_eq!(message, "headroom: the turn cannot be continued (status 400): no");
    }
    line.create(&json!({}), &[user("s")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_asks_on_and_on_is_told_and_then_ended() {
    let mut line = Line::new().await;
    line.create(&json!({}), &[user("q")]).await;
    for round in 1..=5 {
        let answer = recorded("responses_retrieval_1").replace("resp_1", &format!("resp_{round}"));
        for message in messages(&answer, None) {
            line.server.send(message).await;
        }
        if round < 5 {
            let next = line.server.text().await;
            assert_eq!(holds(&next, ORIGINAL), round < 4);
            assert_eq!(next.contains("given 3 times for one request"), round == 4);
        }
    }
    let read = response(&line.read().await);
    assert!(Api::Responses.calls(&read).is_empty());
    assert_eq!(read["output"].as_array().unwrap().len(), 10);
    // Nothing more was sent.
    line.client.send("next").await;
    assert_eq!(line.server.text().await, "next");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_two_lanes_are_not_mixed() {
    let mut line = Line::new().await;
    for lane in ["a", "b"] {
        line.create(&json!({"stream_id": lane}), &[user(lane)]).await;
    }
    let of_a = messages(&recorded("responses_retrieval_1").replace("resp_1", "resp_a"), Some("a"));
    let of_b = messages(&recorded("responses_tools").replace("resp_1", "resp_b"), Some("b"));
    let mut b = of_b.iter();
    for message in &of_a {
        line.server.send(message.as_str()).await;
        if let Some(message) = b.next() {
            line.server.send(message.as_str()).await;
        }
    }
    let second = line.server.json().await;
    assert_continues(&second, "resp_a", "call_r1");
    assert_eq!(second["stream_id"], "a");
    for message in messages(&recorded("responses_retrieval_3"), Some("a")) {
        line.server.send(message.as_str()).await;
    }
    let read = [line.read().await, line.read().await].concat();
    let (a, found): (Vec<String>, Vec<String>) =
        read.into_iter().partition(|message| json(message)["stream_id"] == "a");
    assert_eq!(found, of_b);
    assert_eq!(response(&a)["id"], "resp_a");
    assert!(!a.iter().any(|message| message.contains(RETRIEVE_TOOL)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_in_frames_of_any_size_is_heard_too() {
    let mut line = Line::new().await;
    line.create(&json!({}), &[user("q")]).await;
    for message in messages(&recorded("responses_retrieval_1"), None) {
        line.server.send_in_pieces(&message, 60).await;
    }
    assert_continues(&line.server.json().await, "resp_1", "call_r1");
    line.answer("responses_retrieval_3", None).await;
    assert!(!line.read().await.iter().any(|message| message.contains(RETRIEVE_TOOL)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_hash_is_answered_with_a_sentence() {
    let mut line = Line::new().await;
    line.create(&json!({}), &[user("q")]).await;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/streams/responses_retrieval_1.sse");
    for message in messages(&std::fs::read_to_string(path).unwrap(), None) {
        line.server.send(message).await;
    }
    let next = line.server.json().await;
    assert_continues(&next, "resp_1", "call_r1");
    assert!(next["input"][0]["output"].as_str().unwrap().contains(UNKNOWN), "{next}");
}

#[tokio::test(flavor = "multi_thread")]
async fn extensions_see_one_request_and_the_answer_that_the_client_has() {
    let spy = Spy::silent();
    let mut line = Line::with(vec![spy.clone()]).await;
    line.create(&json!({}), &[user("q")]).await;
    line.answer("responses_retrieval_1", None).await;
    line.server.json().await;
    line.answer("responses_retrieval_3", None).await;
    let read = response(&line.read().await);
    let Line { client, server, proxy, _folder } = line;
    proxy.shutdown();
    tokio::join!(proxy.join(), client.finish(), server.finish());
    let events = spy.events();
    assert_eq!(events.len(), 8, "{:?}", spy.stages());
    let last = events.iter().find(|event| event.stage == PipelineStage::ResponseReceived).unwrap();
    assert_eq!(*last.response.as_ref().unwrap().to_json().unwrap(), read);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_stops_lets_the_rounds_end() {
    let mut line = Line::new().await;
    line.create(&json!({}), &[user("q")]).await;
    line.answer("responses_retrieval_1", None).await;
    line.server.json().await;
    line.proxy.shutdown();
    line.answer("responses_retrieval_3", None).await;
    assert_eq!(response(&line.read().await)["status"], "completed");
    assert_eq!(line.client.closed().await, (1001, "headroom: the proxy stops".to_owned()));
    let Line { client, server, proxy, _folder } = line;
    tokio::join!(proxy.join(), client.finish(), server.finish());
}
