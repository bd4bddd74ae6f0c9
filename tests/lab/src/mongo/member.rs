//! One `mongod`: its folder, its port, its process.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;

use super::ReplicaSetBuilder;
use crate::error::{Doing, Error, Result};
use crate::ports;
use crate::process::{self, Process};

#[derive(Debug)]
pub(super) struct Member {
    name: String,
    dir: PathBuf,
    pub(super) port: u16,
    arguments: Vec<String>,
    process: Option<Process>,
}

impl Member {
    /// Chooses a port and makes the folder of one member.
    pub(super) fn plan(builder: &ReplicaSetBuilder, number: usize, root: &Path, key: &Path) -> Result<Self> {
        let dir = root.join(format!("member-{number}"));
        let data = dir.join("data");
        fs::create_dir_all(&data).doing(|| format!("create {}", data.display()))?;
        let port = ports::free()?;
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let mut arguments = vec![
            "--replSet".to_owned(),
            builder.name.clone(),
            "--bind_ip".to_owned(),
            "127.0.0.1".to_owned(),
            "--port".to_owned(),
            port.to_string(),
            "--dbpath".to_owned(),
            text(&data),
            "--keyFile".to_owned(),
            text(key),
            "--oplogSize".to_owned(),
            builder.oplog_mb.to_string(),
            "--wiredTigerCacheSizeGB".to_owned(),
            "0.25".to_owned(),
            "--nounixsocket".to_owned(),
        ];
        for (name, value) in &builder.parameters {
            arguments.extend(["--setParameter".to_owned(), format!("{name}={value}")]);
        }
        Ok(Self { name: format!("{} member {number}", builder.name), dir, port, arguments, process: None })
    }

    pub(super) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Starts the server; it does not answer yet.
    pub(super) fn launch(&mut self, program: &Path) -> Result<()> {
        let log = self.dir.join("mongod.log");
        self.process = Some(Process::start(&self.name, &program.to_string_lossy(), &self.arguments, &self.dir, &log)?);
        Ok(())
    }

    pub(super) fn stop(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), |mut process| process.stop(Duration::from_secs(30)))
    }

    pub(super) fn kill(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), |mut process| process.kill())
    }

    pub(super) fn freeze(&mut self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    pub(super) fn thaw(&mut self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    pub(super) fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| process.ended().is_none())
    }

    /// The error of a server that ended by itself.
    pub(super) fn died(&mut self) -> Option<Error> {
        let process = self.process.as_mut()?;
        let status = process.ended()?;
        Some(process.error(format!("ended by itself with {status}")))
    }

    pub(super) fn resident_kb(&self) -> Option<u64> {
        self.process.as_ref().and_then(Process::resident_kb)
    }

    pub(super) fn log_tail(&self) -> String {
        process::tail(&self.dir.join("mongod.log"))
    }

    pub(super) fn error(&self, problem: impl Into<String>) -> Error {
        Error::Server { what: self.name.clone(), problem: problem.into(), log: self.log_tail() }
    }

    fn signal(&mut self, signal: Signal) -> Result<()> {
        match &mut self.process {
            Some(process) => process.signal(signal),
            None => Err(Error::Usage(format!("{} is not running", self.name))),
        }
    }
}
