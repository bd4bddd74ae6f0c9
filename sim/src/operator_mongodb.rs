//! The operator of the MongoDB track: follows the playbook step by step, forgets things, and looks again when nothing
//! moves. What they mend is in `mend`.

mod mend;

use crate::model::mongodb::service::Service;
use crate::scenario::{Expect, Operator, Order, Scenario};
use crate::truth::Rules;
use crate::truth_mongodb::{of_done, of_ready};
use crate::watch::{Failing, MONGODB, STEPS};
use crate::world::World;
use cutover_core::estate::Side;
use cutover_core::gate::board::{Life, StepBoard, Verdict};
use cutover_core::gate::ops::Op;
use cutover_core::render;
use cutover_core::settings::Track;
use std::collections::BTreeSet;

/// Waiting longer than this, the operator looks for what was forgotten.
const PATIENCE: i64 = 150_000;
/// After so long a step that was begun and cannot be shown to have worked is adopted.
const UNWITNESSED: i64 = 4 * PATIENCE;
/// The steps of the track.
const COUNT: usize = 5;

/// The operator's mind.
#[derive(Debug, Default)]
pub struct Dba {
    /// Twice the step, one more once it has been begun.
    pub phase: u8,
    /// Since when.
    pub since: i64,
    /// Steps whose action was begun.
    pub acted: [bool; COUNT],
    /// What is forgotten until somebody looks: `writer svc-orders`, `reader crud-orders`, `mirror all`, `block all`.
    pub forgotten: BTreeSet<String>,
    /// Says that every writer is scaled to zero, when they are.
    pub confirms_scale: bool,
    /// Says that the mirrors are removed, when they are.
    pub confirms_removed: bool,
    /// Wants to take stop-writers back.
    pub backs_out: bool,
    /// Never acts before this.
    pub not_before: i64,
    /// Sees nothing to mend before this.
    pub blind_until: i64,
    /// The journal was lost: every step has to be adopted first.
    pub lost_journal: bool,
    /// Acted once without a go.
    pub early: bool,
    thinks_until: Option<i64>,
    looked: i64,
}

impl Dba {
    /// The phase in which everything is done.
    pub const END: u8 = 2 * COUNT as u8;

    /// At the start of a scenario; finished, where there is no such track.
    pub fn new(s: &Scenario) -> Dba {
        let phase = if s.tracks.contains(&Track::Mongodb) { 0 } else { Dba::END };
        Dba { phase, ..Dba::default() }
    }

    /// The migration is over.
    pub fn finished(&self) -> bool {
        self.phase >= Dba::END
    }

    /// Nothing has moved for so long that there is no more to learn.
    pub fn gives_up(&self, now: i64) -> bool {
        now - self.since.max(self.not_before) > 2_400_000 + if self.lost_journal { 1_000_000 } else { 0 }
    }
}

impl World {
    /// Whether the operator of a track may move: the tracks before it are over, where one comes after the other.
    pub fn may_move(&self, track: Track) -> bool {
        if self.scenario.order != Order::After {
            return true;
        }
        self.scenario.tracks.iter().take_while(|t| **t != track).all(|t| self.over(*t))
    }

    fn over(&self, track: Track) -> bool {
        match track {
            Track::Kafka => self.person.phase >= 6,
            Track::Mongodb => self.dba.finished(),
            Track::Services => self.sre.phase >= 6,
        }
    }

    /// Whether a track is over, and the agent that knew it has lost its journal.
    pub fn forgotten_end(&self, track: Track) -> bool {
        let pending = |s: &StepBoard| s.step.track == track && matches!(s.life, Life::Pending | Life::OutOfOrder);
        let board = self.agent.published.as_ref().map(|p| &p.board);
        self.over(track) && board.is_some_and(|b| b.steps.iter().any(pending))
    }

