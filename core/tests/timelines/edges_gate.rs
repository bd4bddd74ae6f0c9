//! The gate at its edges: for how long something counts, when exactly a step begins, is done or comes undone, and what an
//! answer still judges.

use super::kafka::{SHOP, SWITCHED};
use super::mongo::mongodb;
use super::mongodb::mongo;
use super::world::{World, settings};
use cutover_core::estate::mongodb::Ts;
use cutover_core::facts::{Fact, How, LogKey};
use cutover_core::gate::board::{Answer, Gated, Life, Verdict};
use cutover_core::gate::ops::taken;
use cutover_core::playbook;
use cutover_core::reading::{Code, Finding, Subject, Tri};
use cutover_core::render;
use cutover_core::settings::*;
use cutover_core::time::{DRIFT, Dur, Now, Wall};
use expect_test::expect;
use std::collections::BTreeSet;

/// The consumers are stopped, which is done at 480 s.
const STOPPED: &str = "
    t=100 op begin stop-consumers
    t=102 src.leave rtu; src.leave svt
    t=480
";

fn played(settings: Settings, parts: &[&str]) -> World {
    let mut w = World::new(settings);
    parts.iter().for_each(|p| w.play(p));
    w
}

fn ready(w: &mut World, step: &str) -> Answer {
    w.settle().board.step(step).expect("a step").ready.clone()
}

fn done(w: &mut World, step: &str) -> Answer {
    w.settle().board.step(step).expect("a step").done.clone()
}

fn life(w: &mut World, step: &str) -> &'static str {
    w.settle().board.step(step).expect("a step").life.as_str()
}

/// The reasons besides the checks, each with its code.
fn blockers(a: &Answer) -> Vec<String> {
    let of = |f: &Finding| format!("{}: {}", f.code.as_str(), render::sentence(f));
    a.blockers.iter().filter(|f| f.is != Tri::Yes).map(of).collect()
}

fn claimed(step: &str, at: Wall) -> Fact {
    Fact::Begun { step: step.into(), at, how: How::Claimed { author: "alice".into(), reason: None }, evidence: vec![] }
}

fn finished(step: &str, at: Wall) -> Fact {
    Fact::Done { step: step.into(), at, evidence: vec![] }
}

#[test]
fn a_board_is_believed_up_to_its_instant_by_either_clock_and_while_the_two_agree() {
    let mut w = played(settings(), &[SHOP, "t=20"]);
    let board = w.settle().board;
    let answer = &board.step("switch-producers").unwrap().ready;
    let left = answer.until - w.now.mono;
    assert!(left > DRIFT + Dur(1));
    let later = |mono: Dur, wall: Dur| Now { mono: w.now.mono + mono, wall: w.now.wall + wall };
    let expired = |mono: Dur, wall: Dur| board.expired(answer, later(mono, wall));
    assert!(!expired(left - Dur(1), left - Dur(1)));
    assert!(expired(left, left));
    assert!(expired(left, left - Dur(1)), "by the monotonic clock");
    assert!(expired(left - Dur(1), left), "by the wall clock");
    for (near, far) in
        [((DRIFT, Dur::ZERO), (DRIFT + Dur(1), Dur::ZERO)), ((Dur::ZERO, DRIFT), (Dur::ZERO, DRIFT + Dur(1)))]
    {
        assert!(!expired(near.0, near.1), "apart by no more than clocks drift");
        assert!(expired(far.0, far.1), "they have jumped apart");
    }
}

#[test]
fn what_is_settled_needs_no_young_board() {
    let mut w = played(settings(), &[SHOP, SWITCHED, "t=100"]);
    let board = w.settle().board;
    let s = board.step("switch-producers").unwrap();
    let later = Now { mono: w.now.mono + Dur::hours(1), wall: w.now.wall + Dur::hours(1) };
    assert_eq!(board.verdict(&s.ready, later), Verdict::NoGo, "it is done");
    assert_eq!(board.verdict(&s.done, later), Verdict::Unknown, "and must stay so");
    assert_eq!(board.verdict(&s.done, w.now), Verdict::Go);
}

#[test]
fn a_board_is_believed_for_as_long_as_its_samples_and_for_fifteen_seconds_without_any() {
    let mut s = settings();
    s.skip.insert("switch-producers".into(), "they were before".into());
    // Sampled at t=16 and believed for three intervals.
    let mut w = played(s, &[SHOP, "t=19"]);
    let now = w.now.mono;
    assert_eq!(ready(&mut w, "switch-producers").until - now, Dur::secs(15));
    assert_eq!(done(&mut w, "switch-producers").until - now, Dur::secs(15));
    assert_eq!(ready(&mut w, "stop-consumers").until - now, Dur::secs(12));
    let mut w = played(settings(), &[SHOP, SWITCHED, STOPPED, "t=485"]);
    let now = w.now.mono;
    assert_eq!(done(&mut w, "stop-consumers").until - now, Dur::secs(11), "its tripwires were measured at t=481");
}

#[test]
fn what_an_answer_judges_and_what_it_only_shows() {
    let mut w = played(settings(), &[SHOP, "t=20"]);
    let judged = |a: &Answer| a.checks.iter().filter(|c| a.judges(c)).count();
    let left_out = |a: &Answer| a.checks.iter().filter(|c| !a.judges(c)).map(|c| c.check.id).collect::<Vec<_>>();
    let pending = ready(&mut w, "switch-producers");
    assert_eq!(judged(&pending), pending.checks.len());
    w.play(SWITCHED);
    let begun = ready(&mut w, "switch-producers");
    assert_eq!(left_out(&begun), ["destination-clean"]);
    w.play("t=100");
    let (over, after) = (ready(&mut w, "switch-producers"), done(&mut w, "switch-producers"));
    assert_eq!((judged(&over), judged(&after)), (0, 0), "it is done: its checks are shown");
    assert_eq!((over.settled.is_some(), after.took_effect), (true, true));
    // It is written there again: shown, and missing no more.
    w.play("t=101 src.end crm.ingestion/0 +1\nt=110");
    let after = done(&mut w, "switch-producers");
    assert!(after.checks.iter().any(|c| c.is == Tri::No));
    assert_eq!(after.missing().count(), 0);
}

#[test]
fn what_is_missing_is_what_blocks() {
    let mut w = played(settings(), &["t=0 op hold", SHOP, "t=15 dst.end crm.ingestion/0 =3\nt=16 op release\nt=20"]);
    let missing = |a: &Answer| a.missing().map(|c| c.check.id).collect::<Vec<_>>();
    let pending = ready(&mut w, "switch-producers");
    // The requirements are shown, and block nothing.
    assert!(pending.checks.iter().any(|c| c.check.id == "requirements" && c.is != Tri::Yes));
    assert_eq!(missing(&pending), ["destination-clean"]);
    let at = w.now.wall;
    w.facts.apply(claimed("switch-producers", at));
    assert_eq!(missing(&ready(&mut w, "switch-producers")), [""; 0]);
}

#[test]
fn requirements_that_are_enforced_block_and_other_advice_does_not() {
    let mut s = settings();
    s.requirements_enforced = true;
    let mut w = played(s, &[SHOP, "t=20"]);
    let a = ready(&mut w, "switch-producers");
    assert_eq!(
        (a.verdict, a.missing().map(|c| c.check.id).collect::<Vec<_>>()),
        (Verdict::Unknown, vec!["requirements"])
    );
    let advice = |w: &mut World| {
        let all = ready(w, "stop-consumers").checks;
        all.iter().filter(|c| c.advisory).map(|c| c.check.id).collect::<Vec<_>>()
    };
    assert_eq!(advice(&mut w), ["changes-drained"]);
}

#[test]
fn when_it_could_be_go_is_told_where_everything_that_is_missing_tells() {
    let mut w = played(settings(), &[SHOP, SWITCHED, "t=85"]);
    let earliest = |w: &mut World| ready(w, "stop-consumers").earliest_go.map(|e| (e - w.now.wall).0);
    // It was drained for 59.9 s of a minute by the sample at t=81.
    assert_eq!(earliest(&mut w), Some(100));
    w.play("t=86");
    assert_eq!((ready(&mut w, "stop-consumers").verdict, earliest(&mut w)), (Verdict::Go, None));
    w.play("t=87 op hold stop-consumers");
    assert_eq!(earliest(&mut w), None, "nobody knows when it is released");
    let mut paced = settings();
    paced.pace = Dur::mins(5);
    let mut w = played(paced, &[SHOP, SWITCHED, "t=85"]);
    // It was done at t=81.
    assert_eq!(earliest(&mut w), Some(296_000), "the longest of the two");
}

