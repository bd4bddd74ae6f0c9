//! The regular reading. Its order is what makes it safe: topology, clients, transactions and builds, the oplog's ends,
//! and last the writes, each when the one before has come back. The writes are thereby never older than what was
//! concluded without them.

use super::clients::{self, User, clients, index_builds, transactions};
use super::deployment::Deployment;
use super::oplog::{self, Memory};
use super::server::Need;
use super::topology::{self, Topology};
use super::values::int_at;
use super::{Sampler, millis};
use crate::clock;
use cutover_core::Name;
use cutover_core::estate::mongodb::{MongoClient, MongoMember, MongoSample, Transactions};
use cutover_core::estate::{Content, Failure, FailureKind};
use cutover_core::time::Span;
use mongodb::bson::{Document, doc};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

const STATUS: Need<'static> = Need { what: "serverStatus", role: "clusterMonitor", db: "admin" };

/// Failed readings in a row after which the deployment is connected to anew.
const PATIENCE: u32 = 5;

/// What is remembered of a deployment's oplog, and which primary told it last, in which term.
#[derive(Debug)]
pub(super) struct Ring {
    set: Name,
    told: (Name, i64),
    memory: Memory,
}

/// Samples until nobody takes samples any more.
pub(super) async fn run(s: Sampler) {
    let mut tick = tokio::time::interval(millis(s.settings.interval));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut kept, mut ring): (Option<Deployment>, _) = (None, None);
    let mut failed = 0;
    loop {
        tick.tick().await;
        failed += 1;
        let reading = async {
            let d = match &mut kept {
                Some(d) => d,
                none => none.insert(s.open().await?),
            };
            let (span, sample) = read(&s, d, &mut ring).await?;
            failed = 0;
            Ok((span, Content::Mongodb(Box::new(sample))))
        };
        if !s.take(reading, s.timeout).await {
            return;
        }
        // The driver mends connections by itself, and one that is slow to open is open for the next reading; after a
        // while everything is tried anew, names included.
        if failed >= PATIENCE {
            (kept, failed) = (None, 0);
        }
    }
}

/// One regular reading.
pub(super) async fn read(
    s: &Sampler,
    d: &mut Deployment,
    ring: &mut Option<Ring>,
) -> Result<(Span, MongoSample), Failure> {
    let whole = millis(s.timeout) * 19 / 20;
    let until = Instant::now() + whole;
    // A part may use a share of what is left, so that one that hangs leaves time for the others.
    let share = |of: u32| (until.saturating_duration_since(Instant::now()) / of).max(Duration::from_millis(20));
    let sent = clock::now().mono;
    let t = topology::read(d, whole * 2 / 5).await?;

    let asked = clock::now().mono;
    let own = d.own(share(3)).await;
    let current = everybody(d, &t, share(3)).await;
    let listed = Span { sent: asked, received: clock::now().mono };

    let status = match &t.server {
        Some(p) => {
            let mut status = p.ask(&STATUS, "admin", server_status(), share(3)).await;
            // It cannot tell at every moment; the next mostly can.
            if status.as_ref().is_ok_and(|d| int_at(d, WRITE_BLOCK) == Some(0)) {
                status = p.ask(&STATUS, "admin", server_status(), share(3)).await;
            }
            status
        }
        None => Err(nobody(&t)),
    };
    let asked = clock::now().mono;
    let (ends, writes) = match &t.server {
        None => (Err(nobody(&t)), Err(nobody(&t))),
        Some(p) => {
            let ends = oplog::ends(p, share(3)).await;
            let writes = match &ends {
                Ok(ends) => {
                    let memory = memory(ring, &t, &s.settings.databases);
                    let expiring = s.shared.expiring.borrow().clone();
                    oplog::read(p, memory, &expiring, ends.last, until).await
                }
                Err(f) => Err(f.clone()),
            };
            (ends, writes)
        }
    };
    let scanned = Span { sent: asked, received: clock::now().mono };

    let of_primary = match &t.primary {
        Ok(p) => current.get(p).cloned().unwrap_or_else(|| Err(nobody(&t))),
        Err(f) => Err(f.clone()),
    };
    let members = t.members.iter().map(|(address, state)| {
        let unasked = || Err(Failure::new(FailureKind::Unreachable, format!("{address} was not asked")));
        let seen = current.get(address).cloned().unwrap_or_else(unasked);
        (address.clone(), MongoMember { state: state.clone(), clients: listed_clients(seen, &own) })
    });
    let sample = MongoSample {
        members: members.collect(),
        oplog: ends,
        committed: t.committed,
        writes,
        transactions: both(status.clone(), &of_primary),
        index_builds: of_primary.map(|c| index_builds(&c)),
        write_block: status.and_then(|d| write_block(&d, &t.version)),
        set_id: t.set_id,
        set_name: t.set_name,
        primary: t.primary,
        term: t.term,
        elected: t.elected,
        version: t.version,
        clock: t.clock,
        majority: t.majority,
        listed: Some(listed),
        scanned: Some(scanned),
    };
    Ok((Span { sent, received: clock::now().mono }, sample))
}

/// What is wanted of `serverStatus`; its large sections are left out.
pub(super) fn server_status() -> Document {
    doc! {
        "serverStatus": 1, "repl": 1, "metrics": 1, "transactions": 1, "wiredTiger": 0, "tcmalloc": 0, "locks": 0,
        "opLatencies": 0, "opcounters": 0, "opcountersRepl": 0, "network": 0, "logicalSessionRecordCache": 0,
        "flowControl": 0, "storageEngine": 0, "security": 0, "twoPhaseCommitCoordinator": 0, "sharding": 0,
    }
}

