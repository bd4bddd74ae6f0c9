//! What the newest samples of MongoDB and the mirrors add to the facts.

use super::clients::clients;
use super::mirrors::mirror_is_there;
use super::shared::{newest, writes};
use super::writes::anchor;
use crate::Name;
use crate::estate::mongodb::{MirrorStatus, MongoClient, Ts};
use crate::estate::{MirrorMemory, Side};
use crate::facts::{Fact, SeenClient, Word};
use crate::reading::Known;
use crate::settings::{MongodbSettings, Role};
use crate::time::Wall;
use crate::view::{Mirror, Mongodb, View};
use std::collections::BTreeSet;

/// Facts that the newest samples show and the journal does not hold yet.
pub(in crate::playbook) fn observe(v: &View<'_>, out: &mut Vec<Fact>) {
    let Some(settings) = &v.settings.mongodb else { return };
    for side in Side::BOTH {
        let Ok(m) = v.mongodb(side) else { continue };
        seen(v, settings, &m, out);
        // Once: both addresses may lead to one deployment, and its two samples say two things.
        if m.sample.write_block == Ok(true) && !v.facts.write_blocks.contains(&m.sample.set_id) {
            out.push(Fact::WriteBlock { set: m.sample.set_id.clone(), on: true });
        }
        // What was ever written together stays so, also after a restart or an election.
        if side == Side::Source
            && let Ok(w) = &m.sample.writes
        {
            let known = v.facts.together.get(&m.sample.set_id);
            let fresh = w.together.iter().filter(|t| !known.is_some_and(|k| k.contains(*t)));
            out.extend(fresh.map(|t| Fact::Together { set: m.sample.set_id.clone(), namespaces: t.clone() }));
        }
    }
    if v.facts.is_begun("stop-writers") && !v.facts.is_done("stop-mirror") {
        for (name, m) in &settings.mirrors {
            if let Ok(mirror) = v.mirror(name, m) {
                position(v, &mirror, out);
            }
        }
    }
    destination_anchor(v, out);
    source_data(v, out);
    words(v, settings, out);
}

/// What the source holds is journaled while it can be read, from the first go of `stop-mirror` until the writers start: it
/// may not answer any more when it is needed.
fn source_data(v: &View<'_>, out: &mut Vec<Fact>) {
    let stop = v.facts.step("stop-mirror");
    if (stop.was_go.is_none() && stop.begun.is_none()) || v.facts.is_begun("start-writers") {
        return;
    }
    for fact in super::data::source_facts(v) {
        let Fact::SourceData { set, namespace, shape, documents } = &fact else { continue };
        let known = v.facts.source_data.get(set).and_then(|all| all.get(namespace));
        if known.is_none_or(|k| k.shape != *shape || k.documents != *documents) {
            out.push(fact);
        }
    }
}

/// From the first go of `stop-mirror` on everything is applied, and nobody has a reason to write at the destination:
/// its last write is frozen then, not when the mirrors have ended, which may be minutes later.
fn destination_anchor(v: &View<'_>, out: &mut Vec<Fact>) {
    let stop = v.facts.step("stop-mirror");
    if stop.was_go.is_none() || stop.done.is_some() || !v.facts.is_done("stop-writers") {
        return;
    }
    if !anchored_there(v) {
        out.extend(anchor(v, Side::Destination, None));
    }
}

/// Clients with a role and sessions of mirrors.
fn seen(v: &View<'_>, settings: &MongodbSettings, m: &Mongodb<'_>, out: &mut Vec<Fact>) {
    let set = &m.sample.set_id;
    let known = v.facts.clients.get(set);
    let mut fresh: BTreeSet<SeenClient> = BTreeSet::new();
    let mut sessions: BTreeSet<Name> = BTreeSet::new();
    // A member that could not be asked hides nobody whom the others show.
    let all = m.sample.members.values().filter_map(|x| x.clients.as_ref().ok()).flatten();
    for c in all {
        // One rule may tell the sessions of several mirrors: of which of them it is cannot be told.
        sessions.extend(settings.mirrors.iter().filter(|(_, m)| m.is_session(c)).map(|(name, _)| name.clone()));
        let writes = match settings.role(c) {
            Role::Writer => true,
            Role::Reader => false,
            Role::Mirror(_) | Role::Bystander | Role::Unmatched => continue,
        };
        let (home, identity) = settings.identity(c);
        let client = SeenClient { writes, identity: identity.into(), home };
        if !known.is_some_and(|k| k.contains(&client)) {
            fresh.insert(client);
        }
    }
    let listed = || m.sample.members.values().filter_map(|x| x.clients.as_ref().ok()).flatten();
    for rule in settings.readers.iter().chain(&settings.writers) {
        let key = (set.clone(), Name::from(rule.text()));
        // A bystander that a pattern happens to match is no witness of whom it is meant for.
        let counts = |c: &&MongoClient| matches!(settings.role(c), Role::Reader | Role::Writer);
        if !v.facts.recognised.contains(&key) && listed().filter(counts).any(|c| settings.recognised(rule, c).is_some())
        {
            out.push(Fact::Recognised { set: key.0, rule: key.1 });
        }
    }
    out.extend(fresh.into_iter().map(|c| Fact::Client {
        set: set.clone(),
        writes: c.writes,
        identity: c.identity,
        home: c.home,
    }));
    let new = sessions.into_iter().filter(|s| !v.facts.sessions.contains(&(set.clone(), s.clone())));
    out.extend(new.map(|mirror| Fact::MirrorSession { set: set.clone(), mirror }));
}

