//! What the checks of this track say at their edges. Samples and facts are put together by hand, to the millisecond.

use super::{clients, counting, data, mirrors, observe, plan, shared, writes};
use crate::Name;
use crate::estate::mongodb::*;
use crate::estate::{Content, Estate, Failure, FailureKind, Sample, Side, Target};
use crate::facts::{Fact, Facts, How};
use crate::pattern::Pattern;
use crate::reading::{Code, Demand, Qty, Reading, Subject, Tri};
use crate::render::sentence;
use crate::settings::*;
use crate::time::{Dur, Mono, Now, Span, Wall};
use crate::view::View;
use std::collections::{BTreeMap, BTreeSet};

/// Every test begins here, in seconds since 1970.
const START: i64 = 1_790_000_000;

/// So many seconds after the start, by the clock of a deployment.
fn ts(seconds: i64, ordinal: u32) -> Ts {
    Ts::new(u32::try_from(START + seconds).unwrap(), ordinal)
}

/// So many milliseconds after the start.
fn now(ms: i64) -> Now {
    Now { mono: Mono(ms), wall: Wall(START * 1000 + ms) }
}

fn span(sent: i64, received: i64) -> Span {
    Span { sent: Mono(sent), received: Mono(received) }
}

fn refused() -> Failure {
    Failure::new(FailureKind::Privilege, "not authorized on local")
}

fn rule(p: &str) -> ClientRule {
    ClientRule { field: MongoField::AppName, pattern: Pattern::parse(p).unwrap() }
}

fn mongodb() -> MongodbSettings {
    let mirror = MirrorSettings {
        kind: MirrorKind::Mongomirror,
        namespaces: vec![],
        lag: None,
        client: vec![rule("mongomirror*")],
    };
    MongodbSettings {
        interval: Dur::secs(5),
        slow_interval: Dur::mins(5),
        databases: BTreeSet::from(["shop".into()]),
        left_behind: BTreeMap::new(),
        may_have: BTreeMap::new(),
        unsupported_versions: None,
        copy_rate: 20_000_000,
        index_rate: 10_000_000,
        mirrors: BTreeMap::from([("all".into(), mirror)]),
        readers: vec![rule("crud-*")],
        writers: vec![rule("svc-*")],
        homes: vec![(Home::Destination, rule("{service}-dst"))],
        bystanders: vec![],
    }
}

/// Two deployments, a mirror and what was journaled, looked at when the newest sample has come in.
struct Bench {
    estate: Estate,
    facts: Facts,
    settings: Settings,
    now: Now,
}

impl Bench {
    fn new() -> Bench {
        let settings = Settings {
            migration: "test".into(),
            attempt: 1,
            config_hash: "0".into(),
            faster: 1,
            tracks: BTreeSet::from([Track::Mongodb]),
            skip: BTreeMap::new(),
            after: BTreeMap::new(),
            pace: Dur::ZERO,
            joint: false,
            dwell: BTreeMap::new(),
            requirements_enforced: false,
            kafka: None,
            mongodb: Some(mongodb()),
            probes: BTreeMap::new(),
            relaxations: vec![],
        };
        Bench { estate: Estate::new(), facts: Facts::default(), settings, now: now(0) }
    }

    fn view(&self) -> View<'_> {
        View::new(&self.estate, &self.facts, &self.settings, self.now)
    }

    fn settings(&mut self) -> &mut MongodbSettings {
        self.settings.mongodb.as_mut().unwrap()
    }

    fn mirror_settings(&mut self) -> &mut MirrorSettings {
        self.settings().mirrors.get_mut("all").unwrap()
    }

    /// The mirror carries this and nothing else.
    fn carries(&mut self, namespace: &str) {
        self.mirror_settings().namespaces = vec![Pattern::parse(namespace).unwrap()];
    }

    fn apply(&mut self, target: Target, span: Span, content: Content) {
        self.now = now(self.now.mono.0.max(span.received.0));
        self.estate.apply(Sample { target, span, outcome: Ok(content) }, self.now);
    }

    /// A deployment is asked, and has answered 100 ms later.
    fn sample(&mut self, side: Side, sent: i64, change: impl FnOnce(&mut MongoSample)) {
        let mut s = MongoSample {
            set_id: if side == Side::Source { "old".into() } else { "new".into() },
            set_name: "rs0".into(),
            primary: Ok("h1:27017".into()),
            term: 1,
            elected: Ok(Ts::default()),
            version: "5.0.9".into(),
            clock: now(sent).wall,
            members: BTreeMap::from([(
                "h1:27017".into(),
                MongoMember { state: "PRIMARY".into(), clients: Ok(vec![]) },
            )]),
            majority: Ok(true),
            oplog: Ok(Oplog { first: ts(-36_000, 0), last: ts(sent / 1000, 0), size: 1_000, max_size: 1_000 }),
            committed: Ok(ts(sent / 1000, 0)),
            writes: Ok(written(sent / 1000, &[])),
            transactions: Ok(Transactions { open: 0, prepared: 0 }),
            index_builds: Ok(BTreeSet::new()),
            write_block: Ok(false),
            listed: Some(span(sent, sent + 50)),
            scanned: Some(span(sent + 50, sent + 100)),
        };
        change(&mut s);
        self.apply(Target::Mongodb(side), span(sent, sent + 100), Content::Mongodb(Box::new(s)));
    }

    fn source(&mut self, sent: i64, change: impl FnOnce(&mut MongoSample)) {
        self.sample(Side::Source, sent, change);
    }

    fn destination(&mut self, sent: i64, change: impl FnOnce(&mut MongoSample)) {
        self.sample(Side::Destination, sent, change);
    }

    /// What is there is listed.
    fn list(&mut self, side: Side, sent: i64, all: &[(&str, Collection)]) {
        let mut shop = BTreeMap::new();
        for (ns, c) in all {
            shop.insert(Name::from(ns.strip_prefix("shop.").expect("of the shop")), c.clone());
        }
        let catalog = MongoCatalog {
            set_id: if side == Side::Source { "old".into() } else { "new".into() },
            databases: BTreeMap::from([("shop".into(), Ok(shop))]),
            databases_outside: Ok(0),
            offsets: Ok(StoredOffsets::default()),
            changes: Ok(0),
        };
        self.apply(Target::Mongodb(side), span(sent, sent + 100), Content::MongoCatalog(Box::new(catalog)));
    }

    fn count(&mut self, side: Side, span: Span, namespace: &str, n: Result<u64, Failure>) {
        let counts = MongoCounts {
            set_id: if side == Side::Source { "old".into() } else { "new".into() },
            counts: BTreeMap::from([(namespace.into(), n)]),
        };
        self.apply(Target::Mongodb(side), span, Content::MongoCounts(counts));
    }

    /// The only instance of the mirror answers.
    fn mirror(&mut self, span: Span, position: Ts, change: impl FnOnce(&mut MongomirrorStatus)) {
        let mut s =
            MongomirrorStatus { stage: "oplog sync".into(), position: Some(position), ..MongomirrorStatus::default() };
        change(&mut s);
        let sample = MirrorSample { instances: vec![Ok(MirrorStatus::Mongomirror(s))] };
        self.apply(Target::Mirror("all".into()), span, Content::Mirror(sample));
    }

    fn begun(&mut self, step: &str) {
        let how = How::Claimed { author: "alice".into(), reason: None };
        self.facts.apply(Fact::Begun { step: step.into(), at: now(0).wall, how, evidence: vec![] });
    }

    fn done(&mut self, step: &str) {
        self.begun(step);
        self.facts.apply(Fact::Done { step: step.into(), at: now(0).wall, evidence: vec![] });
    }

    fn was_go(&mut self, step: &str) {
        self.facts.apply(Fact::WasGo { step: step.into(), from: now(0).wall, until: now(0).wall });
    }

    fn confirmed(&mut self, name: &str, subject: &[&str], ms: i64) {
        let subject = subject.iter().map(|s| Name::from(*s)).collect();
        let (at, author, reason) = (now(ms).wall, "alice".into(), "because".into());
        self.facts.apply(Fact::Confirmed { name: name.into(), subject, at, author, reason, basis: None });
    }

    fn witnessed(&mut self, set: &str, identity: &str) {
        let writes = identity.starts_with("svc-");
        let (set, identity) = (set.into(), identity.into());
        self.facts.apply(Fact::Client { set, writes, identity, home: Home::Source });
    }

    /// Every rule has recognised somebody on the source.
    fn recognised(&mut self) {
        for rule in ["app_name: crud-*", "app_name: svc-*"] {
            self.facts.apply(Fact::Recognised { set: "old".into(), rule: rule.into() });
        }
    }

    fn anchored(&mut self, set: &str, ts: Ts, unseen: bool) {
        self.facts.apply(Fact::LastWrite { set: set.into(), ts, unseen, adopted: None });
    }

    /// What the newest samples add to the journal.
    fn observed(&self) -> Vec<Fact> {
        let mut out = vec![];
        observe::observe(&self.view(), &mut out);
        out
    }
}

