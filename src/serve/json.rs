//! Answers as JSON, field by field as `docs/http.md` lists them.

use super::answer::Said;
use super::reply::SCHEMA_VERSION;
use crate::agent::Published;
use cutover_core::gate::board::{CheckBoard, Life, Verdict};
use cutover_core::hint;
use cutover_core::reading::{Code, Finding, Qty, Subject, Tri};
use cutover_core::render;
use cutover_core::settings::Track;
use cutover_core::time::{Dur, Wall};
use serde::Serialize;
use serde_json::Value;

/// An answer.
#[derive(Serialize)]
pub(super) struct AnswerBody<'a> {
    schema_version: u32,
    migration: &'a str,
    attempt: u32,
    step: &'static str,
    track: Track,
    question: &'static str,
    verdict: &'static str,
    code: Code,
    summary: &'a str,
    answered_at: String,
    evaluated_at: String,
    valid_until: String,
    life: &'static str,
    life_since: Option<String>,
    life_by: Option<&'a str>,
    life_reason: Option<&'a str>,
    irreversible: bool,
    rehearsal: Option<Rehearsal>,
    config_hash: &'a str,
    relaxations: Vec<RelaxationBody<'a>>,
    earliest_go_at: Option<String>,
    adoptable: bool,
    blockers: Vec<FindingBody>,
    checks: Vec<CheckBody>,
}

/// Every time is divided by `faster`, or the estate is simulated.
#[derive(Copy, Clone, Serialize)]
pub(super) struct Rehearsal {
    faster: i64,
    simulated: bool,
}

/// Something the configuration relaxes.
#[derive(Serialize)]
pub(super) struct RelaxationBody<'a> {
    path: &'a str,
    reason: &'a str,
}

impl RelaxationBody<'_> {
    /// In one line.
    pub(super) fn said(&self) -> String {
        format!("{} ({})", self.path, self.reason)
    }
}

#[derive(Serialize)]
struct FindingBody {
    verdict: &'static str,
    code: Code,
    r#where: Option<Value>,
    observed: Option<Value>,
    limit: Option<Value>,
    unit: Option<&'static str>,
    wait_seconds: Option<f64>,
    reason: String,
    fix: Option<String>,
}

#[derive(Serialize)]
struct CheckBody {
    id: &'static str,
    asks: &'static str,
    verdict: &'static str,
    advisory: bool,
    left_out: bool,
    code: Code,
    observed: Option<Value>,
    limit: Option<Value>,
    unit: Option<&'static str>,
    r#where: Option<Value>,
    since: Option<String>,
    dwelt_seconds: f64,
    still_to_dwell_seconds: f64,
    age_seconds: Option<f64>,
    reason: String,
    fix: Option<String>,
    findings: Vec<FindingBody>,
    more_findings: usize,
}

impl<'a> AnswerBody<'a> {
    /// The body of an answer.
    pub(super) fn of(said: &'a Said<'a>) -> AnswerBody<'a> {
        let (p, step) = (said.published, said.step);
        let (life_since, life_by, life_reason) = since_and_by(&step.life);
        AnswerBody {
            schema_version: SCHEMA_VERSION,
            migration: &p.settings.migration,
            attempt: p.settings.attempt,
            step: step.step.id,
            track: step.step.track,
            question: said.question.as_str(),
            verdict: said.verdict.as_str(),
            code: said.code,
            summary: &said.summary,
            answered_at: rfc3339(said.now.wall),
            evaluated_at: rfc3339(p.board.at.wall),
            valid_until: rfc3339(said.until()),
            life: step.life.as_str(),
            life_since: life_since.map(rfc3339),
            life_by,
            life_reason,
            irreversible: !step.step.way_back,
            rehearsal: rehearsal(p),
            config_hash: &p.settings.config_hash,
            relaxations: relaxations(p, Some(step.step.track)),
            earliest_go_at: said.answer.earliest_go.map(rfc3339),
            adoptable: step.adoptable,
            blockers: said.answer.blockers.iter().map(finding).collect(),
            checks: said.answer.checks.iter().map(|c| check(c, said.answer.judges(c))).collect(),
        }
    }
}

/// How a rehearsal differs; `None` for the real thing.
pub(super) fn rehearsal(p: &Published) -> Option<Rehearsal> {
    (p.settings.faster > 1 || p.simulated).then_some(Rehearsal { faster: p.settings.faster, simulated: p.simulated })
}

/// The relaxations that touch a track, or all of them.
pub(super) fn relaxations(p: &Published, track: Option<Track>) -> Vec<RelaxationBody<'_>> {
    let touches = |tracks: &[Track]| track.is_none_or(|t| tracks.is_empty() || tracks.contains(&t));
    let touching = p.settings.relaxations.iter().filter(|r| touches(&r.tracks));
    touching.map(|r| RelaxationBody { path: &r.path, reason: &r.reason }).collect()
}

