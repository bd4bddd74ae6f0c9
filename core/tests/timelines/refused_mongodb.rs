//! Every check of the MongoDB track refuses by itself.

use super::mongodb::{MIRRORED, READ, SHOP, STOPPED, mongo};
use super::refused::{Case, Told, case, lines, tell};
use cutover_core::pattern::Pattern;
use cutover_core::settings::*;
use cutover_core::time::Dur;
use expect_test::expect;
use std::sync::LazyLock;

/// The mirror is ended, and the destination open.
const ENDED: &str = "
    t=800 op begin stop-mirror
    t=801 mirror.gone
    t=1181 mdst.block off
";
const STARTED: &str = "
    t=1190 op begin start-writers
    t=1191 mdst.join svc-orders-dst
";

fn with(change: impl FnOnce(&mut MongodbSettings)) -> Settings {
    let mut s = mongo();
    change(s.mongodb.as_mut().unwrap());
    s
}

fn patterns(all: &[&str]) -> Vec<Pattern> {
    all.iter().map(|p| Pattern::parse(p).unwrap()).collect()
}

/// The mirror carries the two collections that the shop has, and no other.
fn two_collections() -> Settings {
    with(|m| m.mirrors.get_mut("all").unwrap().namespaces = patterns(&["shop.orders", "shop.customers"]))
}

/// A mirror of a kind that this version does not read, for these.
fn mongosync(namespaces: &[&str]) -> Settings {
    let mut s = another(namespaces);
    s.mongodb.as_mut().unwrap().mirrors.get_mut("too").unwrap().kind = MirrorKind::Mongosync;
    s
}

/// Another mirror beside the first.
fn another(namespaces: &[&str]) -> Settings {
    with(|m| {
        let too = MirrorSettings { namespaces: patterns(namespaces), ..m.mirrors["all"].clone() };
        m.mirrors.insert("too".into(), too);
    })
}

/// The mirror may be an hour behind.
fn slow() -> Settings {
    with(|m| m.mirrors.get_mut("all").unwrap().lag = Some(Dur::hours(1)))
}

fn mirrors() -> Vec<Case> {
    let ready = |what, then: &str| case(what, mongo(), &[SHOP, then]);
    vec![
        ready("start-mirror ready two-deployments", "t=5 mdst.id old\nt=15"),
        ready("start-mirror ready two-deployments", "t=5 mdst.primary no\nt=15"),
        ready("start-mirror ready supported", "t=5 mdst.version 4.4.9\nt=15"),
        ready("start-mirror ready supported", "t=5 mdst.version unknown\nt=15"),
        case("start-mirror ready supported", mongosync(&["shop.none"]), &[SHOP, "t=15"]),
        case(
            "start-mirror holds supported",
            with(|m| m.unsupported_versions = Some("tried out".into())),
            &[SHOP, "t=5 mdst.version 4.4.9\nt=15"],
        ),
        case("start-mirror ready coverage", two_collections(), &[SHOP, "t=5 msrc.coll shop.extra 1\nt=15"]),
        case("start-mirror ready coverage", another(&["shop.orders"]), &[SHOP, "t=15"]),
        ready("start-mirror ready no-spanning-transactions", "t=5 msrc.together shop.orders,audit.log\nt=15"),
        ready("start-mirror ready mirrorable", "t=0 msrc.index shop.orders ttl_seen\nt=15"),
        ready("start-mirror ready mirrorable", "t=0 msrc.coll shop.metrics 9 timeseries\nt=15"),
        ready("start-mirror ready destination-empty", "t=0 mdst.coll shop.orders 7\nt=15"),
        ready("start-mirror ready window-covers-copy", "t=0 msrc.coll shop.orders 100000000; msrc.window 3600\nt=15"),
        ready("start-mirror ready requirements", "t=15"),
        ready("start-mirror done mirror-follows", "t=10 op begin start-mirror\nt=11 mirror.start\nt=60"),
        ready(
            "start-mirror done mirror-follows",
            "t=10 op begin start-mirror\nt=11 mirror.start\nt=20 mirror.follow\nt=40",
        ),
        ready(
            "start-mirror done mirror-follows",
            "t=10 op begin start-mirror\nt=11 mirror.start\nt=20 mirror.follow; mirror.error it broke\nt=60",
        ),
    ]
}

