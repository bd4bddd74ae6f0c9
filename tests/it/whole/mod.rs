//! Whole migrations on real servers, all three tracks together, in three orders; a real Prometheus scrapes each. The
//! near misses between the tracks are detours on the way.
//!
//! * [`services_first`]: services, then MongoDB, then Kafka, by claims; requirements enforced, `after`, a pace; what
//!   Prometheus has scraped is compared with what the lab knows.
//! * [`services_last`]: Kafka, then MongoDB, then the services, by a pipeline that only polls; one stop that would satisfy
//!   two tracks, an agent installed in the middle, names that are never switched.
//! * [`joint`]: one downtime for both, after a first attempt that was backed out.

mod estate;
mod joint;
mod numbers;
mod series;
mod services_first;
mod services_last;
mod site;
mod truth;
mod unchanged;

use crate::Estate as Shared;
use crate::watch::Watch;
use cutover_lab::Pair;
use estate::Estate;

/// Services, MongoDB, Kafka.
pub(crate) fn services_first(shared: &Shared) -> Result<(), String> {
    run(&*shared.pair()?, "first", false, services_first::migrate)
}

/// Kafka, MongoDB, services.
pub(crate) fn services_last(shared: &Shared) -> Result<(), String> {
    run(&*shared.pair()?, "last", false, services_last::migrate)
}

/// MongoDB and Kafka in one downtime.
pub(crate) fn joint(shared: &Shared) -> Result<(), String> {
    run(&*shared.pair()?, "joint", true, joint::migrate)
}

fn run(pair: &Pair, name: &str, joint: bool, migrate: fn(&mut Estate) -> Result<(), String>) -> Result<(), String> {
    let mut estate = Estate::prepare(pair, name, joint)?;
    let watch = Watch::start(estate.agent.url(), &estate.truth);
    let told = migrate(&mut estate);
    // What failed first is told first; a false go is told in any case.
    let watched = watch.finish();
    told.map_err(|e| estate.told(&e)).and(watched)
}
