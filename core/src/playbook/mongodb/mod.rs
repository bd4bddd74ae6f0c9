//! The MongoDB track: mirrors are started, readers switched, writers stopped, the mirrors ended, the writers started.

mod clients;
mod counting;
mod data;
mod mirrors;
mod observe;
mod plan;
mod shared;
mod start;
mod writes;

pub(crate) use clients::nobody_writes;
pub(super) use clients::{clients, silenced};
pub(crate) use data::counts_basis;
pub(crate) use mirrors::mirror_is_there;
pub(crate) use mirrors::{behind_of, headroom_of};
pub(super) use observe::observe;
pub(crate) use writes::{anchored_by, newest_write, newest_write_seen};

use super::{Check, Downtime, Dwell, Effect, Exit, REQUIREMENTS_MET, Run, SCALED, Step, Tripwire, Withdraw};
use crate::Name;
use crate::estate::Side;
use crate::settings::Track;
use crate::time::Dur;
use crate::view::View;

macro_rules! checks {
    ($($name:ident = $id:literal $key:literal, $read:expr, $dwell:expr, $exits:expr, $asks:literal;)*) => {
        $(static $name: Check =
            Check { id: $id, key: $key, read: $read, dwell: $dwell, exits: $exits, asks: $asks };)*
    };
}

