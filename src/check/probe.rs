//! The probes, each asked once. That one does not pass is no defect: before its step it often does not.

use super::Row;
use crate::sample::probe::Prober;
use cutover_core::estate::probe::ProbeSample;
use tokio::task::JoinSet;

/// Asks every probe once.
pub(crate) async fn probes(probers: Vec<Prober>) -> Vec<Row> {
    let mut looks = JoinSet::new();
    for p in probers {
        looks.spawn(async move {
            let looked = p.look().await;
            row(&p, looked.as_ref().map_err(|f| &*f.message))
        });
    }
    let mut rows: Vec<Row> = looks.join_all().await;
    rows.sort_by(|a, b| a.target.cmp(&b.target));
    rows
}

fn row(p: &Prober, looked: Result<&ProbeSample, &str>) -> Row {
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
        needed_by: "the steps it gates, and the requirement it measures",
        ok,
        // An expression gives nothing before there is traffic: that must not keep anybody from starting.
        required: false,
        found,
        fix: (!ok).then(|| format!("mend what is said, or probes.{}", p.name)),
    }
}
