//! What the projections in MongoDB say about a move of Kafka: offsets they store, changes that wait, writes that come.

use super::shared::body;
use super::start::start_of;
use crate::Name;
use crate::estate::Side;
use crate::reading::{Code, Finding, Gap, IfEmpty, Known, Qty, Reading, Subject, each};
use crate::settings::Track;
use crate::view::{Mongodb, View, gap};
use std::collections::BTreeMap;

/// The MongoDB that holds the projections now: the one in force; in its own downtime the source, which is not written.
fn projections<'a>(v: &View<'a>) -> Known<Mongodb<'a>> {
    v.mongodb(v.in_force(Track::Mongodb).unwrap_or(Side::Source))
}

/// No projection stores an offset at or above the destination's recorded start: a service that compares the two would
/// discard every record up to it, while its lag falls.
pub(super) fn offset_assumptions(v: &View<'_>) -> Reading {
    if let Some(w) = v.facts.confirmed("offsets-handled", &[]) {
        let said = format!("{}: {}", w.author, w.reason);
        return Reading::of(Finding::yes(Code::Confirmed, Subject::Whole).detail(said), None);
    }
    let fix = "cutover-agent confirm offsets-handled --reason …";
    body(|| {
        let measured = || {
            let (m, d) = (projections(v)?, v.kafka(Side::Destination)?);
            let (basis, _, catalog) = v.catalog(&m)?;
            let stored = catalog.catalog.offsets.as_ref().map_err(|f| gap(f, Subject::Mongodb(m.side)))?;
            Ok::<_, Gap>((stored, d, basis.merge(d.basis)))
        };
        let (stored, d, basis) = measured().map_err(|g: Gap| if g.fix.is_some() { g } else { g.fix(fix) })?;
        let settings = v.kafka_settings()?;
        if stored.unreadable > 0 {
            let what = format!(
                "{} documents store an offset whose number, topic or partition cannot be read",
                stored.unreadable
            );
            return Err(Gap::new(Code::Partial, Subject::Whole).detail(what).fix(fix));
        }
        let empty = if stored.documents == 0 {
            IfEmpty::Unknown("documents of projections to look at")
        } else if !stored.highest.is_empty() {
            IfEmpty::Unknown("stored offsets of topics in scope")
        } else {
            IfEmpty::Expected(format!("{} documents looked at store no offset", stored.documents).into())
        };
        let in_scope = stored.highest.iter().filter(|((t, _), _)| settings.in_scope(t));
        Ok(each(Some(basis), in_scope.map(|(tp, o)| (tp, (tp, *o))), empty, |((topic, p), offset)| {
            let there: Name = settings.topic_there(topic);
            let at = || Subject::Partitions(Side::Destination, there.clone(), vec![*p]);
            let t = d.topic(&there)?;
            let part = t.partitions.get(p).ok_or_else(|| Gap::new(Code::Vanished, at()))?;
            part.ends.as_ref().map_err(|f| gap(f, at()))?;
            // A service that compares would discard everything from where it begins up to the offset stored.
            let start = start_of(v, &d.key(&there, t, *p))?;
            if offset < start {
                return Ok(Finding::yes(Code::Ok, at()));
            }
            Ok(Finding::no(Code::OffsetAhead, at())
                .seen(Qty::Count(offset, ""))
                .limit(Qty::Count(start, ""))
                .fix(format!("switch FORCE_CHECK_ON_OFFSET off or reset the stored offsets, then: {fix}")))
        }))
    })
}

/// No projection change is NEW or IN_PROGRESS.
pub(super) fn changes_drained(v: &View<'_>) -> Reading {
    body(|| {
        let m = projections(v)?;
        let (basis, _, catalog) = v.catalog(&m)?;
        let waiting = *catalog.catalog.changes.as_ref().map_err(|f| gap(f, Subject::Mongodb(m.side)))?;
        let listed = catalog.catalog.databases.values().filter_map(|db| db.as_ref().ok());
        if !listed.flat_map(BTreeMap::keys).any(|c| c.starts_with("fd-pc-")) {
            return Err(Gap::new(Code::EmptySet, Subject::Mongodb(m.side))
                .detail("collections of projection changes (fd-pc-*)"));
        }
        let seen = Qty::Count(i64::try_from(waiting).unwrap_or(i64::MAX), "projection changes");
        let f = match waiting {
            0 => Finding::yes(Code::Ok, Subject::Mongodb(m.side)),
            _ => Finding::no(Code::ChangesWaiting, Subject::Mongodb(m.side)),
        };
        Ok(Reading::of(f.seen(seen), Some(basis)))
    })
}

/// Real writes in the projections' databases since the consumers were started.
pub(super) fn effect(v: &View<'_>) -> Reading {
    body(|| {
        let m = projections(v)?;
        let at = || Subject::Mongodb(m.side);
        let begun = v.facts.step("start-consumers").begun.map(|b| b.0);
        let begun = begun.ok_or_else(|| Gap::new(Code::NotBegun, Subject::Step("start-consumers")))?;
        let last = crate::playbook::newest_write(v, &m)?;
        let f = match last.wall() > begun {
            true => Finding::yes(Code::Written, at()),
            false => Finding::no(Code::NotWritten, at()).limit(Qty::Words("the consumers were started".into())),
        };
        Ok(Reading::of(f.seen(Qty::Words(last.to_string().into())), Some(m.basis)))
    })
}
