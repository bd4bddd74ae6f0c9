//! What the readings show already, before any night: what no waiting mends. The real gate judges one reading of each
//! target with nothing begun, and only what the configuration or the servers would have to be changed for is told.

use super::{Row, Taken};
use crate::clock;
use cutover_core::estate::{Estate, Sample};

use cutover_core::facts::Facts;
use cutover_core::gate::Gate;
use cutover_core::gate::board::{Board, Life};
use cutover_core::reading::{Code, Tri};
use cutover_core::render;
use cutover_core::settings::Settings;
use cutover_core::time::Span;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What is not there by itself one day.
const LASTING: [Code; 17] = [
    Code::NotMeasured,
    Code::NotBuilt,
    Code::MissingTopic,
    Code::PartitionsDiffer,
    Code::ConfigDiffers,
    Code::RetentionShort,
    Code::NeverExpires,
    Code::NotRead,
    Code::Undeclared,
    Code::Unclassified,
    Code::UnsupportedVersion,
    Code::NotCovered,
    Code::CoveredTwice,
    Code::NotMirrorable,
    Code::WindowShort,
    Code::UnmatchedClient,
    Code::NoWriterRules,
];
/// Rounds of facts: what is seen first is a fact before anything is concluded from it.
const ROUNDS: usize = 16;

/// What would hold up a step, a row for each check, at the first step that asks it.
pub(super) fn rows(settings: &Settings, taken: Taken) -> Vec<Row> {
    let mut told = BTreeSet::new();
    let mut rows = Vec::new();
    for s in board(settings, taken).steps.iter().filter(|s| !matches!(s.life, Life::Skipped(_))) {
        for c in s.ready.checks.iter().chain(&s.done.checks).filter(|c| !c.advisory) {
            let lasting = |is: Tri, code: Code| is != Tri::Yes && LASTING.contains(&code);
            let Some(f) = c.reading.worst.iter().find(|f| lasting(f.is, f.code)) else { continue };
            if !told.insert(c.check.id) {
                continue;
            }
            let more = c.reading.worst.iter().filter(|f| lasting(f.is, f.code)).count() - 1;
            let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
            rows.push(Row {
                target: format!("step/{}", s.step.id),
                capability: c.check.id,
                needed_by: s.step.id.into(),
                ok: false,
                required: false,
                found: format!("{} ({}){more}", render::sentence(f), f.code.as_str()),
                fix: f.fix.as_ref().map(ToString::to_string),
                passes: None,
            });
        }
    }
    rows
}

fn board(settings: &Settings, taken: Taken) -> Board {
    let (mut gate, mut estate, mut facts) = (Gate::new(Arc::new(settings.clone())), Estate::new(), Facts::default());
    let now = clock::now();
    estate.tick(now);
    // However long it took to read them all, they are taken to be of this instant: nothing is decided here.
    let span = Span { sent: now.mono, received: now.mono };
    for (target, content) in taken {
        estate.apply(Sample { target, span, outcome: Ok(content) }, now);
    }
    let mut turn = gate.evaluate(&estate, &facts, now);
    for _ in 1..ROUNDS {
        if turn.facts.is_empty() {
            break;
        }
        turn.facts.into_iter().for_each(|f| facts.apply(f));
        turn = gate.evaluate(&estate, &facts, now);
    }
    turn.board
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two clusters and nothing read of them: only what the configuration itself leaves out is told, once.
    #[test]
    fn what_nothing_will_measure_is_told_before_anything_is_read() {
        let dir = tempfile::tempdir().unwrap();
        for side in ["a", "b"] {
            std::fs::write(dir.path().join(side), format!("bootstrap.servers={side}.example:9092")).unwrap();
        }
        let file = dir.path().join("c.yaml");
        let at = |side: &str| dir.path().join(side).display().to_string();
        let text = format!(
            "migration: shop\nscope: shop\nkafka:\n  source: {{ properties_file: {} }}\n  destination: {{ \
             properties_file: {} }}\nidentity: {{ destination: {{ kafka: {{ client_id: \"{{service}}-dst-*\" }} }} }}\n",
            at("a"),
            at("b")
        );
        std::fs::write(&file, text).unwrap();
        let config = crate::config::load(&[file], &std::collections::BTreeMap::new()).unwrap_or_else(|e| panic!("{e}"));
        let rows = rows(&config.settings, Taken::new());
        let told: Vec<_> = rows.iter().map(|r| (r.target.as_str(), r.capability, r.required)).collect();
        assert_eq!(
            told,
            [("step/redirect-traffic", "traffic-moved", false), ("step/start-consumers", "offset-assumptions", false),]
        );
        assert!(rows[0].found.ends_with("(not-measured)") && rows[0].fix.is_some(), "{:?}", rows[0]);
    }
}
