//! `headroom doctor` in places where things are and are not right.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod command;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Output;

use command::Place;
use serde_json::Value;

/// Runs with a free port unless the environment says another.
fn doctor(place: &Place, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut words = vec!["doctor"];
    words.extend(arguments);
    let mut command = place.command(&words);
    for name in ["ANTHROPIC_BASE_URL", "OPENAI_BASE_URL", "OPENAI_API_BASE", "GOOGLE_GEMINI_BASE_URL"] {
        command.env_remove(name);
    }
    command.env("HEADROOM_PORT", "0").envs(environment.iter().copied()).output().unwrap()
}

/// State, message and hint of the checks with a name.
fn found(output: &Output, name: &str) -> Vec<(String, String, String)> {
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let is_broken = report["checks"].as_array().unwrap().iter().any(|check| check["state"] == "fail");
    assert_eq!(report["ok"], !is_broken);
    assert_eq!(output.status.code(), Some(i32::from(is_broken)));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let checks = report["checks"].as_array().unwrap().iter().filter(|check| check["name"] == name);
    checks.map(|check| (text(&check["state"]), text(&check["message"]), text(&check["hint"]))).collect()
}

fn only(output: &Output, name: &str) -> (String, String, String) {
    let mut found = found(output, name);
    assert_eq!(found.len(), 1, "{name}: {found:?}");
    found.remove(0)
}

#[test]
fn a_fresh_place_is_in_order() {
    let place = Place::new();
    let output = doctor(&place, &[], &[]);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    for name in ["version", "configuration", "options", "store", "token", "port", "upstream", "agents", "vocabulary"] {
        assert!(text.contains(name), "{name} in {text}");
    }
    let output = doctor(&place, &["--json"], &[]);
    assert_eq!(only(&output, "upstream").0, "skipped");
    assert!(only(&output, "vocabulary").1.contains("ms"));
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_line_and_column() {
    let place = Place::new();
    let file = place.path("headroom.toml");
    fs::write(&file, "[proxy]\nprot = 1\n").unwrap();
    let output = doctor(&place, &["--json", "--config", file.to_str().unwrap()], &[]);
    let (state, message, _) = only(&output, "configuration");
    assert_eq!(state, "fail");
    assert!(message.contains("headroom.toml:2:1: unknown field `prot`"), "{message}");
}

#[test]
fn a_store_that_is_none_is_a_failure_with_a_way_out() {
    let place = Place::new();
    fs::write(place.path("no-database"), "this is no database, and long enough to be looked at as one").unwrap();
    let output = doctor(&place, &["--json", "--store", place.path("no-database").to_str().unwrap()], &[]);
    let (state, _, hint) = only(&output, "store");
    assert_eq!(state, "fail");
    assert!(hint.contains("--store"), "{hint}");
}

#[cfg(unix)]
#[test]
fn a_store_that_others_can_read_is_a_warning() {
    use std::os::unix::fs::PermissionsExt as _;

    let place = Place::new();
    assert_eq!(only(&doctor(&place, &["--json"], &[]), "store").0, "ok");
    fs::set_permissions(place.path("store.db"), fs::Permissions::from_mode(0o644)).unwrap();
    let (state, _, hint) = only(&doctor(&place, &["--json"], &[]), "store");
    assert_eq!(state, "warn");
    assert!(hint.starts_with("chmod 600"), "{hint}");
}

#[test]
fn another_server_at_the_port_is_a_failure() {
    let place = Place::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    // It answers as often as it is asked, and ends with the test.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi");
        }
    });
    let (state, message, hint) = only(&doctor(&place, &["--json"], &[("HEADROOM_PORT", &port)]), "port");
    assert_eq!(state, "fail");
    assert!(message.contains("something else than Headroom"), "{message}");
    assert!(hint.contains("HEADROOM_PORT"), "{hint}");
}

#[cfg(unix)]
#[test]
fn a_headroom_at_the_port_is_found_with_its_version() {
    use std::io::{BufRead as _, BufReader};
    use std::process::Stdio;

    let place = Place::new();
    let mut command = place.command(&["proxy", "--port", "0", "--for-parent"]);
    let mut proxy = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(proxy.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let port = line.trim().rsplit(':').next().unwrap().to_owned();
    let output = doctor(&place, &["--json"], &[("HEADROOM_PORT", &port)]);
    let (state, message, _) = only(&output, "port");
    assert_eq!((state.as_str(), message.contains(env!("CARGO_PKG_VERSION"))), ("ok", true), "{message}");
    drop(proxy.stdin.take());
    assert!(proxy.wait().unwrap().success());
}

#[test]
fn an_open_address_without_a_token_is_a_failure() {
    let place = Place::new();
    let open = [("HEADROOM_HOST", "0.0.0.0")];
    assert_eq!(only(&doctor(&place, &["--json"], &open), "token").0, "fail");
    let kept = [("HEADROOM_HOST", "0.0.0.0"), ("HEADROOM_PROXY_TOKEN", "t0k")];
    let output = doctor(&place, &["--json"], &kept);
    assert_eq!(only(&output, "token").0, "ok");
    assert!(!String::from_utf8(output.stdout).unwrap().contains("t0k"));
}

#[test]
fn upstreams_are_asked_when_they_should_be() {
    let place = Place::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    });
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let file = place.path("headroom.toml");
    let upstreams = format!(
        "[proxy.upstreams]\nopenai = \"http://{address}\"\nchatgpt = \"http://{address}\"\n\
         anthropic = \"http://{gone}\"\ngemini = \"http://{address}\"\n"
    );
    fs::write(&file, upstreams).unwrap();
    let output = doctor(&place, &["--json", "--network", "--config", file.to_str().unwrap()], &[]);
    let found = found(&output, "upstream");
    let states: Vec<&str> = found.iter().map(|(state, ..)| state.as_str()).collect();
    assert_eq!(states, ["ok", "ok", "fail", "ok"], "{found:?}");
    assert!(found[0].1.contains("404") && found[2].1.contains(&gone.to_string()), "{found:?}");
}

#[test]
fn variables_that_lead_past_the_proxy_are_told_without_their_values() {
    let place = Place::new();
    let elsewhere = [("OPENAI_BASE_URL", "https://me:hunter2@gateway.example/v1")];
    let output = doctor(&place, &["--json"], &elsewhere);
    let (state, message, hint) = only(&output, "agents");
    assert_eq!(state, "warn");
    assert!(message.contains("OPENAI_BASE_URL") && hint.contains("headroom wrap"), "{message} {hint}");
    assert!(!String::from_utf8(output.stdout).unwrap().contains("hunter2"));
}
