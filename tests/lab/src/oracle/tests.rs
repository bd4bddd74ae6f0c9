//! The oracle on ledgers written by hand: no servers.

use super::*;
use crate::words::{Part, Side, Step};

const IN: &str = "s.PROD.crm.ingestion";
const UP: &str = "s.PROD.crm.pr-update";
const GROUP: &str = "s.PROD.rtu";

fn topic(ledger: &mut Ledger, side: Side, name: &str, partitions: i32) {
    ledger.topic_created(side, name, TopicFacts { partitions, retention_ms: None });
}

/// A shop of one group on one topic of two partitions, running at the source with everything processed.
fn shop() -> Ledger {
    let mut ledger = Ledger::new(Names::renamed("s.PROD.", "s.prod."));
    topic(&mut ledger, Side::Source, IN, 2);
    topic(&mut ledger, Side::Destination, "s.prod.crm.ingestion", 2);
    ledger.group_reads(Side::Source, GROUP, &[IN.to_owned()]);
    ledger.member_started(Side::Source, GROUP, "rtu-src-0", Attachment::Classic);
    ledger.producer_started(Side::Source, "crm-cdc", &[IN.to_owned()]);
    for offset in 0..5 {
        ledger.acknowledged(&Part::new(Side::Source, IN, 0), offset);
    }
    ledger.committed(Side::Source, GROUP, IN, 0, 5);
    ledger
}

/// The same with its producer switched.
fn switched() -> Ledger {
    let mut ledger = shop();
    for partition in 0..2 {
        ledger.start_recorded("s.prod.crm.ingestion", partition, 0);
    }
    ledger.begun.insert(Step::SwitchProducers);
    ledger.producer_stopped(Side::Source, "crm-cdc");
    ledger.producer_started(Side::Destination, "crm-cdc", &["s.prod.crm.ingestion".to_owned()]);
    ledger.acknowledged(&Part::new(Side::Destination, "s.prod.crm.ingestion", 0), 0);
    ledger.done.insert(Step::SwitchProducers);
    ledger
}

/// The same with its consumers stopped and seeded.
fn stopped() -> Ledger {
    let mut ledger = switched();
    ledger.begun.insert(Step::StopConsumers);
    ledger.member_gone(Side::Source, GROUP, "rtu-src-0");
    ledger.done.insert(Step::StopConsumers);
    for partition in 0..2 {
        ledger.seeded(Side::Destination, GROUP, "s.prod.crm.ingestion", partition, 0);
    }
    ledger
}

/// The same with its consumers started on the destination.
fn started() -> Ledger {
    let mut ledger = stopped();
    ledger.begun.insert(Step::StartConsumers);
    ledger.group_reads(Side::Destination, GROUP, &["s.prod.crm.ingestion".to_owned()]);
    ledger.member_started(Side::Destination, GROUP, "rtu-dst-0", Attachment::Classic);
    ledger.committed(Side::Destination, GROUP, "s.prod.crm.ingestion", 0, 1);
    ledger.done.insert(Step::StartConsumers);
    ledger
}

#[track_caller]
fn safe(ledger: &Ledger, step: Step) {
    assert_eq!(unsafe_reasons(ledger, step), Vec::<String>::new(), "{step}");
}

/// Exactly one reason, with these words in it.
#[track_caller]
fn only(ledger: &Ledger, step: Step, words: &str) {
    let reasons = unsafe_reasons(ledger, step);
    assert!(reasons.len() == 1 && reasons[0].contains(words), "{step}: wanted `{words}`, got {reasons:#?}");
}

#[test]
fn the_way_through_is_safe_step_by_step() {
    safe(&shop(), Step::SwitchProducers);
    safe(&switched(), Step::StopConsumers);
    safe(&stopped(), Step::StartConsumers);
    safe(&started(), Step::RetireSource);
}

#[test]
fn no_step_is_safe_before_its_turn() {
    assert!(!unsafe_reasons(&shop(), Step::StopConsumers).is_empty());
    assert!(!unsafe_reasons(&switched(), Step::StartConsumers).is_empty());
    assert!(!unsafe_reasons(&stopped(), Step::RetireSource).is_empty());
}

#[test]
fn the_destination_must_have_the_same_topics() {
    let mut ledger = shop();
    topic(&mut ledger, Side::Source, UP, 2);
    only(&ledger, Step::SwitchProducers, "s.prod.crm.pr-update does not exist");
    topic(&mut ledger, Side::Destination, "s.prod.crm.pr-update", 3);
    only(&ledger, Step::SwitchProducers, "has 3 partitions at the destination and 2");
    ledger.topic_created(
        Side::Destination,
        "s.prod.crm.pr-update",
        TopicFacts { partitions: 2, retention_ms: Some(60_000) },
    );
    only(&ledger, Step::SwitchProducers, "keeps its records for 60000 ms only");
}

