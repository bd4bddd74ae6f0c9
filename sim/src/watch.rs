//! What is checked: every go and every done against the truth, and that nothing stays stuck.

use crate::model::apps::Style;
use crate::scenario::{Expect, Order};
use crate::truth::{Broken, Hazard, Rules, Truth, of_done, of_ready};
use crate::truth_mongodb::{self, Shown};
use crate::world::World;
use cutover_core::Name;
use cutover_core::estate::{Side, Target};
use cutover_core::facts::{Fact, How};
use cutover_core::gate::board::{Life, Verdict};
use cutover_core::render;
use cutover_core::settings::Track;
use std::collections::BTreeMap;

/// How many steps there are.
pub const COUNT: usize = 13;
/// The place of the first step of the MongoDB track.
pub const MONGODB: usize = 4;
/// The place of the first step of the services track.
pub const SERVICES: usize = 9;
/// The steps: those of the Kafka track in order, then those of the MongoDB track, then those of the services track.
pub const STEPS: [&str; COUNT] = [
    "switch-producers",
    "stop-consumers",
    "start-consumers",
    "retire-source",
    "start-mirror",
    "switch-readers",
    "stop-writers",
    "stop-mirror",
    "start-writers",
    "deploy-services",
    "redirect-traffic",
    "stop-source-services",
    "switch-dns",
];

/// The steps that open a downtime.
const OPENS: [&str; 2] = ["stop-consumers", "stop-writers"];

/// The track of the step at that place.
pub fn track(i: usize) -> Track {
    match i {
        SERVICES.. => Track::Services,
        MONGODB.. => Track::Mongodb,
        _ => Track::Kafka,
    }
}

/// A go, a done or a silence that should not have been.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failing {
    /// When, in true milliseconds.
    pub at: i64,
    /// The step.
    pub step: &'static str,
    /// `go`, `done`, `stale`, `stuck`, `unsettled`.
    pub what: &'static str,
    /// The hazard, or the code of what the step waits for.
    pub kind: String,
    /// In words.
    pub text: String,
}

/// What has been checked and found.
#[derive(Debug, Default)]
pub struct Watch {
    /// Gos that somebody could have read, checked.
    pub gos: u64,
    /// Dones checked.
    pub dones: u64,
    /// Broken promises.
    pub failing: Vec<Failing>,
    /// Faults by kind.
    pub faults: BTreeMap<String, u64>,
    /// When each step was first go, and done, in true milliseconds.
    pub first_go: BTreeMap<&'static str, i64>,
    /// See `first_go`.
    pub first_done: BTreeMap<&'static str, i64>,
    /// When each step was go, if a scenario asks for it.
    pub went: Vec<(i64, &'static str)>,
    /// The story so far: verdicts as they changed.
    pub story: Vec<String>,
    pub(crate) calm: i64,
    print: u64,
    moved: i64,
    checked: (u64, [bool; COUNT]),
    said: [Option<(Verdict, &'static str, &'static str)>; COUNT],
    /// Steps that began by their effect: claimed afterwards they are begun all the same.
    by_effect: [bool; COUNT],
    stuck_noted: Option<u8>,
    pub(crate) stuck_there: Option<u8>,
    pub(crate) stuck_of_services: Option<u8>,
}

impl Watch {
    /// Something happened that may restart a dwell.
    pub fn disturbed(&mut self, now: i64) {
        self.calm = self.calm.max(now);
    }

    /// The agent started again.
    pub fn restarted(&mut self, now: i64) {
        self.disturbed(now);
    }

    /// Counts a fault.
    pub fn fault(&mut self, kind: &str) {
        *self.faults.entry(kind.to_owned()).or_default() += 1;
    }

    /// Enough was found.
    pub fn stop(&self) -> bool {
        !self.failing.is_empty()
    }

