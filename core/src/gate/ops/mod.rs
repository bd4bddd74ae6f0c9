//! What people may do: claim a step, hold, release, confirm, adopt, withdraw, take a pair off the list. There is no
//! forced go. Every request is answered by the facts it makes, or refused whole.

mod taken;
mod words;

pub use taken::taken;

use super::Gate;
use super::board::{Life, Verdict};
use super::life::{downtime_since, evidence, long_false, successor};
use crate::Name;
use crate::estate::Estate;
use crate::facts::{Fact, Facts, How};
use crate::hint;
use crate::playbook::{self, Downtime, Effect, Step, Withdraw};
use crate::reading::{Code, Tri};
use crate::render;
use crate::time::Now;
use crate::view::View;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use words::{accept, confirm, retract};

/// A request of a person, whose name is that of their token.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Op {
    /// Claims a step: go only while ready is go, and begun from then on.
    Begin {
        /// The step.
        step: Name,
    },
    /// Stops a step, or all of them.
    Hold {
        /// The step; all if none.
        step: Option<Name>,
    },
    /// Takes a hold off.
    Release {
        /// The step; the hold on all if none.
        step: Option<Name>,
    },
    /// A person's word, where the playbook offers one.
    Confirm {
        /// The word.
        name: Name,
        /// What it is about.
        subject: Vec<Name>,
    },
    /// Takes a person's word back.
    Retract {
        /// The word.
        name: Name,
        /// What it was about.
        subject: Vec<Name>,
    },
    /// Takes a step as done that nobody claimed.
    Adopt {
        /// The step.
        step: Name,
        /// Anchors typed in: (topic, partition) → offset.
        anchors: BTreeMap<(Name, i32), i64>,
    },
    /// Takes a begun or done step back.
    Withdraw {
        /// The step.
        step: Name,
    },
    /// Takes a pair that will never commit off the list, at the offsets of now.
    AcceptOffset {
        /// The group.
        group: Name,
        /// The topic, as on the source.
        topic: Name,
        /// The partition.
        partition: i32,
    },
}

/// Why a request is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// There is no such step, group, topic or word; with what there is.
    NoSuch(String),
    /// The request makes no sense as it stands.
    Bad(String),
    /// Not now: what is missing, with the code of the first thing.
    NotNow(Code, String),
    /// It will never be possible: done, or begun and once.
    Settled(Code, String),
}

impl Refusal {
    /// The sentence.
    pub fn text(&self) -> &str {
        match self {
            Refusal::NoSuch(t) | Refusal::Bad(t) | Refusal::NotNow(_, t) | Refusal::Settled(_, t) => t,
        }
    }
}

impl Gate {
    /// What a request makes true, or why it is refused. `author` is the token's name.
    ///
    /// # Errors
    /// [`Refusal`]: nothing is changed then.
    pub fn request(
        &mut self,
        estate: &Estate,
        facts: &Facts,
        now: Now,
        author: &Name,
        reason: &Name,
        op: &Op,
    ) -> Result<Vec<Fact>, Refusal> {
        let settings = self.settings.clone();
        let v = View::new(estate, facts, &settings, now);
        let (author, reason) = (author.clone(), reason.clone());
        match op {
            Op::Begin { step } => self.begin(&v, known(&v, step)?, author, reason),
            Op::Hold { step } => {
                let step = step.as_ref().map(|s| known(&v, s).map(|s| s.id.into())).transpose()?;
                Ok(vec![Fact::Held { step, at: now.wall, author, reason }])
            }
            Op::Release { step } => {
                let step: Option<Name> = step.as_ref().map(|s| known(&v, s).map(|s| s.id.into())).transpose()?;
                if !facts.holds().contains_key(&step) {
                    let held: Vec<&str> = facts.holds().keys().map(|s| s.as_deref().unwrap_or("everything")).collect();
                    let what = step.as_deref().unwrap_or("everything");
                    return Err(Refusal::Bad(format!("nothing holds {what}; held now: {}", list(held))));
                }
                Ok(vec![Fact::Released { step, at: now.wall, author, reason }])
            }
            Op::Confirm { name, subject } => confirm(&v, name, subject, author, reason),
            Op::Retract { name, subject } => retract(&v, name, subject, author, reason).map(|f| vec![f]),
            Op::Adopt { step, anchors } => self.adopt(&v, known(&v, step)?, anchors, author, reason),
            Op::Withdraw { step } => self.withdraw(&v, known(&v, step)?, author, reason),
            Op::AcceptOffset { group, topic, partition } => {
                accept(&v, group, topic, *partition, author, reason).map(|f| vec![f])
            }
        }
    }

