//! The MongoDB half of the tiny estate: two deployments, mirrors, clients, told in words like the Kafka half.
//!
//! `msrc.…` and `mdst.…` speak of a deployment, `mirror.…` of the only mirror. At each sampling instant the mirror is
//! asked first, the deployments after it. A mirror that `follow`s carries every write before it is asked.

use cutover_core::Name;
use cutover_core::estate::mongodb::*;
use cutover_core::estate::{Content, Estate, Failure, FailureKind, Sample, Side, Target};
use cutover_core::pattern::Pattern;
use cutover_core::reading::Demand;
use cutover_core::settings::*;
use cutover_core::time::{Dur, Now, Span, Wall};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone)]
struct Deployment {
    id: String,
    version: String,
    down: bool,
    primary: bool,
    majority: bool,
    blocked: bool,
    open: u64,
    last: BTreeMap<String, Ts>,
    recent: Vec<(Ts, String)>,
    together: BTreeSet<BTreeSet<Name>>,
    clients: Vec<(String, i64)>,
    unlisted: bool,
    unread: bool,
    collections: BTreeMap<String, (i64, BTreeSet<String>, CollectionKind)>,
    builds: BTreeSet<String>,
    uncommitted: bool,
    window: u32,
    /// Its clock is ahead of the true time by so many milliseconds.
    clock: i64,
    term: i64,
    elected: Ts,
    exact: BTreeMap<String, u64>,
    /// Nothing may be counted; the catalogue cannot be read as a whole.
    uncounted: bool,
    uncatalogued: bool,
    offsets: StoredOffsets,
    changes: u64,
    from: Ts,
}

#[derive(Clone, Default)]
struct Mirror {
    stage: String,
    position: Ts,
    /// Carries every write, but for so many of the newest.
    follows: Option<usize>,
    error: Option<String>,
    port: bool,
    sessions: bool,
}

pub(super) struct Mongo {
    sides: BTreeMap<Side, Deployment>,
    mirror: Mirror,
    ordinal: u32,
}

pub(super) fn mongodb() -> MongodbSettings {
    let rule = |p: &str| ClientRule { field: MongoField::AppName, pattern: Pattern::parse(p).unwrap() };
    let mirror = MirrorSettings {
        kind: MirrorKind::Mongomirror,
        namespaces: vec![],
        lag: None,
        client: vec![rule("mongomirror*")],
    };
    MongodbSettings {
        interval: Dur::secs(5),
        slow_interval: Dur::mins(5),
        databases: BTreeSet::from(["shop".into()]),
        left_behind: BTreeMap::new(),
        may_have: BTreeMap::new(),
        unsupported_versions: None,
        copy_rate: 20_000_000,
        index_rate: 10_000_000,
        mirrors: BTreeMap::from([("all".into(), mirror)]),
        readers: vec![rule("crud-*")],
        writers: vec![rule("svc-*")],
        homes: vec![(Home::Destination, rule("{service}-dst"))],
        bystanders: vec![rule("exporter")],
    }
}

impl Mongo {
    pub(super) fn new() -> Mongo {
        let side = |id: &str, version: &str| Deployment {
            id: id.into(),
            version: version.into(),
            down: false,
            primary: true,
            majority: true,
            blocked: false,
            open: 0,
            last: BTreeMap::new(),
            recent: vec![],
            together: BTreeSet::new(),
            clients: vec![],
            unlisted: false,
            unread: false,
            collections: BTreeMap::new(),
            builds: BTreeSet::new(),
            uncommitted: false,
            window: 36_000,
            clock: 0,
            term: 1,
            elected: Ts::default(),
            exact: BTreeMap::new(),
            uncounted: false,
            uncatalogued: false,
            offsets: StoredOffsets::default(),
            changes: 0,
            from: Ts::new(1_789_990_000, 0),
        };
        Mongo {
            sides: BTreeMap::from([(Side::Source, side("old", "5.0.9")), (Side::Destination, side("new", "6.0.5"))]),
            mirror: Mirror::default(),
            ordinal: 0,
        }
    }

