//! Which deployment this is and who its members are.

use super::deployment::Deployment;
use super::server::{Need, Server};
use super::values::{int, int_at, truthy, ts, wall};
use cutover_core::Name;
use cutover_core::estate::mongodb::Ts;
use cutover_core::estate::{Failure, FailureKind};
use cutover_core::time::Wall;
use mongodb::bson::{Bson, Document, doc};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

const HELLO: Need<'static> = Need { what: "hello", role: "clusterMonitor", db: "admin" };
const STATUS: Need<'static> = Need { what: "replSetGetStatus", role: "clusterMonitor", db: "admin" };
const CONFIG: Need<'static> = Need { what: "replSetGetConfig", role: "clusterMonitor", db: "admin" };
const BUILD: Need<'static> = Need { what: "buildInfo", role: "clusterMonitor", db: "admin" };
/// States of a member that can vote and answers: primary, secondary, arbiter.
const HEALTHY: [i64; 3] = [1, 2, 7];

/// What was learned of the topology, and whom the rest is asked of.
#[derive(Debug)]
pub(super) struct Topology {
    pub(super) set_id: Name,
    pub(super) set_name: Name,
    pub(super) primary: Result<Name, Failure>,
    pub(super) term: i64,
    pub(super) elected: Result<Ts, Failure>,
    pub(super) version: Name,
    pub(super) clock: Wall,
    /// Data-bearing members and their states.
    pub(super) members: BTreeMap<Name, Name>,
    pub(super) majority: Result<bool, Failure>,
    pub(super) committed: Result<Ts, Failure>,
    /// The primary, if there is one.
    pub(super) server: Option<Server>,
}

/// Reads it.
pub(super) async fn read(d: &mut Deployment, within: Duration) -> Result<Topology, Failure> {
    // The first request opens connections, which far away takes most of the time there is.
    let until = Instant::now() + within;
    let left = || until.saturating_duration_since(Instant::now()).max(Duration::from_millis(20));
    let seen = hello(d.seed(), left()).await?;
    let name = |hello: &Document, key: &str| hello.get_str(key).ok().filter(|n| !n.is_empty()).map(Name::from);
    if seen.get_str("msg").is_ok_and(|t| t == "isdbgrid") {
        let why = "is a mongos: name the replica set of each shard by itself, in a migration of its own";
        return Err(d.seed().odd(why));
    }
    let Some(set_name) = name(&seen, "setName") else {
        return Err(d.seed().odd("is no member of an initiated replica set: its oplog is what everything rests on"));
    };
    let primary = match writable(&seen) {
        true => name(&seen, "me"),
        false => name(&seen, "primary"),
    };
    // Everything else is asked of the primary itself, so that no two answers come from two servers.
    let (server, hello_there) = match &primary {
        None => (None, seen),
        Some(_) if d.is_direct() && writable(&seen) => (Some(d.seed().clone()), seen),
        Some(address) => {
            let server = d.member(address)?;
            let there = hello(&server, left()).await?;
            match writable(&there) {
                true => (Some(server), there),
                false => (None, there),
            }
        }
    };
    let asked = server.clone().unwrap_or_else(|| d.seed().clone());
    let (status, config, build) = tokio::join!(
        asked.ask(&STATUS, "admin", doc! { "replSetGetStatus": 1 }, left()),
        asked.ask(&CONFIG, "admin", doc! { "replSetGetConfig": 1 }, left()),
        asked.ask(&BUILD, "admin", doc! { "buildInfo": 1 }, left()),
    );
    let (status, config, build) = (status?, config?, build?);
    let config = config.get_document("config").map_err(|_| asked.odd("replSetGetConfig tells no configuration"))?;
    let members = members(config, &status);
    d.keep(members.keys());
    let nobody = || {
        let states: Vec<String> = members.iter().map(|(m, state)| format!("{m} is {state}")).collect();
        Failure::new(FailureKind::Server, format!("the set {set_name} has no primary: {}", states.join(", ")))
    };
    let primary = match (&server, primary) {
        (Some(_), Some(primary)) => Ok(primary),
        _ => Err(nobody()),
    };
    let untold = |what: &str| asked.odd(&format!("does not tell {what}"));
    Ok(Topology {
        set_id: set_id(config).ok_or_else(|| untold("settings.replicaSetId of its configuration"))?,
        term: int(&status, "term").ok_or_else(|| untold("its term"))?,
        elected: primary.clone().and_then(|_| elected(&status).ok_or_else(|| untold("when its primary was elected"))),
        version: name(&build, "version").ok_or_else(|| untold("its version"))?,
        clock: wall(&hello_there, "localTime").ok_or_else(|| untold("its clock"))?,
        majority: primary.clone().and_then(|_| majority(config, &status).ok_or_else(|| untold("the votes"))),
        committed: primary.clone().and_then(|_| committed(&status).ok_or_else(|| untold("its commit point"))),
        primary,
        set_name,
        members,
        server,
    })
}

/// The id of the deployment whose primary this is. A connection that is kept to one member takes that one for whatever it is asked
/// for, and what a secondary holds may be behind the oplog that the rest is held against.
pub(super) async fn identity(s: &Server, within: Duration) -> Result<Name, Failure> {
    if !writable(&hello(s, within).await?) {
        let why = "is not the primary: leave directConnection out of the connection string, or name the primary";
        return Err(Failure::new(FailureKind::Server, format!("{} {why}", s.name())));
    }
    let reply = s.ask(&CONFIG, "admin", doc! { "replSetGetConfig": 1 }, within).await?;
    let id = reply.get_document("config").ok().and_then(set_id);
    id.ok_or_else(|| s.odd("does not tell settings.replicaSetId of its configuration"))
}