fn readers() -> Vec<Case> {
    let mirrored = |what, then: &str| case(what, mongo(), &[SHOP, MIRRORED, then]);
    let read = |what, then: &str| case(what, mongo(), &[SHOP, MIRRORED, READ, then]);
    let extra = "msrc.coll shop.extra 1; mdst.coll shop.extra 1";
    vec![
        mirrored("switch-readers ready following", "t=900 mirror.stick\nt=901 msrc.write shop.orders\nt=930"),
        mirrored("switch-readers ready following", "t=100 mirror.error it broke\nt=110 mirror.mended\nt=129"),
        case(
            "switch-readers ready headroom",
            slow(),
            &[SHOP, MIRRORED, "t=100 mirror.stick; msrc.window 1000\nt=950 msrc.write shop.orders\nt=970"],
        ),
        mirrored("switch-readers ready serving", "t=150 msrc.index shop.orders by_name\nt=210"),
        mirrored("switch-readers ready serving", "t=150 mdst.drop shop.customers\nt=210"),
        case("switch-readers ready coverage", two_collections(), &[SHOP, MIRRORED, &format!("t=150 {extra}\nt=210")]),
        mirrored("switch-readers ready read-only", "t=100 mdst.block off\nt=129"),
        mirrored("switch-readers holds read-only", "t=100 mdst.block off; op confirm readers-read-only\nt=129"),
        mirrored("switch-readers done readers-moved", "t=130 op begin switch-readers\nt=200"),
        mirrored("switch-readers done readers-moved", "t=130 op begin switch-readers; msrc.leave crud-orders\nt=200"),
        read("stop-writers ready following", "t=900 mirror.stick\nt=901 msrc.write shop.orders\nt=930"),
        case(
            "stop-writers ready headroom",
            slow(),
            &[SHOP, MIRRORED, READ, "t=230 mirror.stick; msrc.window 1000\nt=1080 msrc.write shop.orders\nt=1100"],
        ),
        case(
            "stop-writers ready coverage",
            two_collections(),
            &[SHOP, MIRRORED, READ, &format!("t=450 {extra}\nt=510")],
        ),
        read("stop-writers ready readers-moved", "t=250 msrc.join crud-orders\nt=290"),
        read("stop-writers holds counting-time", "t=290"),
        case("stop-writers ready counting-time", mongo(), &["t=0 mdst.counted no\n", SHOP, MIRRORED, READ, "t=290"]),
    ]
}

