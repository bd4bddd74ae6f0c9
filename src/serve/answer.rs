//! What an answer says to a reader at one instant: a board looked at too late, or one whose facts could not be
//! written, is unknown whatever stands on it.

use crate::agent::Published;
use cutover_core::gate::board::{Answer, Gated, StepBoard, Verdict};
use cutover_core::reading::Code;
use cutover_core::render;
use cutover_core::time::{Dur, Now, Wall};
use hyper::StatusCode;

/// The seconds a client is asked to wait at least and at most.
const AGAIN: (i64, i64) = (1, 30);

/// A question about a step, answered at `now`.
#[derive(Debug)]
pub(super) struct Said<'a> {
    pub(super) published: &'a Published,
    pub(super) step: &'a StepBoard,
    pub(super) question: Gated,
    pub(super) answer: &'a Answer,
    pub(super) now: Now,
    /// What may be believed at `now`.
    pub(super) verdict: Verdict,
    /// Why.
    pub(super) code: Code,
    /// In one line.
    pub(super) summary: String,
}

impl<'a> Said<'a> {
    /// What `published` says at `now`.
    pub(super) fn of(published: &'a Published, step: &'a StepBoard, question: Gated, now: Now) -> Said<'a> {
        let answer = match question {
            Gated::Ready => &step.ready,
            Gated::Done => &step.done,
        };
        let (verdict, code, summary) = believed(published, answer, now);
        Said { published, step, question, answer, now, verdict, code, summary }
    }

    /// Until when it may be believed.
    pub(super) fn until(&self) -> Wall {
        self.published.board.at.wall_of(self.answer.until)
    }

    /// The status; `no_go` stands for both no-go and unknown.
    pub(super) fn status(&self, no_go: StatusCode) -> StatusCode {
        match self.verdict {
            _ if self.answer.settled.is_some() => StatusCode::CONFLICT,
            Verdict::Go => StatusCode::OK,
            Verdict::NoGo | Verdict::Unknown => no_go,
        }
    }

    /// Whether the summary is that of the board, and not that the board cannot be believed.
    pub(super) fn stands(&self) -> bool {
        !matches!(self.code, Code::Journal | Code::Expired)
    }

    /// Seconds after which asking again makes sense.
    pub(super) fn again_in(&self) -> i64 {
        let interval = self.published.settings.kafka.as_ref().map_or(Dur::secs(5), |k| k.interval);
        let wait = self.answer.earliest_go.map_or(interval, |at| at - self.now.wall);
        (wait.0.saturating_add(999) / 1000).clamp(AGAIN.0, AGAIN.1)
    }
}

fn believed(p: &Published, answer: &Answer, now: Now) -> (Verdict, Code, String) {
    if let Some(code) = answer.settled {
        return (Verdict::NoGo, code, render::answer(answer));
    }
    if let Some(why) = &p.journal {
        let said = format!("unknown (journal): facts cannot be written to the journal: {why}");
        return (Verdict::Unknown, Code::Journal, said);
    }
    let verdict = p.board.verdict(answer, now);
    if p.board.expired(answer, now) {
        let said = "unknown (expired): the last evaluation is too old to be believed".to_owned();
        return (Verdict::Unknown, Code::Expired, said);
    }
    let code = render::chief(answer).map_or(Code::Ok, |f| f.code);
    (verdict, if verdict == Verdict::Go { Code::Ok } else { code }, render::answer(answer))
}