/// The oplog as it was read up to this second: far back, with these writes.
fn written(to: i64, all: &[(&str, Ts)]) -> Writes {
    Writes {
        from: ts(-10_000, 0),
        to: ts(to, 0),
        last: all.iter().map(|(ns, t)| (Name::from(*ns), *t)).collect(),
        recent: all.iter().map(|(ns, t)| (*t, Name::from(*ns))).collect(),
        together: BTreeSet::new(),
        together_cut: false,
    }
}

fn connected(apps: &[&str]) -> impl FnOnce(&mut MongoSample) {
    let clients = apps.iter().map(|app| MongoClient {
        app_name: (*app).into(),
        user: "".into(),
        address: "10.0.0.9".into(),
        first: 1,
        last: 1,
    });
    let member = MongoMember { state: "PRIMARY".into(), clients: Ok(clients.collect()) };
    move |s| s.members = BTreeMap::from([("h1:27017".into(), member)])
}

fn collection(documents: i64, indexes: &[&str]) -> Collection {
    let index = |i: &&str| {
        let spec = format!("{{\"{i}\":1}}").into();
        (Name::from(*i), Index { spec, ttl: i.contains("ttl"), building: false })
    };
    Collection {
        kind: CollectionKind::Collection,
        uuid: "u".into(),
        options: "{}".into(),
        indexes: Ok(indexes.iter().map(index).collect()),
        documents: Ok(Some(documents)),
        data_size: documents * 1000,
        index_size: documents * 100,
    }
}

/// Yes, or the finding that speaks for it: why, and about what.
fn said(r: &Reading) -> (Tri, Option<(Code, Subject)>) {
    (r.is, r.chief().map(|f| (f.code, f.at.clone())))
}

const YES: (Tri, Option<(Code, Subject)>) = (Tri::Yes, None);

fn no(code: Code, at: Subject) -> (Tri, Option<(Code, Subject)>) {
    (Tri::No, Some((code, at)))
}

fn unknown(code: Code, at: Subject) -> (Tri, Option<(Code, Subject)>) {
    (Tri::Unknown, Some((code, at)))
}

fn there(ns: &str) -> Subject {
    Subject::Namespace(Side::Destination, ns.into())
}

fn here(ns: &str) -> Subject {
    Subject::Namespace(Side::Source, ns.into())
}

const SOURCE: Subject = Subject::Mongodb(Side::Source);
const DESTINATION: Subject = Subject::Mongodb(Side::Destination);

fn client(side: Side, identity: &str) -> Subject {
    Subject::Client(side, identity.into())
}

fn mirror() -> Subject {
    Subject::Mirror("all".into())
}

fn detail(r: &Reading) -> &str {
    r.chief().and_then(|f| f.detail.as_deref()).unwrap_or_default()
}

fn fix(r: &Reading) -> &str {
    r.chief().and_then(|f| f.fix.as_deref()).unwrap_or_default()
}

// What is written, and what of it counts.

#[test]
fn a_write_counts_in_scope_and_where_it_may_have_touched_what_is_in_scope() {
    let mut b = Bench::new();
    b.carries("shop.a");
    b.settings().left_behind.insert("shop.old".into(), "nobody reads it".into());
    let s = b.settings.mongodb.as_ref().unwrap();
    let all = |ns: &str| shared::counts_for(s, None, ns);
    let of_mirror = |ns: &str| shared::counts_for(s, Some(&s.mirrors["all"]), ns);
    for ns in [ANYWHERE, "shop", "shop.a"] {
        assert!(all(ns) && of_mirror(ns), "{ns}");
    }
    assert!(all("shop.b") && !of_mirror("shop.b"), "another carries it");
    for ns in ["shop.old", "shop.system.views", "audit", "audit.a"] {
        assert!(!all(ns) && !of_mirror(ns), "{ns}");
    }
}

#[test]
fn a_primary_that_takes_writes_for_long_enough_shows_silence_to_an_agent_that_has_just_come() {
    let mut b = Bench::new();
    b.source(0, |_| {});
    assert_eq!(said(&writes::no_source_write(&b.view())), YES);
    // While they are blocked nobody writes who is not let, however short that has been watched.
    b.facts.apply(Fact::WriteBlock { set: "old".into(), on: true });
    b.source(1_000, |s| s.write_block = Ok(true));
    assert_eq!(said(&writes::no_source_write(&b.view())), YES);
    b.source(2_000, |s| s.write_block = Ok(false));
    assert_eq!(said(&writes::no_source_write(&b.view())), unknown(Code::Unwritable, SOURCE));
}

#[test]
fn how_long_silence_is_still_to_last_is_told() {
    let wait = |elected, last: Option<Ts>| {
        let mut b = Bench::new();
        b.source(0, |s| {
            s.elected = Ok(elected);
            let all: Vec<(&str, Ts)> = last.into_iter().map(|t| ("shop.a", t)).collect();
            s.writes = Ok(written(0, &all));
        });
        let r = writes::no_source_write(&b.view());
        (r.chief().map(|f| f.code), r.chief().and_then(|f| f.wait))
    };
    // Six minutes, from the end of the second.
    assert_eq!(wait(Ts::default(), Some(ts(-361, 0))), (None, None));
    assert_eq!(wait(Ts::default(), Some(ts(-101, 0))), (Some(Code::RecentWrite), Some(Dur::secs(260))));
    assert_eq!(wait(ts(-101, 0), None), (Some(Code::Unwritable), Some(Dur::secs(260))));
    assert_eq!(wait(ts(-51, 0), Some(ts(-101, 0))), (Some(Code::RecentWrite), Some(Dur::secs(310))));
}

#[test]
fn a_shorter_silence_is_offered_only_once_the_writers_are_being_stopped_and_none_is_seen() {
    let offered = |begun: bool, rules: bool, apps: &[&str]| {
        let mut b = Bench::new();
        if begun {
            b.begun("stop-writers");
        }
        if !rules {
            b.settings().writers.clear();
        }
        b.source(0, connected(apps));
        b.source(1_000, |s| {
            connected(apps)(s);
            s.writes = Ok(written(1, &[("shop.a", ts(-101, 0))]));
        });
        let r = writes::no_source_write(&b.view());
        assert_eq!(r.is, Tri::No);
        !fix(&r).is_empty()
    };
    assert!(offered(true, true, &[]));
    assert!(!offered(false, true, &[]), "they were not told to stop");
    assert!(!offered(true, false, &[]), "nothing says who writes");
    assert!(!offered(true, true, &["svc-orders"]), "one is there");
}

