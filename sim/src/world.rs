//! The world: one queue of events in true time, one seed. The agent's clocks are views of true time: the monotonic one
//! stands still while its machine sleeps, the wall clock may be wrong.

use crate::agent::Agent;
use crate::model::Model;
use crate::model::mongodb::Db;
use crate::model::site::Site;
use crate::model::writers::Ending;
use crate::mutate::{Around, Mutation};
use crate::operator::Person;
use crate::operator_mongodb::Dba;
use crate::operator_services::Sre;
use crate::report::Outcome;
use crate::sampler::{Draft, ORDER, Proof, configs, failure, questions};
use crate::scenario::{Order, Scenario};
use crate::truth::Truth;
use crate::truth_services::TruthServices;
use crate::watch::Watch;
use crate::world_mongodb::{Happens, Samplers};
use cutover_core::Name;
use cutover_core::estate::{Content, Failure, Sample, Side, Target};
use cutover_core::pattern::Pattern;
use cutover_core::reading::Demand;
use cutover_core::settings::{ClientField, Home, HomeRule, KafkaSettings, Producer, Settings, Track};
use cutover_core::time::{Dur, Mono, Now, Span, Wall};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What happens at an instant.
#[derive(Debug)]
pub enum Event {
    /// A line of the script.
    Script(usize),
    /// Words that end what a line of the script began.
    Then(String),
    /// A producer's next write.
    Producer(usize),
    /// A consumer's next poll.
    Reader(usize, Side),
    /// A transaction ends.
    Ending(Ending),
    /// A sampler begins a regular sample.
    Start(Side, u32),
    /// A part of a regular sample is read.
    Read(Side, usize, u32),
    /// A sample arrives, with its true times.
    Deliver(Box<Sample>, Option<(i64, i64)>, u32),
    /// Something on the MongoDB side.
    Mongo(Happens),
    /// A probe is asked.
    Probe(usize, u32),
    /// A slow reading.
    Slow(Side, u32),
    /// A proof begins, reads, ends.
    Proof(Side, u8, u32),
    /// The agent's tick.
    Tick,
    /// Somebody reads the board.
    Poll,
    /// The operator looks.
    Operator,
}

/// Everything.
#[derive(Debug)]
pub struct World {
    /// The Kafka clusters.
    pub m: Model,
    /// The MongoDB deployments.
    pub db: Db,
    /// What probes look at.
    pub site: Site,
    /// What is safe.
    pub truth: Truth,
    /// What is safe on the services track.
    pub truth_services: TruthServices,
    /// The agent.
    pub agent: Agent,
    /// True time.
    pub now: i64,
    /// The operator of the Kafka track.
    pub person: Person,
    /// The operator of the MongoDB track.
    pub dba: Dba,
    /// The operator of the services track.
    pub sre: Sre,
    /// What is checked.
    pub watch: Watch,
    /// The scenario.
    pub scenario: Arc<Scenario>,
    /// Everything random.
    pub rng: fastrand::Rng,
    /// The agent's wall clock is wrong by this.
    pub wrong_by: i64,
    /// The agent's machine sleeps until then.
    pub asleep_until: i64,
    /// Somebody wrote to the source by hand then: nobody can know before the high watermark moves.
    pub stray_at: i64,
    /// Samples of this share (per cent) never come.
    pub loss: u8,
    /// The rule broken on purpose.
    pub mutation: Option<Mutation>,
    slept: i64,
    frozen: i64,
    queue: BTreeMap<(i64, u64), Event>,
    order: u64,
    pub(crate) life: u32,
    pub(crate) mongo: Samplers,
    drafts: BTreeMap<Side, Draft>,
    last_good: BTreeMap<Target, (Span, Result<Content, Failure>)>,
    asked: BTreeMap<Side, Vec<Demand>>,
    answered: Vec<(Demand, i64)>,
    proofs: BTreeMap<Side, (Proof, i64)>,
    slow_at: BTreeMap<Side, i64>,
}

