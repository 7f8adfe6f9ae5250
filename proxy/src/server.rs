//! Listens, serves connections, and stops without dropping what is under way.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use headroom_core::ccr::{DEFAULT_FILE_NAME, open_store};
use headroom_core::pipeline::{PipelineEvent, PipelineExtensionManager, PipelineStage};
use headroom_core::tokens;
use headroom_core::{Engine, Error, ErrorKind};
use http::Request;
use http::header::UPGRADE;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer as HyperTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cache::ResponseCache;
use crate::error::StartError;
use crate::front::{Backend, Front};
use crate::greeting::Greeting;
use crate::guard::{Origins, Token};
use crate::observe::{ObserveOptions, Observer, PriceTable, Traces};
use crate::options::ProxyOptions;
use crate::retrieval::Kept;
use crate::routes;
use crate::stack::{self, Stack};
use crate::timer::{EXTENSION_TIMEOUT, TokioTimer};
use crate::unread::Unread;
use crate::upgrade::Sequel;
use crate::upstream::{Client, Table};

/// How long to wait when the system has no more file descriptors.
///
/// # Sources
/// Chosen by hand.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until the future that it gets is ready, then drains.
///
/// # Errors
/// As [`Proxy::start`].
pub async fn serve(
    options: ProxyOptions,
    extensions: Arc<PipelineExtensionManager>,
    until: impl Future<Output = ()>,
) -> Result<(), StartError> {
    let running = Proxy::start(options, extensions).await?;
    until.await;
    running.shutdown();
    running.join().await;
    Ok(())
}

/// A proxy that is to be started.
#[derive(Debug)]
pub struct Proxy;

impl Proxy {
    /// Starts a proxy on the runtime that this is called on, and gives it back when it listens. The extensions get the
    /// time limits of a proxy: two seconds a call unless they declare another.
    ///
    /// # Errors
    /// [`StartError`] when an option cannot be, the address cannot be listened on or needs a token, or a `closed`
    /// extension refuses at `setup`, `pre_start` or `post_start`.
    pub async fn start(
        options: ProxyOptions,
        extensions: Arc<PipelineExtensionManager>,
    ) -> Result<RunningProxy, StartError> {
        Self::start_as(options, extensions, None).await
    }

    /// Starts a front: what it gets goes to the proxy that `backend` names, and past it, untouched, while there is none.
    ///
    /// No token is asked for on the routes of providers, as the one client that a front is for may be unable to send it;
    /// Headroom's own routes keep theirs.
    ///
    /// # Errors
    /// As [`Proxy::start`].
    pub async fn start_front(mut options: ProxyOptions, backend: Backend) -> Result<RunningProxy, StartError> {
        let front = Front::new(backend, &options);
        options.token = None;
        Self::start_as(options, Arc::default(), Some(Arc::new(front))).await
    }

    async fn start_as(
        options: ProxyOptions,
        extensions: Arc<PipelineExtensionManager>,
        front: Option<Arc<Front>>,
    ) -> Result<RunningProxy, StartError> {
        options.validate()?;
        let observer = observer(&options)?;
        let extensions = Arc::new(extensions.hosted_by(Arc::new(TokioTimer), Some(EXTENSION_TIMEOUT)));
        let engine = engine(options.store.clone());
        emit(&extensions, PipelineStage::Setup, &options, None, &[]).await?;
        emit(&extensions, PipelineStage::PreStart, &options, None, &[]).await?;
        let listener = listen(&options).await?;
        let address =
            listener.local_addr().map_err(|source| StartError::Listen { address: options.host.clone(), source })?;
        if !address.ip().is_loopback() && options.token.is_none() {
            return Err(StartError::NoToken(address));
        }
        let cache = ResponseCache::new(&options, &extensions);
        observer.tell("response_cache", cache.state());
        let stopping = CancellationToken::new();
        let tasks = TaskTracker::new();
        let stack = Arc::new(Stack {
            engine,
            extensions,
            client: Client::new(&options),
            upstreams: Table::new(&options.upstreams),
            origins: Origins::new(&options),
            token: Token::new(options.token.clone(), address.port()),
            cache,
            observer,
            kept: Kept::default(),
            tasks: tasks.clone(),
            stopping: stopping.clone(),
            options,
        });
        let server = Server { own: routes::router(&stack), stack: Arc::clone(&stack), front };
        let accepting = tokio::spawn(server.run(listener));
        let running = RunningProxy { address, stopping, accepting };
        if let Err(refused) = after_start(&stack, address).await {
            running.shutdown();
            running.join().await;
            return Err(refused);
        }
        Ok(running)
    }
}

