//! `headroom proxy` whose store cannot be written: the disk is full, or the file read-only.
//!
//! A disk is full for a process that may not make its files larger.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod command;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::Receiver;

use command::wire::{Proxy, hashes, upstream};
use command::{Place, conversation, noise};
use rustix::process::{Pid, Resource, Rlimit, getuid, prlimit};
use serde_json::Value;

/// A user who owns nothing.
const NOBODY: u32 = 65534;

fn body(number: u64) -> String {
    format!(r#"{{"model":"gpt-4o","messages":{}}}"#, conversation(&noise(number)))
}

/// A command in a shell that lets it survive writing to a full disk.
fn surviving(command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.current_dir(command.get_current_dir().unwrap());
    shell
}

/// Lets no file of a process grow, or all of them.
fn set_full(process: &std::process::Child, is_full: bool) {
    let limit = Rlimit { current: is_full.then_some(1), maximum: None };
    let process = Pid::from_raw(i32::try_from(process.id()).unwrap());
    prlimit(process, Resource::Fsize, limit).unwrap();
}

/// The answer, and what the upstream got. No marker in it may name what the proxy cannot give back.
fn ask(proxy: &Proxy, seen: &Receiver<String>, body: &str) -> (String, String) {
    let (head, _) = proxy.ask(body);
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    let sent = seen.recv().unwrap();
    for hash in hashes(&sent) {
        let (head, found) = proxy.get(&format!("/v1/retrieve/{hash}"));
        assert!(head.starts_with("HTTP/1.1 200 OK"), "{hash}: {head} {found}");
    }
    (head, sent)
}

/// Why the last of so many requests went as it came; a request is counted when it is over, a moment after its answer.
fn error_of(proxy: &Proxy, failures: u64) -> String {
    loop {
        let stats: Value = serde_json::from_str(&proxy.get("/stats").1).unwrap();
        let found = stats["totals"]["compression_errors"].as_u64().unwrap();
        assert!(found <= failures, "{found} failures");
        if found == failures {
            return stats["last_compression_error"]["error"].as_str().unwrap().to_owned();
        }
        std::thread::yield_now();
    }
}

/// What doctor says of the store: state, message, hint.
fn doctor(mut command: Command) -> [String; 3] {
    let output = command.env("HEADROOM_PORT", "0").output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let checks = report["checks"].as_array().unwrap();
    let store = checks.iter().find(|check| check["name"] == "store").unwrap();
    ["state", "message", "hint"].map(|name| store[name].as_str().unwrap_or_default().to_owned())
}

#[test]
fn on_a_full_disk_requests_go_as_they_came_until_there_is_space_again() {
    let place = Place::new();
    let (upstream, seen) = upstream(&[]);
    let command = place.command(&["proxy", "--port", "0", "--for-parent", "--openai-url", &upstream]);
    let proxy = Proxy::start(surviving(&command));
    let (known, new) = (body(1), body(2));
    let (_, known_sent) = ask(&proxy, &seen, &known);
    assert!(known_sent.len() < known.len() / 2 && !hashes(&known_sent).is_empty());

    set_full(&proxy.process, true);
    for failures in 1..=2 {
        let (head, sent) = ask(&proxy, &seen, &new);
        assert_eq!(sent, new);
        assert!(head.contains("x-headroom-compression-failed: true"), "{head}");
        let error = error_of(&proxy, failures);
        assert!(error.contains("cannot write the store") && error.contains("store.db"), "{error}");
    }
    // What is stored already needs no space.
    assert_eq!(ask(&proxy, &seen, &known).1, known_sent);
    assert!(proxy.get("/readyz").0.starts_with("HTTP/1.1 200 OK"));

    set_full(&proxy.process, false);
    let (head, sent) = ask(&proxy, &seen, &new);
    assert!(sent.len() < new.len() / 2 && !hashes(&sent).is_empty() && !head.contains("compression-failed"), "{head}");
    assert_eq!(ask(&proxy, &seen, &known).1, known_sent);
    proxy.stop();
    for hash in hashes(&sent).iter().chain(&hashes(&known_sent)) {
        place.succeed(&["retrieve", hash], b"");
    }
}

#[test]
fn a_store_that_never_had_space_is_made_when_there_is_some() {
    let place = Place::new();
    let (upstream, seen) = upstream(&[]);
    let command = place.command(&["proxy", "--port", "0", "--for-parent", "--openai-url", &upstream]);
    let proxy = Proxy::start(surviving(&command));
    set_full(&proxy.process, true);
    let body = body(1);
    assert_eq!(ask(&proxy, &seen, &body).1, body);
    set_full(&proxy.process, false);
    let sent = ask(&proxy, &seen, &body).1;
    assert!(sent.len() < body.len() / 2);
    proxy.stop();
    assert_eq!(doctor(place.command(&["doctor", "--json"]))[0], "ok");
}

#[test]
fn doctor_says_that_the_disk_is_full() {
    let place = Place::new();
    let mut shell = Command::new("sh");
    let doctor_itself = place.command(&["doctor", "--json"]);
    let doctor_itself = surviving(&doctor_itself);
    shell.args(["-c", "ulimit -S -f 8; exec \"$0\" \"$@\""]).arg("sh").args(doctor_itself.get_args());
    shell.envs(doctor_itself.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let [state, message, hint] = doctor(shell);
    assert_eq!(state, "fail");
    assert!(message.contains("store") && message.contains("full") && hint.contains("--store"), "{message} {hint}");
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn with_a_read_only_store_requests_go_as_they_came_until_it_can_be_written() {
    let place = Place::new();
    let (upstream, seen) = upstream(&[]);
    let words = ["proxy", "--port", "0", "--for-parent", "--openai-url", &upstream];
    let before = Proxy::start(place.command(&words));
    let (known, new) = (body(1), body(2));
    let known_sent = ask(&before, &seen, &known).1;
    before.stop();

    // Whoever may write everything becomes somebody who may not, with a copy of the command that he may run.
    let program = place.path("headroom");
    fs::copy(env!("CARGO_BIN_EXE_headroom"), &program).unwrap();
    let as_a_user = |words: &[&str]| {
        let built = place.command(words);
        let mut command = Command::new(&program);
        command.args(words).current_dir(place.path("")).envs(built.get_envs().filter_map(|(n, v)| Some((n, v?))));
        if getuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    };
    let (store, folder) = (place.path("store.db"), place.path(""));
    for folder_mode in [0o555, 0o777] {
        set_mode(&store, 0o444);
        set_mode(&folder, folder_mode);
        let [state, message, hint] = doctor(as_a_user(&["doctor", "--json"]));
        assert_eq!(state, "fail");
        assert!(message.contains("store.db") && message.contains("read-only"), "{message}");
        assert!(hint.contains("--store"), "{hint}");

        let proxy = Proxy::start(as_a_user(&words));
        let (head, sent) = ask(&proxy, &seen, &new);
        assert_eq!(sent, new);
        assert!(head.contains("x-headroom-compression-failed: true"), "{head}");
        let error = error_of(&proxy, 1);
        assert!(error.contains("read-only"), "{error}");

        // Its owner lets him write.
        set_mode(&folder, 0o777);
        set_mode(&store, 0o666);
        assert_eq!(ask(&proxy, &seen, &known).1, known_sent);
        proxy.stop();
    }
    set_mode(&folder, 0o700);
}
