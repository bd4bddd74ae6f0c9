//! How long the exact counts of the downtime would take: measured while there is time, on one collection of the
//! destination.

use super::shared::{body, in_scope, uncounted};
use crate::Name;
use crate::estate::Side;
use crate::reading::{Code, Demand, Finding, Gap, Qty, Reading, Subject};
use crate::time::Dur;
use crate::view::{View, gap};

/// The collection that the speed is measured on has so many documents at most, where there is one.
const SAMPLE: u64 = 1_000_000;

/// What counting every collection document by document takes: `same-counts` counts those whose estimates differ.
pub(super) fn counting_time(v: &View<'_>) -> Reading {
    body(|| {
        let d = v.mongodb(Side::Destination)?;
        let (basis, _, catalog) = v.catalog(&d)?;
        let listed = in_scope(v.mongodb_settings()?, Side::Destination, catalog)?;
        let mut sizes: Vec<(u64, &Name)> = Vec::new();
        for (ns, (c, _)) in &listed {
            // A view has none; what cannot be told is not nothing.
            let here = || Subject::Namespace(Side::Destination, (*ns).clone());
            let documents = c.documents.as_ref().map_err(|f| gap(f, here()))?;
            let some = documents.and_then(|n| u64::try_from(n).ok()).filter(|n| *n > 0);
            sizes.extend(some.map(|n| (n, *ns)));
        }
        let at = Subject::Mongodb(Side::Destination);
        let Some(chosen) = chosen(&sizes) else {
            return Ok(Reading::of(
                Finding::yes(Code::Estimate, at).seen(Qty::Time(Dur::ZERO)).detail("nothing is to be counted"),
                Some(basis),
            ));
        };
        // The largest that was ever counted tells the speed best.
        let counted = sizes.iter().filter_map(|(_, ns)| {
            let (span, n) = d.memory.exact(ns)?;
            Some((n, (span.received - span.sent).max(Dur(1)), *ns))
        });
        let Some((n, took, ns)) = counted.max() else {
            let at = Subject::Namespace(Side::Destination, chosen.clone());
            let why = match d.memory.counted(chosen) {
                Some((_, Err(f))) => uncounted(f, at),
                _ => Gap::new(Code::Partial, at)
                    .detail("its documents are being counted one by one, to know how long that takes"),
            };
            return Err(why.want(Demand::Count { side: Side::Destination, namespace: chosen.clone() }));
        };
        let all: u64 = sizes.iter().map(|(n, _)| n).sum();
        let lasts = u128::from(all) * u128::from(took.0.unsigned_abs()) / u128::from(n.max(1));
        let lasts = Dur(i64::try_from(lasts).unwrap_or(i64::MAX));
        let said = format!(
            "to count all {all} documents of {} collections, as fast as the {n} of {ns} in {took}; counted are only \
             those whose estimates differ",
            sizes.len()
        );
        Ok(Reading::of(Finding::yes(Code::Estimate, at).seen(Qty::Time(lasts)).detail(said), Some(basis)))
    })
}

/// The largest that is quick to count; where all are larger, the smallest.
fn chosen<'n>(sizes: &[(u64, &'n Name)]) -> Option<&'n Name> {
    let quick = sizes.iter().filter(|(n, _)| *n <= SAMPLE).max();
    quick.or_else(|| sizes.iter().min()).map(|(_, ns)| *ns)
}
