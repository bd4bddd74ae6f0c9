//! A tiny estate driven by lines of text: `t=10 src.end crm/0 +5; show stop-consumers`.
//!
//! Between two lines both sides are sampled every five seconds, each sample asked for at the instant and answered 100 ms
//! later. `show <step>` renders its ready and done answers. See `commands` for the words.

use cutover_core::Name;
use cutover_core::estate::kafka::*;
use cutover_core::estate::{Content, Estate, Failure, FailureKind, Sample, Side, Target};
use cutover_core::facts::{Fact, Facts};
use cutover_core::gate::board::Verdict;
use cutover_core::gate::ops::{Op, taken};
use cutover_core::gate::{Gate, Turn};
use cutover_core::measures::Measures;
use cutover_core::pattern::Pattern;
use cutover_core::reading::{Demand, Tri};
use cutover_core::render;
use cutover_core::settings::*;
use cutover_core::time::{Dur, Mono, Now, Span, Wall};
use cutover_core::view::View;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;
use uuid::Uuid;

#[derive(Clone, Default)]
struct Cluster {
    id: String,
    topics: BTreeMap<String, (Uuid, Vec<Ends>)>,
    configs: BTreeMap<String, TopicConfig>,
    newest: i64,
    groups: BTreeMap<String, Group>,
    producers: BTreeMap<(String, usize), Vec<ProducerState>>,
    /// It fails in this way.
    down: Option<FailureKind>,
    /// Its broker does not answer at its advertised address.
    away: bool,
    hidden: bool,
    unlisted: bool,
    replicas: u32,
    phantom: bool,
    disorder: bool,
    broken: BTreeSet<(String, usize)>,
    /// Partitions of which not every replica is in sync, and how many are.
    in_sync: BTreeMap<(String, usize), u32>,
    /// Topics that are listed and whose partitions are not told.
    failing: BTreeSet<String>,
    /// Topics that are there and that the agent may not see.
    secret: BTreeMap<String, (Uuid, Vec<Ends>)>,
    /// The slow reading fails.
    unread: bool,
    /// Brokers do not tell what they hold on disk.
    logs_untold: bool,
    /// The newest timestamps are not to be read.
    undated: bool,
}

#[derive(Clone, Default)]
struct Group {
    kind: Option<GroupKind>,
    state: Option<String>,
    members: Vec<(String, Vec<String>)>,
    commits: BTreeMap<(String, usize), i64>,
    /// Committed offsets that the broker does not tell.
    withheld: BTreeSet<(String, usize)>,
    unreadable: bool,
    /// The agent lacks the right to describe it.
    forbidden: bool,
    /// None of its committed offsets is told.
    silent: bool,
}

pub(crate) struct World {
    mongo: Option<super::mongo::Mongo>,
    probes: super::probes::Probes,
    sides: BTreeMap<Side, Cluster>,
    estate: Estate,
    pub(crate) facts: Facts,
    pub(crate) journal: Vec<Fact>,
    gate: Gate,
    pub(crate) now: Now,
    next_sample: i64,
    demands: BTreeSet<Demand>,
    pub(super) out: String,
    ids: u128,
}

/// How many random stories are told: `STORIES` asks for more.
pub(crate) fn stories(otherwise: u32) -> u32 {
    std::env::var("STORIES").ok().and_then(|n| n.parse().ok()).unwrap_or(otherwise)
}

