//! What is safe on the MongoDB track, told from the state of the simulated deployments, services and mirrors.

use crate::model::mongodb::mirror::Mirror;
use crate::model::mongodb::service::Temper;
use crate::model::mongodb::{Db, Deployment, Held};
use crate::truth::Hazard::{
    Build, DestinationData, DestinationWritable, Differs, Late, LiveWriter, Lonely, MirrorAway, MirrorLives,
    MissingThere, MongoReader, MongoWriter, NoMajority, NoPrimary, NotMirrorable, OpenWrite, ReaderAway, SameSet,
    ShortHeadroom, Spanning, Stray, Strayed, Unapplied, Uncarried, Uncommitted, Uncovered, WriteBlocked, WriterAway,
    Written,
};
use crate::truth::Rule::{Exact, Listed, Sampled, Since, Standing};
use crate::truth::{Hazard, Rules};
use cutover_core::Name;
use cutover_core::estate::Side::{self, Destination as D, Source as S};
use cutover_core::estate::mongodb::{CollectionKind, Ts};
use std::collections::{BTreeMap, BTreeSet};

/// What was written so long before and is not carried is late, where no more is allowed.
const LATE: i64 = 15_000;
const NOBODY: i64 = 360_000;
const SHORT: i64 = 150_000;

/// What a person or the servers have shown, besides silence.
#[derive(Copy, Clone, Debug, Default)]
pub struct Shown {
    /// Nobody is left who could write to the source.
    pub silenced: bool,
    /// The mirrors are removed.
    pub removed: bool,
    /// The readers move with the writers.
    pub skips_readers: bool,
    /// A person has said that every writer writes at the destination.
    pub started: bool,
    /// The source cannot be written and does not answer.
    pub fenced: bool,
}

