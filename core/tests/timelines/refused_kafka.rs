//! Every check of the Kafka track refuses by itself.

use super::kafka::{SHOP, SWITCHED};
use super::mongo::mongodb;
use super::refused::{Case, Told, case, lines, tell};
use super::world::settings;
use cutover_core::pattern::Pattern;
use cutover_core::settings::*;
use cutover_core::time::Dur;
use expect_test::expect;
use std::sync::LazyLock;

/// The consumers are stopped, and started at the destination.
const STOPPED: &str = "
    t=100 op begin stop-consumers
    t=102 src.leave rtu; src.leave svt
    t=480 show stop-consumers
";
const STARTED: &str = "
    t=481 op begin start-consumers
    t=483 dst.member rtu rtu-dst-0 crm.ingestion; dst.member svt svt-dst-0 crm.pr-update
    t=491 dst.commit rtu crm.ingestion/0 =1; dst.commit rtu crm.ingestion/1 =1
";
/// A topic that somebody reads, of no class: it is there from the beginning and does not grow.
const ODD: &str = "
    t=0 src.topic crm.odd 1; dst.topic crm.odd 1; src.member odd odd-src-0 crm.odd
    t=1 src.commit odd crm.odd/0 =0; dst.commit odd crm.odd/0 =0
";

fn with(change: impl FnOnce(&mut KafkaSettings)) -> Settings {
    let mut s = settings();
    change(s.kafka.as_mut().unwrap());
    s
}

/// The projections' MongoDB is measured as well; its own move is none of this.
fn projections() -> Settings {
    Settings { mongodb: Some(mongodb()), ..settings() }
}

fn producers() -> Vec<Case> {
    let ready = |what, then: &str| case(what, settings(), &[SHOP, then]);
    let begun = |what, then: &str| case(what, settings(), &[SHOP, then]);
    vec![
        ready("switch-producers ready two-clusters", "t=15 dst.id old\nt=25"),
        ready("switch-producers ready two-clusters", "t=15 dst.away\nt=25"),
        ready("switch-producers ready visible", "t=15 dst.hide\nt=25"),
        ready("switch-producers ready visible", "t=15 src.unlist\nt=25"),
        ready("switch-producers ready topics-ready", "t=15 dst.topic crm.pr-update 2\nt=25"),
        ready("switch-producers ready topics-ready", "t=15 dst.config crm.ingestion policy=compact message=1000\nt=25"),
        ready("switch-producers ready retention-outlasts", "t=15 dst.config crm.ingestion retention=86400000\nt=25"),
        ready("switch-producers ready retention-outlasts", "t=15 dst.config crm.ingestion bytes=1000\nt=25"),
        ready("switch-producers ready destination-clean", "t=15 dst.end crm.pr-update/0 +3\nt=25"),
        ready("switch-producers ready destination-clean", "t=15 dst.commit rtu crm.ingestion/0 =7\nt=25"),
        ready("switch-producers ready destination-clean", "t=15 dst.member tester tester-0 crm.ingestion\nt=25"),
        case("switch-producers ready producers-known", settings(), &[ODD, SHOP, "t=15 src.end crm.odd/0 +1\nt=25"]),
        case(
            "switch-producers ready producers-known",
            with(|k| {
                k.producers.get_mut("crm-cdc").unwrap().topics = vec![Pattern::parse("crm.ingestion").unwrap()];
            }),
            &[SHOP, "t=7 src.topic erp.ingestion 1; dst.topic erp.ingestion 1; src.end erp.ingestion/0 +1\nt=25"],
        ),
        ready("switch-producers holds producers-known", "t=25"),
        ready("switch-producers ready requirements", "t=25"),
        case(
            "switch-producers ready requirements",
            Settings { requirements_enforced: true, ..settings() },
            &[SHOP, "t=25"],
        ),
        begun("switch-producers done switched", "t=20 op begin switch-producers\nt=100"),
        begun(
            "switch-producers done switched",
            "t=20 op begin switch-producers\nt=21 dst.end crm.ingestion/0 +1\nt=40 src.end crm.ingestion/0 +1\nt=90",
        ),
        case(
            "switch-producers done switched",
            with(|k| k.producers.get_mut("crm-cdc").unwrap().cadence = None),
            &[SHOP, "t=20 op begin switch-producers\nt=21 dst.end crm.ingestion/0 +1\nt=100"],
        ),
        case(
            "switch-producers done producers-known",
            settings(),
            &[ODD, SHOP, SWITCHED, "t=22 src.end crm.odd/0 +1\nt=100"],
        ),
        case(
            "stop-consumers tripwire destination-kept",
            settings(),
            &[SHOP, SWITCHED, "t=100 dst.low crm.ingestion/0 =1\nt=110"],
        ),
    ]
}