    pub(crate) fn fail(&mut self, f: Failing) {
        let known = self.failing.iter().any(|o| (o.step, o.what, &o.kind) == (f.step, f.what, &f.kind));
        if !known {
            self.story.push(format!("{} s: FAILING {} {}: {}", f.at / 1000, f.what, f.step, f.text));
            self.failing.push(f);
        }
    }
}

/// The targets whose samples an answer rests on.
fn targets(w: &World, step: &str, begun: bool) -> Vec<Target> {
    let mirrors = || w.db.mirrors.iter().map(|m| Target::Mirror(m.name.clone()));
    let mongodb = Side::BOTH.into_iter().map(Target::Mongodb);
    match (step, begun) {
        ("switch-producers", _) | ("start-consumers", _) | ("stop-consumers", false) => {
            Side::BOTH.into_iter().map(Target::Kafka).collect()
        }
        ("start-mirror" | "start-writers", _) => mongodb.collect(),
        ("switch-readers" | "stop-writers" | "stop-mirror", _) => mongodb.chain(mirrors()).collect(),
        _ => vec![Target::Kafka(Side::Source)],
    }
}

/// When MongoDB's source was sampled.
fn sampled(rests: &BTreeMap<Target, (i64, i64)>) -> Option<(i64, i64)> {
    rests.get(&Target::Mongodb(Side::Source)).copied()
}

impl World {
    /// A hazard must be caught if it lasts this long: as long as a sample may be believed and takes.
    pub fn lasting(&self) -> i64 {
        self.scenario.lasting()
    }

    /// What is shown about MongoDB besides silence, to whoever sampled the source in that time.
    pub(crate) fn shown(&self, sampled: Option<(i64, i64)>) -> Shown {
        let f = self.agent.facts();
        let word = |name: &str, subject: &[Name]| f.confirmed(name, subject).is_some();
        let blocked = sampled.is_some_and(|(from, to)| self.db.side(Side::Source).was_blocked(from, to));
        Shown {
            silenced: blocked || word("scaled-to-zero", &["mongodb".into()]),
            removed: self.db.mirrors.iter().all(|m| word("mirror-removed", std::slice::from_ref(&m.name))),
            skips_readers: self.scenario.skipped.iter().any(|s| &**s == "switch-readers"),
            started: word("writers-started", &[]),
            // One that answers speaks for itself.
            fenced: self.fenced() && sampled.is_none_or(|(from, _)| self.now - from > self.scenario.interval * 3),
        }
    }

    /// A person says that nobody can write to MongoDB's source any more.
    fn fenced(&self) -> bool {
        self.agent.facts().confirmed("source-fenced", &[]).is_some()
    }

    fn short(&self) -> bool {
        self.agent.facts().confirmed("scaled-to-zero", &["kafka".into()]).is_some()
    }