#[test]
fn leftovers_at_the_destination_are_a_danger_until_the_switch_begins() {
    let part = Part::new(Side::Destination, "s.prod.crm.ingestion", 0);
    let mut ledger = shop();
    ledger.acknowledged(&part, 0);
    only(&ledger, Step::SwitchProducers, "holds 1 leftover records");
    ledger.records_deleted(&part, 1);
    safe(&ledger, Step::SwitchProducers);
    ledger.acknowledged(&part, 1);
    ledger.begun.insert(Step::SwitchProducers);
    safe(&ledger, Step::SwitchProducers);
}

#[test]
fn a_test_that_aborted_its_transaction_left_something_too() {
    let part = Part::new(Side::Destination, "s.prod.crm.ingestion", 0);
    let mut ledger = shop();
    ledger.transaction_opened("t", Side::Destination);
    ledger.acknowledged_in("t", &part, 0);
    assert_eq!(unsafe_reasons(&ledger, Step::SwitchProducers).len(), 2);
    ledger.transaction_ended("t", false);
    only(&ledger, Step::SwitchProducers, "holds 2 leftover records");
}

#[test]
fn readers_and_commits_at_the_destination_are_a_danger_to_the_switch() {
    let there = ["s.prod.crm.ingestion".to_owned()];
    let mut ledger = shop();
    ledger.group_reads(Side::Destination, GROUP, &there);
    ledger.member_started(Side::Destination, GROUP, "rtu-dst-0", Attachment::Consumer);
    only(&ledger, Step::SwitchProducers, "rtu-dst-0");
    ledger.member_gone(Side::Destination, GROUP, "rtu-dst-0");
    ledger.seeded(Side::Destination, GROUP, &there[0], 0, 7);
    only(&ledger, Step::SwitchProducers, "leftover commit 7");
    ledger.seeded(Side::Destination, GROUP, &there[0], 0, 0);
    safe(&ledger, Step::SwitchProducers);
}

#[test]
fn a_forgotten_producer_is_a_danger_only_within_the_scope() {
    let mut ledger = switched();
    ledger.producer_started(Side::Source, "cron", &["elsewhere.topic".to_owned()]);
    safe(&ledger, Step::StopConsumers);
    ledger.producer_started(Side::Source, "nightly", &[IN.to_owned()]);
    only(&ledger, Step::StopConsumers, "nightly is live");
    ledger.producer_stopped(Side::Source, "nightly");
    safe(&ledger, Step::StopConsumers);
}

#[test]
fn every_group_must_have_committed_every_visible_record() {
    let part = Part::new(Side::Source, IN, 1);
    let mut ledger = switched();
    ledger.acknowledged(&part, 0);
    only(&ledger, Step::StopConsumers, "never committed on s.PROD.crm.ingestion/1");
    ledger.committed(Side::Source, GROUP, IN, 1, 1);
    ledger.acknowledged(&part, 1);
    only(&ledger, Step::StopConsumers, "1 records behind");
    ledger.committed(Side::Source, GROUP, IN, 1, 2);
    safe(&ledger, Step::StopConsumers);
    ledger.group_reads(Side::Source, "s.PROD.audit", &[IN.to_owned()]);
    assert_eq!(unsafe_reasons(&ledger, Step::StopConsumers).len(), 2);
}

#[test]
fn records_that_nobody_reads_are_a_danger_unless_said_otherwise() {
    let mut ledger = switched();
    topic(&mut ledger, Side::Source, UP, 1);
    ledger.acknowledged(&Part::new(Side::Source, UP, 0), 0);
    only(&ledger, Step::StopConsumers, "no group reads it");
    ledger.unread.insert(UP.to_owned());
    safe(&ledger, Step::StopConsumers);
}

#[test]
fn an_open_transaction_is_a_danger_and_its_end_decides_about_its_records() {
    let part = Part::new(Side::Source, IN, 0);
    let mut open = switched();
    open.transaction_opened("t", Side::Source);
    open.acknowledged_in("t", &part, 5);
    only(&open, Step::StopConsumers, "transaction t is open");
    let mut committed = open.clone();
    committed.transaction_ended("t", true);
    only(&committed, Step::StopConsumers, "1 records behind");
    committed.committed(Side::Source, GROUP, IN, 0, 6);
    safe(&committed, Step::StopConsumers);
    open.transaction_ended("t", false);
    safe(&open, Step::StopConsumers);
}

#[test]
fn a_record_in_doubt_is_a_danger() {
    let mut ledger = switched();
    ledger.in_doubt(&Part::new(Side::Source, IN, 0));
    only(&ledger, Step::StopConsumers, "in doubt");
}

