//! Tests of what is remembered of a MongoDB deployment and of a mirror.

use super::*;
use crate::estate::FailureKind;
use crate::estate::mongodb::{CollectionKind, MongoMember, MongomirrorStatus, Oplog, Transactions, Writes};

fn span(sent: i64) -> Span {
    Span { sent: Mono(sent), received: Mono(sent + 100) }
}

fn failure() -> Failure {
    Failure::new(FailureKind::Timeout, "no answer in 4 s")
}

fn ts(seconds: u32) -> Ts {
    Ts::new(seconds, 1)
}

fn client(name: &str) -> MongoClient {
    MongoClient { app_name: name.into(), user: "u".into(), address: "10.0.0.1:4711".into(), first: 1, last: 9 }
}

/// Each namespace with its newest write; read up to `to`; one member with these clients.
fn sample(to: u32, last: &[(&str, u32)], clients: &[&str]) -> MongoSample {
    let last: BTreeMap<Name, Ts> = last.iter().map(|(ns, t)| (Name::from(*ns), ts(*t))).collect();
    let recent = last.iter().map(|(ns, t)| (*t, ns.clone())).collect();
    let member = MongoMember { state: "PRIMARY".into(), clients: Ok(clients.iter().map(|c| client(c)).collect()) };
    MongoSample {
        set_id: "s".into(),
        set_name: "rs".into(),
        primary: Ok("a:27017".into()),
        term: 1,
        elected: Ok(Ts::default()),
        version: "6.0.5".into(),
        clock: Wall(0),
        members: BTreeMap::from([("a:27017".into(), member)]),
        majority: Ok(true),
        oplog: Ok(Oplog { first: ts(1), last: ts(to), size: 1, max_size: 1 }),
        committed: Ok(ts(to)),
        writes: Ok(Writes { from: ts(1), to: ts(to), last, recent, ..Writes::default() }),
        transactions: Ok(Transactions::default()),
        index_builds: Ok(std::collections::BTreeSet::new()),
        write_block: Ok(false),
        listed: None,
        scanned: None,
    }
}

fn collection(documents: i64) -> Collection {
    Collection {
        kind: CollectionKind::Collection,
        uuid: "u".into(),
        options: "{}".into(),
        indexes: Ok(BTreeMap::new()),
        documents: Ok(Some(documents)),
        data_size: 1,
        index_size: 1,
    }
}

fn seen(samples: impl IntoIterator<Item = (i64, MongoSample)>) -> MongoMemory {
    let mut m = MongoMemory::default();
    for (at, s) in samples {
        m.apply(span(at), s);
    }
    m
}

#[test]
fn a_sample_that_was_asked_for_before_the_newest_had_come_in_says_nothing() {
    let newest = |at: i64| {
        let m = seen([(5_000, sample(9, &[("a.b", 9)], &[])), (at, sample(7, &[("a.b", 7)], &[]))]);
        m.newest.and_then(|(ts, _)| ts)
    };
    assert_eq!((newest(4_000), newest(5_000), newest(5_099)), (Some(ts(9)), Some(ts(9)), Some(ts(9))));
    assert_eq!((newest(5_100), newest(9_000)), (Some(ts(7)), Some(ts(7))));
}

#[test]
fn another_deployment_is_remembered_from_the_beginning() {
    let mut m = seen([(0, sample(5, &[("a.b", 5)], &["x"])), (9_000, sample(5, &[("a.b", 5)], &["x"]))]);
    assert_eq!((m.watched(), m.quiet_since(|_| true)), (Some(Mono(0)), Some(Mono(100))));
    m.apply(span(20_000), MongoSample { set_id: "t".into(), ..sample(5, &[("a.b", 5)], &[]) });
    assert_eq!(
        (m.watched(), m.quiet_since(|_| true), m.clients().count()),
        (Some(Mono(20_000)), Some(Mono(20_100)), 0)
    );
}

#[test]
fn nothing_was_written_since_the_newest_write_came_into_sight_or_went_out_of_it() {
    let since = |last: &[(&str, u32)]| {
        let m =
            seen([(0, sample(5, &[("a.b", 5)], &[])), (9_000, sample(9, last, &[])), (20_000, sample(9, last, &[]))]);
        m.quiet_since(|_| true)
    };
    assert_eq!(since(&[("a.b", 5)]), Some(Mono(100)));
    assert_eq!(since(&[("a.b", 5), ("a.c", 6)]), Some(Mono(9_100)));
    assert_eq!(since(&[]), Some(Mono(9_100)), "what was rolled back has changed");
}

