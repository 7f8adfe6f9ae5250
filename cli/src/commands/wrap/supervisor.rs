//! The proxy's process: started, waited for, started again when it dies, ended with the agent.

use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::failure::Failure;

/// From the start of a process until it listens.
///
/// # Sources
/// Chosen by hand: the program takes milliseconds, an interpreter with many extensions some seconds.
const START_LIMIT: Duration = Duration::from_secs(30);

/// From the end of the agent to that of the proxy, which finishes what it has under way.
///
/// # Sources
/// Chosen by hand: somebody waits for their prompt.
const STOP_LIMIT: Duration = Duration::from_secs(3);

/// The pause before a process is started again; it doubles up to the longest, and begins anew after a process that lived
/// for longer than that.
///
/// # Sources
/// Chosen by hand.
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// How long a process that lives may be silent, and how often it is asked.
///
/// # Sources
/// Chosen by hand: the route that is asked does nothing, and work that takes long is done beside it. Less would end a proxy
/// on a machine that is merely busy, and with it the streams that go through it.
const SILENCE: Duration = Duration::from_secs(5);
const BETWEEN: Duration = Duration::from_secs(2);

/// `CREATE_NEW_PROCESS_GROUP` of Windows.
#[cfg(windows)]
const NEW_PROCESS_GROUP: u32 = 0x200;

/// How many bytes of the last words of a process are kept.
const KEPT_WORDS: usize = 2048;

/// What is started.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) program: OsString,
    pub(super) arguments: Vec<OsString>,
    pub(super) variables: Vec<(OsString, OsString)>,
}

/// Keeps a proxy running.
pub(super) struct Supervisor {
    stop: oneshot::Sender<()>,
    keeping: JoinHandle<Restarts>,
}

/// What happened meanwhile.
#[derive(Debug, Default)]
pub(super) struct Restarts {
    ends: u32,
    last: String,
}

impl Restarts {
    /// What the user should know.
    pub(super) fn told(&self) -> Option<String> {
        let times = match self.ends {
            0 => return None,
            1 => "once".to_owned(),
            ends => format!("{ends} times"),
        };
        Some(format!(
            "headroom: the proxy ended {times} and was started again; requests in between went uncompressed ({})",
            self.last
        ))
    }
}

impl Supervisor {
    /// Starts a proxy and gives its address, which is none whenever it is down.
    ///
    /// # Errors
    /// When the first process does not listen, with its last words.
    pub(super) async fn start(start: Start) -> Result<(Self, watch::Receiver<Option<SocketAddr>>), Failure> {
        let first = start.process().await.map_err(|why| Failure::new(format!("the proxy does not start: {why}")))?;
        let (sender, address) = watch::channel(Some(first.address));
        let (stop, stopped) = oneshot::channel();
        let keeping = tokio::spawn(keep(start, first, sender, stopped));
        Ok((Self { stop, keeping }, address))
    }

    /// Ends the proxy.
    pub(super) async fn stop(self) -> Restarts {
        let _ = self.stop.send(());
        self.keeping.await.unwrap_or_default()
    }
}

async fn keep(
    start: Start,
    first: Process,
    address: watch::Sender<Option<SocketAddr>>,
    mut stopped: oneshot::Receiver<()>,
) -> Restarts {
    let mut restarts = Restarts::default();
    let mut pause = PAUSE;
    let mut process = first;
    loop {
        let since = Instant::now();
        tokio::select! {
            status = process.child.wait() => restarts.last = process.last_words(status.ok()),
            () = silence(process.address) => {
                // First nobody is sent there any more; with its end, those who wait there go past it too.
                address.send_replace(None);
                restarts.last = format!("it gave no answer for {} s", SILENCE.as_secs());
                // One that cannot be killed is gone already.
                let _ = process.child.kill().await;
            }
            _ = &mut stopped => {
                address.send_replace(None);
                process.end().await;
                return restarts;
            }
        }
        address.send_replace(None);
        restarts.ends = restarts.ends.saturating_add(1);
        if since.elapsed() > LONGEST_PAUSE {
            pause = PAUSE;
        }
        let again = async {
            loop {
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
                match start.process().await {
                    Ok(process) => return process,
                    Err(why) => restarts.last = why,
                }
            }
        };
        process = tokio::select! {
            process = again => process,
            // A process on its way ends with its handle.
            _ = &mut stopped => return restarts,
        };
        address.send_replace(Some(process.address));
    }
}