    pub(super) fn command(&mut self, who: &str, verb: &str, rest: &[&str], now: Now) {
        if who == "mirror" {
            return self.mirror.command(verb, rest);
        }
        self.ordinal += 1;
        let ts = Ts::new(u32::try_from(now.wall.0 / 1000).unwrap(), self.ordinal);
        let side = if who == "msrc" { Side::Source } else { Side::Destination };
        let d = self.sides.get_mut(&side).unwrap();
        let word = |i: usize| rest.get(i).map(|w| (*w).to_owned()).unwrap_or_default();
        // The block refuses whoever may not bypass it; at the destination these words stand for the mirror, which may.
        if side == Side::Source && d.blocked && ["write", "coll", "drop", "index"].contains(&verb) {
            return;
        }
        match verb {
            "write" => d.write(&word(0), ts),
            "together" => {
                d.together.insert(word(0).split(',').map(Name::from).collect());
            }
            "coll" => {
                let kind = match word(2).as_str() {
                    "timeseries" => CollectionKind::TimeSeries,
                    "view" => CollectionKind::View,
                    _ => CollectionKind::Collection,
                };
                d.collections.insert(word(0), (rest[1].parse().unwrap(), BTreeSet::from(["_id_".to_owned()]), kind));
                d.write(&word(0), ts);
            }
            "drop" => {
                d.collections.remove(rest[0]);
                d.write(&word(0), ts);
            }
            "index" => {
                // An index of what is not there creates nothing here.
                if let Some(c) = d.collections.get_mut(rest[0]) {
                    c.1.insert(word(1));
                    d.write(&word(0), ts);
                }
            }
            "count" => {
                if let Some(c) = d.collections.get_mut(rest[0]) {
                    c.0 = rest[1].parse().unwrap();
                }
            }
            "exact" => drop(d.exact.insert(word(0), rest[1].parse().unwrap())),
            "catalogue" => d.uncatalogued = rest[0] == "no",
            "join" => d.clients.push((word(0), i64::from(self.ordinal))),
            "leave" => d.clients.retain(|(c, _)| c != rest[0]),
            // The newest write is gone: an election took it back.
            "rollback" => {
                let gone = d.recent.pop().unwrap();
                d.last = BTreeMap::new();
                for (ts, ns) in &d.recent {
                    d.last.insert(ns.clone(), *ts);
                }
                assert!(d.last.values().all(|ts| *ts < gone.0));
                d.elect(now);
            }
            // The sampler reads the oplog anew (the agent restarted, or another primary): ten minutes back, no further.
            "reread" => {
                d.from = Ts::new(u32::try_from(now.wall.0 / 1000).unwrap() - 600, 0);
                let from = d.from;
                d.last.retain(|_, ts| *ts >= from);
                d.together.clear();
            }
            "offset" => {
                let (topic, p) = rest[0].rsplit_once('/').unwrap();
                d.offsets.highest.insert((topic.into(), p.parse().unwrap()), rest[1].parse().unwrap());
                d.offsets.documents = 100;
            }
            "documents" => d.offsets.documents = rest[0].parse().unwrap(),
            "garbled" => d.offsets.unreadable = rest[0].parse().unwrap(),
            "changes" => d.changes = rest[0].parse().unwrap(),
            "counted" => d.uncounted = rest[0] == "no",
            "txn" => d.open = rest[0].parse().unwrap(),
            // The block of a source that does not answer is believed (the playbook's start-writers): nobody lifts it then.
            "block" if side == Side::Source && d.down => {}
            "block" => d.blocked = rest[0] == "on",
            "build" => drop(d.builds.insert(word(0))),
            "built" => d.builds.clear(),
            "down" => d.down = true,
            "up" => d.down = false,
            "primary" => d.primary = rest[0] == "yes",
            "election" => d.elect(now),
            "majority" => d.majority = rest[0] == "yes",
            "committed" => d.uncommitted = rest[0] == "no",
            "listed" => d.unlisted = rest[0] == "no",
            "oplog" => d.unread = rest[0] == "no",
            "window" => d.window = rest[0].parse().unwrap(),
            "clock" => d.clock = rest[0].parse::<i64>().unwrap() * 1000,
            "version" => d.version = word(0),
            "id" => d.id = word(0),
            other => panic!("no such command: {other}"),
        }
    }

