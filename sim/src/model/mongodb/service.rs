//! What reads and writes a MongoDB: services in every temper.

use super::oplog::What;
use super::{Db, Open};
use cutover_core::Name;
use cutover_core::estate::Side;
use std::collections::BTreeMap;

/// How a service works.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Temper {
    /// It reads only.
    Reads,
    /// One write after the other.
    Steady,
    /// Many writes at once, then nothing.
    Batch,
    /// In transactions that stay open for a while.
    Transaction,
    /// Connected for moments only, in which it writes; then it crashes, and comes back after a pause.
    Crashing,
}

impl Temper {
    /// Every temper with the word for it.
    pub const ALL: [(Temper, &'static str); 5] = [
        (Temper::Reads, "reads"),
        (Temper::Steady, "steady"),
        (Temper::Batch, "batch"),
        (Temper::Transaction, "transaction"),
        (Temper::Crashing, "crashing"),
    ];
}

/// The longest a crash loop pauses.
pub const CRASH_PAUSE: i64 = 300_000;

/// One instance of a service: the one that is connected to the source or the one that is connected to the destination.
#[derive(Clone, Debug, Default)]
pub struct Instance {
    /// Its process runs.
    pub running: bool,
    /// Its connection, while it has one.
    pub connected: Option<i64>,
    /// It has been connected since it was started.
    pub live: bool,
    /// It was connected at some time, to the source for long enough to be seen.
    pub ever: bool,
    /// When it connected, and whether it had been before.
    pub since: (i64, bool),
    /// Counts its starts: what was planned for an earlier life does not happen.
    pub life: u32,
}

/// A service.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its name, which is its `appName`; at the destination with `-dst`.
    pub name: Name,
    /// The namespaces it writes.
    pub writes: Vec<Name>,
    /// How it works.
    pub temper: Temper,
    /// The least and the most it is silent, in milliseconds.
    pub gap: (i64, i64),
    /// It is connected to the secondary.
    pub secondary: bool,
    /// At the source and at the destination.
    pub at: BTreeMap<Side, Instance>,
    /// Where this half of it runs, where services move: there is one for each home. Otherwise each deployment has an
    /// instance of its own.
    pub home: Option<Side>,
    /// It is deployed there.
    pub deployed: bool,
}

impl Service {
    /// The instance at a side.
    pub fn instance(&self, side: Side) -> Option<&Instance> {
        self.at.get(&side)
    }

    /// Whether its process runs at a side.
    pub fn runs(&self, side: Side) -> bool {
        self.instance(side).is_some_and(|x| x.running)
    }

    /// Whether it is connected to a side.
    pub fn connected(&self, side: Side) -> Option<i64> {
        self.instance(side).and_then(|x| x.connected)
    }

    /// Its name at a side.
    pub fn app_name(&self, side: Side) -> Name {
        match self.home.unwrap_or(side) {
            Side::Source => self.name.clone(),
            Side::Destination => format!("{}-dst", self.name).into(),
        }
    }

    /// It writes.
    pub fn is_writer(&self) -> bool {
        self.temper != Temper::Reads
    }
}

/// What an instance does next, and after how many milliseconds.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Next {
    /// It works again.
    Work,
    /// It commits this transaction, or aborts it.
    End(u64, bool),
    /// It crashes.
    Crash,
}

impl Db {
    /// Starts an instance; what it does next.
    pub fn start_service(&mut self, i: usize, side: Side) -> Option<u32> {
        self.version += 1;
        let x = self.services[i].at.entry(side).or_default();
        if x.running {
            return None;
        }
        x.running = true;
        x.life += 1;
        Some(x.life)
    }

    /// Stops an instance: its transactions are aborted with it.
    pub fn stop_service(&mut self, i: usize, side: Side, now: i64) {
        self.version += 1;
        let shows = self.shows;
        if let Some(x) = self.services[i].at.get_mut(&side) {
            // Nobody can be held to have seen it between two samples.
            if side == Side::Source && x.connected.is_some() && now - x.since.0 < shows {
                x.ever = x.since.1;
            }
            (x.running, x.live, x.connected) = (false, false, None);
            x.life += 1;
        }
        self.side_mut(side).open.retain(|o| o.id >> 32 != i as u64);
    }

    /// One piece of an instance's work: what follows, and when.
    pub fn work(&mut self, i: usize, side: Side, now: i64, rng: &mut fastrand::Rng) -> Vec<(i64, Next)> {
        let mut s = self.services[i].clone();
        // What crashes on the source was mended with the move.
        if s.home.unwrap_or(side) == Side::Destination && s.temper == Temper::Crashing {
            s.temper = Temper::Steady;
        }
        let again = |rng: &mut fastrand::Rng| rng.i64(s.gap.0..=s.gap.1.max(s.gap.0));
        if s.connected(side).is_none() {
            let id = self.connect();
            if let Some(x) = self.services[i].at.get_mut(&side) {
                x.since = (now, x.ever);
                (x.connected, x.live, x.ever) = (Some(id), true, true);
            }
            if s.temper == Temper::Crashing {
                return vec![(rng.i64(200..900), Next::Work), (rng.i64(2_000..3_500), Next::Crash)];
            }
        }
        let Some(ns) = s.writes.get(rng.usize(..s.writes.len().max(1))).cloned() else { return Vec::new() };
        match s.temper {
            Temper::Reads => Vec::new(),
            Temper::Steady | Temper::Crashing | Temper::Batch => {
                let n = if s.temper == Temper::Batch { rng.usize(3..9) } else { 1 };
                for _ in 0..n {
                    // Some insert, some only change what is there.
                    let more = rng.i64(0..2);
                    self.write(side, What::Docs(vec![(ns.clone(), more)]), now);
                }
                if s.temper == Temper::Crashing { Vec::new() } else { vec![(again(rng), Next::Work)] }
            }
            Temper::Transaction => {
                if !self.side(side).writable() {
                    return vec![(again(rng), Next::Work)];
                }
                let id = (i as u64) << 32 | u64::from(rng.u32(..));
                let docs = s.writes.iter().map(|ns| (ns.clone(), rng.i64(0..2))).collect();
                self.side_mut(side).open.push(Open { id, docs });
                vec![(rng.i64(200..4_000), Next::End(id, rng.u8(..6) != 0)), (again(rng) + 4_000, Next::Work)]
            }
        }
    }

    /// Ends an open transaction; what it wrote is written now.
    pub fn end_transaction(&mut self, side: Side, id: u64, commit: bool, now: i64) {
        let d = self.side_mut(side);
        let Some(at) = d.open.iter().position(|o| o.id == id) else { return };
        let open = d.open.remove(at);
        if commit {
            self.write(side, What::Docs(open.docs), now);
        }
    }

    /// An instance crashes; after how long it comes back.
    pub fn crash(&mut self, i: usize, side: Side, rng: &mut fastrand::Rng) -> i64 {
        self.version += 1;
        if let Some(x) = self.services[i].at.get_mut(&side) {
            x.connected = None;
        }
        rng.i64(20_000..CRASH_PAUSE)
    }
}
