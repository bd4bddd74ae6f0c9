//! Facts: what the journal keeps because it must outlive a sample.
//!
//! Every fact is keyed by what it is about (Kafka cluster id, topic id, …), so that voiding one is a look-up that
//! misses: another cluster or a recreated topic has other keys. [`Facts`] is rebuilt by replaying the journal in order;
//! a [`Fact`] counts only once it is on disk.

mod fact;

pub use fact::{Fact, How, LogKey};

use crate::Name;
use crate::estate::Side;
use crate::estate::mongodb::{HeldData, Ts};
use crate::looked::Revision;
use crate::settings::{Home, Track};
use crate::time::{Dur, Now, Wall};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// That a step is go is noted once a minute: one that was noted longer ago than this was not go any more.
const GO_LATELY: Dur = Dur::mins(2);

/// A step's life so far.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StepFacts {
    /// When and how it was begun.
    pub begun: Option<(Wall, How)>,
    /// When its done checks first held.
    pub done: Option<Wall>,
    /// When it came undone, if it is.
    pub undone: Option<Wall>,
    /// How often it came undone.
    pub undone_total: u64,
    /// It was go from … until at least ….
    pub was_go: Option<(Wall, Wall)>,
    /// It began by its effect when it had not been go for a while: what the go rested on may have changed by then.
    pub long_after_go: bool,
    /// Its effect was seen after it was begun.
    pub effect_seen: bool,
    /// What its done checks said when they held.
    pub evidence: Vec<Name>,
}

/// A poller's step may begin by its effect if it was go at most this long before.
const WAS_GO: Dur = Dur::mins(30);

impl StepFacts {
    /// It was go so lately that it may begin by its effect.
    pub(crate) fn recently_go(&self, now: Now) -> bool {
        self.was_go.is_some_and(|(_, until)| {
            let ago = now.wall - until;
            ago <= WAS_GO && ago >= Dur(-WAS_GO.0)
        })
    }
}

/// A person's word or stop.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Word {
    /// When.
    pub at: Wall,
    /// The token's name.
    pub author: Name,
    /// Why.
    pub reason: Name,
    /// What was measured when it was said.
    pub basis: Option<Name>,
}

/// An anchored offset and whether it was adopted rather than measured in time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Anchor {
    /// The offset.
    pub offset: i64,
    /// Who adopted or reconciled it.
    pub adopted: Option<Name>,
    /// It was moved after the consumers had been started: they were seeded elsewhere.
    pub late: bool,
}

/// The ends a group found when it attached.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct AttachedAt {
    /// End in the first sample with a member.
    pub end: i64,
    /// End surely before.
    pub before: Option<i64>,
}

/// The identity of readers that were seen committing for a group without joining it.
pub const COMMITS_ONLY: &str = "(commits only)";

/// All facts, as a look-up.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    pub(crate) steps: BTreeMap<Name, StepFacts>,
    pub(crate) holds: BTreeMap<Option<Name>, Word>,
    pub(crate) confirmed: BTreeMap<Name, BTreeMap<Vec<Name>, Word>>,
    pub(crate) accepted: BTreeMap<(Name, LogKey), (Option<i64>, i64)>,
    pub(crate) went_on: BTreeMap<(Track, Side), Name>,
    pub(crate) clusters: BTreeMap<Side, Name>,
    pub(crate) pairs: BTreeMap<Name, BTreeSet<(Name, Name)>>,
    pub(crate) committed: BTreeSet<(Name, Name)>,
    pub(crate) topics: BTreeMap<(Name, Name), Uuid>,
    pub(crate) members: BTreeMap<Name, BTreeMap<(Name, Name), BTreeSet<Home>>>,
    pub(crate) grew: BTreeMap<(Name, Name, Uuid), Wall>,
    pub(crate) gaps: BTreeMap<(Name, Name), (u32, Dur)>,
    pub(crate) empty: BTreeMap<LogKey, i64>,
    pub(crate) starts: BTreeMap<LogKey, Anchor>,
    pub(crate) grown: BTreeSet<(Name, Name, Uuid)>,
    pub(crate) source_ends: BTreeMap<LogKey, Anchor>,
    pub(crate) source_moved: BTreeMap<LogKey, i64>,
    pub(crate) phantoms: BTreeSet<(LogKey, i64, i64)>,
    pub(crate) attached: BTreeMap<(Name, LogKey), AttachedAt>,
    pub(crate) read_from_start: BTreeSet<(Name, LogKey)>,
    pub(crate) commits_gone: BTreeSet<(Name, LogKey)>,
    pub(crate) deployments: BTreeMap<Side, Name>,
    pub(crate) clients: BTreeMap<Name, BTreeSet<SeenClient>>,
    pub(crate) recognised: BTreeSet<(Name, Name)>,
    pub(crate) sessions: BTreeSet<(Name, Name)>,
    /// Deployments whose user writes were blocked once.
    pub(crate) write_blocks: BTreeSet<Name>,
    pub(crate) last_writes: BTreeMap<Name, WriteAnchor>,
    pub(crate) positions: BTreeMap<Name, Ts>,
    pub(crate) together: BTreeMap<Name, BTreeSet<BTreeSet<Name>>>,
    pub(crate) longest_ttl: BTreeMap<Name, Dur>,
    pub(crate) source_data: BTreeMap<Name, BTreeMap<Name, HeldData>>,
    revision: Revision,
    revision_but_gos: Revision,
}

