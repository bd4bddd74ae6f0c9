//! What people may do, as HTTP: a token says who, the path and the body what, the gate whether.

use super::answer::Said;
use super::reply::{Reply, SCHEMA_VERSION};
use super::state::State;
use super::{auth, body, query, route, status};
use crate::agent::{Denied, Request as Asked, Taken};
use cutover_core::Name;
use cutover_core::gate::board::{Gated, Verdict};
use cutover_core::gate::ops::{Op, Refusal};
use cutover_core::time::{Dur, Now};
use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long the agent may take to answer a request of a person.
const ANSWER: Duration = Duration::from_secs(10);
/// The longest reason, in characters.
const REASON: usize = 1000;

/// What a request does.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(super) enum Verb {
    Begin,
    Hold,
    Release,
    Confirm,
    Retract,
    Adopt,
    Withdraw,
    AcceptOffset,
}

impl Verb {
    /// All of them.
    pub(super) const ALL: [Verb; 8] = [
        Verb::Begin,
        Verb::Hold,
        Verb::Release,
        Verb::Confirm,
        Verb::Retract,
        Verb::Adopt,
        Verb::Withdraw,
        Verb::AcceptOffset,
    ];

    /// As in its path.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Verb::Begin => "begin",
            Verb::Hold => "hold",
            Verb::Release => "release",
            Verb::Confirm => "confirm",
            Verb::Retract => "retract",
            Verb::Adopt => "adopt",
            Verb::Withdraw => "withdraw",
            Verb::AcceptOffset => "accept-offset",
        }
    }

    /// The verb of that name.
    pub(super) fn named(name: &str) -> Option<Verb> {
        Verb::ALL.into_iter().find(|v| v.as_str() == name)
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Given {
    reason: Option<String>,
    subject: Option<Vec<String>>,
    anchors: Option<Anchors>,
    group: Option<String>,
    topic: Option<String>,
    partition: Option<i32>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Anchors {
    Map(BTreeMap<String, i64>),
    List(Vec<AnchorRow>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnchorRow {
    topic: String,
    partition: i32,
    offset: i64,
}

#[derive(Serialize)]
struct AcceptedBody<'a> {
    schema_version: u32,
    status: u16,
    accepted: &'static str,
    author: &'a str,
    summary: &'a str,
    step: Option<Value>,
}

/// Takes a request of a person to the agent and its answer back.
///
/// # Errors
/// The reply that refuses it.
pub(super) async fn act(
    request: Request<Incoming>,
    verb: Verb,
    rest: Vec<String>,
    state: &State,
    text: bool,
) -> Result<Reply, Reply> {
    let author = auth::author(request.headers(), &state.tokens, text)?;
    let asked = query::parse(request.uri().query(), &["migration", "config"], text)?;
    if let Some(p) = state.handle.board() {
        route::guard(&p, &asked, text)?;
    } else if !asked.is_empty() {
        let said = "the agent has just started: it cannot tell yet whether this is meant for it";
        return Err(Reply::refuse(text, StatusCode::SERVICE_UNAVAILABLE, "never-sampled", said).again_in(1));
    }
    let bytes = body::read(request).await?;
    let bad = |said: String| Reply::refuse(text, StatusCode::BAD_REQUEST, "bad-request", said);
    let given: Given = match bytes.trim_ascii() {
        [] => Given::default(),
        bytes => serde_json::from_slice::<Option<Given>>(bytes)
            .map_err(|e| bad(format!("the body is not what {} takes: {e}", verb.as_str())))?
            .unwrap_or_default(),
    };
    let reason = reason(verb, given.reason.as_deref()).map_err(bad)?;
    let (op, step) = op(verb, rest, given).map_err(bad)?;
    let outcome = send(state, author.clone(), reason, op).await;
    let (_, now) = state.look();
    match outcome {
        Ok(Ok(taken)) => Ok(accepted(&taken, verb, step.as_deref(), &author, now, text)),
        Ok(Err(denied)) => Err(refused(state, denied, step.as_deref(), now, text)),
        Err(said) => Err(Reply::refuse(text, StatusCode::SERVICE_UNAVAILABLE, "no-answer", said).again_in(5)),
    }
}

async fn send(state: &State, author: Name, reason: Name, op: Op) -> Result<Result<Taken, Denied>, &'static str> {
    let (reply, answer) = oneshot::channel();
    let asked = Asked { author, reason, op, reply };
    let asking = async {
        state.handle.requests.send(asked).await.map_err(|_| "the agent is shutting down: nothing was changed")?;
        answer.await.map_err(|_| "the agent stopped before it answered: ask /status whether it was journaled")
    };
    tokio::time::timeout(ANSWER, asking)
        .await
        .unwrap_or(Err("the agent did not answer in time: ask /status whether it was journaled before trying again"))
}

fn reason(verb: Verb, given: Option<&str>) -> Result<Name, String> {
    let said: String = given.unwrap_or_default().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    match said.chars().count() {
        0 if verb == Verb::Begin => Ok(Name::from("")),
        0 => Err(format!("{} wants a reason, which is journaled: {{\"reason\": \"…\"}}", verb.as_str())),
        n if n > REASON => Err(format!("the reason has {n} characters, at most {REASON} are kept")),
        _ => Ok(said.into()),
    }
}

/// The operation and the step it is about.
fn op(verb: Verb, rest: Vec<String>, given: Given) -> Result<(Op, Option<String>), String> {
    let extra = [
        ("subject", given.subject.is_some(), matches!(verb, Verb::Confirm | Verb::Retract)),
        ("anchors", given.anchors.is_some(), verb == Verb::Adopt),
        ("group", given.group.is_some(), verb == Verb::AcceptOffset),
        ("topic", given.topic.is_some(), verb == Verb::AcceptOffset),
        ("partition", given.partition.is_some(), verb == Verb::AcceptOffset),
    ];
    if let Some((field, ..)) = extra.iter().find(|(_, there, takes)| *there && !takes) {
        return Err(format!("{} takes no `{field}`", verb.as_str()));
    }
    let rest: Vec<String> = match rest.as_slice() {
        [last] if last.is_empty() => Vec::new(),
        _ => rest,
    };
    if rest.iter().any(String::is_empty) {
        return Err("the path has an empty part".to_owned());
    }
    if let Verb::Confirm | Verb::Retract = verb {
        let (name, subject) = word(verb, rest, given.subject)?;
        let op = match verb {
            Verb::Retract => Op::Retract { name, subject },
            _ => Op::Confirm { name, subject },
        };
        return Ok((op, None));
    }
    if rest.len() > 1 {
        return Err(format!("{} takes one step, as in /{}/stop-consumers", verb.as_str(), verb.as_str()));
    }
    let step = rest.into_iter().next();
    let named = || step.as_deref().map(Name::from).ok_or_else(|| format!("name the step: /{}/<step>", verb.as_str()));
    let op = match verb {
        Verb::Begin => Op::Begin { step: named()? },
        Verb::Hold => Op::Hold { step: named().ok() },
        Verb::Release => Op::Release { step: named().ok() },
        Verb::Adopt => Op::Adopt { step: named()?, anchors: anchors(given.anchors)? },
        Verb::Withdraw => Op::Withdraw { step: named()? },
        Verb::AcceptOffset | Verb::Confirm | Verb::Retract => {
            match (given.group, given.topic, given.partition, &step) {
                (Some(g), Some(t), Some(partition), None) if partition >= 0 => {
                    Op::AcceptOffset { group: g.into(), topic: t.into(), partition }
                }
                _ => {
                    return Err(
                        "accept-offset takes {\"group\", \"topic\", \"partition\", \"reason\"} and no path".to_owned()
                    );
                }
            }
        }
    };
    Ok((op, step))
}

/// A word and what it is about.
fn word(verb: Verb, rest: Vec<String>, subject: Option<Vec<String>>) -> Result<(Name, Vec<Name>), String> {
    let mut rest = rest.into_iter();
    let name = rest
        .next()
        .ok_or_else(|| format!("name the word: /{}/<word>, as `cutover-agent playbook` lists them", verb.as_str()))?;
    let path: Vec<String> = rest.collect();
    let subject = match (path.is_empty(), subject) {
        (false, Some(_)) => return Err("the subject stands in the path and in the body; keep one".to_owned()),
        (_, Some(subject)) => subject,
        (_, None) => path,
    };
    if subject.iter().any(|s| s.is_empty() || s.chars().any(char::is_control)) {
        return Err("a part of the subject is empty or has control characters".to_owned());
    }
    Ok((name.into(), subject.into_iter().map(Name::from).collect()))
}

fn anchors(given: Option<Anchors>) -> Result<BTreeMap<(Name, i32), i64>, String> {
    let rows = match given {
        None => Vec::new(),
        Some(Anchors::List(rows)) => rows,
        Some(Anchors::Map(map)) => {
            let row = |(key, offset): (String, i64)| {
                let (topic, p) = key.rsplit_once('/')?;
                Some(AnchorRow { topic: topic.to_owned(), partition: p.parse().ok()?, offset })
            };
            let rows: Option<Vec<AnchorRow>> = map.into_iter().map(row).collect();
            rows.ok_or("an anchor is {\"<topic>/<partition>\": <offset>}")?
        }
    };
    let mut anchors = BTreeMap::new();
    for r in rows {
        if r.partition < 0 || r.offset < 0 {
            return Err(format!("the anchor of {}/{} is negative", r.topic, r.partition));
        }
        if anchors.insert((Name::from(r.topic.as_str()), r.partition), r.offset).is_some() {
            return Err(format!("the anchor of {}/{} is given twice", r.topic, r.partition));
        }
    }
    Ok(anchors)
}

fn accepted(taken: &Taken, verb: Verb, step: Option<&str>, author: &Name, now: Now, text: bool) -> Reply {
    let p = &*taken.published;
    let board = step.and_then(|s| p.board.step(s));
    let summary = match (verb, board) {
        (Verb::Begin, Some(b)) => format!("{} is begun, claimed by {author}: {}", b.step.id, b.step.does),
        (_, Some(b)) => {
            let ready = Said::of(p, b, Gated::Ready, now);
            format!("{} {} by {author}; it is {}, ready: {}", verb.as_str(), b.step.id, b.life.as_str(), ready.summary)
        }
        (_, None) => match &taken.said {
            Some(said) => format!("{}: journaled: {said}", verb.as_str()),
            None => format!("{} by {author}: journaled", verb.as_str()),
        },
    };
    let reply = match text {
        true => Reply::text(StatusCode::OK, format!("{summary}\n")),
        false => Reply::json(
            StatusCode::OK,
            &AcceptedBody {
                schema_version: SCHEMA_VERSION,
                status: StatusCode::OK.as_u16(),
                accepted: verb.as_str(),
                author,
                summary: &summary,
                step: board.map(|b| status::step(p, b, now)),
            },
        ),
    };
    match (verb, board) {
        // The claim was the question and the answer in one.
        (Verb::Begin, Some(b)) => reply.says(Verdict::Go, p.board.at.wall_of(b.ready.until)),
        _ => reply,
    }
}

fn refused(state: &State, denied: Denied, step: Option<&str>, now: Now, text: bool) -> Reply {
    let board = state.handle.board();
    let again = board.as_ref().and_then(|p| {
        let b = p.board.step(step?)?;
        Some(Said::of(p, b, Gated::Ready, now).again_in())
    });
    let (status, code, said) = match &denied {
        Denied::Journal(why) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "journal",
            format!("nothing was changed: it could not be journaled: {why}"),
        ),
        Denied::Refused(r) => {
            let (status, code) = match r {
                Refusal::NoSuch(_) => (StatusCode::NOT_FOUND, "no-such"),
                Refusal::Bad(_) => (StatusCode::BAD_REQUEST, "bad-request"),
                Refusal::NotNow(code, _) => (StatusCode::SERVICE_UNAVAILABLE, code.as_str()),
                Refusal::Settled(code, _) => (StatusCode::CONFLICT, code.as_str()),
            };
            (status, code, r.text().to_owned())
        }
    };
    let reply = Reply::refuse(text, status, code, said);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        let interval = board.and_then(|p| p.settings.kafka.as_ref().map(|k| k.interval)).unwrap_or(Dur::secs(5));
        return reply.again_in(again.unwrap_or((interval.0 / 1000).clamp(1, 30)));
    }
    reply
}
