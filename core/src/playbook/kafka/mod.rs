//! The Kafka track: external producers are switched, the old topics drain, the consumers are stopped, then started on
//! the new cluster.

mod arrivals;
mod clean;
mod clusters;
mod drain;
mod producers;
mod projections;
mod redeployed;
mod retire;
mod shared;
mod start;
mod stop;

pub(super) use arrivals::destination_facts;
pub(crate) use clusters::{hidden_there, hides_a_topic};
pub(crate) use drain::position;
pub(crate) use producers::{producer_basis, writers_of};
pub(crate) use shared::renewed_basis;
pub(super) use shared::{body, sighted};
pub(crate) use stop::{VANISHED_WORD, end_of_gone, gone_of, ids_of_gone};

use super::{Check, Downtime, Dwell, Effect, Exit, REQUIREMENTS_MET, Run, SCALED, Step, Tripwire, Withdraw};
use crate::estate::Side;
use crate::facts::Fact;
use crate::reading::{Code, Gap, Known, Subject};
use crate::settings::Track;
use crate::time::Dur;
use crate::view::View;

macro_rules! checks {
    ($($name:ident = $id:literal $key:literal, $read:expr, $dwell:expr, $exits:expr, $asks:literal;)*) => {
        $(static $name: Check =
            Check { id: $id, key: $key, read: $read, dwell: $dwell, exits: $exits, asks: $asks };)*
    };
}

const IDLE_EXIT: Exit =
    Exit { confirm: "ingestion-idle", about: &["producer"], says: "this producer writes to the source no more" };
const FENCED: Exit =
    Exit { confirm: "source-kafka-fenced", about: &[], says: "nobody can reach the source Kafka any more" };
const RECONCILED: Exit = Exit {
    confirm: "reconciled",
    about: &["topic", "partition", "offset"],
    says: "the records below this offset were carried over",
};
const KEPT_EXIT: Exit = Exit {
    confirm: "reconciled-destination",
    about: &["topic", "partition", "offset"],
    says: "the records below this offset were carried over; groups are seeded there",
};
const REDEPLOYED_EXIT: Exit = Exit {
    confirm: "redeployed",
    about: &["group"],
    says: "this group reads at the destination and has caught up, whatever its commits show",
};
const RECREATED: Exit = Exit {
    confirm: "recreated",
    about: &["topic"],
    says: "this topic was made again on purpose: its groups have read what its old log held, and commit on the new one",
};
const DELETED: Exit = Exit {
    confirm: "deleted",
    about: &["topic"],
    says: "this topic was deleted from the source on purpose, and all that it ever held was read or carried over",
};
const OWN_60: Dwell = Dwell::Own { default: Dur::secs(60), floor: Dur::secs(45) };
const REPLICAS_60: Dwell = Dwell::Replicas { default: Dur::secs(60) };
const ABSENCE: Dwell = Dwell::Absence {
    long: Dur::mins(6),
    short: Dur::secs(60),
    shown: |v| v.facts.confirmed("scaled-to-zero", &["kafka".into()]).is_some(),
    shorter: |v| {
        let said = v.facts.confirmed("scaled-to-zero", &["kafka".into()]).is_some();
        (!said).then(|| {
            "if every consumer of the source is stopped and nothing starts one again: cutover-agent confirm \
             scaled-to-zero kafka --reason …"
                .to_owned()
        })
    },
};
const STEADY_60: Dwell = Dwell::For { default: Dur::secs(60), floor: Dur::secs(60) };

const LISTED: Exit = Exit {
    confirm: "topics-listed",
    about: &[],
    says: "an account that sees everything finds no topic in scope on the source that the agent does not list",
};

