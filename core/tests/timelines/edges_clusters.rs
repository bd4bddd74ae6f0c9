//! Checks of the clusters, the topics in them and the producers, at the edges of what they compare.

use super::kafka::{SHOP, SWITCHED};
use super::mongo::mongodb;
use super::world::{World, settings};
use cutover_core::Name;
use cutover_core::estate::Side;
use cutover_core::facts::Fact;
use cutover_core::pattern::Pattern;
use cutover_core::reading::{Code, Demand, Finding, Qty, Reading, Subject, Tri};
use cutover_core::render;
use cutover_core::settings::*;
use cutover_core::time::{Dur, Wall};

/// The consumers are stopped.
const STOPPED: &str = "
    t=100 op begin stop-consumers
    t=102 src.leave rtu; src.leave svt
    t=480 show stop-consumers
";

fn world(settings: Settings, told: &[&str]) -> World {
    let mut w = World::new(settings);
    w.play(&told.concat());
    w
}

fn with(change: impl FnOnce(&mut KafkaSettings)) -> Settings {
    let mut s = settings();
    change(s.kafka.as_mut().unwrap());
    s
}

/// The only declared producer, changed.
fn producer(change: impl FnOnce(&mut Producer)) -> Settings {
    with(|k| change(k.producers.get_mut("crm-cdc").unwrap()))
}

/// What a check of a step says of the newest samples.
fn reading(w: &mut World, step: &str, check: &str) -> Reading {
    let board = w.settle().board;
    let s = board.step(step).expect("a configured step");
    let c = s.ready.checks.iter().chain(&s.done.checks).find(|c| c.check.id == check).expect("a check");
    Reading::clone(&c.reading)
}

/// The same, in words.
fn said(w: &mut World, step: &str, check: &str) -> String {
    let r = reading(w, step, check);
    let is = match r.is {
        Tri::Yes => "yes",
        Tri::No => "no",
        Tri::Unknown => "unknown",
    };
    let all: Vec<String> = r.worst.iter().map(render::sentence).collect();
    if all.is_empty() { is.to_owned() } else { format!("{is}: {}", all.join("; ")) }
}

fn chief(w: &mut World, step: &str, check: &str) -> Finding {
    reading(w, step, check).worst.into_iter().next().expect("a finding")
}

const TWO: &str = "t=0 src.topic crm.ingestion; dst.topic crm.ingestion\n";

#[test]
fn a_cluster_that_does_not_tell_its_id_is_not_known_to_be_another() {
    for side in ["src", "dst"] {
        let mut w = world(settings(), &["t=0 ", side, ".id\n", TWO, "t=10"]);
        let f = chief(&mut w, "switch-producers", "two-clusters");
        assert_eq!(
            (f.is, f.code, f.detail.as_deref()),
            (Tri::Unknown, Code::Partial, Some("a cluster does not tell its id"))
        );
    }
}

#[test]
fn as_many_replicas_must_be_in_sync_as_on_the_source_and_there_must_be_as_many() {
    let told = |old: &str, new: &str| {
        let insync = format!("t=1 src.config crm.ingestion insync={old}; dst.config crm.ingestion insync={new}\n");
        let mut w = world(settings(), &["t=0 src.replicas 3; dst.replicas 2\n", TWO, &insync, "t=10"]);
        said(&mut w, "switch-producers", "topics-ready")
    };
    let differs = |how: &str| format!("no: topic crm.ingestion (destination) is configured otherwise: {how}");
    assert_eq!(told("1", "1"), "yes");
    assert_eq!(told("1", "2"), "yes");
    assert_eq!(told("1", "3"), differs("min.insync.replicas 3 with 2 replicas"));
    assert_eq!(told("2", "2"), "yes");
    assert_eq!(told("2", "1"), differs("min.insync.replicas 1 below 2"));
}

#[test]
fn retention_at_the_longest_pause_outlasts_it_and_a_limit_of_no_bytes_does_not() {
    let told = |config: &str| {
        let config = format!("t=1 src.end crm.ingestion/0 +5; dst.config crm.ingestion {config}\n");
        let mut w = world(settings(), &[TWO, &config, "t=10"]);
        reading(&mut w, "switch-producers", "retention-outlasts").is
    };
    assert_eq!(told("retention=604799999"), Tri::No);
    assert_eq!(told("retention=604800000"), Tri::Yes);
    assert_eq!(told("bytes=-1"), Tri::Yes);
    assert_eq!(told("bytes=0"), Tri::Unknown);
}