fn consumers() -> Vec<Case> {
    let switched = |what, then: &str| case(what, settings(), &[SHOP, SWITCHED, then]);
    let begun = |what, then: &str| case(what, settings(), &[SHOP, SWITCHED, "t=100 op begin stop-consumers\n", then]);
    let stopped = |what, then: &str| case(what, settings(), &[SHOP, SWITCHED, STOPPED, then]);
    let unread = "t=0 src.topic crm.sv-trigger 1; dst.topic crm.sv-trigger 1\nt=6 src.end crm.sv-trigger/0 +1\n";
    vec![
        switched("stop-consumers ready visible", "t=100 src.hide\nt=110"),
        case(
            "stop-consumers ready producers-known",
            settings(),
            &[ODD, SHOP, SWITCHED, "t=100 src.end crm.odd/0 +1; src.commit odd crm.odd/0 =1\nt=175"],
        ),
        case(
            "stop-consumers ready ingestion-idle",
            with(|k| k.producers.get_mut("crm-cdc").unwrap().cadence = Some(Dur::secs(120))),
            &[SHOP, SWITCHED, "t=200 src.end crm.ingestion/0 +1; src.commit rtu crm.ingestion/0 =21\nt=280"],
        ),
        switched("stop-consumers ready drained", "t=100 src.end crm.pr-update/0 +7\nt=110"),
        switched("stop-consumers ready drained", "t=85"),
        switched("stop-consumers ready drained", "t=100 src.end crm.pr-update/0 +7; src.leave svt\nt=180"),
        switched("stop-consumers ready drained", "t=100 src.end crm.pr-update/0 +7\nt=480"),
        switched(
            "stop-consumers ready drained",
            "t=100 src.low crm.pr-update/0 =5; src.commit svt crm.pr-update/0 =4\nt=110",
        ),
        switched("stop-consumers ready drained", "t=100 src.commit svt crm.pr-update/0 =9\nt=110"),
        switched("stop-consumers ready drained", "t=100 src.disorder\nt=200"),
        switched("stop-consumers ready drained", "t=100 src.forget svt\nt=110"),
        case(
            "stop-consumers ready drained",
            settings(),
            &[
                "t=0 src.member bi bi-src-0 crm.pr-update\n",
                SHOP,
                SWITCHED,
                "t=24 dst.commit bi crm.pr-update/0 =0\nt=110",
            ],
        ),
        switched("stop-consumers holds drained", "t=100 src.phantom; src.end crm.pr-update/0 +1\nt=180"),
        switched(
            "stop-consumers holds drained",
            "t=100 src.end crm.pr-update/0 +1\nt=110 op accept svt crm.pr-update 0\nt=180",
        ),
        case("stop-consumers ready every-topic-read", settings(), &[unread, SHOP, SWITCHED, "t=110"]),
        case(
            "stop-consumers holds every-topic-read",
            with(|k| drop(k.unread.insert("crm.sv-trigger".into(), "nobody needs it".into()))),
            &[unread, SHOP, SWITCHED, "t=110"],
        ),
        case(
            "stop-consumers ready changes-drained",
            projections(),
            &["t=0 msrc.coll shop.fd-pc-orders 3; msrc.changes 3\n", SHOP, SWITCHED, "t=110"],
        ),
        begun("stop-consumers done nobody-attached", "t=110"),
        begun("stop-consumers done nobody-attached", "t=102 src.leave rtu; src.leave svt\nt=200"),
        begun("stop-consumers done nobody-attached", "t=102 src.leave rtu; src.leave svt; src.state svt Dead\nt=200"),
        begun(
            "stop-consumers done drained",
            "t=102 src.leave rtu; src.leave svt\nt=300 src.end crm.pr-update/0 +1\nt=480",
        ),
        stopped("start-consumers tripwire source-ends", "t=485 src.end crm.pr-update/0 +1\nt=495"),
        stopped("start-consumers tripwire nobody-attached", "t=485 src.member rtu rtu-src-0 crm.ingestion\nt=495"),
        stopped("start-consumers tripwire nobody-attached", "t=485 src.commit svt crm.pr-update/0 =4\nt=487"),
    ]
}

