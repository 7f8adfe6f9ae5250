//! `headroom wrap` around scripts that ask their provider, a scripted upstream behind it.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod command;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use command::wire::{status, upstream};
use command::{Place, conversation, rows, words};

/// `headroom wrap` with a script that tells where its provider is and lives until its standard input ends.
struct Wrapped {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    /// Host and port of the front.
    front: String,
}

impl Wrapped {
    fn start(place: &Place, upstream: &str, script: &str) -> Self {
        Self::start_with(place, &[], upstream, script)
    }

    fn start_with(place: &Place, options: &[&str], upstream: &str, script: &str) -> Self {
        let script = format!("echo \"$OPENAI_BASE_URL\"; {script}");
        let mut command = place.command(&["wrap", "--openai-base-url", upstream]);
        command.args(options).args(["--", "sh", "-c", &script]);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let front = line.trim().strip_prefix("http://").and_then(|rest| rest.strip_suffix("/v1")).unwrap().to_owned();
        let input = process.stdin.take();
        Self { process, input, output, front }
    }

    /// Sends a request of Chat Completions without waiting for its answer.
    fn send(&self, body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.front).unwrap();
        let head = format!("POST /v1/chat/completions HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer k", self.front);
        write!(stream, "{head}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
            .unwrap();
        stream
    }

    /// Sends one and gives the first line of its answer.
    fn ask(&self, body: &str) -> String {
        status(&mut self.send(body))
    }

    /// The proxy behind the front, if there is one now.
    fn proxy(&self) -> Option<u32> {
        processes()
            .into_iter()
            .find(|(_, parent, line)| *parent == self.process.id() && line.contains("proxy\0"))
            .map(|(id, ..)| id)
    }

    fn kill_proxy(&self) {
        self.signal_proxy("-KILL");
    }

    fn signal_proxy(&self, signal: &str) {
        let id = self.proxy().unwrap();
        assert!(Command::new("kill").args([signal, &id.to_string()]).status().unwrap().success());
    }

    /// Ends the script; its exit code and the words of the command.
    fn end(mut self) -> (Option<i32>, String) {
        drop(self.input.take());
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        let output = self.process.wait_with_output().unwrap();
        (output.status.code(), words(&output))
    }
}

/// Process, its parent, its arguments.
fn processes() -> Vec<(u32, u32, String)> {
    let all = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let id: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        let mut rest = stat.rsplit_once(')')?.1.split_whitespace();
        let (state, parent) = (rest.next()?, rest.next()?.parse().ok()?);
        let line = fs::read_to_string(format!("/proc/{id}/cmdline")).ok()?;
        (state != "Z").then_some((id, parent, line))
    });
    all.collect()
}

