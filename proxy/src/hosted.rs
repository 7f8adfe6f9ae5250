//! A proxy on threads of its own, for hosts that have no runtime: other languages.

use std::net::SocketAddr;
use std::sync::Arc;

use headroom_core::pipeline::PipelineExtensionManager;
use tokio::runtime::{Builder, Runtime};

use crate::error::StartError;
use crate::options::ProxyOptions;
use crate::server::{Proxy, RunningProxy};

/// A proxy that listens, with the runtime that serves it. Dropping it stops it without a drain.
#[derive(Debug)]
pub struct HostedProxy {
    address: SocketAddr,
    inside: Option<(RunningProxy, Runtime)>,
}

impl HostedProxy {
    /// Starts a proxy and waits until it listens. Each thread that may run extensions or log calls `on_thread` first.
    /// The calling thread must not be one of a runtime's tasks.
    ///
    /// # Errors
    /// As [`Proxy::start`]; and [`StartError::Threads`].
    pub fn start(
        options: ProxyOptions,
        extensions: Arc<PipelineExtensionManager>,
        on_thread: impl Fn() + Send + Sync + 'static,
    ) -> Result<Self, StartError> {
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.enable_all().thread_name("headroom-proxy").on_thread_start(on_thread).build();
        let runtime = runtime.map_err(StartError::Threads)?;
        // On a thread of the runtime, since extensions are asked already here.
        let starting = runtime.spawn(Proxy::start(options, extensions));
        match runtime.block_on(starting) {
            Ok(Ok(running)) => Ok(Self { address: running.address(), inside: Some((running, runtime)) }),
            Ok(Err(failed)) => {
                runtime.shutdown_background();
                Err(failed)
            }
            Err(panicked) => {
                runtime.shutdown_background();
                Err(StartError::Configuration(format!("the proxy did not start: {panicked}")))
            }
        }
    }

    /// The address that it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no new connection, waits for what is under way within the drain limit, and ends its threads.
    pub fn stop(mut self) {
        if let Some((running, runtime)) = self.inside.take() {
            running.shutdown();
            runtime.block_on(running.join());
            // What a request left behind on a thread of its own is not waited for.
            runtime.shutdown_background();
        }
    }
}

impl Drop for HostedProxy {
    fn drop(&mut self) {
        if let Some((running, runtime)) = self.inside.take() {
            running.shutdown();
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_hosted_proxy_answers_until_it_is_stopped() {
        let threads = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&threads);
        let options = ProxyOptions { port: 0, store: Some(":memory:".into()), ..ProxyOptions::default() };
        let proxy = HostedProxy::start(options, Arc::default(), move || {
            count.fetch_add(1, Ordering::Relaxed);
        })
        .unwrap();
        let address = proxy.address();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(threads.load(Ordering::Relaxed) > 0);
        proxy.stop();
        assert!(TcpStream::connect(address).is_err());
    }

    #[test]
    fn one_that_cannot_start_says_why() {
        let options = ProxyOptions { host: "0.0.0.0".into(), port: 0, ..ProxyOptions::default() };
        let refused = HostedProxy::start(options, Arc::default(), || {}).unwrap_err();
        assert!(matches!(refused, StartError::NoToken(_)), "{refused}");
    }
}
