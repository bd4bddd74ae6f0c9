//! The operator: follows the playbook step by step, forgets things, and looks again when nothing moves.

use crate::model::apps::Style;
use crate::scenario::{Operator, Order};
use crate::truth::{Hazard, Rule, Rules, of_done, of_ready};
use crate::watch::STEPS;
use crate::world::World;
use cutover_core::Name;
use cutover_core::estate::Side;
use cutover_core::estate::kafka::TopicPartition;
use cutover_core::gate::board::{Life, StepBoard, Verdict};
use cutover_core::gate::ops::{Op, Refusal};
use cutover_core::reading::Code;
use cutover_core::settings::Track;
use std::collections::{BTreeMap, BTreeSet};

/// Waiting longer than this, the operator looks for what was forgotten.
const PATIENCE: i64 = 150_000;

/// The operator's mind.
#[derive(Debug, Default)]
pub struct Person {
    /// Twice the step, one more once it has been begun.
    pub phase: u8,
    /// Since when.
    pub since: i64,
    /// Steps whose action was begun.
    pub acted: [bool; 4],
    /// What is forgotten until somebody looks: `reader rtu`, `seed rtu`, `producer crm`.
    pub forgotten: BTreeSet<String>,
    /// Says that everything is scaled to zero, when it is.
    pub confirms_scale: bool,
    /// Wants to take stop-consumers back.
    pub backs_out: bool,
    /// Never acts before this.
    pub not_before: i64,
    /// The journal was lost: every step has to be adopted first.
    pub lost_journal: bool,
    /// Acted once without a go.
    pub early: bool,
    /// Thinks it over before it acts on a go.
    thinks_until: Option<i64>,
    offsets_handled: bool,
    looked: i64,
}

impl Person {
    /// The phase in which everything is done.
    pub const END: u8 = 8;

    /// Nothing has moved for so long that there is no more to learn.
    pub fn gives_up(&self, now: i64, retention: i64) -> bool {
        now - self.since.max(self.not_before)
            > 1_300_000 + if self.phase == 6 { retention } else { 0 } + if self.lost_journal { 1_000_000 } else { 0 }
    }

    /// The migration is over.
    pub fn finished(&self) -> bool {
        self.phase >= Person::END
    }

    /// Whether the consumers still have much to read: until they have not, nothing can be stuck.
    pub fn lets_them_read(&self, w: &World) -> bool {
        let behind = |r: &crate::model::apps::Reader| {
            let there = r.at.get(&Side::Destination).into_iter().flat_map(|x| &x.position);
            let left = there.filter_map(|(tp, at)| Some((w.m.log(Side::Destination, &tp.0, tp.1)?, *at)));
            left.map(|(l, at)| l.given(at, l.high())).sum::<usize>() > 50
        };
        self.phase == 5 && w.m.readers.iter().any(behind)
    }

