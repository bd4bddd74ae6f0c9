//! Samples broken on their way in.

use super::Mutation;
use crate::model::Model;
use crate::model::mongodb::Db;
use cutover_core::estate::kafka::{Ends, GroupKind, KafkaSample};
use cutover_core::estate::mongodb::{MirrorStatus, Transactions, Ts};
use cutover_core::estate::{Content, Failure, Sample, Side, Target};
use cutover_core::reading::Demand;
use cutover_core::time::{Dur, Span};
use uuid::Uuid;

/// The servers a sample is of.
#[derive(Copy, Clone, Debug)]
pub struct Around<'a> {
    /// The Kafka clusters.
    pub m: &'a Model,
    /// The MongoDB deployments.
    pub db: &'a Db,
}

impl Mutation {
    /// Breaks a sample on its way in; `last` is the last good one of that target and kind.
    pub fn sample(self, sample: &mut Sample, last: Option<&(Span, Result<Content, Failure>)>, around: Around<'_>) {
        match (self, &sample.outcome, last) {
            (Mutation::StaleRestamped, Err(_), Some((_, old))) => {
                sample.outcome = old.clone();
                return restamp(sample);
            }
            (Mutation::CatalogsRestamped, Ok(Content::MongoCatalog(_)), Some((_, old))) => {
                sample.outcome = old.clone();
                return;
            }
            _ => {}
        }
        let side = match &sample.target {
            Target::Kafka(s) => *s,
            _ => return self.mongodb(sample, around),
        };
        match &mut sample.outcome {
            Ok(Content::Kafka(k)) => self.regular(side, k, around),
            Ok(Content::KafkaConfigs(c)) if self == Mutation::DisksUnread => {
                c.logs.clear();
                c.logs_told = true;
            }
            Ok(Content::KafkaTails(t)) => match self {
                Mutation::EveryTailEmpty => t.tails.iter_mut().for_each(|t| t.records = Ok(0)),
                Mutation::KeysByName => t.tails.iter_mut().for_each(|t| t.topic_id = Uuid::nil()),
                _ => {}
            },
            _ => {}
        }
    }

    fn mongodb(self, sample: &mut Sample, around: Around<'_>) {
        let span = sample.span;
        let deployment = match &sample.target {
            Target::Mongodb(side) => Some(around.db.side(*side)),
            _ => None,
        };
        let source = sample.target == Target::Mongodb(Side::Source);
        match &mut sample.outcome {
            Ok(Content::Probe(p)) if self == Mutation::TtlHidden => {
                p.names.values_mut().flatten().for_each(|a| a.ttl = Dur::ZERO);
            }
            Ok(Content::Mirror(m)) => {
                for MirrorStatus::Mongomirror(s) in m.instances.iter_mut().flatten() {
                    match self {
                        Mutation::SecondsOnly => s.position = s.position.map(|p| Ts(p.0 | 0xffff_ffff)),
                        Mutation::LagIsZero => {
                            let now = u32::try_from((crate::EPOCH + span.received.0) / 1000).unwrap_or(0);
                            s.position = s.position.map(|_| Ts::new(now, 1));
                        }
                        Mutation::MirrorErrorIgnored => s.error = None,
                        Mutation::StageIgnored => {
                            s.stage = "oplog sync".into();
                            s.position = s.position.or(Some(Ts::new(1_790_000_000, 1)));
                        }
                        _ => {}
                    }
                }
            }
            Ok(Content::Mongodb(m)) => match self {
                Mutation::SecondariesHidden => {
                    let seconds = m.members.values_mut().filter(|x| &*x.state == "SECONDARY");
                    seconds.for_each(|x| x.clients = Ok(Vec::new()));
                }
                Mutation::ClientsHidden if source && m.clock.0 > crate::EPOCH + 350_000 => {
                    for x in m.members.values_mut() {
                        if let Ok(clients) = &mut x.clients {
                            clients.retain(|c| !(c.app_name.starts_with("svc-") || c.app_name.starts_with("crud-")));
                        }
                    }
                }
                Mutation::ClockAhead if source => m.clock.0 += 600_000,
                Mutation::CommitIgnored => m.committed = m.oplog.as_ref().map(|o| o.last).map_err(Clone::clone),
                Mutation::TransactionsIgnored => m.transactions = Ok(Transactions::default()),
                Mutation::StrangersHidden => {
                    for x in m.members.values_mut().filter_map(|x| x.clients.as_mut().ok()) {
                        x.retain(|c| !deployment.is_some_and(|d| d.strangers.iter().any(|(n, _)| *n == c.app_name)));
                    }
                }
                Mutation::WritesFirst => m.scanned = Some(Span { sent: span.received, received: span.received }),
                _ => {}
            },
            _ => {}
        }
    }