    fn begin(&mut self, v: &View<'_>, step: &'static Step, author: Name, reason: Name) -> Result<Vec<Fact>, Refusal> {
        let turn = self.evaluate(v.estate(), v.facts, v.now());
        let Some(b) = turn.board.step(step.id) else { return Err(no_step(v, step.id)) };
        if let Some(code) = b.ready.settled {
            return Err(Refusal::Settled(code, render::answer(&b.ready)));
        }
        // Begun by its effect: claiming it now is claiming the same action.
        let unclaimed = matches!(b.life, Life::Begun(_, How::Unclaimed));
        if matches!(b.life, Life::Begun(..)) && !unclaimed {
            return Err(Refusal::Settled(Code::AlreadyBegun, format!("{} is begun already", step.id)));
        }
        if b.ready.verdict != Verdict::Go || turn.board.expired(&b.ready, v.now()) {
            let code = render::chief(&b.ready).map_or(Code::Expired, |f| f.code);
            return Err(Refusal::NotNow(code, render::answer(&b.ready)));
        }
        // What was frozen when it was seen to begin stays frozen.
        let mut facts = if unclaimed { Vec::new() } else { (step.anchors_begun)(v) };
        if playbook::steps(step.track).first().is_some_and(|s| s.id == step.id) && !unclaimed {
            facts.extend(playbook::seen::answering(v, step.track));
        }
        facts.push(Fact::Begun {
            step: step.id.into(),
            at: v.now().wall,
            how: How::Claimed { author, reason: Some(reason).filter(|r| !r.is_empty()) },
            evidence: evidence(&b.ready),
        });
        Ok(facts)
    }

    fn adopt(
        &mut self,
        v: &View<'_>,
        step: &'static Step,
        typed: &BTreeMap<(Name, i32), i64>,
        author: Name,
        reason: Name,
    ) -> Result<Vec<Fact>, Refusal> {
        if v.facts.is_done(step.id) {
            return Err(Refusal::Settled(Code::AlreadyDone, format!("{} is done already", step.id)));
        }
        let before = self.evaluate(v.estate(), v.facts, v.now());
        let Some(b) = before.board.step(step.id) else { return Err(no_step(v, step.id)) };
        let open = |o: &&super::board::StepBoard| !matches!(o.life, Life::Done(..) | Life::Skipped(_));
        let mut before_it = before.board.steps.iter().filter(|o| o.step.track == step.track && o.position < b.position);
        if let Some(p) = before_it.rfind(open) {
            let text = format!("{} comes before it and is {}: adopt or finish that first", p.step.id, p.life.as_str());
            return Err(Refusal::NotNow(Code::Predecessor, text));
        }
        // Two downtimes that are not shared would each wait for the other to end.
        let mut others = v.settings.tracks.iter().filter(|t| **t != step.track && downtime_since(v, **t).is_some());
        if step.downtime == Downtime::Opens
            && !v.settings.joint
            && let Some(other) = others.next()
        {
            let text = format!("the {other} track is in its downtime: adopt {} when that is over", step.id);
            return Err(Refusal::NotNow(Code::OtherDowntime, text));
        }
        // From the first step on, a side is the one that answers at that instant.
        if let Some((side, was, is)) = playbook::seen::another(v, step.track) {
            let text = format!(
                "{} cannot be adopted: {is} answers on the {side}, and it was go with {was}: point it at the one it was, or \
                 start again with a higher `attempt`",
                step.id
            );
            return Err(Refusal::NotNow(Code::OtherCluster, text));
        }
        let mut facts: Vec<Fact> = Vec::new();
        let mut typed = typed.clone();
        for f in (step.anchors_adopted)(v, &author).map_err(|g| words::not_adopted(step, g))? {
            facts.push(match f {
                Fact::RecordedStart { key, offset, adopted } => {
                    match typed.remove(&(key.topic.clone(), key.partition)) {
                        Some(offset) => Fact::RecordedStart { key, offset, adopted: Some(author.clone()) },
                        None => Fact::RecordedStart { key, offset, adopted },
                    }
                }
                Fact::SourceEnd { key, offset, adopted } => match typed.remove(&(key.topic.clone(), key.partition)) {
                    Some(offset) => Fact::SourceEnd { key, offset, adopted: Some(author.clone()) },
                    None => Fact::SourceEnd { key, offset, adopted },
                },
                f => f,
            });
        }
        if let Some(((topic, p), _)) = typed.into_iter().next() {
            return Err(Refusal::NoSuch(format!("{} has no anchor on {topic} partition {p}", step.id)));
        }
        let how = How::Adopted { author, reason };
        facts.push(Fact::Begun { step: step.id.into(), at: v.now().wall, how, evidence: vec![] });
        // What the done checks say once it is begun with these anchors.
        let mut then = v.facts.clone();
        facts.iter().cloned().for_each(|f| then.apply(f));
        crate::playbook::seen::observe(&View::new(v.estate(), &then, v.settings, v.now()))
            .into_iter()
            .for_each(|f| then.apply(f));
        let after = self.suppose(v.estate(), &then, v.now());
        let Some(a) = after.board.step(step.id) else { return Err(no_step(v, step.id)) };
        let mut missing: Vec<(Code, String)> = Vec::new();
        for (c, old) in a.done.checks.iter().zip(&b.done.checks).filter(|(c, _)| !c.advisory) {
            // Its dwell could not run while its anchors were missing.
            let fresh = c.reading.is == Tri::Yes && old.reading.is != Tri::Yes;
            let unmeasurable = c.reading.is == Tri::Unknown
                && c.reading.worst.iter().all(|f| {
                    matches!(f.code, Code::NeverSeen | Code::NotBuilt | Code::NotMeasured | Code::CadenceUnknown)
                });
            // A person speaks for what nobody can measure; not against what was measured to be false within its dwell.
            let spoken_for = unmeasurable || (fresh && old.reading.is == Tri::Unknown);
            let lately = old.unrefuted.filter(|ago| spoken_for && *ago < c.need);
            if let Some(ago) = lately {
                let id = c.check.id;
                missing.push((Code::Dwelling, format!("{id}: was false until {ago} ago, must not be for {}", c.need)));
            }
            if c.is != Tri::Yes && !fresh && !unmeasurable {
                let f = c.chief();
                let fix = f.fix.as_ref().map_or(String::new(), |fix| format!(" ({fix})"));
                missing.push((f.code, format!("{}: {}{fix}", c.check.id, render::sentence(&f))));
            }
        }
        // Who is behind catches up: the step is taken as begun, and its life concludes when it is done. A step whose
        // effect is an absence is adopted whole or not at all.
        let behind = |c: &Code| matches!(c, Code::CatchingUp | Code::NoAnchor);
        let appears = matches!(step.effect, Effect::Appearance(_)) && !v.facts.is_begun(step.id);
        if appears && !missing.is_empty() && missing.iter().all(|(code, _)| behind(code)) {
            return Ok(facts);
        }
        if let Some((code, _)) = missing.first() {
            let said: Vec<String> = missing.iter().map(|(_, s)| s.clone()).collect();
            return Err(Refusal::NotNow(
                *code,
                format!("{} cannot be adopted, its done checks do not hold: {}", step.id, said.join("; ")),
            ));
        }
        facts.push(Fact::Done { step: step.id.into(), at: v.now().wall, evidence: evidence(&a.done) });
        Ok(facts)
    }

