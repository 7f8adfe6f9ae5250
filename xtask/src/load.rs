//! `cargo xtask load`: many streams at once and many requests one after the other, through the proxy on loopback.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use serde_json::json;

use crate::bench_proxy::{Program, Running, build, megabytes};
use crate::table::{Table, grouped};

/// Between two events of a stream.
const PACE: Duration = Duration::from_secs(1);

/// How long nothing may come of a stream or an answer before it counts as lost.
const PATIENCE: Duration = Duration::from_secs(60);

/// Connections that send requests one after the other.
const SENDERS: u64 = 8;

/// What memory may grow by in the second half of the requests. Allocators and caches find their size in the first.
const GROWTH_BYTES: u64 = 8_000_000;

/// How often memory is looked at.
const SAMPLE: Duration = Duration::from_millis(250);

/// How much of everything.
#[derive(Debug, clap::Args)]
pub(crate) struct LoadOptions {
    /// Streams that are held at once.
    #[arg(long, default_value_t = 2_000)]
    streams: u64,
    /// How long each of them lasts.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Requests after them, each with texts that no other one has.
    #[arg(long, default_value_t = 200_000)]
    requests: u64,
    /// Prints the tables as docs/benchmarks.md holds them.
    #[arg(long)]
    markdown: bool,
}

/// Runs both and prints what they took.
///
/// # Errors
/// When the system allows too few files, a byte is missing, wrong or late, or memory grows.
pub(crate) fn run(options: &LoadOptions) -> Result<()> {
    // The proxy has two connections a stream.
    allow_files(options.streams * 2 + 500)?;
    build()?;
    let folder = tempfile::tempdir()?;
    let upstream = Running::upstream()?;
    let shown = |table: &Table| if options.markdown { table.markdown() } else { table.text() };
    println!("{}", shown(&streams(&start(&upstream, folder.path())?, options)?));
    println!("{}", shown(&requests(&start(&upstream, folder.path())?, options.requests)?));
    Ok(())
}

/// A proxy with a store of its own.
fn start(upstream: &Running, folder: &Path) -> Result<Running> {
    Program::Headroom.start(upstream, tempfile::tempdir_in(folder)?.keep().as_path())
}

/// Holds streams, all of them at once, and reads every byte of them.
fn streams(proxy: &Running, options: &LoadOptions) -> Result<Table> {
    let (count, events) = (options.streams, options.seconds + 1);
    let idle = proxy.memory();
    let begun = Instant::now();
    let open = Open::default();
    let (bytes, peak) = watched(proxy, |_| each(count, |number| stream(proxy.address, number, events, &open)))?;
    let most = open.most.load(Ordering::Relaxed);
    ensure!(most == count, "expected {count} streams at once, found {most}: let them last longer");
    let mut table = Table::new(["streams", "events", "bytes", "seconds", "slowest head ms", "idle MB", "peak MB"]);
    table.push([
        grouped(count),
        grouped(count * events),
        grouped(bytes),
        format!("{:.1}", begun.elapsed().as_secs_f64()),
        open.slowest_ms.load(Ordering::Relaxed).to_string(),
        megabytes(idle),
        megabytes(Some(peak)),
    ]);
    Ok(table)
}

/// Streams that are open.
#[derive(Default)]
struct Open {
    now: AtomicU64,
    most: AtomicU64,
    /// The longest that the head of one was waited for.
    slowest_ms: AtomicU64,
}

