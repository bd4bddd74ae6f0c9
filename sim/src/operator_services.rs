//! The operator of the services track: deploys, redirects, stops and switches the names as the playbook says, forgets things,
//! does them by half, and looks again when nothing moves.

use crate::model::apps::{Reader, Style};
use crate::model::site::Looks;
use crate::scenario::{Operator, Scenario};
use crate::watch::{SERVICES, STEPS};
use crate::world::World;
use crate::world_services::Half;
use cutover_core::Name;
use cutover_core::estate::Side;
use cutover_core::gate::board::{Life, Verdict};
use cutover_core::gate::ops::{Op, Refusal};
use cutover_core::settings::Track;
use std::collections::{BTreeMap, BTreeSet};

/// Waiting longer than this, the operator looks for what was forgotten.
pub const PATIENCE: i64 = 150_000;
/// The steps of the track.
const COUNT: usize = 4;

/// The operator's mind.
#[derive(Debug, Default)]
pub struct Sre {
    /// Twice the step, one more once it has been begun.
    pub phase: u8,
    /// Since when.
    pub since: i64,
    /// Steps whose action was begun.
    pub acted: [bool; COUNT],
    /// What is forgotten until somebody looks: `service rtu`, or by half: `half rtu`; `traffic all`.
    pub forgotten: BTreeSet<String>,
    /// Wants to take the traffic back.
    pub backs_out: bool,
    /// Never switches the names.
    pub postpones: bool,
    /// Never acts before this.
    pub not_before: i64,
    /// When something was last seen that was done before its step, or undone after it.
    pub astray: i64,
    /// The journal was lost: every step has to be adopted first.
    pub lost_journal: bool,
    /// Acted once without a go.
    pub early: bool,
    thinks_until: Option<i64>,
    looked: i64,
}

impl Sre {
    /// The phase in which everything is done.
    pub const END: u8 = 2 * COUNT as u8;

    /// At the start of a scenario; finished, where there is no such track.
    pub fn new(s: &Scenario) -> Sre {
        let phase = if s.tracks.contains(&Track::Services) { 0 } else { Sre::END };
        Sre { phase, ..Sre::default() }
    }

    /// The track is over, or as far as it is meant to go.
    pub fn finished(&self) -> bool {
        self.phase >= Sre::END || (self.postpones && self.phase >= 6)
    }

    /// Nothing has moved for so long that there is no more to learn.
    pub fn gives_up(&self, now: i64) -> bool {
        now - self.since.max(self.not_before) > 2_400_000 + if self.lost_journal { 1_000_000 } else { 0 }
    }
}

impl World {
    /// The operator looks at the board and does what comes next.
    pub fn operate_services(&mut self) {
        if !self.scenario.tracks.contains(&Track::Services) || self.sre.finished() {
            return;
        }
        self.progress_services();
        if self.scenario.operator == Operator::Nobody || self.now < self.sre.not_before {
            return;
        }
        if !self.may_move(Track::Services) {
            (self.sre.since, self.sre.looked) = (self.now, self.now);
            return;
        }
        if self.sre.backs_out {
            return self.take_back();
        }
        let Some(p) = self.agent.published.clone().filter(|_| self.agent.up) else { return };
        let step = usize::from(self.sre.phase / 2);
        let id = STEPS[SERVICES + step];
        let Some(b) = p.board.step(id) else { return };
        if self.sre.phase.is_multiple_of(2) {
            match b.life {
                Life::Done(..) | Life::Skipped(_) => {
                    self.sre.acted[step] = true;
                    return self.advance_services(2);
                }
                // Somebody (or the poller's effect) began it: the action is under way.
                Life::Begun(..) => {
                    self.sre.acted[step] = true;
                    return self.advance_services(1);
                }
                _ => {}
            }
            if p.board.verdict(&b.ready, self.clocks()) == Verdict::Go {
                let pause = [0, 0, 20_000, 90_000][self.rng.usize(..4)];
                if self.now < *self.sre.thinks_until.get_or_insert(self.now + pause) {
                    return;
                }
                if self.scenario.operator == Operator::Claims
                    && self.ask(&Op::Begin { step: id.into() }) != Some(Ok(()))
                {
                    return;
                }
                self.sre.acted[step] = true;
                return self.advance_services(1);
            }
        } else {
            // Each piece is asked for again: nobody goes on where the answer has turned.
            let go = p.board.verdict(&b.ready, self.clocks()) == Verdict::Go;
            if go || self.sre.early || matches!(b.life, Life::Pending | Life::OutOfOrder) {
                self.act_on_services(step);
            }
            if matches!(b.life, Life::Done(..) | Life::Skipped(_)) {
                return self.advance_services(1);
            }
        }
        if self.now - self.sre.since.max(self.sre.looked) > PATIENCE {
            self.sre.looked = self.now;
            self.look_again_at_services(step);
        }
    }

