//! What `lockstep.rs` and the timelines of `refused.rs` found: told here as plain as it can be.

use super::mongodb::{SHOP, mongo};
use super::world::World;
use cutover_core::gate::board::Verdict;

/// Somebody started the mirror while it was held back: its sessions are seen, journaled even, and the step is out of
/// order. Then its sessions cannot be listed any more, and the step is go. Started a second time it wipes what is there.
#[test]
fn a_mirror_that_was_seen_running_is_not_started_because_nobody_can_look() {
    let mut w = World::new(mongo());
    w.play(SHOP);
    w.play("t=2 op hold\nt=5 mirror.start; mirror.refuse\nt=12 op release\nt=14");
    assert_eq!(w.ready("start-mirror"), Verdict::NoGo);
    w.play("t=20 msrc.listed no; mdst.listed no\nt=60");
    assert_ne!(w.ready("start-mirror"), Verdict::Go);
}