#[test]
fn silence_is_that_of_the_namespaces_asked_for_and_of_what_was_read() {
    let since = |from: u32, last: &[(&str, u32)]| {
        let mut newer = sample(9, last, &[]);
        newer.writes.as_mut().unwrap().from = ts(from);
        let m = seen([(0, sample(5, &[("a.b", 5), ("a.c", 3)], &[])), (9_000, newer)]);
        (m.quiet_since(|ns| ns == "a.b"), m.quiet_since(|ns| ns == "a.c"), m.quiet_since(|_| false))
    };
    let (first, then) = (Some(Mono(100)), Some(Mono(9_100)));
    assert_eq!(since(0, &[("a.b", 5), ("a.c", 8)]), (first, then, first));
    assert_eq!(since(4, &[("a.b", 5)]), (first, first, first), "a.c was written before what is read now");
    assert_eq!(since(3, &[("a.b", 5)]), (then, then, then), "a.c was rolled back");
    assert_eq!(since(5, &[("a.b", 5)]), (first, first, first));
    assert_eq!(since(6, &[("a.b", 7)]), (then, then, then), "what came between the two readings is not known");
}

#[test]
fn a_sample_whose_oplog_was_not_read_neither_moves_nor_ends_a_silence() {
    let unread = MongoSample { writes: Err(failure()), ..sample(9, &[], &["x"]) };
    let m = seen([(0, sample(5, &[("a.b", 5)], &[])), (9_000, unread), (20_000, sample(9, &[("a.b", 5)], &[]))]);
    assert_eq!(m.quiet_since(|_| true), Some(Mono(100)));
}

#[test]
fn what_was_written_when_nobody_of_some_clients_was_connected_came_after_their_last_write() {
    let m =
        |samples: &[(i64, u32, &[&str])]| seen(samples.iter().map(|(at, w, c)| (*at, sample(*w, &[("a.b", *w)], c))));
    let by = |m: &MongoMemory| m.last_before(|c| &*c.app_name == "w");
    let written =
        m(&[(0, 5, &["w"]), (5_000, 6, &["w", "x"]), (10_000, 6, &["x"]), (15_000, 8, &["x"]), (20_000, 9, &["x"])]);
    assert_eq!(by(&written), Some(ts(6)));
    assert_eq!(written.last_before(|_| true), None, "somebody was connected all the time");
    let came_back = m(&[(0, 5, &["x"]), (5_000, 6, &["x"]), (10_000, 7, &["x", "w"])]);
    assert_eq!(by(&came_back), None, "it may have written the newest");
    let mut untold = sample(8, &[("a.b", 8)], &[]);
    untold.members.values_mut().for_each(|m| m.clients = Err(failure()));
    let unknown = seen([(0, sample(5, &[("a.b", 5)], &["x"])), (5_000, untold)]);
    assert_eq!(by(&unknown), None, "a member that does not tell may have it");
    let many = m(&(0..40).map(|n| (n * 5_000, u32::try_from(n).unwrap() + 1, &["x"] as &[&str])).collect::<Vec<_>>());
    assert_eq!((many.came_after.len(), by(&many)), (CAME_AFTER, Some(ts(24))));
}

#[test]
fn where_the_oplog_ended_is_remembered_by_when_it_was_asked() {
    let at = |asked: i64, to: u32| (asked, MongoSample { scanned: Some(span(asked)), ..sample(to, &[], &[]) });
    let m = seen([at(0, 5), at(10_000, 5), at(20_000, 7), at(30_000, 9)]);
    // Of those that ended alike the newest counts.
    assert_eq!(m.scans, [(ts(5), Mono(10_000)), (ts(7), Mono(20_000)), (ts(9), Mono(30_000))]);
    assert_eq!((m.not_yet(ts(5)), m.not_yet(ts(6)), m.not_yet(ts(7))), (None, Some(Mono(10_000)), Some(Mono(10_000))));
    assert_eq!(m.not_yet(ts(10)), Some(Mono(30_000)));
    let ended = |at: i64| m.ended_at(Mono(at));
    assert_eq!((ended(9_999), ended(10_000), ended(19_999)), (None, Some(ts(5)), Some(ts(5))));
    assert_eq!((ended(20_000), ended(99_000)), (Some(ts(7)), Some(ts(9))));
    let old = |later: i64| seen([at(0, 5), at(later, 7)]).scans.len();
    assert_eq!((old(SCANS.0), old(SCANS.0 + 1)), (2, 1));
    let all = seen((0..=MOST_SCANS).map(|n| at(i64::try_from(n).unwrap() * 200, u32::try_from(n).unwrap() + 1)));
    assert_eq!((all.scans.len(), all.scans[0].1), (MOST_SCANS, Mono(200)));
}