    /// The operator looks at the board and does what comes next.
    pub fn operate_mongodb(&mut self) {
        if self.scenario.mongo.is_none() {
            return;
        }
        if self.dba.finished() {
            return self.carry_over_late();
        }
        self.progress_mongodb();
        if self.scenario.operator == Operator::Nobody || self.now < self.dba.not_before {
            return;
        }
        if !self.may_move(Track::Mongodb) {
            (self.dba.since, self.dba.looked) = (self.now, self.now);
            return;
        }
        if self.dba.backs_out {
            return self.back_out_writers();
        }
        if !self.agent.up {
            return;
        }
        let Some(p) = self.agent.published.clone() else { return };
        let step = usize::from(self.dba.phase / 2);
        let id = STEPS[MONGODB + step];
        let Some(b) = p.board.step(id) else { return };
        self.prepare(step);
        if self.dba.phase.is_multiple_of(2) {
            match b.life {
                Life::Done(..) | Life::Skipped(_) => {
                    self.dba.acted[step] = true;
                    return self.advance_mongodb(2);
                }
                // Somebody (or the poller's effect) began it: the action is under way.
                Life::Begun(..) => {
                    self.dba.acted[step] = true;
                    return self.advance_mongodb(1);
                }
                _ => {}
            }
            if p.board.verdict(&b.ready, self.clocks()) == Verdict::Go {
                let pause = [0, 0, 20_000, 90_000][self.rng.usize(..4)];
                if self.now < *self.dba.thinks_until.get_or_insert(self.now + pause) {
                    return;
                }
                if self.scenario.operator == Operator::Claims
                    && self.ask(&Op::Begin { step: id.into() }) != Some(Ok(()))
                {
                    return;
                }
                self.dba.acted[step] = true;
                return self.advance_mongodb(1);
            }
        } else {
            self.act_there(step);
            if matches!(b.life, Life::Done(..)) {
                return self.advance_mongodb(1);
            }
        }
        if self.now - self.dba.since.max(self.dba.looked).max(self.dba.blind_until) > PATIENCE {
            self.dba.looked = self.now;
            self.look_again_there(step);
        }
    }

    fn advance_mongodb(&mut self, by: u8) {
        self.dba.phase += by;
        self.dba.thinks_until = None;
        self.dba.since = self.now;
        self.dba.looked = self.now;
        self.watch.disturbed(self.now);
        let phase = self.dba.phase;
        self.watch.story.push(format!("{} s: operator of MongoDB at {phase}", self.now / 1000));
    }

    /// Does the action of the step waited for without asking anybody.
    pub fn act_early_there(&mut self) {
        if self.dba.phase.is_multiple_of(2) && !self.dba.finished() {
            self.dba.acted[usize::from(self.dba.phase / 2)] = true;
            self.dba.early = true;
            self.advance_mongodb(1);
        }
    }

    fn forgot(&self, what: &str, who: &str) -> bool {
        self.dba.forgotten.contains(&format!("{what} {who}"))
    }

    /// What has to be done before a step may begin.
    fn prepare(&mut self, step: usize) {
        let blocked = self.db.side(Side::Destination).blocked;
        let wanted = match self.dba.phase {
            2 => true,
            8 | 9 => false,
            _ => return,
        };
        if step < COUNT && blocked != wanted && !self.forgot("block", "all") {
            self.db.side_mut(Side::Destination).blocked = wanted;
            self.watch.disturbed(self.now);
        }
    }

    /// One piece of a step's action at a time.
    fn act_there(&mut self, step: usize) {
        let (services, mirrors) = (0..self.db.services.len(), 0..self.db.mirrors.len());
        let moves = |i: &usize, writer: bool| self.db.services[*i].is_writer() == writer;
        let forgot = |what: &str, i: usize| self.forgot(what, &self.db.services[i].name);
        match step {
            0 => {
                let Some(i) = mirrors.into_iter().find(|i| !self.db.mirrors[*i].lives()) else { return };
                self.start_mirror(i, true);
            }
            1 => {
                let waits = |i: &usize| {
                    let s = &self.db.services[*i];
                    let needed = s.deployed && !s.runs(Side::Destination);
                    moves(i, false) && !forgot("reader", *i) && (s.runs(Side::Source) || needed)
                };
                let Some(i) = services.into_iter().find(waits) else { return };
                self.move_service(i);
            }
            2 => {
                let runs =
                    |i: &usize| moves(i, true) && !forgot("writer", *i) && self.db.services[*i].runs(Side::Source);
                match services.clone().find(runs) {
                    Some(i) => self.db.stop_service(i, Side::Source, self.now),
                    None => return self.confirm_scale(),
                }
            }
            3 => {
                let lives = |i: &usize| {
                    let m = &self.db.mirrors[*i];
                    m.lives() && !self.forgot("mirror", &m.name)
                };
                match mirrors.clone().find(lives) {
                    Some(i) => self.db.end_mirror(i),
                    None => return self.confirm_removed(),
                }
            }
            _ => {
                let all = self.skips_readers();
                let needed = |s: &Service| s.deployed && !s.runs(Side::Destination);
                let waits = |i: &usize| (all || moves(i, true)) && needed(&self.db.services[*i]);
                let Some(i) = services.into_iter().find(waits) else { return };
                self.move_service(i);
            }
        }
        self.watch.disturbed(self.now);
    }

    /// Points a service at the destination, wherever it runs.
    fn move_service(&mut self, i: usize) {
        self.db.stop_service(i, Side::Source, self.now);
        if self.db.services[i].deployed {
            self.start_service(i, Side::Destination);
        }
    }

    fn skips_readers(&self) -> bool {
        self.scenario.skipped.iter().any(|s| &**s == "switch-readers")
    }