#[test]
fn a_transaction_that_is_only_prepared_is_open() {
    let with = |open, prepared| {
        let mut b = Bench::new();
        b.source(0, |s| s.transactions = Ok(Transactions { open, prepared }));
        said(&writes::no_source_write(&b.view()))
    };
    assert_eq!(with(0, 0), YES);
    assert_eq!(with(1, 0), no(Code::OpenTransaction, SOURCE));
    assert_eq!(with(0, 1), no(Code::OpenTransaction, SOURCE));
}

#[test]
fn an_anchor_that_is_no_write_holds_while_the_oplog_is_read_back_to_it() {
    let still = |from: Ts, last: &[(&str, Ts)]| {
        let mut b = Bench::new();
        b.anchored("old", ts(-500, 0), true);
        b.source(0, |s| s.writes = Ok(Writes { from, ..written(0, last) }));
        said(&writes::source_still(&b.view()))
    };
    assert_eq!(still(ts(-501, 0), &[]), YES);
    assert_eq!(still(ts(-500, 0), &[]), YES);
    assert_eq!(still(ts(-500, 1), &[]), unknown(Code::Partial, SOURCE), "what lies between was not read");
    assert_eq!(still(ts(-501, 0), &[("shop.a", ts(-500, 0))]), YES);
    assert_eq!(still(ts(-501, 0), &[("shop.a", ts(-500, 1))]), no(Code::Moved, SOURCE));
}

#[test]
fn the_destination_was_written_when_a_write_is_seen_past_its_anchor() {
    let written_there = |from: Ts, last: &[(&str, Ts)]| {
        let mut b = Bench::new();
        b.anchored("new", ts(-50, 1), false);
        b.destination(0, |s| s.writes = Ok(Writes { from, ..written(0, last) }));
        said(&writes::effect(&b.view()))
    };
    let not = no(Code::NotWritten, DESTINATION);
    assert_eq!(written_there(ts(-100, 0), &[("shop.a", ts(-50, 0))]), not);
    assert_eq!(written_there(ts(-100, 0), &[("shop.a", ts(-50, 1))]), not, "this is the anchor");
    let yes = (Tri::Yes, Some((Code::Written, DESTINATION)));
    assert_eq!(written_there(ts(-100, 0), &[("shop.a", ts(-50, 2))]), yes);
    assert_eq!(written_there(ts(-40, 0), &[]), not, "how far back it was read is no write");
}

// Who is connected.

/// A journal may hold an end of the mirrors without what the destination is held against: an earlier version adopted it so.
#[test]
fn silence_at_the_destination_stands_for_no_anchor_once_the_mirrors_have_ended() {
    let mut b = Bench::new();
    b.destination(600_000, |m| m.writes = Ok(written(600, &[("shop.orders", ts(500, 3))])));
    assert_eq!(said(&writes::destination_quiet(&b.view())).0, Tri::Yes);
    b.done("stop-mirror");
    let r = writes::destination_quiet(&b.view());
    assert_eq!(said(&r), unknown(Code::NoAnchor, DESTINATION));
    assert!(fix(&r).contains("since stop-mirror") && fix(&r).contains("reconciled-writes destination 1790000500.3"));
    b.anchored("new", ts(500, 3), false);
    assert_eq!(said(&writes::destination_quiet(&b.view())).0, Tri::Yes);
}

#[test]
fn a_reader_that_is_seen_on_the_source_for_the_first_time_has_not_moved() {
    let mut b = Bench::new();
    b.recognised();
    b.witnessed("old", "crud-orders");
    b.source(0, connected(&[]));
    b.destination(0, connected(&["crud-orders-dst"]));
    assert_eq!(said(&clients::readers_moved(&b.view())), YES);
    b.source(1_000, connected(&["crud-new"]));
    assert_eq!(said(&clients::readers_moved(&b.view())), no(Code::Connected, client(Side::Source, "crud-new")));
}

#[test]
fn a_writer_that_is_seen_on_the_source_for_the_first_time_is_not_gone() {
    let mut b = Bench::new();
    b.recognised();
    b.witnessed("old", "svc-orders");
    b.source(0, connected(&[]));
    assert_eq!(said(&clients::writers_gone(&b.view())), YES);
    b.source(1_000, connected(&["svc-new"]));
    assert_eq!(said(&clients::writers_gone(&b.view())), no(Code::Connected, client(Side::Source, "svc-new")));
}

#[test]
fn where_no_writer_was_ever_seen_another_witness_is_asked_for() {
    let mut b = Bench::new();
    b.recognised();
    b.source(0, |_| {});
    let r = clients::writers_gone(&b.view());
    assert_eq!(said(&r), unknown(Code::NeverSeen, Subject::Whole));
    assert!(fix(&r).contains("cutover-agent confirm scaled-to-zero mongodb"), "{}", fix(&r));
}

#[test]
fn a_word_shows_what_was_sampled_from_its_instant_on() {
    let silenced = |said: i64| {
        let mut b = Bench::new();
        b.source(1_000, |_| {});
        b.confirmed("scaled-to-zero", &["mongodb"], said);
        clients::silenced(&b.view()).is_some()
    };
    assert!(silenced(999));
    assert!(silenced(1_000));
    assert!(!silenced(1_001), "until then somebody may have written");
    let removed = |said: i64| {
        let mut b = Bench::new();
        b.destination(1_000, |_| {});
        b.confirmed("mirror-removed", &["all"], said);
        super::removed(&b.view())
    };
    assert!(removed(1_000));
    assert!(!removed(1_001));
}

#[test]
fn a_word_that_nobody_writes_is_void_once_a_write_of_a_later_second_shows() {
    let void = |last: Ts| {
        let mut b = Bench::new();
        b.confirmed("scaled-to-zero", &["mongodb"], 10_000);
        b.source(20_000, |s| s.writes = Ok(written(20, &[("shop.a", last)])));
        b.observed().iter().any(|f| matches!(f, Fact::Voided { name, .. } if &**name == "scaled-to-zero"))
    };
    assert!(!void(ts(10, 0)), "it may have come at the very beginning of its second");
    assert!(!void(ts(9, 9)));
    assert!(void(ts(11, 0)));
}

#[test]
fn writers_have_started_beside_a_source_that_does_not_answer_only_if_it_is_fenced() {
    let mut b = Bench::new();
    b.confirmed("source-fenced", &[], 0);
    assert_eq!(said(&writes::source_still(&b.view())), unknown(Code::NeverSampled, SOURCE), "which source?");
    let mut b = Bench::new();
    b.facts.apply(Fact::Deployment { side: Side::Source, set: "old".into() });
    b.witnessed("old", "svc-orders");
    b.destination(0, connected(&["svc-orders-dst"]));
    assert_eq!(said(&clients::writers_started(&b.view())), unknown(Code::NeverSampled, SOURCE));
    b.facts.apply(Fact::WriteBlock { set: "old".into(), on: true });
    let seen_on = said(&clients::writers_started(&b.view()));
    assert_eq!(seen_on, unknown(Code::NeverSampled, SOURCE), "it may have been lifted since");
    b.confirmed("source-fenced", &[], 0);
    assert_eq!(said(&clients::writers_started(&b.view())), YES);
}