#[test]
fn the_write_before_the_newest_one_is_remembered_for_each_namespace_that_is_still_there() {
    let m = seen([
        (0, sample(5, &[("a.b", 5), ("a.c", 4), ("a.gone", 3)], &[])),
        (5_000, sample(9, &[("a.b", 8), ("a.c", 4)], &[])),
    ]);
    assert_eq!(m.previous, BTreeMap::from([("a.b".into(), ts(5))]));
    let m = seen([
        (0, sample(5, &[("a.b", 5)], &[])),
        (5_000, sample(9, &[("a.b", 8)], &[])),
        (10_000, sample(9, &[], &[])),
    ]);
    assert!(m.previous.is_empty());
}

#[test]
fn the_newest_write_by_an_instant_is_the_newest_the_recent_ones_or_the_one_before() {
    let mut s = sample(300, &[("a.b", 300), ("a.c", 290)], &[]);
    if let Ok(w) = &mut s.writes {
        w.recent = vec![(ts(200), "a.b".into()), (ts(250), "a.c".into()), (ts(300), "a.b".into())];
    }
    let after = |read_to: u32| seen([(0, sample(read_to, &[("a.b", 100), ("a.c", 90)], &[])), (9_000, s.clone())]);
    let m = after(180);
    let by = |seconds: i64| m.write_by("a.b", Wall(seconds * 1_000));
    assert_eq!((by(300), by(301)), (Some(ts(300)), Some(ts(300))));
    assert_eq!((by(299), by(200)), (Some(ts(200)), Some(ts(200))));
    assert_eq!((by(199), by(100)), (Some(ts(100)), Some(ts(100))));
    assert_eq!((by(99), m.write_by("a.x", Wall(300_000))), (None, None));
    assert_eq!(m.write_by("a.c", Wall(260_000)), Some(ts(250)));
    // What was written between the end of one reading and the first of which the next tells every write is not known.
    let m = after(179);
    assert_eq!((m.write_by("a.b", Wall(199_000)), m.write_by("a.b", Wall(200_000))), (None, Some(ts(200))));
}

#[test]
fn every_write_of_the_last_two_minutes_is_told_and_none_before_the_oplog() {
    let with = |from: u32, to: u32| {
        let mut s = sample(to, &[], &[]);
        if let Ok(w) = &mut s.writes {
            w.from = ts(from);
        }
        seen([(0, s)]).remembered()
    };
    assert_eq!((with(1, 500), with(450, 500), with(0, 60)), (Ts::new(380, 0), ts(450), ts(0)));
    assert_eq!(MongoMemory::default().remembered(), Ts(u64::MAX));
    assert_eq!(seen([(0, MongoSample { writes: Err(failure()), ..sample(9, &[], &[]) })]).remembered(), Ts(u64::MAX));
}

#[test]
fn user_writes_are_unblocked_from_the_first_sample_that_says_so_after_one_that_said_they_were_blocked() {
    let told = |blocks: &[Result<bool, Failure>]| {
        let each = blocks.iter().enumerate().map(|(i, b)| {
            let at = i64::try_from(i).unwrap() * 5_000;
            (at, MongoSample { write_block: b.clone(), ..sample(9, &[], &[]) })
        });
        seen(each).unblocked()
    };
    assert_eq!(told(&[Ok(false), Ok(false)]), None);
    assert_eq!(told(&[Ok(true), Ok(true)]), None);
    assert_eq!(told(&[Ok(true), Ok(false), Ok(false)]), Some(Mono(5_100)));
    assert_eq!(told(&[Ok(true), Err(failure()), Ok(false)]), Some(Mono(10_100)));
    assert_eq!(told(&[Ok(true), Ok(false), Err(failure())]), Some(Mono(5_100)));
    assert_eq!(told(&[Ok(true), Ok(false), Ok(true)]), None);
}

