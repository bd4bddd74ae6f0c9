//! Truth against answer on the MongoDB track: random things happen around a whole migration, and whenever a step that is
//! not begun is go, the estate itself is asked whether that is safe. What "safe" means here is written from the state of
//! the estate, without a look at samples, facts or checks.
//!
//! A sample may be three intervals old, so only what has been unsafe for that long (and the second in which it is asked)
//! counts against a go.

use super::mongo::mongodb;
use super::world::{World, settings, stories};
use cutover_core::gate::board::Verdict;
use cutover_core::settings::{Settings, Track};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// A whole migration: (second, what is done). `go` waits for nothing: the operator tries again and again.
pub(super) const MIGRATION: &[(i64, &str)] = &[
    (0, "msrc.coll shop.orders 100; msrc.coll shop.customers 10; msrc.join crud-orders; msrc.join svc-orders"),
    (1, "msrc.write shop.orders"),
    (10, "op begin start-mirror"),
    (11, "mirror.start"),
    (12, "mdst.coll shop.orders 100; mdst.coll shop.customers 10; mdst.block on"),
    (20, "mirror.follow"),
    (130, "op begin switch-readers"),
    (131, "msrc.leave crud-orders; mdst.join crud-orders-dst"),
    (300, "op begin stop-writers"),
    (301, "msrc.leave svc-orders"),
    (760, "op begin stop-mirror"),
    (761, "mirror.gone"),
    (1180, "mdst.block off"),
    (1200, "op begin start-writers"),
    (1201, "mdst.join svc-orders-dst; mdst.write shop.orders"),
];

pub(super) fn noise() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "msrc.write shop.orders",
        "msrc.write shop.customers",
        "msrc.write shop.orders; msrc.write shop.orders",
        "msrc.join svc-orders",
        "msrc.leave svc-orders",
        "msrc.join svc-flaky; msrc.write shop.orders",
        "msrc.leave svc-flaky",
        "msrc.txn 1",
        "msrc.txn 0",
        "msrc.block on",
        "msrc.block off",
        "msrc.election",
        "msrc.down",
        "msrc.up",
        "mdst.down",
        "mdst.up",
        "msrc.listed no",
        "msrc.listed yes",
        "msrc.oplog no",
        "msrc.oplog yes",
        "msrc.committed no",
        "msrc.committed yes",
        "mdst.write shop.orders",
        "mdst.count shop.orders 99; mdst.write shop.orders",
        "mdst.count shop.orders 100; mdst.write shop.orders",
        "mdst.index shop.orders extra",
        "msrc.index shop.orders extra",
        "mdst.block on",
        "mdst.block off",
        "mdst.build shop.orders",
        "mdst.built",
        "mirror.stick",
        "mirror.follow",
        "mirror.hold-back 1",
        "mirror.hold-back 0",
        "mirror.error it broke",
        "mirror.mended",
        "mirror.refuse",
        "mirror.answer",
        "mirror.anew",
        "mirror.start",
        "mirror.gone",
        "mirror.sessions no",
        "restart",
        "amnesia",
        "sleep 60",
        "op begin start-mirror",
        "op begin switch-readers",
        "op begin stop-writers",
        "op begin stop-mirror",
        "op begin start-writers",
        "op confirm scaled-to-zero mongodb",
        "op confirm mirror-removed all",
        "op confirm source-fenced",
        "op adopt start-mirror",
        "op adopt switch-readers",
        "op adopt stop-writers",
        "op adopt stop-mirror",
        "op withdraw stop-writers",
        "op withdraw switch-readers",
    ])
}

fn story() -> impl Strategy<Value = Vec<(i64, &'static str)>> {
    let noise = prop::collection::vec((1i64..1400, noise()), 0..14);
    let left_out = prop::collection::vec(0..MIGRATION.len(), 0..2);
    let late = prop::collection::vec(0i64..90, MIGRATION.len());
    (noise, left_out, late).prop_map(|(noise, left_out, late)| {
        let mut shift = 0;
        let mut all: Vec<(i64, &str)> = Vec::new();
        for (i, (t, what)) in MIGRATION.iter().enumerate() {
            // Steps come later and later; what follows keeps its distance.
            if what.starts_with("op ") {
                shift += late[i];
            }
            // The first line makes the estate.
            if i == 0 || !left_out.contains(&i) {
                all.push((t + shift, *what));
            }
        }
        all.extend(noise);
        all.sort_by_key(|(t, _)| *t);
        all
    })
}

/// For how long a hazard may be there before it counts: three intervals, and the second of the question.
const BELIEVED: i64 = 16;

pub(super) fn told(story: &[(i64, &str)]) -> String {
    story.iter().map(|(t, what)| format!("t={t} {what}\n")).collect()
}

fn whole() -> Settings {
    Settings { tracks: BTreeSet::from([Track::Mongodb]), kafka: None, mongodb: Some(mongodb()), ..settings() }
}

/// Plays a story second by second; the first false go, if there is one, and how many gos were looked at.
fn play(story: &[(i64, &str)]) -> Result<u64, String> {
    let mut w = World::new(whole());
    let mut since: BTreeMap<(&str, String), i64> = BTreeMap::new();
    let mut gos = 0;
    let end = story.last().map_or(0, |(t, _)| *t) + 120;
    let mut next = 0;
    for t in 0..end {
        w.advance_to(1_000_000 + t * 1000);
        while let Some((at, what)) = story.get(next).filter(|(at, _)| *at <= t) {
            w.play(&format!("t={at} {what}").replace(&format!("t={at}"), &format!("t={t}")));
            next += 1;
        }
        let board = w.settle().board;
        for s in &board.steps {
            let hazards = w.mongo_hazards(s.step.id);
            since.retain(|(step, h), _| *step != s.step.id || hazards.contains(h));
            for h in hazards {
                since.entry((s.step.id, h)).or_insert(t);
            }
            let pending = matches!(s.life.as_str(), "pending" | "out-of-order");
            if pending && board.verdict(&s.ready, w.now) == Verdict::Go {
                gos += 1;
                let old = since.iter().find(|((step, _), from)| *step == s.step.id && t - **from > BELIEVED);
                if let Some(((_, hazard), from)) = old {
                    return Err(format!("t={t} {} is go, but since t={from}: {hazard}", s.step.id));
                }
            }
        }
    }
    Ok(gos)
}

#[test]
fn the_plain_story_is_go_at_every_step() {
    let gos = play(MIGRATION).unwrap();
    assert!(gos > 5 * 20, "only {gos} seconds of go");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: stories(150), max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn no_go_while_the_estate_is_not_safe(story in story()) {
        // Shrunk stories are told in lines that can be pasted into a timeline.
        if let Err(e) = play(&story) {
            prop_assert!(false, "{e}\n{}", told(&story));
        }
    }
}
