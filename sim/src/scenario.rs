//! The scenario language: an estate, an operator, what happens when, and what must be said. One statement a line, `#`
//! begins a comment, times are whole seconds since the start.
//! `docs/scenarios.md` describes it; [`crate::script`] does what may happen.

use crate::model::apps::{Producer, Reader, Style, Writes};
use crate::scenario_mongodb::{self as mongodb, Mongo};
use crate::scenario_services::{self as services, Services};
use cutover_core::Name;
use cutover_core::settings::Track;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The estate most scenarios play in: the statement `shop`.
pub const SHOP: &str = "interval 10
topic crm.ingestion 2
topic crm.pr-update 1
reader rtu reads=crm.ingestion writes=crm.pr-update every=3
reader svt reads=crm.pr-update every=3
producer crm topics=crm.ingestion gap=5..20 cadence=25";

/// What a scenario may relax.
pub const RELAXATIONS: [&str; 4] = ["ignored", "unread", "archived", "partitions-differ"];

/// Who moves the estate.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Operator {
    /// Claims each step before it acts.
    Claims,
    /// Acts when ready is go, without a claim.
    Poller,
    /// Only the script acts.
    Nobody,
}

/// How the tracks of a migration go together.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Order {
    /// Each after the one before.
    After,
    /// At the same time, each as fast as it can.
    Beside,
    /// With one downtime for MongoDB and Kafka.
    Joint,
}

/// What must be said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Expect {
    /// Ready of this step is not go from this instant until that one.
    NoGo(String, i64, i64),
    /// Ready of this step is go at some instant up to this second.
    Go(String, i64),
    /// This step is done by this second.
    Done(String, i64),
    /// The story has a line with these words.
    Says(String),
    /// The story has no line with these words.
    Silent(String),
    /// This step is not done at the end.
    NotDone(String),
}

/// A scenario.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The seed of everything random.
    pub seed: u64,
    /// Milliseconds between two samples.
    pub interval: i64,
    /// Replicas of a partition.
    pub replicas: u32,
    /// The longest a single answer takes, in milliseconds.
    pub latency: i64,
    /// Per cent of samples that never come.
    pub loss: u8,
    /// Who moves the estate.
    pub operator: Operator,
    /// Retention of the source's topics, in milliseconds.
    pub retention: i64,
    /// Topics and partitions.
    pub topics: Vec<(Name, usize)>,
    /// Consumers.
    pub readers: Vec<Reader>,
    /// Producers, and the cadence declared for each; `None` where it is to be learned.
    pub producers: Vec<(Producer, Option<i64>)>,
    /// What happens: when, in milliseconds, and in words.
    pub events: Vec<(i64, String)>,
    /// What must be said.
    pub expects: Vec<Expect>,
    /// When it ends, in milliseconds.
    pub until: i64,
    /// What the configuration relaxes: what, and of which group or topic.
    pub relaxed: Vec<(String, Name)>,
    /// The tracks, in the order in which they are gone.
    pub tracks: Vec<Track>,
    /// How they go together.
    pub order: Order,
    /// Steps that are skipped.
    pub skipped: Vec<Name>,
    /// The MongoDB half of the estate.
    pub mongo: Option<Mongo>,
    /// Where services run and what probes look at, if the services move as well.
    pub services: Option<Services>,
}

impl Default for Scenario {
    fn default() -> Scenario {
        Scenario {
            seed: 0,
            interval: 10_000,
            replicas: 1,
            latency: 100,
            loss: 0,
            operator: Operator::Claims,
            retention: 600_000,
            topics: Vec::new(),
            readers: Vec::new(),
            producers: Vec::new(),
            events: Vec::new(),
            expects: Vec::new(),
            until: 3_000_000,
            relaxed: Vec::new(),
            tracks: vec![Track::Kafka],
            order: Order::After,
            skipped: Vec::new(),
            mongo: None,
            services: None,
        }
    }
}

/// A line that is no statement, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BadLine(pub String);

type Words<'a> = (Vec<&'a str>, BTreeMap<&'a str, &'a str>);