/// A MongoDB client as it was seen.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SeenClient {
    /// It writes; it only reads otherwise.
    pub writes: bool,
    /// The identity a rule captured.
    pub identity: Name,
    /// Its home.
    pub home: Home,
}

/// The newest write anchored, and whether it was adopted rather than measured in time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WriteAnchor {
    /// Nothing newer was written.
    pub ts: Ts,
    /// It is no write, only the instant before which all of them lie.
    pub unseen: bool,
    /// Who adopted or reconciled it.
    pub adopted: Option<Name>,
}

impl Facts {
    /// Takes in one fact.
    pub fn apply(&mut self, fact: Fact) {
        self.revision = Revision::next();
        if !matches!(fact, Fact::WasGo { .. }) {
            self.revision_but_gos = self.revision;
        }
        match fact {
            Fact::Begun { step, at, how, .. } => {
                let s = self.steps.entry(step).or_default();
                s.long_after_go = how == How::Unclaimed && s.was_go.is_none_or(|(_, until)| at - until > GO_LATELY);
                s.begun = Some((at, how));
            }
            Fact::Done { step, at, evidence } => {
                let s = self.steps.entry(step).or_default();
                s.done.get_or_insert(at);
                s.undone = None;
                s.evidence = evidence;
            }
            Fact::Undone { step, at } => {
                let s = self.steps.entry(step.clone()).or_default();
                s.undone = Some(at);
                s.undone_total += 1;
                self.void_what_followed(&step);
            }
            Fact::Withdrawn { step, .. } => {
                let undone_total = self.steps.get(&step).map_or(0, |s| s.undone_total);
                self.void_what_it_set(&step);
                self.void_what_followed(&step);
                self.steps.insert(step, StepFacts { undone_total, ..StepFacts::default() });
            }
            Fact::WasGo { step, from, until } => self.steps.entry(step).or_default().was_go = Some((from, until)),
            Fact::EffectSeen { step, .. } => self.steps.entry(step).or_default().effect_seen = true,
            Fact::Held { step, at, author, reason } => {
                self.holds.insert(step, Word { at, author, reason, basis: None });
            }
            Fact::Released { step, .. } => {
                self.holds.remove(&step);
            }
            Fact::Confirmed { name, subject, at, author, reason, basis } => {
                self.confirmed.entry(name).or_default().insert(subject, Word { at, author, reason, basis });
            }
            Fact::Voided { name, subject, .. } | Fact::Retracted { name, subject, .. } => self.forget(&name, &subject),
            Fact::WentOn { track, side, id } => {
                self.went_on.insert((track, side), id);
            }
            Fact::Cluster { side, cluster } => {
                self.clusters.entry(side).or_insert(cluster);
            }
            Fact::Accepted { key, group, committed, end, .. } => {
                self.accepted.insert((group, key), (committed, end));
            }
            Fact::Pair { cluster, group, topic } => {
                self.pairs.entry(cluster).or_default().insert((group, topic));
            }
            Fact::Committed { cluster, group } => {
                self.committed.insert((cluster, group));
            }
            Fact::Topic { cluster, topic, id } => {
                self.topics.entry((cluster, topic)).or_insert(id);
            }
            Fact::Member { cluster, group, identity, home } => {
                self.members.entry(cluster).or_default().entry((group, identity)).or_default().insert(home);
            }
            Fact::Grew { cluster, topic, id, at } => {
                self.grew.entry((cluster, topic, id)).or_insert(at);
            }
            Fact::Gaps { cluster, producer, growths, longest } => {
                self.gaps.insert((cluster, producer), (growths, longest));
            }
            Fact::Empty { key, offset } => {
                self.empty.insert(key, offset);
            }
            Fact::RecordedStart { key, offset, adopted } => {
                // Frozen: nothing measured later moves it; a person's word may.
                let late = adopted.is_some() && self.is_begun("start-consumers");
                if late {
                    // What was shown and said of the groups that read there was about what is lost now.
                    self.read_from_start.retain(|(_, k)| *k != key);
                    if let Some(words) = self.confirmed.get_mut("nothing-skipped") {
                        words.retain(|subject, _| subject.get(1) != Some(&key.topic));
                    }
                }
                let anchor = Anchor { offset, adopted, late };
                if anchor.adopted.is_some() {
                    if self.starts.get(&key).is_none_or(|a| a.offset != offset) {
                        // Groups were seeded at the old one, or at none, when what follows was go.
                        self.void_what_followed("switch-producers");
                    }
                    self.starts.insert(key, anchor);
                } else {
                    self.starts.entry(key).or_insert(anchor);
                }
            }
            Fact::Grown { cluster, topic, id } => {
                self.grown.insert((cluster, topic, id));
            }
            Fact::SourceEnd { key, offset, adopted } => {
                // Seen for the first time when the consumers were stopped already.
                let late = adopted.is_none() && self.is_done("stop-consumers");
                self.source_ends.insert(key, Anchor { offset, adopted, late });
            }
            Fact::SourceMoved { key, offset } => {
                self.source_moved.insert(key, offset);
            }
            Fact::Phantom { key, from, to } => {
                self.phantoms.insert((key, from, to));
            }
            Fact::Attached { key, group, end, before } => {
                self.attached.entry((group, key)).or_insert(AttachedAt { end, before });
            }
            Fact::ReadFromStart { key, group } => {
                let pair = (group, key);
                self.commits_gone.remove(&pair);
                self.read_from_start.insert(pair);
            }
            Fact::CommitGone { key, group } => {
                let pair = (group, key);
                self.read_from_start.remove(&pair);
                self.attached.remove(&pair);
                self.commits_gone.insert(pair);
            }
            Fact::Deployment { side, set } => {
                self.deployments.entry(side).or_insert(set);
            }
            Fact::Client { set, writes, identity, home } => {
                self.clients.entry(set).or_default().insert(SeenClient { writes, identity, home });
            }
            Fact::Recognised { set, rule } => {
                self.recognised.insert((set, rule));
            }
            Fact::MirrorSession { set, mirror } => {
                self.sessions.insert((set, mirror));
            }
            Fact::WriteBlock { set, .. } => {
                self.write_blocks.insert(set);
            }
            Fact::LastWrite { set, ts, unseen, adopted } => {
                self.last_writes.insert(set, WriteAnchor { ts, unseen, adopted });
            }
            Fact::Together { set, namespaces } => {
                self.together.entry(set).or_default().insert(namespaces);
            }
            Fact::LongestTtl { probe, ttl } => {
                let longest = self.longest_ttl.entry(probe).or_default();
                *longest = ttl.max(*longest);
            }
            Fact::Position { mirror, ts } => {
                self.positions.insert(mirror, ts);
            }
            Fact::SourceData { set, namespace, shape, documents } => {
                self.source_data.entry(set).or_default().insert(namespace, HeldData { shape, documents });
            }
        }
    }

