//! What is checked of the services track: every go and done against the truth, and that nothing stays stuck.

use crate::model::site::{Looks, Probe};
use crate::scenario::{Expect, Operator};
use crate::truth_services::{About, Rule, Unsafe, of_done, of_ready};
use crate::watch::{Failing, SERVICES, STEPS};
use crate::world::World;
use crate::world_services::Half;
use cutover_core::estate::{Side, Target};
use cutover_core::gate::board::Verdict;
use cutover_core::render;
use cutover_core::settings::Track;
use std::collections::BTreeMap;

type Rests = BTreeMap<Target, (i64, i64)>;

/// Whether a probe takes part in a check of a step's ready: what core calls `destination-healthy` and `entry-points`, and
/// those that gate `deploy-services`.
fn takes_part(p: &Probe, step: &str) -> bool {
    let gates = p.gates.iter().any(|g| **g == *step);
    let (door, names) = (matches!(p.looks, Looks::Door { .. }), matches!(p.looks, Looks::Names(_)));
    let there = p.side == Side::Destination;
    match step {
        "redirect-traffic" => (door && there) || (gates && (door || names)),
        "switch-dns" => gates && there && !names,
        _ => gates,
    }
}

impl World {
    /// The cluster in force of a track, as the journal has it; none in its downtime.
    pub fn force(&self, track: Track) -> Option<Side> {
        let f = self.agent.facts();
        let (opens, closes) = match track {
            Track::Kafka => ("stop-consumers", "start-consumers"),
            _ => ("stop-writers", "start-writers"),
        };
        if f.is_done(closes) {
            return Some(Side::Destination);
        }
        (!f.is_begun(opens)).then_some(Side::Source)
    }

    /// Whether the downtime of Kafka or MongoDB is open.
    pub(crate) fn in_a_downtime(&self) -> bool {
        let has = |t: &Track| self.scenario.tracks.contains(t);
        [Track::Kafka, Track::Mongodb].iter().any(|t| has(t) && self.force(*t).is_none())
    }

    fn target(&self, about: About, what: Unsafe) -> Option<Target> {
        let in_force = |t: Track, side: Side| self.scenario.tracks.contains(&t) && self.force(t) == Some(side);
        match about {
            About::Half(Half::Group(_), side) => in_force(Track::Kafka, side).then_some(Target::Kafka(side)),
            About::Half(Half::Client(_), side) => in_force(Track::Mongodb, side).then_some(Target::Mongodb(side)),
            About::Probe(i) => Some(Target::Probe(self.site.probes.get(i)?.name.clone())),
            About::Traffic => {
                let measures = |p: &&Probe| matches!(p.looks, Looks::Traffic) && what == Unsafe::TrafficAtSource;
                Some(Target::Probe(self.site.probes.iter().find(measures)?.name.clone()))
            }
        }
    }

    /// Whether it counts for a step's answer: a door that the step looks at, the cluster in force, what no person has
    /// answered for.
    fn matters(&self, step: &str, what: Unsafe, about: About) -> bool {
        let said = |word: &str| self.agent.facts().confirmed(word, &[]).is_some();
        let skipped = |id: &str| self.scenario.skipped.iter().any(|s| **s == *id);
        let counts = match (what, about) {
            (Unsafe::Closed, About::Probe(i)) => self.site.probes.get(i).is_some_and(|p| takes_part(p, step)),
            (Unsafe::TrafficAtSource, _) => {
                !said("traffic-moved") && (step == "redirect-traffic" || !skipped("redirect-traffic"))
            }
            (Unsafe::OldAnswer | Unsafe::Kept, _) => !said("names-moved"),
            (Unsafe::SourceHome, _) => !(step == "switch-dns" && skipped("stop-source-services")),
            (Unsafe::NotDeployed, _) => !(step == "redirect-traffic" && skipped("deploy-services")),
            _ => true,
        };
        counts && self.target(about, what).is_some()
    }

