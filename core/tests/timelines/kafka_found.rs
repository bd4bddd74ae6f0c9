//! What reading the Kafka track for defects found: topics that go, come again, hide or grow in the middle of it.

use super::kafka::{SHOP, SWITCHED, with};
use super::world::{World, settings};
use expect_test::expect;

/// A topic that is deleted and made again on the source in the downtime: the log that was anchored is gone, and the new one
/// is nobody's until a person has spoken for each of its partitions.
#[test]
fn a_source_topic_that_was_recreated_in_the_downtime_is_settled_partition_by_partition() {
    let shown = with(&[
        SHOP,
        SWITCHED,
        "
        t=100 op begin stop-consumers
        t=101 src.leave rtu; src.leave svt
        t=480 show start-consumers
        t=481 src.delete crm.ingestion
        t=490 show start-consumers fix; op confirm reconciled crm.ingestion 0 19; op confirm reconciled crm.ingestion 7 20
        t=491 src.topic crm.ingestion 2
        t=500 show start-consumers fix; op confirm reconciled crm.ingestion 0 0
        t=501 show start-consumers fix; op confirm reconciled crm.ingestion 1 0
        t=502 show start-consumers
        t=503 src.end crm.ingestion/1 +1
        t=510 show start-consumers
        t=511 op confirm reconciled crm.ingestion 1 1
        t=512 show start-consumers
    ",
    ]);
    expect![[r#"
        t=20 begin switch-producers: ok
        t=23 confirm offsets-handled: ok
        t=100 begin stop-consumers: ok
        t=480 start-consumers pending go
        t=490 confirm reconciled crm.ingestion 0 19: crm.ingestion is not listed any more, and its partition 0 was seen to end at 20: name that, if all that it ever held was read or carried over
        t=490 confirm reconciled crm.ingestion 7 20: crm.ingestion had no partition 7 when the consumers were stopped
        t=490 start-consumers pending unknown (tripwire): since stop-consumers was done this must stay true and is not: source-ends: topic crm.ingestion partition 0 (source) is gone: it is not in the cluster's list of topics; topic crm.ingestion partition 1 (source) is gone: it is not in the cluster's list of topics
            tripwire: let the agent see it; or, if it was deleted and all that it ever held was read or carried over: cutover-agent confirm reconciled crm.ingestion 0 20 --reason … && cutover-agent confirm reconciled crm.ingestion 1 10 --reason …
            redeployed: cutover-agent confirm redeployed rtu --reason …  # if it reads there and never shows it
        t=500 confirm reconciled crm.ingestion 0 0: ok
        t=500 start-consumers pending no-go (tripwire): since stop-consumers was done this must stay true and is not: source-ends: topic crm.ingestion partition 0 (source) was recreated since it was first seen; topic crm.ingestion partition 1 (source) was recreated since it was first seen
            tripwire: find out who deleted it, carry over what was not read, then: cutover-agent confirm reconciled crm.ingestion 1 0 --reason …
            redeployed: cutover-agent confirm redeployed rtu --reason …  # if it reads there and never shows it
        t=501 confirm reconciled crm.ingestion 1 0: ok
        t=501 start-consumers pending go
            redeployed: cutover-agent confirm redeployed rtu --reason …  # if it reads there and never shows it
        t=502 start-consumers pending go
        t=510 start-consumers pending no-go (tripwire): since stop-consumers was done this must stay true and is not: source-ends: topic crm.ingestion partition 1 (source) moved: 1 end offset, 0 when the consumers were stopped
        t=511 confirm reconciled crm.ingestion 1 1: ok
        t=512 start-consumers pending go"#]].assert_eq(&shown);
}

/// One that is deleted and not made again may as well be hidden from the agent: a person says what became of it, and a
/// word that was given while it was there does not do.
#[test]
fn a_source_topic_that_was_deleted_in_the_downtime_is_settled_by_a_word_said_after_it() {
    let shown = with(&[
        SHOP,
        SWITCHED,
        "
        t=100 op begin stop-consumers
        t=101 src.leave rtu; src.leave svt
        t=480 show start-consumers; op confirm reconciled crm.ingestion 0 20
        t=481 src.delete crm.ingestion
        t=490 show start-consumers fix; op confirm reconciled crm.ingestion 0 20; op confirm reconciled crm.ingestion 1 10
        t=491 show start-consumers
        t=492 op confirm reconciled crm.nothing 0 20
        t=493 src.topic crm.ingestion 2
        t=500 show start-consumers
    ",
    ]);
    expect![[r#"
        t=20 begin switch-producers: ok
        t=23 confirm offsets-handled: ok
        t=100 begin stop-consumers: ok
        t=480 confirm reconciled crm.ingestion 0 20: ok
        t=480 start-consumers pending go
        t=490 confirm reconciled crm.ingestion 0 20: ok
        t=490 confirm reconciled crm.ingestion 1 10: ok
        t=490 start-consumers pending go
            redeployed: cutover-agent confirm redeployed rtu --reason …  # if it reads there and never shows it
        t=491 start-consumers pending go
        t=492 confirm reconciled crm.nothing 0 20: there is no topic `crm.nothing` in scope on the source; known: crm.pr-update
        t=500 start-consumers pending no-go (tripwire): since stop-consumers was done this must stay true and is not: source-ends: topic crm.ingestion partition 0 (source) was recreated since it was first seen; topic crm.ingestion partition 1 (source) was recreated since it was first seen"#]].assert_eq(&shown);
}

/// The list of topics leaves out in silence what the agent may not see; what the brokers hold on disk does not.
#[test]
fn a_topic_that_the_list_hides_and_nobody_subscribes_to_holds_up_the_switch() {
    let shown = with(&[
        SHOP,
        "
        t=1 src.topic crm.secret; src.conceal crm.secret
        t=20 show switch-producers fix
        t=21 src.discard crm.secret
        t=30 show switch-producers
        t=31 src.untell-logs
        t=40 show switch-producers fix
        t=41 op confirm topics-listed
        t=45 show switch-producers
    ",
    ]);
    expect![[r#"
        t=20 switch-producers pending unknown (hidden): topic crm.secret (source) is not in the list of topics that the agent gets: a broker held a log of it 4 s ago; if it was deleted since, that shows at the next look
            visible: if it is there: kafka-acls --bootstrap-server … --add --allow-principal User:cutover-agent --operation Describe --topic crm.secret; or, if it is not of this migration: kafka: { ignored: { "crm.secret": "<why>" } }
            requirements: cutover-agent confirm requirement destination-tested --reason …
        t=30 switch-producers pending go
        t=40 switch-producers pending unknown (not-measured): the source Kafka is not measured: the list of topics hides what the agent may not see, and not every broker tells what it holds
            visible: look with an account that sees everything, then: cutover-agent confirm topics-listed --reason …
            requirements: cutover-agent confirm requirement destination-tested --reason …
        t=41 confirm topics-listed: ok
        t=45 switch-producers pending go"#]].assert_eq(&shown);
}

/// The source's topics are not gone because the agent may not see them any more.
#[test]
fn topics_that_the_agent_may_not_see_any_more_are_not_gone() {
    let shown = with(&[
        SHOP,
        SWITCHED,
        "
        t=100 op begin stop-consumers
        t=101 src.leave rtu; src.leave svt
        t=480 op begin start-consumers
        t=481 dst.member rtu rtu-dst-0 crm.ingestion; dst.member svt svt-dst-0 crm.pr-update
        t=482 dst.commit rtu crm.ingestion/0 +1; dst.commit rtu crm.ingestion/1 +1
        t=700 show start-consumers; src.newest 1; src.config crm.ingestion retention=1000; src.config crm.pr-update retention=1000
        t=720 show retire-source
        t=721 op begin retire-source
        t=722 src.conceal crm.ingestion; src.conceal crm.pr-update
        t=740 show retire-source fix
        t=741 src.untell-logs
        t=750 show retire-source fix; src.tell-logs
        t=751 src.discard crm.ingestion; src.discard crm.pr-update
        t=760 show retire-source
    ",
    ]);
    expect![[r#"
        t=20 begin switch-producers: ok
        t=23 confirm offsets-handled: ok
        t=100 begin stop-consumers: ok
        t=480 begin start-consumers: ok
        t=700 start-consumers done no-go (already-done): start-consumers is done since 2026-09-21T14:22:31Z
        t=700 start-consumers done: go
        t=720 retire-source pending go
        t=721 begin retire-source: ok
        t=740 retire-source begun no-go (already-begun): retire-source was begun at 2026-09-21T14:25:21Z and is begun only once
        t=740 retire-source done: unknown (hidden): topic crm.ingestion (source) is not in the list of topics that the agent gets: a broker held a log of it 4 s ago; if it was deleted since, that shows at the next look
            source-ends: if it is there: kafka-acls --bootstrap-server … --add --allow-principal User:cutover-agent --operation Describe --topic crm.ingestion; or, if it is not of this migration: kafka: { ignored: { "crm.ingestion": "<why>" } }
            expired: let the agent see it; or, if it was deleted and all that it ever held was read or carried over: cutover-agent confirm deleted crm.ingestion --reason …
            topics-gone: if it is there: kafka-acls --bootstrap-server … --add --allow-principal User:cutover-agent --operation Describe --topic crm.ingestion; or, if it is not of this migration: kafka: { ignored: { "crm.ingestion": "<why>" } }
        t=750 retire-source begun no-go (already-begun): retire-source was begun at 2026-09-21T14:25:21Z and is begun only once
        t=750 retire-source done: unknown (not-measured): the source Kafka is not measured: not every broker tells what it holds on disk, and the list of topics hides what the agent may not see
            source-ends: if it is there: kafka-acls --bootstrap-server … --add --allow-principal User:cutover-agent --operation Describe --topic crm.ingestion; or, if it is not of this migration: kafka: { ignored: { "crm.ingestion": "<why>" } }
            expired: let the agent see it; or, if it was deleted and all that it ever held was read or carried over: cutover-agent confirm deleted crm.ingestion --reason …
            topics-gone: when the topics are gone: cutover-agent confirm source-retired --reason …
        t=760 retire-source done no-go (already-done): retire-source is done since 2026-09-21T14:25:56Z
        t=760 retire-source done: go"#]].assert_eq(&shown);
}

/// A partition that comes to the destination after the switch has no recorded start; a person says that all of it is to be
/// read, and that takes the go with it that was said of its topic before.
#[test]
fn a_partition_added_at_the_destination_after_the_switch_gets_its_start_from_a_person() {
    let shown = with(&[
        SHOP,
        SWITCHED,
        "
        t=100 op begin stop-consumers
        t=101 src.leave rtu; src.leave svt
        t=480 show start-consumers
        t=481 dst.grow crm.ingestion; dst.end crm.ingestion/2 +2
        t=490 show start-consumers fix; op confirm reconciled-destination crm.ingestion 2 2
        t=491 op confirm reconciled-destination crm.ingestion 2 0
        t=492 show start-consumers fix; dst.commit rtu crm.ingestion/2 =0
        t=500 show start-consumers
        t=501 dst.delete crm.ingestion; dst.topic crm.ingestion 2
        t=510 show start-consumers fix; op confirm reconciled-destination crm.ingestion 0 0
        t=511 show start-consumers; op confirm reconciled-destination crm.ingestion 1 0
        t=512 show start-consumers
    ",
    ]);
    expect![[r#"
        t=20 begin switch-producers: ok
        t=23 confirm offsets-handled: ok
        t=100 begin stop-consumers: ok
        t=480 start-consumers pending go
        t=490 confirm reconciled-destination crm.ingestion 2 2: crm.ingestion partition 2 has no recorded start and begins at 0: name 0
        t=490 start-consumers pending unknown (no-anchor): topic crm.ingestion partition 2 (destination): the value it is held against is missing: it was not there, or not seen empty, when the producers were switched
            seeded: if all that lies there is to be read: cutover-agent confirm reconciled-destination crm.ingestion 2 0 --reason …; then seed its groups there
            redeployed: cutover-agent confirm redeployed rtu --reason …  # if it reads there and never shows it
            nothing-skipped: if all that lies there is to be read: cutover-agent confirm reconciled-destination crm.ingestion 2 0 --reason …; then seed its groups there
        t=491 confirm reconciled-destination crm.ingestion 2 0: ok
        t=492 start-consumers pending no-go (not-seeded): group rtu on crm.ingestion partition 2 (destination) is not seeded: not committed at its recorded start; seeded offsets expire 7 d after they were committed
            seeded: kafka-consumer-groups --bootstrap-server <destination> --group rtu --topic crm.ingestion:2 --reset-offsets --to-offset 0 --execute
            redeployed: cutover-agent confirm redeployed rtu --reason …  # if it reads there and never shows it
        t=500 start-consumers pending go
        t=510 confirm reconciled-destination crm.ingestion 0 0: ok
        t=510 start-consumers pending no-go (tripwire): since switch-producers was done this must stay true and is not: destination-kept: topic crm.ingestion partition 0 (destination) was recreated since it was first seen; topic crm.ingestion partition 1 (destination) was recreated since it was first seen; topic crm.ingestion partition 2 (destination) was recreated since it was first seen
            tripwire: find out who deleted it, carry over what was lost, then of each of its partitions: cutover-agent confirm reconciled-destination crm.ingestion 1 <where it begins> --reason …; and seed its groups there
            seeded: carry over what was lost; then: cutover-agent confirm reconciled-destination crm.ingestion 1 0 --reason …; then seed its groups there
            redeployed: cutover-agent confirm redeployed rtu --reason …  # if it reads there and never shows it
            nothing-skipped: carry over what was lost; then: cutover-agent confirm reconciled-destination crm.ingestion 1 0 --reason …; then seed its groups there
            destination-kept: find out who deleted it, carry over what was lost, then of each of its partitions: cutover-agent confirm reconciled-destination crm.ingestion 1 <where it begins> --reason …; and seed its groups there
        t=511 confirm reconciled-destination crm.ingestion 1 0: ok
        t=511 start-consumers pending go
        t=512 start-consumers pending go"#]].assert_eq(&shown);
}

/// Until the consumers are stopped.
const STOPPED: &str = "
    t=100 op begin stop-consumers
    t=101 src.leave rtu; src.leave svt
";

/// A word about a topic that is gone is about the log it had: one that comes again, and what is written there, is another
/// matter, also when it goes again.
#[test]
fn a_word_about_a_topic_that_is_gone_does_not_outlive_its_return() {
    let shown = with(&[
        SHOP,
        SWITCHED,
        STOPPED,
        "
        t=481 src.delete crm.pr-update
        t=490 op said confirm reconciled crm.pr-update 0 5; show start-consumers
        t=491 src.topic crm.pr-update; src.end crm.pr-update/0 +3
        t=500 show start-consumers
        t=501 src.delete crm.pr-update
        t=510 show start-consumers fix
        t=511 op confirm reconciled crm.pr-update 0 5; show start-consumers fix
        t=512 op confirm reconciled crm.pr-update 0 3; show start-consumers
    ",
    ]);
    expect![[r#"
        t=20 begin switch-producers: ok
        t=23 confirm offsets-handled: ok
        t=100 begin stop-consumers: ok
        t=490 confirm reconciled crm.pr-update 0 5: ok
            reconciled crm.pr-update 0 5: the records below this offset were carried over (measured now: its topic is in no list and on no broker's disk, as far as they tell); said by alice at 2026-09-21T14:21:30Z; counts until another record is written there, or a topic that is gone comes back
        t=490 start-consumers pending go
        t=500 start-consumers pending no-go (tripwire): since stop-consumers was done this must stay true and is not: source-ends: topic crm.pr-update partition 0 (source) was recreated since it was first seen; topic crm.pr-update partition 0 (source) moved: 3 end offset, 0 when the consumers were stopped
        t=510 start-consumers pending unknown (tripwire): since stop-consumers was done this must stay true and is not: source-ends: topic crm.pr-update partition 0 (source) is gone: it is not in the cluster's list of topics; it was seen to end at 3, 0 when the consumers were stopped
            tripwire: let the agent see it; or, if it was deleted and all that it ever held was read or carried over: cutover-agent confirm reconciled crm.pr-update 0 3 --reason …
            redeployed: cutover-agent confirm redeployed rtu --reason …  # if it reads there and never shows it
        t=511 confirm reconciled crm.pr-update 0 5: ok
        t=511 start-consumers pending unknown (tripwire): since stop-consumers was done this must stay true and is not: source-ends: topic crm.pr-update partition 0 (source) is gone: it is not in the cluster's list of topics; it was seen to end at 3, 0 when the consumers were stopped
            tripwire: let the agent see it; or, if it was deleted and all that it ever held was read or carried over: cutover-agent confirm reconciled crm.pr-update 0 3 --reason …
            redeployed: cutover-agent confirm redeployed rtu --reason …  # if it reads there and never shows it
        t=512 confirm reconciled crm.pr-update 0 3: ok
        t=512 start-consumers pending go"#]].assert_eq(&shown);
}

/// Where brokers say that a topic is there, it was not deleted, whatever a person says; where they do not tell, its return
/// ends the word.
#[test]
fn no_word_says_that_a_topic_is_gone_which_brokers_hold() {
    let shown = with(&[
        SHOP,
        SWITCHED,
        STOPPED,
        "
        t=481 src.conceal crm.pr-update
        t=490 show start-consumers fix; op confirm reconciled crm.pr-update 0 5
        t=491 src.reveal crm.pr-update; src.untell-logs
        t=515 src.conceal crm.pr-update
        t=521 op confirm reconciled crm.pr-update 0 5; show start-consumers
        t=526 src.reveal crm.pr-update; src.end crm.pr-update/0 +2
        t=535 show start-consumers; src.conceal crm.pr-update
        t=545 show start-consumers
    ",
    ]);
    expect![[r#"
        t=20 begin switch-producers: ok
        t=23 confirm offsets-handled: ok
        t=100 begin stop-consumers: ok
        t=490 confirm reconciled crm.pr-update 0 5: topic crm.pr-update (source) is not in the list of topics that the agent gets: a broker held a log of it 4 s ago; if it was deleted since, that shows at the next look
        t=490 start-consumers pending unknown (tripwire): since stop-consumers was done this must stay true and is not: source-ends: topic crm.pr-update (source) is not in the list of topics that the agent gets: a broker held a log of it 4 s ago; if it was deleted since, that shows at the next look
            tripwire: if it is there: kafka-acls --bootstrap-server … --add --allow-principal User:cutover-agent --operation Describe --topic crm.pr-update; or, if it is not of this migration: kafka: { ignored: { "crm.pr-update": "<why>" } }
            redeployed: cutover-agent confirm redeployed rtu --reason …  # if it reads there and never shows it
        t=521 confirm reconciled crm.pr-update 0 5: ok
        t=521 start-consumers pending go
        t=535 start-consumers pending no-go (tripwire): since stop-consumers was done this must stay true and is not: source-ends: topic crm.pr-update partition 0 (source) moved: 7 end offset, 5 when the consumers were stopped
        t=545 start-consumers pending unknown (tripwire): since stop-consumers was done this must stay true and is not: source-ends: topic crm.pr-update partition 0 (source) is gone: it is not in the cluster's list of topics; it was seen to end at 7, 5 when the consumers were stopped"#]].assert_eq(&shown);
}

/// What came in the downtime and went again was written, and is not forgotten with it.
#[test]
fn a_topic_that_comes_in_the_downtime_and_goes_again_is_not_forgotten() {
    let shown = with(&[
        SHOP,
        SWITCHED,
        STOPPED,
        "
        t=481 src.topic crm.new; src.end crm.new/0 +4; src.end crm.ingestion/0 +2
        t=490 show start-consumers; op confirm reconciled crm.ingestion 0 22
        t=491 src.delete crm.new; src.end crm.ingestion/1 +1
        t=500 show start-consumers; src.delete crm.ingestion
        t=510 show start-consumers fix
        t=511 op confirm reconciled crm.new 0 4; op confirm reconciled crm.ingestion 0 22; op confirm reconciled crm.ingestion 1 10
        t=512 show start-consumers; op confirm reconciled crm.ingestion 1 11
        t=513 show start-consumers
    ",
    ]);
    expect![[r#"
        t=20 begin switch-producers: ok
        t=23 confirm offsets-handled: ok
        t=100 begin stop-consumers: ok
        t=490 confirm reconciled crm.ingestion 0 22: ok
        t=490 start-consumers pending no-go (tripwire): since stop-consumers was done this must stay true and is not: source-ends: topic crm.new partition 0 (source) moved: 4 end offset, 0 when the consumers were stopped
        t=500 start-consumers pending no-go (tripwire): since stop-consumers was done this must stay true and is not: source-ends: topic crm.ingestion partition 1 (source) moved: 11 end offset, 10 when the consumers were stopped; topic crm.new partition 0 (source) is gone: it is not in the cluster's list of topics; it was seen to end at 4, 0 when the consumers were stopped
        t=510 start-consumers pending unknown (tripwire): since stop-consumers was done this must stay true and is not: source-ends: topic crm.ingestion partition 0 (source) is gone: it is not in the cluster's list of topics; topic crm.ingestion partition 1 (source) is gone: it is not in the cluster's list of topics; it was seen to end at 11, 10 when the consumers were stopped; topic crm.new partition 0 (source) is gone: it is not in the cluster's list of topics; it was seen to end at 4, 0 when the consumers were stopped
            tripwire: let the agent see it; or, if it was deleted and all that it ever held was read or carried over: cutover-agent confirm reconciled crm.ingestion 0 22 --reason … && cutover-agent confirm reconciled crm.ingestion 1 11 --reason …
            redeployed: cutover-agent confirm redeployed rtu --reason …  # if it reads there and never shows it
        t=511 confirm reconciled crm.new 0 4: ok
        t=511 confirm reconciled crm.ingestion 0 22: ok
        t=511 confirm reconciled crm.ingestion 1 10: crm.ingestion is not listed any more, and its partition 1 was seen to end at 11: name that, if all that it ever held was read or carried over
        t=512 confirm reconciled crm.ingestion 1 11: ok
        t=512 start-consumers pending go
        t=513 start-consumers pending go"#]].assert_eq(&shown);
}

/// After such a word the source can still be retired: what is gone has expired.
#[test]
fn a_topic_that_is_gone_does_not_hold_up_the_end() {
    let shown = with(&[
        SHOP,
        SWITCHED,
        STOPPED,
        "
        t=481 src.delete crm.pr-update
        t=490 op confirm reconciled crm.pr-update 0 5
        t=491 op begin start-consumers
        t=492 dst.member rtu rtu-dst-0 crm.ingestion; dst.member svt svt-dst-0 crm.pr-update
        t=493 dst.commit rtu crm.ingestion/0 +1; dst.commit rtu crm.ingestion/1 +1
        t=494 src.newest 1; src.config crm.ingestion retention=1000
        t=700 show retire-source fix
    ",
    ]);
    expect![[r#"
        t=20 begin switch-producers: ok
        t=23 confirm offsets-handled: ok
        t=100 begin stop-consumers: ok
        t=490 confirm reconciled crm.pr-update 0 5: ok
        t=491 begin start-consumers: ok
        t=700 retire-source pending go"#]]
    .assert_eq(&shown);
}

/// A topic made again before the consumers are stopped: its groups' commits may be of the old log.
#[test]
fn a_topic_that_was_recreated_before_the_stop_is_settled_by_a_word_about_the_log_it_has() {
    let shown = with(&[
        SHOP,
        SWITCHED,
        "
        t=50 op confirm recreated crm.pr-update
        t=60 src.delete crm.pr-update; src.topic crm.pr-update
        t=61 src.commit svt crm.pr-update/0 =0
        t=140 show stop-consumers fix; op confirm recreated crm.pr-update
        t=141 show stop-consumers
        t=150 src.delete crm.pr-update; src.topic crm.pr-update
        t=240 show stop-consumers
    ",
    ]);
    expect![[r#"
        t=20 begin switch-producers: ok
        t=23 confirm offsets-handled: ok
        t=50 confirm recreated crm.pr-update: crm.pr-update has the log that it had when it was first seen: there is nothing to confirm
        t=140 confirm recreated crm.pr-update: ok
        t=140 stop-consumers pending no-go (dwelling): drained: true for 0 s, must be for 1 min
        t=141 stop-consumers pending no-go (dwelling): drained: true for 4 s, must be for 1 min
        t=240 stop-consumers pending unknown (recreated): topic crm.pr-update (source) was recreated since it was first seen"#]].assert_eq(&shown);
}

/// One that was deleted for good before the stop: a person says so, which leaves what the destination has of it as it is.
#[test]
fn a_topic_that_was_deleted_before_the_stop_is_settled_by_a_word() {
    let shown = with(&[
        SHOP,
        SWITCHED,
        "
        t=60 op confirm deleted crm.pr-update
        t=61 src.delete crm.pr-update; src.leave svt
        t=140 show stop-consumers fix; op confirm deleted crm.pr-updat
        t=141 op said confirm deleted crm.pr-update
        t=142 dst.commit svt crm.pr-update/0 =3
        t=300 show stop-consumers
        t=301 dst.commit svt crm.pr-update/0 =0
        t=310 show stop-consumers; src.topic crm.pr-update
        t=320 show stop-consumers
    ",
    ]);
    expect![[r#"
        t=20 begin switch-producers: ok
        t=23 confirm offsets-handled: ok
        t=60 confirm deleted crm.pr-update: crm.pr-update is in the list of topics of the source
        t=140 confirm deleted crm.pr-updat: there is no topic of the source that is gone `crm.pr-updat`; did you mean `crm.pr-update`? known: crm.pr-update
        t=140 stop-consumers pending no-go (predecessor): switch-producers comes before and is not done (begun; unknown (vanished): topic crm.pr-update (source) is gone: it is not in the cluster's list of topics)
            producers-known: let the agent see it; or, if it was deleted and all that it ever held was read or carried over: cutover-agent confirm deleted crm.pr-update --reason …
            drained: let the agent see it; or, if it was deleted and all that it ever held was read or carried over: cutover-agent confirm deleted crm.pr-update --reason …
            every-topic-read: let the agent see it; or, if it was deleted and all that it ever held was read or carried over: cutover-agent confirm deleted crm.pr-update --reason …
            drained: let the agent see it; or, if it was deleted and all that it ever held was read or carried over: cutover-agent confirm deleted crm.pr-update --reason …
        t=141 confirm deleted crm.pr-update: ok
            deleted crm.pr-update: this topic was deleted from the source on purpose, and all that it ever held was read or carried over; said by alice at 2026-09-21T14:15:41Z; counts until the topic is there again
        t=300 stop-consumers pending no-go (way-out): the downtime could not be ended: start-consumers: seeded: group svt on crm.pr-update partition 0 (destination) is not seeded: not committed at its recorded start; seeded offsets expire 7 d after they were committed
        t=310 stop-consumers pending go
        t=320 stop-consumers pending unknown (recreated): topic crm.pr-update (source) was recreated since it was first seen"#]].assert_eq(&shown);
}

/// What the configuration leaves out is asked for no more, also where it was recorded before.
#[test]
fn a_topic_that_is_left_out_after_the_switch_is_not_asked_for() {
    let mut w = World::new(settings());
    w.play(&[SHOP, SWITCHED, "t=60 src.delete crm.pr-update\n t=140 show stop-consumers"].concat());
    let mut less = settings();
    less.kafka.as_mut().unwrap().ignored.insert("crm.pr-update".into(), "of another team".into());
    w.restart_with(less);
    w.play("t=141 src.forget svt; dst.delete crm.pr-update\n t=300 show stop-consumers");
    expect![[r#"
        t=20 begin switch-producers: ok
        t=23 confirm offsets-handled: ok
        t=140 stop-consumers pending no-go (predecessor): switch-producers comes before and is not done (begun; unknown (vanished): topic crm.pr-update (source) is gone: it is not in the cluster's list of topics)
        t=300 stop-consumers pending go"#]].assert_eq(w.out.trim_end());
}

/// What came to a log after the stop is not forgotten when its topic is made again, nor where it grew on before it went.
#[test]
fn records_that_went_with_a_recreated_topic_are_answered_for() {
    let shown = with(&[
        SHOP,
        SWITCHED,
        STOPPED,
        "
        t=481 src.end crm.pr-update/0 +1
        t=488 src.end crm.pr-update/0 +9
        t=497 src.delete crm.pr-update; src.topic crm.pr-update
        t=500 show start-consumers fix; op confirm reconciled crm.pr-update 0 0
        t=501 show start-consumers fix; op confirm reconciled crm.pr-update 0 6
        t=502 op confirm reconciled crm.pr-update 0 15; show start-consumers fix
        t=510 op confirm reconciled crm.pr-update 0 0; show start-consumers
    ",
    ]);
    expect![[r#"
        t=20 begin switch-producers: ok
        t=23 confirm offsets-handled: ok
        t=100 begin stop-consumers: ok
        t=500 confirm reconciled crm.pr-update 0 0: crm.pr-update partition 0 was anchored at 5 and ends at 15: name an offset between the two
        t=500 start-consumers pending no-go (tripwire): since stop-consumers was done this must stay true and is not: source-ends: topic crm.pr-update partition 0 (source) moved: 15 end offset, 5 when the consumers were stopped
            tripwire: carry the records over, then: cutover-agent confirm reconciled crm.pr-update 0 15 --reason …
            redeployed: cutover-agent confirm redeployed rtu --reason …  # if it reads there and never shows it
        t=501 confirm reconciled crm.pr-update 0 6: crm.pr-update partition 0 was anchored at 0 and ends at 0: name an offset between the two
        t=501 start-consumers pending no-go (tripwire): since stop-consumers was done this must stay true and is not: source-ends: topic crm.pr-update partition 0 (source) was recreated since it was first seen: the log that is gone was seen to end at 15, 5 when the consumers were stopped
            tripwire: find out who deleted it, carry over what was not read, then: cutover-agent confirm reconciled crm.pr-update 0 15 --reason … && cutover-agent confirm reconciled crm.pr-update 0 0 --reason …
            redeployed: cutover-agent confirm redeployed rtu --reason …  # if it reads there and never shows it
        t=502 confirm reconciled crm.pr-update 0 15: ok
        t=502 start-consumers pending no-go (tripwire): since stop-consumers was done this must stay true and is not: source-ends: topic crm.pr-update partition 0 (source) was recreated since it was first seen
            tripwire: find out who deleted it, carry over what was not read, then: cutover-agent confirm reconciled crm.pr-update 0 0 --reason …
            redeployed: cutover-agent confirm redeployed rtu --reason …  # if it reads there and never shows it
        t=510 confirm reconciled crm.pr-update 0 0: ok
        t=510 start-consumers pending go"#]].assert_eq(&shown);
}

/// A slow reading that fails says why, to every check that waits for it, and holds up what rests on it only when what it
/// told last is too old.
#[test]
fn a_slow_reading_that_fails_says_why() {
    let shown = with(&[
        SHOP,
        SWITCHED,
        "
        t=100 show stop-consumers; src.unread
        t=700 show stop-consumers
        t=1100 show stop-consumers fix; src.hide
        t=1110 show stop-consumers fix
    ",
    ]);
    expect![[r#"
        t=20 begin switch-producers: ok
        t=23 confirm offsets-handled: ok
        t=100 stop-consumers pending go
        t=700 stop-consumers pending go
        t=1100 stop-consumers pending unknown (auth): the source Kafka does not accept the credentials: its configurations and logs could not be read: SASL: the password was not accepted
        t=1110 stop-consumers pending unknown (hidden): the source Kafka may hide groups from the agent: it lacks Describe on the cluster
            visible: kafka-acls --bootstrap-server … --add --allow-principal User:cutover-agent --operation Describe --cluster"#]].assert_eq(&shown);
}

/// A partition that comes when the consumers run already is read from wherever they found it.
#[test]
fn a_partition_added_after_the_start_has_to_show_that_nothing_was_skipped() {
    let shown = with(&[
        SHOP,
        SWITCHED,
        STOPPED,
        "
        t=480 op begin start-consumers
        t=481 dst.member rtu rtu-dst-0 crm.ingestion; dst.member svt svt-dst-0 crm.pr-update
        t=482 dst.grow crm.ingestion; dst.end crm.ingestion/2 +7
        t=483 dst.commit rtu crm.ingestion/0 +1; dst.commit rtu crm.ingestion/1 +1; dst.commit rtu crm.ingestion/2 =7
        t=700 show start-consumers fix
        t=701 op confirm reconciled-destination crm.ingestion 2 0
        t=702 show start-consumers
        t=703 op confirm nothing-skipped rtu crm.ingestion; show start-consumers
    ",
    ]);
    expect![[r#"
        t=20 begin switch-producers: ok
        t=23 confirm offsets-handled: ok
        t=100 begin stop-consumers: ok
        t=480 begin start-consumers: ok
        t=700 start-consumers begun go
        t=700 start-consumers done: unknown (no-anchor): topic crm.ingestion partition 2 (destination): the value it is held against is missing: it was not there, or not seen empty, when the producers were switched
            nothing-skipped: if all that lies there is to be read: cutover-agent confirm reconciled-destination crm.ingestion 2 0 --reason …
        t=701 confirm reconciled-destination crm.ingestion 2 0: ok
        t=702 start-consumers begun go
        t=702 start-consumers done: unknown (skipped): group rtu on crm.ingestion partitions 0, 1, 2 (destination) may have skipped records that lay there before it attached
        t=703 confirm nothing-skipped rtu crm.ingestion: ok
        t=703 start-consumers done no-go (already-done): start-consumers is done since 2026-09-21T14:25:03Z
        t=703 start-consumers done: go"#]].assert_eq(&shown);
}

/// A topic that comes into sight with records in it, and of no class: whether somebody writes it shows only with time.
#[test]
fn a_topic_of_no_class_that_holds_records_is_watched_before_it_counts_as_nobodys() {
    let shown = with(&[
        SHOP,
        "
        t=1 src.topic crm.odd; dst.topic crm.odd; src.end crm.odd/0 +5
        t=20 show switch-producers
        t=62 show switch-producers
        t=75 show switch-producers
        t=86 show switch-producers
        t=92 src.end crm.odd/0 +1
        t=97 show switch-producers
    ",
    ]);
    expect![[r#"
        t=20 switch-producers pending unknown (partial): topic crm.odd (source): part of the reading is missing: it holds records, is of no class, and was watched for only 0 s: it may grow
        t=62 switch-producers pending unknown (partial): topic crm.odd (source): part of the reading is missing: it holds records, is of no class, and was watched for only 44 s: it may grow
        t=75 switch-producers pending unknown (partial): topic crm.odd (source): part of the reading is missing: it holds records, is of no class, and was watched for only 54 s: it may grow
        t=86 switch-producers pending go
        t=97 switch-producers pending no-go (unclassified): topic crm.odd (source) grows and is of no class: who writes it is not known"#]].assert_eq(&shown);
}

/// A word that the list is whole is refused beside a topic that it hides, and ends with the first one that is told of.
#[test]
fn a_word_that_nothing_is_hidden_does_not_outlive_what_shows_the_contrary() {
    let shown = with(&[
        SHOP,
        "
        t=1 src.topic crm.secret; src.conceal crm.secret
        t=20 op confirm topics-listed
        t=21 src.discard crm.secret
        t=60 src.untell-logs
        t=90 op confirm topics-listed
        t=95 show switch-producers
        t=96 src.tell-logs; src.topic crm.secret; src.conceal crm.secret
        t=440 src.discard crm.secret
        t=760 src.untell-logs
        t=1100 show switch-producers
    ",
    ]);
    expect![[r#"
        t=20 confirm topics-listed: topic crm.secret (source) is not in the list of topics that the agent gets: a broker held a log of it 4 s ago; if it was deleted since, that shows at the next look
        t=90 confirm topics-listed: ok
        t=95 switch-producers pending go
        t=1100 switch-producers pending unknown (not-measured): the source Kafka is not measured: the list of topics hides what the agent may not see, and not every broker tells what it holds"#]].assert_eq(&shown);
}

/// With the journal a group is forgotten that never committed and has left: nobody is known to read its topic, and what was
/// written there since may be read by nobody (seed 40020591 of the long form).
#[test]
fn a_stop_is_not_adopted_beside_a_topic_that_nobody_is_known_to_have_read() {
    let shown = with(&[
        SHOP,
        "t=1 src.topic crm.pings.pr-update; dst.topic crm.pings.pr-update; src.member silent silent-0 crm.pings.pr-update; src.end crm.pings.pr-update/0 +3\n",
        SWITCHED,
        "
        t=100 src.leave silent; src.leave rtu; src.leave svt
        t=110 amnesia
        t=120 src.end crm.pings.pr-update/0 +1
        t=500 op adopt switch-producers; op adopt stop-consumers
        t=510 show stop-consumers
    ",
    ]);
    expect![[r#"
        t=20 begin switch-producers: ok
        t=23 confirm offsets-handled: ok
        t=500 adopt switch-producers: ok
        t=500 adopt stop-consumers: stop-consumers cannot be adopted: what it would be held against is missing: a group that has read topic crm.pings.pr-update was never seen (kafka: { unread: { "crm.pings.pr-update": "<why nobody reads it>" } })
        t=510 stop-consumers pending unknown (not-read): topic crm.pings.pr-update (source) holds 4 records and is read by no group"#]].assert_eq(&shown);
}

/// A broker that told of a topic and tells nothing any more takes nothing back.
#[test]
fn a_topic_that_a_broker_told_of_stays_hidden_while_not_all_tell() {
    let shown = with(&[
        SHOP,
        SWITCHED,
        "
        t=60 src.topic crm.secret; src.conceal crm.secret
        t=95 src.untell-logs
        t=330 show stop-consumers
        t=331 op confirm topics-listed
        t=335 src.tell-logs
        t=700 show stop-consumers
        t=701 src.discard crm.secret
        t=1010 show stop-consumers
    ",
    ]);
    expect![[r#"
        t=20 begin switch-producers: ok
        t=23 confirm offsets-handled: ok
        t=330 stop-consumers pending unknown (hidden): topic crm.secret (source) is not in the list of topics that the agent gets: a broker held a log of it 4 s ago; if it was deleted since, that shows at the next look
        t=331 confirm topics-listed: topic crm.secret (source) is not in the list of topics that the agent gets: a broker held a log of it 0 s ago; if it was deleted since, that shows at the next look
        t=700 stop-consumers pending unknown (hidden): topic crm.secret (source) is not in the list of topics that the agent gets: a broker held a log of it 4 s ago; if it was deleted since, that shows at the next look
        t=1010 stop-consumers pending go"#]].assert_eq(&shown);
}

/// Nor while not every broker tells what it holds: nothing in the downtime asks for it again.
#[test]
fn a_stop_is_not_adopted_where_topics_may_be_hidden() {
    let shown = with(&[
        SHOP,
        SWITCHED,
        "
        t=100 src.leave rtu; src.leave svt
        t=110 amnesia; src.untell-logs
        t=500 op adopt switch-producers; op adopt stop-consumers
        t=501 op confirm topics-listed; op adopt stop-consumers
    ",
    ]);
    expect![[r#"
        t=20 begin switch-producers: ok
        t=23 confirm offsets-handled: ok
        t=500 adopt switch-producers: ok
        t=500 adopt stop-consumers: stop-consumers cannot be adopted: what it would be held against is missing: the source Kafka is not measured: the list of topics hides what the agent may not see, and not every broker tells what it holds (look with an account that sees everything, then: cutover-agent confirm topics-listed --reason …)
        t=501 confirm topics-listed: ok
        t=501 adopt stop-consumers: ok"#]].assert_eq(&shown);
}

/// The shop with its producers switched, and svt needing no seeded offsets.
fn unseeded_svt(then: &[&str]) -> String {
    let mut s = super::world::settings();
    s.kafka.as_mut().unwrap().unseeded.insert("svt".into(), "reads from the start".into());
    let seeded = SWITCHED.replace("; dst.commit svt crm.pr-update/0 =0", "");
    super::world::run_with(s, &[&[SHOP, &seeded], then].concat().concat())
}

/// Whoever may not describe the cluster gets a list without the groups it may not see: that a group is not on it does not show
/// that nobody had attached yet. The ends of that sample may be past what a reader with `latest` began at.
#[test]
fn a_group_that_may_be_hidden_is_not_known_to_have_attached_later() {
    let told = |hides: &str| {
        let stopped = "
            t=100 op begin stop-consumers
            t=102 src.leave rtu; src.leave svt
            t=481 op begin start-consumers
            t=482 dst.end crm.pr-update/0 =3; dst.member rtu rtu-dst-0 crm.ingestion
            t=482 dst.commit rtu crm.ingestion/0 =1; dst.commit rtu crm.ingestion/1 =1
        ";
        let attached = "
            t=487 dst.end crm.pr-update/0 =6
            t=497 dst.member svt svt-dst-1 crm.pr-update; dst.commit svt crm.pr-update/0 =4
            t=510 dst.commit svt crm.pr-update/0 =6
            t=600 show start-consumers
        ";
        let shown = unseeded_svt(&[stopped, hides, attached]);
        shown.lines().last().unwrap_or_default().to_owned()
    };
    assert_eq!(told(""), "t=600 start-consumers done: go");
    for hides in ["t=483 dst.hide\n", "t=483 dst.unlist\n"] {
        let said = told(hides);
        assert!(said.contains("done: unknown (skipped): group svt on crm.pr-update"), "{hides}{said}");
    }
}

/// Whoever attaches to an empty log without a committed offset and comes back when records lie there begins behind them, with
/// `latest`: that nothing lay there when it attached first shows nothing, until it has committed from there (seed 910202764).
#[test]
fn a_group_that_came_back_before_it_committed_may_have_skipped_what_lay_there_then() {
    let told = |between: &str| {
        let stopped = "
            t=100 op begin stop-consumers
            t=102 src.leave rtu; src.leave svt
            t=481 op begin start-consumers
            t=482 dst.member rtu rtu-dst-0 crm.ingestion; dst.member svt svt-dst-0 crm.pr-update
            t=482 dst.commit rtu crm.ingestion/0 =1; dst.commit rtu crm.ingestion/1 =1
        ";
        let back = "
            t=491 dst.leave svt
            t=496 dst.end crm.pr-update/0 =4
            t=501 dst.member svt svt-dst-0 crm.pr-update
            t=506 dst.end crm.pr-update/0 =6; dst.commit svt crm.pr-update/0 =6
            t=600 show start-consumers fix
            t=601 op confirm nothing-skipped svt crm.pr-update
            t=610 show start-consumers
        ";
        unseeded_svt(&[stopped, between, back])
    };
    expect![[r#"
        t=20 begin switch-producers: ok
        t=23 confirm offsets-handled: ok
        t=100 begin stop-consumers: ok
        t=481 begin start-consumers: ok
        t=600 start-consumers begun go
        t=600 start-consumers done: unknown (skipped): group svt on crm.pr-update partition 0 (destination) may have skipped records that lay there before it attached
            nothing-skipped: cutover-agent confirm nothing-skipped svt crm.pr-update --reason …
        t=601 confirm nothing-skipped svt crm.pr-update: ok
        t=610 start-consumers done no-go (already-done): start-consumers is done since 2026-09-21T14:23:22Z
        t=610 start-consumers done: go"#]].assert_eq(&told(""));
    // Nor that it had committed, once that is deleted.
    let deleted = told("t=487 dst.commit svt crm.pr-update/0 =0\nt=492 dst.forget svt\n");
    assert_eq!(deleted, told(""));
    // Where it has committed it goes on, however often it comes back.
    expect![[r#"
        t=20 begin switch-producers: ok
        t=23 confirm offsets-handled: ok
        t=100 begin stop-consumers: ok
        t=481 begin start-consumers: ok
        t=600 start-consumers done no-go (already-done): start-consumers is done since 2026-09-21T14:22:51Z
        t=600 start-consumers done: go
        t=601 confirm nothing-skipped svt crm.pr-update: ok
        t=610 start-consumers done no-go (already-done): start-consumers is done since 2026-09-21T14:22:51Z
        t=610 start-consumers done: go"#]]
    .assert_eq(&told("t=487 dst.commit svt crm.pr-update/0 =0\n"));
}

/// Another cluster answers at the source's address for a moment: what was remembered of the source is forgotten with it, so
/// that a reader who committed meanwhile is not seen to have moved. The time for which nobody was there counts from then on.
#[test]
fn nothing_dwells_across_another_clusters_answer() {
    let shown = with(&[
        SHOP,
        SWITCHED,
        "
        t=100 op begin stop-consumers
        t=101 src.leave rtu; src.leave svt
        t=300 show stop-consumers
        t=301 src.id imposter
        t=302 src.end crm.pr-update/0 +1; src.commit svt crm.pr-update/0 =6
        t=306 src.id old
        t=320 show stop-consumers
        t=480 show stop-consumers
        t=670 show stop-consumers
        t=690 show stop-consumers
    ",
    ]);
    expect![[r#"
        t=20 begin switch-producers: ok
        t=23 confirm offsets-handled: ok
        t=100 begin stop-consumers: ok
        t=300 stop-consumers begun go
        t=300 stop-consumers done: no-go (dwelling): nobody-attached: true for 3 min 9 s, must be for 6 min
        t=320 stop-consumers begun no-go (dwelling): topic crm.ingestion partition 0 (source) has been silent for 4 s as far as watched, must be for 1 min: crm-cdc
        t=320 stop-consumers done: no-go (dwelling): nobody-attached: true for 4 s, must be for 6 min
        t=480 stop-consumers begun go
        t=480 stop-consumers done: no-go (dwelling): nobody-attached: true for 2 min 44 s, must be for 6 min
        t=670 stop-consumers begun go
        t=670 stop-consumers done: no-go (dwelling): nobody-attached: true for 5 min 54 s, must be for 6 min
        t=690 stop-consumers done no-go (already-done): stop-consumers is done since 2026-09-21T14:24:36Z
        t=690 stop-consumers done: go"#]].assert_eq(&shown);
}

/// A commit that was not there before was made by somebody, as one that has moved was.
#[test]
fn a_commit_that_appears_is_somebody_reading() {
    let shown = with(&[
        SHOP,
        SWITCHED,
        "
        t=100 op begin stop-consumers
        t=101 src.leave rtu; src.leave svt
        t=300 show stop-consumers
        t=301 src.topic crm.pr-late 1; src.commit svt crm.pr-late/0 =0
        t=307 show stop-consumers
        t=320 show stop-consumers
        t=480 show stop-consumers
    ",
    ]);
    expect![[r#"
        t=20 begin switch-producers: ok
        t=23 confirm offsets-handled: ok
        t=100 begin stop-consumers: ok
        t=300 stop-consumers begun go
        t=300 stop-consumers done: no-go (dwelling): nobody-attached: true for 3 min 9 s, must be for 6 min
        t=307 stop-consumers begun no-go (dwelling): topic crm.pr-late partition 0 (source) has been watched for too short a time: its end offset moved between the last two samples, or was read only once
        t=307 stop-consumers done: no-go (dwelling): group svt on crm.pr-late partition 0 (source) has been watched for too short a time: its committed offset was read only once: somebody may just have committed it
        t=320 stop-consumers begun no-go (dwelling): drained: true for 4 s, must be for 1 min
        t=320 stop-consumers done: no-go (dwelling): nobody-attached: true for 4 s, must be for 6 min
        t=480 stop-consumers begun go
        t=480 stop-consumers done: no-go (dwelling): nobody-attached: true for 2 min 44 s, must be for 6 min"#]].assert_eq(&shown);
}

/// Records that came to the destination and were deleted there between two samples were the producers' where the step was go:
/// they are missed. Before it ever was go they were a test, cleaned up.
#[test]
fn what_was_written_and_deleted_between_two_samples_is_missed() {
    let written = "dst.end crm.ingestion/0 +3; dst.low crm.ingestion/0 =3";
    let switched = with(&[
        SHOP,
        &format!("t=19 show switch-producers\n t=21 {written}"),
        "
        t=30 show switch-producers
        t=31 dst.end crm.ingestion/0 +1; dst.end crm.ingestion/1 +1
        t=100 show switch-producers; show stop-consumers fix
        t=101 op begin stop-consumers
        t=102 show stop-consumers
        ",
    ]);
    expect![[r#"
        t=19 switch-producers pending go
        t=30 switch-producers begun go
        t=30 switch-producers done: no-go (still-written): topic crm.ingestion partition 0 (source) was written 9 s ago by crm-cdc, must be silent for 1 min
        t=100 switch-producers done no-go (already-done): switch-producers is done since 2026-09-21T14:14:41Z
        t=100 switch-producers done: no-go (tripwire): since switch-producers was done this must stay true and is not: destination-kept: topic crm.ingestion partition 0 (destination) lost records from the recorded start on: 3 low watermark, 0 recorded start
        t=100 stop-consumers pending no-go (tripwire): since switch-producers was done this must stay true and is not: destination-kept: topic crm.ingestion partition 0 (destination) lost records from the recorded start on: 3 low watermark, 0 recorded start
            tripwire: carry the records over, then: cutover-agent confirm reconciled-destination crm.ingestion 0 3 --reason …
            way-out: kafka-consumer-groups --bootstrap-server <destination> --group rtu --topic crm.ingestion:0 --reset-offsets --to-offset 0 --execute && kafka-consumer-groups --bootstrap-server <destination> --group rtu --topic crm.ingestion:1 --reset-offsets --to-offset 0 --execute
            way-out: cutover-agent confirm offsets-handled --reason …
        t=101 begin stop-consumers: no-go (tripwire): since switch-producers was done this must stay true and is not: destination-kept: topic crm.ingestion partition 0 (destination) lost records from the recorded start on: 3 low watermark, 0 recorded start
        t=102 stop-consumers pending no-go (tripwire): since switch-producers was done this must stay true and is not: destination-kept: topic crm.ingestion partition 0 (destination) lost records from the recorded start on: 3 low watermark, 0 recorded start"#]].assert_eq(&switched);
    let tested = with(&[
        "t=0 dst.member test test-0 crm.ingestion",
        SHOP,
        &format!("t=19 show switch-producers\n t=21 {written}"),
        "
        t=30 show switch-producers; dst.leave test
        t=40 show switch-producers; op begin switch-producers
        t=41 dst.end crm.ingestion/0 +1; dst.end crm.ingestion/1 +1
        t=100 show switch-producers; show stop-consumers fix
        ",
    ]);
    expect![[r#"
        t=19 switch-producers pending no-go (attached): group test (destination) is attached: member test-0 reads crm.ingestion
        t=30 switch-producers pending no-go (attached): group test (destination) is attached: member test-0 reads crm.ingestion
        t=40 begin switch-producers: ok
        t=40 switch-producers begun go
        t=40 switch-producers done: no-go (still-written): topic crm.ingestion partition 0 (source) was written 19 s ago by crm-cdc, must be silent for 1 min
        t=100 switch-producers done no-go (already-done): switch-producers is done since 2026-09-21T14:14:41Z
        t=100 switch-producers done: go
        t=100 stop-consumers pending no-go (way-out): the downtime could not be ended: start-consumers: seeded: group rtu on crm.ingestion partitions 0, 1 (destination) is not seeded: not committed at its recorded start; seeded offsets expire 7 d after they were committed; group svt on crm.pr-update partition 0 (destination) is not seeded: not committed at its recorded start; seeded offsets expire 7 d after they were committed
            way-out: kafka-consumer-groups --bootstrap-server <destination> --group rtu --topic crm.ingestion:0 --reset-offsets --to-offset 3 --execute && kafka-consumer-groups --bootstrap-server <destination> --group rtu --topic crm.ingestion:1 --reset-offsets --to-offset 0 --execute
            way-out: cutover-agent confirm offsets-handled --reason …"#]].assert_eq(&tested);
}
