//! The gate at its edges: for how long something counts, when exactly a step begins, is done or comes undone, and what an
//! answer still judges.

use super::kafka::{SHOP, SWITCHED};
use super::mongo::mongodb;
use super::mongodb::mongo;
use super::world::{World, settings};
use cutover_core::estate::mongodb::Ts;
use cutover_core::facts::{Fact, How, LogKey};
use cutover_core::gate::board::{Answer, Life, Verdict};
use cutover_core::gate::ops::taken;
use cutover_core::reading::{Finding, Tri};
use cutover_core::render;
use cutover_core::settings::*;
use cutover_core::time::{DRIFT, Dur, Now, Wall};
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
    let mut w = played(settings(), &[SHOP, "t=20 sleep -3600\nt=90"]);
    let until: Vec<i64> = was_go(&w, "switch-producers").into_iter().map(|(_, until)| until).collect();
    assert_eq!(until[0], 1);
    assert!(until.len() > 1 && until[1..].iter().all(|u| *u < -3400), "{until:?}");
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
