//! Boards of whole migrations, for the page.

use super::world::{answer, check, no, published};
use crate::agent::Published;
use cutover_core::estate::Target;
use cutover_core::facts::How;
use cutover_core::gate::board::{Answer, Life, StepBoard, TrackBoard, Verdict};
use cutover_core::measures::TargetMeasures;
use cutover_core::playbook;
use cutover_core::reading::{Code, Finding, Reading, Subject};
use cutover_core::settings::{Relaxation, Settings, Track};
use cutover_core::time::{Dur, Now};
use std::sync::Arc;

/// Every step of every track with all its checks, not measured yet.
pub(super) fn estate(now: Now) -> Published {
    let mut p = published(now);
    let unmeasured = |s: &'static playbook::Step, uses: &'static [playbook::Use]| {
        let gap = |id: &str| Finding::unknown(Code::NeverSampled, Subject::Thing(format!("what {id} reads").into()));
        uses.iter().map(|u| check(s.id, u.check.id, no(gap(u.check.id), now), now)).collect::<Vec<_>>()
    };
    let tracks = [Track::Services, Track::Mongodb, Track::Kafka];
    p.board.tracks = tracks.map(|track| TrackBoard { track, downtime: None }).to_vec();
    let steps = tracks.iter().flat_map(|t| playbook::steps(*t).iter().enumerate());
    p.board.steps = steps
        .map(|(i, s)| {
            let before = i.checked_sub(1).map(|b| playbook::steps(s.track)[b].id);
            let waits = before.map(|b| Finding::no(Code::Predecessor, Subject::Step(b)).detail("pending"));
            let verdict = if waits.is_some() { Verdict::NoGo } else { Verdict::Unknown };
            let blockers = waits.into_iter().collect();
            StepBoard {
                step: s,
                position: i + 1,
                life: Life::Pending,
                undone_total: 0,
                ready: Answer { blockers, checks: unmeasured(s, s.ready), ..answer(verdict, now) },
                done: Answer {
                    blockers: vec![Finding::no(Code::NotBegun, Subject::Step(s.id))],
                    checks: unmeasured(s, s.done),
                    ..answer(Verdict::NoGo, now)
                },
                adoptable: false,
            }
        })
        .collect();
    p
}

/// The worst night there could be: one of everything.
pub(super) fn night(now: Now) -> Published {
    let mut p = estate(now);
    let middle = published(now);
    for s in middle.board.steps {
        if let Some(at) = p.board.steps.iter().position(|o| o.step.id == s.step.id) {
            p.board.steps[at] = s;
        }
    }
    p.board.tracks[1].downtime = Some(now.wall - Dur::mins(34));
    let claimed = || How::Claimed { author: "alice".into(), reason: Some("the window is open".into()) };
    for s in &mut p.board.steps {
        let since = now.wall - Dur::mins(34);
        match s.step.id {
            "start-mirror" | "switch-readers" => {
                s.life = Life::Done(since, claimed());
                s.ready.settled = Some(Code::AlreadyDone);
            }
            "stop-writers" => s.life = Life::Begun(since, claimed()),
            "stop-mirror" => s.adoptable = true,
            "deploy-services" => s.life = Life::Skipped("the platform team does it".into()),
            "redirect-traffic" => (s.life, s.undone_total) = (Life::Undone(since), 2),
            "switch-dns" => s.life = Life::OutOfOrder,
            "start-consumers" => {
                let hold = Finding::no(Code::Hold, Subject::Thing("bob".into())).detail("<b>lunch</b>\u{202e}");
                s.ready.blockers.push(hold.fix("cutover-agent release --reason …"));
                s.ready.verdict = Verdict::NoGo;
                let word = Finding::yes(Code::Confirmed, Subject::Thing("offsets-handled".into())).detail("alice");
                s.ready.checks[0].reading = Arc::new(Reading::of(word, None));
            }
            _ => {}
        }
    }
    let mut settings = Settings { faster: 10, attempt: 2, ..(*p.settings).clone() };
    settings.relaxations.push(Relaxation {
        path: "kafka.unread.<script>alert(1)</script>".into(),
        reason: "\"><img src=x onerror=alert(2)>".into(),
        tracks: vec![],
    });
    p.settings = Arc::new(settings);
    p.simulated = true;
    p.measures.targets.insert(Target::Mirror("all&<all>".into()), TargetMeasures::default());
    p
}

/// The MongoDB track is over, and a writer is back on the source.
pub(super) fn over(now: Now) -> Published {
    let mut p = estate(now);
    p.board.steps.retain(|s| s.step.track == Track::Mongodb);
    p.board.tracks.retain(|t| t.track == Track::Mongodb);
    for s in &mut p.board.steps {
        s.life = Life::Done(now.wall - Dur::mins(34), How::Claimed { author: "alice".into(), reason: None });
        s.ready.settled = Some(Code::AlreadyDone);
        s.ready.verdict = Verdict::NoGo;
        let back =
            Finding::no(Code::Tripwire, Subject::Step("stop-mirror")).detail("writers-stay-away: client svc-orders");
        let late = matches!(s.step.id, "stop-mirror" | "start-writers");
        s.done = Answer {
            took_effect: true,
            blockers: if late { vec![back.fix("stop svc-orders")] } else { vec![] },
            checks: s.done.checks.clone(),
            ..answer(if late { Verdict::NoGo } else { Verdict::Go }, now)
        };
    }
    p
}
