//! What the operator of the MongoDB track mends when nothing moves: what was forgotten, what came back, what is different,
//! what has to be adopted, carried over or taken back.

use super::{PATIENCE, UNWITNESSED};
use crate::model::mongodb::oplog::What;
use crate::model::mongodb::service::{Service, Temper};
use crate::scenario::{Operator, Order};
use crate::truth::Hazard;
use crate::watch::{MONGODB, STEPS};
use crate::world::World;
use cutover_core::Name;
use cutover_core::estate::Side;
use cutover_core::estate::mongodb::{CollectionKind, Ts};
use cutover_core::gate::board::{Life, StepBoard};
use cutover_core::gate::ops::{Op, Refusal};
use cutover_core::reading::Code;
use cutover_core::render;
use std::collections::BTreeMap;

impl World {
    /// Nothing moves: what was forgotten, what came back, what has to be adopted or carried over?
    pub(super) fn look_again_there(&mut self, step: usize) {
        self.dba.forgotten.clear();
        let acted = self.dba.acted;
        for side in Side::BOTH {
            if !self.db.side(side).strangers.is_empty() {
                self.db.side_mut(side).strangers.clear();
                self.watch.disturbed(self.now);
            }
        }
        if !self.db.side(Side::Destination).builds.is_empty() {
            self.db.side_mut(Side::Destination).builds.clear();
        }
        self.deploy_again();
        self.mend_mirrors(acted);
        self.mend_services(acted);
        if step == 0 && !acted[0] {
            self.clear_the_destination();
        }
        if acted[0] && !acted[4] {
            self.mend_indexes();
        }
        self.adopt_there(step, acted);
        if acted[2] && !acted[4] {
            self.carry_over_writes(acted[3]);
        }
        // Who was never seen cannot be missed: a person says that nobody is left.
        self.dba.confirms_scale |= acted[2] && !acted[4] && self.chief_there(step) == Some(Code::NeverSeen);
        self.confirm_scale();
        self.confirm_removed();
        self.confirm_started(step);
    }

    /// Where a writer is connected for moments only, or none was ever seen on the source, a person says that they write at
    /// the destination, if they do.
    fn confirm_started(&mut self, step: usize) {
        let d = |s: &Service| s.instance(Side::Destination).is_some_and(|x| x.running && x.ever);
        let ok = |s: &Service| !s.is_writer() || !s.deployed || (d(s) && !s.runs(Side::Source));
        let crashing = |s: &Service| s.temper == Temper::Crashing;
        let unseen = self.chief_there(step) == Some(Code::NeverSeen);
        if self.dba.phase == 9 && self.db.services.iter().all(ok) && (unseen || self.db.services.iter().any(crashing)) {
            self.ask(&Op::Confirm { name: "writers-started".into(), subject: vec![] });
        }
    }

    fn mend_mirrors(&mut self, acted: [bool; 5]) {
        for i in 0..self.db.mirrors.len() {
            let m = &self.db.mirrors[i];
            let (lives, ill) = (m.lives(), m.stuck || m.held > 0 || m.error.is_some() || !m.port || !m.sessions);
            let lost = m.error.as_ref().is_some_and(|e| e.contains("reach back"));
            match (acted[0], acted[3]) {
                (true, false) if !lives || ill => {
                    if lives {
                        self.db.end_mirror(i);
                    }
                    self.start_mirror(i, !lost);
                }
                // It ended before it had applied everything: once more.
                (_, true) if !lives && self.ended_too_early() => self.start_mirror(i, true),
                (_, true) if lives && self.drains(i) => continue,
                (_, true) | (false, _) if lives => self.db.end_mirror(i),
                _ => continue,
            }
            self.watch.disturbed(self.now);
        }
    }

    /// What the agent says of the mirrors' end.
    fn ended_too_early(&self) -> bool {
        let Some(p) = self.agent.published.as_ref() else { return false };
        let open = |b: &&StepBoard| !matches!(b.life, Life::Done(..));
        let checks = p.board.step("stop-mirror").filter(open).into_iter().flat_map(|b| &b.done.checks);
        checks.into_iter().any(|c| matches!(c.chief().code, Code::Behind | Code::NoAnchor))
    }

    /// A mirror that was started again has not shown yet that it has applied everything.
    fn drains(&self, i: usize) -> bool {
        let m = &self.db.mirrors[i];
        let ill = m.stuck || m.held > 0 || m.error.is_some() || !m.port;
        self.ended_too_early() && !ill
    }

    /// What the agent says first of the step that is waited for.
    fn chief_there(&self, step: usize) -> Option<Code> {
        let b = self.agent.published.as_ref()?.board.step(STEPS[MONGODB + step])?;
        let answer = if self.dba.phase.is_multiple_of(2) { &b.ready } else { &b.done };
        render::chief(answer).map(|f| f.code)
    }

