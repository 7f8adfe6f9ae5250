//! Who has the proxy's port: nobody, a Headroom, or somebody else.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use headroom_proxy::ProxyOptions;

use super::check::Check;

const NAME: &str = "port";

/// How long an answer from this machine may take.
///
/// # Sources
/// Chosen by hand.
const WAIT: Duration = Duration::from_secs(2);

pub(super) fn check(options: &ProxyOptions) -> Check {
    let place = format!("{}:{}", options.host, options.port);
    if options.port == 0 {
        return Check::ok(NAME, "any free one");
    }
    let address = match (options.host.as_str(), options.port).to_socket_addrs().map(|mut found| found.next()) {
        Ok(Some(address)) => address,
        Ok(None) => return Check::fail(NAME, format!("{}: no address", options.host), "set host to 127.0.0.1"),
        Err(error) => return Check::fail(NAME, format!("{}: {error}", options.host), "set host to 127.0.0.1"),
    };
    match TcpListener::bind(address) {
        Ok(_) => Check::ok(NAME, format!("{place} is free; `headroom proxy` starts one there")),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => taken(address, &place),
        Err(error) => Check::fail(NAME, format!("{place}: {error}"), "--port and --host name another place"),
    }
}

/// What stands there.
fn taken(address: SocketAddr, place: &str) -> Check {
    let answer = |path| ask(address, path).unwrap_or_default();
    let health = answer("/health");
    let version = serde_json::from_str::<serde_json::Value>(&health.body).ok();
    let version = version.as_ref().and_then(|body| Some((body.get("status")?, body.get("version")?.as_str()?)));
    let Some((_, version)) = version else {
        let message = format!("{place} is taken by something else than Headroom");
        return Check::fail(NAME, message, "--port or HEADROOM_PORT names another one, 0 any free one");
    };
    if answer("/readyz").status != 200 {
        return Check::warn(NAME, format!("Headroom {version} at {place} is about to stop"), "start it again");
    }
    let found = format!("Headroom {version} is ready at {place}");
    if version == env!("CARGO_PKG_VERSION") {
        return Check::ok(NAME, found);
    }
    Check::warn(NAME, format!("{found}, this is {}", env!("CARGO_PKG_VERSION")), "start it again to have one version")
}

#[derive(Default)]
struct Answer {
    status: u16,
    body: String,
}

/// The answer to a `GET`, as far as it came.
fn ask(mut address: SocketAddr, path: &str) -> io::Result<Answer> {
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() { [127, 0, 0, 1].into() } else { std::net::Ipv6Addr::LOCALHOST.into() });
    }
    let mut stream = TcpStream::connect_timeout(&address, WAIT)?;
    stream.set_read_timeout(Some(WAIT))?;
    stream.set_write_timeout(Some(WAIT))?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
    let mut bytes = Vec::new();
    // Whatever stands there may say anything, for as long as it likes.
    stream.take(64 << 10).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    Ok(Answer { status, body: body.to_owned() })
}
