//! A mirror: it copies what there is, then carries what is written, in order, and shows how far it has come.

use super::Db;
use super::oplog::{Entry, What};
use cutover_core::Name;
use cutover_core::estate::Side;
use cutover_core::estate::mongodb::{MirrorStatus, MongomirrorStatus, Ts};
use cutover_core::pattern::Pattern;

/// What a mirror is doing.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Stage {
    /// It does not run.
    Off,
    /// It starts, and will copy.
    Initializing,
    /// It was started again, and goes on where it was.
    Resuming,
    /// It copies.
    Copying,
    /// It carries what is written.
    Carrying,
}

/// A mirror.
#[derive(Clone, Debug)]
pub struct Mirror {
    /// Its name.
    pub name: Name,
    /// Which namespaces it carries; all where empty.
    pub namespaces: Vec<Pattern>,
    /// How long it copies, in milliseconds.
    pub copies: i64,
    /// The longest it is behind when nothing is wrong, in milliseconds.
    pub lag: i64,
    /// How far behind it may be, as configured, in milliseconds.
    pub allowed: Option<i64>,
    /// Its position does not pass heartbeats.
    pub idle: bool,
    /// What it is doing.
    pub stage: Stage,
    /// The newest entry it has carried.
    pub applied: Ts,
    /// What its status shows of that: refreshed every 10 s.
    pub shown: Option<Ts>,
    /// It has stopped carrying, and does not know.
    pub stuck: bool,
    /// So many of the newest entries are not carried.
    pub held: usize,
    /// What it says is wrong with it.
    pub error: Option<Name>,
    /// Its status port answers.
    pub port: bool,
    /// Its sessions are shown.
    pub sessions: bool,
    /// Counts its starts.
    pub life: u32,
}

/// A mirror shows where it is so often.
pub const REFRESH: i64 = 10_000;

impl Mirror {
    /// One that does not run.
    pub fn new(name: &str) -> Mirror {
        Mirror {
            name: name.into(),
            namespaces: Vec::new(),
            copies: 20_000,
            lag: 1_500,
            allowed: None,
            idle: false,
            stage: Stage::Off,
            applied: Ts::default(),
            shown: None,
            stuck: false,
            held: 0,
            error: None,
            port: true,
            sessions: true,
            life: 0,
        }
    }

    /// Whether it carries a namespace.
    pub fn carries(&self, ns: &str) -> bool {
        self.namespaces.is_empty() || self.namespaces.iter().any(|p| p.matches(ns))
    }

    /// Its process runs.
    pub fn lives(&self) -> bool {
        self.stage != Stage::Off
    }

    /// It carries what is written, and says nothing is wrong.
    pub fn steady(&self) -> bool {
        self.stage == Stage::Carrying && self.error.is_none()
    }

    /// What its status port says; `None` where it refuses.
    pub fn status(&self) -> Option<MirrorStatus> {
        if !self.lives() || !self.port {
            return None;
        }
        let stage = match self.stage {
            Stage::Copying => "initial sync",
            Stage::Carrying => "oplog sync",
            Stage::Off | Stage::Initializing | Stage::Resuming => "initializing",
        };
        Some(MirrorStatus::Mongomirror(MongomirrorStatus {
            stage: stage.into(),
            position: self.shown.filter(|_| self.stage == Stage::Carrying),
            error: self.error.clone(),
            ..MongomirrorStatus::default()
        }))
    }
}

impl Db {
    /// Starts a mirror: from the beginning, or where it was. Its life, if it did not run.
    pub fn start_mirror(&mut self, i: usize, resume: bool) -> Option<u32> {
        self.version += 1;
        self.ended = None;
        let m = &mut self.mirrors[i];
        if m.lives() {
            return None;
        }
        (m.stuck, m.held, m.error, m.port, m.sessions, m.shown) = (false, 0, None, true, true, None);
        m.stage = if resume && m.applied > Ts::default() { Stage::Resuming } else { Stage::Initializing };
        m.life += 1;
        Some(m.life)
    }