#[test]
fn clients_are_remembered_for_ten_minutes_and_not_past_a_jump_of_the_clocks() {
    let with = |last: i64| seen([(0, sample(9, &[], &["x"])), (last, sample(9, &[], &["y"]))]);
    assert_eq!((with(CLIENTS.0).clients().count(), with(CLIENTS.0 + 1).clients().count()), (2, 1));
    let mut m = with(5_000);
    m.forget_spans();
    assert_eq!((m.clients().count(), m.watched()), (0, None));
    m.apply(span(9_000), sample(9, &[], &["y"]));
    assert_eq!((m.clients().count(), m.watched()), (1, Some(Mono(9_000))));
}

#[test]
fn a_count_is_believed_of_the_deployment_it_was_taken_of_and_a_failed_one_takes_it_away() {
    let count = |m: &mut MongoMemory, at: i64, set: &str, n: Result<u64, Failure>| {
        m.count(span(at), MongoCounts { set_id: set.into(), counts: BTreeMap::from([("a.b".into(), n)]) });
        m.exact("a.b").map(|(s, n)| (s.sent.0, n))
    };
    assert_eq!(count(&mut MongoMemory::default(), 0, "s", Ok(3)), None, "there is no sample yet");
    let mut m = seen([(0, sample(9, &[], &[]))]);
    assert_eq!(count(&mut m, 1, "s", Ok(3)), Some((1, 3)));
    assert_eq!(count(&mut m, 2, "other", Ok(4)), Some((1, 3)));
    assert_eq!(count(&mut m, 3, "other", Err(failure())), Some((1, 3)));
    assert_eq!(count(&mut m, 4, "", Ok(4)), Some((1, 3)), "a number of nobody knows what");
    assert_eq!(count(&mut m, 5, "", Err(failure())), None);
    assert!(m.counted("a.b").is_some_and(|(_, n)| n.is_err()));
    assert_eq!(count(&mut m, 6, "s", Ok(5)), Some((6, 5)));
    assert_eq!(count(&mut m, 7, "s", Err(failure())), None);
}

#[test]
fn a_catalogue_ends_why_there_was_none_and_lists_what_each_collection_holds() {
    let mut m = seen([(0, sample(9, &[], &[]))]);
    m.not_listed(span(1), failure());
    assert!(m.unlisted().is_some_and(|(s, _)| s == span(1)));
    let one = collection(7);
    let databases = BTreeMap::from([
        ("a".into(), Ok(BTreeMap::from([("b".into(), one.clone()), ("c".into(), one)]))),
        ("x".into(), Err(failure())),
    ]);
    let (offsets, changes) = (Err(failure()), Ok(0));
    m.list(span(2), MongoCatalog { set_id: "s".into(), databases, databases_outside: Ok(0), offsets, changes });
    assert!(m.unlisted().is_none());
    let (at, listing) = m.catalog().unwrap();
    let listed = |database: &str| {
        let all = listing.collections(database)?.ok()?;
        Some(
            all.map(|(ns, (_, held))| (ns.to_string(), held.as_ref().ok().and_then(|h| h.documents)))
                .collect::<Vec<_>>(),
        )
    };
    assert_eq!(at, span(2));
    assert_eq!(listed("a"), Some(vec![("a.b".into(), Some(7)), ("a.c".into(), Some(7))]));
    assert!(listing.collections("x").is_some_and(|l| l.is_err()) && listing.collections("y").is_none());
}

fn mirror(positions: &[Option<u32>], stage: &str) -> MirrorSample {
    let one = |p: &Option<u32>| {
        let status = MongomirrorStatus { stage: stage.into(), position: p.map(ts), ..MongomirrorStatus::default() };
        Ok(MirrorStatus::Mongomirror(status))
    };
    MirrorSample { instances: positions.iter().map(one).collect() }
}

fn run(samples: impl IntoIterator<Item = (i64, MirrorSample)>) -> MirrorMemory {
    let mut m = MirrorMemory::default();
    for (at, s) in samples {
        m.apply(span(at), s);
    }
    m
}

const SYNC: &str = "oplog sync";