    /// The step waited for (and which of its answers), what would be unsafe about it, and how long it may take.
    pub fn waits_for(&self, w: &World) -> Option<((usize, &'static str), Rules, i64)> {
        if w.scenario.operator == Operator::Nobody
            || self.finished()
            || self.backs_out
            || self.early
            || !self.forgotten.is_empty()
        {
            return None;
        }
        let step = usize::from(self.phase / 2);
        let ready = self.phase.is_multiple_of(2);
        // Somebody nobody declared, or records lost at the destination: the migration cannot go on, and says so.
        let hopeless =
            [(Hazard::Undeclared, Side::Source, Rule::Exact(0)), (Hazard::Trimmed, Side::Destination, Rule::Exact(0))];
        // The journal was lost when the source's topics were gone already: there is nothing left to decide about.
        if self.lost_journal && w.m.side(Side::Source).topics.is_empty() {
            return None;
        }
        if w.waits_for_another() {
            return None;
        }
        // A track before this one was over when the journal was lost: it has to leave the configuration (docs/operating.md).
        let mut first = w.scenario.tracks.iter().take_while(|t| **t != Track::Kafka);
        let forgotten = match w.scenario.order {
            Order::After => first.any(|t| w.forgotten_end(*t)),
            Order::Joint => w.forgotten_end(Track::Mongodb),
            Order::Beside => false,
        };
        if self.lost_journal && forgotten {
            return None;
        }
        // Nor can a stop be adopted of which nothing is left on the source: nobody there ever committed.
        let committed = |g: &crate::model::Group| !g.commits.is_empty();
        if self.lost_journal && step >= 1 && !w.m.side(Side::Source).groups.values().any(committed) {
            return None;
        }
        // Nor can it where nothing is left of a group that never committed: what it read may have been read by nobody.
        let shows = |t: &Name| w.m.readers.iter().any(|r| r.style != Style::Silent && r.reads.contains(t));
        let unknown = |r: &crate::model::apps::Reader| r.style == Style::Silent && !r.reads.iter().all(shows);
        if self.lost_journal && step >= 1 && w.m.readers.iter().any(unknown) {
            return None;
        }
        // Nor can the stop be adopted while the source holds what nobody has read.
        let unread = [(Hazard::Unread, Side::Source, Rule::Exact(0))];
        if self.lost_journal && step >= 2 && !w.truth.now(&unread).is_empty() {
            return None;
        }
        if w.m.producers.iter().any(|p| !p.declared) || !w.truth.now(&hopeless).is_empty() {
            return None;
        }
        let cadence =
            w.scenario.producers.iter().map(|(p, c)| c.unwrap_or(p.gap.1 * 2 + 3 * w.scenario.interval)).max();
        let pause = w.scenario.interval * 8 + 30_000;
        let quiet = cadence.unwrap_or(0).max(60_000);
        let wait = match (step, ready) {
            (0, true) => pause,
            (0, false) => quiet + pause + 60_000,
            (1, true) => quiet + 120_000 + pause,
            (1, false) | (2, true) | (3, true) => 360_000 + 60_000 + pause,
            (2, false) => 120_000 + pause,
            _ => pause,
        };
        // What was not begun in time has to be adopted, and the operator looks only so often.
        let wait = if ready { wait } else { wait + PATIENCE + 10_000 };
        // Done of switch-producers also needs every topic to have grown there.
        let grown = || {
            let topics = w.m.producers.iter().filter(|p| !p.retired).flat_map(|p| &p.topics);
            topics.into_iter().all(|t| {
                (0..w.m.partitions(Side::Destination, t)).any(|p| {
                    let start = w.m.starts.get(&(t.clone(), p)).map_or(i64::MAX, |s| s.1);
                    w.m.log(Side::Destination, t, p).is_some_and(|l| l.high() > start)
                })
            })
        };
        if (step, ready) == (0, false) && !grown() {
            return None;
        }
        if (step, ready) == (3, true) && crate::truth::Truth::unexpired(&w.m, w.now - pause, w.now, true) {
            return None;
        }
        let rules = if ready { of_ready(STEPS[step], false, false) } else { of_done(STEPS[step], false) };
        let wait = wait + if self.lost_journal { 1_000_000 } else { 0 };
        Some(((step, if ready { "ready" } else { "done" }), rules, wait))
    }
}

impl World {
    /// A request of the operator; `None` where nobody answers.
    pub fn ask(&mut self, op: &Op) -> Option<Result<(), Refusal>> {
        if !self.agent.up || self.now < self.asleep_until {
            return None;
        }
        let (clocks, now) = (self.clocks(), self.now);
        self.note_truth();
        match self.agent.request(op, clocks, now) {
            Ok(()) => {
                self.watch.disturbed(now);
                self.look(false);
                self.check_done();
                Some(Ok(()))
            }
            Err(Some(r)) => Some(Err(r)),
            Err(None) => {
                self.died();
                None
            }
        }
    }

