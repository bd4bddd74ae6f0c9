//! ListGroups and FindCoordinator: which groups there are, and who answers for them.

use std::sync::Arc;

use super::reader::{Reader, Result, known_version};
use crate::api::Api;

/// A group in a broker's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedGroup {
    /// Its id.
    pub group: Arc<str>,
    /// `consumer`, `connect`, `share`, `streams`, or empty for a group that only has offsets.
    pub protocol_type: Arc<str>,
    /// Its state; none before v4.
    pub state: Option<Arc<str>>,
    /// `classic`, `consumer`, `share` or `streams`; none before v5.
    pub group_type: Option<Arc<str>>,
}

/// The answer to ListGroups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedGroups {
    /// How long not to ask again.
    pub throttle_ms: i32,
    /// The error code; what is listed beside an error is not complete.
    pub error_code: i16,
    /// The groups this broker coordinates, without those we may not describe.
    pub groups: Vec<ListedGroup>,
}

/// Decodes ListGroups v3-5.
///
/// # Errors
/// When the bytes are not such an answer.
pub fn decode_list_groups(version: i16, body: &[u8]) -> Result<ListedGroups> {
    known_version(version, Api::ListGroups.versions())?;
    let mut r = Reader::new(body, true);
    let throttle_ms = r.i32("throttle_time_ms")?;
    let error_code = r.i16("error_code")?;
    let groups = r.array("groups", 3, |r| {
        let listed = ListedGroup {
            group: r.name("group_id")?,
            protocol_type: r.name("protocol_type")?,
            state: if version >= 4 { Some(r.name("group_state")?) } else { None },
            group_type: if version >= 5 { Some(r.name("group_type")?) } else { None },
        };
        r.tags()?;
        Ok(listed)
    })?;
    r.tags()?;
    r.end(ListedGroups { throttle_ms, error_code, groups })
}

/// Who answers for a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coordinator {
    /// The group; none before v4, where one question is about one group.
    pub group: Option<Arc<str>>,
    /// The error code.
    pub error_code: i16,
    /// What the broker adds to it.
    pub error_message: Option<Arc<str>>,
    /// The coordinator's broker id; -1 with an error.
    pub broker: i32,
    /// Its host; empty with an error.
    pub host: Arc<str>,
    /// Its port; none with an error.
    pub port: Option<u16>,
}

/// The answer to FindCoordinator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundCoordinators {
    /// How long not to ask again.
    pub throttle_ms: i32,
    /// One for each group asked for.
    pub coordinators: Vec<Coordinator>,
}

/// Decodes FindCoordinator v3-6.
///
/// # Errors
/// When the bytes are not such an answer.
pub fn decode_find_coordinator(version: i16, body: &[u8]) -> Result<FoundCoordinators> {
    known_version(version, Api::FindCoordinator.versions())?;
    let mut r = Reader::new(body, true);
    let throttle_ms = r.i32("throttle_time_ms")?;
    let coordinators = if version >= 4 {
        r.array("coordinators", 14, |r| {
            let group = Some(r.name("key")?);
            let (broker, host, port) = place(r)?;
            let error_code = r.i16("error_code")?;
            let error_message = r.nullable_name("error_message")?;
            r.tags()?;
            Ok(Coordinator { group, error_code, error_message, broker, host, port })
        })?
    } else {
        let error_code = r.i16("error_code")?;
        let error_message = r.nullable_name("error_message")?;
        let (broker, host, port) = place(&mut r)?;
        vec![Coordinator { group: None, error_code, error_message, broker, host, port }]
    };
    r.tags()?;
    r.end(FoundCoordinators { throttle_ms, coordinators })
}

fn place(r: &mut Reader<'_>) -> Result<(i32, Arc<str>, Option<u16>)> {
    Ok((r.i32("node_id")?, r.name("host")?, u16::try_from(r.i32("port")?).ok()))
}
