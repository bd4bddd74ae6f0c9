//! The services track: each step reversible; its checks look at the clusters in force.
//!
//! Homes are told apart by rules; a client's home is never the side it is connected to. Checks on a Kafka or MongoDB
//! that is not configured are left out.

mod homes;
mod probes;

pub(super) use probes::{judged, observe};

use super::{Check, Dwell, Effect, Exit, REQUIREMENTS_MET, Step};
use crate::settings::Track;
use crate::time::Dur;

const S60: Dwell = Dwell::For { default: Dur::secs(60), floor: Dur::ZERO };

macro_rules! check {
    ($name:ident, $id:literal, $read:expr, $dwell:expr, $exits:expr, $asks:literal) => {
        static $name: Check =
            Check { id: $id, key: concat!("services/", $id), read: $read, dwell: $dwell, exits: $exits, asks: $asks };
    };
}

check!(
    IN_FORCE,
    "in-force-reachable",
    probes::in_force_reachable,
    Dwell::None,
    &[],
    "the clusters in force answer from every vantage"
);
check!(
    PRESENT,
    "present",
    homes::present,
    S60,
    &[],
    "every identity seen with home source has been seen with home destination within 10 min"
);
check!(
    HEALTHY,
    "destination-healthy",
    probes::destination_healthy,
    S60,
    &[],
    "every HTTP and TCP probe and pod selector of side destination passes"
);
check!(
    TRAFFIC,
    "traffic-moved",
    probes::traffic_moved,
    S60,
    &[Exit { confirm: "traffic-moved", about: &[], says: "the traffic reaches the destination" }],
    "the expressions attached to the redirection hold"
);
check!(
    AT_WORK,
    "at-work",
    homes::at_work,
    S60,
    &[],
    "whoever is at work with home source now is at work with home destination as well"
);
check!(
    KEEPING_UP,
    "keeping-up",
    homes::keeping_up,
    Dwell::None,
    &[],
    "no group in force is a minute behind, unless it is catching up"
);
check!(
    NO_SOURCE_HOME,
    "no-source-home",
    homes::no_source_home,
    S60,
    &[],
    "no client of home source on the clusters in force"
);
check!(ENTRY, "entry-points", probes::entry_points, S60, &[], "the probes of the destination's entry points pass");
check!(
    NAMES,
    "names-moved",
    probes::names_moved,
    Dwell::None,
    &[Exit { confirm: "names-moved", about: &[], says: "every resolver answers with the destination only" }],
    "every resolver answers only with expected addresses, and no old answer can still be cached"
);

const fn step(id: &'static str, does: &'static str, effect: Effect) -> Step {
    Step { skippable: true, ..Step::blank(Track::Services, id, does, effect) }
}

static DEPLOY: Step = Step {
    ready: &[IN_FORCE.req(), REQUIREMENTS_MET.req().advisory()],
    done: &[PRESENT.req()],
    ..step("deploy-services", "deploy the services at the destination", Effect::Appearance(homes::appears))
};
static REDIRECT: Step = Step {
    // A service that came after the deployment was looked at is not there for the traffic either.
    ready: &[HEALTHY.req(), AT_WORK.req()],
    done: &[TRAFFIC.req()],
    ..step("redirect-traffic", "send the traffic to the destination", Effect::Appearance(probes::traffic_appears))
};
static STOP: Step = Step {
    ready: &[PRESENT.req(), AT_WORK.req(), KEEPING_UP.req()],
    done: &[NO_SOURCE_HOME.req()],
    ..step("stop-source-services", "stop the services at the source", Effect::Absence)
};
static DNS: Step = Step {
    ready: &[ENTRY.req()],
    done: &[NAMES.req()],
    ..step("switch-dns", "let the names answer with the destination", Effect::Appearance(probes::names_appear))
};

/// The steps in order.
pub static STEPS: &[&Step] = &[&DEPLOY, &REDIRECT, &STOP, &DNS];
