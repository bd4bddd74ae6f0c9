//! Questions to brokers themselves: configuration, disks, transactions, and whether they can be reached at all.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::join_all;

use super::route::take_over;
use super::slot::Slot;
use super::{BrokerId, Cluster, ConfigValues, Named, PerBroker, left_out};
use crate::config::HostPort;
use crate::conn::Call;
use crate::decode::{
    ApiRange, ListedTransaction, LogDirPartition, TransactionDescription, decode_describe_configs,
    decode_describe_log_dirs, decode_describe_transactions, decode_list_transactions,
};
use crate::error::{At, KafkaError};
use crate::request::Request;
use crate::timed::Timed;

/// How many topics one DescribeConfigs asks for.
const BATCH: usize = 500;
/// The resource types of DescribeConfigs.
const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// What a disk of a broker holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogDir {
    /// Its path on the broker.
    pub path: Arc<str>,
    /// The replicas in it, or why it is offline.
    pub partitions: Result<Vec<LogDirPartition>, KafkaError>,
    /// The size of its volume, where the broker tells.
    pub total_bytes: Option<i64>,
    /// What is free on it, where the broker tells.
    pub usable_bytes: Option<i64>,
}

/// A transaction as its coordinator describes it.
pub type Transaction = TransactionDescription;

impl Cluster {
    /// These settings of these topics, or all of them.
    pub async fn describe_topic_configs(
        &self,
        topics: &[Arc<str>],
        keys: Option<&[Arc<str>]>,
    ) -> Timed<Named<ConfigValues>> {
        let call = self.call();
        let configs = match self.any(&call).await {
            Ok(slot) => {
                let asked = topics.chunks(BATCH).map(|chunk| self.configs(&slot, TOPIC, chunk, keys, &call));
                join_all(asked).await.into_iter().flatten().collect()
            }
            Err(error) => topics.iter().map(|topic| (Arc::clone(topic), Err(error.clone()))).collect(),
        };
        call.watch.stamp(configs)
    }

    /// These settings of every live broker, or all of them, each asked of the broker itself.
    ///
    /// # Errors
    /// When the live brokers cannot be found out.
    pub async fn describe_broker_configs(
        &self,
        keys: Option<&[Arc<str>]>,
    ) -> Result<Timed<PerBroker<ConfigValues>>, KafkaError> {
        let call = self.call();
        self.metadata_within(Some(&[]), &call).await?;
        let brokers: Vec<(BrokerId, Arc<Slot>)> =
            crate::conn::lock(&self.state).brokers.iter().map(|(id, slot)| (*id, Arc::clone(slot))).collect();
        let call = &call;
        let asked = brokers.iter().map(|(id, slot)| async move {
            let name: Arc<str> = Arc::from(id.to_string());
            let mut configs = self.configs(slot, BROKER, std::slice::from_ref(&name), keys, call).await;
            let missing = || Err(left_out(slot.at("DescribeConfigs")));
            (*id, configs.remove(&name).unwrap_or_else(missing))
        });
        let configs = join_all(asked).await.into_iter().collect();
        Ok(call.watch.stamp(configs))
    }

    async fn configs(
        &self,
        slot: &Slot,
        kind: i8,
        names: &[Arc<str>],
        keys: Option<&[Arc<str>]>,
        call: &Call,
    ) -> Named<ConfigValues> {
        let request = Request::DescribeConfigs { kind, names: names.to_vec(), keys: keys.map(<[_]>::to_vec) };
        let got = match self.ask(slot, &request, decode_describe_configs, call).await {
            Err(error) => names.iter().map(|name| (Arc::clone(name), Err(error.clone()))).collect(),
            Ok(answer) => {
                let ours = answer.resources.into_iter().filter(|told| told.resource_type == kind);
                ours.map(|told| {
                    let refused =
                        KafkaError::from_code(slot.at("DescribeConfigs"), told.error_code, told.error_message.as_ref());
                    let by_name = told.entries.into_iter().map(|entry| (Arc::clone(&entry.name), entry));
                    (told.name, refused.map(|()| by_name.collect()))
                })
                .collect()
            }
        };
        let mut configs = Named::new();
        take_over(names.to_vec(), got, || left_out(slot.at("DescribeConfigs")), &mut configs);
        configs
    }