/// Splits words into plain ones and `key=value` ones.
fn words<'a>(rest: &[&'a str]) -> Words<'a> {
    let mut plain = Vec::new();
    let mut named = BTreeMap::new();
    for w in rest {
        match w.split_once('=') {
            Some((k, v)) => {
                named.insert(k, v);
            }
            None => plain.push(*w),
        }
    }
    (plain, named)
}

fn number(text: Option<&&str>) -> Option<i64> {
    text?.parse().ok()
}

fn list(text: Option<&&str>) -> Vec<Name> {
    text.map_or(Vec::new(), |t| t.split(',').map(Name::from).collect())
}

impl Scenario {
    /// A hazard must be caught if it lasts this long: as long as a sample may be believed and takes.
    pub fn lasting(&self) -> i64 {
        self.interval * 4 + 1_000
    }

    /// Parses a scenario.
    ///
    /// # Errors
    /// [`BadLine`]: the first line that is no statement.
    pub fn parse(text: &str) -> Result<Scenario, BadLine> {
        let mut s = Scenario::default();
        for line in text.lines() {
            let code = line.split('#').next().unwrap_or("").trim();
            let all: Vec<&str> = code.split_whitespace().collect();
            if let Some((head, rest)) = all.split_first() {
                s.statement(head, rest).ok_or_else(|| BadLine(line.to_owned()))?;
            }
        }
        s.events.sort_by_key(|e| e.0);
        Ok(s)
    }

    fn statement(&mut self, head: &str, rest: &[&str]) -> Option<()> {
        let (plain, named) = words(rest);
        let first = || number(plain.first());
        match head {
            "seed" => self.seed = plain.first()?.parse().ok()?,
            "shop" | "mshop" | "sshop" => {
                let lines = match head {
                    "shop" => SHOP,
                    "mshop" => mongodb::SHOP,
                    _ => services::SHOP,
                };
                for line in lines.lines() {
                    let all: Vec<&str> = line.split_whitespace().collect();
                    let (head, rest) = all.split_first()?;
                    self.statement(head, rest)?;
                }
            }
            "tracks" => {
                self.order = Order::After;
                self.tracks.clear();
                for word in &plain {
                    match *word {
                        "services" => self.tracks.push(Track::Services),
                        "kafka" => self.tracks.push(Track::Kafka),
                        "mongodb" => self.tracks.push(Track::Mongodb),
                        "beside" => self.order = Order::Beside,
                        "joint" => self.order = Order::Joint,
                        _ => return None,
                    }
                }
                if self.tracks.contains(&Track::Mongodb) {
                    self.mongo.get_or_insert_default();
                }
                if self.tracks.contains(&Track::Services) {
                    self.services.get_or_insert_default();
                }
            }
            "unit" | "probe" => self.services.get_or_insert_default().statement(head, &plain, &named)?,
            "skip" => self.skipped.push((*plain.first()?).into()),
            "database" | "collection" | "service" | "mirror" | "identity" | "window" => {
                self.mongo.get_or_insert_default().statement(head, &plain, &named)?;
            }
            "relax" => {
                let (what, name) = (*plain.first()?, Name::from(*plain.get(1)?));
                if mongodb::RELAXATIONS.contains(&what) {
                    self.mongo.get_or_insert_default().relaxed.push((what.to_owned(), name));
                } else {
                    let what = *plain.first().filter(|w| RELAXATIONS.contains(w))?;
                    self.relaxed.push((what.to_owned(), name));
                }
            }
            "interval" => self.interval = first()? * 1000,
            "replicas" => self.replicas = u32::try_from(first()?).ok()?,
            "latency" => self.latency = first()?,
            "loss" => self.loss = u8::try_from(first()?).ok()?,
            "retention" => self.retention = first()? * 1000,
            "until" => self.until = first()? * 1000,
            "operator" => {
                self.operator = match *plain.first()? {
                    "claims" => Operator::Claims,
                    "poller" => Operator::Poller,
                    "nobody" => Operator::Nobody,
                    _ => return None,
                }
            }
            "topic" => {
                let n = usize::try_from(number(plain.get(1)).unwrap_or(1)).ok()?;
                self.topics.push(((*plain.first()?).into(), n));
            }
            "reader" => self.readers.push(reader(&plain, &named)?),
            "producer" => self.producers.push(producer(self.producers.len(), &plain, &named)?),
            "at" => self.events.push((first()? * 1000, rest.get(1..)?.join(" "))),
            "expect" => {
                let (what, step) = (*plain.first()?, (*plain.get(1)?).to_owned());
                let at = |word: &str, i: usize| {
                    number(plain.get(i)).filter(|_| plain.get(i - 1) == Some(&word)).map(|t| t * 1000)
                };
                self.expects.push(match what {
                    "no-go" => match at("from", 3) {
                        Some(from) => Expect::NoGo(step, from, at("until", 5)?),
                        None => Expect::NoGo(step, 0, at("until", 3)?),
                    },
                    "go" => Expect::Go(step, at("by", 3)?),
                    "done" => Expect::Done(step, at("by", 3)?),
                    "not-done" => Expect::NotDone(step),
                    "silent" => Expect::Silent(rest.get(1..)?.join(" ")),
                    "says" => Expect::Says(rest.get(1..)?.join(" ")),
                    _ => return None,
                });
            }
            _ => return None,
        }
        Some(())
    }