    /// Why a step would do harm now: what is so, not what was sampled.
    pub(super) fn hazards(&self, step: &str, now: Now) -> Vec<String> {
        let (s, d, m) = (&self.sides[&Side::Source], &self.sides[&Side::Destination], &self.mirror);
        let mut found = Vec::new();
        let mut if_so = |so: bool, what: &str| {
            if so {
                found.push(what.to_owned());
            }
        };
        let written = s.recent.iter().map(|(ts, _)| *ts).max().unwrap_or_default();
        let lives = m.port || m.sessions;
        let works = lives && m.stage == "oplog sync" && m.error.is_none();
        // What is younger than a refresh and 5 s may still be on its way.
        let old = |ts: &Ts| ts.wall().0 <= now.wall.0 - 15_000;
        let late = s.recent.iter().any(|(ts, _)| *ts > m.position && old(ts));
        // Whoever is connected where writes are blocked writes nothing.
        let writers = |d: &Deployment| !d.blocked && d.clients.iter().any(|(c, _)| c.starts_with("svc-"));
        let readers = s.clients.iter().any(|(c, _)| c.starts_with("crud-"));
        match step {
            "start-mirror" => {
                if_so(lives, "the mirror runs already");
                if_so(!d.collections.is_empty(), "the destination holds something");
            }
            "switch-readers" => {
                if_so(!works || late, "the mirror does not follow");
                if_so(s.collections.keys().any(|ns| !d.collections.contains_key(ns)), "a collection is missing there");
            }
            "stop-writers" => {
                if_so(!works || late, "the mirror does not follow");
                if_so(readers, "readers are still on the source");
            }
            "stop-mirror" => {
                if_so(writers(s), "a writer is connected to the source");
                if_so(s.open > 0, "a transaction is open on the source");
                // What was not applied would be lost.
                if_so(m.position < written, "a write was not applied");
                if_so(m.stage != "oplog sync" || m.error.is_some(), "the mirror is not steady");
                if_so(unlike(s, d), "the two sides differ");
                if_so(s.uncommitted && written > Ts::default(), "the last write is not committed");
            }
            "start-writers" => {
                if_so(lives, "the mirror lives");
                if_so(m.position < written, "a write was not applied");
                if_so(writers(s), "a writer is connected to the source");
                if_so(unlike(s, d), "the two sides differ");
                if_so(d.blocked, "the destination blocks writes");
                if_so(!d.builds.is_empty(), "an index is being built");
            }
            other => panic!("no such step: {other}"),
        }
        found
    }

    /// Samples everything at `now`: the mirror first.
    pub(super) fn sample(&mut self, estate: &mut Estate, demands: &BTreeSet<Demand>, now: Now) {
        let span = |a: i64, b: i64| Span { sent: now.mono + Dur(a), received: now.mono + Dur(b) };
        let mut apply = |target, span, outcome| estate.apply(Sample { target, span, outcome }, now);
        let source = self.sides[&Side::Source].clone();
        self.mirror.carry(&source, now);
        let m = &self.mirror;
        let outcome = if m.port {
            Ok(Content::Mirror(MirrorSample { instances: vec![Ok(MirrorStatus::Mongomirror(m.status()))] }))
        } else {
            Err(Failure::new(FailureKind::Unreachable, "connection refused"))
        };
        // A second mirror, where one is configured, does what the first does.
        if let Ok(Content::Mirror(m)) = &outcome {
            apply(Target::Mirror("too".into()), span(0, 20), Ok(Content::Mirror(m.clone())));
        } else {
            apply(
                Target::Mirror("too".into()),
                span(0, 20),
                Err(Failure::new(FailureKind::Unreachable, "connection refused")),
            );
        }
        apply(Target::Mirror("all".into()), span(0, 20), outcome);
        for (side, d) in &self.sides {
            let target = Target::Mongodb(*side);
            if d.down {
                apply(target, span(30, 100), Err(Failure::new(FailureKind::Timeout, "no answer in 4 s")));
                continue;
            }
            let sample = d.sample(m.sessions, now, span(60, 100));
            apply(target.clone(), span(30, 100), Ok(Content::Mongodb(Box::new(sample))));
            // The slow reading comes every time it is asked for, and every five minutes.
            if demands.contains(&Demand::Collections(*side)) || now.mono.0 % 300_000 < 5000 {
                let listed = match d.uncatalogued {
                    false => Content::MongoCatalog(Box::new(d.catalog())),
                    true => Content::MongoUnlisted(Failure::new(FailureKind::Timeout, "replSetGetConfig: no answer")),
                };
                apply(target.clone(), span(30, 100), Ok(listed));
            }
            let asked = demands.iter().filter_map(|x| match x {
                Demand::Count { side: s, namespace } if s == side => Some(namespace.clone()),
                _ => None,
            });
            let counts: BTreeMap<Name, Result<u64, Failure>> = asked.map(|ns| (ns.clone(), d.counted(&ns))).collect();
            if !counts.is_empty() {
                let counts = MongoCounts { set_id: d.id.as_str().into(), counts };
                apply(target, span(30, 100), Ok(Content::MongoCounts(counts)));
            }
        }
    }
}

