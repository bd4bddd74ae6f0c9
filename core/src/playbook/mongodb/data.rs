//! Is the same in both: collections, options, views, indexes, and how many documents.

use super::clients::source_set;
use super::mirrors::settled_since;
use super::plan::primary;
use super::shared::{body, in_scope, quiet_since, uncounted};
use super::writes::{fenced, unfenced};
use crate::Name;
use crate::estate::mongodb::HeldData;
use crate::estate::{Listed, Side};
use crate::facts::Fact;
use crate::reading::{Basis, Code, Demand, Finding, Gap, IfEmpty, Known, Qty, Reading, Subject, Tri, each};
use crate::settings::MongodbSettings;
use crate::time::{Mono, Span};
use crate::view::{Mongodb, View, gap};
use std::collections::{BTreeMap, BTreeSet};

const NOTHING: IfEmpty = IfEmpty::Unknown("collections in the databases of the migration (mongodb.databases)");

/// What one side holds in scope.
struct Holds<'a> {
    basis: Basis,
    span: Option<Span>,
    data: BTreeMap<&'a Name, Known<&'a HeldData>>,
}

/// What is in scope on a side, freshly enough to be compared.
fn holds<'a>(v: &View<'a>, settings: &MongodbSettings, m: &Mongodb<'a>, after: Option<Mono>) -> Known<Holds<'a>> {
    let (basis, span, catalog) = v.catalog(m)?;
    if after.is_some_and(|t| span.sent < t) {
        let late = Gap::new(Code::Stale, Subject::Mongodb(m.side))
            .detail("its collections have not been listed since the last write was applied");
        return Err(v.unlisted(m).unwrap_or(late).want(Demand::Collections(m.side)));
    }
    let before = m.memory.listed_before();
    if after.is_some_and(|t| !covered(m, t, span) && !before.is_some_and(|b| covered(m, t, b))) {
        return Err(Gap::new(Code::Order, Subject::Mongodb(m.side)).detail(UNCOVERED));
    }
    let listed = in_scope(settings, m.side, catalog)?;
    let known = |(ns, (_, held)): (&'a Name, Listed<'a>)| {
        (ns, held.as_ref().map_err(|f| gap(f, Subject::Namespace(m.side, ns.clone()))))
    };
    let data = listed.into_iter().map(known).collect();
    Ok(Holds { basis, span: Some(span), data })
}

/// Why a list or a count of the downtime says nothing yet.
const UNCOVERED: &str = "its oplog has not been read since: whether anything was written in between is not known";

/// What was read since this instant, and before the oplog was last asked for. The two sides are read at two instants: what they
/// held can be compared only if nothing was written between, which nothing but an oplog that is read later can show.
fn covered(m: &Mongodb<'_>, since: Mono, read: Span) -> bool {
    read.sent >= since && m.memory.oplog_read().is_some_and(|asked| read.received <= asked)
}

/// Why the source is not measured. Before the mirrors have ended nobody may go on without it, whatever a person says.
fn unmeasured(v: &View<'_>, why: Gap) -> Gap {
    let away = v.mongodb(Side::Source).is_err() && v.facts.is_done("stop-mirror");
    if away { unfenced(why) } else { why }
}

/// What the source holds: measured, or, where it is fenced and does not answer, as it was when the mirrors ended.
fn source<'a>(v: &View<'a>, settings: &MongodbSettings, after: Option<Mono>, other: Basis) -> Known<Holds<'a>> {
    match v.mongodb(Side::Source) {
        Ok(s) => holds(v, settings, &s, after),
        Err(g) => {
            if fenced(v).is_none() {
                return Err(unmeasured(v, g));
            }
            let kept = v.facts.source_data.get(&source_set(v)?).ok_or(g)?;
            let data = kept.iter().map(|(ns, h)| (ns, Ok(h))).collect();
            Ok(Holds { basis: other, span: None, data })
        }
    }
}

/// Whether the downtime has come in which the comparison is meant for real: the writers are stopped.
fn in_earnest(v: &View<'_>) -> Known<Option<Mono>> {
    if !v.facts.is_done("stop-writers") {
        return Ok(None);
    }
    let mut after = match settled_since(v) {
        Ok(t) => Some(t),
        Err(g) if fenced(v).is_none() => return Err(unmeasured(v, g)),
        Err(_) => None,
    };
    if let Some(q) = quiet_since(v.mongodb_settings()?, &v.mongodb(Side::Destination)?) {
        after = after.max(Some(q));
    }
    Ok(after)
}