    /// That later steps of its track were go rested on this one.
    fn void_what_followed(&mut self, step: &str) {
        let Some(of) = crate::playbook::step(step) else { return };
        for later in crate::playbook::steps(of.track).iter().skip_while(|s| s.id != step).skip(1) {
            if let Some(s) = self.steps.get_mut(later.id) {
                s.was_go = None;
            }
        }
        if step == "stop-writers" && !self.is_begun("stop-mirror") {
            let destination = self.deployments.get(&Side::Destination).cloned();
            self.last_writes.retain(|set, _| Some(set) != destination.as_ref());
        }
    }

    /// A person's word no longer counts.
    fn forget(&mut self, name: &str, subject: &[Name]) {
        if let Some(words) = self.confirmed.get_mut(name) {
            words.remove(subject);
        }
    }

    fn void_what_it_set(&mut self, step: &str) {
        match step {
            "switch-producers" => {
                self.starts.clear();
                self.grown.clear();
                self.clusters.clear();
            }
            "stop-consumers" => {
                self.source_ends.clear();
                self.source_moved.clear();
                self.confirmed.remove("reconciled");
                // A word about what was stopped is about that stop.
                self.forget("scaled-to-zero", &["kafka".into()]);
            }
            "redirect-traffic" => drop(self.confirmed.remove("traffic-moved")),
            "switch-dns" => drop(self.confirmed.remove("names-moved")),
            "start-writers" => drop(self.confirmed.remove("writers-started")),
            "start-mirror" => self.deployments.clear(),
            "stop-writers" => {
                self.last_writes.clear();
                self.positions.clear();
                self.forget("scaled-to-zero", &["mongodb".into()]);
            }
            "stop-mirror" => {
                let destination = self.deployments.get(&Side::Destination).cloned();
                self.last_writes.retain(|set, _| Some(set) != destination.as_ref());
                self.source_data.clear();
                self.confirmed.remove("mirror-removed");
            }
            "start-consumers" => {
                self.attached.clear();
                self.read_from_start.clear();
                self.commits_gone.clear();
                // Words about what was started are about that start.
                self.confirmed.retain(|name, _| !matches!(&**name, "redeployed" | "nothing-skipped"));
            }
            _ => {}
        }
    }

