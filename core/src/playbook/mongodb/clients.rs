//! Who is connected: readers, writers, mirrors' sessions. Absence counts only of those who were seen before, and only
//! where every data-bearing member listed its clients.

use super::shared::{body, both, sighted, word};
use super::writes::{source_or_word, written_since};
use crate::Name;
use crate::estate::Side;
use crate::estate::mongodb::MongoClient;
use crate::facts::{How, SeenClient};
use crate::reading::{Basis, Code, Finding, Gap, IfEmpty, Known, Reading, Subject, each, none_of};
use crate::settings::{ClientRule, MongodbSettings, Role};
use crate::view::{Mongodb, View, gap};
use std::collections::{BTreeMap, BTreeSet};

/// Every client of a deployment with the member it is on; unknown if any member's clients are.
pub(in crate::playbook) fn clients<'a>(m: &Mongodb<'a>) -> Known<Vec<(&'a Name, &'a MongoClient)>> {
    if m.sample.members.is_empty() {
        return Err(Gap::new(Code::EmptySet, Subject::Mongodb(m.side)).detail("data-bearing members"));
    }
    let mut all = Vec::new();
    for (host, member) in &m.sample.members {
        let listed = member.clients.as_ref().map_err(|f| gap(f, Subject::MongoMember(m.side, host.clone())))?;
        all.extend(listed.iter().map(|c| (host, c)));
    }
    Ok(all)
}

/// The sessions of a mirror: the member each is on, and whom its rule took for the mirror.
pub(super) fn sessions<'a>(v: &View<'a>, m: &Mongodb<'a>, mirror: &Name) -> Known<Vec<(&'a Name, &'a str)>> {
    let settings = v.mongodb_settings()?;
    let Some(rules) = settings.mirrors.get(mirror) else { return Ok(Vec::new()) };
    let own = clients(m)?.into_iter().filter(|(_, c)| rules.is_session(c));
    Ok(own.map(|(host, c)| (host, settings.identity(c).1)).collect())
}

/// The identities with a role that are connected now, each with a member it is on.
fn connected<'a>(settings: &MongodbSettings, m: &Mongodb<'a>, role: &Role) -> Known<BTreeMap<Name, &'a Name>> {
    let mut seen = BTreeMap::new();
    for (host, c) in clients(m)? {
        if settings.role(c) == *role {
            seen.insert(Name::from(settings.identity(c).1), host);
        }
    }
    Ok(seen)
}

/// The identities with a role that were ever seen on a deployment.
fn witnessed<'a>(v: &View<'a>, set: &str, writes: bool) -> BTreeSet<&'a Name> {
    let seen: Option<&'a BTreeSet<SeenClient>> = v.facts.clients.get(set);
    seen.into_iter().flatten().filter(|c| c.writes == writes).map(|c| &c.identity).collect()
}

/// Clients of the source that no rule recognises: one of them may be what is looked for.
fn unmatched(settings: &MongodbSettings, m: &Mongodb<'_>) -> Known<Vec<Finding>> {
    let mut names: BTreeSet<(Name, Name)> = BTreeSet::new();
    for (_, c) in clients(m)? {
        if settings.role(c) == Role::Unmatched {
            names.insert((settings.identity(c).1.into(), c.address.clone()));
        }
    }
    Ok(names
        .into_iter()
        .map(|(name, address)| {
            Finding::unknown(Code::UnmatchedClient, Subject::Client(m.side, name.clone()))
                .detail(format!("from {address}"))
                .fix("add it to identity.readers, identity.writers or, with a reason, identity.bystanders")
        })
        .collect())
}