    /// Ends a mirror's process.
    pub fn end_mirror(&mut self, i: usize) {
        self.version += 1;
        self.mirrors[i].stage = Stage::Off;
        self.mirrors[i].life += 1;
        if self.mirrors.iter().all(|m| !m.lives()) {
            self.ended = Some(self.side(Side::Destination).oplog.newest());
        }
    }

    /// The next stage of a mirror that has been started; after how long the one after it comes.
    pub fn advance_mirror(&mut self, i: usize, now: i64) -> Option<i64> {
        self.version += 1;
        match self.mirrors[i].stage {
            Stage::Initializing => {
                self.mirrors[i].stage = Stage::Copying;
                Some(self.mirrors[i].copies)
            }
            Stage::Copying => {
                self.copy(i, now);
                self.mirrors[i].stage = Stage::Carrying;
                None
            }
            Stage::Resuming => {
                self.mirrors[i].stage = Stage::Carrying;
                None
            }
            Stage::Off | Stage::Carrying => None,
        }
    }

    /// What the source holds is at the destination.
    fn copy(&mut self, i: usize, now: i64) {
        let m = self.mirrors[i].clone();
        let s = self.side(Side::Source).clone();
        let mine: Vec<_> = s.collections.iter().filter(|(ns, _)| m.carries(ns) && self.in_scope(ns)).collect();
        let d = self.side_mut(Side::Destination);
        for (ns, c) in mine {
            let before = d.collections.get(ns).map_or(0, |c| c.documents);
            if !d.collections.contains_key(ns) {
                d.write(What::Create(ns.clone(), c.kind), true, now);
            }
            d.write(What::Docs(vec![(ns.clone(), c.documents - before)]), true, now);
            for index in &c.indexes {
                d.write(What::Index(ns.clone(), index.clone()), true, now);
            }
        }
        self.mirrors[i].applied = s.oplog.newest();
    }

    /// Carries what was written by now, and may be carried.
    pub fn carry(&mut self, i: usize, now: i64, rng: &mut fastrand::Rng) {
        let m = &self.mirrors[i];
        if m.stage != Stage::Carrying || m.stuck || m.error.is_some() || self.side(Side::Destination).faults.election {
            return;
        }
        let by = now - rng.i64(0..=m.lag.max(1));
        let s = &self.side(Side::Source).oplog;
        if s.newest() <= m.applied {
            return;
        }
        // One whose position does not pass heartbeats has read on all the same.
        if s.first() > m.applied && !m.idle {
            self.mirrors[i].error = Some("the oplog does not reach back to where it was".into());
            self.version += 1;
            return;
        }
        let (held, idle) = (m.held, m.idle);
        let relevant = |e: &Entry| e.what.namespaces().into_iter().any(|ns| m.carries(ns) && self.in_scope(ns));
        let due: Vec<(Ts, What, bool)> =
            s.after(m.applied).filter(|e| e.at <= by).map(|e| (e.ts, e.what.clone(), relevant(e))).collect();
        let real = due.iter().filter(|(.., real)| *real).count();
        let mut left = real.saturating_sub(held);
        let mut applied = m.applied;
        for (ts, what, real) in due {
            if real {
                if left == 0 {
                    break;
                }
                left -= 1;
                self.apply(i, what, now);
            } else if idle {
                continue;
            }
            applied = ts;
        }
        if applied > self.mirrors[i].applied {
            self.mirrors[i].applied = applied;
            self.version += 1;
        }
    }

    fn apply(&mut self, i: usize, what: What, now: i64) {
        let m = &self.mirrors[i];
        let mine = |ns: &Name| m.carries(ns) && self.in_scope(ns);
        let what = match what {
            What::Docs(docs) => What::Docs(docs.into_iter().filter(|(ns, _)| mine(ns)).collect()),
            other => other,
        };
        self.side_mut(Side::Destination).write(what, true, now);
    }
}
