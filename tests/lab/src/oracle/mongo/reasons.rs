//! Why a step of the MongoDB track would do harm now, and why one that was taken has not taken effect.
//!
//! [`known`] needs the ledger alone and is exact at every instant; [`seen`] compares the documents themselves, as they
//! were at the last look. Nothing here knows the agent, its checks or its dwells; the agent may be stricter, never
//! looser. Only what is certain is a reason: a side that could not be seen is told by [`blind`].

use super::ledger::{Expected, MongoLedger};
use super::look::{Look, SideLook};
use crate::words::{MongoStep, Side};

/// As many documents as a reason names.
const NAMED: usize = 3;

/// Every reason why `step` is unsafe now, with what cannot be seen where the step depends on it; empty means safe.
pub fn mongo_unsafe_reasons(ledger: &MongoLedger, look: &Look, step: MongoStep) -> Vec<String> {
    [known(ledger, step), seen(ledger, look, step), blind(look)].concat()
}

/// The reasons the ledger alone knows.
pub(super) fn known(ledger: &MongoLedger, step: MongoStep) -> Vec<String> {
    let mut reasons = Vec::new();
    match step {
        MongoStep::StartMirror => {
            for (name, mirror) in ledger.mirrors.iter().filter(|(_, mirror)| mirror.alive) {
                reasons.push(format!("mirror {name} runs already (run {})", mirror.runs));
            }
            if ledger.begun.contains(&MongoStep::StartWriters) {
                reasons.push("the writers were started at the destination: a mirror would overwrite them".to_owned());
            }
            spanning(ledger, &mut reasons);
            writers(ledger, Side::Destination, &mut reasons);
        }
        MongoStep::SwitchReaders => following(ledger, &mut reasons),
        MongoStep::StopWriters => {
            following(ledger, &mut reasons);
            if !ledger.skipped.contains(&MongoStep::SwitchReaders) {
                readers_at_source(ledger, &mut reasons);
            }
        }
        MongoStep::StopMirror => {
            before(ledger, MongoStep::StopWriters, &mut reasons);
            quiet(ledger, &mut reasons);
            writers(ledger, Side::Destination, &mut reasons);
        }
        MongoStep::StartWriters => {
            before(ledger, MongoStep::StopMirror, &mut reasons);
            quiet(ledger, &mut reasons);
            mirrors_alive(ledger, &mut reasons);
            for (namespace, count) in &ledger.late_writes {
                reasons.push(format!("{count} writes reached {namespace} at the source after the mirrors had ended"));
            }
        }
    }
    reasons
}

/// The reasons the last look shows.
pub(super) fn seen(ledger: &MongoLedger, look: &Look, step: MongoStep) -> Vec<String> {
    let mut reasons = Vec::new();
    let (Ok(source), Ok(destination)) = (&look.source, &look.destination) else { return reasons };
    match step {
        MongoStep::StartMirror => {
            if source.set == destination.set {
                reasons.push("both sides are the same replica set".to_owned());
            }
            if !ledger.begun.contains(&step) {
                for namespace in destination.collections.keys().filter(|name| !ledger.may_have.contains(*name)) {
                    reasons.push(format!("{namespace} exists at the destination already"));
                }
            }
            coverage(ledger, source, &mut reasons);
            mirrorable(source, &mut reasons);
        }
        MongoStep::SwitchReaders | MongoStep::StopWriters => {
            coverage(ledger, source, &mut reasons);
            collections(source, destination, &mut reasons);
            outdated(ledger, look, destination, ledger.following_within_ms, &mut reasons);
            if ledger.readers_may_write && !destination.write_block {
                reasons
                    .push("readers could write at the destination: their user may, and the write block is off".into());
            }
        }
        MongoStep::StopMirror | MongoStep::StartWriters => {
            if !ledger.begun.contains(&MongoStep::StartWriters) {
                outdated(ledger, look, destination, 0, &mut reasons);
                collections(source, destination, &mut reasons);
                documents(source, destination, &mut reasons);
            }
            if source.open_transactions > 0 {
                reasons.push(format!("the source itself counts {} open transactions", source.open_transactions));
            }
            if step == MongoStep::StartWriters {
                if destination.write_block {
                    reasons.push("the write block is on at the destination".to_owned());
                }
                if destination.index_builds > 0 {
                    reasons.push(format!("{} index builds run at the destination", destination.index_builds));
                }
            }
        }
    }
    reasons
}

