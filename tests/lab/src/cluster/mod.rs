//! Kafka clusters: one to three combined KRaft nodes on free ports of the loopback, with their data in a scratch folder.
//!
//! Everything is blocking. Dropping a [`Cluster`] kills its servers and removes its folder.

mod builder;
mod node;
mod security;
mod settings;
mod tls;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub use builder::ClusterBuilder;
pub(crate) use node::java_args;
pub use security::{Listener, User};
pub use tls::{ClientAuth, TlsFiles};

use crate::client::Client;
use crate::clock;
use crate::error::{Error, Result};
use crate::process;
use crate::progress::say;
use crate::provision::{Kafka, provision};
use crate::scratch::Scratch;
use crate::words::Version;
use node::Node;

/// How long a cluster may take to answer: generous, two cores may be shared by many.
const PATIENCE: Duration = Duration::from_secs(180);

/// A running cluster.
#[derive(Debug)]
pub struct Cluster {
    builder: ClusterBuilder,
    kafka: Kafka,
    // Before the folder: servers end first.
    nodes: Vec<Node>,
    scratch: Scratch,
    tls: TlsFiles,
    id: String,
    up_after: Duration,
}

impl Cluster {
    /// A cluster to be: one PLAINTEXT node with quick settings unless told otherwise.
    pub fn builder(version: Version) -> ClusterBuilder {
        ClusterBuilder::new(version)
    }

    fn start(builder: ClusterBuilder) -> Result<Self> {
        let kafka = provision(builder.version)?;
        let mut attempts = 0;
        loop {
            attempts += 1;
            match Self::attempt(&builder, &kafka) {
                // Somebody took a port between our looking and the server's binding.
                Err(Error::Server { log, .. }) if attempts < 3 && log.contains("Address already in use") => {
                    say(format!("{}: a port was taken meanwhile, once more on others", builder.name));
                }
                other => return other,
            }
        }
    }

    fn attempt(builder: &ClusterBuilder, kafka: &Kafka) -> Result<Self> {
        let began = clock::now();
        let scratch = Scratch::new("kafka")?;
        let tls = tls::create(&scratch.join("tls"))?;
        let id = cluster_id();
        let nodes = Node::plan(builder, scratch.path(), &tls)?;
        let (builder, kafka) = (builder.clone(), kafka.clone());
        let mut cluster = Self { builder, kafka, nodes, scratch, tls, id, up_after: Duration::ZERO };
        let (name, version) = (cluster.builder.name.clone(), cluster.builder.version);
        say(format!("starting {name} (Kafka {version}) on {}", cluster.bootstrap()));
        for node in &mut cluster.nodes {
            node.format(&cluster.kafka, &cluster.id, &cluster.builder.users)?;
        }
        for node in &mut cluster.nodes {
            node.launch(&cluster.kafka)?;
        }
        cluster.await_answers(began)?;
        cluster.up_after = began.elapsed();
        say(format!("{name} answers after {:.1} s", cluster.up_after.as_secs_f64()));
        Ok(cluster)
    }

    /// Which Kafka it runs.
    pub fn version(&self) -> Version {
        self.builder.version
    }

    /// Its cluster id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// How many nodes it has.
    pub fn brokers(&self) -> usize {
        self.nodes.len()
    }

    /// How long members may be silent.
    pub fn session_timeout(&self) -> Duration {
        self.builder.session_timeout
    }

    /// `host:port` of every node's PLAINTEXT listener, comma-separated.
    pub fn bootstrap(&self) -> String {
        self.bootstrap_of(Listener::Plaintext)
    }

    /// The same for another listener; empty if the cluster has none of that kind.
    pub fn bootstrap_of(&self, listener: Listener) -> String {
        let ports = self.nodes.iter().filter_map(|node| node.port(listener));
        ports.map(|port| format!("127.0.0.1:{port}")).collect::<Vec<_>>().join(",")
    }

    /// The certificates: what clients trust and may present, and a CA nobody trusts.
    pub fn tls(&self) -> &TlsFiles {
        &self.tls
    }

    /// A blocking client over PLAINTEXT.
    pub fn client(&self) -> Result<Client> {
        Client::new(&self.bootstrap())
    }

    /// The text of a `client.properties` as a Java client would use it; `user` for SASL listeners.
    pub fn client_properties(&self, listener: Listener, user: Option<&User>) -> String {
        security::client_properties(&self.bootstrap_of(listener), listener, user, &self.tls, self.builder.client_auth)
    }

    /// Changes access rules as `kafka-acls.sh` would: `["--add", "--allow-principal", "User:alice", …]`.
    pub fn acl(&self, args: &[&str]) -> Result<String> {
        let class = match self.builder.version {
            Version::V3_9_1 => "kafka.admin.AclCommand",
            Version::V4_1_0 => "org.apache.kafka.tools.AclCommand",
        };
        self.run_java(class, args)
    }