#[test]
fn brokers_that_do_not_tell_what_they_hold_are_asked_again_after_twenty_seconds() {
    let untold = "t=15 src.untell-logs\n";
    // Seen at 16 to be on their disks and in no list.
    let hidden = "t=7 src.topic crm.secret; src.conceal crm.secret\n";
    for told in [untold, hidden] {
        let mut w = world(settings(), &[SHOP, told, "t=17 src.unread\nt=35"]);
        let r = reading(&mut w, "switch-producers", "visible");
        assert_eq!((r.is, r.wants), (Tri::Unknown, vec![]), "{told}");
        w.play("t=36");
        let r = reading(&mut w, "switch-producers", "visible");
        assert_eq!((r.is, r.wants), (Tri::Unknown, vec![Demand::Configs(Side::Source)]), "{told}");
    }
}

#[test]
fn a_word_that_no_topic_is_hidden_frees_the_source_only_if_it_is_later_than_the_start() {
    let begin = "t=485 op begin start-consumers; op confirm topics-listed\n";
    let config =
        "t=484 src.newest 1; src.config crm.ingestion retention=1000; src.config crm.pr-update retention=1000\n";
    let before = "t=484 op confirm topics-listed; src.untell-logs\n";
    let mut w = world(settings(), &[SHOP, SWITCHED, STOPPED, config, before]);
    w.play("t=485 op begin start-consumers\nt=500");
    let untold = "unknown: the source Kafka is not measured: the list of topics hides what the agent may not see, and not every \
                  broker tells what it holds";
    assert_eq!(said(&mut w, "retire-source", "expired"), untold);

    let mut w = world(settings(), &[SHOP, SWITCHED, STOPPED, config, "t=484 src.untell-logs\n", begin, "t=500"]);
    assert_eq!(said(&mut w, "retire-source", "expired"), untold);
    w.play("t=501 op confirm topics-listed\nt=502");
    let confirmed = "yes: the source Kafka confirmed by a person: alice: because";
    assert_eq!(said(&mut w, "retire-source", "expired"), confirmed);
}

#[test]
fn what_lies_at_the_destination_is_counted_from_its_low_watermark() {
    let mut w = world(settings(), &[SHOP, "t=12 dst.end crm.ingestion/0 =5; dst.low crm.ingestion/0 =2\nt=20"]);
    let f = chief(&mut w, "switch-producers", "destination-clean");
    assert_eq!((f.code, f.observed), (Code::NotEmpty, Some(Qty::Count(3, "records"))));
}

#[test]
fn a_group_there_whose_commits_cannot_be_read_may_have_left_some_unless_it_is_ignored() {
    let strange = "t=12 dst.withhold strange\nt=20";
    let mut w = world(settings(), &[SHOP, strange]);
    let at = "group strange (destination) does not answer in time: no answer in 4 s";
    assert_eq!(said(&mut w, "switch-producers", "destination-clean"), format!("unknown: {at}"));

    let ignored = with(|k| drop(k.ignored.insert("strange".into(), "another team's".into())));
    let mut w = world(ignored, &[SHOP, strange]);
    assert_eq!(said(&mut w, "switch-producers", "destination-clean"), "yes");
}

#[test]
fn a_topic_of_no_class_is_watched_for_a_minute_where_it_holds_records() {
    let odd = "t=0 src.topic crm.odd; dst.topic crm.odd; src.end crm.odd/0 +5; src.topic crm.ingestion; dst.topic crm.ingestion\n";
    let mut w = world(settings(), &[odd, "t=21"]);
    let f = chief(&mut w, "switch-producers", "producers-known");
    // The first sample came in at 1.1 s, the newest was asked for its ends at 21.06 s.
    assert_eq!((f.is, f.code, f.wait), (Tri::Unknown, Code::Partial, Some(Dur(40_040))));
    w.play("t=65");
    assert_eq!(chief(&mut w, "switch-producers", "producers-known").wait, Some(Dur(40)));
    w.play("t=66");
    assert_eq!(said(&mut w, "switch-producers", "producers-known"), "yes");
    // A new partition holds nothing yet.
    w.play("t=67 src.grow crm.odd\nt=72");
    assert_eq!(said(&mut w, "switch-producers", "producers-known"), "yes");
}