/// What makes a go of a step's ready false. `begun`: the operator has begun it.
pub fn of_ready(step: &str, begun: bool, shown: Shown) -> Rules {
    match (step, begun) {
        ("start-mirror", false) => &[
            (DestinationData, D, Standing),
            (Uncovered, S, Standing),
            (Spanning, S, Sampled(0)),
            (NotMirrorable, S, Listed),
            (SameSet, S, Sampled(0)),
            (NoPrimary, S, Sampled(0)),
            (Lonely, D, Sampled(0)),
        ],
        ("switch-readers", _) => &[
            (MirrorAway, S, Sampled(30_000)),
            (Late, S, Sampled(30_000)),
            (ShortHeadroom, S, Sampled(0)),
            (Uncovered, S, Standing),
            (MissingThere, D, Listed),
            (DestinationWritable, D, Sampled(0)),
            (Lonely, D, Sampled(0)),
        ],
        ("stop-writers", begun) if shown.skips_readers => match begun {
            true => &[(MirrorAway, S, Sampled(30_000)), (Late, S, Sampled(30_000)), (Uncovered, S, Standing)],
            false => &[
                (MirrorAway, S, Sampled(30_000)),
                (Late, S, Sampled(30_000)),
                (ShortHeadroom, S, Sampled(0)),
                (Uncovered, S, Standing),
                (MissingThere, D, Listed),
                (Lonely, D, Sampled(0)),
            ],
        },
        ("stop-writers", true) => &[
            (MirrorAway, S, Sampled(30_000)),
            (Late, S, Sampled(30_000)),
            (ShortHeadroom, S, Sampled(0)),
            (Uncovered, S, Standing),
            (MongoReader, S, Sampled(60_000)),
            (ReaderAway, D, Sampled(60_000)),
        ],
        ("stop-writers", false) => &[
            (MirrorAway, S, Sampled(30_000)),
            (Late, S, Sampled(30_000)),
            (ShortHeadroom, S, Sampled(0)),
            (Uncovered, S, Standing),
            (MongoReader, S, Sampled(60_000)),
            (ReaderAway, D, Sampled(60_000)),
            (MissingThere, D, Listed),
            (Lonely, D, Sampled(0)),
        ],
        ("stop-mirror", false) if shown.silenced => &[
            (Unapplied, S, Sampled(0)),
            (Uncarried, S, Sampled(0)),
            (Uncovered, S, Standing),
            (MirrorAway, S, Sampled(35_000)),
            (Written, S, Since(SHORT)),
            (LiveWriter, S, Sampled(0)),
            (MongoWriter, S, Sampled(SHORT)),
            (OpenWrite, S, Sampled(0)),
            (Uncommitted, S, Sampled(0)),
            (Differs, S, Standing),
            (Stray, D, Since(34_000)),
        ],
        ("stop-mirror", false) => &[
            (Unapplied, S, Sampled(0)),
            (Uncarried, S, Sampled(0)),
            (Uncovered, S, Standing),
            (MirrorAway, S, Sampled(35_000)),
            (Written, S, Since(NOBODY)),
            (LiveWriter, S, Sampled(0)),
            (MongoWriter, S, Sampled(NOBODY)),
            (OpenWrite, S, Sampled(0)),
            (Uncommitted, S, Sampled(0)),
            (Differs, S, Standing),
            (Stray, D, Since(34_000)),
        ],
        ("start-writers", false) if shown.fenced => &[
            (MirrorLives, D, Sampled(60_000)),
            (Differs, D, Standing),
            (Strayed, D, Exact(0)),
            (WriteBlocked, D, Sampled(0)),
            (Build, D, Sampled(0)),
            (Lonely, D, Sampled(0)),
            (NoMajority, D, Sampled(0)),
        ],
        ("start-writers", false) => &[
            (MirrorLives, S, Sampled(60_000)),
            (Unapplied, S, Sampled(0)),
            (Uncarried, S, Sampled(0)),
            (MongoWriter, S, Sampled(60_000)),
            (Differs, S, Standing),
            (Strayed, D, Exact(0)),
            (WriteBlocked, D, Sampled(0)),
            (Build, D, Sampled(0)),
            (Lonely, D, Sampled(0)),
            (NoMajority, D, Sampled(0)),
        ],
        ("start-writers", true) if shown.fenced => {
            &[(MirrorLives, D, Sampled(60_000)), (WriteBlocked, D, Sampled(0)), (Lonely, D, Sampled(0))]
        }
        ("start-writers", true) => &[
            (MirrorLives, S, Sampled(60_000)),
            (Unapplied, S, Sampled(0)),
            (Uncarried, S, Sampled(0)),
            (MongoWriter, S, Sampled(60_000)),
            (WriteBlocked, D, Sampled(0)),
            (Lonely, D, Sampled(0)),
        ],
        _ => &[],
    }
}

/// What makes it false that a step is done.
pub fn of_done(step: &str, shown: Shown) -> Rules {
    match step {
        "start-mirror" => &[(MirrorAway, S, Sampled(30_000))],
        "switch-readers" => &[(MongoReader, S, Sampled(60_000)), (ReaderAway, D, Sampled(60_000))],
        "stop-writers" if shown.silenced => &[
            (Written, S, Since(SHORT)),
            (LiveWriter, S, Sampled(0)),
            (MongoWriter, S, Sampled(SHORT)),
            (OpenWrite, S, Sampled(0)),
            (Uncommitted, S, Sampled(0)),
        ],
        "stop-writers" => &[
            (Written, S, Since(NOBODY)),
            (LiveWriter, S, Sampled(0)),
            (MongoWriter, S, Sampled(NOBODY)),
            (OpenWrite, S, Sampled(0)),
            (Uncommitted, S, Sampled(0)),
        ],
        "stop-mirror" if shown.removed => &[(MirrorLives, D, Sampled(60_000)), (Unapplied, S, Sampled(0))],
        "stop-mirror" => &[(MirrorLives, D, Sampled(NOBODY)), (Unapplied, S, Sampled(0))],
        "start-writers" if shown.started => &[],
        "start-writers" if shown.fenced => &[(WriterAway, D, Sampled(60_000))],
        "start-writers" => &[(WriterAway, D, Sampled(60_000)), (MongoWriter, S, Sampled(60_000))],
        _ => &[],
    }
}