#[test]
fn whoever_still_reads_the_source_keeps_the_consumers_from_starting() {
    let mut ledger = stopped();
    ledger.member_started(Side::Source, "s.PROD.tail", "reader-src-0", Attachment::Assign);
    ledger.group_reads(Side::Source, "s.PROD.tail", &[]);
    safe(&ledger, Step::StartConsumers);
    ledger.member_started(Side::Source, GROUP, "rtu-src-1", Attachment::Consumer);
    only(&ledger, Step::StartConsumers, "rtu-src-1");
}

#[test]
fn a_reader_at_the_destination_is_a_danger_before_the_start_and_not_during_it() {
    let mut ledger = stopped();
    ledger.group_reads(Side::Destination, GROUP, &["s.prod.crm.ingestion".to_owned()]);
    ledger.member_started(Side::Destination, GROUP, "rtu-dst-0", Attachment::Classic);
    only(&ledger, Step::StartConsumers, "rtu-dst-0");
    ledger.begun.insert(Step::StartConsumers);
    safe(&ledger, Step::StartConsumers);
}

#[test]
fn every_pair_must_be_seeded_at_the_recorded_start() {
    let mut ledger = stopped();
    ledger.seeded(Side::Destination, GROUP, "s.prod.crm.ingestion", 0, 1);
    only(&ledger, Step::StartConsumers, "seeded at 1");
    ledger.group_deleted(Side::Destination, GROUP);
    assert_eq!(unsafe_reasons(&ledger, Step::StartConsumers).len(), 2);
}

#[test]
fn a_write_to_the_source_after_the_stop_is_never_forgotten() {
    let part = Part::new(Side::Source, IN, 0);
    let mut ledger = stopped();
    ledger.acknowledged(&part, 5);
    ledger.committed(Side::Source, GROUP, IN, 0, 6);
    only(&ledger, Step::StartConsumers, "1 records or markers reached");
    let mut marker = stopped();
    marker.transaction_opened("t", Side::Source);
    marker.acknowledged_in("t", &part, 5);
    marker.transaction_ended("t", false);
    only(&marker, Step::StartConsumers, "2 records or markers reached");
}

#[test]
fn records_lost_at_the_destination_before_anybody_read_them_are_a_danger() {
    let mut ledger = stopped();
    ledger.records_deleted(&Part::new(Side::Destination, "s.prod.crm.ingestion", 0), 1);
    only(&ledger, Step::StartConsumers, "lost its records from 0 to 1");
    let mut ledger = stopped();
    ledger.topic_deleted(Side::Destination, "s.prod.crm.ingestion");
    topic(&mut ledger, Side::Destination, "s.prod.crm.ingestion", 2);
    for partition in 0..2 {
        ledger.seeded(Side::Destination, GROUP, "s.prod.crm.ingestion", partition, 0);
    }
    only(&ledger, Step::StartConsumers, "was deleted at the destination since the switch");
}

#[test]
fn the_source_is_not_retired_while_a_group_has_nobody_on_the_destination() {
    let mut ledger = started();
    ledger.member_gone(Side::Destination, GROUP, "rtu-dst-0");
    only(&ledger, Step::RetireSource, "has no member at the destination");
}

#[test]
fn a_recreated_topic_starts_from_nothing() {
    let mut ledger = switched();
    ledger.topic_deleted(Side::Source, IN);
    topic(&mut ledger, Side::Source, IN, 2);
    safe(&ledger, Step::StopConsumers);
    ledger.acknowledged(&Part::new(Side::Source, IN, 0), 0);
    only(&ledger, Step::StopConsumers, "never committed");
}

#[test]
fn the_oracle_remembers_when_a_step_was_safe() {
    let oracle = Oracle::new(Names::same("s."));
    let before = crate::now();
    assert!(oracle.is_safe(Step::StopConsumers));
    let since = oracle.safe_since(Step::StopConsumers).unwrap();
    oracle.record(|ledger| ledger.producer_started(Side::Source, "p", &["s.t".to_owned()]));
    assert!(oracle.safe_since(Step::StopConsumers).is_none());
    oracle.record(|ledger| ledger.producer_stopped(Side::Source, "p"));
    let after = crate::now();
    assert!(oracle.safe_since(Step::StopConsumers).unwrap() >= before);
    assert!(oracle.was_safe_throughout(Step::StopConsumers, since, before));
    assert!(!oracle.was_safe_throughout(Step::StopConsumers, before, after));
    assert!(oracle.was_safe_throughout(Step::StopConsumers, after, after));
    assert_eq!(oracle.turns(Step::StopConsumers).len(), 3);
    assert!(oracle.timeline().to_string().contains("stop-consumers is unsafe: producer p is live"));
}