/// Is ready when a process that listens has been silent for too long. It is asked on one connection, which keeps its place
/// when there is none for others.
async fn silence(address: SocketAddr) {
    let mut connection = None;
    let mut heard = Instant::now();
    while heard.elapsed() < SILENCE {
        if let Ok(Ok(())) = timeout(SILENCE, ask(address, &mut connection)).await {
            heard = Instant::now();
        }
        sleep(BETWEEN).await;
    }
}

/// Asks whether a process lives. A connection that failed is made anew the next time.
async fn ask(address: SocketAddr, connection: &mut Option<TcpStream>) -> io::Result<()> {
    let mut stream = match connection.take() {
        Some(stream) => stream,
        None => TcpStream::connect(address).await?,
    };
    stream.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n").await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"}") {
        if stream.read_buf(&mut answer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    *connection = Some(stream);
    Ok(())
}

/// A process that listens.
struct Process {
    child: Child,
    address: SocketAddr,
    /// The process lives as long as this is open, also when this one is killed.
    input: ChildStdin,
    words: Arc<Mutex<String>>,
}

impl Start {
    /// Starts a process and waits until it listens.
    async fn process(&self) -> Result<Process, String> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        // Ctrl-C is for the agent.
        #[cfg(unix)]
        command.process_group(0);
        #[cfg(windows)]
        command.creation_flags(NEW_PROCESS_GROUP);
        let program = self.program.display();
        let mut child = command.spawn().map_err(|error| format!("cannot run {program}: {error}"))?;
        let words = Arc::default();
        let (Some(input), Some(output), Some(errors)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err("expected pipes to the process, found none".into());
        };
        let listening = tokio::spawn(listen(errors, Arc::clone(&words)));
        let mut output = BufReader::new(output);
        let mut line = String::new();
        let announced = timeout(START_LIMIT, output.read_line(&mut line)).await;
        let address = line.trim().strip_prefix("http://").and_then(|address| address.parse().ok());
        match (announced, address) {
            (Ok(Ok(_)), Some(address)) => {
                // Nothing more is expected there, but a full pipe would stop whoever writes.
                tokio::spawn(listen(output, Arc::default()));
                Ok(Process { child, address, input, words })
            }
            (Err(_), _) => Err(format!("it did not listen within {} s", START_LIMIT.as_secs())),
            _ => {
                // It said why before it ended.
                let _ = timeout(STOP_LIMIT, listening).await;
                Err(last_words(&words).unwrap_or_else(|| "it ended without a word".into()))
            }
        }
    }
}

impl Process {
    fn last_words(&self, status: Option<ExitStatus>) -> String {
        let status = status.map_or_else(|| "ended".into(), |status| status.to_string());
        last_words(&self.words).map_or(status.clone(), |words| format!("{status}: {words}"))
    }

    /// Lets it finish, for so long.
    async fn end(mut self) {
        drop(self.input);
        if timeout(STOP_LIMIT, self.child.wait()).await.is_err() {
            // One that cannot be killed is gone already.
            let _ = self.child.kill().await;
        }
    }
}

/// Reads to the end and keeps the last of it.
async fn listen(mut from: impl AsyncRead + Unpin, words: Arc<Mutex<String>>) {
    let mut piece = [0; 1024];
    while let Ok(count @ 1..) = from.read(&mut piece).await {
        let mut words = words.lock().unwrap_or_else(PoisonError::into_inner);
        words.push_str(&String::from_utf8_lossy(piece.get(..count).unwrap_or_default()));
        if let Some(excess) = words.len().checked_sub(KEPT_WORDS) {
            let start = words.ceil_char_boundary(excess);
            words.drain(..start);
        }
    }
}

/// The last line that says something.
fn last_words(words: &Mutex<String>) -> Option<String> {
    let words = words.lock().unwrap_or_else(PoisonError::into_inner);
    let mut lines = words.lines().rev().map(str::trim).filter(|line| !line.is_empty());
    let last = lines.next()?;
    // A hint stands below what it is for.
    let error = std::iter::once(last).chain(lines).find_map(|line| line.strip_prefix("error: "));
    Some(error.unwrap_or(last).to_owned())
}