    fn mend_services(&mut self, acted: [bool; 5]) {
        for i in 0..self.db.services.len() {
            let writer = self.db.services[i].is_writer();
            // Where their step is skipped, the readers move with the writers.
            let moves = if writer || self.skips_readers() { 4 } else { 1 };
            let moved = acted[moves];
            let stopped = acted[if writer { 2 } else { moves }];
            for (side, runs) in [(Side::Source, !stopped), (Side::Destination, moved)] {
                let runs = runs && self.db.services[i].deployed;
                if self.db.services[i].runs(side) == runs {
                    continue;
                }
                match runs {
                    true => self.start_service(i, side),
                    false => self.db.stop_service(i, side, self.now),
                }
                self.watch.disturbed(self.now);
            }
        }
    }

    /// What is left of tests at the destination is dropped, as `fix` says.
    fn clear_the_destination(&mut self) {
        let there = self.db.side(Side::Destination).collections.keys();
        let leftovers: Vec<Name> =
            there.filter(|ns| self.db.in_scope(ns) && !self.db.agreed("may-have", ns)).cloned().collect();
        for ns in leftovers {
            self.db.side_mut(Side::Destination).write(What::Drop(ns), false, self.now);
            self.watch.disturbed(self.now);
        }
    }

    /// An index that is missing at the destination is created there, and what is not on the source is dropped.
    fn mend_indexes(&mut self) {
        let (now, mut todo) = (self.now, Vec::new());
        let (s, d) = (self.db.side(Side::Source), self.db.side(Side::Destination));
        for (ns, c) in s.collections.iter().filter(|(ns, _)| self.db.in_scope(ns)) {
            let Some(there) = d.collections.get(ns) else { continue };
            todo.extend(c.indexes.difference(&there.indexes).map(|i| What::Index(ns.clone(), i.clone())));
            todo.extend(there.indexes.difference(&c.indexes).map(|i| What::DropIndex(ns.clone(), i.clone())));
        }
        let extra =
            |ns: &&Name| self.db.in_scope(ns) && !self.db.agreed("may-have", ns) && !s.collections.contains_key(*ns);
        todo.extend(d.collections.keys().filter(extra).map(|ns| What::Drop(ns.clone())));
        for what in todo {
            let ts = self.db.side_mut(Side::Destination).write(what, false, now);
            self.db.strays.push((now, ts));
            self.watch.disturbed(now);
        }
    }

    fn adopt_there(&mut self, step: usize, acted: [bool; 5]) {
        for (j, id) in STEPS[MONGODB..].iter().enumerate().take(step + 1) {
            let life = self.agent.published.as_ref().and_then(|p| p.board.step(id).map(|b| b.life.clone()));
            let begun = matches!(life, Some(Life::Begun(..))) && (j < step || !self.dba.phase.is_multiple_of(2));
            let unwitnessed = begun && self.now - self.dba.since > UNWITNESSED;
            let lost = matches!(life, Some(Life::Pending | Life::OutOfOrder | Life::Undone(_)));
            if lost && j == 2 && acted[2] {
                // Who was never seen cannot be missed: a person says that nobody is left.
                self.dba.confirms_scale = true;
                self.confirm_scale();
            }
            if acted[j] && (lost || unwitnessed) && !self.another_answers() {
                // What is go may still be claimed.
                if j == step
                    && !begun
                    && !self.dba.lost_journal
                    && self.ask(&Op::Begin { step: (*id).into() }) == Some(Ok(()))
                {
                    break;
                }
                let before = self.db.reconciled.get(&Side::Destination).copied();
                if j == 3 {
                    // Who adopts it answers for what was written there meanwhile.
                    let newest = self.db.newest(Side::Destination);
                    self.db.reconciled.insert(Side::Destination, newest);
                    self.truth.settled_in_mongodb(&[Hazard::Strayed]);
                }
                let said = match self.ask(&Op::Adopt { step: (*id).into(), anchors: BTreeMap::new() }) {
                    Some(Err(r)) => {
                        if j == 3 {
                            self.db.reconciled.insert(Side::Destination, before.unwrap_or_default());
                            self.truth.settled_in_mongodb(&[]);
                        }
                        r.text().to_owned()
                    }
                    other => format!("{other:?}"),
                };
                self.watch.story.push(format!("{} s: adopt {id}: {said}", self.now / 1000));
                break;
            }
        }
    }