/// The hazards of an instant: each with the number of what it is about.
pub fn current(db: &Db, now: i64, mut put: impl FnMut(Hazard, usize)) {
    let (s, d) = (db.side(S), db.side(D));
    deployments(db, s, d, now, &mut put);
    clients(db, &mut put);
    let steady = !db.mirrors.is_empty() && db.mirrors.iter().all(Mirror::steady);
    for (i, m) in db.mirrors.iter().enumerate() {
        if !m.steady() {
            put(MirrorAway, i);
        }
        if m.lives() {
            put(MirrorLives, i);
        }
        let caught_up = newest_of(db, s, m) <= m.applied;
        if m.lives() && !caught_up {
            let left = s.oplog.newest().seconds() - s.oplog.first().seconds();
            let behind = s.oplog.newest().seconds() - m.applied.seconds();
            // The position that is shown is up to a refresh older.
            if (left - behind) * 100 < left * 24 {
                put(ShortHeadroom, i);
            }
        }
        if oldest_waiting(db, s, m).is_some_and(|at| now - at > late(m)) {
            put(Late, i);
        }
    }
    let carried_over = db.reconciled.get(&S).copied().unwrap_or_default();
    for (k, (ns, ts)) in s.oplog.last.iter().enumerate().filter(|(_, (ns, _))| db.in_scope(ns)) {
        let applied = db.carriers(ns).map(|(_, m)| m.applied).min();
        if *ts > applied.unwrap_or_default().max(carried_over) {
            put(if applied.is_some() { Unapplied } else { Uncarried }, k);
        }
    }
    shapes(db, s, d, &mut put);
    if db.mirrors.is_empty() && !steady {
        put(MirrorAway, 0);
    }
    let over = db.reconciled.get(&D).copied().unwrap_or_default();
    if let Some(end) = db.ended
        && db.strays.iter().any(|(_, ts)| *ts > end.max(over))
    {
        put(Strayed, 0);
    }
}

fn deployments(db: &Db, s: &Deployment, d: &Deployment, now: i64, put: &mut impl FnMut(Hazard, usize)) {
    let mut if_so = |so: bool, h: Hazard| {
        if so {
            put(h, 0);
        }
    };
    if_so(s.id == d.id, SameSet);
    if_so(s.faults.election, NoPrimary);
    if_so(d.faults.election, Lonely);
    if_so(d.faults.majority.is_some(), NoMajority);
    if_so(!d.blocked, DestinationWritable);
    if_so(d.blocked, WriteBlocked);
    if_so(!d.builds.is_empty(), Build);
    if_so(!s.open.is_empty(), OpenWrite);
    let last = db.newest(S);
    if_so(last > Ts::default() && s.committed(now) < last, Uncommitted);
    let there = |ns: &Name| db.in_scope(ns) && !db.agreed("may-have", ns);
    if_so(d.collections.keys().any(there), DestinationData);
    // A transaction that goes more than one way.
    let way = |ns: &Name| db.carriers(ns).filter(|_| db.in_scope(ns)).map(|(i, _)| i).collect::<Vec<_>>();
    let spans = |set: &Vec<Name>| {
        let concerns = set.iter().any(|ns| db.databases.contains(ns.split('.').next().unwrap_or("")));
        concerns && set.iter().map(way).collect::<BTreeSet<_>>().len() > 1
    };
    if_so(db.together.iter().any(spans), Spanning);
}

