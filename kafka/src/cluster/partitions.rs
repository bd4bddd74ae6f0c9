//! Partitions, asked of their leaders: log ends and producers.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::join_all;

use super::route::Answers;
use super::slot::Slot;
use super::{Cluster, Partitions};
use crate::conn::Call;
use crate::decode::{ListedOffset, ProducerState, decode_describe_producers, decode_list_offsets};
use crate::error::KafkaError;
use crate::request::Request;
use crate::timed::Timed;

/// How many partitions one request asks for.
const BATCH: usize = 10_000;

/// Which offset of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetSpec {
    /// The end: the high watermark, or the last stable offset with [`Isolation::ReadCommitted`].
    Latest,
    /// The beginning: the low watermark.
    Earliest,
    /// The record with the highest timestamp.
    MaxTimestamp,
    /// The first record at or after this time, in milliseconds since 1970.
    At(u64),
}

impl OffsetSpec {
    fn timestamp(self) -> i64 {
        match self {
            Self::Latest => -1,
            Self::Earliest => -2,
            Self::MaxTimestamp => -3,
            Self::At(time) => i64::try_from(time).unwrap_or(i64::MAX),
        }
    }

    /// Whether a partition always has it.
    fn always(self) -> bool {
        matches!(self, Self::Latest | Self::Earliest)
    }
}

/// Whether open transactions hide what is behind them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// Everything up to the high watermark.
    ReadUncommitted,
    /// Up to the last stable offset.
    ReadCommitted,
}

/// An offset as its partition's leader tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffsetAt {
    /// The offset; none where no record matches (never for the latest and the earliest).
    pub offset: Option<i64>,
    /// The timestamp of the record found, if a record was asked for.
    pub timestamp: Option<i64>,
    /// The leader's epoch; none before v4.
    pub leader_epoch: Option<i32>,
}

impl Cluster {
    /// One offset of each of these partitions.
    pub async fn list_offsets(
        &self,
        partitions: &[(Arc<str>, i32)],
        spec: OffsetSpec,
        isolation: Isolation,
    ) -> Timed<Partitions<OffsetAt>> {
        let call = self.call();
        let ask = |slot, items| self.list(slot, items, spec, isolation, &call);
        let listed = self.by_leader(partitions, &call, ask).await;
        call.watch.stamp(listed)
    }

    fn list<'a>(
        &'a self,
        slot: Arc<Slot>,
        items: Vec<((Arc<str>, i32), i32)>,
        spec: OffsetSpec,
        isolation: Isolation,
        call: &'a Call,
    ) -> Answers<'a, (Arc<str>, i32), OffsetAt> {
        Box::pin(async move {
            let slot = &*slot;
            let asked = items.chunks(BATCH).map(|chunk| async move {
                let partitions =
                    chunk.iter().map(|((topic, partition), epoch)| (Arc::clone(topic), *partition, *epoch)).collect();
                let committed_only = isolation == Isolation::ReadCommitted;
                let request = Request::ListOffsets { partitions, timestamp: spec.timestamp(), committed_only };
                (chunk, self.ask(slot, &request, decode_list_offsets, call).await)
            });
            let mut listed = BTreeMap::new();
            for (chunk, answer) in join_all(asked).await {
                match answer {
                    Err(error) => {
                        listed.extend(chunk.iter().map(|(partition, _)| (partition.clone(), Err(error.clone()))))
                    }
                    Ok(answer) => listed.extend(answer.offsets.into_iter().map(|told| {
                        let offset = offset_at(slot, &told, spec);
                        ((told.topic, told.partition), offset)
                    })),
                }
            }
            listed
        })
    }

    /// The producers each of these partitions remembers: whoever wrote with an id in the last day or has an open
    /// transaction, not those that write without.
    pub async fn describe_producers(&self, partitions: &[(Arc<str>, i32)]) -> Timed<Partitions<Vec<ProducerState>>> {
        let call = self.call();
        let described = self.by_leader(partitions, &call, |slot, items| self.producers(slot, items, &call)).await;
        call.watch.stamp(described)
    }

    fn producers<'a>(
        &'a self,
        slot: Arc<Slot>,
        items: Vec<((Arc<str>, i32), i32)>,
        call: &'a Call,
    ) -> Answers<'a, (Arc<str>, i32), Vec<ProducerState>> {
        Box::pin(async move {
            let slot = &*slot;
            let asked = items.chunks(BATCH).map(|chunk| async move {
                let request =
                    Request::DescribeProducers(chunk.iter().map(|(partition, _)| partition.clone()).collect());
                (chunk, self.ask(slot, &request, decode_describe_producers, call).await)
            });
            let mut described = BTreeMap::new();
            for (chunk, answer) in join_all(asked).await {
                match answer {
                    Err(error) => {
                        described.extend(chunk.iter().map(|(partition, _)| (partition.clone(), Err(error.clone()))))
                    }
                    Ok(answer) => described.extend(answer.partitions.into_iter().map(|told| {
                        let refused = KafkaError::from_code(
                            slot.at("DescribeProducers"),
                            told.error_code,
                            told.error_message.as_ref(),
                        );
                        ((told.topic, told.partition), refused.map(|()| told.producers))
                    })),
                }
            }
            described
        })
    }
}

fn offset_at(slot: &Slot, told: &ListedOffset, spec: OffsetSpec) -> Result<OffsetAt, KafkaError> {
    KafkaError::from_code(slot.at("ListOffsets"), told.error_code, None)?;
    if spec.always() && told.offset < 0 {
        let reason = Arc::from(format!("the answer is offset {} without an error", told.offset));
        return Err(KafkaError::Contradiction { at: slot.at("ListOffsets"), reason });
    }
    Ok(OffsetAt {
        offset: Some(told.offset).filter(|offset| *offset >= 0),
        timestamp: Some(told.timestamp).filter(|timestamp| *timestamp >= 0),
        leader_epoch: Some(told.leader_epoch).filter(|epoch| *epoch >= 0),
    })
}