    /// Looks at the published board as somebody would who asks now.
    pub fn look(&mut self, tell: bool) {
        let Some(p) = self.agent.published.clone().filter(|_| self.agent.up && self.now >= self.asleep_until) else {
            return;
        };
        let clocks = self.clocks();
        if self.watch.checked.0 != p.serial {
            self.watch.checked = (p.serial, [false; COUNT]);
        }
        for (i, id) in STEPS.iter().enumerate() {
            let Some(s) = p.board.step(id) else { continue };
            let verdict = match self.mutation {
                Some(m) => m.verdict(&p.board, s, clocks),
                None => p.board.verdict(&s.ready, clocks),
            };
            if tell {
                let (life, code) = (s.life.as_str(), render::chief(&s.ready).map_or("", |f| f.code.as_str()));
                if self.watch.said[i].replace((verdict, life, code)) != Some((verdict, life, code)) {
                    self.watch.story.push(format!("{} s: {id} {life} {code} {}", self.now / 1000, verdict.as_str()));
                }
            }
            if verdict != Verdict::Go {
                continue;
            }
            if !self.scenario.expects.is_empty() {
                self.watch.went.push((self.now, id));
            }
            self.watch.gos += 1;
            self.watch.first_go.entry(id).or_insert(self.now);
            if matches!(s.life, Life::Done(..)) {
                let text = "it is done, and a done step is never go".to_owned();
                self.watch.fail(Failing { at: self.now, step: id, what: "again", kind: "Done".into(), text });
            }
            match s.life {
                Life::Begun(_, How::Unclaimed) => self.watch.by_effect[i] = true,
                Life::Pending | Life::OutOfOrder => self.watch.by_effect[i] = false,
                _ => {}
            }
            let by_effect = self.watch.by_effect[i] && matches!(s.life, Life::Begun(..));
            let fresh = !std::mem::replace(&mut self.watch.checked.1[i], true);
            let acted = match track(i) {
                Track::Services => {
                    self.check_services_age(id, &p.rests);
                    if fresh {
                        self.check_services_go(i, &p.rests);
                    }
                    continue;
                }
                Track::Mongodb => self.dba.acted[i - MONGODB],
                Track::Kafka => self.person.acted[i],
            };
            // Whoever acted early has not begun it: a pending step is judged as one.
            let begun = by_effect
                || matches!(s.life, Life::Begun(_, How::Claimed { .. }))
                || (acted && !matches!(s.life, Life::Pending | Life::OutOfOrder));
            self.check_age(id, begun, &p.rests);
            if fresh {
                self.check_order(i);
                let rules = match track(i) {
                    Track::Kafka => of_ready(id, begun, self.short()),
                    _ => truth_mongodb::of_ready(id, begun, self.shown(sampled(&p.rests))),
                };
                self.check(id, "go", rules, &p.rests);
            }
        }
    }

    /// Nothing is go while another track's downtime is open that is not shared, nor before what it comes after.
    fn check_order(&mut self, i: usize) {
        let f = self.agent.facts();
        let of_kafka = i < MONGODB;
        let (opens, closes) = match of_kafka {
            true => ("stop-writers", "start-writers"),
            false => ("stop-consumers", "start-consumers"),
        };
        let other = f.is_begun(opens) && !f.is_done(closes) && self.scenario.order != Order::Joint;
        let after = self.scenario.after();
        let early = after.get(STEPS[i]).is_some_and(|all| all.iter().any(|s| !f.is_done(s)));
        for (so, kind, text) in [
            (other, "OtherDowntime", "the other track's downtime is open"),
            (early, "After", "what it comes after is not done"),
        ] {
            if so {
                let (kind, text) = (kind.to_owned(), text.to_owned());
                self.watch.fail(Failing { at: self.now, step: STEPS[i], what: "go", kind, text });
            }
        }
    }

    fn check_age(&mut self, step: &'static str, begun: bool, rests: &BTreeMap<Target, (i64, i64)>) {
        let most = self.scenario.interval * 3;
        for target in targets(self, step, begun) {
            let age = rests.get(&target).map(|(s, _)| self.now - s);
            let fenced = match target {
                Target::Kafka(Side::Source) => self.agent.facts().confirmed("source-kafka-fenced", &[]).is_some(),
                Target::Mongodb(Side::Source) => step == "start-writers" && self.fenced(),
                _ => false,
            };
            if age.is_none_or(|a| a > most) && !fenced {
                let text = format!("rests on a sample of {target} asked for {age:?} ms ago, believed for {most} ms");
                let kind = match &target {
                    Target::Kafka(s) | Target::Mongodb(s) => s.to_string(),
                    other => other.to_string(),
                };
                self.watch.fail(Failing { at: self.now, step, what: "stale", kind, text });
            }
        }
    }

    /// The true times of the samples that a hazard would be seen in.
    fn seen_in(&self, rests: &BTreeMap<Target, (i64, i64)>, hazard: Hazard, side: Side) -> Option<(i64, i64)> {
        if hazard.of_mirrors() {
            let of = |name: &Name| rests.get(&Target::Mirror(name.clone())).copied();
            let all = self.db.mirrors.iter().filter_map(|m| of(&m.name));
            return all.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
        }
        if hazard.of_mongodb() {
            // What is older is not rested on: the source may be fenced.
            let fresh = |t: &&(i64, i64)| self.now - t.0 <= self.scenario.interval * 3;
            return rests.get(&Target::Mongodb(side)).filter(fresh).copied();
        }
        rests.get(&Target::Kafka(side)).copied()
    }

