//! Reading the oplog: its ends, and forward from where the last sample came to.
//!
//! Always forward: a reverse scan may show an entry before an older one that is still being committed, a forward one
//! never does. A page begins at the last entry seen, whose being there shows that nothing is missing in between.

use super::entry::{self, Entry};
use super::memory::Memory;
use crate::sample::mongodb::server::{Need, Server};
use crate::sample::mongodb::values::{int_at, ts};
use cutover_core::Name;
use cutover_core::estate::mongodb::{Oplog, Ts, Writes};
use cutover_core::estate::{Failure, FailureKind};
use mongodb::bson::{Document, Timestamp, doc};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// How far back the first reading of an oplog goes, in seconds of it; [`BACK_ENTRIES`] in entries.
///
/// [`BACK_ENTRIES`]: super::memory::BACK_ENTRIES
const BACK: u32 = 2 * 86_400;
/// With less time than this left of a reading, nothing more is tried in it.
const TRY: Duration = Duration::from_millis(500);
/// Entries of a page.
const PAGE: i64 = 5000;

const READ: Need = Need { what: "find on local.oplog.rs", role: "clusterMonitor", db: "admin" };
const STATS: Need = Need { what: "$collStats of local.oplog.rs", role: "clusterMonitor", db: "admin" };

/// The ends of the oplog.
pub(in super::super) async fn ends(s: &Server, within: Duration) -> Result<Oplog, Failure> {
    let first = doc! { "find": "oplog.rs", "sort": { "$natural": 1 }, "limit": 1, "singleBatch": true };
    let last = doc! { "find": "oplog.rs", "sort": { "$natural": -1 }, "limit": 1, "singleBatch": true };
    let only_ts = |mut d: Document| {
        d.insert("projection", doc! { "_id": 0, "ts": 1 });
        d
    };
    let stats = doc! {
        "aggregate": "oplog.rs",
        "pipeline": [{ "$collStats": { "storageStats": {} } }, { "$project": { "storageStats.size": 1, "storageStats.maxSize": 1 } }],
        "cursor": {},
    };
    // The oldest first: what goes in between makes the window look shorter than it is, never longer.
    let first = page(s.ask(&READ, "local", only_ts(first), within).await?)?;
    let (last, stats) =
        tokio::join!(s.ask(&READ, "local", only_ts(last), within), s.ask(&STATS, "local", stats, within));
    let (last, stats) = (page(last?)?, page(stats?)?);
    let end = |page: &[Document]| page.first().and_then(|d| ts(d, "ts"));
    let size = |key: &str| stats.first().and_then(|d| int_at(d, &format!("storageStats.{key}")));
    match (end(&first), end(&last), size("size"), size("maxSize")) {
        (Some(first), Some(last), Some(size), Some(max_size)) => Ok(Oplog { first, last, size, max_size }),
        (None, ..) | (_, None, ..) => Err(s.odd("local.oplog.rs has no entry with a timestamp")),
        _ => Err(s.odd("$collStats does not tell the size of local.oplog.rs")),
    }
}

/// What is asked of whoever has an oplog.
pub(super) trait Log {
    /// What messages call it.
    fn name(&self) -> &Name;
    /// A page of entries from a timestamp on, the oldest first.
    async fn forward(&self, from: Ts, within: Duration) -> Result<Vec<Entry>, Failure>;
    /// The entry so many before the end, if there are as many that are not older than `bound`.
    async fn back(&self, bound: Ts, entries: u32, within: Duration) -> Result<Option<Ts>, Failure>;
    /// The TTL monitor's counter of deleted documents.
    async fn swept(&self, within: Duration) -> Option<i64>;
}

/// Reads forward to at least the end as it was seen, and tells what was written. What was taken in stays in `memory`,
/// so that a reading that did not come to the end goes on there.
pub(in super::super) async fn read(
    s: &Server,
    memory: &mut Memory,
    expiring: &BTreeSet<Name>,
    end: Ts,
    until: Instant,
) -> Result<Writes, Failure> {
    from(s, memory, expiring, end, until).await
}