/// The settings a scenario's agent decides by.
///
/// # Panics
/// Never: the patterns are constants or names.
pub fn settings(s: &Scenario) -> Settings {
    let pattern = |t: &str| Pattern::parse(t).expect("a pattern");
    let declared = s.producers.iter().filter(|(p, _)| p.declared).map(|(p, cadence)| {
        let topics = p.topics.iter().map(|t| pattern(t)).collect();
        let stopped = p.retired.then(|| "retired".into());
        (p.name.clone(), Producer { topics, owner: None, cadence: cadence.map(Dur), stopped })
    });
    let unseeded = s.readers.iter().filter(|r| r.unseeded).map(|r| (r.group.clone(), "as agreed".into()));
    let relaxed = |what: &str| {
        let these = s.relaxed.iter().filter(|(w, _)| w == what);
        these.map(|(_, n)| (n.clone(), Name::from("as agreed"))).collect::<BTreeMap<Name, Name>>()
    };
    let home = HomeRule { home: Home::Destination, field: ClientField::ClientId, pattern: pattern("{service}-dst*") };
    let tracks: BTreeSet<Track> = s.tracks.iter().copied().collect();
    Settings {
        migration: "simulated".into(),
        attempt: 1,
        config_hash: "0".into(),
        faster: 1,
        skip: s.skipped.iter().map(|n| (n.clone(), "as agreed".into())).collect(),
        after: s.after(),
        pace: Dur::ZERO,
        joint: s.order == Order::Joint,
        dwell: BTreeMap::new(),
        requirements_enforced: false,
        mongodb: crate::world_mongodb::settings(s).filter(|_| tracks.contains(&Track::Mongodb)),
        probes: crate::world_services::settings(s),
        kafka: tracks.contains(&Track::Kafka).then(|| KafkaSettings {
            interval: Dur(s.interval),
            slow_interval: Dur::mins(5),
            topics: vec![pattern("*")],
            classes: vec![],
            rename_topics: vec![],
            rename_groups: vec![],
            ignored: relaxed("ignored"),
            producers: declared.collect(),
            no_producers: None,
            partitions_differ: relaxed("partitions-differ"),
            unread: relaxed("unread"),
            unseeded: unseeded.collect(),
            archived: relaxed("archived"),
            longest_pause: Dur::hours(1),
            session_timeout: Dur::secs(45),
            homes: vec![home],
        }),
        tracks,
        relaxations: vec![],
    }
}

/// Runs a scenario, with a rule broken if one is given.
pub fn run(s: &Scenario, mutation: Option<Mutation>) -> Outcome {
    let mut w = World::new(Arc::new(s.clone()), mutation);
    w.play();
    Outcome::of(w)
}

impl World {
    /// The world at its start.
    pub fn new(scenario: Arc<Scenario>, mutation: Option<Mutation>) -> World {
        let mut settings = settings(&scenario);
        if let Some(m) = mutation {
            m.settings(&mut settings);
        }
        let mut m = Model::new(scenario.replicas);
        for (t, n) in &scenario.topics {
            m.create(Side::Source, t, *n, scenario.retention);
            m.create(Side::Destination, t, *n, -1);
        }
        m.relaxed.clone_from(&scenario.relaxed);
        m.readers.clone_from(&scenario.readers);
        if scenario.services.is_some() {
            m.readers.iter_mut().for_each(|r| r.deployed = Some(BTreeSet::from([Side::Source])));
        }
        m.producers = scenario.producers.iter().map(|(p, _)| p.clone()).collect();
        let kafka = scenario.tracks.contains(&Track::Kafka);
        let mut person = Person::default();
        person.phase = if kafka { 0 } else { Person::END };
        let mut w = World {
            m,
            db: crate::world_mongodb::estate(&scenario),
            dba: Dba::new(&scenario),
            site: crate::world_services::site(&scenario),
            sre: Sre::new(&scenario),
            truth_services: TruthServices::default(),
            mongo: Samplers::default(),
            truth: Truth::default(),
            agent: Agent::new(Arc::new(settings), mutation),
            now: 0,
            person,
            watch: Watch::default(),
            rng: fastrand::Rng::with_seed(scenario.seed),
            wrong_by: 0,
            stray_at: i64::MIN / 2,
            asleep_until: 0,
            loss: scenario.loss,
            mutation,
            slept: 0,
            frozen: 0,
            queue: BTreeMap::new(),
            order: 0,
            life: 0,
            drafts: BTreeMap::new(),
            last_good: BTreeMap::new(),
            asked: BTreeMap::new(),
            answered: Vec::new(),
            proofs: BTreeMap::new(),
            slow_at: BTreeMap::new(),
            scenario,
        };
        w.begin();
        w
    }

