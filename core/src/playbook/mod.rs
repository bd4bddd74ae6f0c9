//! The playbook: 13 steps on three tracks as data, one small pure function per check.
//!
//! The gate knows none of these by name; everything it treats differently is a field of [`Step`], [`Use`] or [`Check`].

pub mod kafka;
pub mod mongodb;
pub mod seen;
pub mod services;
mod words;

pub(crate) use words::shortened;
pub use words::{SCALED, Word, word};

pub(crate) use kafka::{VANISHED_WORD, gone_of, hidden_there, hides_a_topic, position, producer_basis, renewed_basis};
pub(crate) use mongodb::{
    anchored_by, behind_of, counts_basis, headroom_of, mirror_is_there, newest_write, newest_write_seen, nobody_writes,
};
pub(crate) use services::attached;

use crate::facts::Fact;
use crate::reading::{Code, Gap, Known, Reading, Subject};
use crate::settings::{Settings, Track};
use crate::time::Dur;
use crate::view::View;

/// A predicate with the time it must have been true.
#[derive(Debug)]
pub struct Check {
    /// What people call it.
    pub id: &'static str,
    /// Unique among all checks: the same `id` may be read in more than one way.
    pub key: &'static str,
    /// What it says of the newest samples.
    pub read: fn(&View<'_>) -> Reading,
    /// How long it must have been true.
    pub dwell: Dwell,
    /// The confirmations that may settle it, and what each is about.
    pub exits: &'static [Exit],
    /// What it asks, in a sentence.
    pub asks: &'static str,
}

/// How long a check must have been true.
#[derive(Copy, Clone, Debug)]
pub enum Dwell {
    /// As long as one sample is fresh.
    None,
    /// `default`, not less than `floor`.
    For {
        /// The default.
        default: Dur,
        /// The least an irreversible step accepts.
        floor: Dur,
    },
    /// As [`Dwell::For`]; the floor holds where partitions have more than one replica, since a high watermark can
    /// stand still for about 45 s over unreplicated records.
    Replicas {
        /// The default.
        default: Dur,
    },
    /// The check counts its own time (per member); the value is its default.
    Own {
        /// The default.
        default: Dur,
        /// The least it accepts.
        floor: Dur,
    },
    /// Long, or short where a person or a probe showed that nobody is left: `nobody-attached`.
    Absence {
        /// Otherwise.
        long: Dur,
        /// With such a witness.
        short: Dur,
        /// Whether there is one.
        shown: fn(&View<'_>) -> bool,
        /// What a person may say to be one, as a line to paste; none where it is said already.
        shorter: fn(&View<'_>) -> Option<String>,
    },
}

impl Dwell {
    /// The time it asks by default, if it is the same for all.
    pub fn default(self) -> Dur {
        match self {
            Dwell::None => Dur::ZERO,
            Dwell::For { default, .. } | Dwell::Replicas { default } | Dwell::Own { default, .. } => default,
            Dwell::Absence { long, .. } => long,
        }
    }

    /// The least that may be configured.
    pub fn floor(self) -> Dur {
        match self {
            Dwell::None => Dur::ZERO,
            Dwell::For { floor, .. } | Dwell::Own { floor, .. } => floor,
            Dwell::Replicas { .. } => REPLICAS_FLOOR,
            Dwell::Absence { long, .. } => long,
        }
    }
}

/// A high watermark can stand still for about this long over unreplicated records.
pub const REPLICAS_FLOOR: Dur = Dur::secs(45);

/// A confirmation that may settle a check.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Exit {
    /// The word after `confirm`.
    pub confirm: &'static str,
    /// What it takes, as in `<producer>`.
    pub about: &'static [&'static str],
    /// What a person says by it.
    pub says: &'static str,
}

/// A check as a step uses it.
#[derive(Copy, Clone, Debug)]
pub struct Use {
    /// The check.
    pub check: &'static Check,
    /// Judged only until the step is begun: mark (b).
    pub before: bool,
    /// Needs the downtime, not part of the way out: mark (d).
    pub downtime: bool,
    /// Shown, never blocks: mark (a).
    pub advisory: bool,
}

impl Check {
    /// As a required check.
    pub const fn req(&'static self) -> Use {
        Use { check: self, before: false, downtime: false, advisory: false }
    }
}

impl Use {
    /// Marked (b).
    pub const fn before(mut self) -> Use {
        self.before = true;
        self
    }

