//! The connections to a deployment: one client that follows it, and one for each member that is looked at by itself.
//!
//! `appName` [`APP`], at most four connections each and two more by which the driver watches a server. Each task of a
//! sampler has a deployment of its own; only the regular one looks at members. Members that are gone lose theirs.

use super::clients::User;
use super::failure;
use super::server::{Need, Server};
use crate::config::MongodbTarget;
use cutover_core::Name;
use cutover_core::estate::{Failure, FailureKind};
use mongodb::Client;
use mongodb::bson::{Bson, doc};
use mongodb::options::{ClientOptions, ServerAddress};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// How the agent's own connections are called.
pub(super) const APP: &str = "cutover-agent";
const POOL: u32 = 4;
const WHO: Need<'static> = Need { what: "connectionStatus", role: "clusterMonitor", db: "admin" };
const CONNECT: Need<'static> = Need { what: "connecting", role: "clusterMonitor", db: "admin" };

/// The connections to a deployment.
#[derive(Debug)]
pub(super) struct Deployment {
    options: ClientOptions,
    user: Option<(Name, Name)>,
    seed: Server,
    primary: Server,
    members: BTreeMap<Name, Server>,
    under_way: Arc<Semaphore>,
    own: Option<BTreeSet<User>>,
}

impl Deployment {
    /// Reads the connection string, resolving it where it names a DNS record; `within` bounds each later connection.
    pub(super) async fn open(
        target: &MongodbTarget,
        within: Duration,
        under_way: Arc<Semaphore>,
    ) -> Result<Deployment, Failure> {
        let (uri, user) = (target.uri.clone(), target.user.clone());
        // As with every future of the driver: it ends by itself, only the waiting is bounded.
        let parsing = tokio::spawn(async move { ClientOptions::parse(uri.expose()).await });
        let parsed = match tokio::time::timeout(within, parsing).await {
            Ok(Ok(parsed)) => parsed,
            Ok(Err(_)) => return Err(Failure::new(FailureKind::Protocol, "the driver's task ended by a defect")),
            Err(_) => {
                let why = "the names in the connection string did not resolve in time";
                return Err(Failure::new(FailureKind::Timeout, why));
            }
        };
        let mut options = parsed.map_err(|e| match e.kind.as_ref() {
            mongodb::error::ErrorKind::DnsResolve { .. } => {
                Failure::new(FailureKind::Unreachable, "the DNS record in the connection string does not resolve")
            }
            // Its words may quote the string.
            _ => Failure::new(FailureKind::Protocol, "the driver cannot use the connection string"),
        })?;
        options.app_name = Some(APP.to_owned());
        options.min_pool_size = None;
        options.max_pool_size = Some(POOL);
        // Below what a request may take, so that what is wrong is said and not only that it took long.
        options.server_selection_timeout = Some(within / 4);
        options.connect_timeout = Some(within / 2);
        options.retry_reads = Some(false);
        let hosts: Vec<String> = options.hosts.iter().map(ToString::to_string).collect();
        let seed = client(&options, &hosts.join(","), user.as_ref())?;
        let seed = Server::new(hosts.join(",").into(), seed, user.clone(), under_way.clone());
        let primary = seed.primary_only();
        Ok(Deployment { options, user, seed, primary, members: BTreeMap::new(), under_way, own: None })
    }

    /// The deployment as the driver sees it.
    pub(super) fn seed(&self) -> &Server {
        &self.seed
    }

    /// Its primary, whoever that is when it is asked.
    pub(super) fn primary(&self) -> &Server {
        &self.primary
    }

    /// Whom the agent is logged in as, as the servers know it (a certificate's user is named by nobody else); asked once.
    pub(super) async fn own(&mut self, within: Duration) -> Result<BTreeSet<User>, Failure> {
        if let Some(own) = &self.own {
            return Ok(own.clone());
        }
        let status = self.seed.ask(&WHO, "admin", doc! { "connectionStatus": 1 }, within).await?;
        let users = status.get_document("authInfo").and_then(|a| a.get_array("authenticatedUsers"));
        let user = |u: &Bson| {
            let u = u.as_document()?;
            Some((u.get_str("user").ok()?.into(), u.get_str("db").ok()?.into()))
        };
        let own = users.ok().and_then(|all| all.iter().map(user).collect::<Option<BTreeSet<User>>>());
        let own = own.ok_or_else(|| self.seed.odd("connectionStatus does not tell whom the agent is logged in as"))?;
        Ok(self.own.insert(own).clone())
    }

    /// The connection string asks for one server and no other.
    pub(super) fn is_direct(&self) -> bool {
        self.options.direct_connection == Some(true)
    }

    /// One member by itself.
    pub(super) fn member(&mut self, address: &Name) -> Result<Server, Failure> {
        if let Some(server) = self.members.get(address) {
            return Ok(server.clone());
        }
        let parsed = ServerAddress::parse(&**address).map_err(|_| {
            Failure::new(
                FailureKind::Protocol,
                format!("the configuration names a member {address}, which is no address"),
            )
        })?;
        let mut options = ClientOptions::builder().hosts(vec![parsed]).build();
        let from = &self.options;
        options.app_name.clone_from(&from.app_name);
        options.credential.clone_from(&from.credential);
        options.tls.clone_from(&from.tls);
        options.max_pool_size = from.max_pool_size;
        options.server_selection_timeout = from.server_selection_timeout;
        options.connect_timeout = from.connect_timeout;
        options.retry_reads = from.retry_reads;
        options.server_api.clone_from(&from.server_api);
        options.direct_connection = Some(true);
        let client = client(&options, address, self.user.as_ref())?;
        let server = Server::new(address.clone(), client, self.user.clone(), self.under_way.clone());
        self.members.insert(address.clone(), server.clone());
        Ok(server)
    }

    /// Lets go of members that are no longer there.
    pub(super) fn keep<'a>(&mut self, addresses: impl IntoIterator<Item = &'a Name>) {
        let mut kept = BTreeMap::new();
        for address in addresses {
            if let Some(server) = self.members.remove(address) {
                kept.insert(address.clone(), server);
            }
        }
        self.members = kept;
    }
}

fn client(options: &ClientOptions, name: &str, user: Option<&(Name, Name)>) -> Result<Client, Failure> {
    Client::with_options(options.clone()).map_err(|e| failure::of(&e, &CONNECT, name, user))
}
