//! Exact counts, taken when a check asks for them: document by document, one namespace after the other.

use super::deployment::Deployment;
use super::server::Need;
use super::values::int_at;
use super::{Sampler, millis, topology};
use crate::clock;
use cutover_core::Name;
use cutover_core::estate::mongodb::MongoCounts;
use cutover_core::estate::{Content, Failure};
use cutover_core::reading::Demand;
use cutover_core::time::{Dur, Mono, Span};
use mongodb::bson::doc;
use std::collections::BTreeMap;
use std::time::Duration;

/// The longest one count may take.
const LONGEST: Dur = Dur::mins(30);
/// A namespace is counted again after this long at the earliest, or five times what counting it took.
const AGAIN: Dur = Dur::secs(30);
/// A namespace is tried again after this long where the deployment could not be asked.
const AFTER_FAILURE: Dur = Dur::secs(5);

/// Counts until nobody takes samples any more.
pub(super) async fn run(mut s: Sampler) {
    let mut kept: Option<Deployment> = None;
    let mut next: BTreeMap<Name, Mono> = BTreeMap::new();
    loop {
        let wanted = wanted(&s);
        next.retain(|ns, _| wanted.contains(ns));
        let now = clock::now().mono;
        match wanted.into_iter().find(|ns| next.get(ns).is_none_or(|at| *at <= now)) {
            None => {
                if s.samples.is_closed() {
                    return;
                }
                let _ = tokio::time::timeout(Duration::from_secs(1), s.demands.changed()).await;
                // A closed channel is ready at once.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Some(ns) => {
                let mut used = kept.take();
                let counting = async {
                    let d = match used.take() {
                        Some(d) => d,
                        None => s.open().await?,
                    };
                    let counted = count(&s, &d, &ns).await?;
                    kept = Some(d);
                    Ok::<_, Failure>(counted)
                };
                let sent = clock::now().mono;
                let (span, counts) = match counting.await {
                    Ok((span, counts)) => {
                        let took = span.received - span.sent;
                        next.insert(ns, span.received + Dur(took.0.saturating_mul(5)).max(AGAIN));
                        (span, counts)
                    }
                    // Which deployment this is could not be asked.
                    Err(f) => {
                        let received = clock::now().mono;
                        next.insert(ns.clone(), received + AFTER_FAILURE);
                        let counts = MongoCounts { set_id: "".into(), counts: BTreeMap::from([(ns, Err(f))]) };
                        (Span { sent, received }, counts)
                    }
                };
                if !s.take(std::future::ready(Ok((span, Content::MongoCounts(counts)))), s.timeout).await {
                    return;
                }
            }
        }
    }
}

fn wanted(s: &Sampler) -> Vec<Name> {
    let mine = |d: &Demand| match d {
        Demand::Count { side, namespace } if *side == s.side => Some(namespace.clone()),
        _ => None,
    };
    s.demands.borrow().iter().filter_map(mine).collect()
}

async fn count(s: &Sampler, d: &Deployment, ns: &Name) -> Result<(Span, MongoCounts), Failure> {
    let sent = clock::now().mono;
    let server = d.primary();
    let set_id = topology::identity(server, millis(s.timeout)).await?;
    let (db, collection) = ns.split_once('.').ok_or_else(|| server.odd(&format!("{ns} is no namespace")))?;
    let what = format!("counting {ns}");
    let need = Need { what: &what, role: "read", db };
    let command = doc! { "aggregate": collection, "pipeline": [{ "$count": "n" }], "cursor": {} };
    let counted = server.list(&need, db, command, millis(LONGEST)).await;
    // No document at all is counted by no answer.
    let count = counted.and_then(|c| match c.first() {
        None => Ok(0),
        Some(d) => {
            let n = int_at(d, "n").and_then(|n| u64::try_from(n).ok());
            n.ok_or_else(|| server.odd("a count without its number"))
        }
    });
    let counts = MongoCounts { set_id, counts: BTreeMap::from([(ns.clone(), count)]) };
    Ok((Span { sent, received: clock::now().mono }, counts))
}