    /// Runs one of Kafka's own command-line tools to its end: its class and arguments; `--bootstrap-server` is added.
    pub fn run_java(&self, class: &str, args: &[&str]) -> Result<String> {
        let log = tempfile::Builder::new()
            .prefix("tool-")
            .tempfile_in(self.scratch.path())
            .map_err(|source| Error::Io { doing: "create a log file".to_owned(), source })?;
        let mut full = node::java_args(&self.kafka, "-Xmx96m", class);
        full.extend(["--bootstrap-server".to_owned(), self.bootstrap()]);
        full.extend(args.iter().map(|arg| (*arg).to_owned()));
        let java = self.kafka.java().to_string_lossy().into_owned();
        process::run(class, &java, &full, self.scratch.path(), log.path(), Duration::from_secs(120))
    }

    /// Ends a node as an operator would, and returns when it has ended.
    pub fn stop(&mut self, node: usize) -> Result<()> {
        self.node(node)?.stop()
    }

    /// Kills a node (SIGKILL).
    pub fn kill9(&mut self, node: usize) -> Result<()> {
        self.node(node)?.kill9()
    }

    /// Stops a node from running without ending it (SIGSTOP): its connections stay open and silent.
    pub fn pause(&mut self, node: usize) -> Result<()> {
        self.node(node)?.pause()
    }

    /// Lets a paused node run on (SIGCONT).
    pub fn resume(&mut self, node: usize) -> Result<()> {
        self.node(node)?.resume()
    }

    /// Starts a stopped or killed node again, same ports, same data, and returns when the cluster answers in full.
    pub fn restart(&mut self, node: usize) -> Result<()> {
        let began = clock::now();
        let kafka = self.kafka.clone();
        let node = self.node(node)?;
        node.stop()?;
        node.launch(&kafka)?;
        self.await_answers(began)
    }

    /// From the start of formatting to the first full answer.
    pub fn up_after(&self) -> Duration {
        self.up_after
    }

    /// Resident memory of all nodes in kB.
    pub fn resident_kb(&self) -> u64 {
        self.nodes.iter().filter_map(Node::resident_kb).sum()
    }

    /// The end of a node's log.
    pub fn log_tail(&self, node: usize) -> String {
        self.nodes.get(node).map(Node::log_tail).unwrap_or_default()
    }

    /// Its folder: configuration, logs, data.
    pub fn dir(&self) -> &Path {
        self.scratch.path()
    }

    pub(crate) fn kafka(&self) -> &Kafka {
        &self.kafka
    }

    fn node(&mut self, index: usize) -> Result<&mut Node> {
        let count = self.nodes.len();
        self.nodes.get_mut(index).ok_or_else(|| Error::Usage(format!("no node {index}, the cluster has {count}")))
    }

    /// Waits until every running node is in the metadata the cluster gives out.
    fn await_answers(&mut self, began: Instant) -> Result<()> {
        let mut told = 0;
        let mut client: Option<Client> = None;
        let running = self.nodes.iter_mut().filter_map(|node| node.is_running().then_some(())).count();
        let bootstrap = self.bootstrap();
        let name = self.builder.name.clone();
        let nodes = &mut self.nodes;
        let mut dead = None;
        let answered = clock::wait_for(&format!("{name} to answer"), PATIENCE, || {
            if began.elapsed().as_secs() / 10 > told {
                told = began.elapsed().as_secs() / 10;
                say(format!("{name}: still starting after {} s", told * 10));
            }
            if let Some(error) = nodes.iter_mut().find_map(Node::died) {
                dead = Some(error);
                return Ok(());
            }
            if let Some(shut) =
                nodes.iter_mut().find_map(|node| (node.is_running() && !node.listens()).then(|| node.id()))
            {
                return Err(format!("node {shut} does not listen yet"));
            }
            if client.is_none() {
                client = Some(Client::new(&bootstrap).map_err(|error| error.to_string())?);
            }
            let brokers = client.as_ref().map_or(Ok(0), Client::broker_count).map_err(|error| error.to_string())?;
            if brokers >= running { Ok(()) } else { Err(format!("{brokers} of {running} brokers are registered")) }
        });
        if let Some(error) = dead {
            return Err(error);
        }
        answered.map_err(|error| match self.nodes.first() {
            Some(node) => node.error(error.to_string()),
            None => error,
        })
    }
}

/// 16 random bytes in the URL alphabet of Base64, as Kafka wants a cluster id: hexadecimal digits are part of it, and
/// the last character carries two bits only.
fn cluster_id() -> String {
    let hex = uuid::Uuid::new_v4().simple().to_string();
    format!("{}Q", &hex[..21])
}

/// A file in a folder, as text for a properties file.
pub(crate) fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

pub(crate) fn write(path: &PathBuf, content: &str) -> Result<()> {
    std::fs::write(path, content).map_err(|source| Error::Io { doing: format!("write {}", path.display()), source })
}
