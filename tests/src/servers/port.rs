//! Ports that stay free for a server, also while it is down.

use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};

/// Below the ports that the kernel gives to clients (from 32768, or 49152): a client that looks for a server that is
/// down could otherwise be given the server's own port, and be connected to itself.
const FIRST: u16 = 20_000;
const COUNT: u16 = 10_000;

/// A TCP port of this machine that no other test takes as long as this exists.
///
/// It is held by the UDP port of the same number, which ends with the process, however that ends.
pub struct Port {
    number: u16,
    _held: UdpSocket,
}

impl Port {
    /// A port that nobody listens on.
    ///
    /// # Panics
    /// When all are taken.
    pub fn free() -> Self {
        let start = (RandomState::new().hash_one(std::process::id()) % u64::from(COUNT)) as u16;
        let numbers = (0..COUNT).map(|n| FIRST + (start + n) % COUNT);
        numbers.filter_map(Self::hold).next().expect("one of ten thousand ports is free")
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.number
    }

    fn hold(number: u16) -> Option<Self> {
        let held = UdpSocket::bind((Ipv4Addr::LOCALHOST, number)).ok()?;
        TcpListener::bind((Ipv4Addr::LOCALHOST, number)).ok()?;
        Some(Self { number, _held: held })
    }
}
