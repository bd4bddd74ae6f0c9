//! Which path asks what, and by which method.

use super::act::{self, Verb};
use super::answer::Said;
use super::body::Chunks;
use super::json::AnswerBody;
use super::query;
use super::reply::{REHEARSAL, Reply};
use super::state::State;
use super::{page, status, text};
use crate::agent::Published;
use cutover_core::gate::board::{Gated, StepBoard, Verdict};
use cutover_core::hint;
use cutover_core::playbook;
use cutover_core::time::{Dur, Now};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, HeaderName, VARY};
use hyper::{Request, Response, StatusCode};
use std::collections::BTreeMap;

/// The agent is ready while its board is younger than this.
pub(super) const YOUNG: Dur = Dur::secs(15);
/// Lines of `/history` unless asked for others, and at most.
const LINES: (usize, usize) = (1000, 10_000);

const INDEX: &str = "\
cutover-agent: says when each step of the migration is safe, with the evidence

GET  /status                    every step, as a table (Accept: text/plain) or JSON
GET  /status/<step>             one step
GET  /ready/<step>              200: safe to start now; 503: not, or not known; 409: done already
GET  /done/<step>               200: it took effect
POST /begin/<step>              claims a step: 200 only while it is ready          (token)
POST /hold[/<step>]             stops all steps, or one, until released            (token)
POST /release[/<step>]          takes the hold off                                 (token)
POST /confirm/<word>[/<about>]  a person's word, where the playbook offers one     (token)
POST /retract/<word>[/<about>]  takes a word back                                  (token)
POST /adopt/<step>              takes a step as done that nobody claimed           (token)
POST /withdraw/<step>           takes a begun or done step back                    (token)
POST /accept-offset             takes a pair that will never commit off the list   (token)
GET  /history[?limit=1000]      the facts in the journal, newest last, JSON lines
GET  /metrics                   for Prometheus
GET  /livez, /readyz            of the agent itself
GET  /                          for browsers (Accept: text/html): the page; this list otherwise

Parameters of ready and done: migration=<name>, config=<hash>, no_go_status=403|409|425|429
";

enum Route {
    Question(Gated, String),
    Status(Option<String>),
    Act(Verb, Vec<String>),
    Metrics,
    Livez,
    Readyz,
    History,
    Index,
}

/// Answers a request.
pub(super) async fn route(request: Request<Incoming>, state: &State) -> Response<Chunks> {
    let text = query::wants_text(request.headers());
    let reply = match find(request.uri().path()) {
        None => {
            let said = "there is nothing at this path; `/` lists what there is";
            Reply::refuse(text, StatusCode::NOT_FOUND, "no-such-path", said)
        }
        Some(route) => {
            let allow = allowed(&route);
            if !allow.split(", ").any(|m| m == request.method().as_str()) {
                let said =
                    format!("{} is not for this path; it takes {allow}", query::shown(request.method().as_str()));
                Reply::refuse(text, StatusCode::METHOD_NOT_ALLOWED, "method", said).with(ALLOW, allow)
            } else {
                dispatch(route, request, state, text).await
            }
        }
    };
    let reply = match state.handle.board() {
        Some(p) => reply.about(&p.settings.migration),
        None => reply,
    };
    let reply = match state.handle.clock.simulated() {
        true => reply.with(HeaderName::from_static(REHEARSAL), "simulated"),
        false => reply,
    };
    reply.response()
}

fn find(path: &str) -> Option<Route> {
    let segments = query::segments(path)?;
    let (first, rest) = segments.split_first()?;
    let joined = || rest.join("/");
    let alone = |route| rest.is_empty().then_some(route);
    match first.as_str() {
        "" => alone(Route::Index),
        "ready" => Some(Route::Question(Gated::Ready, joined())),
        "done" => Some(Route::Question(Gated::Done, joined())),
        "status" => Some(Route::Status(Some(joined()).filter(|s| !s.is_empty()))),
        "metrics" => alone(Route::Metrics),
        "livez" => alone(Route::Livez),
        "readyz" => alone(Route::Readyz),
        "history" => alone(Route::History),
        verb => Verb::named(verb).map(|v| Route::Act(v, rest.to_vec())),
    }
}

fn allowed(route: &Route) -> &'static str {
    match route {
        Route::Question(..) => "GET, HEAD, POST",
        Route::Act(..) => "POST",
        _ => "GET, HEAD",
    }
}