    fn advance_services(&mut self, by: u8) {
        self.sre.phase += by;
        self.sre.thinks_until = None;
        (self.sre.since, self.sre.looked) = (self.now, self.now);
        self.watch.disturbed(self.now);
        let phase = self.sre.phase;
        self.watch.story.push(format!("{} s: operator of the services at {phase}", self.now / 1000));
    }

    /// Does the action of the step waited for without asking anybody.
    pub fn act_early_on_services(&mut self) {
        if self.sre.phase.is_multiple_of(2) && !self.sre.finished() {
            self.sre.acted[usize::from(self.sre.phase / 2)] = true;
            self.sre.early = true;
            self.advance_services(1);
        }
    }

    fn omits(&self, what: &str, who: &str) -> bool {
        self.sre.forgotten.contains(&format!("{what} {who}"))
    }

    /// The halves that are meant to be moved now: not those forgotten, and only the first of what is done by half.
    fn meant(&self) -> Vec<Half> {
        let units = self.units().into_iter().filter(|(n, _)| !self.omits("service", n));
        units.flat_map(|(n, halves)| if self.omits("half", &n) { halves[..1].to_vec() } else { halves }).collect()
    }

    /// One piece of a step's action at a time.
    fn act_on_services(&mut self, step: usize) {
        match step {
            0 => {
                let next = self.meant().into_iter().find(|h| !self.is_deployed(*h, Side::Destination));
                if let Some(half) = next {
                    self.deploy(half, Side::Destination);
                }
            }
            1 if self.omits("traffic", "all") => {}
            1 => self.send_traffic(Side::Destination),
            2 => {
                let next = self.meant().into_iter().find(|h| self.is_deployed(*h, Side::Source));
                if let Some(half) = next {
                    self.remove(half, Side::Source);
                }
            }
            _ => self.say_names(true),
        }
    }

    /// Sends the traffic to a side.
    pub fn send_traffic(&mut self, side: Side) {
        if self.site.traffic != side {
            self.site.traffic = side;
            self.watch.disturbed(self.now);
        }
    }

    /// Sets the names to the destination, or back.
    pub fn say_names(&mut self, moved: bool) {
        if self.site.names_mut().any(|n| n.moved != moved) {
            self.site.set_names(moved, self.now);
            self.watch.disturbed(self.now);
        }
    }

    /// Nothing moves: what was forgotten, what came back, what has to be adopted or confirmed?
    fn look_again_at_services(&mut self, step: usize) {
        self.sre.forgotten.clear();
        let acted = self.sre.acted;
        for half in self.units().into_iter().flat_map(|(_, halves)| halves) {
            for (home, there) in [(Side::Destination, acted[0]), (Side::Source, !acted[2])] {
                match (self.is_deployed(half, home), there) {
                    (false, true) => self.deploy(half, home),
                    (true, false) => self.remove(half, home),
                    _ => {}
                }
            }
        }
        if acted[0] {
            self.open_doors();
        }
        self.send_traffic(if acted[1] { Side::Destination } else { Side::Source });
        self.say_names(acted[3]);
        for side in Side::BOTH {
            self.clear_strangers(side);
        }
        self.adopt_services(step);
        self.confirm_moved();
        self.confirm_silent();
    }

    /// Nothing measures whether a reader keeps up that never commits, nor one behind whose commits lie aborted transactions
    /// alone: a person says that it does.
    fn confirm_silent(&mut self) {
        let Some(side) = self.force(Track::Kafka) else { return };
        let silent: Vec<Vec<Name>> = self
            .m
            .readers
            .iter()
            .filter(|r| self.nothing_is_left_for(r, side))
            .map(|r| vec![r.group.clone()])
            .collect();
        for subject in silent {
            if self.agent.facts().confirmed("keeping-up", &subject).is_none() {
                self.ask(&Op::Confirm { name: "keeping-up".into(), subject });
            }
        }
    }

