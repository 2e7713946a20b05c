//! The probes against real sockets: what each kind of trouble looks like in a check.

#![cfg(test)]

mod certificates;
mod connectivity;
mod guide;
mod host;
mod http;
mod oracle;
mod recorder;
mod schedule;
mod server;
mod tcp;
mod tls;
