//! What happens to the services: where each half of them runs, and what the probes are answered.

use crate::model::site::{Looks, Names, Probe, Site};
use crate::sampler::failure;
use crate::scenario::Scenario;
use crate::scenario_services::kind;
use crate::world::{Event, World};
use cutover_core::Name;
use cutover_core::estate::probe::{NameAnswer, ProbeSample};
use cutover_core::estate::{Content, Failure, FailureKind, Side, Target};
use cutover_core::settings::{ProbeSettings, Track};
use cutover_core::time::{Dur, Mono};
use std::collections::{BTreeMap, BTreeSet};

/// One half of a service: what consumes, or what reads and writes MongoDB.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Half {
    /// A reader, by its number.
    Group(usize),
    /// A MongoDB service, by the number of the one at the source.
    Client(usize),
}

/// The settings of the probes in a scenario.
pub fn settings(s: &Scenario) -> BTreeMap<Name, ProbeSettings> {
    let probes = s.services.iter().flat_map(|x| &x.probes);
    let one = |p: &Probe| ProbeSettings {
        kind: kind(p),
        side: p.side,
        interval: Dur(s.interval),
        vantage: None,
        gates: p.gates.iter().cloned().collect(),
        requirement: None,
    };
    probes.map(|p| (p.name.clone(), one(p))).collect()
}

/// What the probes of a scenario look at, at its start.
pub fn site(s: &Scenario) -> Site {
    let probes = s.services.iter().flat_map(|x| x.probes.clone()).collect();
    let mut site = Site { probes, seen: s.interval * 4 + 1_000, ..Site::default() };
    site.advance(0);
    site
}

/// What a probe is answered at an instant.
fn look(p: &Probe, site: &Site, now: i64) -> Result<ProbeSample, Failure> {
    if p.silent {
        return Err(failure("no answer"));
    }
    let plain = |pass: bool, said: &str| ProbeSample {
        pass,
        said: said.into(),
        certificate_days: None,
        names: BTreeMap::new(),
    };
    Ok(match &p.looks {
        Looks::Door { open: true, .. } => plain(true, "200"),
        Looks::Door { .. } => plain(false, "connection refused"),
        Looks::Traffic if p.empty => {
            return Err(Failure::new(FailureKind::Server, "the result is empty: nothing is measured"));
        }
        Looks::Traffic => match site.traffic {
            Side::Source => plain(false, "the expression gives 0"),
            Side::Destination => plain(true, "the expression gives 1"),
        },
        Looks::Names(n) => {
            let names: BTreeMap<Name, Result<NameAnswer, Failure>> =
                (0..n.resolvers.len()).map(|i| (format!("10.0.0.{}", 53 + i).into(), told(n, i, now))).collect();
            let pass = names.values().all(|a| a.as_ref().is_ok_and(|a| a.expected));
            ProbeSample { names, ..plain(pass, "the resolvers' answers") }
        }
    })
}

fn told(n: &Names, resolver: usize, now: i64) -> Result<NameAnswer, Failure> {
    if n.resolvers[resolver].mute {
        return Err(failure("no answer in time"));
    }
    let (expected, left) = n.answer(resolver, now);
    let address = Name::from(if expected { "10.2.0.1" } else { "10.1.0.1" });
    Ok(NameAnswer { addresses: BTreeSet::from([address]), ttl: Dur::secs(left / 1000), expected })
}

impl World {
    /// Starts the samplers of the probes, if there are any.
    pub fn start_probes(&mut self) {
        for i in 0..self.site.probes.len() {
            let a = self.rng.i64(100..1_000);
            self.at(self.now + a, Event::Probe(i, self.life));
        }
    }

    /// A probe is asked and answered.
    pub fn ask_probe(&mut self, i: usize) {
        let (now, mono, timeout) = (self.now, self.clocks().mono, self.scenario.interval * 4 / 5);
        self.site.advance(now);
        let p = &self.site.probes[i];
        let (name, slow) = (p.name.clone(), p.slow);
        let mut outcome = look(p, &self.site, now);
        let (before, mut after) = (self.rng.i64(5..40), self.rng.i64(5..=self.scenario.latency.max(10)));
        if slow > 0 {
            after += self.rng.i64(0..slow);
        }
        if outcome.is_err() || before + after > timeout {
            after = timeout - before;
            outcome = outcome.and_then(|_| Err(failure("no answer in time")));
        }
        // What is read now was asked for a little earlier.
        let sent = (now - before, Mono((mono.0 - before).max(0)));
        let next = Event::Probe(i, self.life);
        self.finish(Target::Probe(name), sent, outcome.map(Content::Probe), (now + after, mono + Dur(after)), next);
    }

