//! `cargo xtask bench proxy`: what a proxy adds, beside no proxy, nginx and the peers, in one run on loopback.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use crate::cargo;
use crate::peers::{GATEWAY, PEERS};
use crate::table::{Table, grouped};

/// How long one figure is measured. In seconds.
const SECONDS: u64 = 4;

/// How long a program may take to answer for the first time.
const START: Duration = Duration::from_secs(60);

/// How often the first byte of a stream is waited for.
const STREAMS: usize = 200;

/// Figures of wrk: a name, the connections, the body, and what varies in it.
const ROWS: [(&str, u32, &str, &str); 6] = [
    ("1.5 KB chat, 1 connection", 1, "chat.json", "same"),
    ("1.5 KB chat, 8 connections", 8, "chat.json", "same"),
    ("200 KB, a new tool result", 1, "tool.json", "new"),
    ("200 KB, the same again", 1, "tool.json", "same"),
    ("200 KB, bypass", 1, "tool.json", "bypass"),
    ("stream of 100 events", 1, "stream.json", "same"),
];

/// Runs everything and prints the tables. Needs `wrk` and `curl`; nginx is measured when it is there, and the peer is
/// installed from the package index unless it is there already.
///
/// # Errors
/// When a build fails, a needed program is missing, or a measurement fails.
pub(crate) fn run(with_peers: bool, is_markdown: bool) -> Result<()> {
    for program in ["wrk", "curl"] {
        ensure!(exists(program), "{program}: expected the program, found none (Debian: apt-get install {program})");
    }
    build()?;
    let folder = tempfile::tempdir()?;
    write_bodies(folder.path())?;
    let upstream = Running::upstream()?;
    let mut table = Table::new(["", "requests/s", "p50 ms", "p99 ms"]);
    let mut others = Table::new(["", "ready ms", "first byte ms", "idle MB", "after load MB"]);
    for program in programs(with_peers)? {
        let running = match program.start(&upstream, folder.path()) {
            Ok(running) => running,
            Err(error) => {
                eprintln!("{} is left out: {error:#}", program.name());
                continue;
            }
        };
        let idle = running.memory();
        if let Err(error) = warm_up(running.address, folder.path()) {
            eprintln!("{} is left out: {error:#}", program.name());
            continue;
        }
        for (row, connections, body, kind) in ROWS {
            let figure = wrk(running.address, connections, &folder.path().join(body), kind)?;
            let rate = figure.number("requests")? / figure.number("seconds")?;
            let failed = figure.number("failed")?;
            let name = format!("{row}: {}", program.name());
            ensure!(failed == 0.0 || !program.is_ours(), "{name}: {failed} requests failed");
            if rate == 0.0 || failed > 0.0 {
                let why = if failed > 0.0 { "failed" } else { "no answer" };
                table.push([name, why.to_owned(), "–".to_owned(), "–".to_owned()]);
                continue;
            }
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate")]
            let rate = grouped(rate as u64);
            table.push([name, rate, figure.milliseconds("p50_ms")?, figure.milliseconds("p99_ms")?]);
        }
        let first = first_byte(running.address, &folder.path().join("stream.json"), STREAMS)?;
        others.push([
            program.name().to_owned(),
            format!("{:.0}", running.ready.as_secs_f64() * 1e3),
            format!("{first:.3}"),
            megabytes(idle),
            megabytes(running.memory()),
        ]);
    }
    for (title, table) in [
        (format!("One worker each, {SECONDS} s a figure; what counts is the difference to no proxy."), table),
        ("Start, first byte of a stream (median), resident memory.".to_owned(), others),
    ] {
        println!("{title}\n\n{}", if is_markdown { table.markdown() } else { table.text() });
    }
    Ok(())
}