/// The same, of whoever has an oplog.
pub(super) async fn from(
    s: &impl Log,
    memory: &mut Memory,
    expiring: &BTreeSet<Name>,
    end: Ts,
    until: Instant,
) -> Result<Writes, Failure> {
    let odd = |what: &str| Failure::new(FailureKind::Protocol, format!("{}: {what}", s.name()));
    let mut again = true;
    // Another member's oplog may end before the entry that was seen last, and not hold it: that is looked at in any case.
    while !memory.is_of_this() || memory.to().is_none_or(|to| to < end) {
        let start = match memory.to() {
            Some(to) => to,
            None => begin(s, memory, end, until).await?,
        };
        let entries = s.forward(start, left(until)).await?;
        let known = match (memory.to(), entries.first()) {
            (None, _) => 0,
            (Some(_), Some(first)) if memory.ends_with(first) => 1,
            // It was truncated or rolled back: what is remembered is not the past of what is there.
            _ if again => {
                again = false;
                memory.forget();
                continue;
            }
            _ => return Err(odd("the oplog moves away faster than it can be read")),
        };
        memory.found();
        let came = entries.len();
        entries.into_iter().skip(known).for_each(|e| memory.take(e, expiring));
        if came <= known {
            // The end is not visible yet: something older is still being committed.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if memory.to().is_none_or(|to| to < end) && Instant::now() >= until {
            let to = memory.to().unwrap_or(start);
            let why = format!(
                "the oplog of {} was read up to {to}, {} behind its end at {end}: the next readings go on there",
                s.name(),
                end.since(to),
            );
            return Err(Failure::new(FailureKind::Timeout, why));
        }
    }
    memory.judge(s.swept(left(until)).await);
    memory.writes().ok_or_else(|| odd("the oplog is empty"))
}

/// Where the first reading begins: two days back (a restart in the downtime must see what was written before it), or as
/// many entries as can be read soon, whichever is nearer. Where it takes too long to count back so many, it is tried with
/// half as many, in the next readings too: of what was written, as much as can be had is read.
async fn begin(s: &impl Log, memory: &mut Memory, end: Ts, until: Instant) -> Result<Ts, Failure> {
    let seconds = u32::try_from(end.seconds()).unwrap_or(u32::MAX);
    let bound = Ts::new(seconds.saturating_sub(BACK), 0);
    loop {
        let entries = memory.reach();
        if entries == 0 {
            return Ok(end);
        }
        match s.back(bound, entries, left(until) / 2).await {
            Ok(found) => return Ok(found.unwrap_or(bound)),
            Err(f) if f.kind == FailureKind::Timeout => {
                let fewer = memory.halve();
                if left(until) < TRY {
                    let why = format!(
                        "counting back {entries} entries in the oplog of {} takes too long ({}): the next reading tries \
                         {fewer}",
                        s.name(),
                        f.message,
                    );
                    return Err(Failure::new(FailureKind::Timeout, why));
                }
            }
            Err(f) => return Err(f),
        }
    }
}

impl Log for Server {
    fn name(&self) -> &Name {
        Server::name(self)
    }

    async fn forward(&self, from: Ts, within: Duration) -> Result<Vec<Entry>, Failure> {
        let query = doc! {
            "find": "oplog.rs", "filter": { "ts": { "$gte": stamp(from) } }, "sort": { "$natural": 1 },
            "limit": PAGE, "batchSize": PAGE, "singleBatch": true, "projection": entry::projection(),
        };
        let page = page(self.ask(&READ, "local", query, within).await?)?;
        let entries: Option<Vec<Entry>> = page.iter().map(entry::parse).collect();
        entries.ok_or_else(|| self.odd("an entry of the oplog has no timestamp or no kind"))
    }

    async fn back(&self, bound: Ts, entries: u32, within: Duration) -> Result<Option<Ts>, Failure> {
        let query = doc! {
            "find": "oplog.rs", "filter": { "ts": { "$gte": stamp(bound) } }, "sort": { "$natural": -1 },
            "skip": i64::from(entries), "limit": 1, "singleBatch": true, "projection": { "_id": 0, "ts": 1 },
        };
        Ok(page(self.ask(&READ, "local", query, within).await?)?.first().and_then(|d| ts(d, "ts")))
    }

    async fn swept(&self, within: Duration) -> Option<i64> {
        const STATUS: Need = Need { what: "serverStatus", role: "clusterMonitor", db: "admin" };
        let status = self.ask(&STATUS, "admin", super::super::regular::server_status(), within).await.ok()?;
        int_at(&status, "metrics.ttl.deletedDocuments")
    }
}

/// The documents of a reply that is one batch.
fn page(reply: Document) -> Result<Vec<Document>, Failure> {
    let odd = || Failure::new(FailureKind::Protocol, "the server answered a query without a batch");
    let cursor = reply.get_document("cursor").map_err(|_| odd())?;
    let batch = cursor.get_array("firstBatch").map_err(|_| odd())?;
    batch.iter().map(|d| d.as_document().cloned().ok_or_else(odd)).collect()
}

fn stamp(t: Ts) -> Timestamp {
    Timestamp { time: (t.0 >> 32) as u32, increment: (t.0 & 0xffff_ffff) as u32 }
}

fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now()).max(Duration::from_millis(50))
}