pub(crate) fn settings() -> Settings {
    let producers = BTreeMap::from([(
        Name::from("crm-cdc"),
        Producer {
            topics: vec![Pattern::parse("*.ingestion").unwrap()],
            owner: None,
            cadence: Some(Dur::secs(60)),
            stopped: None,
        },
    )]);
    let rule =
        |home, pattern| HomeRule { home, field: ClientField::ClientId, pattern: Pattern::parse(pattern).unwrap() };
    Settings {
        migration: "test".into(),
        attempt: 1,
        config_hash: "0".into(),
        faster: 1,
        tracks: BTreeSet::from([Track::Kafka]),
        skip: BTreeMap::new(),
        after: BTreeMap::new(),
        pace: Dur::ZERO,
        joint: false,
        dwell: BTreeMap::new(),
        requirements_enforced: false,
        mongodb: None,
        probes: BTreeMap::new(),
        kafka: Some(KafkaSettings {
            interval: Dur::secs(5),
            slow_interval: Dur::mins(5),
            topics: vec![Pattern::parse("*").unwrap()],
            classes: vec![],
            rename_topics: vec![],
            rename_groups: vec![],
            ignored: BTreeMap::new(),
            producers,
            no_producers: None,
            partitions_differ: BTreeMap::new(),
            unread: BTreeMap::new(),
            unseeded: BTreeMap::new(),
            archived: BTreeMap::new(),
            longest_pause: Dur::days(7),
            session_timeout: Dur::secs(45),
            homes: vec![rule(Home::Destination, "{service}-dst*")],
        }),
        relaxations: vec![],
    }
}

/// Runs a timeline under the default settings and returns what it shows.
pub(crate) fn run(text: &str) -> String {
    run_with(settings(), text)
}

/// Runs a timeline.
pub(crate) fn run_with(settings: Settings, text: &str) -> String {
    let mut w = World::new(settings);
    w.play(text);
    w.out.trim_end().to_owned()
}

impl World {
    pub(crate) fn new(settings: Settings) -> World {
        let cluster = |id: &str| Cluster { id: id.into(), replicas: 1, ..Cluster::default() };
        World {
            sides: BTreeMap::from([(Side::Source, cluster("old")), (Side::Destination, cluster("new"))]),
            estate: Estate::new(),
            probes: super::probes::Probes::default(),
            mongo: settings.mongodb.is_some().then(super::mongo::Mongo::new),
            facts: Facts::default(),
            journal: vec![],
            gate: Gate::new(Arc::new(settings)),
            now: Now { mono: Mono(1_000_000), wall: Wall(1_790_000_000_000) },
            next_sample: 0,
            demands: BTreeSet::new(),
            out: String::new(),
            ids: 0,
        }
    }