fn writers() -> Vec<Case> {
    let read = |what, then: &str| case(what, mongo(), &[SHOP, MIRRORED, READ, then]);
    let (stopping, _) = STOPPED.split_once("t=720").unwrap();
    let detour = |what, settings, on_the_way: &str| case(what, settings, &[SHOP, MIRRORED, READ, stopping, on_the_way]);
    let stopped = |what, then: &str| case(what, mongo(), &[SHOP, MIRRORED, READ, STOPPED, then]);
    vec![
        read(
            "stop-writers done no-source-write",
            "t=300 op begin stop-writers; msrc.leave svc-orders\nt=600 msrc.write shop.orders\nt=700",
        ),
        read(
            "stop-writers done no-source-write",
            "t=300 op begin stop-writers; msrc.leave svc-orders; msrc.txn 1\nt=700",
        ),
        read("stop-writers done writers-gone", "t=300 op begin stop-writers\nt=700"),
        read(
            "stop-writers done writers-gone",
            "t=300 op begin stop-writers; msrc.join mongosh; msrc.leave svc-orders\nt=700",
        ),
        case(
            "stop-writers done writers-gone",
            with(|m| (m.writers, m.bystanders) = (vec![], [m.bystanders.clone(), m.writers.clone()].concat())),
            &[SHOP, MIRRORED, READ, "t=300 op begin stop-writers; msrc.leave svc-orders\nt=700"],
        ),
        detour("stop-writers done majority", mongo(), "t=600 msrc.committed no\nt=720"),
        stopped("stop-mirror ready drained", "t=725 mirror.error it broke\nt=735"),
        detour("stop-mirror ready drained", mongo(), "t=302 mirror.hold-back 1\nt=303 msrc.write shop.orders\nt=730"),
        stopped("stop-mirror ready majority", "t=725 msrc.committed no\nt=735"),
        stopped("stop-mirror ready no-source-write", "t=725 msrc.txn 1\nt=735"),
        stopped("stop-mirror ready writers-gone", "t=725 msrc.join svc-orders\nt=735"),
        // A write makes stop-writers come undone, and what is written until it is done again is anchored anew.
        stopped("stop-mirror ready source-still", "t=725 msrc.rollback\nt=775"),
        detour(
            "stop-mirror ready coverage",
            two_collections(),
            "t=310 msrc.coll shop.extra 1; mdst.coll shop.extra 1\nt=720",
        ),
        detour("stop-mirror ready same-data", mongo(), "t=500 mdst.index shop.orders extra\nt=720"),
        detour("stop-mirror ready same-counts", mongo(), "t=500 mdst.count shop.orders 99\nt=720"),
        stopped("stop-mirror ready destination-quiet", "t=725 mdst.write shop.orders\nt=751"),
        detour("stop-mirror ready destination-quiet", mongo(), "t=665 mdst.write shop.orders\nt=690"),
    ]
}

fn ended() -> Vec<Case> {
    let stopped = |what, then: &str| case(what, mongo(), &[SHOP, MIRRORED, READ, STOPPED, then]);
    let ended = |what, then: &str| case(what, mongo(), &[SHOP, MIRRORED, READ, STOPPED, ENDED, then]);
    let started = |what, then: &str| case(what, mongo(), &[SHOP, MIRRORED, READ, STOPPED, ENDED, STARTED, then]);
    vec![
        stopped("stop-mirror done finished", "t=800 op begin stop-mirror\nt=900"),
        stopped("stop-mirror done finished", "t=800 op begin stop-mirror; mirror.gone\nt=900"),
        ended("start-writers tripwire mirrors-stay-away", "t=1182 mirror.answer\nt=1189"),
        ended("start-writers tripwire mirrors-stay-away", "t=1182 mirror.sessions yes\nt=1189"),
        ended("start-writers tripwire writers-stay-away", "t=1182 msrc.join svc-orders\nt=1189"),
        ended("start-writers tripwire source-still", "t=1182 msrc.write shop.orders\nt=1206"),
        ended("start-writers tripwire destination-quiet", "t=1182 mdst.write shop.orders\nt=1206"),
        ended("start-writers ready destination-ready", "t=1182 mdst.majority no\nt=1189"),
        ended("start-writers ready destination-ready", "t=1182 mdst.primary no\nt=1189"),
        ended("start-writers ready destination-writable", "t=1182 mdst.block on\nt=1189"),
        ended("start-writers ready destination-writable", "t=1182 mdst.build shop.orders\nt=1189"),
        ended(
            "start-writers ready same-data",
            "t=1182 mdst.index shop.orders extra\nt=1195 op confirm reconciled-writes destination 1790001182.19\nt=1210",
        ),
        ended("start-writers ready same-counts", "t=1182 mdst.count shop.orders 99\nt=1421"),
        started("start-writers done writers-started", "t=1230"),
        started("start-writers done writers-started", "t=1200 mdst.leave svc-orders-dst\nt=1230"),
        started(
            "start-writers holds writers-started",
            "t=1200 mdst.leave svc-orders-dst; op confirm writers-started\nt=1230",
        ),
        started("start-writers done effect", "t=1270"),
        started("start-writers holds effect", "t=1265 mdst.write shop.orders\nt=1270"),
    ]
}

