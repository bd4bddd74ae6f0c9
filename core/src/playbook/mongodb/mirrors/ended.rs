//! Whether a mirror has finished, stays away, or has appeared.

use super::super::clients::sessions;
use super::super::shared::{NO_MIRROR, body, newest, sighted, writes};
use super::super::writes::source_or_word;
use super::unseen;
use crate::Name;
use crate::estate::Side;
use crate::estate::mongodb::Ts;
use crate::reading::{Basis, Code, Finding, Gap, Known, Qty, Reading, Subject, each, none_of};
use crate::settings::{MirrorKind, MirrorSettings, MongodbSettings};
use crate::view::{Mongodb, View};

/// It has ended as it should: its sessions are gone on both sides, and it had applied everything that was written. Where
/// the source is fenced and does not answer, the destination's sessions and the journaled last write stand for it.
pub(in crate::playbook::mongodb) fn finished(v: &View<'_>) -> Reading {
    body(|| {
        let (settings, d) = (v.mongodb_settings()?, v.mongodb(Side::Destination)?);
        let s = source_or_word(v)?.ok();
        let basis = Some(s.as_ref().map_or(d.basis, |s| s.basis.merge(d.basis)));
        let all = settings.mirrors.iter().map(|(n, m)| (n, (n, m)));
        Ok(each(basis, all, NO_MIRROR, |(name, m)| ended(v, s.as_ref(), &d, name, m)))
    })
}

fn ended(v: &View<'_>, s: Option<&Mongodb<'_>>, d: &Mongodb<'_>, name: &Name, m: &MirrorSettings) -> Known<Finding> {
    let settings = v.mongodb_settings()?;
    let at = || Subject::Mirror(name.clone());
    if m.kind != MirrorKind::Mongomirror {
        return Err(Gap::new(Code::NotBuilt, at()).detail(format!("mirrors of kind {}", m.kind.as_str())));
    }
    if m.client.is_empty() {
        return Err(Gap::new(Code::NotMeasured, at())
            .detail("its end is the absence of its sessions, and nothing says what they look like")
            .fix(format!("mongodb.mirrors.{name}.client: {{ address: … }} or {{ app_name: … }}")));
    }
    let sides: Vec<&Mongodb<'_>> = s.into_iter().chain([d]).collect();
    if let Some(f) = still_there(v, &sides, name)? {
        return Ok(f);
    }
    let position = v.facts.positions.get(name).copied().filter(|p| *p > Ts::default()).ok_or_else(|| {
        Gap::new(Code::NoAnchor, at())
            .detail("no position of it was journaled since the writers were stopped")
            .fix("start it again where it was, let it drain, end it")
    })?;
    let last = match s {
        Some(s) => match newest(settings, writes(s)?, Some(m)) {
            (ts, true) => ts,
            (_, false) => unseen(writes(s)?, position, &at())?,
        },
        None => {
            let set = v.facts.deployments.get(&Side::Source);
            let anchor = set.and_then(|set| v.facts.last_writes.get(set));
            anchor.map(|a| a.ts).ok_or_else(|| Gap::new(Code::NoAnchor, Subject::Mongodb(Side::Source)))?
        }
    };
    if position < last && !carried_over(v, last) {
        return Ok(Finding::no(Code::Behind, at())
            .seen(Qty::Words(position.to_string().into()))
            .limit(Qty::Words(last.to_string().into()))
            .detail("it ended before it had applied everything: start it again, let it drain"));
    }
    for side in sides {
        if !v.facts.sessions.contains(&(side.sample.set_id.clone(), name.clone())) {
            return Err(Gap::new(Code::NeverSeen, at()).detail(format!(
                "none of its sessions was ever seen on the {}, so their absence proves nothing",
                side.side
            )));
        }
    }
    Ok(Finding::yes(Code::Ok, at()).seen(Qty::Words(position.to_string().into())))
}

/// A person has carried over by hand what was written on the source up to here, and said so.
fn carried_over(v: &View<'_>, last: Ts) -> bool {
    let subject = [Side::Source.as_str().into(), last.to_string().into()];
    v.facts.confirmed("reconciled-writes", &subject).is_some()
}

