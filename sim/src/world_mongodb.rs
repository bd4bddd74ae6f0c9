//! What happens on the MongoDB side of the world: services at work, mirrors, the samplers of both.

use crate::model::mongodb::Db;
use crate::model::mongodb::mirror::{REFRESH, Stage};
use crate::model::mongodb::oplog::What;
use crate::model::mongodb::service::Next;
use crate::mutate::Mutation;
use crate::sampler::failure;
use crate::sampler_mongodb::{Draft, ORDER, Part, Ring, catalog, mirror, sizes};
use crate::scenario::Scenario;
use crate::world::{Event, World};
use cutover_core::Name;
use cutover_core::estate::mongodb::{MongoCatalog, MongoCounts};
use cutover_core::estate::{Content, Sample, Side, Target};
use cutover_core::pattern::Pattern;
use cutover_core::reading::Demand;
use cutover_core::settings::{ClientRule, Home, MirrorKind, MirrorSettings, MongoField, MongodbSettings};
use cutover_core::time::{Dur, Mono, Span};
use std::collections::BTreeMap;

/// What happens at an instant.
#[derive(Clone, Debug)]
pub enum Happens {
    /// An instance of a service does what comes next.
    Service(usize, Side, u32, Next),
    /// A mirror comes to its next stage.
    Stage(usize, u32),
    /// A mirror carries what was written.
    Carry(usize, u32),
    /// A mirror's status is refreshed.
    Refresh(usize, u32),
    /// A primary writes a heartbeat.
    Heartbeat(Side),
    /// A deployment's sampler begins a regular sample.
    Start(Side, u32),
    /// A part of it is read.
    Read(Side, usize, u32),
    /// A mirror is asked.
    Mirror(usize, u32),
    /// The samplers look whether a slow reading or a count is due.
    Slow(Side, u32),
    /// The second half of a slow reading.
    Sizes(Side, u32),
    /// A namespace has been counted.
    Counted(Side, Name, Mono, u32),
}

impl Happens {
    /// It is the agent's doing.
    pub fn of_agent(&self) -> bool {
        matches!(
            self,
            Happens::Start(..)
                | Happens::Read(..)
                | Happens::Mirror(..)
                | Happens::Slow(..)
                | Happens::Sizes(..)
                | Happens::Counted(..)
        )
    }
}

/// What the agent's samplers of MongoDB have in hand.
#[derive(Debug, Default)]
pub struct Samplers {
    drafts: BTreeMap<Side, Draft>,
    rings: BTreeMap<Side, Ring>,
    catalogs: BTreeMap<Side, (MongoCatalog, Mono)>,
    slow_at: BTreeMap<Side, (i64, i64)>,
    counted: BTreeMap<(Side, Name), i64>,
}

/// The settings of the MongoDB move in a scenario.
pub fn settings(s: &Scenario) -> Option<MongodbSettings> {
    let m = s.mongo.as_ref()?;
    let pattern = |t: &str| Pattern::parse(t).ok();
    let rule = |t: &str| pattern(t).map(|pattern| ClientRule { field: MongoField::AppName, pattern });
    let mirrors = m.mirrors.iter().filter_map(|x| {
        let client = rule(&format!("mongomirror-{}", x.name))?;
        let namespaces = x.namespaces.clone();
        Some((
            x.name.clone(),
            MirrorSettings { kind: MirrorKind::Mongomirror, namespaces, lag: x.allowed.map(Dur), client: vec![client] },
        ))
    });
    let relaxed = |what: &str| {
        let these = m.relaxed.iter().filter(|(w, _)| w == what);
        these.map(|(_, n)| (n.clone(), Name::from("as agreed"))).collect::<BTreeMap<Name, Name>>()
    };
    let rules = |list: &[String]| list.iter().filter_map(|t| rule(t)).collect::<Vec<_>>();
    Some(MongodbSettings {
        interval: Dur(s.interval),
        slow_interval: Dur::mins(5),
        databases: m.databases.iter().cloned().collect(),
        left_behind: relaxed("left-behind"),
        may_have: relaxed("may-have"),
        unsupported_versions: None,
        copy_rate: 20_000_000,
        index_rate: 10_000_000,
        mirrors: mirrors.collect(),
        readers: rules(&m.readers),
        writers: rules(&m.writers),
        homes: rule("{service}-dst").map(|r| (Home::Destination, r)).into_iter().collect(),
        bystanders: rules(&["exporter*".to_owned()]),
    })
}

/// The deployments of a scenario, at its start.
pub fn estate(s: &Scenario) -> Db {
    let Some(m) = &s.mongo else { return Db::new(3_600_000) };
    let mut db = Db::new(m.window);
    db.shows = s.lasting();
    db.databases = m.databases.iter().cloned().collect();
    db.relaxed.clone_from(&m.relaxed);
    db.services.clone_from(&m.services);
    if s.services.is_some() {
        db.split_homes();
    }
    db.mirrors.clone_from(&m.mirrors);
    for (ns, documents, indexes) in &m.collections {
        let d = db.side_mut(Side::Source);
        d.write(What::Docs(vec![(ns.clone(), *documents)]), false, -60_000);
        for i in indexes {
            d.write(What::Index(ns.clone(), i.clone()), false, -60_000);
        }
    }
    db
}