    /// The operator looks at the board and does what comes next.
    pub fn operate(&mut self) {
        self.progress();
        if self.scenario.operator == Operator::Nobody || self.person.finished() || self.now < self.person.not_before {
            return;
        }
        if !self.may_move(Track::Kafka) {
            (self.person.since, self.person.looked) = (self.now, self.now);
            return;
        }
        if self.person.backs_out {
            return self.back_out();
        }
        if !self.agent.up {
            return;
        }
        let Some(p) = self.agent.published.clone() else { return };
        let step = usize::from(self.person.phase / 2);
        let Some(b) = p.board.step(STEPS[step]) else { return };
        let clocks = self.clocks();
        if self.person.phase.is_multiple_of(2) {
            if matches!(b.life, Life::Done(..)) {
                self.person.acted[step] = true;
                return self.advance(2);
            }
            if matches!(b.life, Life::Begun(..)) {
                // Somebody (or the poller's effect) began it: the action is under way.
                self.person.acted[step] = true;
                return self.advance(1);
            }
            if p.board.verdict(&b.ready, clocks) == Verdict::Go {
                let pause = [0, 0, 20_000, 90_000][self.rng.usize(..4)];
                if self.now < *self.person.thinks_until.get_or_insert(self.now + pause) {
                    return;
                }
                if self.scenario.operator == Operator::Claims {
                    // The claim itself is the start: what was begun may be acted upon whoever answers next.
                    if self.ask(&Op::Begin { step: STEPS[step].into() }) != Some(Ok(())) {
                        return;
                    }
                }
                self.person.acted[step] = true;
                return self.advance(1);
            }
        } else {
            self.act(step);
            if matches!(b.life, Life::Done(..)) {
                return self.advance(1);
            }
        }
        if self.now - self.person.since.max(self.person.looked) > PATIENCE {
            self.person.looked = self.now;
            self.look_again(step);
        }
    }

    fn advance(&mut self, by: u8) {
        self.person.phase += by;
        self.person.thinks_until = None;
        self.person.since = self.now;
        self.person.looked = self.now;
        self.watch.disturbed(self.now);
        let phase = self.person.phase;
        self.watch.story.push(format!("{} s: operator at {phase}", self.now / 1000));
    }

    /// Does the action of the step waited for without asking anybody.
    pub fn act_early(&mut self) {
        if self.person.phase.is_multiple_of(2) && !self.person.finished() {
            self.person.acted[usize::from(self.person.phase / 2)] = true;
            self.person.early = true;
            self.advance(1);
        }
    }

    fn forgets(&self, what: &str, who: &str) -> bool {
        self.person.forgotten.contains(&format!("{what} {who}"))
    }

    /// One piece of a step's action at a time.
    fn act(&mut self, step: usize) {
        match step {
            0 => self.switch_and_seed(),
            1 => self.stop_readers(),
            2 => {
                let next = (0..self.m.readers.len())
                    .find(|i| !self.runs(*i, Side::Destination) && self.m.readers[*i].is_deployed());
                if let Some(i) = next {
                    self.start_reader(i, Side::Destination);
                    self.watch.disturbed(self.now);
                }
            }
            _ => {
                let next = self.m.side(Side::Source).topics.keys().next().cloned();
                if let Some(t) = next {
                    self.m.side_mut(Side::Source).topics.remove(&t);
                    self.watch.disturbed(self.now);
                }
            }
        }
    }

    /// Whether a reader runs at a side.
    pub fn runs(&self, i: usize, side: Side) -> bool {
        self.m.readers[i].at.get(&side).is_some_and(|x| x.running)
    }

    /// A track before this one came undone: its own operator has to see to it, and is watched for himself.
    pub fn waits_for_another(&self) -> bool {
        let undone = |b: &StepBoard| matches!(b.life, Life::Undone(_));
        let board = self.agent.published.as_ref().map(|p| &p.board);
        self.scenario.order == Order::After && board.is_some_and(|b| b.steps.iter().any(undone))
    }

    /// Another cluster or deployment answers than the one that was moved from or to, or did when the agent last looked: nobody
    /// adopts a step then.
    pub fn another_answers(&self) -> bool {
        let estate = self.agent.estate();
        Side::BOTH.iter().any(|s| {
            let kafka =
                estate.kafka(*s).and_then(|k| k.last()).is_some_and(|(_, k)| k.cluster_id != self.m.side(*s).id);
            let mongodb =
                estate.mongodb(*s).and_then(|m| m.last()).is_some_and(|(_, m)| m.set_id != self.db.side(*s).id);
            kafka || mongodb || self.m.side(*s).faults.imposter || self.db.side(*s).faults.imposter
        })
    }