    pub(crate) fn play(&mut self, text: &str) {
        let origin = 1_000_000;
        for line in text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')) {
            let (t, commands) = line.split_once(' ').unwrap_or((line, ""));
            let t: i64 = t.strip_prefix("t=").expect("t=<seconds>").parse().expect("seconds");
            self.advance_to(origin + t * 1000);
            let (shows, does): (Vec<&str>, Vec<&str>) =
                commands.split(';').map(str::trim).filter(|c| !c.is_empty()).partition(|c| c.starts_with("show"));
            does.into_iter().for_each(|c| self.command(c, t));
            for c in shows {
                self.settle();
                self.show(c.trim_start_matches("show").trim(), t);
            }
        }
    }

    pub(crate) fn advance_to(&mut self, mono: i64) {
        while self.now.mono.0 < mono {
            let next = (self.now.mono.0 + 1000).min(mono);
            self.step_clock(next - self.now.mono.0);
            if self.now.mono.0 >= self.next_sample {
                self.next_sample = self.now.mono.0 + 5000;
                self.sample();
            }
            self.settle();
        }
    }

    fn step_clock(&mut self, ms: i64) {
        self.now = Now { mono: Mono(self.now.mono.0 + ms), wall: Wall(self.now.wall.0 + ms) };
        self.estate.tick(self.now);
    }

    /// Evaluates until no fact is new.
    pub(crate) fn settle(&mut self) -> Turn {
        for _ in 0..16 {
            let turn = self.gate.evaluate(&self.estate, &self.facts, self.now);
            self.demands = turn.demands.clone();
            if turn.facts.is_empty() {
                return turn;
            }
            self.write(turn.facts);
        }
        panic!("facts did not settle");
    }

    fn write(&mut self, facts: Vec<Fact>) {
        for f in facts {
            self.journal.push(f.clone());
            self.facts.apply(f);
        }
    }

    fn sample(&mut self) {
        self.probes.sample(&mut self.estate, self.now);
        if let Some(m) = &mut self.mongo {
            m.sample(&mut self.estate, &self.demands, self.now);
        }
        if self.gate.settings().kafka.is_none() {
            return;
        }
        for side in Side::BOTH {
            let c = self.sides[&side].clone();
            let sent = self.now.mono;
            let span = Span { sent, received: sent + Dur(100) };
            let target = Target::Kafka(side);
            if let Some(kind) = c.down {
                let said = if kind == FailureKind::Timeout { "no answer in 4 s" } else { "it failed" };
                let outcome = Err(Failure::new(kind, said));
                self.estate.apply(Sample { target, span, outcome }, self.now);
                continue;
            }
            let k = Content::Kafka(Box::new(c.sample(span)));
            self.estate.apply(Sample { target: target.clone(), span, outcome: Ok(k) }, self.now);
            let configs = match c.unread {
                true => Content::KafkaUnread(Failure::new(FailureKind::Auth, "SASL: the password was not accepted")),
                false => Content::KafkaConfigs(Box::new(c.configs())),
            };
            self.estate.apply(Sample { target: target.clone(), span, outcome: Ok(configs) }, self.now);
            let tails = self.demands.iter().filter_map(|d| c.tail(side, d)).collect();
            let tails = Content::KafkaTails(KafkaTails { cluster_id: c.id.as_str().into(), tails });
            self.estate.apply(Sample { target, span, outcome: Ok(tails) }, self.now);
        }
    }

    /// The words: see the match.
    fn command(&mut self, c: &str, t: i64) {
        let words: Vec<&str> = c.split_whitespace().collect();
        let (head, rest) = words.split_first().expect("a command");
        let (side, verb) = head.split_once('.').unwrap_or(("", head));
        if side == "probe" {
            return self.probes.command(verb, rest);
        }
        if matches!(side, "msrc" | "mdst" | "mirror") {
            let now = self.now;
            return self.mongo.as_mut().expect("a mongodb section").command(side, verb, rest, now);
        }
        let side = if side == "dst" { Side::Destination } else { Side::Source };
        match verb {
            "restart" => {
                self.estate = Estate::new();
                let settings = self.gate.settings().clone();
                self.gate = Gate::new(settings);
            }
            // The journal is lost as well.
            "amnesia" => {
                self.facts = Facts::default();
                self.command("restart", t);
            }
            "sleep" => self.now.wall = Wall(self.now.wall.0 + rest[0].parse::<i64>().unwrap() * 1000),
            "op" => self.op(rest, t),
            "holdfile" => self.gate.set_hold_file(rest.first().map(|s| Name::from(*s))),
            _ => {
                self.ids += 1;
                let id = self.ids;
                let cluster = self.sides.get_mut(&side).unwrap();
                cluster.command(verb, rest, id);
            }
        }
    }

    /// A request of a person; `op said …` also shows what the reply says was taken.
    fn op(&mut self, words: &[&str], t: i64) {
        self.settle();
        let (aloud, words) = match words {
            ["said", rest @ ..] => (true, rest),
            _ => (false, words),
        };
        let step = |i: usize| Name::from(words[i]);
        let subject = || words[2..].iter().map(|s| Name::from(*s)).collect();
        let op = match words[0] {
            "begin" => Op::Begin { step: step(1) },
            "hold" => Op::Hold { step: words.get(1).map(|s| Name::from(*s)) },
            "release" => Op::Release { step: words.get(1).map(|s| Name::from(*s)) },
            "confirm" => Op::Confirm { name: step(1), subject: subject() },
            "retract" => Op::Retract { name: step(1), subject: subject() },
            "adopt" => Op::Adopt { step: step(1), anchors: BTreeMap::new() },
            "withdraw" => Op::Withdraw { step: step(1) },
            "accept" => Op::AcceptOffset { group: step(1), topic: step(2), partition: words[3].parse().unwrap() },
            other => panic!("no such op: {other}"),
        };
        let answer = self.gate.request(&self.estate, &self.facts, self.now, &"alice".into(), &"because".into(), &op);
        match answer {
            Ok(facts) => {
                let said = taken(&facts).filter(|_| aloud).map(|s| format!("\n    {s}")).unwrap_or_default();
                writeln!(self.out, "t={t} {}: ok{said}", words.join(" ")).unwrap();
                self.write(facts);
            }
            Err(r) => writeln!(self.out, "t={t} {}: {}", words.join(" "), r.text()).unwrap(),
        }
    }

    /// The agent is started again with another configuration; what is remembered is lost, the journal is not.
    pub(crate) fn restart_with(&mut self, settings: Settings) {
        self.estate = Estate::new();
        self.gate = Gate::new(Arc::new(settings));
    }

    fn show(&mut self, what: &str, t: i64) {
        let turn = self.settle();
        let mut words = what.split_whitespace();
        let step = words.next().expect("a step");
        let mode = words.next();
        let all = mode == Some("all");
        let s = turn.board.step(step).expect("a known step");
        writeln!(self.out, "t={t} {step} {} {}", s.life.as_str(), render::answer(&s.ready)).unwrap();
        if all {
            for c in &s.ready.checks {
                writeln!(self.out, "    {} {}", c.check.id, Verdict::from(c.is).as_str()).unwrap();
            }
        }
        if !matches!(s.life.as_str(), "pending" | "out-of-order") || s.adoptable {
            writeln!(self.out, "t={t} {step} done: {}", render::answer(&s.done)).unwrap();
        }
        if mode == Some("fix") {
            let checks = s.ready.checks.iter().chain(&s.done.checks).filter(|c| c.is != Tri::Yes);
            let blockers = s.ready.blockers.iter().chain(&s.done.blockers).cloned();
            let mut fixes: Vec<String> = blockers
                .map(|f| (f.code.as_str(), f))
                .chain(checks.map(|c| (c.check.id, c.chief())))
                .filter_map(|(of, f)| Some(format!("    {of}: {}", f.fix?)))
                .collect();
            fixes.dedup();
            fixes.iter().for_each(|f| writeln!(self.out, "{f}").unwrap());
        }
    }

    /// Why a step of the MongoDB track would do harm now, from the state of the estate alone.
    pub(crate) fn mongo_hazards(&self, step: &str) -> Vec<String> {
        self.mongo.as_ref().expect("a mongodb section").hazards(step, self.now)
    }

    /// What the gauges show.
    pub(crate) fn measures(&self) -> Measures {
        Measures::of(&self.estate, &self.facts, self.gate.settings(), self.now)
    }

    /// What is seen at an instant if nothing more is measured until then.
    pub(crate) fn looking<T>(&self, at: Mono, read: &impl Fn(&View<'_>) -> T) -> T {
        let now = Now { mono: at, wall: self.now.wall + (at - self.now.mono) };
        read(&View::new(&self.estate, &self.facts, self.gate.settings(), now))
    }

    /// When the newest sample of a target was asked for.
    pub(crate) fn newest(&self, target: &Target) -> Mono {
        let last = self.estate.health()[target].last_success.expect("a good sample");
        self.now.mono - (self.now.wall - last)
    }

    pub(crate) fn ready(&mut self, step: &str) -> Verdict {
        self.settle().board.step(step).unwrap().ready.verdict
    }
}