/// Collections, indexes or counts are not the same.
fn unlike(s: &Deployment, d: &Deployment) -> bool {
    let exact = |d: &Deployment| -> Vec<(String, u64, BTreeSet<String>)> {
        d.collections.iter().map(|(ns, c)| (ns.clone(), d.exactly(ns), c.1.clone())).collect()
    };
    exact(s) != exact(d)
}

impl Mirror {
    fn command(&mut self, verb: &str, rest: &[&str]) {
        match verb {
            "start" => {
                *self = Mirror {
                    stage: "initial sync".into(),
                    port: true,
                    sessions: true,
                    position: Ts::new(1_789_990_000, 1),
                    ..Mirror::default()
                }
            }
            "follow" => {
                self.stage = "oplog sync".into();
                self.follows = Some(0);
            }
            "hold-back" => self.follows = Some(rest[0].parse().unwrap()),
            "stick" => self.follows = None,
            // Another deployment's position, by whose clock it is later.
            "ahead" => {
                self.follows = None;
                self.position = Ts(self.position.0 + (rest[0].parse::<u64>().unwrap() << 32));
            }
            "stage" => self.stage = rest.join(" "),
            "error" => self.error = Some(rest.join(" ")),
            "mended" => self.error = None,
            "refuse" => self.port = false,
            "answer" => self.port = true,
            "gone" => (self.port, self.sessions) = (false, false),
            "sessions" => self.sessions = rest[0] == "yes",
            // One that is gone does not begin anew.
            "anew" if !self.port && !self.sessions => {}
            "anew" => {
                self.stage = "initializing".into();
                self.position = Ts::new(1_789_990_000, 1);
            }
            other => panic!("no such command: {other}"),
        }
    }

    fn carry(&mut self, source: &Deployment, now: Now) {
        let Some(held) = self.follows else { return };
        let mut all: Vec<Ts> = source.last.values().chain(source.recent.iter().map(|(ts, _)| ts)).copied().collect();
        all.sort_unstable();
        all.dedup();
        let newest = all.iter().rev().nth(held).copied();
        // Without anything held back it also passes no-ops now and then.
        let noop = Ts::new(u32::try_from(now.wall.0 / 1000).unwrap() - 1, 0);
        self.position = self.position.max(newest.unwrap_or_default());
        if held == 0 && now.mono.0 % 60_000 < 5000 {
            self.position = self.position.max(noop);
        }
    }

    fn status(&self) -> MongomirrorStatus {
        MongomirrorStatus {
            stage: self.stage.as_str().into(),
            position: (self.stage != "initializing").then_some(self.position),
            error: self.error.as_deref().map(Name::from),
            ..MongomirrorStatus::default()
        }
    }
}

impl Deployment {
    fn elect(&mut self, now: Now) {
        self.term += 1;
        self.elected = Ts::new(u32::try_from(now.wall.0 / 1000).unwrap(), 0);
    }

    fn write(&mut self, ns: &str, ts: Ts) {
        self.last.insert(ns.into(), ts);
        self.recent.push((ts, ns.into()));
    }

    fn exactly(&self, ns: &str) -> u64 {
        let kept = self.collections.get(ns).map_or(0, |c| u64::try_from(c.0).unwrap());
        self.exact.get(ns).copied().unwrap_or(kept)
    }