checks! {
    TWO_CLUSTERS = "two-clusters" "kafka/two-clusters", clusters::two_clusters, Dwell::None, &[],
        "the cluster ids differ, and every advertised broker answers";
    VISIBLE_BOTH = "visible" "kafka/visible", clusters::visible_both, Dwell::None, &[LISTED],
        "the lists of groups hide nothing on either side, and that of the source's topics nothing";
    VISIBLE_SOURCE = "visible" "kafka/visible-source", clusters::visible_source, Dwell::None, &[LISTED],
        "the lists of groups and topics on the source hide nothing";
    TOPICS_READY = "topics-ready" "kafka/topics-ready", clusters::topics_ready, Dwell::None, &[],
        "every topic in scope exists at the destination, with as many partitions and compatible settings";
    RETENTION = "retention-outlasts" "kafka/retention-outlasts", clusters::retention_outlasts, Dwell::None, &[],
        "the destination keeps records for as long as the consumers may be stopped";
    CLEAN = "destination-clean" "kafka/destination-clean", clean::destination_clean, Dwell::None, &[],
        "topics in scope are empty at the destination, without members and without commits of the past";
    PRODUCERS_KNOWN = "producers-known" "kafka/producers-known", producers::producers_known, Dwell::None, &[],
        "every ingestion topic that ever held a record belongs to a declared producer, and no unclassed topic grows";
    IDLE = "ingestion-idle" "kafka/ingestion-idle", producers::ingestion_idle, OWN_60, &[IDLE_EXIT, RECREATED],
        "no producer has written to the source for longer than it is ever silent";
    SWITCHED = "switched" "kafka/switched", producers::switched, Dwell::None, &[IDLE_EXIT],
        "every producer is silent on the source, and its topics grow at the destination";
    DESTINATION_LOW = "destination-kept" "kafka/destination-kept", start::destination_kept, Dwell::None, &[KEPT_EXIT],
        "nothing from the recorded start on has expired at the destination";
    DRAINED = "drained" "kafka/drained", drain::drained, REPLICAS_60, &[RECREATED, DELETED],
        "every group has committed everything there is on the source, and no end offset moves";
    ALL_READ = "every-topic-read" "kafka/every-topic-read", drain::every_topic_read, Dwell::None, &[],
        "every topic that holds records is read by some group";
    CHANGES = "changes-drained" "kafka/changes-drained", projections::changes_drained, Dwell::None, &[],
        "no projection change is NEW or IN_PROGRESS";
    NOBODY = "nobody-attached" "kafka/nobody-attached", stop::nobody_attached, ABSENCE, &[SCALED, FENCED],
        "no member on a topic in scope in any group of any type, and no committed offset moves";
    SOURCE_ENDS = "source-ends" "kafka/source-ends", stop::source_ends, Dwell::None, &[FENCED, RECONCILED],
        "the source ends where it ended when the consumers were stopped";
    SEEDED = "seeded" "kafka/seeded", start::seeded, Dwell::None, &[KEPT_EXIT],
        "every pair is committed at the recorded start at the destination";
    UNATTENDED = "destination-unattended" "kafka/destination-unattended", start::destination_unattended, Dwell::None,
        &[], "nobody is attached at the destination";
    OFFSETS = "offset-assumptions" "kafka/offset-assumptions", projections::offset_assumptions, Dwell::None,
        &[Exit { confirm: "offsets-handled", about: &[], says: "services do not compare offsets with stored ones, or \
            the stored ones were reset" }],
        "every offset that a projection stores lies below the destination's recorded start";
    REDEPLOYED = "redeployed" "kafka/redeployed", redeployed::redeployed, STEADY_60, &[REDEPLOYED_EXIT],
        "every pair has a member at the destination and has committed what lay there when it attached";
    NOTHING_SKIPPED = "nothing-skipped" "kafka/nothing-skipped", redeployed::nothing_skipped, Dwell::None,
        &[Exit { confirm: "nothing-skipped", about: &["group", "topic"], says: "this group skipped no record" }],
        "no unseeded pair has skipped what lay there before it attached";
    EFFECT = "effect" "kafka/effect", projections::effect, Dwell::None, &[],
        "real writes in the projection databases since";
    EXPIRED = "expired" "kafka/expired", retire::expired, Dwell::None, &[],
        "each source topic is empty by expiry, or everything in it is past its retention, or it is archived";
    GONE = "topics-gone" "kafka/topics-gone", retire::topics_gone, Dwell::None,
        &[Exit { confirm: "source-retired", about: &[], says: "the source Kafka is retired" }],
        "the topics in scope are gone from the source";
}