#[test]
fn a_mirror_is_where_the_instance_furthest_behind_is_and_nowhere_if_one_does_not_say() {
    assert_eq!(MirrorMemory::position(&mirror(&[Some(9), Some(4)], SYNC)), Some(ts(4)));
    assert_eq!(MirrorMemory::position(&mirror(&[Some(9), None], SYNC)), None);
    assert_eq!(MirrorMemory::position(&mirror(&[], SYNC)), None);
    let refuses = MirrorSample { instances: vec![Err(failure())] };
    assert_eq!(MirrorMemory::position(&refuses), None);
}

#[test]
fn refreshes_are_different_positions_of_one_run() {
    let m =
        run([(0, 5), (5_000, 5), (10_000, 6), (15_000, 6), (20_000, 9)].map(|(t, p)| (t, mirror(&[Some(p)], SYNC))));
    assert_eq!((m.refreshes(), m.restarts(), m.run()), (3, 0, Some(Mono(100))));
    assert_eq!(
        (m.reached(ts(5)), m.reached(ts(6)), m.reached(ts(7))),
        (Some(Mono(100)), Some(Mono(10_100)), Some(Mono(20_100)))
    );
    assert_eq!((m.reached(ts(9)), m.reached(ts(10))), (Some(Mono(20_100)), None));
    let overtaken = run([(5_000, mirror(&[Some(9)], SYNC)), (5_099, mirror(&[Some(4)], SYNC))]);
    assert_eq!((overtaken.restarts(), overtaken.refreshes()), (0, 1));
    let next = run([(5_000, mirror(&[Some(9)], SYNC)), (5_100, mirror(&[Some(10)], SYNC))]);
    assert_eq!(next.refreshes(), 2);
}

#[test]
fn a_mirror_whose_position_or_stage_falls_back_has_begun_anew() {
    let m = run([(0, mirror(&[Some(9)], SYNC)), (5_000, mirror(&[Some(8)], SYNC))]);
    assert_eq!((m.restarts(), m.refreshes(), m.run(), m.reached(ts(9))), (1, 1, Some(Mono(5_100)), None));
    let staged = |stages: &[&str]| {
        run(stages.iter().enumerate().map(|(i, s)| (i64::try_from(i).unwrap() * 5_000, mirror(&[None], s)))).restarts()
    };
    assert_eq!(staged(&["initializing", "initial sync", SYNC, SYNC]), 0);
    assert_eq!(staged(&[SYNC, "initial sync"]), 1);
    assert_eq!(staged(&["initial sync", "initializing"]), 1);
    assert_eq!(staged(&[SYNC, "resting", "initializing"]), 1, "a stage without a name says nothing");
    assert_eq!(staged(&[SYNC, "resting", SYNC]), 0);
}

#[test]
fn after_a_jump_of_the_clocks_a_run_is_watched_from_its_next_sample() {
    let mut m = run([(0, mirror(&[Some(5)], SYNC)), (5_000, mirror(&[Some(6)], SYNC))]);
    m.forget_spans();
    assert_eq!((m.run(), m.reached(ts(5)), m.speed(Dur::secs(1))), (None, None, None));
    m.apply(span(10_000), mirror(&[Some(7)], SYNC));
    assert_eq!((m.run(), m.reached(ts(5)), m.restarts()), (Some(Mono(10_100)), Some(Mono(10_100)), 0));
}

#[test]
fn how_fast_a_mirror_moves_is_measured_over_the_newest_stretch_that_is_long_enough() {
    let m = run([(0, 10), (10_000, 20), (20_000, 40), (30_000, 40)].map(|(t, p)| (t, mirror(&[Some(p)], SYNC))));
    // From 20 s to 30 s it stood; from 10 s on it moved 20 s in 20 s; in all 30 s in 30 s.
    assert_eq!(m.speed(Dur::secs(10)), Some((0, 10_000)));
    assert_eq!((m.speed(Dur(10_001)), m.speed(Dur::secs(20))), (Some((1_000, 20_000)), Some((1_000, 20_000))));
    assert_eq!(m.speed(Dur::hours(1)), Some((1_000, 30_000)));
    assert_eq!(run([(0, mirror(&[Some(10)], SYNC))]).speed(Dur::ZERO), None, "one sample is no speed");
}