    /// A reader never commits, or has somewhere been given everything there is to be given, and its commit is behind.
    fn nothing_is_left_for(&self, r: &Reader, side: Side) -> bool {
        let Some(group) = self.m.side(side).groups.get(&r.group) else { return false };
        let nothing = |topic: &Name| {
            (0..self.m.partitions(side, topic)).any(|p| {
                let from = group.commits.get(&(topic.clone(), p)).copied().unwrap_or(0);
                let log = self.m.log(side, topic, p);
                log.is_some_and(|log| from < log.high() && log.given(from, log.stable()) == 0)
            })
        };
        r.style == Style::Silent || r.reads.iter().any(nothing)
    }

    fn open_doors(&mut self) {
        let mut opened = false;
        for p in &mut self.site.probes {
            if let Looks::Door { open, .. } = &mut p.looks {
                opened |= !std::mem::replace(open, true);
            }
        }
        if opened {
            self.watch.disturbed(self.now);
        }
    }

    fn clear_strangers(&mut self, side: Side) {
        if !self.db.side(side).strangers.is_empty() {
            self.db.side_mut(side).strangers.clear();
            self.watch.disturbed(self.now);
        }
    }

    fn adopt_services(&mut self, step: usize) {
        for (j, id) in STEPS[SERVICES..].iter().enumerate().take(step + 1) {
            let life = self.agent.published.as_ref().and_then(|p| p.board.step(id).map(|b| b.life.clone()));
            let begun = matches!(life, Some(Life::Begun(..))) && (j < step || !self.sre.phase.is_multiple_of(2));
            let unwitnessed = begun && self.now - self.sre.since > 6 * PATIENCE;
            let lost = matches!(life, Some(Life::Pending | Life::OutOfOrder));
            if !self.sre.acted[j] || !(lost || unwitnessed) || self.in_a_downtime() {
                continue;
            }
            // What is go may still be claimed.
            let claims = j == step && !begun && !self.sre.lost_journal;
            if claims && self.ask(&Op::Begin { step: (*id).into() }) == Some(Ok(())) {
                return;
            }
            let said = match self.ask(&Op::Adopt { step: (*id).into(), anchors: BTreeMap::new() }) {
                Some(Err(r)) => r.text().to_owned(),
                other => format!("{other:?}"),
            };
            self.watch.story.push(format!("{} s: adopt {id}: {said}", self.now / 1000));
            return;
        }
    }

    /// Where nothing measures it, a person says that the traffic and the names have moved, if they have.
    fn confirm_moved(&mut self) {
        let (mut traffic, mut names) = (false, false);
        for p in &self.site.probes {
            traffic |= matches!(p.looks, Looks::Traffic) && p.gates.iter().any(|g| &**g == "redirect-traffic");
            names |= matches!(p.looks, Looks::Names(_));
        }
        let there = self.site.traffic == Side::Destination;
        for (word, so) in
            [("traffic-moved", self.sre.acted[1] && there && !traffic), ("names-moved", self.sre.acted[3] && !names)]
        {
            if so && self.agent.facts().confirmed(word, &[]).is_none() {
                let name: Name = word.into();
                self.ask(&Op::Confirm { name, subject: vec![] });
            }
        }
    }

    /// Takes the traffic back to the source, and then the step.
    fn take_back(&mut self) {
        if self.sre.acted[2] || !self.sre.acted[1] {
            self.sre.backs_out = false;
            return;
        }
        self.send_traffic(Side::Source);
        match self.ask(&Op::Withdraw { step: STEPS[SERVICES + 1].into() }) {
            Some(Ok(())) => {
                self.sre.backs_out = false;
                self.sre.phase = 2;
                self.sre.acted[1] = false;
                self.sre.since = self.now;
                self.watch.story.push(format!("{} s: redirect-traffic withdrawn", self.now / 1000));
            }
            Some(Err(Refusal::Bad(_) | Refusal::Settled(..))) => {
                self.sre.backs_out = false;
                if self.sre.phase > 2 {
                    // It was not begun: there is nothing to take back.
                    self.sre.phase = 2;
                    self.sre.acted[1] = false;
                }
            }
            _ => {}
        }
    }
}
