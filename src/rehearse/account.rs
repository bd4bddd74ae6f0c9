//! What happens, as lines: it looks at the world after every event and says what is different. The world itself is not
//! asked to tell: what nobody could see from outside is not in the account.

use cutover_core::Name;
use cutover_core::estate::Side;
use cutover_core::facts::{Fact, How};
use cutover_core::gate::board::{Answer, Board, Life, StepBoard, Verdict};
use cutover_core::reading::Code;
use cutover_core::render;
use cutover_core::settings::Track;
use cutover_core::time::{Dur, Now};
use cutover_sim::model::mongodb::mirror::Stage;
use cutover_sim::world::World;
use cutover_sim::world_services::Half;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Who a line is about.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Who {
    /// The rehearsal itself.
    Rehearsal,
    /// Something was taken from a recording of the real estate.
    Measured,
    /// Something was invented because nobody said it.
    Assumed,
    /// The person who migrates.
    Operator,
    /// The agent.
    Agent,
    /// The scenario makes something happen.
    Script,
    /// A mirror goes on by itself.
    Mirror,
    /// A step went on.
    Step,
    /// There is no way back from here.
    NoWayBack,
    /// Consumers stand still from here to there.
    Downtime,
    /// Something that should never be said: a defect.
    Defect,
}

/// One line of the account.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(super) struct Line {
    /// When, in milliseconds since the start.
    pub(super) at_ms: i64,
    /// Who it is about.
    pub(super) who: Who,
    /// The step, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) step: Option<&'static str>,
    /// What the agent says of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) verdict: Option<&'static str>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<&'static str>,
    /// In words.
    pub(super) text: String,
}

/// When a step became next, could be begun, was begun and was done, in milliseconds since the start.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Times {
    pub(super) next: Option<i64>,
    pub(super) go: Option<i64>,
    pub(super) begun: Option<i64>,
    pub(super) done: Option<i64>,
}

/// What has been seen so far.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// Each step's times.
    pub(super) times: BTreeMap<&'static str, Times>,
    /// Each track's downtimes: from when to when.
    pub(super) downtimes: BTreeMap<Track, Vec<(i64, Option<i64>)>>,
    lines: Vec<Line>,
    producers: Vec<Option<Side>>,
    readers: Vec<[bool; 2]>,
    services: Vec<[bool; 2]>,
    /// The homes at which each half of a service is deployed.
    homes: BTreeMap<Half, [bool; 2]>,
    traffic: Option<Side>,
    names: Option<bool>,
    mirrors: Vec<Stage>,
    blocked: bool,
    topics: BTreeSet<Name>,
    seeded: BTreeSet<Name>,
    scripted: usize,
    up: Option<bool>,
    said: BTreeMap<Track, (Said, String, i64)>,
    confirmed: BTreeSet<(Name, Vec<Name>, Name)>,
    failing: usize,
    /// Why facts cannot be written, so that no go is believed.
    journal: Option<String>,
}

/// The simulated operator's name in the journal.
pub(super) const OPERATOR: &str = "operator";

/// Nothing for the simulated operator; the name of anybody else.
fn by(author: &str) -> String {
    if author == OPERATOR { String::new() } else { format!("{author}: ") }
}

/// Milliseconds after which the same reason is told again about another thing.
const AGAIN: i64 = 60_000;