    /// What the order of the tracks makes steps wait for.
    pub fn after(&self) -> BTreeMap<Name, Vec<Name>> {
        let first = |t: &Track| match t {
            Track::Kafka => "switch-producers",
            Track::Mongodb => "start-mirror",
            Track::Services => "deploy-services",
        };
        // The names may be switched whenever it suits.
        let closes = |t: &Track| match t {
            Track::Kafka => "start-consumers",
            Track::Mongodb => "start-writers",
            Track::Services => "stop-source-services",
        };
        let pairs = self.tracks.windows(2).filter(|_| self.order == Order::After);
        pairs.map(|p| (first(&p[1]).into(), vec![closes(&p[0]).into()])).collect()
    }

    /// The scenario as text, to be parsed again.
    pub fn text(&self) -> String {
        let mut o = String::new();
        let operator = match self.operator {
            Operator::Claims => "claims",
            Operator::Poller => "poller",
            Operator::Nobody => "nobody",
        };
        let _ = writeln!(o, "seed {}\ninterval {}\nreplicas {}", self.seed, self.interval / 1000, self.replicas);
        let _ = writeln!(o, "latency {}\nloss {}\noperator {operator}", self.latency, self.loss);
        let _ = writeln!(o, "retention {}", self.retention / 1000);
        let _ = write!(o, "tracks");
        for t in &self.tracks {
            let _ = write!(o, " {t}");
        }
        o.push_str(match self.order {
            Order::After => "\n",
            Order::Beside => " beside\n",
            Order::Joint => " joint\n",
        });
        for s in &self.skipped {
            let _ = writeln!(o, "skip {s}");
        }
        if let Some(m) = &self.mongo {
            m.text(&mut o);
        }
        if let Some(s) = &self.services {
            s.text(&mut o);
        }
        for (what, name) in &self.relaxed {
            let _ = writeln!(o, "relax {what} {name}");
        }
        for (t, n) in &self.topics {
            let _ = writeln!(o, "topic {t} {n}");
        }
        for r in &self.readers {
            let _ = writeln!(o, "{}", said_reader(r));
        }
        for (p, cadence) in &self.producers {
            let _ = writeln!(o, "{}", said_producer(p, *cadence));
        }
        for (t, e) in &self.events {
            let _ = writeln!(o, "at {} {e}", t / 1000);
        }
        for e in &self.expects {
            let _ = match e {
                Expect::NoGo(s, a, t) => writeln!(o, "expect no-go {s} from {} until {}", a / 1000, t / 1000),
                Expect::Go(s, t) => writeln!(o, "expect go {s} by {}", t / 1000),
                Expect::Done(s, t) => writeln!(o, "expect done {s} by {}", t / 1000),
                Expect::NotDone(s) => writeln!(o, "expect not-done {s}"),
                Expect::Silent(words) => writeln!(o, "expect silent {words}"),
                Expect::Says(words) => writeln!(o, "expect says {words}"),
            };
        }
        let _ = writeln!(o, "until {}", self.until / 1000);
        o
    }
}

