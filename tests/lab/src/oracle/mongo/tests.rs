//! The oracle on ledgers and looks made by hand: no servers.

use super::*;
use crate::mirror::MirrorOptions;
use crate::words::Side;

const ORDERS: &str = "shop.orders";

fn client(service: &str, writes: bool) -> ClientFacts {
    ClientFacts { service: service.to_owned(), home: Side::Source, writes }
}

fn write(n: i64, at_ms: u64) -> Acknowledged {
    Acknowledged { side: Side::Source, expected: Expected::Present(n), ts: at_ms, at_ms }
}

/// A shop at the source with a reader, a writer and a planned mirror.
fn shop() -> MongoLedger {
    let mut ledger = MongoLedger::new(["shop".to_owned()]);
    ledger.mirror_planned(&MirrorOptions::databases(&["shop"]));
    ledger.client_started(Side::Source, "svc-orders", client("svc-orders", true));
    ledger.client_started(Side::Source, "crud-api", client("crud-api", false));
    ledger
}

/// The same with its mirror running.
fn mirrored() -> MongoLedger {
    let mut ledger = shop();
    ledger.begun.insert(MongoStep::StartMirror);
    ledger.mirror_started("mirror");
    ledger.acknowledged(ORDERS, "a", write(1, 1_000));
    ledger.done.insert(MongoStep::StartMirror);
    ledger
}

/// The same with its reader at the destination.
fn switched() -> MongoLedger {
    let mut ledger = mirrored();
    ledger.begun.insert(MongoStep::SwitchReaders);
    ledger.client_gone(Side::Source, "crud-api");
    ledger.client_started(Side::Destination, "crud-api", client("crud-api", false));
    ledger.done.insert(MongoStep::SwitchReaders);
    ledger
}

/// The same with its writer stopped.
fn stopped() -> MongoLedger {
    let mut ledger = switched();
    ledger.begun.insert(MongoStep::StopWriters);
    ledger.client_gone(Side::Source, "svc-orders");
    ledger.done.insert(MongoStep::StopWriters);
    ledger
}

/// The same with its mirror ended.
fn ended() -> MongoLedger {
    let mut ledger = stopped();
    ledger.begun.insert(MongoStep::StopMirror);
    ledger.mirror_ended("mirror");
    ledger.done.insert(MongoStep::StopMirror);
    ledger
}

fn side(set: &str, documents: &[(&str, i64)]) -> SideLook {
    let documents = documents.iter().map(|(id, n)| {
        let look = DocumentLook { n: Some(*n), sum: u64::try_from(*n).unwrap() };
        ((*id).to_owned(), look)
    });
    let orders = CollectionLook {
        kind: "collection".to_owned(),
        indexes: [("_id_".to_owned(), "{ _id: 1 }".to_owned()), ("by-n".to_owned(), "{ n: 1 }".to_owned())].into(),
        documents: documents.collect(),
        ..CollectionLook::default()
    };
    SideLook { set: set.to_owned(), collections: [(ORDERS.to_owned(), orders)].into(), ..SideLook::default() }
}

/// Both sides with the same document, seen at 10 s.
fn same() -> Look {
    Look { source: Ok(side("s", &[("a", 1)])), destination: Ok(side("d", &[("a", 1)])), at_ms: 20_000 }
}

fn there(look: &mut Look) -> &mut SideLook {
    look.destination.as_mut().unwrap()
}

fn orders(look: &mut Look) -> &mut CollectionLook {
    there(look).collections.get_mut(ORDERS).unwrap()
}

#[track_caller]
fn safe(ledger: &MongoLedger, look: &Look, step: MongoStep) {
    assert_eq!(mongo_unsafe_reasons(ledger, look, step), Vec::<String>::new(), "{step}");
}

/// Exactly one reason, with these words in it.
#[track_caller]
fn only(ledger: &MongoLedger, look: &Look, step: MongoStep, words: &str) {
    let reasons = mongo_unsafe_reasons(ledger, look, step);
    assert!(reasons.len() == 1 && reasons[0].contains(words), "{step}: wanted `{words}`, got {reasons:#?}");
}

/// A destination without anything.
fn empty() -> Look {
    let mut look = same();
    there(&mut look).collections.clear();
    look
}

#[test]
fn the_way_through_is_safe_step_by_step() {
    safe(&shop(), &empty(), MongoStep::StartMirror);
    safe(&mirrored(), &same(), MongoStep::SwitchReaders);
    safe(&switched(), &same(), MongoStep::StopWriters);
    safe(&stopped(), &same(), MongoStep::StopMirror);
    safe(&ended(), &same(), MongoStep::StartWriters);
}

