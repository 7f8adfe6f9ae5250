//! What `headroom proxy` says while it runs.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod command;

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::Stdio;

use command::wire::Proxy;
use command::{Place, words};
use serde_json::Value;

#[test]
fn a_json_log_is_an_object_a_line_and_names_the_request_that_failed() {
    let place = Place::new();
    // Nobody listens there any more.
    let nowhere = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    fs_config(&place, "[proxy.retries]\nattempts = 1\n");
    let upstream = format!("http://{nowhere}");
    let arguments = ["proxy", "--for-parent", "--port", "0", "--openai-url", &upstream, "--log-format", "json"];
    let mut command = place.command(&arguments);
    command.env("HEADROOM_CONFIG", place.path("headroom.toml"));
    let mut proxy = Proxy::start_telling(command, Stdio::piped());
    let (head, _) = proxy.ask(r#"{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}"#);
    assert!(head.starts_with("HTTP/1.1 502"), "{head}");
    let id = head.lines().find_map(|line| line.strip_prefix("x-headroom-request-id: ")).unwrap();
    let said = BufReader::new(proxy.process.stderr.take().unwrap());
    let mut lines = said.lines().map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let first = lines.next().unwrap();
    assert!(first["message"].as_str().unwrap().starts_with("listening on http://"), "{first}");
    let failed = lines.find(|line| line["message"].as_str().unwrap().contains(id)).unwrap();
    assert_eq!((&failed["level"], &failed["target"]), (&"info".into(), &"headroom.proxy".into()), "{failed}");
}

#[test]
fn a_word_that_is_no_level_is_answered_with_those_that_are() {
    let output = Place::new().run(&["proxy", "--log-level", "loud"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(words(&output).contains("unknown variant `loud`, expected one of `off`, `error`, `warn`"), "{output:?}");
}

fn fs_config(place: &Place, text: &str) {
    std::fs::write(place.path("headroom.toml"), text).unwrap();
}
