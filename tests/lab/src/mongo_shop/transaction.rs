//! Transactions in the operator's hand: opened, left open, committed, aborted; and single writes by hand.

use std::time::Duration;

use mongodb::ClientSession;
use mongodb::bson::{Document, doc};

use super::pen::bits;
use super::{MongoShop, lock};
use crate::clock;
use crate::error::{Doing, Error, Result};
use crate::mongo::runtime::{ask, wait};
use crate::oracle::{Acknowledged, Expected};
use crate::words::Side;

const LIMIT: Duration = Duration::from_secs(40);

/// An open transaction with the session that holds it.
#[derive(Debug)]
pub(super) struct Open {
    side: Side,
    session: ClientSession,
    namespaces: Vec<String>,
    ids: Vec<String>,
}

impl MongoShop {
    /// Opens a transaction that inserts `documents` into each of these collections (of the shop's database, or with a
    /// full name), and leaves it open; the server aborts it by itself after 10 minutes. Returns its id.
    pub fn open_transaction(&self, side: Side, collections: &[&str], documents: usize) -> Result<String> {
        let id = format!("lab-{}", crate::secret());
        let namespaces: Vec<_> = collections.iter().map(|name| self.full(name)).collect();
        let ids: Vec<_> = (0..documents).map(|n| format!("{id}-{n}")).collect();
        self.oracle.record(|ledger| ledger.transaction_opened(&id, side, &namespaces));
        let client = self.client(side).clone();
        let (into, wanted) = (namespaces.clone(), ids.clone());
        let opened = ask(&format!("open transaction {id}"), LIMIT, async move {
            let mut session = client.start_session().await?;
            session.start_transaction().await?;
            for namespace in into {
                let (database, name) = namespace.split_once('.').unwrap_or_default();
                let collection = client.database(database).collection::<Document>(name);
                let documents = wanted.iter().map(|id| doc! { "_id": id, "n": 0_i64 });
                collection.insert_many(documents).session(&mut session).await?;
            }
            Ok(session)
        });
        // Should this fail, the ledger counts it as open: a test that goes on regardless is not told otherwise.
        let session = opened?;
        self.oracle.note(format!("transaction {id} is open at the {side} on {}", namespaces.join(", ")));
        lock(&self.transactions).insert(id.clone(), Open { side, session, namespaces, ids });
        Ok(id)
    }

    /// Commits an open transaction: its writes are acknowledged with it.
    pub fn commit_transaction(&self, id: &str) -> Result<()> {
        self.end_transaction(id, true)
    }

    /// Aborts an open transaction: nothing of it was ever written.
    pub fn abort_transaction(&self, id: &str) -> Result<()> {
        self.end_transaction(id, false)
    }

    /// The ids of the transactions opened and not ended here.
    pub fn open_transactions(&self) -> Vec<String> {
        lock(&self.transactions).keys().cloned().collect()
    }

    /// Inserts documents by hand, as nobody's service, and returns when they are acknowledged by a majority.
    pub fn write(&self, side: Side, collection: &str, documents: usize) -> Result<()> {
        let namespace = self.full(collection);
        let client = self.client(side).clone();
        let ids: Vec<_> = (0..documents).map(|n| format!("hand-{}-{n}", crate::secret())).collect();
        let (wanted, into) = (ids.clone(), namespace.clone());
        let ts = ask(&format!("write to {namespace}"), LIMIT, async move {
            let mut session = client.start_session().await?;
            let (database, name) = into.split_once('.').unwrap_or_default();
            let collection = client.database(database).collection::<Document>(name);
            let documents = wanted.iter().map(|id| doc! { "_id": id, "n": 0_i64, "by": "hand" });
            collection.insert_many(documents).session(&mut session).await?;
            Ok(session.operation_time().map_or(0, bits))
        })?;
        self.enter(side, std::slice::from_ref(&namespace), &ids, ts);
        self.oracle.note(format!("{documents} documents written by hand to {namespace} at the {side}"));
        Ok(())
    }

    fn end_transaction(&self, id: &str, commit: bool) -> Result<()> {
        let open = lock(&self.transactions).remove(id);
        let mut open = open.ok_or_else(|| Error::Usage(format!("no open transaction {id}")))?;
        let what = if commit { "commit" } else { "abort" };
        let session = &mut open.session;
        let ended = wait(async {
            if commit { session.commit_transaction().await } else { session.abort_transaction().await }
        })?;
        // Should this fail, the ledger goes on counting the transaction as open.
        ended.doing(|| format!("{what} transaction {id}"))?;
        if commit {
            let ts = open.session.operation_time().map_or(0, bits);
            self.enter(open.side, &open.namespaces, &open.ids, ts);
        }
        self.oracle.record(|ledger| ledger.transaction_ended(id));
        self.oracle.note(format!("transaction {id}: {what}"));
        Ok(())
    }

    fn enter(&self, side: Side, namespaces: &[String], ids: &[String], ts: u64) {
        let write = Acknowledged { side, expected: Expected::Present(0), ts, at_ms: clock::wall_ms() };
        self.oracle.record(|ledger| {
            for namespace in namespaces {
                ids.iter().for_each(|id| ledger.acknowledged(namespace, id, write));
            }
        });
    }

    fn full(&self, collection: &str) -> String {
        if collection.contains('.') { collection.to_owned() } else { self.options.namespace(collection) }
    }
}