#[test]
fn no_step_is_safe_before_its_turn() {
    for (ledger, step) in [
        (shop(), MongoStep::SwitchReaders),
        (mirrored(), MongoStep::StopWriters),
        (switched(), MongoStep::StopMirror),
        (stopped(), MongoStep::StartWriters),
    ] {
        assert!(!mongo_unsafe_reasons(&ledger, &same(), step).is_empty(), "{step}");
    }
}

#[test]
fn a_step_is_done_when_it_took_effect() {
    let undone = |ledger: &MongoLedger, step| mongo_undone_reasons(ledger, &same(), step);
    assert!(undone(&mirrored(), MongoStep::StartMirror).is_empty());
    assert!(undone(&switched(), MongoStep::SwitchReaders).is_empty());
    assert!(undone(&stopped(), MongoStep::StopWriters).is_empty());
    assert!(undone(&ended(), MongoStep::StopMirror).is_empty());
    let mut ledger = ended();
    ledger.begun.insert(MongoStep::StartWriters);
    assert_eq!(undone(&ledger, MongoStep::StartWriters), ["svc-orders is not connected at the destination"]);
    ledger.client_started(Side::Destination, "svc-orders-dst", client("svc-orders", true));
    assert!(undone(&ledger, MongoStep::StartWriters).is_empty());
    assert_eq!(undone(&mirrored(), MongoStep::SwitchReaders).len(), 3);
}

#[test]
fn a_mirror_starts_once_into_an_empty_destination() {
    only(&shop(), &same(), MongoStep::StartMirror, "shop.orders exists at the destination");
    let mut ledger = shop();
    ledger.may_have.insert(ORDERS.to_owned());
    safe(&ledger, &same(), MongoStep::StartMirror);
    only(&mirrored(), &same(), MongoStep::StartMirror, "runs already");
    let mut look = empty();
    there(&mut look).set = "s".to_owned();
    only(&shop(), &look, MongoStep::StartMirror, "the same replica set");
}

#[test]
fn what_no_mirror_can_carry_is_a_danger() {
    let mut look = empty();
    let source = look.source.as_mut().unwrap().collections.get_mut(ORDERS).unwrap();
    source.indexes.insert("ttl".to_owned(), "{ at: 1 } expireAfterSeconds".to_owned());
    only(&shop(), &look, MongoStep::StartMirror, "TTL index: ttl");
    let mut ledger = shop();
    ledger.mirrors.clear();
    ledger.mirror_planned(&MirrorOptions::databases(&["crm"]).named("crm"));
    only(&ledger, &empty(), MongoStep::StartMirror, "no mirror carries shop.orders");
    ledger.mirror_planned(&MirrorOptions::databases(&["shop"]));
    safe(&ledger, &empty(), MongoStep::StartMirror);
    ledger.transaction_opened("t", Side::Source, &[ORDERS.to_owned(), "crm.leads".to_owned()]);
    only(&ledger, &empty(), MongoStep::StartMirror, "transaction t spans");
}

#[test]
fn readers_do_not_go_where_old_writes_are_missing() {
    let mut look = same();
    orders(&mut look).documents.clear();
    only(&mirrored(), &look, MongoStep::SwitchReaders, "shop.orders a is missing");
    look.at_ms = 1_000 + 15_000;
    safe(&mirrored(), &look, MongoStep::SwitchReaders);
    let mut updated = mirrored();
    updated.acknowledged(ORDERS, "a", write(2, 1_000));
    only(&updated, &same(), MongoStep::SwitchReaders, "a is outdated");
    let mut deleted = mirrored();
    deleted.acknowledged(ORDERS, "a", Acknowledged { expected: Expected::Gone, ..write(0, 1_000) });
    only(&deleted, &same(), MongoStep::SwitchReaders, "was deleted and is still there");
}

#[test]
fn readers_do_not_go_where_a_mirror_is_dead_or_failed_or_an_index_is_missing() {
    let mut dead = mirrored();
    dead.mirror_ended("mirror");
    only(&dead, &same(), MongoStep::SwitchReaders, "does not run");
    let mut failed = mirrored();
    failed.mirror_error("mirror", Some("applier".to_owned()));
    only(&failed, &same(), MongoStep::SwitchReaders, "has met an error: applier");
    let mut look = same();
    orders(&mut look).indexes.remove("by-n");
    only(&mirrored(), &look, MongoStep::SwitchReaders, "no index by-n");
    let mut free = mirrored();
    free.readers_may_write = true;
    only(&free, &same(), MongoStep::SwitchReaders, "the write block is off");
    let mut blocked = same();
    there(&mut blocked).write_block = true;
    safe(&free, &blocked, MongoStep::SwitchReaders);
}