    fn counted(&self, ns: &str) -> Result<u64, Failure> {
        let refused =
            || Failure::new(FailureKind::Privilege, "counting: not allowed; grant it: db.grantRolesToUser(…)");
        if self.uncounted { Err(refused()) } else { Ok(self.exactly(ns)) }
    }

    fn sample(&self, mirrored: bool, now: Now, scanned: Span) -> MongoSample {
        let failure = || Failure::new(FailureKind::Privilege, "not authorized on local");
        let second = u32::try_from(now.wall.0 / 1000).unwrap();
        let to = Ts::new(second, u32::MAX);
        let floor = Wall(now.wall.0 - 120_000);
        let named = self.clients.iter().map(|(c, id)| (c.clone(), *id));
        let mirror = mirrored.then(|| ("mongomirror".to_owned(), 1));
        let clients = named.chain(mirror).map(|(app, id)| MongoClient {
            app_name: app.as_str().into(),
            user: "".into(),
            address: "10.0.0.9".into(),
            first: id,
            last: id,
        });
        let member = MongoMember {
            state: "PRIMARY".into(),
            clients: if self.unlisted { Err(failure()) } else { Ok(clients.collect()) },
        };
        let named = |m: &BTreeMap<String, Ts>| m.iter().map(|(n, t)| (Name::from(n.as_str()), *t)).collect();
        let newest = self.last.values().max().copied().unwrap_or_default();
        MongoSample {
            set_id: self.id.as_str().into(),
            set_name: "rs0".into(),
            primary: if self.primary {
                Ok("h1:27017".into())
            } else {
                Err(Failure::new(FailureKind::Server, "election"))
            },
            term: self.term,
            elected: Ok(self.elected),
            version: self.version.as_str().into(),
            clock: now.wall + Dur(self.clock),
            members: BTreeMap::from([("h1:27017".into(), member)]),
            majority: Ok(self.majority),
            oplog: Ok(Oplog {
                first: Ts::new(second - self.window, 0),
                last: to,
                size: 1_000_000_000,
                max_size: 1_000_000_000,
            }),
            committed: Ok(if self.uncommitted { Ts(newest.0 - 1) } else { to }),
            writes: if self.unread {
                Err(failure())
            } else {
                Ok(Writes {
                    from: self.from,
                    to,
                    last: named(&self.last),
                    recent: self
                        .recent
                        .iter()
                        .filter(|(ts, _)| ts.wall() >= floor)
                        .map(|(ts, ns)| (*ts, Name::from(ns.as_str())))
                        .collect(),
                    together: self.together.clone(),
                    together_cut: false,
                })
            },
            transactions: Ok(Transactions { open: self.open, prepared: 0 }),
            index_builds: Ok(self.builds.iter().map(|b| Name::from(b.as_str())).collect()),
            write_block: Ok(self.blocked),
            listed: Some(scanned),
            scanned: Some(scanned),
        }
    }

    fn catalog(&self) -> MongoCatalog {
        let mut databases: BTreeMap<Name, Result<BTreeMap<Name, Collection>, Failure>> =
            BTreeMap::from([("shop".into(), Ok(BTreeMap::new()))]);
        for (ns, (documents, indexes, kind)) in &self.collections {
            let (db, name) = ns.split_once('.').unwrap();
            let indexes = indexes.iter().map(|i| {
                let index = Index { spec: format!("{{\"{i}\":1}}").into(), ttl: i.contains("ttl"), building: false };
                (Name::from(i.as_str()), index)
            });
            let c = Collection {
                kind: *kind,
                uuid: "u".into(),
                options: "{}".into(),
                indexes: Ok(indexes.collect()),
                documents: Ok(Some(*documents)),
                data_size: documents * 1000,
                index_size: documents * 100,
            };
            let db = databases.entry(db.into()).or_insert_with(|| Ok(BTreeMap::new()));
            db.as_mut().unwrap().insert(name.into(), c);
        }
        MongoCatalog {
            set_id: self.id.as_str().into(),
            databases,
            databases_outside: Ok(0),
            offsets: Ok(self.offsets.clone()),
            changes: Ok(self.changes),
        }
    }
}
