//! Whom to ask: any broker, a given one, a partition's leader, a group's coordinator; and asking once more elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join_all, select_ok};

use super::slot::Slot;
use super::{BrokerId, Cluster, Named, Partitions, PerBroker, left_out};
use crate::codes;
use crate::conn::{Call, Link, lock};
use crate::decode::DecodeError;
use crate::error::KafkaError;
use crate::request::Request;

/// How long a new leader or coordinator is given before it is asked.
const SETTLE: Duration = Duration::from_millis(100);

/// A topic's partition.
pub(super) type Partition = (Arc<str>, i32);
/// A partition with the epoch its leader was last seen in.
pub(super) type Led = (Partition, i32);
pub(super) type Answers<'a, K, T> = Pin<Box<dyn Future<Output = BTreeMap<K, Result<T, KafkaError>>> + Send + 'a>>;

impl Cluster {
    /// Asks one broker. A connection that had been open before and turns out closed is opened once more.
    pub(super) async fn ask<T>(
        &self,
        slot: &Slot,
        request: &Request,
        decode: fn(i16, &[u8]) -> Result<T, DecodeError>,
        call: &Call,
    ) -> Result<T, KafkaError> {
        let (link, reused) = slot.link(&self.opener, call).await?;
        match link.ask(request, decode, call).await {
            Err(KafkaError::Closed { .. }) if reused => {
                let (link, _) = slot.link(&self.opener, call).await?;
                link.ask(request, decode, call).await
            }
            other => other,
        }
    }

    /// Any broker that answers: one whose connection is open, else whichever opens first.
    pub(super) async fn any(&self, call: &Call) -> Result<Arc<Slot>, KafkaError> {
        let known: Vec<Arc<Slot>> = lock(&self.state).brokers.values().cloned().collect();
        let mut candidates = known;
        if let Some(open) = candidates.iter().chain(self.bootstrap.iter()).find(|slot| slot.open().is_some()) {
            return Ok(Arc::clone(open));
        }
        candidates.truncate(8);
        candidates.extend(self.bootstrap.iter().cloned());
        let opening = candidates.into_iter().map(|slot| {
            Box::pin(async move {
                slot.link(&self.opener, call).await?;
                Ok::<_, KafkaError>(slot)
            })
        });
        select_ok(opening).await.map(|(slot, _)| slot)
    }

    /// Asks every live broker, newly found out.
    pub(super) async fn every<T>(
        &self,
        request: &Request,
        decode: fn(i16, &[u8]) -> Result<T, DecodeError>,
        call: &Call,
    ) -> Result<PerBroker<T>, KafkaError> {
        self.metadata_within(Some(&[]), call).await?;
        let brokers: Vec<(BrokerId, Arc<Slot>)> =
            lock(&self.state).brokers.iter().map(|(id, slot)| (*id, Arc::clone(slot))).collect();
        let asked = brokers.iter().map(|(id, slot)| async move { (*id, self.ask(slot, request, decode, call).await) });
        Ok(join_all(asked).await.into_iter().collect())
    }

    pub(super) fn broker(&self, id: BrokerId) -> Option<Arc<Slot>> {
        lock(&self.state).brokers.get(&id).cloned()
    }

    /// Opens the connection and hands it out, to see what the broker has.
    pub(super) async fn open(&self, slot: &Slot, call: &Call) -> Result<Arc<Link>, KafkaError> {
        slot.link(&self.opener, call).await.map(|(link, _)| link)
    }

