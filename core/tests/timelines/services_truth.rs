//! Truth against answer on the services track: random things happen around a whole move of the services, and whenever a
//! step that is not begun is go, or one becomes done, it is held against where the instances run, what the probes would
//! answer and what the resolvers say. The truth is told from the commands themselves, without a look at samples, facts or
//! checks.
//!
//! A sample may be three intervals old, so only what has been unsafe for that long (and the second in which it is asked)
//! counts.

use super::services::estate;
use super::world::{World, stories};
use cutover_core::gate::board::{Life, Verdict};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// A whole move: (second, what is done).
pub(super) const MOVE: &[(i64, &str)] = &[
    (0, "src.topic crm.ingestion 1; dst.topic crm.ingestion 1"),
    (0, "src.member rtu rtu-src-0 crm.ingestion; msrc.join svc-orders; msrc.join crud-orders"),
    (0, "probe.fail api; probe.pass entry; probe.fail share; probe.names name old 300"),
    (1, "src.commit rtu crm.ingestion/0 =0"),
    (6, "src.end crm.ingestion/0 +10; src.commit rtu crm.ingestion/0 =10"),
    (20, "op begin deploy-services"),
    (21, "src.member rtu rtu-dst-0 crm.ingestion; msrc.join svc-orders-dst; msrc.join crud-orders-dst"),
    (22, "probe.pass api"),
    (161, "op begin redirect-traffic"),
    (162, "probe.pass share"),
    (300, "op begin stop-source-services"),
    (301, "src.leave rtu rtu-src-0; msrc.leave svc-orders; msrc.leave crud-orders"),
    (450, "op begin switch-dns"),
    (451, "probe.names name new 60"),
];

pub(super) fn noise() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "src.member rtu rtu-src-0 crm.ingestion",
        "src.leave rtu rtu-src-0",
        "src.member rtu rtu-dst-0 crm.ingestion",
        "src.leave rtu rtu-dst-0",
        "msrc.join svc-orders",
        "msrc.leave svc-orders",
        "msrc.join svc-orders-dst",
        "msrc.leave svc-orders-dst",
        "msrc.join crud-orders",
        "msrc.leave crud-orders-dst",
        "msrc.join svc-nightly",
        "msrc.leave svc-nightly",
        "msrc.join svc-nightly-dst",
        "src.member others others-src-0 ?",
        "src.member others others-src-0 crm.ingestion",
        "src.leave others others-src-0",
        "probe.pass api",
        "probe.fail api",
        "probe.silent api",
        "probe.pass share",
        "probe.fail share",
        "probe.silent share",
        "probe.pass entry",
        "probe.fail entry",
        "probe.names name old 300",
        "probe.names name new 60",
        "probe.names name new 60 half",
        "probe.silent name",
        "src.down",
        "src.up",
        "msrc.down",
        "msrc.up",
        "msrc.listed no",
        "msrc.listed yes",
        "src.hide",
        "restart",
        "amnesia",
        "sleep 60",
        "op begin deploy-services",
        "op begin redirect-traffic",
        "op begin stop-source-services",
        "op begin switch-dns",
        "op withdraw deploy-services",
        "op withdraw redirect-traffic",
    ])
}

fn story() -> impl Strategy<Value = Vec<(i64, &'static str)>> {
    let noise = prop::collection::vec((2i64..900, noise()), 0..12);
    let left_out = prop::collection::vec(5..MOVE.len(), 0..2);
    let late = prop::collection::vec(0i64..90, MOVE.len());
    (noise, left_out, late).prop_map(|(noise, left_out, late)| {
        let mut shift = 0;
        let mut all: Vec<(i64, &str)> = Vec::new();
        for (i, (t, what)) in MOVE.iter().enumerate() {
            if what.starts_with("op ") {
                shift += late[i];
            }
            if !left_out.contains(&i) {
                all.push((t + shift, *what));
            }
        }
        all.extend(noise);
        all.sort_by_key(|(t, _)| *t);
        all
    })
}

