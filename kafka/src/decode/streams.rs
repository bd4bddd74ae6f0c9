//! Streams groups (KIP-1071): the newest group type, whose members are assigned tasks of sub-topologies, not partitions.
//!
//! A task (sub-topology, n) reads partition n of every source topic of its sub-topology that has one; how many
//! partitions a topic has is not in the answer, so an assignment names (topic, n) for every source topic. It leaves out
//! changelog and sink topics, client tags and task offsets.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::Operations;
use super::members::{DescribedGroup, DescribedGroups, Member, Readable, Subscription};
use super::reader::{DecodeReason, Reader, Result, known_version};
use crate::api::Api;

type Pairs = Vec<(Arc<str>, i32)>;
type Topology = BTreeMap<Arc<str>, Vec<Arc<str>>>;

/// How many topics and partitions one answer may expand to: tasks times topics is more than its bytes bound by themselves.
const EXPANSION: usize = 4_000_000;

/// Decodes StreamsGroupDescribe v0.
///
/// # Errors
/// When the bytes are not such an answer.
pub fn decode_streams_group_describe(version: i16, body: &[u8]) -> Result<DescribedGroups> {
    known_version(version, Api::StreamsGroupDescribe.versions())?;
    let protocol_type: Arc<str> = Arc::from("streams");
    let mut r = Reader::new(body, true);
    let throttle_ms = r.i32("throttle_time_ms")?;
    let budget = Cell::new(EXPANSION);
    let groups = r.array("groups", 20, |r| {
        let error_code = r.i16("error_code")?;
        let error_message = r.nullable_name("error_message")?;
        let group = r.name("group_id")?;
        let state = r.name("group_state")?;
        let epoch = r.i32("group_epoch")?;
        r.i32("assignment_epoch")?;
        let topology = topology(r)?;
        let members = r.array("members", 32, |r| member(r, topology.as_ref(), &budget))?;
        let operations = Operations(r.i32("authorized_operations")?);
        r.tags()?;
        let protocol_type = Arc::clone(&protocol_type);
        Ok(DescribedGroup { error_code, error_message, group, state, protocol_type, epoch, members, operations })
    })?;
    r.tags()?;
    r.end(DescribedGroups { throttle_ms, groups })
}

/// The source topics of each sub-topology; none while the group has no topology yet.
fn topology(r: &mut Reader<'_>) -> Result<Option<Topology>> {
    if !r.present("topology")? {
        return Ok(None);
    }
    r.i32("topology_epoch")?;
    let subtopologies = r.nullable_array("subtopologies", 6, |r| {
        let id = r.name("subtopology_id")?;
        let mut topics = r.array("source_topics", 1, |r| r.name("topic"))?;
        r.array("repartition_sink_topics", 1, |r| r.str("topic").map(drop))?;
        r.array("state_changelog_topics", 9, |r| topic_info(r).map(drop))?;
        topics.extend(r.array("repartition_source_topics", 9, topic_info)?);
        r.tags()?;
        Ok((id, topics))
    })?;
    r.tags()?;
    Ok(subtopologies.map(|list| list.into_iter().collect()))
}

fn topic_info(r: &mut Reader<'_>) -> Result<Arc<str>> {
    let name = r.name("topic_name")?;
    r.i32("partitions")?;
    r.i16("replication_factor")?;
    r.array("topic_configs", 3, key_value)?;
    r.tags()?;
    Ok(name)
}

fn key_value(r: &mut Reader<'_>) -> Result<()> {
    r.str("key")?;
    r.str("value")?;
    r.tags()
}

fn member(r: &mut Reader<'_>, topology: Option<&Topology>, budget: &Cell<usize>) -> Result<Member> {
    let member_id = r.name("member_id")?;
    r.i32("member_epoch")?;
    let instance_id = r.nullable_name("instance_id")?;
    r.nullable_str("rack_id")?;
    let client_id = r.name("client_id")?;
    let host = r.name("client_host")?;
    r.i32("topology_epoch")?;
    r.str("process_id")?;
    if r.present("user_endpoint")? {
        r.str("host")?;
        r.i16("port")?;
        r.tags()?;
    }
    r.array("client_tags", 3, key_value)?;
    r.array("task_offsets", 14, task_offset)?;
    r.array("task_end_offsets", 14, task_offset)?;
    let assignment = tasks(r, topology, budget)?;
    let target = tasks(r, topology, budget)?;
    r.bool("is_classic")?;
    r.tags()?;
    spend(r, budget, topology.map_or(0, |topology| topology.values().map(Vec::len).sum()))?;
    let subscription = topology.map_or(Readable::Withheld, |topology| {
        let topics = topology.values().flatten().cloned().collect();
        Readable::Known(Subscription { topics, regex: None })
    });
    let assignment = assignment.map_or(Readable::Withheld, Readable::Known);
    Ok(Member { member_id, instance_id, client_id, host, subscription, assignment, target: target.unwrap_or_default() })
}

fn task_offset(r: &mut Reader<'_>) -> Result<()> {
    r.str("subtopology_id")?;
    r.i32("partition")?;
    r.i64("offset")?;
    r.tags()
}

/// The active tasks as (topic, partition); none if one belongs to a sub-topology that was not told.
fn tasks(r: &mut Reader<'_>, topology: Option<&Topology>, budget: &Cell<usize>) -> Result<Option<Pairs>> {
    let active = r.array("active_tasks", 3, task_ids)?;
    r.array("standby_tasks", 3, task_ids)?;
    r.array("warmup_tasks", 3, task_ids)?;
    r.tags()?;
    let mut pairs = Vec::new();
    for (subtopology, partitions) in &active {
        let Some(topics) = topology.and_then(|topology| topology.get(*subtopology)) else { return Ok(None) };
        spend(r, budget, topics.len().saturating_mul(partitions.len()))?;
        for topic in topics {
            pairs.extend(partitions.iter().map(|partition| (Arc::clone(topic), *partition)));
        }
    }
    Ok(Some(pairs))
}

fn spend(r: &Reader<'_>, budget: &Cell<usize>, count: usize) -> Result<()> {
    let left = budget.get().checked_sub(count);
    let length = i64::try_from(count).unwrap_or(i64::MAX);
    budget.set(left.ok_or_else(|| r.error("tasks", DecodeReason::Length(length)))?);
    Ok(())
}

fn task_ids<'a>(r: &mut Reader<'a>) -> Result<(&'a str, Vec<i32>)> {
    let subtopology = r.str("subtopology_id")?;
    let partitions = r.array("partitions", 4, |r| r.i32("partition"))?;
    r.tags()?;
    Ok((subtopology, partitions))
}