    /// What is on the disks of every live broker.
    ///
    /// # Errors
    /// When the live brokers cannot be found out.
    pub async fn log_dirs(&self) -> Result<Timed<PerBroker<Vec<LogDir>>>, KafkaError> {
        let call = self.call();
        let answers = self.every(&Request::DescribeLogDirs, decode_describe_log_dirs, &call).await?;
        let mut told = PerBroker::new();
        for (id, answer) in answers {
            let at = self.at_broker("DescribeLogDirs", id);
            let checked = answer.and_then(|answer| {
                KafkaError::from_code(at.clone(), answer.error_code, None)?;
                if answer.dirs.is_empty() {
                    // Every broker has one: before v3 this is how a missing privilege reads.
                    let (operation, name) = ("Describe on the cluster", "no log directory told");
                    return Err(KafkaError::Unauthorized { at: at.clone(), operation, name });
                }
                let dir = |dir: crate::decode::RawLogDir| LogDir {
                    path: dir.path,
                    partitions: KafkaError::from_code(at.clone(), dir.error_code, None).map(|()| dir.partitions),
                    total_bytes: dir.total_bytes,
                    usable_bytes: dir.usable_bytes,
                };
                Ok(answer.dirs.into_iter().map(dir).collect())
            });
            told.insert(id, checked);
        }
        Ok(call.watch.stamp(told))
    }

    /// The transactions every live broker coordinates, without those we may not describe.
    ///
    /// # Errors
    /// When the live brokers cannot be found out.
    pub async fn list_transactions(&self) -> Result<Timed<PerBroker<Vec<ListedTransaction>>>, KafkaError> {
        let call = self.call();
        let answers = self.every(&Request::ListTransactions, decode_list_transactions, &call).await?;
        let checked = answers.into_iter().map(|(id, answer)| {
            let at = self.at_broker("ListTransactions", id);
            let checked = answer
                .and_then(|answer| KafkaError::from_code(at, answer.error_code, None).map(|()| answer.transactions));
            (id, checked)
        });
        let listed = checked.collect();
        Ok(call.watch.stamp(listed))
    }

    /// Describes transactions, each asked of the broker that listed it: asking for their coordinator could make a broker
    /// create a topic.
    pub async fn describe_transactions(
        &self,
        listed_by: &BTreeMap<BrokerId, Vec<Arc<str>>>,
    ) -> Timed<Named<Transaction>> {
        let call = self.call();
        let asked = listed_by.iter().map(|(id, ids)| self.transactions(*id, ids, &call));
        let described = join_all(asked).await.into_iter().flatten().collect();
        call.watch.stamp(described)
    }

    async fn transactions(&self, id: BrokerId, ids: &[Arc<str>], call: &Call) -> Named<Transaction> {
        let at = self.at_broker("DescribeTransactions", id);
        let answer = match self.broker(id) {
            Some(slot) => {
                self.ask(&slot, &Request::DescribeTransactions(ids.to_vec()), decode_describe_transactions, call).await
            }
            None => {
                Err(KafkaError::Unreachable { at: at.clone(), reason: Arc::from("it is not among the live brokers") })
            }
        };
        let got = match answer {
            Err(error) => ids.iter().map(|id| (Arc::clone(id), Err(error.clone()))).collect(),
            Ok(answer) => answer
                .transactions
                .into_iter()
                .map(|told| {
                    let refused = KafkaError::from_code(at.clone(), told.error_code, None);
                    (Arc::clone(&told.transactional_id), refused.map(|()| told))
                })
                .collect(),
        };
        let mut described = Named::new();
        take_over(ids.to_vec(), got, || left_out(at.clone()), &mut described);
        described
    }

    /// Opens a connection of its own to an advertised address, asks what the broker can do, and closes it again.
    pub async fn probe_broker(&self, host: &str, port: u16) -> Timed<Result<Vec<ApiRange>, KafkaError>> {
        let call = self.call();
        let slot = Slot::new(HostPort { host: Arc::from(host), port }, None);
        let opened = self.opener.open(&slot.target, slot.address(), &call).await;
        call.watch.stamp(opened.map(|link| link.apis()))
    }

    pub(super) fn at_broker(&self, what: &'static str, id: BrokerId) -> At {
        self.broker(id).map_or_else(|| At::new(what, &Arc::from(format!("broker {id}"))), |slot| slot.at(what))
    }
}