/// Who has been there for this long was in a sample.
const SAMPLED: i64 = 6;
/// For how long a hazard may be there before it counts.
const BELIEVED: i64 = 16;
/// Who was seen at the destination within this long is taken to be there.
const PRESENT: i64 = 600;

/// What is so, told from what was done.
#[derive(Default)]
struct Truth {
    now: i64,
    /// Instances by (service, runs at the destination, instance), and since when.
    running: BTreeMap<(String, bool, String), i64>,
    /// Services that ran at the source at some time, as far back as the agent can know.
    ever: BTreeSet<String>,
    /// When a service last ran at the destination.
    there: BTreeMap<String, i64>,
    passing: BTreeMap<String, bool>,
    down: BTreeSet<String>,
    /// An old answer of a resolver may be kept until then.
    cached: i64,
    old_ttl: Option<i64>,
}

impl Truth {
    fn hear(&mut self, what: &str) {
        for c in what.split(';').map(str::trim) {
            let w: Vec<&str> = c.split_whitespace().collect();
            match w[0] {
                "src.member" if w[3] != "?" => self.start(w[1], w[2].contains("-dst"), w[2]),
                "src.leave" => self.running.retain(|(_, _, id), _| id != w[2]),
                "msrc.join" => self.start(w[1].trim_end_matches("-dst"), w[1].ends_with("-dst"), w[1]),
                "msrc.leave" => self.running.retain(|(_, _, id), _| id != w[1]),
                "probe.pass" => drop(self.passing.insert(w[1].into(), true)),
                "probe.fail" | "probe.silent" => drop(self.passing.insert(w[1].into(), false)),
                "probe.names" => {
                    self.old_ttl = (w[2] == "old").then(|| w[3].parse().unwrap());
                    self.passing.insert(w[1].into(), w[2] == "new" && w.get(4).is_none());
                }
                "src.down" | "msrc.down" => drop(self.down.insert(w[0].replace(".down", ""))),
                "src.up" | "msrc.up" => drop(self.down.remove(&w[0].replace(".up", ""))),
                "amnesia" => self.ever.clear(),
                _ => {}
            }
        }
        self.tick(self.now);
    }

    fn start(&mut self, service: &str, there: bool, id: &str) {
        self.running.entry((service.into(), there, id.into())).or_insert(self.now);
    }

    fn tick(&mut self, now: i64) {
        self.now = now;
        for ((service, there, _), since) in &self.running {
            if *there {
                self.there.insert(service.clone(), now);
            } else if now - since > SAMPLED {
                // One that came and went between two samples nobody can know.
                self.ever.insert(service.clone());
            }
        }
        if let Some(ttl) = self.old_ttl {
            // The last sample that saw it may be five seconds older.
            self.cached = now + ttl - 6;
        }
    }

    fn runs(&self, service: &str, there: bool) -> bool {
        self.running.keys().any(|(s, t, _)| s == service && *t == there)
    }

    fn fails(&self, probe: &str) -> Option<String> {
        (!self.passing.get(probe).copied().unwrap_or(false)).then(|| format!("probe {probe} does not pass"))
    }

    /// Services of the source that have not been at the destination lately.
    fn absent(&self) -> Vec<String> {
        let gone = |s: &&String| self.there.get(*s).is_none_or(|at| self.now - at > PRESENT);
        self.ever.iter().filter(gone).map(|s| format!("{s} is not at the destination")).collect()
    }

    fn at_source(&self) -> Vec<String> {
        let here = self.running.keys().filter(|(_, there, _)| !there);
        here.map(|(s, ..)| format!("{s} runs at the source")).collect()
    }

    fn alone(&self) -> Vec<String> {
        let here = self.running.keys().filter(|(s, there, _)| !there && !self.runs(s, true));
        here.map(|(s, ..)| format!("{s} runs at the source only")).collect()
    }

