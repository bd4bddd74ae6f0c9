//! What a scenario says of the services: which of them are one deployment, and what probes look at.

use crate::model::site::{Looks, Names, Probe};
use cutover_core::Name;
use cutover_core::estate::Side;
use cutover_core::settings::ProbeKind;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The probes most scenarios have: the statement `sshop`.
pub const SHOP: &str = "probe api http
probe entry tls gates=switch-dns
probe share promql gates=redirect-traffic
probe name dns ttl=120 resolvers=2";

/// The services half of an estate.
#[derive(Clone, Debug, Default)]
pub struct Services {
    /// What is deployed together: a name, and the groups and MongoDB clients of it. What is in none is deployed alone.
    pub units: Vec<(Name, Vec<Name>)>,
    /// What probes look at.
    pub probes: Vec<Probe>,
}

fn list(text: Option<&&str>) -> Vec<Name> {
    text.map_or(Vec::new(), |t| t.split(',').map(Name::from).collect())
}

/// What a probe is to the configuration.
pub fn kind(p: &Probe) -> ProbeKind {
    match &p.looks {
        Looks::Door { by, .. } if &**by == "http" => ProbeKind::Http,
        Looks::Door { .. } => ProbeKind::Tcp,
        Looks::Traffic => ProbeKind::Promql,
        Looks::Names(_) => ProbeKind::Dns,
    }
}

impl Services {
    /// Takes in a statement about services; `None` if it is none, or says nothing.
    pub fn statement(&mut self, head: &str, plain: &[&str], named: &BTreeMap<&str, &str>) -> Option<()> {
        let name = Name::from(*plain.first()?);
        let number = |key: &str, otherwise: i64| match named.get(key) {
            Some(text) => text.parse::<i64>().ok(),
            None => Some(otherwise),
        };
        match head {
            "unit" => self.units.push((name, plain[1..].iter().map(|w| Name::from(*w)).collect())),
            "probe" => {
                let by = *plain.get(1)?;
                let looks = match by {
                    "tcp" | "tls" | "http" => Looks::Door { by: by.into(), open: !plain.contains(&"closed") },
                    "promql" => Looks::Traffic,
                    "dns" => {
                        let resolvers =
                            usize::try_from(number("resolvers", 1)?).ok().filter(|n| (1..10).contains(n))?;
                        Looks::Names(Names::new(number("ttl", 60)? * 1000, resolvers, plain.contains(&"caches")))
                    }
                    _ => return None,
                };
                let side = match named.get("side").copied() {
                    None | Some("dst") => Side::Destination,
                    Some("src") => Side::Source,
                    _ => return None,
                };
                let gates = list(named.get("gates"));
                self.probes.push(Probe { name, looks, side, gates, silent: false, empty: false, slow: 0 });
            }
            _ => return None,
        }
        Some(())
    }

    /// As statements, to be parsed again.
    pub fn text(&self, o: &mut String) {
        for (name, halves) in &self.units {
            let _ = writeln!(o, "unit {name} {}", halves.join(" "));
        }
        for p in &self.probes {
            let _ = write!(o, "probe {}", p.name);
            match &p.looks {
                Looks::Door { by, open } => {
                    let _ = write!(o, " {by}{}", if *open { "" } else { " closed" });
                }
                Looks::Traffic => o.push_str(" promql"),
                Looks::Names(n) => {
                    let caches = if n.resolvers.iter().any(|r| r.caches) { " caches" } else { "" };
                    let _ = write!(o, " dns ttl={} resolvers={}{caches}", n.ttl / 1000, n.resolvers.len());
                }
            }
            if p.side == Side::Source {
                o.push_str(" side=src");
            }
            if !p.gates.is_empty() {
                let _ = write!(o, " gates={}", p.gates.join(","));
            }
            o.push('\n');
        }
    }
}