    fn withdraw(
        &mut self,
        v: &View<'_>,
        step: &'static Step,
        author: Name,
        reason: Name,
    ) -> Result<Vec<Fact>, Refusal> {
        let f = v.facts.step(step.id);
        if f.begun.is_none() {
            return Err(Refusal::Bad(format!("{} is not begun: there is nothing to withdraw", step.id)));
        }
        if let Some(next) = successor(v, step).filter(|s| v.facts.is_begun(s.id)) {
            return Err(Refusal::Settled(
                Code::AlreadyBegun,
                format!("{} is begun after it: {} can no longer be withdrawn", next.id, step.id),
            ));
        }
        let turn = self.evaluate(v.estate(), v.facts, v.now());
        // What began a step that nobody claimed may have been somebody's test: it can be taken back once everything is
        // again as it must be before the step.
        let undone = matches!(&f.begun, Some((_, How::Unclaimed)))
            && f.done.is_none()
            && turn.board.step(step.id).is_some_and(|b| b.ready.checks.iter().all(|c| c.advisory || c.is == Tri::Yes));
        let always = step.withdraw == Withdraw::Always || undone;
        if !always && (f.effect_seen || f.done.is_some()) {
            return Err(Refusal::Settled(
                Code::AlreadyDone,
                format!("{} cannot be rolled back, and its effect was seen", step.id),
            ));
        }
        if !long_false(self, v, step) {
            let how = match step.effect {
                Effect::Absence => "start what it stopped again",
                Effect::Appearance(_) => "undo it",
            };
            return Err(Refusal::NotNow(
                Code::Dwelling,
                format!("its done checks have not been measured false for long enough: {how}, and try again"),
            ));
        }
        Ok(vec![Fact::Withdrawn { step: step.id.into(), at: v.now().wall, author, reason }])
    }
}

fn list(mut names: Vec<&str>) -> String {
    names.sort_unstable();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

fn no_step(v: &View<'_>, id: &str) -> Refusal {
    let known: Vec<&str> = v.settings.tracks.iter().flat_map(|t| playbook::steps(*t)).map(|s| s.id).collect();
    Refusal::NoSuch(hint::no_such("step", id, &known))
}

fn known(v: &View<'_>, id: &str) -> Result<&'static Step, Refusal> {
    playbook::step(id).filter(|s| v.settings.tracks.contains(&s.track)).ok_or_else(|| no_step(v, id))
}