/// What is measured.
#[derive(Debug, Clone)]
pub(crate) enum Program {
    Direct,
    Nginx,
    Headroom,
    Peer { name: &'static str, command: PathBuf, vocabulary: PathBuf },
    Gateway { name: &'static str, command: PathBuf },
}

fn programs(with_peers: bool) -> Result<Vec<Program>> {
    let mut programs = vec![Program::Direct, Program::Nginx, Program::Headroom];
    if with_peers {
        let [peer, _] = PEERS;
        let command = peer.install_proxy()?.with_file_name("headroom");
        programs.push(Program::Peer { name: peer.package, command, vocabulary: peer.vocabulary()? });
        let command = GATEWAY.install_proxy()?.with_file_name("litellm");
        programs.push(Program::Gateway { name: GATEWAY.package, command });
    }
    Ok(programs)
}

impl Program {
    fn name(&self) -> &'static str {
        match self {
            Self::Direct => "no proxy",
            Self::Nginx => "nginx",
            Self::Headroom => "Headroom",
            Self::Peer { name, .. } | Self::Gateway { name, .. } => name,
        }
    }

    fn is_ours(&self) -> bool {
        matches!(self, Self::Headroom)
    }

    /// Starts it before an upstream and waits until it listens.
    pub(crate) fn start(&self, upstream: &Running, folder: &Path) -> Result<Running> {
        let (to, port) = (upstream.address, free_port()?);
        let mut command = match self {
            Self::Direct => return Ok(Running { child: None, address: to, ready: Duration::ZERO }),
            Self::Nginx => {
                let configuration = folder.join("nginx.conf");
                fs::write(&configuration, nginx(port, to, folder))?;
                let mut command = Command::new("nginx");
                command.arg("-c").arg(configuration).arg("-p").arg(folder);
                command
            }
            Self::Headroom => {
                let mut command = Command::new(release("headroom"));
                let store = folder.join("store.db");
                command.args([
                    "proxy",
                    "--port",
                    &port.to_string(),
                    "--openai-url",
                    &format!("http://{to}"),
                    "--store",
                ]);
                command.arg(store).env("TOKIO_WORKER_THREADS", "1");
                command
            }
            Self::Peer { command, vocabulary, .. } => {
                let mut command = Command::new(command);
                command.args(["proxy", "--port", &port.to_string(), "--no-rate-limit"]);
                command.env("OPENAI_TARGET_API_URL", format!("http://{to}")).env("HOME", folder);
                // Without it every request tries to fetch a vocabulary, waits for that and then compresses nothing.
                command.env("TIKTOKEN_CACHE_DIR", vocabulary);
                command.envs([("HEADROOM_OFFLINE", "1"), ("HEADROOM_BEACON", "off"), ("DO_NOT_TRACK", "1")]);
                command
            }
            Self::Gateway { command, .. } => {
                let configuration = folder.join("litellm.yaml");
                fs::write(&configuration, litellm(to))?;
                let mut command = Command::new(command);
                command.arg("--config").arg(configuration).args([
                    "--host",
                    "127.0.0.1",
                    "--num_workers",
                    "1",
                    "--port",
                ]);
                command.arg(port.to_string()).env("LITELLM_LOCAL_MODEL_COST_MAP", "True").env("HOME", folder);
                command
            }
        };
        let log = fs::File::create(folder.join(format!("{}.log", self.name())))?;
        let started = Instant::now();
        let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?;
        let mut running = Running { child: Some(child), address: ([127, 0, 0, 1], port).into(), ready: Duration::ZERO };
        running.wait(started)?;
        Ok(running)
    }
}

/// A program that is measured; it ends when this is dropped.
pub(crate) struct Running {
    child: Option<Child>,
    pub(crate) address: SocketAddr,
    /// From the start to the first connection.
    ready: Duration,
}

impl Running {
    /// Starts the provider of the measurements.
    pub(crate) fn upstream() -> Result<Self> {
        let mut child = Command::new(release("examples/upstream")).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("a pipe")?).read_line(&mut line)?;
        let address = line.trim().parse().context("the address of the upstream")?;
        Ok(Self { child: Some(child), address, ready: Duration::ZERO })
    }

    fn wait(&mut self, started: Instant) -> Result<()> {
        while TcpStream::connect(self.address).is_err() {
            if let Some(status) = self.child.as_mut().and_then(|child| child.try_wait().transpose()) {
                bail!("it ended with {}", status?);
            }
            ensure!(started.elapsed() < START, "it did not listen within {} s", START.as_secs());
            sleep(Duration::from_millis(1));
        }
        self.ready = started.elapsed();
        Ok(())
    }

    /// Resident bytes of the process and its children.
    pub(crate) fn memory(&self) -> Option<u64> {
        let id = self.child.as_ref()?.id();
        let output =
            Command::new("ps").args(["-o", "rss=", "--pid", &id.to_string(), "--ppid", &id.to_string()]).output();
        let text = String::from_utf8(output.ok()?.stdout).ok()?;
        Some(text.split_whitespace().filter_map(|rss| rss.parse::<u64>().ok()).sum::<u64>() * 1024)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // Nginx ends its worker when it is asked to; nobody asks a killed one.
            let _ = Command::new("kill").arg(child.id().to_string()).status();
            let _ = child.wait();
        }
    }
}

/// What wrk printed.
struct Figure(Value);

impl Figure {
    fn number(&self, name: &str) -> Result<f64> {
        self.0[name].as_f64().with_context(|| format!("{name}: expected a number in {}", self.0))
    }

    fn milliseconds(&self, name: &str) -> Result<String> {
        Ok(format!("{:.3}", self.number(name)?))
    }
}

/// Runs wrk once to warm up and once to measure.
fn wrk(address: SocketAddr, connections: u32, body: &Path, kind: &str) -> Result<Figure> {
    let script = cargo::root().join("xtask/src/bench_proxy.lua");
    let mut last = None;
    for seconds in [1, SECONDS] {
        let output = Command::new("wrk")
            .args(["-t1", &format!("-c{connections}"), &format!("-d{seconds}s"), "--timeout", "30s", "-s"])
            .arg(&script)
            .args([&format!("http://{address}"), "--"])
            .arg(body)
            .arg(kind)
            .stderr(Stdio::inherit())
            .output()?;
        ensure!(output.status.success(), "wrk ended with {}", output.status);
        let text = String::from_utf8(output.stdout)?;
        last = text.lines().find(|line| line.starts_with('{')).map(serde_json::from_str).transpose()?;
    }
    last.map(Figure).context("wrk: expected a line of JSON")
}