#[test]
fn an_ingestion_topic_needs_a_declared_producer_once_it_has_held_a_record() {
    let only_crm = producer(|p| p.topics = vec![Pattern::parse("crm.ingestion").unwrap()]);
    let mut w = world(only_crm, &[SHOP, "t=7 src.topic erp.ingestion; dst.topic erp.ingestion\nt=20"]);
    assert_eq!(said(&mut w, "switch-producers", "producers-known"), "yes");
    w.play("t=21 src.end erp.ingestion/0 +1\nt=27");
    let undeclared = "no: topic erp.ingestion (source) was written by a producer that is not declared";
    assert_eq!(said(&mut w, "switch-producers", "producers-known"), undeclared);
}

#[test]
fn what_a_transaction_holds_back_is_counted() {
    let mut w = world(settings(), &[SHOP, "t=12 src.stable crm.ingestion/0 =17\nt=100"]);
    let f = chief(&mut w, "stop-consumers", "ingestion-idle");
    assert_eq!((f.code, f.observed), (Code::OpenTransaction, Some(Qty::Count(3, "records held back"))));
}

#[test]
fn how_long_a_producer_may_be_silent_is_learned_of_three_writes_and_not_of_two() {
    let untold = producer(|p| p.cadence = None);
    let learned =
        |growths| Fact::Gaps { cluster: "old".into(), producer: "crm-cdc".into(), growths, longest: Dur::secs(40) };
    let mut w = world(untold, &[SHOP, "t=85"]);
    w.facts.apply(learned(2));
    assert_eq!(chief(&mut w, "stop-consumers", "ingestion-idle").code, Code::CadenceUnknown);
    w.facts.apply(learned(3));
    let f = chief(&mut w, "stop-consumers", "ingestion-idle");
    assert_eq!((f.is, f.code, f.limit), (Tri::No, Code::StillWritten, Some(Qty::Time(Dur::secs(80)))));
    w.play("t=101");
    assert_eq!(said(&mut w, "stop-consumers", "ingestion-idle"), "yes");
}

#[test]
fn a_producer_is_idle_from_the_very_end_of_the_time_asked_for() {
    // The last growth was seen at 16.1 s, and the sample of 81 asks for the ends at 81.06 s.
    let mut s = settings();
    s.dwell.insert(("stop-consumers".into(), "ingestion-idle".into()), Dur(64_960));
    let mut w = world(s.clone(), &[SHOP, "t=80"]);
    let f = chief(&mut w, "stop-consumers", "ingestion-idle");
    assert_eq!((f.is, f.wait), (Tri::No, Some(Dur(5_000))));
    assert!(matches!(f.at, Subject::Partitions(Side::Source, ..)));
    w.play("t=81");
    assert_eq!(said(&mut w, "stop-consumers", "ingestion-idle"), "yes");

    // A word speaks of the producer, not of the partition that was written last.
    let mut w = world(s, &[SHOP, "t=30 op confirm ingestion-idle crm-cdc\nt=81"]);
    let word = |w: &mut World| {
        let f = chief(w, "stop-consumers", "ingestion-idle");
        assert_eq!((f.is, f.code, f.at), (Tri::Yes, Code::Confirmed, Subject::Producer("crm-cdc".into())));
    };
    word(&mut w);
    w.play("t=90");
    word(&mut w);
}

/// Nothing was written while the agent could not read the source. That shows nothing of a producer that was cut off from it by the
/// same (found by reading).
#[test]
fn silence_while_the_source_was_not_read_is_not_all_of_it() {
    let mut w = world(settings(), &[SHOP, "t=30 src.down\nt=100 src.up\nt=101"]);
    let f = chief(&mut w, "stop-consumers", "ingestion-idle");
    assert_eq!((f.is, f.code, &f.limit), (Tri::No, Code::Dwelling, &Some(Qty::Time(Dur::secs(60)))));
    assert!(f.wait.is_some_and(|w| w > Dur::secs(50)), "{f:?}");
    assert!(f.detail.as_ref().is_some_and(|d| d.contains("since the source can be read again")), "{f:?}");
    w.play("t=155");
    assert_eq!(chief(&mut w, "stop-consumers", "ingestion-idle").code, Code::Dwelling);
    w.play("t=170");
    assert_eq!(said(&mut w, "stop-consumers", "ingestion-idle"), "yes");
    // One sample that failed is no pause that a producer would not get over.
    let mut w = world(settings(), &[SHOP, "t=70 src.down\nt=78 src.up\nt=90"]);
    assert_eq!(said(&mut w, "stop-consumers", "ingestion-idle"), "yes");
}

