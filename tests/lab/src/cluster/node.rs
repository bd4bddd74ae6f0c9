//! One combined KRaft node: its files, its process.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;

use super::security::{Listener, User};
use super::settings::{self, LOG4J, LOG4J2};
use super::tls::TlsFiles;
use super::{ClusterBuilder, text, write};
use crate::error::{Doing, Error, Result};
use crate::ports;
use crate::process::{self, Process};
use crate::provision::Kafka;
use crate::words::Version;

/// Where one node listens.
#[derive(Debug, Clone)]
pub(super) struct Ports {
    pub(super) controller: u16,
    pub(super) listeners: Vec<(Listener, u16)>,
}

#[derive(Debug)]
pub(super) struct Node {
    id: usize,
    name: String,
    dir: PathBuf,
    ports: Ports,
    process: Option<Process>,
}

impl Node {
    /// Chooses ports and writes the files of every node.
    pub(super) fn plan(builder: &ClusterBuilder, root: &Path, tls: &TlsFiles) -> Result<Vec<Node>> {
        let mut all = Vec::new();
        for _ in 0..builder.brokers {
            let mut listeners = vec![(Listener::Plaintext, ports::free()?)];
            for listener in builder.listeners.iter().filter(|listener| **listener != Listener::Plaintext) {
                listeners.push((*listener, ports::free()?));
            }
            all.push(Ports { controller: ports::free()?, listeners });
        }
        let mut nodes = Vec::new();
        for (index, ports) in all.iter().enumerate() {
            let id = index + 1;
            let dir = root.join(format!("node-{id}"));
            std::fs::create_dir_all(&dir).doing(|| format!("create {}", dir.display()))?;
            let properties = settings::server_properties(builder, id, &all, ports, &dir, tls);
            write(&dir.join("server.properties"), &properties)?;
            write(&dir.join("log4j.properties"), LOG4J)?;
            write(&dir.join("log4j2.properties"), LOG4J2)?;
            nodes.push(Node {
                id,
                name: format!("{} node {id}", builder.name),
                dir,
                ports: ports.clone(),
                process: None,
            });
        }
        Ok(nodes)
    }

    pub(super) fn id(&self) -> usize {
        self.id
    }

    pub(super) fn port(&self, listener: Listener) -> Option<u16> {
        self.ports.listeners.iter().find(|(kind, _)| *kind == listener).map(|(_, port)| *port)
    }

    /// Formats its data folder, with the SCRAM passwords of the users.
    pub(super) fn format(&mut self, kafka: &Kafka, cluster: &str, users: &[User]) -> Result<()> {
        let mut args = self.java(kafka, "-Xmx128m", "kafka.tools.StorageTool");
        args.extend(["format", "-t", cluster, "-c", "server.properties"].map(str::to_owned));
        for user in users {
            for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
                args.push("--add-scram".to_owned());
                args.push(format!("{mechanism}=[name={},password={}]", user.name, user.password));
            }
        }
        let log = self.dir.join("format.log");
        let name = format!("formatting {}", self.name);
        let limit = Duration::from_secs(120);
        process::run(&name, &text(kafka.java()), &args, &self.dir, &log, limit).map(drop)
    }

    /// Starts the server; it does not answer yet.
    pub(super) fn launch(&mut self, kafka: &Kafka) -> Result<()> {
        let mut args = self.java(kafka, "-Xmx384m", "kafka.Kafka");
        args.insert(0, "-Xms128m".to_owned());
        args.push("server.properties".to_owned());
        let log = self.dir.join("server.log");
        self.process = Some(Process::start(&self.name, &text(kafka.java()), &args, &self.dir, &log)?);
        Ok(())
    }

    pub(super) fn stop(&mut self) -> Result<()> {
        match self.process.take() {
            Some(mut process) => process.stop(Duration::from_secs(20)),
            None => Ok(()),
        }
    }

    pub(super) fn kill9(&mut self) -> Result<()> {
        match self.process.take() {
            Some(mut process) => process.kill(),
            None => Ok(()),
        }
    }

    pub(super) fn pause(&mut self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    pub(super) fn resume(&mut self) -> Result<()> {
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

    pub(super) fn listens(&self) -> bool {
        self.port(Listener::Plaintext).is_some_and(|port| {
            let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            TcpStream::connect_timeout(&at, Duration::from_millis(500)).is_ok()
        })
    }

    pub(super) fn resident_kb(&self) -> Option<u64> {
        self.process.as_ref().and_then(Process::resident_kb)
    }

    pub(super) fn log_tail(&self) -> String {
        process::tail(&self.dir.join("server.log"))
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

    fn java(&self, kafka: &Kafka, heap: &str, class: &str) -> Vec<String> {
        let mut args = java_args(kafka, heap, class);
        let logging = match kafka.version() {
            Version::V3_9_1 => format!("-Dlog4j.configuration=file:{}", text(&self.dir.join("log4j.properties"))),
            Version::V4_1_0 => format!("-Dlog4j2.configurationFile={}", text(&self.dir.join("log4j2.properties"))),
        };
        args.insert(0, logging);
        args
    }
}

/// The arguments of a quick, small virtual machine up to its main class.
pub(crate) fn java_args(kafka: &Kafka, heap: &str, class: &str) -> Vec<String> {
    [heap, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-cp", &kafka.class_path(), class]
        .map(str::to_owned)
        .to_vec()
}