    fn switch_and_seed(&mut self) {
        let next = (0..self.m.producers.len()).find(|i| {
            self.m.producers[*i].declared
                && self.m.producers[*i].on == Some(Side::Source)
                && !self.forgets("producer", &self.m.producers[*i].name)
        });
        if let Some(i) = next {
            self.m.point(i, None);
            self.watch.disturbed(self.now);
            let (pause, name) = (self.rng.i64(500..15_000), self.m.producers[i].name.clone());
            return self.at(self.now + pause, crate::world::Event::Then(format!("switch {name}")));
        }
        self.seed();
    }

    /// Seeds one group that is not, if there is one left.
    fn seed(&mut self) {
        if self.m.starts.is_empty() {
            return;
        }
        for i in 0..self.m.readers.len() {
            let (group, unseeded) = (self.m.readers[i].group.clone(), self.m.readers[i].unseeded);
            let attached = self.runs(i, Side::Destination);
            if unseeded || attached || self.person.acted[2] || self.forgets("seed", &group) {
                continue;
            }
            if self.seed_one(&group) == Some(true) {
                return;
            }
        }
        if !self.person.offsets_handled && !self.forgets("offsets", "all") {
            let op = Op::Confirm { name: "offsets-handled".into(), subject: vec![] };
            self.person.offsets_handled = self.ask(&op) == Some(Ok(()));
        }
    }

    /// Commits a group at the recorded starts of what it reads. Whether there was anything to do; `None` where there is
    /// no such group.
    pub fn seed_one(&mut self, group: &str) -> Option<bool> {
        let r = self.m.readers[self.m.reader(group)?].clone();
        let mine = self.m.starts.iter().filter(|((t, _), _)| r.reads.contains(t));
        let wanted: BTreeMap<_, _> = mine.map(|(tp, (_, start))| (tp.clone(), *start)).collect();
        let there = self.m.side(Side::Destination).groups.get(&r.group);
        if there.is_some_and(|g| wanted.iter().all(|(tp, o)| g.commits.get(tp) == Some(o))) {
            return Some(false);
        }
        // Whatever an earlier life skipped, the next one begins there.
        let i = self.m.reader(group)?;
        self.m.readers[i].skipped.retain(|tp, _| !wanted.contains_key(tp));
        let g = self.m.side_mut(Side::Destination).groups.entry(r.group.clone());
        g.or_insert_with(|| crate::model::apps::new_group(&r.group, Style::Classic)).commits.extend(wanted);
        self.watch.disturbed(self.now);
        Some(true)
    }

    fn stop_readers(&mut self) {
        let next = (0..self.m.readers.len())
            .find(|i| self.runs(*i, Side::Source) && !self.forgets("reader", &self.m.readers[*i].group));
        if let Some(i) = next {
            let killed = self.rng.u8(..4) == 0;
            self.m.stop_reader(i, Side::Source, killed, self.now);
            return self.watch.disturbed(self.now);
        }
        let zero = (0..self.m.readers.len()).all(|i| !self.runs(i, Side::Source));
        if zero && self.person.confirms_scale {
            self.person.confirms_scale = false;
            self.ask(&Op::Confirm { name: "scaled-to-zero".into(), subject: vec!["kafka".into()] });
        }
    }

