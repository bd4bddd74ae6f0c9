//! The consumer protocol's own bytes inside a classic group's members: what is subscribed to, and what is assigned.
//!
//! Clients write these, not brokers: an unreadable one is that member's fault alone. Versions above 3 are read as far
//! as version 3 goes, as the protocol's rule for them is; the user data of assignors is skipped.

use std::sync::Arc;

use super::members::Subscription;
use super::reader::{DecodeReason, Reader, Result};

/// Decodes a `ConsumerProtocolSubscription`, its version first.
///
/// # Errors
/// When the bytes are not a subscription.
pub fn decode_subscription(bytes: &[u8]) -> Result<Subscription> {
    let mut r = Reader::new(bytes, false);
    let version = version(&mut r)?;
    let topics = r.array("topics", 2, |r| r.name("topic"))?;
    r.nullable_bytes("user_data")?;
    if version >= 1 {
        topic_partitions(&mut r, "owned_partitions")?;
    }
    if version >= 2 {
        r.i32("generation_id")?;
    }
    if version >= 3 {
        r.nullable_str("rack_id")?;
    }
    finish(r, version, Subscription { topics, regex: None })
}

/// Decodes a `ConsumerProtocolAssignment`, its version first, into (topic, partition) pairs.
///
/// # Errors
/// When the bytes are not an assignment.
pub fn decode_assignment(bytes: &[u8]) -> Result<Vec<(Arc<str>, i32)>> {
    let mut r = Reader::new(bytes, false);
    let version = version(&mut r)?;
    let assigned = topic_partitions(&mut r, "assigned_partitions")?;
    r.nullable_bytes("user_data")?;
    finish(r, version, assigned)
}

fn version(r: &mut Reader<'_>) -> Result<i16> {
    let version = r.i16("version")?;
    if version < 0 { Err(r.error("version", DecodeReason::Version(version))) } else { Ok(version) }
}

fn topic_partitions(r: &mut Reader<'_>, field: &'static str) -> Result<Vec<(Arc<str>, i32)>> {
    let mut pairs = Vec::new();
    r.array(field, 6, |r| {
        let topic = r.name("topic")?;
        r.array("partitions", 4, |r| {
            pairs.push((Arc::clone(&topic), r.i32("partition")?));
            Ok(())
        })?;
        Ok(())
    })?;
    Ok(pairs)
}

/// A later version may append fields; a known one may not.
fn finish<T>(r: Reader<'_>, version: i16, value: T) -> Result<T> {
    if version > 3 { Ok(value) } else { r.end(value) }
}