/// How far a mirror has come, while it is steady; nothing once it has begun anew.
fn position(v: &View<'_>, m: &Mirror<'_>, out: &mut Vec<Fact>) {
    let kept = v.facts.positions.get(m.name).copied();
    let stage = |word: &str| {
        m.sample.instances.iter().any(|i| matches!(i, Ok(MirrorStatus::Mongomirror(s)) if &*s.stage == word))
    };
    let steady = m
        .sample
        .instances
        .iter()
        .all(|i| matches!(i, Ok(MirrorStatus::Mongomirror(s)) if &*s.stage == "oplog sync" && s.error.is_none()));
    let ts = if stage("initializing") || stage("initial sync") {
        Ts::default()
    } else if let (true, Some(p)) = (steady, MirrorMemory::position(m.sample)) {
        p
    } else {
        return;
    };
    if kept != Some(ts) && (kept.is_some() || ts > Ts::default()) {
        out.push(Fact::Position { mirror: m.name.clone(), ts });
    }
}

/// Words that what was measured since contradicts.
fn words(v: &View<'_>, settings: &MongodbSettings, out: &mut Vec<Fact>) {
    let mut void = |name: &str, subject: Vec<Name>| {
        if v.facts.confirmed(name, &subject).is_some() {
            out.push(Fact::Voided { name: name.into(), subject, at: v.now().wall });
        }
    };
    let removed = |name: &&Name| v.facts.confirmed("mirror-removed", std::slice::from_ref(*name)).is_some();
    for name in settings.mirrors.keys().filter(removed).filter(|name| mirror_is_there(v, name).is_some()) {
        void("mirror-removed", vec![name.clone()]);
    }
    let Ok(s) = v.mongodb(Side::Source) else { return };
    // A source that answers speaks for itself.
    void("source-fenced", vec![]);
    let here = clients(&s);
    let connected = here.iter().flatten().any(|(_, c)| settings.role(c) == Role::Writer);
    let wrote = |said: &Word| written_since(v, settings, &s, said.at);
    if connected || v.facts.confirmed("scaled-to-zero", &["mongodb".into()]).is_some_and(wrote) {
        void("scaled-to-zero", vec!["mongodb".into()]);
    }
}

/// Somebody wrote after that instant: one that crashes all the time is not always seen connected.
fn written_since(v: &View<'_>, settings: &MongodbSettings, m: &Mongodb<'_>, said: Wall) -> bool {
    let Ok(w) = writes(m) else { return false };
    let (last, seen) = newest(settings, w, None);
    // That instant by the deployment's own clock; a write counts from the second after it.
    let said = m.sample.clock.0 - (v.now().wall_of(m.span.sent) - said).0;
    seen && last.wall().0 > said
}

/// What is frozen when the writers are stopped: the source's last write.
pub(super) fn writers_stopped(v: &View<'_>) -> Vec<Fact> {
    anchor(v, Side::Source, None).into_iter().collect()
}

/// What is frozen when the mirrors have ended: what the source holds. It has been journaled since the first go of their end, as far
/// as it could be listed; where somebody ended them without one it comes here.
pub(super) fn mirrors_stopped(v: &View<'_>) -> Vec<Fact> {
    super::data::source_facts(v)
}

/// The same as [`writers_stopped`], measured late.
pub(super) fn adopt_writers_stopped(v: &View<'_>, author: &str) -> Known<Vec<Fact>> {
    Ok(anchor(v, Side::Source, Some(author)).into_iter().collect())
}

/// The same as [`mirrors_stopped`], measured late, with the destination's last write. It is not left out: without it nothing
/// would tell later what somebody writes there from what the mirrors wrote.
pub(super) fn adopt_mirrors_stopped(v: &View<'_>, author: &str) -> Known<Vec<Fact>> {
    let mut facts = super::data::source_facts(v);
    if anchored_there(v) {
        return Ok(facts);
    }
    let (settings, d) = (v.mongodb_settings()?, v.mongodb(Side::Destination)?);
    let (ts, seen) = newest(settings, writes(&d)?, None);
    let is_session = |c: &MongoClient| settings.mirrors.values().any(|m| m.is_session(c));
    // What was written after the mirrors had been seen to be gone is somebody else's: a person has to speak for it.
    let ts = d.memory.last_before(is_session).unwrap_or(ts);
    facts.push(Fact::LastWrite { set: d.sample.set_id.clone(), ts, unseen: !seen, adopted: Some(author.into()) });
    Ok(facts)
}

/// Whether the last write of the destination, as far as it is known which deployment that is, has an anchor.
fn anchored_there(v: &View<'_>) -> bool {
    let answers = v.mongodb(Side::Destination).ok().map(|d| &d.sample.set_id);
    let set = answers.or_else(|| v.facts.deployments.get(&Side::Destination));
    set.is_some_and(|set| v.facts.last_writes.contains_key(set))
}
