//! The probes against real sockets: what each kind of trouble looks like in a check.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by failing")]

mod certificates;
mod guide;
mod host;
mod http;
mod oracle;
mod recorder;
mod schedule;
mod server;
mod tcp;
mod tls;
