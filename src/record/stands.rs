//! What an agent answers about a step, as far as a recording keeps it: words a pipeline could act on, no numbers.

use cutover_core::gate::board::{Answer, Board, StepBoard, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is answered about a step.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Stands {
    /// Which one.
    pub(crate) step: String,
    /// Where it is in its life.
    life: String,
    /// Safe to start?
    ready: Said,
    /// Took effect?
    done: Said,
}

/// What a question about a step is answered with.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Said {
    /// Go, no-go or unknown.
    verdict: String,
    /// Why not: the codes of everything in the way, in their order; those of a check behind its name.
    codes: Vec<String>,
}

impl Said {
    fn of(a: &Answer) -> Said {
        // A settled one is refused whatever its checks say later.
        let codes = match a.settled {
            Some(code) => vec![code.as_str().to_owned()],
            None if a.verdict == Verdict::Go => Vec::new(),
            None => {
                let blockers = a.blockers.iter().filter(|f| f.is != cutover_core::reading::Tri::Yes);
                let blockers = blockers.map(|f| f.code.as_str().to_owned());
                let checks = a.missing().map(|c| format!("{}/{}", c.check.id, c.chief().code.as_str()));
                blockers.chain(checks).collect()
            }
        };
        Said { verdict: a.verdict.as_str().to_owned(), codes }
    }

    fn shown(&self) -> String {
        match self.codes.as_slice() {
            [] => self.verdict.clone(),
            codes => format!("{} ({})", self.verdict, codes.join(", ")),
        }
    }
}

impl Stands {
    /// What a board says of a step.
    pub(crate) fn of(s: &StepBoard) -> Stands {
        Stands {
            step: s.step.id.to_owned(),
            life: s.life.as_str().to_owned(),
            ready: Said::of(&s.ready),
            done: Said::of(&s.done),
        }
    }

    /// It was begun, whether or not as it should have been.
    pub(crate) fn begun(&self) -> bool {
        !["pending", "skipped"].contains(&self.life.as_str())
    }

    /// Two answers about a step in words, as far as they are not the same.
    pub(crate) fn apart(a: Option<&Stands>, b: Option<&Stands>) -> (String, String) {
        let say = |it: Option<&Stands>, other: Option<&Stands>| {
            let Some(it) = it else { return "nothing".to_owned() };
            let mut parts = Vec::new();
            if other.is_none_or(|o| o.life != it.life) {
                parts.push(it.life.clone());
            }
            if other.is_none_or(|o| o.ready != it.ready) {
                parts.push(format!("ready {}", it.ready.shown()));
            }
            if other.is_none_or(|o| o.done != it.done) {
                parts.push(format!("done {}", it.done.shown()));
            }
            parts.join(", ")
        };
        (say(a, b), say(b, a))
    }
}

/// What a board says of each step.
pub(crate) type Standing = BTreeMap<String, Stands>;

/// What a board says of each step.
pub(crate) fn standing(board: &Board) -> Standing {
    board.steps.iter().map(|s| (s.step.id.to_owned(), Stands::of(s))).collect()
}
