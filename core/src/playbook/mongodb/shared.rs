//! What the checks of this track have in common.

use crate::Name;
use crate::estate::mongodb::{ANYWHERE, Ts, Writes};
use crate::estate::{Failure, Listed, Listing, Side};
use crate::reading::{Basis, Code, Finding, Gap, IfEmpty, Known, Reading, Subject, each};
use crate::settings::{MirrorSettings, MongodbSettings};
use crate::time::Mono;
use crate::view::{Mirror, Mongodb, View, gap};
use std::collections::BTreeMap;

pub(super) use crate::playbook::kafka::{body, sighted};

/// Both deployments, fresh.
pub(super) fn both<'a>(v: &View<'a>) -> Known<(&'a MongodbSettings, Mongodb<'a>, Mongodb<'a>)> {
    Ok((v.mongodb_settings()?, v.mongodb(Side::Source)?, v.mongodb(Side::Destination)?))
}

pub(super) const NO_MIRROR: IfEmpty = IfEmpty::Unknown("mirrors in the configuration (mongodb.mirrors)");

/// Every mirror must hold; what `judge` says rests on the mirror's sample and on `source`. After an election a dwell
/// starts again: what the former primary wrote last may have been rolled back. So it does when a mirror was started again.
pub(super) fn each_mirror<'a>(
    v: &View<'a>,
    source: Option<&Mongodb<'_>>,
    mut judge: impl FnMut(&Mirror<'a>) -> Known<Finding>,
) -> Known<Reading> {
    let settings = v.mongodb_settings()?;
    let mut basis = source.map(|s| s.basis);
    let term = source.map(|s| s.sample.term);
    let mut found = Vec::new();
    for (name, m) in &settings.mirrors {
        let mut run = None;
        let said = v.mirror(name, m).and_then(|mirror| {
            basis = Basis::join(basis, Some(mirror.basis));
            run = mirror.memory.run();
            judge(&mirror)
        });
        found.push(((name, term, run), said));
    }
    Ok(each(basis, found, NO_MIRROR, |said| said))
}

/// Whether a write's namespace counts for a mirror: in scope and carried, or not known.
pub(super) fn counts_for(s: &MongodbSettings, mirror: Option<&MirrorSettings>, ns: &str) -> bool {
    // A command on a whole database, or a write that could not be resolved, may have touched anything.
    let whole = ns == ANYWHERE || !ns.contains('.');
    let database = ns.split('.').next().unwrap_or_default();
    (ns == ANYWHERE || s.databases.contains(database))
        && (whole || (s.in_scope(ns) && mirror.is_none_or(|m| m.carries(ns))))
}

/// The newest real write that counts for a mirror (for all of the scope where none is given): its timestamp, and
/// whether it was seen. One that was not seen is older than the first entry read.
pub(super) fn newest(s: &MongodbSettings, w: &Writes, mirror: Option<&MirrorSettings>) -> (Ts, bool) {
    match w.last.iter().filter(|(ns, _)| counts_for(s, mirror, ns)).map(|(_, ts)| *ts).max() {
        Some(ts) => (ts, true),
        None => (w.from, false),
    }
}

/// Since when nothing that counts was written there.
pub(super) fn quiet_since(s: &MongodbSettings, m: &Mongodb<'_>) -> Option<Mono> {
    m.memory.quiet_since(|ns| counts_for(s, None, ns))
}

/// The real writes of a deployment.
pub(super) fn writes<'a>(m: &Mongodb<'a>) -> Known<&'a Writes> {
    m.sample.writes.as_ref().map_err(|f| gap(f, Subject::Mongodb(m.side)).detail(format!("its oplog: {}", f.message)))
}

/// The collections and views in scope that a catalogue lists; every database must be known.
pub(super) fn in_scope<'c>(s: &MongodbSettings, side: Side, c: &'c Listing) -> Known<BTreeMap<&'c Name, Listed<'c>>> {
    let mut all = BTreeMap::new();
    for database in &s.databases {
        let at = || Subject::Namespace(side, database.clone());
        let listed = c.collections(database).ok_or_else(|| Gap::new(Code::Partial, at()))?;
        let listed = listed.map_err(|f| gap(f, at()))?;
        all.extend(listed.filter(|(ns, _)| s.in_scope(ns)));
    }
    Ok(all)
}

/// Why the documents of a namespace could not be counted one by one.
pub(super) fn uncounted(f: &Failure, at: Subject) -> Gap {
    gap(f, at).detail(format!("its documents could not be counted: {}", f.message))
}

/// A person's word, as a reading that rests on no sample.
pub(super) fn word(v: &View<'_>, name: &str, subject: &[Name]) -> Option<Finding> {
    let w = v.facts.confirmed(name, subject)?;
    Some(Finding::yes(Code::Confirmed, Subject::Whole).detail(format!("{}: {}", w.author, w.reason)))
}