/// Collections, options, views and indexes are equal by meaning.
pub(super) fn same_data(v: &View<'_>) -> Reading {
    body(|| {
        compare(v, |ns, here, there| match (here, there) {
            (Some(h), Some(t)) => {
                let (h, t) = (h?, t?);
                Ok(if h.shape == t.shape { yes(ns) } else { differs(ns, &h.shape, &t.shape) })
            }
            (Some(_), None) => Ok(missing(Side::Destination, ns)),
            (None, _) => Ok(extra(v, ns)),
        })
    })
}

fn compare(
    v: &View<'_>,
    judge: impl Fn(&Name, Option<Known<&HeldData>>, Option<Known<&HeldData>>) -> Known<Finding>,
) -> Known<Reading> {
    let settings = v.mongodb_settings()?;
    let d = v.mongodb(Side::Destination)?;
    let after = in_earnest(v)?;
    let there = holds(v, settings, &d, after)?;
    let here = source(v, settings, after, there.basis)?;
    let basis = here.basis.merge(there.basis);
    let all: BTreeSet<&Name> = here.data.keys().chain(there.data.keys()).copied().collect();
    let mut r = each(Some(basis), all.iter().map(|ns| (*ns, *ns)), NOTHING, |ns| {
        judge(ns, here.data.get(ns).cloned(), there.data.get(ns).cloned())
    });
    // In the downtime nobody waits for the next regular list to see that a difference is mended.
    if after.is_some() && r.is == Tri::No {
        r.wants.extend(Side::BOTH.map(Demand::Collections));
    }
    Ok(r)
}

fn yes(ns: &Name) -> Finding {
    Finding::yes(Code::Ok, Subject::Namespace(Side::Destination, ns.clone()))
}

fn missing(side: Side, ns: &Name) -> Finding {
    Finding::no(Code::Missing, Subject::Namespace(side, ns.clone()))
}

/// At the destination and not on the source: named beforehand, or a difference.
fn extra(v: &View<'_>, ns: &Name) -> Finding {
    match v.settings.mongodb.as_ref().and_then(|s| s.may_have.get(ns)) {
        Some(why) => Finding::yes(Code::Relaxed, Subject::Namespace(Side::Destination, ns.clone())).detail(why.clone()),
        None => missing(Side::Source, ns).detail("it exists at the destination"),
    }
}

/// The first line in which two shapes differ.
fn differs(ns: &Name, here: &str, there: &str) -> Finding {
    let lines = |s: &str| s.lines().map(str::to_owned).collect::<BTreeSet<String>>();
    let (a, b) = (lines(here), lines(there));
    let first = |mut it: std::collections::btree_set::Difference<'_, String>| it.next().cloned();
    let said = match (first(a.difference(&b)), first(b.difference(&a))) {
        (Some(x), Some(y)) => format!("source {x}; destination {y}"),
        (Some(x), None) => format!("only on the source: {x}"),
        (None, Some(y)) => format!("only at the destination: {y}"),
        (None, None) => "the order of its indexes".to_owned(),
    };
    Finding::no(Code::Differs, Subject::Namespace(Side::Destination, ns.clone())).detail(said)
}

/// As many documents on both sides: by the collections' own estimates, counted one by one where those differ.
pub(super) fn same_counts(v: &View<'_>) -> Reading {
    body(|| {
        let after = in_earnest(v)?;
        compare(v, |ns, here, there| {
            let (Some(here), Some(there)) = (here, there) else { return Ok(extra_or_missing(v, ns)) };
            let (here, there) = (here?, there?);
            // Of a time-series collection there is no estimate: what it holds is counted.
            if here.documents == there.documents && (here.documents.is_some() || here.is_view()) {
                return Ok(yes(ns));
            }
            let (h, t) = both_counts(v, ns, after)?;
            if h == t {
                return Ok(yes(ns));
            }
            let both: Name = format!("{h}/{t}").into();
            let word =
                v.facts.confirmed("counts", std::slice::from_ref(ns)).filter(|w| w.basis.as_ref() == Some(&both));
            let at = Subject::Namespace(Side::Destination, ns.clone());
            let count = |n| Qty::Count(i64::try_from(n).unwrap_or(i64::MAX), "documents");
            Ok(match word {
                Some(w) => Finding::yes(Code::Confirmed, at).detail(format!("{}: {}", w.author, w.reason)),
                None => Finding::no(Code::CountDiffers, at).seen(count(t)).limit(count(h)).fix(format!(
                    "carry over what is missing; or, if it is accounted for: cutover-agent confirm counts {ns} --reason …"
                )),
            })
        })
    })
}

