//! How long what was measured is believed: three of the intervals at which it is asked for, to the millisecond, of every
//! kind of target; and what is on the list of topics.

use super::kafka::{SHOP, SWITCHED};
use super::mongodb::{MIRRORED, SHOP as DATA, mongo};
use super::services::probe;
use super::world::{World, settings};
use cutover_core::Name;
use cutover_core::estate::{Side, Target};
use cutover_core::reading::{Code, Gap};
use cutover_core::settings::{ProbeKind, Settings};
use cutover_core::time::{Dur, Mono};
use cutover_core::view::View;
use std::collections::BTreeSet;

fn played(settings: Settings, parts: &[&str]) -> World {
    let mut w = World::new(settings);
    parts.iter().for_each(|p| w.play(p));
    w
}

/// For how long after its newest sample was asked for something is believed, in milliseconds, if that ends within a day.
fn believed(w: &World, sent: Mono, read: impl Fn(&View<'_>) -> Option<Code>) -> (i64, Option<Code>) {
    let at = |ms: i64| w.looking(sent + Dur(ms), &read);
    let (mut good, mut bad) = (200, 86_400_000);
    assert_eq!(at(good), None);
    while bad - good > 1 {
        let middle = i64::midpoint(good, bad);
        if at(middle).is_none() { good = middle } else { bad = middle }
    }
    (good, at(bad))
}

fn code<T>(r: Result<T, Gap>) -> Option<Code> {
    r.err().map(|g| g.code)
}

#[test]
fn a_sample_is_believed_for_less_than_three_of_its_intervals() {
    let mut s = settings();
    s.mongodb = mongo().mongodb;
    s.probes = [("api".into(), probe(ProbeKind::Http, Side::Destination, &[]))].into();
    s.kafka.as_mut().unwrap().interval = Dur::secs(7);
    s.mongodb.as_mut().unwrap().interval = Dur::secs(6);
    s.probes.values_mut().for_each(|p| p.interval = Dur::secs(8));
    let w = played(s, &[SHOP, DATA, "t=14 mirror.start\nt=15 mirror.follow; probe.pass api\nt=30"]);
    let last = |t: Target| w.newest(&t);
    let stale = |ms: i64| (ms, Some(Code::Stale));
    assert_eq!(believed(&w, last(Target::Kafka(Side::Source)), |v| code(v.kafka(Side::Source))), stale(20_999));
    assert_eq!(believed(&w, last(Target::Mongodb(Side::Source)), |v| code(v.mongodb(Side::Source))), stale(17_999));
    let mirror = |v: &View<'_>| {
        let (name, settings) = v.settings.mongodb.as_ref()?.mirrors.first_key_value()?;
        code(v.mirror(name, settings))
    };
    assert_eq!(believed(&w, last(Target::Mirror("all".into())), mirror), stale(17_999));
    let asked = |v: &View<'_>| {
        let (name, settings) = v.settings.probes.first_key_value()?;
        code(v.probe(name, settings))
    };
    assert_eq!(believed(&w, last(Target::Probe("api".into())), asked), stale(23_999));
}

#[test]
fn a_slow_reading_is_believed_for_less_than_three_of_its_own_intervals_and_then_why_there_is_none_is_told() {
    let mut s = settings();
    // The regular samples are believed for longer than anything here.
    s.kafka.as_mut().unwrap().interval = Dur::days(2);
    s.kafka.as_mut().unwrap().slow_interval = Dur::secs(7);
    s.mongodb = mongo().mongodb;
    s.mongodb.as_mut().unwrap().interval = Dur::days(2);
    s.mongodb.as_mut().unwrap().slow_interval = Dur::secs(6);
    let w = played(s.clone(), &[SHOP, DATA, "t=30"]);
    let last = w.newest(&Target::Kafka(Side::Source));
    let configs = |v: &View<'_>| code(v.configs(&v.kafka(Side::Source).ok()?));
    let catalog = |v: &View<'_>| code(v.catalog(&v.mongodb(Side::Source).ok()?));
    assert_eq!(believed(&w, last, configs), (20_999, Some(Code::Stale)));
    assert_eq!(believed(&w, w.newest(&Target::Mongodb(Side::Source)), catalog), (17_999, Some(Code::Stale)));
    // The newest try failed: it says why for as long as it is young itself.
    let w = played(s, &[SHOP, DATA, "t=20 src.unread\nt=21"]);
    let newest = w.newest(&Target::Kafka(Side::Source));
    let at = |ms: i64| w.looking(newest + Dur(ms), &configs);
    assert_eq!((at(20_999), at(21_000)), (Some(Code::Auth), Some(Code::Stale)));
}