    /// Asks each group's coordinator, and once more where it has moved or died.
    pub(super) async fn by_coordinator<'a, T: Send>(
        &'a self,
        groups: &[Arc<str>],
        call: &'a Call,
        ask: impl Fn(Arc<Slot>, Vec<Arc<str>>) -> Answers<'a, Arc<str>, T> + Sync,
    ) -> Named<T> {
        let mut answers = self.coordinated(groups, call, &ask).await;
        let moved =
            |error: &KafkaError| error.kind() == "refused" || error.code().is_some_and(codes::stale_coordinator);
        let again = failed(&answers, moved);
        if !again.is_empty() && worth_it(call) {
            lock(&self.state).coordinators.retain(|group, _| !again.contains(group));
            tokio::time::sleep(SETTLE).await;
            answers.extend(self.coordinated(&Vec::from_iter(again), call, &ask).await);
        }
        answers
    }

    async fn coordinated<'a, T: Send>(
        &'a self,
        groups: &[Arc<str>],
        call: &'a Call,
        ask: &(impl Fn(Arc<Slot>, Vec<Arc<str>>) -> Answers<'a, Arc<str>, T> + Sync),
    ) -> Named<T> {
        let mut answers = Named::new();
        let mut routes: BTreeMap<BrokerId, Vec<Arc<str>>> = BTreeMap::new();
        for (group, coordinator) in self.coordinators(groups, call).await {
            match coordinator {
                Ok(broker) => routes.entry(broker).or_default().push(group),
                Err(error) => drop(answers.insert(group, Err(error))),
            }
        }
        self.routed(routes, "FindCoordinator", &mut answers, ask).await;
        answers
    }

    /// Asks each partition's leader, and once more where leadership has moved or the leader has died.
    pub(super) async fn by_leader<'a, T: Send>(
        &'a self,
        partitions: &[Partition],
        call: &'a Call,
        ask: impl Fn(Arc<Slot>, Vec<Led>) -> Answers<'a, Partition, T> + Sync,
    ) -> Partitions<T> {
        let mut answers = self.led(partitions, call, &ask).await;
        let moved = |error: &KafkaError| error.kind() == "refused" || error.code().is_some_and(codes::stale_leader);
        let again = failed(&answers, moved);
        if !again.is_empty() && worth_it(call) {
            lock(&self.state).leaders.retain(|partition, _| !again.contains(partition));
            tokio::time::sleep(SETTLE).await;
            answers.extend(self.led(&Vec::from_iter(again), call, &ask).await);
        }
        answers
    }

    async fn led<'a, T: Send>(
        &'a self,
        partitions: &[Partition],
        call: &'a Call,
        ask: &(impl Fn(Arc<Slot>, Vec<Led>) -> Answers<'a, Partition, T> + Sync),
    ) -> Partitions<T> {
        let mut answers = Partitions::new();
        let mut routes: BTreeMap<BrokerId, Vec<Led>> = BTreeMap::new();
        for (partition, leader) in self.leaders(partitions, call).await {
            match leader {
                Ok(leader) => routes.entry(leader.broker).or_default().push((partition, leader.epoch)),
                Err(error) => drop(answers.insert(partition, Err(error))),
            }
        }
        let ask = |slot: Arc<Slot>, items: Vec<Led>| ask(slot, items);
        let known = self.split(routes, "Metadata", |item| item.0.clone(), &mut answers);
        for (items, got) in join_all(known.into_iter().map(|(slot, items)| {
            let at = slot.at("the leader's answer");
            let keys: Vec<Partition> = items.iter().map(|item| item.0.clone()).collect();
            let asked = ask(slot, items);
            async move { ((keys, at), asked.await) }
        }))
        .await
        {
            take_over(items.0, got, || left_out(items.1.clone()), &mut answers);
        }
        answers
    }

    async fn routed<'a, T: Send>(
        &'a self,
        routes: BTreeMap<BrokerId, Vec<Arc<str>>>,
        what: &'static str,
        answers: &mut Named<T>,
        ask: &(impl Fn(Arc<Slot>, Vec<Arc<str>>) -> Answers<'a, Arc<str>, T> + Sync),
    ) {
        let known = self.split(routes, what, Arc::clone, answers);
        for (items, got) in join_all(known.into_iter().map(|(slot, items)| {
            let at = slot.at("the coordinator's answer");
            let keys = items.clone();
            let asked = ask(slot, items);
            async move { ((keys, at), asked.await) }
        }))
        .await
        {
            take_over(items.0, got, || left_out(items.1.clone()), answers);
        }
    }

    /// The slots of the brokers routed to; a broker that is not alive makes its items errors.
    fn split<I, K: Ord, T>(
        &self,
        routes: BTreeMap<BrokerId, Vec<I>>,
        what: &'static str,
        key: impl Fn(&I) -> K,
        answers: &mut BTreeMap<K, Result<T, KafkaError>>,
    ) -> Vec<(Arc<Slot>, Vec<I>)> {
        let mut known = Vec::new();
        for (id, items) in routes {
            let Some(slot) = self.broker(id) else {
                let address: Arc<str> = Arc::from(format!("broker {id}"));
                let reason: Arc<str> = Arc::from("it is not among the live brokers");
                let at = crate::At::new(what, &address);
                let gone = KafkaError::Unreachable { at, reason };
                answers.extend(items.iter().map(|item| (key(item), Err(gone.clone()))));
                continue;
            };
            known.push((slot, items));
        }
        known
    }
}

/// Puts what was answered of what was asked into `answers`; the rest is an error, and what was not asked is dropped.
pub(super) fn take_over<K: Ord, T>(
    asked: Vec<K>,
    mut got: BTreeMap<K, Result<T, KafkaError>>,
    missing: impl Fn() -> KafkaError,
    answers: &mut BTreeMap<K, Result<T, KafkaError>>,
) {
    for key in asked {
        let answer = got.remove(&key).unwrap_or_else(|| Err(missing()));
        answers.insert(key, answer);
    }
}

fn failed<K: Clone + Ord, T>(
    answers: &BTreeMap<K, Result<T, KafkaError>>,
    why: impl Fn(&KafkaError) -> bool,
) -> BTreeSet<K> {
    let failed = answers.iter().filter(|(_, answer)| answer.as_ref().is_err_and(&why));
    failed.map(|(key, _)| key.clone()).collect()
}

/// Whether there is time left to ask once more.
fn worth_it(call: &Call) -> bool {
    tokio::time::Instant::now() + SETTLE * 2 < call.deadline
}