    /// Marked (d).
    pub const fn downtime(mut self) -> Use {
        self.downtime = true;
        self
    }

    /// Marked (a).
    pub const fn advisory(mut self) -> Use {
        self.advisory = true;
        self
    }
}

/// Whether a step may be asked for again once begun.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Run {
    /// Begun, it answers 409.
    Once,
    /// May go on being asked until done.
    Incremental,
}

/// What a step does to its track's downtime.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Downtime {
    /// Nothing.
    None,
    /// Opens it when begun.
    Opens,
    /// Ends it when done.
    Closes,
}

/// What shows that a step was taken.
#[derive(Copy, Clone, Debug)]
pub enum Effect {
    /// Something appears: yes when it is seen.
    Appearance(fn(&View<'_>) -> Reading),
    /// Something is gone: its done checks hold.
    Absence,
}

/// When a step may be withdrawn.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Withdraw {
    /// Begun or done.
    Always,
    /// Begun, while its effect was never seen.
    WhileUnseen,
}

/// Something that must stay true once the step is done.
#[derive(Copy, Clone, Debug)]
pub struct Tripwire {
    /// What must stay true.
    pub check: &'static Check,
    /// The step whose being done ends it; the end of the track otherwise.
    pub until: Option<&'static str>,
    /// The step whose being begun ends it.
    pub until_begun: Option<&'static str>,
}

/// One action of the migration.
#[derive(Debug)]
pub struct Step {
    /// Its name, as in `/ready/<step>`.
    pub id: &'static str,
    /// Its track.
    pub track: Track,
    /// What a person does, in a sentence.
    pub does: &'static str,
    /// It can be rolled back.
    pub way_back: bool,
    /// May be skipped by the configuration.
    pub skippable: bool,
    /// Whether it may be asked for again once begun.
    pub run: Run,
    /// What it does to the downtime.
    pub downtime: Downtime,
    /// What shows that it was taken.
    pub effect: Effect,
    /// When it may be withdrawn.
    pub withdraw: Withdraw,
    /// Safe to start.
    pub ready: &'static [Use],
    /// It took effect.
    pub done: &'static [Use],
    /// Values frozen when it is begun.
    pub anchors_begun: fn(&View<'_>) -> Vec<Fact>,
    /// Values frozen when it is done.
    pub anchors_done: fn(&View<'_>) -> Vec<Fact>,
    /// Values measured late, when it is adopted; the author's name is given. A gap: it cannot be adopted without what is
    /// missing.
    pub anchors_adopted: fn(&View<'_>, &str) -> Known<Vec<Fact>>,
    /// What must stay true from then on.
    pub tripwires: &'static [Tripwire],
}

impl Step {
    /// A step with nothing to check yet: each track fills in the rest.
    pub(crate) const fn blank(track: Track, id: &'static str, does: &'static str, effect: Effect) -> Step {
        Step {
            id,
            track,
            does,
            way_back: true,
            skippable: false,
            run: Run::Incremental,
            downtime: Downtime::None,
            effect,
            withdraw: Withdraw::Always,
            ready: &[],
            done: &[],
            anchors_begun: no_anchors,
            anchors_done: no_anchors,
            anchors_adopted: no_adoption,
            tripwires: &[],
        }
    }
}

/// Freezes nothing.
pub fn no_anchors(_: &View<'_>) -> Vec<Fact> {
    Vec::new()
}

/// Adopts nothing.
pub fn no_adoption(_: &View<'_>, _: &str) -> Known<Vec<Fact>> {
    Ok(Vec::new())
}

/// All steps of a track, in order.
pub fn steps(track: Track) -> &'static [&'static Step] {
    match track {
        Track::Services => services::STEPS,
        Track::Mongodb => mongodb::STEPS,
        Track::Kafka => kafka::STEPS,
    }
}

/// All steps of all tracks.
pub fn all_steps() -> impl Iterator<Item = &'static Step> {
    [Track::Services, Track::Mongodb, Track::Kafka].into_iter().flat_map(|t| steps(t).iter().copied())
}

/// The step of that name.
pub fn step(id: &str) -> Option<&'static Step> {
    all_steps().find(|s| s.id == id)
}

/// The confirmations that exist, over all checks, each once.
pub fn exits() -> Vec<Exit> {
    let mut all: Vec<Exit> = Vec::new();
    for s in all_steps() {
        let checks = s.ready.iter().chain(s.done).map(|u| u.check).chain(s.tripwires.iter().map(|t| t.check));
        for e in checks.flat_map(|c| c.exits) {
            if !all.contains(e) {
                all.push(*e);
            }
        }
    }
    all
}

/// What the requirements are, each a word for `confirm requirement`.
pub const REQUIREMENTS: &[(&str, &str)] = &[
    ("destination-tested", "the destination was tested in all its parts"),
    ("permissions", "users have their permissions on both sides"),
    ("network", "the network is documented"),
    ("plan-shared", "the plan was shared with all stakeholders"),
    ("ci-cd", "CI/CD can deploy on both sides"),
    ("images", "images can be pulled at the destination"),
    ("replica-safe", "services are replica-safe"),
    ("rehearsed", "the migration was rehearsed"),
    ("history", "the history of the old topics may stay behind"),
    ("producers-enumerated", "all external producers are enumerated"),
];

/// The requirements of a migration: a person's word for each.
pub static REQUIREMENTS_MET: Check = Check {
    id: "requirements",
    key: "requirements",
    read: |v| {
        crate::reading::each(
            None,
            REQUIREMENTS.iter().map(|r| (r.0, r)),
            crate::reading::IfEmpty::Unknown("requirements"),
            |(word, says)| {
                let at = Subject::Thing((*word).into());
                if let Some(measured) = measured(v, word) {
                    return measured;
                }
                Ok(match v.facts.confirmed("requirement", &[(*word).into()]) {
                    Some(w) => crate::reading::Finding::yes(Code::Confirmed, at).detail(w.author.clone()),
                    None => crate::reading::Finding::unknown(Code::NotConfirmed, at)
                        .detail(*says)
                        .fix(format!("cutover-agent confirm requirement {word} --reason …")),
                })
            },
        )
    },
    dwell: Dwell::None,
    exits: &[Exit { confirm: "requirement", about: &["requirement"], says: "this requirement is met" }],
    asks: "every requirement of the migration was confirmed",
};

/// What the probes attached to a requirement say, if there are any: the first that does not pass.
fn measured(v: &View<'_>, word: &str) -> Option<crate::reading::Known<crate::reading::Finding>> {
    let attached = v.settings.probes.iter().filter(|(_, p)| p.requirement.as_deref() == Some(word));
    let said: Vec<_> = attached.map(|(name, p)| v.probe(name, p).map(|p| services::judged(&p))).collect();
    let worst = said.iter().position(|f| f.as_ref().map_or(true, |f| f.is != crate::reading::Tri::Yes));
    said.into_iter().nth(worst.unwrap_or(0))
}

/// A reading that this version does not have: unknown, never absent.
pub fn not_built(_: &View<'_>) -> Reading {
    Reading::unknown(Gap::new(Code::NotBuilt, Subject::Whole))
}

/// The `for` of a check of a step: configured or default, never below its floor, divided in a rehearsal.
pub fn dwell_of(settings: &Settings, step: &Step, check: &Check, replicated: bool, witness: bool) -> Dur {
    let own = || settings.dwell.get(&(step.id.into(), check.id.into())).copied();
    let configured = if settings.dwell.is_empty() { None } else { own() };
    let d = match check.dwell {
        Dwell::None | Dwell::Own { .. } => Dur::ZERO,
        Dwell::For { default, floor } => {
            let floor = if step.way_back { Dur::ZERO } else { floor };
            configured.unwrap_or(default).max(floor)
        }
        Dwell::Replicas { default } => {
            configured.unwrap_or(default).max(if replicated { REPLICAS_FLOOR } else { Dur::secs(5) })
        }
        Dwell::Absence { long, short, .. } => {
            // A consumer that was killed is a member until its session has timed out.
            let session = settings.kafka.as_ref().filter(|_| step.track == Track::Kafka).map(|k| k.session_timeout);
            let base = if witness { short.max(session.unwrap_or(Dur::ZERO)) } else { long };
            configured.unwrap_or(base).max(base)
        }
    };
    settings.scaled(d)
}

/// The time a check that counts its own asks for, of any step that uses it: the longest configured.
pub fn own_time(settings: &Settings, check: &Check) -> Dur {
    let Dwell::Own { default, floor } = check.dwell else { return Dur::ZERO };
    let configured = settings.dwell.iter().filter(|((_, c), _)| &**c == check.id).map(|(_, d)| *d).max();
    settings.scaled(configured.unwrap_or(default).max(floor))
}

#[cfg(test)]
mod tests;