    /// Why a step must not be go.
    fn ready(&self, step: &str) -> Vec<String> {
        let mut all = Vec::new();
        match step {
            "deploy-services" => all.extend(self.down.iter().map(|d| format!("{d} does not answer"))),
            "redirect-traffic" => {
                all.extend(self.fails("api"));
                all.extend(self.alone());
            }
            "stop-source-services" => {
                all.extend(self.fails("share"));
                all.extend(self.absent());
                all.extend(self.alone());
            }
            _ => {
                all.extend(self.fails("entry"));
                all.extend(self.at_source());
            }
        }
        all
    }

    /// Why a step is not done.
    fn done(&self, step: &str) -> Vec<String> {
        match step {
            "deploy-services" => self.absent(),
            "redirect-traffic" => self.fails("share").into_iter().collect(),
            "stop-source-services" => self.at_source(),
            _ => {
                let kept = (self.now < self.cached).then(|| "an old answer may be cached".to_owned());
                self.fails("name").into_iter().chain(kept).collect()
            }
        }
    }
}

fn told(story: &[(i64, &str)]) -> String {
    story.iter().map(|(t, what)| format!("t={t} {what}\n")).collect()
}

/// Plays a story second by second; the first false go or false done, if there is one, and how many were looked at.
fn play(story: &[(i64, &str)]) -> Result<(u64, u64), String> {
    let (mut w, mut truth) = (World::new(estate()), Truth::default());
    let mut since: BTreeMap<(&str, &str, String), i64> = BTreeMap::new();
    let mut was_done: BTreeSet<&str> = BTreeSet::new();
    let (mut gos, mut dones) = (0, 0);
    let end = story.last().map_or(0, |(t, _)| *t) + 420;
    let mut next = 0;
    for t in 0..end {
        w.advance_to(1_000_000 + t * 1000);
        truth.tick(t);
        while let Some((_, what)) = story.get(next).filter(|(at, _)| *at <= t) {
            w.play(&format!("t={t} {what}"));
            truth.hear(what);
            next += 1;
        }
        let board = w.settle().board;
        for s in board.steps.iter().filter(|s| s.step.track == cutover_core::settings::Track::Services) {
            let id = s.step.id;
            let now: BTreeSet<(&str, String)> = (truth.ready(id).into_iter().map(|h| ("go", h)))
                .chain(truth.done(id).into_iter().map(|h| ("done", h)))
                .collect();
            since.retain(|(step, what, h), _| *step != id || now.contains(&(*what, h.clone())));
            for (what, h) in now {
                since.entry((id, what, h)).or_insert(t);
            }
            let lasting = |what: &str| {
                let mut all = since.iter().filter(|((step, w, _), _)| *step == id && *w == what);
                all.find(|(_, from)| t - **from > BELIEVED).map(|((_, _, h), from)| format!("since t={from}: {h}"))
            };
            let pending = matches!(s.life, Life::Pending | Life::OutOfOrder);
            if pending && board.verdict(&s.ready, w.now) == Verdict::Go {
                gos += 1;
                if let Some(why) = lasting("go") {
                    return Err(format!("t={t} {id} is go, but {why}"));
                }
            }
            let done = matches!(s.life, Life::Done(..));
            if !done {
                was_done.remove(id);
            } else if was_done.insert(id) {
                dones += 1;
                if let Some(why) = lasting("done") {
                    return Err(format!("t={t} {id} is done, but {why}"));
                }
            }
        }
    }
    Ok((gos, dones))
}

#[test]
fn the_plain_story_is_go_and_done_at_every_step() {
    let (gos, dones) = play(MOVE).unwrap();
    assert!(gos > 4 * 15 && dones == 4, "only {gos} seconds of go, {dones} steps done");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: stories(150), max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn no_go_and_no_done_while_the_services_are_not_safe(story in story()) {
        if let Err(e) = play(&story) {
            prop_assert!(false, "{e}\n{}", told(&story));
        }
    }
}
