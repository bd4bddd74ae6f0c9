//! The services track: each step reversible; its checks look at the clusters in force.
//!
//! Homes are told apart by rules; a client's home is never the side it is connected to. Checks on a Kafka or MongoDB
//! that is not configured are left out.

mod homes;
mod probes;

pub(super) use probes::{judged, observe};

pub(crate) use probes::attached;

use super::{Check, Dwell, Effect, Exit, REQUIREMENTS_MET, Step};
use crate::facts::How;
use crate::reading::{Code, Finding, Reading, Subject, Tri};
use crate::settings::Track;
use crate::time::Dur;
use crate::view::View;

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
    &[Exit { confirm: "keeping-up", about: &["group"], says: "this group keeps up, whatever its commits show" }],
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

macro_rules! still {
    ($name:ident, $of:ident, $id:literal, $step:literal, $asks:literal) => {
        static $name: Check = Check {
            id: $id,
            key: concat!("services/", $id, "-still"),
            read: |v| still(v, $step, ($of.read)(v)),
            dwell: Dwell::None,
            exits: $of.exits,
            asks: $asks,
        };
    };
}

still!(STILL_PRESENT, PRESENT, "present", "deploy-services", "the services are still deployed at the destination");
still!(STILL_MOVED, TRAFFIC, "traffic-moved", "redirect-traffic", "the traffic still reaches the destination");
still!(
    STILL_STOPPED,
    NO_SOURCE_HOME,
    "no-source-home",
    "stop-source-services",
    "the source's services are still stopped"
);

/// What made the step before it done, as it is measured now: it holds up the next step as soon as it is not so any more,
/// begun or not. Where that step is skipped it asks nothing, nor where it was adopted and never could be measured.
fn still(v: &View<'_>, step: &'static str, now: Reading) -> Reading {
    let relaxed =
        |why: &str| Reading::of(Finding::yes(Code::Relaxed, Subject::Step(step)).detail(why.to_owned()), now.basis);
    if let Some(why) = v.settings.skipped(step) {
        return relaxed(why);
    }
    let adopted = matches!(v.facts.life(step).begun, Some((_, How::Adopted { .. })));
    let unmeasurable = |f: &&Finding| matches!(f.code, Code::NeverSeen | Code::NotMeasured | Code::EmptySet);
    // All of what is in the way, not only what is shown of it.
    if now.is == Tri::Unknown && adopted && now.worst.iter().filter(unmeasurable).count() == now.bad {
        return relaxed("adopted");
    }
    now
}

static DEPLOY: Step = Step {
    ready: &[IN_FORCE.req(), REQUIREMENTS_MET.req().advisory()],
    done: &[PRESENT.req()],
    ..step("deploy-services", "deploy the services at the destination", Effect::Appearance(homes::appears))
};
static REDIRECT: Step = Step {
    // A service that came after the deployment was looked at is not there for the traffic either.
    ready: &[HEALTHY.req(), AT_WORK.req(), STILL_PRESENT.req()],
    done: &[TRAFFIC.req()],
    ..step("redirect-traffic", "send the traffic to the destination", Effect::Appearance(probes::traffic_appears))
};
static STOP: Step = Step {
    ready: &[PRESENT.req(), AT_WORK.req(), KEEPING_UP.req(), STILL_MOVED.req()],
    done: &[NO_SOURCE_HOME.req()],
    ..step("stop-source-services", "stop the services at the source", Effect::Absence)
};
static DNS: Step = Step {
    ready: &[ENTRY.req(), STILL_STOPPED.req()],
    done: &[NAMES.req()],
    ..step("switch-dns", "let the names answer with the destination", Effect::Appearance(probes::names_appear))
};

/// The steps in order.
pub static STEPS: &[&Step] = &[&DEPLOY, &REDIRECT, &STOP, &DNS];