impl Cluster {
    fn command(&mut self, verb: &str, rest: &[&str], id: u128) {
        match verb {
            "topic" => {
                let n: usize = rest.get(1).map_or(1, |n| n.parse().unwrap());
                let ends = Ends { low: 0, high: 0, stable: 0, epoch: 1 };
                self.topics.insert(rest[0].into(), (Uuid::from_u128(id), vec![ends; n]));
            }
            "delete" => {
                self.topics.remove(rest[0]);
            }
            "grow" => {
                let ends = Ends { low: 0, high: 0, stable: 0, epoch: 1 };
                self.topics.get_mut(rest[0]).expect("a topic").1.push(ends);
            }
            "fail" => drop(self.failing.insert(rest[0].into())),
            "recover" => drop(self.failing.remove(rest[0])),
            // It is there, and the agent may not see it.
            "conceal" => {
                let t = self.topics.remove(rest[0]).expect("a topic");
                self.secret.insert(rest[0].into(), t);
            }
            "reveal" => {
                let t = self.secret.remove(rest[0]).expect("a hidden topic");
                self.topics.insert(rest[0].into(), t);
            }
            "discard" => drop(self.secret.remove(rest[0])),
            "unread" => self.unread = true,
            "untell-logs" | "tell-logs" => self.logs_untold = verb == "untell-logs",
            "config" => {
                let c = self.configs.entry(rest[0].into()).or_insert_with(config);
                for kv in &rest[1..] {
                    let (k, v) = kv.split_once('=').unwrap();
                    match k {
                        "retention" => c.retention_ms = v.parse().unwrap(),
                        "policy" => c.cleanup_policy = v.into(),
                        "bytes" => c.retention_bytes = v.parse().unwrap(),
                        "message" => c.max_message_bytes = v.parse().unwrap(),
                        "insync" => c.min_insync_replicas = v.parse().unwrap(),
                        other => panic!("no such setting: {other}"),
                    }
                }
            }
            "end" | "low" | "stable" => {
                let (topic, p) = part(rest[0]);
                let ends = &mut self.topics.get_mut(&topic).expect("a topic").1[p];
                let old = if verb == "low" { ends.low } else { ends.high };
                let new = number(rest[1], old);
                match verb {
                    "low" => ends.low = new,
                    "stable" => ends.stable = new,
                    _ => {
                        // An open transaction stays open while the log grows.
                        if ends.stable == ends.high {
                            ends.stable = new;
                        }
                        ends.high = new;
                    }
                }
            }
            "epoch" => {
                let (topic, p) = part(rest[0]);
                self.topics.get_mut(&topic).unwrap().1[p].epoch += 1;
            }
            "producer" => {
                let (topic, p) = part(rest[0]);
                let state =
                    ProducerState { id: 1, epoch: 0, last_sequence: id as i32, in_transaction: rest.contains(&"open") };
                self.producers.insert((topic, p), vec![state]);
            }
            "member" => {
                let topics = rest[2].split(',').map(String::from).collect();
                let g = self.groups.entry(rest[0].into()).or_default();
                g.members.push((rest[1].into(), topics));
                if let Some(kind) = rest.get(3) {
                    g.kind = Some(match *kind {
                        "848" => GroupKind::Consumer,
                        "share" => GroupKind::Share,
                        k => GroupKind::Classic { protocol_type: k.into() },
                    });
                }
            }
            "leave" => {
                // Nobody leaves a group that is not there.
                if let Some(g) = self.groups.get_mut(rest[0]) {
                    g.members.retain(|(id, _)| rest.get(1).is_some_and(|r| r != id));
                }
            }
            "state" => self.groups.get_mut(rest[0]).unwrap().state = Some(rest[1].into()),
            "forbid" => self.groups.get_mut(rest[0]).unwrap().forbidden = true,
            "unreadable" | "readable" => {
                if let Some(g) = self.groups.get_mut(rest[0]) {
                    g.unreadable = verb == "unreadable";
                }
            }
            "commit" => {
                let (topic, p) = part(rest[1]);
                let g = self.groups.entry(rest[0].into()).or_default();
                let old = g.commits.get(&(topic.clone(), p)).copied().unwrap_or(0);
                g.commits.insert((topic, p), number(rest[2], old));
            }
            "withhold" => {
                let g = self.groups.entry(rest[0].into()).or_default();
                match rest.get(1) {
                    Some(tp) => drop(g.withheld.insert(part(tp))),
                    None => g.silent = true,
                }
            }
            "forget" => {
                self.groups.remove(rest[0]);
            }
            "down" => self.down = Some(rest.first().map_or(FailureKind::Timeout, |k| failure_kind(k))),
            "up" => self.down = None,
            "away" => self.away = true,
            "hide" => self.hidden = true,
            "unlist" => self.unlisted = true,
            "list" => self.unlisted = false,
            "replicas" => self.replicas = rest[0].parse().unwrap(),
            "phantom" => self.phantom = true,
            // Its log ends are read before the commits.
            "disorder" => self.disorder = true,
            "newest" => self.newest = rest[0].parse().unwrap(),
            "undate" => self.undated = true,
            "break" => {
                let key = part(rest[0]);
                self.broken.insert(key);
            }
            "in-sync" => drop(self.in_sync.insert(part(rest[0]), rest[1].parse().unwrap())),
            "mend" => {
                self.broken.remove(&part(rest[0]));
            }
            // Without a word: it does not tell it.
            "id" => self.id = rest.first().copied().unwrap_or_default().into(),
            other => panic!("no such command: {other}"),
        }
    }

