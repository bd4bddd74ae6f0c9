//! The MongoDB track.
//!
//! Declared whole, so that the gate's rules between tracks hold; the readings are not part of this version and say so.

use super::{Check, Downtime, Dwell, Effect, Exit, REQUIREMENTS_MET, Run, Step, Tripwire, Withdraw, not_built};
use crate::settings::Track;
use crate::time::Dur;

macro_rules! check {
    ($name:ident, $id:literal, $secs:literal, $floor:literal, $exits:expr, $asks:literal) => {
        static $name: Check = Check {
            id: $id,
            key: concat!("mongodb/", $id),
            read: not_built,
            dwell: Dwell::For { default: Dur::secs($secs), floor: Dur::secs($floor) },
            exits: $exits,
            asks: $asks,
        };
    };
}
const fn exit(confirm: &'static str, about: &'static [&'static str], says: &'static str) -> Exit {
    Exit { confirm, about, says }
}

check!(TWO, "two-deployments", 0, 0, &[], "primaries on both sides, and their replica set ids differ");
check!(SUPPORTED, "supported", 0, 0, &[], "versions and kind of mirror fit together");
check!(COVERAGE, "coverage", 0, 0, &[], "each namespace in scope belongs to one mirror or is left behind");
check!(SPANNING, "no-spanning-transactions", 0, 0, &[], "no transaction spans mirrors or leaves the scope");
check!(MIRRORABLE, "mirrorable", 0, 0, &[], "nothing in scope that the kind of mirror cannot carry");
check!(EMPTY, "destination-empty", 0, 0, &[], "no user collection in scope at the destination");
check!(WINDOW, "window-covers-copy", 0, 0, &[], "the oplog window covers twice the copy");
check!(FOLLOWS, "mirror-follows", 30, 30, &[], "every mirror follows, without error");
check!(FOLLOWING, "following", 30, 30, &[], "every mirror keeps up with the real writes of its namespaces");
check!(HEADROOM, "headroom", 0, 0, &[], "the mirrors stay well inside the oplog window");
check!(SERVING, "serving", 0, 0, &[], "the destination has a primary, and collections and indexes in scope exist");
check!(
    READ_ONLY,
    "read-only",
    0,
    0,
    &[exit("readers-read-only", &[], "readers cannot write at the destination")],
    "readers cannot write at the destination"
);
check!(READERS, "readers-moved", 60, 0, &[], "every reader is gone from the source and seen at the destination");
check!(NO_WRITE, "no-source-write", 360, 30, &[], "the last real write in scope is old enough by the source's clock");
check!(
    WRITERS_GONE,
    "writers-gone",
    360,
    30,
    &[exit("scaled-to-zero", &["track"], "every client of this track is scaled to zero")],
    "every witnessed writer is absent"
);
check!(DRAINED, "drained", 35, 35, &[], "every mirror has applied everything written");
check!(MAJORITY, "majority", 0, 0, &[], "the last write is majority committed");
check!(
    SAME_DATA,
    "same-data",
    0,
    0,
    &[exit("counts", &["namespace"], "the counts of this namespace agree")],
    "collections, options, views, indexes and counts are equal"
);
check!(DESTINATION_QUIET, "destination-quiet", 35, 35, &[], "no real write in scope at the destination");
check!(
    FINISHED,
    "finished",
    360,
    60,
    &[exit("mirror-removed", &["mirror"], "this mirror is removed")],
    "every mirror has ended as it should"
);
check!(
    SOURCE_STILL,
    "source-still",
    0,
    0,
    &[exit("source-fenced", &[], "nobody can write to the source any more")],
    "the source's last write is not after the final position"
);
check!(
    DESTINATION_READY,
    "destination-ready",
    0,
    0,
    &[],
    "primary, majority reachable, no write block, no index build"
);
check!(
    WRITERS_STARTED,
    "writers-started",
    60,
    0,
    &[exit("writers-started", &[], "every writer writes at the destination")],
    "every writer is at the destination and none at the source"
);
check!(WRITES, "effect", 0, 0, &[], "real writes after the anchor");

const fn step(id: &'static str, does: &'static str, effect: Effect) -> Step {
    Step::blank(Track::Mongodb, id, does, effect)
}

static START_MIRROR: Step = Step {
    run: Run::Once,
    ready: &[
        TWO.req(),
        SUPPORTED.req(),
        COVERAGE.req(),
        SPANNING.req(),
        MIRRORABLE.req(),
        EMPTY.req().before(),
        WINDOW.req(),
        REQUIREMENTS_MET.req().advisory(),
    ],
    done: &[FOLLOWS.req()],
    ..step("start-mirror", "start every mirror", Effect::Appearance(not_built))
};
static SWITCH_READERS: Step = Step {
    skippable: true,
    ready: &[FOLLOWING.req(), HEADROOM.req(), SERVING.req(), COVERAGE.req(), READ_ONLY.req()],
    done: &[READERS.req()],
    ..step("switch-readers", "let the readers read at the destination", Effect::Appearance(not_built))
};
static STOP_WRITERS: Step = Step {
    downtime: Downtime::Opens,
    ready: &[FOLLOWING.req(), HEADROOM.req(), COVERAGE.req(), READERS.req()],
    done: &[NO_WRITE.req(), WRITERS_GONE.req()],
    ..step("stop-writers", "stop every writer", Effect::Absence)
};
static STOP_MIRROR: Step = Step {
    way_back: false,
    run: Run::Once,
    withdraw: Withdraw::WhileUnseen,
    ready: &[
        DRAINED.req().downtime(),
        MAJORITY.req().downtime(),
        NO_WRITE.req().downtime(),
        SAME_DATA.req(),
        DESTINATION_QUIET.req().downtime(),
    ],
    done: &[FINISHED.req()],
    tripwires: &[
        Tripwire { check: &FINISHED, until: None, until_begun: None },
        Tripwire { check: &SOURCE_STILL, until: None, until_begun: None },
        Tripwire { check: &DESTINATION_QUIET, until: None, until_begun: Some("start-writers") },
    ],
    ..step("stop-mirror", "stop every mirror", Effect::Absence)
};
static START_WRITERS: Step = Step {
    way_back: false,
    downtime: Downtime::Closes,
    withdraw: Withdraw::WhileUnseen,
    ready: &[DESTINATION_READY.req(), SAME_DATA.req().before().downtime()],
    done: &[WRITERS_STARTED.req(), WRITES.req().advisory()],
    ..step("start-writers", "start the writers at the destination", Effect::Appearance(not_built))
};

/// The steps in order.
pub static STEPS: &[&Step] = &[&START_MIRROR, &SWITCH_READERS, &STOP_WRITERS, &STOP_MIRROR, &START_WRITERS];