pub(super) static TOLD: LazyLock<Vec<Told>> =
    LazyLock::new(|| tell(mirrors().into_iter().chain(readers()).chain(writers()).chain(ended()).collect()));

#[test]
fn every_check_of_the_mongodb_track_refuses_by_itself() {
    expect![[r#"
        start-mirror ready two-deployments: no-go (same-cluster): source and destination are the same cluster, replica set id old
        start-mirror ready two-deployments: unknown (no-primary): the destination MongoDB has no primary: election
        start-mirror ready supported: no-go (unsupported-version): 5.0.9 to 4.4.9 is outside what the mirror is made for (2.6 … 5.0 to 4.2 … 6.0, not older) [choose other versions, or set mongodb.unsupported_versions to the reason why these will do]
        start-mirror ready supported: unknown (protocol): the answer could not be understood: versions 5.0.9 and unknown
        start-mirror ready supported: unknown (not-built): mongosync is not measured by this version: this kind of mirror
        start-mirror holds supported: go (relaxed): mongomirror relaxed by the configuration: tried out
        start-mirror ready coverage: no-go (not-covered): shop.extra (source) is carried by no mirror [add it to the namespaces of a mirror, or: mongodb.left_behind: { shop.extra: "<reason>" }]
        start-mirror ready coverage: no-go (covered-twice): shop.orders (source) is carried by more than one mirror: all, too
        start-mirror ready no-spanning-transactions: no-go (spanning-transaction): a transaction wrote what is carried apart: audit.log, shop.orders [let one mirror carry all of these, or stop the transactions that write them together]
        start-mirror ready mirrorable: no-go (not-mirrorable): shop.orders (source) cannot be carried by the mirror: index ttl_seen expires documents [drop it until the migration is over: db.getSiblingDB("shop").getCollection("orders").dropIndex("ttl_seen")]
        start-mirror ready mirrorable: no-go (not-mirrorable): shop.metrics (source) cannot be carried by the mirror: a time-series collection
        start-mirror ready destination-empty: no-go (not-empty): shop.orders (destination) holds 7 documents [if the mirrors run already: cutover-agent adopt start-mirror --reason …; if it is a leftover: db.getSiblingDB("shop").getCollection("orders").drop(); if it is meant: mongodb.may_have: { shop.orders: "<reason>" }]
        start-mirror ready window-covers-copy: no-go (window-short): the oplog window is 1 h, the copy may need 3 h 20 min: twice 100000 MB of documents at 20 MB/s and 10000 MB of indexes at 10 MB/s
        start-mirror ready requirements: unknown (not-confirmed): destination-tested is not confirmed: the destination was tested in all its parts [cutover-agent confirm requirement destination-tested --reason …]
        start-mirror done mirror-follows: no-go (mirror-stage): mirror all is in stage initial sync, must be in oplog sync
        start-mirror done mirror-follows: no-go (dwelling): true for 14 s, must be for 30 s
        start-mirror done mirror-follows: no-go (mirror-error): mirror all reports an error: it broke
        switch-readers ready following: no-go (behind): mirror all is at 1790000860.0, must be at 1790000901.13: 41 s behind the newest write that was older than 15 s
        switch-readers ready following: no-go (dwelling): true for 14 s, must be for 30 s
        switch-readers ready headroom: no-go (headroom-short): mirror all has 1 min 54 s left in the oplog, must have 4 min 10 s [enlarge the oplog (replSetResizeOplog) or slow the writers down]
        switch-readers ready serving: no-go (differs): shop.orders (destination) is not the same on both sides: only on the source: by_name {"by_name":1}
        switch-readers ready serving: no-go (missing): shop.customers (destination) does not exist
        switch-readers ready coverage: no-go (not-covered): shop.extra (source) is carried by no mirror [add it to the namespaces of a mirror, or: mongodb.left_behind: { shop.extra: "<reason>" }]
        switch-readers ready read-only: no-go (writable): the destination MongoDB can be written by anybody with the right to [block user writes there: db.adminCommand({ setUserWriteBlockMode: 1, global: true }); or, if the readers' users may not write: cutover-agent confirm readers-read-only --reason …]
        switch-readers holds read-only: go (confirmed): confirmed by a person: alice: because
        switch-readers done readers-moved: no-go (connected): client crud-orders (source) is still connected: on h1:27017
        switch-readers done readers-moved: no-go (not-connected): client crud-orders (destination) is not connected [let crud-orders connect there once]
        stop-writers ready following: no-go (behind): mirror all is at 1790000860.0, must be at 1790000901.15: 41 s behind the newest write that was older than 15 s
        stop-writers ready headroom: no-go (headroom-short): mirror all has 1 min 44 s left in the oplog, must have 4 min 10 s [enlarge the oplog (replSetResizeOplog) or slow the writers down]
        stop-writers ready coverage: no-go (not-covered): shop.extra (source) is carried by no mirror [add it to the namespaces of a mirror, or: mongodb.left_behind: { shop.extra: "<reason>" }]
        stop-writers ready readers-moved: no-go (connected): client crud-orders (source) is still connected: on h1:27017
        stop-writers holds counting-time: go (estimate): the destination MongoDB takes 77 ms: to count all 110 documents of 2 collections, as fast as the 100 of shop.orders in 70 ms; counted are only those whose estimates differ
        stop-writers ready counting-time: unknown (privilege): shop.orders (destination): the agent is not allowed to read it: its documents could not be counted: counting: not allowed; grant it: db.grantRolesToUser(…) [db.grantRolesToUser(…)]
        stop-writers done no-source-write: no-go (recent-write): shop.orders (source) was written 1 min 35 s ago, must be silent for 6 min [block user writes on the source, or, if every writer is stopped and nothing starts one again: cutover-agent confirm scaled-to-zero mongodb --reason …  # then 2 min 30 s is enough]
        stop-writers done no-source-write: no-go (open-transaction): the source MongoDB has an open transaction (1 open)
        stop-writers done writers-gone: no-go (connected): client svc-orders (source) is still connected: on h1:27017
        stop-writers done writers-gone: unknown (unmatched-client): client mongosh (source) is connected, and no rule says what it is: from 10.0.0.9 [add it to identity.readers, identity.writers or, with a reason, identity.bystanders]
        stop-writers done writers-gone: unknown (no-writer-rules): no rule says who writes: silence alone does not show that nobody will write again [identity.writers: { mongodb: { app_name: … } }, or block user writes on the source]
        stop-writers done majority: no-go (not-committed): the source MongoDB has a majority commit point at 1790000302.16, must be at 1790000302.17
        stop-mirror ready drained: no-go (mirror-error): mirror all reports an error: it broke
        stop-mirror ready drained: no-go (behind): mirror all is at 1790000302.17, must be at 1790000303.18: 1 s behind
        stop-mirror ready majority: no-go (not-committed): the source MongoDB has a majority commit point at 1790000302.16, must be at 1790000302.17
        stop-mirror ready no-source-write: no-go (open-transaction): the source MongoDB has an open transaction (1 open)
        stop-mirror ready writers-gone: no-go (connected): client svc-orders (source) is still connected: on h1:27017
        stop-mirror ready source-still: no-go (rolled-back): the source MongoDB ends at 1790000230.15, before 1790000302.17 that was anchored [an election took writes back: find out which, mend the other side, then: cutover-agent confirm reconciled-writes source 1790000230.15 --reason …]
        stop-mirror ready coverage: no-go (not-covered): shop.extra (source) is carried by no mirror [add it to the namespaces of a mirror, or: mongodb.left_behind: { shop.extra: "<reason>" }]
        stop-mirror ready same-data: no-go (differs): shop.orders (destination) is not the same on both sides: only at the destination: extra {"extra":1}
        stop-mirror ready same-counts: no-go (count-differs): shop.orders (destination) holds 99 documents, the source 100 documents [carry over what is missing; or, if it is accounted for: cutover-agent confirm counts shop.orders --reason …]
        stop-mirror ready destination-quiet: no-go (moved): the destination MongoDB moved: 1790000725.18, 1790000012.10: last in shop.orders [stop whoever wrote, carry the writes over, then: cutover-agent confirm reconciled-writes destination 1790000725.18 --reason …]
        stop-mirror ready destination-quiet: no-go (recent-write): shop.orders (destination) was written 20 s ago, must be silent for 35 s
        stop-mirror done finished: no-go (still-there): mirror all is still there: a session on h1:27017 (source): mongomirror
        stop-mirror done finished: no-go (dwelling): true for 1 min 34 s, must be for 6 min [if it is removed, so that nothing starts it again: cutover-agent confirm mirror-removed all --reason …  # then 1 min is enough]
        start-writers tripwire mirrors-stay-away: no-go (tripwire): since stop-mirror was done this must stay true and is not: mirrors-stay-away: mirror all is still there: its status port answers
        start-writers tripwire mirrors-stay-away: no-go (tripwire): since stop-mirror was done this must stay true and is not: mirrors-stay-away: mirror all is still there: a session on the source: mongomirror; mirror all is still there: a session on the destination: mongomirror
        start-writers tripwire writers-stay-away: no-go (tripwire): since stop-mirror was done this must stay true and is not: writers-stay-away: client svc-orders (source) is still connected: on h1:27017
        start-writers tripwire source-still: no-go (tripwire): since stop-mirror was done this must stay true and is not: source-still: the source MongoDB moved: 1790001182.19, 1790000302.17: last in shop.orders [stop whoever wrote, carry the writes over, then: cutover-agent confirm reconciled-writes source 1790001182.19 --reason …]
        start-writers tripwire destination-quiet: no-go (tripwire): since stop-mirror was done this must stay true and is not: destination-quiet: the destination MongoDB moved: 1790001182.19, 1790000012.10: last in shop.orders [stop whoever wrote, carry the writes over, then: cutover-agent confirm reconciled-writes destination 1790001182.19 --reason …]
        start-writers ready destination-ready: no-go (no-majority): the destination MongoDB has no majority of healthy members
        start-writers ready destination-ready: unknown (no-primary): the destination MongoDB has no primary: election
        start-writers ready destination-writable: no-go (write-blocked): the destination MongoDB blocks user writes [db.adminCommand({ setUserWriteBlockMode: 1, global: false })]
        start-writers ready destination-writable: no-go (index-build): shop.orders (destination): an index is being built
        start-writers ready same-data: no-go (differs): shop.orders (destination) is not the same on both sides: only at the destination: extra {"extra":1}
        start-writers ready same-counts: no-go (count-differs): shop.orders (destination) holds 99 documents, the source 100 documents [carry over what is missing; or, if it is accounted for: cutover-agent confirm counts shop.orders --reason …]
        start-writers done writers-started: no-go (dwelling): true for 29 s, must be for 1 min
        start-writers done writers-started: no-go (not-connected): client svc-orders (destination) is not connected [let svc-orders connect there once]
        start-writers holds writers-started: go (confirmed): confirmed by a person: alice: because
        start-writers done effect: no-go (not-written): the destination MongoDB has not been written since the mirrors ended
        start-writers holds effect: go (written): the destination MongoDB was written at 1790001265.20"#]].assert_eq(&lines(&TOLD));
}