    /// A kilobyte a record.
    fn sizes(&self) -> BTreeMap<TopicPartition, i64> {
        let of = |(name, (_, parts)): (&String, &(Uuid, Vec<Ends>))| {
            let name = Name::from(name.as_str());
            let size = |(p, e): (usize, &Ends)| ((name.clone(), p as i32), (e.high - e.low) * 1_000);
            parts.iter().enumerate().map(size).collect::<Vec<_>>()
        };
        self.topics.iter().flat_map(of).collect()
    }

    fn sample(&self, span: Span) -> KafkaSample {
        let failure = || Failure::new(FailureKind::Timeout, "no answer in 4 s");
        let topics = self.topics.iter().map(|(name, (id, parts))| {
            let partitions = parts.iter().enumerate().map(|(p, ends)| {
                let key = (name.clone(), p);
                let part = PartitionSample {
                    replicas: self.replicas,
                    in_sync: Some(self.in_sync.get(&key).copied().unwrap_or(self.replicas)),
                    ends: if self.broken.contains(&key) { Err(failure()) } else { Ok(*ends) },
                    producers: Ok(self.producers.get(&key).cloned().unwrap_or_default()),
                };
                (p as i32, part)
            });
            let failed = self.failing.contains(name).then(failure);
            let t = TopicSample { id: *id, partitions: partitions.collect(), failed };
            (Name::from(name.as_str()), t)
        });
        let groups = self.groups.iter().map(|(name, g)| {
            let members: Vec<Member> = g
                .members
                .iter()
                .map(|(id, topics)| Member {
                    client_id: id.as_str().into(),
                    host: "10.0.0.1".into(),
                    topics: match topics.as_slice() {
                        [withheld] if withheld == "?" => Err(failure()),
                        // It reads something else.
                        [nothing] if nothing == "-" => Ok(BTreeSet::new()),
                        known => Ok(known.iter().map(|t| Name::from(t.as_str())).collect()),
                    },
                    assigned: BTreeSet::new(),
                })
                .collect();
            let state = match &g.state {
                Some(s) => s.as_str(),
                None if members.is_empty() => "Empty",
                None => "Stable",
            };
            let commits = g.commits.iter().map(|(tp, o)| {
                let told = if g.withheld.contains(tp) { Err(failure()) } else { Ok(*o) };
                ((Name::from(tp.0.as_str()), tp.1 as i32), told)
            });
            let sample = GroupSample {
                kind: g.kind.clone().unwrap_or(GroupKind::Classic { protocol_type: "consumer".into() }),
                state: state.into(),
                members: match (g.unreadable, g.forbidden) {
                    (_, true) => Err(Failure::new(FailureKind::Privilege, "not allowed; grant it: kafka-acls --add …")),
                    (true, false) => Err(failure()),
                    (false, false) => Ok(members),
                },
                commits: if g.silent { Err(failure()) } else { Ok(commits.collect()) },
            };
            (Name::from(name.as_str()), sample)
        });
        let reached = if self.away { Err(failure()) } else { Ok(()) };
        let instant = |a, b| Some(Span { sent: span.sent + Dur(a), received: span.sent + Dur(b) });
        KafkaSample {
            cluster_id: self.id.as_str().into(),
            brokers: BTreeMap::from([(1, BrokerSample { address: "b1:9092".into(), reached })]),
            may_describe: Ok(!self.hidden),
            topics: topics.collect(),
            topics_outside: 0,
            unlisted: if self.unlisted { BTreeMap::from([(1, failure())]) } else { BTreeMap::new() },
            groups: groups.collect(),
            groups_outside: 0,
            listed: instant(0, 30),
            committed: if self.disorder { instant(60, 100) } else { instant(30, 60) },
            ended: if self.disorder { instant(30, 60) } else { instant(60, 100) },
        }
    }