#[test]
fn since_when_a_check_has_been_true_and_how_old_its_samples_are() {
    let mut w = played(settings(), &[SHOP, "t=15 dst.end crm.ingestion/0 =3\nt=23"]);
    let checks = ready(&mut w, "switch-producers").checks;
    let of = |id: &str| checks.iter().find(|c| c.check.id == id).unwrap();
    let now = w.now.wall;
    // The first samples were asked for at t=1 and answered 100 ms later, the newest at t=21.
    assert_eq!(of("visible").since.map(|at| now - at), Some(Dur(21_900)));
    assert_eq!(of("visible").age, Some(Dur::secs(2)));
    assert_eq!((of("destination-clean").is, of("destination-clean").since), (Tri::No, None));
}

#[test]
fn the_next_step_waits_for_exactly_as_long_as_the_pace() {
    let mut s = settings();
    s.pace = Dur::mins(5);
    // It was done at t=81.
    let mut w = played(s, &[SHOP, SWITCHED, "t=380"]);
    assert_eq!(
        blockers(&ready(&mut w, "stop-consumers")),
        ["pace: switch-producers was done only 4 min 59 s ago, the pace is 5 min"]
    );
    w.play("t=381");
    assert_eq!(ready(&mut w, "stop-consumers").verdict, Verdict::Go);
}

/// Since when and until when a step was go, in seconds, as it was journaled.
fn was_go(w: &World, step: &str) -> Vec<(i64, i64)> {
    let since = |at: Wall| (at.0 - 1_790_000_000_000) / 1000;
    let of = |f: &Fact| match f {
        Fact::WasGo { step: s, from, until } if &**s == step => Some((since(*from), since(*until))),
        _ => None,
    };
    w.journal.iter().filter_map(of).collect()
}

#[test]
fn that_a_step_is_go_is_journaled_every_minute_and_since_when() {
    let mut w = played(settings(), &["t=0 op hold", SHOP, "t=30 op release\nt=149 op hold"]);
    assert_eq!(was_go(&w, "switch-producers"), [(31, 31), (31, 91)]);
    // Two minutes after it was noted it is the same go, a second later it is another one.
    w.play("t=210 op release\nt=211 op hold");
    assert_eq!(was_go(&w, "switch-producers").last(), Some(&(31, 211)));
    w.play("t=331 op release\nt=332 op hold");
    assert_eq!(was_go(&w, "switch-producers").last(), Some(&(332, 332)));
}

#[test]
fn a_go_that_lies_ahead_of_the_clock_is_noted_anew() {
    let w = played(settings(), &[SHOP, "t=20 sleep -3600\nt=90"]);
    let gos = was_go(&w, "switch-producers");
    assert_eq!(gos[0], (1, 1));
    assert!(gos.len() > 1 && gos[1..].iter().all(|(from, until)| from <= until && *until < -3400), "{gos:?}");
}

#[test]
fn a_step_begins_by_its_effect_if_it_was_go_within_half_an_hour_by_either_direction_of_the_clock() {
    let seen = |ago: i64| {
        let mut w = played(settings(), &["t=0 op hold", SHOP, "t=20"]);
        // The records are seen with the sample at t=21.
        let until = w.now.wall + Dur(1000 - ago);
        let journaled = w.journal.iter().any(|f| matches!(f, Fact::WasGo { .. }));
        w.facts.apply(Fact::WasGo { step: "switch-producers".into(), from: until, until });
        w.play("t=20 dst.end crm.ingestion/0 +1\nt=21");
        (journaled, life(&mut w, "switch-producers"))
    };
    let half_an_hour = Dur::mins(30).0;
    assert_eq!(seen(half_an_hour), (false, "begun"));
    assert_eq!(seen(half_an_hour + 1), (false, "out-of-order"));
    assert_eq!(seen(-half_an_hour), (false, "begun"));
    assert_eq!(seen(-half_an_hour - 1), (false, "out-of-order"));
}

#[test]
fn a_step_is_withdrawn_once_its_done_checks_were_false_for_a_minute() {
    // False with the samples at t=21 and after, the first of them answered at 21.1 s.
    let tried = |at: u32| {
        let mut w = played(
            settings(),
            &[
                SHOP,
                "t=20 op begin switch-producers\n",
                &writes(20, at),
                &format!("t={at} op withdraw switch-producers"),
            ],
        );
        w.facts.is_begun("switch-producers")
            || w.settle().board.step("switch-producers").is_some_and(|s| !matches!(s.life, Life::Pending))
    };
    assert!(tried(81), "59.9 s");
    assert!(!tried(86));
}

/// The source is written every five seconds.
fn writes(from: u32, until: u32) -> String {
    (from..until).step_by(5).map(|t| format!("t={t} src.end crm.ingestion/0 +1\n")).collect()
}

#[test]
fn what_was_not_measured_for_longer_than_a_sample_is_believed_was_not_false_for_long() {
    let tried = |down: u32, up: u32| {
        let text = format!(
            "t=20 op begin switch-producers\n{}t={down} src.down\nt={up} src.up\nt=90 op withdraw switch-producers",
            writes(20, down)
        );
        let w = played(settings(), &[SHOP, &text]);
        w.out.contains("withdraw switch-producers: ok")
    };
    // The samples at t=46 and t=61 are fifteen seconds apart, those at t=46 and t=66 are twenty.
    assert!(tried(50, 60));
    assert!(!tried(50, 65));
}

#[test]
fn a_step_before_that_is_measured_false_holds_up_the_next_one_only_until_that_is_begun() {
    let mut w = played(settings(), &[SHOP, SWITCHED, "t=100"]);
    assert_eq!(blockers(&ready(&mut w, "stop-consumers")), [""; 0]);
    let at = w.now.wall;
    w.facts.apply(claimed("stop-consumers", at));
    assert_eq!(blockers(&ready(&mut w, "stop-consumers")), [""; 0]);
}

#[test]
fn a_hold_on_one_step_is_taken_off_by_the_line_it_tells_and_holds_no_other() {
    let mut w = played(settings(), &[SHOP, "t=20 op hold stop-consumers; op hold"]);
    let fixes = |a: &Answer| {
        a.blockers
            .iter()
            .filter(|f| f.code.as_str() == "hold")
            .filter_map(|f| f.fix.clone())
            .map(|f| f.to_string())
            .collect::<Vec<_>>()
    };
    let (all, one) = ("cutover-agent release --reason …", "cutover-agent release stop-consumers --reason …");
    assert_eq!(fixes(&ready(&mut w, "switch-producers")), [all]);
    assert_eq!(fixes(&ready(&mut w, "stop-consumers")), [all, one]);
    w.play("t=21 op release start-consumers");
    assert!(
        w.out.ends_with(
            "release start-consumers: nothing holds start-consumers; held now: everything, stop-consumers\n"
        ),
        "{}",
        w.out
    );
}

#[test]
fn what_a_tripwire_found_is_told_three_times_and_the_rest_counted() {
    let tell = |more: &str| {
        let mut w = played(
            settings(),
            &[
                "t=0 src.topic crm.ingestion 6; dst.topic crm.ingestion 6; src.member rtu rtu-src-0 crm.ingestion",
                "t=1 src.commit rtu crm.ingestion/0 =0",
                "t=20",
            ],
        );
        let at = w.now.wall;
        for step in ["switch-producers", "stop-consumers"] {
            w.facts.apply(claimed(step, at));
            w.facts.apply(finished(step, at));
        }
        w.play(&format!("t=21 {more}\nt=60"));
        let all = blockers(&ready(&mut w, "start-consumers"));
        all.into_iter().filter(|b| b.contains("nobody-attached")).collect::<Vec<_>>()
    };
    let attached =
        |n: usize| (0..n).map(|i| format!("src.member g{i} g{i}-src-0 crm.ingestion")).collect::<Vec<_>>().join("; ");
    let since = "tripwire: since stop-consumers was done this must stay true and is not: nobody-attached: ";
    let one = |g: &str| format!("group {g} (source) is attached: member {g}-src-0 reads crm.ingestion");
    assert_eq!(tell(&attached(2)), [format!("{since}{}; {}; {}", one("g0"), one("g1"), one("rtu"))]);
    assert_eq!(
        tell(&attached(4)),
        [format!("{since}{}; {}; {}; and 2 more like these", one("g0"), one("g1"), one("g2"))]
    );
}