#[test]
fn a_mirror_is_not_stopped_before_everything_has_arrived() {
    let mut late = stopped();
    late.acknowledged(ORDERS, "b", write(1, 9_999));
    only(&late, &same(), MongoStep::StopMirror, "shop.orders b is missing");
    let mut look = same();
    look.source = Ok(side("s", &[("a", 2)]));
    only(&stopped(), &look, MongoStep::StopMirror, "1 documents of shop.orders differ: a");
    let mut look = same();
    look.destination = Ok(side("d", &[("a", 1), ("x", 1)]));
    only(&stopped(), &look, MongoStep::StopMirror, "differ: x");
    let mut look = same();
    orders(&mut look).options = "capped".to_owned();
    only(&stopped(), &look, MongoStep::StopMirror, "has other options");
}

#[test]
fn nor_while_somebody_could_still_write() {
    let mut open = stopped();
    open.transaction_opened("t", Side::Source, &[ORDERS.to_owned()]);
    only(&open, &same(), MongoStep::StopMirror, "transaction t is open");
    open.transaction_ended("t");
    safe(&open, &same(), MongoStep::StopMirror);
    let mut crash = stopped();
    crash.client_started(Side::Source, "svc-crash", client("svc-crash", true));
    only(&crash, &same(), MongoStep::StopMirror, "writer svc-crash lives at the source");
    let mut early = stopped();
    early.client_started(Side::Destination, "svc-orders", client("svc-orders", true));
    only(&early, &same(), MongoStep::StopMirror, "writer svc-orders lives at the destination");
    let mut seen = same();
    seen.source.as_mut().unwrap().open_transactions = 1;
    only(&stopped(), &seen, MongoStep::StopMirror, "the source itself counts 1");
}

#[test]
fn writers_do_not_start_beside_a_mirror_or_on_other_data() {
    let mut alive = ended();
    alive.mirror_started("mirror");
    only(&alive, &same(), MongoStep::StartWriters, "mirror mirror still runs");
    let mut late = ended();
    late.acknowledged(ORDERS, "a", write(1, 2_000));
    only(&late, &same(), MongoStep::StartWriters, "1 writes reached shop.orders");
    let mut blocked = same();
    there(&mut blocked).write_block = true;
    only(&ended(), &blocked, MongoStep::StartWriters, "the write block is on");
    let mut started = ended();
    started.begun.insert(MongoStep::StartWriters);
    let mut look = same();
    look.destination = Ok(side("d", &[("a", 1), ("new", 1)]));
    safe(&started, &look, MongoStep::StartWriters);
}

#[test]
fn what_cannot_be_seen_is_never_safe() {
    let mut look = same();
    look.source = Err("no answer".to_owned());
    for step in MongoStep::ALL {
        let reasons = mongo_unsafe_reasons(&stopped(), &look, step);
        assert!(reasons.iter().any(|reason| reason == "cannot be seen: the source: no answer"), "{reasons:?}");
    }
}

#[test]
fn switching_readers_may_be_left_out() {
    let mut ledger = mirrored();
    only(&ledger, &same(), MongoStep::StopWriters, "reader crud-api still reads");
    ledger.skipped.insert(MongoStep::SwitchReaders);
    safe(&ledger, &same(), MongoStep::StopWriters);
}

#[test]
fn the_oracle_remembers_what_the_ledger_knew() {
    let oracle = MongoOracle::new(stopped(), None);
    let before = crate::now();
    assert!(oracle.was_safe_throughout(MongoStep::StopMirror, before, before));
    oracle.record(|ledger| ledger.client_started(Side::Source, "svc-x", client("svc-x", true)));
    oracle.record(|ledger| ledger.client_gone(Side::Source, "svc-x"));
    let after = crate::now();
    assert!(!oracle.was_safe_throughout(MongoStep::StopMirror, before, after));
    assert!(oracle.was_safe_throughout(MongoStep::StopMirror, after, after));
    assert!(!oracle.is_safe(MongoStep::StopMirror), "nobody has looked");
    assert!(oracle.timeline().to_string().contains("stop-mirror is unsafe: cannot be seen: the source"));
}
