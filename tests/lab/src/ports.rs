//! Free ports of the loopback.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Mutex, PoisonError};

use crate::error::{Doing, Result};

static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A port nobody listens on now and this process was not given before. Another process may still take it before it is
/// used: a server that cannot bind says so in its log.
pub fn free() -> Result<u16> {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    // Those that must not be given again are kept open until another one is found.
    let mut tried = Vec::new();
    loop {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).doing(|| "bind a free port".to_owned())?;
        let port = socket.local_addr().doing(|| "read a port".to_owned())?.port();
        if given.insert(port) {
            return Ok(port);
        }
        tried.push(socket);
    }
}