    fn begin(&mut self) {
        for i in 0..self.m.readers.len() {
            self.start_reader(i, Side::Source);
        }
        for i in 0..self.m.producers.len() {
            if !self.m.producers[i].retired {
                self.m.point(i, Some(Side::Source));
            }
            let at = 1_000 + self.rng.i64(0..4_000);
            self.at(at, Event::Producer(i));
        }
        if self.scenario.mongo.is_some() {
            self.begin_mongodb();
        }
        for i in 0..self.scenario.events.len() {
            self.at(self.scenario.events[i].0, Event::Script(i));
        }
        self.start_samplers();
        self.at(1_000, Event::Tick);
        self.at(3_000, Event::Poll);
        self.at(5_000, Event::Operator);
    }

    /// Queues an event.
    pub fn at(&mut self, when: i64, e: Event) {
        self.order += 1;
        self.queue.insert((when.max(self.now), self.order), e);
    }

    /// Both clocks as the agent reads them.
    pub fn clocks(&self) -> Now {
        let mono = (self.now - self.slept).max(self.frozen);
        if self.mutation == Some(Mutation::JumpsUnseen) {
            return Now { mono: Mono(mono), wall: Wall(crate::EPOCH + mono) };
        }
        Now { mono: Mono(mono), wall: Wall(crate::EPOCH + self.now + self.wrong_by) }
    }

    /// Plays to the end.
    pub fn play(&mut self) {
        while let Some(at) = self.next_at() {
            if at > self.scenario.until || self.finished() || self.watch.stop() {
                break;
            }
            if self.scenario.operator != crate::scenario::Operator::Nobody && self.gives_up(at) {
                break;
            }
            self.step();
        }
    }

    /// The migration is over on every track.
    pub fn finished(&self) -> bool {
        self.person.finished() && self.dba.finished() && self.sre.finished()
    }

    /// Nothing has moved for so long that there is no more to learn.
    pub fn gives_up(&self, now: i64) -> bool {
        let kafka = self.person.finished() || self.person.gives_up(now, self.scenario.retention);
        kafka && (self.dba.finished() || self.dba.gives_up(now)) && (self.sre.finished() || self.sre.gives_up(now))
    }

    /// When the next thing happens.
    pub fn next_at(&self) -> Option<i64> {
        self.queue.first_key_value().map(|((at, _), _)| *at)
    }

    /// Lets the next thing happen. False when nothing is left.
    pub fn step(&mut self) -> bool {
        let Some(((at, _), e)) = self.queue.pop_first() else { return false };
        self.now = at;
        self.m.expire_members(at);
        self.handle(e);
        self.note_truth();
        true
    }