/// Rules that have never recognised anybody on the source: that nobody matches them now proves nothing.
fn unrecognised(
    v: &View<'_>,
    settings: &MongodbSettings,
    s: &Mongodb<'_>,
    key: &'static str,
    rules: &[ClientRule],
) -> Known<Vec<Finding>> {
    let set = &s.sample.set_id;
    let mut found = Vec::new();
    for rule in rules.iter().filter(|r| !v.facts.recognised.contains(&(set.clone(), r.text().into()))) {
        let at = Subject::Thing(format!("a client that {key} recognises by {}", rule.text()).into());
        let f = Finding::unknown(Code::NeverSeen, at);
        let taken = |c: &MongoClient| match settings.role(c) {
            Role::Mirror(name) => Some(format!("mongodb.mirrors.{name}.client takes it for a session of the mirror")),
            Role::Bystander => Some("identity.bystanders says that it is none".to_owned()),
            Role::Reader | Role::Writer | Role::Unmatched => None,
        };
        let mut matching = clients(s)?.into_iter().filter(|(_, c)| settings.recognised(rule, c).is_some());
        found.push(match matching.find_map(|(_, c)| Some((settings.identity(c).1, taken(c)?))) {
            Some((who, taken)) => f
                .detail(format!("on the source: {who} matches, but {taken}"))
                .fix("narrow the rule that takes it, or this one"),
            None => f
                .detail("on the source, so that its absence proves nothing")
                .fix(format!("mend the pattern, or take it out of identity.{key} if there is no such client")),
        });
    }
    Ok(found)
}

const NO_READER: IfEmpty = IfEmpty::Never("readers on the source (identity.readers)");
const NO_WRITER: IfEmpty = IfEmpty::Never("writers on the source (identity.writers)");

/// Every reader is gone from the source and connected at the destination.
pub(super) fn readers_moved(v: &View<'_>) -> Reading {
    body(|| {
        let (settings, s, d) = both(v)?;
        let basis = Some(s.basis.merge(d.basis));
        if settings.readers.is_empty() {
            let none = Gap::new(Code::NotMeasured, Subject::Whole)
                .detail("nothing says who reads")
                .fix("identity.readers: { mongodb: { app_name: … } }, or skip switch-readers with a reason");
            return Err(none);
        }
        let (here, there) = (connected(settings, &s, &Role::Reader)?, connected(settings, &d, &Role::Reader)?);
        let all = witnessed(v, &s.sample.set_id, false);
        // Seen there is seen: one that comes and goes need not be there now.
        let seen = witnessed(v, &d.sample.set_id, false);
        let adopted = adopted(v, "switch-readers");
        let moved = match &adopted {
            // An agent that came after them cannot have seen them on the source: the word of who adopted the step counts.
            Some(f) if all.is_empty() => Reading::of(f.clone(), basis),
            _ => each(basis, all.iter().map(|i| (*i, *i)), NO_READER, |i| Ok(moved(i, &here, &there, &seen))),
        };
        // One that is seen for the first time now is witnessed only with the next turn.
        let fresh = here.iter().filter(|(i, _)| !all.contains(i)).map(|(i, host)| {
            Finding::no(Code::Connected, Subject::Client(Side::Source, i.clone())).detail(format!("on {host}"))
        });
        let never = match adopted {
            Some(_) => Vec::new(),
            None => unrecognised(v, settings, &s, "readers", &settings.readers)?,
        };
        Ok(moved.and(none_of(basis, fresh)).and(none_of(basis, unmatched(settings, &s)?)).and(none_of(basis, never)))
    })
}

/// A step that somebody took as done: their word, to be said with whatever rests on it.
pub(super) fn adopted(v: &View<'_>, step: &'static str) -> Option<Finding> {
    match &v.facts.step(step).begun {
        Some((_, How::Adopted { author, reason })) => {
            let said = format!("adopted by {author}: {reason}");
            Some(Finding::yes(Code::Confirmed, Subject::Step(step)).detail(said))
        }
        _ => None,
    }
}

/// The same once the readers have been switched; where that step is skipped there is nothing to stay true.
pub(super) fn readers_still_moved(v: &View<'_>) -> Reading {
    match v.settings.skipped("switch-readers") {
        Some(why) => {
            Reading::of(Finding::yes(Code::Relaxed, Subject::Step("switch-readers")).detail(why.clone()), None)
        }
        None => readers_moved(v),
    }
}