#[test]
fn readers_start_with_the_writers_where_their_own_step_is_skipped() {
    let mut b = Bench::new();
    b.recognised();
    b.witnessed("old", "svc-orders");
    b.witnessed("old", "crud-orders");
    b.source(0, connected(&["crud-orders"]));
    b.destination(0, connected(&["svc-orders-dst"]));
    assert_eq!(said(&clients::writers_started(&b.view())), YES, "their own step has seen to them");
    b.settings.skip.insert("switch-readers".into(), "they read both".into());
    assert_eq!(said(&clients::writers_started(&b.view())), no(Code::Connected, client(Side::Source, "crud-orders")));
    b.settings().readers.clear();
    assert_eq!(said(&clients::writers_started(&b.view())), YES, "there are none");
}

#[test]
fn where_no_rule_says_who_writes_a_write_past_the_anchor_shows_that_they_were_started() {
    let appears = |last: Ts| {
        let mut b = Bench::new();
        b.settings().writers.clear();
        b.anchored("new", ts(-50, 0), false);
        b.destination(0, |s| s.writes = Ok(written(0, &[("shop.a", last)])));
        said(&clients::writer_appears(&b.view()))
    };
    assert_eq!(appears(ts(-50, 0)), no(Code::NeverSeen, Subject::Whole));
    assert_eq!(appears(ts(-50, 1)), (Tri::Yes, Some((Code::Written, DESTINATION))));
}

// How long counting takes.

#[test]
fn what_counting_takes_is_reckoned_by_the_largest_that_was_counted() {
    let mut b = Bench::new();
    b.destination(0, |_| {});
    let all = [("shop.a", collection(100, &[])), ("shop.b", collection(10, &[])), ("shop.none", collection(0, &[]))];
    b.list(Side::Destination, 0, &all);
    b.count(Side::Destination, span(0, 100), "shop.b", Ok(10));
    b.count(Side::Destination, span(1_000, 3_000), "shop.a", Ok(100));
    let r = counting::counting_time(&b.view());
    let told = r.chief().map(sentence).unwrap_or_default();
    assert_eq!(
        (r.is, &*told),
        (
            Tri::Yes,
            "the destination MongoDB takes 2 s: to count all 110 documents of 2 collections, as fast as the 100 of shop.a \
             in 2 s; counted are only those whose estimates differ"
        )
    );
    let at = |n| {
        let mut b = Bench::new();
        b.destination(0, |_| {});
        b.list(Side::Destination, 0, &[("shop.none", collection(n, &[]))]);
        said(&counting::counting_time(&b.view()))
    };
    assert_eq!(
        at(0),
        (Tri::Yes, Some((Code::Estimate, Subject::Mongodb(Side::Destination)))),
        "nothing is to be counted"
    );
    assert_eq!(at(1), unknown(Code::Partial, there("shop.none")));
}

/// How many documents a collection has was not told: that is not none.
#[test]
fn what_counting_takes_is_not_known_beside_a_collection_of_unknown_size() {
    let mut b = Bench::new();
    b.destination(0, |_| {});
    let untold = Collection { documents: Err(refused()), ..collection(0, &[]) };
    b.list(Side::Destination, 0, &[("shop.a", collection(100, &[])), ("shop.b", untold.clone())]);
    b.count(Side::Destination, span(0, 100), "shop.a", Ok(100));
    assert_eq!(said(&counting::counting_time(&b.view())), unknown(Code::Privilege, there("shop.b")));
    b.list(Side::Destination, 1, &[("shop.b", untold)]);
    assert_eq!(said(&counting::counting_time(&b.view())), unknown(Code::Privilege, there("shop.b")));
}