/// A step, a question, and what was answered.
type Said = (&'static str, &'static str, Verdict, &'static str);

impl Account {
    /// An account of a world at its start.
    pub(super) fn of(w: &World) -> Account {
        Account {
            producers: w.m.producers.iter().map(|p| p.on).collect(),
            readers: (0..w.m.readers.len()).map(|i| Side::BOTH.map(|s| w.runs(i, s))).collect(),
            topics: w.m.side(Side::Source).topics.keys().cloned().collect(),
            services: w.db.services.iter().map(|s| Side::BOTH.map(|side| s.runs(side))).collect(),
            mirrors: w.db.mirrors.iter().map(|m| m.stage).collect(),
            ..Account::default()
        }
    }

    /// What is different since the last look.
    pub(super) fn look(&mut self, w: &World, facts: &[Fact]) -> Vec<Line> {
        let scripted = self.script(w);
        let who = if scripted { Who::Script } else { Who::Operator };
        self.moves(w, who);
        self.moves_of_mongodb(w, who);
        self.moves_of_services(w, who);
        self.agent(w);
        let met =
            facts.iter().filter(|f| matches!(f, Fact::Confirmed { name, .. } if &**name == "requirement")).count();
        if met > 0 {
            self.say(w.now, Who::Operator, format!("confirms {met} of the requirements"));
        }
        for f in facts {
            self.fact(w.now, f);
        }
        if let Some(p) = w.agent.published.clone().filter(|_| w.agent.up) {
            self.board(w.now, &p.board, w.clocks());
        }
        for f in w.watch.failing.iter().skip(self.failing).filter(|f| f.what != "stuck" && w.agent.settings.faster == 1)
        {
            let text = format!("{} of {} should not have been said: {}; please report it", f.what, f.step, f.text);
            self.lines.push(Line {
                at_ms: f.at,
                who: Who::Defect,
                step: Some(f.step),
                verdict: None,
                code: None,
                text,
            });
        }
        self.failing = w.watch.failing.len();
        self.taken()
    }

    /// What there is to tell since it was last taken.
    pub(super) fn taken(&mut self) -> Vec<Line> {
        std::mem::take(&mut self.lines)
    }

    fn say(&mut self, at_ms: i64, who: Who, text: impl Into<String>) {
        self.lines.push(Line { at_ms, who, step: None, verdict: None, code: None, text: text.into() });
    }

    fn say_of(&mut self, at_ms: i64, who: Who, step: &'static str, text: String) {
        self.lines.push(Line { at_ms, who, step: Some(step), verdict: None, code: None, text });
    }

    /// Lines of the script whose time has come; whether one came just now.
    fn script(&mut self, w: &World) -> bool {
        let events = &w.scenario.events;
        let mut now = false;
        while let Some((at, words)) = events.get(self.scripted).filter(|(at, _)| *at <= w.now) {
            now = *at == w.now;
            self.say(w.now, Who::Script, super::scenario::in_words(words));
            self.scripted += 1;
        }
        now
    }

    fn moves(&mut self, w: &World, who: Who) {
        for (i, p) in w.m.producers.iter().enumerate() {
            if self.producers.get(i) == Some(&p.on) {
                continue;
            }
            let text = match p.on {
                Some(side) => format!("{} writes to the {side} now", p.name),
                None => format!("{} is stopped", p.name),
            };
            self.say(w.now, who, text);
            self.producers[i] = p.on;
        }
        for i in 0..w.m.readers.len() {
            let runs = Side::BOTH.map(|s| w.runs(i, s));
            for (k, side) in Side::BOTH.into_iter().enumerate() {
                if self.readers[i][k] != runs[k] {
                    let does = if runs[k] { "is started on" } else { "is stopped on" };
                    self.say(w.now, who, format!("group {} {does} the {side}", w.m.readers[i].group));
                }
            }
            self.readers[i] = runs;
        }
        let there = w.m.side(Side::Source).topics.len();
        if there != self.topics.len() {
            let topics: BTreeSet<Name> = w.m.side(Side::Source).topics.keys().cloned().collect();
            for gone in self.topics.difference(&topics).cloned().collect::<Vec<_>>() {
                self.say(w.now, who, format!("topic {gone} is deleted on the source"));
            }
            self.topics = topics;
        }
        for (name, g) in &w.m.side(Side::Destination).groups {
            if !g.commits.is_empty() && !self.seeded.contains(name) {
                self.seeded.insert(name.clone());
                if g.members.is_empty() {
                    let n = g.commits.len();
                    self.say(
                        w.now,
                        who,
                        format!("offsets of group {name} are seeded at the destination ({n} partitions)"),
                    );
                }
            }
        }
    }

    fn moves_of_mongodb(&mut self, w: &World, who: Who) {
        for (i, s) in w.db.services.iter().enumerate() {
            let runs = Side::BOTH.map(|side| s.runs(side));
            let before = self.services[i];
            for (k, side) in Side::BOTH.into_iter().enumerate().filter(|(k, _)| before[*k] != runs[*k]) {
                let does = if runs[k] { "is started on" } else { "is stopped on" };
                let what = if s.is_writer() { "writer" } else { "reader" };
                self.say(w.now, who, format!("{what} {} {does} the {side} MongoDB", s.app_name(side)));
            }
            self.services[i] = runs;
        }
        for (i, m) in w.db.mirrors.iter().enumerate() {
            if self.mirrors[i] == m.stage {
                continue;
            }
            let text = match m.stage {
                Stage::Off => "is ended",
                Stage::Initializing | Stage::Resuming => "is started",
                Stage::Copying => "copies what there is",
                Stage::Carrying => "carries what is written",
            };
            let who = if matches!(m.stage, Stage::Copying | Stage::Carrying) { Who::Mirror } else { who };
            self.say(w.now, who, format!("mirror {} {text}", m.name));
            self.mirrors[i] = m.stage;
        }
        let blocked = w.db.side(Side::Destination).blocked;
        if blocked != self.blocked {
            let text = if blocked { "blocks" } else { "allows" };
            self.say(w.now, who, format!("{text} user writes at the destination's MongoDB"));
            self.blocked = blocked;
        }
    }

    fn moves_of_services(&mut self, w: &World, who: Who) {
        if w.scenario.services.is_none() {
            return;
        }
        for (name, half) in
            w.units().into_iter().flat_map(|(n, halves)| halves.into_iter().map(move |h| (n.clone(), h)))
        {
            let now = Side::BOTH.map(|home| w.is_deployed(half, home));
            let Some(before) = self.homes.insert(half, now) else { continue };
            for (k, home) in Side::BOTH.into_iter().enumerate().filter(|(k, _)| before[*k] != now[*k]) {
                let does = if now[k] { "is deployed at" } else { "is removed from" };
                self.say(w.now, who, format!("service {name} {does} the {home}"));
            }
        }
        let traffic = w.site.traffic;
        if self.traffic.replace(traffic).is_some_and(|t| t != traffic) {
            self.say(w.now, who, format!("the traffic is sent to the {traffic}"));
        }
        let Some(moved) = w.site.names().map(|n| n.moved).next() else { return };
        if self.names.replace(moved).is_some_and(|m| m != moved) {
            let side = if moved { Side::Destination } else { Side::Source };
            self.say(w.now, who, format!("the names are set to the {side}"));
        }
    }

    fn agent(&mut self, w: &World) {
        if self.up.replace(w.agent.up).is_some_and(|up| up != w.agent.up) {
            let text = if w.agent.up { "runs again, with what its journal holds" } else { "is gone: nobody answers" };
            self.say(w.now, Who::Agent, text);
        }
    }

    /// A fact that was journaled.
    pub(super) fn fact(&mut self, at_ms: i64, f: &Fact) {
        match f {
            Fact::Begun { step, how, .. } => {
                let Some(step) = cutover_core::playbook::step(step) else { return };
                let times = self.times.entry(step.id).or_default();
                times.begun = Some(at_ms);
                let after = times.go.map(|go| format!(", {} after the go", Dur(at_ms - go))).unwrap_or_default();
                let by = match how {
                    How::Claimed { author, .. } if &**author == OPERATOR => "claimed".to_owned(),
                    How::Claimed { author, .. } => format!("claimed by {author}"),
                    How::Unclaimed => "begun by its effect".to_owned(),
                    How::Adopted { author, .. } => format!("adopted by {author}"),
                };
                self.say_of(at_ms, Who::Step, step.id, format!("{} is {by}{after}: {}", step.id, step.does));
                if !step.way_back {
                    let text = format!("there is no way back from {}", step.id);
                    self.say_of(at_ms, Who::NoWayBack, step.id, text);
                }
            }
            Fact::Done { step, .. } => {
                let Some(step) = cutover_core::playbook::step(step) else { return };
                let times = self.times.entry(step.id).or_default();
                times.done = Some(at_ms);
                let took = times.begun.map(|b| format!(", {} after it was begun", Dur(at_ms - b))).unwrap_or_default();
                self.say_of(at_ms, Who::Step, step.id, format!("{} is done{took}", step.id));
            }
            Fact::Undone { step, .. } => self.say(at_ms, Who::Step, format!("{step} came undone")),
            Fact::Withdrawn { step, author, reason, .. } => {
                self.times.retain(|s, _| *s != &**step);
                self.say(at_ms, Who::Operator, format!("{}takes {step} back: {reason}", by(author)));
            }
            Fact::Held { step, author, reason, .. } => {
                let what = step.as_deref().unwrap_or("every step");
                self.say(at_ms, Who::Operator, format!("{}holds {what}: {reason}", by(author)));
            }
            Fact::Released { step, author, reason, .. } => {
                let what = step.as_deref().unwrap_or("every step");
                self.say(at_ms, Who::Operator, format!("{}releases {what}: {reason}", by(author)));
            }
            Fact::Confirmed { name, subject, author, .. } => {
                // What the operator says again and again is told once.
                if !self.confirmed.insert((name.clone(), subject.clone(), author.clone())) || &**name == "requirement" {
                    return;
                }
                let what = render::word(name, subject);
                self.say(at_ms, Who::Operator, format!("{}confirms {what}", by(author)));
            }
            Fact::Retracted { name, subject, author, .. } => {
                self.confirmed.retain(|(n, s, _)| (n, s) != (name, subject));
                let what = render::word(name, subject);
                self.say(at_ms, Who::Operator, format!("{}takes the word {what} back", by(author)));
            }
            Fact::Accepted { group, key, author, .. } => {
                let text = format!("{}accepts the offset of {group} on {}/{}", by(author), key.topic, key.partition);
                self.say(at_ms, Who::Operator, text);
            }
            Fact::Voided { name, .. } => self.say(at_ms, Who::Agent, format!("`{name}` no longer counts")),
            Fact::Phantom { key, from, to } => {
                let text = format!(
                    "proves by reading that offsets {from} to {to} of {}/{} hold nothing to read",
                    key.topic, key.partition
                );
                self.say(at_ms, Who::Agent, text);
            }
            _ => {}
        }
    }

    /// Why facts cannot be written, or that they can.
    pub(super) fn journal(&mut self, why: Option<&str>) {
        self.journal = why.map(str::to_owned);
    }

    /// A board that was published.
    pub(super) fn board(&mut self, at_ms: i64, board: &Board, now: Now) {
        for t in &board.tracks {
            let open = self.downtimes.entry(t.track).or_default();
            match (t.downtime, open.last()) {
                (Some(_), None | Some((_, Some(_)))) => {
                    open.push((at_ms, None));
                    self.say(at_ms, Who::Downtime, format!("the downtime of the {} track begins", t.track));
                }
                (None, Some((since, None))) => {
                    let since = *since;
                    if let Some(last) = open.last_mut() {
                        last.1 = Some(at_ms);
                    }
                    let took = Dur(at_ms - since);
                    self.say(at_ms, Who::Downtime, format!("the downtime of the {} track is over: {took}", t.track));
                }
                _ => {}
            }
            let next = board
                .steps
                .iter()
                .find(|s| s.step.track == t.track && !matches!(s.life, Life::Done(..) | Life::Skipped(_)));
            if let Some(s) = next {
                self.step(at_ms, board, s, now);
            }
        }
    }

    /// What the agent says of the step that comes next.
    fn step(&mut self, at_ms: i64, board: &Board, s: &StepBoard, now: Now) {
        let begun = matches!(s.life, Life::Begun(..));
        let (question, answer): (_, &Answer) = if begun { ("done", &s.done) } else { ("ready", &s.ready) };
        let unwritten = self.journal.clone().filter(|_| answer.settled.is_none());
        let verdict = if unwritten.is_some() { Verdict::Unknown } else { board.verdict(answer, now) };
        let chief = render::chief(answer).filter(|_| unwritten.is_none());
        let of_check = chief.as_ref().map_or("", |f| f.code.as_str());
        let code = if unwritten.is_some() { Code::Journal.as_str() } else { of_check };
        let times = self.times.entry(s.step.id).or_default();
        let next = *times.next.get_or_insert(at_ms);
        // A done step says so itself.
        if begun && verdict == Verdict::Go {
            return;
        }
        let said = (s.step.id, question, verdict, code);
        let about = chief.as_ref().map(|f| format!("{:?}", f.at)).unwrap_or_default();
        // The same reason about another thing is told again after a while only: some come and go with every sample.
        if let Some((old, thing, since)) = self.said.get(&s.step.track)
            && *old == said
            && (*thing == about || at_ms - since < AGAIN)
        {
            return;
        }
        self.said.insert(s.step.track, (said, about, at_ms));
        let expired = board.expired(answer, now);
        let id = s.step.id;
        let mut text = match verdict {
            _ if unwritten.is_some() => format!(
                "unknown (journal): facts cannot be written to the journal: {}",
                unwritten.as_deref().unwrap_or_default()
            ),
            _ if expired => "unknown (expired): the last evaluation is too old to be believed".to_owned(),
            Verdict::Go => {
                let first = times.go.is_none();
                times.go.get_or_insert(at_ms);
                match (first, Dur((at_ms - next) / 1000 * 1000)) {
                    (true, Dur::ZERO) => "GO at once".to_owned(),
                    (true, waited) => format!("GO after {waited}"),
                    (false, _) => "GO again".to_owned(),
                }
            }
            _ => render::answer(answer),
        };
        if let Some(fix) = chief.and_then(|f| f.fix).filter(|_| verdict != Verdict::Go && !expired) {
            text = format!("{text}; fix: {fix}");
        }
        let asked = if begun { format!("{id} done? ") } else { format!("{id}: ") };
        self.lines.push(Line {
            at_ms,
            who: Who::Agent,
            step: Some(id),
            verdict: Some(verdict.as_str()),
            code: Some(code).filter(|c| !c.is_empty()),
            text: asked + &text,
        });
    }
}