    /// A go of the services track: order, downtimes, age, and the truth.
    pub(crate) fn check_services_go(&mut self, i: usize, rests: &Rests) {
        let id = STEPS[i];
        let f = self.agent.facts();
        let skipped = |s: &str| self.scenario.skipped.iter().any(|x| **x == *s);
        let before = STEPS[SERVICES..i].iter().rev().find(|s| !skipped(s));
        let after = self.scenario.after();
        let waits = after.get(id).is_some_and(|all| all.iter().any(|s| !f.is_done(s)));
        for (so, kind, text) in [
            (self.in_a_downtime(), "OtherDowntime", "another track's downtime is open"),
            (waits, "After", "what it comes after is not done"),
            (before.is_some_and(|s| !f.is_done(s)), "Predecessor", "the step before it is not done"),
        ] {
            if so {
                let (kind, text) = (kind.to_owned(), text.to_owned());
                self.watch.fail(Failing { at: self.now, step: id, what: "go", kind, text });
            }
        }
        self.check_services(id, "go", of_ready(id), rests);
    }

    /// A go of the services track rests on nothing old.
    pub(crate) fn check_services_age(&mut self, step: &'static str, rests: &Rests) {
        let most = self.scenario.interval * 3;
        let clusters = matches!(step, "deploy-services" | "stop-source-services");
        let mut targets: Vec<Target> = Vec::new();
        if clusters {
            let has = |t: Track| self.force(t).filter(|_| self.scenario.tracks.contains(&t));
            targets.extend(has(Track::Kafka).map(Target::Kafka));
            targets.extend(has(Track::Mongodb).map(Target::Mongodb));
        }
        let probes = self.site.probes.iter().filter(|p| takes_part(p, step) && step != "stop-source-services");
        targets.extend(probes.map(|p| Target::Probe(p.name.clone())));
        if step == "stop-source-services" && self.matters(step, Unsafe::TrafficAtSource, About::Traffic) {
            targets.extend(self.target(About::Traffic, Unsafe::TrafficAtSource));
        }
        for target in targets {
            let age = rests.get(&target).map(|(s, _)| self.now - s);
            if age.is_none_or(|a| a > most) {
                let text = format!("rests on a sample of {target} asked for {age:?} ms ago, believed for {most} ms");
                self.watch.fail(Failing { at: self.now, step, what: "stale", kind: target.to_string(), text });
            }
        }
    }

    /// A done of the services track, by the truth.
    pub(crate) fn check_services_done(&mut self, step: &'static str, in_a_downtime: bool, rests: &Rests) {
        if in_a_downtime {
            let (kind, text) = ("OtherDowntime".to_owned(), "another track's downtime is open".to_owned());
            self.watch.fail(Failing { at: self.now, step, what: "done", kind, text });
        }
        self.check_services(step, "done", of_done(step), rests);
    }

    fn check_services(&mut self, step: &'static str, what: &'static str, rules: &[(Unsafe, Rule)], rests: &Rests) {
        let at = |u: Unsafe, about: About| {
            let target = self.target(about, u).filter(|_| self.matters(step, u, about))?;
            rests.get(&target).copied()
        };
        let Some(b) = self.truth_services.broken(rules, at, self.lasting(), self.now) else { return };
        let to = b.to.map_or("now".to_owned(), |t| format!("{} s", t / 1000));
        let who = self.named(b.key.1);
        let rested: Vec<String> = rests.iter().map(|(t, (a, r))| format!("{t} {a}..{r}")).collect();
        let text = format!("{:?} {who} from {} s to {to}; it rests on {rested:?}", b.key.0, b.from / 1000);
        self.watch.fail(Failing { at: self.now, step, what, kind: format!("{:?}", b.key.0), text });
    }

    fn named(&self, about: About) -> String {
        match about {
            About::Half(Half::Group(i), side) => format!("group {} ({side})", self.m.readers[i].group),
            About::Half(Half::Client(i), side) => format!("client {} ({side})", self.db.services[i].name),
            About::Probe(i) => self.site.probes.get(i).map_or(String::new(), |p| format!("probe {}", p.name)),
            About::Traffic => "the traffic".to_owned(),
        }
    }