#[test]
fn only_a_topic_that_was_written_on_the_source_has_to_be_written_at_the_destination() {
    let quiet = "t=7 src.topic erp.ingestion; dst.topic erp.ingestion\n";
    let mut w = world(settings(), &[SHOP, quiet, SWITCHED, "t=100"]);
    assert_eq!(said(&mut w, "switch-producers", "switched"), "yes");
}

#[test]
fn without_producers_nothing_has_to_grow_only_where_a_person_says_so() {
    let begun = "t=20 op begin switch-producers\nt=100";
    // Each under settings of its own; the check rests on nothing else.
    let none = "nothing but batch loads";
    let mut w = world(
        with(|k| {
            k.producers.clear();
            k.no_producers = Some(none.into());
        }),
        &[SHOP, begun],
    );
    let r = reading(&mut w, "switch-producers", "switched");
    assert_eq!(r.is, Tri::Yes);
    assert!(r.worst.iter().all(|f| f.code == Code::Relaxed && f.detail.as_deref() == Some(none)), "{r:?}");

    let mut w = world(producer(|p| p.stopped = Some("retired last year".into())), &[SHOP, begun]);
    let relaxed = "yes: relaxed by the configuration: every declared producer is retired";
    assert_eq!(said(&mut w, "switch-producers", "switched"), relaxed);

    let mut w = world(with(|k| k.producers.clear()), &[SHOP, begun]);
    let r = reading(&mut w, "switch-producers", "switched");
    assert_eq!(r.is, Tri::Unknown);
    let fix = r.worst.iter().find(|f| f.code == Code::NeverSeen).and_then(|f| f.fix.as_deref());
    assert!(fix.is_some_and(|f| f.contains("adopt switch-producers")), "{r:?}");
}

#[test]
fn what_came_to_the_destination_out_of_order_is_counted_from_where_it_was_empty() {
    let five = "t=2 dst.end crm.ingestion/0 =5; dst.low crm.ingestion/0 =5\n";
    let mut w = world(settings(), &["t=0 dst.hide\n", SHOP, five, "t=30 dst.end crm.ingestion/0 +3\nt=40"]);
    let board = w.settle().board;
    let blockers = &board.step("stop-consumers").unwrap().ready.blockers;
    let f = blockers.iter().find(|f| f.code == Code::OutOfOrder).expect("out of order");
    assert_eq!(f.detail.as_deref(), Some("topic crm.ingestion partition 0 (destination) holds 3 records"));
}

/// The projections' MongoDB is measured as well; its own move is none of this.
fn projections() -> Settings {
    Settings { mongodb: Some(mongodb()), ..settings() }
}

#[test]
fn a_stored_offset_at_the_recorded_start_is_ahead_of_it() {
    // Somebody's test, cleaned up before switch-producers was ever go.
    let five = "t=2 dst.end crm.ingestion/0 =5; dst.low crm.ingestion/0 =5\nt=17 dst.leave test\n";
    let tell = |words: &str| {
        let mut s = projections();
        s.kafka.as_mut().unwrap().topics = vec![Pattern::parse("crm.*").unwrap()];
        let words = format!("t=0 {words}; dst.member test test-0 crm.ingestion\n");
        world(s, &[&words, SHOP, five, "t=25 op begin switch-producers\nt=40"])
    };
    let told = |words: &str| said(&mut tell(words), "start-consumers", "offset-assumptions");
    assert_eq!(told("msrc.offset crm.ingestion/0 4"), "yes");
    assert_eq!(
        told("msrc.offset crm.ingestion/0 5"),
        "no: topic crm.ingestion partition 0 (destination) begins at 5, and a projection stores offset 5"
    );
    // Documents without any are an answer; offsets of other topics only, or none that can be read, are not.
    assert_eq!(told("msrc.documents 70"), "yes: relaxed by the configuration: 70 documents looked at store no offset");
    assert_eq!(
        told("msrc.documents 0"),
        "unknown: there are no documents of projections to look at, so nothing is proven"
    );
    assert_eq!(
        told("msrc.offset erp.ingestion/0 4"),
        "unknown: there are no stored offsets of topics in scope, so nothing is proven"
    );
    let f = chief(&mut tell("msrc.documents 70; msrc.garbled 1"), "start-consumers", "offset-assumptions");
    let garbled = "1 documents store an offset whose number, topic or partition cannot be read";
    assert_eq!((f.is, f.code, f.detail.as_deref()), (Tri::Unknown, Code::Partial, Some(garbled)));
}