#[test]
fn a_long_run_is_thinned_out_and_loses_no_mark_that_is_new() {
    let m = run((0..1_000).map(|n| (n * 1_000, mirror(&[Some(u32::try_from(n).unwrap() + 1)], SYNC))));
    assert_eq!((m.points.len(), m.refreshes()), (POINTS, 1_000));
    assert_eq!(m.points[0], (Mono(840_100), ts(841)));
    assert!(m.marks.len() <= 2 * POINTS, "{}", m.marks.len());
    assert_eq!(m.marks[0], (Mono(100), ts(1)), "the first stays");
    // A mark says when it was reached at the latest: never before.
    for (n, at) in [(1, 100), (2, 1_100), (500, 499_100), (999, 998_100), (1_000, 999_100)] {
        assert!(m.reached(ts(n)).is_some_and(|r| r.0 >= at), "{n}");
    }
    assert_eq!(m.reached(ts(999)), Some(Mono(998_100)));
}

/// A catalogue with one collection of so many documents.
fn catalog(documents: i64) -> MongoCatalog {
    let one = collection(documents);
    let databases = BTreeMap::from([("a".into(), Ok(BTreeMap::from([("b".into(), one)])))]);
    let (offsets, changes) = (Err(failure()), Ok(0));
    MongoCatalog { set_id: "s".into(), databases, databases_outside: Ok(0), offsets, changes }
}

#[test]
fn the_catalogue_before_is_remembered_while_it_says_the_same_and_the_oplog_was_read_after_it() {
    let read = |m: &mut MongoMemory, at: i64| {
        m.apply(span(at), MongoSample { scanned: Some(span(at)), ..sample(9, &[], &[]) });
    };
    let mut m = MongoMemory::default();
    let mut told = vec![];
    for (at, what) in
        [(0, -1), (1_000, 7), (2_000, 7), (3_000, -1), (4_000, 7), (5_000, 7), (6_000, 8), (7_000, -1), (8_000, 8)]
    {
        match what {
            -1 => read(&mut m, at),
            n => m.list(span(at), catalog(n)),
        }
        told.push((at, m.oplog_read().map(|t| t.0), m.listed_before().map(|s| s.sent.0)));
    }
    let expected = [
        (0, 0, None),
        (1_000, 0, None),
        (2_000, 0, None), // Nothing was read between the two.
        (3_000, 3_000, None),
        (4_000, 3_000, Some(2_000)),
        (5_000, 3_000, Some(2_000)), // That of 4 s was not read after.
        (6_000, 3_000, None),        // Another content.
        (7_000, 7_000, None),
        (8_000, 7_000, Some(6_000)),
    ];
    assert_eq!(told, expected.map(|(at, asked, before)| (at, Some(asked), before)));
    // Listed until the very instant at which the oplog was asked for, and a moment longer.
    let before = |asked: i64| {
        let mut m = MongoMemory::default();
        m.list(span(0), catalog(7));
        read(&mut m, asked);
        m.list(span(9_000), catalog(7));
        m.listed_before().is_some()
    };
    assert_eq!((before(100), before(99)), (true, false));
}

/// When a position was first seen is remembered over a long run, of its older half only every other one.
#[test]
fn the_marks_of_a_long_run_are_thinned_out() {
    let seen = |n: usize| {
        let samples = (0..n).map(|i| {
            let t = u32::try_from(i).unwrap();
            (i64::from(t) * 1_000, mirror(&[Some(t + 1)], SYNC))
        });
        run(samples).marks.iter().map(|(at, _)| at.0 / 1_000).collect::<Vec<_>>()
    };
    let most = 2 * POINTS;
    assert_eq!(seen(most).len(), most);
    let thinned = seen(most + 1);
    let half = i64::try_from(POINTS).unwrap();
    let kept: Vec<i64> = (0..=2 * half).filter(|i| *i >= half || i % 2 == 0).collect();
    assert_eq!(thinned, kept);
}

#[test]
fn a_recording_that_does_not_tell_when_its_primary_was_elected_does_not_know_it() {
    let newer = MongoSample { elected: Ok(ts(7)), ..sample(9, &[], &[]) };
    let mut told = serde_json::to_value(&newer).expect("a sample in words");
    let read = |told: &serde_json::Value| serde_json::from_value::<MongoSample>(told.clone()).map(|s| s.elected);
    assert_eq!(read(&told).ok(), Some(Ok(ts(7))));
    told.as_object_mut().expect("an object").remove("elected");
    let why = read(&told).expect("an older sample").expect_err("not known");
    assert_eq!(&*why.message, "when its primary was elected was not read");
}