async fn dispatch(route: Route, request: Request<Incoming>, state: &State, text: bool) -> Reply {
    let query = request.uri().query();
    let outcome = match route {
        Route::Question(question, step) => ask(state, question, &step, query, text),
        Route::Status(step) => show(state, step.as_deref(), query, text),
        Route::Act(verb, rest) => act::act(request, verb, rest, state, text).await,
        Route::Metrics => Ok(metrics(state).await),
        Route::Livez => Ok(Reply::text(StatusCode::OK, "alive\n")),
        Route::Readyz => Ok(readyz(state)),
        Route::History => history(state, query, text),
        Route::Index if query::wants_page(request.headers()) => front(state, query),
        Route::Index => Ok(Reply::text(StatusCode::OK, INDEX).with(VARY, "accept")),
    };
    outcome.unwrap_or_else(|refused| refused)
}

fn ask(state: &State, question: Gated, step: &str, query: Option<&str>, text: bool) -> Result<Reply, Reply> {
    let (published, now) = state.look();
    let unknown = |r: Reply| r.says(Verdict::Unknown, now.wall);
    let asked = query::parse(query, &["migration", "config", "no_go_status"], text).map_err(unknown)?;
    let no_go = no_go_status(asked.get("no_go_status"), text).map_err(unknown)?;
    let Some(p) = published else { return Err(unknown(not_yet(step, no_go, text))) };
    guard(&p, &asked, text).map_err(unknown)?;
    let step = step_of(&p, step, text).map_err(unknown)?;
    let said = Said::of(&p, step, question, now);
    let status = said.status(no_go);
    let reply = match text {
        true => Reply::text(status, text::answer(&said)),
        false => Reply::json(status, &AnswerBody::of(&said)),
    };
    let reply = reply.says(said.verdict, said.until());
    let again = said.verdict != Verdict::Go && said.answer.settled.is_none();
    Ok(if again { reply.again_in(said.again_in()) } else { reply })
}

fn show(state: &State, step: Option<&str>, query: Option<&str>, text: bool) -> Result<Reply, Reply> {
    let (published, now) = state.look();
    let unknown = |r: Reply| r.says(Verdict::Unknown, now.wall);
    query::parse(query, &[], text).map_err(unknown)?;
    let Some(p) = published else { return Err(unknown(not_yet(step.unwrap_or_default(), StatusCode::OK, text))) };
    let Some(step) = step else {
        let reply = match text {
            true => Reply::text(StatusCode::OK, text::status(&p, now)),
            false => Reply::json(StatusCode::OK, &status::all(&p, now)),
        };
        // The whole has no verdict of its own, and must never be taken for a go.
        return Ok(unknown(reply));
    };
    let step = step_of(&p, step, text).map_err(unknown)?;
    let (ready, done) = (Said::of(&p, step, Gated::Ready, now), Said::of(&p, step, Gated::Done, now));
    let reply = match text {
        true => Reply::text(StatusCode::OK, format!("{}{}", text::answer(&ready), text::answer(&done))),
        false => Reply::json(StatusCode::OK, &status::step(&p, step, now)),
    };
    Ok(reply.says(ready.verdict, ready.until()))
}

/// The page for browsers. Like the whole status it has no verdict of its own.
fn front(state: &State, query: Option<&str>) -> Result<Reply, Reply> {
    let (published, now) = state.look();
    let asked = query::parse(query, &["open", "reload"], true)?;
    let wish = page::Wish::of(asked.get("open"), asked.get("reload"))?;
    let reply = page::page(published.as_deref(), now, &wish, !state.tokens.is_empty(), state.stopping());
    Ok(reply.says(Verdict::Unknown, now.wall).with(VARY, "accept"))
}

fn no_go_status(asked: Option<&String>, text: bool) -> Result<StatusCode, Reply> {
    match asked.map(String::as_str) {
        None => Ok(StatusCode::SERVICE_UNAVAILABLE),
        Some("403") => Ok(StatusCode::FORBIDDEN),
        Some("409") => Ok(StatusCode::CONFLICT),
        Some("425") => Ok(StatusCode::TOO_EARLY),
        Some("429") => Ok(StatusCode::TOO_MANY_REQUESTS),
        Some(_) => {
            let said = "no_go_status is one of 403, 409, 425, 429";
            Err(Reply::refuse(text, StatusCode::BAD_REQUEST, "bad-request", said))
        }
    }
}