    /// Writes that came since the writers were stopped: the mirrors carry those on the source while they run; afterwards
    /// they are carried over by hand. What was written at the destination is made equal to the source as well.
    fn carry_over_writes(&mut self, by_hand: bool) {
        let f = self.agent.facts();
        let anchored =
            |w: &World, side: Side| f.last_write(&w.db.side(side).id).is_some_and(|ts| ts != w.db.newest(side));
        let (here, there) = (anchored(self, Side::Source), anchored(self, Side::Destination));
        let differs = !self.truth.now(&[(Hazard::Differs, Side::Source, crate::truth::Rule::Exact(0))]).is_empty();
        let at_rest = !self.db.services.iter().any(|s| s.is_writer() && s.runs(Side::Source));
        let last = &self.db.side(Side::Source).oplog.last;
        let behind = |(ns, ts): (&Name, &Ts)| {
            self.db.in_scope(ns) && self.db.carriers(ns).any(|(_, m)| m.lives() && m.applied < *ts)
        };
        let carried = !last.iter().any(behind);
        if !(here || there || differs) || !at_rest || !carried {
            return;
        }
        if by_hand || differs {
            self.equalise();
        }
        let settled = [Hazard::Unapplied, Hazard::Uncarried, Hazard::Differs, Hazard::Strayed, Hazard::Stray];
        for side in Side::BOTH {
            self.say_reconciled(side, &settled);
        }
        self.db.version += 1;
        self.watch.disturbed(self.now);
    }

    /// A person says that what a side holds up to now is accounted for, which settles these hazards.
    fn say_reconciled(&mut self, side: Side, settled: &[Hazard]) {
        let newest = self.db.newest(side);
        self.db.reconciled.insert(side, newest);
        self.truth.settled_in_mongodb(settled);
        let subject = vec![side.as_str().into(), newest.to_string().into()];
        let said = self.ask(&Op::Confirm { name: "reconciled-writes".into(), subject });
        self.watch.story.push(format!("{} s: reconciled-writes {side} {newest}: {said:?}", self.now / 1000));
    }

    /// In a joint move that goes on after the writers have started: a mirror that somebody started again holds up the other track
    /// until it is ended, and what somebody wrote on the source by hand until a person has carried it over and says so.
    pub(super) fn carry_over_late(&mut self) {
        let waits = self.scenario.order == Order::Joint && !self.person.finished() && self.agent.up;
        if !waits || self.scenario.operator == Operator::Nobody || self.now - self.dba.looked <= PATIENCE {
            return;
        }
        self.dba.looked = self.now;
        for i in 0..self.db.mirrors.len() {
            if self.db.mirrors[i].lives() {
                self.db.end_mirror(i);
                self.watch.disturbed(self.now);
            }
        }
        let at_rest = !self.db.services.iter().any(|s| s.is_writer() && s.runs(Side::Source));
        let newest = self.db.newest(Side::Source);
        let moved = self.agent.facts().last_write(&self.db.side(Side::Source).id).is_some_and(|ts| ts != newest);
        if !self.tripped() || !at_rest || !moved {
            return;
        }
        self.say_reconciled(Side::Source, &[Hazard::Unapplied, Hazard::Uncarried]);
        self.db.version += 1;
        self.watch.disturbed(self.now);
    }

    /// Makes the destination hold what the source holds.
    fn equalise(&mut self) {
        let now = self.now;
        let (s, d) = (self.db.side(Side::Source).clone(), self.db.side(Side::Destination).clone());
        let mut todo = Vec::new();
        for (ns, c) in s.collections.iter().filter(|(ns, _)| self.db.in_scope(ns)) {
            let there = d.collections.get(ns).map_or(0, |c| c.documents);
            if there != c.documents || !d.collections.contains_key(ns) {
                todo.push(What::Docs(vec![(ns.clone(), c.documents - there)]));
            }
        }
        let extra =
            |ns: &&Name| self.db.in_scope(ns) && !self.db.agreed("may-have", ns) && !s.collections.contains_key(*ns);
        todo.extend(d.collections.keys().filter(extra).map(|ns| What::Drop(ns.clone())));
        let carries = !todo.is_empty() || d.collections.values().any(|c| c.kind == CollectionKind::View);
        for what in todo {
            self.db.side_mut(Side::Destination).write(what, false, now);
        }
        if carries {
            self.watch.story.push(format!("{} s: carries over what the source holds", now / 1000));
        }
    }

    pub(super) fn back_out_writers(&mut self) {
        if self.dba.acted[3] || !self.dba.acted[2] {
            self.dba.backs_out = false;
            return;
        }
        self.take_word_back("scaled-to-zero", "mongodb");
        for i in 0..self.db.services.len() {
            if self.db.services[i].is_writer() && self.db.services[i].deployed {
                self.start_service(i, Side::Source);
            }
        }
        match self.ask(&Op::Withdraw { step: STEPS[MONGODB + 2].into() }) {
            Some(Ok(())) => {
                self.dba.backs_out = false;
                self.dba.phase = 4;
                self.dba.acted[2] = false;
                self.dba.since = self.now;
                self.watch.story.push(format!("{} s: stop-writers withdrawn", self.now / 1000));
            }
            Some(Err(Refusal::Bad(_) | Refusal::Settled(..))) => {
                self.dba.backs_out = false;
                if self.dba.phase > 4 {
                    // It was not begun: there is nothing to take back.
                    self.dba.phase = 4;
                    self.dba.acted[2] = false;
                }
            }
            _ => {}
        }
    }
}
