//! Checks of the two clusters and of the topics in them.

use super::shared::{NO_TOPIC, body, both, config};
use crate::Name;
use crate::estate::Side;
use crate::estate::kafka::KafkaConfigs;
use crate::reading::{Code, Demand, Finding, Gap, IfEmpty, Known, Qty, Reading, Subject, each, none_of};
use crate::time::{Dur, Span, Wall};
use crate::view::{Kafka, View, gap};

pub(super) fn two_clusters(v: &View<'_>) -> Reading {
    body(|| {
        let (_, s, d) = both(v)?;
        let basis = Some(s.basis.merge(d.basis));
        let ids = if s.sample.cluster_id.is_empty() || d.sample.cluster_id.is_empty() {
            Finding::unknown(Code::Partial, Subject::Whole).detail("a cluster does not tell its id")
        } else if s.sample.cluster_id == d.sample.cluster_id {
            Finding::no(Code::SameCluster, Subject::Whole).detail(s.sample.cluster_id.clone())
        } else {
            Finding::yes(Code::Ok, Subject::Whole)
        };
        let brokers = [s, d]
            .into_iter()
            .flat_map(|k| k.sample.brokers.values().map(move |b| ((k.side, b.address.clone()), (k.side, b))));
        let reached = each(basis, brokers, IfEmpty::Unknown("advertised brokers"), |(side, b)| {
            let at = Subject::Broker(side, b.address.clone());
            Ok(match &b.reached {
                Ok(()) => Finding::yes(Code::Ok, at),
                Err(f) => Finding::no(Code::BrokerUnreachable, at).detail(f.message.clone()),
            })
        });
        Ok(Reading::of(ids, basis).and(reached))
    })
}

/// Whether the lists of groups and, on the source, of topics are known to hide nothing.
pub(super) fn visible(v: &View<'_>, side: Side) -> Reading {
    body(|| {
        let k = v.kafka(side)?;
        let basis = Some(k.basis);
        let at = Subject::Side(side);
        let may = match &k.sample.may_describe {
            Ok(true) => Finding::yes(Code::Ok, at),
            Ok(false) => Finding::unknown(Code::Hidden, at).fix(
                "kafka-acls --bootstrap-server … --add --allow-principal User:cutover-agent --operation Describe --cluster",
            ),
            Err(f) => gap(f, at).into(),
        };
        let brokers = k.sample.brokers.iter().map(|(id, b)| (*id, (id, b)));
        let listed = each(basis, brokers, IfEmpty::Unknown("brokers that list their groups"), |(id, b)| {
            let at = Subject::Broker(side, b.address.clone());
            match k.sample.unlisted.get(id) {
                None => Ok(Finding::yes(Code::Ok, at)),
                Some(f) => Err(gap(f, at)),
            }
        });
        let hidden = match side {
            Side::Source => hidden_topics(v, &k).map_or_else(Reading::unknown, |found| none_of(basis, found)),
            // One that is missing there is asked for by `topics-ready`.
            Side::Destination => none_of(basis, []),
        };
        Ok(Reading::of(may, basis).and(listed).and(hidden))
    })
}

/// What the brokers tell of their disks is asked for again after so long, while it holds something up.
const LATELY: Dur = Dur::secs(20);

/// Topics in scope of which a broker holds a log and that the list of topics hides: Kafka leaves out in silence what the
/// agent may not describe.
pub(super) fn hidden_topics(v: &View<'_>, s: &Kafka<'_>) -> Known<Vec<Finding>> {
    let (_, read, configs) = v.configs(s)?;
    Ok(unlisted(s, configs).map(|topic| hidden_topic(v, s.side, topic, read)).collect())
}