fn moved(
    identity: &Name,
    here: &BTreeMap<Name, &Name>,
    there: &BTreeMap<Name, &Name>,
    seen: &BTreeSet<&Name>,
) -> Finding {
    let at = |side| Subject::Client(side, identity.clone());
    if let Some(host) = here.get(identity) {
        return Finding::no(Code::Connected, at(Side::Source)).detail(format!("on {host}"));
    }
    if !there.contains_key(identity) && !seen.contains(identity) {
        return Finding::no(Code::NotConnected, at(Side::Destination))
            .fix(format!("let {identity} connect there once"));
    }
    Finding::yes(Code::Ok, at(Side::Destination))
}

/// Every writer that was ever seen on the source is gone from all of its members.
pub(super) fn writers_gone(v: &View<'_>) -> Reading {
    body(|| {
        let (settings, s) = (v.mongodb_settings()?, v.mongodb(Side::Source)?);
        let basis = Some(s.basis);
        if settings.writers.is_empty() {
            return Ok(match silenced(v) {
                Some(f) => Reading::of(f, basis),
                None => Reading::unknown(
                    Gap::new(Code::NoWriterRules, Subject::Whole)
                        .detail("silence alone does not show that nobody will write again")
                        .fix("identity.writers: { mongodb: { app_name: … } }, or block user writes on the source"),
                ),
            });
        }
        let here = connected(settings, &s, &Role::Writer)?;
        let all = witnessed(v, &s.sample.set_id, true);
        let gone = each(basis, all.iter().map(|i| (*i, *i)), NO_WRITER, |i| {
            let at = Subject::Client(Side::Source, i.clone());
            Ok(match here.get(i) {
                Some(host) => Finding::no(Code::Connected, at).detail(format!("on {host}")),
                None => Finding::yes(Code::Ok, at),
            })
        });
        // Nobody was ever seen (a lost journal, an agent that came late): another witness stands in.
        let gone = match silenced(v).filter(|_| all.is_empty()) {
            Some(f) => Reading::of(f, basis),
            None if all.is_empty() => Reading::unknown(
                Gap::new(Code::NeverSeen, Subject::Whole).detail("writers on the source (identity.writers)").fix(
                    "block user writes on the source, or: cutover-agent confirm scaled-to-zero mongodb --reason …",
                ),
            ),
            None => gone,
        };
        // One that is seen for the first time now is witnessed only with the next turn.
        let fresh = here.iter().filter(|(i, _)| !all.contains(i)).map(|(i, host)| {
            Finding::no(Code::Connected, Subject::Client(Side::Source, i.clone())).detail(format!("on {host}"))
        });
        let never = match silenced(v) {
            Some(_) => Vec::new(),
            None => unrecognised(v, settings, &s, "writers", &settings.writers)?,
        };
        Ok(gone.and(none_of(basis, fresh)).and(none_of(basis, unmatched(settings, &s)?)).and(none_of(basis, never)))
    })
}

/// No writer is back on the source, which nothing carries any more. A source that cannot be asked must be fenced.
pub(super) fn writers_stay_away(v: &View<'_>) -> Reading {
    body(|| {
        let settings = v.mongodb_settings()?;
        let s = match source_or_word(v)? {
            Ok(s) => s,
            Err(word) => return Ok(Reading::of(word, None)),
        };
        let here = connected(settings, &s, &Role::Writer)?;
        let back = here.into_iter().map(|(i, host)| {
            Finding::no(Code::Connected, Subject::Client(Side::Source, i)).detail(format!("on {host}"))
        });
        Ok(none_of(Some(s.basis), back))
    })
}

/// No writer is connected to the source: what a person must not contradict.
pub(crate) fn nobody_writes(v: &View<'_>) -> Known<()> {
    let (settings, s) = (v.mongodb_settings()?, v.mongodb(Side::Source)?);
    match connected(settings, &s, &Role::Writer)?.into_iter().next() {
        Some((i, host)) => {
            Err(Gap::new(Code::Connected, Subject::Client(Side::Source, i)).detail(format!("on {host}")))
        }
        None => Ok(()),
    }
}