fn extra_or_missing(v: &View<'_>, ns: &Name) -> Finding {
    // `same-data` says so too; a count proves nothing about what is not there.
    let f = extra(v, ns);
    if f.code == Code::Relaxed { f } else { missing(Side::Destination, ns).detail("or it is missing on the source") }
}

/// How many documents a namespace has on both sides, counted one by one. Both are asked for before either is waited for.
fn both_counts(v: &View<'_>, ns: &Name, after: Option<Mono>) -> Known<(u64, u64)> {
    let (here, there) = (exact(v, Side::Source, ns, after)?, exact(v, Side::Destination, ns, after)?);
    for (side, (_, covered)) in [(Side::Source, here), (Side::Destination, there)] {
        if !covered {
            return Err(Gap::new(Code::Order, Subject::Namespace(side, ns.clone())).detail(UNCOVERED));
        }
    }
    Ok((here.0, there.0))
}

/// The exact count of a namespace, taken since the last write was applied, and whether the oplog was read after it.
fn exact(v: &View<'_>, side: Side, ns: &Name, after: Option<Mono>) -> Known<(u64, bool)> {
    let m = match v.mongodb(side) {
        Ok(m) => m,
        // As it was when the mirrors ended; there is nothing better.
        Err(g) => {
            let kept = source_set(v).ok().and_then(|set| v.facts.source_data.get(&set)?.get(ns)?.documents);
            let kept = kept.and_then(|n| u64::try_from(n).ok()).filter(|_| side == Side::Source);
            return kept.map(|n| (n, true)).ok_or(g);
        }
    };
    let settings = v.mongodb_settings()?;
    let young = |span| v.is_young(span, crate::time::Dur(settings.slow_interval.0 * crate::view::INTERVALS));
    let at = Subject::Namespace(side, ns.clone());
    // In the downtime nothing may have been written since: that proves a count however long ago it was, or it took.
    let gap = match m.memory.counted(ns).filter(|(span, _)| after.is_some() || young(*span)) {
        Some((span, Ok(n))) if after.is_none_or(|t| span.sent >= t) => {
            return Ok((*n, after.is_none_or(|t| covered(&m, t, span))));
        }
        // It is tried again, but who waits has to know why it has failed.
        Some((_, Err(f))) => uncounted(f, at),
        _ => Gap::new(Code::Partial, at).detail("its documents are being counted one by one"),
    };
    Err(gap.want(Demand::Count { side, namespace: ns.clone() }))
}

/// What basis a person's word about counts has: both exact counts of now.
pub(crate) fn counts_basis(v: &View<'_>, ns: &Name) -> Known<Name> {
    let after = in_earnest(v)?;
    let (h, t) = both_counts(v, ns, after)?;
    Ok(format!("{h}/{t}").into())
}

/// Readers find there what they need: a primary, and every collection with every index.
pub(super) fn serving(v: &View<'_>) -> Reading {
    body(|| {
        let d = v.mongodb(Side::Destination)?;
        primary(&d)?;
        compare(v, |ns, here, there| match (here, there) {
            (Some(h), Some(t)) => {
                let (h, t) = (h?, t?);
                if h.shape == t.shape {
                    return Ok(yes(ns));
                }
                let there: BTreeSet<&str> = t.shape.lines().collect();
                Ok(match h.shape.lines().find(|l| !there.contains(l)) {
                    Some(_) => differs(ns, &h.shape, &t.shape),
                    None => yes(ns),
                })
            }
            (Some(_), None) => Ok(missing(Side::Destination, ns)),
            (None, _) => Ok(yes(ns)),
        })
    })
}

/// What the source holds, as facts for the time when it no longer answers.
pub(super) fn source_facts(v: &View<'_>) -> Vec<Fact> {
    let read = || {
        let (settings, s) = (v.mongodb_settings()?, v.mongodb(Side::Source)?);
        Ok::<_, Gap>((s.sample.set_id.clone(), holds(v, settings, &s, in_earnest(v)?)?))
    };
    let Ok((set, held)) = read() else { return Vec::new() };
    let facts = held.data.into_iter().filter_map(|(ns, h)| {
        let h = h.ok()?;
        // An exact count, where one was needed, is better than the collection's estimate.
        let exact = v.mongodb_memory(Side::Source).and_then(|m| m.exact(ns));
        let newer = exact.filter(|(span, _)| held.span.is_none_or(|s| span.sent >= s.sent));
        let documents = newer.and_then(|(_, n)| i64::try_from(n).ok()).map(Some).unwrap_or(h.documents);
        Some(Fact::SourceData { set: set.clone(), namespace: ns.clone(), shape: h.shape.clone(), documents })
    });
    facts.collect()
}