#[test]
fn changes_are_drained_when_none_is_left() {
    let mut w = world(projections(), &["t=0 msrc.coll shop.fd-pc-orders 3; msrc.changes 0\n", SHOP, "t=20"]);
    assert_eq!(said(&mut w, "stop-consumers", "changes-drained"), "yes");
}

#[test]
fn a_write_of_the_instant_of_the_start_is_no_effect_of_it() {
    let mut w = world(
        projections(),
        &[SHOP, SWITCHED, STOPPED, "t=485 op begin start-consumers; msrc.write shop.orders\nt=500"],
    );
    assert_eq!(chief(&mut w, "start-consumers", "effect").code, Code::NotWritten);
    w.play("t=501 msrc.write shop.orders\nt=510");
    assert_eq!(chief(&mut w, "start-consumers", "effect").code, Code::Written);
}

/// Of the shop only what lies in one partition is left to expire.
const LEFT: &str = "
    t=17 src.low crm.ingestion/0 =5; src.low crm.ingestion/1 =10; src.low crm.pr-update/0 =5; src.newest 1790000020000
";

#[test]
fn a_topic_is_expired_from_the_instant_its_last_record_is_due() {
    let mut w = world(settings(), &[SHOP, LEFT, "t=18 src.config crm.ingestion retention=15000\nt=34"]);
    let f = chief(&mut w, "retire-source", "expired");
    assert_eq!((f.is, f.code), (Tri::No, Code::Unexpired));
    assert_eq!(f.observed, Some(Qty::Count(15, "records")));
    assert_eq!((f.limit, f.wait), (Some(Qty::At(Wall(1_790_000_035_000))), Some(Dur(1_000))));
    w.play("t=35");
    assert_eq!(said(&mut w, "retire-source", "expired"), "yes");
    // What came since may be younger than the newest timestamp read before it.
    w.play("t=42 src.end crm.ingestion/0 +1\nt=46");
    let f = chief(&mut w, "retire-source", "expired");
    assert_eq!((f.is, f.code, f.want), (Tri::Unknown, Code::Partial, Some(Demand::Configs(Side::Source))));
    w.play("t=51");
    assert_eq!(said(&mut w, "retire-source", "expired"), "yes");
    w.play("t=52 src.undate\nt=57");
    let undated = "unknown: topic crm.ingestion partition 0 (source) does not answer in time: no answer in 4 s";
    assert_eq!(said(&mut w, "retire-source", "expired"), undated);
}

#[test]
fn a_retention_of_no_time_at_all_expires() {
    let mut w = world(settings(), &[SHOP, LEFT, "t=18 src.config crm.ingestion retention=0\nt=30"]);
    assert_eq!(said(&mut w, "retire-source", "expired"), "yes");
    let mut w = world(settings(), &[SHOP, LEFT, "t=30"]);
    assert_eq!(chief(&mut w, "retire-source", "expired").code, Code::NeverExpires);
}