    fn confirm_scale(&mut self) {
        let runs = |s: &Service| s.is_writer() && s.runs(Side::Source);
        if self.dba.confirms_scale && !self.db.services.iter().any(runs) {
            let op = Op::Confirm { name: "scaled-to-zero".into(), subject: vec!["mongodb".into()] };
            self.dba.confirms_scale = self.ask(&op) != Some(Ok(()));
        }
    }

    fn confirm_removed(&mut self) {
        if !self.dba.confirms_removed || self.db.mirrors.iter().any(|m| m.lives()) {
            return;
        }
        let names: Vec<_> = self.db.mirrors.iter().map(|m| m.name.clone()).collect();
        for m in names {
            if self.agent.facts().confirmed("mirror-removed", std::slice::from_ref(&m)).is_none() {
                self.ask(&Op::Confirm { name: "mirror-removed".into(), subject: vec![m] });
            }
        }
    }

    /// Whether the step the operator waits for is stuck: safe for long enough, nothing in the way, and not go.
    fn progress_mongodb(&mut self) {
        let faults = Side::BOTH.iter().any(|s| self.db.side(*s).faults.any());
        if faults || !self.agent.up || self.now < self.asleep_until || self.watch.calm == 0 {
            self.watch.disturbed(self.now);
            return;
        }
        let Some((step, rules, wait)) = self.waits_for_there() else { return };
        let id = STEPS[MONGODB + step];
        let later =
            |s: &String| STEPS.iter().position(|x| x == s).is_some_and(|i| (MONGODB..=MONGODB + step).contains(&i));
        let meant = self.scenario.expects.iter().any(|e| match e {
            Expect::NoGo(s, from, to) => s == id && *from <= self.now && self.now < *to,
            Expect::NotDone(s) => later(s),
            _ => false,
        });
        if meant {
            return self.watch.disturbed(self.now);
        }
        let Some(safe) = self.truth.safe_since(rules) else { return };
        let since = safe.max(self.watch.calm).max(self.dba.since).max(self.dba.not_before);
        let phase = self.dba.phase;
        if self.now - since <= wait || self.watch.stuck_there == Some(phase) {
            return;
        }
        let Some(p) = self.agent.published.clone() else { return };
        let Some(b) = p.board.step(id) else { return };
        let ready = phase.is_multiple_of(2);
        let answer = if ready { &b.ready } else { &b.done };
        if answer.verdict == Verdict::Go || (ready && answer.settled.is_some()) {
            return;
        }
        self.watch.stuck_there = Some(phase);
        let code = render::chief(answer).map_or("nothing", |f| f.code.as_str());
        let what = if ready { "ready" } else { "done" };
        let text = format!("{what} {}: {}", b.life.as_str(), render::answer(answer));
        self.watch.fail(Failing { at: self.now, step: id, what: "stuck", kind: code.to_owned(), text });
    }

    /// The step waited for, what would be unsafe about it, and how long it may take.
    fn waits_for_there(&self) -> Option<(usize, Rules, i64)> {
        let d = &self.dba;
        let busy = d.finished() || d.backs_out || d.early || d.lost_journal || !d.forgotten.is_empty();
        let joint = self.scenario.order == Order::Joint && d.phase >= 4 && !self.person.finished();
        if self.scenario.operator == Operator::Nobody
            || busy
            || joint
            || !self.may_move(Track::Mongodb)
            || (d.phase < 2 && self.waits_for_another())
        {
            return None;
        }
        // The other track's downtime comes first, and somebody has to be told who a stranger is.
        let f = self.agent.facts();
        let other = f.is_begun("stop-consumers") && !f.is_done("start-consumers");
        let strangers = self.db.sides.values().any(|d| !d.strangers.is_empty());
        let errors = self.db.mirrors.iter().any(|m| m.stuck || m.held > 0);
        if other || strangers || errors || self.now < d.not_before {
            return None;
        }
        let (step, ready) = (usize::from(d.phase / 2), d.phase.is_multiple_of(2));
        let pause = self.scenario.interval * 8 + 60_000;
        let shown = self.shown(Some((self.now, self.now)));
        let wait = pause
            + match (step, ready) {
                // What was started too early is found only when the operator looks.
                (0, true) => PATIENCE,
                (0, false) => 30_000,
                // Its slope may be needed.
                (1 | 2, true) => 660_000,
                (1 | 4, false) => 60_000,
                (4, true) => 120_000,
                _ => 480_000,
            };
        let wait = if ready { wait } else { wait + PATIENCE + 10_000 };
        // Where nobody was ever seen reading at the source, nothing but an adoption says that they have moved.
        let seen = self.db.services.iter().any(|s| !s.is_writer() && s.instance(Side::Source).is_some_and(|x| x.ever));
        let wait = if step == 1 && !ready && !seen { wait + UNWITNESSED } else { wait };
        let id = STEPS[MONGODB + step];
        Some((step, if ready { of_ready(id, false, shown) } else { of_done(id, shown) }, wait))
    }
}