fn reader(plain: &[&str], named: &BTreeMap<&str, &str>) -> Option<Reader> {
    let style = match named.get("style").copied().unwrap_or("classic") {
        "classic" => Style::Classic,
        "next" => Style::Next,
        "assign" => Style::Assign,
        "silent" => Style::Silent,
        _ => return None,
    };
    let ordinary = Reader::new((*plain.first()?).into(), list(named.get("reads")));
    Some(Reader {
        style,
        writes: named.get("writes").map(|w| (*w).into()),
        latest: named.get("reset") == Some(&"latest"),
        committed: !plain.contains(&"uncommitted"),
        late: plain.contains(&"late"),
        every: number(named.get("every")).map_or(ordinary.every, |s| s * 1000),
        batch: number(named.get("batch")).unwrap_or(ordinary.batch),
        unseeded: plain.contains(&"unseeded"),
        ..ordinary
    })
}

fn said_reader(r: &Reader) -> String {
    let style = match r.style {
        Style::Classic => "classic",
        Style::Next => "next",
        Style::Assign => "assign",
        Style::Silent => "silent",
    };
    let mut o = format!("reader {} reads={} style={style}", r.group, r.reads.join(","));
    if let Some(w) = &r.writes {
        let _ = write!(o, " writes={w}");
    }
    let _ = write!(o, " every={} batch={}", r.every / 1000, r.batch);
    o.push_str(if r.latest { " reset=latest" } else { " reset=earliest" });
    for (on, word) in [(!r.committed, " uncommitted"), (r.late, " late"), (r.unseeded, " unseeded")] {
        if on {
            o.push_str(word);
        }
    }
    o
}

fn producer(i: usize, plain: &[&str], named: &BTreeMap<&str, &str>) -> Option<(Producer, Option<i64>)> {
    let (least, most) = named.get("gap").unwrap_or(&"5..15").split_once("..")?;
    let gap = (least.parse::<i64>().ok()? * 1000, most.parse::<i64>().ok()? * 1000);
    let writes = match named.get("writes").copied().unwrap_or("plain") {
        "plain" => Writes::Plain,
        "idempotent" => Writes::Idempotent,
        "transactional" => Writes::Transactional,
        "crashing" => Writes::Crashing,
        _ => return None,
    };
    let p = Producer {
        name: (*plain.first()?).into(),
        topics: list(named.get("topics")),
        gap,
        writes,
        on: None,
        declared: !plain.contains(&"undeclared"),
        retired: plain.contains(&"retired"),
        returned: false,
        pid: 1000 * i64::try_from(i).ok()?,
    };
    let cadence = number(named.get("cadence")).map_or(gap.1 + 5_000, |c| c * 1000);
    Some((p, (!plain.contains(&"learned")).then_some(cadence)))
}

fn said_producer(p: &Producer, cadence: Option<i64>) -> String {
    let writes = match p.writes {
        Writes::Plain => "plain",
        Writes::Idempotent => "idempotent",
        Writes::Transactional => "transactional",
        Writes::Crashing => "crashing",
    };
    let (a, b) = (p.gap.0 / 1000, p.gap.1 / 1000);
    let mut o = format!("producer {} topics={} gap={a}..{b} writes={writes}", p.name, p.topics.join(","));
    match cadence {
        Some(c) => {
            let _ = write!(o, " cadence={}", c / 1000);
        }
        None => o.push_str(" learned"),
    }
    for (on, word) in [(!p.declared, " undeclared"), (p.retired, " retired")] {
        if on {
            o.push_str(word);
        }
    }
    o
}
