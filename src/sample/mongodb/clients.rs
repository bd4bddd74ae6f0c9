//! Who is connected, and which transactions and index builds are under way: what `$currentOp` of a member says.
//!
//! A client is a connection: an entry with a connection id. Left out are the agent's own (by its `appName`, logged in as
//! the agent is) and those of the set's members among each other: logged in as `__system` alone, or, by whoever is not
//! logged in at all, by the driver that only a mongod names (`NetworkInterfaceTL-Repl…`; `MongoDB Internal Client` as
//! `OplogFetcher`, or without an `appName`, as members refresh sessions). Whoever is logged in as somebody else is a
//! client, whatever the names it gives. A mongos and the old shell, which gives a name, are neither and stay in.

use super::deployment::APP;
use super::server::{Need, Server};
use super::values::{int, number};
use cutover_core::Name;
use cutover_core::estate::Failure;
use cutover_core::estate::mongodb::{ANYWHERE, MongoClient, Transactions};
use mongodb::bson::{Document, doc};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const NEED: Need<'static> = Need { what: "$currentOp of all users", role: "clusterMonitor", db: "admin" };

/// Everything a member has under way, idle connections and sessions included.
pub(super) async fn current(s: &Server, within: Duration) -> Result<Vec<Document>, Failure> {
    let command = doc! {
        "aggregate": 1,
        "pipeline": [
            { "$currentOp": { "allUsers": true, "idleConnections": true, "idleSessions": true } },
            { "$project": {
                "type": 1, "desc": 1, "connectionId": 1, "client": 1, "client_s": 1, "appName": 1, "ns": 1, "msg": 1,
                "clientMetadata.driver.name": 1, "clientMetadata.application.name": 1, "effectiveUsers": 1,
                "transaction.parameters": 1, "transaction.timePreparedMicros": 1,
                "command.createIndexes": 1,
            } },
        ],
        "cursor": {},
    };
    s.list(&NEED, "admin", command, within).await
}

/// A user, and the database it is in.
pub(super) type User = (Name, Name);

/// The clients among them, those alike as one; `own` is whom the agent is logged in as.
pub(super) fn clients(current: &[Document], own: &BTreeSet<User>) -> Vec<MongoClient> {
    let mut alike: BTreeMap<(Name, Name, Name), (i64, i64)> = BTreeMap::new();
    for d in current {
        let Some(id) = d.get("connectionId").and_then(number) else { continue };
        if is_internal(d, own) {
            continue;
        }
        let text = |key: &str| d.get_str(key).unwrap_or("");
        let address = match text("client") {
            "" => text("client_s"),
            address => address,
        };
        let user = users(d).next().map_or("", |(user, _)| user);
        let key = (text("appName").into(), user.into(), without_port(address).into());
        let (first, last) = alike.entry(key).or_insert((id, id));
        (*first, *last) = (id.min(*first), id.max(*last));
    }
    let client = |((app_name, user, address), (first, last))| MongoClient { app_name, user, address, first, last };
    alike.into_iter().map(client).collect()
}

/// Open and prepared transactions among them, active or idle.
pub(super) fn transactions(current: &[Document]) -> Transactions {
    let open = |d: &&Document| {
        let t = d.get_document("transaction").ok();
        // A retryable write has a transaction number too, but is none.
        t.and_then(|t| t.get_document("parameters").ok()).is_some_and(|p| p.get_bool("autocommit").is_ok_and(|b| !b))
    };
    let prepared = |d: &&Document| d.get_document("transaction").is_ok_and(|t| int(t, "timePreparedMicros").is_some());
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let prepared = count(current.iter().filter(prepared).count());
    Transactions { open: count(current.iter().filter(open).count()).max(prepared), prepared }
}

/// Namespaces with an index build among them.
pub(super) fn index_builds(current: &[Document]) -> BTreeSet<Name> {
    let builds = |d: &&Document| {
        let begins = |key: &str, with: &str| d.get_str(key).is_ok_and(|t| t.starts_with(with));
        d.get_document("command").is_ok_and(|c| c.contains_key("createIndexes"))
            || begins("desc", "IndexBuildsCoordinator") && d.get_str("ns").is_ok_and(|ns| ns.contains('.'))
            || begins("msg", "Index Build")
    };
    current.iter().filter(builds).map(|d| d.get_str("ns").unwrap_or(ANYWHERE).into()).collect()
}

fn is_internal(d: &Document, own: &BTreeSet<User>) -> bool {
    let is_own = |(user, db): (&str, &str)| own.iter().any(|(u, of)| **u == *user && **of == *db);
    // The connections by which a driver watches the servers never log in.
    if d.get_str("appName").is_ok_and(|t| t == APP) && users(d).all(is_own) {
        return true;
    }
    if users(d).next().is_some() {
        return users(d).all(|u| u == ("__system", "local"));
    }
    let metadata = |part: &str| {
        let m = d.get_document("clientMetadata").ok()?.get_document(part).ok()?;
        m.get_str("name").ok()
    };
    let driver = metadata("driver").unwrap_or("");
    driver.starts_with("NetworkInterfaceTL-Repl")
        || (driver == "MongoDB Internal Client" && matches!(metadata("application"), None | Some("" | "OplogFetcher")))
}

/// Whom a connection is logged in as; nobody where it is not.
fn users(d: &Document) -> impl Iterator<Item = (&str, &str)> {
    let all = d.get_array("effectiveUsers").ok().into_iter().flatten();
    // One that cannot be read is somebody all the same.
    all.map(|u| {
        let part = |key: &str| u.as_document().and_then(|u| u.get_str(key).ok()).unwrap_or("");
        (part("user"), part("db"))
    })
}