fn restarted() -> Vec<Case> {
    let stopped = |what, then: &str| case(what, settings(), &[SHOP, SWITCHED, STOPPED, then]);
    let started = |what, then: &str| case(what, settings(), &[SHOP, SWITCHED, STOPPED, STARTED, then]);
    // The destination's logs begin at 5, and the projections store what was read long ago.
    let later = SWITCHED.replace("=0", "=5").replace("; op confirm offsets-handled", "");
    let later = later.replace("op confirm offsets-handled", "show stop-consumers");
    let five = "
        t=2 dst.end crm.ingestion/0 =5; dst.low crm.ingestion/0 =5; dst.end crm.ingestion/1 =5; dst.low crm.ingestion/1 =5
        t=2 dst.end crm.pr-update/0 =5; dst.low crm.pr-update/0 =5; msrc.offset crm.ingestion/0 3
        t=16 dst.leave test
    ";
    vec![
        stopped("start-consumers ready seeded", "t=485 dst.commit rtu crm.ingestion/0 =1\nt=495"),
        stopped(
            "start-consumers ready destination-unattended",
            "t=485 dst.member tester tester-0 crm.ingestion\nt=495",
        ),
        stopped("start-consumers ready destination-unattended", "t=485 dst.hide\nt=495"),
        case(
            "start-consumers ready offset-assumptions",
            projections(),
            &[
                "t=0 msrc.offset crm.ingestion/0 3; dst.member test test-0 crm.ingestion\n",
                SHOP,
                five,
                &later,
                STOPPED,
                "t=485 msrc.offset crm.ingestion/0 9\nt=510",
            ],
        ),
        started("start-consumers done redeployed", "t=500"),
        started("start-consumers done redeployed", "t=500 dst.leave svt\nt=570"),
        case(
            "start-consumers done redeployed",
            settings(),
            &[
                SHOP,
                SWITCHED,
                STOPPED,
                "t=481 op begin start-consumers\nt=483 dst.member rtu rtu-dst-0 crm.ingestion\nt=600",
            ],
        ),
        case(
            "start-consumers done nothing-skipped",
            with(|k| drop(k.unseeded.insert("svt".into(), "it reads from the end".into()))),
            &[
                SHOP,
                &SWITCHED.replace("; dst.commit svt crm.pr-update/0 =0", ""),
                STOPPED,
                "t=481 op begin start-consumers\nt=482 dst.end crm.pr-update/0 +3\n",
                &STARTED.replace("op begin start-consumers", "show start-consumers"),
                "t=493 dst.commit svt crm.pr-update/0 =3\nt=600",
            ],
        ),
        started("start-consumers done destination-kept", "t=500 dst.low crm.ingestion/0 =1\nt=600"),
        case("start-consumers done effect", projections(), &[SHOP, SWITCHED, STOPPED, STARTED, "t=600"]),
        case(
            "start-consumers holds effect",
            projections(),
            &[SHOP, SWITCHED, STOPPED, STARTED, "t=590 msrc.write shop.orders\nt=600"],
        ),
        started(
            "retire-source ready source-ends",
            "t=590 src.low crm.ingestion/0 =20; src.low crm.ingestion/1 =10; src.low crm.pr-update/0 =5
             t=600 src.end crm.pr-update/0 +1; src.low crm.pr-update/0 =6\nt=610",
        ),
        started("retire-source ready expired", "t=600"),
        started(
            "retire-source ready expired",
            "t=590 src.config crm.ingestion retention=86400000; src.newest 1790000000000\nt=600",
        ),
        started(
            "retire-source done topics-gone",
            "t=600 src.low crm.ingestion/0 =20; src.low crm.ingestion/1 =10; src.low crm.pr-update/0 =5
             t=610 op begin retire-source; src.delete crm.ingestion\nt=620",
        ),
    ]
}

