//! The two replica sets of a migration.

use std::thread;

use super::{ReplicaSet, ReplicaSetBuilder};
use crate::error::{Error, Result};
use crate::words::Side;

/// A source and a destination replica set; what is between them is a [`Mirror`](crate::Mirror).
#[derive(Debug)]
pub struct MongoPair {
    /// Where the estate comes from.
    pub source: ReplicaSet,
    /// Where it goes.
    pub destination: ReplicaSet,
}

impl MongoPair {
    /// One member each.
    pub fn start() -> Result<Self> {
        Self::start_with(ReplicaSet::builder("lab-src"), ReplicaSet::builder("lab-dst"))
    }

    /// Any two replica sets, started at the same time.
    pub fn start_with(source: ReplicaSetBuilder, destination: ReplicaSetBuilder) -> Result<Self> {
        let (source, destination) = thread::scope(|scope| {
            let destination = scope.spawn(|| destination.start());
            let source = source.start();
            (source, destination.join())
        });
        let panicked = |_| Error::Usage("the thread that started the destination panicked".to_owned());
        Ok(Self { source: source?, destination: destination.map_err(panicked)?? })
    }

    /// The replica set of that side.
    pub fn set(&self, side: Side) -> &ReplicaSet {
        match side {
            Side::Source => &self.source,
            Side::Destination => &self.destination,
        }
    }

    /// The same, to stop, kill or freeze members.
    pub fn set_mut(&mut self, side: Side) -> &mut ReplicaSet {
        match side {
            Side::Source => &mut self.source,
            Side::Destination => &mut self.destination,
        }
    }
}
