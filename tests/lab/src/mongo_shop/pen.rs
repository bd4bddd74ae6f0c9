//! What a writing service writes with: every acknowledged write goes to the ledger.

use mongodb::bson::{Document, Timestamp, doc};
use mongodb::error::{Error, ErrorKind, Result as Answer};
use mongodb::{Client, ClientSession, Collection};

use crate::clock;
use crate::oracle::{Acknowledged, Expected, MongoOracle};
use crate::words::Side;

/// A client of one service on one side, with a session of its own.
pub(super) struct Pen {
    pub(super) client: Client,
    session: ClientSession,
    oracle: MongoOracle,
    side: Side,
    database: String,
    service: String,
}

impl Pen {
    pub(super) async fn new(
        client: Client,
        oracle: MongoOracle,
        side: Side,
        database: String,
        service: String,
    ) -> Answer<Self> {
        let session = client.start_session().await?;
        Ok(Self { client, session, oracle, side, database, service })
    }

    /// Inserts one document.
    pub(super) async fn insert(&mut self, collection: &str, id: &str) -> Answer<()> {
        let document = self.document(id);
        let inserted = self.collection(collection).insert_one(document).session(&mut self.session).await;
        self.written(inserted, collection, &[id.to_owned()], Expected::Present(0))
    }

    /// Inserts several at once.
    pub(super) async fn insert_many(&mut self, collection: &str, ids: &[String]) -> Answer<()> {
        let documents: Vec<_> = ids.iter().map(|id| self.document(id)).collect();
        let inserted = self.collection(collection).insert_many(documents).session(&mut self.session).await;
        self.written(inserted, collection, ids, Expected::Present(0))
    }

    /// Counts the versions of these documents up to `n`.
    pub(super) async fn update(&mut self, collection: &str, ids: &[String], n: i64) -> Answer<()> {
        let change = doc! { "$set": { "n": n, "state.changed": clock::wall_ms().to_string() }, "$push": { "log": n } };
        let filter = doc! { "_id": { "$in": ids } };
        let updated = self.collection(collection).update_many(filter, change).session(&mut self.session).await;
        self.written(updated, collection, ids, Expected::Present(n))
    }

    /// Deletes these documents; until it is acknowledged nobody knows of them.
    pub(super) async fn delete(&mut self, collection: &str, ids: &[String]) -> Answer<()> {
        let namespace = self.namespace(collection);
        self.oracle.record(|ledger| ids.iter().for_each(|id| ledger.uncertain(&namespace, id)));
        let filter = doc! { "_id": { "$in": ids } };
        let deleted = self.collection(collection).delete_many(filter).session(&mut self.session).await;
        self.written(deleted, collection, ids, Expected::Gone)
    }

    /// A transaction over two collections: what is inserted in it, and one document that is brought to version `n`.
    pub(super) async fn transact(&mut self, name: &str, collections: [&str; 2], ids: &[String], n: i64) -> Answer<()> {
        let namespaces = collections.map(|collection| self.namespace(collection));
        self.oracle.record(|ledger| ledger.transaction_opened(name, self.side, &namespaces));
        let written = self.inside(collections, ids, n).await;
        if written.is_err() {
            // Whatever the server answers: it aborts what is not committed.
            let _ = self.session.abort_transaction().await;
        }
        self.oracle.record(|ledger| ledger.transaction_ended(name));
        for collection in collections {
            let done = match &written {
                Ok(()) => Ok(()),
                Err(error) => Err(error.clone()),
            };
            self.written(done, collection, ids, Expected::Present(0))?;
        }
        Ok(())
    }

    async fn inside(&mut self, collections: [&str; 2], ids: &[String], n: i64) -> Answer<()> {
        self.session.start_transaction().await?;
        for collection in collections {
            let documents: Vec<_> = ids.iter().map(|id| self.document(id)).collect();
            self.collection(collection).insert_many(documents).session(&mut self.session).await?;
        }
        let total = doc! { "$set": { "n": n } };
        let first = self.collection(collections[0]);
        first.update_one(doc! { "_id": "total" }, total).upsert(true).session(&mut self.session).await?;
        self.session.commit_transaction().await
    }

    fn written<T>(&self, done: Answer<T>, collection: &str, ids: &[String], expected: Expected) -> Answer<()> {
        let namespace = self.namespace(collection);
        let ts = self.session.operation_time().map_or(0, bits);
        if let Err(error) = done {
            // Refused for certain, or in doubt: either way these documents are no evidence.
            self.oracle.record(|ledger| ids.iter().for_each(|id| ledger.uncertain(&namespace, id)));
            let doubt = if refused(&error) { "refused" } else { "in doubt" };
            self.oracle.note(format!("{}: a write to {namespace} is {doubt}: {error}", self.service));
            return Err(error);
        }
        let write = Acknowledged { side: self.side, expected, ts, at_ms: clock::wall_ms() };
        self.oracle.record(|ledger| ids.iter().for_each(|id| ledger.acknowledged(&namespace, id, write)));
        Ok(())
    }

    fn document(&self, id: &str) -> Document {
        doc! { "_id": id, "n": 0_i64, "by": &self.service, "state": { "open": true }, "log": [0_i64] }
    }

    fn namespace(&self, collection: &str) -> String {
        format!("{}.{collection}", self.database)
    }

    fn collection(&self, name: &str) -> Collection<Document> {
        self.client.database(&self.database).collection(name)
    }
}

/// Whether the server said no, so that nothing was written.
pub(super) fn refused(error: &Error) -> bool {
    matches!(error.kind.as_ref(), ErrorKind::Command(_) | ErrorKind::Write(_) | ErrorKind::ServerSelection { .. })
}

/// A timestamp as the 64 bits it is on the wire.
pub(super) fn bits(ts: Timestamp) -> u64 {
    (u64::from(ts.time) << 32) | u64::from(ts.increment)
}