    fn handle(&mut self, e: Event) {
        let of_agent = matches!(
            e,
            Event::Start(..)
                | Event::Deliver(..)
                | Event::Slow(..)
                | Event::Proof(..)
                | Event::Probe(..)
                | Event::Tick
                | Event::Poll
                | Event::Operator
        ) || matches!(&e, Event::Mongo(h) if h.of_agent());
        if of_agent && self.now < self.asleep_until {
            return self.at(self.asleep_until, e);
        }
        match e {
            Event::Script(i) => {
                let words = self.scenario.events[i].1.clone();
                self.watch.disturbed(self.now);
                self.script(&words);
            }
            Event::Then(words) => {
                self.watch.disturbed(self.now);
                self.script(&words);
            }
            Event::Producer(i) => {
                if let Some(ending) = self.m.write(i, self.now, &mut self.rng) {
                    self.at(ending.at, Event::Ending(ending));
                }
                // It is back on the source, and wrote where nobody can see it yet.
                if self.m.producers[i].returned {
                    self.stray_at = self.now;
                }
                let (least, most) = self.m.producers[i].gap;
                let pause = self.rng.i64(least..=most.max(least));
                self.at(self.now + pause, Event::Producer(i));
            }
            Event::Reader(i, side) => {
                if self.m.readers[i].at.get(&side).is_some_and(|x| x.running) {
                    self.m.poll_reader(i, side, self.now);
                    let every = self.m.readers[i].every;
                    let pause = self.rng.i64(every / 2..=every);
                    self.at(self.now + pause, Event::Reader(i, side));
                }
            }
            Event::Ending(e) => self.m.end_transaction(&e),
            Event::Mongo(h) => self.happens(h),
            Event::Start(side, life) if life == self.life && self.agent.up => self.start_sample(side),
            Event::Read(side, k, life) if life == self.life && self.agent.up => self.read(side, k),
            Event::Deliver(sample, times, life) if life == self.life && self.agent.up => self.deliver(*sample, times),
            Event::Slow(side, life) if life == self.life && self.agent.up => self.slow(side),
            Event::Proof(side, k, life) if life == self.life && self.agent.up => self.proof(side, k),
            Event::Probe(i, life) if life == self.life && self.agent.up => self.ask_probe(i),
            Event::Start(..)
            | Event::Read(..)
            | Event::Deliver(..)
            | Event::Slow(..)
            | Event::Proof(..)
            | Event::Probe(..) => {}
            Event::Tick => {
                // A tick matters only where no sample, demand or request has made it look again.
                let pause = (self.scenario.interval / 2).max(8_000);
                let due = self.agent.published.as_ref().is_none_or(|p| self.now - p.at >= pause);
                if self.agent.up && due {
                    self.turn();
                }
                self.at(self.now + 2_500, Event::Tick);
            }
            Event::Poll => {
                self.look(true);
                let pause = self.rng.i64(1_000..8_000);
                self.at(self.now + pause, Event::Poll);
            }
            Event::Operator => {
                self.operate();
                self.operate_mongodb();
                self.operate_services();
                let pause = self.rng.i64(3_000..9_000);
                self.at(self.now + pause, Event::Operator);
            }
        }
    }

    /// Starts a consumer.
    pub fn start_reader(&mut self, i: usize, side: Side) {
        if self.m.readers[i].at.get(&side).is_some_and(|x| x.running) {
            return;
        }
        // Once the consumers are started, what came since one attached first is lag like any other.
        let due = side == Side::Destination && self.person.acted[2];
        let before = self.m.readers[i].at.get_mut(&side).filter(|x| due && x.due).map(|x| std::mem::take(&mut x.found));
        self.m.start_reader(i, side);
        if let Some(x) = self.m.readers[i].at.get_mut(&side) {
            (x.due, x.found) = (due, before.unwrap_or_default());
        }
        let pause = self.rng.i64(500..3_000);
        self.at(self.now + pause, Event::Reader(i, side));
    }

    fn start_samplers(&mut self) {
        self.life += 1;
        self.drafts.clear();
        self.proofs.clear();
        self.asked.clear();
        self.answered.clear();
        self.start_samplers_of_mongodb();
        self.start_probes();
        let life = self.life;
        // Where there is no Kafka nothing is read of it.
        let sides: &[Side] = if self.scenario.tracks.contains(&Track::Kafka) { &Side::BOTH } else { &[] };
        for side in sides.iter().copied() {
            let (a, b) = (self.rng.i64(100..1_000), self.rng.i64(100..2_000));
            self.at(self.now + a, Event::Start(side, life));
            self.at(self.now + b, Event::Slow(side, life));
            self.at(self.now + self.scenario.interval, Event::Proof(side, 0, life));
        }
    }

    /// Ends the agent; what it had not written is lost, its board goes with it.
    pub fn kill(&mut self) {
        self.agent.up = false;
        self.agent.published = None;
        self.life += 1;
    }

    /// Starts the agent again.
    pub fn restart(&mut self) {
        if !self.agent.up {
            self.agent.restart(self.clocks());
            if self.agent.disk.is_empty() {
                self.m.forget(self.now);
            }
            self.start_samplers();
            self.watch.restarted(self.now);
        }
    }

    /// Lets the agent's machine sleep.
    pub fn sleep(&mut self, ms: i64) {
        if self.now < self.asleep_until {
            return;
        }
        self.frozen = self.clocks().mono.0;
        self.asleep_until = self.now + ms;
        self.slept += ms;
        self.watch.disturbed(self.asleep_until);
    }

