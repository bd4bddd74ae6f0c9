//! A dwell is never short. Whenever a step is go or becomes done, what its checks said of the samples is looked up second
//! by second, as far back as they ask for: never false, never unknown for longer than a sample is believed. What counts
//! its own time (how long the producers, the writers or the destination have been silent) is held against when something
//! was last written, as the story told it.

use super::stories::{KAFKA, MONGODB, SERVICES, Story, Tale, Telling, told};
use super::world::stories;
use cutover_core::facts::How;
use cutover_core::gate::board::{Answer, Board, CheckBoard, Life, StepBoard, Verdict};
use cutover_core::playbook::{Dwell, Step, steps};
use cutover_core::reading::Tri;
use cutover_core::settings::Settings;
use cutover_core::time::Dur;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A sample is believed for three intervals.
const BELIEVED: usize = 15;
/// What was written so many seconds ago need not be in the newest sample that is believed.
const UNSEEN: i64 = 16;

/// What every check said of the newest samples, second by second.
#[derive(Default)]
struct Said(BTreeMap<&'static str, Vec<Tri>>);

impl Said {
    fn hear(&mut self, b: &Board, t: usize) {
        for c in b.steps.iter().flat_map(|s| s.ready.checks.iter().chain(&s.done.checks)) {
            let all = self.0.entry(c.check.key).or_default();
            if all.len() <= t {
                all.push(c.reading.is);
            }
        }
    }

    /// Why a check has not been true for as long as it must be, at second `t`.
    fn short(&self, c: &CheckBoard, t: usize) -> Option<String> {
        // A person's word rests on no sample.
        c.reading.basis?;
        let need = usize::try_from(c.need.0 / 1000).unwrap();
        let told = |why: String| Some(format!("{} needs {}, and {why}", c.check.key, c.need));
        let Some(from) = t.checked_sub(need) else { return told(format!("the story is {t} s old")) };
        let all = &self.0[c.check.key];
        if let Some(no) = (from..=t).rev().find(|i| all[*i] == Tri::No) {
            return told(format!("was false at t={no}"));
        }
        // Before the window as well: what is unknown at its start must have been true shortly before.
        let mut unknown = 0;
        for (i, is) in all[..=t].iter().enumerate().skip(from.saturating_sub(BELIEVED)) {
            unknown = if *is == Tri::Unknown { unknown + 1 } else { 0 };
            if i >= from && unknown > BELIEVED {
                return told(format!("was unknown for {unknown} s until t={i}"));
            }
        }
        None
    }
}

/// Of the required checks of an answer the first whose dwell is short, by what was said or by what is configured.
fn short(s: &Settings, said: &Said, step: &Step, a: &Answer, t: usize) -> Option<String> {
    let counts = a.checks.iter().filter(|c| !c.advisory && !c.left_out && c.is == Tri::Yes);
    counts.into_iter().find_map(|c| {
        let configured = s.dwell.get(&(step.id.into(), c.check.id.into())).copied().unwrap_or_default();
        let floor = match c.check.dwell {
            Dwell::For { floor, .. } if !step.way_back => floor,
            _ => Dur::ZERO,
        };
        let own = matches!(c.check.dwell, Dwell::None | Dwell::Own { .. });
        if !own && c.need < configured.max(floor) {
            return Some(format!("{} asks for {} only", c.check.key, c.need));
        }
        said.short(c, t)
    })
}

/// For how long, in seconds, nothing that begins like one of these was done; none where nothing ever was.
fn since(w: &Telling<'_>, what: &[&str]) -> Option<i64> {
    let mut heard = w.heard.iter().rev().filter(|(_, c)| what.iter().any(|w| c.starts_with(w)));
    heard.next().map(|(at, _)| (w.world.now.wall.0 - at) / 1000)
}

/// What was written too short a time ago for a step to be go, or a step to be done.
fn written(w: &Telling<'_>, step: &str, ready: bool) -> Option<String> {
    let too_young = |what: &[&str], need: i64| {
        let ago = since(w, what).filter(|ago| *ago > UNSEEN && *ago < need)?;
        Some(format!("{what:?} was {ago} s ago, must be {need} s"))
    };
    let source = ["msrc.write", "msrc.coll", "msrc.index", "msrc.drop"];
    let there = ["mdst.write", "mdst.coll", "mdst.index", "mdst.drop"];
    let blocked = since(w, &["msrc.block on"]).is_some();
    // With a witness that they are gone, silence may be shorter. Who is blocked writes nothing, whatever the story says.
    let witness = since(w, &["op confirm scaled-to-zero mongodb"]).is_some();
    let silence = || too_young(&source, if witness { 150 } else { 360 }).filter(|_| !blocked);
    match (step, ready) {
        ("stop-consumers", true) | ("switch-producers", false) => too_young(&["src.end crm.ingestion"], 60),
        ("stop-writers", false) => silence(),
        ("stop-mirror", true) => silence().or_else(|| too_young(&there, 35)),
        _ => None,
    }
}

/// Every dwell that can be configured on the tracks of a tale.
fn dwells(tale: &Tale) -> Vec<(&'static str, &'static str)> {
    let all = (tale.settings)().tracks.into_iter().flat_map(|t| steps(t).iter().copied());
    let uses = all.flat_map(|s| s.ready.iter().chain(s.done).map(move |u| (s.id, u.check)));
    uses.filter(|(_, c)| !matches!(c.dwell, Dwell::None | Dwell::Own { .. })).map(|(s, c)| (s, c.id)).collect()
}

fn longer(tale: &'static Tale) -> impl Strategy<Value = Vec<((&'static str, &'static str), i64)>> {
    prop::collection::vec((prop::sample::select(dwells(tale)), 0i64..200), 0..3)
}

/// It was done by what was measured, in this very second.
fn just_done(before: Option<&Board>, s: &StepBoard) -> bool {
    let was = before.and_then(|b| b.step(s.step.id)).is_some_and(|s| matches!(s.life, Life::Done(..)));
    matches!(&s.life, Life::Done(_, how) if !matches!(how, How::Adopted { .. })) && !was
}

/// The first dwell that was short, if there is one, and how many were looked up.
fn play(tale: &'static Tale, story: &Story, dwells: &[((&str, &str), i64)]) -> Result<(u64, u64), String> {
    let mut settings = (tale.settings)();
    for ((step, check), secs) in dwells {
        settings.dwell.insert(((*step).into(), (*check).into()), Dur::secs(*secs));
    }
    let mut w = Telling::new(settings.clone(), story);
    let (mut said, mut before) = (Said::default(), None);
    let (mut gos, mut dones) = (0, 0);
    for t in 0..tale.until + 300 {
        let b = w.on(t);
        let at = usize::try_from(t).unwrap();
        said.hear(&b, at);
        for s in &b.steps {
            let go = b.verdict(&s.ready, w.world.now) == Verdict::Go;
            let why = |ready, a| short(&settings, &said, s.step, a, at).or_else(|| written(&w, s.step.id, ready));
            if let Some(why) = go.then(|| why(true, &s.ready)).flatten() {
                return Err(format!("t={t} {} is go: {why}", s.step.id));
            }
            let done = just_done(before.as_ref(), s);
            if let Some(why) = done.then(|| why(false, &s.done)).flatten() {
                return Err(format!("t={t} {} is done: {why}", s.step.id));
            }
            gos += u64::from(go);
            dones += u64::from(done);
        }
        before = Some(b);
    }
    Ok((gos, dones))
}

fn check(tale: &'static Tale, story: &Story, dwells: &[((&str, &str), i64)]) -> Result<(), TestCaseError> {
    if let Err(e) = play(tale, story, dwells) {
        prop_assert!(false, "{e}\n{dwells:?}\n{}", told(story));
    }
    Ok(())
}

/// Or nothing was looked up.
#[test]
fn the_plain_stories_are_go_and_done_at_every_step() {
    for (tale, steps) in [(&KAFKA, 4), (&MONGODB, 5), (&SERVICES, 4)] {
        let (gos, dones) = play(tale, &tale.plain(), &[]).unwrap();
        assert!(gos > 100 && dones >= steps, "only {gos} seconds of go, {dones} steps done of {steps}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: stories(10), max_shrink_iters: 800, ..ProptestConfig::default() })]

    #[test]
    fn no_dwell_of_kafka_is_short(story in KAFKA.story(), longer in longer(&KAFKA)) {
        check(&KAFKA, &story, &longer)?;
    }

    #[test]
    fn no_dwell_of_mongodb_is_short(story in MONGODB.story(), longer in longer(&MONGODB)) {
        check(&MONGODB, &story, &longer)?;
    }

    #[test]
    fn no_dwell_of_the_services_is_short(story in SERVICES.story(), longer in longer(&SERVICES)) {
        check(&SERVICES, &story, &longer)?;
    }
}
