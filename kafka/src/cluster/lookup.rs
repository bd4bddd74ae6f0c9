//! Finding out who leads a partition and who coordinates a group, and remembering it.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::join_all;

use super::route::take_over;
use super::slot::Slot;
use super::{BrokerId, Cluster, Leader, Named, Partitions, left_out};
use crate::codes;
use crate::conn::{Call, lock};
use crate::decode::{Coordinator, decode_find_coordinator, decode_list_groups};
use crate::error::KafkaError;
use crate::request::Request;

/// How many groups one FindCoordinator asks for.
const COORDINATORS: usize = 500;

impl Cluster {
    /// The leaders, from memory or newly found out.
    pub(super) async fn leaders(&self, partitions: &[(Arc<str>, i32)], call: &Call) -> Partitions<Leader> {
        let known = |cluster: &Self| -> (Partitions<Leader>, Vec<(Arc<str>, i32)>) {
            let state = lock(&cluster.state);
            let (mut found, mut missing) = (Partitions::new(), Vec::new());
            for partition in partitions {
                match state.leaders.get(partition) {
                    Some(leader) => drop(found.insert(partition.clone(), Ok(*leader))),
                    None => missing.push(partition.clone()),
                }
            }
            (found, missing)
        };
        let (found, missing) = known(self);
        if missing.is_empty() {
            return found;
        }
        let mut topics: Vec<Arc<str>> = missing.iter().map(|(topic, _)| Arc::clone(topic)).collect();
        topics.sort();
        topics.dedup();
        let metadata = match self.metadata_within(Some(&topics), call).await {
            Ok(metadata) => metadata,
            Err(error) => {
                let mut found = found;
                found.extend(missing.into_iter().map(|partition| (partition, Err(error.clone()))));
                return found;
            }
        };
        let (mut found, missing) = known(self);
        let told: BTreeMap<&str, _> =
            metadata.topics.iter().filter_map(|topic| topic.name.as_deref().map(|name| (name, topic))).collect();
        let address: Arc<str> = Arc::from("the cluster");
        for partition in missing {
            let topic = told.get(&*partition.0);
            let of_partition =
                topic.and_then(|topic| topic.partitions.iter().find(|told| told.partition == partition.1));
            let code = match (topic.map_or(0, |topic| topic.error_code), of_partition) {
                (0, Some(told)) if told.error_code != 0 => told.error_code,
                (0, Some(_)) => codes::LEADER_NOT_AVAILABLE,
                (0, None) => codes::UNKNOWN_TOPIC_OR_PARTITION,
                (code, _) => code,
            };
            let at = crate::At::new("Metadata", &address);
            let error = KafkaError::from_code(at.clone(), code, None).err().unwrap_or_else(|| left_out(at));
            found.insert(partition, Err(error));
        }
        found
    }

    /// The coordinators, from memory or newly found out.
    pub(super) async fn coordinators(&self, groups: &[Arc<str>], call: &Call) -> Named<BrokerId> {
        let mut found = Named::new();
        let mut missing = Vec::new();
        {
            let state = lock(&self.state);
            for group in groups {
                match state.coordinators.get(group) {
                    Some(broker) => drop(found.insert(Arc::clone(group), Ok(*broker))),
                    None => missing.push(Arc::clone(group)),
                }
            }
        }
        missing.sort();
        missing.dedup();
        if !missing.is_empty() {
            match self.find_coordinators(&missing, call).await {
                Ok(answers) => found.extend(answers),
                Err(error) => found.extend(missing.into_iter().map(|group| (group, Err(error.clone())))),
            }
        }
        found
    }

