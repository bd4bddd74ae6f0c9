//! The shop's mirrors: started, ended, disturbed, with the ledger told.

use std::time::Duration;

use super::MongoShop;
use crate::error::{Error, Result};
use crate::mirror::{Faults, Mirror};
use crate::words::MongoStep;

/// How long an initial sync may take.
const SYNC: Duration = Duration::from_secs(120);

impl MongoShop {
    /// One of its mirrors, to look at. What is done to it directly, the ledger does not know.
    pub fn mirror(&self, name: &str) -> Result<&Mirror> {
        let known = || self.mirrors.keys().cloned().collect::<Vec<_>>().join(", ");
        self.mirrors.get(name).ok_or_else(|| Error::Usage(format!("no mirror {name}; there is {}", known())))
    }

    /// The names of its mirrors.
    pub fn mirrors(&self) -> Vec<String> {
        self.mirrors.keys().cloned().collect()
    }

    /// **start-mirror**: starts every mirror and returns when all follow the oplog.
    pub fn start_mirrors(&self) -> Result<()> {
        self.begin_mirrors()?;
        for mirror in self.mirrors.values() {
            mirror.await_oplog_sync(SYNC)?;
        }
        self.oracle.record(|ledger| ledger.done.insert(MongoStep::StartMirror));
        Ok(())
    }

    /// The first half of it: the mirrors run, their initial sync may go on.
    pub fn begin_mirrors(&self) -> Result<()> {
        self.oracle.record(|ledger| ledger.begun.insert(MongoStep::StartMirror));
        self.mirrors.keys().try_for_each(|name| self.start_mirror(name, false))
    }

    /// Starts a run of one mirror: from its bookmark where there is one; from scratch with `drop`.
    pub fn start_mirror(&self, name: &str, drop: bool) -> Result<()> {
        let mirror = self.mirror(name)?;
        self.oracle.note(format!("mirror {name} starts{}", if drop { " with --drop" } else { "" }));
        self.oracle.record(|ledger| ledger.mirror_started(name));
        let started = if drop { mirror.start_with_drop() } else { mirror.start() };
        if !mirror.is_alive() {
            self.oracle.record(|ledger| ledger.mirror_ended(name));
        }
        started
    }

    /// **stop-mirror**: ends every mirror that runs.
    pub fn stop_mirrors(&self) -> Result<()> {
        self.oracle.record(|ledger| ledger.begun.insert(MongoStep::StopMirror));
        for (name, mirror) in &self.mirrors {
            mirror.stop()?;
            self.oracle.record(|ledger| ledger.mirror_ended(name));
            self.oracle.note(format!("mirror {name} has ended"));
        }
        self.oracle.record(|ledger| ledger.done.insert(MongoStep::StopMirror));
        Ok(())
    }

    /// Kills one mirror (SIGKILL), which is no step of anybody's.
    pub fn kill_mirror(&self, name: &str) -> Result<()> {
        self.mirror(name)?.kill()?;
        self.oracle.record(|ledger| ledger.mirror_ended(name));
        self.oracle.note(format!("mirror {name} was killed"));
        Ok(())
    }

    /// Switches exactly these faults of a mirror on and all others off.
    pub fn set_faults(&self, name: &str, faults: &Faults) -> Result<()> {
        let mirror = self.mirror(name)?;
        if faults.error.is_some() {
            self.oracle.record(|ledger| ledger.mirror_error(name, faults.error.clone()));
        }
        mirror.set_faults(faults)?;
        self.oracle.record(|ledger| ledger.mirror_error(name, faults.error.clone()));
        self.oracle.note(format!("mirror {name}: {faults:?}"));
        Ok(())
    }
}
