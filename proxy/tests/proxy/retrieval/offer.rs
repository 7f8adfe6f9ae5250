//! The tool in a request.

use headroom_core::ccr::retrieve_tool;
use headroom_proxy::providers::Api;

use super::talk::{Way, recorded, text, ways};
use crate::client::{ask, post};
use crate::setup::{CHAT_ANSWER, options, start};
use crate::upstream::{Upstream, ok};

/// The definition as it stands in a request.
fn definition(api: Api) -> String {
    let name = match api {
        Api::Chat => "openai",
        Api::Responses => "openai-responses",
        Api::Messages => "anthropic",
        Api::Gemini => "gemini",
    };
    let tool = retrieve_tool(name).unwrap();
    format!(",{}", tool.pointer("/functionDeclarations/0").unwrap_or(&tool))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_with_tools_has_one_more_and_every_other_byte_as_it_was() {
    let mut upstream = Upstream::start(|_| ok(CHAT_ANSWER)).await;
    let proxy = start(options(upstream.address)).await;
    for way in ways() {
        let one = way.request(&[way.user("q")]).to_string();
        let two = way.request(&[way.user("q"), way.user("r")]).to_string();
        for body in [one, two] {
            let sent = ask(proxy.address(), post(way.path(), "", &body)).await;
            assert_eq!(sent.text(), CHAT_ANSWER);
            let seen = upstream.next().await;
            assert_eq!(text(&seen).replacen(&definition(way.api), "", 1), body, "{way:?}");
            assert_ne!(text(&seen), body);
            assert_eq!(seen.header("accept-encoding"), Some("identity"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_tools_or_that_bypasses_is_not_touched() {
    let mut upstream = Upstream::start(|_| ok(CHAT_ANSWER)).await;
    let proxy = start(options(upstream.address)).await;
    let mut off = options(upstream.address);
    off.retrieval_tool = false;
    let off = start(off).await;
    for way in ways() {
        let mut request = way.request(&[way.user("q")]);
        let with_tools = request.to_string();
        request.as_object_mut().unwrap().remove("tools");
        let without = request.to_string();
        for (address, headers, body) in [
            (proxy.address(), "", &without),
            (proxy.address(), "x-headroom-bypass: true\r\n", &with_tools),
            (off.address(), "", &with_tools),
        ] {
            ask(address, post(way.path(), headers, body)).await;
            assert_eq!(text(&upstream.next().await), body, "{way:?} {headers}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_asks_for_nothing_comes_byte_for_byte() {
    for way in ways().filter(|way| way.streams) {
        let name = match way.api {
            Api::Chat => "chat_tools",
            Api::Responses => "responses_tools",
            Api::Messages => "messages_server_tools",
            Api::Gemini => "gemini_text",
        };
        let whole = recorded(name);
        let answer = whole.clone();
        let upstream = Upstream::start(move |_| super::talk::streamed(&answer)).await;
        let proxy = start(options(upstream.address)).await;
        assert_eq!(way.say(proxy.address(), &[way.user("q")]).await.text(), whole);
    }
    // Written in a way that no serializer would.
    let odd = CHAT_ANSWER.replace(':', " :  ");
    let answer = odd.clone();
    let upstream = Upstream::start(move |_| ok(&answer)).await;
    let proxy = start(options(upstream.address)).await;
    let way = Way { api: Api::Chat, streams: false };
    assert_eq!(way.say(proxy.address(), &[way.user("q")]).await.text(), odd);
}
