//! What runs in this lab: the Kafka part, the MongoDB part, or both.

use std::sync::{Mutex, MutexGuard, PoisonError};

use cutover_lab::{Error, MongoPair, MongoShop, Pair, Result, Shop, Side};

/// Everything that runs. What runs comes before what it runs on.
#[derive(Debug)]
pub(crate) struct Estate {
    pub(crate) kafka: Option<KafkaPart>,
    pub(crate) mongodb: Option<MongoPart>,
}

/// Two clusters and the shop on them.
#[derive(Debug)]
pub(crate) struct KafkaPart {
    pub(crate) shop: Shop,
    pub(crate) pair: Mutex<Pair>,
}

/// Two replica sets, the shop on them and its mirrors.
#[derive(Debug)]
pub(crate) struct MongoPart {
    pub(crate) shop: MongoShop,
    pub(crate) pair: Mutex<MongoPair>,
}

impl Estate {
    pub(crate) fn kafka(&self) -> Result<&KafkaPart> {
        self.kafka.as_ref().ok_or_else(|| Error::Usage("this lab runs without Kafka (--only mongodb)".to_owned()))
    }

    pub(crate) fn mongodb(&self) -> Result<&MongoPart> {
        self.mongodb.as_ref().ok_or_else(|| Error::Usage("this lab runs without MongoDB (--only kafka)".to_owned()))
    }

    /// Lets whatever was paused or frozen run on: it would keep the services waiting.
    pub(crate) fn resume(&self) {
        for side in Side::BOTH {
            if let Some(part) = &self.kafka {
                let mut pair = locked(&part.pair);
                let cluster = pair.cluster_mut(side);
                for node in 0..cluster.brokers() {
                    let _ = cluster.resume(node);
                }
            }
            if let Some(part) = &self.mongodb {
                let mut pair = locked(&part.pair);
                let set = pair.set_mut(side);
                for member in 0..set.members() {
                    let _ = set.thaw(member);
                }
            }
        }
    }
}

/// The value, whoever panicked with it in hand.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