    /// A reader that never commits, and was a member for so short a time that no sample need have seen it: what it reads nobody
    /// can know.
    fn never_shown(&self, reader: u16) -> bool {
        let Some(r) = self.m.readers.get(usize::from(reader)) else { return false };
        let briefly = r.polled.0 < self.lasting();
        let id = &self.m.side(Side::Source).id;
        r.style == Style::Silent && briefly && !self.agent.facts().members(id).any(|((g, _), _)| *g == r.group)
    }

    fn check(&mut self, step: &'static str, what: &'static str, rules: Rules, rests: &BTreeMap<Target, (i64, i64)>) {
        let at = |h: Hazard, s: Side| self.seen_in(rests, h, s);
        let excused = |b: &Broken| match b.key.0 {
            // An agent whose wall clock is wrong is wrong about expiry: not held against it here.
            Hazard::Unexpired if self.wrong_by != 0 => true,
            // What somebody wrote by hand, or a producer that came back, while the high watermark stands still cannot be
            // known, by design, for 45 s.
            Hazard::UnreadHidden if self.now - self.stray_at < 60_000 => true,
            Hazard::Unexpired if self.now - self.stray_at < 60_000 => {
                !Truth::unexpired(&self.m, self.now, b.from, false)
            }
            Hazard::Unread | Hazard::UnreadHidden | Hazard::NotSeeded | Hazard::NotAttached => {
                self.never_shown(b.key.1)
            }
            // Begun and ended between two samples.
            Hazard::OpenTransaction => b.to.is_some() && self.now - self.stray_at < 60_000,
            _ => false,
        };
        let Some(b) = self.truth.broken(rules, &self.m, at, self.lasting(), self.now, excused) else { return };
        let words = self.truth.say(b.key, &self.m, &self.db);
        let to = b.to.map_or("now".to_owned(), |t| format!("{} s", t / 1000));
        let text = format!(
            "{words} from {} s to {to}; it rests on {:?}",
            b.from / 1000,
            rests.iter().map(|(s, (a, r))| format!("{s} {a}..{r}")).collect::<Vec<_>>()
        );
        self.watch.fail(Failing { at: self.now, step, what, kind: format!("{:?}", b.key.0), text });
    }

    /// Checks every done that was journaled since.
    pub fn check_done(&mut self) {
        let fresh = std::mem::take(&mut self.agent.fresh);
        let rests = self.agent.published.as_ref().map(|p| p.rests.clone()).unwrap_or_default();
        for (k, f) in fresh.iter().enumerate() {
            let Fact::Done { step, .. } = f else {
                if let Fact::Begun { step, how, .. } = f {
                    self.watch.story.push(format!("{} s: begun {step} {how:?}", self.now / 1000));
                    match how {
                        How::Unclaimed | How::Claimed { .. } if **step == *STEPS[0] => self.m.note_starts(),
                        _ => {}
                    }
                }
                continue;
            };
            let Some(id) = STEPS.iter().find(|s| ***s == **step) else { continue };
            self.watch.story.push(format!("{} s: done {step}", self.now / 1000));
            self.watch.first_done.entry(id).or_insert(self.now);
            let adopted = matches!(self.agent.facts().step(step).begun, Some((_, How::Adopted { .. })));
            if !adopted {
                self.watch.dones += 1;
                let rules = match track(STEPS.iter().position(|s| s == id).unwrap_or(0)) {
                    Track::Services => {
                        // A downtime that was opened after it, in the same turn, was not open yet.
                        let opens = |f: &Fact| matches!(f, Fact::Begun { step, .. } if OPENS.contains(&&**step));
                        let open = self.in_a_downtime() && !fresh[k..].iter().any(opens);
                        self.check_services_done(id, open, &rests);
                        continue;
                    }
                    Track::Kafka => of_done(id, self.short()),
                    Track::Mongodb => truth_mongodb::of_done(id, self.shown(sampled(&rests))),
                };
                self.check(id, "done", rules, &rests);
            }
        }
        if self.agent.unsettled {
            let f =
                Failing { at: self.now, step: STEPS[0], what: "unsettled", kind: String::new(), text: "facts".into() };
            self.watch.fail(f);
        }
    }