#[test]
fn words_on_a_topic_that_went_settle_nothing_once_it_is_there_again() {
    let gone = "
        t=481 src.delete crm.ingestion; src.low crm.pr-update/0 =5
        t=490 op confirm reconciled crm.ingestion 0 20; op confirm reconciled crm.ingestion 1 10
        t=491
    ";
    let mut w = world(settings(), &[SHOP, SWITCHED, STOPPED, gone]);
    let settled = "yes: topic crm.ingestion (source) confirmed by a person: it is gone";
    assert_eq!(said(&mut w, "retire-source", "expired"), settled);
    // Where its new log begins and ends is not known yet: nothing is anchored of it.
    w.play("t=492 src.topic crm.ingestion; src.end crm.ingestion/0 +5; src.break crm.ingestion/0\nt=500");
    let unread = "unknown: topic crm.ingestion partition 0 (source) does not answer in time: no answer in 4 s";
    assert_eq!(said(&mut w, "retire-source", "expired"), unread);
    w.play("t=501 src.mend crm.ingestion/0\nt=510");
    let again = "no: topic crm.ingestion partition 0 (source) never expires by itself";
    assert_eq!(said(&mut w, "retire-source", "expired"), again);
}

#[test]
fn a_topic_that_went_and_was_never_anchored_is_not_settled_by_nobodys_word() {
    let went = "t=0 src.topic crm.sv-trigger; dst.topic crm.sv-trigger\nt=3 src.delete crm.sv-trigger\n";
    let mut w = world(settings(), &[went, SHOP, LEFT, "t=18 src.config crm.ingestion retention=0\nt=30"]);
    let r = reading(&mut w, "retire-source", "expired");
    let at = Subject::Topic(Side::Source, "crm.sv-trigger".into());
    assert_eq!(r.is, Tri::Unknown);
    assert_eq!(r.worst.iter().map(|f| (f.code, &f.at)).collect::<Vec<_>>(), [(Code::Vanished, &at)]);
}

/// Where a log ended before a group attached is what the group must show to have read: one end too far on, or one of a group
/// that was there before, would hide what it skipped.
#[test]
fn where_a_log_ended_before_a_group_attached_is_of_two_samples_before_and_of_a_group_that_was_not_there() {
    let started = "
        t=481 op begin start-consumers
        t=482 dst.end crm.ingestion/0 =4; dst.end crm.ingestion/1 =4; dst.end crm.pr-update/0 =4
        t=482 dst.commit rtu crm.ingestion/1 =3; dst.member svt svt-dst-0 crm.ingestion
        t=487 dst.end crm.ingestion/0 =6; dst.end crm.ingestion/1 =6; dst.end crm.pr-update/0 =6
        t=492 dst.member rtu rtu-dst-0 crm.ingestion; dst.member svt svt-dst-1 crm.pr-update
        t=492 dst.end crm.ingestion/0 =9; dst.end crm.ingestion/1 =9; dst.end crm.pr-update/0 =9
        t=500
    ";
    let mut w = world(settings(), &[SHOP, SWITCHED, STOPPED, started]);
    w.settle();
    let attached = |group: &str, topic: &str, p: i32| {
        let of = |f: &Fact| match f {
            Fact::Attached { key, group: g, end, before } if **g == *group => {
                (*key.topic == *topic && key.partition == p).then_some((*end, *before))
            }
            _ => None,
        };
        w.journal.iter().filter_map(of).collect::<Vec<_>>()
    };
    assert_eq!(attached("rtu", "crm.ingestion", 0), [(9, Some(4))]);
    // It had committed past the recorded start before: the trace of an earlier life.
    assert_eq!(attached("rtu", "crm.ingestion", 1), [(9, None)]);
    // It had a member already, on another topic.
    assert_eq!(attached("svt", "crm.pr-update", 0), [(9, None)]);
}

#[test]
fn a_topic_that_may_stay_unread_does_not_refuse_the_adoption_of_the_stop() {
    let unread: (Name, Name) = ("crm.sv-trigger".into(), "nobody needs it".into());
    let mut w = world(
        with(|k| drop(k.unread.insert(unread.0, unread.1))),
        &[
            "t=0 src.topic crm.sv-trigger 1; dst.topic crm.sv-trigger 1\nt=6 src.end crm.sv-trigger/0 +1\n",
            SHOP,
            SWITCHED,
            "t=100 src.leave rtu; src.leave svt\nt=110 amnesia\n",
            "t=490 op adopt switch-producers; op adopt stop-consumers",
        ],
    );
    assert!(w.out.ends_with("t=490 adopt stop-consumers: ok\n"), "{}", w.out);
    assert!(w.settle().board.step("stop-consumers").is_some_and(|s| s.life.as_str() == "done"));
}
