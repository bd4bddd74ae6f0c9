//! What the agent can read of a MongoDB deployment and of a mirror.

use super::{CONNECT, Row, Taken, first};
use crate::sample::mirror;
use crate::sample::mongodb::Sampler;
use cutover_core::estate::mongodb::{MirrorStatus, MongoCatalog, MongoSample};
use cutover_core::estate::{Content, Failure, FailureKind, Side, Target};

const EVERY: &str = "every step of the mongodb track";

/// Tries everything on one side.
pub(super) async fn side(s: &Sampler, taken: &mut Taken) -> Vec<Row> {
    let target = format!("mongodb/{}", s.side);
    let row = |capability, needed_by, (ok, found): (bool, String)| row(&target, capability, needed_by, (ok, found));
    let (sample, catalog) = match s.read_once().await {
        Ok(read) => read,
        Err(f) => {
            use FailureKind as K;
            let capability = match f.kind {
                K::Timeout | K::Unreachable | K::Tls | K::Auth => CONNECT,
                K::Privilege | K::Protocol | K::Server => "replica set",
            };
            let failed = row(capability, EVERY, (false, f.message.to_string()));
            let mend = "mend the address, the network or the credentials in the connection string of this side";
            return vec![Row { fix: failed.fix.clone().or_else(|| Some(mend.to_owned())), ..failed }];
        }
    };
    taken.push((Target::Mongodb(s.side), Content::Mongodb(Box::new(sample.clone()))));
    if let Ok(c) = &catalog {
        taken.push((Target::Mongodb(s.side), Content::MongoCatalog(Box::new(c.clone()))));
    }
    let mut rows = vec![row(CONNECT, EVERY, (true, sample.set_id.to_string()))];
    rows.extend(regular(&sample).into_iter().map(|(c, n, told)| row(c, n, told)));
    rows.extend(contents(&catalog, s.side).into_iter().map(|(c, n, told)| row(c, n, told)));
    rows
}

type Told = (&'static str, &'static str, (bool, String));

fn regular(m: &MongoSample) -> Vec<Told> {
    let failed = |f: Option<&Failure>, good: &str| first(f.into_iter(), good);
    let unseen = m.members.values().filter_map(|member| member.clients.as_ref().err());
    let found = format!("read on {} members", m.members.len());
    let oplog = match &m.oplog {
        Ok(o) => o.window().map_or_else(|| "read".into(), |w| format!("read; its window is {w}")),
        Err(_) => String::new(),
    };
    vec![
        ("primary", EVERY, failed(m.primary.as_ref().err(), &format!("{} of {}", m.version, m.set_name))),
        ("majority and commit point", "stop-mirror, start-writers", {
            failed(m.majority.as_ref().err().or(m.committed.as_ref().err()), "read")
        }),
        ("election of the primary", "stop-writers, stop-mirror", failed(m.elected.as_ref().err(), "read")),
        (
            "connections of every member",
            "switch-readers, stop-writers, stop-mirror, start-writers",
            first(unseen, &found),
        ),
        ("transactions and index builds", "stop-writers, start-writers", {
            failed(m.transactions.as_ref().err().or(m.index_builds.as_ref().err()), "read")
        }),
        ("write block", "switch-readers, start-writers", failed(m.write_block.as_ref().err(), "read")),
        ("oplog", "start-mirror, switch-readers, stop-writers", failed(m.oplog.as_ref().err(), &oplog)),
        ("real writes", "stop-writers, stop-mirror, start-writers", failed(m.writes.as_ref().err(), "read")),
    ]
}

fn contents(catalog: &Result<MongoCatalog, Failure>, side: Side) -> Vec<Told> {
    const COMPARE: &str = "start-mirror, switch-readers, stop-mirror, start-writers";
    let c = match catalog {
        Ok(c) => c,
        Err(f) => return vec![("collections and indexes", COMPARE, (false, f.message.to_string()))],
    };
    let collections = || c.databases.values().filter_map(|db| db.as_ref().ok()).flat_map(|db| db.values());
    let unlisted = || c.databases.values().filter_map(|db| db.as_ref().err());
    let unindexed = collections().filter_map(|c| c.indexes.as_ref().err());
    let uncounted = collections().filter_map(|c| c.documents.as_ref().err());
    let found = format!("{} in {} databases", collections().count(), c.databases.len());
    let outside = match c.databases_outside {
        Ok(0) => "none".to_owned(),
        Ok(n) => format!("{n} that mongodb.databases does not name: nothing is said of them"),
        Err(_) => String::new(),
    };
    let documents = match side {
        Side::Source => "stop-mirror, and offset-assumptions of the kafka track",
        Side::Destination => "stop-mirror, start-writers",
    };
    vec![
        ("collections and indexes", COMPARE, first(unlisted().chain(unindexed), &found)),
        ("counts and sizes", "start-mirror, stop-mirror", first(unlisted().chain(uncounted), "read")),
        ("other databases", "start-mirror", first(c.databases_outside.as_ref().err().into_iter(), &outside)),
        ("documents", documents, first(c.offsets.as_ref().err().or(c.changes.as_ref().err()).into_iter(), "read")),
    ]
}

/// Asks every instance of a mirror. None answers before the step that starts it: nothing here is required.
pub(super) async fn mirror(s: &mirror::Sampler) -> Vec<Row> {
    const NEEDED: &str = "start-mirror (done) to stop-mirror";
    let fix = "start it, or mend its url; before start-mirror nothing has to answer there";
    let target = format!("mirror/{}", s.name);
    let of = |told: Result<&MirrorStatus, &Failure>| {
        let (ok, found) = match told {
            Ok(MirrorStatus::Mongomirror(m)) => (true, format!("{} {}", m.stage, m.phase).trim().to_owned()),
            Err(f) => (false, f.message.to_string()),
        };
        let fix = (!ok).then(|| fix.to_owned());
        Row { required: false, fix, ..row(&target, "status", NEEDED, (ok, found)) }
    };
    match s.read_once().await {
        Ok((_, sample)) => sample.instances.iter().map(|i| of(i.as_ref())).collect(),
        Err(f) => vec![of(Err(&f))],
    }
}

/// A row; what would grant a missing right comes with the failure.
fn row(target: &str, capability: &'static str, needed_by: &'static str, (ok, told): (bool, String)) -> Row {
    let (found, fix) = match told.split_once("grant it: ") {
        Some((found, fix)) if !ok => (found.trim_end_matches("; ").to_owned(), Some(fix.to_owned())),
        _ => (told, None),
    };
    let needed_by = needed_by.into();
    Row { target: target.to_owned(), capability, needed_by, ok, required: true, found, fix, passes: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grants_a_missing_right_is_the_fix() {
        let told = "serverStatus on a:1: not allowed; grant it: db.getSiblingDB(\"admin\").x()".to_owned();
        let r = row("mongodb/source", "write block", "start-writers", (false, told));
        assert_eq!(r.found, "serverStatus on a:1: not allowed");
        assert_eq!(r.fix.as_deref(), Some("db.getSiblingDB(\"admin\").x()"));
        assert!(row("x", "y", "z", (true, "read".into())).fix.is_none());
    }
}
