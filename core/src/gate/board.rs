//! All verdicts at one instant. A board is immutable and carries the instant until which its go's may be believed: a
//! reader that loads it later answers unknown, so that even a hung evaluator stops saying go.

use crate::Name;
use crate::facts::How;
use crate::playbook::{Check, Step};
use crate::reading::{Code, Finding, Reading, Subject, Tri};
use crate::settings::Track;
use crate::time::{DRIFT, Dur, Mono, Now, Wall};
use std::sync::Arc;

/// Go, no-go or unknown.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Measured to be safe.
    Go,
    /// Measured not to be.
    NoGo,
    /// Not measured.
    Unknown,
}

impl Verdict {
    /// `go`, `no-go` or `unknown`.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Go => "go",
            Verdict::NoGo => "no-go",
            Verdict::Unknown => "unknown",
        }
    }

    /// All three.
    pub const ALL: [Verdict; 3] = [Verdict::Go, Verdict::NoGo, Verdict::Unknown];
}

impl From<Tri> for Verdict {
    fn from(t: Tri) -> Verdict {
        match t {
            Tri::Yes => Verdict::Go,
            Tri::No => Verdict::NoGo,
            Tri::Unknown => Verdict::Unknown,
        }
    }
}

/// Which question a check answers.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Gated {
    /// Safe to start.
    Ready,
    /// Took effect.
    Done,
}

impl Gated {
    /// `ready` or `done`.
    pub fn as_str(self) -> &'static str {
        match self {
            Gated::Ready => "ready",
            Gated::Done => "done",
        }
    }
}

/// A step's life.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Life {
    /// Not begun.
    Pending,
    /// Left out by the configuration.
    Skipped(Name),
    /// Begun, not done.
    Begun(Wall, How),
    /// Done.
    Done(Wall, How),
    /// Done once, measured false since.
    Undone(Wall),
    /// Its effect was seen, and it was not go (or not since what it rested on moved).
    OutOfOrder,
}

impl Life {
    /// One word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Life::Pending => "pending",
            Life::Skipped(_) => "skipped",
            Life::Begun(..) => "begun",
            Life::Done(..) => "done",
            Life::Undone(_) => "undone",
            Life::OutOfOrder => "out-of-order",
        }
    }
}

/// A check as a step uses it, judged.
#[derive(Clone, Debug)]
pub struct CheckBoard {
    /// The check.
    pub check: &'static Check,
    /// Shown, never blocks.
    pub advisory: bool,
    /// Left out because the step is begun: mark (b).
    pub left_out: bool,
    /// After the dwell.
    pub is: Tri,
    /// What it says of the newest samples.
    pub reading: Arc<Reading>,
    /// For how long it has been true.
    pub dwelt: Dur,
    /// For how long it must be.
    pub need: Dur,
    /// For how long it has not been false any more; none where it never was.
    pub unrefuted: Option<Dur>,
    /// Since when it has been true.
    pub since: Option<Wall>,
    /// How old the oldest sample behind it is.
    pub age: Option<Dur>,
    /// What a person may say where it waits for an absence to have lasted, and for how long it would wait then.
    pub shorter: Option<Name>,
}

impl CheckBoard {
    /// It is true, and has not been for long enough.
    fn dwells(&self) -> bool {
        self.is == Tri::No && self.reading.is == Tri::Yes
    }

    /// What its chief finding says.
    pub(crate) fn chief_is(&self) -> Tri {
        if self.dwells() { Tri::No } else { self.reading.chief().map_or(Tri::Yes, |f| f.is) }
    }

    /// How long until it could be yes, where its chief finding knows.
    pub(crate) fn wait(&self) -> Option<Dur> {
        if self.dwells() { Some(self.need - self.dwelt) } else { self.reading.chief().and_then(|f| f.wait) }
    }

    /// The finding that speaks for the check after its dwell.
    pub fn chief(&self) -> Finding {
        if self.dwells() {
            let f = Finding::no(Code::Dwelling, Subject::Whole)
                .seen(crate::reading::Qty::Time(self.dwelt))
                .limit(crate::reading::Qty::Time(self.need))
                .wait(self.need - self.dwelt);
            return Finding { fix: self.shorter.clone(), ..f };
        }
        self.reading.chief().cloned().unwrap_or_else(|| Finding::yes(Code::Ok, Subject::Whole))
    }
}

/// What `/ready/<step>` or `/done/<step>` says.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Go, no-go or unknown.
    pub verdict: Verdict,
    /// It will never be go again: done, or begun and once.
    pub settled: Option<Code>,
    /// It took effect once: its checks are shown and judge nothing any more.
    pub took_effect: bool,
    /// Why not, besides the checks: order, holds, tripwires, ….
    pub blockers: Vec<Finding>,
    /// The checks.
    pub checks: Vec<CheckBoard>,
    /// Until when it may be believed.
    pub until: Mono,
    /// When it could be go, where everything that is missing tells.
    pub earliest_go: Option<Wall>,
}

impl Answer {
    /// Whether a check still counts for it. What does not is shown, and nothing is to be done about it any more: a group
    /// that was started is not to be seeded again.
    pub fn judges(&self, c: &CheckBoard) -> bool {
        self.settled.is_none() && !self.took_effect && !c.left_out
    }

    /// The checks that stand in the way.
    pub fn missing(&self) -> impl Iterator<Item = &CheckBoard> {
        self.checks.iter().filter(|c| !self.took_effect && !c.advisory && !c.left_out && c.is != Tri::Yes)
    }
}

/// One step.
#[derive(Clone, Debug)]
pub struct StepBoard {
    /// The step.
    pub step: &'static Step,
    /// Its place on its track, from 1.
    pub position: usize,
    /// Its life.
    pub life: Life,
    /// How often it came undone.
    pub undone_total: u64,
    /// Safe to start?
    pub ready: Answer,
    /// Took effect?
    pub done: Answer,
    /// Its done checks hold although nobody began it: the line that adopts it.
    pub adoptable: bool,
}

/// One track.
#[derive(Clone, Debug)]
pub struct TrackBoard {
    /// The track.
    pub track: Track,
    /// Since when its downtime is open.
    pub downtime: Option<Wall>,
}

/// All verdicts at one instant.
#[derive(Clone, Debug)]
pub struct Board {
    /// When it was evaluated.
    pub at: Now,
    /// The tracks configured.
    pub tracks: Vec<TrackBoard>,
    /// Their steps, in order.
    pub steps: Vec<StepBoard>,
}

impl Board {
    /// The step of that name, if its track is configured.
    pub fn step(&self, id: &str) -> Option<&StepBoard> {
        self.steps.iter().find(|s| s.step.id == id)
    }

    /// What a reader at `now` may believe of an answer: its verdict while it is young enough, unknown after that.
    pub fn verdict(&self, answer: &Answer, now: Now) -> Verdict {
        if answer.settled.is_none() && self.expired(answer, now) { Verdict::Unknown } else { answer.verdict }
    }

    /// Whether an answer is too old at `now`, by either clock: the monotonic one stands still while a machine sleeps. Where
    /// the two have jumped apart since, nobody knows how old it is: a wall clock that was set back hides a suspend.
    pub fn expired(&self, answer: &Answer, now: Now) -> bool {
        now.mono >= answer.until || now.wall >= self.at.wall_of(answer.until) || self.at.drift(now) > DRIFT
    }
}
