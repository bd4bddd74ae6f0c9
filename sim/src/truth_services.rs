//! What is safe on the services track, told from where the simulated services run, where the traffic goes, what stands open
//! and what resolvers answer, and never from samples.

use crate::model::Model;
use crate::model::apps::{ELSEWHERE, Style};
use crate::model::mongodb::Db;
use crate::model::mongodb::service::Temper;
use crate::model::site::{Looks, Site};
use crate::world_services::Half;
use cutover_core::estate::Side;
use std::collections::{BTreeMap, BTreeSet};

/// Why a step of the services track is not safe.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Unsafe {
    /// Half a service that was at work at the source is not connected with home destination.
    NotDeployed,
    /// Half a service is at work with home source at this moment, and not with home destination.
    Alone,
    /// Half a service is at work with home source.
    SourceHome,
    /// A gateway or an entry point lets nobody in.
    Closed,
    /// The traffic reaches the source.
    TrafficAtSource,
    /// A resolver gives an old answer.
    OldAnswer,
    /// Somebody may still keep an old answer.
    Kept,
}

/// What it is about.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum About {
    /// Half a service, on the cluster of a side.
    Half(Half, Side),
    /// A probe, by its number.
    Probe(usize),
    /// The traffic.
    Traffic,
}

/// How it has to be caught.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Rule {
    /// If it lasts, inside the last so many milliseconds.
    Sampled(i64),
    /// If it was there for the whole of the last so many milliseconds.
    Whole(i64),
    /// If it is there when the answer is made, whatever was sampled.
    Now,
}

/// An identity may have been seen so long ago.
pub const WITHIN: i64 = 600_000;
const MINUTE: i64 = 60_000;

/// What makes a go of a step's ready false; the predecessor's done must not be measured false either.
pub fn of_ready(step: &str) -> &'static [(Unsafe, Rule)] {
    match step {
        "redirect-traffic" => &[
            (Unsafe::Closed, Rule::Sampled(MINUTE)),
            (Unsafe::NotDeployed, Rule::Whole(WITHIN)),
            (Unsafe::Alone, Rule::Sampled(MINUTE)),
        ],
        "stop-source-services" => &[
            (Unsafe::NotDeployed, Rule::Whole(WITHIN)),
            (Unsafe::Alone, Rule::Sampled(MINUTE)),
            (Unsafe::TrafficAtSource, Rule::Sampled(0)),
        ],
        "switch-dns" => &[(Unsafe::Closed, Rule::Sampled(MINUTE)), (Unsafe::SourceHome, Rule::Sampled(0))],
        _ => &[],
    }
}

/// What makes it false that a step is done.
pub fn of_done(step: &str) -> &'static [(Unsafe, Rule)] {
    match step {
        "deploy-services" => &[(Unsafe::NotDeployed, Rule::Whole(WITHIN))],
        "redirect-traffic" => &[(Unsafe::TrafficAtSource, Rule::Sampled(MINUTE))],
        "stop-source-services" => &[(Unsafe::SourceHome, Rule::Sampled(MINUTE))],
        "switch-dns" => &[(Unsafe::OldAnswer, Rule::Sampled(0)), (Unsafe::Kept, Rule::Now)],
        _ => &[],
    }
}

type Key = (Unsafe, About);

/// A promise that was broken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broken {
    /// What is unsafe, and about what.
    pub key: Key,
    /// From when to when it was there, in true milliseconds; `None` if it still is.
    pub from: i64,
    /// See `from`.
    pub to: Option<i64>,
}

/// Everything that was unsafe so far.
#[derive(Clone, Debug, Default)]
pub struct TruthServices {
    open: BTreeMap<Key, i64>,
    past: BTreeMap<Unsafe, Vec<(Key, i64, i64)>>,
    /// Halves that were at work at the source.
    ever: BTreeSet<Half>,
    seen: Option<(u64, u64)>,
}

impl TruthServices {
    /// Looks at the model.
    pub fn update(&mut self, m: &Model, db: &Db, site: &mut Site, now: i64) {
        site.advance(now);
        if self.seen != Some((m.version, db.version)) {
            self.seen = Some((m.version, db.version));
            let current = self.homes(m, db);
            self.follow(&current, true, now);
        }
        let mut current = BTreeSet::new();
        if site.traffic == Side::Source {
            current.insert((Unsafe::TrafficAtSource, About::Traffic));
        }
        for (i, p) in site.probes.iter().enumerate() {
            let about = About::Probe(i);
            match &p.looks {
                Looks::Door { open: false, .. } => drop(current.insert((Unsafe::Closed, about))),
                Looks::Names(n) => {
                    if (0..n.resolvers.len()).any(|r| !n.answer(r, now).0) {
                        current.insert((Unsafe::OldAnswer, about));
                    }
                    if n.kept > now {
                        current.insert((Unsafe::Kept, about));
                    }
                }
                Looks::Door { .. } | Looks::Traffic => {}
            }
        }
        self.follow(&current, false, now);
    }