#[test]
fn the_downtime_of_a_track_is_open_from_its_first_step_begun_to_its_last_done() {
    let tracks = BTreeSet::from([Track::Mongodb, Track::Kafka]);
    let mut w = played(Settings { tracks, mongodb: Some(mongodb()), ..settings() }, &[SHOP, "t=10"]);
    let at = w.now.wall;
    let open =
        |w: &mut World| w.settle().board.tracks.iter().map(|t| (t.track.as_str(), t.downtime)).collect::<Vec<_>>();
    assert_eq!(open(&mut w), [("mongodb", None), ("kafka", None)]);
    w.facts.apply(claimed("switch-producers", at));
    w.facts.apply(finished("switch-producers", at));
    assert_eq!(open(&mut w), [("mongodb", None), ("kafka", None)]);
    w.facts.apply(claimed("stop-consumers", at + Dur(5)));
    assert_eq!(open(&mut w), [("mongodb", None), ("kafka", Some(at + Dur(5)))]);
    w.facts.apply(claimed("start-consumers", at + Dur(6)));
    assert_eq!(open(&mut w), [("mongodb", None), ("kafka", Some(at + Dur(5)))]);
    w.facts.apply(finished("start-consumers", at + Dur(7)));
    assert_eq!(open(&mut w), [("mongodb", None), ("kafka", None)]);
}

/// What a request came to.
fn answered(w: &mut World, op: &str) -> String {
    let t = (w.now.mono.0 - 1_000_000) / 1000;
    let before = w.out.len();
    w.play(&format!("t={t} op {op}"));
    let said = w.out[before..].trim_end().split_once(": ").map(|(_, said)| said.to_owned());
    said.unwrap_or_default()
}

#[test]
fn an_end_is_reconciled_between_its_anchor_and_where_the_log_ends() {
    let mut w = played(settings(), &[SHOP, SWITCHED, STOPPED, "t=481 src.end crm.ingestion/0 +6\nt=490"]);
    let between = |anchor: i64, end: i64| {
        format!("crm.ingestion partition 0 was anchored at {anchor} and ends at {end}: name an offset between the two")
    };
    let mut says = |offset: i64| answered(&mut w, &format!("confirm reconciled crm.ingestion 0 {offset}"));
    assert_eq!(says(19), between(20, 26));
    assert_eq!(says(27), between(20, 26));
    assert_eq!(says(20), "ok");
    assert_eq!(says(26), "ok");
    assert_eq!(says(25), between(26, 26), "the word before has moved the anchor");
    // An unclean election took records back: only where the log ends now is spoken for.
    w.play("t=491 src.end crm.ingestion/0 =15\nt=500");
    let mut says = |offset: i64| answered(&mut w, &format!("confirm reconciled crm.ingestion 0 {offset}"));
    assert_eq!(says(14), between(26, 15));
    assert_eq!(says(16), between(26, 15));
    assert_eq!(says(26), between(26, 15));
    assert_eq!(says(15), "ok");
}

#[test]
fn what_is_no_log_of_the_source_is_not_reconciled() {
    let mut w = played(
        settings(),
        &[SHOP, SWITCHED, STOPPED, "t=481 src.end crm.ingestion/0 +6; src.stable crm.ingestion/0 =21\nt=490"],
    );
    let mut says = |subject: &str| answered(&mut w, &format!("confirm reconciled {subject}"));
    assert_eq!(
        says("crm.ingestion 0 26"),
        "a transaction is open on crm.ingestion partition 0: wait until it has ended"
    );
    assert_eq!(says("crm.ingestion 2 0"), "crm.ingestion has no partition 2");
    assert_eq!(says("crm.ingestion 4294967296 0"), "crm.ingestion has no partition 4294967296");
    assert_eq!(says("crm.ingestion first 0"), "partition `first` is not a number");
    assert_eq!(says("crm.ingestion 0 all"), "offset `all` is not a number");
    assert_eq!(
        says("crm.else 0 0"),
        "there is no topic `crm.else` in scope on the source; known: crm.ingestion, crm.pr-update"
    );
}

#[test]
fn a_topic_that_is_gone_is_reconciled_by_what_it_was_seen_to_hold_and_no_other_number() {
    let mut w = played(settings(), &[SHOP, SWITCHED, STOPPED, "t=481 src.delete crm.pr-update\nt=490"]);
    let mut says = |subject: &str| answered(&mut w, &format!("confirm reconciled {subject}"));
    assert_eq!(
        says("crm.pr-update 0 4"),
        "crm.pr-update is not listed any more, and its partition 0 was seen to end at 5: name that, if all that it ever held was \
         read or carried over"
    );
    assert_eq!(says("crm.pr-update 1 5"), "crm.pr-update had no partition 1 when the consumers were stopped");
    assert_eq!(says("crm.pr-update 0 5"), "ok");
    // A topic that the brokers still hold is hidden, not gone.
    let mut w = played(settings(), &[SHOP, SWITCHED, STOPPED, "t=481 src.conceal crm.pr-update\nt=490"]);
    assert!(answered(&mut w, "confirm reconciled crm.pr-update 0 5").contains("crm.pr-update"));
    assert_ne!(answered(&mut w, "confirm reconciled crm.pr-update 0 5"), "ok");
    assert_ne!(answered(&mut w, "confirm deleted crm.pr-update"), "ok");
}

#[test]
fn the_last_write_is_reconciled_between_its_anchor_and_the_newest_write() {
    let shop = "t=0 msrc.coll shop.orders 1\nt=30 msrc.write shop.orders\nt=40";
    let anchored = |at: u32| {
        let mut w = played(mongo(), &[shop]);
        w.facts.apply(Fact::LastWrite { set: "old".into(), ts: Ts::new(at, 0), unseen: false, adopted: None });
        w
    };
    let mut w = anchored(1_790_000_010);
    let mut says = |ts: &str| answered(&mut w, &format!("confirm reconciled-writes source {ts}"));
    let between = "the source was anchored at 1790000010.0 and was last written at 1790000030.2: name a timestamp between the two";
    assert_eq!(says("1790000009.9"), between);
    assert_eq!(says("1790000030.3"), between);
    assert_eq!(says("1790000010.0"), "ok");
    assert_eq!(says("1790000030.2"), "ok");
    let last = w.journal.iter().rev().find(|f| matches!(f, Fact::LastWrite { .. }));
    assert!(matches!(last, Some(Fact::LastWrite { unseen: false, adopted: Some(_), .. })), "{last:?}");
    // After a rollback the newest write lies below the anchor.
    let mut w = anchored(1_790_000_035);
    let mut says = |ts: &str| answered(&mut w, &format!("confirm reconciled-writes source {ts}"));
    let between = "the source was anchored at 1790000035.0 and was last written at 1790000030.2: name a timestamp between the two";
    assert_eq!(says("1790000030.1"), between);
    assert_eq!(says("1790000030.3"), between);
    assert_eq!(says("1790000035.0"), between);
    assert_eq!(says("1790000030.2"), "ok");
    assert_eq!(
        answered(&mut w, "confirm reconciled-writes destination 1790000030.2"),
        "nothing was anchored on the destination: there is nothing to reconcile"
    );
    // Its step is done, and nothing was anchored: a person speaks for all that was written there, no less.
    let mut w = played(mongo(), &["t=0 mdst.coll shop.orders 1\nt=30 mdst.write shop.orders\nt=40"]);
    let at = w.now.wall;
    w.facts.apply(claimed("stop-mirror", at));
    w.facts.apply(finished("stop-mirror", at));
    let mut says = |ts: &str| answered(&mut w, &format!("confirm reconciled-writes destination {ts}"));
    assert!(says("1790000030.1").contains("was last written at 1790000030.2"), "{}", says("1790000030.1"));
    assert_eq!(says("1790000030.2"), "ok");
    assert_eq!(
        answered(&mut w, "confirm reconciled-writes sauce 1790000030.2"),
        "there is no side `sauce`; known: source, destination"
    );
    assert_eq!(
        answered(&mut w, "confirm reconciled-writes source yesterday"),
        "`yesterday` is no timestamp: write seconds and ordinal as the answer does, as in 1732312345.7"
    );
}

