//! What changes the playbook's steps: skipped, waiting for others, asking for more time.
//!
//! Nothing here makes an irreversible step easier than its floors; the built-in order cannot be replaced.

use super::error::{listed, quoted, unknown};
use super::read::At;
use super::values::duration_text;
use cutover_core::Name;
use cutover_core::playbook::{self, Check, Dwell, Step};
use cutover_core::settings::{Relaxation, Track};
use cutover_core::time::Dur;
use std::collections::{BTreeMap, BTreeSet};

/// What the section says.
#[derive(Default)]
pub(super) struct Steps {
    /// Steps skipped, and why.
    pub(super) skip: BTreeMap<Name, Name>,
    /// Steps that wait for others besides their predecessor.
    pub(super) after: BTreeMap<Name, Vec<Name>>,
    /// `for` of a check of a step.
    pub(super) dwell: BTreeMap<(Name, Name), Dur>,
}

/// Reads the section.
pub(super) fn read(at: &At<'_>, tracks: &BTreeSet<Track>) -> Steps {
    let mut steps = Steps::default();
    for (name, at) in at.entries() {
        let Some(step) = playbook::step(&name) else {
            at.fail(unknown_step(&name));
            continue;
        };
        if !at.is_map() {
            continue;
        }
        if !tracks.contains(&step.track) {
            at.warn(format!("has no effect: the {} track is not configured", step.track));
        }
        skip(&at, step, &mut steps);
        after(&at, step, tracks, &mut steps);
        for (id, at) in at.entries() {
            dwell(&at, step, &id, &mut steps);
        }
    }
    cycle(at, &steps.after);
    steps
}

/// Says that there is no such step, and which there are.
pub(super) fn unknown_step(name: &str) -> String {
    let known: Vec<&str> = playbook::all_steps().map(|s| s.id).collect();
    format!("there is no step {}{}", quoted(name), unknown(name, known))
}

fn skip(at: &At<'_>, step: &Step, steps: &mut Steps) {
    let at = at.get("skip");
    if at.given() && !step.skippable {
        let which: Vec<&str> = playbook::all_steps().filter(|s| s.skippable).map(|s| s.id).collect();
        at.fail(format!("`{}` cannot be skipped; only {} can", step.id, listed(which)));
        return;
    }
    if let Some(reason) = at.reason() {
        at.relax(&reason, &[step.track]);
        steps.skip.insert(step.id.into(), reason);
    }
}

fn after(at: &At<'_>, step: &Step, tracks: &BTreeSet<Track>, steps: &mut Steps) {
    let mut names: Vec<Name> = Vec::new();
    for item in at.get("after").items() {
        let Some(name) = item.text() else { continue };
        match playbook::step(&name) {
            None => item.fail(unknown_step(&name)),
            Some(other) if !tracks.contains(&other.track) => {
                item.fail(format!(
                    "`{name}` belongs to the {} track, which is not configured: it would never be done",
                    other.track
                ));
            }
            Some(_) if names.contains(&name) => item.fail(format!("`{name}` is named twice")),
            Some(_) => names.push(name),
        }
    }
    if !names.is_empty() {
        steps.after.insert(step.id.into(), names);
    }
}

fn dwell(at: &At<'_>, step: &'static Step, id: &Name, steps: &mut Steps) {
    let checks: BTreeMap<&str, &Check> = step
        .ready
        .iter()
        .chain(step.done)
        .map(|u| u.check)
        .chain(step.tripwires.iter().map(|t| t.check))
        .map(|c| (c.id, c))
        .collect();
    let Some(check) = checks.get(&**id).copied() else {
        let known: Vec<&str> = ["skip", "after"].into_iter().chain(checks.keys().copied()).collect();
        at.fail(format!("`{}` has no check {}{}", step.id, quoted(id), unknown(id, known)));
        return;
    };
    let at = at.get("for");
    if !at.given() {
        return;
    }
    if matches!(check.dwell, Dwell::None) {
        at.fail(format!("`{id}` has no `for`: it holds, or does not, in the newest samples"));
        return;
    }
    let Some(asked) = at.duration(Dur::ZERO..=Dur::days(7)) else { return };
    let (floor, default) = (check.dwell.floor(), check.dwell.default());
    if !step.way_back && asked < floor {
        at.fail(format!(
            "came {}, less than {}: `{}` has no way back, and `{id}` must hold at least that long",
            duration_text(asked),
            duration_text(floor),
            step.id
        ));
        return;
    }
    if asked < default {
        let reason = format!("for {} instead of {}", duration_text(asked), duration_text(default));
        let relaxation = Relaxation { path: at.path().into(), reason: reason.into(), tracks: vec![step.track] };
        at.pass().relaxations.borrow_mut().push(relaxation);
    }
    steps.dwell.insert((step.id.into(), id.clone()), asked);
}

/// Refuses steps that would wait for each other: by `after`, and by the order of their tracks.
fn cycle(at: &At<'_>, after: &BTreeMap<Name, Vec<Name>>) {
    let waits = |id: &str| -> Vec<&'static Step> {
        let own = playbook::step(id).map_or(&[][..], |s| playbook::steps(s.track));
        let before =
            own.iter().position(|s| s.id == id).and_then(|i| i.checked_sub(1)).and_then(|i| own.get(i)).copied();
        let named = after.get(id).into_iter().flatten().filter_map(|name| playbook::step(name));
        before.into_iter().chain(named).collect()
    };
    for start in after.keys() {
        let mut open: Vec<Vec<&'static str>> = waits(start).into_iter().map(|s| vec![s.id]).collect();
        let mut seen = BTreeSet::new();
        while let Some(way) = open.pop() {
            let Some(last) = way.last().copied() else { continue };
            if last == &**start {
                let way: Vec<&str> = std::iter::once(&**start).chain(way).collect();
                at.fail(format!("wait for each other: {}; none of them could ever begin", way.join(" after ")));
                return;
            }
            if seen.insert(last) {
                open.extend(waits(last).into_iter().map(|s| way.iter().copied().chain([s.id]).collect()));
            }
        }
    }
}
