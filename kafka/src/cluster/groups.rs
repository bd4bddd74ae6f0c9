//! Groups: which there are, and who is in them.

use std::sync::Arc;

use futures_util::future::join_all;

use super::route::{Answers, take_over};
use super::slot::Slot;
use super::{Cluster, Named, PerBroker, left_out};
use crate::codes;
use crate::conn::Call;
use crate::decode::{
    DecodeError, DescribedGroups, ListedGroup, Member, Operations, decode_consumer_group_describe,
    decode_describe_groups, decode_list_groups, decode_share_group_describe, decode_streams_group_describe,
};
use crate::error::{At, KafkaError};
use crate::request::Request;
use crate::timed::Timed;

/// How many groups one request describes.
const BATCH: usize = 200;

/// The type of a group, which decides how it is asked about: a group asked about as another type than its own does not
/// exist, or reads `Dead` with no members (classic, before v6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupKind {
    /// The protocol of old: DescribeGroups.
    Classic,
    /// KIP-848: ConsumerGroupDescribe.
    Consumer,
    /// KIP-932: ShareGroupDescribe.
    Share,
    /// KIP-1071: StreamsGroupDescribe.
    Streams,
}

impl GroupKind {
    /// The kind of a group as it is listed; none if the broker does not say or says something new. Brokers that do not
    /// say (ListGroups before v5, so before Kafka 3.8) may have KIP-848 groups only as an early preview.
    pub fn of(listed: &ListedGroup) -> Option<Self> {
        match listed.group_type.as_deref()?.to_ascii_lowercase().as_str() {
            "classic" => Some(Self::Classic),
            "consumer" => Some(Self::Consumer),
            "share" => Some(Self::Share),
            "streams" => Some(Self::Streams),
            _ => None,
        }
    }
}

type Describe = (fn(Vec<Arc<str>>) -> Request, fn(i16, &[u8]) -> Result<DescribedGroups, DecodeError>, &'static str);

/// A group and its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupDescription {
    /// How it was asked about.
    pub kind: GroupKind,
    /// Its state, as the broker names it. A classic group that does not exist, or is of another type, is `Dead`.
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

impl Cluster {
    /// Asks every live broker for its groups. Without Describe on the cluster the lists are silently shortened:
    /// [`Cluster::describe_cluster`] tells.
    ///
    /// # Errors
    /// When the live brokers cannot be found out.
    pub async fn list_groups(&self) -> Result<Timed<PerBroker<Vec<ListedGroup>>>, KafkaError> {
        let call = self.call();
        let answers = self.every(&Request::ListGroups, decode_list_groups, &call).await?;
        let mut listed = PerBroker::new();
        for (id, answer) in answers {
            let checked = answer.and_then(|answer| {
                KafkaError::from_code(self.at_broker("ListGroups", id), answer.error_code, None)?;
                Ok(answer.groups)
            });
            listed.insert(id, checked);
        }
        Ok(call.watch.stamp(listed))
    }

    /// Describes these groups, each asked of its coordinator.
    pub async fn describe_groups(&self, groups: &[Arc<str>], kind: GroupKind) -> Timed<Named<GroupDescription>> {
        let call = self.call();
        let ask = |slot, groups| self.describe(slot, groups, kind, &call);
        let described = self.by_coordinator(groups, &call, ask).await;
        call.watch.stamp(described)
    }

    fn describe<'a>(
        &'a self,
        slot: Arc<Slot>,
        groups: Vec<Arc<str>>,
        kind: GroupKind,
        call: &'a Call,
    ) -> Answers<'a, Arc<str>, GroupDescription> {
        let (request, decode, what): Describe = match kind {
            GroupKind::Classic => (Request::DescribeGroups, decode_describe_groups, "DescribeGroups"),
            GroupKind::Consumer => {
                (Request::ConsumerGroupDescribe, decode_consumer_group_describe, "ConsumerGroupDescribe")
            }
            GroupKind::Share => (Request::ShareGroupDescribe, decode_share_group_describe, "ShareGroupDescribe"),
            GroupKind::Streams => {
                (Request::StreamsGroupDescribe, decode_streams_group_describe, "StreamsGroupDescribe")
            }
        };
        Box::pin(async move {
            let slot = &*slot;
            let batch = |chunk: Vec<Arc<str>>| async move {
                let answer = self.ask(slot, &request(chunk.clone()), decode, call).await;
                described(slot.at(what), kind, &chunk, answer)
            };
            let batches = groups.chunks(BATCH).map(|chunk| batch(chunk.to_vec()));
            let mut answers: Named<GroupDescription> = join_all(batches).await.into_iter().flatten().collect();
            if kind != GroupKind::Classic && groups.len() > 1 {
                // Kafka 3.9 lets one group that does not exist answer for the others of its batch: ask each by itself.
                let doubted: Vec<Arc<str>> = answers
                    .iter()
                    .filter(|(_, answer)| {
                        answer.as_ref().is_err_and(|error| error.code() == Some(codes::GROUP_ID_NOT_FOUND))
                    })
                    .map(|(group, _)| Arc::clone(group))
                    .collect();
                let singles = doubted.into_iter().map(|group| batch(vec![group]));
                answers.extend(join_all(singles).await.into_iter().flatten());
            }
            answers
        })
    }
}

fn described(
    at: At,
    kind: GroupKind,
    asked: &[Arc<str>],
    answer: Result<DescribedGroups, KafkaError>,
) -> Named<GroupDescription> {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return asked.iter().map(|group| (Arc::clone(group), Err(error.clone()))).collect(),
    };
    let got = answer.groups.into_iter().map(|told| {
        let refused = KafkaError::from_code(at.clone(), told.error_code, told.error_message.as_ref());
        let description = refused.map(|()| GroupDescription {
            kind,
            state: told.state,
            protocol_type: told.protocol_type,
            epoch: told.epoch,
            members: told.members,
            operations: told.operations,
        });
        (told.group, description)
    });
    let mut described = Named::new();
    take_over(asked.to_vec(), got.collect(), || left_out(at.clone()), &mut described);
    described
}