    fn start_sample(&mut self, side: Side) {
        let mono = self.clocks().mono;
        self.drafts.insert(side, Draft::new(side, self.now, mono));
        let half = self.half(side);
        self.at(self.now + half, Event::Read(side, 0, self.life));
    }

    fn half(&mut self, side: Side) -> i64 {
        let slow = self.m.side(side).faults.slow;
        self.rng.i64(5..=self.scenario.latency.max(10) / 2) + if slow > 0 { self.rng.i64(0..slow) } else { 0 }
    }

    fn read(&mut self, side: Side, k: usize) {
        let order = self.mutation.map_or(ORDER, Mutation::order);
        let Some(part) = order.get(k).copied() else { return };
        let after = self.half(side);
        let Some(mut draft) = self.drafts.remove(&side) else { return };
        let (mono, timeout) = (self.clocks().mono, self.scenario.interval * 4 / 5);
        let received = mono + Dur(after);
        let sent = std::mem::replace(&mut draft.answered, received);
        draft.read(part, &self.m, sent, received);
        let life = self.life;
        if draft.failed.is_some() || received - draft.sent.1 > Dur(timeout) {
            let f = draft.failed.clone().unwrap_or_else(|| failure("no complete answer in time"));
            let at = (draft.sent.0 + timeout).max(self.now);
            let next = Event::Start(side, life);
            return self.finish(Target::Kafka(side), draft.sent, Err(f), (at, draft.sent.1 + Dur(timeout)), next);
        }
        if k + 1 < order.len() {
            self.drafts.insert(side, draft);
            let before = self.half(side);
            self.at(self.now + after + before, Event::Read(side, k + 1, life));
        } else {
            let content = Content::Kafka(Box::new(draft.sample.clone()));
            let (done, next) = ((self.now + after, received), Event::Start(side, life));
            self.finish(Target::Kafka(side), draft.sent, Ok(content), done, next);
        }
    }

    /// A regular sample is complete, or given up: it arrives, and the next one begins in its turn. Both instants are true
    /// time and monotonic.
    pub(crate) fn finish(
        &mut self,
        target: Target,
        sent: (i64, Mono),
        outcome: Result<Content, Failure>,
        (at, received): (i64, Mono),
        next: Event,
    ) {
        let life = self.life;
        let span = Span { sent: sent.1, received: received.max(sent.1) };
        let sample = Sample { target, span, outcome };
        if self.rng.u8(..100) < self.loss {
            self.watch.disturbed(self.now);
        } else {
            // Now and then a sample is overtaken by the next one, or comes twice.
            let late = if self.loss > 0 && self.rng.u8(..50) == 0 { self.scenario.interval } else { 0 };
            if self.loss > 0 && self.rng.u8(..50) == 0 {
                let again = Box::new(sample.clone());
                self.at(at + self.scenario.interval, Event::Deliver(again, Some((sent.0, at)), life));
            }
            self.at(at + late, Event::Deliver(Box::new(sample), Some((sent.0, at)), life));
        }
        self.at((sent.0 + self.scenario.interval).max(at), next);
    }

    pub(crate) fn deliver(&mut self, mut sample: Sample, times: Option<(i64, i64)>) {
        if let Some(m) = self.mutation {
            let keeps = match m {
                Mutation::StaleRestamped => times.is_some(),
                Mutation::CatalogsRestamped => matches!(sample.outcome, Ok(Content::MongoCatalog(_))),
                _ => false,
            };
            let kept = (keeps && sample.outcome.is_ok()).then(|| (sample.span, sample.outcome.clone()));
            let last = self.last_good.get(&sample.target).filter(|_| keeps).cloned();
            m.sample(&mut sample, last.as_ref(), Around { m: &self.m, db: &self.db });
            if let Some(kept) = kept {
                self.last_good.insert(sample.target.clone(), kept);
            }
        }
        // A mirror that has ended refuses, as it should.
        let refuses = matches!((&sample.target, &sample.outcome), (Target::Mirror(_), Err(_)));
        if times.is_some() && sample.outcome.is_err() && !refuses {
            self.watch.disturbed(self.now);
        }
        let now = self.clocks();
        self.agent.take(sample, times, now);
        self.turn();
    }

