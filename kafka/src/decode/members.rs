//! Members of classic, KIP-848 and share groups, in one shape for all of them.

use std::sync::Arc;

use super::reader::{DecodeError, Reader, Result, known_version};
use super::{Operations, decode_assignment, decode_subscription};
use crate::api::Api;

/// Something a member may or may not let us see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readable<T> {
    /// What it says.
    Known(T),
    /// The broker left it out (a classic group that is rebalancing), or it is another protocol's own business.
    Withheld,
    /// It is there but cannot be read.
    Unreadable(DecodeError),
}

impl<T> Readable<T> {
    /// What it says, where that is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Withheld | Self::Unreadable(_) => None,
        }
    }
}

/// What a member subscribes to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Subscription {
    /// Topics by name.
    pub topics: Vec<Arc<str>>,
    /// A regular expression that the broker resolves.
    pub regex: Option<Arc<str>>,
}

/// A member of a group of any type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its id, given by the coordinator or chosen by itself.
    pub member_id: Arc<str>,
    /// The id of a static member.
    pub instance_id: Option<Arc<str>>,
    /// What the client calls itself.
    pub client_id: Arc<str>,
    /// Where it connects from, as the broker prints it.
    pub host: Arc<str>,
    /// What it subscribes to.
    pub subscription: Readable<Subscription>,
    /// What it is assigned now.
    pub assignment: Readable<Vec<(Arc<str>, i32)>>,
    /// What it is to be assigned (KIP-848 groups and streams groups only).
    pub target: Vec<(Arc<str>, i32)>,
}

/// A group of any type with its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedGroup {
    /// The error code; nothing else here means anything if it is not 0.
    pub error_code: i16,
    /// What the broker adds to it.
    pub error_message: Option<Arc<str>>,
    /// Its id.
    pub group: Arc<str>,
    /// Its state, as the broker names it; a classic group that does not exist reads `Dead` before v6.
    pub state: Arc<str>,
    /// The protocol type of a classic group, else `consumer`, `share` or `streams`.
    pub protocol_type: Arc<str>,
    /// The epoch of a group that has one, else -1.
    pub epoch: i32,
    /// Its members.
    pub members: Vec<Member>,
    /// What we may do with it.
    pub operations: Operations,
}

/// The answer to a question about several groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedGroups {
    /// How long not to ask again.
    pub throttle_ms: i32,
    /// The groups.
    pub groups: Vec<DescribedGroup>,
}

/// Decodes DescribeGroups v5-6.
///
/// # Errors
/// When the bytes are not such an answer.
pub fn decode_describe_groups(version: i16, body: &[u8]) -> Result<DescribedGroups> {
    known_version(version, Api::DescribeGroups.versions())?;
    let mut r = Reader::new(body, true);
    let throttle_ms = r.i32("throttle_time_ms")?;
    let groups = r.array("groups", 12, |r| {
        let error_code = r.i16("error_code")?;
        let error_message = if version >= 6 { r.nullable_name("error_message")? } else { None };
        let group = r.name("group_id")?;
        let state = r.name("group_state")?;
        let protocol_type = r.name("protocol_type")?;
        r.str("protocol_data")?;
        let members = r.array("members", 7, |r| classic_member(r, &protocol_type))?;
        let operations = Operations(r.i32("authorized_operations")?);
        r.tags()?;
        Ok(DescribedGroup { error_code, error_message, group, state, protocol_type, epoch: -1, members, operations })
    })?;
    r.tags()?;
    r.end(DescribedGroups { throttle_ms, groups })
}

fn classic_member(r: &mut Reader<'_>, protocol_type: &str) -> Result<Member> {
    let member_id = r.name("member_id")?;
    let instance_id = r.nullable_name("group_instance_id")?;
    let client_id = r.name("client_id")?;
    let host = r.name("client_host")?;
    let metadata = r.bytes("member_metadata")?;
    let assignment = r.bytes("member_assignment")?;
    r.tags()?;
    Ok(Member {
        member_id,
        instance_id,
        client_id,
        host,
        subscription: embedded(protocol_type, metadata, decode_subscription),
        assignment: embedded(protocol_type, assignment, decode_assignment),
        target: Vec::new(),
    })
}

