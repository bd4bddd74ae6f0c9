//! What people may do: claim a step, hold, release, confirm, adopt, withdraw, take a pair off the list. There is no
//! forced go. Every request is answered by the facts it makes, or refused whole.

use super::Gate;
use super::board::{Life, Verdict};
use super::life::{downtime_since, evidence, long_false, successor};
use crate::Name;
use crate::estate::mongodb::Ts;
use crate::estate::{Estate, Side};
use crate::facts::{Fact, Facts, How};
use crate::playbook::{self, Downtime, Effect, Exit, Step, Withdraw};
use crate::reading::{Code, Finding, Tri};
use crate::render;
use crate::time::Now;
use crate::view::View;
use std::collections::BTreeMap;

/// A request of a person, whose name is that of their token.
#[derive(Clone, PartialEq, Eq, Debug)]
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
        let v = View { estate, facts, settings: &settings, now };
        let (author, reason) = (author.clone(), reason.clone());
        match op {
            Op::Begin { step } => self.begin(&v, known(&v, step)?, author),
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
            Op::Adopt { step, anchors } => self.adopt(&v, known(&v, step)?, anchors, author, reason),
            Op::Withdraw { step } => self.withdraw(&v, known(&v, step)?, author, reason),
            Op::AcceptOffset { group, topic, partition } => {
                accept(&v, group, topic, *partition, author, reason).map(|f| vec![f])
            }
        }
    }

    fn begin(&mut self, v: &View<'_>, step: &'static Step, author: Name) -> Result<Vec<Fact>, Refusal> {
        let turn = self.evaluate(v.estate, v.facts, v.now);
        let Some(b) = turn.board.step(step.id) else { return Err(no_step(v, step.id)) };
        if let Some(code) = b.ready.settled {
            return Err(Refusal::Settled(code, render::answer(&b.ready)));
        }
        // Begun by its effect: claiming it now is claiming the same action.
        let unclaimed = matches!(b.life, Life::Begun(_, How::Unclaimed));
        if matches!(b.life, Life::Begun(..)) && !unclaimed {
            return Err(Refusal::Settled(Code::AlreadyBegun, format!("{} is begun already", step.id)));
        }
        if b.ready.verdict != Verdict::Go || turn.board.expired(&b.ready, v.now) {
            let code = render::chief(&b.ready).map_or(Code::Expired, |f| f.code);
            return Err(Refusal::NotNow(code, render::answer(&b.ready)));
        }
        // What was frozen when it was seen to begin stays frozen.
        let mut facts = if unclaimed { Vec::new() } else { (step.anchors_begun)(v) };
        facts.push(Fact::Begun {
            step: step.id.into(),
            at: v.now.wall,
            how: How::Claimed { author },
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
        let before = self.evaluate(v.estate, v.facts, v.now);
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
        let mut facts: Vec<Fact> = Vec::new();
        let mut typed = typed.clone();
        for f in (step.anchors_adopted)(v, &author) {
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
        facts.push(Fact::Begun { step: step.id.into(), at: v.now.wall, how, evidence: vec![] });
        // What the done checks say once it is begun with these anchors.
        let mut then = v.facts.clone();
        facts.iter().cloned().for_each(|f| then.apply(f));
        crate::playbook::seen::observe(&View { facts: &then, ..*v }).into_iter().for_each(|f| then.apply(f));
        let after = self.evaluate(v.estate, &then, v.now);
        let Some(a) = after.board.step(step.id) else { return Err(no_step(v, step.id)) };
        let mut missing: Vec<(Code, String)> = Vec::new();
        for (c, old) in a.done.checks.iter().zip(&b.done.checks).filter(|(c, _)| !c.advisory) {
            // Its dwell could not run while its anchors were missing.
            let fresh = c.reading.is == Tri::Yes && old.reading.is != Tri::Yes;
            let unmeasurable = c.reading.is == Tri::Unknown
                && c.reading.worst.iter().all(|f| {
                    matches!(f.code, Code::NeverSeen | Code::NotBuilt | Code::NotMeasured | Code::CadenceUnknown)
                });
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
        facts.push(Fact::Done { step: step.id.into(), at: v.now.wall, evidence: evidence(&a.done) });
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
        let turn = self.evaluate(v.estate, v.facts, v.now);
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
        Ok(vec![Fact::Withdrawn { step: step.id.into(), at: v.now.wall, author, reason }])
    }
}

fn list(mut names: Vec<&str>) -> String {
    names.sort_unstable();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

fn no_step(v: &View<'_>, id: &str) -> Refusal {
    let known: Vec<&str> = v.settings.tracks.iter().flat_map(|t| playbook::steps(*t)).map(|s| s.id).collect();
    Refusal::NoSuch(format!("there is no step `{id}`; known: {}", known.join(", ")))
}

fn known(v: &View<'_>, id: &str) -> Result<&'static Step, Refusal> {
    playbook::step(id).filter(|s| v.settings.tracks.contains(&s.track)).ok_or_else(|| no_step(v, id))
}

fn confirm(v: &View<'_>, name: &Name, subject: &[Name], author: Name, reason: Name) -> Result<Vec<Fact>, Refusal> {
    let exits = playbook::exits();
    let exit: &Exit = exits.iter().find(|e| e.confirm == &**name).ok_or_else(|| {
        let known: Vec<&str> = exits.iter().map(|e| e.confirm).collect();
        Refusal::NoSuch(format!("there is no confirmation `{name}`; known: {}", list(known)))
    })?;
    if exit.about.len() != subject.len() {
        let wants: Vec<String> = exit.about.iter().map(|a| format!("<{a}>")).collect();
        return Err(Refusal::Bad(format!("confirm {name} takes {}: {}", wants.join(" "), exit.says)));
    }
    let mut facts = Vec::new();
    let mut basis = None;
    let none = |what: &str, known: Vec<&str>| Refusal::NoSuch(format!("there is no {what}; known: {}", list(known)));
    let kafka = v.settings.kafka.as_ref();
    for (what, given) in exit.about.iter().zip(subject) {
        match *what {
            "producer" => {
                let known: Vec<&str> = kafka.iter().flat_map(|k| k.producers.keys()).map(|n| &**n).collect();
                if !known.contains(&&**given) {
                    return Err(none(&format!("producer `{given}`"), known));
                }
                basis = Some(playbook::producer_basis(v, given).map_err(not_now)?);
            }
            "group" => {
                let pairs = v.facts.pairs.values().flatten();
                let known: std::collections::BTreeSet<Name> =
                    kafka.iter().flat_map(|k| pairs.clone().map(|(g, _)| k.group_there(g))).collect();
                if !known.contains(given) {
                    return Err(none(&format!("group `{given}`"), known.iter().map(|n| &**n).collect()));
                }
            }
            "requirement" => {
                let known: Vec<&str> = playbook::REQUIREMENTS.iter().map(|r| r.0).collect();
                if !known.contains(&&**given) {
                    return Err(none(&format!("requirement `{given}`"), known));
                }
            }
            "mirror" => {
                let known: Vec<&str> = v.settings.mongodb.iter().flat_map(|m| m.mirrors.keys()).map(|n| &**n).collect();
                if !known.contains(&&**given) {
                    return Err(none(&format!("mirror `{given}`"), known));
                }
            }
            "namespace" => {
                basis = Some(playbook::counts_basis(v, given).map_err(not_now)?);
            }
            "track" => {
                let known: Vec<&str> = v.settings.tracks.iter().map(|t| t.as_str()).collect();
                if !known.contains(&&**given) {
                    return Err(none(&format!("track `{given}`"), known));
                }
            }
            _ => {}
        }
    }
    if exit.confirm == "source-kafka-fenced" && v.kafka(Side::Source).is_ok() {
        return Err(Refusal::NotNow(
            Code::Attached,
            "the source Kafka answers the agent: what it says counts, there is nothing to confirm".to_owned(),
        ));
    }
    if exit.confirm == "source-fenced" && v.mongodb(Side::Source).is_ok() {
        return Err(Refusal::NotNow(
            Code::Connected,
            "the source MongoDB answers the agent: what it says counts, there is nothing to confirm".to_owned(),
        ));
    }
    if exit.confirm == "scaled-to-zero" && subject.iter().any(|s| &**s == "mongodb") {
        playbook::nobody_writes(v).map_err(not_now)?;
    }
    // A word about an effect is said of a step that was taken.
    let of =
        [("traffic-moved", "redirect-traffic"), ("names-moved", "switch-dns"), ("writers-started", "start-writers")];
    if let Some((_, step)) = of.into_iter().find(|(word, step)| *word == exit.confirm && !v.facts.is_begun(step)) {
        return Err(Refusal::NotNow(
            Code::NotBegun,
            format!("{step} is not begun: there is no effect of it to confirm yet"),
        ));
    }
    match exit.confirm {
        "reconciled-writes" => facts.push(reconciled_writes(v, subject, &author)?),
        "reconciled" => facts.push(reconciled(v, subject, &author)?),
        "reconciled-destination" => facts.push(reconciled_there(v, subject, &author)?),
        _ => {}
    }
    facts.push(Fact::Confirmed {
        name: name.clone(),
        subject: subject.to_vec(),
        at: v.now.wall,
        author,
        reason,
        basis,
    });
    Ok(facts)
}

fn reconciled(v: &View<'_>, subject: &[Name], author: &Name) -> Result<Fact, Refusal> {
    let [topic, partition, offset] = subject else {
        return Err(Refusal::Bad("confirm reconciled takes <topic> <partition> <offset>".to_owned()));
    };
    let number =
        |what: &str, n: &Name| n.parse::<i64>().map_err(|_| Refusal::Bad(format!("{what} `{n}` is not a number")));
    let (p, offset) = (number("partition", partition)?, number("offset", offset)?);
    let s = v.kafka(Side::Source).map_err(not_now)?;
    let t = s.topic(topic).map_err(|_| {
        let known = s.sample.topics.keys().map(|t| &**t).collect();
        Refusal::NoSuch(format!("there is no topic `{topic}` in scope on the source; known: {}", list(known)))
    })?;
    let part = i32::try_from(p).ok().and_then(|p| Some((p, t.partitions.get(&p)?)));
    let (p, part) = part.ok_or_else(|| Refusal::NoSuch(format!("{topic} has no partition {p}")))?;
    let ends = part.ends.as_ref().map_err(|f| Refusal::NotNow(f.kind.into(), f.message.to_string()))?;
    let key = s.key(topic, t, p);
    let old = v.facts.source_ends.get(&key).map_or(0, |a| a.offset);
    if ends.has_open_transaction() {
        let text = format!("a transaction is open on {topic} partition {p}: wait until it has ended");
        return Err(Refusal::NotNow(Code::OpenTransaction, text));
    }
    // After an unclean election the end may lie below its anchor: then a person speaks for what was lost.
    let lost = ends.high < old && offset == ends.high;
    if !lost && (offset > ends.high || offset < old) {
        return Err(Refusal::Bad(format!(
            "{topic} partition {p} was anchored at {old} and ends at {}: name an offset between the two",
            ends.high
        )));
    }
    Ok(Fact::SourceEnd { key, offset, adopted: Some(author.clone()) })
}

/// Moves a recorded start to where the destination's log begins now.
fn reconciled_there(v: &View<'_>, subject: &[Name], author: &Name) -> Result<Fact, Refusal> {
    let [topic, partition, offset] = subject else {
        return Err(Refusal::Bad("confirm reconciled-destination takes <topic> <partition> <offset>".to_owned()));
    };
    let d = v.kafka(Side::Destination).map_err(not_now)?;
    let t = d.topic(topic).map_err(|_| {
        let known = d.sample.topics.keys().map(|t| &**t).collect();
        Refusal::NoSuch(format!("there is no topic `{topic}` in scope at the destination; known: {}", list(known)))
    })?;
    let part = partition.parse::<i32>().ok().and_then(|p| Some((p, t.partitions.get(&p)?)));
    let (p, part) = part.ok_or_else(|| Refusal::NoSuch(format!("{topic} has no partition {partition}")))?;
    let ends = part.ends.as_ref().map_err(|f| Refusal::NotNow(f.kind.into(), f.message.to_string()))?;
    let key = d.key(topic, t, p);
    match (v.facts.starts.get(&key), offset.parse::<i64>()) {
        (None, _) => Err(Refusal::Bad(format!("{topic} partition {p} has no recorded start"))),
        (Some(_), Ok(offset)) if offset == ends.low => {
            Ok(Fact::RecordedStart { key, offset, adopted: Some(author.clone()) })
        }
        (Some(old), _) => Err(Refusal::Bad(format!(
            "{topic} partition {p} was recorded to start at {} and begins at {} now: name {}",
            old.offset, ends.low, ends.low
        ))),
    }
}

/// Moves the anchor of a side's last write to what was carried over, and no further.
fn reconciled_writes(v: &View<'_>, subject: &[Name], author: &Name) -> Result<Fact, Refusal> {
    let [side, ts] = subject else {
        return Err(Refusal::Bad("confirm reconciled-writes takes <side> <timestamp>".to_owned()));
    };
    let side = Side::BOTH.into_iter().find(|s| s.as_str() == &**side);
    let side =
        side.ok_or_else(|| Refusal::NoSuch(format!("there is no side `{}`; known: source, destination", subject[0])))?;
    let ts: Ts = ts.parse().map_err(|()| {
        Refusal::Bad(format!(
            "`{ts}` is no timestamp: write seconds and ordinal as the answer does, as in 1732312345.7"
        ))
    })?;
    let m = v.mongodb(side).map_err(not_now)?;
    let set = m.sample.set_id.clone();
    let old = v.facts.last_writes.get(&set).map(|a| a.ts).ok_or_else(|| {
        Refusal::NotNow(Code::NoAnchor, format!("nothing was anchored on the {side}: there is nothing to reconcile"))
    })?;
    let newest = playbook::newest_write(v, &m).map_err(not_now)?;
    // After a rollback the newest write lies below its anchor: then a person speaks for what was lost.
    let lost = newest < old && ts == newest;
    if !lost && (ts < old || ts > newest) {
        let text = format!(
            "the {side} was anchored at {old} and was last written at {newest}: name a timestamp between the two"
        );
        return Err(Refusal::Bad(text));
    }
    Ok(Fact::LastWrite { set, ts, unseen: false, adopted: Some(author.clone()) })
}

/// A gap as the reason why not now.
fn not_now(g: crate::reading::Gap) -> Refusal {
    let f: Finding = g.into();
    Refusal::NotNow(f.code, render::sentence(&f))
}

fn accept(v: &View<'_>, group: &Name, topic: &Name, p: i32, author: Name, reason: Name) -> Result<Fact, Refusal> {
    let s = v.kafka(Side::Source).map_err(not_now)?;
    let pairs = v.pairs(&s);
    if !pairs.iter().any(|(g, t)| *g == group && *t == topic) {
        let known: Vec<String> = pairs.iter().map(|(g, t)| format!("{g} on {t}")).collect();
        let known = list(known.iter().map(String::as_str).collect());
        return Err(Refusal::NoSuch(format!("`{group}` on `{topic}` is no pair of this migration; known: {known}")));
    }
    let (committed, ends, key) = playbook::position(v, &s, group, topic, p).map_err(not_now)?;
    Ok(Fact::Accepted { key, group: group.clone(), committed, end: ends.high, at: v.now.wall, author, reason })
}
