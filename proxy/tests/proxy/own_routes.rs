//! Headroom's own routes.

use serde_json::{Value, json};

use crate::client::{ask, get, post};
use crate::setup::{long_chat, options, start};
use crate::upstream::{Upstream, ok};

fn messages() -> Value {
    serde_json::from_str::<Value>(&long_chat(false)).unwrap()["messages"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compression_and_the_way_back_as_the_guardrail_of_litellm_asks() {
    let mut upstream = Upstream::start(|_| ok("{}")).await;
    let proxy = start(options(upstream.address)).await;
    let address = proxy.address();
    let asked = json!({"messages": messages(), "model": "gpt-4o", "config": {"mode": "ccr"}}).to_string();
    let headers = "x-headroom-affinity: a\r\nauthorization: Bearer k\r\n";
    let got = ask(address, post("/v1/compress", headers, asked)).await;
    assert_eq!(got.status, 200, "{}", got.text());
    let answer = got.json();
    let list = answer["messages"].as_array().unwrap();
    assert_eq!(list.len(), 3);
    assert_eq!((&list[0], &list[1]), (&messages()[0], &messages()[1]));
    let (before, after) = (answer["tokens_before"].as_f64().unwrap(), answer["tokens_after"].as_f64().unwrap());
    assert!(after < before);
    assert!((answer["compression_ratio"].as_f64().unwrap() - after / before).abs() < 1e-9);
    assert_eq!(answer["tokens_saved"].as_f64().unwrap(), before - after);
    assert_eq!(answer["transforms_summary"]["log_fold"], 1);
    assert!(answer["pipeline_timing"]["compression"]["duration_ms"].is_number());
    let hash = answer["ccr_hashes"][0].as_str().unwrap();
    assert_eq!(hash.len(), 24);

    let found = ask(address, get(&format!("/v1/retrieve/{hash}"), headers)).await;
    assert_eq!(found.status, 200);
    assert_eq!(found.json()["original_content"], messages()[2]["content"]);
    assert_eq!((&found.json()["hash"], &found.json()["tool_name"]), (&json!(hash), &json!("logs")));
    let part = ask(address, get(&format!("/v1/retrieve/{hash}?query=%22request%20777%20%22"), "")).await.json();
    assert!(part["original_content"].as_str().unwrap().contains("request 777 "));
    let lines = ask(address, post("/v1/retrieve", "", json!({"hash": hash, "lines": "1-2"}).to_string())).await.json();
    assert!(lines["original_content"].as_str().unwrap().starts_with("2024-01-15T08:30:00Z"));
    assert_eq!(lines["retrieval_count"], 3);
    let call = json!({"id": "c", "type": "function", "function": {"name": "headroom_retrieve", "arguments": json!({"hash": hash}).to_string()}});
    let body = json!({"tool_call": call, "provider": "openai"}).to_string();
    let told = ask(address, post("/v1/retrieve/tool_call", "", body)).await.json();
    assert_eq!((&told["success"], &told["tool_result"]["role"]), (&json!(true), &json!("tool")));
    assert_eq!(told["data"], messages()[2]["content"]);
    let stats = ask(address, get("/v1/retrieve/stats", "")).await.json();
    assert_eq!(stats["store"]["entries"], 1);
    assert!(upstream.is_quiet());
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_every_api_are_compressed_without_a_change_of_number() {
    let upstream = Upstream::start(|_| ok("{}")).await;
    let proxy = start(options(upstream.address)).await;
    let text = messages()[2]["content"].clone();
    let anthropic = json!({"system": "s", "messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": text}]}]});
    let responses = json!({"input": [{"type": "function_call_output", "call_id": "c", "output": text}]});
    for body in [anthropic, responses] {
        let body = body.to_string().replacen("[{", "[{\"x\":1.10e2,", 1);
        let got = ask(proxy.address(), post("/v1/compress", "", &body)).await;
        assert_eq!(got.status, 200, "{}", got.text());
        assert!(got.text().starts_with("{\"messages\":[{\"x\":1.10e2,"), "{}", &got.text()[..100]);
        assert!(got.json()["tokens_saved"].as_u64().unwrap() > 1000);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_a_400_that_names_it() {
    let upstream = Upstream::start(|_| ok("{}")).await;
    let proxy = start(options(upstream.address)).await;
    for (body, expected) in [
        ("{", "body: expected"),
        ("{}", "messages"),
        ("[]", "messages, contents or input"),
        (r#"{"messages":[],"model":3}"#, "model: expected a string"),
        (r#"{"messages":[],"token_budget":-1}"#, "token_budget: expected a number of tokens"),
        (r#"{"messages":[],"config":{"mdoe":1}}"#, "mdoe"),
        (r#"{"messages":[],"config":{"target_ratio":7}}"#, "target_ratio"),
    ] {
        let got = ask(proxy.address(), post("/v1/compress", "", body)).await;
        let answer = got.json();
        assert_eq!((got.status, &answer["error"]["type"]), (400, &json!("invalid_request")), "{body}");
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains(expected), "{body}: {message}");
    }
    assert_eq!(ask(proxy.address(), post("/v1/retrieve", "", "{}")).await.status, 400);
    let missing = ask(proxy.address(), get("/v1/retrieve/aaaaaaaaaaaaaaaaaaaaaaaa", "")).await;
    assert_eq!((missing.status, &missing.json()["error"]["type"]), (404, &json!("not_found")));
    assert_eq!(ask(proxy.address(), get("/v1/compress", "")).await.status, 405);
    assert_eq!(ask(proxy.address(), get("/v1/retrieve/a/b", "")).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn liveness_says_so_with_headers_that_keep_browsers_out() {
    let upstream = Upstream::start(|_| ok("{}")).await;
    let proxy = start(options(upstream.address)).await;
    for (path, word) in [("/livez", "alive"), ("/readyz", "ready"), ("/health", "healthy")] {
        let got = ask(proxy.address(), get(path, "")).await;
        assert_eq!((got.status, &got.json()["status"]), (200, &json!(word)));
        assert_eq!(got.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(got.header("x-frame-options"), Some("DENY"));
        assert!(got.header("content-security-policy").unwrap().contains("frame-ancestors 'none'"));
        assert!(got.header("access-control-allow-origin").is_none());
    }
}