fn clients(db: &Db, put: &mut impl FnMut(Hazard, usize)) {
    for (i, x) in db.services.iter().enumerate() {
        let live = |side: Side| x.instance(side).is_some_and(|x| x.running && x.live);
        let witnessed = x.instance(S).is_some_and(|x| x.ever);
        match x.is_writer() {
            true => {
                // Whom the write block stops may crash and come back as often as it will.
                if live(S) && !db.side(S).blocked {
                    put(LiveWriter, i);
                }
                if x.connected(S).is_some() {
                    put(MongoWriter, i);
                }
                // One that crashes all the time may never have been seen at the source.
                let there = db.some_home(i, |s| s.connected(D).is_some());
                if !there && witnessed && x.temper != Temper::Crashing && x.home != Some(D) {
                    put(WriterAway, i);
                }
            }
            false => {
                if x.connected(S).is_some() {
                    put(MongoReader, i);
                }
                let there = db.some_home(i, |s| s.instance(D).is_some_and(|x| x.ever));
                if !there && witnessed && x.home != Some(D) {
                    put(ReaderAway, i);
                }
            }
        }
    }
}

/// Collections, indexes and counts.
fn shapes(db: &Db, s: &Deployment, d: &Deployment, put: &mut impl FnMut(Hazard, usize)) {
    let mine = |x: &'_ Deployment| -> BTreeMap<Name, Held> {
        x.collections.iter().filter(|(ns, _)| db.in_scope(ns)).map(|(ns, c)| (ns.clone(), c.clone())).collect()
    };
    let (here, there) = (mine(s), mine(d));
    for (k, (ns, c)) in here.iter().enumerate() {
        if db.carriers(ns).count() != 1 && c.kind != CollectionKind::View {
            put(Uncovered, k);
        }
        if c.kind == CollectionKind::TimeSeries || c.indexes.iter().any(|i| i.starts_with("ttl")) {
            put(NotMirrorable, k);
        }
        let other = there.get(ns);
        if other.is_none_or(|o| !c.indexes.is_subset(&o.indexes)) {
            put(MissingThere, k);
        }
        // Where an unclean shutdown makes up for a difference, nothing that is cheap enough tells.
        let counts = |o: &Held| o.documents == c.documents || o.documents + o.misjudged == c.documents + c.misjudged;
        let same = other.is_some_and(|o| (&o.indexes, o.kind) == (&c.indexes, c.kind) && counts(o));
        if !same && !db.agreed("counted", ns) {
            put(Differs, k);
        }
    }
    let extra = |ns: &&Name| !here.contains_key(*ns) && !db.agreed("may-have", ns);
    if there.keys().any(|ns| extra(&ns)) {
        put(Differs, usize::from(u16::MAX));
    }
}

/// The newest real write that a mirror has to carry.
fn newest_of(db: &Db, s: &Deployment, m: &Mirror) -> Ts {
    let mine = s.oplog.last.iter().filter(|(ns, _)| m.carries(ns) && db.in_scope(ns));
    mine.map(|(_, ts)| *ts).max().unwrap_or_default()
}

/// When the oldest write came that a mirror has to carry and has not.
fn oldest_waiting(db: &Db, s: &Deployment, m: &Mirror) -> Option<i64> {
    if !m.lives() || newest_of(db, s, m) <= m.applied {
        return None;
    }
    let relevant = |ns: &Name| m.carries(ns) && db.in_scope(ns);
    s.oplog.after(m.applied).find(|e| e.what.namespaces().into_iter().any(relevant)).map(|e| e.at)
}

/// When the next write becomes late, if nothing carries it.
pub fn late_at(db: &Db) -> Option<i64> {
    let s = db.side(S);
    db.mirrors.iter().filter_map(|m| Some(oldest_waiting(db, s, m)? + late(m) + 1)).min()
}

/// What a mirror has not carried for longer than this is late.
fn late(m: &Mirror) -> i64 {
    m.allowed.unwrap_or(LATE).max(LATE)
}