    /// Whether the step the operator waits for is stuck: safe for long enough, nothing in the way, and not go.
    pub fn progress(&mut self) {
        let faults = Side::BOTH.iter().any(|s| self.m.side(*s).faults.any());
        let stalled = self.m.side(Side::Source).topics.values().flat_map(|t| &t.logs).any(|l| l.stalled);
        let print = self.fingerprint();
        if print != self.watch.print {
            (self.watch.print, self.watch.moved) = (print, self.now);
        }
        if faults || stalled || !self.agent.up || self.now < self.asleep_until || self.watch.calm == 0 {
            self.watch.disturbed(self.now);
            return;
        }
        if self.now < self.person.not_before {
            return;
        }
        if self.person.lets_them_read(self) {
            self.watch.disturbed(self.now);
            return;
        }
        let Some((step, rules, wait)) = self.person.waits_for(self) else { return };
        // In a joint downtime the other track has to come as far.
        let joint = self.scenario.order == Order::Joint && step.0 >= 1 && !self.dba.finished();
        let f = self.agent.facts();
        let other = f.is_begun("stop-writers") && !f.is_done("start-writers") && self.scenario.order != Order::Joint;
        if !self.may_move(Track::Kafka) || joint || other {
            if other {
                self.watch.disturbed(self.now);
            }
            return;
        }
        let meant = self.scenario.expects.iter().any(|e| match e {
            Expect::NoGo(s, from, to) => s == STEPS[step.0] && *from <= self.now && self.now < *to,
            Expect::NotDone(s) => STEPS.iter().position(|x| x == s).is_some_and(|i| i <= step.0),
            _ => false,
        });
        // An agent whose wall clock is wrong is wrong about expiry.
        if meant || (self.wrong_by != 0 && step.0 == 3) {
            self.watch.disturbed(self.now);
            return;
        }
        let Some(safe) = self.truth.safe_since(rules) else { return };
        let since = safe
            .max(self.watch.calm)
            .max(self.person.since)
            .max(self.person.not_before)
            .max(if step.1 == "ready" && step.0 == 0 { 0 } else { self.watch.moved });
        let phase = self.person.phase;
        if self.now - since <= wait || self.watch.stuck_noted == Some(phase) {
            return;
        }
        let Some(p) = self.agent.published.clone() else { return };
        let id = STEPS[step.0];
        let Some(b) = p.board.step(id) else { return };
        let answer = if step.1 == "ready" { &b.ready } else { &b.done };
        if answer.verdict == Verdict::Go || (step.1 == "ready" && answer.settled.is_some()) {
            return;
        }
        self.watch.stuck_noted = Some(phase);
        let code = render::chief(answer).map_or("nothing", |f| f.code.as_str());
        let text = format!("{} {}: {}", step.1, b.life.as_str(), render::answer(answer));
        let f = Failing { at: self.now, step: id, what: "stuck", kind: code.to_owned(), text };
        self.watch.fail(f);
    }

    fn fingerprint(&self) -> u64 {
        let s = self.m.side(Side::Source);
        let ends: i64 = s.topics.values().flat_map(|t| &t.logs).map(|l| l.end() + i64::from(l.epoch) * 1_000_000).sum();
        let commits: i64 = s.groups.values().flat_map(|g| g.commits.values()).sum();
        let members: usize =
            self.m.sides.values().flat_map(|c| c.groups.values()).map(|g| g.members.len() * 7 + 1).sum();
        (ends as u64).wrapping_mul(31).wrapping_add(commits as u64).wrapping_mul(31).wrapping_add(members as u64)
    }
}