#[test]
fn a_word_about_writes_that_were_not_read_back_says_so() {
    let mut w = played(mongo(), &["t=0 msrc.coll shop.orders 1\nt=700 msrc.reread\nt=710"]);
    let ts = Ts::new(1_790_000_000, 0);
    w.facts.apply(Fact::LastWrite { set: "old".into(), ts, unseen: false, adopted: None });
    assert_eq!(answered(&mut w, "confirm reconciled-writes source 1790000000.0"), "ok");
    let last = w.journal.iter().rev().find(|f| matches!(f, Fact::LastWrite { .. }));
    assert!(matches!(last, Some(Fact::LastWrite { unseen: true, .. })), "{last:?}");
}

#[test]
fn a_pair_is_a_group_and_a_topic_that_it_reads() {
    let mut w = played(settings(), &[SHOP, "t=12 src.end crm.pr-update/0 +1\nt=20"]);
    let known = "known: rtu on crm.ingestion, svt on crm.pr-update";
    let no_pair = |g: &str, t: &str| format!("`{g}` on `{t}` is no pair of this migration; {known}");
    assert_eq!(answered(&mut w, "accept rtu crm.pr-update 0"), no_pair("rtu", "crm.pr-update"));
    assert_eq!(answered(&mut w, "accept nobody crm.pr-update 0"), no_pair("nobody", "crm.pr-update"));
    assert_eq!(answered(&mut w, "accept svt crm.pr-update 0"), "ok");
}

#[test]
fn what_was_taken_off_the_list_is_said_back_as_it_is() {
    let said = |committed: Option<i64>| {
        let key = LogKey { cluster: "old".into(), topic: "crm.ingestion".into(), id: uuid::Uuid::nil(), partition: 0 };
        let (author, reason) = ("alice".into(), "because".into());
        let f = Fact::Accepted { key, group: "rtu".into(), committed, end: 20, at: Wall(0), author, reason };
        taken(&[f]).unwrap_or_default().split("; ").next().map(str::to_owned)
    };
    let of = |what: &str| Some(format!("group rtu on crm.ingestion partition 0 is off the list, {what}"));
    assert_eq!(said(Some(5)), of("committed at 5, the log ending at 20: 15 records behind that count as read"));
    assert_eq!(said(Some(21)), of("committed at 21, the log ending at 20: beyond the end"));
    assert_eq!(said(None), of("without a commit, the log ending at 20: everything there counts as read"));
}

#[test]
fn what_a_word_rests_on_is_said_back_in_words() {
    let said = |name: &str, basis: &str| {
        let f = Fact::Confirmed {
            name: name.into(),
            subject: vec!["it".into()],
            at: Wall(0),
            author: "alice".into(),
            reason: "because".into(),
            basis: Some(basis.into()),
        };
        let all = taken(&[f]).unwrap_or_default();
        let measured = all.split_once(" (measured now: ").map(|(_, rest)| rest.split_once(");").unwrap().0.to_owned());
        measured.unwrap_or(all)
    };
    assert_eq!(said("counts", "5/7"), "5 documents on the source, 7 at the destination");
    assert_eq!(said("counts", "odd"), "odd");
    assert_eq!(said("ingestion-idle", "30"), "its topics end at 30 in sum");
    assert_eq!(said("recreated", "1234"), "its id is 1234");
    assert_eq!(
        said("reconciled", "vanished 1234"),
        "its topic is in no list and on no broker's disk, as far as they tell"
    );
}

#[test]
fn what_an_earlier_step_set_is_asked_of_every_later_one_that_is_done_and_of_none_before_it() {
    let mut w = played(settings(), &[SHOP, SWITCHED, STOPPED]);
    let at = w.now.wall;
    w.facts.apply(claimed("start-consumers", at));
    w.facts.apply(finished("start-consumers", at));
    let verdicts =
        |w: &mut World| ["switch-producers", "stop-consumers", "start-consumers"].map(|s| done(w, s).verdict);
    assert_eq!(verdicts(&mut w), [Verdict::Go; 3]);
    w.play("t=481 src.end crm.ingestion/0 +1\nt=490");
    assert_eq!(verdicts(&mut w), [Verdict::Go, Verdict::NoGo, Verdict::NoGo]);
    // The retirement of the source ends it.
    w.facts.apply(claimed("retire-source", at));
    assert_eq!(verdicts(&mut w), [Verdict::Go; 3]);
}

#[test]
fn where_the_destinations_log_begins_is_watched_until_the_consumers_have_started() {
    let mut w = played(settings(), &[SHOP, SWITCHED, "t=100 dst.low crm.ingestion/0 =1\nt=110"]);
    let at = w.now.wall;
    let tripped = |w: &mut World| done(w, "switch-producers").blockers.iter().any(|f| f.is != Tri::Yes);
    assert!(tripped(&mut w));
    assert!(blockers(&ready(&mut w, "stop-consumers")).iter().any(|b| b.starts_with("tripwire: ")));
    for step in ["stop-consumers", "start-consumers"] {
        w.facts.apply(claimed(step, at));
        assert!(tripped(&mut w), "{step} is begun");
        w.facts.apply(finished(step, at));
        assert_eq!(tripped(&mut w), step == "stop-consumers");
    }
}

/// Where the consumers may be stopped and are, without a word; and what else may have been meant, and since when it was go.
fn stopped_in_silence(settings: Settings, others: &[(&str, Dur)]) -> &'static str {
    let mut w = played(settings, &[SHOP]);
    let at = w.now.wall;
    w.facts.apply(claimed("switch-producers", at));
    w.facts.apply(finished("switch-producers", at));
    w.play("t=12 src.leave rtu; src.leave svt\nt=18 op confirm scaled-to-zero kafka\nt=90");
    assert_eq!(life(&mut w, "stop-consumers"), "pending", "it was never go");
    let go = |w: &mut World, step: &str, ago: Dur| {
        let until = Wall(w.now.wall.0 - ago.0);
        w.facts.apply(Fact::WasGo { step: step.into(), from: until, until });
    };
    go(&mut w, "stop-consumers", Dur::ZERO);
    for (step, ago) in others {
        go(&mut w, step, *ago);
    }
    life(&mut w, "stop-consumers")
}

/// All three tracks.
fn three(change: fn(&mut Settings)) -> Settings {
    let mut s = super::services::estate();
    s.probes.clear();
    change(&mut s);
    s
}

#[test]
fn a_silence_that_could_mean_another_stop_begins_none() {
    let still = |s: Settings, other: &str, ago: Dur| stopped_in_silence(s, &[(other, ago)]) == "pending";
    let half_an_hour = Dur::mins(30);
    assert!(still(three(|_| ()), "stop-source-services", half_an_hour));
    assert!(!still(three(|_| ()), "stop-source-services", half_an_hour + Dur(1)), "that was long ago");
    assert!(still(three(|_| ()), "stop-writers", Dur::ZERO));
    assert!(still(three(|s| s.joint = true), "stop-source-services", Dur::ZERO));
}

#[test]
fn a_silence_that_could_mean_no_other_stop_begins_the_one() {
    let begun = |s: Settings, other: &str| stopped_in_silence(s, &[(other, Dur::ZERO)]) != "pending";
    assert!(begun(three(|_| ()), "stop-consumers"));
    // In a joint downtime both are stopped at once, each told apart by its own clients.
    assert!(begun(three(|s| s.joint = true), "stop-writers"));
    // What is stopped within a downtime is no service.
    assert!(begun(three(|_| ()), "stop-mirror"));
    assert!(begun(three(|_| ()), "retire-source"));
    // What appears is no silence.
    assert!(begun(three(|_| ()), "redirect-traffic"));
    let skips = |s: &mut Settings| drop(s.skip.insert("stop-source-services".into(), "there are none".into()));
    assert!(begun(three(skips), "stop-source-services"));
}