/// A proxy that listens.
#[derive(Debug)]
pub struct RunningProxy {
    address: SocketAddr,
    stopping: CancellationToken,
    accepting: JoinHandle<()>,
}

impl RunningProxy {
    /// The address that it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Asks it to stop: no new connection is taken, and what is under way may end within the drain limit.
    pub fn shutdown(&self) {
        self.stopping.cancel();
    }

    /// What [`shutdown`](Self::shutdown) does, for a place that outlives this handle.
    pub fn stopper(&self) -> impl Fn() + Send + Sync + Clone + 'static {
        let stopping = self.stopping.clone();
        move || stopping.cancel()
    }

    /// Waits until it has stopped.
    pub async fn join(self) {
        // A server that panicked has stopped too.
        let _ = self.accepting.await;
    }
}

/// An engine whose originals go to a store that is opened when the first one needs it.
fn engine(store: Option<String>) -> Engine {
    Engine::with_lazy_store(Box::new(move || match &store {
        Some(store) => open_store(store),
        None => {
            let home = std::env::home_dir().filter(|home| !home.as_os_str().is_empty());
            let path = home.map(|home| home.join(".headroom").join(DEFAULT_FILE_NAME));
            let path = path.and_then(|path| path.into_os_string().into_string().ok()).ok_or_else(|| {
                Error::new(ErrorKind::Storage, "store: expected a home directory in UTF-8, found none")
            })?;
            open_store(&path)
        }
    }))
}

/// What is kept of requests to be shown.
fn observer(options: &ProxyOptions) -> Result<Observer, StartError> {
    let prices = PriceTable::default()
        .with_overrides(&options.prices)
        .map_err(|error| StartError::Configuration(error.to_string()))?;
    let dashboard_texts = options.dashboard_texts;
    let observed = ObserveOptions { dashboard_texts, prices, ..ObserveOptions::default() };
    Ok(Observer::with_traces(observed, Traces::start(options)))
}

/// An event of the process.
async fn emit(
    extensions: &PipelineExtensionManager,
    stage: PipelineStage,
    options: &ProxyOptions,
    address: Option<SocketAddr>,
    stores: &[&str],
) -> Result<(), StartError> {
    if !extensions.subscribes(stage) {
        return Ok(());
    }
    let mut event = PipelineEvent::new(stage, "proxy.request");
    match address {
        Some(address) => {
            event.metadata.set_json("host", address.ip().to_string());
            event.metadata.set_json("port", address.port());
        }
        None => {
            event.metadata.set_json("host", options.host.as_str());
            event.metadata.set_json("port", options.port);
        }
    }
    if stage == PipelineStage::Setup {
        event.metadata.set_json("options", serde_json::to_value(&options.compress).unwrap_or_default());
    } else {
        event.metadata.set_json("stores", stores);
    }
    extensions.emit(event).await.map(drop).map_err(StartError::Refused)
}

/// `post_start`, and what is better loaded before the first request needs it.
async fn after_start(stack: &Arc<Stack>, address: SocketAddr) -> Result<(), StartError> {
    if stack.extensions.subscribes(PipelineStage::PostStart) {
        let engine = stack.engine.clone();
        let store = tokio::task::spawn_blocking(move || engine.store()).await;
        let kinds = match &store {
            Ok(Ok(store)) => vec![store.kind()],
            Ok(Err(error)) => {
                log::warn!(target: "headroom.proxy", "the store is not open yet: {error}");
                Vec::new()
            }
            Err(_) => Vec::new(),
        };
        emit(&stack.extensions, PipelineStage::PostStart, &stack.options, Some(address), &kinds).await?;
    }
    Ok(())
}

async fn listen(options: &ProxyOptions) -> Result<TcpListener, StartError> {
    let address = (options.host.as_str(), options.port);
    let failed = |source| StartError::Listen { address: format!("{}:{}", options.host, options.port), source };
    let found: Vec<SocketAddr> = tokio::net::lookup_host(address).await.map_err(failed)?.collect();
    if options.token.is_none()
        && let Some(open) = found.iter().find(|address| !address.ip().is_loopback())
    {
        return Err(StartError::NoToken(*open));
    }
    TcpListener::bind(&*found).await.map_err(failed)
}

