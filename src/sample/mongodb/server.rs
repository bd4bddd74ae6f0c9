//! One server, or a deployment as the driver sees it, and how it is asked.
//!
//! A driver's future is never dropped half-way, which can corrupt its inside (RUST-937): each request runs in a task of
//! its own and only the waiting ends. `maxTimeMS` ends the work at the server; a permit bounds what is left hanging.

use super::failure;
use cutover_core::Name;
use cutover_core::estate::{Failure, FailureKind};
use mongodb::Client;
use mongodb::bson::Document;
use mongodb::error::Error;
use mongodb::options::{ReadPreference, SelectionCriteria};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Requests of one sampler that may be under way, those nobody waits for any more included.
pub(super) const UNDER_WAY: usize = 32;
/// Documents of one listing.
const LISTED: usize = 1_000_000;

/// What is asked for, and the role that allows it.
#[derive(Copy, Clone, Debug)]
pub(super) struct Need<'a> {
    /// What people know it as.
    pub(super) what: &'a str,
    /// The built-in role that grants it.
    pub(super) role: &'a str,
    /// The database of that role.
    pub(super) db: &'a str,
}

/// A server, or the deployment.
#[derive(Clone, Debug)]
pub(super) struct Server {
    name: Name,
    client: Client,
    user: Option<(Name, Name)>,
    under_way: Arc<Semaphore>,
    criteria: SelectionCriteria,
}

impl Server {
    /// `name` is what messages call it; `user` whom the missing rights are granted to.
    pub(super) fn new(name: Name, client: Client, user: Option<(Name, Name)>, under_way: Arc<Semaphore>) -> Server {
        Server { name, client, user, under_way, criteria: anyone() }
    }

    /// The same, asking nobody where there is no primary.
    pub(super) fn primary_only(&self) -> Server {
        Server { criteria: SelectionCriteria::ReadPreference(ReadPreference::Primary), ..self.clone() }
    }

    /// What messages call it.
    pub(super) fn name(&self) -> &Name {
        &self.name
    }

    /// An answer that makes no sense.
    pub(super) fn odd(&self, what: &str) -> Failure {
        Failure::new(FailureKind::Protocol, format!("{}: {what}", self.name))
    }

    /// Runs a command and waits for its answer.
    pub(super) async fn ask(
        &self,
        need: &Need<'_>,
        db: &str,
        command: Document,
        within: Duration,
    ) -> Result<Document, Failure> {
        let db = self.client.database(db);
        let (command, criteria) = (timed(command, within), self.criteria.clone());
        self.wait(need, within, async move { db.run_command(command).selection_criteria(criteria).await }).await
    }

    /// Runs a command that answers with a list, and reads it to its end.
    pub(super) async fn list(
        &self,
        need: &Need<'_>,
        db: &str,
        command: Document,
        within: Duration,
    ) -> Result<Vec<Document>, Failure> {
        let db = self.client.database(db);
        let (command, criteria) = (timed(command, within), self.criteria.clone());
        let listing = async move {
            let mut cursor = db.run_cursor_command(command).selection_criteria(criteria).await?;
            let mut listed = Vec::new();
            while listed.len() < LISTED && cursor.advance().await? {
                listed.push(cursor.deserialize_current()?);
            }
            Ok(listed)
        };
        let listed = self.wait(need, within, listing).await?;
        match listed.len() < LISTED {
            true => Ok(listed),
            false => Err(self.odd(&format!("{} lists more than {LISTED} things", need.what))),
        }
    }

    async fn wait<T: Send + 'static>(
        &self,
        need: &Need<'_>,
        within: Duration,
        request: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Failure> {
        let late = |why: String| Failure::new(FailureKind::Timeout, format!("{} on {}: {why}", need.what, self.name));
        let Ok(permit) = self.under_way.clone().try_acquire_owned() else {
            return Err(late(format!("{UNDER_WAY} earlier requests are still without an answer")));
        };
        let task = tokio::spawn(async move {
            let answer = request.await;
            drop(permit);
            answer
        });
        match tokio::time::timeout(within, task).await {
            Err(_) => Err(late(format!("no answer within {} ms", within.as_millis()))),
            Ok(Err(_)) => Err(self.odd(&format!("{}: the driver's task ended by a defect", need.what))),
            Ok(Ok(Err(e))) => Err(failure::of(&e, need, &self.name, self.user.as_ref())),
            Ok(Ok(Ok(answer))) => Ok(answer),
        }
    }
}

/// The command with a limit for the server that ends a little before the waiting does.
fn timed(mut command: Document, within: Duration) -> Document {
    let ms = within.as_millis().saturating_mul(9) / 10;
    command.insert("maxTimeMS", i64::try_from(ms).unwrap_or(i64::MAX).clamp(1, i64::from(i32::MAX)));
    command
}

/// The primary where there is one: without it there is still a topology to tell.
fn anyone() -> SelectionCriteria {
    SelectionCriteria::ReadPreference(ReadPreference::PrimaryPreferred { options: None })
}