    /// The state of all of them.
    pub(crate) fn revision(&self) -> Revision {
        self.revision
    }

    /// The state of what checks look at: none asks when a step was go, which is noted every minute.
    pub(crate) fn revision_but_gos(&self) -> Revision {
        self.revision_but_gos
    }

    /// What is known of a step's life, to be looked at.
    pub(crate) fn life(&self, step: &str) -> &StepFacts {
        static NOTHING: StepFacts = StepFacts {
            begun: None,
            done: None,
            undone: None,
            undone_total: 0,
            was_go: None,
            long_after_go: false,
            effect_seen: false,
            evidence: Vec::new(),
        };
        self.steps.get(step).unwrap_or(&NOTHING)
    }

    /// What is known of a step's life.
    pub fn step(&self, step: &str) -> StepFacts {
        self.steps.get(step).cloned().unwrap_or_default()
    }

    /// Whether a step was begun and not withdrawn.
    pub fn is_begun(&self, step: &str) -> bool {
        self.steps.get(step).is_some_and(|s| s.begun.is_some())
    }

    /// Whether a step is done and has not come undone.
    pub fn is_done(&self, step: &str) -> bool {
        self.steps.get(step).is_some_and(|s| s.begun.is_some() && s.done.is_some() && s.undone.is_none())
    }

    /// A person's word on `name` about `subject`.
    pub fn confirmed(&self, name: &str, subject: &[Name]) -> Option<&Word> {
        self.confirmed.get(name)?.get(subject)
    }

    /// The holds in force.
    pub fn holds(&self) -> &BTreeMap<Option<Name>, Word> {
        &self.holds
    }

    /// Every (group, topic) pair of a cluster.
    pub fn pairs(&self, cluster: &str) -> impl Iterator<Item = &(Name, Name)> {
        self.pairs.get(cluster).into_iter().flatten()
    }

    /// Whether it was proven that no record lies between a committed offset and `end`: then, or further on since.
    pub(crate) fn phantom(&self, key: &LogKey, from: i64, end: i64) -> bool {
        let proofs = (key.clone(), from, end)..=(key.clone(), from, i64::MAX);
        self.phantoms.range(proofs).next().is_some()
    }

    /// Whether a group was ever seen with a committed offset.
    pub(crate) fn ever_committed(&self, cluster: &Name, group: &Name) -> bool {
        self.committed.contains(&(cluster.clone(), group.clone()))
    }

    /// Whether a group of the source was seen committing, and never with a member: its readers do not join.
    pub(crate) fn only_commits(&self, group: &Name) -> bool {
        let mut seen = self.members.values().flat_map(|m| m.keys()).filter(|(g, _)| g == group).peekable();
        seen.peek().is_some() && seen.all(|(_, identity)| &**identity == COMMITS_ONLY)
    }

    /// The last write of a deployment as it was anchored, or as a person carried over up to it.
    pub fn last_write(&self, set: &str) -> Option<Ts> {
        self.last_writes.get(set).map(|a| a.ts)
    }

    /// Every (group, identity) ever seen on a cluster, with the homes it was seen with.
    pub fn members(&self, cluster: &str) -> impl Iterator<Item = (&(Name, Name), &BTreeSet<Home>)> {
        self.members.get(cluster).into_iter().flatten()
    }
}

#[cfg(test)]
mod tests;
