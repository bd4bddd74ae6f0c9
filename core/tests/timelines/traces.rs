//! A request that is refused leaves no trace: whoever asks again and again is answered no sooner, and nobody else is.

use super::stories::{KAFKA, MONGODB, SERVICES, Story, Tale, Telling, told};
use super::world::stories;
use cutover_core::Name;
use cutover_core::gate::board::{Board, Verdict};
use cutover_core::time::Dur;
use proptest::prelude::*;

/// What every step answers, and for how long each check has been true.
fn said(b: &Board) -> Vec<(Name, Verdict, Verdict, Vec<Dur>)> {
    let dwelt = |s: &cutover_core::gate::board::StepBoard| {
        s.ready.checks.iter().chain(&s.done.checks).map(|c| c.dwelt).collect()
    };
    b.steps.iter().map(|s| (s.step.id.into(), s.ready.verdict, s.done.verdict, dwelt(s))).collect()
}

/// Tells a story to two agents, one of which is asked every second to adopt and to withdraw whatever can be; as long as
/// that is refused, both say the same.
fn play(tale: &'static Tale, story: &Story) -> Result<u64, String> {
    let settings = (tale.settings)();
    let (mut left_alone, mut asked) = (Telling::new(settings.clone(), story), Telling::new(settings, story));
    let mut refused = 0;
    for t in 0..tale.until + 420 {
        let (a, b) = (left_alone.on(t), asked.on(t));
        if said(&a) != said(&b) {
            return Err(format!("t={t}: {:?}\nasked: {:?}", said(&a), said(&b)));
        }
        let journaled = asked.world.journal.len();
        for s in &a.steps {
            for op in ["adopt", "withdraw"] {
                asked.world.play(&format!("t={t} op {op} {}", s.step.id));
                if asked.world.journal.len() > journaled {
                    return Ok(refused);
                }
                refused += 1;
            }
        }
    }
    Ok(refused)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: stories(6), max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_refused_request_leaves_no_trace(
        which in 0..3usize, kafka in KAFKA.story(), mongodb in MONGODB.story(), services in SERVICES.story()
    ) {
        let (tale, story) = [(&KAFKA, &kafka), (&MONGODB, &mongodb), (&SERVICES, &services)][which];
        match play(tale, story) {
            Ok(refused) => prop_assert!(refused > 0, "nothing was refused"),
            Err(e) => prop_assert!(false, "{e}\n{}", told(story)),
        }
    }
}