/// A body whose tool result becomes much smaller.
fn long_body() -> String {
    format!(r#"{{"model":"gpt-4o","messages":{}}}"#, conversation(&rows()))
}

#[test]
fn requests_go_through_a_proxy_and_the_exit_code_comes_back() {
    let place = Place::new();
    let (upstream, seen) = upstream(&[]);
    let wrapped = Wrapped::start(&place, &upstream, "cat; exit 7");
    let body = long_body();
    assert_eq!(wrapped.ask(&body), "HTTP/1.1 200 OK");
    let sent = seen.recv().unwrap();
    assert!(sent.len() < body.len() / 2, "{} of {}", sent.len(), body.len());
    let (proxy, front) = (wrapped.proxy().unwrap(), wrapped.front.clone());

    let (code, words) = wrapped.end();
    assert_eq!(code, Some(7), "{words}");
    assert!(words.contains(&format!("headroom: sh goes through http://{front}")), "{words}");
    assert!(!words.contains("started again"), "{words}");
    assert!(processes().iter().all(|(id, ..)| *id != proxy), "the proxy is still there");
    assert!(TcpStream::connect(&front).is_err(), "the port is still open");
    let mut left: Vec<_> = fs::read_dir(place.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.retain(|name| !name.to_str().unwrap().starts_with("store.db"));
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_request_after_the_proxy_was_killed_is_served() {
    let place = Place::new();
    let (upstream, seen) = upstream(&[]);
    let wrapped = Wrapped::start(&place, &upstream, "cat");
    let body = long_body();
    assert_eq!(wrapped.ask(&body), "HTTP/1.1 200 OK");
    let compressed = seen.recv().unwrap();
    assert!(compressed.len() < body.len() / 2);
    for _ in 0..3 {
        wrapped.kill_proxy();
        // Until it is back, what arrives is what was sent, and then the same as before; every request is served.
        while wrapped.proxy().is_none() || {
            assert_eq!(wrapped.ask(&body), "HTTP/1.1 200 OK");
            let sent = seen.recv().unwrap();
            assert!(sent == body || sent == compressed, "{sent}");
            sent == body
        } {}
    }
    let (code, words) = wrapped.end();
    assert_eq!(code, Some(0));
    assert!(words.contains("the proxy ended 3 times and was started again"), "{words}");
    assert!(words.contains("signal: 9"), "{words}");
}

#[test]
fn a_request_during_which_the_proxy_is_killed_goes_past_it() {
    let place = Place::new();
    let (upstream, seen) = upstream(&[0]);
    let wrapped = Wrapped::start(&place, &upstream, "cat");
    let body = long_body();
    let mut waiting = wrapped.send(&body);
    let compressed = seen.recv().unwrap();
    wrapped.kill_proxy();
    assert_eq!(status(&mut waiting), "HTTP/1.1 200 OK");
    assert!(compressed.len() < body.len());
    assert_eq!(seen.recv().unwrap(), body, "past the proxy a request is as it came");
    wrapped.end();
}

#[test]
fn a_proxy_that_hangs_is_passed_and_started_again() {
    let place = Place::new();
    let (upstream, seen) = upstream(&[]);
    let wrapped = Wrapped::start(&place, &upstream, "cat");
    let (body, hung) = (long_body(), wrapped.proxy().unwrap());
    assert_eq!(wrapped.ask(&body), "HTTP/1.1 200 OK");
    assert!(seen.recv().unwrap().len() < body.len());
    wrapped.signal_proxy("-STOP");
    // Served as soon as the proxy has been silent for too long.
    assert_eq!(wrapped.ask(&body), "HTTP/1.1 200 OK");
    assert_eq!(seen.recv().unwrap(), body, "past the proxy a request is as it came");
    while {
        assert_eq!(wrapped.ask(&body), "HTTP/1.1 200 OK");
        seen.recv().unwrap().len() == body.len()
    } {}
    assert!(processes().iter().all(|(id, ..)| *id != hung), "the proxy that hangs is still there");
    let (code, words) = wrapped.end();
    assert_eq!(code, Some(0));
    assert!(words.contains("ended once and was started again") && words.contains("no answer for 5 s"), "{words}");
}

#[test]
fn a_killed_wrap_leaves_no_proxy() {
    let place = Place::new();
    let (upstream, _seen) = upstream(&[]);
    let mut wrapped = Wrapped::start(&place, &upstream, "cat");
    let proxy = wrapped.proxy().unwrap();
    wrapped.process.kill().unwrap();
    wrapped.process.wait().unwrap();
    // It ends by itself once its standard input has.
    while processes().iter().any(|(id, ..)| *id == proxy) {
        std::thread::yield_now();
    }
}

#[test]
fn signals_reach_the_agent() {
    for (signal, code) in [("TERM", 43), ("INT", 42)] {
        let place = Place::new();
        let (upstream, _seen) = upstream(&[]);
        let script = "trap 'exit 43' TERM; trap 'exit 42' INT; echo ready; while :; do read line || :; done";
        let mut wrapped = Wrapped::start(&place, &upstream, script);
        let mut line = String::new();
        wrapped.output.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        let wrap = wrapped.process.id().to_string();
        assert!(Command::new("kill").args([&format!("-{signal}"), &wrap]).status().unwrap().success());
        // `read` may be waiting for a line; a signal interrupts it or the line does.
        let _ = wrapped.input.as_mut().unwrap().write_all(b"\n");
        assert_eq!(wrapped.process.wait().unwrap().code(), Some(code), "{signal}");
    }
}

#[test]
fn a_signal_that_ends_the_agent_is_told_as_a_shell_does() {
    let place = Place::new();
    assert_eq!(place.run(&["wrap", "--", "sh", "-c", "kill -KILL $$"]).status.code(), Some(137));
}

#[test]
fn known_agents_are_found_by_name_and_get_their_arguments() {
    let place = Place::new();
    for name in ["claude", "codex"] {
        let path = place.path(name);
        fs::write(
            &path,
            "#!/bin/sh\nfor word; do echo \"<$word>\"; done\nenv | grep -E '^(ANTHROPIC|OPENAI|GOOGLE)_.*_URL='\n",
        )
        .unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let run = |words: &[&str]| {
        let path = format!("{}:{}", place.path("").display(), std::env::var("PATH").unwrap());
        let mut arguments = vec!["wrap", "--quiet"];
        arguments.extend(words);
        let mut command = place.command(&arguments);
        for name in ["ANTHROPIC_BASE_URL", "OPENAI_BASE_URL", "OPENAI_API_BASE", "GOOGLE_GEMINI_BASE_URL"] {
            command.env_remove(name);
        }
        let output = command.env("PATH", path).stdin(Stdio::null()).output().unwrap();
        assert!(output.stderr.is_empty(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        // The port differs every time.
        text.split("127.0.0.1:").enumerate().fold(String::new(), |all, (index, part)| {
            all + if index == 0 { part } else { part.trim_start_matches(|c: char| c.is_ascii_digit()) }
        })
    };
    assert_eq!(run(&["claude", "--", "-p", "hello there"]), "<-p>\n<hello there>\nANTHROPIC_BASE_URL=http://\n");
    assert_eq!(run(&["codex", "exec", "--json"]), "<-c>\n<openai_base_url=\"http:///v1\">\n<exec>\n<--json>\n");
}

#[test]
fn what_cannot_be_run_is_told() {
    let place = Place::new();
    let output = place.run(&["wrap", "no-such-agent"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(words(&output).contains("error: cannot run no-such-agent"), "{output:?}");

    fs::write(place.path("headroom.toml"), "[proxy]\nprot = 1\n").unwrap();
    let file = place.path("headroom.toml");
    let output = place.run(&["wrap", "--config", file.to_str().unwrap(), "true"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(words(&output).contains("unknown field `prot`"), "{output:?}");
}

#[test]
fn own_routes_keep_the_token_of_the_configuration() {
    let place = Place::new();
    let file = place.path("headroom.toml");
    fs::write(&file, "[proxy]\ntoken = \"t0k\"\n").unwrap();
    let (upstream, seen) = upstream(&[]);
    let wrapped = Wrapped::start_with(&place, &["--config", file.to_str().unwrap()], &upstream, "cat");
    let get = |header: &str| {
        let mut stream = TcpStream::connect(&wrapped.front).unwrap();
        write!(stream, "GET /v1/retrieve/stats HTTP/1.1\r\nhost: {}\r\n{header}\r\n", wrapped.front).unwrap();
        status(&mut stream)
    };
    assert!(get("").contains("401"), "{}", get(""));
    assert!(get("x-headroom-proxy-token: t0k\r\n").contains("200"));
    assert_eq!(wrapped.ask("{}"), "HTTP/1.1 200 OK", "the agent knows no token");
    assert_eq!(seen.recv().unwrap(), "{}");
    wrapped.end();
}
