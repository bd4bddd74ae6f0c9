//! What a scenario says of MongoDB.

use crate::model::mongodb::mirror::Mirror;
use crate::model::mongodb::service::{Service, Temper};
use cutover_core::Name;
use cutover_core::pattern::Pattern;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The MongoDB estate most scenarios play in: the statement `mshop`.
pub const SHOP: &str = "tracks mongodb
interval 10
database shop
collection shop.orders 1000 indexes=customer
collection shop.customers 200
service crud-orders reads
service svc-orders writes=shop.orders gap=2..10
service svc-customers writes=shop.customers gap=55..60
mirror all copy=20";

/// What a scenario may relax.
pub const RELAXATIONS: [&str; 2] = ["left-behind", "may-have"];

/// The MongoDB half of an estate.
#[derive(Clone, Debug)]
pub struct Mongo {
    /// Databases of the migration.
    pub databases: Vec<Name>,
    /// Collections of the source: documents and indexes.
    pub collections: Vec<(Name, i64, Vec<Name>)>,
    /// Who reads and writes.
    pub services: Vec<Service>,
    /// The mirrors.
    pub mirrors: Vec<Mirror>,
    /// Patterns that recognise readers.
    pub readers: Vec<String>,
    /// Patterns that recognise writers.
    pub writers: Vec<String>,
    /// How far the source's oplog reaches back, in milliseconds.
    pub window: i64,
    /// What the configuration relaxes: what, and of which namespace.
    pub relaxed: Vec<(String, Name)>,
}

impl Default for Mongo {
    fn default() -> Mongo {
        Mongo {
            databases: Vec::new(),
            collections: Vec::new(),
            services: Vec::new(),
            mirrors: Vec::new(),
            readers: vec!["crud-*".into()],
            writers: vec!["svc-*".into()],
            window: 36_000_000,
            relaxed: Vec::new(),
        }
    }
}

fn list(text: Option<&&str>) -> Vec<Name> {
    text.map_or(Vec::new(), |t| t.split(',').map(Name::from).collect())
}

impl Mongo {
    /// Takes in a statement about MongoDB; `None` if it is none, or says nothing.
    pub fn statement(&mut self, head: &str, plain: &[&str], named: &BTreeMap<&str, &str>) -> Option<()> {
        let first = *plain.first()?;
        let number = |w: &str| w.parse::<i64>().ok();
        let named_number = |key: &str, otherwise: i64| match named.get(key) {
            Some(text) => number(text),
            None => Some(otherwise),
        };
        match head {
            "database" => self.databases.push(first.into()),
            "collection" => {
                let documents = number(plain.get(1)?)?;
                self.collections.push((first.into(), documents, list(named.get("indexes"))));
            }
            "service" => {
                let writes = list(named.get("writes"));
                let temper = named.get("temper").copied().unwrap_or("steady");
                let temper = if plain.contains(&"reads") { "reads" } else { temper };
                let temper = Temper::ALL.into_iter().find(|(_, word)| *word == temper)?.0;
                let (least, most) = named.get("gap").unwrap_or(&"2..10").split_once("..")?;
                let gap = (number(least)? * 1000, number(most)? * 1000);
                let secondary = plain.contains(&"secondary");
                if writes.is_empty() != (temper == Temper::Reads) {
                    return None;
                }
                let (at, name) = (BTreeMap::new(), first.into());
                self.services.push(Service { name, writes, temper, gap, secondary, at, home: None, deployed: true });
            }
            "mirror" => {
                let mut m = Mirror::new(first);
                for n in list(named.get("namespaces")) {
                    m.namespaces.push(Pattern::parse(&n).ok()?);
                }
                m.copies = named_number("copy", 20)? * 1000;
                m.lag = named_number("lag", 1_500)?;
                m.allowed = match named.get("allowed") {
                    Some(t) => Some(number(t)? * 1000),
                    None => None,
                };
                m.idle = plain.contains(&"idle");
                self.mirrors.push(m);
            }
            "identity" => {
                let rules = match first {
                    "readers" => &mut self.readers,
                    "writers" => &mut self.writers,
                    _ => return None,
                };
                *rules = plain[1..].iter().map(|p| (*p).to_owned()).collect();
            }
            "window" => self.window = number(first)? * 1000,
            _ => return None,
        }
        Some(())
    }

    /// As statements, to be parsed again.
    pub fn text(&self, o: &mut String) {
        for (what, name) in &self.relaxed {
            let _ = writeln!(o, "relax {what} {name}");
        }
        let _ = writeln!(o, "window {}", self.window / 1000);
        for d in &self.databases {
            let _ = writeln!(o, "database {d}");
        }
        for (ns, n, indexes) in &self.collections {
            let _ = write!(o, "collection {ns} {n}");
            let _ = if indexes.is_empty() { writeln!(o) } else { writeln!(o, " indexes={}", indexes.join(",")) };
        }
        for s in &self.services {
            let _ = write!(o, "service {}", s.name);
            let word = Temper::ALL.into_iter().find(|(t, _)| *t == s.temper).map_or("", |(_, w)| w);
            match s.temper {
                Temper::Reads => o.push_str(" reads"),
                _ => {
                    let (a, b) = (s.gap.0 / 1000, s.gap.1 / 1000);
                    let _ = write!(o, " writes={} temper={word} gap={a}..{b}", s.writes.join(","));
                }
            }
            o.push_str(if s.secondary { " secondary\n" } else { "\n" });
        }
        for m in &self.mirrors {
            let _ = write!(o, "mirror {} copy={} lag={}", m.name, m.copies / 1000, m.lag);
            if !m.namespaces.is_empty() {
                let names: Vec<&str> = m.namespaces.iter().map(Pattern::as_str).collect();
                let _ = write!(o, " namespaces={}", names.join(","));
            }
            if let Some(ms) = m.allowed {
                let _ = write!(o, " allowed={}", ms / 1000);
            }
            o.push_str(if m.idle { " idle\n" } else { "\n" });
        }
        for (who, rules) in [("readers", &self.readers), ("writers", &self.writers)] {
            let _ = writeln!(o, "identity {who} {}", rules.join(" "));
        }
    }
}