    /// Nothing moves: what was forgotten, what came back, what has to be adopted or carried over?
    fn look_again(&mut self, step: usize) {
        self.person.forgotten.clear();
        self.deploy_again();
        for i in 0..self.m.readers.len() {
            if step < 2 && !self.person.acted[2] && self.runs(i, Side::Destination) {
                self.m.stop_reader(i, Side::Destination, false, self.now);
                self.watch.disturbed(self.now);
            }
            if step == 1 && !self.person.acted[1] && !self.runs(i, Side::Source) {
                self.start_reader(i, Side::Source);
                self.watch.disturbed(self.now);
            }
            if step >= 2 && self.runs(i, Side::Source) {
                self.m.stop_reader(i, Side::Source, false, self.now);
                self.watch.disturbed(self.now);
            }
        }
        if self.person.acted[0] {
            self.person.offsets_handled &= self.agent.facts().confirmed("offsets-handled", &[]).is_some();
            self.switch_and_seed();
        }
        for (j, id) in STEPS.iter().enumerate().take(step + 1) {
            let life = self.agent.published.as_ref().and_then(|p| p.board.step(id).map(|b| b.life.clone()));
            // A begun step whose witness nobody has: only an adoption ends it.
            let begun = j == step && matches!(life, Some(Life::Begun(..))) && !self.person.phase.is_multiple_of(2);
            let unwitnessed = begun && self.now - self.person.since > 3 * PATIENCE;
            let lost = matches!(life, Some(Life::Pending | Life::OutOfOrder)) || unwitnessed;
            if self.person.acted[j] && lost && !self.another_answers() {
                let anchors = if j == 0 { self.lost_starts() } else { BTreeMap::new() };
                let answer = self.ask(&Op::Adopt { step: (*id).into(), anchors });
                let said = match answer {
                    Some(Err(r)) => r.text().to_owned(),
                    other => format!("{other:?}"),
                };
                self.watch.story.push(format!("{} s: adopt {id}: {said}", self.now / 1000));
                break;
            }
        }
        self.accept_silent();
        self.delete_leftovers();
        self.carry_over_there();
        self.go_back_to_what_was_skipped();
        self.confirm_idle();
        self.confirm_nothing_skipped();
        self.confirm_redeployed();
        // Stopped with something left to read: back to the source with them.
        let left = [(Hazard::Unread, Side::Source, Rule::Exact(0))];
        if step == 1 && self.person.acted[1] && !self.truth.now(&left).is_empty() {
            self.person.backs_out = true;
        }
        if self.person.acted[1] && step >= 2 && self.tripped() {
            self.carry_over();
        }
    }

    /// A group that passed over records is stopped, set back to the recorded starts, and started again.
    fn go_back_to_what_was_skipped(&mut self) {
        for i in 0..self.m.readers.len() {
            let (group, skipped) = (self.m.readers[i].group.clone(), !self.m.readers[i].skipped.is_empty());
            if !skipped || !self.person.acted[2] || !self.runs(i, Side::Destination) {
                continue;
            }
            self.m.stop_reader(i, Side::Destination, false, self.now);
            self.seed_one(&group);
            self.start_reader(i, Side::Destination);
            self.watch.disturbed(self.now);
        }
    }

    /// Where the logs of the destination began that have lost records since: who adopts the switch of the producers says so.
    fn lost_starts(&self) -> BTreeMap<TopicPartition, i64> {
        let lost =
            |tp: &TopicPartition, start: i64| self.m.log(Side::Destination, &tp.0, tp.1).is_some_and(|l| l.low > start);
        let all = self.m.starts.iter().map(|(tp, (_, start))| (tp.clone(), *start));
        all.filter(|(tp, start)| lost(tp, *start)).collect()
    }

    /// Records that were lost at the destination before anybody read them are carried over from elsewhere, and said to be.
    fn carry_over_there(&mut self) {
        if !self.person.acted[0] {
            return;
        }
        let starts: Vec<_> = self.m.starts.iter().map(|(tp, s)| (tp.clone(), *s)).collect();
        // A test's records, cleaned up between two samples while the step was go, are missed as a producer's would be.
        let missed = self.tripped();
        for (tp, (id, start)) in starts {
            let now = self.m.side(Side::Destination).topics.get(&tp.0).map(|t| t.id);
            let low = self.m.log(Side::Destination, &tp.0, tp.1).map_or(start, |l| l.low);
            let lost = low > start || (missed && low == start && low > 0);
            if now != Some(id) || !lost || !self.agent.up {
                continue;
            }
            let subject = vec![tp.0.clone(), tp.1.to_string().into(), low.to_string().into()];
            // The word is the person's, and holds from the instant it is given.
            self.m.starts.insert(tp.clone(), (id, low));
            self.m.version += 1;
            self.truth.settled_by_word(Side::Destination, &tp.0);
            // What a group skipped below that is carried over as well.
            for i in 0..self.m.readers.len() {
                if self.m.readers[i].skipped.get(&tp).is_some_and(|at| *at <= low) {
                    self.m.readers[i].skipped.remove(&tp);
                    self.truth.nothing_skipped(i, &tp.0);
                }
            }
            if let Some(Err(_)) = self.ask(&Op::Confirm { name: "reconciled-destination".into(), subject }) {
                self.m.starts.insert(tp, (id, start));
                self.m.version += 1;
            }
            self.watch.disturbed(self.now);
        }
    }

