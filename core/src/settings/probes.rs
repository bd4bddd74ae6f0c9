//! What is configured of the probes.

use crate::Name;
use crate::estate::Side;
use crate::time::Dur;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A probe, as far as it decides anything.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProbeSettings {
    /// What it asks.
    pub kind: ProbeKind,
    /// The side it speaks of.
    pub side: Side,
    /// How often it is asked.
    pub interval: Dur,
    /// From where it looks; the agent itself where nothing is said.
    pub vantage: Option<Name>,
    /// Steps whose checks it takes part in.
    pub gates: BTreeSet<Name>,
    /// The requirement it measures.
    pub requirement: Option<Name>,
}

/// A kind of probe.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum ProbeKind {
    /// A TCP or TLS connection.
    Tcp,
    /// An HTTP answer.
    Http,
    /// What resolvers answer for a name.
    Dns,
    /// A count of documents.
    Count,
    /// A PromQL expression.
    Promql,
    /// Pods of a selector.
    Pods,
}

impl ProbeKind {
    /// As in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            ProbeKind::Tcp => "tcp",
            ProbeKind::Http => "http",
            ProbeKind::Dns => "dns",
            ProbeKind::Count => "count",
            ProbeKind::Promql => "promql",
            ProbeKind::Pods => "pods",
        }
    }
}