/// Asks once for everything: what is loaded by the first request is no matter of the ones that are measured.
fn warm_up(address: SocketAddr, folder: &Path) -> Result<()> {
    for body in ["chat.json", "tool.json", "stream.json"] {
        first_byte(address, &folder.join(body), 1).with_context(|| format!("it does not answer {body}"))?;
    }
    Ok(())
}

/// The median time to the first byte of an answer, in milliseconds, on one connection.
fn first_byte(address: SocketAddr, body: &Path, streams: usize) -> Result<f64> {
    let url = format!("http://{address}/v1/chat/completions");
    let mut command = Command::new("curl");
    command.args([
        "-sS",
        "--fail",
        "--max-time",
        "60",
        "-o",
        "/dev/null",
        "-w",
        "%{time_pretransfer} %{time_starttransfer}\n",
        "-H",
    ]);
    command.args(["content-type: application/json", "--data-binary"]).arg(format!("@{}", body.display()));
    command.args(std::iter::repeat_n(&url, streams));
    // Every address needs a place for its output.
    for _ in 1..streams {
        command.args(["-o", "/dev/null"]);
    }
    let output = command.stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "curl ended with {}", output.status);
    let mut times: Vec<f64> = String::from_utf8(output.stdout)?
        .lines()
        .filter_map(|line| {
            let (before, first) = line.split_once(' ')?;
            Some((first.parse::<f64>().ok()? - before.parse::<f64>().ok()?) * 1e3)
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().context("curl: expected times")
}

/// Builds the command and the provider of the measurements.
pub(crate) fn build() -> Result<()> {
    for arguments in [["-p", "headroom-cli", "--bin", "headroom"], ["-p", "headroom-proxy", "--example", "upstream"]] {
        let status = cargo::command(["build", "--release", "--quiet"]).args(arguments).status()?;
        ensure!(status.success(), "cargo build ended with {status}");
    }
    Ok(())
}

/// The bodies of the requests: a short chat, 200 KB of JSON from a tool, and the chat as a stream.
fn write_bodies(folder: &Path) -> Result<()> {
    let talk = "Please look at the hosts and tell me which of them need attention before the release. ";
    let chat = |stream: bool| {
        json!({
            "model": "gpt-4o",
            "messages": [
                {"role": "system", "content": "You answer briefly."},
                {"role": "user", "content": talk.repeat(16)},
            ],
            "stream": stream,
        })
    };
    fs::write(folder.join("chat.json"), chat(false).to_string())?;
    fs::write(folder.join("stream.json"), chat(true).to_string())?;
    let mut rows = vec![json!({"id": 0, "host": "salt-0000000000", "status": "running"})];
    for id in 1u32.. {
        if rows.len() * 112 > 200_000 {
            break;
        }
        let mixed = id.wrapping_mul(2_654_435_761);
        rows.push(json!({
            "id": id, "host": format!("node-{id}.cluster-{}", mixed % 6), "load": f64::from(mixed % 1000) / 1000.0,
            "status": if mixed.is_multiple_of(211) { "failed" } else { "running" }, "owner": format!("team-{}", mixed % 20),
        }));
    }
    let call = json!({"id": "c1", "type": "function", "function": {"name": "list_hosts", "arguments": "{}"}});
    let tool = json!({
        "model": "gpt-4o",
        "messages": [
            {"role": "user", "content": "Which hosts failed?"},
            {"role": "assistant", "content": null, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": Value::from(rows).to_string()},
        ],
    });
    fs::write(folder.join("tool.json"), tool.to_string())?;
    Ok(())
}

fn nginx(port: u16, upstream: SocketAddr, folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_max_body_size 64m; client_body_buffer_size 1m; keepalive_requests 10000000;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  upstream provider {{ server {upstream}; keepalive 64; keepalive_requests 10000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://provider; proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_buffering off;
    }}
  }}
}}
"
    )
}

/// LiteLLM with one model, no key and nothing else.
fn litellm(upstream: SocketAddr) -> String {
    format!(
        "model_list:
  - model_name: gpt-4o
    litellm_params: {{ model: openai/gpt-4o, api_base: \"http://{upstream}/v1\", api_key: bench }}
general_settings: {{ dangerously_permit_weak_or_unset_master_key: true }}
litellm_settings: {{ telemetry: false, num_retries: 0 }}
"
    )
}

fn release(name: &str) -> PathBuf {
    cargo::target().join("release").join(name)
}

/// A port that nobody listens on.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

fn exists(program: &str) -> bool {
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// Bytes as megabytes.
pub(crate) fn megabytes(bytes: Option<u64>) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a size")]
    bytes.map_or_else(|| "–".to_owned(), |bytes| format!("{:.1}", bytes as f64 / 1e6))
}
