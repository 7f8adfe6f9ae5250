//! Connections to upstreams: direct or through the proxy that the environment names, TLS above, all of it in a time.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::{HeaderValue, Uri};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::Service;

/// A connection took longer than its time.
#[derive(Debug, thiserror::Error)]
#[error("no connection within {} ms", .0.as_millis())]
pub(super) struct ConnectTimeout(pub(super) Duration);

/// Makes connections, TLS included, within a time.
#[derive(Clone)]
pub(super) struct Connector {
    inner: HttpsConnector<Route>,
    limit: Duration,
}

impl Connector {
    /// One that speaks HTTP/2 where the upstream does, and one that never does: from HTTP/2 there is no way to another
    /// protocol.
    pub(super) fn pair(matcher: Matcher, limit: Duration) -> (Self, Self) {
        let mut direct = HttpConnector::new();
        direct.enforce_http(false);
        direct.set_nodelay(true);
        direct.set_keepalive(Some(Duration::from_secs(60)));
        let route = Route { direct, matcher: Arc::new(matcher) };
        let tls = tls();
        let builder = || HttpsConnectorBuilder::new().with_tls_config(tls.clone()).https_or_http();
        let any = builder().enable_all_versions().wrap_connector(route.clone());
        let first = builder().enable_http1().wrap_connector(route);
        (Self { inner: any, limit }, Self { inner: first, limit })
    }
}

/// TLS with the system's roots. Without any it trusts nobody, and upstreams without TLS still work.
fn tls() -> rustls::ClientConfig {
    let builder = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has the default versions");
    let trusting = match builder.clone().with_native_roots() {
        Ok(trusting) => trusting,
        Err(error) => {
            log::warn!(target: "headroom.proxy", "no https upstream can be trusted: {error}");
            builder.with_root_certificates(rustls::RootCertStore::empty())
        }
    };
    trusting.with_no_client_auth()
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<Stream>;
    type Error = axum::BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let connecting = self.inner.call(to);
        let limit = self.limit;
        Box::pin(async move { tokio::time::timeout(limit, connecting).await.map_err(|_| ConnectTimeout(limit))? })
    }
}

/// The connection below TLS: to the upstream itself, or to a proxy that leads there.
#[derive(Clone)]
struct Route {
    direct: HttpConnector,
    matcher: Arc<Matcher>,
}

impl Service<Uri> for Route {
    type Response = Stream;
    type Error = axum::BoxError;
    type Future = BoxFuture<'static, Result<Stream, axum::BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.direct.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let Some(proxy) = intercept(&self.matcher, &to) else {
            let connecting = self.direct.call(to);
            return Box::pin(async move { Ok(Stream { inner: connecting.await?, is_proxied: false }) });
        };
        let direct = self.direct.clone();
        Box::pin(through(proxy, to, direct))
    }
}

/// The proxy on the way to an address. This machine is reached without one, whatever the environment says.
fn intercept(matcher: &Matcher, to: &Uri) -> Option<Intercept> {
    let host = to.host()?;
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let is_here = address.map_or_else(|_| host.eq_ignore_ascii_case("localhost"), |address| address.is_loopback());
    if is_here { None } else { matcher.intercept(to) }
}

async fn through(proxy: Intercept, to: Uri, mut direct: HttpConnector) -> Result<Stream, axum::BoxError> {
    match proxy.uri().scheme_str() {
        Some("http") if to.scheme_str() == Some("http") => {
            Ok(Stream { inner: direct.call(proxy.uri().clone()).await?, is_proxied: true })
        }
        Some("http") => {
            let mut tunnel = Tunnel::new(proxy.uri().clone(), direct);
            if let Some(credentials) = proxy.basic_auth() {
                tunnel = tunnel.with_auth(credentials.clone());
            }
            Ok(Stream { inner: tunnel.call(to).await?, is_proxied: false })
        }
        Some("socks5" | "socks5h") => {
            let mut socks =
                SocksV5::new(proxy.uri().clone(), direct).local_dns(proxy.uri().scheme_str() == Some("socks5"));
            if let Some((user, password)) = proxy.raw_auth() {
                socks = socks.with_auth(user.to_owned(), password.to_owned());
            }
            Ok(Stream { inner: socks.call(to).await?, is_proxied: false })
        }
        other => {
            let found = other.unwrap_or("none");
            let message = format!("expected a proxy with http, socks5 or socks5h in the environment, found {found}");
            Err(io::Error::other(message).into())
        }
    }
}

/// What a request to an `http` upstream must say to the proxy on its way; one to `https` says it when the tunnel is made.
pub(super) fn proxy_credentials(matcher: &Matcher, to: &Uri) -> Option<HeaderValue> {
    if to.scheme_str() != Some("http") {
        return None;
    }
    let proxy = intercept(matcher, to)?;
    (proxy.uri().scheme_str() == Some("http")).then(|| proxy.basic_auth().cloned())?
}

/// A connection that knows whether requests on it must name their whole address.
pub(super) struct Stream {
    inner: TokioIo<TcpStream>,
    is_proxied: bool,
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        self.inner.connected().proxy(self.is_proxied)
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl Write for Stream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(context, slices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies() -> Matcher {
        Matcher::builder()
            .http("http://ann:secret@proxy.example:3128")
            .https("http://ann:secret@proxy.example:3128")
            .no("provider.example, .internal.example,10.0.0.0/8")
            .build()
    }

    #[test]
    fn some_addresses_are_reached_without_a_proxy() {
        for (address, is_direct) in [
            ("https://api.openai.com/v1", false),
            ("http://other.example", false),
            ("https://provider.example", true),
            ("https://api.internal.example:8443", true),
            ("http://10.1.2.3", true),
            ("http://127.0.0.1:8080", true),
            ("https://[::1]:8443", true),
            ("http://LOCALHOST", true),
        ] {
            assert_eq!(intercept(&proxies(), &address.parse().unwrap()).is_none(), is_direct, "{address}");
        }
    }

    #[test]
    fn only_the_proxy_of_a_request_without_tls_is_told_the_credentials_with_it() {
        let credentials = |address: &str| proxy_credentials(&proxies(), &address.parse().unwrap());
        assert_eq!(credentials("http://other.example").unwrap(), "Basic YW5uOnNlY3JldA==");
        assert!(credentials("http://other.example").unwrap().is_sensitive());
        assert_eq!(credentials("https://other.example"), None);
        assert_eq!(credentials("http://provider.example"), None);
    }
}