/// What shows that a mirror is still there: its sessions, or an answer of its status port.
fn still_there(v: &View<'_>, sides: &[&Mongodb<'_>], name: &Name) -> Known<Option<Finding>> {
    let at = || Subject::Mirror(name.clone());
    for m in sides {
        if let Some((host, who)) = sessions(v, m, name)?.first() {
            let f = Finding::no(Code::StillThere, at()).detail(format!("a session on {host} ({}): {who}", m.side));
            return Ok(Some(f));
        }
    }
    Ok(answers(v, name).then(|| Finding::no(Code::StillThere, at()).detail("its status port answers")))
}

/// Its status port answers; a port that refuses or is silent says nothing.
fn answers(v: &View<'_>, name: &Name) -> bool {
    let target = crate::estate::Target::Mirror(name.clone());
    let failing = v.failing(&target).is_some();
    let settings = v.settings.mongodb.as_ref().and_then(|s| s.mirrors.get(name).map(|m| (s, m)));
    !failing
        && settings.is_some_and(|(s, m)| {
            let own = s.mirrors.get_key_value(name).map(|(n, _)| n);
            own.is_some_and(|n| v.mirror(n, m).is_ok_and(|m| m.sample.instances.iter().any(Result::is_ok)))
        })
}

/// Nothing contradicts that every mirror has ended. Silence is no contradiction.
pub(in crate::playbook::mongodb) fn stay_away(v: &View<'_>) -> Reading {
    body(|| {
        let settings = v.mongodb_settings()?;
        let sides = Side::BOTH.iter().filter_map(|s| v.mongodb(*s).ok());
        let basis = sides.map(|m| m.basis).reduce(Basis::merge);
        Ok(none_of(basis, settings.mirrors.keys().flat_map(|name| contradicting(v, settings, name))))
    })
}

/// What shows, as far as it is measured, that a mirror has not ended.
fn contradicting(v: &View<'_>, settings: &MongodbSettings, name: &Name) -> Vec<Finding> {
    let at = || Subject::Mirror(name.clone());
    let mut found = Vec::new();
    for m in Side::BOTH.iter().filter_map(|s| v.mongodb(*s).ok()) {
        let seen = m.sample.members.values().filter_map(|x| x.clients.as_ref().ok()).flatten();
        let rules = settings.mirrors.get(name);
        if let Some(c) = seen.into_iter().find(|c| rules.is_some_and(|r| r.is_session(c))) {
            let said = format!("a session on the {}: {}", m.side, settings.identity(c).1);
            found.push(Finding::no(Code::StillThere, at()).detail(said));
        }
    }
    if answers(v, name) {
        found.push(Finding::no(Code::StillThere, at()).detail("its status port answers"));
    }
    found
}

/// What shows that a mirror is still there: what a person must not contradict.
pub(crate) fn mirror_is_there(v: &View<'_>, name: &Name) -> Option<Finding> {
    contradicting(v, v.mongodb_settings().ok()?, name).into_iter().next()
}

/// A mirror is there: what begins `start-mirror`.
pub(in crate::playbook::mongodb) fn appears(v: &View<'_>) -> Reading {
    body(|| {
        let settings = v.mongodb_settings()?;
        let mut basis = None;
        let (mut found, mut missing) = (Vec::new(), None);
        for (name, m) in &settings.mirrors {
            let at = || Subject::Mirror(name.clone());
            if let Ok(mirror) = v.mirror(name, m) {
                basis = Basis::join(basis, Some(mirror.basis));
                if answers(v, name) {
                    found.push(Finding::yes(Code::Seen, at()).detail("its status port answers"));
                }
            }
            for side in Side::BOTH {
                let seen = v.mongodb(side).and_then(|db| {
                    basis = Basis::join(basis, Some(db.basis));
                    Ok(sessions(v, &db, name)?.first().map(|(_, who)| (*who).to_owned()))
                });
                match seen {
                    Ok(who) => {
                        found.extend(who.map(|who| {
                            Finding::yes(Code::Seen, at()).detail(format!("a session on the {side}: {who}"))
                        }))
                    }
                    Err(g) => missing = Some(g),
                }
            }
            if m.client.is_empty() {
                let unseen = Gap::new(Code::NotMeasured, at()).detail(
                    "whether it runs already: its port does not answer, and nothing says what its sessions look like",
                );
                missing =
                    Some(unseen.fix(format!("mongodb.mirrors.{name}.client: {{ app_name: … }} or {{ address: … }}")));
            }
        }
        Ok(sighted(basis, found, missing))
    })
}