    fn slow(&mut self, side: Side) {
        let (now, life) = (self.clocks().mono, self.life);
        let told = configs(&self.m, side);
        let again = if told.is_ok() { 300_000 } else { 5_000 };
        if let Ok(c) = told {
            let lat = self.half(side);
            let span = Span { sent: now, received: now + Dur(lat) };
            let outcome = Ok(Content::KafkaConfigs(Box::new(c)));
            let sample = Sample { target: Target::Kafka(side), span, outcome };
            self.at(self.now + lat, Event::Deliver(Box::new(sample), None, life));
        }
        self.slow_at.insert(side, self.now + again);
        self.at(self.now + again, Event::Slow(side, life));
    }

    fn proof(&mut self, side: Side, k: u8) {
        let life = self.life;
        let interval = self.scenario.interval;
        match k {
            0 => {
                // A demand for configurations is answered by the slow reading, soon.
                let due = self.slow_at.get(&side).is_some_and(|t| *t > self.now + 5_000);
                if self.agent.demands.contains(&Demand::Configs(side))
                    && due
                    && let Ok(c) = configs(&self.m, side)
                {
                    let mono = self.clocks().mono;
                    let span = Span { sent: mono, received: mono + Dur(50) };
                    let outcome = Ok(Content::KafkaConfigs(Box::new(c)));
                    let sample = Sample { target: Target::Kafka(side), span, outcome };
                    self.at(self.now + 50, Event::Deliver(Box::new(sample), None, life));
                }
                let now = self.now;
                self.answered.retain(|(_, at)| now - at < 30_000);
                let mut asked = questions(side, &self.agent.demands);
                if let Some(mutation) = self.mutation {
                    asked = asked.into_iter().map(|d| mutation.demand(d, &self.m)).collect();
                }
                let before = self.asked.insert(side, asked.clone()).unwrap_or_default();
                let due: Vec<Demand> = asked
                    .into_iter()
                    .filter(|d| before.contains(d) && !self.answered.iter().any(|(a, _)| a == d))
                    .take(8)
                    .collect();
                if due.is_empty() {
                    return self.at(self.now + interval, Event::Proof(side, 0, life));
                }
                self.answered.extend(due.iter().map(|d| (d.clone(), now)));
                self.proofs.insert(side, (Proof::begin(&self.m, side, due), self.now));
                let pause = self.half(side);
                self.at(self.now + pause, Event::Proof(side, 1, life));
            }
            1 => {
                if let Some((p, _)) = self.proofs.get_mut(&side) {
                    p.read(&self.m, side);
                }
                let pause = self.half(side);
                self.at(self.now + pause, Event::Proof(side, 2, life));
            }
            _ => {
                if let Some((p, began)) = self.proofs.remove(&side) {
                    let tails = p.end(&self.m, side);
                    let mono = self.clocks().mono;
                    let span = Span { sent: Mono(mono.0 - (self.now - began)), received: mono };
                    let sample = Sample { target: Target::Kafka(side), span, outcome: Ok(Content::KafkaTails(tails)) };
                    self.deliver(sample, None);
                }
                self.at(self.now + interval, Event::Proof(side, 0, life));
            }
        }
    }

    /// Looks at the servers: what is safe at this instant.
    pub fn note_truth(&mut self) {
        self.truth.update(&self.m, &self.db, self.now);
        if self.scenario.services.is_some() {
            self.truth_services.update(&self.m, &self.db, &mut self.site, self.now);
        }
    }

    /// One turn of the agent, and everything that is checked after it.
    pub fn turn(&mut self) {
        self.note_truth();
        self.look(false);
        let (clocks, now) = (self.clocks(), self.now);
        if !self.agent.turn(clocks, now) {
            self.died();
            return;
        }
        self.look(false);
        self.check_done();
    }

    /// The agent died while it wrote: somebody starts it again.
    pub fn died(&mut self) {
        self.kill();
        self.watch.fault("died while writing");
        let pause = self.rng.i64(1_000..30_000);
        self.at(self.now + pause, Event::Then("restart".into()));
    }
}
