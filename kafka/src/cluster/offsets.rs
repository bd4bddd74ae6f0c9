//! Committed offsets of groups, and the start offsets of share groups.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::join_all;
use uuid::Uuid;

use super::route::{Answers, take_over};
use super::slot::Slot;
use super::{Cluster, Named, left_out};
use crate::Api;
use crate::conn::Call;
use crate::decode::{
    GroupOffsets, RawPartitionOffset, RawShareOffset, decode_describe_share_group_offsets, decode_offset_fetch,
};
use crate::error::KafkaError;
use crate::request::Request;
use crate::timed::Timed;

/// How many groups one request asks for.
const BATCH: usize = 200;

/// What a group has committed on one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The offset of the next record to read.
    pub offset: i64,
    /// The leader epoch of the last record read, if the client said.
    pub leader_epoch: Option<i32>,
    /// What the client noted beside it.
    pub metadata: Option<Arc<str>>,
}

/// One partition a group has something to say about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionOffset {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// What is committed; none for no commit, which is not offset 0.
    pub committed: Result<Option<Committed>, KafkaError>,
}

/// Where a share group starts in one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareOffset {
    /// The topic.
    pub topic: Arc<str>,
    /// Its id.
    pub topic_id: Uuid,
    /// The partition.
    pub partition: i32,
    /// The start offset, below which everything is done; none while the partition is not initialised.
    pub start: Result<Option<i64>, KafkaError>,
}

impl Cluster {
    /// Everything these groups have committed, each asked of its coordinator. A group without commits, or one that does
    /// not exist, has none, and topics we may not describe are left out by the broker without a word: what must be there
    /// is for the caller to know.
    pub async fn fetch_offsets(&self, groups: &[Arc<str>]) -> Timed<Named<Vec<PartitionOffset>>> {
        let call = self.call();
        let fetched = self.by_coordinator(groups, &call, |slot, groups| self.fetch(slot, groups, &call)).await;
        call.watch.stamp(fetched)
    }

    fn fetch<'a>(
        &'a self,
        slot: Arc<Slot>,
        groups: Vec<Arc<str>>,
        call: &'a Call,
    ) -> Answers<'a, Arc<str>, Vec<PartitionOffset>> {
        Box::pin(async move {
            let slot = &*slot;
            let batch = match self
                .open(slot, call)
                .await
                .and_then(|link| link.version(Api::OffsetFetch, Api::OffsetFetch.versions()))
            {
                Ok(version) if version >= 8 => BATCH,
                Ok(_) => 1,
                Err(error) => return groups.into_iter().map(|group| (group, Err(error.clone()))).collect(),
            };
            let asked = groups.chunks(batch).map(|chunk| async move {
                (chunk, self.ask(slot, &Request::OffsetFetch(chunk.to_vec()), decode_offset_fetch, call).await)
            });
            let mut fetched = BTreeMap::new();
            for (chunk, answer) in join_all(asked).await {
                let answer = match answer {
                    Ok(answer) => answer,
                    Err(error) => {
                        fetched.extend(chunk.iter().map(|group| (Arc::clone(group), Err(error.clone()))));
                        continue;
                    }
                };
                let only = chunk.first().filter(|_| chunk.len() == 1);
                let each = |told: GroupOffsets| {
                    let group = told.group.clone().or_else(|| only.cloned())?;
                    Some((group, offsets(slot, told)))
                };
                fetched.extend(answer.groups.into_iter().filter_map(each));
            }
            fetched
        })
    }

    /// Where these share groups start, each asked of its coordinator.
    pub async fn share_offsets(&self, groups: &[Arc<str>]) -> Timed<Named<Vec<ShareOffset>>> {
        let call = self.call();
        let fetched = self.by_coordinator(groups, &call, |slot, groups| self.fetch_share(slot, groups, &call)).await;
        call.watch.stamp(fetched)
    }

    fn fetch_share<'a>(
        &'a self,
        slot: Arc<Slot>,
        groups: Vec<Arc<str>>,
        call: &'a Call,
    ) -> Answers<'a, Arc<str>, Vec<ShareOffset>> {
        Box::pin(async move {
            let slot = &*slot;
            let asked = groups.chunks(BATCH).map(|chunk| async move {
                let request = Request::DescribeShareGroupOffsets(chunk.to_vec());
                (chunk, self.ask(slot, &request, decode_describe_share_group_offsets, call).await)
            });
            let mut fetched = BTreeMap::new();
            for (chunk, answer) in join_all(asked).await {
                let got = match answer {
                    Err(error) => chunk.iter().map(|group| (Arc::clone(group), Err(error.clone()))).collect(),
                    Ok(answer) => answer
                        .groups
                        .into_iter()
                        .map(|told| {
                            let at = slot.at("DescribeShareGroupOffsets");
                            let refused = KafkaError::from_code(at, told.error_code, told.error_message.as_ref());
                            (
                                told.group,
                                refused.map(|()| told.offsets.into_iter().map(|raw| share_offset(slot, raw)).collect()),
                            )
                        })
                        .collect(),
                };
                take_over(chunk.to_vec(), got, || left_out(slot.at("DescribeShareGroupOffsets")), &mut fetched);
            }
            fetched
        })
    }
}

fn offsets(slot: &Slot, told: GroupOffsets) -> Result<Vec<PartitionOffset>, KafkaError> {
    KafkaError::from_code(slot.at("OffsetFetch"), told.error_code, None)?;
    Ok(told.offsets.into_iter().map(|raw| partition_offset(slot, raw)).collect())
}

fn partition_offset(slot: &Slot, raw: RawPartitionOffset) -> PartitionOffset {
    let RawPartitionOffset { topic, partition, error_code, offset, leader_epoch, metadata } = raw;
    let leader_epoch = Some(leader_epoch).filter(|epoch| *epoch >= 0);
    let committed = KafkaError::from_code(slot.at("OffsetFetch"), error_code, None)
        .map(|()| (offset >= 0).then_some(Committed { offset, leader_epoch, metadata }));
    PartitionOffset { topic, partition, committed }
}

fn share_offset(slot: &Slot, raw: RawShareOffset) -> ShareOffset {
    let at = slot.at("DescribeShareGroupOffsets");
    let start = KafkaError::from_code(at, raw.error_code, raw.error_message.as_ref())
        .map(|()| Some(raw.start_offset).filter(|offset| *offset >= 0));
    ShareOffset { topic: raw.topic, topic_id: raw.topic_id, partition: raw.partition, start }
}