    /// What is asked of the servers where a check demanded this: their topics have ids, whatever was made of them.
    pub fn demand(self, d: Demand, m: &Model) -> Demand {
        match d {
            Demand::Tail { side, topic, partition, from, to, .. } if self == Mutation::KeysByName => {
                let topic_id = m.side(side).topics.get(&topic).map_or(Uuid::nil(), |t| t.id);
                Demand::Tail { side, topic, topic_id, partition, from, to }
            }
            other => other,
        }
    }

    fn regular(self, side: Side, k: &mut KafkaSample, around: Around<'_>) {
        match self {
            Mutation::FailedIsEmpty => {
                for p in k.topics.values_mut().flat_map(|t| t.partitions.values_mut()) {
                    if p.ends.is_err() {
                        p.ends = Ok(Ends { low: 0, high: 0, stable: 0, epoch: 1 });
                    }
                    if p.producers.is_err() {
                        p.producers = Ok(Vec::new());
                    }
                }
            }
            Mutation::FailedGroupDropped => {
                for g in k.groups.values_mut() {
                    if g.commits.is_err() || g.members.is_err() {
                        g.state = "Empty".into();
                        g.members = Ok(Vec::new());
                        if g.commits.is_err() {
                            g.commits = Ok(std::collections::BTreeMap::new());
                        }
                    }
                }
            }
            Mutation::DropNextGenGroups => k.groups.retain(|_, g| g.kind != GroupKind::Consumer),
            Mutation::DropEmptyGroups => k.groups.retain(|_, g| !g.members.as_ref().is_ok_and(Vec::is_empty)),
            Mutation::StableIsHigh => {
                for p in k.topics.values_mut().flat_map(|t| t.partitions.values_mut()) {
                    if let Ok(e) = &mut p.ends {
                        e.high = e.stable.max(e.low);
                    }
                    if let Ok(ps) = &mut p.producers {
                        ps.iter_mut().for_each(|p| p.in_transaction = false);
                    }
                }
            }
            Mutation::UnlistedIgnored => {
                k.unlisted.clear();
                k.brokers.values_mut().for_each(|b| b.reached = Ok(()));
                k.may_describe = Ok(true);
            }
            Mutation::OrderReversed => {
                if let (Some(c), Some(e)) = (k.committed, k.ended) {
                    let from = e.sent.min(c.sent);
                    k.committed = Some(Span { sent: from, received: from });
                    k.ended = Some(Span { sent: from, received: c.received.max(e.received) });
                }
            }
            Mutation::KeysByName => k.topics.values_mut().for_each(|t| t.id = Uuid::nil()),
            Mutation::TrimmedHidden if side == Side::Destination => {
                let ends = k.topics.values_mut().flat_map(|t| t.partitions.values_mut());
                ends.filter_map(|p| p.ends.as_mut().ok()).for_each(|e| e.low = 0);
            }
            Mutation::StrangersHidden => k.groups.retain(|g, _| around.m.readers.iter().any(|r| r.group == *g)),
            Mutation::HomesMistaken => {
                for m in k.groups.values_mut().filter_map(|g| g.members.as_mut().ok()).flatten() {
                    m.client_id = m.client_id.replace("-src-", "-dst-").into();
                }
            }
            Mutation::MembersHidden if side == Side::Source => {
                for g in k.groups.values_mut() {
                    if g.members.is_ok() {
                        g.members = Ok(Vec::new());
                        g.state = "Empty".into();
                    }
                }
            }
            _ => {}
        }
    }
}

/// Makes what was read before look as if it had been read now.
fn restamp(sample: &mut Sample) {
    let span = sample.span;
    match &mut sample.outcome {
        Ok(Content::Kafka(k)) => {
            k.listed = Some(span);
            k.committed = Some(Span { sent: span.sent, received: span.sent });
            k.ended = Some(span);
        }
        Ok(Content::Mongodb(m)) => (m.listed, m.scanned) = (Some(span), Some(span)),
        _ => {}
    }
}