/// What serves connections.
struct Server {
    stack: Arc<Stack>,
    own: Router,
    /// Takes requests first when this process stands before the one that compresses.
    front: Option<Arc<Front>>,
}

impl Server {
    /// Takes connections until it is to stop, then lets what is under way end.
    async fn run(self, listener: TcpListener) {
        let slots = Arc::new(Semaphore::new(self.stack.options.limits.connections.min(Semaphore::MAX_PERMITS)));
        let graceful = GracefulShutdown::new();
        let mut connections = JoinSet::new();
        let mut is_first = true;
        loop {
            let accept = async {
                // A connection that has no place waits in the system's queue.
                let slot = Arc::clone(&slots).acquire_owned().await.ok();
                (listener.accept().await, slot)
            };
            let (accepted, slot) = tokio::select! {
                biased;
                () = self.stack.stopping.cancelled() => break,
                Some(_) = connections.join_next(), if !connections.is_empty() => continue,
                accepted = accept => accepted,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    log::warn!(target: "headroom.proxy", "cannot take a connection: {error}");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            if std::mem::take(&mut is_first) && self.front.is_none() {
                load_vocabulary();
            }
            let connection = self.connection(stream, &graceful);
            connections.spawn(async move {
                connection.await;
                drop(slot);
            });
        }
        // From here on connections are refused.
        drop(listener);
        // A page that watches would keep its connection.
        self.stack.observer.close();
        let drained = async {
            graceful.shutdown().await;
            self.stack.tasks.close();
            self.stack.tasks.wait().await;
        };
        if timeout(self.stack.options.timeouts.drain(), drained).await.is_err() {
            log::warn!(target: "headroom.proxy", "requests are cut off that did not end within the drain limit");
        }
        connections.shutdown().await;
        self.stack.observer.flush().await;
    }

    /// Serves one connection.
    fn connection(&self, stream: TcpStream, graceful: &GracefulShutdown) -> impl Future<Output = ()> + Send + 'static {
        let (stack, own, front) = (Arc::clone(&self.stack), self.own.clone(), self.front.clone());
        let limits = &stack.options.limits;
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder.http1().timer(HyperTimer::new()).header_read_timeout(stack.options.timeouts.headers());
        builder
            .http2()
            .timer(HyperTimer::new())
            .adaptive_window(true)
            .max_header_list_size(u32::try_from(limits.header_bytes * 2).unwrap_or(u32::MAX))
            .keep_alive_interval(Some(stack.options.timeouts.headers()))
            .max_concurrent_streams(Some(1024));
        let watcher = graceful.watcher();
        let (wait, idle) = (stack.options.timeouts.headers(), stack.options.timeouts.idle());
        async move {
            // An answer that is written in pieces must not wait for the client's acknowledgements.
            let _ = stream.set_nodelay(true);
            let sequel = Sequel::default();
            let next = sequel.clone();
            let service = service_fn(move |mut request: Request<Incoming>| {
                if request.headers().contains_key(UPGRADE) {
                    request.extensions_mut().insert(sequel.clone());
                }
                let (stack, own, front) = (Arc::clone(&stack), own.clone(), front.clone());
                async move {
                    Ok::<_, std::convert::Infallible>(match front {
                        Some(front) => front.serve(stack, own, request).await,
                        None => stack::serve(stack, own, request).await,
                    })
                }
            });
            // A client must say something in time, and take what is said to it.
            let stream = TokioIo::new(Unread::new(Greeting::new(stream, wait), idle));
            let connection = builder.serve_connection_with_upgrades(stream, service).into_owned();
            if let Err(error) = watcher.watch(connection).await {
                log::debug!(target: "headroom.proxy", "a connection ended: {error}");
            }
            // Another protocol may go on where HTTP has ended, in the connection's place and for as long as it may last.
            if let Some(next) = next.take() {
                next.await;
            }
        }
    }
}

/// Loads the vocabulary that most models count with, so that the first request does not wait for it. The first
/// connection sets it off: a proxy that nobody talks to stays small.
fn load_vocabulary() {
    tokio::task::spawn_blocking(|| tokens::for_model("gpt-4o").count("a"));
}