    /// Whether the step that the operator of the services waits for is stuck: safe for long enough, nothing in the way, and
    /// not go.
    pub(crate) fn progress_services(&mut self) {
        let faults = Side::BOTH.iter().any(|s| self.m.side(*s).faults.any() || self.db.side(*s).faults.any());
        let ill = faults || self.site.is_ill() || self.site.is_stale() || self.in_a_downtime();
        if ill || !self.agent.up || self.now < self.asleep_until || self.watch.calm == 0 {
            return self.watch.disturbed(self.now);
        }
        if self.is_astray() {
            self.sre.astray = self.now;
        }
        let Some((step, wait)) = self.services_wait_for() else { return };
        let id = STEPS[SERVICES + step];
        let later =
            |s: &String| STEPS.iter().position(|x| x == s).is_some_and(|i| (SERVICES..=SERVICES + step).contains(&i));
        let meant = self.scenario.expects.iter().any(|e| match e {
            Expect::NoGo(s, from, to) => s == id && *from <= self.now && self.now < *to,
            Expect::NotDone(s) => later(s),
            _ => false,
        });
        if meant {
            return self.watch.disturbed(self.now);
        }
        let ready = self.sre.phase.is_multiple_of(2);
        let rules = if ready { of_ready(id) } else { of_done(id) };
        let Some(safe) = self.truth_services.safe_since(rules, |u, about| self.matters(id, u, about)) else { return };
        let since = safe.max(self.watch.calm).max(self.sre.since).max(self.sre.not_before).max(self.sre.astray);
        let phase = self.sre.phase;
        if self.now - since <= wait || self.watch.stuck_of_services == Some(phase) {
            return;
        }
        let Some(p) = self.agent.published.clone() else { return };
        let Some(b) = p.board.step(id) else { return };
        let answer = if ready { &b.ready } else { &b.done };
        if answer.verdict == Verdict::Go || (ready && answer.settled.is_some()) {
            return;
        }
        self.watch.stuck_of_services = Some(phase);
        let code = render::chief(answer).map_or("nothing", |f| f.code.as_str());
        let what = if ready { "ready" } else { "done" };
        let text = format!("{what} {}: {}", b.life.as_str(), render::answer(answer));
        self.watch.fail(Failing { at: self.now, step: id, what: "stuck", kind: code.to_owned(), text });
    }

    /// The step waited for, and how long it may take.
    fn services_wait_for(&self) -> Option<(usize, i64)> {
        let d = &self.sre;
        let busy = d.finished() || d.backs_out || d.early || d.lost_journal || !d.forgotten.is_empty();
        let strangers = Side::BOTH.iter().any(|s| !self.db.side(*s).strangers.is_empty() || self.stray_member(*s));
        // Who commits without joining a group cannot be told by its home.
        let assigns = self.m.readers.iter().any(|r| r.style == crate::model::apps::Style::Assign);
        let nobody = self.scenario.operator == Operator::Nobody;
        if nobody
            || busy
            || strangers
            || assigns
            || d.astray == self.now
            || !self.may_move(Track::Services)
            || self.now < d.not_before
        {
            return None;
        }
        let pause = self.scenario.interval * 8 + 60_000;
        let step = usize::from(d.phase / 2);
        let ready = d.phase.is_multiple_of(2);
        let wait = pause
            + match (step, ready) {
                (0, true) => 0,
                (0, false) => 60_000 + 600_000,
                // How its lag moves may have to be known.
                (2, true) => 400_000,
                (3, false) => 60_000 + self.longest_ttl(),
                _ => 60_000,
            };
        Some((step, if ready { wait } else { wait + crate::operator_services::PATIENCE + 10_000 }))
    }

    /// Something was done before its step, or undone after it: the operator finds it when nothing moves.
    fn is_astray(&self) -> bool {
        let d = &self.sre;
        let halves = || self.units().into_iter().flat_map(|(_, halves)| halves);
        let there = !d.acted[0] && halves().any(|h| self.is_deployed(h, Side::Destination));
        let moved = !d.acted[1] && self.site.traffic == Side::Destination;
        let gone = !d.acted[2] && halves().any(|h| !self.is_deployed(h, Side::Source));
        // What a resolver keeps is seen for as long as it keeps it.
        let named = !d.acted[3] && self.site.names().any(|n| n.moved || n.tells_new(self.now));
        there || moved || gone || named
    }

    /// Somebody by hand is a member of a group that nobody deploys.
    fn stray_member(&self, side: Side) -> bool {
        let mine = |g: &cutover_core::Name| self.m.readers.iter().any(|r| r.group == *g);
        self.m.side(side).groups.iter().any(|(n, g)| !mine(n) && !g.members.is_empty())
    }

    fn longest_ttl(&self) -> i64 {
        let initial = self.scenario.services.iter().flat_map(|s| &s.probes);
        let ttl = |p: &Probe| if let Looks::Names(n) = &p.looks { n.ttl } else { 0 };
        2 * initial.chain(&self.site.probes).map(ttl).max().unwrap_or(0)
    }
}