pub(super) static TOLD: LazyLock<Vec<Told>> =
    LazyLock::new(|| tell(producers().into_iter().chain(consumers()).chain(restarted()).collect()));

#[test]
fn every_check_of_the_kafka_track_refuses_by_itself() {
    expect![[r#"
        switch-producers ready two-clusters: no-go (same-cluster): source and destination are the same cluster, old
        switch-producers ready two-clusters: no-go (broker-unreachable): broker b1:9092 (destination) does not answer at its advertised address: no answer in 4 s
        switch-producers ready visible: unknown (hidden): the destination Kafka may hide groups from the agent: it lacks Describe on the cluster [kafka-acls --bootstrap-server … --add --allow-principal User:cutover-agent --operation Describe --cluster]
        switch-producers ready visible: unknown (timeout): broker b1:9092 (source) does not answer in time: no answer in 4 s
        switch-producers ready topics-ready: no-go (partitions-differ): topic crm.pr-update (destination) has 2 partitions instead of 1 partition: records with the same key would move to another partition
        switch-producers ready topics-ready: no-go (config-differs): topic crm.ingestion (destination) is configured otherwise: cleanup.policy compact instead of delete, max.message.bytes 1000 below 1048588
        switch-producers ready retention-outlasts: no-go (retention-short): topic crm.ingestion (destination) keeps records for 1 d, less than 7 d [kafka-configs --bootstrap-server <destination> --alter --topic crm.ingestion --add-config retention.ms=604800000]
        switch-producers ready retention-outlasts: unknown (not-measured): topic crm.ingestion (source) is not measured: retention.bytes is limited and the rate was watched for 20 s of 5 min; set it to -1, or wait
        switch-producers ready destination-clean: no-go (not-empty): topic crm.pr-update partition 0 (destination) holds 3 records [if the producers write there already: cutover-agent adopt switch-producers --reason …; only if it is a leftover, since this deletes it for good: echo '{"version":1,"partitions":[{"topic":"crm.pr-update","partition":0,"offset":-1}]}' > leftovers.json && kafka-delete-records --bootstrap-server <destination> --offset-json-file leftovers.json]
        switch-producers ready destination-clean: no-go (leftover-commit): group rtu on crm.ingestion partition 0 (destination) has an offset committed (7) from before [kafka-consumer-groups --bootstrap-server <destination> --group rtu --topic crm.ingestion --delete-offsets]
        switch-producers ready destination-clean: no-go (attached): group tester (destination) is attached: member tester-0 reads crm.ingestion
        switch-producers ready producers-known: no-go (unclassified): topic crm.odd (source) grows and is of no class: who writes it is not known [kafka: { classes: { "crm.odd": ingestion } }  # or the class it has]
        switch-producers ready producers-known: no-go (undeclared): topic erp.ingestion (source) was written by a producer that is not declared [producers: { <name>: { topics: ["erp.ingestion"], owner: <who answers> } }]
        switch-producers holds producers-known: go (ok): holds
        switch-producers ready requirements: unknown (not-confirmed): destination-tested is not confirmed: the destination was tested in all its parts [cutover-agent confirm requirement destination-tested --reason …]
        switch-producers ready requirements: unknown (not-confirmed): destination-tested is not confirmed: the destination was tested in all its parts [cutover-agent confirm requirement destination-tested --reason …]
        switch-producers done switched: no-go (not-grown): topic crm.ingestion (destination) has not been written since the producers were switched
        switch-producers done switched: no-go (still-written): topic crm.ingestion partition 0 (source) was written 44 s ago by crm-cdc, must be silent for 1 min
        switch-producers done switched: unknown (cadence-unknown): how long producer crm-cdc may be silent between two writes is not known [producers: { crm-cdc: { cadence: 1h } }  # the longest it is ever silent; or: cutover-agent confirm ingestion-idle crm-cdc --reason …]
        switch-producers done producers-known: no-go (unclassified): topic crm.odd (source) grows and is of no class: who writes it is not known [kafka: { classes: { "crm.odd": ingestion } }  # or the class it has]
        stop-consumers tripwire destination-kept: no-go (tripwire): since switch-producers was done this must stay true and is not: destination-kept: topic crm.ingestion partition 0 (destination) lost records from the recorded start on: 1 low watermark, 0 recorded start [carry the records over, then: cutover-agent confirm reconciled-destination crm.ingestion 0 1 --reason …]
        stop-consumers ready visible: unknown (hidden): the source Kafka may hide groups from the agent: it lacks Describe on the cluster [kafka-acls --bootstrap-server … --add --allow-principal User:cutover-agent --operation Describe --cluster]
        stop-consumers ready producers-known: no-go (unclassified): topic crm.odd (source) grows and is of no class: who writes it is not known [kafka: { classes: { "crm.odd": ingestion } }  # or the class it has]
        stop-consumers ready ingestion-idle: no-go (still-written): topic crm.ingestion partition 0 (source) was written 1 min 14 s ago by crm-cdc, must be silent for 2 min [if crm-cdc writes there no more: cutover-agent confirm ingestion-idle crm-cdc --reason …]
        stop-consumers ready drained: no-go (draining): group svt on crm.pr-update partition 0 (source) is 7 records behind
        stop-consumers ready drained: no-go (dwelling): true for 59 s, must be for 1 min
        stop-consumers ready drained: no-go (abandoned): group svt on crm.pr-update partition 0 (source) is 7 records behind, and nobody is there to read: no member, and nothing committed while watched [kafka: { ignored: { "svt": "<why>" } }  # or start it again and let it drain]
        stop-consumers ready drained: no-go (stuck): group svt on crm.pr-update partition 0 (source) is 7 records behind and not getting less: not falling for 7 min 50 s
        stop-consumers ready drained: no-go (lost): group svt on crm.pr-update partition 0 (source): 1 record expired unread
        stop-consumers ready drained: unknown (recreated): group svt on crm.pr-update partition 0 (source) was recreated since it was first seen [cutover-agent accept-offset svt crm.pr-update 0 --reason …  # if an unclean election took back what it read]
        stop-consumers ready drained: unknown (order): group rtu on crm.ingestion partitions 0, 1 (source): read in an order that could hide something: the log ends were not asked for after the commits came back
        stop-consumers ready drained: unknown (vanished): group svt on crm.pr-update partition 0 (source) is gone: the group was seen before and is not in the cluster's list now [kafka: { ignored: { "svt": "<why>" } }]
        stop-consumers ready drained: unknown (never-committed): group bi on crm.pr-update partition 0 (source) has no committed offset, and there are 5 records [cutover-agent accept-offset bi crm.pr-update 0 --reason …  # if it is never to commit there]
        stop-consumers holds drained: go (phantom): group svt on crm.pr-update partition 0 (source): only 1 marker or aborted record before the end, nothing left to read
        stop-consumers holds drained: go (accepted): group svt on crm.pr-update partition 0 (source): taken off the list by accept-offset
        stop-consumers ready every-topic-read: unknown (not-read): topic crm.sv-trigger (source) holds 1 record and is read by no group [kafka: { unread: { "crm.sv-trigger": "<why nobody reads it>" } }]
        stop-consumers holds every-topic-read: go (relaxed): topic crm.sv-trigger (source) relaxed by the configuration: nobody needs it
        stop-consumers ready changes-drained: no-go (changes-waiting): 3 projection changes are NEW or IN_PROGRESS
        stop-consumers done nobody-attached: no-go (attached): group rtu (source) is attached: member rtu-src-0 reads crm.ingestion
        stop-consumers done nobody-attached: no-go (dwelling): true for 1 min 29 s, must be for 6 min [if every consumer of the source is stopped and nothing starts one again: cutover-agent confirm scaled-to-zero kafka --reason …  # then 1 min is enough]
        stop-consumers done nobody-attached: unknown (group-state): group svt (source) has no member but is Dead, not Empty
        stop-consumers done drained: no-go (abandoned): group svt on crm.pr-update partition 0 (source) is 1 record behind, and nobody is there to read: no member, and nothing committed while watched [kafka: { ignored: { "svt": "<why>" } }  # or start it again and let it drain]
        start-consumers tripwire source-ends: no-go (tripwire): since stop-consumers was done this must stay true and is not: source-ends: topic crm.pr-update partition 0 (source) moved: 6 end offset, 5 when the consumers were stopped [carry the records over, then: cutover-agent confirm reconciled crm.pr-update 0 6 --reason …]
        start-consumers tripwire nobody-attached: no-go (tripwire): since stop-consumers was done this must stay true and is not: nobody-attached: group rtu (source) is attached: member rtu-src-0 reads crm.ingestion
        start-consumers tripwire nobody-attached: no-go (tripwire): since stop-consumers was done this must stay true and is not: nobody-attached: group svt on crm.pr-update partition 0 (source) is being read: its committed offset moved: somebody reads it
        start-consumers ready seeded: no-go (not-seeded): group rtu on crm.ingestion partition 0 (destination) is not seeded: not committed at its recorded start; seeded offsets expire 7 d after they were committed [kafka-consumer-groups --bootstrap-server <destination> --group rtu --topic crm.ingestion:0 --reset-offsets --to-offset 0 --execute]
        start-consumers ready destination-unattended: no-go (attached): group tester (destination) is attached: member tester-0 reads crm.ingestion
        start-consumers ready destination-unattended: unknown (hidden): the destination Kafka may hide groups from the agent: it lacks Describe on the cluster [kafka-acls --bootstrap-server … --add --allow-principal User:cutover-agent --operation Describe --cluster]
        start-consumers ready offset-assumptions: no-go (offset-ahead): topic crm.ingestion partition 0 (destination) begins at 5, and a projection stores offset 9 [switch FORCE_CHECK_ON_OFFSET off or reset the stored offsets, then: cutover-agent confirm offsets-handled --reason …]
        start-consumers done redeployed: no-go (dwelling): true for 0 s, must be for 1 min
        start-consumers done redeployed: no-go (not-attached): group svt on crm.pr-update (destination) has nobody attached [cutover-agent confirm redeployed svt --reason …  # if it reads there and never shows it]
        start-consumers done redeployed: no-go (catching-up): group rtu on crm.ingestion partition 0 (destination) is at 0 committed, to reach 1 end when it attached
        start-consumers done nothing-skipped: unknown (skipped): group svt on crm.pr-update partition 0 (destination) may have skipped records that lay there before it attached [cutover-agent confirm nothing-skipped svt crm.pr-update --reason …]
        start-consumers done destination-kept: no-go (trimmed): topic crm.ingestion partition 0 (destination) lost records from the recorded start on: 1 low watermark, 0 recorded start [carry the records over, then: cutover-agent confirm reconciled-destination crm.ingestion 0 1 --reason …]
        start-consumers done effect: no-go (not-written): the source MongoDB has not been written since the consumers were started
        start-consumers holds effect: go (written): the source MongoDB was written at 1790000590.1
        retire-source ready source-ends: no-go (moved): topic crm.pr-update partition 0 (source) moved: 6 end offset, 5 when the consumers were stopped [carry the records over, then: cutover-agent confirm reconciled crm.pr-update 0 6 --reason …]
        retire-source ready expired: no-go (never-expires): topic crm.ingestion partition 0 (source) never expires by itself [kafka: { archived: { "crm.ingestion": "<where it is kept>" } }]
        retire-source ready expired: no-go (unexpired): topic crm.ingestion partition 0 (source) holds 20 records that expire at 2026-09-22T14:13:20Z [wait until they have expired; or, where they are kept elsewhere: kafka: { archived: { "crm.ingestion": "<where it is kept>" } }]
        retire-source done topics-gone: no-go (still-there): topic crm.pr-update (source) is still there"#]].assert_eq(&lines(&TOLD));
}
