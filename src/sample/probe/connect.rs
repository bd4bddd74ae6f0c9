//! Names to addresses, addresses to connections, and what is said where there is none.

use super::super::millis;
use super::tls::Roots;
use cutover_core::estate::{Failure, FailureKind};
use cutover_core::time::Dur;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

/// Addresses of one name that are tried.
const ADDRESSES: usize = 16;
/// Look-ups of a probe that may be under way: one that hangs cannot be called back, only not be repeated without end.
const LOOKUPS: usize = 2;

/// What the looks of one probe have in common.
#[derive(Clone)]
pub(super) struct Looker {
    /// Whose certificates are trusted.
    pub(super) roots: Arc<Roots>,
    /// How long a look may take.
    pub(super) within: Dur,
    lookups: Arc<Semaphore>,
}

/// Why something was not reached.
#[derive(Clone, Debug)]
pub(super) struct Miss {
    /// As the estate knows it.
    pub(super) kind: FailureKind,
    /// In a few words.
    pub(super) words: String,
    /// The agent itself could not look: this says nothing of the other side.
    pub(super) own: bool,
}

impl Miss {
    /// What the other side did, or did not do.
    pub(super) fn new(kind: FailureKind, words: impl Into<String>) -> Miss {
        Miss { kind, words: words.into(), own: false }
    }

    /// Why the agent itself could not look.
    pub(super) fn own(kind: FailureKind, words: impl Into<String>) -> Miss {
        Miss { kind, words: words.into(), own: true }
    }

    /// As a failure of the sample.
    pub(super) fn failure(self) -> Failure {
        Failure::new(self.kind, self.words)
    }
}

impl Looker {
    /// A looker of one probe.
    pub(super) fn new(roots: Arc<Roots>, within: Dur) -> Looker {
        Looker { roots, within, lookups: Arc::new(Semaphore::new(LOOKUPS)) }
    }

    /// When a look that begins now has to end.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + millis(self.within)
    }

    /// Nothing came back in time.
    pub(super) fn silent(&self) -> Miss {
        Miss::new(FailureKind::Timeout, format!("no answer within {}", self.within))
    }

    /// The addresses of a host.
    pub(super) async fn resolve(&self, host: &str, port: u16, until: Instant) -> Result<Vec<SocketAddr>, Miss> {
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, port)]);
        }
        let unreachable =
            |what: String| Miss::new(FailureKind::Unreachable, format!("{host} does not resolve: {what}"));
        let (lookups, name) = (self.lookups.clone(), host.to_owned());
        let asked = async {
            let slot = lookups.acquire_owned().await;
            let lookup = tokio::spawn(async move {
                let found = tokio::net::lookup_host((name, port)).await.map(Vec::from_iter);
                drop(slot);
                found
            });
            lookup.await.unwrap_or_else(|e| Err(io::Error::other(e)))
        };
        let found = match timeout_at(until, asked).await {
            Err(_) => return Err(Miss::new(FailureKind::Timeout, format!("{host} does not resolve in time"))),
            Ok(Err(e)) => return Err(unreachable(e.to_string())),
            Ok(Ok(found)) => found,
        };
        let mut addresses: Vec<SocketAddr> = Vec::new();
        for address in found {
            if !addresses.contains(&address) && addresses.len() < ADDRESSES {
                addresses.push(address);
            }
        }
        if addresses.is_empty() { Err(unreachable("it has no address".into())) } else { Ok(addresses) }
    }

    /// A connection to an address.
    pub(super) async fn connect(&self, address: SocketAddr, until: Instant) -> Result<TcpStream, Miss> {
        match timeout_at(until, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(e)) => Err(refused(&e)),
            Err(_) => Err(self.silent()),
        }
    }
}

/// What an error of a socket says, and of whom.
pub(super) fn refused(e: &io::Error) -> Miss {
    let words = match e.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => "connection reset",
        io::ErrorKind::HostUnreachable => "no route to the host",
        io::ErrorKind::NetworkUnreachable => "no route to the network",
        io::ErrorKind::TimedOut => "no answer",
        // No descriptor, no port, not allowed: the agent's own trouble.
        io::ErrorKind::PermissionDenied | io::ErrorKind::AddrNotAvailable | io::ErrorKind::OutOfMemory => {
            return Miss::own(FailureKind::Unreachable, format!("the agent cannot connect: {e}"));
        }
        _ if matches!(e.raw_os_error(), Some(23 | 24)) => {
            return Miss::own(FailureKind::Unreachable, format!("the agent cannot connect: {e}"));
        }
        _ => return Miss::new(FailureKind::Unreachable, e.to_string()),
    };
    Miss::new(FailureKind::Unreachable, words)
}
