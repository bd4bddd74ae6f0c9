//! What depends on the instant of the scrape: whether the answers are still valid.

use super::super::answer::Said;
use super::super::route;
use super::family::{Families, flag};
use super::names as m;
use crate::agent::Published;
use cutover_core::gate::board::{Gated, Verdict};
use cutover_core::time::Now;

/// Adds what may be believed at `now`.
pub(super) fn add(f: &mut Families, published: Option<&Published>, now: Now) {
    for s in published.iter().flat_map(|p| p.board.steps.iter().map(move |s| (p, s))) {
        let (p, s) = s;
        for gate in [Gated::Ready, Gated::Done] {
            let said = Said::of(p, s, gate, now);
            if gate == Gated::Ready {
                f.add(&m::STEP_READY, &[s.step.id], flag(said.verdict == Verdict::Go));
            }
            for v in Verdict::ALL {
                f.add(&m::STEP_VERDICT, &[s.step.id, gate.as_str(), v.as_str()], flag(said.verdict == v));
            }
        }
    }
    if let Some(p) = published {
        f.add(&m::BOARD_AGE, &[], route::age(p, now).as_secs_f64());
    }
    f.add(&m::BUILD_INFO, &[env!("CARGO_PKG_VERSION")], 1.0);
}