async fn hello(s: &Server, within: Duration) -> Result<Document, Failure> {
    s.ask(&HELLO, "admin", doc! { "hello": 1 }, within).await
}

fn writable(hello: &Document) -> bool {
    truthy(hello, "isWritablePrimary") || truthy(hello, "ismaster")
}

fn set_id(config: &Document) -> Option<Name> {
    match super::values::at(config, "settings.replicaSetId")? {
        Bson::ObjectId(id) => Some(id.to_hex().into()),
        _ => None,
    }
}

fn committed(status: &Document) -> Option<Ts> {
    let at = status.get_document("optimes").ok()?.get_document("lastCommittedOpTime").ok()?;
    ts(at, "ts").filter(|t| *t != Ts(0))
}

/// Since when the primary that was asked takes writes: since its term began in the oplog, which may be long after its
/// election where it had to catch up first, by its wall clock; or since its election, by the clock of the oplog, if that is
/// later (the wall clock is slow) or all there is (before MongoDB 4.2).
fn elected(status: &Document) -> Option<Ts> {
    let began = status.get_document("electionCandidateMetrics").ok().and_then(|m| wall(m, "newTermStartDate"));
    let began = began.and_then(|at| u32::try_from(at.0 / 1000).ok()).map(|s| Ts::new(s, 0));
    let elected = of_list(status, "members").find(|m| truthy(m, "self")).and_then(|m| ts(m, "electionTime"));
    began.max(elected)
}

fn of_list<'d>(d: &'d Document, key: &str) -> impl Iterator<Item = &'d Document> {
    d.get_array(key).ok().into_iter().flatten().filter_map(Bson::as_document)
}

fn members(config: &Document, status: &Document) -> BTreeMap<Name, Name> {
    let state = |host: &str| {
        let told = of_list(status, "members").find(|m| m.get_str("name").is_ok_and(|t| t == host));
        told.and_then(|m| m.get_str("stateStr").ok()).unwrap_or("UNKNOWN").into()
    };
    let bearing = of_list(config, "members").filter(|m| !truthy(m, "arbiterOnly"));
    bearing.filter_map(|m| m.get_str("host").ok()).map(|host| (host.into(), state(host))).collect()
}

/// Whether more than half of the voting members are healthy.
fn majority(config: &Document, status: &Document) -> Option<bool> {
    let voters: Vec<&str> = of_list(config, "members")
        .filter(|m| int_at(m, "votes").unwrap_or(1) > 0)
        .filter_map(|m| m.get_str("host").ok())
        .collect();
    let told: Vec<&Document> = of_list(status, "members").collect();
    if voters.is_empty() || told.is_empty() {
        return None;
    }
    let healthy = |host: &&str| {
        told.iter().any(|m| {
            m.get_str("name").is_ok_and(|t| t == *host)
                && int(m, "health") == Some(1)
                && int(m, "state").is_some_and(|s| HEALTHY.contains(&s))
        })
    };
    Some(voters.iter().filter(|h| healthy(h)).count() * 2 > voters.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a 6.0 answers, but for what is not asked of it here.
    #[test]
    fn a_primary_takes_writes_since_its_term_began() {
        let at = |ms: i64| Bson::DateTime(mongodb::bson::DateTime::from_millis(ms));
        let election = Bson::Timestamp(mongodb::bson::Timestamp { time: 1_790_000_000, increment: 3 });
        let members = vec![
            doc! { "name": "a:1", "state": 1, "electionTime": election, "self": true },
            doc! { "name": "b:1", "state": 2 },
        ];
        let mut status = doc! { "members": members };
        assert_eq!(elected(&status), Some(Ts::new(1_790_000_000, 3)));
        // It had to catch up for a while.
        let metrics = doc! { "newTermStartDate": at(1_790_000_007_900), "electionTerm": 4_i64 };
        status.insert("electionCandidateMetrics", metrics);
        assert_eq!(elected(&status), Some(Ts::new(1_790_000_007, 0)));
        // Its wall clock is behind the one of the oplog.
        status.insert("electionCandidateMetrics", doc! { "newTermStartDate": at(1_789_999_700_000) });
        assert_eq!(elected(&status), Some(Ts::new(1_790_000_000, 3)));
        assert_eq!(elected(&doc! { "members": [{ "name": "b:1", "state": 2, "self": true }] }), None);
    }

    #[test]
    fn arbiters_vote_but_bear_no_data() {
        let config = doc! { "members": [
            { "host": "a:1", "votes": 1 }, { "host": "b:1", "votes": 1 },
            { "host": "c:1", "votes": 1, "arbiterOnly": true }, { "host": "d:1", "votes": 0 },
        ] };
        let status = |b: i32, c: f64| {
            doc! { "members": [
                { "name": "a:1", "health": 1.0, "state": 1, "stateStr": "PRIMARY" },
                { "name": "b:1", "health": 1.0, "state": b, "stateStr": "RECOVERING" },
                { "name": "c:1", "health": c, "state": 7, "stateStr": "ARBITER" },
                { "name": "d:1", "health": 1.0, "state": 2, "stateStr": "SECONDARY" },
            ] }
        };
        assert_eq!(majority(&config, &status(2, 0.0)), Some(true));
        assert_eq!(majority(&config, &status(3, 1.0)), Some(true));
        assert_eq!(majority(&config, &status(3, 0.0)), Some(false), "one of three");
        assert_eq!(majority(&config, &doc! {}), None);
        let told = members(&config, &status(3, 0.0));
        assert_eq!(told.keys().map(|k| &**k).collect::<Vec<_>>(), ["a:1", "b:1", "d:1"]);
        assert_eq!(&*told["b:1"], "RECOVERING");
    }
}
