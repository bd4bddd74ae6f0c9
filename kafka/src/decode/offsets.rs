//! Committed offsets, log ends and the start offsets of share groups.

use std::sync::Arc;

use uuid::Uuid;

use super::reader::{Reader, Result, known_version};
use crate::api::Api;

/// One partition's committed offset as the broker answers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawPartitionOffset {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// The error code.
    pub error_code: i16,
    /// The committed offset; -1 for none.
    pub offset: i64,
    /// The leader epoch of the last record consumed; -1 if the client did not say.
    pub leader_epoch: i32,
    /// What the client noted beside it.
    pub metadata: Option<Arc<str>>,
}

/// One group's committed offsets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupOffsets {
    /// The group; none before v8, where one question is about one group.
    pub group: Option<Arc<str>>,
    /// The error code of the whole group.
    pub error_code: i16,
    /// Every partition it has committed on.
    pub offsets: Vec<RawPartitionOffset>,
}

/// The answer to OffsetFetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedOffsets {
    /// How long not to ask again.
    pub throttle_ms: i32,
    /// One for each group asked for.
    pub groups: Vec<GroupOffsets>,
}

/// Decodes OffsetFetch v6-9.
///
/// # Errors
/// When the bytes are not such an answer.
pub fn decode_offset_fetch(version: i16, body: &[u8]) -> Result<FetchedOffsets> {
    known_version(version, Api::OffsetFetch.versions())?;
    let mut r = Reader::new(body, true);
    let throttle_ms = r.i32("throttle_time_ms")?;
    let groups = if version >= 8 {
        r.array("groups", 5, |r| {
            let group = Some(r.name("group_id")?);
            let offsets = committed(r)?;
            let error_code = r.i16("group_error_code")?;
            r.tags()?;
            Ok(GroupOffsets { group, error_code, offsets })
        })?
    } else {
        let offsets = committed(&mut r)?;
        let error_code = r.i16("error_code")?;
        vec![GroupOffsets { group: None, error_code, offsets }]
    };
    r.tags()?;
    r.end(FetchedOffsets { throttle_ms, groups })
}

fn committed(r: &mut Reader<'_>) -> Result<Vec<RawPartitionOffset>> {
    let mut offsets = Vec::new();
    r.array("topics", 3, |r| {
        let topic = r.name("topic_name")?;
        r.array("partitions", 20, |r| {
            offsets.push(RawPartitionOffset {
                topic: Arc::clone(&topic),
                partition: r.i32("partition_index")?,
                offset: r.i64("committed_offset")?,
                leader_epoch: r.i32("committed_leader_epoch")?,
                metadata: r.nullable_name("metadata")?,
                error_code: r.i16("partition_error_code")?,
            });
            r.tags()
        })?;
        r.tags()
    })?;
    Ok(offsets)
}

/// One partition's offset as the broker answers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedOffset {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// The error code.
    pub error_code: i16,
    /// The timestamp of the record found; -1 if that was not asked.
    pub timestamp: i64,
    /// The offset; -1 for none.
    pub offset: i64,
    /// The leader epoch; -1 where the broker does not say.
    pub leader_epoch: i32,
}

/// The answer to ListOffsets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedOffsets {
    /// How long not to ask again.
    pub throttle_ms: i32,
    /// One for each partition asked for.
    pub offsets: Vec<ListedOffset>,
}

/// Decodes ListOffsets v2-8.
///
/// # Errors
/// When the bytes are not such an answer.
pub fn decode_list_offsets(version: i16, body: &[u8]) -> Result<ListedOffsets> {
    known_version(version, Api::ListOffsets.versions())?;
    let mut r = Reader::new(body, version >= 6);
    let throttle_ms = r.i32("throttle_time_ms")?;
    let mut offsets = Vec::new();
    r.array("topics", 3, |r| {
        let topic = r.name("topic_name")?;
        r.array("partitions", 22, |r| {
            offsets.push(ListedOffset {
                topic: Arc::clone(&topic),
                partition: r.i32("partition_index")?,
                error_code: r.i16("error_code")?,
                timestamp: r.i64("timestamp")?,
                offset: r.i64("offset")?,
                leader_epoch: if version >= 4 { r.i32("leader_epoch")? } else { -1 },
            });
            r.tags()
        })?;
        r.tags()
    })?;
    r.tags()?;
    r.end(ListedOffsets { throttle_ms, offsets })
}

/// Where a share group starts in one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawShareOffset {
    /// The topic.
    pub topic: Arc<str>,
    /// Its id.
    pub topic_id: Uuid,
    /// The partition.
    pub partition: i32,
    /// The start offset: everything below it is done; -1 if the partition was not initialised.
    pub start_offset: i64,
    /// The leader epoch.
    pub leader_epoch: i32,
    /// The error code.
    pub error_code: i16,
    /// What the broker adds to it.
    pub error_message: Option<Arc<str>>,
}

/// One share group's start offsets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareGroupOffsets {
    /// The group.
    pub group: Arc<str>,
    /// The error code of the whole group.
    pub error_code: i16,
    /// What the broker adds to it.
    pub error_message: Option<Arc<str>>,
    /// The partitions.
    pub offsets: Vec<RawShareOffset>,
}

/// The answer to DescribeShareGroupOffsets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareOffsets {
    /// How long not to ask again.
    pub throttle_ms: i32,
    /// One for each group asked for.
    pub groups: Vec<ShareGroupOffsets>,
}

/// Decodes DescribeShareGroupOffsets v0.
///
/// # Errors
/// When the bytes are not such an answer.
pub fn decode_describe_share_group_offsets(version: i16, body: &[u8]) -> Result<ShareOffsets> {
    known_version(version, Api::DescribeShareGroupOffsets.versions())?;
    let mut r = Reader::new(body, true);
    let throttle_ms = r.i32("throttle_time_ms")?;
    let groups = r.array("groups", 6, |r| {
        let group = r.name("group_id")?;
        let mut offsets = Vec::new();
        r.array("topics", 19, |r| {
            let topic = r.name("topic_name")?;
            let topic_id = r.uuid("topic_id")?;
            r.array("partitions", 20, |r| {
                offsets.push(RawShareOffset {
                    topic: Arc::clone(&topic),
                    topic_id,
                    partition: r.i32("partition_index")?,
                    start_offset: r.i64("start_offset")?,
                    leader_epoch: r.i32("leader_epoch")?,
                    error_code: r.i16("partition_error_code")?,
                    error_message: r.nullable_name("partition_error_message")?,
                });
                r.tags()
            })?;
            r.tags()
        })?;
        let error_code = r.i16("group_error_code")?;
        let error_message = r.nullable_name("group_error_message")?;
        r.tags()?;
        Ok(ShareGroupOffsets { group, error_code, error_message, offsets })
    })?;
    r.tags()?;
    r.end(ShareOffsets { throttle_ms, groups })
}
