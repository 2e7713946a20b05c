//! From a host and a port to a fresh connection.

use std::io;
use std::net::SocketAddr;

use floodmark_schemas::Reason;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::settings::IpVersion;
use super::trace::{Failure, Stage, Trace};

/// Resolves `host` (a name, or an address without brackets) and connects.
///
/// Addresses are tried one after the other, in the order the resolver gives, never at once; each gets an equal part of
/// the time that is left, so that one that swallows everything leaves some for the next. The name is resolved at each
/// call: nothing is cached here.
///
/// # Errors
/// `Dns`, `ConnectRefused`, `ConnectTimeout`, `ConnectFailed`, or `Local` when this machine could not try.
pub async fn dial(host: &str, port: u16, ip: IpVersion, trace: &mut Trace) -> Result<TcpStream, Failure> {
    let addresses = resolve(host, port, ip, trace).await?;
    trace.enter(Stage::Connect);
    let mut failure = None;
    for (i, address) in addresses.iter().enumerate() {
        let now = Instant::now();
        let left = trace.deadline().saturating_duration_since(now) / (addresses.len() - i) as u32;
        trace.address = Some(address.to_string());
        match timeout_at(now + left, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                trace.done();
                // Without it a request in two small pieces would wait for an acknowledgement.
                stream.set_nodelay(true).map_err(|e| Failure::new(Reason::Local, format!("setting up the connection: {e}")))?;
                return Ok(stream);
            }
            Ok(Err(e)) => failure = Some(refused(*address, &e)),
            Err(_) => {
                failure = Some(Failure::new(Reason::ConnectTimeout, format!("{address} did not accept a connection within {left:.1?}")))
            }
        }
    }
    Err(failure.expect("resolving gives at least one address, and each leaves a failure"))
}

async fn resolve(host: &str, port: u16, ip: IpVersion, trace: &mut Trace) -> Result<Vec<SocketAddr>, Failure> {
    let all: Vec<SocketAddr> = match host.parse() {
        Ok(address) => vec![SocketAddr::new(address, port)],
        Err(_) => {
            trace.enter(Stage::Resolve);
            let found = tokio::net::lookup_host((host, port)).await;
            let found = found.map_err(|e| Failure::new(Reason::Dns, format!("resolving {host:?}: {e}")))?;
            trace.done();
            found.collect()
        }
    };
    let wanted: Vec<SocketAddr> = all.iter().copied().filter(|address| ip.allows(address)).collect();
    match (wanted.is_empty(), all.is_empty()) {
        (false, _) => Ok(wanted),
        (true, true) => Err(Failure::new(Reason::Dns, format!("{host:?} has no address"))),
        (true, false) => Err(Failure::new(Reason::Dns, format!("{host:?} has no IPv{ip} address"))),
    }
}

/// What it means that connecting failed.
fn refused(address: SocketAddr, e: &io::Error) -> Failure {
    const TOO_MANY_OPEN_FILES: [i32; 2] = [23, 24];
    let reason = match e.kind() {
        io::ErrorKind::ConnectionRefused => Reason::ConnectRefused,
        io::ErrorKind::TimedOut => Reason::ConnectTimeout,
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::PermissionDenied => Reason::Local,
        _ if cfg!(unix) && e.raw_os_error().is_some_and(|code| TOO_MANY_OPEN_FILES.contains(&code)) => Reason::Local,
        _ => Reason::ConnectFailed,
    };
    Failure::new(reason, format!("connecting to {address}: {e}"))
}
