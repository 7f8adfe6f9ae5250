//! Streams of the four APIs as their providers document them, cut anywhere and joined.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use headroom_core::JsonBody;
use headroom_core::ccr::RETRIEVE_TOOL;
use headroom_proxy::providers::{Api, Framing, Joiner, Outcome, Output, Reader, Writer};
use headroom_proxy::sse::{Event, Piece};
use proptest::prelude::*;
use serde_json::{Value, json};

const APIS: [(Api, &str); 4] =
    [(Api::Chat, "chat"), (Api::Responses, "responses"), (Api::Messages, "messages"), (Api::Gemini, "gemini")];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/streams")
}

fn stream(name: &str) -> Vec<u8> {
    fs::read(folder().join(name)).unwrap_or_else(|cause| panic!("{name}: {cause}"))
}

/// Every stream: its name, API, framing and bytes.
fn streams() -> Vec<(String, Api, Framing, Vec<u8>)> {
    let mut names: Vec<String> =
        fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let all = names.into_iter().map(|name| {
        let api = APIS.iter().find(|(_, start)| name.starts_with(start)).unwrap().0;
        let framing = if name.ends_with(".json") { Framing::Array } else { Framing::Events };
        let bytes = stream(&name);
        (name, api, framing, bytes)
    });
    let all: Vec<_> = all.collect();
    assert!(all.len() > 30, "{}", all.len());
    all
}

/// What a client gets of the streams of a turn, and the joiner that made it. After each stream but the last the turn goes on.
fn joined(api: Api, framing: Framing, rounds: &[Vec<Vec<u8>>]) -> (Vec<u8>, Joiner) {
    let mut joiner = Joiner::new(api);
    let mut writer = Writer::new(framing);
    let mut client = Vec::new();
    let mut rest = Bytes::new();
    for (number, pieces) in rounds.iter().enumerate() {
        if number > 0 {
            joiner.next_round();
        }
        let mut reader = Reader::new(framing, 1 << 20);
        for piece in pieces {
            reader.feed(&Bytes::copy_from_slice(piece), |piece| {
                let Piece::Frame(frame) = piece else { panic!("{piece:?}") };
                let Some(event) = frame.event() else { return client.extend_from_slice(&writer.frame(&frame)) };
                let mut out = Vec::new();
                joiner.feed(&event, &mut out);
                for output in out {
                    client.extend_from_slice(&match output {
                        Output::Same => writer.frame(&frame),
                        Output::Event(event) => writer.event(&event),
                    });
                }
            });
        }
        rest = reader.finish();
    }
    let mut out = Vec::new();
    joiner.finish(&mut out);
    for output in out {
        let Output::Event(event) = output else { panic!("there is no event to be the same as") };
        client.extend_from_slice(&writer.event(&event));
    }
    client.extend_from_slice(&writer.end(rest));
    (client, joiner)
}

fn whole(names: &[&str]) -> Vec<Vec<Vec<u8>>> {
    names.iter().map(|name| vec![stream(name)]).collect()
}

fn assembled(api: Api, framing: Framing, stream: &[u8]) -> Value {
    let mut assembler = api.assembler();
    for event in events(framing, stream) {
        assembler.feed(&event);
    }
    assembler.response().unwrap()
}

fn events(framing: Framing, stream: &[u8]) -> Vec<Event<'static>> {
    let mut events = Vec::new();
    Reader::new(framing, 1 << 20).feed(&Bytes::copy_from_slice(stream), |piece| {
        let Piece::Frame(frame) = piece else { panic!("{piece:?}") };
        events.extend(frame.event().map(owned));
    });
    events
}

