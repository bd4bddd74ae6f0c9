//! The two clusters of a migration.

use std::thread;

use crate::cluster::{Cluster, ClusterBuilder};
use crate::error::{Error, Result};
use crate::words::{Side, Version};

/// A source and a destination cluster, nothing replicated between them.
#[derive(Debug)]
pub struct Pair {
    /// Where the estate comes from.
    pub source: Cluster,
    /// Where it goes.
    pub destination: Cluster,
}

impl Pair {
    /// Kafka 3.9.1 as the source, 4.1.0 as the destination, one node each.
    pub fn start() -> Result<Self> {
        Self::start_with(Cluster::builder(Version::V3_9_1), Cluster::builder(Version::V4_1_0))
    }

    /// Any two clusters, started at the same time.
    pub fn start_with(source: ClusterBuilder, destination: ClusterBuilder) -> Result<Self> {
        let (source, destination) = thread::scope(|scope| {
            let destination = scope.spawn(|| destination.name("destination").start());
            let source = source.name("source").start();
            (source, destination.join())
        });
        let panicked = |_| Error::Usage("the thread that started the destination panicked".to_owned());
        Ok(Self { source: source?, destination: destination.map_err(panicked)?? })
    }

    /// The cluster of that side.
    pub fn cluster(&self, side: Side) -> &Cluster {
        match side {
            Side::Source => &self.source,
            Side::Destination => &self.destination,
        }
    }

    /// The same, to stop, kill or pause nodes.
    pub fn cluster_mut(&mut self, side: Side) -> &mut Cluster {
        match side {
            Side::Source => &mut self.source,
            Side::Destination => &mut self.destination,
        }
    }
}
