//! The probes against real sockets: what each kind of trouble looks like in a check.

mod certificates;
mod host;
mod http;
mod recorder;
mod schedule;
mod server;
mod tcp;
mod tls;