/// What shows, besides silence, that nobody writes to the source: user writes blocked, or a person's word.
pub(in crate::playbook) fn silenced(v: &View<'_>) -> Option<Finding> {
    let subject = ["mongodb".into()];
    if let Ok(s) = v.mongodb(Side::Source) {
        if s.sample.write_block == Ok(true) {
            return Some(Finding::yes(Code::WriteBlocked, Subject::Mongodb(Side::Source)));
        }
        // What was sampled before the word was given does not show what was written until then.
        let said = v.facts.confirmed("scaled-to-zero", &subject)?.at;
        if said > v.now().wall_of(s.span.sent) {
            return None;
        }
    }
    word(v, "scaled-to-zero", &subject)
}

/// What a person may do or say to be believed sooner than by silence; none where it is said already.
pub(super) fn silence(v: &View<'_>) -> Option<String> {
    let said = v.facts.confirmed("scaled-to-zero", &["mongodb".into()]).is_some();
    (!said).then(|| {
        "block user writes on the source, or, if every writer is stopped and nothing starts one again: cutover-agent \
         confirm scaled-to-zero mongodb --reason …"
            .to_owned()
    })
}

/// Every writer that was ever seen on the source is connected at the destination, and none on the source.
pub(super) fn writers_started(v: &View<'_>) -> Reading {
    if let Some(f) = word(v, "writers-started", &[]) {
        return Reading::of(f, None);
    }
    body(|| {
        let (settings, d) = (v.mongodb_settings()?, v.mongodb(Side::Destination)?);
        let readers = v.settings.skipped("switch-readers").is_some();
        let mut r = if settings.writers.is_empty() {
            written_since(v, &d)?
        } else {
            let there = connected(settings, &d, &Role::Writer)?;
            let (here, basis) = match source_or_word(v)? {
                Ok(s) => (connected(settings, &s, &Role::Writer)?, s.basis.merge(d.basis)),
                Err(_) => (BTreeMap::new(), d.basis),
            };
            let all = witnessed(v, &source_set(v)?, true);
            let now = BTreeSet::new();
            each(Some(basis), all.iter().map(|i| (*i, *i)), NO_WRITER, |i| Ok(moved(i, &here, &there, &now)))
        };
        if readers && !settings.readers.is_empty() {
            r = r.and(readers_moved(v));
        }
        Ok(r)
    })
}

/// The replica set id of the source, also where it no longer answers.
pub(super) fn source_set(v: &View<'_>) -> Known<Name> {
    match v.mongodb(Side::Source) {
        Ok(s) => Ok(s.sample.set_id.clone()),
        Err(g) => v.facts.deployments.get(&Side::Source).cloned().ok_or(g),
    }
}

/// A reader of the source is connected at the destination: what begins `switch-readers`.
pub(super) fn reader_appears(v: &View<'_>) -> Reading {
    appears(v, false, &Role::Reader)
}

/// A writer of the source is connected at the destination, or, where no rule says who writes, something was written
/// there since the mirrors ended: what begins `start-writers`.
pub(super) fn writer_appears(v: &View<'_>) -> Reading {
    body(|| {
        let (settings, d) = (v.mongodb_settings()?, v.mongodb(Side::Destination)?);
        if !settings.writers.is_empty() {
            return Ok(appears(v, true, &Role::Writer));
        }
        let since = written_since(v, &d)?;
        Ok(sighted(Some(d.basis), since.worst.into_iter().filter(|f| f.is == crate::reading::Tri::Yes), None))
    })
}

fn appears(v: &View<'_>, writes: bool, role: &Role) -> Reading {
    body(|| {
        let (settings, d) = (v.mongodb_settings()?, v.mongodb(Side::Destination)?);
        let known = witnessed(v, &source_set(v)?, writes);
        let found: Vec<Finding> = connected(settings, &d, role)?
            .into_iter()
            .filter(|(i, _)| known.contains(i))
            .map(|(i, host)| {
                Finding::yes(Code::Seen, Subject::Client(Side::Destination, i)).detail(format!("on {host}"))
            })
            .collect();
        Ok(sighted(Some::<Basis>(d.basis), found, None))
    })
}