    /// A reader that never commits is taken off the list once it has truly read everything.
    fn accept_silent(&mut self) {
        for i in 0..self.m.readers.len() {
            let r = self.m.readers[i].clone();
            if r.style != Style::Silent {
                continue;
            }
            // Of one that was stopped nobody knows any more how far it came, unless that was said before (and the journal that
            // held the word was lost); what holds nothing but aborted records it need not have read.
            let read: BTreeMap<TopicPartition, i64> = match r.at.get(&Side::Source).filter(|x| x.running) {
                Some(inst) => inst.position.clone(),
                None => {
                    let all =
                        r.reads.iter().flat_map(|t| (0..self.m.partitions(Side::Source, t)).map(|p| (t.clone(), p)));
                    let from = |tp: TopicPartition| {
                        let log = self.m.log(Side::Source, &tp.0, tp.1)?;
                        let said =
                            self.truth.accepted.get(&(i, tp.clone())).is_some_and(|(_, high)| *high == log.high());
                        Some((tp, if said { log.high() } else { log.low }))
                    };
                    all.filter_map(from).collect()
                }
            };
            for (tp, at) in &read {
                let Some(log) = self.m.log(Side::Source, &tp.0, tp.1) else { continue };
                let (high, done) = (log.high(), log.given(*at, log.end()) == 0 && log.high() == log.end());
                if !done || log.is_empty() || !self.agent.up {
                    continue;
                }
                let (group, topic, partition): (Name, Name, i32) = (r.group.clone(), tp.0.clone(), tp.1);
                let answer = self.ask(&Op::AcceptOffset { group, topic, partition });
                self.watch.story.push(format!("{} s: accept {} {tp:?}: {answer:?}", self.now / 1000, r.group));
                // One that died while it wrote may have written it: the word was given.
                if matches!(answer, None | Some(Ok(()))) {
                    self.truth.accepted.insert((i, tp.clone()), (None, high));
                    self.truth.settled_by_word(Side::Source, &tp.0);
                }
            }
        }
    }

    /// Where nobody knows how long a producer may be silent, a person says that it was switched, if it was.
    fn confirm_idle(&mut self) {
        for i in 0..self.m.producers.len() {
            let learned = self.scenario.producers[i].1.is_none();
            if learned && self.person.acted[0] && self.m.producers[i].on != Some(Side::Source) {
                let name = self.m.producers[i].name.clone();
                self.ask(&Op::Confirm { name: "ingestion-idle".into(), subject: vec![name] });
            }
        }
    }

    /// Where the agent cannot know whether a group passed over records, a person says so, if it did not.
    fn confirm_nothing_skipped(&mut self) {
        for i in 0..self.m.readers.len() {
            let r = self.m.readers[i].clone();
            let attached = r.at.get(&Side::Destination).is_some_and(|x| x.running && x.attached);
            // One that was set back just now has still to read it.
            let behind = self.truth.now(&[(Hazard::Behind, Side::Destination, Rule::Exact(0))]);
            if self.person.acted[2] && attached && r.skipped.is_empty() && behind.is_empty() {
                for topic in r.reads {
                    let subject = vec![r.group.clone(), topic];
                    if self.agent.facts().confirmed("nothing-skipped", &subject).is_some() {
                        continue;
                    }
                    // A word about what was mended just now: the go may rest on it at once.
                    self.truth.nothing_skipped(i, &subject[1]);
                    self.ask(&Op::Confirm { name: "nothing-skipped".into(), subject });
                }
            }
        }
    }