    /// The journal was lost: nobody can know who was there before, nor what was answered.
    pub fn forget(&mut self, site: &mut Site) {
        self.ever.clear();
        self.seen = None;
        site.names_mut().for_each(|n| n.kept = 0);
    }

    fn homes(&mut self, m: &Model, db: &Db) -> BTreeSet<Key> {
        let mut out = BTreeSet::new();
        let mut half = |half: Half, side: Side, source: bool, there: bool, comes_and_goes: bool| {
            let about = About::Half(half, side);
            if source {
                out.insert((Unsafe::SourceHome, about));
            }
            // One that is there for moments only may never have been seen.
            if comes_and_goes {
                return;
            }
            if source {
                self.ever.insert(half);
            }
            if source && !there {
                out.insert((Unsafe::Alone, about));
            }
            if self.ever.contains(&half) && !there {
                out.insert((Unsafe::NotDeployed, about));
            }
        };
        for side in Side::BOTH {
            for (i, r) in m.readers.iter().enumerate() {
                let number = u32::try_from(i).unwrap_or(0);
                let members = m.side(side).groups.get(&r.group).map(|g| &g.members);
                let member = |n: u32| members.and_then(|m| m.get(&n));
                // One that was killed is a member until its session has timed out, and nobody can tell.
                let mut source = member(number).is_some_and(|j| j.expires.is_none());
                let mut there = member(number + ELSEWHERE).is_some();
                if r.style == Style::Assign {
                    let at = |home: Side| r.at.get(&side).is_some_and(|x| x.attached && x.homes.contains(&home));
                    (source, there) = (at(Side::Source), at(Side::Destination));
                }
                half(Half::Group(i), side, source, there, false);
            }
            for (i, s) in db.services.iter().enumerate().filter(|(_, s)| s.home == Some(Side::Source)) {
                let there = db.at_home(i, Side::Destination).is_some_and(|j| db.services[j].connected(side).is_some());
                let comes_and_goes = s.temper == Temper::Crashing;
                half(Half::Client(i), side, s.connected(side).is_some(), there, comes_and_goes);
            }
        }
        out
    }

    fn follow(&mut self, current: &BTreeSet<Key>, of_halves: bool, now: i64) {
        let mine = |k: &Key| matches!(k.1, About::Half(..)) == of_halves;
        let gone: Vec<Key> = self.open.keys().filter(|k| mine(k) && !current.contains(*k)).copied().collect();
        for k in gone {
            if let Some(from) = self.open.remove(&k) {
                self.past.entry(k.0).or_default().push((k, from, now));
            }
        }
        for k in current {
            self.open.entry(*k).or_insert(now);
        }
    }

    /// The first promise broken by an answer made at `evaluated` on samples that were asked for and answered as `at` says of
    /// each subject; `None` of it: it does not matter. `lasting`: how long what is sampled may go unseen.
    pub fn broken(
        &self,
        rules: &[(Unsafe, Rule)],
        at: impl Fn(Unsafe, About) -> Option<(i64, i64)>,
        lasting: i64,
        evaluated: i64,
    ) -> Option<Broken> {
        for (what, rule) in rules {
            let open = self.open.iter().filter(|(k, _)| k.0 == *what).map(|(k, f)| (*k, *f, None));
            let past = self.past.get(what).into_iter().flatten().rev().map(|(k, f, t)| (*k, *f, Some(*t)));
            for (key, from, to) in open.chain(past) {
                let end = to.unwrap_or(i64::MAX);
                let Some((s, r)) = at(key.0, key.1) else { continue };
                let hit = match rule {
                    Rule::Sampled(w) => (from <= s && end >= r) || end.min(s) - from.max(s - w) >= lasting,
                    Rule::Whole(w) => from < s - w && end >= r,
                    Rule::Now => from <= evaluated && end > evaluated,
                };
                if hit {
                    return Some(Broken { key, from, to });
                }
            }
        }
        None
    }

    /// Since when none of what matters has been there; `None` while some of it is.
    pub fn safe_since(&self, rules: &[(Unsafe, Rule)], matters: impl Fn(Unsafe, About) -> bool) -> Option<i64> {
        let mine = |k: &Key| rules.iter().any(|(u, _)| *u == k.0) && matters(k.0, k.1);
        if self.open.keys().any(mine) {
            return None;
        }
        let past = self.past.values().flatten().filter(|(k, ..)| mine(k));
        Some(past.map(|(.., t)| *t).max().unwrap_or(0))
    }
}
