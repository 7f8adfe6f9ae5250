//! `headroom mcp`: the protocol, as a client speaks it.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod command;

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use command::{Place, conversation, rows};
use serde_json::{Value, json};

struct Client {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    id: u64,
}

impl Client {
    fn start(place: &Place) -> Self {
        let mut child = place
            .command(&["mcp"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let (stdin, stdout) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        let mut client = Self { child, stdin, stdout, id: 0 };
        let answer = client.ask(
            "initialize",
            &json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}),
        );
        assert_eq!(answer["result"]["serverInfo"]["name"], "headroom", "{answer}");
        assert!(answer["result"]["capabilities"]["tools"].is_object(), "{answer}");
        client.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        client
    }

    fn send(&mut self, message: &Value) {
        writeln!(self.stdin.as_mut().unwrap(), "{message}").unwrap();
    }

    fn ask(&mut self, method: &str, parameters: &Value) -> Value {
        self.id += 1;
        let id = self.id;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": parameters}));
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        assert_eq!(answer["id"], id, "{answer}");
        answer
    }

    /// The texts of a tool's answer, and whether it is an error.
    fn call(&mut self, name: &str, arguments: &Value) -> (Vec<String>, bool) {
        let answer = self.ask("tools/call", &json!({"name": name, "arguments": arguments}));
        let result = &answer["result"];
        let content = result["content"].as_array().unwrap_or_else(|| panic!("{answer}"));
        let texts = content.iter().map(|block| block["text"].as_str().unwrap().to_owned()).collect();
        (texts, result["isError"] == true)
    }

    fn finish(mut self) {
        self.stdin = None;
        assert!(self.child.wait().unwrap().success());
    }
}

#[test]
fn a_client_finds_the_three_tools_with_their_schemas() {
    let place = Place::new();
    let mut client = Client::start(&place);
    let answer = client.ask("tools/list", &json!({}));
    let tools = answer["result"]["tools"].as_array().unwrap();
    let names: Vec<&str> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["headroom_compress", "headroom_retrieve", "headroom_stats"]);
    for tool in tools {
        assert_eq!(tool["inputSchema"]["type"], "object", "{tool}");
        assert!(!tool["description"].as_str().unwrap().is_empty());
    }
    assert_eq!(tools[1]["inputSchema"]["required"], json!(["hash"]));
    client.finish();
}

#[test]
fn what_compress_left_out_comes_back() {
    let place = Place::new();
    let mut client = Client::start(&place);
    let text = rows();
    let (texts, is_error) = client
        .call("headroom_compress", &json!({"content": text, "query": "which worker crashes?", "mode": "aggressive"}));
    assert!(!is_error, "{texts:?}");
    assert!(texts[0].len() < text.len() && texts[0].contains("CrashLoopBackOff"), "{}", texts[0]);
    let at = texts[0].find("hash=").unwrap_or_else(|| panic!("a marker in {}", texts[0]));
    let hash = &texts[0][at + 5..at + 29];
    let (texts, is_error) = client.call("headroom_retrieve", &json!({"hash": hash}));
    assert!(!is_error && texts[0] == text);
    let (texts, _) = client.call("headroom_stats", &json!({}));
    let stats: Value = serde_json::from_str(&texts[0]).unwrap();
    assert_eq!((stats["entries"].as_u64(), stats["retrievals"].as_u64()), (Some(1), Some(1)));
    client.finish();
}

#[test]
fn messages_come_back_in_their_shape() {
    let place = Place::new();
    let mut client = Client::start(&place);
    let messages: Value = serde_json::from_str(&conversation(&rows()).replace("1e400", "1")).unwrap();
    let (texts, is_error) = client.call("headroom_compress", &json!({"messages": messages}));
    assert!(!is_error, "{texts:?}");
    let smaller: Value = serde_json::from_str(&texts[0]).unwrap();
    assert_eq!(smaller.as_array().map(Vec::len), Some(3));
    assert_eq!(smaller[0], messages[0]);
    client.finish();
}

#[test]
fn a_wrong_call_is_an_answer_that_a_model_can_mend() {
    let place = Place::new();
    let mut client = Client::start(&place);
    for (name, arguments, named) in [
        ("headroom_retrieve", json!({}), "hash"),
        ("headroom_retrieve", json!({"hash": 7}), "string"),
        ("headroom_retrieve", json!({"hash": "0123456789abcdef01234567"}), "0123456789abcdef01234567"),
        ("headroom_compress", json!({}), "content or messages"),
        ("headroom_compress", json!({"messages": [1]}), "expected"),
        ("headroom_compress", json!({"content": "x", "mode": "most"}), "most"),
        ("headroom_stats", json!({"extra": 1}), "extra"),
    ] {
        let (texts, is_error) = client.call(name, &arguments);
        assert!(is_error && texts[0].contains(named), "{name} {arguments}: {texts:?}");
    }
    let answer = client.ask("tools/call", &json!({"name": "unknown", "arguments": {}}));
    assert!(answer["error"]["message"].as_str().unwrap().contains("unknown"), "{answer}");
    client.finish();
}

#[test]
fn a_client_that_says_nothing_is_no_error() {
    let place = Place::new();
    let output = place.run(&["mcp"]);
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
}