impl World {
    /// Queues what happens on the MongoDB side.
    pub fn later_there(&mut self, after: i64, h: Happens) {
        self.at(self.now + after, Event::Mongo(h));
    }

    /// Services start, primaries beat.
    pub fn begin_mongodb(&mut self) {
        for i in 0..self.db.services.len() {
            if self.db.services[i].deployed {
                self.start_service(i, Side::Source);
            }
        }
        for side in Side::BOTH {
            let after = self.rng.i64(0..10_000);
            self.later_there(after, Happens::Heartbeat(side));
        }
    }

    /// Starts an instance of a service.
    pub fn start_service(&mut self, i: usize, side: Side) {
        if let Some(life) = self.db.start_service(i, side) {
            let after = self.rng.i64(300..2_500);
            self.later_there(after, Happens::Service(i, side, life, Next::Work));
        }
    }

    /// Starts a mirror: from the beginning, or where it was.
    pub fn start_mirror(&mut self, i: usize, resume: bool) {
        let Some(life) = self.db.start_mirror(i, resume) else { return };
        self.later_there(2_000, Happens::Stage(i, life));
        self.later_there(1_000, Happens::Carry(i, life));
        self.later_there(3_000, Happens::Refresh(i, life));
    }

    /// Starts the samplers of MongoDB, if there is one.
    pub fn start_samplers_of_mongodb(&mut self) {
        self.mongo = Samplers::default();
        if self.scenario.mongo.is_none() {
            return;
        }
        let life = self.life;
        for side in Side::BOTH {
            let (a, b) = (self.rng.i64(100..1_000), self.rng.i64(100..2_000));
            self.later_there(a, Happens::Start(side, life));
            self.later_there(b, Happens::Slow(side, life));
        }
        for i in 0..self.db.mirrors.len() {
            let a = self.rng.i64(100..1_000);
            self.later_there(a, Happens::Mirror(i, life));
        }
    }

    /// Lets it happen.
    pub fn happens(&mut self, h: Happens) {
        if h.of_agent() && !self.agent.up {
            return;
        }
        let now = self.now;
        match h {
            Happens::Service(i, side, life, next) => self.serve(i, side, life, next),
            Happens::Stage(i, life) if self.db.mirrors[i].life == life => {
                self.watch.disturbed(now);
                if let Some(after) = self.db.advance_mirror(i, now) {
                    self.later_there(after, Happens::Stage(i, life));
                }
            }
            Happens::Carry(i, life) if self.db.mirrors[i].life == life => {
                self.db.carry(i, now, &mut self.rng);
                let after = self.rng.i64(300..1_500);
                self.later_there(after, Happens::Carry(i, life));
            }
            Happens::Refresh(i, life) if self.db.mirrors[i].life == life => {
                let m = &mut self.db.mirrors[i];
                if m.stage == Stage::Carrying {
                    m.shown = Some(m.applied);
                }
                self.later_there(REFRESH, Happens::Refresh(i, life));
            }
            Happens::Heartbeat(side) => {
                let d = &self.db.sides[&side];
                let last = d.oplog.entries.back().map_or(0, |e| e.at);
                if now - last >= 9_000 && !d.faults.election {
                    self.db.side_mut(side).write(What::Noop, false, now);
                }
                self.later_there(10_000, Happens::Heartbeat(side));
            }
            Happens::Start(side, life) if life == self.life => {
                let mono = self.clocks().mono;
                self.mongo.drafts.insert(side, Draft::new(side, now, mono));
                let half = self.half_there(side);
                self.later_there(half, Happens::Read(side, 0, life));
            }
            Happens::Read(side, k, life) if life == self.life => self.read_there(side, k),
            Happens::Mirror(i, life) if life == self.life => self.ask_mirror(i),
            Happens::Slow(side, life) if life == self.life => self.slow_there(side),
            Happens::Sizes(side, life) if life == self.life => {
                let Some((mut c, sent)) = self.mongo.catalogs.remove(&side) else { return };
                if sizes(&self.db, side, &mut c).is_ok() {
                    let span = Span { sent, received: self.clocks().mono };
                    let outcome = Ok(Content::MongoCatalog(Box::new(c)));
                    self.deliver(Sample { target: Target::Mongodb(side), span, outcome }, None);
                }
            }
            Happens::Counted(side, ns, sent, life) if life == self.life => {
                let d = self.db.side(side);
                if d.faults.down || d.faults.election {
                    return;
                }
                let n = d.collections.get(&ns).map_or(0, |c| u64::try_from(c.documents).unwrap_or(0));
                let counts = MongoCounts { set_id: d.id.clone(), counts: BTreeMap::from([(ns, Ok(n))]) };
                let span = Span { sent, received: self.clocks().mono };
                let outcome = Ok(Content::MongoCounts(counts));
                self.deliver(Sample { target: Target::Mongodb(side), span, outcome }, None);
            }
            _ => {}
        }
    }