#[test]
fn a_downtime_that_is_open_lets_nothing_of_another_track_begin_or_be_done() {
    let with_mongodb =
        || Settings { tracks: BTreeSet::from([Track::Mongodb, Track::Kafka]), mongodb: Some(mongodb()), ..settings() };
    let text = "t=100 op begin stop-consumers\nt=102 src.leave rtu; src.leave svt\nt=108 op confirm scaled-to-zero kafka\nt=200";
    let lives = |s: Settings, during: &str| {
        let mut w = played(s, &[SHOP, SWITCHED, "t=99"]);
        if !during.is_empty() {
            let at = w.now.wall;
            w.facts.apply(claimed(during, at));
        }
        w.play(text);
        life(&mut w, "stop-consumers")
    };
    assert_eq!(lives(with_mongodb(), ""), "done");
    assert_eq!(lives(with_mongodb(), "stop-writers"), "pending", "it cannot be begun");
    let mut w = played(with_mongodb(), &[SHOP, SWITCHED, text.split("\nt=200").next().unwrap()]);
    let at = w.now.wall;
    w.facts.apply(claimed("stop-writers", at));
    w.play("t=200");
    assert_eq!(life(&mut w, "stop-consumers"), "begun");
    assert!(blockers(&done(&mut w, "stop-consumers"))[0].starts_with("other-downtime: the mongodb track"));
    w.facts.apply(claimed("start-writers", at));
    w.facts.apply(finished("start-writers", at));
    assert_eq!(life(&mut w, "stop-consumers"), "done");
}

#[test]
fn services_share_no_downtime() {
    let other = |joint: bool, of: &str, step: &str| {
        let mut s = three(|_| ());
        s.joint = joint;
        let mut w = played(s, &[SHOP, "t=12"]);
        let at = w.now.wall;
        w.facts.apply(claimed(of, at));
        blockers(&ready(&mut w, step)).into_iter().filter(|b| b.starts_with("other-downtime")).collect::<Vec<_>>()
    };
    let kafka = "other-downtime: the kafka track is in its downtime";
    let mongodb = "other-downtime: the mongodb track is in its downtime";
    assert_eq!(other(false, "stop-consumers", "deploy-services"), [kafka]);
    assert_eq!(other(false, "stop-consumers", "start-mirror"), [kafka]);
    assert_eq!(other(false, "stop-consumers", "start-consumers"), [""; 0]);
    assert_eq!(other(true, "stop-consumers", "deploy-services"), [kafka]);
    assert_eq!(other(true, "stop-writers", "deploy-services"), [mongodb]);
    assert_eq!(other(true, "stop-consumers", "start-mirror"), [""; 0]);
    assert_eq!(other(true, "stop-writers", "switch-producers"), [""; 0]);
}

#[test]
fn a_joint_downtime_is_ended_by_either_track_only_where_the_other_could_end_it_too() {
    let joint = |apply: &[(&str, bool)], step: &str, joint: bool| {
        let mut s = three(|_| ());
        s.joint = joint;
        s.tracks.remove(&Track::Services);
        let mut w = played(s, &[SHOP, "t=0 msrc.coll shop.orders 1\nt=20"]);
        let at = w.now.wall;
        for (step, is_done) in apply {
            w.facts.apply(claimed(step, at));
            if *is_done {
                w.facts.apply(finished(step, at));
            }
        }
        let all = ready(&mut w, step).blockers;
        let told = |f: &&Finding| matches!(f.at, Subject::Step("start-writers"));
        let known = playbook::step("start-writers").unwrap().ready;
        for f in all.iter().filter(told).filter(|f| f.code.as_str() != "way-out") {
            let of = f.detail.as_deref().unwrap_or_default().split(" of start-writers: ").next().unwrap_or_default();
            assert!(f.is != Tri::Yes && known.iter().any(|u| u.check.id == of), "{f:?}");
        }
        let of = |other: &str| {
            all.iter()
                .filter(|f| matches!(f.at, Subject::Step(s) if s == other))
                .map(|f| f.code.as_str())
                .collect::<Vec<_>>()
        };
        (of("stop-mirror"), !of("start-writers").is_empty())
    };
    let stopped = [("switch-producers", true), ("stop-consumers", true), ("stop-writers", true)];
    assert_eq!(joint(&stopped, "start-consumers", true), (vec!["predecessor"], true));
    assert_eq!(joint(&stopped, "start-consumers", false), (vec![], false));
    // Not before the end of the downtime either.
    assert!(!joint(&stopped, "stop-mirror", true).1);
    let mirrored = [&stopped[..], &[("stop-mirror", true)]].concat();
    let (before, checks) = joint(&mirrored, "start-consumers", true);
    assert!(!before.contains(&"predecessor") && checks, "{before:?}");
    // Once the other one is begun there is nothing more to be asked of it.
    let begun = [&mirrored[..], &[("start-writers", false)]].concat();
    assert!(!joint(&begun, "start-consumers", true).1);
}

#[test]
fn in_a_joint_downtime_the_tripwires_of_both_tracks_hold_up_both() {
    let tripped = |joint: bool, tracks: &[Track]| {
        let mut s = three(|_| ());
        s.joint = joint;
        s.tracks = tracks.iter().copied().collect();
        let mut w = played(s, &[SHOP, "t=0 msrc.coll shop.orders 1\nt=20"]);
        let at = w.now.wall;
        for step in ["switch-producers", "stop-consumers", "stop-writers"] {
            w.facts.apply(claimed(step, at));
            w.facts.apply(finished(step, at));
        }
        let all = blockers(&ready(&mut w, "stop-mirror"));
        all.iter().any(|b| b.starts_with("tripwire: since stop-consumers was done"))
    };
    assert!(tripped(true, &[Track::Mongodb, Track::Kafka]));
    assert!(!tripped(false, &[Track::Mongodb, Track::Kafka]));
    assert!(!tripped(true, &[Track::Mongodb]));
}