/// Every broker tells what it holds, so that nothing could be hidden; or a person says that nothing is, later than `since`.
pub(super) fn disks_told(v: &View<'_>, s: &Kafka<'_>, since: Option<Wall>) -> Known<Finding> {
    let (_, read, configs) = v.configs(s)?;
    let at = Subject::Side(s.side);
    if configs.logs_told {
        return Ok(Finding::yes(Code::Ok, at));
    }
    if let Some(w) = v.facts.confirmed("topics-listed", &[]).filter(|w| since.is_none_or(|since| w.at > since)) {
        return Ok(Finding::yes(Code::Confirmed, at).detail(format!("{}: {}", w.author, w.reason)));
    }
    let untold = Gap::new(Code::NotMeasured, at)
        .detail("the list of topics hides what the agent may not see, and not every broker tells what it holds")
        .fix("look with an account that sees everything, then: cutover-agent confirm topics-listed --reason …");
    Err(if v.now().mono - read.sent >= LATELY { untold.want(Demand::Configs(s.side)) } else { untold })
}

/// The same, as a check; a stop that is measured over minutes does not begin anew because a broker was slow once.
fn topics_listed(v: &View<'_>) -> Reading {
    body(|| {
        let s = v.kafka(Side::Source)?;
        Ok(Reading::of(disks_told(v, &s, None)?, Some(s.basis)))
    })
}

/// Topics in scope of which a broker told that it holds a log, and that are in no list. A broker that does not tell any more
/// takes nothing back.
fn unlisted<'a>(s: &Kafka<'a>, configs: &'a KafkaConfigs) -> impl Iterator<Item = &'a Name> {
    let topics = &s.sample.topics;
    configs.logs.union(s.memory.hidden()).filter(|t| !topics.contains_key(*t))
}

/// A topic that shows that the source's list of topics is not whole: what a person must not contradict.
pub(crate) fn hides_a_topic(v: &View<'_>) -> Option<Finding> {
    let s = v.kafka(Side::Source).ok()?;
    hidden_topics(v, &s).ok()?.into_iter().next()
}

/// The same of one topic that is not listed.
pub(crate) fn hidden_there(v: &View<'_>, s: &Kafka<'_>, topic: &Name) -> Option<Finding> {
    let (_, read, configs) = v.configs(s).ok()?;
    unlisted(s, configs).any(|t| t == topic).then(|| hidden_topic(v, s.side, topic, read))
}

/// A topic that is on the brokers' disks, by a reading of that time, and is not listed.
fn hidden_topic(v: &View<'_>, side: Side, topic: &Name, read: Span) -> Finding {
    let age = v.now().mono - read.sent;
    let f = Finding::unknown(Code::Hidden, Subject::Topic(side, topic.clone()))
        .detail(format!("a broker held a log of it {age} ago; if it was deleted since, that shows at the next look"))
        .fix(format!(
            "if it is there: kafka-acls --bootstrap-server … --add --allow-principal User:cutover-agent --operation Describe \
             --topic {topic}; or, if it is not of this migration: kafka: {{ ignored: {{ \"{topic}\": \"<why>\" }} }}"
        ));
    if age >= LATELY { f.want(Demand::Configs(side)) } else { f }
}

pub(super) fn visible_source(v: &View<'_>) -> Reading {
    visible(v, Side::Source).and(topics_listed(v))
}

pub(super) fn visible_both(v: &View<'_>) -> Reading {
    visible(v, Side::Source).and(visible(v, Side::Destination)).and(topics_listed(v))
}