    fn configs(&self) -> KafkaConfigs {
        let topics = self
            .topics
            .keys()
            .map(|t| (Name::from(t.as_str()), Ok(self.configs.get(t).cloned().unwrap_or_else(config))));
        let dated = || match self.undated {
            true => Err(Failure::new(FailureKind::Timeout, "no answer in 4 s")),
            false => Ok(Some(self.newest)),
        };
        let newest = self
            .topics
            .iter()
            .flat_map(|(t, (_, parts))| (0..parts.len()).map(move |p| ((Name::from(t.as_str()), p as i32), dated())));
        KafkaConfigs {
            cluster_id: self.id.as_str().into(),
            topics: topics.collect(),
            offsets_retention_ms: Some(604_800_000),
            sizes: self.sizes(),
            logs: self
                .topics
                .keys()
                .chain(self.secret.keys().filter(|_| !self.logs_untold))
                .map(|t| t.as_str().into())
                .collect(),
            logs_told: !self.logs_untold,
            newest: newest.collect(),
        }
    }

    fn tail(&self, side: Side, d: &Demand) -> Option<Tail> {
        let Demand::Tail { side: s, topic, topic_id, partition, from, to } = d else { return None };
        (*s == side).then(|| Tail {
            topic: topic.clone(),
            topic_id: *topic_id,
            partition: *partition,
            from: *from,
            to: *to,
            records: Ok(if self.phantom { 0 } else { 1 }),
        })
    }
}

fn failure_kind(word: &str) -> FailureKind {
    use FailureKind::*;
    let all = [Timeout, Unreachable, Tls, Auth, Privilege, Protocol, Server];
    all.into_iter().find(|k| k.as_str() == word).expect("a kind of failure")
}

fn config() -> TopicConfig {
    TopicConfig {
        cleanup_policy: "delete".into(),
        retention_ms: -1,
        retention_bytes: -1,
        min_insync_replicas: 1,
        max_message_bytes: 1_048_588,
    }
}

fn part(text: &str) -> (String, usize) {
    let (t, p) = text.rsplit_once('/').expect("topic/partition");
    (t.into(), p.parse().expect("a partition"))
}

fn number(text: &str, old: i64) -> i64 {
    match text.strip_prefix('+') {
        Some(n) => old + n.parse::<i64>().unwrap(),
        None => text.trim_start_matches('=').parse().unwrap(),
    }
}
