//! The evidence of a step, for its fold-out.

use crate::serve::json::when;
use cutover_core::gate::board::{Answer, CheckBoard, Verdict};
use cutover_core::hint;
use cutover_core::reading::{Code, Finding, Tri};
use cutover_core::render;
use cutover_core::time::{Dur, Wall};

/// A verdict as word, shape and colour; the last two follow from the word.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) struct Mark(pub(super) &'static str);

impl Mark {
    /// The word, as people shout it.
    pub(super) fn word(self) -> String {
        self.0.replace('-', "\u{2011}").to_uppercase()
    }
}

impl From<Verdict> for Mark {
    fn from(v: Verdict) -> Mark {
        Mark(v.as_str())
    }
}

impl From<Tri> for Mark {
    fn from(t: Tri) -> Mark {
        Verdict::from(t).into()
    }
}

/// Something found, with what mends it.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) mark: Mark,
    pub(super) code: &'static str,
    pub(super) said: String,
    pub(super) fix: Option<String>,
}

/// A check.
#[derive(Debug)]
pub(super) struct Check {
    pub(super) id: &'static str,
    pub(super) asks: &'static str,
    pub(super) mark: Mark,
    pub(super) advisory: bool,
    pub(super) left_out: bool,
    pub(super) observed: Option<String>,
    pub(super) limit: Option<String>,
    /// For how long it has been true, and must be, in milliseconds and in words.
    pub(super) dwell: Option<Dwell>,
    pub(super) age: Option<String>,
    pub(super) found: Vec<Found>,
    pub(super) more: usize,
}

/// How far a dwell has come.
#[derive(Debug)]
pub(super) struct Dwell {
    pub(super) done: i64,
    pub(super) need: i64,
    pub(super) said: String,
}

/// Every check of an answer. `since` is how long ago it was judged: ages are told as of now.
pub(super) fn checks(answer: &Answer, since: Dur, at: Wall) -> Vec<Check> {
    answer.checks.iter().map(|c| check(c, answer.judges(c), since, at)).collect()
}

/// What stands in the way besides the checks.
pub(super) fn blockers(answer: &Answer) -> Vec<Found> {
    answer.blockers.iter().filter(|f| f.is != Tri::Yes).map(found).collect()
}

/// A check; how to mend it only where it is judged.
fn check(c: &CheckBoard, judged: bool, since: Dur, at: Wall) -> Check {
    let chief = c.chief();
    let found = |f: &Finding| {
        let told = found(f);
        Found { fix: told.fix.filter(|_| judged), ..told }
    };
    let dwelling = chief.code == Code::Dwelling;
    let shown = |q: Option<&cutover_core::reading::Qty>| q.filter(|_| !dwelling).map(render::quantity);
    let mut all: Vec<Found> = c.reading.worst.iter().map(&found).collect();
    if dwelling && all.iter().all(|f| f.code != Code::Dwelling.as_str()) {
        all.insert(0, found(&chief));
    }
    let kept = c.reading.worst.iter().filter(|f| f.is != Tri::Yes).count();
    Check {
        id: c.check.id,
        asks: c.check.asks,
        mark: c.is.into(),
        advisory: c.advisory,
        left_out: c.left_out,
        observed: shown(chief.observed.as_ref()),
        limit: shown(chief.limit.as_ref()),
        dwell: (c.need > Dur::ZERO).then(|| dwell(c, at)),
        age: c.age.map(|age| (age + since).to_string()),
        found: all,
        more: c.reading.bad.saturating_sub(kept),
    }
}

fn dwell(c: &CheckBoard, at: Wall) -> Dwell {
    let done = c.dwelt.min(c.need).max(Dur::ZERO);
    let since = c.since.map(|s| format!(", since {}", when(s, at))).unwrap_or_default();
    Dwell { done: done.0, need: c.need.0, said: format!("true for {} of {}{since}", c.dwelt, c.need) }
}

fn found(f: &Finding) -> Found {
    Found {
        mark: f.is.into(),
        code: f.code.as_str(),
        said: render::sentence(f),
        fix: hint::fix(f).map(|f| f.to_string()),
    }
}