    async fn find_coordinators(&self, groups: &[Arc<str>], call: &Call) -> Result<Named<BrokerId>, KafkaError> {
        self.require_offsets_topic(call).await?;
        let slot = self.any(call).await?;
        let link = self.open(&slot, call).await?;
        let batch = if link.version(crate::Api::FindCoordinator, crate::Api::FindCoordinator.versions())? >= 4 {
            COORDINATORS
        } else {
            1
        };
        let slot = &*slot;
        let asked = groups.chunks(batch).map(|chunk| async move {
            let request = Request::FindCoordinator(chunk.to_vec());
            (chunk, self.ask(slot, &request, decode_find_coordinator, call).await)
        });
        let mut found = Named::new();
        for (chunk, answer) in join_all(asked).await {
            let answers = match answer {
                Err(error) => chunk.iter().map(|group| (Arc::clone(group), Err(error.clone()))).collect(),
                Ok(answer) => {
                    let only = chunk.first().filter(|_| chunk.len() == 1);
                    let each = |found: Coordinator| {
                        found
                            .group
                            .clone()
                            .or_else(|| only.cloned())
                            .map(|group| (group, self.learn_coordinator(slot, &found)))
                    };
                    answer.coordinators.into_iter().filter_map(each).collect()
                }
            };
            take_over(chunk.to_vec(), answers, || left_out(slot.at("FindCoordinator")), &mut found);
        }
        let mut state = lock(&self.state);
        for (group, broker) in &found {
            if let Ok(broker) = broker {
                state.coordinators.insert(Arc::clone(group), *broker);
            }
        }
        Ok(found)
    }

    fn learn_coordinator(&self, slot: &Slot, found: &Coordinator) -> Result<BrokerId, KafkaError> {
        KafkaError::from_code(slot.at("FindCoordinator"), found.error_code, found.error_message.as_ref())?;
        let Some(port) = found.port.filter(|_| found.broker >= 0 && !found.host.is_empty()) else {
            return Err(left_out(slot.at("FindCoordinator")));
        };
        let target = crate::config::HostPort { host: Arc::clone(&found.host), port };
        let mut state = lock(&self.state);
        if state.brokers.get(&found.broker).is_none_or(|known| known.target != target) {
            state.brokers.insert(found.broker, Arc::new(Slot::new(target, Some(found.broker))));
        }
        Ok(found.broker)
    }

    /// Asking for a coordinator makes a broker create `__consumer_offsets` where it does not exist: only ask if it does.
    async fn require_offsets_topic(&self, call: &Call) -> Result<(), KafkaError> {
        if lock(&self.state).offsets_topic_seen {
            return Ok(());
        }
        let topic: Arc<str> = Arc::from("__consumer_offsets");
        let metadata = self.metadata_within(Some(std::slice::from_ref(&topic)), call).await?;
        let code = metadata.topics.iter().find(|told| told.name.as_ref() == Some(&topic)).map(|told| told.error_code);
        let address: Arc<str> = Arc::from("the cluster");
        let at = crate::At::new("FindCoordinator", &address);
        match code {
            // Not allowed to see it: a group that is listed shows that it exists.
            Some(code @ codes::TOPIC_AUTHORIZATION_FAILED) => {
                if !self.some_group_listed(call).await? {
                    let operation = "Describe on the topic __consumer_offsets, or on a group that exists";
                    return Err(KafkaError::Unauthorized { at, operation, name: codes::name(code) });
                }
            }
            Some(codes::UNKNOWN_TOPIC_OR_PARTITION) | None => {
                let message: Arc<str> =
                    Arc::from("there is no __consumer_offsets topic yet, and asking would create it");
                let code = codes::COORDINATOR_NOT_AVAILABLE;
                return Err(KafkaError::Broker { at, code, name: codes::name(code), message: Some(message) });
            }
            Some(_) => {}
        }
        lock(&self.state).offsets_topic_seen = true;
        Ok(())
    }

    async fn some_group_listed(&self, call: &Call) -> Result<bool, KafkaError> {
        let listed = self.every(&Request::ListGroups, decode_list_groups, call).await?;
        Ok(listed.into_values().flatten().any(|listed| !listed.groups.is_empty()))
    }
}