fn embedded<T>(protocol_type: &str, bytes: &[u8], decode: fn(&[u8]) -> Result<T>) -> Readable<T> {
    if protocol_type != "consumer" || bytes.is_empty() {
        return Readable::Withheld;
    }
    decode(bytes).map_or_else(Readable::Unreadable, Readable::Known)
}

/// Decodes ConsumerGroupDescribe v0-1.
///
/// # Errors
/// When the bytes are not such an answer.
pub fn decode_consumer_group_describe(version: i16, body: &[u8]) -> Result<DescribedGroups> {
    known_version(version, Api::ConsumerGroupDescribe.versions())?;
    epoch_groups(body, "consumer", 17, |r| {
        let member_id = r.name("member_id")?;
        let instance_id = r.nullable_name("instance_id")?;
        r.nullable_str("rack_id")?;
        r.i32("member_epoch")?;
        let client_id = r.name("client_id")?;
        let host = r.name("client_host")?;
        let topics = r.array("subscribed_topic_names", 1, |r| r.name("topic"))?;
        let regex = r.nullable_name("subscribed_topic_regex")?.filter(|regex| !regex.is_empty());
        let subscription = Readable::Known(Subscription { topics, regex });
        let assignment = Readable::Known(topic_partitions(r)?);
        let target = topic_partitions(r)?;
        if version >= 1 {
            r.i8("member_type")?;
        }
        r.tags()?;
        Ok(Member { member_id, instance_id, client_id, host, subscription, assignment, target })
    })
}

/// Decodes ShareGroupDescribe v1.
///
/// # Errors
/// When the bytes are not such an answer.
pub fn decode_share_group_describe(version: i16, body: &[u8]) -> Result<DescribedGroups> {
    known_version(version, Api::ShareGroupDescribe.versions())?;
    epoch_groups(body, "share", 12, |r| {
        let member_id = r.name("member_id")?;
        r.nullable_str("rack_id")?;
        r.i32("member_epoch")?;
        let client_id = r.name("client_id")?;
        let host = r.name("client_host")?;
        let topics = r.array("subscribed_topic_names", 1, |r| r.name("topic"))?;
        let subscription = Readable::Known(Subscription { topics, regex: None });
        let assignment = Readable::Known(topic_partitions(r)?);
        r.tags()?;
        Ok(Member { member_id, instance_id: None, client_id, host, subscription, assignment, target: Vec::new() })
    })
}

/// Groups with a group epoch, which KIP-848 and share groups lay out alike.
fn epoch_groups(
    body: &[u8],
    protocol_type: &str,
    member_min: usize,
    member: impl Fn(&mut Reader<'_>) -> Result<Member>,
) -> Result<DescribedGroups> {
    let protocol_type: Arc<str> = Arc::from(protocol_type);
    let mut r = Reader::new(body, true);
    let throttle_ms = r.i32("throttle_time_ms")?;
    let groups = r.array("groups", 20, |r| {
        let error_code = r.i16("error_code")?;
        let error_message = r.nullable_name("error_message")?;
        let group = r.name("group_id")?;
        let state = r.name("group_state")?;
        let epoch = r.i32("group_epoch")?;
        r.i32("assignment_epoch")?;
        r.str("assignor_name")?;
        let members = r.array("members", member_min, &member)?;
        let operations = Operations(r.i32("authorized_operations")?);
        r.tags()?;
        let protocol_type = Arc::clone(&protocol_type);
        Ok(DescribedGroup { error_code, error_message, group, state, protocol_type, epoch, members, operations })
    })?;
    r.tags()?;
    r.end(DescribedGroups { throttle_ms, groups })
}

fn topic_partitions(r: &mut Reader<'_>) -> Result<Vec<(Arc<str>, i32)>> {
    let mut pairs = Vec::new();
    r.array("topic_partitions", 19, |r| {
        r.uuid("topic_id")?;
        let topic = r.name("topic_name")?;
        r.array("partitions", 4, |r| {
            pairs.push((Arc::clone(&topic), r.i32("partition")?));
            Ok(())
        })?;
        r.tags()
    })?;
    r.tags()?;
    Ok(pairs)
}
