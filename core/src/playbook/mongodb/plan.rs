//! May the mirrors be started: two deployments that fit, everything in scope carried once, room for the copy.

use super::shared::{body, both, in_scope, quiet_since, writes};
use crate::Name;
use crate::estate::Side;
use crate::estate::mongodb::{ANYWHERE, CollectionKind, MongoSample, Ts};
use crate::reading::{Basis, Code, Demand, Finding, Gap, IfEmpty, Known, Qty, Reading, Subject, each, none_of};
use crate::settings::{MirrorKind, MongodbSettings};
use crate::time::Dur;
use crate::view::{Mongodb, View, gap};
use std::collections::BTreeSet;

pub(super) fn two_deployments(v: &View<'_>) -> Reading {
    body(|| {
        let (_, s, d) = both(v)?;
        let basis = Some(s.basis.merge(d.basis));
        let mut found: Vec<Finding> =
            [&s, &d].into_iter().filter_map(|m| primary(m).err()).map(Finding::from).collect();
        if s.sample.set_id == d.sample.set_id {
            found.push(
                Finding::no(Code::SameCluster, Subject::Whole).detail(format!("replica set id {}", s.sample.set_id)),
            );
        }
        Ok(none_of(basis, found))
    })
}

/// The primary of a deployment.
pub(super) fn primary<'a>(m: &Mongodb<'a>) -> Known<&'a Name> {
    m.sample.primary.as_ref().map_err(|f| {
        let at = Subject::Mongodb(m.side);
        Gap::new(Code::NoPrimary, at).detail(f.message.clone())
    })
}

pub(super) fn supported(v: &View<'_>) -> Reading {
    body(|| {
        let (settings, s, d) = both(v)?;
        let basis = Some(s.basis.merge(d.basis));
        let versions = || {
            version(s.sample).zip(version(d.sample)).ok_or_else(|| {
                Gap::new(Code::Protocol, Subject::Whole)
                    .detail(format!("versions {} and {}", s.sample.version, d.sample.version))
            })
        };
        let kinds: BTreeSet<MirrorKind> = settings.mirrors.values().map(|m| m.kind).collect();
        Ok(each(basis, kinds.iter().map(|k| (k.as_str(), *k)), super::shared::NO_MIRROR, |kind| {
            let at = Subject::Thing(kind.as_str().into());
            if kind != MirrorKind::Mongomirror {
                return Err(Gap::new(Code::NotBuilt, at).detail("this kind of mirror"));
            }
            if let Some(why) = &settings.unsupported_versions {
                return Ok(Finding::yes(Code::Relaxed, at).detail(why.clone()));
            }
            let (from, to) = versions()?;
            let (fits, limit) = (fits_mongomirror(from, to), "2.6 … 5.0 to 4.2 … 6.0, not older");
            if fits {
                return Ok(Finding::yes(Code::Ok, at));
            }
            let seen = format!("{} to {}", s.sample.version, d.sample.version);
            Ok(Finding::no(Code::UnsupportedVersion, at)
                .seen(Qty::Words(seen.into()))
                .limit(Qty::Words(limit.into()))
                .fix("choose other versions, or set mongodb.unsupported_versions to the reason why these will do"))
        }))
    })
}