fn without_port(address: &str) -> &str {
    let host = address.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
    let host = host.map_or(address, |(host, _)| host);
    host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conn(id: i64, app: &str, user: &str, client: &str, driver: &str) -> Document {
        doc! {
            "type": "op", "connectionId": id, "client": client, "appName": app,
            "effectiveUsers": match user {
                "" => vec![],
                "__system" => vec![doc! { "user": user, "db": "local" }],
                _ => vec![doc! { "user": user, "db": "admin" }],
            },
            "clientMetadata": { "driver": { "name": driver } },
        }
    }

    fn told(current: &[Document]) -> Vec<String> {
        let own = BTreeSet::from([("agent".into(), "admin".into())]);
        let of = |c: &MongoClient| format!("{}/{}/{} {}-{}", c.app_name, c.user, c.address, c.first, c.last);
        clients(current, &own).iter().map(of).collect()
    }

    /// Names that a driver gives are the client's own word; whom it is logged in as is the server's.
    #[test]
    fn whoever_is_logged_in_is_seen_whatever_names_it_gives() {
        let mut two = conn(6, "cutover-agent", "agent", "10.0.0.6:1", "x");
        two.get_array_mut("effectiveUsers").unwrap().push(doc! { "user": "writer", "db": "shop" }.into());
        let mut namesake = conn(7, "", "__system", "10.0.0.7:1", "x");
        namesake.insert("effectiveUsers", vec![doc! { "user": "__system", "db": "shop" }]);
        let mut odd = conn(8, "cutover-agent", "", "10.0.0.8:1", "x");
        odd.insert("effectiveUsers", vec![1]);
        let current = [
            conn(1, "", "writer", "10.0.0.1:1", "NetworkInterfaceTL-ReplNetwork"),
            conn(2, "", "writer", "10.0.0.2:1", "MongoDB Internal Client"),
            conn(3, "cutover-agent", "writer", "10.0.0.3:1", "nodejs"),
            conn(4, "cutover-agent", "agent", "10.0.0.4:1", "mongo-rust-driver"),
            conn(5, "cutover-agent", "", "10.0.0.5:1", "mongo-rust-driver"),
            two,
            namesake,
            odd,
            conn(9, "", "__system", "10.0.0.9:1", "x"),
        ];
        assert_eq!(
            told(&current),
            [
                "/__system/10.0.0.7 7-7",
                "/writer/10.0.0.1 1-1",
                "/writer/10.0.0.2 2-2",
                "cutover-agent//10.0.0.8 8-8",
                "cutover-agent/agent/10.0.0.6 6-6",
                "cutover-agent/writer/10.0.0.3 3-3",
            ]
        );
    }

    #[test]
    fn clients_that_look_the_same_are_one() {
        let mut fetcher = conn(9, "OplogFetcher", "", "10.0.0.2:1", "MongoDB Internal Client");
        fetcher.get_document_mut("clientMetadata").unwrap().insert("application", doc! { "name": "OplogFetcher" });
        let mut shell = conn(10, "MongoDB Shell", "", "10.0.0.3:1", "MongoDB Internal Client");
        shell.get_document_mut("clientMetadata").unwrap().insert("application", doc! { "name": "MongoDB Shell" });
        let current = [
            conn(7, "svc", "writer", "10.0.0.1:50000", "nodejs"),
            conn(3, "svc", "writer", "10.0.0.1:50001", "nodejs"),
            conn(4, "svc", "writer", "[fe80::1]:50001", "nodejs"),
            doc! { "type": "op", "desc": "WTIdleSessionSweeper" },
            doc! { "type": "op", "connectionId": 11_i32 },
            conn(5, "cutover-agent", "agent", "10.0.0.9:1", "mongo-rust-driver"),
            conn(6, "", "__system", "10.0.0.2:1", "x"),
            conn(8, "", "", "10.0.0.2:1", "NetworkInterfaceTL-ReplNetwork"),
            fetcher,
            conn(13, "", "", "10.0.0.2:1", "MongoDB Internal Client"),
            shell,
            conn(12, "", "", "10.0.0.4:1", "NetworkInterfaceTL-TaskExecutorPool-0"),
        ];
        assert_eq!(
            told(&current),
            [
                "// 11-11",
                "//10.0.0.4 12-12",
                "MongoDB Shell//10.0.0.3 10-10",
                "svc/writer/10.0.0.1 3-7",
                "svc/writer/fe80::1 4-4",
            ]
        );
    }

    #[test]
    fn transactions_are_told_from_retryable_writes() {
        let current = [
            doc! { "transaction": { "parameters": { "txnNumber": 1_i64, "autocommit": false } } },
            doc! { "transaction": { "parameters": { "autocommit": false }, "timePreparedMicros": 5_i64 } },
            doc! { "transaction": { "parameters": { "txnNumber": 1_i64 } } },
            doc! { "type": "op" },
        ];
        assert_eq!(transactions(&current), Transactions { open: 2, prepared: 1 });
    }

    #[test]
    fn index_builds_are_seen_from_the_builder_and_from_who_waits_for_it() {
        let current = [
            doc! { "command": { "createIndexes": "a" }, "ns": "shop.a" },
            doc! { "desc": "IndexBuildsCoordinatorMongod-0", "ns": "shop.b" },
            doc! { "desc": "IndexBuildsCoordinatorMongod-1" },
            doc! { "msg": "Index Build: scanning collection", "ns": "shop.c" },
            doc! { "command": {}, "ns": "shop.d" },
        ];
        let told: Vec<Name> = index_builds(&current).into_iter().collect();
        assert_eq!(told, ["shop.a".into(), "shop.b".into(), "shop.c".into()]);
    }
}