/// Reads one stream to its end; its bytes.
fn stream(proxy: SocketAddr, number: u64, events: u64, open: &Open) -> Result<u64> {
    let asked = Instant::now();
    let mut reader = ask(proxy, &streamed(number, events))?;
    let head = head(&mut reader)?;
    ensure!(head.starts_with("http/1.1 200 ") && head.contains("transfer-encoding: chunked"), "found {head}");
    open.slowest_ms.fetch_max(u64::try_from(asked.elapsed().as_millis())?, Ordering::Relaxed);
    open.most.fetch_max(open.now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
    let mut found = Vec::new();
    loop {
        let mut size = String::new();
        reader.read_line(&mut size)?;
        let size = u64::from_str_radix(size.trim(), 16).with_context(|| format!("expected a size, found {size:?}"))?;
        let before = found.len();
        (&mut reader).take(size + 2).read_to_end(&mut found)?;
        ensure!(found.len() - before == usize::try_from(size)? + 2, "the stream broke off");
        found.truncate(found.len() - 2);
        if size == 0 {
            break;
        }
    }
    open.now.fetch_sub(1, Ordering::Relaxed);
    let expected = expected(number, events);
    ensure!(found == expected.as_bytes(), "stream {number}: expected {} bytes in order, found others", expected.len());
    Ok(found.len() as u64)
}

fn streamed(number: u64, events: u64) -> String {
    let pace = u64::try_from(PACE.as_millis()).unwrap_or(u64::MAX);
    let messages = json!([{"role": "user", "content": "Please count."}]);
    json!({
        "model": "gpt-4o", "messages": messages, "stream": true, "user": number.to_string(), "events": events, "pace": pace,
    })
    .to_string()
}

/// What `proxy/examples/upstream.rs` says at a pace.
fn expected(number: u64, events: u64) -> String {
    let mut text = String::new();
    for event in 0..events {
        text += "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"gpt-4o\",";
        text += &format!(
            "\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{number} {event} \"}},\"finish_reason\":null}}]}}\n\n"
        );
    }
    text + "data: [DONE]\n\n"
}

/// Sends requests, and looks at memory after every eighth of them.
fn requests(proxy: &Running, count: u64) -> Result<Table> {
    let (sent, begun) = (AtomicU64::new(0), Instant::now());
    let samples = Mutex::new(Vec::new());
    let (_, peak) = watched(proxy, |done| {
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut eighth = 0;
                while !done.load(Ordering::Relaxed) {
                    if sent.load(Ordering::Relaxed) * 8 >= count * eighth {
                        let sample = proxy.memory().unwrap_or_default();
                        samples.lock().unwrap_or_else(PoisonError::into_inner).push(sample);
                        eighth += 1;
                    }
                    sleep(Duration::from_millis(5));
                }
            });
            let outcome = each(SENDERS, |sender| sender_loop(proxy.address, sender, count, &sent));
            done.store(true, Ordering::Relaxed);
            outcome
        })
    })?;
    let seconds = begun.elapsed().as_secs_f64();
    let mut samples = samples.into_inner().unwrap_or_else(PoisonError::into_inner);
    samples.push(proxy.memory().unwrap_or_default());
    let (half, last) = (samples[samples.len() / 2], samples[samples.len() - 1]);
    let mut table = Table::new(["requests", "requests/s", "idle MB", "half way MB", "at the end MB", "peak MB"]);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a rate")]
    let rate = (count as f64 / seconds) as u64;
    table.push([
        grouped(count),
        grouped(rate),
        megabytes(samples.first().copied()),
        megabytes(Some(half)),
        megabytes(Some(last)),
        megabytes(Some(peak)),
    ]);
    let all: Vec<_> = samples.iter().map(|sample| megabytes(Some(*sample))).collect();
    eprintln!("resident MB on the way: {}", all.join(" "));
    ensure!(
        last <= half + GROWTH_BYTES,
        "memory grew from {half} to {last} bytes in the second half\n{}",
        table.text()
    );
    Ok(table)
}

