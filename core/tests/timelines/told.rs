//! What is told where the check that says it is never the only one in the way.

use super::kafka::{SHOP, SWITCHED};
use super::world::{World, run, settings};
use cutover_core::render;
use expect_test::expect;

/// What is not there has no settings either.
#[test]
fn a_topic_that_is_missing_at_the_destination() {
    let shown = run(&[SHOP, "t=7 src.topic crm.sv-trigger 3\nt=20 show switch-producers all"].concat());
    expect![[r#"
        t=20 switch-producers pending no-go (missing-topic): topic crm.sv-trigger (destination) does not exist
            two-clusters go
            visible go
            topics-ready no-go
            retention-outlasts unknown
            destination-clean unknown
            producers-known go
            requirements unknown"#]]
    .assert_eq(&shown);
}

/// Nobody has joined, and a committed offset moves: whoever moves it reads with `assign()`.
#[test]
fn a_committed_offset_that_moves_without_a_member() {
    let shown = run(&[
        SHOP,
        SWITCHED,
        "
        t=100 op begin stop-consumers
        t=102 src.leave rtu; src.leave svt
        t=140 src.end crm.pr-update/0 +1
        t=145 src.commit svt crm.pr-update/0 =6
        t=147 show stop-consumers
        t=160 show stop-consumers
        ",
    ]
    .concat());
    expect![[r#"
        t=20 begin switch-producers: ok
        t=23 confirm offsets-handled: ok
        t=100 begin stop-consumers: ok
        t=147 stop-consumers begun no-go (dwelling): drained: true for 0 s, must be for 1 min
        t=147 stop-consumers done: no-go (advancing): group svt on crm.pr-update partition 0 (source) is being read: its committed offset moved: somebody reads it
        t=160 stop-consumers begun no-go (dwelling): drained: true for 9 s, must be for 1 min
        t=160 stop-consumers done: no-go (dwelling): nobody-attached: true for 4 s, must be for 6 min"#]].assert_eq(&shown);
}

#[test]
fn a_step_that_nobody_has_begun_is_not_done() {
    let mut w = World::new(settings());
    w.play(&[SHOP, "t=25"].concat());
    let board = w.settle().board;
    let said: Vec<String> = board.steps.iter().map(|s| format!("{}: {}", s.step.id, render::answer(&s.done))).collect();
    expect![[r#"
        switch-producers: no-go (not-begun): switch-producers is not begun
        stop-consumers: no-go (not-begun): stop-consumers is not begun
        start-consumers: no-go (not-begun): start-consumers is not begun
        retire-source: no-go (not-begun): retire-source is not begun"#]]
    .assert_eq(&said.join("\n"));
}
