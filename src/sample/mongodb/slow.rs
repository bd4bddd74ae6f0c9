//! The slow reading: what is in the databases. Taken at the start, every few minutes, and when a check asks for it.

use super::catalog::{self, Found};
use super::deployment::Deployment;
use super::server::Server;
use super::{Sampler, millis, offsets, topology};
use crate::clock;
use cutover_core::Name;
use cutover_core::estate::mongodb::{CollectionKind, MongoCatalog, StoredOffsets};
use cutover_core::estate::{Content, Failure, FailureKind};
use cutover_core::reading::Demand;
use cutover_core::time::{Dur, Span};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A demand is answered at most this often.
const DEMANDED: Duration = Duration::from_secs(5);
/// After a failure it is tried again this soon, or at the regular time if that is sooner.
const AGAIN: Duration = Duration::from_secs(5);
/// The longest one reading may take: a thousand collections on a far server take a while.
const LONGEST: Dur = Dur::mins(5);

/// Reads until nobody takes samples any more.
pub(super) async fn run(mut s: Sampler) {
    let mut kept: Option<Deployment> = None;
    loop {
        let mut used = kept.take();
        let reading = async {
            let d = match used.take() {
                Some(d) => d,
                None => s.open().await?,
            };
            let (span, catalog) = read(&s, &d).await?;
            kept = Some(d);
            Ok::<_, Failure>((span, Content::MongoCatalog(Box::new(catalog))))
        };
        let sent = clock::now().mono;
        let read = match tokio::time::timeout(millis(LONGEST), reading).await {
            Ok(read) => read,
            Err(_) => Err(Failure::new(FailureKind::Timeout, format!("reading it took longer than {LONGEST}"))),
        };
        // How the deployment is doing is the regular reading's to tell; a check that waits for this one has to know why.
        let told = read.unwrap_or_else(|why| (Span { sent, received: clock::now().mono }, Content::MongoUnlisted(why)));
        if !s.take(std::future::ready(Ok(told)), LONGEST).await {
            return;
        }
        let regular = millis(s.settings.slow_interval);
        let pause = if kept.is_some() { regular } else { AGAIN.min(regular) };
        tokio::time::sleep(DEMANDED.min(pause)).await;
        let side = s.side;
        let wanted = s.demands.wait_for(|d| d.contains(&Demand::Collections(side)));
        let _ = tokio::time::timeout(pause.saturating_sub(DEMANDED), wanted).await;
    }
}

/// One slow reading.
pub(super) async fn read(s: &Sampler, d: &Deployment) -> Result<(Span, MongoCatalog), Failure> {
    let within = millis(s.timeout);
    let sent = clock::now().mono;
    let server = d.primary();
    let set_id = topology::identity(server, within).await?;
    let mut found = BTreeMap::new();
    for db in &s.settings.databases {
        found.insert(db.clone(), catalog::database(server, db, within).await);
    }
    let expires = |(db, collections): (&Name, &Result<BTreeMap<Name, Found>, Failure>)| {
        let expiring = collections.iter().flatten().filter(|(_, f)| f.expires);
        expiring.map(|(name, _)| Name::from(format!("{db}.{name}"))).collect::<Vec<_>>()
    };
    let expiring: BTreeSet<Name> = found.iter().flat_map(expires).collect();
    s.shared.expiring.send_replace(expiring);
    let databases_outside = catalog::outside(server, s.settings.databases.iter(), within).await;
    let offsets = offsets(s, server, &found, within).await;
    let changes = changes(server, &found, within).await;
    let of = |collections: BTreeMap<Name, Found>| collections.into_iter().map(|(n, f)| (n, f.collection)).collect();
    let databases = found.into_iter().map(|(db, collections)| (db, collections.map(of))).collect();
    let catalog = MongoCatalog { set_id, databases, databases_outside, offsets, changes };
    Ok((Span { sent, received: clock::now().mono }, catalog))
}

type Databases = BTreeMap<Name, Result<BTreeMap<Name, Found>, Failure>>;

async fn offsets(s: &Sampler, server: &Server, found: &Databases, within: Duration) -> Result<StoredOffsets, Failure> {
    let mut out = StoredOffsets::default();
    for (db, collections) in found {
        for (name, f) in collections.as_ref().map_err(Clone::clone)? {
            let plain = f.collection.kind == CollectionKind::Collection;
            if plain && s.settings.in_scope(&format!("{db}.{name}")) {
                offsets::stored(server, (db, name), &s.offset_field, &mut out, within).await?;
            }
        }
    }
    Ok(out)
}

async fn changes(server: &Server, found: &Databases, within: Duration) -> Result<u64, Failure> {
    let mut sum: u64 = 0;
    for (db, collections) in found {
        for name in collections.as_ref().map_err(Clone::clone)?.keys().filter(|n| offsets::is_changes(n)) {
            sum = sum.saturating_add(offsets::changes(server, db, name, within).await?);
        }
    }
    Ok(sum)
}