const fn step(id: &'static str, does: &'static str, effect: Effect) -> Step {
    Step { way_back: false, withdraw: Withdraw::WhileUnseen, ..Step::blank(Track::Kafka, id, does, effect) }
}

/// Of a source that is fenced by now there are none. Nobody saw the step go, and with the journal the groups may be gone that
/// left no commit: what no group is known to read is not known to be drained.
fn adopt_ends(v: &View<'_>, author: &str) -> Known<Vec<Fact>> {
    if let Ok(s) = v.kafka(Side::Source) {
        clusters::disks_told(v, &s, None)?;
        let unread = drain::every_topic_read(v).worst.into_iter().find_map(|f| match f.at {
            Subject::Topic(_, topic) if f.code == Code::NotRead => Some((topic, f.fix)),
            _ => None,
        });
        if let Some((topic, fix)) = unread {
            let group = Subject::Thing(format!("a group that has read topic {topic}").into());
            return Err(Gap { fix, ..Gap::new(Code::NeverSeen, group) });
        }
    }
    Ok(stop::source_end_anchors(v, Some(author)))
}

fn anchor_ends(v: &View<'_>) -> Vec<Fact> {
    stop::source_end_anchors(v, None)
}

static SWITCH_PRODUCERS: Step = Step {
    ready: &[
        TWO_CLUSTERS.req(),
        VISIBLE_BOTH.req(),
        TOPICS_READY.req(),
        RETENTION.req(),
        CLEAN.req().before(),
        PRODUCERS_KNOWN.req(),
        REQUIREMENTS_MET.req().advisory(),
    ],
    // A producer nobody declared may appear after the switch: it would be idle between two of its writes.
    done: &[SWITCHED.req(), PRODUCERS_KNOWN.req()],
    anchors_begun: producers::recorded_starts,
    anchors_adopted: producers::adopted_starts,
    tripwires: &[Tripwire { check: &DESTINATION_LOW, until: Some("start-consumers"), until_begun: None }],
    ..step(
        "switch-producers",
        "let the external producers write to the destination only",
        Effect::Appearance(producers::destination_grows),
    )
};
static STOP_CONSUMERS: Step = Step {
    downtime: Downtime::Opens,
    withdraw: Withdraw::Always,
    ready: &[
        VISIBLE_SOURCE.req(),
        PRODUCERS_KNOWN.req(),
        IDLE.req(),
        DRAINED.req(),
        ALL_READ.req().before(),
        CHANGES.req().advisory(),
    ],
    done: &[NOBODY.req(), DRAINED.req()],
    anchors_done: anchor_ends,
    anchors_adopted: adopt_ends,
    tripwires: &[
        Tripwire { check: &SOURCE_ENDS, until: None, until_begun: Some("retire-source") },
        Tripwire { check: &NOBODY, until: None, until_begun: Some("retire-source") },
    ],
    ..step("stop-consumers", "stop every consumer of the source", Effect::Absence)
};
static START_CONSUMERS: Step = Step {
    downtime: Downtime::Closes,
    ready: &[SEEDED.req(), UNATTENDED.req().before(), OFFSETS.req()],
    // Done ends the tripwire on what the destination keeps: it must not end a breach with it.
    done: &[REDEPLOYED.req(), NOTHING_SKIPPED.req(), DESTINATION_LOW.req(), EFFECT.req().advisory()],
    ..step("start-consumers", "start the consumers on the destination", Effect::Appearance(start::destination_attended))
};
static RETIRE_SOURCE: Step = Step {
    run: Run::Once,
    ready: &[SOURCE_ENDS.req(), EXPIRED.req()],
    done: &[GONE.req()],
    ..step("retire-source", "delete the topics of the source", Effect::Absence)
};

/// The steps in order.
pub static STEPS: &[&Step] = &[&SWITCH_PRODUCERS, &STOP_CONSUMERS, &START_CONSUMERS, &RETIRE_SOURCE];