/// What every data-bearing member has under way.
async fn everybody(
    d: &mut Deployment,
    t: &Topology,
    within: Duration,
) -> BTreeMap<Name, Result<Vec<Document>, Failure>> {
    let mut answers = BTreeMap::new();
    let mut asked = JoinSet::new();
    for address in t.members.keys() {
        let server = match (&t.server, &t.primary) {
            (Some(server), Ok(primary)) if primary == address => Ok(server.clone()),
            _ => d.member(address),
        };
        match server {
            Ok(server) => {
                let address = address.clone();
                asked.spawn(async move { (address, clients::current(&server, within).await) });
            }
            Err(f) => drop(answers.insert(address.clone(), Err(f))),
        }
    }
    while let Some(answer) = asked.join_next().await {
        answers.extend(answer.ok());
    }
    answers
}

/// The clients among what a member has under way. Who is the agent itself has to be known.
fn listed_clients(
    seen: Result<Vec<Document>, Failure>,
    own: &Result<BTreeSet<User>, Failure>,
) -> Result<Vec<MongoClient>, Failure> {
    Ok(clients(&seen?, own.as_ref().map_err(Clone::clone)?))
}

fn nobody(t: &Topology) -> Failure {
    t.primary.clone().err().unwrap_or_else(|| Failure::new(FailureKind::Server, "the primary is gone"))
}

/// The memory of this deployment's oplog; it knows when it is another primary's or another term's.
fn memory<'r>(ring: &'r mut Option<Ring>, t: &Topology, databases: &BTreeSet<Name>) -> &'r mut Memory {
    let told = (t.primary.clone().unwrap_or_else(|_| "".into()), t.term);
    let kept = ring.take().filter(|r| r.set == t.set_id);
    let mut now = kept.unwrap_or_else(|| Ring {
        set: t.set_id.clone(),
        told: told.clone(),
        memory: Memory::new(databases.clone()),
    });
    if now.told != told {
        now.told = told;
        now.memory.moved();
    }
    &mut ring.insert(now).memory
}

/// Open transactions by both tellings, the larger.
fn both(status: Result<Document, Failure>, current: &Result<Vec<Document>, Failure>) -> Result<Transactions, Failure> {
    let (status, current) = (status?, current.as_ref().map_err(Clone::clone)?);
    let count = |key: &str| int_at(&status, &format!("transactions.{key}")).and_then(|n| u64::try_from(n).ok());
    let untold = || Failure::new(FailureKind::Protocol, "serverStatus does not tell the open transactions");
    let seen = transactions(current);
    let open = count("currentOpen").ok_or_else(untold)?.max(seen.open);
    let prepared = count("currentPrepared").ok_or_else(untold)?.max(seen.prepared);
    Ok(Transactions { open: open.max(prepared), prepared })
}

/// The field of serverStatus that tells whether user writes are blocked.
const WRITE_BLOCK: &str = "repl.userWriteBlockMode";

/// Whether user writes are blocked. 1 is off, 2 is on; 0 is what a server says that cannot tell at the moment (it is busy
/// with something that holds its global lock). Versions before 6.0 have no such thing.
fn write_block(status: &Document, version: &str) -> Result<bool, Failure> {
    let major = version.split('.').next().and_then(|m| m.parse::<u32>().ok());
    match (int_at(status, WRITE_BLOCK), major) {
        (Some(1), _) => Ok(false),
        (Some(2), _) => Ok(true),
        (Some(mode), _) => {
            let why = format!(
                "the server cannot tell whether user writes are blocked: serverStatus says {WRITE_BLOCK} {mode}"
            );
            Err(Failure::new(FailureKind::Server, why))
        }
        (None, Some(major)) if major < 6 => Ok(false),
        (None, _) => {
            Err(Failure::new(FailureKind::Protocol, "serverStatus does not tell whether user writes are blocked"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_block_is_off_only_where_that_is_said() {
        let told = |mode: i32| doc! { "repl": { "userWriteBlockMode": mode } };
        assert_eq!(write_block(&told(1), "6.0.5"), Ok(false));
        assert_eq!(write_block(&told(2), "6.0.5"), Ok(true));
        assert!(write_block(&told(0), "6.0.5").is_err(), "the server does not know");
        assert!(write_block(&told(3), "9.0.0").is_err(), "nobody knows what that means");
        assert_eq!(write_block(&doc! {}, "5.0.14"), Ok(false));
        assert!(write_block(&doc! {}, "6.0.5").is_err());
        assert!(write_block(&doc! {}, "odd").is_err());
    }

    #[test]
    fn the_larger_number_of_transactions_counts() {
        let status = doc! { "transactions": { "currentOpen": 1_i64, "currentPrepared": 0_i64 } };
        let open = doc! { "transaction": { "parameters": { "autocommit": false } } };
        assert_eq!(both(Ok(status.clone()), &Ok(vec![open.clone(), open])).map(|t| t.open), Ok(2));
        assert_eq!(both(Ok(status.clone()), &Ok(vec![])).map(|t| t.open), Ok(1));
        let failed = Failure::new(FailureKind::Privilege, "x");
        assert_eq!(both(Ok(status), &Err(failed.clone())), Err(failed));
        assert!(both(Ok(doc! {}), &Ok(vec![])).is_err());
    }
}