/// Sends requests on one connection until all have been sent.
fn sender_loop(proxy: SocketAddr, sender: u64, count: u64, sent: &AtomicU64) -> Result<u64> {
    let mut reader: Option<BufReader<TcpStream>> = None;
    let mut bytes = 0;
    loop {
        let number = sent.fetch_add(1, Ordering::Relaxed);
        if number >= count {
            return Ok(bytes);
        }
        let body = request(number);
        let reader = match &mut reader {
            Some(reader) => {
                write(reader.get_mut(), proxy, &body)?;
                reader
            }
            none => none.insert(ask(proxy, &body)?),
        };
        let head = head(reader)?;
        ensure!(head.starts_with("http/1.1 200 "), "sender {sender}: found {head}");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let mut answer = vec![0; length.context("expected a content-length")?];
        reader.read_exact(&mut answer)?;
        ensure!(answer.ends_with(b"\"total_tokens\":105}}"), "found {}", String::from_utf8_lossy(&answer));
        bytes += answer.len() as u64;
    }
}

/// A question, and a result of a tool, which nobody asked before.
fn request(number: u64) -> String {
    let rows: Vec<_> = (0..20)
        .map(|row| json!({"id": number * 20 + row, "host": format!("node-{number}-{row}"), "status": "running", "load": row}))
        .collect();
    let call = json!({"id": "c1", "type": "function", "function": {"name": "list_hosts", "arguments": "{}"}});
    json!({
        "model": "gpt-4o",
        "messages": [
            {"role": "user", "content": format!("Which hosts of {number} failed?")},
            {"role": "assistant", "content": null, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": json!(rows).to_string()},
        ],
    })
    .to_string()
}

fn ask(proxy: SocketAddr, body: &str) -> Result<BufReader<TcpStream>> {
    let mut stream = TcpStream::connect(proxy)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write(&mut stream, proxy, body)?;
    Ok(BufReader::new(stream))
}

fn write(stream: &mut TcpStream, proxy: SocketAddr, body: &str) -> Result<()> {
    let head = format!("POST /v1/chat/completions HTTP/1.1\r\nhost: {proxy}\r\ncontent-type: application/json");
    let request = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    Ok(stream.write_all(request.as_bytes())?)
}

/// The head of an answer, in small letters.
fn head(reader: &mut BufReader<TcpStream>) -> Result<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        ensure!(reader.read_line(&mut head)? > 0, "expected an answer, found its end after {head:?}");
    }
    head.make_ascii_lowercase();
    Ok(head)
}

/// Does something with every number at once, each on a thread of its own, and adds up what they give.
fn each(count: u64, work: impl Fn(u64) -> Result<u64> + Sync) -> Result<u64> {
    thread::scope(|scope| {
        let work = &work;
        let threads: Result<Vec<_>, _> = (0..count)
            .map(|at| thread::Builder::new().stack_size(256 << 10).spawn_scoped(scope, move || work(at)))
            .collect();
        let outcomes = threads?.into_iter().map(|thread| thread.join().map_err(|_| anyhow!("a thread panicked"))?);
        outcomes.sum()
    })
}

/// Does something while the memory of a proxy is looked at; gives the highest found, too.
fn watched<T>(proxy: &Running, work: impl FnOnce(&AtomicBool) -> Result<T>) -> Result<(T, u64)> {
    let (done, over) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let mut peak = 0;
            while !over.load(Ordering::Relaxed) {
                peak = proxy.memory().unwrap_or_default().max(peak);
                sleep(SAMPLE);
            }
            peak
        });
        let outcome = work(&done);
        over.store(true, Ordering::Relaxed);
        let peak = watching.join().map_err(|_| anyhow!("a thread panicked"))?;
        Ok((outcome?, peak))
    })
}

/// Lets this process and those that it starts have so many files each.
fn allow_files(needed: u64) -> Result<()> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        if limit.maximum.is_some_and(|maximum| maximum < needed) {
            bail!("expected at least {needed} open files (ulimit -Hn), found {}", limit.maximum.unwrap_or_default());
        }
        if limit.current.is_some_and(|current| current < needed) {
            limit.current = Some(needed);
            setrlimit(Resource::Nofile, limit).context("the limit of open files (ulimit -n)")?;
        }
    }
    Ok(())
}
