//! Properties of the gate over random timelines: information only ever helps, limits only ever hinder.

use super::world::{World, settings};
use cutover_core::gate::board::Verdict;
use cutover_core::reading::Tri;
use cutover_core::time::Dur;
use proptest::prelude::*;

const BASE: &str = "
    t=0 src.topic crm.ingestion 1; src.topic crm.pr-update 1; dst.topic crm.ingestion 1; dst.topic crm.pr-update 1
    t=0 src.member rtu rtu-src-0 crm.ingestion; src.member svt svt-src-0 crm.pr-update
    t=1 src.commit rtu crm.ingestion/0 =0; src.commit svt crm.pr-update/0 =0
    t=6 src.end crm.ingestion/0 +10; src.commit rtu crm.ingestion/0 =10
    t=20 op begin switch-producers
    t=21 dst.end crm.ingestion/0 +1; dst.commit rtu crm.ingestion/0 =0; dst.commit svt crm.pr-update/0 =0
    t=22 op confirm offsets-handled
";

const STEPS: [&str; 4] = ["switch-producers", "stop-consumers", "start-consumers", "retire-source"];

/// What may happen to the estate, and what a person may do.
pub(super) fn event() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "src.end crm.ingestion/0 +1",
        "src.commit rtu crm.ingestion/0 +1",
        "src.end crm.pr-update/0 +1",
        "src.commit svt crm.pr-update/0 +1",
        "src.leave rtu",
        "src.leave svt",
        "src.member rtu rtu-src-0 crm.ingestion",
        "src.member kip kip-src crm.pr-update 848",
        "src.down",
        "src.up",
        "dst.down",
        "dst.up",
        "dst.end crm.ingestion/0 +1",
        "dst.low crm.ingestion/0 +1",
        "dst.commit rtu crm.ingestion/0 +1",
        "dst.member rtu rtu-dst-0 crm.ingestion",
        "dst.leave rtu",
        "src.epoch crm.ingestion/0",
        "restart",
        "sleep 60",
        "op begin stop-consumers",
        "op begin start-consumers",
        "op withdraw stop-consumers",
        "op hold",
        "op release",
        "op confirm scaled-to-zero kafka",
    ])
}

/// A timeline: the base, then events a while apart.
fn timeline() -> impl Strategy<Value = (String, i64)> {
    prop::collection::vec((1i64..120, event()), 0..12).prop_map(|events| {
        let mut t = 23;
        let mut text = BASE.to_owned();
        for (pause, e) in events {
            t += pause;
            // Words about what is not there would end the test, not the agent.
            let known = !e.starts_with("dst.leave") || text.contains("dst.member rtu");
            let fits = !e.starts_with("dst.low") || text.matches("dst.end").count() > text.matches("dst.low").count();
            if known && fits {
                text.push_str(&format!("t={t} {e}\n"));
            }
        }
        (text, t)
    })
}

/// What takes information away, or lets nothing be seen.
fn loss() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "src.break crm.ingestion/0",
        "src.break crm.pr-update/0",
        "dst.break crm.ingestion/0",
        "src.hide",
        "dst.hide",
        "src.unlist",
        "dst.unlist",
        "src.unreadable rtu",
        "src.forget svt",
        "src.delete crm.pr-update",
    ])
}

fn play(text: &str, until: i64) -> World {
    let mut w = World::new(settings());
    w.play(text);
    w.advance_to(1_000_000 + until * 1000);
    w
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_go_rests_on_nothing_unknown((text, t) in timeline(), more in 0i64..400) {
        let mut w = play(&text, t + more);
        let board = w.settle().board;
        for s in &board.steps {
            if s.ready.verdict == Verdict::Go {
                prop_assert!(s.ready.checks.iter().all(|c| c.advisory || c.left_out || c.is == Tri::Yes), "{text}");
                prop_assert!(s.ready.blockers.iter().all(|f| f.is == Tri::Yes), "{text}");
                prop_assert!(s.ready.until > board.at.mono, "{text}");
            }
        }
    }

    #[test]
    fn taking_information_away_never_makes_it_go((text, t) in timeline(), what in loss(), more in 60i64..400) {
        let mut with = play(&text, t + more);
        let lost = format!("{text}t={} {what}\n", t + 1);
        let mut without = play(&lost, t + more);
        for step in STEPS {
            // Deleting the source's topics is what retire-source is for.
            if step == "retire-source" {
                continue;
            }
            if without.ready(step) == Verdict::Go {
                // With the information it may have come further than go: done.
                let board = with.settle().board;
                let ready = &board.step(step).unwrap().ready;
                let further = ready.settled.is_some() || ready.verdict == Verdict::Go;
                prop_assert!(further, "{} after {}:\n{}", step, what, text);
            }
        }
    }

    #[test]
    fn a_longer_dwell_never_makes_it_go((text, t) in timeline(), more in 0i64..400) {
        let mut longer = settings();
        longer.dwell.insert(("stop-consumers".into(), "drained".into()), Dur::secs(100));
        let mut strict = World::new(longer);
        strict.play(&text);
        strict.advance_to(1_000_000 + (t + more) * 1000);
        if strict.ready("stop-consumers") == Verdict::Go {
            prop_assert_eq!(play(&text, t + more).ready("stop-consumers"), Verdict::Go, "{}", text);
        }
    }
}