#[test]
fn the_speed_is_measured_on_the_largest_that_is_quick_to_count_or_the_smallest_of_all() {
    let chosen = |sizes: &[(&str, i64)]| {
        let mut b = Bench::new();
        b.destination(0, |_| {});
        let all: Vec<(&str, Collection)> = sizes.iter().map(|(ns, n)| (*ns, collection(*n, &[]))).collect();
        b.list(Side::Destination, 0, &all);
        match counting::counting_time(&b.view()).wants.as_slice() {
            [Demand::Count { side: Side::Destination, namespace }] => namespace.to_string(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(chosen(&[("shop.a", 5), ("shop.b", 1_000_000), ("shop.c", 1_000_001)]), "shop.b");
    assert_eq!(chosen(&[("shop.a", 3_000_000), ("shop.b", 2_000_000)]), "shop.b");
}

#[test]
fn a_count_that_failed_says_why_the_time_is_not_known() {
    let mut b = Bench::new();
    b.destination(0, |_| {});
    b.list(Side::Destination, 0, &[("shop.a", collection(100, &[]))]);
    b.count(Side::Destination, span(0, 100), "shop.a", Err(refused()));
    let r = counting::counting_time(&b.view());
    assert_eq!(said(&r), unknown(Code::Privilege, there("shop.a")));
    assert_eq!(detail(&r), "its documents could not be counted: not authorized on local");
}

// Is the same in both.

/// Both sides hold this, and the downtime has come: everything is to be listed at 100 ms or later, and the oplogs to be read
/// after that.
fn downtime(listed: (i64, i64)) -> Bench {
    let mut b = listed_in_the_downtime(listed);
    b.source(300, |_| {});
    b.destination(300, |_| {});
    b
}

fn listed_in_the_downtime(listed: (i64, i64)) -> Bench {
    let mut b = Bench::new();
    b.done("stop-writers");
    b.source(0, |_| {});
    b.destination(0, |_| {});
    b.list(Side::Source, listed.0, &[("shop.a", collection(100, &["_id_"]))]);
    b.list(Side::Destination, listed.1, &[("shop.a", collection(100, &["_id_"]))]);
    b
}

#[test]
fn in_the_downtime_a_list_counts_that_was_asked_for_when_the_last_write_was_applied_or_later() {
    let told = |listed| said(&data::same_data(&downtime(listed).view()));
    assert_eq!(told((100, 100)), YES);
    assert_eq!(told((99, 100)), unknown(Code::Stale, SOURCE));
    assert_eq!(told((100, 99)), unknown(Code::Stale, DESTINATION));
}

/// Seed 400225032 of the long form: a source that was listed after a write that nobody had read yet held as many documents as the
/// destination, to which somebody had added one by hand.
#[test]
fn in_the_downtime_a_list_counts_once_the_oplog_was_read_after_it() {
    let order = |at| unknown(Code::Order, at);
    let both = |b: &Bench| [said(&data::same_data(&b.view())), said(&data::same_counts(&b.view()))];
    let mut b = listed_in_the_downtime((100, 100));
    assert_eq!(both(&b), [order(DESTINATION), order(DESTINATION)]);
    b.destination(300, |_| {});
    assert_eq!(both(&b), [order(SOURCE), order(SOURCE)]);
    b.source(300, |_| {});
    assert_eq!(both(&b), [YES, YES]);
    // Listed again with the same in it, as every five minutes: the list before says so still.
    b.list(Side::Source, 1_000, &[("shop.a", collection(100, &["_id_"]))]);
    b.list(Side::Source, 1_500, &[("shop.a", collection(100, &["_id_"]))]);
    assert_eq!(both(&b), [YES, YES]);
    // With something else in it: what was written in between?
    b.list(Side::Source, 2_000, &[("shop.a", collection(101, &["_id_"]))]);
    b.list(Side::Source, 2_500, &[("shop.a", collection(100, &["_id_"]))]);
    assert_eq!(both(&b), [order(SOURCE), order(SOURCE)]);
    b.source(2_500, |_| {});
    assert_eq!(both(&b), [order(SOURCE), order(SOURCE)], "the oplog was read while it was listed");
    b.source(3_000, |_| {});
    assert_eq!(both(&b), [YES, YES]);
}

/// What was listed in time and counted too late, or the other way round.
#[test]
fn in_the_downtime_a_count_counts_once_the_oplog_was_read_after_it() {
    let mut b = listed_in_the_downtime((100, 100));
    b.list(Side::Destination, 100, &[("shop.a", collection(99, &["_id_"]))]);
    b.count(Side::Source, span(200, 300), "shop.a", Ok(100));
    b.count(Side::Destination, span(200, 300), "shop.a", Ok(100));
    let counts = |b: &Bench| data::same_counts(&b.view());
    b.source(200, |_| {});
    b.destination(200, |_| {});
    assert_eq!(said(&counts(&b)), unknown(Code::Order, here("shop.a")));
    assert_eq!(counts(&b).wants, [], "it was counted: it only has to be waited for");
    b.source(300, |_| {});
    assert_eq!(said(&counts(&b)), unknown(Code::Order, there("shop.a")));
    b.destination(300, |_| {});
    assert_eq!(said(&counts(&b)), YES);
}

#[test]
fn in_the_downtime_nothing_is_the_same_while_the_last_write_of_the_source_is_not_known() {
    let mut b = downtime((200, 200));
    b.mirror(span(0, 100), ts(0, 0), |_| {});
    assert_eq!(said(&data::same_data(&b.view())), YES);
    b.source(1_000, |s| s.writes = Err(refused()));
    assert_eq!(said(&data::same_data(&b.view())), unknown(Code::Privilege, SOURCE));
    assert_eq!(said(&data::same_counts(&b.view())), unknown(Code::Privilege, SOURCE));
}

/// What is left behind is somebody's still, and written on.
#[test]
fn in_the_downtime_a_list_outlives_writes_to_what_is_left_behind() {
    let told = |left: bool| {
        let mut b = downtime((100, 100));
        if left {
            b.settings().left_behind.insert("shop.sessions".into(), "theirs".into());
        }
        b.source(1_000, |s| s.writes = Ok(written(1, &[("shop.sessions", ts(1, 1))])));
        b.destination(1_000, |s| s.writes = Ok(written(1, &[("shop.sessions", ts(1, 1))])));
        said(&data::same_data(&b.view())).0
    };
    assert_eq!((told(true), told(false)), (Tri::Yes, Tri::Unknown));
}

/// A count that takes longer than one is believed otherwise, and the one before it.
#[test]
fn in_the_downtime_a_count_is_as_good_as_the_day_it_was_taken() {
    let mut b = listed_in_the_downtime((100, 100));
    b.list(Side::Destination, 100, &[("shop.a", collection(99, &["_id_"]))]);
    b.count(Side::Destination, span(200, 300), "shop.a", Ok(100));
    b.count(Side::Source, span(400, 1_800_000), "shop.a", Ok(100));
    b.list(Side::Source, 1_800_100, &[("shop.a", collection(100, &["_id_"]))]);
    b.list(Side::Destination, 1_800_100, &[("shop.a", collection(99, &["_id_"]))]);
    b.source(1_801_000, |_| {});
    b.destination(1_801_000, |_| {});
    assert_eq!(said(&data::same_counts(&b.view())), YES);
    b.facts = Facts::default();
    assert_eq!(said(&data::same_counts(&b.view())).0, Tri::Unknown, "others write on");
}

/// Its estimate is that of its buckets: none is told.
#[test]
fn a_time_series_collection_is_counted() {
    let series = || Collection { kind: CollectionKind::TimeSeries, documents: Ok(None), ..collection(0, &[]) };
    let told = |here: u64, there: u64| {
        let mut b = downtime((100, 100));
        b.list(Side::Source, 400, &[("shop.t", series())]);
        b.list(Side::Destination, 400, &[("shop.t", series())]);
        b.source(500, |_| {});
        b.destination(500, |_| {});
        let before = data::same_counts(&b.view());
        assert_eq!((before.is, before.wants.len()), (Tri::Unknown, 1), "it is asked for");
        b.count(Side::Source, span(600, 700), "shop.t", Ok(here));
        b.count(Side::Destination, span(600, 700), "shop.t", Ok(there));
        b.source(800, |_| {});
        b.destination(800, |_| {});
        said(&data::same_counts(&b.view()))
    };
    assert_eq!(told(7, 7), YES);
    assert_eq!(told(7, 0), no(Code::CountDiffers, there("shop.t")));
    let view = || Collection { kind: CollectionKind::View, documents: Ok(None), ..collection(0, &[]) };
    let mut b = downtime((100, 100));
    b.list(Side::Source, 400, &[("shop.t", view())]);
    b.list(Side::Destination, 400, &[("shop.t", view())]);
    b.source(500, |_| {});
    b.destination(500, |_| {});
    assert_eq!(said(&data::same_counts(&b.view())), YES);
}

/// That versions will do says nothing of a mirror that this version does not read.
#[test]
fn a_kind_of_mirror_that_is_not_read_is_unknown_whatever_is_relaxed() {
    let mut b = Bench::new();
    b.settings().unsupported_versions = Some("tried out".into());
    b.source(0, |_| {});
    b.destination(0, |_| {});
    b.list(Side::Source, 0, &[("shop.a", collection(1, &["ttl"]))]);
    assert_eq!(said(&plan::supported(&b.view())).0, Tri::Yes);
    assert_eq!(said(&plan::mirrorable(&b.view())), no(Code::NotMirrorable, here("shop.a")));
    b.mirror_settings().kind = MirrorKind::Mongosync;
    let kind = Subject::Thing("mongosync".into());
    assert_eq!(said(&plan::supported(&b.view())), unknown(Code::NotBuilt, kind));
    assert_eq!(said(&plan::mirrorable(&b.view())), unknown(Code::NotBuilt, here("shop.a")));
}

#[test]
fn a_difference_is_looked_at_again_in_the_downtime_and_only_then() {
    let again = |done: bool, indexes: &[&str]| {
        let mut b = if done { downtime((200, 200)) } else { Bench::new() };
        b.source(300, |_| {});
        b.destination(300, |_| {});
        b.list(Side::Source, 400, &[("shop.a", collection(100, &["_id_", "by_date"]))]);
        b.list(Side::Destination, 400, &[("shop.a", collection(100, indexes))]);
        b.source(500, |_| {});
        b.destination(500, |_| {});
        let r = data::same_data(&b.view());
        (r.is, r.wants)
    };
    let both = vec![Demand::Collections(Side::Source), Demand::Collections(Side::Destination)];
    assert_eq!(again(true, &["_id_"]), (Tri::No, both));
    assert_eq!(again(true, &["_id_", "by_date"]), (Tri::Yes, vec![]));
    assert_eq!(again(false, &["_id_"]), (Tri::No, vec![]));
}

#[test]
fn documents_of_a_collection_that_only_the_destination_has_count_unless_it_may_have_it() {
    let told = |may: bool, source: &[(&str, Collection)], destination: &[(&str, Collection)]| {
        let mut b = Bench::new();
        if may {
            b.settings().may_have.insert("shop.a".into(), "a test".into());
        }
        b.source(0, |_| {});
        b.destination(0, |_| {});
        b.list(Side::Source, 0, source);
        b.list(Side::Destination, 0, destination);
        let r = data::same_counts(&b.view());
        (said(&r), detail(&r).to_owned())
    };
    let one = [("shop.a", collection(1, &[]))];
    let missing = (no(Code::Missing, there("shop.a")), "or it is missing on the source".to_owned());
    assert_eq!(told(false, &[], &one), missing);
    assert_eq!(told(false, &one, &[]), missing);
    assert_eq!(told(true, &[], &one), ((Tri::Yes, Some((Code::Relaxed, there("shop.a")))), "a test".to_owned()));
}

#[test]
fn documents_of_a_fenced_source_that_does_not_answer_are_those_that_were_kept() {
    let mut b = Bench::new();
    b.done("stop-writers");
    b.facts.apply(Fact::Deployment { side: Side::Source, set: "old".into() });
    b.confirmed("source-fenced", &[], 0);
    let held = collection(100, &["_id_"]).held().unwrap();
    let (set, namespace) = (Name::from("old"), Name::from("shop.a"));
    b.facts.apply(Fact::SourceData { set, namespace, shape: held.shape, documents: held.documents });
    b.destination(0, |_| {});
    b.list(Side::Destination, 100, &[("shop.a", collection(99, &["_id_"]))]);
    b.destination(200, |_| {});
    assert_eq!(said(&data::same_counts(&b.view())), unknown(Code::Partial, there("shop.a")));
    b.count(Side::Destination, span(300, 400), "shop.a", Ok(100));
    b.destination(400, |_| {});
    assert_eq!(said(&data::same_counts(&b.view())), YES);
    b.count(Side::Destination, span(500, 600), "shop.a", Ok(99));
    b.destination(600, |_| {});
    assert_eq!(said(&data::same_counts(&b.view())), no(Code::CountDiffers, there("shop.a")));
}

#[test]
fn who_misses_the_source_once_the_mirrors_have_ended_is_told_what_may_be_said_instead() {
    let fixes = |done: &[&str]| {
        let mut b = Bench::new();
        done.iter().for_each(|step| b.done(step));
        b.facts.apply(Fact::Deployment { side: Side::Source, set: "old".into() });
        b.witnessed("old", "svc-orders");
        b.destination(0, |_| {});
        b.list(Side::Destination, 100, &[("shop.a", collection(1, &[]))]);
        b.destination(200, |_| {});
        let v = b.view();
        let all =
            [data::same_data(&v), data::same_counts(&v), clients::writers_stay_away(&v), writes::source_still(&v)];
        all.map(|r| r.chief().and_then(|f| f.fix.clone()).is_some_and(|f| f.contains("confirm source-fenced")))
    };
    assert_eq!(fixes(&[]), [false, false, true, true]);
    assert_eq!(fixes(&["stop-writers"]), [false, false, true, true], "nobody may go on without it yet");
    assert_eq!(fixes(&["stop-writers", "stop-mirror"]), [true; 4]);
}

#[test]
fn an_exact_count_is_believed_for_as_long_as_a_list() {
    let told = |looked: i64| {
        let mut b = Bench::new();
        b.source(0, |_| {});
        b.destination(0, |_| {});
        b.count(Side::Source, span(0, 100), "shop.a", Ok(100));
        b.count(Side::Destination, span(0, 100), "shop.a", Ok(100));
        b.source(890_000, |_| {});
        b.destination(890_000, |_| {});
        b.list(Side::Source, 890_000, &[("shop.a", collection(100, &[]))]);
        b.list(Side::Destination, 890_000, &[("shop.a", collection(99, &[]))]);
        b.now = now(looked);
        said(&data::same_counts(&b.view()))
    };
    // Three times five minutes.
    assert_eq!(told(899_999), YES);
    assert_eq!(told(900_000), unknown(Code::Partial, here("shop.a")));
}

#[test]
fn readers_are_served_where_every_index_of_the_source_is_and_perhaps_more() {
    let serving = |indexes: &[&str]| {
        let mut b = Bench::new();
        b.source(0, |_| {});
        b.destination(0, |_| {});
        b.list(Side::Source, 0, &[("shop.a", collection(1, &["_id_", "by_date"]))]);
        b.list(Side::Destination, 0, &[("shop.a", collection(1, indexes))]);
        said(&data::serving(&b.view()))
    };
    assert_eq!(serving(&["_id_", "by_date"]), YES);
    assert_eq!(serving(&["_id_", "by_date", "extra"]), YES);
    assert_eq!(serving(&["_id_"]), no(Code::Differs, there("shop.a")));
    assert_eq!(serving(&["_id_", "extra"]), no(Code::Differs, there("shop.a")));
}

#[test]
fn what_the_source_holds_is_kept_with_its_exact_count_where_that_is_not_older_than_the_list() {
    let kept = |counted: i64| {
        let mut b = Bench::new();
        b.source(0, |_| {});
        b.list(Side::Source, 1_000, &[("shop.a", collection(100, &[]))]);
        b.count(Side::Source, span(counted, counted + 10), "shop.a", Ok(101));
        match observe::mirrors_stopped(&b.view()).as_slice() {
            [Fact::SourceData { set, namespace, documents: Some(n), .. }] => {
                assert_eq!((&**set, &**namespace), ("old", "shop.a"));
                *n
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(kept(999), 100);
    assert_eq!(kept(1_000), 101);
    assert_eq!(kept(1_001), 101);
}

// What is journaled, and when.

#[test]
fn what_the_source_holds_is_journaled_from_the_first_go_of_the_end_of_the_mirrors_until_the_writers_start() {
    let kept = |change: fn(&mut Bench)| {
        let mut b = Bench::new();
        b.source(0, |_| {});
        b.list(Side::Source, 0, &[("shop.a", collection(100, &[]))]);
        change(&mut b);
        b.observed().iter().any(|f| matches!(f, Fact::SourceData { .. }))
    };
    assert!(!kept(|_| {}));
    assert!(kept(|b| b.was_go("stop-mirror")));
    assert!(kept(|b| b.begun("stop-mirror")));
    assert!(!kept(|b| {
        b.begun("stop-mirror");
        b.begun("start-writers");
    }));
}

#[test]
fn what_the_source_holds_is_journaled_anew_when_only_its_documents_have_changed() {
    let journaled = |documents: i64, shape: &[&str]| {
        let mut b = Bench::new();
        b.begun("stop-mirror");
        let held = collection(100, &["_id_"]).held().unwrap();
        let (set, namespace) = (Name::from("old"), Name::from("shop.a"));
        b.facts.apply(Fact::SourceData { set, namespace, shape: held.shape, documents: held.documents });
        b.source(0, |_| {});
        b.list(Side::Source, 0, &[("shop.a", collection(documents, shape))]);
        b.observed().iter().filter(|f| matches!(f, Fact::SourceData { .. })).count()
    };
    assert_eq!(journaled(100, &["_id_"]), 0);
    assert_eq!(journaled(101, &["_id_"]), 1);
    assert_eq!(journaled(100, &["_id_", "by_date"]), 1);
}

#[test]
fn the_last_write_of_the_destination_is_frozen_with_the_go_of_the_end_of_the_mirrors() {
    let frozen = |change: fn(&mut Bench)| {
        let mut b = Bench::new();
        b.destination(0, |_| {});
        change(&mut b);
        b.observed().iter().any(|f| matches!(f, Fact::LastWrite { set, .. } if &**set == "new"))
    };
    assert!(frozen(|b| {
        b.done("stop-writers");
        b.was_go("stop-mirror");
    }));
    assert!(!frozen(|b| b.done("stop-writers")), "it was not go yet");
    assert!(!frozen(|b| b.was_go("stop-mirror")), "the writers are not stopped any more");
    assert!(!frozen(|b| {
        b.done("stop-writers");
        b.was_go("stop-mirror");
        b.done("stop-mirror");
    }));
}

#[test]
fn how_far_a_mirror_has_come_is_journaled_from_the_stop_of_the_writers_until_it_has_ended() {
    let journaled = |change: fn(&mut Bench)| {
        let mut b = Bench::new();
        b.mirror(span(0, 100), ts(-1, 0), |_| {});
        change(&mut b);
        b.observed().iter().any(|f| matches!(f, Fact::Position { .. }))
    };
    assert!(!journaled(|_| {}));
    assert!(journaled(|b| b.begun("stop-writers")));
    assert!(!journaled(|b| {
        b.begun("stop-writers");
        b.done("stop-mirror");
    }));
}

#[test]
fn a_mirror_that_copies_has_come_nowhere_which_is_noted_only_where_it_had_come_further() {
    let journaled = |before: Option<Ts>| {
        let mut b = Bench::new();
        b.begun("stop-writers");
        if let Some(ts) = before {
            b.facts.apply(Fact::Position { mirror: "all".into(), ts });
        }
        b.mirror(span(0, 100), ts(-1, 0), |s| s.stage = "initial sync".into());
        let position = |f: Fact| if let Fact::Position { ts, .. } = f { Some(ts) } else { None };
        b.observed().into_iter().find_map(position)
    };
    assert_eq!(journaled(None), None);
    assert_eq!(journaled(Some(ts(-5, 0))), Some(Ts::default()));
}

// The mirrors.

#[test]
fn a_mirror_that_copies_says_how_much_is_copied_once_it_knows_of_how_much() {
    let told = |copied| {
        let mut b = Bench::new();
        b.mirror(span(0, 100), ts(0, 0), |s| {
            s.stage = "initial sync".into();
            s.copied = copied;
        });
        let r = mirrors::follows(&b.view());
        assert_eq!(said(&r), no(Code::MirrorStage, mirror()));
        detail(&r).to_owned()
    };
    assert_eq!(told(None), "");
    assert_eq!(told(Some((0, 0))), "");
    assert_eq!(told(Some((500_000, 2_000_000))), "25 % of 2 MB copied");
}

/// The source and the mirror are asked at 20 s; the mirror has answered then. What is older than 15 s has to be applied:
/// what the clock of the source puts at 5 s or before.
fn following(position: Ts, change: impl FnOnce(&mut MongoSample)) -> Reading {
    let mut b = Bench::new();
    b.source(20_000, change);
    b.mirror(span(19_900, 20_000), position, |_| {});
    mirrors::following(&b.view())
}

#[test]
fn a_lag_that_is_granted_beyond_what_can_be_measured_is_said() {
    let told = |lag: Option<i64>| {
        let mut b = Bench::new();
        b.mirror_settings().lag = lag.map(Dur::secs);
        b.source(20_000, |_| {});
        b.mirror(span(19_900, 20_000), ts(19, 0), |_| {});
        let r = mirrors::following(&b.view());
        assert_eq!(r.is, Tri::Yes);
        (r.chief().map(|f| f.code), detail(&r).to_owned())
    };
    assert_eq!(told(None), (None, String::new()));
    assert_eq!(told(Some(14)), (None, String::new()));
    assert_eq!(told(Some(15)), (None, String::new()));
    assert_eq!(told(Some(16)), (Some(Code::Relaxed), "lag: up to 16 s".into()));
}

#[test]
fn a_position_is_held_against_an_oplog_that_was_read_less_than_the_lag_before() {
    let told = |answered: i64| {
        let mut b = Bench::new();
        b.settings().interval = Dur::secs(10);
        b.source(0, |_| {});
        b.mirror(span(answered - 10, answered), ts(0, 0), |_| {});
        said(&mirrors::following(&b.view()))
    };
    // The oplog was asked for at 50 ms.
    assert_eq!(told(15_050), YES);
    assert_eq!(told(15_051), unknown(Code::Order, mirror()));
}

#[test]
fn a_write_of_the_second_in_which_the_lag_begins_has_to_be_applied() {
    let with = |position| following(position, |s| s.writes = Ok(written(20, &[("shop.a", ts(5, 2))])));
    assert_eq!(said(&with(ts(5, 1))), no(Code::Behind, mirror()));
    assert_eq!(said(&with(ts(5, 2))), YES);
    let younger = following(ts(4, 9), |s| s.writes = Ok(written(20, &[("shop.a", ts(6, 0))])));
    assert_eq!(said(&younger), YES, "it may not show yet");
}

#[test]
fn a_position_within_the_lag_needs_no_write_to_be_held_against() {
    let with = |position| following(position, |s| s.writes = Ok(Writes { from: ts(12, 0), ..written(20, &[]) }));
    assert_eq!(said(&with(ts(6, 0))), YES, "whatever is older than the lag lies before it");
    assert_eq!(
        said(&with(ts(5, 0))),
        unknown(Code::Partial, mirror()),
        "whether anything was written since is not known"
    );
}

#[test]
fn the_first_write_to_a_namespace_is_not_missed_before_it_is_old_enough() {
    // Every write from 100 s before the start on is remembered.
    let with = |position| following(position, |s| s.writes = Ok(written(20, &[("shop.a", ts(15, 0))])));
    assert_eq!(said(&with(ts(-60, 0))), YES);
    assert_eq!(said(&with(ts(-100, 0))), YES);
    let r = with(ts(-101, 0));
    assert_eq!(said(&r), unknown(Code::Partial, mirror()));
    assert!(detail(&r).contains("is older than what is remembered of the writes to shop.a"), "{}", detail(&r));
}

#[test]
fn a_position_may_be_ahead_of_the_oplog_by_as_much_as_time_went_by_since_it_was_read() {
    // The oplog ends at 25 s, ahead of the clock; with its second and the 3 s in between that is 29 s.
    let with = |position| {
        let mut b = Bench::new();
        b.source(20_000, |s| s.oplog = Ok(Oplog { last: ts(25, 0), ..s.oplog.clone().unwrap() }));
        b.mirror(span(22_900, 23_000), position, |_| {});
        said(&mirrors::following(&b.view()))
    };
    assert_eq!(with(ts(25, 0)), YES);
    assert_eq!(with(ts(29, 5)), YES);
    assert_eq!(with(ts(30, 0)), unknown(Code::ForeignPosition, mirror()));
    // No time went by where the mirror was asked first.
    assert_eq!(said(&following(ts(21, 5), |_| {})), YES);
    assert_eq!(said(&following(ts(22, 0), |_| {})), unknown(Code::ForeignPosition, mirror()));
}

#[test]
fn a_position_at_the_oldest_entry_has_not_fallen_off() {
    let with =
        |position| following(position, |s| s.oplog = Ok(Oplog { first: ts(-100, 0), ..s.oplog.clone().unwrap() }));
    assert_eq!(said(&with(ts(-100, 0))), YES);
    assert_eq!(said(&with(ts(-101, 0))), unknown(Code::ForeignPosition, mirror()));
}

// May the mirrors be started.

/// What is written beside `shop.a`, which alone is catalogued and carried: the list was asked for at 10 s, the oplog
/// read at 20 s.
fn covered(before: Option<Ts>, change: impl FnOnce(&mut MongoSample)) -> Reading {
    let mut b = Bench::new();
    b.carries("shop.a");
    if let Some(to) = before {
        b.source(0, |s| s.writes = Ok(Writes { to, ..written(0, &[]) }));
    }
    b.list(Side::Source, 10_000, &[("shop.a", collection(1, &[]))]);
    b.source(20_000, change);
    plan::coverage(&b.view())
}

#[test]
fn collections_are_known_where_the_oplog_was_read_back_to_their_list() {
    let told = |before, from| said(&covered(before, |s| s.writes = Ok(Writes { from, ..written(20, &[]) })));
    let late = unknown(Code::Partial, SOURCE);
    // By the clock, where nothing is known of how far it went then.
    assert_eq!(told(None, ts(9, 0)), YES);
    assert_eq!(told(None, ts(10, 0)), YES);
    assert_eq!(told(None, ts(11, 0)), late);
    // By how far it went, whatever the clock says.
    assert_eq!(told(Some(ts(0, 7)), ts(0, 6)), YES);
    assert_eq!(told(Some(ts(0, 7)), ts(0, 7)), YES);
    assert_eq!(told(Some(ts(0, 7)), ts(0, 8)), late);
}

#[test]
fn what_was_written_since_the_list_has_to_be_carried_as_well() {
    let told = |before, at| said(&covered(before, |s| s.writes = Ok(written(20, &[("shop.b", at)]))));
    let uncovered = no(Code::NotCovered, here("shop.b"));
    // It may have come at the end of its second.
    assert_eq!(told(None, ts(9, 0)), uncovered);
    assert_eq!(told(None, ts(8, 9)), YES, "what it wrote was dropped before the list was taken");
    // The clock was set back, or was not: what lies beyond the oplog of then is later.
    assert_eq!(told(Some(ts(0, 7)), ts(0, 8)), uncovered);
    assert_eq!(told(Some(ts(0, 7)), ts(0, 7)), YES);
}

#[test]
fn a_command_on_a_database_and_a_write_outside_are_no_collections_to_carry() {
    let r = covered(None, |s| {
        s.writes = Ok(written(20, &[("shop", ts(15, 0)), ("audit.log", ts(15, 1)), (ANYWHERE, ts(15, 2))]));
    });
    assert_eq!((said(&r), r.of), (YES, 1));
}

#[test]
fn documents_expire_by_the_option_of_the_collection_itself() {
    let told = |options: &str| {
        let mut b = Bench::new();
        b.source(0, |_| {});
        b.list(Side::Source, 0, &[("shop.a", Collection { options: options.into(), ..collection(1, &[]) })]);
        said(&plan::mirrorable(&b.view()))
    };
    let expires = no(Code::NotMirrorable, here("shop.a"));
    assert_eq!(told("{}"), YES);
    assert_eq!(told(r#"{"clusteredIndex":{"key":{"_id":1}},"expireAfterSeconds":60}"#), expires);
    assert_eq!(told(r#"{"validator":{"expireAfterSeconds":{"$gt":0}}}"#), YES, "a field of its documents");
}

#[test]
fn an_index_that_expires_documents_is_no_matter_to_a_mirror_that_does_not_carry_them() {
    let told = |carried: &str| {
        let mut b = Bench::new();
        b.carries(carried);
        b.source(0, |_| {});
        b.list(Side::Source, 0, &[("shop.a", collection(1, &["_id_", "ttl_seen"]))]);
        said(&plan::mirrorable(&b.view()))
    };
    assert_eq!(told("shop.a"), no(Code::NotMirrorable, here("shop.a")));
    assert_eq!(told("shop.b"), YES);
}

#[test]
fn the_destination_is_empty_if_nothing_was_written_since_its_list_was_asked_for() {
    let told = |listed: i64| {
        let mut b = Bench::new();
        b.destination(0, |_| {});
        b.list(Side::Destination, listed, &[]);
        said(&plan::destination_empty(&b.view()))
    };
    // The first sample had come in at 100 ms.
    assert_eq!(told(99), unknown(Code::Stale, DESTINATION));
    assert_eq!(told(100), YES);
}

#[test]
fn the_oplog_has_to_cover_the_copy_twice() {
    let told = |window: i64| {
        let mut b = Bench::new();
        b.source(0, |s| s.oplog = Ok(Oplog { first: ts(-window, 0), ..s.oplog.clone().unwrap() }));
        // 50 MB at 20 MB/s and 10 MB at 10 MB/s.
        let c = Collection { data_size: 50_000_000, index_size: 10_000_000, ..collection(1, &[]) };
        b.list(Side::Source, 0, &[("shop.a", c)]);
        let r = plan::window_covers_copy(&b.view());
        (r.is, r.chief().and_then(|f| f.limit.clone()))
    };
    assert_eq!(told(6), (Tri::No, Some(Qty::Time(Dur::secs(7)))));
    assert_eq!(told(7), (Tri::Yes, None));
}

// How a mirror ends, and how far it is from falling off.

#[test]
fn mirrors_have_finished_beside_a_source_that_does_not_answer_only_if_it_is_fenced() {
    let mut b = Bench::new();
    b.facts.apply(Fact::Deployment { side: Side::Source, set: "old".into() });
    b.anchored("old", ts(-50, 0), false);
    b.facts.apply(Fact::Position { mirror: "all".into(), ts: ts(-50, 0) });
    b.facts.apply(Fact::MirrorSession { set: "new".into(), mirror: "all".into() });
    b.destination(0, |_| {});
    assert_eq!(said(&mirrors::finished(&b.view())), unknown(Code::NeverSampled, SOURCE));
    b.confirmed("source-fenced", &[], 0);
    assert_eq!(said(&mirrors::finished(&b.view())), YES);
}

#[test]
fn a_mirror_needs_a_quarter_of_the_window_and_time_to_show_how_fast_it_moves() {
    // A window of 400 s, and a position that has stood since 10 s.
    let told = |position: i64, faster: i64| {
        let mut b = Bench::new();
        b.settings.faster = faster;
        b.mirror(span(9_900, 10_000), ts(position, 0), |_| {});
        b.source(20_000, |s| {
            s.oplog = Ok(Oplog { first: ts(-380, 0), ..s.oplog.clone().unwrap() });
            s.writes = Ok(written(20, &[("shop.a", ts(19, 0))]));
        });
        b.mirror(span(19_900, 20_000), ts(position, 0), |_| {});
        let r = mirrors::headroom(&b.view());
        let f = r.chief().unwrap();
        (f.code, f.limit.clone(), f.wait)
    };
    let short = |limit| (Code::HeadroomShort, Some(Qty::Time(limit)), None);
    assert_eq!(told(-281, 1), short(Dur::secs(100)));
    assert_eq!(told(-280, 1), (Code::Dwelling, None, Some(Dur::secs(590))), "ten minutes tell how fast it moves");
    // A rehearsal divides the ten minutes, and no more than that.
    assert_eq!(told(-280, 60), short(Dur::hours(2)));
    assert_eq!(told(-280, 50), (Code::Dwelling, None, Some(Dur::secs(2))));
}

#[test]
fn why_nothing_could_be_listed_is_told_for_as_long_as_a_list_is_believed() {
    let told = |looked: i64| {
        let mut b = Bench::new();
        b.source(0, |_| {});
        b.destination(0, |_| {});
        b.apply(Target::Mongodb(Side::Destination), span(0, 100), Content::MongoUnlisted(refused()));
        b.source(890_000, |_| {});
        b.destination(890_000, |_| {});
        b.now = now(looked);
        said(&data::same_data(&b.view()))
    };
    // Three times five minutes.
    assert_eq!(told(899_999), unknown(Code::Privilege, DESTINATION));
    assert_eq!(told(900_000), unknown(Code::NeverSampled, DESTINATION));
}