    /// The halves of everything that is deployed together, by name.
    pub fn units(&self) -> Vec<(Name, Vec<Half>)> {
        let units = self.scenario.services.iter().flat_map(|s| s.units.clone());
        let mut all: Vec<(Name, Vec<Half>)> =
            units.map(|(n, halves)| (n, halves.iter().filter_map(|h| self.half_named(h)).collect())).collect();
        let groups = self.m.readers.iter().enumerate().map(|(i, r)| (r.group.clone(), Half::Group(i)));
        let clients = self.db.services.iter().enumerate().filter(|(_, s)| s.home == Some(Side::Source));
        let alone: Vec<(Name, Half)> = groups.chain(clients.map(|(i, s)| (s.name.clone(), Half::Client(i)))).collect();
        for (name, half) in alone {
            if !all.iter().any(|(_, halves)| halves.contains(&half)) {
                all.push((name, vec![half]));
            }
        }
        all
    }

    /// The half of that name.
    pub fn half_named(&self, name: &str) -> Option<Half> {
        self.m.reader(name).map(Half::Group).or_else(|| self.db.service(name).map(Half::Client))
    }

    /// Whether a half is deployed at a home.
    pub fn is_deployed(&self, half: Half, home: Side) -> bool {
        match half {
            Half::Group(i) => self.m.readers[i].deployed.as_ref().is_some_and(|d| d.contains(&home)),
            Half::Client(i) => self.db.at_home(i, home).is_some_and(|i| self.db.services[i].deployed),
        }
    }

    /// The cluster that a half uses at the moment, none in its downtime; told by what the operators did.
    fn uses(&self, half: Half) -> Option<Side> {
        let stopped = |from: bool, to: bool| match (from, to) {
            (_, true) => Some(Side::Destination),
            (true, false) => None,
            (false, false) => Some(Side::Source),
        };
        match half {
            Half::Group(_) => stopped(self.person.acted[1], self.person.acted[2]),
            Half::Client(i) => {
                let skips = self.scenario.skipped.iter().any(|s| &**s == "switch-readers");
                match self.db.services[i].is_writer() || skips {
                    true => stopped(self.dba.acted[2], self.dba.acted[4]),
                    false => stopped(false, self.dba.acted[1]),
                }
            }
        }
    }

    /// Deploys a half at a home; it connects to the cluster that is used at the moment.
    pub fn deploy(&mut self, half: Half, home: Side) {
        self.watch.disturbed(self.now);
        let uses = self.uses(half);
        match half {
            Half::Group(i) => {
                self.m.deploy_reader(i, home);
                let nowhere = !Side::BOTH.iter().any(|s| self.runs(i, *s));
                if let (true, Some(side)) = (nowhere, uses) {
                    self.start_reader(i, side);
                }
            }
            Half::Client(i) => {
                let Some(i) = self.db.at_home(i, home) else { return };
                self.db.services[i].deployed = true;
                if let Some(side) = uses {
                    self.start_service(i, side);
                }
            }
        }
    }

    /// Before and after the operator of the services is at work, whoever misses one that somebody took away deploys it again.
    pub fn deploy_again(&mut self) {
        let (none, over) = (self.scenario.services.is_none(), self.sre.finished());
        if none || (self.may_move(Track::Services) && !over) || self.sre.acted[0] != self.sre.acted[2] {
            return;
        }
        let home = if self.sre.acted[2] { Side::Destination } else { Side::Source };
        for half in self.units().into_iter().flat_map(|(_, halves)| halves) {
            if !self.is_deployed(half, home) {
                self.deploy(half, home);
            }
        }
    }

    /// Takes a half away from a home.
    pub fn remove(&mut self, half: Half, home: Side) {
        self.watch.disturbed(self.now);
        match half {
            Half::Group(i) => {
                let killed = self.rng.u8(..4) == 0;
                self.m.remove_reader(i, home, killed, self.now);
            }
            Half::Client(i) => {
                let Some(i) = self.db.at_home(i, home) else { return };
                self.db.services[i].deployed = false;
                Side::BOTH.into_iter().for_each(|side| self.db.stop_service(i, side, self.now));
            }
        }
    }
}
