//! Every use of a check was seen to refuse, and every code was told. Who adds a check or a code without a timeline fails
//! here.
//!
//! What refused is asked of the timelines in `refused_*.rs`. What was told is read from them and from the text that the
//! other timelines compare with, so that this does not depend on which of them have run already.

use super::{refused, refused_kafka, refused_mongodb, refused_services};
use cutover_core::gate::board::Verdict;
use cutover_core::playbook::all_steps;
use cutover_core::reading::Code;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Codes that no answer of the core gives, each with the reason.
const NEVER_TOLD: &[(Code, &str)] = &[
    (Code::Journal, "said by the server, which writes the journal; the core only knows facts that are written"),
    (Code::Expired, "said by the server of a board that is too old; the core only judges new ones"),
    (Code::Seen, "of a sighting, which begins a step or says why it is out of order; no check asks for it"),
];

fn refused() -> impl Iterator<Item = &'static refused::Told> {
    [&refused_kafka::TOLD, &refused_mongodb::TOLD, &refused_services::TOLD].into_iter().flat_map(|t| t.iter())
}

#[test]
fn every_use_of_a_check_was_seen_refusing() {
    let seen: BTreeSet<(&str, &str, &str)> = refused().map(|t| (t.step, t.on, t.check)).collect();
    let mut uses = Vec::new();
    for s in all_steps() {
        uses.extend(s.ready.iter().map(|u| (s.id, "ready", u.check.id)));
        uses.extend(s.done.iter().map(|u| (s.id, "done", u.check.id)));
        // A tripwire holds up a later step.
        let later = || all_steps().skip_while(|o| o.id != s.id).skip(1).filter(|o| o.track == s.track);
        for t in s.tripwires {
            if !later().any(|o| seen.contains(&(o.id, "tripwire", t.check.id))) {
                uses.push((s.id, "tripwire", t.check.id));
            }
        }
    }
    let missing: Vec<_> = uses.into_iter().filter(|u| !seen.contains(u)).collect();
    assert!(missing.is_empty(), "nothing shows these refusing by themselves (see refused.rs): {missing:#?}");
}

/// The codes in a line of what a timeline shows: `no-go (draining): …`.
fn codes(line: &str, known: &mut BTreeSet<&'static str>) {
    for verdict in Verdict::ALL {
        for (at, _) in line.match_indices(&format!("{} (", verdict.as_str())) {
            let rest = &line[at + verdict.as_str().len() + 2..];
            let told = Code::ALL
                .iter()
                .map(|(c, _)| c.as_str())
                .find(|c| rest.strip_prefix(c).is_some_and(|rest| rest.starts_with("): ")));
            known.extend(told);
        }
    }
}

#[test]
fn every_code_was_told() {
    let mut told: BTreeSet<&str> = refused().map(|t| t.code.as_str()).collect();
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/timelines");
    for file in fs::read_dir(here).unwrap().map(|f| f.unwrap().path()) {
        let text = fs::read_to_string(&file).unwrap();
        // What a comment says is compared with nothing.
        text.lines().filter(|l| !l.trim_start().starts_with("//")).for_each(|l| codes(l, &mut told));
    }
    let excused: BTreeSet<&str> = NEVER_TOLD.iter().map(|(c, _)| c.as_str()).collect();
    let missing: Vec<&str> =
        Code::ALL.iter().map(|(c, _)| c.as_str()).filter(|c| !told.contains(c) && !excused.contains(c)).collect();
    assert!(missing.is_empty(), "no timeline tells: {missing:?}");
    let wrongly: Vec<&&str> = excused.iter().filter(|c| told.contains(*c)).collect();
    assert!(wrongly.is_empty(), "said to be told by nothing, and told: {wrongly:?}");
}

/// Not every migration has readers to switch, nor services to move; everything else is in each.
#[test]
fn what_may_be_skipped_is_the_readers_and_each_step_of_the_services() {
    use cutover_core::settings::Track;
    let may = |track: Track| all_steps().filter(move |s| s.track == track && s.skippable).map(|s| s.id);
    assert_eq!(may(Track::Mongodb).collect::<Vec<_>>(), ["switch-readers"]);
    assert_eq!(may(Track::Kafka).count(), 0);
    let of_services = all_steps().filter(|s| s.track == Track::Services).count();
    assert_eq!((may(Track::Services).count(), of_services), (4, 4));
}

/// What is done comes undone where its effect can go again; what cannot be taken back has no way back, whatever its checks say.
#[test]
fn what_may_come_undone_is_told_apart_from_what_stays_done() {
    let comes_undone: Vec<&str> = all_steps().filter(|s| s.way_back).map(|s| s.id).collect();
    expect_test::expect![
        "deploy-services redirect-traffic stop-source-services switch-dns start-mirror switch-readers stop-writers"
    ]
    .assert_eq(&comes_undone.join(" "));
}
