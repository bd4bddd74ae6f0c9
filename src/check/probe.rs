//! The probes, each asked once. That one does not pass is no defect: before its step it often does not.

use super::Row;
use super::unread::reads;
use crate::sample::probe::Prober;
use cutover_core::Name;
use cutover_core::estate::probe::ProbeSample;
use cutover_core::settings::ProbeSettings;
use std::collections::BTreeMap;
use tokio::task::JoinSet;

/// Asks every probe that this version reads once.
pub(crate) async fn probes(probers: Vec<Prober>, settings: &BTreeMap<Name, ProbeSettings>) -> Vec<Row> {
    let mut looks = JoinSet::new();
    for p in probers.into_iter().filter(|p| reads(p.kind)) {
        let needed_by = settings.get(&p.name).map(needed_by).unwrap_or_default();
        looks.spawn(async move {
            let looked = p.look().await;
            row(&p, needed_by, looked.as_ref().map_err(|f| &*f.message))
        });
    }
    let mut rows: Vec<Row> = looks.join_all().await;
    rows.sort_by(|a, b| a.target.cmp(&b.target));
    rows
}

fn row(p: &Prober, needed_by: String, looked: Result<&ProbeSample, &str>) -> Row {
    let (ok, found) = match looked {
        Ok(s) => {
            let whole = s.names.values().all(Result::is_ok);
            (whole, format!("{}: {}", if s.pass { "passes now" } else { "does not pass now" }, s.said))
        }
        Err(why) => (false, why.to_owned()),
    };
    Row {
        target: format!("probe/{}", p.name),
        capability: p.kind.as_str(),
        needed_by: needed_by.into(),
        ok,
        // An expression gives nothing before there is traffic: that must not keep anybody from starting.
        required: false,
        found,
        fix: (!ok).then(|| format!("mend what is said, or probes.{}", p.name)),
        passes: looked.ok().map(|s| s.pass),
    }
}

/// The steps a probe gates and the requirement it measures; where it has neither, checks of its own track may ask it.
pub(super) fn needed_by(p: &ProbeSettings) -> String {
    let steps = p.gates.iter().map(ToString::to_string);
    let all: Vec<String> = steps.chain(p.requirement.iter().map(|r| format!("requirement {r}"))).collect();
    if all.is_empty() { "checks of the services track".to_owned() } else { all.join(", ") }
}