pub(super) fn topics_ready(v: &View<'_>) -> Reading {
    body(|| {
        let (settings, s, d) = both(v)?;
        let (sb, _, sc) = v.configs(&s)?;
        let (db, _, dc) = v.configs(&d)?;
        let topics = v.topics(&s).into_iter().map(|t| (t, t));
        Ok(each(Some(sb.merge(db)), topics, NO_TOPIC, |topic| {
            let old = s.topic(topic)?;
            let there = settings.topic_there(topic);
            let at = Subject::Topic(Side::Destination, there.clone());
            if !d.sample.topics.contains_key(&there) {
                return Ok(Finding::no(Code::MissingTopic, at).fix(format!(
                    "let the agent see it, or: kafka-topics --bootstrap-server <destination> --create --topic {there} --partitions {}",
                    old.partitions.len()
                )));
            }
            let new = d.topic(&there)?;
            if old.partitions.len() != new.partitions.len() && !settings.partitions_differ.contains_key(topic) {
                return Ok(Finding::no(Code::PartitionsDiffer, at)
                    .seen(partitions(new.partitions.len()))
                    .limit(partitions(old.partitions.len()))
                    .detail("records with the same key would move to another partition"));
            }
            let (oc, nc) = (config(sc, topic, Side::Source)?, config(dc, &there, Side::Destination)?);
            let replicas = new.partitions.values().map(|p| i64::from(p.replicas)).min().unwrap_or(0);
            let mut differs = Vec::new();
            if oc.cleanup_policy != nc.cleanup_policy {
                differs.push(format!("cleanup.policy {} instead of {}", nc.cleanup_policy, oc.cleanup_policy));
            }
            if nc.min_insync_replicas > replicas {
                differs.push(format!("min.insync.replicas {} with {replicas} replicas", nc.min_insync_replicas));
            } else if nc.min_insync_replicas < oc.min_insync_replicas {
                let (n, o) = (nc.min_insync_replicas, oc.min_insync_replicas);
                differs.push(format!("min.insync.replicas {n} below {o}"));
            }
            if nc.max_message_bytes < oc.max_message_bytes {
                let (n, o) = (nc.max_message_bytes, oc.max_message_bytes);
                differs.push(format!("max.message.bytes {n} below {o}"));
            }
            Ok(if differs.is_empty() {
                Finding::yes(Code::Ok, at)
            } else {
                Finding::no(Code::ConfigDiffers, at).detail(differs.join(", "))
            })
        }))
    })
}

pub(super) fn partitions(n: usize) -> Qty {
    Qty::Count(i64::try_from(n).unwrap_or(i64::MAX), "partitions")
}

pub(super) fn retention_outlasts(v: &View<'_>) -> Reading {
    body(|| {
        let (settings, s, d) = both(v)?;
        let (db, _, dc) = v.configs(&d)?;
        let (sb, _, sc) = v.configs(&s)?;
        let pause = settings.longest_pause;
        let topics = v.topics(&s).into_iter().map(|t| (t, t));
        Ok(each(Some(db.merge(sb)), topics, NO_TOPIC, |topic| {
            let there = settings.topic_there(topic);
            let at = Subject::Topic(Side::Destination, there.clone());
            // One that is not there has no configuration to be read.
            d.topic(&there)?;
            let c = config(dc, &there, Side::Destination)?;
            if !c.cleanup_policy.split(',').any(|p| p == "delete") {
                return Ok(Finding::yes(Code::Ok, at));
            }
            if c.retention_ms >= 0 && c.retention_ms < pause.0 {
                return Ok(Finding::no(Code::RetentionShort, at)
                    .seen(Qty::Time(Dur(c.retention_ms)))
                    .limit(Qty::Time(pause))
                    .fix(format!(
                        "kafka-configs --bootstrap-server <destination> --alter --topic {there} --add-config \
                         retention.ms={}",
                        pause.0
                    )));
            }
            if c.retention_bytes < 0 {
                return Ok(Finding::yes(Code::Ok, at));
            }
            let need = bytes_needed(&s, sc, topic, pause)?;
            if c.retention_bytes >= need {
                return Ok(Finding::yes(Code::Ok, at));
            }
            Ok(Finding::no(Code::RetentionShort, at)
                .seen(Qty::Count(c.retention_bytes, "bytes"))
                .limit(Qty::Count(need, "bytes"))
                .detail(format!("twice the measured rate of one partition over {pause}")))
        }))
    })
}