#[test]
fn what_is_configured_and_not_built_is_unknown_by_name() {
    for kind in [ProbeKind::Pods, ProbeKind::Count] {
        let mut s = settings();
        s.probes = [("x".into(), probe(kind, Side::Destination, &[]))].into();
        let w = played(s, &["t=5 probe.pass x\nt=10"]);
        let read = |v: &View<'_>| {
            let (name, settings) = v.settings.probes.first_key_value()?;
            code(v.probe(name, settings))
        };
        assert_eq!(w.looking(w.now.mono, &read), Some(Code::NotBuilt), "{kind:?}");
    }
}

#[test]
fn the_side_in_force_is_none_only_within_a_downtime() {
    let side = |parts: &[&str]| {
        let w = played(settings(), parts);
        w.looking(w.now.mono, &|v| v.in_force(cutover_core::settings::Track::Kafka))
    };
    let stop = "t=100 op begin stop-consumers";
    let gone = "t=102 src.leave rtu; src.leave svt\nt=480 show stop-consumers\nt=481 op begin start-consumers";
    let there = "
        t=483 dst.member rtu rtu-dst-0 crm.ingestion; dst.member svt svt-dst-0 crm.pr-update
        t=491 dst.commit rtu crm.ingestion/0 =1; dst.commit rtu crm.ingestion/1 =1
        t=600
    ";
    assert_eq!(side(&[SHOP, SWITCHED]), Some(Side::Source));
    assert_eq!(side(&[SHOP, SWITCHED, stop]), None);
    assert_eq!(side(&[SHOP, SWITCHED, stop, gone]), None);
    assert_eq!(side(&[SHOP, SWITCHED, stop, gone, there]), Some(Side::Destination));
}

#[test]
fn a_topic_stays_on_the_list_when_it_was_listed_once_or_a_group_that_counts_reads_it() {
    let topics = |s: Settings, text: &str| {
        let w = played(s, &["t=0 src.topic crm.a 1", text, "t=30"]);
        let all = |v: &View<'_>| {
            let k = v.kafka(Side::Source).ok()?;
            Some((names(v.topics(&k)), names(v.topics_ever(&k)), v.pairs(&k).len()))
        };
        w.looking(w.now.mono, &all).unwrap()
    };
    let (a, both) = (vec!["crm.a".to_owned()], vec!["crm.a".to_owned(), "crm.b".to_owned()]);
    assert_eq!(topics(settings(), ""), (a.clone(), a.clone(), 0));
    let of_another = "t=10 src.topic crm.b 1\nt=20 src.id other; src.delete crm.b";
    assert_eq!(topics(settings(), of_another), (a.clone(), a.clone(), 0), "it was listed by another cluster");
    assert_eq!(topics(settings(), "t=10 src.topic crm.b 1\nt=20 src.delete crm.b"), (both.clone(), both.clone(), 0));
    let deleted = "t=10 src.topic crm.b 1\nt=20 src.delete crm.b\nt=26 op confirm deleted crm.b";
    assert_eq!(topics(settings(), deleted), (a.clone(), both.clone(), 0));
    let read = "t=10 src.member g g-0 crm.b";
    assert_eq!(topics(settings(), read), (both.clone(), both.clone(), 1));
    let mut ignored = settings();
    ignored.kafka.as_mut().unwrap().ignored = [("g".into(), "gone".into())].into();
    assert_eq!(topics(ignored, read), (a.clone(), a.clone(), 0));
    let mut narrow = settings();
    narrow.kafka.as_mut().unwrap().topics = vec![cutover_core::pattern::Pattern::parse("crm.a").unwrap()];
    let gone = "t=10 src.topic crm.b 1\nt=20 src.delete crm.b";
    assert_eq!(topics(narrow.clone(), gone), (a.clone(), a.clone(), 0), "it was never in scope");
    assert_eq!(topics(narrow, read), (a.clone(), a, 0));
}

fn names(topics: BTreeSet<&Name>) -> Vec<String> {
    topics.into_iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_too_old_says_why_there_is_nothing_newer() {
    let w = played(mongo(), &[DATA, MIRRORED, "t=230 mirror.refuse\nt=260"]);
    let mirror = |v: &View<'_>| {
        let (name, settings) = v.settings.mongodb.as_ref()?.mirrors.first_key_value()?;
        code(v.mirror(name, settings))
    };
    assert_eq!(w.looking(w.now.mono, &mirror), Some(Code::Unreachable));
}