/// Since when a step is what it is, by whom, and why, as far as that was said.
pub(super) fn since_and_by(life: &Life) -> (Option<Wall>, Option<&str>, Option<&str>) {
    match life {
        Life::Begun(at, how) | Life::Done(at, how) => {
            let (by, why) = how.said();
            (Some(*at), by.map(|by| &**by), why.map(|why| &**why))
        }
        Life::Undone(at) => (Some(*at), None, None),
        Life::Pending | Life::Skipped(_) | Life::OutOfOrder => (None, None, None),
    }
}

/// By whom and why, in one line.
pub(super) fn by_whom(life: &Life) -> Option<String> {
    let (_, by, why) = since_and_by(life);
    by.map(|by| why.map_or_else(|| by.to_owned(), |why| format!("{by} ({why})")))
}

/// An instant as RFC 3339 in UTC, with milliseconds where there are any.
pub(super) fn rfc3339(w: Wall) -> String {
    jiff::Timestamp::from_millisecond(w.0).map_or_else(|_| render::instant(w), |t| t.to_string())
}

/// An instant for people: `12:00:13 UTC`, with the day where it is another one than that of `now`.
pub(super) fn when(at: Wall, now: Wall) -> String {
    let (text, today) = (render::instant(at), render::instant(now));
    match (text.trim_end_matches('Z').split_once('T'), today.split_once('T')) {
        (Some((day, time)), Some((today, _))) if day == today => format!("{time} UTC"),
        (Some((day, time)), _) => format!("{day} {time} UTC"),
        _ => text,
    }
}

fn verdict(t: Tri) -> &'static str {
    Verdict::from(t).as_str()
}

fn finding(f: &Finding) -> FindingBody {
    FindingBody {
        verdict: verdict(f.is),
        code: f.code,
        r#where: place(&f.at),
        observed: f.observed.as_ref().map(amount),
        limit: f.limit.as_ref().map(amount),
        unit: unit(f),
        wait_seconds: f.wait.map(Dur::as_secs_f64),
        reason: render::sentence(f),
        fix: hint::fix(f).map(|f| f.to_string()),
    }
}

/// A check; how to mend it only where it is judged.
fn check(c: &CheckBoard, judged: bool) -> CheckBody {
    let finding = |f: &Finding| {
        let body = finding(f);
        FindingBody { fix: body.fix.filter(|_| judged), ..body }
    };
    let chief = finding(&c.chief());
    let kept = c.reading.worst.iter().filter(|f| f.is != Tri::Yes).count();
    CheckBody {
        id: c.check.id,
        asks: c.check.asks,
        verdict: verdict(c.is),
        advisory: c.advisory,
        left_out: c.left_out,
        code: chief.code,
        observed: chief.observed,
        limit: chief.limit,
        unit: chief.unit,
        r#where: chief.r#where,
        since: c.since.map(rfc3339),
        dwelt_seconds: c.dwelt.as_secs_f64(),
        still_to_dwell_seconds: (c.need - c.dwelt).max(Dur::ZERO).as_secs_f64(),
        age_seconds: c.age.map(Dur::as_secs_f64),
        reason: chief.reason,
        fix: chief.fix,
        findings: c.reading.worst.iter().map(finding).collect(),
        more_findings: c.reading.bad.saturating_sub(kept),
    }
}

fn amount(q: &Qty) -> Value {
    match q {
        Qty::Count(n, _) => Value::from(*n),
        Qty::Time(d) => Value::from(d.as_secs_f64()),
        Qty::At(w) => Value::from(rfc3339(*w)),
        Qty::Words(w) => Value::from(&**w),
    }
}

fn unit(f: &Finding) -> Option<&'static str> {
    match f.observed.as_ref().or(f.limit.as_ref())? {
        Qty::Count(_, "") | Qty::At(_) | Qty::Words(_) => None,
        Qty::Count(_, unit) => Some(unit),
        Qty::Time(_) => Some("seconds"),
    }
}

fn place(s: &Subject) -> Option<Value> {
    use serde_json::json;
    Some(match s {
        Subject::Whole => return None,
        Subject::Side(side) => json!({ "side": side }),
        Subject::Step(step) => json!({ "step": step }),
        Subject::Topic(side, t) => json!({ "side": side, "topic": t }),
        Subject::Partitions(side, t, ps) => json!({ "side": side, "topic": t, "partitions": ps }),
        Subject::Group(side, g) => json!({ "side": side, "group": g }),
        Subject::Pair(side, g, t, ps) => json!({ "side": side, "group": g, "topic": t, "partitions": ps }),
        Subject::Producer(p) => json!({ "producer": p }),
        Subject::Broker(side, a) => json!({ "side": side, "broker": a }),
        Subject::Mongodb(side) => json!({ "side": side, "mongodb": true }),
        Subject::Namespace(side, ns) => json!({ "side": side, "namespace": ns }),
        Subject::MongoMember(side, host) => json!({ "side": side, "member": host }),
        Subject::Mirror(m) => json!({ "mirror": m }),
        Subject::Probe(p) => json!({ "probe": p }),
        Subject::Client(side, c) => json!({ "side": side, "client": c }),
        Subject::Thing(t) => json!({ "thing": t }),
    })
}
