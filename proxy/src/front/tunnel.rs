//! Connections that become something else, such as a WebSocket: the proxy answers, then bytes go both ways.

use std::net::SocketAddr;
use std::sync::Arc;

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;

use super::{Backend, TOKEN};
use crate::body::Body;
use crate::stack::Stack;

/// Asks the proxy for what the client asks for.
///
/// # Errors
/// The request, with nothing of it used, when the proxy gives no answer.
pub(super) async fn open(
    backend: &Backend,
    address: SocketAddr,
    stack: &Arc<Stack>,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, Box<Request<Incoming>>> {
    let Some(mut response) = ask(backend, address, stack, &request).await else { return Err(Box::new(request)) };
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(response.map(Body::new));
    }
    let (client, proxy) = (hyper::upgrade::on(&mut request), hyper::upgrade::on(&mut response));
    let stopping = stack.stopping.clone();
    stack.tasks.spawn(async move {
        let Ok((client, proxy)) = futures_util::future::try_join(client, proxy).await else { return };
        let (mut client, mut proxy) = (TokioIo::new(client), TokioIo::new(proxy));
        tokio::select! {
            // Either side that breaks off ends the other.
            _ = copy_bidirectional(&mut client, &mut proxy) => {}
            () = stopping.cancelled() => {}
        }
    });
    let (parts, _) = response.into_parts();
    Ok(Response::from_parts(parts, Body::empty()))
}

/// The answer to the head of a request; none when the proxy is gone.
async fn ask(
    backend: &Backend,
    address: SocketAddr,
    stack: &Arc<Stack>,
    request: &Request<Incoming>,
) -> Option<Response<Incoming>> {
    let stream = TcpStream::connect(address).await.ok()?;
    let _ = stream.set_nodelay(true);
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    stack.tasks.spawn(async move {
        if let Err(error) = connection.with_upgrades().await {
            log::debug!(target: "headroom.proxy", "a connection to the proxy ended: {error}");
        }
    });
    let mut asked = Request::new(Body::empty());
    *asked.method_mut() = request.method().clone();
    *asked.uri_mut() = request.uri().path_and_query()?.clone().into();
    *asked.headers_mut() = request.headers().clone();
    asked.headers_mut().insert(TOKEN, backend.header());
    sender.send_request(asked).await.ok()
}