/// Twice what the busiest partition of a source topic would be written in `pause`, at the rate measured.
fn bytes_needed(s: &Kafka<'_>, c: &KafkaConfigs, topic: &Name, pause: Dur) -> Known<i64> {
    const WINDOW: Dur = Dur::mins(5);
    let t = s.topic(topic)?;
    let at = || Subject::Topic(Side::Source, topic.clone());
    let mut most = 0i128;
    for p in t.partitions.keys() {
        let tp = (topic.clone(), *p);
        let m = s.memory.ends().get(&tp).ok_or_else(|| Gap::new(Code::Partial, at()))?;
        let held = m.ends.high - m.ends.low;
        let first = m.points.front().copied().unwrap_or((m.last, m.ends.high));
        let watched = s.memory.first().map_or(Dur::ZERO, |f| m.last - f);
        if watched < WINDOW {
            return Err(Gap::new(Code::NotMeasured, at()).detail(format!(
                "retention.bytes is limited and the rate was watched for {watched} of {WINDOW}; set it to -1, or wait"
            )));
        }
        if m.ends.high == 0 {
            // Nobody ever wrote there.
            continue;
        }
        let grown = m.ends.high - first.1;
        let size = c.sizes.get(&tp).copied().ok_or_else(|| {
            Gap::new(Code::NotMeasured, at()).detail("retention.bytes is limited and its size on disk is not known")
        })?;
        let twice = |millis: i64| 2 * i128::from(size) * i128::from(pause.0) / i128::from(millis.max(1));
        // What is held was written within the retention of the source: by night more, maybe, than is seen by day.
        let kept = c.topics.get(topic).and_then(|c| c.as_ref().ok()).map(|c| c.retention_ms).filter(|ms| *ms > 0);
        let by_retention = kept.filter(|_| held > 0).map(twice);
        let measured = (grown > 0 && held > 0).then(|| {
            let over = (m.last - first.0).0.max(1);
            2 * i128::from(size) * i128::from(grown) * i128::from(pause.0) / (i128::from(held) * i128::from(over))
        });
        let need = by_retention.max(measured).ok_or_else(|| {
            Gap::new(Code::NotMeasured, at()).detail(format!(
                "retention.bytes is limited, and how fast partition {p} is written was not seen; set it to -1, or wait"
            ))
        })?;
        most = most.max(need);
    }
    Ok(i64::try_from(most).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estate::kafka::{Ends, KafkaSample, PartitionSample, TopicConfig, TopicSample};
    use crate::estate::{EndsMemory, KafkaMemory};
    use crate::reading::Basis;
    use crate::time::Mono;
    use std::collections::BTreeMap;

    const PAUSE: Dur = Dur::secs(1_000);

    /// A partition that was watched from the first instant on, for `watched`, and that ended at `from` a hundred seconds
    /// before the newest sample.
    struct Log {
        low: i64,
        from: i64,
        high: i64,
        watched: Dur,
        /// On disk, in bytes.
        size: i64,
        retention: i64,
    }

    const LOG: Log = Log { low: 60, from: 90, high: 100, watched: Dur::mins(5), size: 8_000, retention: -1 };

    fn needed(log: &Log) -> Known<i64> {
        let (topic, began) = (Name::from("crm.ingestion"), Mono(5_000));
        let last = began + log.watched;
        let ends = Ends { low: log.low, high: log.high, stable: log.high, epoch: 1 };
        let part = PartitionSample { replicas: 1, in_sync: None, ends: Ok(ends), producers: Ok(vec![]) };
        let t = TopicSample { id: uuid::Uuid::nil(), partitions: BTreeMap::from([(0, part)]), failed: None };
        let sample = KafkaSample {
            cluster_id: "old".into(),
            brokers: BTreeMap::new(),
            may_describe: Ok(true),
            topics: BTreeMap::from([(topic.clone(), t)]),
            topics_outside: 0,
            unlisted: BTreeMap::new(),
            groups: BTreeMap::new(),
            groups_outside: 0,
            listed: None,
            committed: None,
            ended: None,
        };
        let m = EndsMemory {
            id: uuid::Uuid::nil(),
            ends,
            since: None,
            last,
            grew: None,
            growths: 0,
            longest_gap: Dur::ZERO,
            producers: None,
            quiet_since: None,
            points: [(Mono(last.0 - 100_000), log.from), (last, log.high)].into(),
            pauses: [].into(),
        };
        let mut memory = KafkaMemory::default();
        memory.first = Some(began);
        memory.ends.insert((topic.clone(), 0), m);
        let config = TopicConfig { retention_ms: log.retention, ..TopicConfig::default() };
        let configs = KafkaConfigs {
            topics: BTreeMap::from([(topic.clone(), Ok(config))]),
            sizes: BTreeMap::from([((topic.clone(), 0), log.size)]),
            ..KafkaConfigs::default()
        };
        let basis = Basis { span: Span { sent: last, received: last }, until: last };
        let s = Kafka { side: Side::Source, sample: &sample, memory: &memory, basis };
        bytes_needed(&s, &configs, &topic, PAUSE)
    }

    fn not_measured(log: &Log) -> String {
        let gap = needed(log).expect_err("a gap");
        assert_eq!(gap.code, Code::NotMeasured);
        gap.detail.unwrap_or_default().to_string()
    }

    #[test]
    fn twice_what_the_pause_brings_is_needed_at_the_rate_measured() {
        // 10 records of 200 bytes in 100 s are 20 bytes a second.
        assert_eq!(needed(&LOG).ok(), Some(2 * 20 * 1_000));
        assert_eq!(needed(&Log { low: 0, size: 20_000, ..LOG }).ok(), Some(2 * 20 * 1_000));
        assert_eq!(needed(&Log { from: 70, ..LOG }).ok(), Some(2 * 60 * 1_000));
    }

    #[test]
    fn what_is_held_was_written_within_the_retention_whatever_was_seen() {
        // 8000 bytes within 50 s are 160 bytes a second; within 1000 s, 8 bytes a second, fewer than measured.
        assert_eq!(needed(&Log { retention: 50_000, ..LOG }).ok(), Some(2 * 160 * 1_000));
        assert_eq!(needed(&Log { retention: 50_000, from: 100, ..LOG }).ok(), Some(2 * 160 * 1_000));
        assert_eq!(needed(&Log { retention: 1_000_000, ..LOG }).ok(), Some(2 * 20 * 1_000));
        // One that keeps nothing for any time at all tells nothing of the rate.
        assert_eq!(needed(&Log { retention: 0, ..LOG }).ok(), Some(2 * 20 * 1_000));
        assert_eq!(needed(&Log { retention: 1, ..LOG }).ok(), Some(2 * 8_000 * 1_000_000));
    }

    #[test]
    fn a_rate_is_not_measured_before_the_end_of_five_minutes() {
        assert!(needed(&LOG).is_ok());
        let short = not_measured(&Log { watched: Dur(299_999), ..LOG });
        assert!(short.contains("was watched for"), "{short}");
    }

    #[test]
    fn a_log_of_which_nothing_is_left_or_that_did_not_grow_tells_no_rate() {
        let unseen = "how fast partition 0 is written was not seen";
        for log in [
            Log { low: 100, size: 0, ..LOG },
            Log { low: 100, size: 0, retention: 50_000, ..LOG },
            Log { from: 100, ..LOG },
            Log { low: 100, from: 100, size: 0, retention: 50_000, ..LOG },
        ] {
            let said = not_measured(&log);
            assert!(said.contains(unseen), "{said}");
        }
        // Nobody ever wrote there: nothing is needed.
        assert_eq!(needed(&Log { low: 0, from: 0, high: 0, size: 0, ..LOG }).ok(), Some(0));
    }
}
