//! The place of one broker's connection: opened by the first who needs it, shared by all.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Mutex;
use tokio::time::timeout_at;

use super::BrokerId;
use crate::config::HostPort;
use crate::conn::{Call, Link, Opener, lock};
use crate::error::{At, KafkaError};

pub(super) struct Slot {
    pub(super) target: HostPort,
    /// For messages.
    address: Arc<str>,
    link: std::sync::Mutex<Option<Arc<Link>>>,
    /// Held while connecting, with the error of the last attempt.
    connecting: Mutex<Option<KafkaError>>,
    attempts: AtomicU64,
}

impl Slot {
    pub(super) fn new(target: HostPort, broker: Option<BrokerId>) -> Self {
        let address = match broker {
            Some(id) => Arc::from(format!("{target} (broker {id})")),
            None => Arc::from(target.to_string()),
        };
        Self {
            target,
            address,
            link: std::sync::Mutex::default(),
            connecting: Mutex::default(),
            attempts: AtomicU64::new(0),
        }
    }

    pub(super) fn at(&self, what: &'static str) -> At {
        At::new(what, &self.address)
    }

    pub(super) fn address(&self) -> &Arc<str> {
        &self.address
    }

    /// The open connection, if there is one.
    pub(super) fn open(&self) -> Option<Arc<Link>> {
        lock(&self.link).as_ref().filter(|link| link.usable()).map(Arc::clone)
    }

    /// A connection, and whether it was open before. Those who waited for an attempt that failed share its error.
    pub(super) async fn link(&self, opener: &Opener, call: &Call) -> Result<(Arc<Link>, bool), KafkaError> {
        if let Some(link) = self.open() {
            return Ok((link, true));
        }
        let seen = self.attempts.load(Ordering::Acquire);
        let locked = timeout_at(call.deadline, self.connecting.lock()).await;
        let mut last = locked.map_err(|_| call.timeout("connect", &self.address))?;
        if let Some(link) = self.open() {
            return Ok((link, false));
        }
        if self.attempts.load(Ordering::Acquire) != seen
            && let Some(error) = &*last
        {
            return Err(error.clone());
        }
        let opened = opener.open(&self.target, &self.address, call).await;
        self.attempts.fetch_add(1, Ordering::Release);
        match opened {
            Ok(link) => {
                *last = None;
                let link = Arc::new(link);
                *lock(&self.link) = Some(Arc::clone(&link));
                Ok((link, false))
            }
            Err(error) => {
                *last = Some(error.clone());
                Err(error)
            }
        }
    }
}