#[test]
fn the_way_out_asks_what_can_be_told_before_the_downtime() {
    let mut w = played(mongo(), &["t=0 msrc.coll shop.orders 1\nt=20"]);
    let at = w.now.wall;
    for step in ["start-mirror", "switch-readers"] {
        w.facts.apply(claimed(step, at));
        w.facts.apply(finished(step, at));
    }
    let asked = |w: &mut World| {
        let a = ready(w, "stop-writers");
        let out = a.blockers.iter().filter(|f| f.code.as_str() == "way-out");
        out.map(|f| f.detail.as_deref().unwrap_or_default().split(':').next().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    let told = asked(&mut w);
    let (stop, start) = (playbook::step("stop-mirror").unwrap(), playbook::step("start-writers").unwrap());
    let outside = |s: &playbook::Step| {
        s.ready.iter().filter(|u| !u.downtime && !u.advisory).map(|u| u.check.id).collect::<Vec<_>>()
    };
    let may: Vec<&str> = outside(stop).into_iter().chain(outside(start)).collect();
    assert!(!told.is_empty() && told.iter().all(|c| may.contains(&c.as_str())), "{told:?} of {may:?}");
    w.facts.apply(claimed("stop-writers", at));
    assert_eq!(asked(&mut w), [""; 0], "it is open");
}

#[test]
fn a_step_of_which_nobody_can_look_whether_it_was_taken_is_not_begun_where_that_may_be_only_once() {
    let mut w = played(mongo(), &["t=0 msrc.coll shop.orders 1\nt=20 mdst.listed no\nt=30"]);
    let all = ready(&mut w, "start-mirror");
    let asked = |a: &Answer| {
        a.blockers
            .iter()
            .filter(|f| f.detail.as_deref().is_some_and(|d| d.starts_with("whether this was done already: ")))
            .count()
    };
    assert_eq!((asked(&all), all.verdict), (1, Verdict::Unknown), "{:?}", blockers(&all));
    assert!(all.blockers.iter().all(|f| f.at == Subject::Step("start-mirror")));
    w.play("t=31 mdst.listed yes\nt=40");
    assert_eq!(asked(&ready(&mut w, "start-mirror")), 0);
}

#[test]
fn the_probes_of_a_step_say_until_when_its_answer_may_be_believed() {
    let mut s = settings();
    s.probes.insert(
        "team".into(),
        super::services::probe(ProbeKind::Http, cutover_core::estate::Side::Source, &["switch-producers"]),
    );
    let mut w = played(s, &[SHOP, "t=12 probe.pass team\nt=20 probe.silent team\nt=22"]);
    // It was sampled at t=16 and the cluster at t=21.
    let now = w.now.mono;
    assert_eq!(ready(&mut w, "switch-producers").until - now, Dur::secs(9));
    assert_eq!(ready(&mut w, "switch-producers").verdict, Verdict::Go);
}

#[test]
fn a_step_that_waits_for_another_goes_on_once_that_has_been_followed() {
    let mut s = settings();
    s.tracks = BTreeSet::from([Track::Services, Track::Kafka]);
    s.after.insert("switch-producers".into(), vec!["deploy-services".into()]);
    let mut w = played(s, &[SHOP, "t=601"]);
    let at = w.now.wall;
    let why = |w: &mut World| {
        let all = ready(w, "switch-producers").blockers;
        all.iter().filter(|f| f.at == Subject::Step("deploy-services")).map(|f| f.code.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(why(&mut w), ["after"]);
    w.facts.apply(claimed("deploy-services", at));
    assert_eq!(why(&mut w), ["after"]);
    w.facts.apply(finished("deploy-services", at));
    w.play("t=605");
    assert_eq!(why(&mut w), ["undone"], "nobody runs at the destination");
    let mut begun = w.facts.clone();
    w.facts.apply(claimed("redirect-traffic", at));
    assert_eq!(why(&mut w), [""; 0], "it is measured until the next step of its track begins");
    begun.apply(claimed("switch-producers", at));
    w.facts = begun;
    assert_eq!(why(&mut w), [""; 0], "begun, nothing is asked for before it");
}

/// The traffic was sent to the destination, which a probe measures.
fn redirected(change: fn(&mut Settings)) -> World {
    let mut s = settings();
    s.tracks = BTreeSet::from([Track::Services, Track::Kafka]);
    s.skip.insert("deploy-services".into(), "they run there already".into());
    let share =
        super::services::probe(ProbeKind::Promql, cutover_core::estate::Side::Destination, &["redirect-traffic"]);
    s.probes.insert("share".into(), share);
    change(&mut s);
    let mut w = played(s, &["t=0 probe.pass share\nt=5"]);
    let at = w.now.wall;
    w.facts.apply(claimed("redirect-traffic", at));
    w.facts.apply(finished("redirect-traffic", at));
    w
}

#[test]
fn a_step_comes_undone_once_it_was_measured_false_for_a_minute() {
    let mut w = redirected(|_| ());
    // The first sample that was false was answered at 11.05 s.
    w.play("t=10 probe.fail share\nt=75");
    assert_eq!(life(&mut w, "redirect-traffic"), "done");
    w.play("t=76");
    assert_eq!(life(&mut w, "redirect-traffic"), "undone");
    assert_eq!(w.settle().board.step("redirect-traffic").unwrap().undone_total, 1);
}

#[test]
fn one_sample_that_is_true_begins_the_minute_anew_and_one_that_is_missing_does_not() {
    let mut w = redirected(|_| ());
    w.play("t=10 probe.fail share\nt=40 probe.pass share\nt=42 probe.fail share\nt=110");
    assert_eq!(life(&mut w, "redirect-traffic"), "done");
    w.play("t=111");
    assert_eq!(life(&mut w, "redirect-traffic"), "undone");
    let mut w = redirected(|_| ());
    w.play("t=10 probe.fail share\nt=40 probe.silent share\nt=50 probe.fail share\nt=76");
    assert_eq!(life(&mut w, "redirect-traffic"), "undone");
}

#[test]
fn what_is_false_now_and_cannot_be_measured_a_minute_later_does_not_undo_a_step() {
    let mut w = redirected(|_| ());
    w.play("t=10 probe.fail share\nt=75 probe.silent share\nt=120");
    assert_eq!(life(&mut w, "redirect-traffic"), "done");
}

#[test]
fn a_rehearsal_divides_the_minute() {
    let mut w = redirected(|s| s.faster = 6);
    w.play("t=10 probe.fail share\nt=25");
    assert_eq!(life(&mut w, "redirect-traffic"), "done");
    w.play("t=26");
    assert_eq!(life(&mut w, "redirect-traffic"), "undone");
}

#[test]
fn a_step_does_not_come_undone_once_the_next_one_is_begun_or_while_another_track_is_in_its_downtime() {
    for meanwhile in ["stop-source-services", "stop-consumers"] {
        let mut w = redirected(|_| ());
        let at = w.now.wall;
        w.facts.apply(claimed(meanwhile, at));
        w.play("t=10 probe.fail share\nt=100");
        assert_eq!(life(&mut w, "redirect-traffic"), "done", "{meanwhile}");
    }
    // A step without a way back stays done, whatever is measured.
    let mut w = played(settings(), &[SHOP, SWITCHED, "t=90\n", &writes(100, 200)]);
    assert_eq!(life(&mut w, "switch-producers"), "done");
}

#[test]
fn that_the_effect_of_a_step_was_seen_is_journaled_once() {
    let w = played(settings(), &[SHOP, SWITCHED, "t=60"]);
    let seen =
        |step: &str| w.journal.iter().filter(|f| matches!(f, Fact::EffectSeen { step: s, .. } if &**s == step)).count();
    assert_eq!((seen("switch-producers"), seen("stop-consumers")), (1, 0));
}

#[test]
fn a_word_that_would_shorten_nothing_is_not_offered() {
    let offered = |session: Dur, configured: Option<Dur>| {
        let mut s = settings();
        s.kafka.as_mut().unwrap().session_timeout = session;
        if let Some(d) = configured {
            s.dwell.insert(("stop-consumers".into(), "nobody-attached".into()), d);
        }
        let mut w = played(s, &[SHOP, SWITCHED, "t=90"]);
        let at = w.now.wall;
        w.facts.apply(claimed("stop-consumers", at));
        w.play("t=91 src.leave rtu; src.leave svt\nt=120");
        let of = done(&mut w, "stop-consumers").checks.into_iter().find(|c| c.check.id == "nobody-attached");
        of.and_then(|c| c.shorter).is_some()
    };
    assert!(offered(Dur::secs(45), None));
    assert!(offered(Dur(359_999), None));
    assert!(!offered(Dur::mins(6), None));
    assert!(!offered(Dur::secs(45), Some(Dur::mins(7))));
}

#[test]
fn a_claim_says_what_was_measured_and_its_reason_where_there_is_one() {
    let w = played(settings(), &[SHOP, "t=20 op begin switch-producers"]);
    let begun = w.journal.iter().find_map(|f| match f {
        Fact::Begun { how, evidence, .. } => Some((how.clone(), evidence.clone())),
        _ => None,
    });
    let (how, evidence) = begun.unwrap();
    assert_eq!(how, How::Claimed { author: "alice".into(), reason: Some("because".into()) });
    assert!(evidence.iter().any(|e| e.starts_with("destination-clean: ")), "{evidence:?}");
}

/// How often it was journaled which clusters the migration is about.
fn pinned(w: &World) -> usize {
    w.journal.iter().filter(|f| matches!(f, Fact::Cluster { .. })).count()
}

#[test]
fn the_claim_of_the_first_step_says_which_clusters_the_migration_is_about_and_no_other_does() {
    let mut w = played(settings(), &[SHOP, "t=20"]);
    assert_eq!(pinned(&w), 0);
    w.play(SWITCHED);
    assert_eq!(pinned(&w), 2);
    w.play("t=100 op begin stop-consumers\nt=110");
    assert!(w.facts.is_begun("stop-consumers"));
    assert_eq!(pinned(&w), 2);
}

#[test]
fn a_step_that_was_seen_to_begin_is_claimed_once_more_and_one_that_was_claimed_is_not() {
    let mut w = played(settings(), &[SHOP, "t=20 dst.end crm.ingestion/0 +1\nt=26"]);
    assert_eq!(life(&mut w, "switch-producers"), "begun");
    let starts = |w: &World| w.journal.iter().filter(|f| matches!(f, Fact::RecordedStart { .. })).count();
    let before = (starts(&w), pinned(&w));
    assert_eq!(answered(&mut w, "begin switch-producers"), "ok");
    assert_eq!((starts(&w), pinned(&w)), before, "what was frozen stays frozen");
    assert_eq!(answered(&mut w, "begin switch-producers"), "switch-producers is begun already");
}

#[test]
fn the_steps_of_a_track_are_counted_from_one() {
    let mut s = settings();
    s.tracks = BTreeSet::from([Track::Services, Track::Kafka]);
    let mut w = World::new(s);
    let places: Vec<usize> = w.settle().board.steps.iter().map(|s| s.position).collect();
    assert_eq!(places, [1, 2, 3, 4, 1, 2, 3, 4]);
}

#[test]
fn no_step_begins_by_its_effect_while_another_track_is_in_its_downtime() {
    let seen = |meanwhile: Option<&str>| {
        let s =
            Settings { tracks: BTreeSet::from([Track::Mongodb, Track::Kafka]), mongodb: Some(mongodb()), ..settings() };
        let mut w = played(s, &[SHOP, "t=20"]);
        let at = w.now.wall;
        w.facts.apply(Fact::WasGo { step: "switch-producers".into(), from: at, until: at });
        if let Some(step) = meanwhile {
            w.facts.apply(claimed(step, at));
        }
        w.play("t=20 dst.end crm.ingestion/0 +1\nt=26");
        life(&mut w, "switch-producers")
    };
    assert_eq!(seen(None), "begun");
    assert_eq!(seen(Some("start-mirror")), "begun", "which opens none");
    assert_eq!(seen(Some("stop-writers")), "pending");
}

#[test]
fn no_step_begins_by_its_effect_before_the_one_before_it_is_done() {
    let seen = |before_is_done: bool| {
        let mut w = played(settings(), &[SHOP, "t=20"]);
        let at = w.now.wall;
        for step in ["switch-producers", "stop-consumers"] {
            w.facts.apply(claimed(step, at));
            if before_is_done || step == "switch-producers" {
                w.facts.apply(finished(step, at));
            }
        }
        w.facts.apply(Fact::WasGo { step: "start-consumers".into(), from: at, until: at });
        w.play("t=20 dst.member rtu rtu-dst-0 crm.ingestion\nt=26");
        life(&mut w, "start-consumers")
    };
    assert_eq!(seen(true), "begun");
    assert_eq!(seen(false), "pending");
}

#[test]
fn an_answer_is_believed_no_longer_than_its_tripwires() {
    let mut w = played(settings(), &[SHOP, SWITCHED, STOPPED, "t=482 src.down\nt=487"]);
    let (a, now) = (ready(&mut w, "start-consumers"), w.now.mono);
    assert_eq!(a.verdict, Verdict::Go);
    // The source answered at t=481 last, the destination at t=486.
    assert_eq!(a.until - now, Dur::secs(9));
}

#[test]
fn a_tripwire_that_waits_says_how_long_and_which_word_shortens_it() {
    let mut w = played(settings(), &[SHOP, SWITCHED, "t=90"]);
    let at = w.now.wall;
    w.facts.apply(claimed("stop-consumers", at));
    w.facts.apply(finished("stop-consumers", at));
    w.play("t=91 src.leave rtu; src.leave svt\nt=120");
    let all = ready(&mut w, "start-consumers").blockers;
    let f = all.iter().find(|f| f.detail.as_deref().is_some_and(|d| d.starts_with("nobody-attached: "))).unwrap();
    // By the samples at t=91 and t=116.
    assert_eq!(f.wait, Some(Dur::mins(6) - Dur(19_900)));
    assert!(f.fix.as_deref().is_some_and(|f| f.contains("confirm scaled-to-zero kafka")), "{f:?}");
}

#[test]
fn what_opens_no_downtime_is_adopted_in_that_of_another_track() {
    let adopted = |joint: bool, step: &str| {
        let s = Settings {
            tracks: BTreeSet::from([Track::Mongodb, Track::Kafka]),
            mongodb: Some(mongodb()),
            joint,
            ..settings()
        };
        let shop = ["t=0 op hold", SHOP, "t=0 msrc.coll shop.orders 1\nt=20 dst.end crm.ingestion/0 +1\nt=90"];
        let mut w = played(s, &shop);
        let at = w.now.wall;
        w.facts.apply(claimed("stop-writers", at));
        if step == "stop-consumers" {
            w.facts.apply(claimed("switch-producers", at));
            w.facts.apply(finished("switch-producers", at));
        }
        answered(&mut w, &format!("adopt {step}"))
    };
    let refused = "the mongodb track is in its downtime: adopt stop-consumers when that is over";
    assert_eq!(adopted(false, "switch-producers"), "ok");
    assert_eq!(adopted(false, "stop-consumers"), refused);
    expect!["stop-consumers cannot be adopted, its done checks do not hold: nobody-attached: group rtu (source) is attached: member rtu-src-0 reads crm.ingestion"].assert_eq(&adopted(true, "stop-consumers"));
}

#[test]
fn a_step_that_was_seen_to_begin_is_not_withdrawn_while_its_effect_is_there() {
    let mut w = played(settings(), &[SHOP, "t=20 dst.end crm.ingestion/0 +1\n", &writes(26, 100)]);
    assert_eq!(life(&mut w, "switch-producers"), "begun");
    assert_eq!(
        answered(&mut w, "withdraw switch-producers"),
        "switch-producers cannot be rolled back, and its effect was seen"
    );
}

#[test]
fn for_how_long_nobody_was_attached_is_forgotten_when_the_clocks_jump_apart() {
    let mut w = played(settings(), &[SHOP, SWITCHED, "t=90 src.leave rtu; src.leave svt\nt=300"]);
    let dwelt = |w: &mut World| {
        let all = done(w, "stop-consumers").checks;
        all.into_iter().find(|c| c.check.id == "nobody-attached").map(|c| c.dwelt)
    };
    assert_eq!(dwelt(&mut w), Some(Dur(204_900)));
    w.play("t=301 sleep 60\nt=312");
    assert!(dwelt(&mut w).is_some_and(|d| d < Dur::secs(10)), "{:?}", dwelt(&mut w));
}

#[test]
fn the_two_questions_have_their_names() {
    assert_eq!((Gated::Ready.as_str(), Gated::Done.as_str()), ("ready", "done"));
}

#[test]
fn a_word_about_a_mirror_names_one_that_is_configured() {
    let mut w = played(mongo(), &["t=0 msrc.coll shop.orders 1\nt=20"]);
    assert_eq!(answered(&mut w, "confirm mirror-removed nobody"), "there is no mirror `nobody`; known: all");
    assert_eq!(answered(&mut w, "confirm mirror-removed all"), "ok");
}

#[test]
fn writers_that_are_connected_contradict_the_word_about_them_and_no_other() {
    let s = Settings { tracks: BTreeSet::from([Track::Mongodb, Track::Kafka]), mongodb: Some(mongodb()), ..settings() };
    let mut w = played(s, &[SHOP, "t=0 msrc.coll shop.orders 1; msrc.join svc-orders\nt=20"]);
    assert_eq!(answered(&mut w, "confirm scaled-to-zero kafka"), "ok");
    assert_eq!(answered(&mut w, "confirm requirement network"), "ok");
    assert_ne!(answered(&mut w, "confirm scaled-to-zero mongodb"), "ok");
    w.play("t=21 msrc.leave svc-orders\nt=30");
    assert_eq!(answered(&mut w, "confirm scaled-to-zero mongodb"), "ok");
}

#[test]
fn one_sample_that_does_not_tell_does_not_begin_the_minute_anew() {
    let mut s = settings();
    s.tracks = BTreeSet::from([Track::Services]);
    for step in ["deploy-services", "redirect-traffic", "stop-source-services"] {
        s.skip.insert(step.into(), "moved before".into());
    }
    let name = super::services::probe(ProbeKind::Dns, cutover_core::estate::Side::Destination, &["switch-dns"]);
    s.probes.insert("name".into(), name);
    let mut w = played(s, &["t=0 probe.names name new 60\nt=5"]);
    let at = w.now.wall;
    w.facts.apply(claimed("switch-dns", at));
    w.facts.apply(finished("switch-dns", at));
    let says = |w: &mut World| done(w, "switch-dns").checks[0].reading.is;
    // False from the sample at t=6 on: an old answer may be kept. A resolver does not answer at t=41.
    w.play("t=10 probe.names name old 60\nt=40 probe.names name new 60 half\nt=41");
    assert_eq!(says(&mut w), Tri::Unknown);
    w.play("t=42 probe.names name old 60\nt=70");
    assert_eq!((says(&mut w), life(&mut w, "switch-dns")), (Tri::No, "done"));
    w.play("t=71");
    assert_eq!(life(&mut w, "switch-dns"), "undone");
}

#[test]
fn a_word_that_shortens_a_wait_is_offered_only_while_that_is_waited_for() {
    let mut w = played(settings(), &[SHOP, SWITCHED, "t=90"]);
    let at = w.now.wall;
    w.facts.apply(claimed("stop-consumers", at));
    let offered = |w: &mut World| {
        let all = done(w, "stop-consumers").checks;
        all.into_iter().find(|c| c.check.id == "nobody-attached").and_then(|c| c.shorter).is_some()
    };
    assert!(!offered(&mut w), "somebody is attached");
    w.play("t=91 src.leave rtu; src.leave svt\nt=120");
    assert!(offered(&mut w));
    w.play("t=121 op confirm scaled-to-zero kafka\nt=127");
    assert!(!offered(&mut w), "it was said");
}

#[test]
fn how_long_a_probe_has_passed_is_forgotten_when_the_clocks_jump_apart() {
    let mut w = redirected(|_| ());
    let dwelt = |w: &mut World| done(w, "redirect-traffic").checks[0].dwelt;
    w.play("t=102");
    assert_eq!(dwelt(&mut w), Dur(99_950));
    // Asked for at t=106 and t=111: fifteen seconds have not passed since the sample at t=101.
    w.play("t=103 sleep 60\nt=112");
    assert_eq!(dwelt(&mut w), Dur(4_950));
}

/// The consumers are started at so many seconds although a person holds everything: that has to be adopted.
fn started_while_held(at: i64) -> World {
    let story = format!(
        "
        t=100 op begin stop-consumers
        t=102 src.leave rtu; src.leave svt
        t=110 op hold
        t={at} dst.member rtu rtu-dst-0 crm.ingestion; dst.member svt svt-dst-0 crm.pr-update
        t={at} dst.commit rtu crm.ingestion/0 =1; dst.commit rtu crm.ingestion/1 =1
        t=600 op confirm nothing-skipped rtu crm.ingestion; op confirm nothing-skipped svt crm.pr-update
    "
    );
    played(settings(), &[SHOP, SWITCHED, &story])
}

/// Where it attached is recorded with the adoption, so that nothing was measured before; that nobody was attached was.
#[test]
fn who_was_measured_to_be_away_a_moment_ago_is_not_adopted_as_having_been_there() {
    let mut w = started_while_held(592);
    w.play("t=612");
    expect!["start-consumers cannot be adopted, its done checks do not hold: redeployed: was false until 14 s ago, must not be for 1 min"].assert_eq(&answered(&mut w, "adopt start-consumers"));
    w.play("t=662");
    expect!["ok"].assert_eq(&answered(&mut w, "adopt start-consumers"));
}

#[test]
fn what_cannot_be_read_is_not_said_to_have_been_false() {
    let mut w = started_while_held(592);
    w.play("t=611 dst.unreadable rtu\nt=618");
    expect!["start-consumers cannot be adopted, its done checks do not hold: redeployed: group rtu on crm.ingestion (destination) does not answer in time: no answer in 4 s"].assert_eq(&answered(&mut w, "adopt start-consumers"));
}

/// A step that appears may be adopted while its readers catch up: they are waited for. One that is begun is waited for already.
#[test]
fn who_catches_up_is_adopted_once() {
    let mut w = started_while_held(500);
    w.play("t=605 dst.end crm.ingestion/0 =9\nt=612");
    w.facts.apply(claimed("start-consumers", w.now.wall));
    w.play("t=620 dst.end crm.ingestion/0 =12\nt=627");
    expect!["start-consumers cannot be adopted, its done checks do not hold: redeployed: group rtu on crm.ingestion partition 0 (destination) is at 1 committed, to reach 9 end when it attached"].assert_eq(&answered(&mut w, "adopt start-consumers"));
}

/// What was seen of a step that began since belongs to that: withdrawn, it begins anew.
#[test]
fn what_was_seen_before_a_step_was_begun_is_forgotten_with_its_withdrawal() {
    let mut w = played(
        Settings { tracks: BTreeSet::from([Track::Mongodb]), kafka: None, mongodb: Some(mongodb()), ..settings() },
        &["t=0 msrc.coll shop.orders 100; msrc.join crud-orders; msrc.join svc-orders
           t=1 msrc.write shop.orders
           t=10 mdst.coll shop.orders 1; mdst.join crud-orders
           t=20 mdst.leave crud-orders; mdst.listed no
           t=32"],
    );
    let told =
        |w: &mut World| ready(w, "start-mirror").blockers.iter().map(render::sentence).collect::<Vec<_>>().join("\n");
    expect![[r#"
        the effect of switch-readers was seen, and it was not go: client crud-orders (destination): on h1:27017; whether it still is cannot be told: MongoDB member h1:27017 (destination): the agent is not allowed to read it: not authorized on local
        start-mirror: the agent is not allowed to read it: whether this was done already: MongoDB member h1:27017 (destination): the agent is not allowed to read it: not authorized on local"#]].assert_eq(&told(&mut w));
    w.facts.apply(claimed("switch-readers", w.now.wall));
    w.play("t=45");
    w.facts.apply(Fact::Withdrawn {
        step: "switch-readers".into(),
        at: w.now.wall,
        author: "alice".into(),
        reason: "because".into(),
    });
    w.play("t=58");
    expect!["start-mirror: the agent is not allowed to read it: whether this was done already: MongoDB member h1:27017 (destination): the agent is not allowed to read it: not authorized on local"].assert_eq(&told(&mut w));
}

/// Everything is again as it must be before the step; but somebody said that it began, and it did.
#[test]
fn what_was_claimed_and_seen_is_not_withdrawn_because_it_could_be_begun_again() {
    let mut w = played(settings(), &[SHOP, SWITCHED, STOPPED]);
    w.play("t=481 op begin start-consumers\nt=485 dst.member rtu rtu-dst-0 crm.ingestion\nt=500 dst.leave rtu\nt=520");
    let ready = ready(&mut w, "start-consumers");
    let refusing: Vec<&str> =
        ready.checks.iter().filter(|c| !c.advisory && c.is != Tri::Yes).map(|c| c.check.id).collect();
    assert_eq!(refusing, Vec::<&str>::new());
    expect!["start-consumers cannot be rolled back, and its effect was seen"]
        .assert_eq(&answered(&mut w, "withdraw start-consumers"));
}

/// What is done stays done, whatever its checks say later, and is said to be.
#[test]
fn a_done_answer_is_said_to_be_go_whatever_its_checks_say() {
    let mut w = played(settings(), &[SHOP, SWITCHED, STOPPED]);
    w.play("t=481 op begin start-consumers\nt=483 dst.member rtu rtu-dst-0 crm.ingestion; dst.member svt svt-dst-0 crm.pr-update");
    w.play("t=491 dst.commit rtu crm.ingestion/0 =1; dst.commit rtu crm.ingestion/1 =1\nt=600 dst.leave rtu\nt=620");
    assert_eq!(life(&mut w, "start-consumers"), "done");
    let mut done = done(&mut w, "start-consumers");
    assert!(done.checks.iter().any(|c| c.is != Tri::Yes), "{done:?}");
    assert_eq!(render::answer(&done), "go");
    done.blockers.push(Finding::no(Code::Hold, Subject::Whole));
    assert_eq!(render::answer(&done), "go");
}

#[test]
fn whoever_answers_when_the_first_step_is_claimed_is_what_the_migration_is_about() {
    let mut w = played(settings(), &[SHOP, "t=19"]);
    let pinned = |w: &World| {
        let all = w.journal.iter().filter_map(|f| match f {
            Fact::Cluster { side, cluster } => Some(format!("{side} {cluster}")),
            _ => None,
        });
        all.collect::<Vec<_>>()
    };
    let before = pinned(&w).len();
    assert_eq!(answered(&mut w, "begin switch-producers"), "ok");
    assert_eq!(pinned(&w)[before..], ["source old", "destination new"]);
}