/// The reply before the first evaluation.
fn not_yet(step: &str, status: StatusCode, text: bool) -> Reply {
    let playbook: Vec<&str> = playbook::all_steps().map(|s| s.id).collect();
    if !step.is_empty() && !playbook.contains(&step) {
        return no_step(step, &playbook, text);
    }
    let said = "unknown (never-sampled): the agent has just started and has not evaluated anything yet";
    Reply::refuse(text, status, "never-sampled", said).again_in(1)
}

/// The step of that name.
fn step_of<'a>(p: &'a Published, step: &str, text: bool) -> Result<&'a StepBoard, Reply> {
    p.board.step(step).ok_or_else(|| {
        let known: Vec<&str> = p.board.steps.iter().map(|s| s.step.id).collect();
        no_step(step, &known, text)
    })
}

fn no_step(step: &str, known: &[&str], text: bool) -> Reply {
    let all = known.join(", ");
    let said = match (step, playbook::step(step)) {
        ("", _) => format!("name a step: {all}"),
        (_, Some(s)) => format!("`{}` is on the {} track, which is not configured; known: {all}", s.id, s.track),
        (_, None) => hint::no_such("step", &query::shown(step), known),
    };
    Reply::refuse(text, StatusCode::NOT_FOUND, "no-such-step", said)
}

/// Refuses a request meant for another migration or another configuration.
pub(super) fn guard(p: &Published, asked: &BTreeMap<&'static str, String>, text: bool) -> Result<(), Reply> {
    for (key, is) in [("migration", &p.settings.migration), ("config", &p.settings.config_hash)] {
        if let Some(wanted) = asked.get(key).filter(|w| **w != **is) {
            let said = format!("asked for {key} `{}`; this agent has `{is}`", query::shown(wanted));
            return Err(Reply::refuse(text, StatusCode::PRECONDITION_FAILED, "other-migration", said));
        }
    }
    Ok(())
}

async fn metrics(state: &State) -> Reply {
    let (published, now) = state.look();
    let cache = state.metrics.clone();
    // A large board takes a while to encode: answers must not wait for it.
    let rendered = tokio::task::spawn_blocking(move || cache.render(published, now)).await;
    let failed =
        |why: String| Reply::text(StatusCode::INTERNAL_SERVER_ERROR, format!("the metrics cannot be written: {why}\n"));
    match rendered {
        Ok(Ok(chunks)) => Reply::chunks(super::metrics::CONTENT_TYPE, chunks),
        Ok(Err(e)) => failed(e.to_string()),
        Err(e) => failed(e.to_string()),
    }
}

fn readyz(state: &State) -> Reply {
    let (published, now) = state.look();
    let not = |said: &str| Reply::text(StatusCode::SERVICE_UNAVAILABLE, format!("{said}\n"));
    if state.stopping() {
        return not("shutting down");
    }
    match published {
        None => not("nothing has been evaluated yet"),
        Some(p) if age(&p, now) >= YOUNG => not(&format!("the last evaluation was {} ago", age(&p, now))),
        Some(_) => Reply::text(StatusCode::OK, "ready\n"),
    }
}

/// How old a board is, by the clock that says more: the monotonic one stands still while a machine sleeps.
pub(super) fn age(p: &Published, now: Now) -> Dur {
    (now.mono - p.board.at.mono).max(now.wall - p.board.at.wall).max(Dur::ZERO)
}

fn history(state: &State, query: Option<&str>, text: bool) -> Result<Reply, Reply> {
    let asked = query::parse(query, &["limit"], text)?;
    let limit = match asked.get("limit").map(|l| l.parse::<usize>()) {
        None => LINES.0,
        Some(Ok(n)) if (1..=LINES.1).contains(&n) => n,
        Some(_) => {
            let said = format!("limit is a number, 1 to {}", LINES.1);
            return Err(Reply::refuse(text, StatusCode::BAD_REQUEST, "bad-request", said));
        }
    };
    let Some(p) = state.handle.board() else { return Err(not_yet("", StatusCode::SERVICE_UNAVAILABLE, text)) };
    let from = p.history.len().saturating_sub(limit);
    let mut lines = String::new();
    for line in &p.history[from..] {
        lines.push_str(line);
        lines.push('\n');
    }
    Ok(Reply::chunks("application/x-ndjson", vec![Bytes::from(lines)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_names_every_verb() {
        for verb in Verb::ALL {
            assert!(INDEX.contains(&format!("/{}", verb.as_str())), "{}", verb.as_str());
        }
    }
}