    fn serve(&mut self, i: usize, side: Side, life: u32, next: Next) {
        if !self.db.services[i].instance(side).is_some_and(|x| x.running && x.life == life) {
            return;
        }
        match next {
            Next::Work => {
                for (after, next) in self.db.work(i, side, self.now, &mut self.rng) {
                    self.later_there(after, Happens::Service(i, side, life, next));
                }
            }
            Next::End(id, commit) => self.db.end_transaction(side, id, commit, self.now),
            Next::Crash => {
                let pause = self.db.crash(i, side, &mut self.rng);
                self.later_there(pause, Happens::Service(i, side, life, Next::Work));
            }
        }
    }

    fn half_there(&mut self, side: Side) -> i64 {
        let slow = self.db.side(side).faults.slow;
        self.rng.i64(5..=self.scenario.latency.max(10) / 3) + if slow > 0 { self.rng.i64(0..slow) } else { 0 }
    }

    fn read_there(&mut self, side: Side, k: usize) {
        let order: [Part; 5] = self.mutation.map_or(ORDER, Mutation::order_of_mongodb);
        let after = self.half_there(side);
        let (Some(part), Some(mut draft)) = (order.get(k).copied(), self.mongo.drafts.remove(&side)) else { return };
        let (mono, timeout, life) = (self.clocks().mono, self.scenario.interval * 4 / 5, self.life);
        let received = mono + Dur(after);
        let sent = std::mem::replace(&mut draft.answered, received);
        let ring = self.mongo.rings.entry(side).or_default();
        draft.read(part, &self.db, ring, self.now, (sent, received), self.mutation);
        let target = Target::Mongodb(side);
        let next = Event::Mongo(Happens::Start(side, life));
        if draft.failed.is_some() || received - draft.sent.1 > Dur(timeout) {
            let f = draft.failed.unwrap_or_else(|| failure("no complete answer in time"));
            let at = (draft.sent.0 + timeout).max(self.now);
            return self.finish(target, draft.sent, Err(f), (at, draft.sent.1 + Dur(timeout)), next);
        }
        if k + 1 < order.len() {
            self.mongo.drafts.insert(side, draft);
            let before = self.half_there(side);
            self.later_there(after + before, Happens::Read(side, k + 1, life));
        } else {
            let content = Content::Mongodb(Box::new(draft.sample));
            self.finish(target, draft.sent, Ok(content), (self.now + after, received), next);
        }
    }

    fn ask_mirror(&mut self, i: usize) {
        let m = &self.db.mirrors[i];
        let (name, told) = (m.name.clone(), mirror(m));
        let mono = self.clocks().mono;
        let (before, after) = (self.rng.i64(5..40), self.rng.i64(5..40));
        let next = Event::Mongo(Happens::Mirror(i, self.life));
        // What is read now was asked for a little earlier.
        let sent = (self.now - before, Mono((mono.0 - before).max(0)));
        self.finish(Target::Mirror(name), sent, told.map(Content::Mirror), (self.now + after, mono + Dur(after)), next);
    }

    fn slow_there(&mut self, side: Side) {
        let (now, life, mono) = (self.now, self.life, self.clocks().mono);
        let (regular, soonest) = self.mongo.slow_at.get(&side).copied().unwrap_or((0, 0));
        let asked = self.agent.demands.contains(&Demand::Collections(side)) && now >= soonest;
        if now >= regular || asked {
            let told = catalog(&self.db, side);
            let again = if told.is_ok() { 300_000 } else { 5_000 };
            if let Ok(c) = told {
                self.mongo.catalogs.insert(side, (c, mono));
                let after = self.rng.i64(20..600);
                self.later_there(after, Happens::Sizes(side, life));
            }
            self.mongo.slow_at.insert(side, (now + again, now + 5_000));
        }
        let counts: Vec<Name> = self
            .agent
            .demands
            .iter()
            .filter_map(|d| match d {
                Demand::Count { side: s, namespace } if *s == side => Some(namespace.clone()),
                _ => None,
            })
            .collect();
        for ns in counts {
            let key = (side, ns.clone());
            if self.mongo.counted.get(&key).is_some_and(|at| now - at < 30_000) {
                continue;
            }
            self.mongo.counted.insert(key, now);
            let after = self.rng.i64(20..2_000);
            self.later_there(after, Happens::Counted(side, ns, mono, life));
        }
        self.later_there(2_500, Happens::Slow(side, life));
    }
}