fn owned(event: Event<'_>) -> Event<'static> {
    Event { name: event.name.into_owned().into(), data: event.data.into_owned().into() }
}

/// The visible text of a response.
fn text(api: Api, response: &Value) -> String {
    let texts = |list: &Value, key: &str| -> String {
        list.as_array()
            .into_iter()
            .flatten()
            .filter(|part| part["thought"] != true)
            .filter_map(|part| part[key].as_str())
            .collect()
    };
    match api {
        Api::Chat => response["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned(),
        Api::Messages => texts(&response["content"], "text"),
        Api::Gemini => texts(&response["candidates"][0]["content"]["parts"], "text"),
        Api::Responses => {
            response["output"].as_array().unwrap().iter().map(|item| texts(&item["content"], "text")).collect()
        }
    }
}

fn end(api: Api, response: &Value) -> Value {
    match api {
        Api::Chat => response["choices"][0]["finish_reason"].clone(),
        Api::Messages => response["stop_reason"].clone(),
        Api::Gemini => response["candidates"][0]["finishReason"].clone(),
        Api::Responses => response["status"].clone(),
    }
}

/// The stream in two pieces at places all over it, and in pieces of one byte.
fn cuts(bytes: &[u8], step: usize) -> impl Iterator<Item = Vec<Vec<u8>>> {
    let single = bytes.iter().map(|byte| vec![*byte]).collect();
    let pairs = (0..=bytes.len()).step_by(step).map(|cut| vec![bytes[..cut].to_vec(), bytes[cut..].to_vec()]);
    pairs.chain([single])
}

#[test]
fn where_a_stream_is_cut_changes_no_event_and_no_byte() {
    for (name, _, framing, bytes) in streams() {
        let expected = events(framing, &bytes);
        for pieces in cuts(&bytes, 1) {
            let (mut found, mut raw) = (Vec::new(), Vec::new());
            let mut reader = Reader::new(framing, 1 << 20);
            for piece in pieces {
                reader.feed(&piece.into(), |piece| {
                    let Piece::Frame(frame) = piece else { panic!("{piece:?}") };
                    raw.extend_from_slice(&frame.raw);
                    found.extend(frame.event().map(owned));
                });
            }
            raw.extend_from_slice(&reader.finish());
            assert!(raw == bytes && found == expected, "{name}");
        }
    }
}

#[test]
fn a_stream_without_calls_of_the_tool_goes_through_byte_for_byte() {
    let mut count = 0;
    for (name, api, framing, bytes) in streams() {
        if bytes.windows(RETRIEVE_TOOL.len()).any(|window| window == RETRIEVE_TOOL.as_bytes()) {
            continue;
        }
        count += 1;
        let expected = assembled(api, framing, &bytes);
        for pieces in cuts(&bytes, 97) {
            let (client, joiner) = joined(api, framing, &[pieces]);
            assert_eq!(client, bytes, "{name}");
            assert_eq!(joiner.outcome(), Outcome::Answer);
            assert_eq!(joiner.response().as_ref(), Some(&expected), "{name}");
        }
    }
    assert!(count > 15, "{count}");
}

#[test]
fn a_stream_with_calls_is_sorted_the_same_wherever_it_is_cut() {
    for (name, api, framing, bytes) in streams() {
        let (expected, joiner) = joined(api, framing, &[vec![bytes.clone()]]);
        for pieces in cuts(&bytes, 41) {
            let (client, other) = joined(api, framing, &[pieces]);
            assert_eq!(String::from_utf8(client).unwrap(), String::from_utf8(expected.clone()).unwrap(), "{name}");
            assert_eq!(other.outcome(), joiner.outcome());
        }
    }
}

#[test]
fn a_turn_of_several_rounds_is_one_answer() {
    for (api, start) in APIS {
        for (framing, kind) in [(Framing::Events, "sse"), (Framing::Array, "json")] {
            if framing == Framing::Array && api != Api::Gemini {
                continue;
            }
            let names = ["1", "2", "3"].map(|round| format!("{start}_retrieval_{round}.{kind}"));
            let names = names.each_ref().map(String::as_str);
            for rounds in 1..=2 {
                let (_, joiner) = joined(api, framing, &whole(&names[..rounds]));
                let Outcome::Retrieval(calls) = joiner.outcome() else { panic!("{names:?}: {:?}", joiner.outcome()) };
                assert_eq!((calls.len(), calls[0].is_retrieval), (1, true));
                assert_eq!(Some(assembled(api, framing, &stream(names[rounds - 1]))), joiner.round());
            }
            let (client, joiner) = joined(api, framing, &whole(&names));
            assert_eq!(joiner.outcome(), Outcome::Answer);
            let text_of_client = String::from_utf8(client.clone()).unwrap();
            assert!(!text_of_client.contains(RETRIEVE_TOOL), "{text_of_client}");
            // What the client puts together is what the rounds make.
            let seen = assembled(api, framing, &client);
            let rounds: Vec<Value> = names.iter().map(|name| assembled(api, framing, &stream(name))).collect();
            let mut expected = api.join(&rounds).unwrap();
            assert_eq!(joiner.response().unwrap(), expected);
            if api == Api::Gemini {
                // Texts of different rounds that follow one another are one to who puts chunks together.
                assert_eq!(text(api, &seen), text(api, &expected));
                expected["candidates"][0]["content"]["parts"] = seen["candidates"][0]["content"]["parts"].clone();
            }
            assert_eq!(seen, expected, "{start}");
            let expected = if api == Api::Chat { "Looking that up.\n\nIt is 42." } else { "Looking that up.It is 42." };
            assert_eq!(text(api, &seen), expected);
            assert_eq!(
                api.usage(&seen).unwrap().output,
                rounds.iter().map(|round| api.usage(round).unwrap().output).sum::<u64>()
            );
            assert_eq!(
                api.usage(&seen).unwrap().input,
                rounds.iter().map(|round| api.usage(round).unwrap().input).sum::<u64>()
            );
            // The part before the first call is what came.
            let first = stream(names[0]);
            let same = client.iter().zip(&first).take_while(|(one, two)| one == two).count();
            let line = first.windows(7).position(|window| window == b"Looking").unwrap();
            assert!(api == Api::Gemini || same > line, "{start}: {same} bytes of {line}");
        }
    }
}

#[test]
fn an_end_without_another_round_does_not_speak_of_calls() {
    for ((api, start), expected) in APIS.into_iter().zip(["stop", "completed", "end_turn", "STOP"]) {
        let (client, _) = joined(api, Framing::Events, &whole(&[&format!("{start}_retrieval_1.sse")]));
        let seen = assembled(api, Framing::Events, &client);
        assert_eq!(end(api, &seen), expected);
        assert!(api.calls(&seen).is_empty());
        assert_eq!(text(api, &seen), "Looking that up.");
    }
}

#[test]
fn of_a_mixed_turn_the_client_sees_its_own_calls() {
    let names = ["chat_mixed", "chat_mixed_at_once", "responses_mixed", "messages_mixed", "gemini_mixed"];
    for name in names {
        let api = APIS.iter().find(|(_, start)| name.starts_with(start)).unwrap().0;
        let bytes = stream(&format!("{name}.sse"));
        let (client, joiner) = joined(api, Framing::Events, &[vec![bytes.clone()]]);
        let Outcome::Mixed(calls) = joiner.outcome() else { panic!("{name}: {:?}", joiner.outcome()) };
        let seen = assembled(api, Framing::Events, &client);
        let own: Vec<_> = calls.into_iter().filter(|call| !call.is_retrieval).collect();
        assert_eq!(api.calls(&seen), own, "{name}");
        assert_eq!(own.len(), 1);
        let given = assembled(api, Framing::Events, &bytes);
        assert_eq!(end(api, &seen), end(api, &given));
        assert_eq!(Some(seen), api.join(&[given]), "{name}");
    }
}

#[test]
fn numbers_go_on_over_the_rounds() {
    let names = ["responses_retrieval_1.sse", "responses_retrieval_2.sse", "responses_retrieval_3.sse"];
    let (client, _) = joined(Api::Responses, Framing::Events, &whole(&names));
    let mut items = Vec::new();
    for (at, event) in events(Framing::Events, &client).iter().enumerate() {
        let data: Value = serde_json::from_str(&event.data).unwrap();
        assert_eq!((data["sequence_number"].as_u64(), &*event.name), (Some(at as u64), data["type"].as_str().unwrap()));
        if data["type"] == "response.output_item.added" {
            items.push(data["output_index"].clone());
        }
        assert!(data.get("response").is_none_or(|response| response["id"] == "resp_1"), "{data}");
    }
    assert_eq!(items, [json!(0), json!(1), json!(2), json!(3), json!(4)]);

    let names = ["messages_retrieval_1.sse", "messages_retrieval_2.sse", "messages_retrieval_3.sse"];
    let (client, _) = joined(Api::Messages, Framing::Events, &whole(&names));
    let (mut open, mut next) = (None, 0);
    for event in events(Framing::Events, &client) {
        let data: Value = serde_json::from_str(&event.data).unwrap();
        match &*event.name {
            "content_block_start" => {
                assert_eq!((open, data["index"].as_u64()), (None, Some(next)));
                open = Some(next);
                next += 1;
            }
            "content_block_delta" => assert_eq!(data["index"].as_u64(), open),
            "content_block_stop" => assert_eq!(data["index"].as_u64(), open.take()),
            "message_start" => assert_eq!(data["message"]["id"], "msg_0"),
            _ => {}
        }
    }
    assert_eq!((open, next), (None, 4));

    let names = ["chat_retrieval_1.sse", "chat_retrieval_2.sse", "chat_mixed.sse"];
    let (client, _) = joined(Api::Chat, Framing::Events, &whole(&names));
    let events = events(Framing::Events, &client);
    assert_eq!(events.iter().filter(|event| event.data == "[DONE]").count(), 1);
    let chunks: Vec<Value> = events.iter().filter_map(|event| serde_json::from_str(&event.data).ok()).collect();
    assert!(chunks.iter().all(|chunk| chunk["id"] == "chatcmpl-1" && chunk["created"] == 1_700_000_001));
    let roles = chunks.iter().filter(|chunk| chunk["choices"][0]["delta"].get("role").is_some()).count();
    let ends = chunks.iter().filter(|chunk| chunk["choices"][0]["finish_reason"].is_string()).count();
    assert_eq!((roles, ends), (1, 1));
    let call = chunks.iter().find(|chunk| chunk["choices"][0]["delta"].get("tool_calls").is_some()).unwrap();
    assert_eq!(call["choices"][0]["delta"]["tool_calls"][0]["index"], 0);
}

#[test]
fn what_breaks_off_in_a_later_round_reaches_the_client_as_it_is() {
    for (api, start) in APIS {
        let first = format!("{start}_retrieval_1.sse");
        let (client, joiner) = joined(api, Framing::Events, &whole(&[&first, &format!("{start}_error.sse")]));
        let seen = assembled(api, Framing::Events, &client);
        assert!(seen["error"]["message"].is_string(), "{seen}");
        assert_eq!(joiner.outcome(), Outcome::Answer);
        let (client, joiner) = joined(api, Framing::Events, &whole(&[&first, &format!("{start}_cut.sse")]));
        let text_of_client = text(api, &assembled(api, Framing::Events, &client));
        assert!(text_of_client.starts_with("Looking that up.") && text_of_client.ends_with("Half"), "{text_of_client}");
        assert_eq!(joiner.outcome(), Outcome::Answer);
    }
}

#[test]
fn a_whole_response_as_a_stream_is_that_response() {
    for (name, api, framing, bytes) in streams() {
        let response = assembled(api, framing, &bytes);
        // Two calls with one number and an error beside an answer are nothing that a whole response has.
        if response.get("error").is_some_and(|error| !error.is_null()) || name.contains("_cut") {
            continue;
        }
        let mut assembler = api.assembler();
        api.stream_of(&response).iter().for_each(|event| assembler.feed(event));
        assert_eq!(assembler.response(), Some(response), "{name}");
    }
}

/// The words of all four APIs, in places where they may mean nothing.
const WORDS: [&str; 44] = [
    "type",
    "index",
    "delta",
    "content_block",
    "content_block_start",
    "content_block_delta",
    "message_start",
    "message",
    "message_delta",
    "content",
    "text",
    "tool_use",
    "name",
    RETRIEVE_TOOL,
    "usage",
    "choices",
    "tool_calls",
    "function",
    "arguments",
    "finish_reason",
    "stop",
    "logprobs",
    "response",
    "response.completed",
    "response.output_item.added",
    "response.output_text.delta",
    "item",
    "output",
    "output_index",
    "sequence_number",
    "function_call",
    "candidates",
    "parts",
    "functionCall",
    "finishReason",
    "usageMetadata",
    "input",
    "tools",
    "messages",
    "contents",
    "error",
    "citations",
    "citation",
    "stop_reason",
];

fn any_json() -> impl Strategy<Value = Value> {
    let word = || prop::sample::select(&WORDS[..]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        prop::sample::select(vec![0, 1, 2, u64::MAX]).prop_map(Value::from),
        word().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((word(), inner), 0..5).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn nonsense_harms_nobody(events in prop::collection::vec(any_json(), 0..6), body in any_json()) {
        let body = JsonBody::parse(body.to_string()).unwrap();
        for (api, _) in APIS {
            let mut joiner = Joiner::new(api);
            let mut out = Vec::new();
            for round in 0..2 {
                for event in &events {
                    joiner.feed(&Event::new("", event), &mut out);
                }
                joiner.outcome();
                if round == 0 {
                    joiner.next_round();
                }
            }
            joiner.finish(&mut out);
            for response in events.iter().cloned().chain(joiner.response()) {
                api.stream_of(&response);
                api.usage(&response);
                api.outcome(&response);
                api.join(&[response.clone(), response.clone()]);
                api.continuation(&body, &response, std::slice::from_ref(&response));
            }
            api.facts(&body);
            api.offer(&body);
        }
    }
}