/// What could not be seen: then nobody can say that a step is safe.
pub(super) fn blind(look: &Look) -> Vec<String> {
    let tell = |side: Side| look.side(side).as_ref().err().map(|error| format!("cannot be seen: the {side}: {error}"));
    Side::BOTH.into_iter().filter_map(tell).collect()
}

/// Every reason why a step that was begun has not taken effect yet; empty means done.
pub fn mongo_undone_reasons(ledger: &MongoLedger, look: &Look, step: MongoStep) -> Vec<String> {
    let mut reasons = Vec::new();
    before(ledger, step, &mut reasons);
    match step {
        MongoStep::StartMirror => {
            following(ledger, &mut reasons);
            reasons.extend(blind(look));
            if let (Ok(source), Ok(destination)) = (&look.source, &look.destination) {
                collections(source, destination, &mut reasons);
                outdated(ledger, look, destination, ledger.following_within_ms, &mut reasons);
            }
        }
        MongoStep::SwitchReaders => {
            readers_at_source(ledger, &mut reasons);
            absent(ledger, false, &mut reasons);
        }
        MongoStep::StopWriters => quiet(ledger, &mut reasons),
        MongoStep::StopMirror => mirrors_alive(ledger, &mut reasons),
        MongoStep::StartWriters => {
            writers(ledger, Side::Source, &mut reasons);
            absent(ledger, true, &mut reasons);
        }
    }
    reasons
}

fn before(ledger: &MongoLedger, step: MongoStep, reasons: &mut Vec<String>) {
    if !ledger.begun.contains(&step) {
        reasons.push(format!("{step} was never begun"));
    }
}

/// No writer on the source and nothing half written there.
fn quiet(ledger: &MongoLedger, reasons: &mut Vec<String>) {
    writers(ledger, Side::Source, reasons);
    for (id, open) in ledger.transactions.iter().filter(|(_, open)| open.side == Side::Source) {
        let namespaces: Vec<_> = open.namespaces.iter().map(String::as_str).collect();
        reasons.push(format!("transaction {id} is open at the source ({})", namespaces.join(", ")));
    }
}

fn writers(ledger: &MongoLedger, at: Side, reasons: &mut Vec<String>) {
    for ((side, app_name), facts) in &ledger.clients {
        if *side == at && facts.writes {
            reasons.push(format!("writer {app_name} lives at the {at}"));
        }
    }
}

fn readers_at_source(ledger: &MongoLedger, reasons: &mut Vec<String>) {
    for ((side, app_name), facts) in &ledger.clients {
        if *side == Side::Source && !facts.writes {
            reasons.push(format!("reader {app_name} still reads at the source"));
        }
    }
}

/// Services that were on the source and have no client at the destination.
fn absent(ledger: &MongoLedger, writes: bool, reasons: &mut Vec<String>) {
    for (_, service, _) in ledger.ever.iter().filter(|(side, _, w)| *side == Side::Source && *w == writes) {
        let there = ledger.clients.iter().any(|((side, _), facts)| {
            *side == Side::Destination && facts.service == *service && facts.writes == writes
        });
        if !there {
            reasons.push(format!("{service} is not connected at the destination"));
        }
    }
}

fn following(ledger: &MongoLedger, reasons: &mut Vec<String>) {
    if ledger.mirrors.is_empty() {
        reasons.push("there is no mirror".to_owned());
    }
    for (name, mirror) in &ledger.mirrors {
        match &mirror.error {
            _ if !mirror.alive => reasons.push(format!("mirror {name} does not run")),
            Some(error) => reasons.push(format!("mirror {name} has met an error: {error}")),
            None => {}
        }
    }
}

fn mirrors_alive(ledger: &MongoLedger, reasons: &mut Vec<String>) {
    for name in ledger.mirrors.iter().filter(|(_, mirror)| mirror.alive).map(|(name, _)| name) {
        reasons.push(format!("mirror {name} still runs"));
    }
}