/// Major and minor version.
fn version(m: &MongoSample) -> Option<(u32, u32)> {
    let mut parts = m.version.split('.').map(str::parse::<u32>);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

/// Its documentation: from 2.6 to 5.0, to 4.2, 4.4, 5.0 or 6.0, and never to an older version; nothing from 6.0 on.
fn fits_mongomirror(from: (u32, u32), to: (u32, u32)) -> bool {
    ((2, 6)..=(5, 0)).contains(&from) && ((4, 2)..=(6, 0)).contains(&to) && from <= to
}

const NO_COLLECTION: IfEmpty = IfEmpty::Unknown("collections in the databases of the migration (mongodb.databases)");

/// Collections of the source: those catalogued, and those written since that were not there then.
fn source_namespaces(settings: &MongodbSettings, v: &View<'_>, s: &Mongodb<'_>) -> Known<(Basis, BTreeSet<Name>)> {
    let (basis, listed_at, catalog) = v.catalog(s)?;
    let listed = in_scope(settings, Side::Source, catalog)?;
    let carried = listed.iter().filter(|(_, (c, _))| c.kind != CollectionKind::View);
    let mut all: BTreeSet<Name> = carried.map(|(ns, _)| (*ns).clone()).collect();
    // What was dropped before the list was taken is not there any more, and was written before.
    let w = writes(s)?;
    let listed = s.sample.clock.0 - (s.span.sent - listed_at.sent).0;
    // That clock may have been set since: how far the oplog went then is known as well.
    let then = s.memory.ended_at(listed_at.sent);
    if then.map_or(w.from.wall().0 > listed, |then| w.from > then) {
        return Err(Gap::new(Code::Partial, Subject::Mongodb(Side::Source))
            .detail(format!("its oplog was read back to {} only, and its collections were listed before", w.from))
            .want(Demand::Collections(Side::Source)));
    }
    let later = |ts: &Ts| ts.wall().0 + 1000 >= listed || then.is_some_and(|then| *ts > then);
    let since = w.last.iter().filter(|(_, ts)| later(ts)).map(|(ns, _)| ns);
    all.extend(since.filter(|ns| ns.contains('.') && settings.in_scope(ns)).cloned());
    Ok((basis, all))
}

pub(super) fn coverage(v: &View<'_>) -> Reading {
    body(|| {
        let (settings, s) = (v.mongodb_settings()?, v.mongodb(Side::Source)?);
        let (basis, all) = source_namespaces(settings, v, &s)?;
        Ok(each(Some(basis), all.iter().map(|ns| (ns, ns)), NO_COLLECTION, |ns| {
            let at = Subject::Namespace(Side::Source, ns.clone());
            let carriers: Vec<&str> = settings.carriers(ns).map(|(name, _)| &**name).collect();
            Ok(match carriers[..] {
                [_] => Finding::yes(Code::Ok, at),
                // It may have been dropped since: a fresh list would tell.
                [] => Finding::no(Code::NotCovered, at).want(Demand::Collections(Side::Source)).fix(format!(
                    "add it to the namespaces of a mirror, or: mongodb.left_behind: {{ {ns}: \"<reason>\" }}"
                )),
                _ => Finding::no(Code::CoveredTwice, at).detail(carriers.join(", ")),
            })
        }))
    })
}

pub(super) fn spanning(v: &View<'_>) -> Reading {
    body(|| {
        let (settings, s) = (v.mongodb_settings()?, v.mongodb(Side::Source)?);
        let w = writes(&s)?;
        let mut found = Vec::new();
        // Those of now and those of before a restart or an election.
        let before = v.facts.together.get(&s.sample.set_id).into_iter().flatten();
        for set in w.together.iter().chain(before.filter(|t| !w.together.contains(*t))) {
            // Where each of its writes goes: the mirrors that carry it, none if it stays behind.
            let goes = |ns: &Name| {
                let carried = settings.in_scope(ns);
                settings.carriers(ns).filter(|_| carried).map(|(name, _)| name).collect::<Vec<_>>()
            };
            // What could not be told is nowhere: a transaction of which a part was not read shows what was.
            let ways: BTreeSet<Vec<&Name>> = set.iter().filter(|ns| &***ns != ANYWHERE).map(goes).collect();
            if ways.len() > 1 {
                let names: Vec<&str> = set.iter().take(6).map(|n| &**n).collect();
                found.push(
                    Finding::no(Code::SpanningTransaction, Subject::Mongodb(Side::Source))
                        .detail(names.join(", "))
                        .fix("let one mirror carry all of these, or stop the transactions that write them together"),
                );
            }
        }
        if w.together_cut {
            found.push(
                Finding::unknown(Code::Partial, Subject::Mongodb(Side::Source))
                    .detail("too many kinds of transactions to tell"),
            );
        }
        Ok(none_of(Some(s.basis), found))
    })
}

/// Whether a collection's options, as canonical JSON, make its documents expire.
fn expires(options: &str) -> bool {
    // Asked of every collection of every sample: few are worth reading.
    options.contains("expireAfterSeconds")
        && serde_json::from_str::<serde_json::Value>(options).is_ok_and(|o| o.get("expireAfterSeconds").is_some())
}

pub(super) fn mirrorable(v: &View<'_>) -> Reading {
    body(|| {
        let (settings, s) = (v.mongodb_settings()?, v.mongodb(Side::Source)?);
        let (basis, _, catalog) = v.catalog(&s)?;
        let all = in_scope(settings, Side::Source, catalog)?;
        Ok(each(Some(basis), all.iter().map(|(ns, (c, _))| (*ns, (*ns, *c))), NO_COLLECTION, |(ns, c)| {
            let at = || Subject::Namespace(Side::Source, ns.clone());
            if let Some((_, m)) = settings.carriers(ns).find(|(_, m)| m.kind != MirrorKind::Mongomirror) {
                let what = format!("what a mirror of the kind {} cannot carry", m.kind.as_str());
                return Err(Gap::new(Code::NotBuilt, at()).detail(what));
            }
            let mongomirror = settings.carriers(ns).next().is_some();
            let indexes = c.indexes.as_ref().map_err(|f| gap(f, at()))?;
            if mongomirror && c.kind == CollectionKind::TimeSeries {
                return Ok(Finding::no(Code::NotMirrorable, at()).detail("a time-series collection"));
            }
            if mongomirror && expires(&c.options) {
                let (database, collection) = ns.split_once('.').unwrap_or((ns, ""));
                return Ok(Finding::no(Code::NotMirrorable, at()).detail("its documents expire").fix(format!(
                    "until the migration is over: db.getSiblingDB(\"{database}\").runCommand({{ collMod: \
                     \"{collection}\", expireAfterSeconds: \"off\" }})"
                )));
            }
            Ok(match indexes.iter().find(|(_, i)| i.ttl) {
                Some((index, _)) if mongomirror => {
                    let (database, collection) = ns.split_once('.').unwrap_or((ns, ""));
                    Finding::no(Code::NotMirrorable, at()).detail(format!("index {index} expires documents")).fix(format!(
                        "drop it until the migration is over: db.getSiblingDB(\"{database}\").getCollection(\"{collection}\").dropIndex(\"{index}\")"
                    ))
                }
                _ => Finding::yes(Code::Ok, at()),
            })
        }))
    })
}

pub(super) fn destination_empty(v: &View<'_>) -> Reading {
    body(|| {
        let (settings, d) = (v.mongodb_settings()?, v.mongodb(Side::Destination)?);
        let (basis, span, catalog) = v.catalog(&d)?;
        // The list is as good as new while nothing was written since it was asked for.
        writes(&d)?;
        if quiet_since(settings, &d).is_none_or(|q| q > span.sent) {
            return Err(Gap::new(Code::Stale, Subject::Mongodb(Side::Destination))
                .detail("it was written since its collections were listed")
                .want(Demand::Collections(Side::Destination)));
        }
        let there = in_scope(settings, Side::Destination, catalog)?;
        let found = there.iter().filter(|(ns, _)| !settings.may_have.contains_key(**ns)).map(|(ns, (c, _))| {
            let documents = c.documents.as_ref().ok().copied().flatten().unwrap_or(0);
            let (database, collection) = ns.split_once('.').unwrap_or((ns, ""));
            Finding::no(Code::NotEmpty, Subject::Namespace(Side::Destination, (*ns).clone()))
                .seen(Qty::Count(documents, "documents"))
                .fix(format!(
                    "if the mirrors run already: cutover-agent adopt start-mirror --reason …; if it is a leftover: db.getSiblingDB(\"{database}\").getCollection(\"{collection}\").drop(); if it is meant: \
                     mongodb.may_have: {{ {ns}: \"<reason>\" }}"
                ))
        });
        Ok(none_of(Some(basis), found))
    })
}

/// The copy must fit into the oplog twice.
const TWICE: i64 = 2;

pub(super) fn window_covers_copy(v: &View<'_>) -> Reading {
    body(|| {
        let (settings, s) = (v.mongodb_settings()?, v.mongodb(Side::Source)?);
        let at = || Subject::Mongodb(Side::Source);
        let oplog = s.sample.oplog.as_ref().map_err(|f| gap(f, at()))?;
        let window =
            oplog.window().ok_or_else(|| Gap::new(Code::Partial, at()).detail("its oplog holds only an instant"))?;
        let (basis, _, catalog) = v.catalog(&s)?;
        let all = in_scope(settings, Side::Source, catalog)?;
        let mut bytes = (0i64, 0i64);
        for (ns, (c, _)) in &all {
            c.documents.as_ref().map_err(|f| gap(f, Subject::Namespace(Side::Source, (*ns).clone())))?;
            bytes = (bytes.0.saturating_add(c.data_size), bytes.1.saturating_add(c.index_size));
        }
        let millis = |bytes: i64, rate: i64| bytes.saturating_mul(1000) / rate.max(1);
        let copy = millis(bytes.0, settings.copy_rate).saturating_add(millis(bytes.1, settings.index_rate));
        let need = Dur(copy.saturating_mul(TWICE));
        let f = if window >= need { Finding::yes(Code::Ok, at()) } else { Finding::no(Code::WindowShort, at()) };
        Ok(Reading::of(
            f.seen(Qty::Time(window)).limit(Qty::Time(need)).detail(format!(
                "twice {} MB of documents at {} MB/s and {} MB of indexes at {} MB/s",
                bytes.0 / 1_000_000,
                settings.copy_rate / 1_000_000,
                bytes.1 / 1_000_000,
                settings.index_rate / 1_000_000
            )),
            Some(basis),
        ))
    })
}
