//! The declared external producers, or the reason why there is none.

use super::read::At;
use cutover_core::Name;
use cutover_core::settings::{Producer, Track};
use cutover_core::time::Dur;
use std::collections::BTreeMap;

/// Reads `producers` and `expect_none.producers`.
pub(super) fn read(root: &At<'_>) -> (BTreeMap<Name, Producer>, Option<Name>) {
    let at = root.get("producers");
    let producers: BTreeMap<Name, Producer> =
        at.entries().into_iter().filter_map(|(name, at)| Some((name, producer(&at)?))).collect();
    let none = root.get("expect_none").get("producers");
    let reason = none.reason();
    if let Some(reason) = &reason {
        none.relax(reason, &[Track::Kafka]);
    }
    match (at.entries().is_empty(), none.given()) {
        (false, true) => none.fail("there are producers declared: take one of them out"),
        (true, false) => at.warn(
            "no producer is declared: who writes the ingestion topics stays unknown, and `switch-producers` with it; \
             declare them, or say why there is none in `expect_none.producers`",
        ),
        _ => {}
    }
    (producers, reason)
}

fn producer(at: &At<'_>) -> Option<Producer> {
    if !at.is_map() {
        return None;
    }
    let topics = at.get("topics");
    if !topics.given() {
        topics.fail("is missing: which topics does it write? as in [\"*.crm.*.ingestion\"]");
    }
    let (mode, reason) = (at.get("mode"), at.get("reason"));
    let stopped = mode.choice(&[("stopped", ())]).is_some();
    let why = reason.reason();
    match (stopped, &why) {
        (true, Some(why)) => mode.relax(why, &[Track::Kafka]),
        (true, None) if !reason.given() => reason.fail("is missing: why will this producer never write again?"),
        (false, Some(_)) if !mode.given() => reason.fail("has no meaning without `mode: stopped`"),
        _ => {}
    }
    Some(Producer {
        topics: topics.patterns(false).unwrap_or_default(),
        owner: at.get("owner").text(),
        cadence: at.get("cadence").duration(Dur::secs(1)..=Dur::days(366)),
        stopped: why.filter(|_| stopped),
    })
}
