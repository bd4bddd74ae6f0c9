//! What reading the rules for defects found, each as it would have come about on real servers.

use super::mongodb::{mirrored, moved};
use super::services::{SHOP, estate};
use super::world::run_with;
use expect_test::expect;

/// Everything is deployed and the traffic was sent there.
const REDIRECTED: &str = "
    t=20 op begin deploy-services
    t=21 src.member rtu rtu-dst-0 crm.ingestion; msrc.join svc-orders-dst; msrc.join crud-orders-dst; probe.pass api
    t=100 op begin redirect-traffic
    t=101 probe.pass share
";

/// A group that is attached and reads nothing has a lag that does not grow while nobody writes: it is no group that keeps
/// up. Where nothing but aborted records lies behind its commits, it has read everything.
#[test]
fn a_group_that_reads_nothing_does_not_keep_up() {
    let show = "
        t=200 src.end crm.ingestion/0 +5
        t=620 show stop-source-services
        t=630 src.commit rtu crm.ingestion/0 +2; show stop-source-services
        t=640 show stop-source-services
    ";
    let play = |more: &str| run_with(estate(), &[SHOP, REDIRECTED, more, show].concat());
    expect![[r#"
        t=20 begin deploy-services: ok
        t=100 begin redirect-traffic: ok
        t=620 stop-source-services pending no-go (falling-behind): group rtu on crm.ingestion partition 0 (source) is 7 min behind, must be less than 1 min or catching up: nothing was committed for 5 min
        t=630 stop-source-services pending no-go (falling-behind): group rtu on crm.ingestion partition 0 (source) is 7 min 10 s behind, must be less than 1 min or catching up: nothing was committed for 5 min
        t=640 stop-source-services pending go"#]].assert_eq(&play(""));
    expect![[r#"
        t=20 begin deploy-services: ok
        t=100 begin redirect-traffic: ok
        t=620 stop-source-services pending go
        t=630 stop-source-services pending go
        t=640 stop-source-services pending go"#]]
    .assert_eq(&play("t=199 src.phantom"));
}

/// A mirror that has stood for ten minutes is not as fast as it was on average.
#[test]
fn headroom_is_told_by_the_newest_ten_minutes() {
    let busy = |from, to| (from..to).step_by(20).map(|t| format!("t={t} msrc.write shop.orders\n")).collect::<String>();
    let shown = mirrored(&format!(
        "t=71 msrc.window 7500; mirror.hold-back 5\n{}
        t=1700 show switch-readers all; mirror.stick\n{}
        t=2340 show switch-readers all",
        busy(80, 1700),
        busy(1701, 2340)
    ));
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=1700 switch-readers pending no-go (behind): mirror all is at 1790001580.89, must be at 1790001680.94: 1 min 40 s behind the newest write that was older than 15 s
            following no-go
            headroom go
            serving go
            coverage go
            read-only go
        t=2340 switch-readers pending no-go (behind): mirror all is at 1790001580.89, must be at 1790002301.125: 12 min 1 s behind the newest write that was older than 15 s
            following no-go
            headroom no-go
            serving go
            coverage go
            read-only go"#]].assert_eq(&shown);
}

/// A mirror that shows a position which the source's clock has not come to mirrors another deployment.
#[test]
fn a_position_that_the_sources_clock_has_not_come_to_is_foreign() {
    let shown = mirrored(
        "
        t=110 show switch-readers
        t=111 mirror.ahead 40
        t=120 show switch-readers
        t=125 show switch-readers",
    );
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=110 switch-readers pending go
        t=120 switch-readers pending unknown (foreign-position): the position of mirror all does not lie in the source's oplog: 1790000120.0 is not between 1789964116.0 and 1790000116.4294967295: it fell off, or mirrors another deployment
        t=125 switch-readers pending go"#]].assert_eq(&shown);
}

/// Without the oplog nobody knows which collections were made since the last list.
#[test]
fn coverage_is_unknown_without_the_oplog() {
    let shown = mirrored("t=110 msrc.oplog no\n t=120 show switch-readers all");
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=120 switch-readers pending unknown (privilege): the source MongoDB: the agent is not allowed to read it: its oplog: not authorized on local
            following unknown
            headroom unknown
            serving go
            coverage unknown
            read-only go"#]].assert_eq(&shown);
}

/// A transaction that was under way when the agent came, of which the beginning was not read, is no transaction across
/// mirrors; nor is one that an older version journaled.
#[test]
fn a_transaction_of_which_a_part_was_not_read_spans_nothing() {
    let shown = run_with(estate(), &[SHOP, "t=12 msrc.together ,shop.orders\n t=20 show start-mirror all"].concat());
    expect![[r#"
        t=20 start-mirror pending go
            two-deployments go
            supported go
            coverage go
            no-spanning-transactions go
            mirrorable go
            destination-empty go
            window-covers-copy go
            requirements unknown"#]]
    .assert_eq(&shown);
}

/// The source's clock is set forward, or a new primary's is ahead: what was seen to be written a minute ago is no six
/// minutes old.
#[test]
fn a_clock_that_is_ahead_makes_no_write_older_than_it_can_be() {
    let shown = moved(
        "
        t=300 op begin stop-writers; msrc.leave svc-orders
        t=302 msrc.write shop.orders
        t=310 msrc.clock 600; msrc.election
        t=330 show stop-writers all
        t=659 show stop-writers all
        t=680 show stop-writers",
    );
    expect![[r#"
        t=10 begin start-mirror: ok
        t=70 start-mirror done no-go (already-done): start-mirror is done since 2026-09-21T14:14:16Z
        t=70 start-mirror done: go
        t=130 begin switch-readers: ok
        t=220 switch-readers done no-go (already-done): switch-readers is done since 2026-09-21T14:16:41Z
        t=220 switch-readers done: go
        t=300 begin stop-writers: ok
        t=330 stop-writers begun no-go (dwelling): following: true for 14 s, must be for 30 s
            following no-go
            headroom go
            coverage go
            readers-moved go
            counting-time go
        t=330 stop-writers done: no-go (recent-write): shop.orders (source) was written 25 s ago, must be silent for 6 min
        t=659 stop-writers begun go
            following go
            headroom go
            coverage go
            readers-moved go
            counting-time go
        t=659 stop-writers done: no-go (recent-write): shop.orders (source) was written 5 min 55 s ago, must be silent for 6 min
        t=680 stop-writers done no-go (already-done): stop-writers is done since 2026-09-21T14:24:26Z
        t=680 stop-writers done: go"#]].assert_eq(&shown);
}

/// With fewer replicas in sync than a majority of writers asks for, the high watermark stands, and the leader still takes
/// what writers ask no more than its word for: nothing that is measured by it says that nobody writes.
/// Nor is what came before it: who asked for more than the leader's word was refused meanwhile, and left no record.
#[test]
fn a_high_watermark_that_cannot_move_is_no_silence() {
    let shown = super::world::run(
        "
        t=0 src.topic crm.ingestion 1; src.topic crm.pr-update 1; src.topic crm.sv-trigger 1; src.replicas 3
        t=0 dst.topic crm.ingestion 1; dst.topic crm.pr-update 1; dst.topic crm.sv-trigger 1
        t=0 src.member rtu rtu-src-0 crm.ingestion; src.member svt svt-src-0 crm.pr-update
        t=1 src.commit rtu crm.ingestion/0 =0; src.commit svt crm.pr-update/0 =0
        t=6 src.end crm.ingestion/0 +10; src.commit rtu crm.ingestion/0 =10
        t=20 op begin switch-producers
        t=21 dst.end crm.ingestion/0 +1
        t=30 src.in-sync crm.ingestion/0 0
        t=200 show switch-producers
        t=201 src.in-sync crm.ingestion/0 2
        t=250 show switch-producers
        t=400 show switch-producers
        ",
    );
    expect![[r#"
        t=20 begin switch-producers: ok
        t=200 switch-producers begun go
        t=200 switch-producers done: unknown (partial): topic crm.ingestion partition 0 (source): part of the reading is missing: a replica that is in sync is offline: its high watermark may stand over records that were written
        t=250 switch-producers begun go
        t=250 switch-producers done: no-go (dwelling): topic crm.ingestion partition 0 (source) has been silent for 39 s as far as watched, must be for 1 min 45 s: crm-cdc
        t=400 switch-producers done no-go (already-done): switch-producers is done since 2026-09-21T14:18:36Z
        t=400 switch-producers done: go"#]].assert_eq(&shown);
}

/// Without the right to see it a topic is in no list. A group that subscribes to it says that it is there.
#[test]
fn a_topic_that_only_a_subscription_names_is_missed() {
    let shown = super::world::run(
        "
        t=0 src.topic crm.ingestion 1; dst.topic crm.ingestion 1
        t=0 src.member rtu rtu-src-0 crm.ingestion,crm.pr-update
        t=1 src.commit rtu crm.ingestion/0 =0
        t=6 src.end crm.ingestion/0 +10; src.commit rtu crm.ingestion/0 =10
        t=15 show switch-producers
        ",
    );
    expect!["t=15 switch-producers pending unknown (vanished): topic crm.pr-update (source) is gone: it is not in the cluster's list of topics"].assert_eq(&shown);
}

/// What is limited by size is measured by what is held and for how long, where nothing is written while one looks.
#[test]
fn a_rate_that_was_not_seen_is_not_zero() {
    let shown = with_kafka(
        "
        t=6 dst.config crm.ingestion bytes=1000; src.config crm.ingestion retention=604800000
        t=100 restart
        t=600 show switch-producers; src.config crm.ingestion retention=-1
        t=1000 show switch-producers
        ",
    );
    expect![[r#"
        t=600 switch-producers pending no-go (retention-short): topic crm.ingestion (destination) keeps records for 1 000 bytes, less than 20 000 bytes: twice the measured rate of one partition over 7 d
        t=1000 switch-producers pending unknown (not-measured): topic crm.ingestion (source) is not measured: retention.bytes is limited, and how fast partition 0 is written was not seen; set it to -1, or wait"#]].assert_eq(&shown);
}

/// The word that everything is scaled to zero does not count beside somebody who stays.
#[test]
fn who_is_still_there_was_not_scaled_to_zero() {
    let shown = with_kafka(
        "
        t=20 op begin switch-producers
        t=21 dst.end crm.ingestion/0 +1; dst.commit rtu crm.ingestion/0 =0
        t=22 op confirm offsets-handled
        t=120 op begin stop-consumers; op confirm scaled-to-zero kafka
        t=400 show stop-consumers; src.leave rtu
        t=480 show stop-consumers
        ",
    );
    expect![[r#"
        t=20 begin switch-producers: ok
        t=22 confirm offsets-handled: ok
        t=120 begin stop-consumers: ok
        t=120 confirm scaled-to-zero kafka: ok
        t=400 stop-consumers begun go
        t=400 stop-consumers done: no-go (attached): group rtu (source) is attached: member rtu-src-0 reads crm.ingestion
        t=480 stop-consumers begun go
        t=480 stop-consumers done: no-go (dwelling): nobody-attached: true for 1 min 14 s, must be for 6 min"#]].assert_eq(&shown);
}

/// A topic that appears in the downtime and cannot be read may hold anything.
#[test]
fn what_appears_in_the_downtime_and_cannot_be_read_is_unknown() {
    let shown = with_kafka(
        "
        t=20 op begin switch-producers
        t=21 dst.end crm.ingestion/0 +1; dst.commit rtu crm.ingestion/0 =0
        t=22 op confirm offsets-handled
        t=120 op begin stop-consumers
        t=121 src.leave rtu
        t=520 show start-consumers; src.topic crm.erp.ingestion 1; src.break crm.erp.ingestion/0
        t=540 show start-consumers
        ",
    );
    expect![[r#"
        t=20 begin switch-producers: ok
        t=22 confirm offsets-handled: ok
        t=120 begin stop-consumers: ok
        t=520 start-consumers pending go
        t=540 start-consumers pending unknown (tripwire): since stop-consumers was done this must stay true and is not: source-ends: topic crm.erp.ingestion partition 0 (source) does not answer in time: no answer in 4 s"#]].assert_eq(&shown);
}

/// An ignored group of others at the destination that cannot be read holds up nothing.
#[test]
fn an_ignored_group_at_the_destination_is_nobodys_member() {
    let mut s = super::world::settings();
    s.kafka.as_mut().unwrap().ignored.insert("theirs".into(), "of others".into());
    let shown = run_with(s, &[ONE_PAIR, "t=6 dst.member theirs theirs-0 ?\n t=15 show switch-producers all"].concat());
    expect![[r#"
        t=15 switch-producers pending go
            two-clusters go
            visible go
            topics-ready go
            retention-outlasts go
            destination-clean go
            producers-known go
            requirements unknown"#]]
    .assert_eq(&shown);
}

/// A mirror that was seen running: an agent that comes later and cannot list the clients does not know that it runs.
#[test]
fn an_agent_that_cannot_look_does_not_start_a_mirror() {
    let shown = with_mongo(
        "
        t=2 msrc.listed no; mdst.listed no
        t=20 show start-mirror; msrc.listed yes
        t=30 show start-mirror; mdst.listed yes
        t=40 show start-mirror
        ",
    );
    expect![[r#"
        t=20 start-mirror pending unknown (privilege): start-mirror: the agent is not allowed to read it: whether this was done already: MongoDB member h1:27017 (destination): the agent is not allowed to read it: not authorized on local
        t=30 start-mirror pending unknown (privilege): start-mirror: the agent is not allowed to read it: whether this was done already: MongoDB member h1:27017 (destination): the agent is not allowed to read it: not authorized on local
        t=40 start-mirror pending go"#]].assert_eq(&shown);
}

/// What was seen out of order and cannot be looked at now says what is missing.
#[test]
fn what_was_seen_out_of_order_and_cannot_be_looked_at_says_so() {
    let shown = with_mongo(
        "
        t=10 mdst.coll shop.orders 1; mdst.join crud-orders
        t=20 show start-mirror; mdst.leave crud-orders; mdst.listed no
        t=30 show start-mirror; mdst.listed yes
        t=40 show start-mirror
        ",
    );
    expect![[r#"
        t=20 start-mirror pending no-go (out-of-order): the effect of switch-readers was seen, and it was not go: client crud-orders (destination): on h1:27017
        t=30 start-mirror pending no-go (out-of-order): the effect of switch-readers was seen, and it was not go: client crud-orders (destination): on h1:27017; whether it still is cannot be told: MongoDB member h1:27017 (destination): the agent is not allowed to read it: not authorized on local
        t=40 start-mirror pending no-go (not-empty): shop.orders (destination) holds 1 document"#]].assert_eq(&shown);
}

/// A topic and the group that reads it.
const ONE_PAIR: &str = "
    t=0 src.topic crm.ingestion 1; dst.topic crm.ingestion 1
    t=0 src.member rtu rtu-src-0 crm.ingestion
    t=1 src.commit rtu crm.ingestion/0 =0
    t=6 src.end crm.ingestion/0 +10; src.commit rtu crm.ingestion/0 =10
";

fn with_kafka(then: &str) -> String {
    super::world::run(&[ONE_PAIR, then].concat())
}

fn with_mongo(then: &str) -> String {
    run_with(super::mongodb::mongo(), &[super::mongodb::SHOP, then].concat())
}