    /// Where a reader never joins or never commits, a person says that it runs and has caught up, if it has.
    fn confirm_redeployed(&mut self) {
        for i in 0..self.m.readers.len() {
            let r = &self.m.readers[i];
            let shows = !matches!(r.style, Style::Assign | Style::Silent);
            let behind = r.at.get(&Side::Destination).is_none_or(|x| {
                !x.attached || {
                    let log = |tp: &TopicPartition| self.m.log(Side::Destination, &tp.0, tp.1);
                    x.found.iter().any(|(tp, found)| {
                        log(tp).is_some_and(|l| l.given(x.position.get(tp).copied().unwrap_or(l.low), *found) > 0)
                    })
                }
            });
            let subject = vec![r.group.clone()];
            let said = self.agent.facts().confirmed("redeployed", &subject).is_some();
            if shows || behind || said || !self.person.acted[2] || !self.runs(i, Side::Destination) {
                continue;
            }
            self.ask(&Op::Confirm { name: "redeployed".into(), subject });
        }
    }

    /// A tripwire says that something moved.
    pub fn tripped(&self) -> bool {
        let Some(p) = &self.agent.published else { return false };
        p.board.steps.iter().any(|s| s.ready.blockers.iter().any(|f| f.code == Code::Tripwire))
    }

    /// What an unseeded group committed at the destination before its time is deleted, as `fix` says, once it is stopped.
    fn delete_leftovers(&mut self) {
        for i in 0..self.m.readers.len() {
            let group = self.m.readers[i].group.clone();
            let there = self.m.side(Side::Destination).groups.contains_key(&group);
            if self.m.readers[i].unseeded && there && !self.person.acted[2] {
                if self.runs(i, Side::Destination) {
                    self.m.stop_reader(i, Side::Destination, false, self.now);
                }
                self.m.side_mut(Side::Destination).groups.remove(&group);
                self.m.readers[i].skipped.clear();
                self.watch.disturbed(self.now);
            }
        }
    }

    /// Records that came late are carried over by hand, and said to be.
    fn carry_over(&mut self) {
        self.watch.story.push(format!("{} s: carries over what the source holds", self.now / 1000));
        let ends: Vec<_> = self
            .m
            .side(Side::Source)
            .topics
            .iter()
            .flat_map(|(n, t)| {
                // What is not decided yet cannot be carried over.
                let decided = (0i32..).zip(&t.logs).filter(|(_, l)| !l.open());
                decided.map(|(p, l)| ((n.clone(), p), l.high())).collect::<Vec<_>>()
            })
            .collect();
        for (tp, high) in ends {
            let groups: Vec<Name> =
                self.m.readers.iter().filter(|r| r.reads.contains(&tp.0)).map(|r| r.group.clone()).collect();
            for g in groups {
                let c = self.m.side_mut(Side::Source).groups.get_mut(&g);
                if let Some(old) = c.and_then(|g| g.commits.get_mut(&tp)) {
                    *old = high;
                }
            }
            let subject = vec![tp.0.clone(), tp.1.to_string().into(), high.to_string().into()];
            for (i, r) in self.m.readers.iter().enumerate().filter(|(_, r)| r.reads.contains(&tp.0)) {
                let committed = self.m.side(Side::Source).groups.get(&r.group).and_then(|g| g.commits.get(&tp));
                self.truth.accepted.insert((i, tp.clone()), (committed.copied(), high));
            }
            self.truth.settled_by_word(Side::Source, &tp.0);
            self.ask(&Op::Confirm { name: "reconciled".into(), subject });
        }
    }

    /// Who starts again what a word says is stopped takes the word back first.
    pub fn take_word_back(&mut self, name: &str, about: &str) {
        let subject: Vec<Name> = vec![about.into()];
        if self.agent.facts().confirmed(name, &subject).is_some() {
            self.ask(&Op::Retract { name: name.into(), subject });
        }
    }

    fn back_out(&mut self) {
        self.take_word_back("scaled-to-zero", "kafka");
        for i in 0..self.m.readers.len() {
            if self.runs(i, Side::Destination) {
                self.person.backs_out = false;
                return;
            }
            self.start_reader(i, Side::Source);
        }
        let op = Op::Withdraw { step: STEPS[1].into() };
        match self.ask(&op) {
            Some(Ok(())) => {
                self.person.backs_out = false;
                self.person.phase = 2;
                self.person.acted[1] = false;
                self.person.since = self.now;
                self.watch.story.push(format!("{} s: withdrawn", self.now / 1000));
            }
            Some(Err(Refusal::Bad(_) | Refusal::Settled(..))) => self.person.backs_out = false,
            _ => {}
        }
    }
}