/// Transactions whose namespaces are carried by different mirrors.
fn spanning(ledger: &MongoLedger, reasons: &mut Vec<String>) {
    for (id, open) in &ledger.transactions {
        let carriers = |namespace: &String| -> Vec<&String> {
            let carrying = ledger.mirrors.iter().filter(|(_, mirror)| mirror.options.carries(namespace));
            carrying.map(|(name, _)| name).collect()
        };
        let all: std::collections::BTreeSet<_> = open.namespaces.iter().map(carriers).collect();
        if open.side == Side::Source && all.len() > 1 {
            reasons.push(format!("transaction {id} spans what different mirrors carry"));
        }
    }
}

fn coverage(ledger: &MongoLedger, source: &SideLook, reasons: &mut Vec<String>) {
    for namespace in source.collections.keys() {
        match ledger.mirrors.values().filter(|mirror| mirror.options.carries(namespace)).count() {
            1 => {}
            0 => reasons.push(format!("no mirror carries {namespace}")),
            many => reasons.push(format!("{many} mirrors carry {namespace}")),
        }
    }
}

fn mirrorable(source: &SideLook, reasons: &mut Vec<String>) {
    for (namespace, collection) in &source.collections {
        if collection.kind == "timeseries" {
            reasons.push(format!("{namespace} is a time-series collection"));
        }
        for (name, _) in collection.indexes.iter().filter(|(_, index)| index.contains("expireAfterSeconds")) {
            reasons.push(format!("{namespace} has a TTL index: {name}"));
        }
    }
}

/// Acknowledged writes to the source, older than `within_ms` when the destination was read, that it does not show.
fn outdated(ledger: &MongoLedger, look: &Look, there: &SideLook, within_ms: u64, reasons: &mut Vec<String>) {
    let mut wrong = Vec::new();
    for ((namespace, id), write) in &ledger.documents {
        let old = write.at_ms.saturating_add(within_ms) < look.at_ms;
        if write.side != Side::Source || !old || !ledger.in_scope(namespace) {
            continue;
        }
        let found = there.collections.get(namespace).and_then(|collection| collection.documents.get(id));
        let what = match (write.expected, found) {
            (Expected::Present(_), None) => "is missing",
            (Expected::Present(n), Some(found)) if found.n.is_some_and(|is| is < n) => "is outdated",
            (Expected::Gone, Some(_)) => "was deleted and is still there",
            _ => continue,
        };
        wrong.push(format!("{namespace} {id} {what} (written {} ms before)", look.at_ms - write.at_ms));
    }
    if !wrong.is_empty() {
        let named = wrong.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        reasons.push(format!("{} acknowledged writes are not at the destination: {named}", wrong.len()));
    }
}

/// Collections, options, views and indexes of the source that the destination has not, or has otherwise.
fn collections(source: &SideLook, there: &SideLook, reasons: &mut Vec<String>) {
    for (namespace, collection) in &source.collections {
        let Some(other) = there.collections.get(namespace) else {
            reasons.push(format!("{namespace} does not exist at the destination"));
            continue;
        };
        if (&collection.kind, &collection.options) != (&other.kind, &other.options) {
            reasons.push(format!("{namespace} has other options at the destination"));
        }
        for (name, index) in &collection.indexes {
            match other.indexes.get(name) {
                None => reasons.push(format!("{namespace} has no index {name} at the destination")),
                Some(is) if is != index => reasons.push(format!("{namespace} has another index {name} there")),
                Some(_) => {}
            }
        }
        for name in other.indexes.keys().filter(|name| !collection.indexes.contains_key(*name)) {
            reasons.push(format!("{namespace} has an index {name} at the destination only"));
        }
    }
    for namespace in there.collections.keys().filter(|name| !source.collections.contains_key(*name)) {
        reasons.push(format!("{namespace} exists at the destination only"));
    }
}

/// Documents that are not the same on both sides.
fn documents(source: &SideLook, there: &SideLook, reasons: &mut Vec<String>) {
    for (namespace, collection) in &source.collections {
        let Some(other) = there.collections.get(namespace) else { continue };
        let differ: Vec<_> = collection
            .documents
            .iter()
            .filter(|(id, document)| other.documents.get(*id) != Some(document))
            .map(|(id, _)| id.as_str())
            .chain(other.documents.keys().filter(|id| !collection.documents.contains_key(*id)).map(String::as_str))
            .collect();
        if !differ.is_empty() {
            let named = differ.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
            reasons.push(format!("{} documents of {namespace} differ: {named}", differ.len()));
        }
    }
}