const fn exit(confirm: &'static str, about: &'static [&'static str], says: &'static str) -> Exit {
    Exit { confirm, about, says }
}

const fn steady(secs: i64) -> Dwell {
    Dwell::For { default: Dur::secs(secs), floor: Dur::secs(secs) }
}

const RECONCILED: Exit =
    exit("reconciled-writes", &["side", "timestamp"], "the writes up to this timestamp were carried over");
const S60: Dwell = Dwell::For { default: Dur::secs(60), floor: Dur::ZERO };
const LONG: Dur = Dur::mins(6);

/// Every mirror is removed, by a person's word that was given before the newest sample was asked for: an older one does
/// not show what they did until then.
fn removed(v: &View<'_>) -> bool {
    let before = |at| v.mongodb(Side::Destination).is_ok_and(|d| at <= v.now().wall_of(d.span.sent));
    let removed = |m| v.facts.confirmed("mirror-removed", std::slice::from_ref(m)).is_some_and(|w| before(w.at));
    v.settings.mongodb.as_ref().is_some_and(|s| s.mirrors.keys().all(removed))
}

/// What a person may say of the mirrors they have not spoken of yet.
fn remove(v: &View<'_>) -> Option<String> {
    let said = |m: &&Name| v.facts.confirmed("mirror-removed", std::slice::from_ref(*m)).is_some();
    let mirrors = v.settings.mongodb.as_ref()?.mirrors.keys().filter(|m| !said(m));
    let words: Vec<String> = mirrors.map(|m| format!("cutover-agent confirm mirror-removed {m} --reason …")).collect();
    let what = "if it is removed, so that nothing starts it again";
    (!words.is_empty()).then(|| format!("{what}: {}", words.join("; ")))
}

checks! {
    TWO = "two-deployments" "mongodb/two-deployments", plan::two_deployments, Dwell::None, &[],
        "primaries on both sides, and their replica set ids differ";
    SUPPORTED = "supported" "mongodb/supported", plan::supported, Dwell::None, &[],
        "versions and kind of mirror fit together";
    COVERAGE = "coverage" "mongodb/coverage", plan::coverage, Dwell::None, &[],
        "each namespace in scope belongs to one mirror or is left behind";
    SPANNING = "no-spanning-transactions" "mongodb/no-spanning-transactions", plan::spanning, Dwell::None, &[],
        "no transaction spans mirrors or leaves the scope";
    MIRRORABLE = "mirrorable" "mongodb/mirrorable", plan::mirrorable, Dwell::None, &[],
        "nothing in scope that the kind of mirror cannot carry";
    EMPTY = "destination-empty" "mongodb/destination-empty", plan::destination_empty, Dwell::None, &[],
        "no user collection in scope at the destination";
    WINDOW = "window-covers-copy" "mongodb/window-covers-copy", plan::window_covers_copy, Dwell::None, &[],
        "the oplog window covers twice the copy";
    FOLLOWS = "mirror-follows" "mongodb/mirror-follows", mirrors::follows, steady(30), &[],
        "every mirror follows, without error";
    FOLLOWING = "following" "mongodb/following", mirrors::following, steady(30), &[],
        "every mirror keeps up with the real writes of its namespaces";
    HEADROOM = "headroom" "mongodb/headroom", mirrors::headroom, Dwell::None, &[],
        "the mirrors stay well inside the oplog window";
    SERVING = "serving" "mongodb/serving", data::serving, Dwell::None, &[],
        "the destination has a primary, and collections and indexes in scope exist";
    READ_ONLY = "read-only" "mongodb/read-only", start::read_only, Dwell::None,
        &[exit("readers-read-only", &[], "readers cannot write at the destination")],
        "readers cannot write at the destination";
    READERS = "readers-moved" "mongodb/readers-moved", clients::readers_moved, S60, &[],
        "every reader is gone from the source and seen at the destination";
    READERS_STILL = "readers-moved" "mongodb/readers-still-moved", clients::readers_still_moved, S60, &[],
        "every reader is gone from the source and seen at the destination, where switch-readers is not skipped";
    NO_WRITE = "no-source-write" "mongodb/no-source-write", writes::no_source_write,
        Dwell::Own { default: LONG, floor: LONG }, &[SCALED],
        "the last real write in scope, election and end of a user write block are old enough, and no transaction is open";
    WRITERS_GONE = "writers-gone" "mongodb/writers-gone", clients::writers_gone,
        Dwell::Absence { long: LONG, short: writes::SHORT, shown: |v| silenced(v).is_some(), shorter: clients::silence },
        &[SCALED],
        "every witnessed writer is absent from every member";
    WRITERS_AWAY = "writers-stay-away" "mongodb/writers-stay-away", clients::writers_stay_away, steady(60),
        &[exit("source-fenced", &[], "nobody can write to the source any more")],
        "no writer is back on the source";
    DRAINED = "drained" "mongodb/drained", mirrors::drained, steady(35), &[],
        "every mirror has applied everything written";
    MAJORITY = "majority" "mongodb/majority", writes::majority, Dwell::None, &[],
        "the last write is committed by a majority";
    SAME_DATA = "same-data" "mongodb/same-data", data::same_data, Dwell::None, &[],
        "collections, options, views and indexes are equal";
    SAME_COUNTS = "same-counts" "mongodb/same-counts", data::same_counts, Dwell::None,
        &[exit("counts", &["namespace"], "the difference in documents of this namespace is accounted for")],
        "every collection holds as many documents on both sides";
    COUNTING = "counting-time" "mongodb/counting-time", counting::counting_time, Dwell::None, &[],
        "how long the exact counts of the downtime would take is measured";
    DESTINATION_QUIET = "destination-quiet" "mongodb/destination-quiet", writes::destination_quiet,
        Dwell::Own { default: Dur::secs(35), floor: Dur::secs(35) }, &[RECONCILED],
        "no real write in scope at the destination";
    FINISHED = "finished" "mongodb/finished", mirrors::finished,
        Dwell::Absence { long: LONG, short: Dur::secs(60), shown: removed, shorter: remove },
        &[exit("mirror-removed", &["mirror"], "this mirror is removed")],
        "every mirror has ended as it should";
    STAY_AWAY = "mirrors-stay-away" "mongodb/mirrors-stay-away", mirrors::stay_away, steady(60), &[],
        "nothing contradicts that every mirror has ended";
    SOURCE_STILL = "source-still" "mongodb/source-still", writes::source_still, Dwell::None,
        &[exit("source-fenced", &[], "nobody can write to the source any more"), RECONCILED],
        "nothing was written to the source since the writers were stopped";
    DESTINATION_READY = "destination-ready" "mongodb/destination-ready", start::destination_ready, Dwell::None, &[],
        "the destination has a primary and a majority behind it";
    DESTINATION_WRITABLE = "destination-writable" "mongodb/destination-writable", start::destination_writable,
        Dwell::None, &[], "user writes are allowed at the destination, and no index is being built";
    WRITERS_STARTED = "writers-started" "mongodb/writers-started", clients::writers_started, S60,
        &[exit("writers-started", &[], "every writer writes at the destination")],
        "every writer is at the destination and none at the source";
    WRITES = "effect" "mongodb/effect", writes::effect, Dwell::None, &[], "real writes since the mirrors ended";
}

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
    ..step("start-mirror", "start every mirror", Effect::Appearance(mirrors::appears))
};
static SWITCH_READERS: Step = Step {
    skippable: true,
    ready: &[FOLLOWING.req(), HEADROOM.req(), SERVING.req(), COVERAGE.req(), READ_ONLY.req()],
    done: &[READERS.req()],
    ..step("switch-readers", "let the readers read at the destination", Effect::Appearance(clients::reader_appears))
};
static STOP_WRITERS: Step = Step {
    downtime: Downtime::Opens,
    ready: &[FOLLOWING.req(), HEADROOM.req(), COVERAGE.req(), READERS_STILL.req(), COUNTING.req().advisory()],
    // An anchor that an election takes back would be none.
    done: &[NO_WRITE.req(), WRITERS_GONE.req(), MAJORITY.req()],
    anchors_done: observe::writers_stopped,
    anchors_adopted: observe::adopt_writers_stopped,
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
        // A writer that is back and silent has not been stopped.
        WRITERS_GONE.req().downtime(),
        SOURCE_STILL.req().downtime(),
        // What appeared since and is carried by nobody looks the same once it was copied by hand, and goes on being written.
        COVERAGE.req(),
        SAME_DATA.req(),
        SAME_COUNTS.req().downtime(),
        DESTINATION_QUIET.req().downtime(),
    ],
    done: &[FINISHED.req()],
    anchors_done: observe::mirrors_stopped,
    anchors_adopted: observe::adopt_mirrors_stopped,
    tripwires: &[
        Tripwire { check: &STAY_AWAY, until: None, until_begun: None },
        Tripwire { check: &WRITERS_AWAY, until: None, until_begun: None },
        Tripwire { check: &SOURCE_STILL, until: None, until_begun: None },
        Tripwire { check: &DESTINATION_QUIET, until: None, until_begun: Some("start-writers") },
    ],
    ..step("stop-mirror", "stop every mirror", Effect::Absence)
};
static START_WRITERS: Step = Step {
    way_back: false,
    downtime: Downtime::Closes,
    withdraw: Withdraw::WhileUnseen,
    ready: &[
        DESTINATION_READY.req(),
        DESTINATION_WRITABLE.req().downtime(),
        SAME_DATA.req().before().downtime(),
        SAME_COUNTS.req().before().downtime(),
    ],
    done: &[WRITERS_STARTED.req(), WRITES.req().advisory()],
    ..step("start-writers", "start the writers at the destination", Effect::Appearance(clients::writer_appears))
};

/// The steps in order.
pub static STEPS: &[&Step] = &[&START_MIRROR, &SWITCH_READERS, &STOP_WRITERS, &STOP_MIRROR, &START_WRITERS];

#[cfg(test)]
mod tests;
