//! What a cluster should be like, before it is started.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Cluster;
use super::security::{Listener, User};
use super::tls::ClientAuth;
use crate::error::{Error, Result};
use crate::words::Version;

/// What a cluster should be like. See [`Cluster::builder`].
#[derive(Debug, Clone)]
pub struct ClusterBuilder {
    pub(crate) version: Version,
    pub(crate) name: String,
    pub(crate) brokers: usize,
    pub(crate) extra: BTreeMap<String, String>,
    pub(crate) listeners: Vec<Listener>,
    pub(crate) client_auth: ClientAuth,
    pub(crate) users: Vec<User>,
    pub(crate) authorizer: bool,
    pub(crate) session_timeout: Duration,
}

impl ClusterBuilder {
    pub(super) fn new(version: Version) -> Self {
        Self {
            version,
            name: format!("kafka-{version}"),
            brokers: 1,
            extra: BTreeMap::new(),
            listeners: Vec::new(),
            client_auth: ClientAuth::None,
            users: Vec::new(),
            authorizer: false,
            session_timeout: Duration::from_secs(6),
        }
    }

    /// A name for logs and messages; the version by default.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// How many nodes, 1 to 3; one by default. With more, topics may be replicated.
    pub fn brokers(mut self, count: usize) -> Self {
        self.brokers = count;
        self
    }

    /// One more broker setting, overriding the lab's own.
    pub fn setting(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.extra.insert(key.into(), value.into());
        self
    }

    /// One more listener beside PLAINTEXT.
    pub fn listener(mut self, listener: Listener) -> Self {
        if !self.listeners.contains(&listener) {
            self.listeners.push(listener);
        }
        self
    }

    /// Whether TLS listeners ask for client certificates; they do not by default.
    pub fn client_auth(mut self, client_auth: ClientAuth) -> Self {
        self.client_auth = client_auth;
        self
    }

    /// A user for the SASL listeners, known to PLAIN and to SCRAM.
    pub fn user(mut self, name: impl Into<String>, password: impl Into<String>) -> Self {
        self.users.push(User { name: name.into(), password: password.into() });
        self
    }

    /// Turns `StandardAuthorizer` on: nobody may do anything but the super users, `User:admin` and whoever comes without
    /// a name (`User:ANONYMOUS`: over PLAINTEXT, or over TLS without a certificate), until [`Cluster::acl`] allows it.
    pub fn authorizer(mut self) -> Self {
        self.authorizer = true;
        self
    }

    /// How long brokers keep a silent member; 6 s by default.
    pub fn session_timeout(mut self, timeout: Duration) -> Self {
        self.session_timeout = timeout;
        self
    }

    /// Provisions this Kafka if need be, starts the nodes and returns when all answer.
    pub fn start(self) -> Result<Cluster> {
        if !(1..=3).contains(&self.brokers) {
            return Err(Error::Usage(format!("a lab cluster has 1 to 3 brokers, not {}", self.brokers)));
        }
        Cluster::start(self)
    }
}
