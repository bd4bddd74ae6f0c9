//! What a replica set should be like, before it is started.

use std::collections::BTreeMap;
use std::time::Duration;

use super::ReplicaSet;
use crate::error::{Error, Result};

/// What a replica set should be like. See [`ReplicaSet::builder`].
#[derive(Debug, Clone)]
pub struct ReplicaSetBuilder {
    pub(crate) name: String,
    pub(crate) members: usize,
    pub(crate) oplog_mb: u32,
    pub(crate) election_timeout: Duration,
    pub(crate) parameters: BTreeMap<String, String>,
}

impl ReplicaSetBuilder {
    pub(super) fn new(name: String) -> Self {
        let quick = [
            ("periodicNoopIntervalSecs", "1"),
            ("transactionLifetimeLimitSeconds", "600"),
            // Half a second of disk and processor every second, for files nobody reads.
            ("diagnosticDataCollectionEnabled", "false"),
        ];
        Self {
            name,
            members: 1,
            oplog_mb: 64,
            election_timeout: Duration::from_secs(2),
            parameters: quick.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        }
    }

    /// How many members, 1 or 3; one by default.
    pub fn members(mut self, count: usize) -> Self {
        self.members = count;
        self
    }

    /// The size of each member's oplog in MB; 64 by default. The server grows it to no more than that, and drops its
    /// oldest entries in steps of about a tenth.
    pub fn oplog_mb(mut self, size: u32) -> Self {
        self.oplog_mb = size;
        self
    }

    /// After how long without a primary the others elect one; 2 s by default.
    pub fn election_timeout(mut self, timeout: Duration) -> Self {
        self.election_timeout = timeout;
        self
    }

    /// One more `--setParameter`, overriding the lab's own.
    pub fn parameter(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.insert(key.into(), value.into());
        self
    }

    /// Provisions MongoDB if need be, starts the members and returns when there is a writable primary.
    pub fn start(self) -> Result<ReplicaSet> {
        if ![1, 3].contains(&self.members) {
            return Err(Error::Usage(format!("a lab replica set has 1 or 3 members, not {}", self.members)));
        }
        ReplicaSet::start(self)
    }
}
