//! What a real Prometheus says, waited for.

use crate::agent::PATIENCE;
use cutover_lab::{Labels, Prometheus, wait_for};

/// Waits until Prometheus says that.
pub(crate) fn says(
    p: &Prometheus,
    expr: &str,
    what: &str,
    wanted: impl Fn(&[(Labels, f64)]) -> bool,
) -> Result<(), String> {
    wait_for(&format!("{expr} to say {what}"), PATIENCE, || {
        let got = p.query(expr).map_err(|e| format!("the lab: {e}"))?;
        if wanted(&got) { Ok(()) } else { Err(format!("{got:?}")) }
    })
    .map_err(|e| e.to_string())
}

/// Waits until a query has a sample.
pub(crate) fn there(p: &Prometheus, expr: &str) -> Result<(), String> {
    says(p, expr, "something", |got| !got.is_empty())
}

/// Waits until a query has exactly this one value.
pub(crate) fn is(p: &Prometheus, expr: &str, value: f64) -> Result<(), String> {
    says(p, expr, &value.to_string(), |got| matches!(got, [(_, v)] if *v == value))
}

/// Waits until a query has no sample at all.
pub(crate) fn absent(p: &Prometheus, expr: &str) -> Result<(), String> {
    says(p, expr, "nothing", <[_]>::is_empty)
}
