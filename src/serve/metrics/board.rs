//! The samples of a board: the same however often it is scraped.

use super::family::{Families, count, flag, whole};
use super::names as m;
use crate::agent::Published;
use cutover_core::gate::board::{Gated, StepBoard, Verdict};
use cutover_core::reading::{Code, Finding, Subject, Tri};
use cutover_core::time::Wall;
use std::collections::BTreeMap;

const LIVES: [&str; 6] = ["pending", "skipped", "begun", "done", "undone", "out-of-order"];

/// Adds what the board holds.
pub(super) fn add(f: &mut Families, p: &Published) {
    for s in &p.board.steps {
        let over = |o: &&StepBoard| o.step.track == s.step.track && o.ready.settled.is_none();
        step(f, s, !p.board.steps.iter().any(|o| over(&o)));
    }
    for t in &p.board.tracks {
        if let Some(at) = t.downtime {
            f.add(&m::DOWNTIME, &[t.track.as_str()], seconds(at));
        }
    }
    kafka(f, p);
    mongodb(f, p);
    targets(f, p);
    f.add(&m::JOURNAL_UP, &[], flag(p.journal.is_none()));
    f.add(&m::REHEARSAL, &[], whole(p.settings.faster));
    f.add(&m::SIMULATED, &[], flag(p.simulated));
}

/// `over`: no step of its track is left, so that its tripwires have nobody but it to speak for them.
fn step(f: &mut Families, s: &StepBoard, over: bool) {
    let id = s.step.id;
    let irreversible = if s.step.way_back { "false" } else { "true" };
    f.add(&m::STEP_INFO, &[id, s.step.track.as_str(), irreversible, &s.position.to_string()], 1.0);
    for life in LIVES {
        f.add(&m::STEP_LIFE, &[id, life], flag(s.life.as_str() == life));
    }
    f.add(&m::STEP_UNDONE, &[id], count(s.undone_total));
    let mut blockers: BTreeMap<&str, u64> = BTreeMap::new();
    let open = s.ready.blockers.iter().filter(|b| b.is != Tri::Yes && s.ready.settled.is_none());
    let set_here = |b: &&Finding| over && b.code == Code::Tripwire && b.at == Subject::Step(s.step.id);
    for b in open.chain(s.done.blockers.iter().filter(set_here)) {
        *blockers.entry(b.code.as_str()).or_default() += 1;
    }
    for (code, n) in blockers {
        f.add(&m::STEP_BLOCKERS, &[id, code], count(n));
    }
    for (gate, answer) in [(Gated::Ready, &s.ready), (Gated::Done, &s.done)] {
        // A check that is left out judges nothing: no series rather than a verdict.
        for c in answer.checks.iter().filter(|c| !c.left_out) {
            for v in Verdict::ALL {
                let labels = [id, gate.as_str(), c.check.id, v.as_str()];
                f.add(&m::CHECK_VERDICT, &labels, flag(Verdict::from(c.is) == v));
            }
        }
    }
}

fn kafka(f: &mut Families, p: &Published) {
    for ((side, group, topic), pair) in &p.measures.pairs {
        let labels = [side.as_str(), group, topic];
        if let Some(lag) = pair.lag {
            f.add(&m::LAG, &labels, whole(lag));
        }
        if let Some(age) = pair.lag_time {
            f.add(&m::LAG_SECONDS, &labels, age.as_secs_f64());
        }
        if let Some(n) = pair.unknown_partitions {
            f.add(&m::UNKNOWN_PARTITIONS, &labels, count(n));
        }
        for (home, n) in pair.members.iter().flatten() {
            f.add(&m::MEMBERS, &[side.as_str(), group, topic, home.as_str()], count(*n));
        }
    }
    for ((side, topic), end) in &p.measures.end_offsets {
        f.add(&m::END_OFFSET, &[side.as_str(), topic], whole(*end));
    }
    for (side, c) in &p.measures.clusters {
        for (scope, topics, groups) in [("inside", c.topics, c.groups), ("outside", c.topics_outside, c.groups_outside)]
        {
            f.add(&m::TOPICS, &[side.as_str(), scope], count(topics));
            f.add(&m::GROUPS, &[side.as_str(), scope], count(groups));
        }
    }
}

fn mongodb(f: &mut Families, p: &Published) {
    for (side, d) in &p.measures.deployments {
        let side = side.as_str();
        if let Some(window) = d.window {
            f.add(&m::OPLOG_WINDOW, &[side], window.as_secs_f64());
        }
        if let Some(at) = d.last_write {
            f.add(&m::LAST_WRITE, &[side], seconds(at));
        }
        if let Some(open) = d.transactions {
            f.add(&m::TRANSACTIONS, &[side], count(open));
        }
        if let Some(on) = d.write_block {
            f.add(&m::WRITE_BLOCK, &[side], flag(on));
        }
        for ((role, home), n) in d.clients.iter().flatten() {
            f.add(&m::CLIENTS, &[side, role, home.as_str()], count(*n));
        }
    }
    for (name, mirror) in &p.measures.mirrors {
        if let Some(lag) = mirror.lag {
            f.add(&m::MIRROR_LAG, &[name], lag.as_secs_f64());
        }
        if let Some(left) = mirror.headroom {
            f.add(&m::MIRROR_HEADROOM, &[name], left.as_secs_f64());
        }
        f.add(&m::MIRROR_RESTARTS, &[name], count(mirror.restarts));
        f.add(&m::MIRROR_REFRESHES, &[name], count(mirror.refreshes));
    }
}

fn targets(f: &mut Families, p: &Published) {
    for (target, t) in &p.measures.targets {
        let name = target.to_string();
        f.add(&m::TARGET_UP, &[&name], flag(t.up));
        if let Some(at) = t.last_success {
            f.add(&m::TARGET_LAST_SUCCESS, &[&name], seconds(at));
        }
        f.add(&m::TARGET_SAMPLES, &[&name], count(t.samples));
        for (kind, n) in &t.failures {
            f.add(&m::TARGET_FAILURES, &[&name, kind], count(*n));
        }
    }
}

/// An instant in seconds since 1970.
pub(super) fn seconds(at: Wall) -> f64 {
    whole(at.0) / 1000.0
}
